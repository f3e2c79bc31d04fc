"""Two series over a moving window, and one series against time: least squares and relatives.

Shapes, windows, NaN policy and errors are those of :mod:`quant_core.numerics.rolling`; a NaN or
infinity in either series harms the windows that contain it. All results come from deviations
from the window's means, computed in a second pass. Each function has a readable twin
``<name>_py`` in :mod:`quant_core.numerics.reference_regression`.
"""

from __future__ import annotations

from quant_core.foundation.types import FloatMatrix
from quant_core.numerics.tiles import checked_window, over_columns
from quant_core.numerics.window_moments import (
    BETA,
    CORRELATION,
    COVARIANCE,
    PAIR_RESIDUAL,
    RESIDUAL,
    RSQUARE,
    SLOPE,
    window_coskewness,
    window_pair,
    window_residual_deviation,
    window_trend,
)


def ts_cov(x: FloatMatrix, y: FloatMatrix, window: int) -> FloatMatrix:
    """Covariance, ddof 1.

    Examples
    --------
    >>> import numpy as np
    >>> ts_cov(np.array([[1.0], [3.0]]), np.array([[1.0], [5.0]]), 2).ravel().tolist()
    [nan, 4.0]
    """
    return over_columns(window_pair, (x, y), checked_window(window), COVARIANCE)


def ts_corr(x: FloatMatrix, y: FloatMatrix, window: int) -> FloatMatrix:
    """Pearson correlation, in [-1, 1]; NaN where either series is constant.

    Examples
    --------
    >>> import numpy as np
    >>> ts_corr(np.array([[1.0], [3.0]]), np.array([[5.0], [1.0]]), 2).ravel().tolist()
    [nan, -1.0]
    """
    return over_columns(window_pair, (x, y), checked_window(window), CORRELATION)


def ts_beta(y: FloatMatrix, x: FloatMatrix, window: int) -> FloatMatrix:
    """Least-squares slope of ``y`` on ``x`` and a constant; NaN where ``x`` is constant.

    Examples
    --------
    >>> import numpy as np
    >>> ts_beta(np.array([[1.0], [5.0]]), np.array([[1.0], [3.0]]), 2).ravel().tolist()
    [nan, 2.0]
    """
    return over_columns(window_pair, (x, y), checked_window(window), BETA)


def ts_regression_residual(y: FloatMatrix, x: FloatMatrix, window: int) -> FloatMatrix:
    """Newest residual of the least squares of ``y`` on ``x`` and a constant.

    NaN where ``x`` is constant.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.array([[0.0], [0.0], [3.0]]), np.array([[0.0], [2.0], [1.0]])
    >>> ts_regression_residual(y, x, 3).ravel().tolist()
    [nan, nan, 2.0]
    """
    return over_columns(window_pair, (x, y), checked_window(window), PAIR_RESIDUAL)


def ts_residual_std(y: FloatMatrix, x: FloatMatrix, window: int) -> FloatMatrix:
    """Standard error of the regression of ``y`` on ``x`` and a constant.

    The root of the residuals' sum of squares over window - 2. NaN for windows below 3 and where
    ``x`` is constant.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.array([[1.0], [1.0], [4.0]]), np.array([[0.0], [2.0], [1.0]])
    >>> round(float(ts_residual_std(y, x, 3)[2, 0]) ** 2, 12)
    6.0
    """
    return over_columns(window_residual_deviation, (x, y), checked_window(window))


def ts_coskew(x: FloatMatrix, y: FloatMatrix, window: int) -> FloatMatrix:
    """Coskewness of ``x`` with ``y``: E[dx dy^2] / (sigma_x sigma_y^2), population moments.

    With ``y`` the market's return this is the coskewness of Harvey & Siddique (2000, eq. 11)
    taken of plain deviations. NaN where either series is constant.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[0.0], [0.0], [3.0]])
    >>> round(float(ts_coskew(x, x, 3)[2, 0]), 12)
    0.707106781187
    """
    return over_columns(window_coskewness, (x, y), checked_window(window))


def ts_slope(x: FloatMatrix, window: int) -> FloatMatrix:
    """Least-squares slope on 0 .. window - 1, per session; exactly 0 for a constant series.

    Examples
    --------
    >>> import numpy as np
    >>> ts_slope(np.array([[1.0], [3.0], [5.0]]), 3).ravel().tolist()
    [nan, nan, 2.0]
    """
    return over_columns(window_trend, (x,), checked_window(window), SLOPE)


def ts_rsquare(x: FloatMatrix, window: int) -> FloatMatrix:
    """R squared of the least squares on 0 .. window - 1; NaN for a constant series.

    Examples
    --------
    >>> import numpy as np
    >>> ts_rsquare(np.array([[1.0], [3.0], [5.0]]), 3).ravel().tolist()
    [nan, nan, 1.0]
    """
    return over_columns(window_trend, (x,), checked_window(window), RSQUARE)


def ts_resid(x: FloatMatrix, window: int) -> FloatMatrix:
    """Newest residual of the least squares on 0 .. window - 1; NaN for a window of one.

    Examples
    --------
    >>> import numpy as np
    >>> ts_resid(np.array([[0.0], [3.0], [0.0]]), 3).ravel().tolist()
    [nan, nan, -1.0]
    """
    return over_columns(window_trend, (x,), checked_window(window), RESIDUAL)
