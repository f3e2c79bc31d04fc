"""Random factor trees for the property tests, drawn from the operator table itself."""

from __future__ import annotations

from hypothesis import strategies as st

from quant_core.factors.expression import Call, Expression, Field, Group, Number
from quant_core.factors.operator_table import OPERATORS
from quant_core.factors.operators import Kind, Operator, Parameter

FIELDS = ("open", "high", "low", "close", "volume", "returns")
LONGEST = 6


def numbers() -> st.SearchStrategy[Number]:
    some = st.sampled_from([0.0, 1.0, -1.0, 2.0, -2.5, 0.5, 1e-12, 3.0])
    return some.map(Number)


def windows(parameter: Parameter) -> st.SearchStrategy[Number]:
    least = int(parameter.minimum)
    return st.integers(least, max(least, LONGEST)).map(lambda n: Number(float(n)))


BOUNDS = {"lower": (-3.0, 0.3), "upper": (0.3, 5.0)}


def literals(parameter: Parameter) -> st.SearchStrategy[Number]:
    least, most = BOUNDS.get(parameter.name, (-3.0, 5.0))
    least, most = max(parameter.minimum, least), min(parameter.maximum, most)
    if parameter.whole:
        return st.integers(int(least), int(most)).map(lambda n: Number(float(n)))
    return st.floats(least, most, allow_subnormal=False).map(Number)


def trees(
    operators: tuple[str, ...] = tuple(OPERATORS), *, leaves: int = 8
) -> st.SearchStrategy[Expression]:
    """Trees over FIELDS, the group ``industry`` and the given operators."""
    rows = [OPERATORS[name] for name in operators]
    leaf = st.sampled_from(FIELDS).map(Field) | st.sampled_from(FIELDS).map(Field) | numbers()
    return st.recursive(
        leaf,
        lambda below: st.sampled_from(rows).flatmap(lambda row: calls(row, below)),
        max_leaves=leaves,
    )


def calls(row: Operator, below: st.SearchStrategy[Expression]) -> st.SearchStrategy[Call]:
    places: list[st.SearchStrategy[tuple[Expression, ...]]] = []
    for parameter in row.parameters:
        match parameter.kind:
            case Kind.EXPRESSION:
                places.append(below.map(lambda tree: (tree,)))
            case Kind.EXPRESSIONS:
                least = parameter.at_least
                places.append(st.lists(below, min_size=least, max_size=2).map(tuple))
            case Kind.GROUP:
                places.append(st.just((Group("industry"),)))
            case Kind.WINDOW:
                places.append(windows(parameter).map(lambda number: (number,)))
            case Kind.NUMBER:
                places.append(literals(parameter).map(lambda number: (number,)))
    parts = st.tuples(*places)
    return parts.map(lambda chosen: Call(row.name, sum(chosen, ())))
