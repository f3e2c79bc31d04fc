"""Storing factor values: files first, then the manifest with one rename."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quant_core.data.factor_files import Block, read_segments, write_blocks
from quant_core.data.factor_manifest import (
    FactorEntry,
    FactorKey,
    FactorManifest,
    Segment,
    factor_parts,
    read_factor_manifest,
    sweep_factor_parts,
    write_factor_manifest,
)
from quant_core.data.warehouse_snapshot import Snapshot
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import FloatMatrix

MOST_SEGMENTS = 8
"""Segments of a factor before its later ones are merged: a file is opened for each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of one factor: ``kept`` segments, then the sessions of ``block``."""

    key: FactorKey
    kept: tuple[Segment, ...]
    block: Block
    computed_rows: int


def complete(snapshot: Snapshot, key: FactorKey, values: FloatMatrix) -> Plan:
    """The plan that stores all sessions of a factor anew."""
    check_array(key, values, snapshot.axes.shape)
    return Plan(key, (), Block(key.name, 0, values), len(values))


def extension(snapshot: Snapshot, older: FactorEntry, tail: FloatMatrix) -> Plan:
    """The plan that keeps the segments stored for an older version and adds ``tail``.

    When there are too many segments the later ones are written again as one, together
    with the tail; the first, which holds most of the history, stays.
    """
    key, kept = older.key, older.segments
    rows = sum(segment.rows for segment in kept)
    sessions, symbols = snapshot.axes.shape
    check_array(key, tail, (sessions - rows, symbols))
    if len(kept) >= MOST_SEGMENTS:
        later = sessions - kept[0].rows
        kept = kept[:1] if later <= kept[0].rows else ()
    first_row = sum(segment.rows for segment in kept)
    again = np.empty((rows - first_row, symbols))
    read_segments(factor_parts(snapshot.root), older.segments[len(kept) :], again)
    block = Block(key.name, first_row, np.concatenate([again, tail]))
    return Plan(key, kept, block, len(tail))


def store(snapshot: Snapshot, plans: Sequence[Plan]) -> None:
    """Carry out plans; all become visible at once. The caller holds the writer's lock."""
    folder = snapshot.root
    blocks = [plan.block for plan in plans if len(plan.block.values)]
    try:
        written = write_blocks(factor_parts(folder), snapshot.axes, blocks)
        entries = [_entry(plan, written) for plan in plans]
        manifest = read_factor_manifest(folder, snapshot.version).merged(entries)
        write_factor_manifest(folder, manifest)
    finally:
        sweep_factor_parts(folder)  # what was replaced, or what a failed attempt wrote
    _sweep_cache(snapshot, manifest)


def check_array(key: FactorKey, values: FloatMatrix, shape: tuple[int, int]) -> None:
    """Refuse an array that is not float64 of the given shape."""
    if values.shape != shape or values.dtype != np.float64:
        raise InvariantBroken(
            f"the values of factor {key.name!r} do not fit the dataset",
            expected=f"float64 {shape}",
            found=f"{values.dtype} {values.shape}",
        )


def _entry(plan: Plan, written: dict[str, Segment]) -> FactorEntry:
    new = written.get(plan.key.name)
    return FactorEntry(plan.key, plan.kept + ((new,) if new else ()), plan.computed_rows)


def _sweep_cache(snapshot: Snapshot, manifest: FactorManifest) -> None:
    """Delete memory-mapped copies of values that were replaced."""
    current = {f"factor-{entry.identity}.npy" for entry in manifest.entries.values()}
    for path in snapshot.cache.glob("factor-*.npy"):
        if path.name not in current:
            path.unlink(missing_ok=True)
