"""Which nodes of a plan become matrices, and which are computed inside their reader.

A chain of element operators over whole matrices costs a pass over memory per operator. A
fused step computes the chain for a few rows at a time instead and writes one matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

from quant_core.factors.expression import Group
from quant_core.factors.plan import Node, Plan, consumers


@dataclass(frozen=True, slots=True)
class Step:
    """One matrix to compute.

    ``root`` is its node; ``members`` are the element nodes computed on the way, children
    first and the root last (the root alone for fields and kernels); ``inputs`` are
    the matrices it reads, each once.
    """

    root: int
    members: tuple[int, ...]
    inputs: tuple[int, ...]


def fuse(plan: Plan) -> tuple[Step, ...]:
    """The steps of a plan in the order of their nodes.

    Examples
    --------
    >>> from quant_core.factors.parser import parse
    >>> from quant_core.factors.plan import build_plan
    >>> [step.members for step in fuse(build_plan([parse("(close - open) / (high - low)")]))]
    [(0,), (1,), (3,), (4,), (2, 5, 6)]
    """
    stored = _stored(plan)
    return tuple(_step(plan, place, stored) for place in sorted(stored))


def readers(plan: Plan, steps: tuple[Step, ...]) -> dict[int, int]:
    """How often each matrix is read: once per step, and once per requested factor."""
    counts = {step.root: 0 for step in steps}
    for step in steps:
        for place in step.inputs:
            counts[place] += 1
    for output in plan.outputs:
        if output in counts:
            counts[output] += 1
    return counts


def peak_matrices(plan: Plan) -> int:
    """Largest number of matrices alive at once while the plan runs, results let go.

    Examples
    --------
    >>> from quant_core.factors.parser import parse
    >>> from quant_core.factors.plan import build_plan
    >>> peak_matrices(build_plan([parse("(close - open) / (high - low)")]))
    5
    """
    steps = fuse(plan)
    remaining = readers(plan, steps)
    alive = peak = 0
    for step in steps:
        alive += 1
        peak = max(peak, alive)
        for place in step.inputs:
            remaining[place] -= 1
            alive -= remaining[place] == 0
        finished = plan.outputs.count(step.root)
        remaining[step.root] -= finished
        alive -= finished > 0 and remaining[step.root] == 0
    return peak


def _stored(plan: Plan) -> set[int]:
    """Nodes whose values must exist as a matrix."""
    counts = consumers(plan)
    stored = set(plan.outputs)
    for place, node in enumerate(plan.nodes):
        if node.constant:
            continue
        if not node.is_element or counts[place] > 1:
            stored.add(place)
        if not node.is_element:
            stored.update(node.arguments)
    return {place for place in stored if not _is_no_matrix(plan.nodes[place])}


def _is_no_matrix(node: Node) -> bool:
    """Constants and classifications are no matrices of floats."""
    return node.constant or isinstance(node.tree, Group)


def _step(plan: Plan, root: int, stored: set[int]) -> Step:
    members: list[int] = []
    inputs: dict[int, None] = {}
    pending = [root]
    while pending:
        place = pending.pop()
        members.append(place)
        for argument in plan.nodes[place].arguments:
            if argument in stored:
                inputs[argument] = None
            elif not _is_no_matrix(plan.nodes[argument]):
                pending.append(argument)
    return Step(root, tuple(sorted(members)), tuple(sorted(inputs)))
