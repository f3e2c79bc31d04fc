"""Speed and memory of the commands a user types, as whole processes.

    python benchmarks/whole_process.py                 every figure
    python benchmarks/whole_process.py backtest        one or some of them
    python benchmarks/whole_process.py --prices PATH   S&P 500 prices that stand elsewhere

Everything is written below a temporary folder; the project's own data are left alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from measurement import (
    LEAST_RUNS,
    PROJECT,
    CommandFailed,
    Figure,
    clean_environment,
    measure,
    prices_file,
    report,
    run_process,
)

SCRIPTS = ("run_data_sync.py", "run_factor_computation.py", "run_backtest.py")
SP500 = ("--dataset", "sp500")
RUN_SETTINGS = (
    "strategy.type=linear",
    "strategy.linear.weights={momentum_20: 0.6, volatility_20: -0.4}",
    "strategy.top_k=50",
    "rebalance.every=5",
    "execution.cash_buffer=0.02",
    "execution.slippage=0.0005",
    "execution.commission={model: bps, rate: 0.001, minimum: 0.0}",
    "backtest.capital=1000000",
)
"""The run that is measured, stated in full: changes of config/ do not change it."""

RUN = (
    *("run_backtest.py", *SP500, "--start", "2014-03-01", "--end", "2018-01-31"),
    *(word for setting in RUN_SETTINGS for word in ("--set", setting)),
)
FACTORS = (
    *("run_factor_computation.py", *SP500),
    *("--factor", "momentum_20", "--factor", "volatility_20"),
)


class Stages:
    """The figures by name, each made when it is asked for.

    ``root`` is the temporary folder: ``sp500`` keeps prices and factors for the backtests,
    ``fresh`` is emptied before every run that has to start from nothing.
    """

    def __init__(self, root: Path, prices: str | None) -> None:
        self._root = root
        self._given = prices
        self._ready = False

    @property
    def figures(self) -> Mapping[str, Callable[[], Figure]]:
        """Every figure of this file."""
        helps = {f"help_{script.removesuffix('.py')}": script for script in SCRIPTS}
        return {
            **{name: _made(self._help, name, script) for name, script in helps.items()},
            "import": self._import,
            "backtest": self._backtest,
            "backtest_report": self._backtest_report,
            "demo": self._demo,
            "demo_again": self._demo_again,
        }

    def _help(self, name: str, script: str) -> Figure:
        return Figure(name, f"{script} --help", _python(script, "--help"), most_seconds=1.0)

    def _import(self) -> Figure:
        root = self._root / "fresh"
        return Figure(
            "import",
            "619,040 rows of S&P 500 prices through the quality gate into a new dataset",
            _python(*self._sync_command(root)),
            prepare=lambda: shutil.rmtree(root, ignore_errors=True),
            most_seconds=3.0,
        )

    def _backtest(self) -> Figure:
        self._prepare_sp500()
        return Figure(
            "backtest",
            "S&P 500, 988 sessions, two factors, 50 names, every 5 sessions, from stored "
            "factors, without the HTML report",
            _python(*RUN, *self._at(self._root / "sp500"), "--no-report"),
            most_seconds=1.2,
            most_megabytes=400.0,
        )

    def _backtest_report(self) -> Figure:
        self._prepare_sp500()
        return Figure(
            "backtest_report",
            "the same with the HTML report",
            _python(*RUN, *self._at(self._root / "sp500")),
            most_seconds=3.0,
        )

    def _demo(self) -> Figure:
        root = self._root / "fresh"
        return Figure(
            "demo",
            "what make backtest does in an empty project: generate and check the demo market, "
            "compute its factors, backtest, report",
            self._demo_path(root),
            prepare=lambda: shutil.rmtree(root, ignore_errors=True),
        )

    def _demo_again(self) -> Figure:
        return Figure(
            "demo_again",
            "make backtest a second time: data and factors are there",
            self._demo_path(self._root / "demo"),
        )

    def _demo_path(self, root: Path) -> Sequence[str]:
        where = self._at(root)
        steps = (
            _python("run_data_sync.py", "--source", "demo", "--dataset", "demo", "--if-empty"),
            _python("run_factor_computation.py", "--dataset", "demo"),
            _python("run_backtest.py"),
        )
        shell = " && ".join(f"{' '.join(step)} {' '.join(where)}" for step in steps)
        return ("sh", "-c", shell)

    def _prepare_sp500(self) -> None:
        if self._ready:
            return
        root = self._root / "sp500"
        for command in (self._sync_command(root), (*FACTORS, *self._at(root))):
            run_process(_python(*command), clean_environment())
        self._ready = True

    def _sync_command(self, root: Path) -> Sequence[str]:
        path = str(prices_file(self._given))
        basis = ("--price-basis", "split_adjusted")
        where = ("run_data_sync.py", "--source", "file", "--path", path)
        return (*where, *SP500, *basis, *self._at(root))

    @staticmethod
    def _at(root: Path) -> Sequence[str]:
        return ("--set", f"data.root={root / 'data'}", "--set", f"report.output={root / 'results'}")


def _made(make: Callable[[str, str], Figure], name: str, script: str) -> Callable[[], Figure]:
    return lambda: make(name, script)


def _python(*words: str) -> Sequence[str]:
    return (sys.executable, *words)


def _parse(names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    listed = ", ".join(names)
    parser.add_argument("figure", nargs="*", help=f"which to measure: {listed} (default: all)")
    parser.add_argument("--prices", metavar="PATH", help="Parquet file of the S&P 500 prices")
    parser.add_argument(
        "--runs", type=int, default=LEAST_RUNS, help="counted runs of each figure (default: 5)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.figure if name not in names]
    if unknown:
        parser.error(f"unknown figure {', '.join(unknown)}; one of: {listed}")
    return arguments


def main() -> int:
    """Measure the figures asked for and print them."""
    arguments = _parse(list(Stages(Path(), None).figures))
    given = os.path.abspath(arguments.prices) if arguments.prices else None
    os.chdir(PROJECT)
    with tempfile.TemporaryDirectory(prefix="quant-core-benchmark-") as folder:
        figures = Stages(Path(folder), given).figures
        try:
            measured = [
                measure(figures[name](), arguments.runs, clean_environment())
                for name in arguments.figure or figures
            ]
        except CommandFailed as failure:
            sys.stderr.write(f"error: {failure}\n")
            return 1
    report(measured, as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
