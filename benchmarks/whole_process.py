"""Speed and memory of the commands a user types, as whole processes.

    python benchmarks/whole_process.py                 every figure
    python benchmarks/whole_process.py backtest        one or some of them
    python benchmarks/whole_process.py --prices PATH   S&P 500 prices that stand elsewhere

Everything is written below a temporary folder; the project's own data are left alone.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from measurement import (
    Figure,
    clean_environment,
    figures_asked_for,
    measure,
    prices_file,
    run_process,
)

COMMANDS = {
    "help_data_sync": ("run_data_sync.py",),
    "help_factor_computation": ("run_factor_computation.py",),
    "help_backtest": ("run_backtest.py",),
    "help_sql": ("-m", "quant_core", "sql"),
    "help_prove": ("-m", "quant_core", "prove"),
    "help_sweep": ("-m", "quant_core", "sweep"),
}
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
MARKET_B = ("--source", "demo", "--stocks", "3000", "--etfs", "0", "--sessions", "2520")
RUN_B = (
    *("run_backtest.py", "--dataset", "b"),
    *(
        word
        for setting in (
            *RUN_SETTINGS[:1],
            "strategy.linear.weights={momentum_12_1: 0.6, volatility_20: -0.4}",
            *RUN_SETTINGS[2:],
        )
        for word in ("--set", setting)
    ),
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
        return {
            **{name: partial(self._help, name) for name in COMMANDS},
            "import": self._import,
            "backtest": self._backtest,
            "backtest_report": self._backtest_report,
            "backtest_b": self._backtest_b,
            "prove": self._prove,
            "demo": self._demo,
            "demo_again": self._demo_again,
        }

    def _help(self, name: str) -> Figure:
        words = (*COMMANDS[name], "--help")
        return Figure(name, f"python {' '.join(words)}", _python(*words), most_seconds=1.0)

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

    def _backtest_b(self) -> Figure:
        root = self._root / "market_b"
        if not root.exists():
            market = ("--dataset", "b", *self._at(root))
            factors = ("--factor", "momentum_12_1", "--factor", "volatility_20")
            for command in (
                ("run_data_sync.py", *MARKET_B, *market),
                ("run_factor_computation.py", *factors, *market),
            ):
                run_process(_python(*command), clean_environment())
        return Figure(
            "backtest_b",
            "3,000 symbols x 2,520 sessions, two factors, 50 names, every 5 sessions, from stored "
            "factors, without the HTML report",
            _python(*RUN_B, *self._at(root), "--no-report"),
            most_seconds=1.6,
            most_megabytes=900.0,
        )

    def _prove(self) -> Figure:
        self._prepare_sp500()
        return Figure(
            "prove",
            "all certificates of linear on the S&P 500: 20 cuts, 200 random strategies, "
            "17 conventions",
            _python("-m", "quant_core", "prove", *SP500, *self._at(self._root / "sp500")),
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


def _python(*words: str) -> Sequence[str]:
    return (sys.executable, *words)


def main() -> int:
    """Measure the figures asked for and print them."""
    return figures_asked_for(
        __doc__ or "",
        lambda root, prices: Stages(root, prices).figures,
        lambda figure, runs: measure(figure, runs, clean_environment()),
    )


if __name__ == "__main__":
    sys.exit(main())
