"""Simple returns, the wealth they compound to, and the growth rate that wealth implies.

A return is ``value / previous value - 1`` as a plain fraction (0.01 = one per cent). A NaN
return is a period about which nothing is known: a path stands still over it, a moment leaves
it out, and it still counts as elapsed time where a rate per year is formed.
"""

from __future__ import annotations

import math

import numpy as np

from quant_core.foundation.types import FloatArray, IntArray

DAYS_PER_YEAR = 365.25
"""Mean length of a Julian calendar year, for growth over calendar time."""


def simple_returns(values: FloatArray) -> FloatArray:
    """Relative change from each value to the next.

    Parameters
    ----------
    values : FloatArray
        Prices or account values, oldest first, length n.

    Returns
    -------
    FloatArray
        Length n - 1 (empty for fewer than two values). NaN where either value is NaN or both
        are zero; infinite after a zero.

    Examples
    --------
    >>> simple_returns(np.array([100.0, 110.0, 99.0])).round(12).tolist()
    [0.1, -0.1]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return values[1:] / values[:-1] - 1.0


def returns_since_start(values: FloatArray | IntArray, starting_value: float) -> FloatArray:
    """Returns of every value, the first one measured from ``starting_value``.

    Parameters
    ----------
    values : FloatArray or IntArray
        Account value at the close of each session, length n.
    starting_value : float
        Capital before the first session, in the same unit.

    Returns
    -------
    FloatArray
        Length n.

    Examples
    --------
    >>> returns_since_start(np.array([990_000, 1_039_500]), 1_000_000).round(12).tolist()
    [-0.01, 0.05]
    """
    return simple_returns(np.concatenate(([float(starting_value)], values.astype(np.float64))))


def wealth_path(returns: FloatArray, starting_value: float) -> FloatArray:
    """Value after each period of ``starting_value`` invested and left to compound.

    A NaN return leaves the value unchanged.

    Examples
    --------
    >>> wealth_path(np.array([0.1, np.nan, -0.5]), 100.0).round(12).tolist()
    [110.0, 110.0, 55.0]
    """
    growth: FloatArray = np.cumprod(1.0 + _unknown_as_zero(returns), dtype=np.float64)
    return starting_value * growth


def cumulative_returns(returns: FloatArray) -> FloatArray:
    """Compound return from the start to the end of each period; NaN counts as 0.

    Examples
    --------
    >>> cumulative_returns(np.array([0.1, 0.1])).round(12).tolist()
    [0.1, 0.21]
    """
    return wealth_path(returns, 1.0) - 1.0


def total_return(returns: FloatArray) -> float:
    """Compound return over all periods; NaN counts as 0, no periods at all give NaN.

    Examples
    --------
    >>> round(total_return(np.array([0.1, -0.1])), 12)
    -0.01
    """
    if returns.size == 0:
        return math.nan
    return float(np.prod(1.0 + _unknown_as_zero(returns))) - 1.0


def per_period_rate(annual_rate: float, *, periods_per_year: float) -> float:
    """The rate per period that compounds to ``annual_rate`` over a year.

    ``(1 + annual_rate) ** (1 / periods_per_year) - 1``; NaN below -1, where no such rate exists.

    Examples
    --------
    >>> round(per_period_rate(0.0201, periods_per_year=2), 12)
    0.01
    """
    return _root_of_growth(1.0 + annual_rate, periods_per_year)


def geometric_annual_return(returns: FloatArray, *, periods_per_year: float) -> float:
    """Growth per year over *counted periods*: ``prod(1 + r) ** (periods_per_year / n) - 1``.

    Here n counts every period, the NaN ones included, since time passed in them too. Compare
    :func:`calendar_growth_rate`, which measures time by the calendar; the two differ by a few
    per cent of the rate, so a report names the one it shows.

    Returns
    -------
    float
        A fraction per year; NaN without periods or when more than everything was lost.

    Source: Bacon (2008), Practical Portfolio Performance Measurement and Attribution, ch. 2.

    Examples
    --------
    >>> round(geometric_annual_return(np.array([0.01, 0.01]), periods_per_year=12), 6)
    0.126825
    """
    if returns.size == 0:
        return math.nan
    return _root_of_growth(1.0 + total_return(returns), returns.size / periods_per_year)


def calendar_growth_rate(growth: float, first: np.datetime64, last: np.datetime64) -> float:
    """Compound annual growth rate (CAGR) over calendar time.

    ``growth ** (365.25 / days) - 1`` with ``days = last - first``.

    Parameters
    ----------
    growth : float
        Final value over starting value, 1.21 for a gain of 21 per cent.
    first, last : np.datetime64
        First and last session. The capital works from the open of the first to the close of
        the last, which is ``last - first`` days but for the hours of one session.

    Returns
    -------
    float
        A fraction per year; NaN when no day passed or growth is negative.

    Examples
    --------
    >>> day = np.datetime64
    >>> round(calendar_growth_rate(1.21, day("2016-01-04"), day("2018-01-04")), 4)
    0.0999
    """
    days = int((last - first).astype("timedelta64[D]").astype(np.int64))
    if days <= 0:
        return math.nan
    return _root_of_growth(growth, days / DAYS_PER_YEAR)


def _root_of_growth(growth: float, years: float) -> float:
    """``growth ** (1 / years) - 1`` where it is a real number, else NaN."""
    if not growth >= 0.0:
        return math.nan
    try:
        return growth ** (1.0 / years) - 1.0
    except OverflowError:
        return math.inf


def _unknown_as_zero(returns: FloatArray) -> FloatArray:
    return np.where(np.isnan(returns), 0.0, returns)
