"""Manifests: one small JSON file per version, and the pointer to the newest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from quant_core.data.schema import DatasetFacts, PriceBasis
from quant_core.data.warehouse_content import version_hash
from quant_core.data.warehouse_files import bytes_hash, damaged, write_bytes
from quant_core.data.warehouse_record import Record, parse_record, read_record, record_bytes
from quant_core.foundation.errors import DataRefused
from quant_core.foundation.panel import Axes

POINTER = "current.json"
MANIFESTS = "manifests"
PARTS = "parts"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of a version.

    Attributes
    ----------
    table, name : str
        The table it belongs to; ``name`` adds the year: ``prices-2014``.
    file, sha256 : str
        File name in ``parts/`` and the hash of its bytes.
    content : str
        Hash of its rows, see :func:`content_hash`.
    size, rows : int
        Bytes and rows.
    """

    table: str
    name: str
    file: str
    sha256: str
    content: str
    size: int
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """One complete version of a dataset; ``sequence`` counts its publications.

    Compared by identity: whoever wants to know whether two are the same version
    compares their versions.
    """

    version: str
    sequence: int
    published_at: str
    facts: DatasetFacts
    axes: Axes
    fields: tuple[str, ...]
    parts: tuple[Part, ...]

    def parts_of(self, table: str) -> tuple[Part, ...]:
        """The files of a table, in order of date."""
        return tuple(part for part in self.parts if part.table == table)


@dataclass(frozen=True, slots=True)
class Pointer:
    """What ``current.json`` says: the newest version and the hash of its manifest."""

    version: str
    sequence: int
    sha256: str


def manifest_path(folder: Path, version: str) -> Path:
    """Where the manifest of a version stands in a dataset's folder."""
    return folder / MANIFESTS / f"{version}.json"


def write_manifest(folder: Path, manifest: Manifest) -> Pointer:
    """Write a manifest so that it survives a crash; the pointer to it is returned."""
    content = record_bytes(_manifest_values(manifest))
    write_bytes(manifest_path(folder, manifest.version), content)
    return Pointer(manifest.version, manifest.sequence, bytes_hash(content))


def write_pointer(folder: Path, pointer: Pointer) -> None:
    """Make a version the newest: the one rename that publishes."""
    values = {
        "schema": _SCHEMA,
        "version": pointer.version,
        "sequence": pointer.sequence,
        "sha256": pointer.sha256,
    }
    write_bytes(folder / POINTER, record_bytes(values))


def read_pointer(folder: Path) -> Pointer | None:
    """The pointer to the newest version, ``None`` when nothing was ever published."""
    try:
        record = read_record(folder / POINTER)
    except FileNotFoundError:
        return None
    return Pointer(record.text("version"), record.whole("sequence"), record.text("sha256"))


def newest_manifest(folder: Path) -> Manifest | None:
    """The newest version, checked against the pointer's hash; ``None`` without one.

    Raises
    ------
    DataRefused
        If pointer or manifest are damaged. A reader that meets a writer may be told so
        once: see :meth:`Warehouse.newest`.
    """
    pointer = read_pointer(folder)
    if pointer is None:
        return None
    path = manifest_path(folder, pointer.version)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise damaged(path, "no such file") from error
    if bytes_hash(content) != pointer.sha256:
        raise damaged(path, "other bytes than were published")
    return _manifest(parse_record(content, path))


def read_manifest(folder: Path, version: str) -> Manifest | None:
    """The manifest of a version, ``None`` when there is no such version."""
    try:
        return _manifest(read_record(manifest_path(folder, version)))
    except FileNotFoundError:
        return None


def all_manifests(folder: Path) -> tuple[Manifest, ...]:
    """Every version that is kept and readable, the most recently published first."""
    return _shelf(folder)[0]


def unreadable_manifests(folder: Path) -> tuple[Path, ...]:
    """Manifests that are damaged, or written by a later release."""
    return _shelf(folder)[1]


def check_sizes(folder: Path, manifest: Manifest) -> None:
    """Refuse a version any of whose files is missing or has another size."""
    for part in manifest.parts:
        path = folder / PARTS / part.file
        try:
            size = path.stat().st_size
        except FileNotFoundError as error:
            raise damaged(path, "no such file", f"{part.size} bytes") from error
        if size != part.size:
            raise damaged(path, f"{size} bytes", f"{part.size} bytes")


def _shelf(folder: Path) -> tuple[tuple[Manifest, ...], tuple[Path, ...]]:
    readable: list[Manifest] = []
    unreadable: list[Path] = []
    for path in sorted((folder / MANIFESTS).glob("[!.]*.json")):
        try:
            found = read_manifest(folder, path.stem)
        except DataRefused:
            unreadable.append(path)
            continue
        readable += [] if found is None else [found]
    readable.sort(key=lambda manifest: manifest.sequence, reverse=True)
    return tuple(readable), tuple(unreadable)


def _manifest_values(manifest: Manifest) -> dict[str, object]:
    facts = manifest.facts
    return {
        "schema": _SCHEMA,
        "version": manifest.version,
        "sequence": manifest.sequence,
        "published_at": manifest.published_at,
        "facts": {
            "dataset": facts.dataset,
            "calendar": facts.calendar,
            "price_basis": facts.price_basis,
            "currency": facts.currency,
            "synthetic": facts.synthetic,
            "origin": list(facts.origin),
        },
        "fields": list(manifest.fields),
        "parts": [
            {
                "table": part.table,
                "name": part.name,
                "file": part.file,
                "sha256": part.sha256,
                "content": part.content,
                "size": part.size,
                "rows": part.rows,
            }
            for part in manifest.parts
        ],
        "sessions": manifest.axes.sessions.astype(str).tolist(),
        "symbols": list(manifest.axes.symbols),
    }


def _manifest(record: Record) -> Manifest:
    if record.whole("schema") != _SCHEMA:
        raise damaged(record.path, f"schema {record.whole('schema')}", f"schema {_SCHEMA}")
    sessions = np.array(record.texts("sessions"), dtype="datetime64[D]")
    manifest = Manifest(
        version=record.text("version"),
        sequence=record.whole("sequence"),
        published_at=record.text("published_at"),
        facts=_facts(record.record("facts")),
        axes=Axes(sessions, record.texts("symbols")),
        fields=record.texts("fields"),
        parts=tuple(_part(part) for part in record.records("parts")),
    )
    contents = [(part.name, part.content) for part in manifest.parts]
    if version_hash(manifest.facts, contents) != manifest.version:
        raise damaged(record.path, f"version {manifest.version}", "the version of its parts")
    return manifest


def _facts(record: Record) -> DatasetFacts:
    return DatasetFacts(
        dataset=record.text("dataset"),
        calendar=record.text("calendar"),
        price_basis=cast("PriceBasis", record.text("price_basis")),
        currency=record.text("currency"),
        synthetic=record.flag("synthetic"),
        origin=record.texts("origin"),
    )


def _part(record: Record) -> Part:
    return Part(
        table=record.text("table"),
        name=record.text("name"),
        file=record.text("file"),
        sha256=record.text("sha256"),
        content=record.text("content"),
        size=record.whole("size"),
        rows=record.whole("rows"),
    )
