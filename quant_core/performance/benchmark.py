"""Benchmarks: one symbol held, or the universe at equal weight, as a value curve."""

from __future__ import annotations

import numpy as np

from quant_core.foundation.errors import UsageError
from quant_core.foundation.panel import MarketPanel, carried_forward
from quant_core.foundation.types import FloatArray

EQUAL_WEIGHT = "equal_weight"
"""Name of the benchmark that holds the whole universe at equal weight."""

LONGEST_SILENCE = 60
"""Sessions without a close after which ``equal_weight`` leaves a name out."""


def benchmark_returns(panel: MarketPanel, name: str, first: int, last: int) -> FloatArray:
    """Close-to-close returns of the benchmark for rows ``first`` to ``last``.

    ``equal_weight``: the mean simple return over the names that are in the universe at
    the close before and had a close in the :data:`LONGEST_SILENCE` sessions up to then,
    rebalanced every session at no cost. Each is valued at its last valid close on both
    sessions: one without a close today returns 0, and its next close brings the move of
    the whole gap. A name that is silent longer leaves at its last close and counts again
    from the session after its next one. No value depends on a later price: a name that
    never trades again is not told from a suspended one before that. The universe of the
    session before is used, because it was known when held.

    Any other name is a symbol: its close over its last valid close before, less 1, so
    that a session without a close returns 0 and the next one spans the gap.

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
    closes = carried_forward(panel.close_for_returns[: last + 1, column])
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
    closes = panel.close_for_returns
    symbols = closes.shape[1]
    price = np.full(symbols, np.nan)
    silent = np.zeros(symbols, dtype=np.int64)
    returns = np.full(last + 1 - first, np.nan)
    for row in range(max(first - LONGEST_SILENCE, 0), last + 1):
        close = closes[row]
        traded = np.isfinite(close)
        now = np.where(traded, close, price)
        if row >= first:
            held = panel.member[row - 1] & np.isfinite(price) & (silent < LONGEST_SILENCE)
            if held.any():
                returns[row - first] = (now[held] / price[held]).mean() - 1
        price = now
        silent = np.where(traded, 0, silent + 1)
    return returns
