"""The Alpha158 set of Qlib, with Qlib's names.

The set is regular: nine shapes of the session's bar, four prices relative to the close,
and 29 formulas over each of the windows 5, 10, 20, 30 and 60, in which ``{n}`` stands for
the window.
"""

from __future__ import annotations

from quant_core.factors.factor import Factor

WINDOWS = (5, 10, 20, 30, 60)

_SOURCE = (
    "Qlib, qlib/contrib/data/loader.py, class Alpha158DL; Yang et al. (2020), arXiv:2009.11189"
)
_WHOLE_WINDOW = (
    "Every session of the window must be known; Qlib's windows begin with their first known value."
)
_COMPARISON = "A comparison with an unknown price is unknown; Qlib's is false."
_FLAT = (
    "NaN where a side of the window is constant; Qlib blanks every window with a standard"
    " deviation below 0.00002."
)
_PLACE = (
    "Qlib counts the place of an extreme from 1, hence + 1; of equal extremes the oldest counts."
)
_DAY_RANGE = "(high - low + 1e-12)"
_PRICE_UP = "maximum(close - delay(close, 1), 0)"
_PRICE_DOWN = "maximum(delay(close, 1) - close, 0)"
_PRICE_MOVE = "(ts_sum(abs(close - delay(close, 1)), {n}) + 1e-12)"
_VOLUME_UP = "maximum(volume - delay(volume, 1), 0)"
_VOLUME_DOWN = "maximum(delay(volume, 1) - volume, 0)"
_VOLUME_MOVE = "(ts_sum(abs(volume - delay(volume, 1)), {n}) + 1e-12)"
_WEIGHTED_MOVE = "abs(close / delay(close, 1) - 1) * volume"

_BAR = (
    ("KMID", "(close - open) / open"),
    ("KLEN", "(high - low) / open"),
    ("KMID2", f"(close - open) / {_DAY_RANGE}"),
    ("KUP", "(high - maximum(open, close)) / open"),
    ("KUP2", f"(high - maximum(open, close)) / {_DAY_RANGE}"),
    ("KLOW", "(minimum(open, close) - low) / open"),
    ("KLOW2", f"(minimum(open, close) - low) / {_DAY_RANGE}"),
    ("KSFT", "(2 * close - high - low) / open"),
    ("KSFT2", f"(2 * close - high - low) / {_DAY_RANGE}"),
    ("OPEN0", "open / close"),
    ("HIGH0", "high / close"),
    ("LOW0", "low / close"),
    ("VWAP0", "vwap / close"),
)

_ROLLING = (
    ("ROC", "delay(close, {n}) / close", ""),
    ("MA", "ts_mean(close, {n}) / close", _WHOLE_WINDOW),
    ("STD", "ts_std(close, {n}) / close", _WHOLE_WINDOW),
    ("BETA", "ts_slope(close, {n}) / close", _WHOLE_WINDOW),
    ("RSQR", "ts_rsquare(close, {n})", f"{_WHOLE_WINDOW} {_FLAT}"),
    ("RESI", "ts_resid(close, {n}) / close", _WHOLE_WINDOW),
    ("MAX", "ts_max(high, {n}) / close", _WHOLE_WINDOW),
    ("MIN", "ts_min(low, {n}) / close", _WHOLE_WINDOW),
    ("QTLU", "ts_quantile(close, {n}, 0.8) / close", _WHOLE_WINDOW),
    ("QTLD", "ts_quantile(close, {n}, 0.2) / close", _WHOLE_WINDOW),
    ("RANK", "ts_rank(close, {n})", _WHOLE_WINDOW),
    (
        "RSV",
        "(close - ts_min(low, {n})) / (ts_max(high, {n}) - ts_min(low, {n}) + 1e-12)",
        _WHOLE_WINDOW,
    ),
    ("IMAX", "(ts_argmax(high, {n}) + 1) / {n}", f"{_WHOLE_WINDOW} {_PLACE}"),
    ("IMIN", "(ts_argmin(low, {n}) + 1) / {n}", f"{_WHOLE_WINDOW} {_PLACE}"),
    (
        "IMXD",
        "(ts_argmax(high, {n}) - ts_argmin(low, {n})) / {n}",
        f"{_WHOLE_WINDOW} Of equal extremes the oldest counts.",
    ),
    ("CORR", "ts_corr(close, log(volume + 1), {n})", f"{_WHOLE_WINDOW} {_FLAT}"),
    (
        "CORD",
        "ts_corr(close / delay(close, 1), log(volume / delay(volume, 1) + 1), {n})",
        f"{_WHOLE_WINDOW} {_FLAT}",
    ),
    ("CNTP", "ts_mean(close > delay(close, 1), {n})", f"{_WHOLE_WINDOW} {_COMPARISON}"),
    ("CNTN", "ts_mean(close < delay(close, 1), {n})", f"{_WHOLE_WINDOW} {_COMPARISON}"),
    (
        "CNTD",
        "ts_mean(close > delay(close, 1), {n}) - ts_mean(close < delay(close, 1), {n})",
        f"{_WHOLE_WINDOW} {_COMPARISON}",
    ),
    ("SUMP", f"ts_sum({_PRICE_UP}, {{n}}) / {_PRICE_MOVE}", _WHOLE_WINDOW),
    ("SUMN", f"ts_sum({_PRICE_DOWN}, {{n}}) / {_PRICE_MOVE}", _WHOLE_WINDOW),
    (
        "SUMD",
        f"(ts_sum({_PRICE_UP}, {{n}}) - ts_sum({_PRICE_DOWN}, {{n}})) / {_PRICE_MOVE}",
        _WHOLE_WINDOW,
    ),
    ("VMA", "ts_mean(volume, {n}) / (volume + 1e-12)", _WHOLE_WINDOW),
    ("VSTD", "ts_std(volume, {n}) / (volume + 1e-12)", _WHOLE_WINDOW),
    (
        "WVMA",
        f"ts_std({_WEIGHTED_MOVE}, {{n}}) / (ts_mean({_WEIGHTED_MOVE}, {{n}}) + 1e-12)",
        _WHOLE_WINDOW,
    ),
    ("VSUMP", f"ts_sum({_VOLUME_UP}, {{n}}) / {_VOLUME_MOVE}", _WHOLE_WINDOW),
    ("VSUMN", f"ts_sum({_VOLUME_DOWN}, {{n}}) / {_VOLUME_MOVE}", _WHOLE_WINDOW),
    (
        "VSUMD",
        f"(ts_sum({_VOLUME_UP}, {{n}}) - ts_sum({_VOLUME_DOWN}, {{n}})) / {_VOLUME_MOVE}",
        _WHOLE_WINDOW,
    ),
)

FACTORS: tuple[Factor, ...] = (
    *(Factor(name, "alpha158", text, _SOURCE) for name, text in _BAR),
    *(
        Factor(f"{name}{n}", "alpha158", text.format(n=n), _SOURCE, deviations)
        for name, text, deviations in _ROLLING
        for n in WINDOWS
    ),
)
"""The 158 factors, in Qlib's order."""
