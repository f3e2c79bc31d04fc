"""Tile kernels of sums over a moving window.

Every value is computed from its own window alone, oldest observation first: no running sum
drifts, an outlier that has left the window leaves nothing behind, NaN goes with its
observation, and equal windows give equal values wherever they stand. See
:mod:`quant_core.numerics.tiles` for the layout.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatArray
from quant_core.numerics.jit import kernel

BLOCK = 512
"""Cells computed together: a few rows of a tile, so that everything in hand stays in cache."""


@kernel
def window_sum(tile: FloatArray, result: FloatArray, width: int, window: int) -> None:
    """Sum."""
    lead = (window - 1) * width
    result[:lead] = np.nan
    for start in range(0, tile.size - lead, BLOCK):
        end = min(start + lead + BLOCK, tile.size)
        _add_rows(result[start + lead : end], tile, start, width, window)


@kernel
def window_mean(tile: FloatArray, result: FloatArray, width: int, window: int) -> None:
    """Arithmetic mean; of equal observations exactly their value."""
    window_sum(tile, result, width, window)
    for i in range(result.size):
        result[i] /= window
    _keep_constants(tile, result, width, window)


@kernel
def window_count(tile: FloatArray, result: FloatArray, width: int, window: int) -> None:
    """Number of observations other than zero. Overwrites ``tile``."""
    for i in range(tile.size):
        value = tile[i]
        tile[i] = 0.0 if value == 0.0 else value - value + 1.0
    window_sum(tile, result, width, window)


@kernel
def window_decay(tile: FloatArray, result: FloatArray, width: int, window: int) -> None:
    """Mean with weights 1 .. window, the newest heaviest; of equal values exactly theirs."""
    lead = (window - 1) * width
    result[:lead] = np.nan
    weights = window * (window + 1) / 2.0
    for start in range(0, tile.size - lead, BLOCK):
        end = min(start + lead + BLOCK, tile.size)
        total = result[start + lead : end]
        _add_weighted_rows(total, tile, start, width, window)
        for i in range(total.size):
            total[i] /= weights
    _keep_constants(tile, result, width, window)


@kernel
def window_product(tile: FloatArray, result: FloatArray, width: int, window: int) -> None:
    """Product."""
    lead = (window - 1) * width
    result[:lead] = np.nan
    for start in range(0, tile.size - lead, BLOCK):
        end = min(start + lead + BLOCK, tile.size)
        product = result[start + lead : end]
        product[:] = 1.0
        for k in range(window):
            row = tile[start + k * width : end - lead + k * width]
            for i in range(product.size):
                product[i] *= row[i]


@kernel
def _add_rows(total: FloatArray, tile: FloatArray, start: int, width: int, window: int) -> None:
    """Sum of rows 0 .. window - 1 from ``start``, four at a time, in order."""
    total[:] = 0.0
    size = total.size
    fours = window - window % 4
    for k in range(0, fours, 4):
        at = start + k * width
        a, b = tile[at : at + size], tile[at + width : at + width + size]
        at += 2 * width
        c, d = tile[at : at + size], tile[at + width : at + width + size]
        for i in range(size):
            total[i] = (((total[i] + a[i]) + b[i]) + c[i]) + d[i]
    for k in range(fours, window):
        at = start + k * width
        row = tile[at : at + size]
        for i in range(size):
            total[i] += row[i]


@kernel
def _add_weighted_rows(
    total: FloatArray, tile: FloatArray, start: int, width: int, window: int
) -> None:
    """Sum of (k + 1) * row k, two rows at a time, in order."""
    total[:] = 0.0
    size = total.size
    pairs = window - window % 2
    for k in range(0, pairs, 2):
        at = start + k * width
        a, b = tile[at : at + size], tile[at + width : at + width + size]
        light, heavy = k + 1.0, k + 2.0
        for i in range(size):
            total[i] = (total[i] + light * a[i]) + heavy * b[i]
    if pairs < window:
        at = start + pairs * width
        row = tile[at : at + size]
        for i in range(size):
            total[i] += window * row[i]


@kernel
def _keep_constants(tile: FloatArray, result: FloatArray, width: int, window: int) -> None:
    """Replace the result of a window of equal observations by the observation."""
    last = np.full(width, np.nan)
    run = np.zeros(width)
    for row in range(0, tile.size, width):
        values = tile[row : row + width]
        results = result[row : row + width]
        for i in range(width):
            value, old = values[i], results[i]
            length = run[i] + 1.0 if value == last[i] else 1.0
            run[i] = length
            last[i] = value
            results[i] = value if length >= window else old
