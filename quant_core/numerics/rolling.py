"""Statistics of one series over a moving window of sessions.

Every function takes a float64 matrix [sessions, symbols], the sessions ascending, and a window
counted in sessions, the present one included; it returns a new matrix of the same shape whose
value at session t uses rows t - window + 1 .. t only. The input is never written to.

NaN policy: a window needs all its observations, else the result is NaN; a NaN harms exactly the
windows that contain it. An infinity counts as NaN (:func:`delay` and :func:`delta` apart, which
move and subtract what they find). Equal windows give equal results to the bit, whatever came
before them.

Cost: sums, moments, ranks and quantiles cost in proportion to the window; extremes, drawdowns
and exponential averages to its logarithm.

Every function has a readable twin ``<name>_py`` in
:mod:`quant_core.numerics.reference_rolling`. A window below one session is refused with
:class:`~quant_core.foundation.errors.ExpressionError`.
"""

from __future__ import annotations

import math

import numpy as np

from quant_core.foundation.errors import ExpressionError
from quant_core.foundation.types import FloatMatrix
from quant_core.numerics.tiles import as_matrix, checked_window, over_columns, over_rows
from quant_core.numerics.window_memory import window_exponential
from quant_core.numerics.window_moments import (
    ABSOLUTE,
    DEVIATION,
    KURTOSIS,
    SKEWNESS,
    VARIANCE,
    ZSCORE,
    window_moment,
    window_shape,
)
from quant_core.numerics.window_order import (
    window_drawdown,
    window_extreme,
    window_extreme_position,
    window_quantile,
    window_rank,
)
from quant_core.numerics.window_sums import (
    window_count,
    window_decay,
    window_mean,
    window_product,
    window_sum,
)

FORGOTTEN = 1e-9
"""Weight of all sessions beyond the memory of an exponential average, at most."""

LARGEST, SMALLEST = 1.0, -1.0


def delay(x: FloatMatrix, n: int) -> FloatMatrix:
    """The value of ``n`` sessions before, as it stands; NaN in the first ``n`` rows.

    Raises
    ------
    ExpressionError
        For a negative ``n``, which would read the future.

    Examples
    --------
    >>> delay(np.array([[1.0], [2.0], [3.0]]), 1).ravel().tolist()
    [nan, 1.0, 2.0]
    """
    return _shifted(x, n, subtract=False)


def delta(x: FloatMatrix, n: int) -> FloatMatrix:
    """``x`` less its value of ``n`` sessions before; NaN in the first ``n`` rows.

    Examples
    --------
    >>> delta(np.array([[1.0], [2.0], [4.0]]), 1).ravel().tolist()
    [nan, 1.0, 2.0]
    """
    return _shifted(x, n, subtract=True)


def ts_sum(x: FloatMatrix, window: int) -> FloatMatrix:
    """Sum.

    Examples
    --------
    >>> ts_sum(np.array([[1.0], [2.0], [4.0]]), 2).ravel().tolist()
    [nan, 3.0, 6.0]
    """
    return over_columns(window_sum, (x,), checked_window(window))


def ts_mean(x: FloatMatrix, window: int) -> FloatMatrix:
    """Arithmetic mean; of equal observations exactly their value.

    Examples
    --------
    >>> ts_mean(np.array([[1.0], [2.0], [4.0]]), 2).ravel().tolist()
    [nan, 1.5, 3.0]
    """
    return over_columns(window_mean, (x,), checked_window(window))


def ts_product(x: FloatMatrix, window: int) -> FloatMatrix:
    """Product.

    Examples
    --------
    >>> ts_product(np.array([[1.0], [2.0], [4.0]]), 2).ravel().tolist()
    [nan, 2.0, 8.0]
    """
    return over_columns(window_product, (x,), checked_window(window))


def ts_count(x: FloatMatrix, window: int) -> FloatMatrix:
    """Number of sessions whose value is other than zero.

    Examples
    --------
    >>> ts_count(np.array([[1.0], [0.0], [1.0]]), 2).ravel().tolist()
    [nan, 1.0, 1.0]
    """
    return over_columns(window_count, (x,), checked_window(window))


def ts_decay_linear(x: FloatMatrix, window: int) -> FloatMatrix:
    """Mean with weights 1 .. window, the newest heaviest; of equal values exactly theirs.

    Examples
    --------
    >>> ts_decay_linear(np.array([[1.0], [4.0]]), 2).ravel().tolist()
    [nan, 3.0]
    """
    return over_columns(window_decay, (x,), checked_window(window))


def ts_var(x: FloatMatrix, window: int) -> FloatMatrix:
    """Variance, ddof 1; exactly 0 for equal observations; NaN for a window of one.

    Examples
    --------
    >>> ts_var(np.array([[1.0], [3.0]]), 2).ravel().tolist()
    [nan, 2.0]
    """
    return over_columns(window_moment, (x,), checked_window(window), VARIANCE)


def ts_std(x: FloatMatrix, window: int) -> FloatMatrix:
    """Standard deviation, ddof 1; exactly 0 for equal observations; NaN for a window of one.

    Examples
    --------
    >>> ts_std(np.array([[1.0], [2.0], [3.0]]), 3).ravel().tolist()
    [nan, nan, 1.0]
    """
    return over_columns(window_moment, (x,), checked_window(window), DEVIATION)


def ts_zscore(x: FloatMatrix, window: int) -> FloatMatrix:
    """(Newest observation - mean) / standard deviation, ddof 1; NaN for equal observations.

    Examples
    --------
    >>> ts_zscore(np.array([[1.0], [2.0], [3.0]]), 3).ravel().tolist()
    [nan, nan, 1.0]
    """
    return over_columns(window_moment, (x,), checked_window(window), ZSCORE)


def ts_mad(x: FloatMatrix, window: int) -> FloatMatrix:
    """Mean absolute deviation from the window's mean.

    Examples
    --------
    >>> ts_mad(np.array([[1.0], [3.0]]), 2).ravel().tolist()
    [nan, 1.0]
    """
    return over_columns(window_moment, (x,), checked_window(window), ABSOLUTE)


def ts_skew(x: FloatMatrix, window: int) -> FloatMatrix:
    """Skewness, bias-adjusted (G1 of Joanes & Gill 1998, as in pandas).

    NaN for windows below 3, and for equal observations (pandas: 0), which have no shape.

    Examples
    --------
    >>> ts_skew(np.array([[1.0], [2.0], [3.0]]), 3).ravel().tolist()
    [nan, nan, 0.0]
    """
    return over_columns(window_shape, (x,), checked_window(window), SKEWNESS)


def ts_kurt(x: FloatMatrix, window: int) -> FloatMatrix:
    """Excess kurtosis, bias-adjusted (G2 of Joanes & Gill 1998, as in pandas).

    NaN for windows below 4, and for equal observations (pandas: -3).

    Examples
    --------
    >>> ts_kurt(np.array([[0.0], [1.0], [0.0], [1.0]]), 4).ravel().tolist()
    [nan, nan, nan, -6.0]
    """
    return over_columns(window_shape, (x,), checked_window(window), KURTOSIS)


def ts_max(x: FloatMatrix, window: int) -> FloatMatrix:
    """Largest observation.

    Examples
    --------
    >>> ts_max(np.array([[3.0], [1.0], [2.0]]), 2).ravel().tolist()
    [nan, 3.0, 2.0]
    """
    return over_columns(window_extreme, (x,), checked_window(window), LARGEST)


def ts_min(x: FloatMatrix, window: int) -> FloatMatrix:
    """Smallest observation.

    Examples
    --------
    >>> ts_min(np.array([[3.0], [1.0], [2.0]]), 2).ravel().tolist()
    [nan, 1.0, 1.0]
    """
    return over_columns(window_extreme, (x,), checked_window(window), SMALLEST)


def ts_argmax(x: FloatMatrix, window: int) -> FloatMatrix:
    """Sessions from the start of the window (0) to its largest value, the first of equals.

    Examples
    --------
    >>> ts_argmax(np.array([[3.0], [1.0], [2.0]]), 2).ravel().tolist()
    [nan, 0.0, 1.0]
    """
    return over_columns(window_extreme_position, (x,), checked_window(window), LARGEST)


def ts_argmin(x: FloatMatrix, window: int) -> FloatMatrix:
    """Sessions from the start of the window (0) to its smallest value, the first of equals.

    Examples
    --------
    >>> ts_argmin(np.array([[3.0], [1.0], [2.0]]), 2).ravel().tolist()
    [nan, 1.0, 0.0]
    """
    return over_columns(window_extreme_position, (x,), checked_window(window), SMALLEST)


def ts_rank(x: FloatMatrix, window: int) -> FloatMatrix:
    """Average rank of the newest observation / window, in (0, 1].

    Examples
    --------
    >>> ts_rank(np.array([[3.0], [1.0], [1.0], [2.0]]), 2).ravel().tolist()
    [nan, 0.5, 0.75, 1.0]
    """
    return over_columns(window_rank, (x,), checked_window(window))


def ts_quantile(x: FloatMatrix, window: int, q: float) -> FloatMatrix:
    """Quantile at level ``q``, linear between order statistics (type 7 of Hyndman & Fan 1996).

    Raises
    ------
    ExpressionError
        Unless 0 <= q <= 1.

    Examples
    --------
    >>> ts_quantile(np.array([[3.0], [1.0], [2.0]]), 2, 0.25).ravel().tolist()
    [nan, 1.5, 1.25]
    """
    if not 0.0 <= q <= 1.0:
        raise ExpressionError("the level of a quantile", expected="0 to 1", found=str(q))
    return over_columns(window_quantile, (x,), checked_window(window), float(q))


def ts_median(x: FloatMatrix, window: int) -> FloatMatrix:
    """Median.

    Examples
    --------
    >>> ts_median(np.array([[3.0], [1.0], [2.0]]), 3).ravel().tolist()
    [nan, nan, 2.0]
    """
    return ts_quantile(x, window, 0.5)


def ts_max_drawdown(x: FloatMatrix, window: int) -> FloatMatrix:
    """Deepest fall from a running peak, as a fraction of it, <= 0; x <= 0 counts as NaN.

    Examples
    --------
    >>> ts_max_drawdown(np.array([[4.0], [3.0], [5.0]]), 2).ravel().tolist()
    [nan, -0.25, 0.0]
    """
    return over_columns(window_drawdown, (x,), checked_window(window))


def ts_ema(x: FloatMatrix, n: int) -> FloatMatrix:
    """Exponential average, alpha = 2 / (n + 1), with a finite memory.

    The weighted mean of the known observations among the newest ``ema_look_back(n) + 1``
    sessions, the weight falling by 1 - alpha a session. What lies further back would weigh less
    than 1e-9 in all and is left out, so that the look-back is finite. It equals the recursive
    average whose start is forgotten: to 1e-9 of the spread of ``x`` once it has run for
    ``ema_look_back(n)`` sessions, whatever its seed, and before that the ``adjust=True`` form
    of pandas (TA-Lib and others seed with a mean of n values and differ while the seed fades).

    NaN where ``x`` is NaN, and until the memory holds n known observations; a NaN weighs
    nothing but takes its place in time. Equal observations give exactly their value.

    Examples
    --------
    >>> ts_ema(np.array([[0.0], [0.0], [7.0]]), 3).ravel().tolist()
    [nan, nan, 4.0]
    """
    return _exponential(x, n, _ema_factor(n))


def ts_wilder(x: FloatMatrix, n: int) -> FloatMatrix:
    """Wilder's average: as :func:`ts_ema` with alpha = 1 / n (Wilder 1978).

    Examples
    --------
    >>> ts_wilder(np.array([[1.0], [2.0], [4.0]]), 2).ravel().tolist()
    [nan, 1.6666666666666667, 3.0]
    """
    return _exponential(x, n, _wilder_factor(n))


def ema_look_back(n: int) -> int:
    """Sessions before the present one that :func:`ts_ema` reads.

    Examples
    --------
    >>> ema_look_back(12)
    127
    """
    return _memory(_ema_factor(n)) - 1


def wilder_look_back(n: int) -> int:
    """Sessions before the present one that :func:`ts_wilder` reads.

    Examples
    --------
    >>> wilder_look_back(14)
    511
    """
    return _memory(_wilder_factor(n)) - 1


def _ema_factor(n: int) -> float:
    return 1.0 - 2.0 / (checked_window(n) + 1.0)


def _wilder_factor(n: int) -> float:
    return 1.0 - 1.0 / checked_window(n)


def _memory(factor: float) -> int:
    """The smallest power of two after which the weight of all that is older is forgotten."""
    if factor == 0.0:
        return 1
    return 2 ** max(0, math.ceil(math.log2(math.log(FORGOTTEN) / math.log(factor))))


def _exponential(x: FloatMatrix, n: int, factor: float) -> FloatMatrix:
    return over_columns(window_exponential, (x,), factor, _memory(factor), n)


def _shifted(x: FloatMatrix, n: int, *, subtract: bool) -> FloatMatrix:
    if not n >= 0:
        raise ExpressionError(
            "a delay must not be negative: it would read the future", found=str(n)
        )
    matrix = as_matrix(x)
    result = np.empty_like(matrix)
    result[:n] = np.nan
    later, earlier = matrix[n:], matrix[: max(0, len(matrix) - n)]

    def work(rows: slice) -> None:
        if subtract:
            with np.errstate(all="ignore"):  # inf - inf is NaN, and meant
                np.subtract(later[rows], earlier[rows], out=result[n:][rows])
        else:
            result[n:][rows] = earlier[rows]

    over_rows(work, earlier.shape)
    return result
