"""The command ``python -m quant_core sweep``: its words and flags."""

from __future__ import annotations

import argparse

from quant_core.foundation.language import Say
from quant_core.jobs.command_line import RUN_SHORT_FORMS, Command, Outcome, Request


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """The grid, and what computes it."""
    parser.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="KEY=[...]",
        help=say("values of a setting, or of a name that stands in braces in a --set; repeatable"),
    )
    parser.add_argument(
        "--grid-file", metavar="FILE", help=say("file with a line 'key: [value, ...]' for each key")
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help=say("processes of this machine, or Ray"),
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help=say("processes; one a core unless stated")
    )
    parser.add_argument(
        "--ray-address", metavar="ADDRESS", help=say("a running Ray cluster; else one is started")
    )


def run(request: Request) -> Outcome:
    """Load the job only now, so that --help stays quick."""
    from quant_core.jobs import sweep

    return sweep.run(request)


COMMAND = Command(
    program="python -m quant_core sweep",
    summary=(
        "Backtest every combination of a grid of settings, each with its own exact ledger; "
        "one table, restartable."
    ),
    examples=(
        "python -m quant_core sweep --grid 'strategy.top_k=[10, 20, 50]' "
        "--grid 'rebalance.every=[1, 5, 21]'",
        "python -m quant_core sweep --grid 'lookback=[20, 60, 120]' "
        "--set 'strategy.linear.weights={momentum_{lookback}: 1.0}'",
        "python -m quant_core sweep --dataset sp500 --grid-file grid.yaml --workers 4 --json",
        "python -m quant_core sweep --grid 'execution.slippage=[0.0, 0.001]' --engine ray",
    ),
    add_arguments=add_arguments,
    run=run,
    short_forms=RUN_SHORT_FORMS,
)
