"""The command ``python -m quant_core resume``: a person lets orders go out again."""

from __future__ import annotations

import argparse
import getpass
from typing import cast

from quant_core.foundation.errors import UsageError
from quant_core.foundation.language import Say
from quant_core.foundation.money import micros
from quant_core.foundation.settings_live import LiveSettings
from quant_core.foundation.timing import utc_now
from quant_core.jobs.command_line import Command, Outcome, Request


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """Why."""
    parser.add_argument(
        "--reason", required=True, help=say("why trading may go on; it stands in the journal")
    )


def run(request: Request) -> Outcome:
    """Clear the kill latch and a halt; the worker must not be running."""
    from quant_core.jobs.live_parts import live_folder
    from quant_core.live.ipc import KILL_FILE, kill_requested
    from quant_core.live.journal import Journal
    from quant_core.live.journal_entries import Body, KillLatchCleared, RiskStateChanged
    from quant_core.live.journal_kinds import TradingState
    from quant_core.live.trader import JOURNAL_FOLDER
    from quant_core.live.worker_state import WorkerState
    from quant_core.strategies import strategy_sections

    settings = cast("LiveSettings", request.load(strategy_sections()).settings)
    folder = live_folder(settings)
    if kill_requested(folder):
        raise UsageError(
            "the file KILL is still there, or there is no folder of a worker",
            found=str(folder / KILL_FILE),
            fix="remove it first",
        )
    state = WorkerState(micros(settings.backtest.capital))
    account = settings.broker.account
    with Journal.open(folder / JOURNAL_FOLDER, account, utc_now, None, state.take) as journal:
        bodies: list[Body] = []
        if state.kill_latched:
            bodies.append(KillLatchCleared(getpass.getuser(), request.arguments.reason))
        if state.trading_state is TradingState.HALTED:
            bodies.append(RiskStateChanged(TradingState.ACTIVE, request.arguments.reason))
        journal.append_all(bodies)
    document = {"cleared": len(bodies), "folder": str(folder)}
    nothing = request.say("nothing was latched or halted")
    done = request.say("cleared; start the worker again")
    return Outcome(document, done if bodies else nothing)


COMMAND = Command(
    program="python -m quant_core resume",
    summary=(
        "Clear the kill latch or a halt of the live worker, with a reason that stays in the "
        "journal. The worker must have ended."
    ),
    examples=("python -m quant_core resume --reason 'positions checked with the broker'",),
    add_arguments=add_arguments,
    run=run,
    mode="live",
)
