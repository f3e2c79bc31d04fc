"""A factor explained: its tree, look-back, fields, units and cost."""

from __future__ import annotations

from quant_core.factors.expression import Call, Expression, Group, Number, children
from quant_core.factors.plan import (
    build_plan,
    cost,
    look_back,
    required_fields,
    required_groups,
)
from quant_core.factors.printer import to_text
from quant_core.factors.units import unit_of, unit_warnings


def explain(tree: Expression) -> str:
    """Text for a reader: what a factor computes, from what, and at what price.

    Examples
    --------
    >>> from quant_core.factors.parser import parse
    >>> print(explain(parse("ts_mean(returns, 5) / close")))
    ts_mean(returns, 5) / close
    <BLANKLINE>
    look-back  5 earlier sessions
    fields     close
    unit       any
    cost       about 4 passes over the panel
    <BLANKLINE>
    divide                      any       look-back 5
    ├ ts_mean(_, 5)             ratio     look-back 5
    │ └ returns                 ratio     look-back 1
    └ close                     price
    """
    plan = build_plan([tree])
    lines = [
        to_text(tree),
        "",
        f"look-back  {_sessions(plan.look_back)}",
        f"fields     {', '.join(required_fields(tree)) or 'none'}",
    ]
    groups = required_groups(tree)
    if groups:
        lines.append(f"groups     {', '.join(groups)}")
    lines.append(f"unit       {unit_of(tree).value}")
    lines.append(f"cost       about {cost(plan):.2g} passes over the panel")
    lines += [f"warning    {warning}" for warning in unit_warnings(tree)]
    return "\n".join([*lines, "", *_drawn(tree, "", "")])


def _drawn(tree: Expression, first: str, rest: str) -> list[str]:
    """Lines of a tree; literals and groups stand in their operator's line."""
    back = look_back(tree)
    words = f"look-back {back}" if back else ""
    lines = [f"{first + _label(tree):<27} {unit_of(tree).value:<9} {words}".rstrip()]
    below = [child for child in children(tree) if _is_drawn(child)]
    for child in below:
        turn, onward = ("└ ", "  ") if child is below[-1] else ("├ ", "│ ")
        lines += _drawn(child, rest + turn, rest + onward)
    return lines


def _label(tree: Expression) -> str:
    if not isinstance(tree, Call):
        return to_text(tree)
    if all(_is_drawn(child) for child in tree.arguments):
        return tree.operator
    places = ("_" if _is_drawn(child) else to_text(child) for child in tree.arguments)
    return f"{tree.operator}({', '.join(places)})"


def _is_drawn(tree: Expression) -> bool:
    return not isinstance(tree, Number | Group)


def _sessions(count: int) -> str:
    return (
        "the present session only"
        if count == 0
        else f"{count:,} earlier session{'s' * (count > 1)}"
    )
