"""Snapshot: one complete, immutable version of a dataset, as every reader sees it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from quant_core.data.schema import BAR_FIELDS, DatasetFacts, DatasetTables
from quant_core.data.warehouse_content import ACTION_TABLES, content_hash
from quant_core.data.warehouse_files import damaged
from quant_core.data.warehouse_manifest import PARTS, Manifest, Part, all_manifests
from quant_core.data.warehouse_panels import cached_matrix, price_panel, read_part
from quant_core.foundation.errors import UsageError
from quant_core.foundation.files import file_hash
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatMatrix


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One version of a dataset. Whatever is published later, it does not change.

    Attributes
    ----------
    root : Path
        The dataset's folder, ``<data root>/warehouse/<dataset>``.
    manifest : Manifest
        What the version consists of.
    """

    root: Path
    manifest: Manifest

    @property
    def dataset(self) -> str:
        """Name under which the dataset is stored."""
        return self.root.name

    @property
    def version(self) -> str:
        """Hash of rows and facts, 16 hexadecimal digits: same content, same version."""
        return self.manifest.version

    @property
    def facts(self) -> DatasetFacts:
        """Calendar, price basis, currency, synthetic or not, origin."""
        return self.manifest.facts

    @property
    def axes(self) -> Axes:
        """Every session of the calendar from the first to the last date; all symbols."""
        return self.manifest.axes

    @property
    def fields(self) -> tuple[str, ...]:
        """The price fields that at least one row has, from open to the optional ones."""
        return self.manifest.fields

    @property
    def published_at(self) -> datetime:
        """The instant at which this version was published."""
        return datetime.fromisoformat(self.manifest.published_at)

    @property
    def cache(self) -> Path:
        """Folder of the arrays derived from this version; may be deleted at any time."""
        return self.root / "cache" / self.version

    def panel(self, field: str) -> FloatMatrix:
        """One field as a dense float64 [sessions, symbols], read-only; NaN = unknown.

        Memory-mapped: opening it costs no reading. Nothing is filled: a field of the bar
        (open to volume) that no row has is NaN throughout, see :attr:`fields`.

        Raises
        ------
        UsageError
            If the dataset has no such field.
        DataRefused
            If a file of the version is damaged.
        """
        if field not in self.fields and field not in BAR_FIELDS:
            raise UsageError(
                f"the dataset {self.dataset!r} has no field {field!r}",
                expected="one of: " + ", ".join(self.fields),
                found=field,
            )
        parts = self.manifest.parts_of("prices")
        return cached_matrix(
            self.cache / f"price-{field}.npy",
            self.axes.shape,
            lambda: price_panel(self.root, parts, self.axes, field),
        )

    def tables(self) -> DatasetTables:
        """All tables as published: prices by (date, symbol), null = unknown."""
        return DatasetTables(
            prices=self._table("prices"),
            symbols=self._table("symbols"),
            quarantine=self._table("quarantine"),
            findings=self._table("findings"),
            actions=self._table("actions"),
            actions_quarantine=self._table("actions_quarantine"),
        )

    def actions(self) -> pl.DataFrame:
        """The corporate actions, by symbol and ex-date; empty where the version has none."""
        return self._table("actions")

    @property
    def has_actions(self) -> bool:
        """Whether the version has corporate actions; reads no file."""
        return bool(self.manifest.parts_of("actions"))

    def findings(self) -> pl.DataFrame:
        """What the quality gate noticed about rows it kept."""
        return self._table("findings")

    def symbol_table(self) -> pl.DataFrame:
        """What the source knew about each symbol; possibly empty."""
        return self._table("symbols")

    def verify(self) -> None:
        """Compare every file with its hash and drop the derived cache.

        Raises
        ------
        DataRefused
            Naming the first file that is missing or not what was published.
        """
        for part in self.manifest.parts:
            path = self.path_of(part)
            if not path.is_file():
                raise damaged(path, "no such file", f"SHA-256 {part.sha256}")
            found = file_hash(path)
            if found != part.sha256:
                raise damaged(path, f"SHA-256 {found}", f"SHA-256 {part.sha256}")
        shutil.rmtree(self.cache, ignore_errors=True)

    def path_of(self, part: Part) -> Path:
        """Where a file of this version stands."""
        return self.root / PARTS / part.file

    def earlier(self) -> tuple[Snapshot, ...]:
        """The other versions that are kept, the most recently published first."""
        kept = all_manifests(self.root)
        return tuple(Snapshot(self.root, m) for m in kept if m.version != self.version)

    def continues(self, older: Snapshot) -> bool:
        """Whether this version is ``older`` plus nothing but later sessions.

        Same facts, symbols and fields; same sessions, prices and corporate actions up to
        the last session of ``older``; same table of symbols apart from delistings since.
        A rename since then is no continuation: it gives the new name a history.
        """
        rows = len(older.axes.sessions)
        return (
            _same_kind(self.manifest, older.manifest)
            and np.array_equal(self.axes.sessions[:rows], older.axes.sessions)
            and self._same_symbol_table(older)
            and self._same_past_actions(older)
            and self._adds_no_history(older)
            and all(self._keeps(part, older) for part in older.manifest.parts_of("prices"))
        )

    def _adds_no_history(self, older: Snapshot) -> bool:
        """Whether every year that only this version has begins after ``older`` ends."""
        theirs = {part.name for part in older.manifest.parts_of("prices")}
        mine = {part.name for part in self.manifest.parts_of("prices")}
        return all(name > max(theirs) for name in mine - theirs)

    def _keeps(self, part: Part, older: Snapshot) -> bool:
        """Whether the rows of an older price part are here, and no others at its dates."""
        mine = {own.name: own for own in self.manifest.parts_of("prices")}.get(part.name)
        if mine is None or mine.content == part.content:
            return mine is not None
        last = older.axes.sessions[-1].item()
        rows = read_part(self.root, mine).filter(pl.col("date") <= last)
        return content_hash(rows) == part.content

    def _same_symbol_table(self, older: Snapshot) -> bool:
        return _known_symbols(self.symbol_table()).equals(_known_symbols(older.symbol_table()))

    def _same_past_actions(self, older: Snapshot) -> bool:
        mine, theirs = self.actions(), older.actions()
        past = pl.col("ex_date") <= older.axes.sessions[-1].item()
        renamed = mine.filter(~past, pl.col("kind") == "rename")
        return renamed.is_empty() and mine.filter(past).equals(theirs.filter(past))

    def _table(self, table: str) -> pl.DataFrame:
        parts = self.manifest.parts_of(table)
        if not parts and table in ACTION_TABLES:
            return pl.DataFrame(schema=ACTION_TABLES[table])
        return pl.concat([read_part(self.root, part) for part in parts])


def _known_symbols(table: pl.DataFrame) -> pl.DataFrame:
    """What is said of symbols beyond their delisting, which changes no value of the past."""
    columns = [name for name in table.columns if name not in ("symbol", "delisted")]
    said = table.select("symbol", *columns)
    return said.filter(pl.any_horizontal(pl.col(columns).is_not_null())) if columns else said


def _same_kind(newer: Manifest, older: Manifest) -> bool:
    return (
        newer.axes.symbols == older.axes.symbols
        and newer.fields == older.fields
        and newer.facts.calendar == older.facts.calendar
        and newer.facts.price_basis == older.facts.price_basis
        and newer.facts.currency == older.facts.currency
        and newer.facts.synthetic == older.facts.synthetic
    )
