"""The command ``python -m quant_core resume``: a person lets orders go out again."""

from __future__ import annotations

import argparse
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from quant_core.foundation.errors import UsageError
from quant_core.foundation.language import Say
from quant_core.foundation.money import format_micros, micros
from quant_core.foundation.settings_live import LiveSettings
from quant_core.foundation.timing import utc_now
from quant_core.jobs.command_line import Command, Outcome, Request

if TYPE_CHECKING:
    from quant_core.live.journal_entries import Body
    from quant_core.live.worker_state import WorkerState


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """Why, and whether the drawdown breaker is meant too."""
    parser.add_argument(
        "--reason", required=True, help=say("why trading may go on; it stands in the journal")
    )
    parser.add_argument(
        "--breaker",
        action="store_true",
        help=say("also reset the drawdown breaker; its peak is then the equity of the last close"),
    )


def run(request: Request) -> Outcome:
    """Clear the kill latch, a halt and if asked the breaker; the worker must not be running."""
    from quant_core.jobs.live_parts import live_folder
    from quant_core.live.journal import Journal
    from quant_core.live.trader import JOURNAL_FOLDER
    from quant_core.live.worker_state import WorkerState
    from quant_core.strategies import strategy_sections

    settings = cast("LiveSettings", request.load(strategy_sections()).settings)
    folder = live_folder(settings)
    _check(folder, request.arguments.reason)
    state = WorkerState(micros(settings.backtest.capital))
    account, reset = settings.broker.account, cast("bool", request.arguments.breaker)
    with Journal.open(folder / JOURNAL_FOLDER, account, utc_now, None, state.take) as journal:
        tripped = state.breaker.flat_from is not None
        cleared = _clearances(state, request.arguments.reason)
        moved = _re_entry(state, request.arguments.reason) if reset and tripped else []
        journal.append_all([*cleared, *moved])
    document = {
        "cleared": len(cleared),
        "breaker": {"was_tripped": tripped, "reset": bool(moved)},
        "folder": str(folder),
    }
    nothing = request.say("nothing was latched or halted")
    done = request.say("cleared; start the worker again")
    lines = [done if cleared or moved else nothing]
    if reset or tripped:
        lines.append(_told(request.say, state, tripped=tripped, reset=reset))
    return Outcome(document, "\n".join(lines))


def _check(folder: Path, reason: str) -> None:
    """Refuse what could not be carried out, or would leave no reason behind."""
    from quant_core.live.ipc import KILL_FILE, kill_requested

    if not reason.strip():
        raise UsageError("--reason says nothing", expected="why trading may go on", found=reason)
    if not folder.is_dir():
        raise UsageError("there is no folder of a worker", found=str(folder), where="live.folder")
    if kill_requested(folder):
        raise UsageError(
            "the file KILL is still there", found=str(folder / KILL_FILE), fix="remove it first"
        )


def _clearances(state: WorkerState, reason: str) -> list[Body]:
    """What clears the kill latch and a halt, where there is one."""
    from quant_core.live.journal_entries import KillLatchCleared, RiskStateChanged
    from quant_core.live.journal_kinds import TradingState

    bodies: list[Body] = []
    if state.kill_latched:
        bodies.append(KillLatchCleared(getpass.getuser(), reason))
    if state.trading_state is TradingState.HALTED:
        bodies.append(RiskStateChanged(TradingState.ACTIVE, reason))
    return bodies


def _re_entry(state: WorkerState, reason: str) -> list[Body]:
    """The breaker as at a re-entry, with who asked for it and why."""
    from quant_core.live.journal_entries import BreakerMoved, Noted
    from quant_core.live.order_life import OrderStage
    from quant_core.risk.breakers import re_enter

    unsent = (OrderStage.PLANNED, OrderStage.UNKNOWN)
    waiting = [order.intent.reference for order in state.open_orders if order.stage in unsent]
    if waiting:
        # The worker would take the decision that they are of again, and the breaker with it.
        raise UsageError(
            "orders that may not have been sent would bring the tripped breaker back",
            found=", ".join(waiting[:5]),
            fix="start the worker, STOP it once they are sent or their session is over, try again",
        )
    again = re_enter(state.breaker, state.book.equity_micros)
    moved = BreakerMoved(state.book.session, again.peak_micros, again.flat_from, ())
    return [Noted("breaker_reset", f"{getpass.getuser()}: {reason}"), moved]


def _told(say: Say, state: WorkerState, *, tripped: bool, reset: bool) -> str:
    """What became of the breaker."""
    if not tripped:
        return say("the drawdown breaker had not tripped")
    if not reset:
        return say(
            "the drawdown breaker is tripped and was left alone; to reset it: "
            "`python -m quant_core resume --breaker --reason ...`"
        )
    peak = format_micros(state.book.equity_micros, 2)
    return say("the drawdown breaker is reset; its peak is now {peak}").format(peak=peak)


COMMAND = Command(
    program="python -m quant_core resume",
    summary=(
        "Clear the kill latch or a halt of the live worker, with a reason that stays in the "
        "journal; with --breaker also the drawdown breaker. The worker must have ended."
    ),
    examples=(
        "python -m quant_core resume --reason 'positions checked with the broker'",
        "python -m quant_core resume --breaker --reason 'the fall was looked into'",
    ),
    add_arguments=add_arguments,
    run=run,
    mode="live",
)
