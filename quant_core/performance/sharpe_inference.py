"""How much a Sharpe ratio proves: standard error, probability, deflation for many trials.

All ratios here are *per period*, not per year, unless a name says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quant_core.foundation.errors import UsageError
from quant_core.foundation.types import FloatArray
from quant_core.performance.distribution import (
    known_values,
    population_kurtosis,
    population_skewness,
)
from quant_core.performance.ratios import sharpe_ratio


@dataclass(frozen=True, slots=True)
class SharpeSample:
    """What the sampling distribution of a Sharpe ratio depends on.

    Attributes
    ----------
    ratio : float
        Sharpe ratio per period.
    skewness, kurtosis : float
        Of the returns; kurtosis not in excess, 3 for a normal distribution.
    observations : int
    """

    ratio: float
    skewness: float
    kurtosis: float
    observations: int

    @classmethod
    def of(cls, returns: FloatArray, *, risk_free: float | FloatArray) -> SharpeSample:
        """The sample of known excess returns; skewness and kurtosis unadjusted.

        Examples
        --------
        >>> SharpeSample.of(np.array([-1.0, 1.0, -1.0, 1.0]), risk_free=0.0)
        SharpeSample(ratio=0.0, skewness=0.0, kurtosis=1.0, observations=4)
        """
        excess = known_values(returns - risk_free)
        return cls(
            sharpe_ratio(excess, risk_free=0.0, periods_per_year=1),
            population_skewness(excess),
            population_kurtosis(excess),
            int(excess.size),
        )


def independent_standard_error(ratio: float, observations: int) -> float:
    """Standard error of a Sharpe ratio of independent normal returns: ``sqrt((1 + S^2/2) / T)``.

    Source: Lo (2002), The Statistics of Sharpe Ratios, Financial Analysts Journal 58, eq. 9.

    Examples
    --------
    >>> round(independent_standard_error(0.5, 60), 3)
    0.137
    """
    return math.sqrt((1.0 + ratio**2 / 2.0) / observations) if observations > 0 else math.nan


def standard_error(sample: SharpeSample) -> float:
    """Standard error that allows for skewness and fat tails.

    ``sqrt((1 - g3 S + (g4 - 1) / 4 * S^2) / (T - 1))``; NaN for fewer than two observations.

    Source: Mertens (2002), Comments on variance of the IID estimator in Lo (2002); Bailey and
    Lopez de Prado (2012), eq. 7.

    Examples
    --------
    >>> normal = SharpeSample(ratio=0.5, skewness=0.0, kurtosis=3.0, observations=61)
    >>> round(standard_error(normal), 3)
    0.137
    """
    if sample.observations < 2:
        return math.nan
    ratio = sample.ratio
    spread = 1.0 - sample.skewness * ratio + (sample.kurtosis - 1.0) / 4.0 * ratio**2
    return math.sqrt(spread / (sample.observations - 1)) if spread >= 0.0 else math.nan


def probabilistic_sharpe_ratio(sample: SharpeSample, *, threshold: float) -> float:
    """Probability that the true Sharpe ratio exceeds ``threshold`` (per period).

    Source: Bailey and Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier, Journal of
    Risk 15, eq. 9.

    Examples
    --------
    >>> two_years = SharpeSample(ratio=0.458, skewness=-2.448, kurtosis=10.164, observations=24)
    >>> round(probabilistic_sharpe_ratio(two_years, threshold=0.0), 3)
    0.913
    """
    error = standard_error(sample)
    if not error > 0.0:
        return math.nan
    return _normal_probability((sample.ratio - threshold) / error)


def minimum_track_record(sample: SharpeSample, *, threshold: float, confidence: float) -> float:
    """Observations needed to hold the ratio above ``threshold`` with ``confidence``.

    Infinite when the ratio is not above the threshold.

    Source: Bailey and Lopez de Prado (2012), eq. 11.

    Examples
    --------
    >>> monthly = SharpeSample(ratio=0.2, skewness=0.0, kurtosis=3.0, observations=24)
    >>> round(minimum_track_record(monthly, threshold=0.0, confidence=0.95), 1)
    70.0
    """
    if not sample.ratio > threshold:
        return math.inf
    per_observation = standard_error(sample) ** 2 * (sample.observations - 1)
    quantile = _normal_quantile(confidence)
    return 1.0 + per_observation * (quantile / (sample.ratio - threshold)) ** 2


def expected_maximum_sharpe(*, trials: int, variance: float) -> float:
    """Sharpe ratio the best of ``trials`` worthless strategies is expected to show.

    ``sqrt(V) ((1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e)))`` with Euler's constant g, the normal
    quantile Z, and V the variance of the Sharpe ratio across the trials, per period. 0 for
    a single trial.

    Raises
    ------
    UsageError
        For fewer than one trial or a negative variance.

    Source: Bailey and Lopez de Prado (2014), The Deflated Sharpe Ratio, Journal of Portfolio
    Management 40, eq. 1.

    Examples
    --------
    >>> round(expected_maximum_sharpe(trials=100, variance=1 / 500), 4)
    0.1132
    """
    if trials < 1 or not variance >= 0.0:
        raise UsageError(
            "a deflated Sharpe ratio needs the trials it was chosen from",
            expected="trials >= 1 and a variance of their Sharpe ratios >= 0",
            found=f"trials {trials}, variance {variance}",
        )
    if trials == 1:
        return 0.0
    first = _normal_quantile(1.0 - 1.0 / trials)
    second = _normal_quantile(1.0 - 1.0 / (trials * math.e))
    euler = float(np.euler_gamma)
    return math.sqrt(variance) * ((1.0 - euler) * first + euler * second)


def deflated_sharpe_ratio(sample: SharpeSample, *, trials: int, variance: float) -> float:
    """Probability that the true Sharpe ratio is above 0, given how many were tried.

    The probabilistic ratio against :func:`expected_maximum_sharpe`.

    Source: Bailey and Lopez de Prado (2014), eq. 2.

    Examples
    --------
    >>> best = SharpeSample(ratio=2.5 / 250**0.5, skewness=-3.0, kurtosis=10.0, observations=1250)
    >>> round(deflated_sharpe_ratio(best, trials=100, variance=1 / 500), 4)
    0.9004
    """
    threshold = expected_maximum_sharpe(trials=trials, variance=variance)
    return probabilistic_sharpe_ratio(sample, threshold=threshold)


def serial_annualisation(returns: FloatArray, *, periods_per_year: int) -> float:
    """Factor from the ratio per period to the ratio per year under serial correlation.

    ``q / sqrt(q + 2 sum((q - k) rho(k)))`` over the lags k below q = ``periods_per_year``;
    ``sqrt(q)`` for independent returns, less with positive autocorrelation. Lags the sample
    does not reach count as 0. NaN when the variance of the sum comes out as no positive number.

    Source: Lo (2002), eq. 20.

    Examples
    --------
    >>> round(serial_annualisation(np.array([1.0, -1.0, -1.0, 1.0]), periods_per_year=2), 6)
    1.632993
    """
    known = known_values(returns)
    centred = known - known.mean() if known.size else known
    variation = float(centred @ centred)
    if not variation > 0.0:
        return math.nan
    lags = range(1, min(periods_per_year, known.size))
    weighted = [
        (periods_per_year - lag) * float(centred[lag:] @ centred[:-lag]) / variation for lag in lags
    ]
    spread = periods_per_year + 2.0 * math.fsum(weighted)
    return periods_per_year / math.sqrt(spread) if spread > 0.0 else math.nan


def _normal_probability(value: float) -> float:
    return math.erfc(-value / math.sqrt(2.0)) / 2.0


def _normal_quantile(probability: float) -> float:
    from statistics import NormalDist  # not needed by the statistics of a run

    return NormalDist().inv_cdf(probability)
