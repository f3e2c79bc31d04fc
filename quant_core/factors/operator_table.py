"""The operators of the factor language, one row each: a table of data.

How to add one: write the kernel and its readable twin in ``quant_core.numerics`` (an
element operator: one NumPy expression in :mod:`quant_core.factors.elementwise`), add a
row here, render docs/reference/operators.md again. A change of the values any row
gives asks for a new :data:`OPERATOR_VERSION`.
"""

from __future__ import annotations

from dataclasses import replace

from quant_core.factors.operators import (
    LARGEST_WINDOW,
    Family,
    Kind,
    LookBack,
    Operator,
    OperatorTable,
    Parameter,
    UnitRule,
)

OPERATOR_VERSION = "1"
"""Part of the key of every stored factor value. Bump rule: raise it whenever any operator,
derived field or dialect rewriting gives another number for the same text and the same data,
in however few cells; not for new operators, new aliases, speed, or wording. Stored values of
older versions are then recomputed."""

PROPAGATES = "NaN where an argument is NaN"
WHOLE_WINDOW = "NaN unless all n observations of the window are known"
KNOWN_NAMES = "NaN names stay NaN and do not enter the session's statistics"
KNOWN_GROUPS = "NaN names, and names without a group, give NaN and do not enter the statistics"


def _window(smallest: int) -> Parameter:
    return Parameter("n", Kind.WINDOW, smallest, LARGEST_WINDOW, whole=True)


X, Y, CONDITION = (Parameter(name, Kind.EXPRESSION) for name in ("x", "y", "condition"))
GROUP = Parameter("group", Kind.GROUP)
N0, N1, N2, N3, N4 = (_window(smallest) for smallest in range(5))
FRACTION = Parameter("q", Kind.NUMBER, 0.0, 1.0)
LOWER, UPPER = Parameter("lower", Kind.NUMBER), Parameter("upper", Kind.NUMBER)
LOWER_LEVEL, UPPER_LEVEL = (Parameter(p.name, Kind.NUMBER, 0.0, 1.0) for p in (LOWER, UPPER))
TOTAL = Parameter("a", Kind.NUMBER, 0.0, default=1.0)
BINS = Parameter("bins", Kind.NUMBER, 2, 1_000, whole=True)
EXPOSURES = Parameter("exposure", Kind.EXPRESSIONS, at_least=0)
REGRESSORS = Parameter("x", Kind.EXPRESSIONS)


def _element(
    name: str,
    parameters: tuple[Parameter, ...],
    units: UnitRule,
    documentation: str,
    aliases: tuple[str, ...] = (),
    missing: str = PROPAGATES,
) -> Operator:
    return Operator(
        name=name,
        family=Family.ELEMENT,
        parameters=parameters,
        units=units,
        missing=missing,
        kernel=name,
        twin=name,
        cost=0.5,
        documentation=documentation,
        aliases=aliases,
    )


ELEMENT = (
    _element("add", (X, Y), UnitRule.ADD, "x + y"),
    _element("subtract", (X, Y), UnitRule.ADD, "x - y", ("sub",)),
    _element("multiply", (X, Y), UnitRule.MULTIPLY, "x * y", ("mul",)),
    _element("divide", (X, Y), UnitRule.DIVIDE, "x / y; NaN where y is 0", ("div",)),
    _element("negative", (X,), UnitRule.SAME, "-x", ("neg", "reverse")),
    _element(
        "power",
        (X, Y),
        UnitRule.ANY,
        "x ^ y; NaN for a negative x to a fraction, and for 0 to a negative y",
        ("pow",),
    ),
    _element("lt", (X, Y), UnitRule.COMPARE, "x < y: 1 or 0"),
    _element("le", (X, Y), UnitRule.COMPARE, "x <= y: 1 or 0"),
    _element("gt", (X, Y), UnitRule.COMPARE, "x > y: 1 or 0"),
    _element("ge", (X, Y), UnitRule.COMPARE, "x >= y: 1 or 0"),
    _element("eq", (X, Y), UnitRule.COMPARE, "x == y, exactly: 1 or 0"),
    _element("ne", (X, Y), UnitRule.COMPARE, "x != y, exactly: 1 or 0"),
    _element("and", (X, Y), UnitRule.BOOLEAN, "1 where both are true (not 0), else 0"),
    _element("or", (X, Y), UnitRule.BOOLEAN, "1 where at least one is true (not 0), else 0"),
    _element("not", (X,), UnitRule.BOOLEAN, "1 where x is false (0), else 0"),
    _element(
        "where",
        (CONDITION, X, Y),
        UnitRule.CHOOSE,
        "x where the condition is true (not 0), y where it is false",
        ("if", "if_else"),
        "NaN where the condition or the chosen argument is NaN",
    ),
    _element("log", (X,), UnitRule.RATIO, "natural logarithm; NaN for x <= 0", ("ln",)),
    _element("exp", (X,), UnitRule.RATIO, "e to the x"),
    _element("sqrt", (X,), UnitRule.ANY, "square root; NaN for x < 0"),
    _element("sign", (X,), UnitRule.RATIO, "-1, 0 or 1"),
    _element("abs", (X,), UnitRule.SAME, "absolute value"),
    _element(
        "signed_power",
        (X, Y),
        UnitRule.ANY,
        "sign(x) * |x| ^ y; NaN for 0 to a negative y",
        ("signedpower",),
    ),
    _element("maximum", (X, Y), UnitRule.ADD, "the larger of x and y", ("greater",)),
    _element("minimum", (X, Y), UnitRule.ADD, "the smaller of x and y", ("less",)),
    _element("clip", (X, LOWER, UPPER), UnitRule.SAME, "x held between two numbers"),
    _element("is_nan", (X,), UnitRule.BOOLEAN, "1 where x is NaN, else 0", missing="never NaN"),
    _element(
        "coalesce",
        (X, Y),
        UnitRule.ADD,
        "x, or y where x is NaN",
        missing="NaN only where both are NaN",
    ),
)


def _series(
    name: str,
    parameters: tuple[Parameter, ...],
    units: UnitRule,
    cost: float,
    documentation: str,
    aliases: tuple[str, ...] = (),
) -> Operator:
    return Operator(
        name=name,
        family=Family.TIME_SERIES,
        parameters=parameters,
        units=units,
        missing=WHOLE_WINDOW,
        kernel=name,
        twin=f"{name}_py",
        cost=cost,
        documentation=documentation,
        look_back=LookBack.WINDOW,
        aliases=aliases,
    )


def _average(
    name: str, look_back: LookBack, documentation: str, aliases: tuple[str, ...] = ()
) -> Operator:
    row = _series(name, (X, N1), UnitRule.SAME, 2.0, documentation, aliases)
    begins = "NaN where x is NaN, and until n observations are known"
    return replace(row, look_back=look_back, missing=begins)


def _shift(
    name: str, window: Parameter, documentation: str, aliases: tuple[str, ...] = ()
) -> Operator:
    row = _series(name, (X, window), UnitRule.SAME, 1.0, documentation, aliases)
    return replace(
        row, look_back=LookBack.DELAY, missing="NaN where an observation it reads is NaN"
    )


TIME_SERIES = (
    _shift("delay", N0, "x of n sessions before", ("ref", "ts_delay", "lag")),
    _shift("delta", N1, "x minus its value n sessions before", ("ts_delta",)),
    _series("ts_sum", (X, N1), UnitRule.SAME, 1.5, "sum", ("sum",)),
    _series("ts_mean", (X, N1), UnitRule.SAME, 1.5, "arithmetic mean", ("ma",)),
    _series(
        "ts_std",
        (X, N2),
        UnitRule.SAME,
        2.0,
        "standard deviation, ddof 1",
        ("std", "stddev", "ts_stddev", "ts_std_dev"),
    ),
    _series("ts_var", (X, N2), UnitRule.ANY, 2.0, "variance, ddof 1", ("var", "ts_variance")),
    _series("ts_min", (X, N1), UnitRule.SAME, 2.0, "smallest", ("tsmin",)),
    _series("ts_max", (X, N1), UnitRule.SAME, 2.0, "largest", ("tsmax",)),
    _series(
        "ts_argmin",
        (X, N1),
        UnitRule.SESSIONS,
        4.0,
        "sessions from the start of the window to its smallest value, from 0, first of ties",
    ),
    _series(
        "ts_argmax",
        (X, N1),
        UnitRule.SESSIONS,
        4.0,
        "sessions from the start of the window to its largest value, from 0, first of ties",
    ),
    _series(
        "ts_rank",
        (X, N1),
        UnitRule.RANK,
        4.0,
        "average rank of the newest value in its window / n, in (0, 1]",
        ("tsrank",),
    ),
    _series(
        "ts_quantile",
        (X, N1, FRACTION),
        UnitRule.SAME,
        6.0,
        "quantile q, linear between order statistics",
    ),
    _series("ts_median", (X, N1), UnitRule.SAME, 6.0, "median", ("med", "median")),
    _series(
        "ts_skew", (X, N3), UnitRule.RATIO, 3.0, "skewness, bias-adjusted", ("skew", "ts_skewness")
    ),
    _series(
        "ts_kurt",
        (X, N4),
        UnitRule.RATIO,
        3.0,
        "excess kurtosis, bias-adjusted",
        ("kurt", "ts_kurtosis"),
    ),
    _series(
        "ts_mad",
        (X, N1),
        UnitRule.SAME,
        4.0,
        "mean absolute deviation from the window's mean",
        ("mad",),
    ),
    _series(
        "ts_cov",
        (X, Y, N2),
        UnitRule.ANY,
        3.0,
        "covariance, ddof 1",
        ("cov", "covariance", "ts_covariance"),
    ),
    _series(
        "ts_corr",
        (X, Y, N2),
        UnitRule.RATIO,
        3.0,
        "Pearson correlation; NaN where a side is constant",
        ("corr", "correlation"),
    ),
    _series("ts_beta", (Y, X, N2), UnitRule.DIVIDE, 3.0, "least-squares slope of y on x"),
    _series(
        "ts_regression_residual",
        (Y, X, N2),
        UnitRule.SAME,
        3.0,
        "newest residual of the least squares of y on x and a constant",
    ),
    _series(
        "ts_residual_std",
        (Y, X, N3),
        UnitRule.SAME,
        3.0,
        "standard error of the regression of y on x and a constant: residual squares / (n - 2)",
    ),
    _series(
        "ts_coskew",
        (X, Y, N2),
        UnitRule.RATIO,
        3.0,
        "coskewness of x with y: mean of dx dy^2 over sigma_x sigma_y^2",
    ),
    _series(
        "ts_slope",
        (X, N2),
        UnitRule.SAME,
        2.0,
        "least-squares slope of x on 0 .. n - 1, per session",
        ("slope",),
    ),
    _series(
        "ts_rsquare", (X, N2), UnitRule.RATIO, 2.5, "R squared of x on 0 .. n - 1", ("rsquare",)
    ),
    _series(
        "ts_resid", (X, N2), UnitRule.SAME, 2.5, "newest residual of x on 0 .. n - 1", ("resi",)
    ),
    _series("ts_product", (X, N1), UnitRule.ANY, 2.0, "product", ("product",)),
    _series(
        "ts_decay_linear",
        (X, N1),
        UnitRule.SAME,
        2.0,
        "weighted mean, weights 1 .. n, the newest heaviest",
        ("decay_linear", "decaylinear", "wma"),
    ),
    _average(
        "ts_ema",
        LookBack.SPAN,
        "exponential average with a finite memory, alpha = 2 / (n + 1)",
        ("ema",),
    ),
    _average(
        "ts_wilder",
        LookBack.WILDER,
        "Wilder's average: exponential with a finite memory, alpha = 1 / n",
    ),
    _series(
        "ts_count",
        (CONDITION, N1),
        UnitRule.SESSIONS,
        1.5,
        "sessions in which the condition is true",
    ),
    _series(
        "ts_max_drawdown",
        (X, N1),
        UnitRule.RATIO,
        4.0,
        "deepest fall from a running peak, as a fraction of it, <= 0; x <= 0 counts as unknown",
    ),
    _series("ts_zscore", (X, N2), UnitRule.RATIO, 2.5, "(x - mean) / standard deviation, ddof 1"),
)


def _section(
    kernel: str,
    parameters: tuple[Parameter, ...],
    units: UnitRule,
    cost: float,
    documentation: str,
    aliases: tuple[str, ...] = (),
) -> Operator:
    """A cross-section row; it is named as its kernel is, without the prefix ``cs_``."""
    return Operator(
        name=kernel.removeprefix("cs_"),
        family=Family.CROSS_SECTION,
        parameters=parameters,
        units=units,
        missing=KNOWN_GROUPS if GROUP in parameters else KNOWN_NAMES,
        kernel=kernel,
        twin=f"{kernel}_py",
        cost=cost,
        documentation=documentation,
        aliases=(kernel, *aliases) if kernel.startswith("cs_") else aliases,
    )


CROSS_SECTION = (
    _section(
        "cs_rank",
        (X,),
        UnitRule.RANK,
        12.0,
        "average rank of ties / number of valid names, in (0, 1]",
    ),
    _section("cs_zscore", (X,), UnitRule.RATIO, 2.0, "(x - mean) / standard deviation, ddof 1"),
    _section("cs_mean", (X,), UnitRule.SAME, 1.5, "mean of the session, given to every valid name"),
    _section("cs_demean", (X,), UnitRule.SAME, 1.5, "x - mean", ("normalize",)),
    _section("cs_scale", (X, TOTAL), UnitRule.RATIO, 1.5, "x * a / sum of |x|"),
    _section(
        "cs_winsorize",
        (X, LOWER_LEVEL, UPPER_LEVEL),
        UnitRule.SAME,
        12.0,
        "x held between its quantiles at two levels",
    ),
    _section("cs_quantile", (X, BINS), UnitRule.RANK, 12.0, "number of the quantile bin, from 0"),
    _section(
        "cs_neutralize",
        (X, GROUP, EXPOSURES),
        UnitRule.SAME,
        6.0,
        "least-squares residual on group dummies and exposures",
    ),
    _section(
        "cs_regress_resid",
        (Y, REGRESSORS),
        UnitRule.SAME,
        6.0,
        "least-squares residual of y on x ... and a constant",
    ),
    _section("group_rank", (X, GROUP), UnitRule.RANK, 14.0, "rank within the group"),
    _section("group_mean", (X, GROUP), UnitRule.SAME, 2.0, "mean of the group"),
    _section(
        "group_neutralize",
        (X, GROUP),
        UnitRule.SAME,
        2.0,
        "x - mean of the group",
        ("group_demean", "indneutralize"),
    ),
    _section("group_zscore", (X, GROUP), UnitRule.RATIO, 2.5, "z-score within the group"),
)

OPERATORS = OperatorTable((*ELEMENT, *TIME_SERIES, *CROSS_SECTION))
"""Every operator by its canonical name."""
