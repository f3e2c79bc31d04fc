"""Row kernels of one session across symbols: ranks, means, z-scores, quantiles, by group or not.

They take blocks of whole rows whose unknown values are NaN. A mean of equal values is exactly
their value; deviations are taken from the mean in a second pass.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatArray, FloatMatrix, IntArray
from quant_core.numerics.jit import kernel

MEAN, DEMEAN, ZSCORE = 0, 1, 2


@kernel
def rank_rows(block: FloatMatrix, order: IntArray, result: FloatMatrix) -> None:
    """Average rank of ties / number of known values; ``order`` ascends, NaN last."""
    for row in range(block.shape[0]):
        values, places, ranks = block[row], order[row], result[row]
        count = values.size
        while count > 0 and np.isnan(values[places[count - 1]]):
            count -= 1
            ranks[places[count]] = np.nan
        first = 0
        while first < count:
            value = values[places[first]]
            last = first + 1
            while last < count and values[places[last]] == value:
                last += 1
            rank = (first + 1 + last) / (2.0 * count)
            for k in range(first, last):
                ranks[places[k]] = rank
            first = last


@kernel
def center_rows(block: FloatMatrix, result: FloatMatrix, statistic: int) -> None:
    """Mean of the row, distance from it, or z-score."""
    for row in range(block.shape[0]):
        values, results = block[row], result[row]
        mean, count = _mean(values)
        square = 0.0
        for i in range(values.size):
            deviation = values[i] - mean
            results[i] = deviation
            square += deviation * deviation if deviation == deviation else 0.0
        if statistic == MEAN:
            for i in range(values.size):
                results[i] = mean if values[i] == values[i] else np.nan
        elif statistic == ZSCORE:
            scale = np.sqrt(square / (count - 1.0)) if square > 0.0 else 1.0
            for i in range(values.size):
                results[i] /= scale


@kernel
def scale_rows(block: FloatMatrix, result: FloatMatrix, total: float) -> None:
    """Values times ``total`` over the sum of their sizes; NaN where all are zero."""
    for row in range(block.shape[0]):
        values, results = block[row], result[row]
        size = 0.0
        for i in range(values.size):
            size += abs(values[i]) if values[i] == values[i] else 0.0
        for i in range(values.size):
            results[i] = values[i] * total / size


@kernel
def winsorize_rows(
    block: FloatMatrix, ordered: FloatMatrix, result: FloatMatrix, levels: tuple[float, float]
) -> None:
    """Values held between two quantiles of their row; ``ordered`` ascends, NaN last."""
    for row in range(block.shape[0]):
        values, results = block[row], result[row]
        count = _known(ordered[row])
        floor = _quantile(ordered[row], count, levels[0])
        ceiling = _quantile(ordered[row], count, levels[1])
        for i in range(values.size):
            value = values[i]
            value = floor if value < floor else value
            results[i] = ceiling if value > ceiling else value


@kernel
def quantile_rows(block: FloatMatrix, ordered: FloatMatrix, result: FloatMatrix, bins: int) -> None:
    """Number of inner bin edges below the value; ``ordered`` ascends, NaN last."""
    edges = np.empty(bins - 1)
    for row in range(block.shape[0]):
        values, results = block[row], result[row]
        count = _known(ordered[row])
        for j in range(1, bins):
            place = j * (count - 1)
            low, part = place // bins, (place % bins) / bins
            edge = ordered[row, max(low, 0)]
            edges[j - 1] = edge + (ordered[row, low + 1] - edge) * part if part > 0.0 else edge
        for i in range(values.size):
            bin_number = float(np.searchsorted(edges, values[i]))
            results[i] = bin_number if values[i] == values[i] else np.nan


@kernel
def group_rank_rows(
    block: FloatMatrix, order: IntArray, groups: IntArray, result: FloatMatrix
) -> None:
    """As :func:`rank_rows` within each group; NaN without a group."""
    size = max(groups.max(), 0) + 1
    last, seen, begun = np.empty(size), np.empty(size), np.empty(size)
    for row in range(block.shape[0]):
        values, places, codes, ranks = block[row], order[row], groups[row], result[row]
        ranks[:] = 0.0
        for direction in (1, -1):  # ranks of the first, then of the last of every tie
            seen[:] = 0.0
            last[:] = np.nan
            for step in range(values.size):
                i = places[step if direction > 0 else values.size - 1 - step]
                code, value = codes[i], values[i]
                if code < 0 or value != value:
                    ranks[i] = np.nan
                    continue
                if value != last[code]:
                    begun[code] = seen[code]
                    last[code] = value
                seen[code] += 1.0
                ranks[i] += direction * begun[code]
        for i in range(values.size):  # smaller ones less larger ones, as a share of the group
            code = max(codes[i], 0)
            ranks[i] = (seen[code] + ranks[i] + 1.0) / (2.0 * seen[code])


@kernel
def group_center_rows(
    block: FloatMatrix, groups: IntArray, result: FloatMatrix, statistic: int
) -> None:
    """As :func:`center_rows` within each group; NaN without a group."""
    size = max(groups.max(), 0) + 1
    mean, count, square = np.empty(size), np.empty(size), np.empty(size)
    for row in range(block.shape[0]):
        values, codes, results = block[row], groups[row], result[row]
        group_means(values, codes, mean, count)
        square[:] = 0.0
        for i in range(values.size):
            deviation = values[i] - mean[codes[i]] if codes[i] >= 0 else np.nan
            results[i] = deviation
            if deviation == deviation:
                square[codes[i]] += deviation * deviation
        if statistic == MEAN:
            for i in range(values.size):
                results[i] = mean[codes[i]] if results[i] == results[i] else np.nan
        elif statistic == ZSCORE:
            _to_scales(square, count)
            for i in range(values.size):
                results[i] /= square[max(codes[i], 0)]


@kernel
def group_means(values: FloatArray, codes: IntArray, mean: FloatArray, count: FloatArray) -> None:
    """Mean and number of the known values of every group."""
    size = mean.size
    first, uneven = np.empty(size), np.zeros(size)
    mean[:] = 0.0
    count[:] = 0.0
    for i in range(values.size):
        code, value = codes[i], values[i]
        if code < 0 or value != value:
            continue
        if count[code] == 0.0:
            first[code] = value
        uneven[code] += 1.0 if value != first[code] else 0.0
        mean[code] += value
        count[code] += 1.0
    for code in range(size):
        even = uneven[code] == 0.0 and count[code] > 0.0
        mean[code] = first[code] if even else mean[code] / count[code]


@kernel
def _to_scales(square: FloatArray, count: FloatArray) -> None:
    """Sums of squares to standard deviations, 1 where there is no spread."""
    for code in range(square.size):
        scale = np.sqrt(square[code] / (count[code] - 1.0))
        square[code] = scale if square[code] > 0.0 else 1.0


@kernel
def _mean(values: FloatArray) -> tuple[float, float]:
    """Mean and number of the known values."""
    total, count, first, uneven = 0.0, 0.0, np.nan, 0.0
    for i in range(values.size):
        value = values[i]
        if value != value:
            continue
        first = value if count == 0.0 else first
        uneven += 1.0 if value != first else 0.0
        total += value
        count += 1.0
    return (first if uneven == 0.0 else total / count), count


@kernel
def _known(ordered: FloatArray) -> int:
    """Number of values before the NaN at the end."""
    count = ordered.size
    while count > 0 and np.isnan(ordered[count - 1]):
        count -= 1
    return count


@kernel
def _quantile(ordered: FloatArray, count: int, level: float) -> float:
    """Quantile of the first ``count`` values, linear between order statistics."""
    if count == 0:
        return np.nan
    place = level * (count - 1)
    low = int(np.floor(place))
    high = min(low + 1, count - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
