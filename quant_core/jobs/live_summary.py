"""What ``run_live_strategy.py`` tells when the worker has ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from quant_core.foundation.language import Say
from quant_core.jobs.prepared_run import Prepared
from quant_core.live.ipc import STATE_FILE, document_at
from quant_core.reports.words import MISSING, amount, display_width, padded

OF_THE_STATE = (
    *("session", "last_close", "sessions_closed", "equity", "cash", "total_pnl"),
    *("unrealised_pnl", "realised_pnl", "engine_status", "problem"),
)


def synthetic_line(say: Say) -> str:
    """For the log, where the market was made by a generator."""
    return say("SYNTHETIC DATA: this market was made by a generator. No number is real.")


def summary_document(folder: Path, prepared: Prepared, *, replayed: bool) -> dict[str, object]:
    """What the last state says, and of what; what is not known is None."""
    state = document_at(folder / STATE_FILE) or {}
    stopped = state.get("engine_status") == "stopped"
    return {
        "folder": str(folder),
        **{key: state.get(key) for key in OF_THE_STATE},
        "ended": state.get("problem") if stopped else None,
        "fills": _count(state, "fills"),
        "positions": _count(state, "positions"),
        "dataset": prepared.snapshot.dataset,
        "data_version": prepared.snapshot.version,
        "synthetic": prepared.snapshot.facts.synthetic,
        "strategy": prepared.settings.strategy.name,
        "strategy_type": prepared.settings.strategy.type,
        "replay": replayed,
    }


def summary_text(document: Mapping[str, object], currency: str, say: Say) -> str:
    """The same, aligned, for a terminal."""
    synthetic = f"  [{say('SYNTHETIC DATA')}]" if document["synthetic"] else ""
    rows = [
        (say("Dataset"), f"{document['dataset']}{synthetic}"),
        (say("Strategy"), f"{document['strategy']} ({document['strategy_type']})"),
        (say("Last session closed"), _text(document["last_close"])),
        (say("Sessions closed"), _text(document["sessions_closed"])),
        (say("Equity"), _money(document["equity"], currency)),
        (say("Cash"), _money(document["cash"], currency)),
        (say("Profit and loss in total"), _money(document["total_pnl"], currency, sign="+")),
        (say("Of that unrealised"), _money(document["unrealised_pnl"], currency, sign="+")),
        (say("Positions"), _text(document["positions"])),
        (say("Fills of the last session"), _text(document["fills"])),
        (say("Ended because"), _ending(document, say)),
        (say("Folder"), str(document["folder"])),
    ]
    width = max(display_width(label) for label, _ in rows) + 3
    return "\n".join(f"{padded(label + ':', width)}{value}" for label, value in rows)


def _ending(document: Mapping[str, object], say: Say) -> str:
    reason = document["ended"]
    return say(reason) if isinstance(reason, str) and reason else MISSING


def _count(state: Mapping[str, object], name: str) -> int | None:
    rows = state.get(name)
    return len(cast("list[object]", rows)) if isinstance(rows, list) else None


def _text(value: object) -> str:
    """A count with thousands separators, anything else as it is."""
    if value is None:
        return MISSING
    return f"{value:,}" if isinstance(value, int) else str(value)


def _money(value: object, currency: str, sign: str = "") -> str:
    if not isinstance(value, int | float):
        return MISSING
    plus = sign if value > 0 else ""
    return f"{plus}{amount(float(value), 2)} {currency}"
