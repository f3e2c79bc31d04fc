"""The element operators: one NumPy text each, which is also the readable version.

Arguments are float64 arrays of one shape, or floats beside an array; booleans are 1.0 and
0.0. A result that does not exist is NaN (division by zero, logarithm of zero or less, square
root or fractional power of a negative number). An infinity that overflow leaves behind
travels on. Every function takes ``out`` as NumPy's own do: room for the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from quant_core.foundation.types import BoolArray, FloatArray

Value: TypeAlias = FloatArray | float
Room: TypeAlias = FloatArray | None
Element: TypeAlias = Callable[..., FloatArray]


def _without(values: FloatArray, absent: BoolArray) -> FloatArray:
    """``values`` with NaN where they are absent, in place; that is rare, so look first."""
    if absent.any():
        np.copyto(values, np.nan, where=absent)
    return values


def _divide(x: Value, y: Value, out: Room = None) -> FloatArray:
    quotient = np.divide(x, y, out=out)
    infinite = np.isinf(quotient)  # 0 / 0 is NaN already; x / 0 is infinite
    if infinite.any():
        return _without(quotient, infinite & np.equal(y, 0.0))
    return quotient


def _power(x: Value, y: Value, out: Room = None) -> FloatArray:
    # IEEE 754 has 1 ^ NaN = 1 and NaN ^ 0 = 1; here unknown stays unknown
    absent = _unknown(x, y) | (np.equal(x, 0.0) & np.less(y, 0.0))
    return _without(np.power(x, y, out=out), absent)


def _signed_power(x: Value, y: Value, out: Room = None) -> FloatArray:
    size = _power(np.abs(x), y, out=out)
    return np.multiply(np.sign(x), size, out=size)


def _log(x: Value, out: Room = None) -> FloatArray:
    return _without(np.log(x, out=out), np.less_equal(x, 0.0))


def _unknown(x: Value, y: Value) -> BoolArray:
    return np.isnan(x) | np.isnan(y)


def _truth(is_true: BoolArray, unknown: BoolArray, out: Room) -> FloatArray:
    truth = np.empty(is_true.shape) if out is None else out
    np.copyto(truth, is_true)
    return _without(truth, unknown)


def _comparison(compare: Callable[[Value, Value], BoolArray]) -> Element:
    def compared(x: Value, y: Value, out: Room = None) -> FloatArray:
        return _truth(compare(x, y), _unknown(x, y), out)

    return compared


def _both(x: Value, y: Value) -> BoolArray:
    return np.not_equal(x, 0.0) & np.not_equal(y, 0.0)


def _either(x: Value, y: Value) -> BoolArray:
    return np.not_equal(x, 0.0) | np.not_equal(y, 0.0)


def _not(x: FloatArray, out: Room = None) -> FloatArray:
    return _truth(np.equal(x, 0.0), np.isnan(x), out)


def _is_nan(x: FloatArray, out: Room = None) -> FloatArray:
    return _placed(np.isnan(x).astype(np.float64), out)


def _where(condition: Value, x: Value, y: Value, out: Room = None) -> FloatArray:
    chosen = np.where(np.not_equal(condition, 0.0), x, y)
    return _placed(_without(chosen, np.isnan(condition)), out)


def _coalesce(x: Value, y: Value, out: Room = None) -> FloatArray:
    return _placed(np.where(np.isnan(x), y, x), out)


def _placed(values: FloatArray, out: Room) -> FloatArray:
    if out is None:
        return values
    np.copyto(out, values)
    return out


ELEMENT_FUNCTIONS: Mapping[str, Element] = MappingProxyType(
    {
        "add": np.add,
        "subtract": np.subtract,
        "multiply": np.multiply,
        "divide": _divide,
        "negative": np.negative,
        "power": _power,
        "lt": _comparison(np.less),
        "le": _comparison(np.less_equal),
        "gt": _comparison(np.greater),
        "ge": _comparison(np.greater_equal),
        "eq": _comparison(np.equal),
        "ne": _comparison(np.not_equal),
        "and": _comparison(_both),
        "or": _comparison(_either),
        "not": _not,
        "where": _where,
        "log": _log,
        "exp": np.exp,
        "sqrt": np.sqrt,
        "sign": np.sign,
        "abs": np.abs,
        "signed_power": _signed_power,
        "maximum": np.maximum,
        "minimum": np.minimum,
        "clip": np.clip,
        "is_nan": _is_nan,
        "coalesce": _coalesce,
    }
)
"""Operator -> function of arrays or floats; call them inside ``np.errstate(all="ignore")``."""
