"""The warehouse: versions of datasets on disk, one complete version per reader.

A writer publishes by one atomic rename; no reader blocks it and it blocks no reader.
See :mod:`quant_core.data.warehouse_files` for the layout of the folder.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import polars as pl

from quant_core.data.schema import DatasetFacts, DatasetTables
from quant_core.data.warehouse_manifest import (
    POINTER,
    check_sizes,
    newest_manifest,
    read_manifest,
    read_pointer,
)
from quant_core.data.warehouse_snapshot import Snapshot
from quant_core.foundation.errors import DataRefused, UsageError

__all__ = ["Snapshot", "Warehouse"]

FOLDER = "warehouse"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class Warehouse:
    """The datasets under a data root.

    Parameters
    ----------
    root : Path
        The data root; a dataset stands in ``root/warehouse/<dataset>/``.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import date
    >>> from quant_core.data.schema import empty_findings, empty_symbols, empty_text
    >>> bar = {"open": 9.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 500.0}
    >>> rows = [{"symbol": "ON", "date": date(2018, 1, 2), **bar}]
    >>> tables = DatasetTables(
    ...     pl.DataFrame(rows), empty_symbols(), empty_text(), empty_findings()
    ... )
    >>> warehouse = Warehouse(Path(tempfile.mkdtemp()))
    >>> facts = DatasetFacts("example", "XNYS", "raw", "USD", synthetic=True)
    >>> warehouse.publish(facts, tables).panel("close").tolist()
    [[10.0]]
    >>> warehouse.query("example", "select symbol, close from prices").rows()
    [('ON', 10.0)]
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets that have a published version, ascending."""
        found = (self.root / FOLDER).glob(f"*/{POINTER}")
        return tuple(sorted(path.parent.name for path in found))

    def newest(self, dataset: str) -> Snapshot | None:
        """The newest version of a dataset, ``None`` if nothing was ever published.

        Raises
        ------
        DataRefused
            If a file of it is missing or has another size than was published.
        """
        folder = self._folder(dataset)
        before = read_pointer(folder)
        try:
            manifest = newest_manifest(folder)
            if manifest is None:
                return None
            check_sizes(folder, manifest)
        except DataRefused:
            if read_pointer(folder) != before:  # replaced and pruned while we looked
                return self.newest(dataset)
            raise
        return Snapshot(folder, manifest)

    def open(self, dataset: str, version: str | None = None) -> Snapshot:
        """The newest version of a dataset, or the one named.

        Raises
        ------
        UsageError
            If there is no such dataset or version; the known ones are listed.
        DataRefused
            If a file of it is missing or has another size than was published.
        """
        newest = self.newest(dataset)
        if newest is None:
            raise self._unknown_dataset(dataset)
        if version is None or version == newest.version:
            return newest
        manifest = read_manifest(newest.root, version) if version.isalnum() else None
        if manifest is None:
            raise _unknown_version(newest, version)
        check_sizes(newest.root, manifest)
        return Snapshot(newest.root, manifest)

    def publish(self, facts: DatasetFacts, tables: DatasetTables) -> Snapshot:
        """Publish tables as the newest version of the dataset ``facts.dataset``.

        The same rows (in any order) and facts as the newest version change nothing on
        the disk. A failure at any point leaves the last good version in place.

        Raises
        ------
        UsageError
            If another process is publishing to the dataset.
        DataRefused
            If a key is repeated or missing, a date is no session of the calendar, or
            the disk is full.
        """
        from quant_core.data.warehouse_publish import publish

        folder = self._folder(facts.dataset)
        return Snapshot(folder, publish(folder, facts, tables))

    def prune(self, dataset: str, keep: int) -> tuple[str, ...]:
        """Delete all but the newest ``keep`` (>= 2) versions; those removed are returned."""
        from quant_core.data.warehouse_publish import prune

        if self.newest(dataset) is None:
            raise self._unknown_dataset(dataset)
        return prune(self._folder(dataset), dataset, keep)

    def query(self, dataset: str, sql: str) -> pl.DataFrame:
        """Rows of one SELECT over the tables of the newest version.

        They are prices, symbols, quarantine, findings, actions, actions_quarantine and
        sessions. ``factors`` is long (date, symbol, factor, value), NULL = unknown. Read only:
        anything but a SELECT is refused, and no other file can be read.
        """
        from quant_core.data.warehouse_query import run_query

        return run_query(self.open(dataset), sql)

    def _folder(self, dataset: str) -> Path:
        if not _NAME.fullmatch(dataset):
            raise UsageError(
                "a dataset cannot have this name",
                expected="letters, digits, _ - and . (not first), at most 64",
                found=repr(dataset),
                fix="check data.dataset",
            )
        return self.root / FOLDER / dataset

    def _unknown_dataset(self, dataset: str) -> UsageError:
        known = self.datasets()
        near = difflib.get_close_matches(dataset, known, n=1)
        hint = f"did you mean {near[0]!r}? or " if near else ""
        source = "demo" if dataset == "demo" else "file --path FILE"
        return UsageError(
            f"unknown dataset {dataset!r}",
            expected="one of: " + ", ".join(known) if known else "a dataset; there is none yet",
            found=dataset,
            where=str(self.root / FOLDER),
            fix=f"{hint}create it: run_data_sync.py --source {source} --dataset {dataset}",
        )


def _unknown_version(newest: Snapshot, version: str) -> UsageError:
    known = [newest.version, *(older.version for older in newest.earlier())]
    return UsageError(
        f"the dataset {newest.dataset!r} has no version {version!r}",
        expected="one of: " + ", ".join(known),
        found=version,
    )
