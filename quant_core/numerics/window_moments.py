"""Tile kernels of moments and least squares over a moving window, in two passes.

First the mean, as the oldest observation plus the mean deviation from it; then sums of powers
or products of the deviations from the mean (Chan, Golub & LeVeque 1983, "Algorithms for
computing the sample variance"). A window of equal observations has deviations of exactly zero.
Every value is computed from its own window alone, oldest observation first. See
:mod:`quant_core.numerics.tiles` for the layout.

``place`` is (first cell of the oldest row, columns of the tile, rows of the window); ``room``
holds the sums of one block of cells, a row each, those of the means first.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatArray, FloatMatrix
from quant_core.numerics.jit import kernel

BLOCK = 512
"""Cells computed together: a few rows of a tile, so that everything in hand stays in cache."""

VARIANCE, DEVIATION, ZSCORE, ABSOLUTE = 0, 1, 2, 3
SKEWNESS, KURTOSIS = 0, 1
SLOPE, RSQUARE, RESIDUAL = 0, 1, 2
COVARIANCE, CORRELATION, BETA, PAIR_RESIDUAL = 0, 1, 2, 3


@kernel
def window_moment(
    tile: FloatArray, result: FloatArray, width: int, window: int, statistic: int
) -> None:
    """Variance, standard deviation, z-score of the newest, or mean absolute deviation."""
    lead = (window - 1) * width
    result[:lead] = np.nan
    room = np.empty(BLOCK)
    for start in range(0, tile.size - lead, BLOCK):
        end = min(start + lead + BLOCK, tile.size)
        place = (start, width, window)
        total, newest = result[start + lead : end], tile[start + lead : end]
        mean = room[: total.size]
        _means(mean, tile, place)
        if statistic == ABSOLUTE:
            _add_absolute(total, mean, tile, place)
            _divide(total, window)
        else:
            _add_squares(total, mean, tile, place)
            _divide(total, window - 1)
        if statistic in (DEVIATION, ZSCORE):
            for i in range(total.size):
                total[i] = np.sqrt(total[i])
        if statistic == ZSCORE:
            for i in range(total.size):
                total[i] = (newest[i] - mean[i]) / total[i]


@kernel
def window_shape(
    tile: FloatArray, result: FloatArray, width: int, window: int, statistic: int
) -> None:
    """Bias-adjusted skewness or excess kurtosis."""
    lead = (window - 1) * width
    result[:lead] = np.nan
    room = np.empty((4, BLOCK))
    n = float(window)
    for start in range(0, tile.size - lead, BLOCK):
        end = min(start + lead + BLOCK, tile.size)
        values = result[start + lead : end]
        place = (start, width, window)
        _means(room[0][: values.size], tile, place)
        _add_powers(room, tile, place, values.size)
        second, third, fourth = room[1], room[2], room[3]
        if statistic == SKEWNESS:
            scale = n * np.sqrt(n - 1.0) / (n - 2.0) if window > 2 else np.nan
            for i in range(values.size):
                values[i] = scale * third[i] / (second[i] * np.sqrt(second[i]))
        else:
            scale = n * (n + 1.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0)) if window > 3 else np.nan
            normal = 3.0 * (n - 1.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0))
            for i in range(values.size):
                values[i] = scale * (fourth[i] / (second[i] * second[i])) - normal


@kernel
def window_trend(
    tile: FloatArray, result: FloatArray, width: int, window: int, statistic: int
) -> None:
    """Least squares of the observations on 0 .. window - 1."""
    lead = (window - 1) * width
    result[:lead] = np.nan
    room = np.empty((3, BLOCK))
    middle = (window - 1) / 2.0
    times = window * (window * window - 1.0) / 12.0
    for start in range(0, tile.size - lead, BLOCK):
        end = min(start + lead + BLOCK, tile.size)
        values, newest = result[start + lead : end], tile[start + lead : end]
        place = (start, width, window)
        mean, product, square = room[0], room[1], room[2]
        _means(mean[: values.size], tile, place)
        _add_trend(room, tile, place, values.size)
        if statistic == SLOPE:
            for i in range(values.size):
                values[i] = product[i] / times
        elif statistic == RSQUARE:
            for i in range(values.size):
                ratio = product[i] * product[i] / (times * square[i])
                values[i] = 1.0 if ratio > 1.0 else ratio
        else:
            for i in range(values.size):
                values[i] = (newest[i] - mean[i]) - product[i] / times * middle


@kernel
def window_pair(
    x: FloatArray, y: FloatArray, result: FloatArray, width: int, window: int, statistic: int
) -> None:
    """Covariance, correlation, slope of y on x, or the newest residual of y on x."""
    lead = (window - 1) * width
    result[:lead] = np.nan
    room = np.empty((5, BLOCK))
    for start in range(0, x.size - lead, BLOCK):
        end = min(start + lead + BLOCK, x.size)
        values = result[start + lead : end]
        place = (start, width, window)
        _means(room[0][: values.size], x, place)
        _means(room[1][: values.size], y, place)
        _add_products(room, x, y, place, values.size)
        if statistic == PAIR_RESIDUAL:
            _finish_residual(values, room, x[start + lead : end], y[start + lead : end])
        else:
            _finish_pair(values, room, window, statistic)


@kernel
def window_coskewness(
    x: FloatArray, y: FloatArray, result: FloatArray, width: int, window: int
) -> None:
    """Standardised mean product of x's deviation and y's squared deviation."""
    lead = (window - 1) * width
    result[:lead] = np.nan
    room = np.empty((5, BLOCK))
    for start in range(0, x.size - lead, BLOCK):
        end = min(start + lead + BLOCK, x.size)
        values = result[start + lead : end]
        place = (start, width, window)
        _means(room[0][: values.size], x, place)
        _means(room[1][: values.size], y, place)
        _add_coskewness(room, x, y, place, values.size)
        third, square_x, square_y = room[2], room[3], room[4]
        for i in range(values.size):
            scale = np.sqrt(square_x[i] / window) * (square_y[i] / window)
            values[i] = third[i] / window / scale


@kernel
def window_residual_deviation(
    x: FloatArray, y: FloatArray, result: FloatArray, width: int, window: int
) -> None:
    """Standard deviation of the residuals of y on x and a constant, window - 2 in the divisor."""
    lead = (window - 1) * width
    result[:lead] = np.nan
    room = np.empty((5, BLOCK))
    for start in range(0, x.size - lead, BLOCK):
        end = min(start + lead + BLOCK, x.size)
        values = result[start + lead : end]
        place = (start, width, window)
        _means(room[0][: values.size], x, place)
        _means(room[1][: values.size], y, place)
        _add_products(room, x, y, place, values.size)
        beta = room[2]
        for i in range(values.size):
            beta[i] /= room[3][i]
        _add_residuals(values, room, x, y, place)
        for i in range(values.size):
            values[i] = np.sqrt(values[i] / (window - 2)) if window > 2 else np.nan


@kernel
def _finish_pair(values: FloatArray, room: FloatMatrix, window: int, statistic: int) -> None:
    product, square_x, square_y = room[2], room[3], room[4]
    if statistic == COVARIANCE:
        for i in range(values.size):
            values[i] = product[i] / (window - 1)
    elif statistic == CORRELATION:
        for i in range(values.size):
            ratio = product[i] / np.sqrt(square_x[i] * square_y[i])
            ratio = 1.0 if ratio > 1.0 else ratio
            values[i] = -1.0 if ratio < -1.0 else ratio
    else:
        for i in range(values.size):
            values[i] = product[i] / square_x[i]


@kernel
def _finish_residual(values: FloatArray, room: FloatMatrix, x: FloatArray, y: FloatArray) -> None:
    mean_x, mean_y, product, square_x = room[0], room[1], room[2], room[3]
    for i in range(values.size):
        beta = product[i] / square_x[i]
        values[i] = (y[i] - mean_y[i]) - beta * (x[i] - mean_x[i])


@kernel
def _divide(values: FloatArray, divisor: float) -> None:
    for i in range(values.size):
        values[i] /= divisor


@kernel
def _means(mean: FloatArray, tile: FloatArray, place: tuple[int, int, int]) -> None:
    """Oldest observation plus the mean deviation from it."""
    start, width, window = place
    size = mean.size
    oldest = tile[start : start + size]
    mean[:] = 0.0
    pairs = window - (window - 1) % 2
    for k in range(1, pairs, 2):
        at = start + k * width
        a, b = tile[at : at + size], tile[at + width : at + width + size]
        for i in range(size):
            mean[i] = (mean[i] + (a[i] - oldest[i])) + (b[i] - oldest[i])
    for k in range(pairs, window):
        at = start + k * width
        row = tile[at : at + size]
        for i in range(size):
            mean[i] += row[i] - oldest[i]
    for i in range(size):
        mean[i] = oldest[i] + mean[i] / window


@kernel
def _add_squares(
    total: FloatArray, mean: FloatArray, tile: FloatArray, place: tuple[int, int, int]
) -> None:
    start, width, window = place
    size = total.size
    total[:] = 0.0
    pairs = window - window % 2
    for k in range(0, pairs, 2):
        at = start + k * width
        a, b = tile[at : at + size], tile[at + width : at + width + size]
        for i in range(size):
            p, q = a[i] - mean[i], b[i] - mean[i]
            total[i] = (total[i] + p * p) + q * q
    for k in range(pairs, window):
        at = start + k * width
        row = tile[at : at + size]
        for i in range(size):
            p = row[i] - mean[i]
            total[i] += p * p


@kernel
def _add_absolute(
    total: FloatArray, mean: FloatArray, tile: FloatArray, place: tuple[int, int, int]
) -> None:
    start, width, window = place
    size = total.size
    total[:] = 0.0
    for k in range(window):
        at = start + k * width
        row = tile[at : at + size]
        for i in range(size):
            total[i] += abs(row[i] - mean[i])


@kernel
def _add_powers(
    room: FloatMatrix, tile: FloatArray, place: tuple[int, int, int], size: int
) -> None:
    start, width, window = place
    mean, second, third, fourth = room[0], room[1], room[2], room[3]
    room[1:] = 0.0
    pairs = window - window % 2
    for k in range(0, pairs, 2):
        at = start + k * width
        a, b = tile[at : at + size], tile[at + width : at + width + size]
        for i in range(size):
            p, q = a[i] - mean[i], b[i] - mean[i]
            pp, qq = p * p, q * q
            second[i] = (second[i] + pp) + qq
            third[i] = (third[i] + pp * p) + qq * q
            fourth[i] = (fourth[i] + pp * pp) + qq * qq
    for k in range(pairs, window):
        at = start + k * width
        row = tile[at : at + size]
        for i in range(size):
            p = row[i] - mean[i]
            pp = p * p
            second[i] += pp
            third[i] += pp * p
            fourth[i] += pp * pp


@kernel
def _add_trend(room: FloatMatrix, tile: FloatArray, place: tuple[int, int, int], size: int) -> None:
    start, width, window = place
    mean, product, square = room[0], room[1], room[2]
    room[1:] = 0.0
    middle = (window - 1) / 2.0
    pairs = window - window % 2
    for k in range(0, pairs, 2):
        at = start + k * width
        a, b = tile[at : at + size], tile[at + width : at + width + size]
        early, late = k - middle, k + 1 - middle
        for i in range(size):
            p, q = a[i] - mean[i], b[i] - mean[i]
            product[i] = (product[i] + early * p) + late * q
            square[i] = (square[i] + p * p) + q * q
    for k in range(pairs, window):
        at = start + k * width
        row = tile[at : at + size]
        for i in range(size):
            p = row[i] - mean[i]
            product[i] += (k - middle) * p
            square[i] += p * p


@kernel
def _add_products(
    room: FloatMatrix, x: FloatArray, y: FloatArray, place: tuple[int, int, int], size: int
) -> None:
    start, width, window = place
    mean_x, mean_y, product, square_x, square_y = room[0], room[1], room[2], room[3], room[4]
    room[2:] = 0.0
    pairs = window - window % 2
    for k in range(0, pairs, 2):
        at = start + k * width
        next_at = at + width
        a, b = x[at : at + size], y[at : at + size]
        c, d = x[next_at : next_at + size], y[next_at : next_at + size]
        for i in range(size):
            p, q = a[i] - mean_x[i], b[i] - mean_y[i]
            r, s = c[i] - mean_x[i], d[i] - mean_y[i]
            product[i] = (product[i] + p * q) + r * s
            square_x[i] = (square_x[i] + p * p) + r * r
            square_y[i] = (square_y[i] + q * q) + s * s
    for k in range(pairs, window):
        at = start + k * width
        a, b = x[at : at + size], y[at : at + size]
        for i in range(size):
            p, q = a[i] - mean_x[i], b[i] - mean_y[i]
            product[i] += p * q
            square_x[i] += p * p
            square_y[i] += q * q


@kernel
def _add_coskewness(
    room: FloatMatrix, x: FloatArray, y: FloatArray, place: tuple[int, int, int], size: int
) -> None:
    start, width, window = place
    mean_x, mean_y, third, square_x, square_y = room[0], room[1], room[2], room[3], room[4]
    room[2:] = 0.0
    for k in range(window):
        at = start + k * width
        a, b = x[at : at + size], y[at : at + size]
        for i in range(size):
            p, q = a[i] - mean_x[i], b[i] - mean_y[i]
            qq = q * q
            third[i] += p * qq
            square_x[i] += p * p
            square_y[i] += qq


@kernel
def _add_residuals(
    total: FloatArray, room: FloatMatrix, x: FloatArray, y: FloatArray, place: tuple[int, int, int]
) -> None:
    """Squares of what the line through the means with the slope in ``room[2]`` leaves."""
    start, width, window = place
    mean_x, mean_y, beta = room[0], room[1], room[2]
    total[:] = 0.0
    for k in range(window):
        at = start + k * width
        row_x, row_y = x[at : at + total.size], y[at : at + total.size]
        for i in range(total.size):
            left = (row_y[i] - mean_y[i]) - beta[i] * (row_x[i] - mean_x[i])
            total[i] += left * left
