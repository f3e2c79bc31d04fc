"""Names of the field's other dialects, and what becomes of them.

Three kinds of names. An *alias* stands in the operator table: same operator, same
arguments. An *overloaded* name means different operators for different numbers of
arguments. A *rewritten* name is a dialect's operator whose numbers differ from ours: it
becomes a tree of our operators, so that the difference is seen in the canonical text.

A text belongs to the Qlib dialect when a ``$`` stands before one of its fields. In it,
``Max(x, n)`` and ``Min(x, n)`` look back n sessions; elsewhere ``max(a, b)`` and
``min(a, b)`` compare two values, and with an integer as the second argument they are
refused, since dialects disagree.

References
----------
Z. Kakushadze, "101 Formulaic Alphas", 2015, appendix A; WorldQuant BRAIN and Qlib operator
references.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from quant_core.factors.expression import Call, Expression, Number

OVERLOADED: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "rank": {1: "rank", 2: "ts_rank"},
        "quantile": {2: "quantile", 3: "ts_quantile"},
        "zscore": {1: "zscore", 2: "ts_zscore"},
        "mean": {1: "mean", 2: "ts_mean"},
        "count": {2: "ts_count"},
        "max": {2: "maximum"},
        "min": {2: "minimum"},
    }
)
"""Name -> number of arguments -> canonical operator."""

ROLLING_EXTREMES: Mapping[str, str] = MappingProxyType({"max": "ts_max", "min": "ts_min"})


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A dialect's operator in terms of ours: checked as ``operator``, then rewritten."""

    operator: str
    rewrite: Callable[[Call], Expression]
    difference: str


def _from_one(call: Call) -> Expression:
    return Call("add", (call, Number(1.0)))


def _sessions_ago(call: Call) -> Expression:
    window = call.arguments[1]
    assert isinstance(window, Number)
    return Call("subtract", (Number(window.value - 1.0), call))


def _known_values(call: Call) -> Expression:
    known = Call("not", (Call("is_nan", (call.arguments[0],)),))
    return Call("ts_sum", (known, call.arguments[1]))


_QLIB_COUNTS = "Qlib counts from 1 where ts_argmax and ts_argmin count from 0"
_BRAIN_COUNTS = "BRAIN counts sessions back from today; ts_argmax and ts_argmin from the oldest"

REWRITTEN: Mapping[str, Rewriting] = MappingProxyType(
    {
        "idxmax": Rewriting("ts_argmax", _from_one, _QLIB_COUNTS),
        "idxmin": Rewriting("ts_argmin", _from_one, _QLIB_COUNTS),
        "ts_arg_max": Rewriting("ts_argmax", _sessions_ago, _BRAIN_COUNTS),
        "ts_arg_min": Rewriting("ts_argmin", _sessions_ago, _BRAIN_COUNTS),
    }
)

QLIB_REWRITTEN: Mapping[str, Rewriting] = MappingProxyType(
    {
        "count": Rewriting(
            "ts_count", _known_values, "Qlib's Count counts known values, not true ones"
        ),
    }
)

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "sma": "dialects disagree about sma: write ts_mean(x, n) for the simple average, "
        "ts_wilder(x, n) or ts_ema(x, n) for an exponential one",
    }
)
"""Names too ambiguous to accept, with what to write instead."""
