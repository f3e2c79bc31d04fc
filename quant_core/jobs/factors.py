"""Factor values for whoever needs them: from the store, else extended, else computed.

1. :func:`ensure_stored` extends or computes what the store lacks (:func:`_extend`,
   :func:`_compute`) and stores it in batches, so that an interruption keeps what was
   complete.
2. :func:`factor_panels` returns the matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quant_core.data.factor_store import FactorKey, FactorStore
from quant_core.data.warehouse import Snapshot
from quant_core.factors.expression import Expression
from quant_core.factors.factor import Factor
from quant_core.factors.library import resolve
from quant_core.factors.operator_table import OPERATOR_VERSION
from quant_core.factors.parser import parse
from quant_core.factors.plan import required_fields, required_groups
from quant_core.factors.printer import to_text
from quant_core.factors.source import FieldUnavailable
from quant_core.foundation.errors import ExpressionError
from quant_core.foundation.panel import Axes
from quant_core.foundation.timing import monotonic_seconds
from quant_core.foundation.types import FloatMatrix, IntArray

if TYPE_CHECKING:
    from quant_core.factors.evaluator import FactorValues

OWN_LIBRARY = "user"
"""Library of the factors of config/factors.yaml."""

BATCH = 32
"""Factors published together: one manifest a batch."""


class SnapshotSource:
    """A snapshot of the warehouse as the evaluator sees it.

    ``industry`` is the category of the symbol table, the same at every session.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    @property
    def axes(self) -> Axes:
        """Sessions and symbols."""
        return self._snapshot.axes

    def field(self, name: str) -> FloatMatrix:
        """A price field of the dataset."""
        if name not in self._snapshot.fields:
            raise FieldUnavailable(name, self._snapshot.fields)
        return self._snapshot.panel(name)

    def groups(self, name: str) -> IntArray:
        """Codes of the symbols' categories, -1 where there is none."""
        table = self._snapshot.symbol_table().drop_nulls("category")
        if name != "industry" or table.is_empty():
            raise FieldUnavailable(name)
        categories = dict(zip(table["symbol"].to_list(), table["category"].to_list(), strict=True))
        codes = {category: i for i, category in enumerate(sorted(set(categories.values())))}
        one = [codes.get(categories.get(symbol, ""), -1) for symbol in self.axes.symbols]
        return np.tile(np.array(one, dtype=np.int64), (self.axes.shape[0], 1))


@dataclass(frozen=True, slots=True)
class Computation:
    """What a call of :func:`ensure_stored` did, by factor name.

    ``unavailable`` names the missing field, ``seconds`` the wall time of each factor that
    was computed (a sub-expression shared by several counts for the first of them).
    """

    stored: tuple[str, ...]
    extended: tuple[str, ...]
    computed: tuple[str, ...]
    unavailable: Mapping[str, str]
    seconds: Mapping[str, float]


def own_factors(texts: Mapping[str, str]) -> dict[str, Factor]:
    """The user's factors of the settings, each checked to parse."""
    own = {name: Factor(name, OWN_LIBRARY, text, citation="") for name, text in texts.items()}
    for factor in own.values():
        try:
            parse(factor.text)
        except ExpressionError as error:
            error.where = f"factor {factor.name!r} of config/factors.yaml"
            raise
    return own


def key_of(factor: Factor) -> FactorKey:
    """The store key of a factor: name, canonical text, operator version."""
    return FactorKey(factor.name, to_text(factor.expression), OPERATOR_VERSION)


def ensure_stored(
    snapshot: Snapshot,
    factors: Sequence[Factor],
    progress: Callable[[int, int], None],
) -> Computation:
    """Compute what the store does not hold for this version of the data.

    A factor stored for an earlier version whose history is unchanged is extended by the
    new sessions only. One whose field the dataset lacks is reported with the field's name.
    """
    store = FactorStore(snapshot)
    held = {entry.key for entry in store.stored()}
    missing = [factor for factor in factors if key_of(factor) not in held]
    if not missing:
        return Computation(tuple(factor.name for factor in factors), (), (), {}, {})
    source = SnapshotSource(snapshot)
    available, unavailable = _available(missing, source)
    extended = _extend(store, source, available)
    rest = [factor for factor in available if factor.name not in extended]
    seconds = _compute(store, source, rest, progress)
    absent = {factor.name for factor in missing}
    return Computation(
        stored=tuple(factor.name for factor in factors if factor.name not in absent),
        extended=tuple(extended),
        computed=tuple(factor.name for factor in rest),
        unavailable=unavailable,
        seconds=seconds,
    )


def factor_panels(
    snapshot: Snapshot,
    names: Sequence[str],
    own: Mapping[str, Factor],
    progress: Callable[[int, int], None],
) -> tuple[dict[str, FloatMatrix], Computation]:
    """Values of factors by the names or texts they were asked by, computed if need be."""
    factors = {name: resolve(name, own) for name in names}
    done = ensure_stored(snapshot, list(factors.values()), progress)
    if done.unavailable:
        raise FieldUnavailable(next(iter(done.unavailable.values())), snapshot.fields)
    store = FactorStore(snapshot)
    panels: dict[str, FloatMatrix] = {}
    for name, factor in factors.items():
        stored = store.get(key_of(factor))
        assert stored is not None
        panels[name] = stored
    return panels, done


def _compute(
    store: FactorStore,
    source: SnapshotSource,
    factors: Sequence[Factor],
    progress: Callable[[int, int], None],
) -> dict[str, float]:
    """Compute factors in one plan and store them batch by batch; seconds by name."""
    seconds: dict[str, float] = {}
    values: dict[FactorKey, FloatMatrix] = {}
    before = monotonic_seconds()
    for finished in _evaluated([factor.expression for factor in factors], source):
        factor = factors[finished.place]
        values[key_of(factor)] = finished.values
        now = monotonic_seconds()
        seconds[factor.name], before = now - before, now
        progress(len(seconds), len(factors))
        if len(values) == BATCH or len(seconds) == len(factors):
            store.put(values)
            values, before = {}, monotonic_seconds()
    return seconds


def _evaluated(
    trees: Sequence[Expression], source: SnapshotSource, first_row: int = 0
) -> Iterator[FactorValues]:
    """Evaluate from ``first_row`` on; the evaluator loads only when something is missing."""
    from quant_core.factors.evaluator import evaluate_each

    return evaluate_each(trees, source, rows=slice(first_row, None))


def _available(
    factors: Sequence[Factor], source: SnapshotSource
) -> tuple[list[Factor], dict[str, str]]:
    """Factors the dataset has the fields for, and the missing field of each other one."""
    available: list[Factor] = []
    unavailable: dict[str, str] = {}
    for factor in factors:
        try:
            for name in required_fields(factor.expression):
                source.field(name)
            for name in required_groups(factor.expression):
                source.groups(name)
        except FieldUnavailable as missing:
            unavailable[factor.name] = missing.field
        else:
            available.append(factor)
    return available, unavailable


def _extend(store: FactorStore, source: SnapshotSource, factors: Sequence[Factor]) -> list[str]:
    """Carry factors of an earlier version on over the new sessions."""
    earlier = {factor.name: store.previous(key_of(factor)) for factor in factors}
    able = [factor for factor in factors if earlier[factor.name] is not None]
    values: dict[FactorKey, FloatMatrix] = {}
    by_length: dict[int, list[Factor]] = {}
    for factor in able:
        before = earlier[factor.name]
        assert before is not None
        by_length.setdefault(before[1].shape[0], []).append(factor)
    for length, group in by_length.items():
        trees = [factor.expression for factor in group]
        for finished in _evaluated(trees, source, first_row=length):
            factor = group[finished.place]
            before = earlier[factor.name]
            assert before is not None
            values[key_of(factor)] = np.concatenate([before[0], finished.values])
    if values:
        store.put(values)
    return [factor.name for factor in able]
