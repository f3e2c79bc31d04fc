"""Speed and memory of parameter sweeps, as whole processes.

    python benchmarks/sweeps.py                 both figures
    python benchmarks/sweeps.py sweep_a         S&P 500 prices
    python benchmarks/sweeps.py --prices PATH   S&P 500 prices that stand elsewhere

1,000 combinations each: 10 look-backs, 10 numbers of names, 10 frequencies, all with an exact
ledger of their own, from stored factors, with the kernels compiled before.
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

LOOKBACKS = (5, 10, 20, 30, 40, 60, 90, 120, 180, 250)
GRID = (
    f"lookback=[{', '.join(map(str, LOOKBACKS))}]",
    "strategy.top_k=[5, 10, 15, 20, 25, 30, 35, 40, 45, 50]",
    "rebalance.every=[1, 2, 3, 5, 10, 15, 21, 42, 63, 126]",
)
FACTOR = "close / delay(close, {lookback}) - 1"
SETTINGS = (
    f'strategy.linear.weights={{"{FACTOR}": 1.0}}',
    "strategy.type=linear",
    "execution.cash_buffer=0.02",
    "execution.slippage=0.0005",
    "execution.commission={model: bps, rate: 0.001, minimum: 0.0}",
    "execution.participation_cap=null",
    "backtest.capital=1000000",
)
"""What is swept, stated in full: changes of config/ do not change it."""


class Stages:
    """The figures by name; data and factors stand below ``root`` for all runs."""

    def __init__(self, root: Path, prices: str | None) -> None:
        self._root = root
        self._given = prices

    @property
    def figures(self) -> Mapping[str, Callable[[], Figure]]:
        """Every figure of this file."""
        return {"sweep_a": partial(self._sweep_a), "sweep_b": partial(self._sweep_b)}

    def _sweep_a(self) -> Figure:
        path = str(prices_file(self._given))
        source = ("--source", "file", "--path", path, "--price-basis", "split_adjusted")
        span = ("--start", "2014-03-01", "--end", "2018-01-31")
        return self._figure(
            "sweep_a",
            "1,000 combinations on S&P 500 prices, 988 sessions, each with its own ledger",
            source,
            span,
            most=(3.0, 1000.0),
        )

    def _sweep_b(self) -> Figure:
        market = ("--source", "demo", "--stocks", "3000", "--etfs", "0", "--sessions", "2520")
        return self._figure(
            "sweep_b",
            "1,000 combinations on 3,000 symbols and 2,520 sessions, each with its own ledger",
            market,
            (),
            most=(10.0, None),
        )

    def _figure(
        self,
        name: str,
        what: str,
        source: Sequence[str],
        span: Sequence[str],
        *,
        most: tuple[float, float | None],
    ) -> Figure:
        where = ("--dataset", name, "--set", f"data.root={self._root / 'data'}")
        run_process(_python("run_data_sync.py", *source, *where), clean_environment())
        texts = [FACTOR.replace("{lookback}", str(days)) for days in LOOKBACKS]
        factors = [word for text in texts for word in ("--factor", text)]
        run_process(_python("run_factor_computation.py", *factors, *where), clean_environment())
        results = self._root / "results" / name
        words = [word for axis in GRID for word in ("--grid", axis)]
        words += [word for line in SETTINGS for word in ("--set", line)]
        command = ("-m", "quant_core", "sweep", *where, *span, *words, "--output", str(results))
        return Figure(
            name,
            what,
            _python(*command),
            prepare=lambda: shutil.rmtree(results, ignore_errors=True),
            most_seconds=most[0],
            most_megabytes=most[1],
        )


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
