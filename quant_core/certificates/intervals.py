"""Confidence intervals of a mean: Student's t, and the bootstrap over the sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from quant_core.foundation.types import FloatArray

CONFIDENCE = 0.99
"""A correct engine fails one sample in a hundred by chance."""

RESAMPLES = 5_000

# Two-sided 99 % quantile of Student's t by degrees of freedom (Abramowitz and Stegun 1964,
# table 26.10); beyond the last, the normal quantile with its first-order correction.
_QUANTILES = {1: 63.657, 2: 9.925, 3: 5.841, 4: 4.604, 5: 4.032, 6: 3.707, 7: 3.499, 8: 3.355}
_NORMAL = 2.575829


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """Mean of a sample with its standard error and two intervals of 99 %."""

    mean: float
    standard_error: float
    low: float
    high: float
    bootstrap_low: float
    bootstrap_high: float


def mean_interval(sample: FloatArray, seed: int) -> MeanInterval:
    """The mean of independent draws and where it may lie.

    Examples
    --------
    >>> found = mean_interval(np.array([-1.0, 1.0] * 50), seed=1)
    >>> found.mean, round(found.standard_error, 4), round(found.high, 3)
    (0.0, 0.1005, 0.264)
    """
    count = len(sample)
    mean = float(sample.mean())
    error = float(sample.std(ddof=1)) / math.sqrt(count) if count > 1 else math.inf
    reach = student_quantile(count - 1) * error if count > 1 else math.inf
    chance = np.random.default_rng(seed)
    drawn = sample[chance.integers(0, count, (RESAMPLES, count))].mean(axis=1)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    return MeanInterval(mean, error, mean - reach, mean + reach, low, high)


def student_quantile(degrees: int) -> float:
    """Two-sided 99 % quantile of Student's t.

    Above eight degrees of freedom by the expansion of Cornish and Fisher (1937), right to
    three decimals.

    Examples
    --------
    >>> round(student_quantile(30), 3), round(student_quantile(199), 3)
    (2.75, 2.601)
    """
    if degrees in _QUANTILES:
        return _QUANTILES[degrees]
    z = _NORMAL
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / degrees + second / degrees**2 + third / degrees**3
