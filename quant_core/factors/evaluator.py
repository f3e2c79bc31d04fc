"""Evaluation of factors over a panel, every shared sub-expression once.

1. :func:`plan.build_plan` numbers the distinct sub-expressions of all factors.
2. :func:`fusion.fuse` decides which of them become matrices: fields, kernel results,
   finished factors and element expressions with several readers. Other element
   expressions are computed inside their reader, a few rows at a time, in cache.
3. :class:`_Run` computes the matrices in order, hands each finished factor out, and lets an
   intermediate go with its last reader.
4. :func:`blocks.evaluate_in_blocks` cuts panels that do not fit in memory.

Missing values: NaN in, NaN out, by the policy in each operator's row. Infinite field values
count as unknown. An infinity that overflow produces travels through element operators, is
unknown to every other operator, and becomes NaN in a finished factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from quant_core.factors.elementwise import ELEMENT_FUNCTIONS
from quant_core.factors.expression import Call, Expression, Field, Group, Number
from quant_core.factors.fusion import Step, fuse, readers
from quant_core.factors.kernels import kernel_of
from quant_core.factors.operators import Kind, Parameter
from quant_core.factors.plan import Plan, build_plan, histories
from quant_core.factors.source import FieldSource, Part
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import FloatMatrix, IntArray
from quant_core.numerics.tiles import deal

Value: TypeAlias = FloatMatrix | float

CELLS_AT_A_TIME = 32_768
"""Cells of one stride of an element expression: 256 KiB an operand, several fit in cache."""

SPARE_MATRICES = 4
"""Matrices kept for reuse: writing into used memory is several times faster than into new."""


@dataclass(frozen=True, slots=True)
class FactorValues:
    """A finished factor: its place in the request, and its values [sessions, symbols]."""

    place: int
    values: FloatMatrix


def evaluate(
    expressions: Sequence[Expression], source: FieldSource, *, rows: slice | None = None
) -> list[FloatMatrix]:
    """Values of several factors, each [sessions, symbols]; see :func:`evaluate_each`.

    Examples
    --------
    >>> from quant_core.factors.parser import parse
    >>> from quant_core.factors.source import PanelSource
    >>> from quant_core.foundation.panel import Axes
    >>> axes = Axes(np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]"), ("A",))
    >>> close = PanelSource(axes, {"close": np.array([[8.0], [10.0]])})
    >>> evaluate([parse("close * 2"), parse("close > 9")], close)[1].tolist()
    [[0.0], [1.0]]
    """
    results: list[FloatMatrix] = [np.empty((0, 0))] * len(expressions)
    for finished in evaluate_each(expressions, source, rows=rows):
        results[finished.place] = finished.values
    return results


def evaluate_each(
    expressions: Sequence[Expression], source: FieldSource, *, rows: slice | None = None
) -> Iterator[FactorValues]:
    """Factors one after another, in the order asked where sharing allows it.

    Parameters
    ----------
    expressions : sequence of Expression
        What to compute; equal sub-expressions are computed once for all of them.
    source : FieldSource
        The panel.
    rows : slice, optional
        Consecutive sessions wanted; all by default. Every sub-expression is computed for
        these and for the sessions before them that some factor looks back on, no others;
        the values equal those of the whole computation.

    Yields
    ------
    FactorValues
        The matrix may be an input of later ones: read it, do not write into it.

    Raises
    ------
    FieldUnavailable
        If the dataset lacks a field or a group.
    """
    first, last = wanted_rows(rows, source.axes.shape[0])
    yield from _Run(build_plan(expressions), source, first, last).factors()


def wanted_rows(rows: slice | None, sessions: int) -> tuple[int, int]:
    """First and one past the last of the rows a slice names, in a panel of ``sessions``.

    Examples
    --------
    >>> wanted_rows(slice(-2, None), 10), wanted_rows(None, 10)
    ((8, 10), (0, 10))
    """
    first, last, step = (rows or slice(None)).indices(sessions)
    if step != 1:
        raise InvariantBroken("rows of an evaluation must be consecutive", found=f"step {step}")
    return first, max(first, last)


class _Run:
    """One computation of a plan for the sessions from ``first`` to before ``last``.

    The matrix of a node ends at ``last`` and begins ``history`` sessions before ``first``, as
    many as its readers look back; a reader that needs fewer takes the newest.
    """

    def __init__(self, plan: Plan, source: FieldSource, first: int, last: int) -> None:
        self.plan = plan
        self.source = source
        self.last = last
        self.wanted = last - first
        self.symbols = source.axes.shape[1]
        self.heights = [min(history, first) + last - first for history in histories(plan)]
        self.reads = [
            min(history + node.own_look_back, first) + last - first
            for history, node in zip(histories(plan), plan.nodes, strict=True)
        ]
        self.steps = fuse(plan)
        self.remaining = readers(plan, self.steps)
        self.matrices: dict[int, FloatMatrix] = {}
        self.classes: dict[str, IntArray] = {}
        self.constants: dict[int, float] = {}
        self.overflowed: dict[int, bool] = {}
        self.spare: list[FloatMatrix] = []
        for place, node in enumerate(plan.nodes):
            if node.constant:
                self.constants[place] = self.constant(place)

    def factors(self) -> Iterator[FactorValues]:
        """Every requested factor, as its node becomes known."""
        waiting = _places_by_node(self.plan.outputs)
        for node in [node for node in waiting if node in self.constants]:
            for place in waiting.pop(node):
                constant = self.newest(node, self.wanted)
                yield FactorValues(place, self.finished(constant))
        for step in self.steps:
            self.matrices[step.root] = self.computed(step)
            for place in step.inputs:
                self.release(place)
            if step.root in waiting:
                yield from self.handed_out(step.root, waiting.pop(step.root))

    def handed_out(self, node: int, places: Sequence[int]) -> Iterator[FactorValues]:
        finished = self.newest(node, self.wanted)
        if self.overflowed.get(node, True):
            finished = self.finished(finished)
        if isinstance(self.plan.nodes[node].tree, Field):
            finished = finished.copy()  # a result is never the source's own matrix
        self.remaining[node] -= len(places)
        if self.remaining[node] == 0:
            del self.matrices[node]  # the reader's from here on: never a spare
        for place in places:
            yield FactorValues(place, finished)

    def release(self, node: int) -> None:
        """Count one reader of a matrix off; the last one frees it for reuse."""
        self.remaining[node] -= 1
        if self.remaining[node] or node not in self.matrices:
            return
        matrix = self.matrices.pop(node)
        reusable = isinstance(self.plan.nodes[node].tree, Call) and node not in self.plan.outputs
        if reusable and len(self.spare) < SPARE_MATRICES:
            self.spare.append(matrix)

    def computed(self, step: Step) -> FloatMatrix:
        tree = self.plan.nodes[step.root].tree
        match tree:
            case Field(name):
                return self.finished(self.part(step.root).field(name))
            case Call(_, _) if self.plan.nodes[step.root].is_element:
                return self.fused(step)
            case Call(_, _):
                return self.kernel(step.root)
            case Number(_) | Group(_):
                raise InvariantBroken("a step of the plan is no matrix", found=repr(tree))

    def kernel(self, place: int) -> FloatMatrix:
        node = self.plan.nodes[place]
        row = node.operator
        assert row is not None
        height = self.reads[place]
        arguments = [
            self.argument(row.parameter_at(position), argument, height)
            for position, argument in enumerate(node.arguments)
        ]
        fixed = len(row.parameters) - row.variadic
        variadic = [arguments[fixed:]] if row.variadic else []
        result = kernel_of(row.kernel)(*arguments[:fixed], *variadic)
        if any(result is argument for argument in arguments):
            result = result.copy()  # its memory will be written to again
        return result[height - self.heights[place] :]

    def argument(
        self, parameter: Parameter, place: int, height: int
    ) -> FloatMatrix | IntArray | float:
        match parameter.kind:
            case Kind.EXPRESSION | Kind.EXPRESSIONS:
                return self.newest(place, height)
            case Kind.GROUP:
                return self.classification(place, height)
            case Kind.WINDOW | Kind.NUMBER:
                number = self.constants[place]
                return int(number) if parameter.whole else number

    def newest(self, place: int, height: int) -> FloatMatrix:
        """The newest rows of a node's matrix; a constant fills a matrix of its own."""
        if place in self.constants:
            return np.full((height, self.symbols), self.constants[place])
        matrix = self.matrices[place]
        return matrix[len(matrix) - height :]

    def classification(self, place: int, height: int) -> IntArray:
        tree = self.plan.nodes[place].tree
        assert isinstance(tree, Group)
        if tree.name not in self.classes:
            self.classes[tree.name] = self.part(place).groups(tree.name)
        codes = self.classes[tree.name]
        return codes[len(codes) - height :]

    def part(self, place: int) -> Part:
        """The rows of the source that a leaf stands for."""
        return Part(self.source, slice(self.last - self.heights[place], self.last), slice(None))

    def fused(self, step: Step) -> FloatMatrix:
        """An element expression, stride by stride; each member's value lives for one stride."""
        height, nodes = self.heights[step.root], self.plan.nodes
        result = self.room(height)
        inputs = {place: self.newest(place, height) for place in step.inputs}
        infinite: list[bool] = []

        def compute(rows: slice) -> None:
            known: dict[int, Value] = {place: matrix[rows] for place, matrix in inputs.items()}
            for member in step.members:
                arguments = [self.stride_value(known, p) for p in nodes[member].arguments]
                room = result[rows] if member == step.root else None
                tree = nodes[member].tree
                assert isinstance(tree, Call)
                known[member] = ELEMENT_FUNCTIONS[tree.operator](*arguments, out=room)
            if step.root in self.plan.outputs:  # looked at while it is in cache
                infinite.append(bool(np.isinf(result[rows]).any()))

        self.stride(compute, height)
        self.overflowed[step.root] = any(infinite)
        return result

    def room(self, height: int) -> FloatMatrix:
        """A matrix to write into, used memory first."""
        for place, matrix in enumerate(self.spare):
            if len(matrix) == height:
                return self.spare.pop(place)
        return np.empty((height, self.symbols))

    def stride_value(self, known: Mapping[int, Value], place: int) -> Value:
        return known[place] if place in known else self.constants[place]

    def finished(self, matrix: FloatMatrix) -> FloatMatrix:
        """The matrix itself, or a copy with NaN for infinities if it has any."""
        infinite: list[bool] = []

        def look(rows: slice) -> None:
            infinite.append(bool(np.isinf(matrix[rows]).any()))

        self.stride(look, len(matrix))
        return np.where(np.isinf(matrix), np.nan, matrix) if any(infinite) else matrix

    def constant(self, place: int) -> float:
        """Value of a node without fields, from those of its arguments."""
        node = self.plan.nodes[place]
        if isinstance(node.tree, Number):
            return node.tree.value
        assert isinstance(node.tree, Call)
        arguments = [np.array([self.constants[argument]]) for argument in node.arguments]
        with np.errstate(all="ignore"):
            return ELEMENT_FUNCTIONS[node.tree.operator](*arguments).item()

    def stride(self, work: Callable[[slice], None], rows: int) -> None:
        """Do ``work`` for all rows, a cacheful at a time, on all threads."""
        height = max(1, CELLS_AT_A_TIME // max(1, self.symbols))

        def share(first: int, last: int) -> None:
            with np.errstate(all="ignore"):
                for start in range(first * height, min(rows, last * height), height):
                    work(slice(start, start + height))

        deal(share, -(-rows // height))


def _places_by_node(outputs: Sequence[int]) -> dict[int, list[int]]:
    places: dict[int, list[int]] = {}
    for place, node in enumerate(outputs):
        places.setdefault(node, []).append(place)
    return places
