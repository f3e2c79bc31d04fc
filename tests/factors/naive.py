"""The readable evaluator: one node at a time, one window at a time, nothing shared.

Written from the definitions with plain numpy; it knows nothing of plans, kernels, strides or
blocks, and the evaluator must agree with it.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import stats

from quant_core.factors.expression import Call, Expression, Field, Group, Number
from quant_core.factors.operator_table import OPERATORS
from quant_core.factors.operators import Family, Kind, LookBack, Operator
from quant_core.factors.source import FieldSource
from quant_core.foundation.types import FloatMatrix

Window = np.ndarray


def value_of(tree: Expression, source: FieldSource) -> FloatMatrix:
    """A factor's values; infinities of the last step become NaN."""
    values = _value(tree, source)
    return np.where(np.isfinite(values), values, np.nan)


def _value(tree: Expression, source: FieldSource) -> FloatMatrix:
    match tree:
        case Number(value):
            return np.full(source.axes.shape, value)
        case Field("returns"):
            close = source.field("close")
            before = np.vstack([np.full((1, close.shape[1]), np.nan), close[:-1]])
            with np.errstate(all="ignore"):
                return np.where(before == 0, np.nan, close / before[: len(close)]) - 1
        case Field(name):
            return source.field(name)
        case Group(name):
            raise AssertionError(name)
        case Call():
            return _called(tree, source)


def _called(tree: Call, source: FieldSource) -> FloatMatrix:
    row = OPERATORS[tree.operator]
    matrices: list[FloatMatrix] = []
    literals: list[float] = []
    groups = None
    for place, argument in enumerate(tree.arguments):
        match row.parameter_at(place).kind, argument:
            case ((Kind.WINDOW | Kind.NUMBER), Number(value)):
                literals.append(value)
            case Kind.GROUP, Group(name):
                groups = source.groups(name)
            case _:
                matrices.append(_value(argument, source))
    match row.family:
        case Family.ELEMENT:
            return _cell_by_cell(ELEMENT[row.name], matrices, literals)
        case Family.TIME_SERIES:
            return _series(row, matrices, literals)
        case Family.CROSS_SECTION:
            return _row_by_row(SECTION[row.name], _finite(matrices), literals, groups)


def _series(
    row: Operator, matrices: Sequence[FloatMatrix], literals: Sequence[float]
) -> FloatMatrix:
    seen = matrices if row.look_back is LookBack.DELAY else _finite(matrices)
    return _window_by_window(row, seen, literals)


def _finite(matrices: Sequence[FloatMatrix]) -> list[FloatMatrix]:
    """Element operators and delays see infinities; to the others they are unknown."""
    return [np.where(np.isinf(matrix), np.nan, matrix) for matrix in matrices]


# -- element operators, on floats ------------------------------------------------------------


def _divide(x: float, y: float) -> float:
    return math.nan if y == 0 else _limited(lambda: x / y)


def _power(x: float, y: float) -> float:
    if math.isnan(x) or math.isnan(y) or (x == 0 and y < 0):
        return math.nan
    return float(np.float64(x) ** np.float64(y))


def _limited(compute: Callable[[], float]) -> float:
    try:
        return compute()
    except OverflowError:
        return math.inf


def _compared(compare: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    return lambda x, y: math.nan if math.isnan(x) or math.isnan(y) else float(compare(x, y))


def _where(condition: float, x: float, y: float) -> float:
    if math.isnan(condition):
        return math.nan
    return x if condition != 0 else y


ELEMENT: Mapping[str, Callable[..., float]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": _divide,
    "negative": operator.neg,
    "power": _power,
    "lt": _compared(operator.lt),
    "le": _compared(operator.le),
    "gt": _compared(operator.gt),
    "ge": _compared(operator.ge),
    "eq": _compared(operator.eq),
    "ne": _compared(operator.ne),
    "and": _compared(lambda x, y: x != 0 and y != 0),
    "or": _compared(lambda x, y: x != 0 or y != 0),
    "not": lambda x: math.nan if math.isnan(x) else float(x == 0),
    "where": _where,
    "log": lambda x: math.log(x) if x > 0 else math.nan,
    "exp": lambda x: _limited(lambda: math.exp(x)),
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else math.nan,
    "sign": lambda x: math.nan if math.isnan(x) else float((x > 0) - (x < 0)),
    "abs": abs,
    "signed_power": lambda x, y: float(np.sign(x)) * _power(abs(x), y),
    "maximum": lambda x, y: math.nan if math.isnan(x) or math.isnan(y) else max(x, y),
    "minimum": lambda x, y: math.nan if math.isnan(x) or math.isnan(y) else min(x, y),
    "clip": lambda x, lower, upper: math.nan if math.isnan(x) else min(max(x, lower), upper),
    "is_nan": lambda x: float(math.isnan(x)),
    "coalesce": lambda x, y: y if math.isnan(x) else x,
}


def _cell_by_cell(
    function: Callable[..., float], matrices: Sequence[FloatMatrix], literals: Sequence[float]
) -> FloatMatrix:
    result = np.empty(matrices[0].shape)
    with np.errstate(all="ignore"):
        for cell in np.ndindex(*result.shape):
            result[cell] = function(*(float(matrix[cell]) for matrix in matrices), *literals)
    return result


# -- time-series operators, on one window ----------------------------------------------------


def _window_by_window(
    row: Operator, matrices: Sequence[FloatMatrix], literals: Sequence[float]
) -> FloatMatrix:
    n, parameters, name = int(literals[0]), literals[1:], row.name
    if name in ("ts_ema", "ts_wilder"):
        alpha, memory = 2 / (n + 1) if name == "ts_ema" else 1 / n, row.earlier_sessions(n) + 1
        columns = [_fading(column, n, alpha, memory) for column in matrices[0].T]
        return np.array(columns).T.reshape(matrices[0].shape)
    width = n + 1 if name in ("delay", "delta") else n
    result = np.full(matrices[0].shape, np.nan)
    for last in range(width - 1, len(result)):
        for column in range(result.shape[1]):
            windows = [matrix[last - width + 1 : last + 1, column] for matrix in matrices]
            whole = row.look_back is LookBack.DELAY or not np.isnan(windows).any()
            if whole:
                with np.errstate(all="ignore"):
                    result[last, column] = SERIES[name](*windows, *parameters)
    return result


def _line(y: Window, x: Window) -> tuple[float, Window]:
    """Slope and residuals of the least squares of y on x and a constant."""
    dx, dy = x - x.mean(), y - y.mean()
    if np.ptp(x) == 0:
        return math.nan, np.full(len(y), math.nan)
    slope = (dx @ dy) / (dx @ dx)
    return slope, dy - slope * dx


def _clock(y: Window) -> Window:
    return np.arange(len(y), dtype=float)


def _correlation(x: Window, y: Window) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def _moment(statistic: Callable[..., float]) -> Callable[[Window], float]:
    def adjusted(x: Window) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # scipy on nearly equal values
            return math.nan if np.ptp(x) == 0 else float(statistic(x, bias=False))

    return adjusted


def _zscore(x: Window) -> float:
    return math.nan if np.ptp(x) == 0 else (x[-1] - x.mean()) / x.std(ddof=1)


def _deepest_fall(x: Window) -> float:
    return np.min(x / np.maximum.accumulate(x) - 1) if np.all(x > 0) else math.nan


def _coskewness(x: Window, y: Window) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.mean((x - x.mean()) * (y - y.mean()) ** 2) / (x.std() * y.var()))


SERIES: Mapping[str, Callable[..., float]] = {
    "delay": lambda x: x[0],
    "delta": lambda x: x[-1] - x[0],
    "ts_sum": np.sum,
    "ts_mean": np.mean,
    "ts_std": lambda x: np.std(x, ddof=1),
    "ts_var": lambda x: np.var(x, ddof=1),
    "ts_min": np.min,
    "ts_max": np.max,
    "ts_argmin": np.argmin,
    "ts_argmax": np.argmax,
    "ts_rank": lambda x: stats.rankdata(x)[-1] / len(x),
    "ts_quantile": np.quantile,
    "ts_median": np.median,
    "ts_skew": _moment(stats.skew),
    "ts_kurt": _moment(stats.kurtosis),
    "ts_mad": lambda x: np.mean(np.abs(x - x.mean())),
    "ts_cov": lambda x, y: np.cov(x, y)[0, 1],
    "ts_corr": _correlation,
    "ts_beta": lambda y, x: _line(y, x)[0],
    "ts_regression_residual": lambda y, x: _line(y, x)[1][-1],
    "ts_residual_std": lambda y, x: np.sqrt(np.sum(_line(y, x)[1] ** 2) / (len(y) - 2)),
    "ts_slope": lambda y: _line(y, _clock(y))[0],
    "ts_rsquare": lambda y: _correlation(y, _clock(y)) ** 2,
    "ts_resid": lambda y: _line(y, _clock(y))[1][-1],
    "ts_product": np.prod,
    "ts_decay_linear": lambda x: np.average(x, weights=np.arange(1, len(x) + 1)),
    "ts_count": np.count_nonzero,
    "ts_max_drawdown": _deepest_fall,
    "ts_zscore": _zscore,
    "ts_coskew": _coskewness,
}


def _fading(column: Window, n: int, alpha: float, memory: int) -> list[float]:
    """Weighted mean of the known values of the memory, the weight falling every session."""
    averages: list[float] = []
    for last in range(len(column)):
        seen = column[max(0, last - memory + 1) : last + 1]
        weights = (1 - alpha) ** np.arange(len(seen) - 1, -1, -1.0)
        known = ~np.isnan(seen)
        enough = known[-1] and known.sum() >= n
        averages.append(np.average(seen[known], weights=weights[known]) if enough else math.nan)
    return averages


# -- cross-section operators, on the known names of one session -------------------------------


def _row_by_row(
    function: Callable[..., Window],
    matrices: Sequence[FloatMatrix],
    literals: Sequence[float],
    groups: np.ndarray | None,
) -> FloatMatrix:
    result = np.full(matrices[0].shape, np.nan)
    for row in range(len(result)):
        known = ~np.any([np.isnan(matrix[row]) for matrix in matrices], axis=0)
        parts = [matrix[row] for matrix in matrices]
        if groups is not None:
            known &= groups[row] >= 0
            parts.insert(1, groups[row])
        if known.any():
            with np.errstate(all="ignore"):
                result[row, known] = function(*(part[known] for part in parts), *literals)
    return result


def _ranked(x: Window) -> Window:
    return stats.rankdata(x) / len(x)


def _standard(x: Window) -> Window:
    return np.zeros(len(x)) if np.ptp(x) == 0 else (x - x.mean()) / x.std(ddof=1)


def _in_groups(function: Callable[[Window], Window | float]) -> Callable[[Window, Window], Window]:
    def grouped(x: Window, codes: Window) -> Window:
        result = np.empty(len(x))
        for code in np.unique(codes):
            result[codes == code] = function(x[codes == code])
        return result

    return grouped


def _residual(y: Window, columns: Sequence[Window]) -> Window:
    design = np.column_stack(columns)
    scaled = design / np.maximum(np.abs(design).max(axis=0), 1e-300)
    return y - scaled @ np.linalg.lstsq(scaled, y, rcond=1e-12)[0]


def _neutral(x: Window, codes: Window, *exposures: Window) -> Window:
    dummies = [(codes == code).astype(float) for code in np.unique(codes)]
    return _residual(x, [*dummies, *exposures])


def _bin(x: Window, bins: float) -> Window:
    edges = np.quantile(x, np.arange(1, int(bins)) / bins)
    return np.searchsorted(edges, x, side="left").astype(float)


SECTION: Mapping[str, Callable[..., Window]] = {
    "rank": _ranked,
    "zscore": _standard,
    "mean": lambda x: np.full(len(x), x.mean()),
    "demean": lambda x: x - x.mean(),
    "scale": lambda x, a: x * a / np.abs(x).sum() if np.any(x) else np.full(len(x), np.nan),
    "winsorize": lambda x, lower, upper: np.clip(x, *np.quantile(x, [lower, upper])),
    "quantile": _bin,
    "neutralize": _neutral,
    "regress_resid": lambda y, *xs: _residual(y, [np.ones(len(y)), *xs]),
    "group_rank": _in_groups(_ranked),
    "group_mean": _in_groups(np.mean),
    "group_neutralize": _in_groups(lambda x: x - x.mean()),
    "group_zscore": _in_groups(_standard),
}


def kernel(name: str) -> Callable[..., FloatMatrix]:
    """A readable kernel with the signature of the compiled one."""
    row = next(row for row in OPERATORS.values() if row.kernel == name)

    def compute(*arguments: object) -> FloatMatrix:
        matrices: list[FloatMatrix] = []
        literals: list[float] = []
        groups = None
        for argument in arguments:
            if isinstance(argument, list):
                matrices += argument
            elif isinstance(argument, (int, float)):
                literals.append(argument)
            elif isinstance(argument, np.ndarray) and argument.dtype == np.int64:
                groups = argument
            elif isinstance(argument, np.ndarray):
                matrices.append(argument)
        if row.family is Family.TIME_SERIES:
            return _series(row, matrices, literals)
        return _row_by_row(SECTION[row.name], _finite(matrices), literals, groups)

    return compute
