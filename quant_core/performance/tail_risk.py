"""How bad the bad days are: value at risk and expected shortfall, three ways.

All results are *returns* at the tail, so a loss is negative. ``level`` is the tail
probability: 0.05 for what is usually called "95 per cent". NaN observations are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quant_core.foundation.types import FloatArray
from quant_core.performance.distribution import (
    arithmetic_mean,
    known_values,
    standard_deviation,
)

FEWEST_EXCEEDANCES = 10
"""Below this many observations beyond the threshold a fitted tail means nothing."""

EXPONENTIAL_SHAPE = 1e-9
"""A shape this close to zero is computed as the exponential limit."""


def historical_value_at_risk(returns: FloatArray, *, level: float) -> float:
    """The ``level`` quantile of the returns, linear between order statistics.

    NaN without observations.

    Examples
    --------
    >>> historical_value_at_risk(np.linspace(-0.10, 0.10, 21), level=0.05).__round__(12)
    -0.09
    """
    known = known_values(returns)
    return float(np.quantile(known, level)) if known.size else math.nan


def historical_expected_shortfall(returns: FloatArray, *, level: float) -> float:
    """Mean of the worst ``level * n`` returns, the last one counted in part.

    With ``k = floor(level * n)``: ``(x1 + ... + xk + (level n - k) x(k+1)) / (level n)`` over
    the ascending returns x, a coherent risk measure also where ``level * n`` is no integer.
    NaN without observations.

    Source: Acerbi and Tasche (2002), On the coherence of expected shortfall, Journal of
    Banking and Finance 26, definition 2.6.

    Examples
    --------
    >>> worst_first = np.array([-0.10, -0.04, 0.0, 0.01, 0.02])
    >>> round(historical_expected_shortfall(worst_first, level=0.3), 12)
    -0.08
    """
    ascending = np.sort(known_values(returns))
    if ascending.size == 0:
        return math.nan
    weight = level * ascending.size
    whole = math.floor(weight)
    part = (weight - whole) * float(ascending[min(whole, ascending.size - 1)])
    return (float(ascending[:whole].sum()) + part) / weight


def gaussian_value_at_risk(returns: FloatArray, *, level: float) -> float:
    """The ``level`` quantile of a normal distribution with the sample mean and deviation.

    ``mean + z(level) * s`` with s of ddof 1; NaN for fewer than two observations.

    Examples
    --------
    >>> round(gaussian_value_at_risk(np.array([-0.01, 0.01]), level=0.05), 6)
    -0.023262
    """
    from statistics import NormalDist  # not needed on the way to most results

    deviation = standard_deviation(returns)
    return arithmetic_mean(returns) + NormalDist().inv_cdf(level) * deviation


def gaussian_expected_shortfall(returns: FloatArray, *, level: float) -> float:
    """Mean beyond the ``level`` quantile of a fitted normal: ``mean - s * phi(z) / level``.

    Examples
    --------
    >>> round(gaussian_expected_shortfall(np.array([-0.01, 0.01]), level=0.05), 6)
    -0.029171
    """
    from statistics import NormalDist  # not needed on the way to most results

    normal = NormalDist()
    density = normal.pdf(normal.inv_cdf(level))
    return arithmetic_mean(returns) - standard_deviation(returns) * density / level


@dataclass(frozen=True, slots=True)
class ParetoTail:
    """A generalised Pareto distribution fitted to the losses beyond a threshold.

    Attributes
    ----------
    threshold : float
        Return below which an observation belongs to the tail.
    scale, shape : float
        Parameters sigma and xi; a positive shape is a fat tail.
    exceedances : int
        Observations beyond the threshold.
    value_at_risk, expected_shortfall : float
        Returns at the tail probability asked for.
    """

    threshold: float
    scale: float
    shape: float
    exceedances: int
    value_at_risk: float
    expected_shortfall: float


def pareto_tail(returns: FloatArray, *, tail_fraction: float, level: float) -> ParetoTail:
    """Peaks over threshold: what the fitted tail says about losses rarer than the sample shows.

    1. Threshold: the ``tail_fraction`` quantile of the returns.
    2. Fit by probability-weighted moments, in closed form and reliable in small samples.
    3. Quantile and mean beyond it from the fitted distribution.

    Parameters
    ----------
    returns : FloatArray
        Simple returns per period.
    tail_fraction : float
        Share of the observations that make the tail, for example 0.10.
    level : float
        Tail probability of the result; at most ``tail_fraction``.

    Returns
    -------
    ParetoTail
        All NaN when fewer than ten observations lie beyond the threshold, when they do not
        differ, or when ``level`` is not inside the tail.

    Source: Hosking and Wallis (1987), Parameter and quantile estimation for the generalized
    Pareto distribution, Technometrics 29; McNeil and Frey (2000), Estimation of tail-related
    risk measures, Journal of Empirical Finance 7, eqs. 14 to 17.

    Examples
    --------
    >>> uniform_losses = np.linspace(-0.1, 0.1, 401)
    >>> tail = pareto_tail(uniform_losses, tail_fraction=0.10, level=0.05)
    >>> round(tail.shape, 2), round(tail.value_at_risk, 3), round(tail.expected_shortfall, 3)
    (-1.0, -0.09, -0.095)
    """
    losses = -known_values(returns)
    threshold = float(np.quantile(losses, 1.0 - tail_fraction)) if losses.size else math.nan
    excesses = np.sort(losses[losses > threshold] - threshold)
    count = int(excesses.size)
    if count < FEWEST_EXCEEDANCES or not (0.0 < level <= count / losses.size):
        return _no_tail(count)
    mean = float(excesses.mean())
    upper_weights = (count - 1 - np.arange(count)) / (count - 1)
    weighted_mean = float(np.mean(upper_weights * excesses))
    spread = mean - 2.0 * weighted_mean
    if not spread > 0.0:
        return _no_tail(count)
    shape = 2.0 - mean / spread
    scale = 2.0 * mean * weighted_mean / spread
    beyond = _pareto_quantile(scale, shape, level * losses.size / count)
    return ParetoTail(
        threshold=-threshold,
        scale=scale,
        shape=shape,
        exceedances=count,
        value_at_risk=-(threshold + beyond),
        expected_shortfall=-(threshold + (beyond + scale) / (1.0 - shape)),
    )


def _pareto_quantile(scale: float, shape: float, survival: float) -> float:
    """The excess exceeded with probability ``survival``, given that the threshold is."""
    if abs(shape) < EXPONENTIAL_SHAPE:
        return -scale * math.log(survival)
    return scale / shape * (survival**-shape - 1.0)


def _no_tail(exceedances: int) -> ParetoTail:
    return ParetoTail(math.nan, math.nan, math.nan, exceedances, math.nan, math.nan)
