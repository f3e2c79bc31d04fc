"""Which factor values are stored for a version of a dataset, and in which files.

A factor's rows may lie in several segments: when new sessions arrive only their rows
are written, and the manifest of the new version names the old segments again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from quant_core.data.warehouse_files import damaged, remove_all_but, write_bytes, writer_lock
from quant_core.data.warehouse_record import Record, read_record, record_bytes
from quant_core.foundation.errors import DataRefused
from quant_core.foundation.files import text_hash

FACTORS = "factors"
_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class FactorKey:
    """What identifies the values of a factor on one version of the data.

    Attributes
    ----------
    name : str
        The library name, or the text itself for a bare expression.
    expression : str
        Canonical text.
    operator_version : str
        Changes when an operator computes something else.
    """

    name: str
    expression: str
    operator_version: str


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive sessions of one factor: one column of a file of ``parts/``.

    Attributes
    ----------
    file, column : str
        Where the values lie.
    sha256, file_size : str, int
        Hash and bytes of the whole file; others mean it is damaged.
    size : int
        This factor's share of those bytes.
    rows, known : int
        Sessions, and values that are not NaN.
    """

    file: str
    column: str
    sha256: str
    file_size: int
    size: int
    rows: int
    known: int


@dataclass(frozen=True, slots=True)
class FactorEntry:
    """A stored factor; ``computed_rows`` sessions were new when it was last stored."""

    key: FactorKey
    segments: tuple[Segment, ...]
    computed_rows: int

    @property
    def identity(self) -> str:
        """Hash of the key and the segments: names whatever is derived from the values."""
        parts = [self.key.name, self.key.expression, self.key.operator_version]
        for segment in self.segments:
            parts += [segment.file, segment.column]
        return text_hash(parts)[:16]


@dataclass(frozen=True, slots=True)
class FactorManifest:
    """The stored factors of one version, by name."""

    version: str
    entries: dict[str, FactorEntry]

    @property
    def files(self) -> dict[str, str]:
        """Name and SHA-256 of every file that holds a value of this version."""
        entries = self.entries.values()
        return {segment.file: segment.sha256 for entry in entries for segment in entry.segments}

    def merged(self, entries: Iterable[FactorEntry]) -> FactorManifest:
        """Itself with ``entries`` added, replacing those of the same names."""
        added = {entry.key.name: entry for entry in entries}
        return FactorManifest(self.version, self.entries | added)


def factor_parts(folder: Path) -> Path:
    """Where the files of factor values stand in a dataset's folder."""
    return folder / FACTORS / "parts"


def factor_manifest_path(folder: Path, version: str) -> Path:
    """Where the list of a version's factors stands."""
    return folder / FACTORS / f"{version}.json"


def read_factor_manifest(folder: Path, version: str) -> FactorManifest:
    """The stored factors of a version; empty when none is stored or the list is damaged.

    Factor values are derived: what cannot be read is computed again.
    """
    path = factor_manifest_path(folder, version)
    try:
        return _manifest(read_record(path), version)
    except (FileNotFoundError, DataRefused):
        return FactorManifest(version, {})


def write_factor_manifest(folder: Path, manifest: FactorManifest) -> None:
    """Publish the list of a version's factors with one rename."""
    values = {
        "schema": _SCHEMA,
        "version": manifest.version,
        "factors": [_entry_values(entry) for entry in manifest.entries.values()],
    }
    write_bytes(factor_manifest_path(folder, manifest.version), record_bytes(values))


def factor_lock(folder: Path) -> Path:
    """The lock file of whoever writes factor values."""
    return folder / "factors.lock"


def sweep_factors(folder: Path, versions: frozenset[str]) -> None:
    """Delete factor values of versions that are gone, and files nothing names."""
    if not (folder / FACTORS).is_dir():
        return
    with writer_lock(factor_lock(folder), wait=True):
        remove_all_but(folder / FACTORS, frozenset(f"{version}.json" for version in versions))
        sweep_factor_parts(folder)


def sweep_factor_parts(folder: Path) -> None:
    """Delete files of factor values nothing names; the caller holds the lock."""
    used: set[str] = set()
    for path in (folder / FACTORS).glob("[!.]*.json"):
        used.update(read_factor_manifest(folder, path.stem).files)
    remove_all_but(factor_parts(folder), frozenset(used))


def _manifest(record: Record, version: str) -> FactorManifest:
    if record.whole("schema") != _SCHEMA or record.text("version") != version:
        raise damaged(record.path, f"schema {record.whole('schema')}", f"schema {_SCHEMA}")
    entries = [_entry(item) for item in record.records("factors")]
    return FactorManifest(version, {entry.key.name: entry for entry in entries})


def _entry_values(entry: FactorEntry) -> dict[str, object]:
    return {
        "name": entry.key.name,
        "expression": entry.key.expression,
        "operator_version": entry.key.operator_version,
        "computed_rows": entry.computed_rows,
        "segments": [
            {
                "file": segment.file,
                "column": segment.column,
                "sha256": segment.sha256,
                "file_size": segment.file_size,
                "size": segment.size,
                "rows": segment.rows,
                "known": segment.known,
            }
            for segment in entry.segments
        ],
    }


def _entry(record: Record) -> FactorEntry:
    key = FactorKey(record.text("name"), record.text("expression"), record.text("operator_version"))
    segments = tuple(
        Segment(
            file=item.text("file"),
            column=item.text("column"),
            sha256=item.text("sha256"),
            file_size=item.whole("file_size"),
            size=item.whole("size"),
            rows=item.whole("rows"),
            known=item.whole("known"),
        )
        for item in record.records("segments")
    )
    return FactorEntry(key, segments, record.whole("computed_rows"))
