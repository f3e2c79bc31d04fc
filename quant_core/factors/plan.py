"""The plan of several factors: one node per distinct sub-expression, shared by all.

:func:`build_plan` numbers the distinct nodes of all trees, children first; derived fields
(``returns``) are replaced by their formulas. Look-back and required fields are read off
the same numbering.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from quant_core.factors.expression import Call, Expression, Field, Group, Number, children, walk
from quant_core.factors.fields import DERIVED_FIELDS
from quant_core.factors.operator_table import OPERATORS
from quant_core.factors.operators import Family, Operator

Key: TypeAlias = tuple[str, float] | tuple[str, str] | tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Node:
    """One distinct sub-expression of a plan.

    ``arguments`` are positions of earlier nodes; ``own_look_back`` counts the earlier sessions
    the node reads of its arguments, ``look_back`` those it reads of the fields in all.
    """

    tree: Expression
    arguments: tuple[int, ...]
    own_look_back: int
    look_back: int
    constant: bool

    @property
    def operator(self) -> Operator | None:
        """The row of a call; None for a leaf."""
        return OPERATORS[self.tree.operator] if isinstance(self.tree, Call) else None

    @property
    def is_element(self) -> bool:
        """Whether the node is an element operator, to be fused with its neighbours."""
        return self.operator is not None and self.operator.family is Family.ELEMENT


@dataclass(frozen=True, slots=True)
class Plan:
    """Distinct nodes, children before parents, and the node of each requested factor."""

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]

    @property
    def look_back(self) -> int:
        """Earlier sessions the longest-sighted factor reads."""
        return max((self.nodes[output].look_back for output in self.outputs), default=0)

    @property
    def crosses_symbols(self) -> bool:
        """Whether any node reads other symbols of the same session."""
        rows = (node.operator for node in self.nodes)
        return any(row is not None and row.family is Family.CROSS_SECTION for row in rows)


@dataclass(slots=True)
class _Numbering:
    nodes: list[Node] = field(default_factory=list[Node])
    places: dict[Key, int] = field(default_factory=dict[Key, int])

    def place_of(self, tree: Expression) -> int:
        """Number of a tree's root; new nodes are appended."""
        done: list[int] = []
        for node in walk(tree):
            count = len(children(node))
            arguments = tuple(done[len(done) - count :])
            del done[len(done) - count :]
            done.append(self.numbered(node, arguments))
        return done[0]

    def numbered(self, tree: Expression, arguments: tuple[int, ...]) -> int:
        if isinstance(tree, Field) and tree.name in DERIVED_FIELDS:
            return self.place_of(DERIVED_FIELDS[tree.name])
        key = _key(tree, arguments)
        if key not in self.places:
            self.places[key] = len(self.nodes)
            self.nodes.append(self.node(tree, arguments))
        return self.places[key]

    def node(self, tree: Expression, arguments: tuple[int, ...]) -> Node:
        inputs = [self.nodes[argument] for argument in arguments]
        deepest = max((node.look_back for node in inputs), default=0)
        if not isinstance(tree, Call):
            return Node(tree, arguments, 0, 0, constant=isinstance(tree, Number))
        row = OPERATORS[tree.operator]
        window = row.window_of(_literal(node.tree) for node in inputs)
        constant = row.family is Family.ELEMENT and all(node.constant for node in inputs)
        own = row.earlier_sessions(window)
        return Node(tree, arguments, own, deepest + own, constant)


def build_plan(expressions: Iterable[Expression]) -> Plan:
    """Number the distinct sub-expressions of several trees.

    Examples
    --------
    >>> from quant_core.factors.parser import parse
    >>> plan = build_plan([parse("rank(close) + 1"), parse("rank(close) * 2")])
    >>> len(plan.nodes), plan.outputs
    (6, (3, 5))
    """
    numbering = _Numbering()
    outputs = tuple(numbering.place_of(tree) for tree in expressions)
    return Plan(tuple(numbering.nodes), outputs)


def look_back(tree: Expression) -> int:
    """Earlier sessions a factor's value reads; 0 if it needs the present session only.

    Examples
    --------
    >>> from quant_core.factors.parser import parse
    >>> look_back(parse("ts_mean(close, 5)")), look_back(parse("ts_std(returns, 20)"))
    (4, 20)
    """
    return build_plan([tree]).look_back


def required_fields(tree: Expression) -> tuple[str, ...]:
    """Dataset fields a factor reads, sorted; derived fields count as what they read.

    Examples
    --------
    >>> from quant_core.factors.parser import parse
    >>> required_fields(parse("ts_corr(returns, volume, 10)"))
    ('close', 'volume')
    """
    trees = (node.tree for node in build_plan([tree]).nodes)
    return tuple(sorted({leaf.name for leaf in trees if isinstance(leaf, Field)}))


def required_groups(tree: Expression) -> tuple[str, ...]:
    """Classifications a factor reads, sorted."""
    return tuple(sorted({node.name for node in walk(tree) if isinstance(node, Group)}))


def cost(plan: Plan) -> float:
    """Rough price of a plan in passes over the panel, shared nodes counted once."""
    return sum(node.operator.cost for node in plan.nodes if node.operator and not node.constant)


def consumers(plan: Plan) -> Sequence[int]:
    """How often each node is read: by later nodes, and once per requested factor."""
    counts = [0] * len(plan.nodes)
    for node in plan.nodes:
        for argument in node.arguments:
            counts[argument] += 1
    for output in plan.outputs:
        counts[output] += 1
    return counts


def histories(plan: Plan) -> Sequence[int]:
    """Earlier sessions of each node that the factors' present values depend on.

    Examples
    --------
    >>> from quant_core.factors.parser import parse
    >>> plan = build_plan([parse("delay(ts_sum(close, 3), 5)")])
    >>> [(type(node.tree).__name__, n) for node, n in zip(plan.nodes, histories(plan)) if n]
    [('Field', 7), ('Number', 7), ('Call', 5), ('Number', 5)]
    """
    needed = [0] * len(plan.nodes)
    for place in reversed(range(len(plan.nodes))):
        node = plan.nodes[place]
        for argument in node.arguments:
            needed[argument] = max(needed[argument], needed[place] + node.own_look_back)
    return needed


def _key(tree: Expression, arguments: tuple[int, ...]) -> Key:
    match tree:
        case Number(value):
            return ("number", value)
        case Field(name):
            return ("field", name)
        case Group(name):
            return ("group", name)
        case Call(operator, _):
            return (operator, arguments)


def _literal(tree: Expression) -> float | None:
    return tree.value if isinstance(tree, Number) else None
