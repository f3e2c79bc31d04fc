"""Statistics across the symbols of each session, by group or over all.

Every function takes a float64 matrix [sessions, symbols] and returns a new one of the same
shape; each row depends on that row alone. The input is never written to.

NaN policy: a symbol without a value, an infinite one included, stays NaN and does not enter the
row's statistics; nor does a symbol without a group, or without one of the exposures. Equal
values get equal results.

``groups`` is int64 [sessions, symbols]: any number from 0 names a group, -1 means none.

Every function has a readable twin ``<name>_py`` in
:mod:`quant_core.numerics.reference_cross_section`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from quant_core.foundation.errors import ExpressionError, InvariantBroken
from quant_core.foundation.types import FloatMatrix, IntArray
from quant_core.numerics.section_regression import neutralize_rows
from quant_core.numerics.section_statistics import (
    DEMEAN,
    MEAN,
    ZSCORE,
    center_rows,
    group_center_rows,
    group_rank_rows,
    quantile_rows,
    rank_rows,
    scale_rows,
    winsorize_rows,
)
from quant_core.numerics.tiles import as_matrix, known, over_rows

LARGEST_GROUP = 65_535
"""Groups with larger numbers are renumbered first, so that room by number stays small."""


def cs_rank(x: FloatMatrix) -> FloatMatrix:
    """Average rank of ties / number of known values, in (0, 1].

    Examples
    --------
    >>> cs_rank(np.array([[30.0, 10.0, np.nan, 10.0, 20.0]])).tolist()
    [[1.0, 0.375, nan, 0.375, 0.75]]
    """

    def compute(block: FloatMatrix, result: FloatMatrix, _: slice) -> None:
        rank_rows(block, _order(block), result)

    return _by_rows(compute, x)


def cs_mean(x: FloatMatrix) -> FloatMatrix:
    """Mean of the known values, given to every symbol that has one.

    Examples
    --------
    >>> cs_mean(np.array([[1.0, np.nan, 3.0]])).tolist()
    [[2.0, nan, 2.0]]
    """
    return _centered(x, MEAN)


def cs_demean(x: FloatMatrix) -> FloatMatrix:
    """Distance from the mean of the known values.

    Examples
    --------
    >>> cs_demean(np.array([[1.0, np.nan, 3.0]])).tolist()
    [[-1.0, nan, 1.0]]
    """
    return _centered(x, DEMEAN)


def cs_zscore(x: FloatMatrix) -> FloatMatrix:
    """Distance from the mean over the standard deviation (ddof 1); 0 where all are equal.

    Examples
    --------
    >>> cs_zscore(np.array([[1.0, 2.0, 3.0], [5.0, 5.0, np.nan]])).tolist()
    [[-1.0, 0.0, 1.0], [0.0, 0.0, nan]]
    """
    return _centered(x, ZSCORE)


def cs_scale(x: FloatMatrix, a: float = 1.0) -> FloatMatrix:
    """``x`` times a number such that the sizes |x| of a row sum to ``a``; NaN if all are 0.

    Examples
    --------
    >>> cs_scale(np.array([[1.0, -3.0, np.nan]]), 2.0).tolist()
    [[0.5, -1.5, nan]]
    """

    def compute(block: FloatMatrix, result: FloatMatrix, _: slice) -> None:
        scale_rows(block, result, float(a))

    return _by_rows(compute, x)


def cs_winsorize(x: FloatMatrix, lower: float, upper: float) -> FloatMatrix:
    """``x`` held between its quantiles at two levels, linear between order statistics.

    Raises
    ------
    ExpressionError
        Unless 0 <= lower <= upper <= 1.

    Examples
    --------
    >>> cs_winsorize(np.array([[1.0, 2.0, 3.0, 4.0, 100.0]]), 0.25, 0.75).tolist()
    [[2.0, 2.0, 3.0, 4.0, 4.0]]
    """
    if not 0.0 <= lower <= upper <= 1.0:
        raise ExpressionError(
            "the levels of a winsorisation",
            expected="0 <= lower <= upper <= 1",
            found=f"{lower} and {upper}",
        )
    levels = (float(lower), float(upper))

    def compute(block: FloatMatrix, result: FloatMatrix, _: slice) -> None:
        winsorize_rows(block, np.sort(block, axis=1), result, levels)

    return _by_rows(compute, x)


def cs_quantile(x: FloatMatrix, bins: int) -> FloatMatrix:
    """Number of the quantile bin, 0 .. bins - 1.

    The inner edges are the quantiles at 1/bins, 2/bins, ... (linear between order statistics)
    and belong to the bin below, as in the ``qcut`` of pandas; equal values share a bin, so with
    many ties some bins stay empty.

    Raises
    ------
    ExpressionError
        For fewer than one bin.

    Examples
    --------
    >>> cs_quantile(np.array([[1.0, 2.0, 3.0, 4.0, np.nan]]), 2).tolist()
    [[0.0, 0.0, 1.0, 1.0, nan]]
    """
    if not bins >= 1:
        raise ExpressionError("the number of quantile bins", expected="1 or more", found=str(bins))

    def compute(block: FloatMatrix, result: FloatMatrix, _: slice) -> None:
        quantile_rows(block, np.sort(block, axis=1), result, int(bins))

    return _by_rows(compute, x)


def cs_neutralize(
    x: FloatMatrix, groups: IntArray, exposures: Sequence[FloatMatrix] = ()
) -> FloatMatrix:
    """Residual of the least squares of ``x`` on group dummies and exposures, row by row.

    The dummies contain the constant. An exposure that groups and earlier exposures explain
    (all but 1e-10 of its length) is left out, so that collinear exposures do no harm.

    Examples
    --------
    >>> x, size = np.array([[1.0, 2.0, 4.0, 4.0]]), np.array([[1.0, 2.0, 3.0, 4.0]])
    >>> cs_neutralize(x, np.array([[0, 0, 1, 1]])).tolist()
    [[-0.5, 0.5, 0.0, 0.0]]
    >>> cs_neutralize(x, np.array([[0, 0, 1, -1]]), [size]).tolist()
    [[0.0, 0.0, 0.0, nan]]
    """
    codes = _codes(groups, x)
    matrices = [as_matrix(exposure) for exposure in exposures]
    for matrix in matrices:
        _refuse_other_shape(matrix.shape, x)

    def compute(block: FloatMatrix, result: FloatMatrix, rows: slice) -> None:
        stack = np.empty((len(matrices), *block.shape))
        for place, matrix in enumerate(matrices):
            stack[place] = known(matrix[rows])
        neutralize_rows(block, np.array(codes[rows]), stack, result)

    return _by_rows(compute, x)


def cs_regress_resid(y: FloatMatrix, exposures: Sequence[FloatMatrix]) -> FloatMatrix:
    """Residual of the least squares of ``y`` on exposures and a constant, row by row.

    Examples
    --------
    >>> y, x = np.array([[0.0, 3.0, 0.0]]), np.array([[0.0, 1.0, 2.0]])
    >>> cs_regress_resid(y, [x]).tolist()
    [[-1.0, 2.0, -1.0]]
    """
    return cs_neutralize(y, np.broadcast_to(np.int64(0), np.shape(y)), exposures)


def group_rank(x: FloatMatrix, groups: IntArray) -> FloatMatrix:
    """Average rank of ties within the group / known values of the group, in (0, 1].

    Examples
    --------
    >>> group_rank(np.array([[5.0, 1.0, 7.0, 7.0]]), np.array([[0, 0, 1, 1]])).tolist()
    [[1.0, 0.5, 0.75, 0.75]]
    """
    codes = _codes(groups, x)

    def compute(block: FloatMatrix, result: FloatMatrix, rows: slice) -> None:
        group_rank_rows(block, _order(block), np.array(codes[rows]), result)

    return _by_rows(compute, x)


def group_mean(x: FloatMatrix, groups: IntArray) -> FloatMatrix:
    """Mean of the group's known values, given to every member that has one.

    Examples
    --------
    >>> group_mean(np.array([[1.0, 3.0, 7.0]]), np.array([[0, 0, 1]])).tolist()
    [[2.0, 2.0, 7.0]]
    """
    return _centered_in_groups(x, groups, MEAN)


def group_demean(x: FloatMatrix, groups: IntArray) -> FloatMatrix:
    """Distance from the mean of the group's known values.

    Examples
    --------
    >>> group_demean(np.array([[1.0, 3.0, 7.0]]), np.array([[0, 0, 1]])).tolist()
    [[-1.0, 1.0, 0.0]]
    """
    return _centered_in_groups(x, groups, DEMEAN)


group_neutralize = group_demean


def group_zscore(x: FloatMatrix, groups: IntArray) -> FloatMatrix:
    """As :func:`cs_zscore` within each group; 0 in a group of one.

    Examples
    --------
    >>> group_zscore(np.array([[1.0, 2.0, 3.0, 7.0]]), np.array([[0, 0, 0, 1]])).tolist()
    [[-1.0, 0.0, 1.0, 0.0]]
    """
    return _centered_in_groups(x, groups, ZSCORE)


def _by_rows(
    compute: Callable[[FloatMatrix, FloatMatrix, slice], None], x: FloatMatrix
) -> FloatMatrix:
    matrix = as_matrix(x)
    result = np.empty_like(matrix)
    over_rows(lambda rows: compute(known(matrix[rows]), result[rows], rows), matrix.shape)
    return result


def _order(block: FloatMatrix) -> IntArray:
    """Places of the values of every row in ascending order, NaN last.

    NaN is sorted as infinity: NumPy's vectorised sorting does not take NaN.
    """
    return np.argsort(np.where(np.isnan(block), np.inf, block), axis=1)


def _centered(x: FloatMatrix, statistic: int) -> FloatMatrix:
    return _by_rows(lambda block, result, _: center_rows(block, result, statistic), x)


def _centered_in_groups(x: FloatMatrix, groups: IntArray, statistic: int) -> FloatMatrix:
    codes = _codes(groups, x)

    def compute(block: FloatMatrix, result: FloatMatrix, rows: slice) -> None:
        group_center_rows(block, np.array(codes[rows]), result, statistic)

    return _by_rows(compute, x)


def _codes(groups: IntArray, x: FloatMatrix) -> IntArray:
    """Group numbers as int64, renumbered if they are large."""
    codes = np.asarray(groups, dtype=np.int64)
    _refuse_other_shape(codes.shape, x)
    if codes.size and codes.max() > LARGEST_GROUP:
        names, numbers = np.unique(codes, return_inverse=True)
        codes = np.where(codes >= 0, numbers.reshape(codes.shape) - np.sum(names < 0), -1)
    return codes


def _refuse_other_shape(shape: tuple[int, ...], x: FloatMatrix) -> None:
    if shape != np.shape(x):
        raise InvariantBroken(
            "matrices of one computation differ in shape",
            expected=str(np.shape(x)),
            found=str(shape),
        )
