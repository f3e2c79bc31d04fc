"""Returns against a benchmark: regression, tracking, capture.

``returns`` and ``benchmark`` are simple returns of the same periods, 1-D and of equal length.
Regression and tracking statistics use the periods in which both are known; capture compounds,
so there an unknown return counts as 0. ``risk_free`` is per period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quant_core.foundation.types import FloatArray
from quant_core.performance.distribution import (
    SMALLEST_SPREAD,
    arithmetic_mean,
    hit_rate,
    reward_to_risk,
    standard_deviation,
)
from quant_core.performance.returns import geometric_annual_return


@dataclass(frozen=True, slots=True)
class MarketLine:
    """Least-squares line ``r - rf = alpha + beta (b - rf)``; ``alpha`` is per period."""

    alpha: float
    beta: float


def market_line(
    returns: FloatArray, benchmark: FloatArray, *, risk_free: float | FloatArray
) -> MarketLine:
    """Regress the excess returns on those of the benchmark.

    Returns
    -------
    MarketLine
        NaN for fewer than two periods with both returns known, or a constant benchmark.

    Source: Jensen (1968), The Performance of Mutual Funds in the Period 1945-1964, Journal of
    Finance 23.

    Examples
    --------
    >>> market = np.array([0.01, -0.02, 0.03])
    >>> line = market_line(0.001 + 2.0 * market, market, risk_free=0.0)
    >>> round(line.alpha, 12), round(line.beta, 12)
    (0.001, 2.0)
    """
    own, market = _both_known(returns - risk_free, benchmark - risk_free)
    if own.size < 2 or float(market.max() - market.min()) <= SMALLEST_SPREAD:
        return MarketLine(math.nan, math.nan)
    deviations = market - market.mean()
    beta = float(deviations @ own) / float(deviations @ deviations)
    return MarketLine(float(own.mean() - beta * market.mean()), beta)


def arithmetic_annual_alpha(alpha: float, *, periods_per_year: float) -> float:
    """Alpha per year without compounding: ``alpha * periods_per_year``.

    Examples
    --------
    >>> round(arithmetic_annual_alpha(0.001, periods_per_year=252), 12)
    0.252
    """
    return alpha * periods_per_year


def compound_annual_alpha(alpha: float, *, periods_per_year: float) -> float:
    """Alpha per year, compounded: ``(1 + alpha) ** periods_per_year - 1``.

    NaN for an alpha below -1.

    Examples
    --------
    >>> round(compound_annual_alpha(0.001, periods_per_year=252), 6)
    0.286434
    """
    if not alpha >= -1.0:
        return math.nan
    return (1.0 + alpha) ** periods_per_year - 1.0


def rising_market(returns: FloatArray, benchmark: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The periods in which the benchmark rose (above 0; a flat period is in neither half).

    Examples
    --------
    >>> own, market = rising_market(np.array([0.1, 0.2, 0.3]), np.array([0.01, 0.0, -0.01]))
    >>> own.tolist(), market.tolist()
    ([0.1], [0.01])
    """
    rose = benchmark > 0.0
    return returns[rose], benchmark[rose]


def falling_market(returns: FloatArray, benchmark: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The periods in which the benchmark fell (below 0).

    Examples
    --------
    >>> own, market = falling_market(np.array([0.1, 0.2, 0.3]), np.array([0.01, 0.0, -0.01]))
    >>> own.tolist(), market.tolist()
    ([0.3], [-0.01])
    """
    fell = benchmark < 0.0
    return returns[fell], benchmark[fell]


def correlation(returns: FloatArray, benchmark: FloatArray) -> float:
    """Pearson correlation; NaN when either series has no spread.

    Examples
    --------
    >>> round(correlation(np.array([0.1, 0.2, 0.3]), np.array([-1.0, -2.0, -3.0])), 12)
    -1.0
    """
    own, market = _both_known(returns, benchmark)
    if not (standard_deviation(own) > 0.0 and standard_deviation(market) > 0.0):
        return math.nan
    x, y = own - own.mean(), market - market.mean()
    return float(x @ y) / math.sqrt(float(x @ x) * float(y @ y))


def tracking_error(returns: FloatArray, benchmark: FloatArray, *, periods_per_year: float) -> float:
    """Standard deviation (ddof 1) of the active returns ``r - b``, per year.

    Examples
    --------
    >>> active = np.array([0.01, -0.01])
    >>> round(tracking_error(active, np.zeros(2), periods_per_year=252), 6)
    0.224499
    """
    return standard_deviation(returns - benchmark) * math.sqrt(periods_per_year)


def information_ratio(
    returns: FloatArray, benchmark: FloatArray, *, periods_per_year: float
) -> float:
    """Mean active return over its standard deviation (ddof 1), per year.

    With ``periods_per_year=1`` it is the ratio per period. NaN for fewer than two periods
    with both returns known, or when the two series are equal.

    Source: Goodwin (1998), The Information Ratio, Financial Analysts Journal 54.

    Examples
    --------
    >>> round(information_ratio(np.array([0.03, 0.01]), np.zeros(2), periods_per_year=1), 6)
    1.414214
    """
    active = returns - benchmark
    per_period = reward_to_risk(arithmetic_mean(active), standard_deviation(active))
    return per_period * math.sqrt(periods_per_year)


def capture_ratio(returns: FloatArray, benchmark: FloatArray, *, periods_per_year: float) -> float:
    """Geometric annual return over that of the benchmark.

    Of :func:`rising_market` or :func:`falling_market` it is the up or the down capture. NaN
    without periods, or when the benchmark earned nothing. A loss-making book against a
    gaining benchmark is negative.

    Source: Bacon (2008), Practical Portfolio Performance Measurement and Attribution, ch. 3.

    Examples
    --------
    >>> capture_ratio(np.array([0.10]), np.array([0.20]), periods_per_year=1).__round__(12)
    0.5
    """
    market = geometric_annual_return(benchmark, periods_per_year=periods_per_year)
    if not abs(market) > SMALLEST_SPREAD:
        return math.nan
    return geometric_annual_return(returns, periods_per_year=periods_per_year) / market


def up_capture(returns: FloatArray, benchmark: FloatArray, *, periods_per_year: float) -> float:
    """:func:`capture_ratio` of the periods in which the benchmark rose.

    Examples
    --------
    >>> own, market = np.array([0.1, -0.3]), np.array([0.2, -0.1])
    >>> round(up_capture(own, market, periods_per_year=1), 12)
    0.5
    """
    own, market = rising_market(returns, benchmark)
    return capture_ratio(own, market, periods_per_year=periods_per_year)


def down_capture(returns: FloatArray, benchmark: FloatArray, *, periods_per_year: float) -> float:
    """:func:`capture_ratio` of the periods in which the benchmark fell; above 1 is worse.

    Examples
    --------
    >>> own, market = np.array([0.1, -0.3]), np.array([0.2, -0.1])
    >>> round(down_capture(own, market, periods_per_year=1), 12)
    3.0
    """
    own, market = falling_market(returns, benchmark)
    return capture_ratio(own, market, periods_per_year=periods_per_year)


@dataclass(frozen=True, slots=True)
class BattingAverage:
    """Share of the periods in which the book beat the benchmark: all, rising, falling."""

    overall: float
    rising: float
    falling: float


def batting_average(returns: FloatArray, benchmark: FloatArray) -> BattingAverage:
    """How often the active return was above zero; a tie is no hit.

    Each share runs over the periods in which both returns are known; NaN where there are none.

    Examples
    --------
    >>> batting_average(np.array([0.02, 0.0, -0.03]), np.array([0.01, 0.01, -0.01]))
    BattingAverage(overall=0.3333333333333333, rising=0.5, falling=0.0)
    """
    active = returns - benchmark
    return BattingAverage(
        overall=hit_rate(active),
        rising=hit_rate(active[benchmark > 0.0]),
        falling=hit_rate(active[benchmark < 0.0]),
    )


def beta_fragility(returns: FloatArray, benchmark: FloatArray) -> float:
    """Curvature of the response to the benchmark: what the book gains or loses from extremes.

    The pairs are sorted by benchmark return (ties in order of time); the chord between the
    returns at the lowest and the highest benchmark return, read at the median one (the
    middle, or the later of the two nearest), less the return there. Negative: extremes hurt.
    A book linear in the benchmark has 0. NaN for fewer than three known pairs.

    Source: Taleb, Canetti, Kinda, Loukoianova and Schmieder (2012), A New Heuristic Measure
    of Fragility and Tail Risks, IMF Working Paper 12/216.

    Examples
    --------
    >>> market = np.array([-0.02, 0.0, 0.02])
    >>> round(beta_fragility(-(market**2), market), 12)
    -0.0004
    """
    own, market = _both_known(returns, benchmark)
    if own.size < 3:
        return math.nan
    order = np.argsort(market, kind="stable")
    low, middle, high = order[0], order[own.size // 2], order[-1]
    span = float(market[high] - market[low])
    upper_weight = float(market[middle] - market[low]) / span if span > 0.0 else 0.5
    chord = (1.0 - upper_weight) * float(own[low]) + upper_weight * float(own[high])
    return chord - float(own[middle])


def _both_known(returns: FloatArray, benchmark: FloatArray) -> tuple[FloatArray, FloatArray]:
    known = ~(np.isnan(returns) | np.isnan(benchmark))
    return returns[known], benchmark[known]
