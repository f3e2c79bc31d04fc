"""Precedence of the infix and prefix symbols, shared by the parser and the printer.

From loosest to tightest: ``?:``, ``|``, ``&``, ``not``, comparisons, ``+ -``, ``* /``,
unary ``- !``, ``^``. Infix symbols are left associative except ``^`` and ``?:``;
comparisons do not chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

TERNARY, OR, AND, NOT, COMPARISON, SUM, PRODUCT, UNARY, POWER, ATOM = range(1, 11)


@dataclass(frozen=True, slots=True)
class Infix:
    """A symbol between two operands: its operator and how tightly it binds."""

    operator: str
    precedence: int


INFIX: Mapping[str, Infix] = MappingProxyType(
    {
        "|": Infix("or", OR),
        "&": Infix("and", AND),
        "<": Infix("lt", COMPARISON),
        "<=": Infix("le", COMPARISON),
        ">": Infix("gt", COMPARISON),
        ">=": Infix("ge", COMPARISON),
        "==": Infix("eq", COMPARISON),
        "!=": Infix("ne", COMPARISON),
        "+": Infix("add", SUM),
        "-": Infix("subtract", SUM),
        "*": Infix("multiply", PRODUCT),
        "/": Infix("divide", PRODUCT),
        "^": Infix("power", POWER),
    }
)

PREFIX: Mapping[str, str] = MappingProxyType({"-": "negative", "!": "not"})

SYMBOL_OF: Mapping[str, str] = MappingProxyType({row.operator: s for s, row in INFIX.items()})
"""Operator -> its infix symbol."""
