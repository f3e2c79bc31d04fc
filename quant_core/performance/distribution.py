"""The shape of a set of returns: dispersion, skew, kurtosis, gains against losses.

Every function leaves NaN observations out and gives NaN where too few remain for the
statistic to exist.
"""

from __future__ import annotations

import math

import numpy as np

from quant_core.foundation.types import FloatArray

SMALLEST_SPREAD = 1e-15
"""Returns that differ by no more than this are equal: it is what rounding alone produces."""


def known_values(values: FloatArray) -> FloatArray:
    """The observations that are not NaN, in order.

    Examples
    --------
    >>> known_values(np.array([0.1, np.nan, -0.2])).tolist()
    [0.1, -0.2]
    """
    return values[~np.isnan(values)]


def arithmetic_mean(values: FloatArray) -> float:
    """Mean of the known observations; NaN when there are none.

    Examples
    --------
    >>> arithmetic_mean(np.array([1.0, np.nan, 4.0]))
    2.5
    """
    known = known_values(values)
    return float(known.mean()) if known.size else math.nan


def standard_deviation(values: FloatArray) -> float:
    """Sample standard deviation (ddof 1) of the known observations.

    Exactly 0 when all are equal up to rounding, so that a ratio to it is infinite or
    undefined rather than an arbitrary large number. NaN for fewer than two observations.

    Examples
    --------
    >>> standard_deviation(np.array([1.0, np.nan, 3.0])) == 2.0 ** 0.5
    True
    >>> standard_deviation(np.full(7, 0.1))
    0.0
    """
    known = known_values(values)
    if known.size < 2:
        return math.nan
    if float(known.max() - known.min()) <= SMALLEST_SPREAD:
        return 0.0
    return float(known.std(ddof=1))


def reward_to_risk(reward: float, risk: float) -> float:
    """``reward / risk``; with no risk at all, infinite with the sign of the reward, or NaN.

    Examples
    --------
    >>> reward_to_risk(0.1, 0.2), reward_to_risk(0.1, 0.0), reward_to_risk(0.0, 0.0)
    (0.5, inf, nan)
    """
    if risk != 0.0:
        return reward / risk
    if not abs(reward) > SMALLEST_SPREAD:
        return math.nan
    return math.copysign(math.inf, reward)


def skewness(values: FloatArray) -> float:
    """Adjusted Fisher-Pearson skewness G1, unbiased under normality.

    ``G1 = sqrt(n (n - 1)) / (n - 2) * m3 / m2 ** 1.5`` with central moments m about the
    sample mean. NaN for fewer than three observations or no spread.

    Source: Joanes and Gill (1998), Comparing measures of sample skewness and kurtosis, The
    Statistician 47.

    Examples
    --------
    >>> round(skewness(np.array([1.0, 2.0, 6.0])), 6)
    1.457863
    """
    known = known_values(values)
    n = known.size
    if n < 3:
        return math.nan
    return math.sqrt(n * (n - 1)) / (n - 2) * population_skewness(known)


def excess_kurtosis(values: FloatArray) -> float:
    """Adjusted excess kurtosis G2: 0 for a normal distribution, positive for fat tails.

    ``G2 = (n - 1) / ((n - 2)(n - 3)) * ((n + 1)(m4 / m2 ** 2 - 3) + 6)``. NaN for fewer than
    four observations or no spread.

    Source: Joanes and Gill (1998), as for :func:`skewness`.

    Examples
    --------
    >>> round(excess_kurtosis(np.array([1.0, 2.0, 3.0, 4.0])), 6)
    -1.2
    """
    known = known_values(values)
    n = known.size
    if n < 4:
        return math.nan
    population_excess = population_kurtosis(known) - 3.0
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * population_excess + 6.0)


def population_skewness(values: FloatArray) -> float:
    """Unadjusted skewness ``m3 / m2 ** 1.5``; NaN without spread.

    Examples
    --------
    >>> population_skewness(np.array([-1.0, 0.0, 1.0]))
    0.0
    """
    return _standardised_moment(values, 3)


def population_kurtosis(values: FloatArray) -> float:
    """Unadjusted kurtosis ``m4 / m2 ** 2``, 3 for a normal distribution; NaN without spread.

    Examples
    --------
    >>> population_kurtosis(np.array([-1.0, 1.0]))
    1.0
    """
    return _standardised_moment(values, 4)


def _standardised_moment(values: FloatArray, power: int) -> float:
    known = known_values(values)
    if known.size == 0 or float(known.max() - known.min()) <= SMALLEST_SPREAD:
        return math.nan
    deviations: FloatArray = known - float(known.mean())
    variance = float(np.square(deviations).mean())
    return float(np.power(deviations, power).mean()) / variance ** (power / 2)


def hit_rate(returns: FloatArray) -> float:
    """Share of the known periods with a return above zero; a flat period is no hit.

    Examples
    --------
    >>> hit_rate(np.array([0.01, 0.0, -0.01, 0.02]))
    0.5
    """
    return arithmetic_mean(np.where(np.isnan(returns), np.nan, returns > 0.0))


def profit_factor(amounts: FloatArray) -> float:
    """Sum of the gains over the sum of the losses, of returns or of trade results.

    Infinite with gains and no losses; NaN with neither.

    Examples
    --------
    >>> profit_factor(np.array([30.0, -10.0, 5.0, -4.0]))
    2.5
    """
    known = known_values(amounts)
    gains = float(np.maximum(known, 0.0).sum())
    return reward_to_risk(gains, float(np.maximum(-known, 0.0).sum()))


def tail_ratio(returns: FloatArray) -> float:
    """Size of the 95th percentile over size of the 5th (linear interpolation).

    Above 1 the good days are larger than the bad ones. NaN without observations.

    Examples
    --------
    >>> round(tail_ratio(np.array([-0.02, 0.0, 0.04])), 6)
    2.0
    """
    known = known_values(returns)
    if known.size == 0:
        return math.nan
    low, high = float(np.quantile(known, 0.05)), float(np.quantile(known, 0.95))
    return reward_to_risk(abs(high), abs(low))


def stability(returns: FloatArray) -> float:
    """R squared of a straight line through the cumulative log returns.

    1 = growth at a constant pace. NaN periods are left out; NaN for fewer than two known
    periods, for a flat path, or once everything was lost.

    Examples
    --------
    >>> round(stability(np.full(5, 0.01)), 12)
    1.0
    """
    known = known_values(returns)
    if known.size < 2 or not float(known.min()) > -1.0:
        return math.nan
    path = np.cumsum(np.log1p(known))
    time = np.arange(known.size) - (known.size - 1) / 2.0
    deviations = path - path.mean()
    variation = float(deviations @ deviations)
    if not variation > 0.0:
        return math.nan
    return float(time @ deviations) ** 2 / (float(time @ time) * variation)
