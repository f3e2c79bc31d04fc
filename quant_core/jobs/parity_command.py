"""The command ``python -m quant_core parity``: its words and flags."""

from __future__ import annotations

import argparse

from quant_core.foundation.language import Say
from quant_core.jobs.command_line import Command, Outcome, Request


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """How often the worker is killed on its way."""
    parser.add_argument(
        "--kills",
        type=int,
        default=0,
        metavar="N",
        help=say("end the worker by SIGKILL at N random moments and start it again (0)"),
    )
    parser.add_argument("--seed", type=int, default=1, help=say("seed of the moments (1)"))


def run(request: Request) -> Outcome:
    """Load the job only now, so that --help stays quick."""
    from quant_core.jobs import parity

    return parity.run(request)


COMMAND = Command(
    program="python -m quant_core parity",
    summary=(
        "Trade a window of history through the live worker and the paper broker, and compare "
        "orders, fills, cash and equity with the backtest, to the micro. "
        "Exit code 1 when anything differs."
    ),
    examples=(
        "python -m quant_core parity --dataset sp500 --start 2017-01-03 --end 2017-12-29",
        "python -m quant_core parity --dataset demo --kills 50 --json",
    ),
    add_arguments=add_arguments,
    run=run,
    mode="live",
    short_forms={
        "--dataset": "data.dataset",
        "--start": "backtest.start",
        "--end": "backtest.end",
        "--capital": "backtest.capital",
        "--strategy": "strategy.type",
    },
)
