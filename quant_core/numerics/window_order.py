"""Tile kernels of order within a moving window: extremes, ranks, quantiles, drawdown.

Extremes and drawdowns join neighbouring stretches, doubling them: about log2(window) steps a
value. Quantiles keep the window sorted. All results are exact, so that equal windows give
equal values wherever they stand. NaN is ignored while computing; at the end every value whose
window is not complete is blanked. See :mod:`quant_core.numerics.tiles` for the layout.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatArray
from quant_core.numerics.jit import kernel

BLOCK = 512
"""Cells computed together: a few rows of a tile, so that everything in hand stays in cache."""


@kernel
def window_extreme(
    tile: FloatArray, result: FloatArray, width: int, window: int, sign: float
) -> None:
    """Largest (``sign`` 1) or smallest (-1) observation."""
    for i in range(tile.size):
        result[i] = sign * tile[i]
    covered = 1
    while covered < window:
        step = min(covered, window - covered)
        distance = step * width
        for end in range(tile.size, distance, -distance):
            begin = max(end - distance, distance)
            _take_larger(result[begin - distance : end - distance], result[begin:end])
        covered += step
    for i in range(tile.size):
        result[i] *= sign
    _blank_incomplete(tile, result, width, window)


@kernel
def window_extreme_position(
    tile: FloatArray, result: FloatArray, width: int, window: int, sign: float
) -> None:
    """Sessions from the window's start to its first largest (1) or smallest (-1) value."""
    best = np.empty(tile.size)
    for i in range(tile.size):
        best[i] = sign * tile[i]
    for row in range(tile.size // width):
        result[row * width : (row + 1) * width] = row
    covered = 1
    while covered < window:
        step = min(covered, window - covered)
        distance = step * width
        for end in range(tile.size, distance, -distance):
            begin = max(end - distance, distance)
            old, new = best[begin - distance : end - distance], best[begin:end]
            _take_position(old, new, result[begin - distance : end - distance], result[begin:end])
            _take_larger(old, new)
        covered += step
    for row in range(tile.size // width):
        positions = result[row * width : (row + 1) * width]
        for i in range(width):
            positions[i] -= row - window + 1.0
    _blank_incomplete(tile, result, width, window)


@kernel
def window_rank(tile: FloatArray, result: FloatArray, width: int, window: int) -> None:
    """Average rank of the newest observation, divided by the window."""
    lead = (window - 1) * width
    for start in range(0, tile.size - lead, BLOCK):
        end = min(start + lead + BLOCK, tile.size)
        newest, rank = tile[start + lead : end], result[start + lead : end]
        rank[:] = 0.0
        pairs = window - window % 2
        for k in range(0, pairs, 2):
            at = start + k * width
            a, b = tile[at : at + rank.size], tile[at + width : at + width + rank.size]
            _count_below(a, newest, rank)
            _count_below(b, newest, rank)
        if pairs < window:
            at = start + pairs * width
            _count_below(tile[at : at + rank.size], newest, rank)
        for i in range(rank.size):
            rank[i] = (rank[i] + 1.0) / (2.0 * window)
    _blank_incomplete(tile, result, width, window)


@kernel
def window_quantile(
    tile: FloatArray, result: FloatArray, width: int, window: int, level: float
) -> None:
    """Quantile, linear between the two nearest order statistics."""
    lower = int(np.floor(level * (window - 1)))
    upper = min(lower + 1, window - 1)
    fraction = level * (window - 1) - lower
    ordered = np.full((window + 1) * width, np.inf)  # rows ascend; the last row stays infinite
    carried = np.empty(width)
    nothing = np.full(width, np.inf)
    newest = np.empty(width)
    leaving = np.empty(width)
    for row in range(tile.size // width):
        at = row * width
        _known_or_infinite(tile[at : at + width], newest)
        if row >= window:
            before = at - window * width
            _known_or_infinite(tile[before : before + width], leaving)
        else:
            leaving[:] = nothing
        _exchange(ordered, leaving, newest, carried)
        low = ordered[lower * width : (lower + 1) * width]
        high = ordered[upper * width : (upper + 1) * width]
        values = result[at : at + width]
        for i in range(width):
            values[i] = low[i] + (high[i] - low[i]) * fraction
    _blank_incomplete(tile, result, width, window)


@kernel
def window_drawdown(tile: FloatArray, result: FloatArray, width: int, window: int) -> None:
    """Deepest fall from a running peak of the window, as a fraction of it, at most 0.

    A stretch knows its peak, its trough and the smallest ratio of a value to an earlier peak;
    two neighbouring stretches make one. Overwrites values of zero or less in ``tile``.
    """
    for i in range(tile.size):
        value = tile[i]
        tile[i] = value if value > 0.0 else np.nan
    peak, trough = tile.copy(), tile.copy()
    result[:] = 1.0
    covered = 1
    digit = 1
    while 2 * digit <= window:
        digit *= 2
    while digit > 1:
        digit //= 2
        distance = covered * width
        for end in range(tile.size, distance, -distance):
            begin = max(end - distance, distance)
            old = slice(begin - distance, end - distance)
            new = slice(begin, end)
            _take_smaller_ratio(result[old], peak[old], trough[new], result[new])
            _take_larger(peak[old], peak[new])
            _take_smaller(trough[old], trough[new])
        covered *= 2
        if window & digit and covered * width < tile.size:
            distance = covered * width
            old_values = tile[: tile.size - distance]
            _take_smaller_ratio(result[distance:], old_values, trough[distance:], result[distance:])
            _take_larger(old_values, peak[distance:])
            _take_smaller(old_values, trough[distance:])
            covered += 1
    for i in range(tile.size):
        result[i] -= 1.0
    _blank_incomplete(tile, result, width, window)


@kernel
def _take_larger(old: FloatArray, new: FloatArray) -> None:
    """The larger of both into ``new``; the older of equals."""
    for i in range(new.size):
        a, b = old[i], new[i]
        new[i] = a if a >= b else b


@kernel
def _take_smaller(old: FloatArray, new: FloatArray) -> None:
    for i in range(new.size):
        a, b = old[i], new[i]
        new[i] = a if a <= b else b


@kernel
def _take_position(
    old: FloatArray, new: FloatArray, old_position: FloatArray, new_position: FloatArray
) -> None:
    """The position of the larger of both into ``new_position``; of the older of equals."""
    for i in range(new.size):
        a, b, p, q = old[i], new[i], old_position[i], new_position[i]
        new_position[i] = p if a >= b else q


@kernel
def _take_smaller_ratio(
    old_ratio: FloatArray, old_peak: FloatArray, new_trough: FloatArray, ratio: FloatArray
) -> None:
    for i in range(ratio.size):
        a, b, between = old_ratio[i], ratio[i], new_trough[i] / old_peak[i]
        smaller = a if a <= b else b
        ratio[i] = between if between <= smaller else smaller


@kernel
def _count_below(values: FloatArray, newest: FloatArray, count: FloatArray) -> None:
    """Add 2 for a smaller value and 1 for an equal one."""
    for i in range(count.size):
        value, limit, total = values[i], newest[i], count[i]
        total += 1.0 if value < limit else 0.0
        count[i] = total + (1.0 if value <= limit else 0.0)


@kernel
def _known_or_infinite(values: FloatArray, target: FloatArray) -> None:
    for i in range(target.size):
        value = values[i]
        target[i] = value if value == value else np.inf


@kernel
def _exchange(
    ordered: FloatArray, leaving: FloatArray, newest: FloatArray, carried: FloatArray
) -> None:
    """Take one value of every column out of its ascending rows and put another in.

    Row k without the leaving value is row k or, from that value on, row k + 1; with the new
    value it is the middle one of its two neighbours and the new value.
    """
    width = newest.size
    rows = ordered.size // width - 1
    carried[:] = -np.inf
    for k in range(0, rows - 1, 2):
        at = k * width
        first, second = ordered[at : at + width], ordered[at + width : at + 2 * width]
        third = ordered[at + 2 * width : at + 3 * width]
        for i in range(width):
            a, b, c = first[i], second[i], third[i]
            gone, new, below = leaving[i], newest[i], carried[i]
            p = a if a < gone else b
            q = b if b < gone else c
            p_capped = p if p < new else new
            q_capped = q if q < new else new
            first[i] = below if below > p_capped else p_capped
            second[i] = p if p > q_capped else q_capped
            carried[i] = q
    if rows % 2:
        last, beyond = ordered[-2 * width : -width], ordered[-width:]
        for i in range(width):
            a, b, gone, new, below = last[i], beyond[i], leaving[i], newest[i], carried[i]
            p = a if a < gone else b
            p_capped = p if p < new else new
            last[i] = below if below > p_capped else p_capped


@kernel
def _blank_incomplete(tile: FloatArray, result: FloatArray, width: int, window: int) -> None:
    """NaN where fewer than ``window`` known observations end at the session."""
    run = np.zeros(width)
    for row in range(0, tile.size, width):
        values, results = tile[row : row + width], result[row : row + width]
        for i in range(width):
            value, old = values[i], results[i]
            length = run[i] + 1.0 if value == value else 0.0
            run[i] = length
            results[i] = old if length >= window else np.nan
