"""A name and its arguments to a call: dialects resolved, literals checked.

Used by the parser, so that every tree that comes from a text is complete and within the
bounds of its operators' rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from quant_core.factors.dialects import (
    OVERLOADED,
    QLIB_REWRITTEN,
    REFUSED,
    REWRITTEN,
    ROLLING_EXTREMES,
    Rewriting,
)
from quant_core.factors.expression import Call, Expression, Field, Group, Number
from quant_core.factors.fields import NUMBER_FIELDS
from quant_core.factors.operator_table import OPERATORS
from quant_core.factors.operators import Kind, LookBack, Operator, Parameter
from quant_core.factors.printer import number_text
from quant_core.factors.tokens import Source, Token
from quant_core.foundation.errors import ExpressionError


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument and the token it begins with."""

    tree: Expression
    token: Token


def build_call(
    source: Source, name: Token, arguments: Sequence[Argument], *, qlib: bool
) -> Expression:
    """The tree of ``name(arguments)``; refuses what the operator's row does not allow."""
    rewriting = _rewriting(name.text, qlib=qlib)
    canonical = rewriting.operator if rewriting else _canonical(source, name, arguments, qlib=qlib)
    operator = OPERATORS[canonical]
    _check_count(source, name, operator, arguments)
    checked = tuple(
        _checked(source, operator, operator.parameter_at(place), argument)
        for place, argument in enumerate(arguments)
    )
    _check_order(source, operator, arguments)
    missing = operator.parameters[len(checked) :]
    defaults = tuple(Number(p.default) for p in missing if p.default is not None)
    call = Call(canonical, checked + defaults)
    return rewriting.rewrite(call) if rewriting else call


def _rewriting(name: str, *, qlib: bool) -> Rewriting | None:
    if qlib and name in QLIB_REWRITTEN:
        return QLIB_REWRITTEN[name]
    return REWRITTEN.get(name)


def _canonical(source: Source, name: Token, arguments: Sequence[Argument], *, qlib: bool) -> str:
    if name.text in ROLLING_EXTREMES and len(arguments) == 2:
        return _extreme(source, name, arguments[1], qlib=qlib)
    by_count = OVERLOADED.get(name.text)
    if by_count is not None:
        return by_count.get(len(arguments)) or by_count[min(by_count)]
    canonical = OPERATORS.canonical(name.text)
    if canonical is None:
        raise _unknown(source, name)
    return canonical


def _extreme(source: Source, name: Token, second: Argument, *, qlib: bool) -> str:
    rolling, element = ROLLING_EXTREMES[name.text], OVERLOADED[name.text][2]
    if qlib:
        return rolling
    if isinstance(second.tree, Number) and second.tree.value >= 1 and _whole(second.tree):
        shown = number_text(second.tree.value)
        raise source.error(
            f"{name.text}(x, {shown}) has two meanings in the field's dialects",
            name,
            expected=f"{rolling}(x, {shown}) over {shown} sessions, or {element}(x, {shown}) "
            "of two values",
            fix=f"write {rolling} or {element}",
        )
    return element


def _unknown(source: Source, name: Token) -> ExpressionError:
    known = REFUSED.get(name.text)
    if known is not None:
        return source.error("ambiguous operator", name, found=name.text, fix=known)
    return source.error("unknown operator", name, found=name.text, fix=OPERATORS.hint(name.text))


def _check_count(
    source: Source, name: Token, operator: Operator, arguments: Sequence[Argument]
) -> None:
    count = len(arguments)
    if operator.fewest <= count <= operator.most:
        return
    least = operator.fewest
    bounds = f"{least}" if operator.most == least else f"{least} to {operator.most:g}"
    if operator.variadic:
        bounds = f"{least} or more"
    raise source.error(
        f"{name.text} takes {bounds} argument{'' if bounds == '1' else 's'}",
        name,
        expected=operator.signature,
        found=f"{count} argument{'' if count == 1 else 's'}",
    )


def _check_order(source: Source, operator: Operator, arguments: Sequence[Argument]) -> None:
    """Bounds come lower first."""
    pairs = zip(operator.parameters, arguments, strict=False)
    bounds = [argument for parameter, argument in pairs if parameter.name in ("lower", "upper")]
    values = [argument.tree.value for argument in bounds if isinstance(argument.tree, Number)]
    if values != sorted(values):
        raise source.error(
            "the lower bound is above the upper one",
            bounds[0].token,
            expected=operator.signature,
            found=" and ".join(number_text(value) for value in values),
        )


def _checked(
    source: Source, operator: Operator, parameter: Parameter, argument: Argument
) -> Expression:
    match parameter.kind:
        case Kind.EXPRESSION | Kind.EXPRESSIONS:
            return argument.tree
        case Kind.GROUP:
            return _group(source, operator, argument)
        case Kind.WINDOW:
            return _window(source, operator, parameter, argument)
        case Kind.NUMBER:
            return _number(source, operator, parameter, argument)


def _group(source: Source, operator: Operator, argument: Argument) -> Group:
    tree = argument.tree
    if isinstance(tree, Field) and tree.name not in NUMBER_FIELDS:
        return Group(tree.name)
    found = f"{tree.name!r}, a number" if isinstance(tree, Field) else "an expression"
    raise source.error(
        "a group must be the name of a classification",
        argument.token,
        expected=f"{operator.signature} with a group such as industry",
        found=found,
    )


def _window(source: Source, operator: Operator, parameter: Parameter, argument: Argument) -> Number:
    tree = argument.tree
    if isinstance(tree, Number) and tree.value < 0 and operator.look_back is LookBack.DELAY:
        raise source.error(
            "negative delays do not exist: they would read the future",
            argument.token,
            expected=operator.signature,
            found=_shown(tree),
        )
    if isinstance(tree, Number) and _fits(tree, parameter):
        return tree
    raise source.error(
        _window_problem(tree, operator, parameter),
        argument.token,
        expected=f"{operator.signature} with {_bounds(parameter)}",
        found=_shown(tree),
        fix=_rounding_advice(tree, parameter),
    )


def _window_problem(tree: Expression, operator: Operator, parameter: Parameter) -> str:
    if isinstance(tree, Number) and _whole(tree) and tree.value >= 1:
        least, most = f"{parameter.minimum:.0f}", f"{parameter.maximum:,.0f}"
        return f"the window of {operator.name} must be from {least} to {most} sessions"
    return (
        f"a window must be a {'positive' if parameter.minimum else 'non-negative'} integer literal"
    )


def _rounding_advice(tree: Expression, parameter: Parameter) -> str:
    if not isinstance(tree, Number) or _whole(tree) or tree.value < max(1.0, parameter.minimum):
        return ""
    return f"fractional windows of published formulas round down: write {int(tree.value)}"


def _number(source: Source, operator: Operator, parameter: Parameter, argument: Argument) -> Number:
    tree = argument.tree
    if isinstance(tree, Number) and _fits(tree, parameter):
        return tree
    raise source.error(
        f"{parameter.name} must be a number written out",
        argument.token,
        expected=f"{operator.signature} with {_bounds(parameter)}",
        found=_shown(tree),
    )


def _shown(tree: Expression) -> str:
    return number_text(tree.value) if isinstance(tree, Number) else "an expression"


def _bounds(parameter: Parameter) -> str:
    article = "an integer" if parameter.whole else "a number"
    if math.isinf(parameter.maximum):
        least = "" if math.isinf(parameter.minimum) else f" from {parameter.minimum:g}"
        return f"{parameter.name} {article}{least}"
    return (
        f"{parameter.name} {article} from {parameter.minimum:g} to {number_text(parameter.maximum)}"
    )


def _whole(number: Number) -> bool:
    return number.value.is_integer()


def _fits(number: Number, parameter: Parameter) -> bool:
    inside = parameter.minimum <= number.value <= parameter.maximum
    return inside and (_whole(number) or not parameter.whole)
