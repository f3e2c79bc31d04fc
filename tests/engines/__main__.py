"""Compare the project's engine with the others and print the tables of the documents.

    python -m tests.engines                     every engine on every market
    python -m tests.engines bt vectorbt         some of them
    python -m tests.engines --market synthetic

Ends with 1 when an engine is not installed, does not come to an end, or differs by more than the
roundings that are named.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.engines.levels import Task, tasks
from tests.engines.markets import PRICES, Plan, ranked, sp500, synthetic
from tests.engines.peers import PEERS, PeerFailed, missing
from tests.engines.report import Line, compared, tables

MARKETS = ("synthetic", "sp500")


def plan_of(market: str) -> Plan:
    """The prices and weights of a market."""
    return ranked(synthetic(), 10) if market == "synthetic" else ranked(sp500(), 20)


def line_of(task: Task) -> Line:
    """Run a task; a failure of the engine becomes a line that says so."""
    try:
        line = compared(task)
    except PeerFailed as failure:
        line = Line(task, failure=str(failure))
    mark = "as expected" if line.passed else f"NOT AS EXPECTED {line.failure}"
    sys.stderr.write(f"{task.market} | {task.level} | {task.label}: {mark}\n")
    return line


def main(arguments: list[str]) -> int:
    """Run what is asked for and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.engines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [peer.name for peer in PEERS]
    parser.add_argument("engine", nargs="*", help=f"some of {', '.join(names)} (default: all)")
    parser.add_argument("--market", choices=MARKETS, help="one market only")
    parser.add_argument("--level", action="append", help="one level only; may be repeated")
    asked = parser.parse_args(arguments)
    engines = set(asked.engine or names)
    if unknown := engines - set(names):
        parser.error(f"unknown engine {', '.join(sorted(unknown))}; one of {', '.join(names)}")
    if absent := sorted(engines & set(missing())):
        sys.stderr.write(f"error: not installed: {', '.join(absent)}\n  fix: make engines\n")
        return 1
    markets = [asked.market] if asked.market else list(MARKETS)
    if "sp500" in markets and not PRICES.is_file():
        sys.stderr.write("the S&P 500 prices are not present: the synthetic market only\n")
        markets.remove("sp500")
    levels = set(asked.level) if asked.level else None
    work = [task for market in markets for task in tasks(plan_of(market), engines, levels)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        lines = list(pool.map(line_of, work))
    sys.stdout.write(tables(lines) + "\n")
    return 0 if all(line.passed for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
