"""Evaluation of panels larger than memory, in blocks, with the same values.

A factor that looks only along time is computed for some symbols at a time, over all
sessions. A factor that compares symbols is computed for some sessions at a time, over all
symbols, each block preceded by its look-back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quant_core.factors.evaluator import evaluate_each, wanted_rows
from quant_core.factors.expression import Expression
from quant_core.factors.fusion import peak_matrices
from quant_core.factors.plan import Plan, build_plan
from quant_core.factors.source import FieldSource, Part
from quant_core.foundation.types import FloatMatrix

BYTES_PER_CELL = 8
SHALLOWEST = 4
"""A session block is at least a fourth of its look-back: below that, memory is saved at the
price of computing nearly everything many times."""


def evaluate_in_blocks(
    expressions: Sequence[Expression],
    source: FieldSource,
    into: Sequence[FloatMatrix],
    *,
    memory_bytes: int,
    rows: slice | None = None,
) -> None:
    """Write the values of factors into given matrices, a block at a time.

    Parameters
    ----------
    expressions : sequence of Expression
        What to compute.
    source : FieldSource
        The panel; a memory-mapped one is read only where a block needs it.
    into : sequence of matrices
        One per expression, [rows wanted, symbols], float64 or float32, in memory or mapped.
    memory_bytes : int
        Aim for the matrices of one block, the results in ``into`` not counted.
    rows : slice, optional
        Consecutive sessions wanted; all by default.
    """
    along_time = [place for place, tree in enumerate(expressions) if not _crosses(tree)]
    across = [place for place, tree in enumerate(expressions) if _crosses(tree)]
    wanted = wanted_rows(rows, source.axes.shape[0])
    for places, cut in ((along_time, _by_symbols), (across, _by_sessions)):
        if not places:
            continue
        plan = build_plan([expressions[place] for place in places])
        for block_rows, columns in cut(plan, source.axes.shape[1], wanted, memory_bytes):
            whole = columns == slice(0, source.axes.shape[1])
            part = source if whole else Part(source, slice(None), columns)
            chosen = [expressions[place] for place in places]
            target = slice(block_rows.start - wanted[0], block_rows.stop - wanted[0])
            for finished in evaluate_each(chosen, part, rows=block_rows):
                into[places[finished.place]][target, columns] = finished.values


def _crosses(tree: Expression) -> bool:
    return build_plan([tree]).crosses_symbols


def _by_symbols(
    plan: Plan, symbols: int, wanted: tuple[int, int], memory_bytes: int
) -> Iterator[tuple[slice, slice]]:
    height = wanted[1] - max(0, wanted[0] - plan.look_back)
    column_bytes = max(1, height * peak_matrices(plan) * BYTES_PER_CELL)
    width = max(1, memory_bytes // column_bytes)
    for start in range(0, symbols, width):
        yield slice(*wanted), slice(start, min(symbols, start + width))


def _by_sessions(
    plan: Plan, symbols: int, wanted: tuple[int, int], memory_bytes: int
) -> Iterator[tuple[slice, slice]]:
    row_bytes = max(1, symbols * peak_matrices(plan) * BYTES_PER_CELL)
    height = max(1, plan.look_back // SHALLOWEST, memory_bytes // row_bytes - plan.look_back)
    first, last = wanted
    for start in range(first, last, height):
        yield slice(start, min(last, start + height)), slice(0, symbols)
