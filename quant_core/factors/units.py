"""Unit classes: a small algebra that sees a price added to a volume.

A suspicious sum is a warning in the explanation of a factor, never an error: published
formulas add prices to logarithms and ranks to ratios. Only the misuse of a group is
refused, by the parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from quant_core.factors.expression import Call, Expression, Field, Group, Number
from quant_core.factors.fields import GROUP_FIELDS, MONEY_FIELDS, PRICE_FIELDS, VOLUME_FIELDS
from quant_core.factors.operator_table import OPERATORS
from quant_core.factors.operators import Kind, UnitRule
from quant_core.factors.printer import to_text


class Unit(StrEnum):
    """What a number counts. ``ANY`` is compatible with everything."""

    PRICE = "price"
    VOLUME = "volume"
    MONEY = "money"
    RATIO = "ratio"
    RANK = "rank"
    BOOLEAN = "boolean"
    SESSIONS = "sessions"
    GROUP = "group"
    NUMBER = "number"
    ANY = "any"


PURE = frozenset({Unit.RATIO, Unit.RANK, Unit.BOOLEAN, Unit.SESSIONS})
"""Classes without a dimension: they mix freely with each other."""

_PRODUCTS = {
    frozenset({Unit.PRICE, Unit.VOLUME}): Unit.MONEY,
}
_QUOTIENTS = {
    (Unit.MONEY, Unit.VOLUME): Unit.PRICE,
    (Unit.MONEY, Unit.PRICE): Unit.VOLUME,
}


def unit_of(tree: Expression) -> Unit:
    """Unit class of a tree.

    Examples
    --------
    >>> from quant_core.factors.parser import parse
    >>> unit_of(parse("close * volume")).value, unit_of(parse("close / open - 1")).value
    ('money', 'ratio')
    """
    return _examined(tree, [])


def unit_warnings(tree: Expression) -> tuple[str, ...]:
    """Suspicious mixtures of units in a tree, each one sentence.

    Examples
    --------
    >>> from quant_core.factors.parser import parse
    >>> unit_warnings(parse("rank(close + volume)"))
    ('close + volume: mixes price and volume',)
    """
    warnings: list[str] = []
    _examined(tree, warnings)
    return tuple(dict.fromkeys(warnings))


def _examined(tree: Expression, warnings: list[str]) -> Unit:
    match tree:
        case Number():
            return Unit.NUMBER
        case Group():
            return Unit.GROUP
        case Field(name):
            return field_unit(name)
        case Call(operator, arguments):
            row = OPERATORS[operator]
            units = [
                _examined(argument, warnings)
                for place, argument in enumerate(arguments)
                if row.parameter_at(place).kind in (Kind.EXPRESSION, Kind.EXPRESSIONS)
            ]
            return _combined(row.units, units, tree, warnings)


def field_unit(name: str) -> Unit:
    """Unit class of a field by its name; ``ANY`` for one the language does not know."""
    known = (
        (PRICE_FIELDS, Unit.PRICE),
        (VOLUME_FIELDS, Unit.VOLUME),
        (MONEY_FIELDS, Unit.MONEY),
        (frozenset({"returns"}), Unit.RATIO),
        (GROUP_FIELDS, Unit.GROUP),
    )
    return next((unit for names, unit in known if name in names), Unit.ANY)


def _combined(rule: UnitRule, units: Sequence[Unit], tree: Expression, warnings: list[str]) -> Unit:
    match rule:
        case UnitRule.SAME:
            return units[0]
        case UnitRule.ADD:
            return _common(units, tree, warnings)
        case UnitRule.CHOOSE:
            return _common(units[1:], tree, warnings)
        case UnitRule.COMPARE:
            _common(units, tree, warnings)
            return Unit.BOOLEAN
        case UnitRule.MULTIPLY:
            return _product(units[0], units[1])
        case UnitRule.DIVIDE:
            return _quotient(units[0], units[1])
        case _:
            return Unit(rule.value)


def _common(units: Sequence[Unit], tree: Expression, warnings: list[str]) -> Unit:
    """The unit two summands share; a number takes the other's, pure classes become ratios."""
    first, second = units
    if first is second or second is Unit.NUMBER:
        return first
    if first is Unit.NUMBER:
        return second
    if Unit.ANY in (first, second):
        return Unit.ANY
    if first in PURE and second in PURE:
        return Unit.RATIO
    warnings.append(f"{to_text(tree)}: mixes {first.value} and {second.value}")
    return Unit.ANY


def _product(first: Unit, second: Unit) -> Unit:
    if first is Unit.NUMBER or second is Unit.NUMBER:
        return second if first is Unit.NUMBER else first
    if first in PURE or second in PURE:
        return _scaled(first, second)
    return _PRODUCTS.get(frozenset({first, second}), Unit.ANY)


def _scaled(first: Unit, second: Unit) -> Unit:
    if first in PURE and second in PURE:
        return Unit.RATIO
    return second if first in PURE else first


def _quotient(first: Unit, second: Unit) -> Unit:
    if second is Unit.NUMBER or second in PURE:
        return Unit.RATIO if first in PURE and second in PURE else first
    if first is second and first is not Unit.ANY:
        return Unit.RATIO
    return _QUOTIENTS.get((first, second), Unit.ANY)
