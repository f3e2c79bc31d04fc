"""Publishing a version: write what is new, then make it visible with one rename.

Steps of :func:`publish`

1. bring the tables into canonical order and find the sessions  :func:`arrange`
2. take the writer's lock, sweep what a killed writer left       :func:`sweep`
3. write the parts no earlier version has, each fsynced          :func:`_store_parts`
4. write the manifest, then the pointer: the version is visible  :func:`_make_newest`
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from quant_core.data.factor_manifest import sweep_factors
from quant_core.data.schema import BAR_FIELDS, OPTIONAL_FIELDS, DatasetFacts, DatasetTables
from quant_core.data.warehouse_content import (
    Contents,
    arrange,
    content_hash,
    version_hash,
    years_of,
)
from quant_core.data.warehouse_files import (
    bytes_hash,
    disk_errors_refused,
    remove_all_but,
    remove_temporaries,
    table_bytes,
    write_bytes,
    writer_lock,
)
from quant_core.data.warehouse_manifest import (
    MANIFESTS,
    PARTS,
    Manifest,
    Part,
    all_manifests,
    manifest_path,
    newest_manifest,
    read_pointer,
    unreadable_manifests,
    write_manifest,
    write_pointer,
)
from quant_core.foundation.errors import DataRefused, UsageError
from quant_core.foundation.files import file_hash, sync
from quant_core.foundation.timing import utc_now

CACHE = "cache"
FEWEST_VERSIONS = 2
"""Versions always kept: the newest, and the one a reader may just be opening."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """One part before it is written."""

    table: str
    name: str
    frame: pl.DataFrame
    content: str


def publish(folder: Path, facts: DatasetFacts, tables: DatasetTables) -> Manifest:
    """Publish the tables as the newest version of the dataset in ``folder``.

    The same rows and facts as the newest version publish nothing; parts an earlier
    version already has are not written again, unless they are damaged.
    """
    contents = arrange(facts, tables)
    drafts = _drafts(contents)
    version = version_hash(facts, [(draft.name, draft.content) for draft in drafts])
    with disk_errors_refused(facts.dataset), writer_lock(folder / "publish.lock", wait=False):
        kept = all_manifests(folder)
        sweep(folder, kept)
        try:
            parts = _store_parts(folder, drafts, kept)
        except OSError:
            sweep(folder, kept)  # give back what the failed attempt took
            raise
        newest = _newest_or_none(folder)
        if newest is not None and newest.version == version and newest.parts == parts:
            return newest
        manifest = Manifest(
            version=version,
            sequence=1 + _highest_sequence(folder, kept),
            published_at=utc_now().isoformat(timespec="seconds"),
            facts=facts,
            axes=contents.axes,
            fields=_fields(contents.prices),
            parts=parts,
        )
        _make_newest(folder, manifest)
        return manifest


def prune(folder: Path, dataset: str, keep: int) -> tuple[str, ...]:
    """Delete all versions but the newest ``keep``, with their factor values and caches.

    Returns the versions removed.

    Raises
    ------
    UsageError
        If ``keep`` is less than two: a reader may be opening the one before the newest.
    """
    if not keep >= FEWEST_VERSIONS:
        raise UsageError(
            "too few versions would be kept",
            expected=f"at least {FEWEST_VERSIONS}",
            found=str(keep),
        )
    with disk_errors_refused(dataset), writer_lock(folder / "publish.lock", wait=False):
        manifests = all_manifests(folder)
        kept, dropped = manifests[:keep], manifests[keep:]
        lost = [manifest_path(folder, manifest.version) for manifest in dropped]
        for path in (*lost, *unreadable_manifests(folder)):
            path.unlink(missing_ok=True)
        if lost:
            sync(folder / MANIFESTS)
        sweep(folder, kept)
    return tuple(manifest.version for manifest in dropped)


def sweep(folder: Path, kept: tuple[Manifest, ...]) -> None:
    """Delete files no kept version names, and caches of all but the newest two.

    While a manifest cannot be read nothing but temporary files is deleted: it may
    name what is still needed. Only the holder of the writer's lock may call it.
    """
    remove_temporaries(folder)
    if unreadable_manifests(folder):
        return
    versions = frozenset(manifest.version for manifest in kept)
    remove_all_but(folder / MANIFESTS, frozenset(f"{version}.json" for version in versions))
    files = frozenset(part.file for manifest in kept for part in manifest.parts)
    remove_all_but(folder / PARTS, files)
    sweep_factors(folder, versions)
    _sweep_caches(folder / CACHE, {manifest.version for manifest in kept[:FEWEST_VERSIONS]})


def _drafts(contents: Contents) -> list[_Draft]:
    frames = [("prices", f"prices-{year}", part) for year, part in years_of(contents.prices)]
    frames += [(table, table, frame) for table, frame in contents.others.items()]
    return [_Draft(table, name, frame, content_hash(frame)) for table, name, frame in frames]


def _store_parts(
    folder: Path, drafts: list[_Draft], kept: tuple[Manifest, ...]
) -> tuple[Part, ...]:
    known = {  # the newest description of a part wins
        (part.name, part.content): part for manifest in reversed(kept) for part in manifest.parts
    }

    def store(draft: _Draft) -> Part:
        part = known.get((draft.name, draft.content))
        if part is not None and _is_intact(folder / PARTS / part.file, part.sha256):
            return part
        return _write_part(folder, draft)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return tuple(pool.map(store, drafts))


def _write_part(folder: Path, draft: _Draft) -> Part:
    content = table_bytes(draft.frame)
    sha256 = bytes_hash(content)
    file = f"{draft.name}-{sha256[:16]}.parquet"
    write_bytes(folder / PARTS / file, content)
    return Part(
        table=draft.table,
        name=draft.name,
        file=file,
        sha256=sha256,
        content=draft.content,
        size=len(content),
        rows=draft.frame.height,
    )


def _make_newest(folder: Path, manifest: Manifest) -> None:
    write_pointer(folder, write_manifest(folder, manifest))


def _is_intact(path: Path, sha256: str) -> bool:
    return path.is_file() and file_hash(path) == sha256


def _newest_or_none(folder: Path) -> Manifest | None:
    try:
        return newest_manifest(folder)
    except DataRefused:
        return None  # damaged: this publication repairs it


def _highest_sequence(folder: Path, kept: tuple[Manifest, ...]) -> int:
    try:
        pointer = read_pointer(folder)
    except DataRefused:
        pointer = None
    sequences = [manifest.sequence for manifest in kept]
    return max([pointer.sequence if pointer else 0, *sequences])


def _fields(prices: pl.DataFrame) -> tuple[str, ...]:
    """The fields that at least one row has: a column of nulls is no field."""
    return tuple(
        name
        for name in (*BAR_FIELDS, *OPTIONAL_FIELDS)
        if name in prices.columns and prices[name].null_count() < prices.height
    )


def _sweep_caches(cache: Path, versions: set[str]) -> None:
    if not cache.is_dir():
        return
    for entry in list(os.scandir(cache)):
        if entry.name not in versions:
            shutil.rmtree(entry.path, ignore_errors=True)
