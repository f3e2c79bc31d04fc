"""Benchmarks: one symbol held, or the universe at equal weight, as a value curve."""

from __future__ import annotations

import numpy as np

from quant_core.foundation.errors import UsageError
from quant_core.foundation.panel import MarketPanel
from quant_core.foundation.types import FloatArray

EQUAL_WEIGHT = "equal_weight"
"""Name of the benchmark that holds the whole universe at equal weight."""


def benchmark_returns(panel: MarketPanel, name: str, first: int, last: int) -> FloatArray:
    """Close-to-close returns of the benchmark for rows ``first`` to ``last``.

    ``equal_weight``: the mean simple return over the names that are in the universe at
    the close before and have a close on both sessions, rebalanced every session at no
    cost. Any other name is a symbol: its close over its last valid close before, less
    1, so that a session without a close returns 0 and the next one spans the gap. The
    universe of the session before is used, because it was known when held.

    Raises
    ------
    UsageError
        If ``name`` is neither ``equal_weight`` nor a symbol of the dataset.
    """
    if name == EQUAL_WEIGHT:
        return _equal_weight_returns(panel, first, last)
    column = int(panel.axes.columns_of([name])[0])
    if column < 0:
        raise UsageError(
            "the benchmark is not in the dataset",
            expected=f"a symbol of the dataset, {EQUAL_WEIGHT} or none",
            found=name,
            where="data.benchmark",
        )
    closes = _carried_forward(panel.close[: last + 1, column])
    with np.errstate(invalid="ignore"):
        return closes[first : last + 1] / closes[first - 1 : last] - 1


def benchmark_values(returns: FloatArray, capital: float) -> FloatArray:
    """Value of ``capital`` held in the benchmark; unknown returns before the first are NaN.

    Examples
    --------
    >>> benchmark_values(np.array([np.nan, 0.1, -0.5]), 100.0).round(6).tolist()
    [nan, 110.0, 55.0]
    """
    known = np.isfinite(returns)
    values = capital * np.cumprod(1 + np.where(known, returns, 0.0))
    started = np.logical_or.accumulate(known)
    return np.where(started, values, np.nan)


def _equal_weight_returns(panel: MarketPanel, first: int, last: int) -> FloatArray:
    before = panel.close[first - 1 : last]
    after = panel.close[first : last + 1]
    known = panel.member[first - 1 : last] & np.isfinite(before) & np.isfinite(after)
    growth = np.divide(after, before, out=np.zeros_like(after), where=known)
    count = known.sum(axis=1)
    mean = growth.sum(axis=1) / np.maximum(count, 1) - 1
    return np.where(count > 0, mean, np.nan)


def _carried_forward(closes: FloatArray) -> FloatArray:
    rows = np.where(np.isfinite(closes), np.arange(len(closes)), -1)
    last_known = np.maximum.accumulate(rows)
    return np.where(last_known >= 0, closes[np.maximum(last_known, 0)], np.nan)
