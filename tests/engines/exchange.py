"""What two engines must be given to be compared, and what they must give back.

Written by one environment and read by another, so nothing but NumPy is imported here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np

SIZINGS = ("shares", "weights", "native")
"""How an engine learns what to trade.

``shares``: the number of shares of every order is given. ``weights``: target weights are given;
the orders follow from the equity and the positions that the engine itself reports at the close of
T-1, by the rule of the specification. ``native``: target weights are given and the engine makes
of them what it does by itself.
"""


class _Filed:
    """A dataclass of arrays and plain values that is kept as one ``.npz`` file."""

    def save(self, path: Path) -> None:
        """Write every field."""
        np.savez(path, **{item.name: getattr(self, item.name) for item in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote; numbers and texts come back as such."""
        with np.load(path, allow_pickle=False) as held:
            values = {item.name: held[item.name] for item in fields(cls)}
        return cls(**{name: v if v.ndim else v.item() for name, v in values.items()})


@dataclass(frozen=True)
class Case(_Filed):
    """One run: prices, what to trade, what it costs.

    ``opens``, ``closes`` and ``volume`` are float64 [T, N] without gaps. Row 0 comes before the
    run: nothing is traded there, and the first decision is taken at its close. ``rows`` [R] are
    the rows whose open executes a rebalance, ascending, from 1 on; ``orders`` int64 [R, N] the
    shares to buy (positive) or sell there, ``weights`` float64 [R, N] the target weights.
    ``rate`` is the commission as a fraction of the notional, ``buffer`` the fraction of equity
    that sizing leaves aside. ``money_decimals`` and ``price_decimals`` are for engines that make
    the caller choose how finely they count.
    """

    sessions: np.ndarray
    symbols: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    volume: np.ndarray
    rows: np.ndarray
    orders: np.ndarray
    weights: np.ndarray
    capital: float
    rate: float = 0.0
    buffer: float = 0.02
    sizing: str = "shares"
    money_decimals: int = 6
    price_decimals: int = 6

    def number_of(self, row: int) -> int | None:
        """Which rebalance executes at the open of ``row``; None when none does."""
        place = int(np.searchsorted(self.rows, row))
        return place if place < len(self.rows) and self.rows[place] == row else None

    def trades(self, number: int, equity: float, held: np.ndarray) -> list[tuple[int, int]]:
        """(column, signed shares) of a rebalance: sells by symbol, then buys by weight.

        ``equity`` and ``held`` (shares by column) are what the engine reports at the close
        before it. Weights are sized by them; a given sale is cut to what is held, which matters
        to an engine that could not buy all it was told to.
        """
        weights, held = self.weights[number], np.asarray(held, dtype=np.int64)
        if self.sizing == "shares":
            change = np.maximum(self.orders[number], -held)
        else:
            change = self._targets(number, equity) - held
        columns = [int(column) for column in np.flatnonzero(change)]
        columns.sort(key=lambda i: (change[i] > 0, -weights[i] if change[i] > 0 else 0.0, i))
        return [(column, int(change[column])) for column in columns]

    def _targets(self, number: int, equity: float) -> np.ndarray:
        """Whole shares that each weight buys at the close before the rebalance."""
        closes = self.closes[self.rows[number] - 1]
        equity_micros = round(equity * 1e6)
        targets = np.zeros(len(self.symbols), dtype=np.int64)
        for column in np.flatnonzero(self.weights[number]).tolist():
            weight = float(self.weights[number, column])
            budget = math.floor(weight * (1 - self.buffer) * equity_micros)
            targets[column] = budget // round(float(closes[column]) * 1e6)
        return targets


@dataclass(frozen=True)
class Outcome(_Filed):
    """What an engine made of a case.

    ``equity`` float64 [T - 1] at the closes of rows 1 to T - 1, in currency units. A fill has a
    ``row``, a ``column``, signed ``shares`` and a ``price``; fills of one row may stand in any
    order. ``seconds`` is what the engine's own run took, without imports and files.
    """

    engine: str
    version: str
    equity: np.ndarray
    fill_row: np.ndarray
    fill_column: np.ndarray
    fill_shares: np.ndarray
    fill_price: np.ndarray
    seconds: float = 0.0


def fills_of(trades: list[tuple[int, int, int, float]]) -> dict[str, np.ndarray]:
    """The four columns of fills from (row, column, signed shares, price)."""
    ordered = sorted(trades)
    columns = list(zip(*ordered, strict=True)) if ordered else [(), (), (), ()]
    kinds = (np.int64, np.int64, np.int64, np.float64)
    names = ("fill_row", "fill_column", "fill_shares", "fill_price")
    return {
        name: np.array(values, dtype=kind)
        for name, values, kind in zip(names, columns, kinds, strict=True)
    }
