"""Readable twins of :mod:`quant_core.numerics.rolling`: one window at a time, in plain Python.

They do the same arithmetic in the same order, so that kernel and twin agree to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np

from quant_core.foundation.types import FloatMatrix
from quant_core.numerics.rolling import ema_look_back, wilder_look_back

Window: TypeAlias = list[float]
"""Observations, oldest first: NumPy scalars, so that 0 / 0 is NaN as in a kernel."""

UNKNOWN = float("nan")


def over_windows(statistic: Callable[[Window], float], window: int, x: FloatMatrix) -> FloatMatrix:
    """``statistic`` of every complete window of finite observations; else NaN.

    Examples
    --------
    >>> over_windows(max, 2, np.array([[1.0], [3.0], [2.0], [np.inf]])).ravel().tolist()
    [nan, 3.0, 3.0, nan]
    """
    return over_pairs(lambda values, _: statistic(values), window, x, x)


def over_pairs(
    statistic: Callable[[Window, Window], float], window: int, x: FloatMatrix, y: FloatMatrix
) -> FloatMatrix:
    """``statistic`` of every complete pair of windows of finite observations; else NaN."""
    result = np.full(x.shape, np.nan)
    with np.errstate(all="ignore"):
        for t, i in np.ndindex(*x.shape):
            a, b = x[max(0, t - window + 1) : t + 1, i], y[max(0, t - window + 1) : t + 1, i]
            if t >= window - 1 and np.isfinite(a).all() and np.isfinite(b).all():
                result[t, i] = statistic(list(a), list(b))
    return result


def total(numbers: Iterable[float]) -> float:
    """Sum from left to right."""
    running = 0.0
    for number in numbers:
        running = running + number
    return running


def mean(values: Window) -> float:
    """Oldest value plus the mean deviation from it."""
    oldest = values[0]
    return oldest + total(value - oldest for value in values[1:]) / len(values)


def deviations(values: Window) -> Window:
    """Distances from the mean."""
    center = mean(values)
    return [value - center for value in values]


def squares(values: Window) -> float:
    """Sum of squared distances from the mean."""
    return total(d * d for d in deviations(values))


def delay_py(x: FloatMatrix, n: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.delay`."""
    result = np.full(x.shape, np.nan)
    for t in range(n, len(x)):
        result[t] = x[t - n]
    return result


def delta_py(x: FloatMatrix, n: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.delta`."""
    with np.errstate(all="ignore"):
        return x - delay_py(x, n)


def ts_sum_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_sum`."""
    return over_windows(total, window, x)


def ts_mean_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_mean`."""

    def statistic(values: Window) -> float:
        return values[-1] if len(set(values)) == 1 else total(values) / window

    return over_windows(statistic, window, x)


def ts_product_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_product`."""

    def statistic(values: Window) -> float:
        product = np.float64(1.0)
        for value in values:
            product = product * value
        return product

    return over_windows(statistic, window, x)


def ts_count_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_count`."""
    return over_windows(lambda values: np.float64(sum(value != 0.0 for value in values)), window, x)


def ts_decay_linear_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_decay_linear`."""

    def statistic(values: Window) -> float:
        if len(set(values)) == 1:
            return values[-1]
        weighted = total(weight * value for weight, value in enumerate(values, start=1))
        return weighted / (window * (window + 1) / 2)

    return over_windows(statistic, window, x)


def ts_var_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_var`."""
    return over_windows(lambda values: squares(values) / (window - 1), window, x)


def ts_std_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_std`."""
    return np.sqrt(ts_var_py(x, window))


def ts_zscore_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_zscore`."""

    def statistic(values: Window) -> float:
        return deviations(values)[-1] / np.sqrt(squares(values) / (window - 1))

    return over_windows(statistic, window, x)


def ts_mad_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_mad`."""
    return over_windows(
        lambda values: total(abs(d) for d in deviations(values)) / window, window, x
    )


def ts_skew_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_skew`."""
    n = float(window)

    def statistic(values: Window) -> float:
        if window < 3:
            return UNKNOWN
        second = squares(values)
        third = total(d * d * d for d in deviations(values))
        return n * np.sqrt(n - 1.0) / (n - 2.0) * third / (second * np.sqrt(second))

    return over_windows(statistic, window, x)


def ts_kurt_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_kurt`."""
    n = float(window)

    def statistic(values: Window) -> float:
        if window < 4:
            return UNKNOWN
        second = squares(values)
        fourth = total((d * d) * (d * d) for d in deviations(values))
        below = (n - 2.0) * (n - 3.0)
        scale = n * (n + 1.0) * (n - 1.0) / below
        return scale * (fourth / (second * second)) - 3.0 * (n - 1.0) * (n - 1.0) / below

    return over_windows(statistic, window, x)


def ts_max_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_max`."""
    return over_windows(max, window, x)


def ts_min_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_min`."""
    return over_windows(min, window, x)


def ts_argmax_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_argmax`."""
    return over_windows(lambda values: np.float64(values.index(max(values))), window, x)


def ts_argmin_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_argmin`."""
    return over_windows(lambda values: np.float64(values.index(min(values))), window, x)


def ts_rank_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_rank`."""

    def statistic(values: Window) -> float:
        smaller = sum(value < values[-1] for value in values)
        equal = sum(value == values[-1] for value in values)
        return np.float64((2 * smaller + equal + 1) / (2 * window))

    return over_windows(statistic, window, x)


def ts_quantile_py(x: FloatMatrix, window: int, q: float) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_quantile`."""
    place = q * (window - 1)
    low = int(place)

    def statistic(values: Window) -> float:
        ordered = sorted(values)
        high = min(low + 1, window - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    return over_windows(statistic, window, x)


def ts_median_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_median`."""
    return ts_quantile_py(x, window, 0.5)


def ts_max_drawdown_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_max_drawdown`."""

    def statistic(values: Window) -> float:
        peak, worst = values[0], np.float64(1.0)
        for value in values:
            peak = max(peak, value)
            worst = min(worst, value / peak)
        return worst - 1.0

    return over_windows(statistic, window, np.where(x > 0.0, x, np.nan))


def ts_ema_py(x: FloatMatrix, n: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_ema`."""
    return _exponential(x, 1.0 - 2.0 / (n + 1.0), ema_look_back(n) + 1, n)


def ts_wilder_py(x: FloatMatrix, n: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.rolling.ts_wilder`."""
    return _exponential(x, 1.0 - 1.0 / n, wilder_look_back(n) + 1, n)


def _exponential(x: FloatMatrix, factor: float, memory: int, needed: int) -> FloatMatrix:
    result = np.full(x.shape, np.nan)
    before = np.full((memory - 1, x.shape[1]), np.nan)
    padded = np.vstack([before, np.where(np.isfinite(x), x, np.nan)])
    for t, i in np.ndindex(*x.shape):
        values = padded[t : t + memory, i]
        known = values[~np.isnan(values)]
        if np.isnan(values[-1]) or len(known) < needed:
            continue
        weighted = _discounted(list(np.nan_to_num(values)), factor)
        weights = _discounted(list(np.where(np.isnan(values), 0.0, 1.0)), factor)
        result[t, i] = known[-1] if len(set(known)) == 1 else weighted / weights
    return result


def _discounted(values: Window, factor: float) -> float:
    """Newest + factor * second newest + factor^2 * ..., halves first; a power of two of them."""
    powers = [factor]
    while 2 ** len(powers) < len(values):
        powers.append(powers[-1] * powers[-1])
    sums = values
    for power in powers:
        if len(sums) == 1:
            break
        sums = [new + power * old for old, new in zip(sums[::2], sums[1::2], strict=True)]
    return sums[0]
