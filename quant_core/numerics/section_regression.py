"""Row kernel of cross-sectional least squares: what groups and exposures leave unexplained.

Group dummies are projected out by subtracting group means (Frisch & Waugh 1933, Lovell 1963);
exposures by Gram-Schmidt, every projection done twice, which keeps the columns orthogonal to
working precision (Giraud, Langou & Rozložník 2005). An exposure that the groups and the
exposures before it explain already is left out.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatArray, FloatMatrix, IntArray
from quant_core.numerics.jit import kernel

EXPLAINED = 1e-10
"""An exposure counts as explained when less than this part of its length is left."""

ROUNDING = 1e-14
"""A residual below this part of the values is the dust of a perfect fit, and becomes 0."""


@kernel
def neutralize_rows(
    block: FloatMatrix, groups: IntArray, exposures: FloatArray, result: FloatMatrix
) -> None:
    """Residual of every row on its group dummies and exposures [exposure, row, symbol].

    A symbol takes part if its value, its group and all its exposures are known.
    A perfect fit leaves exactly 0.
    """
    symbols = block.shape[1]
    columns = np.empty((exposures.shape[0] + 1, symbols))
    members = np.empty(symbols, dtype=np.int64)
    codes = np.empty(symbols, dtype=np.int64)
    room = np.empty((4, max(groups.max(), 0) + 1))
    result[:] = np.nan
    for row in range(block.shape[0]):
        size = _gather(block[row], groups[row], exposures[:, row], columns, members)
        for k in range(size):
            codes[k] = groups[row, members[k]]
        kept = 0
        for j in range(exposures.shape[0]):
            column = columns[j, :size]
            length = np.sqrt(_product(column, column))
            _leave(column, codes[:size], columns[:kept, :size], room)
            left = np.sqrt(_product(column, column))
            if left > EXPLAINED * length:
                for k in range(size):
                    columns[kept, k] = column[k] / left
                kept += 1
        values = columns[exposures.shape[0], :size]
        length = np.sqrt(_product(values, values))
        _leave(values, codes[:size], columns[:kept, :size], room)
        if not np.sqrt(_product(values, values)) > ROUNDING * length:
            values[:] = 0.0
        for k in range(size):
            result[row, members[k]] = values[k]


@kernel
def _gather(
    values: FloatArray,
    codes: IntArray,
    exposures: FloatMatrix,
    columns: FloatMatrix,
    members: IntArray,
) -> int:
    """Copy the symbols that take part side by side; exposures first, the values last."""
    size = 0
    count = exposures.shape[0]
    for i in range(values.size):
        takes_part = codes[i] >= 0 and values[i] == values[i]
        for j in range(count):
            takes_part = takes_part and exposures[j, i] == exposures[j, i]
        if not takes_part:
            continue
        for j in range(count):
            columns[j, size] = exposures[j, i]
        columns[count, size] = values[i]
        members[size] = i
        size += 1
    return size


@kernel
def _leave(column: FloatArray, codes: IntArray, basis: FloatMatrix, room: FloatMatrix) -> None:
    """What group means and an orthonormal basis leave of a column, in place, twice."""
    for _ in range(2):
        _subtract_group_means(column, codes, room)
        for j in range(basis.shape[0]):
            along = _product(column, basis[j])
            for k in range(column.size):
                column[k] -= along * basis[j, k]


@kernel
def _subtract_group_means(column: FloatArray, codes: IntArray, room: FloatMatrix) -> None:
    """Distance from the group's mean; exactly 0 within a group of equal values."""
    total, count, first, uneven = room[0], room[1], room[2], room[3]
    room[:] = 0.0
    for k in range(column.size):
        code = codes[k]
        if count[code] == 0.0:
            first[code] = column[k]
        uneven[code] += 1.0 if column[k] != first[code] else 0.0
        total[code] += column[k]
        count[code] += 1.0
    for code in range(total.size):
        if count[code] > 0.0:
            total[code] = total[code] / count[code] if uneven[code] > 0.0 else first[code]
    for k in range(column.size):
        column[k] -= total[codes[k]]


@kernel
def _product(a: FloatArray, b: FloatArray) -> float:
    """Inner product."""
    total = 0.0
    for k in range(a.size):
        total += a[k] * b[k]
    return total
