"""The command of ``run_data_sync.py``: its words and flags. The job loads when it runs."""

from __future__ import annotations

import argparse

from quant_core.foundation.language import Say
from quant_core.jobs.command_line import Command, Outcome, Request

PRICE_BASES = ("raw", "split_adjusted", "total_return")


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """Flags of the data synchronisation beyond the short forms."""
    parser.add_argument(
        "--source", choices=("demo", "file"), required=True, help=say("where the data come from")
    )
    _add_file_arguments(parser, say)
    _add_demo_arguments(parser, say)
    parser.add_argument(
        "--price-basis",
        choices=PRICE_BASES,
        help=say("what the prices contain; files: split_adjusted unless stated"),
    )
    parser.add_argument(
        "--currency", help=say("currency of the prices; that of the calendar unless stated")
    )
    parser.add_argument(
        "--check", action="store_true", help=say("print the quality report, store nothing")
    )
    parser.add_argument(
        "--replace", action="store_true", help=say("start the dataset anew instead of merging")
    )
    parser.add_argument(
        "--if-empty", action="store_true", help=say("do nothing if the dataset exists")
    )


def _add_file_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    parser.add_argument(
        "--path",
        action="append",
        default=[],
        help=say("Parquet or CSV file, or a folder of files; repeatable"),
    )
    parser.add_argument(
        "--actions",
        action="append",
        default=[],
        metavar="PATH",
        help=say("file of corporate actions of raw prices; without --path for a stored dataset"),
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="FIELD=NAME",
        help=say("column of the file that holds a field, e.g. close=LastPrice; repeatable"),
    )
    parser.add_argument(
        "--scale",
        action="append",
        default=[],
        metavar="FIELD=NUMBER",
        help=say("multiply a field, e.g. volume=100 for lots of 100; repeatable"),
    )
    parser.add_argument("--symbol", help=say("symbol of a file that has no symbol column"))


def _add_demo_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    parser.add_argument("--stocks", type=int, help=say("synthetic stocks of the demo market"))
    parser.add_argument("--etfs", type=int, help=say("synthetic ETFs of the demo market"))
    parser.add_argument("--sessions", type=int, help=say("length of the demo market in sessions"))
    parser.add_argument("--seed", type=int, help=say("seed of the demo market"))


def run(request: Request) -> Outcome:
    """Load the job only now, so that --help stays quick."""
    from quant_core.jobs import sync

    return sync.run(request)


COMMAND = Command(
    program="run_data_sync.py",
    summary="Bring prices into the warehouse: read, check row by row, publish a new version.",
    examples=(
        "python run_data_sync.py --source demo --dataset demo",
        "python run_data_sync.py --source file --path prices.parquet --dataset sp500",
        "python run_data_sync.py --source file --path ashare/ --dataset cn --calendar XSHG",
        "python run_data_sync.py --source file --path prices.csv --dataset mine --check",
        "python run_data_sync.py --source file --actions actions.csv --dataset mine",
    ),
    add_arguments=add_arguments,
    run=run,
    short_forms={"--dataset": "data.dataset", "--calendar": "data.calendar"},
)
