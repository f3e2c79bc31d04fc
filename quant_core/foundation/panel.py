"""Panel: one number per session and symbol, with its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import (
    BoolArray,
    FloatArray,
    FloatMatrix,
    IntArray,
    SessionArray,
)


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """The labels of a panel: sessions ascending (rows), symbols ascending (columns).

    Compared by identity: two equal lists of labels are two axes.
    """

    sessions: SessionArray
    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        if np.any(self.sessions[1:] <= self.sessions[:-1]):
            raise InvariantBroken("sessions of a panel must ascend without repetition")
        if any(a >= b for a, b in zip(self.symbols, self.symbols[1:], strict=False)):
            raise InvariantBroken("symbols of a panel must ascend without repetition")

    @property
    def shape(self) -> tuple[int, int]:
        """(number of sessions, number of symbols)."""
        return len(self.sessions), len(self.symbols)

    def columns_of(self, symbols: Sequence[str]) -> IntArray:
        """Column of each symbol, -1 where the panel does not have it."""
        positions = {symbol: i for i, symbol in enumerate(self.symbols)}
        return np.array([positions.get(symbol, -1) for symbol in symbols], dtype=np.int64)

    def empty(self) -> FloatMatrix:
        """A matrix of NaN with these axes."""
        return np.full(self.shape, np.nan)

    def scatter(self, rows: IntArray, columns: IntArray, values: FloatMatrix) -> FloatMatrix:
        """Dense matrix of long values at (row, column); cells not named are NaN."""
        dense = self.empty()
        dense[rows, columns] = values
        return dense


@dataclass(frozen=True, slots=True)
class MarketPanel:
    """Open and close prices, volume and eligibility of every symbol at every session.

    ``open``, ``close`` and ``volume`` are float64 [sessions, symbols], NaN = unknown,
    nothing filled. ``member[t, i]`` says whether symbol i belongs to the universe at
    session t. ``adjusted_close`` are closes without the jumps of splits and dividends,
    where prices are raw and the actions are known; None where ``close`` is all there is.
    """

    axes: Axes
    open: FloatMatrix
    close: FloatMatrix
    volume: FloatMatrix
    member: BoolArray
    adjusted_close: FloatMatrix | None = None

    @property
    def close_for_returns(self) -> FloatMatrix:
        """The closes whose ratios are returns."""
        return self.close if self.adjusted_close is None else self.adjusted_close


def carried_forward(values: FloatArray) -> FloatArray:
    """The last known value of each column up to each row; NaN before the first.

    Examples
    --------
    >>> carried_forward(np.array([np.nan, 1.0, np.nan, 2.0])).tolist()
    [nan, 1.0, 1.0, 2.0]
    """
    known = np.isfinite(values)
    rows = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
    latest = np.maximum.accumulate(np.where(known, rows, -1), axis=0)
    found = np.take_along_axis(values, np.maximum(latest, 0), axis=0)
    return np.where(latest >= 0, found, np.nan)
