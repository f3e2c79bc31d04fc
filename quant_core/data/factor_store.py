"""Factor values of one version of a dataset: stored in Parquet, read as dense arrays.

Values lie in dense order (all sessions, within each all symbols), so that loading is a
reshape and not a scatter; a file holds a group of factors as columns ``v0``, ``v1``, ...
beside ``date`` and ``symbol``, which the dense reader never touches and SQL needs.
float64 values survive to the last bit, NaN included.

What is stored is derived from the data and may be lost without harm: a value whose file
is missing or damaged counts as not stored and is computed again.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quant_core.data.factor_files import WORKERS, read_segments, segments_intact
from quant_core.data.factor_manifest import (
    FactorEntry,
    FactorKey,
    FactorManifest,
    factor_lock,
    factor_manifest_path,
    factor_parts,
    read_factor_manifest,
)
from quant_core.data.factor_publish import Plan, complete, extension, store
from quant_core.data.warehouse_files import damaged, disk_errors_refused, writer_lock
from quant_core.data.warehouse_panels import cached_matrix, copy_matrix, mapped_matrix
from quant_core.data.warehouse_snapshot import Snapshot
from quant_core.foundation.errors import DataRefused, InvariantBroken, UsageError
from quant_core.foundation.files import file_hash
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatArray, FloatMatrix

__all__ = ["FactorKey", "FactorStore", "StoredFactor"]


@dataclass(frozen=True, slots=True)
class StoredFactor:
    """What is stored of one factor.

    Attributes
    ----------
    coverage : float
        Share of (session, symbol) cells whose value is not NaN.
    bytes : int
        Compressed size on disk.
    computed_rows : int
        Sessions that were computed when it was last stored: fewer than all of them when
        it was extended.
    """

    key: FactorKey
    coverage: float
    bytes: int
    computed_rows: int


class FactorStore:
    """The factor values stored for one snapshot.

    Parameters
    ----------
    snapshot : Snapshot
        The version of the data; values stored for another version are never returned
        as values of this one.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import date
    >>> import polars as pl
    >>> from quant_core.data import schema, warehouse
    >>> bar = {"open": 9.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 500.0}
    >>> prices = pl.DataFrame([{"symbol": "ON", "date": date(2018, 1, 2), **bar}])
    >>> rest = schema.empty_symbols(), schema.empty_text(), schema.empty_findings()
    >>> facts = schema.DatasetFacts("example", "24/7", "raw", "USD", synthetic=True)
    >>> data = warehouse.Warehouse(Path(tempfile.mkdtemp()))
    >>> snapshot = data.publish(facts, schema.DatasetTables(prices, *rest))
    >>> store = FactorStore(snapshot)
    >>> twice = FactorKey("twice", "close * 2", operator_version="1")
    >>> store.put({twice: snapshot.panel("close") * 2})
    >>> store.has(twice), store.load([twice]).tolist()
    (True, [[[20.0]]])
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._parts = factor_parts(snapshot.root)
        self._signature: tuple[int, int, int] | None = None
        self._known = FactorManifest(snapshot.version, {})
        self._earlier: tuple[FactorStore, ...] | None = None
        self._continued: dict[str, bool] = {}

    def get(self, key: FactorKey) -> FloatMatrix | None:
        """Values float64 [sessions, symbols] of the snapshot, read-only, memory-mapped.

        ``None`` if this very key is not stored for this version. The first call for a
        key builds the memory-mapped copy from Parquet.
        """
        for _attempt in range(2):  # again if a writer replaced and swept a file meanwhile
            entry = self._entry(key)
            if entry is None:
                return None
            try:
                return self._dense(entry)
            except DataRefused:
                self._signature = None
        return None

    def has(self, key: FactorKey) -> bool:
        """Whether this very key is stored for this version; reads no value."""
        return self._entry(key) is not None

    def load(self, keys: Sequence[FactorKey], *, cached: bool = True) -> FloatArray:
        """Dense float64 [factors, sessions, symbols] of all ``keys``, in their order.

        Straight from Parquet; a factor that has a memory-mapped copy is read from that
        unless ``cached`` is false.

        Raises
        ------
        UsageError
            If a factor is not stored for this version, naming all of them.
        """
        try:
            return self._load(keys, cached)
        except DataRefused:
            self._signature = None
            return self._load(keys, cached)

    def put(self, values: Mapping[FactorKey, FloatMatrix]) -> None:
        """Store complete factors, replacing those of the same names.

        All of ``values`` becomes visible at once, after every file is on the disk;
        interrupted at any point, what was stored before stays as it was.

        Parameters
        ----------
        values : mapping of FactorKey to float64 [sessions, symbols]
            Aligned to the axes of the snapshot; NaN = unknown.

        Raises
        ------
        InvariantBroken
            If an array has another shape or type, or two keys share a name.
        DataRefused
            If the disk is full or cannot be written.
        """
        plans = [complete(self.snapshot, key, matrix) for key, matrix in values.items()]
        _check_names(list(values))
        with self._writing():
            store(self.snapshot, plans)

    def extend(self, tails: Mapping[FactorKey, FloatMatrix]) -> None:
        """Store factors of which an earlier version has all but the newest sessions.

        Only the tail is written; the files of the earlier version serve the rest. As
        atomic as :meth:`put`.

        Parameters
        ----------
        tails : mapping of FactorKey to float64 [new sessions, symbols]
            The rows after those of :meth:`previous`; none if no session is new.

        Raises
        ------
        InvariantBroken
            If :meth:`previous` has nothing to extend, or an array has another shape.
        """
        _check_names(list(tails))
        with self._writing():
            store(self.snapshot, [self._extension(key, tail) for key, tail in tails.items()])

    def stored(self) -> tuple[StoredFactor, ...]:
        """Every factor stored for this version and intact on the disk, by name."""
        manifest = self._manifest()
        cells = self.snapshot.axes.shape[0] * self.snapshot.axes.shape[1]
        return tuple(
            StoredFactor(
                key=entry.key,
                coverage=sum(segment.known for segment in entry.segments) / cells,
                bytes=sum(segment.size for segment in entry.segments),
                computed_rows=entry.computed_rows,
            )
            for _, entry in sorted(manifest.entries.items())
            if self._is_intact(entry)
        )

    def previous(self, key: FactorKey) -> tuple[FloatMatrix, Axes] | None:
        """Values of the same key on the newest earlier version that this one continues.

        Their rows are the first rows of this version's axes, with the same symbols and
        the same prices; ``None`` if there is no such version.
        """
        base = self._base_of(key)
        if base is None:
            return None
        older, entry = base
        axes = older.snapshot.axes
        mapped = mapped_matrix(older._cache_path(entry), axes.shape)
        return (older._assemble(entry) if mapped is None else mapped), axes

    def extendable_rows(self, key: FactorKey) -> int:
        """Sessions :meth:`previous` holds, 0 if none; reads no value.

        What :meth:`extend` needs are the sessions after those.
        """
        base = self._base_of(key)
        return 0 if base is None else len(base[0].snapshot.axes.sessions)

    def verify(self) -> None:
        """Compare every file of factor values with its hash.

        Raises
        ------
        DataRefused
            Naming the first file that is missing or not what was written.
        """
        for file, sha256 in sorted(self._manifest().files.items()):
            path = self._parts / file
            if not path.is_file() or file_hash(path) != sha256:
                raise damaged(path, "no such file or other bytes", f"SHA-256 {sha256}")

    @contextmanager
    def _writing(self) -> Generator[None]:
        root = self.snapshot.root
        with disk_errors_refused(self.snapshot.dataset), writer_lock(factor_lock(root), wait=True):
            yield

    def _manifest(self) -> FactorManifest:
        path = factor_manifest_path(self.snapshot.root, self.snapshot.version)
        try:
            status = path.stat()
        except FileNotFoundError:
            return FactorManifest(self.snapshot.version, {})
        signature = (status.st_ino, status.st_mtime_ns, status.st_size)
        if signature != self._signature:
            self._known = read_factor_manifest(self.snapshot.root, self.snapshot.version)
            self._signature = signature
        return self._known

    def _entry(self, key: FactorKey) -> FactorEntry | None:
        entry = self._manifest().entries.get(key.name)
        if entry is None or entry.key != key or not self._is_intact(entry):
            return None
        return entry

    def _is_intact(self, entry: FactorEntry) -> bool:
        rows = sum(segment.rows for segment in entry.segments)
        return rows == len(self.snapshot.axes.sessions) and segments_intact(
            self._parts, entry.segments
        )

    def _base_of(self, key: FactorKey) -> tuple[FactorStore, FactorEntry] | None:
        """The newest earlier version this one continues that has the key, and its entry."""
        if self._earlier is None:
            self._earlier = tuple(FactorStore(older) for older in self.snapshot.earlier())
        for older in self._earlier:
            entry = older._entry(key)
            if entry is not None and self._continues(older.snapshot):
                return older, entry
        return None

    def _continues(self, older: Snapshot) -> bool:
        if older.version not in self._continued:
            self._continued[older.version] = self.snapshot.continues(older)
        return self._continued[older.version]

    def _extension(self, key: FactorKey, tail: FloatMatrix) -> Plan:
        base = self._base_of(key)
        if base is None:
            raise InvariantBroken(
                f"there is nothing to extend for the factor {key.name!r}",
                expected="an earlier version that this one continues, with its values",
                where=f"dataset {self.snapshot.dataset}, version {self.snapshot.version}",
            )
        return extension(self.snapshot, base[1], tail)

    def _dense(self, entry: FactorEntry) -> FloatMatrix:
        shape = self.snapshot.axes.shape
        return cached_matrix(self._cache_path(entry), shape, lambda: self._assemble(entry))

    def _cache_path(self, entry: FactorEntry) -> Path:
        return self.snapshot.cache / f"factor-{entry.identity}.npy"

    def _assemble(self, entry: FactorEntry) -> FloatMatrix:
        matrix = np.empty(self.snapshot.axes.shape)
        read_segments(self._parts, entry.segments, matrix)
        return matrix

    def _load(self, keys: Sequence[FactorKey], cached: bool) -> FloatArray:
        entries = {key: self._entry(key) for key in keys}
        found = [entry for entry in entries.values() if entry is not None]
        if len(found) < len(entries):
            raise self._not_stored([key for key, entry in entries.items() if entry is None])
        values = np.empty((len(keys), *self.snapshot.axes.shape))

        def fill(position: int) -> None:
            entry = entries[keys[position]]
            if entry is None:
                raise InvariantBroken("a factor is loaded that is not stored")
            if not (cached and copy_matrix(self._cache_path(entry), values[position])):
                read_segments(self._parts, entry.segments, values[position])

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(fill, range(len(keys))))
        return values

    def _not_stored(self, missing: Sequence[FactorKey]) -> UsageError:
        dataset = self.snapshot.dataset
        wanted = " ".join(f"--factor {key.name!r}" for key in missing)
        return UsageError(
            f"{len(missing)} factors are not stored for this version of {dataset!r}",
            expected=f"values for version {self.snapshot.version}",
            found="none for " + ", ".join(key.name for key in missing),
            fix=f"run_factor_computation.py --dataset {dataset} {wanted}",
        )


def _check_names(keys: Sequence[FactorKey]) -> None:
    names = [key.name for key in keys]
    if len(set(names)) < len(names):
        raise InvariantBroken("two factors to be stored share a name", found=", ".join(names))
