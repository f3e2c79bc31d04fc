"""Return against risk: volatility, Sharpe, Sortino, Omega, Calmar.

Every convention that changes a number is a named argument without a default. Returns are
simple returns per period, 1-D; a risk-free rate, target or threshold is *per period* (a number,
or one per period): :func:`~quant_core.performance.returns.per_period_rate` turns an annual rate
into one. NaN periods are left out.
"""

from __future__ import annotations

import math

import numpy as np

from quant_core.foundation.types import FloatArray
from quant_core.performance.distribution import (
    arithmetic_mean,
    known_values,
    reward_to_risk,
    standard_deviation,
)


def annual_volatility(returns: FloatArray, *, periods_per_year: float) -> float:
    """Standard deviation (ddof 1) per year: ``s * sqrt(periods_per_year)``.

    NaN for fewer than two known returns.

    Examples
    --------
    >>> round(annual_volatility(np.array([0.01, -0.01]), periods_per_year=252), 6)
    0.224499
    """
    return standard_deviation(returns) * math.sqrt(periods_per_year)


def sharpe_ratio(
    returns: FloatArray, *, risk_free: float | FloatArray, periods_per_year: float
) -> float:
    """Arithmetic mean over standard deviation (ddof 1) of excess returns, per year.

    ``mean(r - rf) / s(r - rf) * sqrt(periods_per_year)``.

    Returns
    -------
    float
        NaN for fewer than two known returns; infinite for a constant excess return other than
        zero, NaN for a constant zero.

    Source: Sharpe (1994), The Sharpe Ratio, Journal of Portfolio Management 21.

    Examples
    --------
    >>> daily = np.array([0.01, 0.02, 0.03])
    >>> round(sharpe_ratio(daily, risk_free=0.0, periods_per_year=252), 6)
    31.749016
    """
    excess = returns - risk_free
    per_period = reward_to_risk(arithmetic_mean(excess), standard_deviation(excess))
    return per_period * math.sqrt(periods_per_year)


def downside_deviation(
    returns: FloatArray, *, target: float | FloatArray, periods_per_year: float
) -> float:
    """Root mean square shortfall below ``target``, per year.

    ``sqrt(mean(min(r - target, 0) ** 2) * periods_per_year)``; the mean runs over all known
    periods, not over the short ones alone. NaN without known returns.

    Source: Sortino and van der Meer (1991), Downside risk, Journal of Portfolio Management 17.

    Examples
    --------
    >>> monthly = np.array([0.03, -0.02, 0.0, -0.02])
    >>> round(downside_deviation(monthly, target=0.0, periods_per_year=12), 6)
    0.04899
    """
    shortfall = np.minimum(returns - target, 0.0)
    return math.sqrt(arithmetic_mean(shortfall**2) * periods_per_year)


def sortino_ratio(
    returns: FloatArray, *, target: float | FloatArray, periods_per_year: float
) -> float:
    """Mean excess over ``target`` per year, over :func:`downside_deviation`.

    NaN for fewer than two known returns; infinite when nothing fell short and the mean excess
    is not zero.

    Examples
    --------
    >>> monthly = np.array([0.03, -0.02, 0.01, -0.02])
    >>> round(sortino_ratio(monthly, target=-0.01, periods_per_year=12), 6)
    4.898979
    """
    excess = returns - target
    if known_values(excess).size < 2:
        return math.nan
    reward = arithmetic_mean(excess) * periods_per_year
    risk = downside_deviation(returns, target=target, periods_per_year=periods_per_year)
    return reward_to_risk(reward, risk)


def omega_ratio(returns: FloatArray, *, threshold: float | FloatArray) -> float:
    """Sum of the excesses above ``threshold`` over the sum of the shortfalls below it.

    NaN for fewer than two known returns or when nothing fell short.

    Source: Keating and Shadwick (2002), A Universal Performance Measure.

    Examples
    --------
    >>> round(omega_ratio(np.array([0.03, -0.01, 0.01, -0.01]), threshold=0.0), 6)
    2.0
    """
    excess = known_values(returns - threshold)
    shortfall = float(np.maximum(-excess, 0.0).sum())
    if excess.size < 2 or not shortfall > 0.0:
        return math.nan
    return float(np.maximum(excess, 0.0).sum()) / shortfall


def calmar_ratio(*, annual_return: float, maximum_drawdown: float) -> float:
    """Annual return over the size of the largest drawdown.

    Which annual return (geometric over periods, or over calendar time) and which drawdown is
    the caller's to state. NaN when there was no drawdown.

    Source: Young (1991), Calmar Ratio: A Smoother Tool, Futures.

    Examples
    --------
    >>> calmar_ratio(annual_return=0.12, maximum_drawdown=-0.24)
    0.5
    """
    if not maximum_drawdown < 0.0:
        return math.nan
    return annual_return / -maximum_drawdown
