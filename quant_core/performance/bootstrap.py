"""Confidence interval of the Sharpe ratio by the stationary bootstrap.

A resample is made of blocks of consecutive returns, wrapped around the end of the series. Block
starts are uniform, block lengths geometric, so that the resampled series is stationary and keeps
the short memory of the original.

1. :func:`mean_block_length` - how long a memory the returns have.
2. :func:`draw_blocks` - starts and lengths of the blocks of every resample.
3. :func:`sharpe_interval` - the Sharpe ratio of every resample, from running sums over the
   blocks, and the quantiles of those.

Sources: Politis and Romano (1994), The Stationary Bootstrap, JASA 89; Politis and White (2004),
Automatic Block-Length Selection for the Dependent Bootstrap, Econometric Reviews 23, with the
correction of Patton, Politis and White (2009), Econometric Reviews 28.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quant_core.foundation.errors import UsageError
from quant_core.foundation.types import FloatArray, IntArray
from quant_core.performance.distribution import SMALLEST_SPREAD, known_values
from quant_core.performance.ratios import sharpe_ratio

BLOCKS_AT_A_TIME = 100_000
"""Blocks drawn in one go: bounds the memory of a long series to a few megabytes."""


@dataclass(frozen=True, slots=True)
class BootstrapPlan:
    """How to resample.

    Attributes
    ----------
    confidence : float
        Probability the interval is meant to cover, between 0 and 1.
    resamples : int
        Number of resampled series.
    seed : int
        Seed of the generator (numpy PCG64); equal seeds give equal results.
    mean_block : float or None
        Mean block length in periods, at least 1; None chooses it from the data.
    """

    confidence: float
    resamples: int
    seed: int
    mean_block: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.confidence < 1.0:
            raise UsageError(
                "the confidence of an interval is no probability",
                expected="between 0 and 1, such as 0.95",
                found=str(self.confidence),
            )
        if self.resamples < 1 or not (self.mean_block is None or self.mean_block >= 1.0):
            raise UsageError(
                "a bootstrap needs resamples, and blocks of at least one period",
                expected="resamples >= 1, mean_block >= 1 or none",
                found=f"resamples {self.resamples}, mean_block {self.mean_block}",
            )


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds; ``mean_block`` is the mean block length used, in periods."""

    estimate: float
    low: float
    high: float
    mean_block: float


def sharpe_interval(
    returns: FloatArray,
    plan: BootstrapPlan,
    *,
    risk_free: float | FloatArray,
    periods_per_year: float,
) -> Interval:
    """Sharpe ratio per year with its percentile interval.

    Parameters
    ----------
    returns : FloatArray
        Simple returns per period; NaN periods are left out.
    plan : BootstrapPlan
        Confidence, resamples, seed, block length.
    risk_free : float or FloatArray
        Risk-free return per period.
    periods_per_year : float

    Returns
    -------
    Interval
        Bounds are NaN when the ratio is not a finite number.

    Examples
    --------
    >>> daily = np.random.default_rng(1).normal(0.001, 0.01, 500)
    >>> plan = BootstrapPlan(confidence=0.95, resamples=500, seed=7)
    >>> found = sharpe_interval(daily, plan, risk_free=0.0, periods_per_year=252)
    >>> found.low < found.estimate < found.high
    True
    """
    estimate = sharpe_ratio(returns, risk_free=risk_free, periods_per_year=periods_per_year)
    excess = known_values(returns - risk_free)
    if not math.isfinite(estimate):
        return Interval(estimate, math.nan, math.nan, math.nan)
    mean_block = mean_block_length(excess) if plan.mean_block is None else plan.mean_block
    ratios = resampled_sharpe(excess, mean_block, plan.resamples, np.random.default_rng(plan.seed))
    tail = (1.0 - plan.confidence) / 2.0
    low, high = np.nanquantile(ratios, (tail, 1.0 - tail)) * math.sqrt(periods_per_year)
    return Interval(estimate, float(low), float(high), mean_block)


def resampled_sharpe(
    excess: FloatArray, mean_block: float, resamples: int, generator: np.random.Generator
) -> FloatArray:
    """Mean over standard deviation (ddof 1) of each resample, per period.

    NaN for a resample without spread. The sums over a block are differences of running
    sums over the series laid out twice, so the work grows with the number of blocks and not
    with the number of returns.

    Parameters
    ----------
    excess : FloatArray
        Known excess returns per period, length n >= 2.
    mean_block : float
        Mean block length in periods.
    resamples : int
        Number of resampled series of length n.
    generator : np.random.Generator
        Advanced by the draws.

    Returns
    -------
    FloatArray
        Length ``resamples``.

    Examples
    --------
    >>> resampled_sharpe(np.array([0.1, -0.1]), 1.0, 4, np.random.default_rng(0)).round(3).tolist()
    [nan, 0.0, nan, nan]
    """
    n = excess.size
    mean = float(excess.mean())
    centred = excess - mean
    sums = _wrapped_running_sum(centred)
    squares = _wrapped_running_sum(centred**2)
    rows_at_a_time = max(1, BLOCKS_AT_A_TIME // _most_blocks(n, mean_block))
    parts: list[FloatArray] = []
    for first in range(0, resamples, rows_at_a_time):
        rows = min(rows_at_a_time, resamples - first)
        starts, lengths = draw_blocks(n, mean_block, rows, generator)
        ends = starts + lengths
        total = (sums[ends] - sums[starts]).sum(axis=1)
        total_squares = (squares[ends] - squares[starts]).sum(axis=1)
        variance = (total_squares - total**2 / n) / (n - 1)
        # What cancellation leaves of an exact zero stays below this.
        spread = np.where(variance > SMALLEST_SPREAD**2, variance, np.nan)
        parts.append((mean + total / n) / np.sqrt(spread))
    return np.concatenate(parts)


def draw_blocks(
    length: int, mean_block: float, resamples: int, generator: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Starts and lengths of the blocks that make each resample of ``length`` periods.

    Returns
    -------
    starts, lengths : IntArray
        Both [resamples, blocks]. A row's lengths sum to ``length``; the last blocks of a row
        may be empty. A block runs past the end of the series into its beginning.

    Examples
    --------
    >>> starts, lengths = draw_blocks(10, 3.0, 2, np.random.default_rng(0))
    >>> lengths.sum(axis=1).tolist(), bool((starts < 10).all())
    ([10, 10], True)
    """
    shape = (resamples, _most_blocks(length, mean_block))
    starts = generator.integers(0, length, size=shape)
    ends = np.cumsum(generator.geometric(min(1.0, 1.0 / mean_block), size=shape), axis=1)
    np.minimum(ends, length, out=ends)
    # Fewer draws than needed are rarer than 1 in 10**14; the last block then runs to the end.
    ends[:, -1] = length
    return starts, np.diff(ends, axis=1, prepend=0)


def resample_indices(
    length: int, mean_block: float, resamples: int, generator: np.random.Generator
) -> IntArray:
    """Row numbers of each resample, [resamples, length], to resample any statistic.

    The same generator state gives the resamples :func:`resampled_sharpe` uses, as long as
    they fit in one draw.

    Examples
    --------
    >>> resample_indices(5, 2.0, 2, np.random.default_rng(3)).shape
    (2, 5)
    """
    starts, lengths = draw_blocks(length, mean_block, resamples, generator)
    flat_lengths = lengths.ravel()
    block_begins = np.cumsum(flat_lengths) - flat_lengths
    shift = np.repeat(starts.ravel() - block_begins, flat_lengths)
    return ((np.arange(shift.size) + shift) % length).reshape(resamples, length)


def mean_block_length(values: FloatArray) -> float:
    """Mean block length that minimises the mean squared error of the bootstrap variance.

    ``b = (G / g0) ** (2/3) * n ** (1/3)``, where ``g0`` is the long-run variance and ``G`` the
    sum of ``|k| R(k)``, both from autocovariances R(k) under the flat-top window. The
    window reaches twice as far as the lag after which five successive autocorrelations are
    insignificant. At least 1, at most ``min(3 sqrt(n), n / 3)``.

    Parameters
    ----------
    values : FloatArray
        Known observations in order of time.

    Returns
    -------
    float
        Periods; 1 for fewer than ten observations or a constant series.

    Source: Politis and White (2004), sections 3.2 and 3.3, corrected by Patton, Politis and
    White (2009).

    Examples
    --------
    >>> alternating = np.tile([0.01, -0.01], 100)
    >>> mean_block_length(np.zeros(50)), 1.0 < mean_block_length(alternating)
    (1.0, True)
    """
    n = values.size
    if n < 10 or float(values.max() - values.min()) <= SMALLEST_SPREAD:
        return 1.0
    longest = math.ceil(min(3.0 * math.sqrt(n), n / 3.0))
    covariances = _autocovariances(values, min(n - 1, math.ceil(math.sqrt(n)) + 5))
    reach = _window_reach(covariances, n)
    lags = np.arange(1, reach + 1)
    flat_top = np.minimum(1.0, 2.0 * (1.0 - lags / reach)) if reach > 1 else np.ones(1)
    weighted = flat_top * covariances[1 : reach + 1]
    long_run_variance = float(covariances[0] + 2.0 * weighted.sum())
    slope = float(2.0 * (lags * weighted).sum())
    if long_run_variance == 0.0:
        return float(longest)
    length = abs(slope / long_run_variance) ** (2.0 / 3.0) * n ** (1.0 / 3.0)
    return min(max(length, 1.0), float(longest))


def _window_reach(covariances: FloatArray, n: int) -> int:
    """Lags under the window: twice the last lag before five insignificant ones in a row."""
    largest = covariances.size - 1
    insignificant = np.abs(covariances[1:] / covariances[0]) < 2.0 * math.sqrt(math.log10(n) / n)
    for last_significant in range(largest - 4):
        if insignificant[last_significant : last_significant + 5].all():
            return min(2 * max(last_significant, 1), largest)
    return largest


def _autocovariances(values: FloatArray, largest_lag: int) -> FloatArray:
    centred = values - values.mean()
    products = [centred[lag:] @ centred[: centred.size - lag] for lag in range(largest_lag + 1)]
    return np.array(products) / centred.size


def _most_blocks(length: int, mean_block: float) -> int:
    """Blocks enough for ``length`` periods but for one case in 10**14."""
    chance = min(1.0, 1.0 / mean_block)
    expected = 1.0 + (length - 1) * chance
    deviation = math.sqrt((length - 1) * chance * (1.0 - chance))
    return min(length, math.ceil(expected + 8.0 * deviation + 8.0))


def _wrapped_running_sum(values: FloatArray) -> FloatArray:
    return np.concatenate(([0.0], np.cumsum(np.concatenate((values, values)))))
