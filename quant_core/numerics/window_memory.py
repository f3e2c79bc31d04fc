"""Tile kernel of exponentially weighted averages with a finite memory.

The weight of an observation falls by a constant factor a session and ends after ``memory``
sessions, a power of two. A stretch of 2k sessions is the newer k plus the older k times the
factor to the k-th power: log2(memory) steps a value, the same steps wherever the value stands,
so that nothing before the memory touches it. See :mod:`quant_core.numerics.tiles` for the
layout.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatArray
from quant_core.numerics.jit import kernel


@kernel
def window_exponential(
    tile: FloatArray,
    result: FloatArray,
    width: int,
    factor: float,
    memory: int,
    needed: int,
) -> None:
    """Weighted mean of the known observations within the memory.

    NaN where the newest observation is NaN or the memory holds fewer than ``needed``; equal
    observations give exactly their value.
    """
    weight = np.empty(tile.size)
    for i in range(tile.size):
        value = tile[i]
        weight[i] = 1.0 if value == value else 0.0
        result[i] = value if value == value else 0.0
    covered, power = 1, factor
    while covered < memory and covered * width < tile.size:
        distance = covered * width
        for end in range(tile.size, distance, -distance):
            begin = max(end - distance, distance)
            _add_discounted(result[begin - distance : end - distance], result[begin:end], power)
            _add_discounted(weight[begin - distance : end - distance], weight[begin:end], power)
        covered *= 2
        power *= power
    for i in range(tile.size):
        result[i] /= weight[i]
    _keep_constants(tile, result, width, memory)
    _blank_young(tile, result, width, memory, needed)


@kernel
def _add_discounted(old: FloatArray, new: FloatArray, power: float) -> None:
    for i in range(new.size):
        new[i] += power * old[i]


@kernel
def _keep_constants(tile: FloatArray, result: FloatArray, width: int, memory: int) -> None:
    """Replace the result where all known observations of the memory are equal."""
    last = np.full(width, np.nan)
    last_row = np.full(width, -np.inf)
    other_row = np.full(width, -np.inf)
    for row in range(tile.size // width):
        values, results = tile[row * width : (row + 1) * width], result[row * width :]
        for i in range(width):
            value, before, before_row = values[i], last[i], last_row[i]
            other, old = other_row[i], results[i]
            unknown = value != value
            other = other if (value == before) | unknown else before_row
            other_row[i] = other
            last[i] = before if unknown else value
            last_row[i] = before_row if unknown else float(row)
            results[i] = last[i] if other <= row - memory else old


@kernel
def _blank_young(
    tile: FloatArray, result: FloatArray, width: int, memory: int, needed: int
) -> None:
    """NaN where the observation is unknown or the memory holds fewer than ``needed``."""
    count = np.zeros(width)
    for row in range(tile.size // width):
        values, results = tile[row * width : (row + 1) * width], result[row * width :]
        forgotten = max(0, row - memory) * width
        leaving = tile[forgotten : forgotten + width]
        leaves = 1.0 if row >= memory else 0.0
        for i in range(width):
            value, old, gone = values[i], results[i], leaving[i]
            known = count[i] - (leaves if gone == gone else 0.0)
            known += 1.0 if value == value else 0.0
            count[i] = known
            results[i] = old if (value == value) & (known >= needed) else np.nan
