"""Statistics over a moving window, aligned with the sessions.

Each result has the length of its input: the value at t is computed from the ``window`` periods
that end with t, and the first ``window - 1`` are NaN. Inside a window the NaN policy is that of
the statistic itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from quant_core.foundation.errors import UsageError
from quant_core.foundation.types import FloatArray, FloatMatrix
from quant_core.performance.benchmark_relative import (
    compound_annual_alpha,
    down_capture,
    market_line,
    up_capture,
)
from quant_core.performance.distribution import SMALLEST_SPREAD
from quant_core.performance.drawdowns import maximum_drawdown


def rolling_volatility(returns: FloatArray, window: int, *, periods_per_year: float) -> FloatArray:
    """Annual volatility (ddof 1) of each window.

    Examples
    --------
    >>> rolling_volatility(np.array([0.01, -0.01, -0.01]), 2, periods_per_year=1).round(6).tolist()
    [nan, 0.014142, 0.0]
    """
    _, deviation = _window_moments(returns, window)
    return deviation * math.sqrt(periods_per_year)


def rolling_sharpe(
    returns: FloatArray,
    window: int,
    *,
    risk_free: float | FloatArray,
    periods_per_year: float,
) -> FloatArray:
    """Sharpe ratio of each window, as :func:`~quant_core.performance.ratios.sharpe_ratio`.

    Examples
    --------
    >>> daily = np.array([0.01, 0.02, 0.03])
    >>> rolling_sharpe(daily, 3, risk_free=0.0, periods_per_year=252).round(6).tolist()
    [nan, nan, 31.749016]
    """
    mean, deviation = _window_moments(returns - risk_free, window)
    reward = np.where(np.abs(mean) <= SMALLEST_SPREAD, 0.0, mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(deviation == 0.0, reward, mean) / deviation
    return ratio * math.sqrt(periods_per_year)


def rolling_maximum_drawdown(
    returns: FloatArray, window: int, *, start_is_peak: bool
) -> FloatArray:
    """Largest drawdown inside each window, each window starting from fresh capital.

    Examples
    --------
    >>> falling = np.array([-0.1, 0.2, -0.5])
    >>> rolling_maximum_drawdown(falling, 2, start_is_peak=True).round(12).tolist()
    [nan, -0.1, -0.5]
    """
    return _over_windows(
        lambda own, _: maximum_drawdown(own, start_is_peak=start_is_peak), returns, returns, window
    )


def rolling_beta(
    returns: FloatArray, benchmark: FloatArray, window: int, *, risk_free: float
) -> FloatArray:
    """Slope of the market line of each window.

    Examples
    --------
    >>> market = np.array([0.01, 0.02, 0.04])
    >>> rolling_beta(3.0 * market, market, 2, risk_free=0.0).round(9).tolist()
    [nan, 3.0, 3.0]
    """
    return _over_windows(
        lambda own, market: market_line(own, market, risk_free=risk_free).beta,
        returns,
        benchmark,
        window,
    )


def rolling_compound_alpha(
    returns: FloatArray,
    benchmark: FloatArray,
    window: int,
    *,
    risk_free: float,
    periods_per_year: float,
) -> FloatArray:
    """Compounded annual alpha of each window.

    Examples
    --------
    >>> market = np.array([0.01, 0.02, 0.04])
    >>> own = market + 0.001
    >>> rolling_compound_alpha(
    ...     own, market, 3, risk_free=0.0, periods_per_year=252
    ... ).round(6).tolist()
    [nan, nan, 0.286434]
    """

    def annual_alpha(own: FloatArray, market: FloatArray) -> float:
        alpha = market_line(own, market, risk_free=risk_free).alpha
        return compound_annual_alpha(alpha, periods_per_year=periods_per_year)

    return _over_windows(annual_alpha, returns, benchmark, window)


def rolling_up_capture(
    returns: FloatArray, benchmark: FloatArray, window: int, *, periods_per_year: float
) -> FloatArray:
    """Up capture of each window.

    Examples
    --------
    >>> own, market = np.array([0.1, 0.2]), np.array([0.2, -0.1])
    >>> rolling_up_capture(own, market, 1, periods_per_year=1).round(12).tolist()
    [0.5, nan]
    """
    return _over_windows(
        lambda own, market: up_capture(own, market, periods_per_year=periods_per_year),
        returns,
        benchmark,
        window,
    )


def rolling_down_capture(
    returns: FloatArray, benchmark: FloatArray, window: int, *, periods_per_year: float
) -> FloatArray:
    """Down capture of each window.

    Examples
    --------
    >>> own, market = np.array([0.1, 0.2]), np.array([0.2, -0.1])
    >>> rolling_down_capture(own, market, 1, periods_per_year=1).round(12).tolist()
    [nan, -2.0]
    """
    return _over_windows(
        lambda own, market: down_capture(own, market, periods_per_year=periods_per_year),
        returns,
        benchmark,
        window,
    )


def _window_moments(values: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (ddof 1) of the known values of each window."""
    windows = _windows(values, window)
    known = ~np.isnan(windows)
    count = known.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, windows, 0.0).sum(axis=1) / count
        deviations = np.where(known, windows - mean[:, None], 0.0)
        variance = np.einsum("ij,ij->i", deviations, deviations) / (count - 1)
    spread = deviations.max(axis=1, initial=0.0) - deviations.min(axis=1, initial=0.0)
    equal = (count > 1) & (spread <= SMALLEST_SPREAD)
    deviation = np.sqrt(np.where(count > 1, np.where(equal, 0.0, variance), np.nan))
    return _aligned(mean, values.size, window), _aligned(deviation, values.size, window)


def _over_windows(
    statistic: Callable[[FloatArray, FloatArray], float],
    returns: FloatArray,
    benchmark: FloatArray,
    window: int,
) -> FloatArray:
    pairs = zip(_windows(returns, window), _windows(benchmark, window), strict=True)
    return _aligned(np.array([statistic(*pair) for pair in pairs]), returns.size, window)


def _windows(values: FloatArray, window: int) -> FloatMatrix:
    """One row per complete window; no rows when the series is shorter than the window."""
    if window < 1:
        raise UsageError("a rolling window has no length", expected="at least 1", found=str(window))
    if values.size < window:
        return np.empty((0, window))
    return np.lib.stride_tricks.sliding_window_view(values, window)


def _aligned(complete: FloatArray, length: int, window: int) -> FloatArray:
    aligned = np.full(length, np.nan)
    aligned[window - 1 :] = complete
    return aligned
