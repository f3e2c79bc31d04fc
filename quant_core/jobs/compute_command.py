"""The command of ``run_factor_computation.py``: its words and flags."""

from __future__ import annotations

import argparse

from quant_core.foundation.language import Say
from quant_core.jobs.command_line import Command, Outcome, Request


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """Flags of the factor computation beyond the short forms."""
    parser.add_argument(
        "--factor",
        action="append",
        default=[],
        metavar="NAME_OR_TEXT",
        help=say("a factor by name or as an expression; repeatable"),
    )
    parser.add_argument(
        "--library", action="append", default=[], help=say("all factors of a library; repeatable")
    )
    parser.add_argument("--list", action="store_true", help=say("list the known factors"))
    parser.add_argument("--explain", metavar="NAME_OR_TEXT", help=say("explain one factor"))
    parser.add_argument(
        "--output", metavar="FILE", help=say("also write the factors as long Parquet or CSV")
    )


def run(request: Request) -> Outcome:
    """Load the job only now, so that --help stays quick."""
    from quant_core.jobs import compute

    return compute.run(request)


COMMAND = Command(
    program="run_factor_computation.py",
    summary="Compute factors from the prices of a dataset and store them in the warehouse.",
    examples=(
        "python run_factor_computation.py --dataset sp500",
        "python run_factor_computation.py --dataset sp500 --library alpha101",
        "python run_factor_computation.py --factor 'ts_mean(close, 5) / close' --output f.parquet",
        "python run_factor_computation.py --list",
    ),
    add_arguments=add_arguments,
    run=run,
    short_forms={"--dataset": "data.dataset"},
)
