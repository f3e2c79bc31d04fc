"""The command of ``run_backtest.py``: its words and flags. The job loads when it runs."""

from __future__ import annotations

import argparse

from quant_core.foundation.language import Say
from quant_core.jobs.command_line import RUN_SHORT_FORMS, Command, Outcome, Request


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """Flags of the backtest beyond the short forms."""
    parser.add_argument(
        "--no-report", action="store_true", help=say("write no HTML report (faster)")
    )
    parser.add_argument(
        "--gap-stress",
        action="store_true",
        help=say("trade the run again under other execution prices; see --gap-scenarios"),
    )
    parser.add_argument(
        "--gap-scenarios",
        type=int,
        default=100,
        metavar="N",
        help=say("scenarios drawn from the overnight gaps of the market itself (100)"),
    )
    parser.add_argument(
        "--gap-shock",
        type=float,
        default=0.05,
        metavar="FRACTION",
        help=say("size of the fixed shocks to execution prices (0.05)"),
    )


def run(request: Request) -> Outcome:
    """Load the job only now, so that --help stays quick."""
    from quant_core.jobs import backtest

    return backtest.run(request)


COMMAND = Command(
    program="run_backtest.py",
    summary=(
        "Backtest a strategy on a dataset of the warehouse: signals at the close of T-1, "
        "execution at the open of T, exact cash."
    ),
    examples=(
        "python run_backtest.py",
        "python run_backtest.py --dataset sp500 --start 2014-03-01 --end 2018-01-31",
        "python run_backtest.py --dataset sp500 --gap-stress --gap-scenarios 200",
        "python run_backtest.py --dataset sp500 --set strategy.top_k=50 --set rebalance.every=5",
        "python run_backtest.py --set 'strategy.linear.weights={momentum_20: 0.6}' --json",
    ),
    add_arguments=add_arguments,
    run=run,
    short_forms=RUN_SHORT_FORMS,
)
