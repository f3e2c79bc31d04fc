"""What a finished backtest is told by: metrics, manifest, assumptions, report, summary.

1. :func:`statistics_of` computes every metric once.
2. :func:`write_papers` writes the folder and returns the document for ``--json``.
3. :func:`summary_text` is the same for people.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from quant_core.data.universe import Universe
from quant_core.data.warehouse import Snapshot
from quant_core.foundation.files import text_hash
from quant_core.foundation.language import Language, Say, translator
from quant_core.foundation.settings import LoadedSettings, Settings, result_key
from quant_core.foundation.timing import monotonic_seconds, utc_now
from quant_core.foundation.types import FloatArray, SessionArray
from quant_core.jobs.assumptions import assumptions, known_biases
from quant_core.jobs.capacity import capacity_document
from quant_core.jobs.gap_stress import gap_document, gap_lines
from quant_core.performance.capacity import CapacityPoint
from quant_core.performance.gap_risk import gap_risk
from quant_core.performance.gap_stress import GapStress
from quant_core.performance.implementation_costs import (
    summarise_exposure,
    summarise_trading,
)
from quant_core.performance.metric import RunStatistics
from quant_core.performance.statistics import Conventions, summarise
from quant_core.reports.results import RunPapers, metrics_document, write_run
from quant_core.reports.trading_sections import BufferRun
from quant_core.reports.words import display_width, metric_label, metric_text, padded
from quant_core.trading.history import RunHistory
from quant_core.trading.orders import OrderStatus

PERIODS_PER_YEAR = 252
LONGEST_NAME = 60
"""Characters of a strategy's name in a run id."""
LIBRARIES = ("numpy", "polars", "numba", "duckdb", "pydantic", "exchange-calendars")
SUMMARY_METRICS = (
    "total_return",
    "cagr",
    "annual_volatility",
    "sharpe",
    "max_drawdown",
    "calmar",
    "annual_turnover",
    "total_costs",
    "alpha",
    "beta",
)


@dataclass(frozen=True, slots=True)
class MoreRuns:
    """Runs beside the run: under other cash buffers, with other capital, under other gaps."""

    buffers: tuple[tuple[float, RunHistory], ...] = ()
    capacity: tuple[CapacityPoint, ...] = ()
    gap_stress: GapStress | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A finished run with what surrounds it; ``seconds`` are wall times by phase."""

    loaded: LoadedSettings
    snapshot: Snapshot
    universe: Universe | None
    history: RunHistory
    notes: tuple[str, ...]
    language: Language
    seconds: Mapping[str, float]
    more: MoreRuns = MoreRuns()


def run_id(stage: Stage) -> str:
    """Strategy name, span, and the hash of everything that makes the result.

    Of the name only what any file system takes stays: letters, digits, ``_``, ``-``, ``.``.
    """
    settings = stage.loaded.settings
    sessions = stage.history.sessions
    return run_name(settings, result_key(settings), stage.snapshot.version, sessions)


def run_name(settings: Settings, key: str, version: str, sessions: SessionArray) -> str:
    """The run id that ``settings`` have on a version of their data and over these sessions.

    ``key`` is their :func:`~quant_core.foundation.settings.result_key`.
    """
    digest = text_hash([key, version])[:12]
    first, last = (str(day).replace("-", "") for day in (sessions[0], sessions[-1]))
    name = re.sub(r"[^\w.-]+", "_", settings.strategy.name).lstrip(".")[:LONGEST_NAME]
    return f"{name}-{first}-{last}-{digest}"


def statistics_of(stage: Stage) -> RunStatistics:
    """Every metric of the run, in the order of the report."""
    history = stage.history
    has_benchmark = bool(np.isfinite(history.benchmark).any())
    statistics = summarise(
        history.sessions,
        history.equity_micros,
        history.starting_capital_micros,
        history.benchmark if has_benchmark else None,
        Conventions(
            stage.loaded.settings.backtest.risk_free_rate,
            PERIODS_PER_YEAR,
            stage.loaded.settings.random_seed,
        ),
    )
    target = statistics.value("benchmark_total_return") if has_benchmark else None
    traded, costs = _traded_and_costs(history)
    equity = history.equity_micros / 1e6
    trading = summarise_trading(
        equity,
        history.starting_capital_micros / 1e6,
        traded,
        costs,
        target if isinstance(target, float) else None,
        PERIODS_PER_YEAR,
    )
    invested = (history.equity_micros - history.cash_micros - history.receivable_micros) / 1e6
    return statistics + trading + summarise_exposure(invested, equity)


def write_papers(
    folder: Path, stage: Stage, statistics: RunStatistics, *, wants_report: bool
) -> dict[str, object]:
    """Write the run's folder; returns the document that ``--json`` prints."""
    begun = monotonic_seconds()
    report = _report(stage, statistics, folder.name) if wants_report else None
    seconds = {**stage.seconds, "report": monotonic_seconds() - begun}
    papers = RunPapers(
        effective_yaml=stage.loaded.effective_yaml,
        statistics=statistics,
        manifest=_manifest(stage, folder.name, seconds),
        report_html=report,
        gap_stress=stage.more.gap_stress,
    )
    write_run(folder, stage.history, papers)
    sessions = stage.history.sessions
    more: dict[str, object] = {}
    if stage.more.capacity:
        more["capacity"] = capacity_document(stage.more.capacity)
    if stage.more.gap_stress is not None:
        more["gap_stress"] = gap_document(stage.more.gap_stress)
    return {
        "run_id": folder.name,
        "path": str(folder),
        "report": str(folder / "report.html") if wants_report else None,
        "dataset": stage.snapshot.dataset,
        "data_version": stage.snapshot.version,
        "synthetic": stage.snapshot.facts.synthetic,
        "first_session": str(sessions[0]),
        "last_session": str(sessions[-1]),
        "sessions": len(sessions),
        "counts": _counts(stage.history),
        "metrics": metrics_document(statistics),
        "notes": list(stage.notes),
        **more,
    }


def summary_text(
    document: Mapping[str, object], stage: Stage, statistics: RunStatistics, say: Say
) -> str:
    """The summary table and the paths, for a terminal."""
    history = stage.history
    synthetic = f"  [{say('SYNTHETIC DATA')}]" if stage.snapshot.facts.synthetic else ""
    rows = [(say("Dataset"), f"{stage.snapshot.dataset}{synthetic}", "")]
    rows.append((say("Sessions"), _span(history), ""))
    final = f"{history.equity_micros[-1] / 1e6:,.2f} {stage.snapshot.facts.currency}"
    rows.append((say("Final equity"), final, ""))
    for name in SUMMARY_METRICS:
        if name in statistics:
            own = metric_text(statistics.get(name))
            market = f"benchmark_{name}"
            other = metric_text(statistics.get(market)) if market in statistics else ""
            rows.append((metric_label(name, say), own, other))
    counts = _counts(history)
    rows.append((say("Orders"), ", ".join(f"{v:,} {say(k)}" for k, v in counts.items()), ""))
    width = max(display_width(row[0]) for row in rows) + 2
    lines = [f"{say('Backtest')}  {document['run_id']}"]
    for name, own, other in rows:
        market = f"   {say('benchmark')} {other}" if other else ""
        lines.append(f"  {padded(name, width)}{own}{market}")
    if stage.more.gap_stress is not None:
        lines += gap_lines(stage.more.gap_stress, say)
    lines.append(f"{say('Results')}: {document['path']}")
    if document["report"] is not None:
        lines.append(f"{say('Report')}:  {document['report']}")
    return "\n".join(lines)


def _span(history: RunHistory) -> str:
    """First and last session, and how many."""
    return f"{history.sessions[0]} … {history.sessions[-1]} ({len(history.sessions):,})"


def _counts(history: RunHistory) -> dict[str, int]:
    """Orders by how they ended."""
    counts = {status.value: 0 for status in OrderStatus}
    for order in history.orders:
        counts[order.status.value] += 1
    return counts


def _traded_and_costs(history: RunHistory) -> tuple[FloatArray, FloatArray]:
    """Value traded, and commission plus slippage, per session in currency units."""
    traded, costs = history.traded_and_costs_micros()
    return traded / 1e6, costs / 1e6


def _manifest(stage: Stage, identity: str, seconds: Mapping[str, float]) -> dict[str, object]:
    settings = stage.loaded.settings
    facts = stage.snapshot.facts
    return {
        "run_id": identity,
        "config_hash": text_hash([result_key(settings)]),
        "code_hash": code_hash(),
        "data": {
            "dataset": stage.snapshot.dataset,
            "version": stage.snapshot.version,
            "price_basis": facts.price_basis,
            "calendar": facts.calendar,
            "synthetic": facts.synthetic,
            "origin": list(facts.origin),
        },
        "seed": settings.random_seed,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
        "notes": list(stage.notes),
        "finished_at": utc_now().isoformat(timespec="seconds"),
        "seconds": {phase: round(value, 3) for phase, value in seconds.items()},
    }


@cache
def code_hash() -> str:
    """Hash of the package's own source files."""
    package = Path(__file__).resolve().parents[1]
    files = sorted(package.rglob("*.py"))
    texts = [f"{path.relative_to(package)}\n{path.read_text('utf-8')}" for path in files]
    return text_hash(texts)


def _report(stage: Stage, statistics: RunStatistics, identity: str) -> str:
    """The HTML report; its modules load only when it is wanted."""
    from quant_core.reports.report import ReportInput, render_report

    settings, facts = stage.loaded.settings, stage.snapshot.facts
    history, say = stage.history, translator(stage.language)
    _, costs = _traded_and_costs(history)
    shown = [
        (say("Run"), identity),
        (say("Dataset"), f"{stage.snapshot.dataset} · {stage.snapshot.version[:16]}"),
        (say("Origin"), "; ".join(facts.origin)),
        (say("Price basis"), say(facts.price_basis)),
        (say("Calendar"), facts.calendar),
        (say("Sessions"), _span(history)),
        (say("Configuration hash"), text_hash([result_key(settings)])[:16]),
        (say("Code hash"), code_hash()[:16]),
        (say("Strategy"), f"{settings.strategy.name} ({settings.strategy.type})"),
        (say("Benchmark"), settings.data.benchmark or say("equal weight of the universe")),
    ]
    title = [settings.strategy.name, stage.snapshot.dataset]
    if facts.synthetic:
        title.append(say("SYNTHETIC DATA"))
    given = ReportInput(
        title=" · ".join(title),
        history=history,
        statistics=statistics,
        costs=costs,
        facts=shown,
        assumptions=assumptions(settings, stage.snapshot, say),
        biases=[*known_biases(stage.snapshot, stage.universe, history, say), *stage.notes],
        buffers=[_buffer_run(cash_buffer, run) for cash_buffer, run in stage.more.buffers],
        capacity=stage.more.capacity,
        gap_stress=stage.more.gap_stress,
        language=stage.language,
    )
    return render_report(given)


def _buffer_run(cash_buffer: float, history: RunHistory) -> BufferRun:
    risk = gap_risk(history)
    return BufferRun(
        cash_buffer,
        risk.truncated_orders,
        risk.truncated_micros,
        int(history.equity_micros[-1]),
    )
