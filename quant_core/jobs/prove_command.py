"""The command ``python -m quant_core prove``: its words and flags."""

from __future__ import annotations

import argparse

from quant_core.foundation.language import Say
from quant_core.jobs.command_line import RUN_SHORT_FORMS, Command, Outcome, Request

CUTS = 20
SEEDS = 200


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """How much is tried, and which certificates are wanted."""
    parser.add_argument(
        "--cuts",
        type=int,
        default=CUTS,
        help=say("sessions after which the data are altered, for causality"),
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help=say("random strategies, for null"))
    parser.add_argument(
        "--only",
        metavar="NAMES",
        help=say(
            "certificates wanted, separated by commas: causality, null, conservation, "
            "implementation_band, reproducibility"
        ),
    )
    parser.add_argument(
        "--seed", type=int, default=1, help=say("seed of the cuts, the noise and the scores")
    )


def run(request: Request) -> Outcome:
    """Load the job only now, so that --help stays quick."""
    from quant_core.jobs import prove

    return prove.run(request)


COMMAND = Command(
    program="python -m quant_core prove",
    summary=(
        "Prove that a backtest is honest: no look-ahead, no free alpha, exact money, a band "
        "of conventions, the same bytes twice. Exit code 1 when a certificate fails."
    ),
    examples=(
        "python -m quant_core prove --strategy linear --dataset demo",
        "python -m quant_core prove --dataset sp500 --start 2014-03-01 --json",
        "python -m quant_core prove --only causality,conservation --cuts 50",
        "python -m quant_core prove --only null --seeds 1000 --seed 7",
    ),
    add_arguments=add_arguments,
    run=run,
    short_forms=RUN_SHORT_FORMS,
)
