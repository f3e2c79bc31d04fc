"""Readable twins of :mod:`quant_core.numerics.cross_section`: one row at a time.

They do the same arithmetic in the same order, so that kernel and twin agree to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from quant_core.foundation.types import FloatArray, FloatMatrix, IntArray
from quant_core.numerics.reference_rolling import Window, total
from quant_core.numerics.section_regression import EXPLAINED, ROUNDING

RowStatistic: TypeAlias = Callable[[Window], Sequence[float]]


def over_rows(statistic: RowStatistic, x: FloatMatrix) -> FloatMatrix:
    """``statistic`` of the finite values of every row, in their places; NaN elsewhere."""
    return over_groups(statistic, x, np.zeros(x.shape, dtype=np.int64))


def over_groups(statistic: RowStatistic, x: FloatMatrix, groups: IntArray) -> FloatMatrix:
    """``statistic`` of the finite values of every group of every row, in their places."""
    result = np.full(x.shape, np.nan)
    with np.errstate(all="ignore"):
        for row, codes, places in zip(x, groups, result, strict=True):
            for code in set(codes[codes >= 0]):
                members = (codes == code) & np.isfinite(row)
                if members.any():
                    places[members] = statistic(list(row[members]))
    return result


def mean(values: Window) -> float:
    """Arithmetic mean; of equal values exactly their value."""
    return values[0] if len(set(values)) == 1 else total(values) / len(values)


def quantile(values: Window, level: float) -> float:
    """Quantile, linear between order statistics."""
    ordered = sorted(values)
    place = level * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def cs_rank_py(x: FloatMatrix) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.cs_rank`."""
    return over_rows(_ranks, x)


def cs_mean_py(x: FloatMatrix) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.cs_mean`."""
    return over_rows(_means, x)


def cs_demean_py(x: FloatMatrix) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.cs_demean`."""
    return over_rows(_distances, x)


def cs_zscore_py(x: FloatMatrix) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.cs_zscore`."""
    return over_rows(_zscores, x)


def cs_scale_py(x: FloatMatrix, a: float = 1.0) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.cs_scale`."""

    def statistic(values: Window) -> Window:
        size = total(abs(value) for value in values)
        return [value * a / size for value in values]

    return over_rows(statistic, x)


def cs_winsorize_py(x: FloatMatrix, lower: float, upper: float) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.cs_winsorize`."""

    def statistic(values: Window) -> Window:
        floor, ceiling = quantile(values, lower), quantile(values, upper)
        return [min(ceiling, max(floor, value)) for value in values]

    return over_rows(statistic, x)


def cs_quantile_py(x: FloatMatrix, bins: int) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.cs_quantile`."""

    def statistic(values: Window) -> list[float]:
        ordered = sorted(values)
        edges: Window = []
        for place in range(len(values) - 1, bins * (len(values) - 1), len(values) - 1):
            low, part = place // bins, place % bins / bins
            step = ordered[low + 1] - ordered[low] if part else np.float64(0.0)
            edges.append(ordered[low] + step * part)
        return [float(sum(edge < value for edge in edges)) for value in values]

    return over_rows(lambda values: statistic(values) if len(values) > 1 else [0.0], x)


def cs_neutralize_py(
    x: FloatMatrix, groups: IntArray, exposures: Sequence[FloatMatrix] = ()
) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.cs_neutralize`."""
    result = np.full(x.shape, np.nan)
    for t in range(len(x)):
        loads = [exposure[t] for exposure in exposures]
        members = (groups[t] >= 0) & np.isfinite([x[t], *loads]).all(axis=0)
        if members.any():
            columns = [load[members] for load in loads]
            result[t, members] = _residual(x[t, members], groups[t, members], columns)
    return result


def cs_regress_resid_py(y: FloatMatrix, exposures: Sequence[FloatMatrix]) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.cs_regress_resid`."""
    return cs_neutralize_py(y, np.zeros(y.shape, dtype=np.int64), exposures)


def group_rank_py(x: FloatMatrix, groups: IntArray) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.group_rank`."""
    return over_groups(_ranks, x, groups)


def group_mean_py(x: FloatMatrix, groups: IntArray) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.group_mean`."""
    return over_groups(_means, x, groups)


def group_demean_py(x: FloatMatrix, groups: IntArray) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.group_demean`."""
    return over_groups(_distances, x, groups)


group_neutralize_py = group_demean_py


def group_zscore_py(x: FloatMatrix, groups: IntArray) -> FloatMatrix:
    """Twin of :func:`~quant_core.numerics.cross_section.group_zscore`."""
    return over_groups(_zscores, x, groups)


def _ranks(values: Window) -> list[float]:
    below = [sum(other < value for other in values) for value in values]
    equal = [sum(other == value for other in values) for value in values]
    count = len(values)
    return [(2 * b + e + 1) / (2 * count) for b, e in zip(below, equal, strict=True)]


def _means(values: Window) -> Window:
    return [mean(values)] * len(values)


def _distances(values: Window) -> Window:
    center = mean(values)
    return [value - center for value in values]


def _zscores(values: Window) -> Window:
    distances = _distances(values)
    square = total(d * d for d in distances)
    scale = np.sqrt(square / (len(values) - 1)) if square > 0.0 else np.float64(1.0)
    return [d / scale for d in distances]


def _residual(values: FloatArray, codes: IntArray, exposures: Sequence[FloatArray]) -> FloatArray:
    """What group means and the exposures, made orthonormal one by one, leave of the values."""
    basis: list[FloatArray] = []
    for exposure in exposures:
        left = _left(exposure, codes, basis)
        if _length(left) > EXPLAINED * _length(exposure):
            basis.append(left / _length(left))
    left = _left(values, codes, basis)
    return left if _length(left) > ROUNDING * _length(values) else np.zeros(len(values))


def _left(column: FloatArray, codes: IntArray, basis: Sequence[FloatArray]) -> FloatArray:
    """A column less its group means and its projections on the basis, twice over."""
    left = column
    for _ in range(2):
        left = over_groups(_distances, left[np.newaxis], codes[np.newaxis])[0]
        for direction in basis:
            along = total(a * b for a, b in zip(left, direction, strict=True))
            left = left - along * direction
    return left


def _length(column: FloatArray) -> float:
    return np.sqrt(total(value * value for value in column))
