"""Factor values for whoever needs them: from the store, else extended, else computed.

1. :func:`ensure_stored` finds what the store lacks for this version of the data.
2. Factors of an earlier version whose history is unchanged get their new sessions only
   (:func:`_extend`), the others are computed (:func:`_compute`); both store in batches,
   so that an interruption keeps what was complete.
3. :func:`stored_values` and :func:`factor_panels` return the matrices; a damaged file is
   computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from quant_core.data.factor_store import FactorKey, FactorStore
from quant_core.factors.expression import Expression
from quant_core.factors.factor import Factor
from quant_core.factors.fields import GROUP_FIELDS, NUMBER_FIELDS
from quant_core.factors.library import BARE_EXPRESSION, check_own_name, resolve
from quant_core.factors.parser import parse
from quant_core.factors.plan import required_fields, required_groups
from quant_core.foundation.errors import DataRefused, ExpressionError, UsageError
from quant_core.foundation.timing import monotonic_seconds
from quant_core.foundation.types import FloatMatrix
from quant_core.jobs.factor_source import SnapshotSource

if TYPE_CHECKING:
    from quant_core.factors.evaluator import FactorValues

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (factors done, factors in all)."""

Store: TypeAlias = Callable[[Mapping[FactorKey, FloatMatrix]], None]

OWN_LIBRARY = "user"
"""Library of the factors of config/factors.yaml."""

BATCH_BYTES = 128 * 2**20
"""Values published together: one manifest a batch, and the memory they hold until then."""

MEMORY_BYTES = 4 * 2**30
"""Largest working set of one evaluation; beyond it the panel is computed in blocks."""


@dataclass(frozen=True, slots=True)
class Computation:
    """What a call of :func:`ensure_stored` did, by factor name.

    ``unavailable`` names the missing fields, ``seconds`` the wall time of each factor that
    was worked on (a sub-expression shared by several counts for the first of them).
    """

    stored: tuple[str, ...] = ()
    extended: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    unavailable: Mapping[str, tuple[str, ...]] | None = None
    seconds: Mapping[str, float] | None = None


def own_factors(texts: Mapping[str, str]) -> dict[str, Factor]:
    """The user's factors of the settings, each with a free name and a text that parses."""
    own = {name: Factor(name, OWN_LIBRARY, text, citation="") for name, text in texts.items()}
    for factor in own.values():
        try:
            check_own_name(factor.name)
            parse(factor.text)
        except ExpressionError as error:
            error.where = f"factor {factor.name!r} of config/factors.yaml"
            raise
    return own


def refuse_unknown(factors: Sequence[Factor], fields: Sequence[str] = ()) -> None:
    """Refuse a text with a name that is no factor, no field of the language, none of the dataset.

    A field the language knows and the dataset lacks makes a factor unavailable; any other
    name is a slip.
    """
    known = {*NUMBER_FIELDS, *GROUP_FIELDS, *fields}
    for factor in factors:
        tree = factor.expression
        names = [*required_fields(tree), *required_groups(tree)]
        unknown = [name for name in names if name not in known]
        if unknown and factor.library in (BARE_EXPRESSION, OWN_LIBRARY):
            raise ExpressionError(
                "unknown factor or field",
                expected="a factor's name (--list shows them), or a field: "
                + ", ".join(sorted(known)),
                found=", ".join(unknown),
                where=factor.text,
                fix="a factor's name stands alone; inside a text write its formula",
            )


def ensure_stored(
    source: SnapshotSource, factors: Sequence[Factor], progress: Progress
) -> Computation:
    """Compute what the store does not hold for this version of the data.

    Factors of the same name are one factor. One whose field the dataset lacks is reported
    with the field's name and never computed from something else.
    """
    store = FactorStore(source.snapshot)
    distinct = list({factor.name: factor for factor in factors}.values())
    held = {entry.key for entry in store.stored()}
    missing = [factor for factor in distinct if source.key_of(factor) not in held]
    lacking = {factor.name: source.missing_fields(factor) for factor in missing}
    unavailable = {name: fields for name, fields in lacking.items() if fields}
    able = [factor for factor in missing if factor.name not in unavailable]
    rows = {factor.name: store.extendable_rows(source.key_of(factor)) for factor in able}
    extended = [factor for factor in able if rows[factor.name] > 0]
    computed = [factor for factor in able if rows[factor.name] == 0]
    seconds = _extend(store, source, extended, rows, progress)
    seconds |= _work(store.put, source, computed, 0, progress)
    absent = {factor.name for factor in missing}
    return Computation(
        stored=tuple(factor.name for factor in distinct if factor.name not in absent),
        extended=tuple(factor.name for factor in extended),
        computed=tuple(factor.name for factor in computed),
        unavailable=unavailable,
        seconds=seconds,
    )


def stored_values(source: SnapshotSource, factors: Sequence[Factor]) -> dict[str, FloatMatrix]:
    """Stored values by factor name; a factor whose file is damaged is computed again.

    Raises
    ------
    DataRefused
        If the values cannot be read back even then.
    """
    store = FactorStore(source.snapshot)
    values: dict[str, FloatMatrix] = {}
    for factor in factors:
        found = store.get(source.key_of(factor))
        if found is None:
            _work(store.put, source, [factor], 0, _silent)
            found = store.get(source.key_of(factor))
        if found is None:
            raise DataRefused(
                "stored factor values cannot be read back",
                found=factor.name,
                where=f"dataset {source.snapshot.dataset}",
                fix="check the disk, then run run_factor_computation.py again",
            )
        values[factor.name] = found
    return values


def factor_panels(
    source: SnapshotSource,
    names: Sequence[str],
    own: Mapping[str, Factor],
    progress: Progress,
) -> tuple[dict[str, FloatMatrix], Computation]:
    """Values of factors by the names or texts they were asked by, computed if need be."""
    factors = {name: resolve(name, own) for name in names}
    refuse_unknown(list(factors.values()), source.snapshot.fields)
    done = ensure_stored(source, list(factors.values()), progress)
    for name, fields in (done.unavailable or {}).items():
        raise UsageError(
            "the strategy reads a factor that the dataset cannot give",
            expected=f"a dataset with {', '.join(fields)}",
            found=f"{source.snapshot.dataset} with {', '.join(source.snapshot.fields)}",
            where=f"factor {name}",
            fix="use another factor or another dataset",
        )
    values = stored_values(source, list(factors.values()))
    return {name: values[factor.name] for name, factor in factors.items()}, done


def _extend(
    store: FactorStore,
    source: SnapshotSource,
    factors: Sequence[Factor],
    rows: Mapping[str, int],
    progress: Progress,
) -> dict[str, float]:
    """Add the new sessions to factors an earlier version has; seconds by name."""
    seconds: dict[str, float] = {}
    for length in sorted({rows[factor.name] for factor in factors}):
        group = [factor for factor in factors if rows[factor.name] == length]
        seconds |= _work(store.extend, source, group, length, progress)
    return seconds


def _work(
    store: Store,
    source: SnapshotSource,
    factors: Sequence[Factor],
    first_row: int,
    progress: Progress,
) -> dict[str, float]:
    """Evaluate factors from ``first_row`` on and store them batch by batch; seconds by name."""
    seconds: dict[str, float] = {}
    values: dict[FactorKey, FloatMatrix] = {}
    held = 0
    before = monotonic_seconds()
    for finished in _evaluated([f.expression for f in factors], source, first_row):
        factor = factors[finished.place]
        values[source.key_of(factor)] = finished.values
        held += finished.values.nbytes
        now = monotonic_seconds()
        seconds[factor.name], before = now - before, now
        progress(len(seconds), len(factors))
        if held >= BATCH_BYTES:
            store(values)
            values, held, before = {}, 0, monotonic_seconds()
    if values:
        store(values)
    return seconds


def _evaluated(
    trees: Sequence[Expression], source: SnapshotSource, first_row: int
) -> Iterator[FactorValues]:
    """All factors in one plan where that fits in memory, else some at a time, in blocks.

    The evaluator and its compiler load only when something is to be computed.
    """
    if not trees:
        return
    from quant_core.factors.blocks import evaluate_in_blocks
    from quant_core.factors.evaluator import FactorValues, evaluate_each
    from quant_core.factors.fusion import peak_matrices
    from quant_core.factors.plan import build_plan

    sessions, symbols = source.axes.shape
    rows = slice(first_row, None)
    matrix_bytes = max(1, sessions * symbols * 8)
    if peak_matrices(build_plan(trees)) * matrix_bytes <= MEMORY_BYTES:
        yield from evaluate_each(trees, source, rows=rows)
        return
    at_once = max(1, BATCH_BYTES // matrix_bytes)
    for start in range(0, len(trees), at_once):
        chosen = trees[start : start + at_once]
        into = [np.empty((sessions - first_row, symbols)) for _ in chosen]
        evaluate_in_blocks(chosen, source, into, memory_bytes=MEMORY_BYTES, rows=rows)
        for place, values in enumerate(into, start=start):
            yield FactorValues(place, values)


def _silent(_done: int, _total: int) -> None:
    """No progress to show."""
