"""Readable twins of :mod:`quant_core.numerics.regression`: one window at a time.

They do the same arithmetic in the same order, so that kernel and twin agree to the bit.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatMatrix
from quant_core.numerics.reference_rolling import (
    UNKNOWN,
    Window,
    deviations,
    mean,
    over_pairs,
    over_windows,
    squares,
    total,
)


def products(x: Window, y: Window) -> float:
    """Sum of products of the distances from the means."""
    return total(p * q for p, q in zip(deviations(x), deviations(y), strict=True))


def slope(y: Window, x: Window) -> float:
    """Least-squares slope of y on x and a constant."""
    return products(x, y) / squares(x)


def ts_cov_py(x: FloatMatrix, y: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.regression.ts_cov`."""
    return over_pairs(lambda a, b: products(a, b) / (window - 1), window, x, y)


def ts_corr_py(x: FloatMatrix, y: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.regression.ts_corr`."""

    def statistic(a: Window, b: Window) -> float:
        ratio = products(a, b) / np.sqrt(squares(a) * squares(b))
        return np.clip(ratio, -1.0, 1.0)

    return over_pairs(statistic, window, x, y)


def ts_beta_py(y: FloatMatrix, x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.regression.ts_beta`."""
    return over_pairs(slope, window, y, x)


def ts_regression_residual_py(y: FloatMatrix, x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.regression.ts_regression_residual`."""

    def statistic(b: Window, a: Window) -> float:
        return deviations(b)[-1] - slope(b, a) * deviations(a)[-1]

    return over_pairs(statistic, window, y, x)


def ts_residual_std_py(y: FloatMatrix, x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.regression.ts_residual_std`."""

    def statistic(b: Window, a: Window) -> float:
        if window < 3:
            return UNKNOWN
        beta = slope(b, a)
        left = [q - beta * p for p, q in zip(deviations(a), deviations(b), strict=True)]
        return np.sqrt(total(d * d for d in left) / (window - 2))

    return over_pairs(statistic, window, y, x)


def ts_coskew_py(x: FloatMatrix, y: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.regression.ts_coskew`."""

    def statistic(a: Window, b: Window) -> float:
        third = total(p * (q * q) for p, q in zip(deviations(a), deviations(b), strict=True))
        scale = np.sqrt(squares(a) / window) * (squares(b) / window)
        return third / window / scale

    return over_pairs(statistic, window, x, y)


def ts_slope_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.regression.ts_slope`."""
    return over_windows(_time_slope, window, x)


def ts_rsquare_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.regression.ts_rsquare`."""

    def statistic(values: Window) -> float:
        product = _time_product(values)
        ratio = product * product / (_time_squares(window) * squares(values))
        return np.minimum(ratio, 1.0)

    return over_windows(statistic, window, x)


def ts_resid_py(x: FloatMatrix, window: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.regression.ts_resid`."""

    def statistic(values: Window) -> float:
        return (values[-1] - mean(values)) - _time_slope(values) * ((window - 1) / 2)

    return over_windows(statistic, window, x)


def _time_slope(values: Window) -> float:
    return _time_product(values) / _time_squares(len(values))


def _time_product(values: Window) -> float:
    """Sum of products of the distances of time and value from their means."""
    middle = (len(values) - 1) / 2
    return total((time - middle) * d for time, d in enumerate(deviations(values)))


def _time_squares(window: int) -> float:
    """Sum of squared distances of 0 .. window - 1 from their mean."""
    return np.float64(window * (window * window - 1.0) / 12.0)
