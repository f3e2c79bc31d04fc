"""The market and the console of the command line, and a sweep on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from tests.jobs.conftest import console, warehouse
from tests.jobs.console import SWEEP, Console, Ran

__all__ = ["console", "sweeps", "warehouse"]

BASE = (
    'strategy.linear.weights={"close / delay(close, {lookback}) - 1": 1.0}',
    "execution.commission={model: bps, rate: 0.001, minimum: 1.0}",
    "execution.slippage=0.0005",
    "execution.cash_buffer=0.0",
    "backtest.capital=20000",
)
GRID = ("lookback=[1, 3, 5]", "strategy.top_k=[1, 2, 3]", "rebalance.every=[1, 4]")


@dataclass(frozen=True, slots=True)
class Sweeps:
    """Sweeps of the console's market."""

    console: Console

    def words(
        self, grid: Sequence[str] = GRID, settings: Sequence[str] = BASE, output: str = "sweeps"
    ) -> list[str]:
        words = [word for axis in grid for word in ("--grid", axis)]
        words += [word for line in settings for word in ("--set", line)]
        return [*words, "--output", str(self.console.home / output)]

    def run(self, *more: str, grid=GRID, settings=BASE, output="sweeps") -> Ran:
        return self.console.run(SWEEP, *self.words(grid, settings, output), *more)

    def folder(self, output: str = "sweeps") -> Path:
        (found,) = (self.console.home / output).iterdir()
        return found

    def table(self, output: str = "sweeps") -> pl.DataFrame:
        return pl.read_parquet(self.folder(output) / "sweep.parquet")


@pytest.fixture
def sweeps(console: Console) -> Sweeps:
    return Sweeps(console)
