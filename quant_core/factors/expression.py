"""The tree of a factor: frozen nodes with structural identity.

Two trees are the same factor when they compare equal; equal trees hash alike. Nodes
know nothing of operators, units or kernels: those are looked up by name in tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from quant_core.foundation.errors import ExpressionError


@dataclass(frozen=True, slots=True)
class Number:
    """A literal; also the window or the parameter of an operator."""

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ExpressionError("a number in an expression must be finite", found=str(self.value))
        object.__setattr__(self, "value", float(self.value) + 0.0)  # -0.0 has one text: 0


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the dataset: ``close``, ``volume``, ... always lower case."""

    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """A classification of the symbols, allowed only where an operator takes groups."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operator, by its canonical name, applied to its arguments.

    Examples
    --------
    >>> Call("rank", (Field("close"),)) == Call("rank", (Field("close"),))
    True
    """

    operator: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = Number | Field | Group | Call


def children(tree: Expression) -> tuple[Expression, ...]:
    """The arguments of a call; nothing for a leaf."""
    return tree.arguments if isinstance(tree, Call) else ()


def walk(tree: Expression) -> Iterator[Expression]:
    """Every node, children before parents, left to right; repeated nodes repeat.

    Examples
    --------
    >>> [type(node).__name__ for node in walk(Call("negative", (Field("close"),)))]
    ['Field', 'Call']
    """
    pending: list[tuple[Expression, bool]] = [(tree, False)]
    while pending:
        node, expanded = pending.pop()
        if expanded or not isinstance(node, Call):
            yield node
            continue
        pending.append((node, True))
        pending.extend((child, False) for child in reversed(node.arguments))


def size(tree: Expression) -> int:
    """Number of nodes.

    Examples
    --------
    >>> size(Call("add", (Field("close"), Number(1))))
    3
    """
    return sum(1 for _ in walk(tree))


def depth(tree: Expression) -> int:
    """Nodes on the longest path from the root to a leaf.

    Examples
    --------
    >>> depth(Call("add", (Field("close"), Number(1))))
    2
    """
    deepest, level = 0, [tree]
    while level:
        deepest += 1
        level = [child for node in level for child in children(node)]
    return deepest
