"""The command ``python -m quant_core sql``: its words and flags."""

from __future__ import annotations

import argparse

from quant_core.foundation.language import Say
from quant_core.jobs.command_line import Command, Outcome, Request

MOST_ROWS = 50


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """The statement and how much of the answer to show."""
    parser.add_argument("statement", help=say("one SELECT over prices, symbols, factors, ..."))
    parser.add_argument(
        "--limit",
        type=int,
        default=MOST_ROWS,
        help=say("rows of the answer that are printed"),
    )


def run(request: Request) -> Outcome:
    """Load the job only now, so that --help stays quick."""
    from quant_core.jobs import sql

    return sql.run(request)


COMMAND = Command(
    program="python -m quant_core sql",
    summary="Ask the warehouse in SQL, read only: DuckDB over the Parquet files of a dataset.",
    examples=(
        'python -m quant_core sql "select count(*) as rows, max(date) as newest from prices"',
        "python -m quant_core sql --dataset sp500 \"select * from prices where symbol = 'AAPL'\"",
        'python -m quant_core sql "select factor, avg(value) as mean from factors group by 1"',
    ),
    add_arguments=add_arguments,
    run=run,
    short_forms={"--dataset": "data.dataset"},
)
