"""From a source into the warehouse: read, judge, merge, publish.

1. read everything the source has                     ``PriceSource.read``
2. put it through the gate; a refusal ends here and
   the last good version stays                        ``quality.inspect``
3. merge with the newest version: new keys are added,
   equal rows change nothing, other rows replace      ``_merged``
4. look the whole over, publish it if it changed      ``_published``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import polars as pl

from quant_core.data.quality import Inspection, identical_series, inspect, sessions_over
from quant_core.data.quality_findings import observe
from quant_core.data.quality_report import JsonValue, QualityReport
from quant_core.data.schema import (
    KEY_FIELDS,
    OPTIONAL_FIELDS,
    SYMBOL_SCHEMA,
    DatasetFacts,
    DatasetTables,
    price_schema,
    text_schema,
)
from quant_core.data.sources.port import PriceSource
from quant_core.foundation.errors import DataRefused, UsageError

BLANK_KINDS = "null_"
"""Findings about single values begin so; they cannot be seen in the stored prices again."""


STAGES = 3
"""What progress counts: read, judge, merge and store."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the stages done and the stages in all."""


def _silent(_done: int, _total: int) -> None:
    """Nobody watches."""


class StoredVersion(Protocol):
    """What merging needs of one version of a dataset."""

    @property
    def version(self) -> str:
        """The name of the version."""
        ...

    @property
    def facts(self) -> DatasetFacts:
        """What the dataset is."""
        ...

    def tables(self) -> DatasetTables:
        """Its rows."""
        ...


class Warehouse(Protocol):
    """What ingesting needs of the warehouse."""

    def newest(self, dataset: str) -> StoredVersion | None:
        """The newest version of a dataset, or None when it has none."""
        ...

    def publish(self, facts: DatasetFacts, tables: DatasetTables) -> StoredVersion:
        """Make the tables the newest version."""
        ...


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one ingestion did.

    Attributes
    ----------
    dataset, version : str
        The dataset and its newest version now.
    published : bool
        Whether that version is new; False = nothing changed and the version stays.
    quality : QualityReport
        The gate's account of the rows delivered.
    rows_added, rows_revised, rows_unchanged : int
        Kept rows by what they did: a new key, other values for a stored key, nothing.
    rows_stored, symbols_stored : int
        Size of the newest version.
    """

    dataset: str
    version: str
    published: bool
    quality: QualityReport
    rows_added: int
    rows_revised: int
    rows_unchanged: int
    rows_stored: int
    symbols_stored: int

    def as_dict(self) -> dict[str, JsonValue]:
        """The report with plain values only."""
        return {
            "dataset": self.dataset,
            "version": self.version,
            "published": self.published,
            "rows_added": self.rows_added,
            "rows_revised": self.rows_revised,
            "rows_unchanged": self.rows_unchanged,
            "rows_stored": self.rows_stored,
            "symbols_stored": self.symbols_stored,
            "quality": self.quality.as_dict(),
        }

    def as_text(self) -> str:
        """The gate's account and what was done, for a terminal."""
        done = "published" if self.published else "nothing changed; still"
        return "\n".join(
            [
                self.quality.as_text(),
                f"{self.rows_added:,} rows added, {self.rows_revised:,} revised, "
                f"{self.rows_unchanged:,} unchanged",
                f"{done} {self.dataset} version {self.version}: "
                f"{self.rows_stored:,} rows, {self.symbols_stored:,} symbols",
            ]
        )


def check(source: PriceSource, facts: DatasetFacts) -> QualityReport:
    """The gate's account of what a source has; nothing is stored.

    A dataset the gate would refuse is reported, not raised: see ``refusals``.
    """
    return inspect(source.read(), facts.calendar).report


def ingest(
    source: PriceSource,
    warehouse: Warehouse,
    facts: DatasetFacts,
    *,
    replace_all: bool = False,
    progress: Progress = _silent,
) -> IngestReport:
    """Bring what a source has into the warehouse.

    Parameters
    ----------
    source : PriceSource
        Where the rows come from.
    warehouse : Warehouse
        Where they go.
    facts : DatasetFacts
        What the dataset is; the source's own lines are appended to ``origin``.
    replace_all : bool
        Start anew instead of merging with the newest version.
    progress : Progress
        Told as reading, judging and storing end; the three take about the same time.

    Raises
    ------
    DataRefused
        The gate refuses the delivery, or the dataset it would become.
    UsageError
        The stored dataset is of another kind (calendar, price basis, currency, synthetic).
    """
    progress(0, STAGES)
    raw = source.read()
    progress(1, STAGES)
    seen = inspect(raw, facts.calendar)
    seen.report.raise_if_refused(facts.dataset)
    progress(2, STAGES)
    facts = replace(facts, origin=_lines(facts.origin, raw.origin))
    symbols = raw.symbols.sort("symbol")
    batch = DatasetTables(seen.prices, symbols, seen.quarantine, seen.findings)
    stored = _stored(warehouse, facts.dataset, replace_all=replace_all)
    if stored is None or replace_all:
        merge = _Merge(batch, seen.prices.height, 0, changed=True)
        return _published(warehouse, facts, merge, seen, stored)
    _refuse_other_kind(stored.facts, facts)
    merge = _merged(stored.tables(), batch, facts)
    if not merge.changed:
        return _report(stored.version, merge, seen, facts, published=False)
    facts = replace(facts, origin=_lines(stored.facts.origin, facts.origin))
    return _published(warehouse, facts, merge, seen, stored)


@dataclass(frozen=True, slots=True)
class _Merge:
    """The tables of the next version, and how they differ from the stored ones."""

    tables: DatasetTables
    added: int
    revised: int
    changed: bool


def _stored(warehouse: Warehouse, dataset: str, *, replace_all: bool) -> StoredVersion | None:
    """The newest version; one that is damaged cannot be merged with, only replaced."""
    try:
        return warehouse.newest(dataset)
    except DataRefused:
        if not replace_all:
            raise
        return None


def _published(
    warehouse: Warehouse,
    facts: DatasetFacts,
    merge: _Merge,
    seen: Inspection,
    before: StoredVersion | None,
) -> IngestReport:
    version = warehouse.publish(facts, merge.tables).version
    is_new = before is None or before.version != version
    return _report(version, merge, seen, facts, published=is_new)


def _report(
    version: str, merge: _Merge, seen: Inspection, facts: DatasetFacts, *, published: bool
) -> IngestReport:
    prices = merge.tables.prices
    return IngestReport(
        dataset=facts.dataset,
        version=version,
        published=published,
        quality=seen.report,
        rows_added=merge.added,
        rows_revised=merge.revised,
        rows_unchanged=seen.prices.height - merge.added - merge.revised,
        rows_stored=prices.height,
        symbols_stored=prices["symbol"].n_unique(),
    )


def _merged(stored: DatasetTables, batch: DatasetTables, facts: DatasetFacts) -> _Merge:
    new = _delivered(stored.prices, batch.prices)
    revised = new.filter("known")
    symbols = _merged_symbols(stored.symbols, batch.symbols)
    refused = _new_refusals(stored.quarantine, batch.quarantine)
    if new.is_empty() and refused.is_empty() and symbols.equals(stored.symbols):
        return _Merge(stored, 0, 0, changed=False)
    optional = _optional(stored.prices, batch.prices)
    stays = stored.prices.join(revised, on=list(KEY_FIELDS), how="anti")
    prices = pl.concat([stays, new.drop("known")], how="diagonal").select(
        list(price_schema(optional))
    )
    prices = prices.sort(*KEY_FIELDS)
    _refuse_copies(prices, facts)
    quarantine = pl.concat([stored.quarantine, refused], how="diagonal")
    quarantine = quarantine.select(list(text_schema(_optional(stored.quarantine, refused))))
    findings = observe(prices, sessions_over(prices["date"], facts.calendar)).findings
    findings = pl.concat([findings, _blanks(stored, batch)]).sort("kind", "symbol", "date")
    tables = DatasetTables(prices, symbols, quarantine, findings)
    return _Merge(tables, new.height - revised.height, revised.height, changed=True)


def _delivered(stored: pl.DataFrame, batch: pl.DataFrame) -> pl.DataFrame:
    """The rows of ``batch`` that are not stored as they are; ``known`` = the key is stored.

    A field the batch does not have says nothing and is not compared.
    """
    fields = batch.columns[len(KEY_FIELDS) :]
    absent = [pl.lit(None, pl.Float64).alias(name) for name in fields if name not in stored.columns]
    earlier = stored.with_columns(absent).select(*KEY_FIELDS, *fields, known=pl.lit(value=True))
    both = batch.join(earlier, on=list(KEY_FIELDS), how="left", suffix="_stored")
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_stored")) for name in fields)
    known = pl.col("known").fill_null(value=False)
    return both.with_columns(known).filter(~(known & same)).select(*batch.columns, "known")


def _optional(*frames: pl.DataFrame) -> list[str]:
    return [name for name in OPTIONAL_FIELDS if any(name in frame.columns for frame in frames)]


def _merged_symbols(stored: pl.DataFrame, batch: pl.DataFrame) -> pl.DataFrame:
    """Every symbol known; what the batch says about one replaces what was said before."""
    latest = pl.concat([batch, stored]).group_by("symbol").agg(pl.all().drop_nulls().first())
    return latest.select(list(SYMBOL_SCHEMA)).sort("symbol")


def _new_refusals(stored: pl.DataFrame, batch: pl.DataFrame) -> pl.DataFrame:
    """The refused rows that were not refused before in the same words."""
    columns = list(text_schema(_optional(stored, batch)))
    absent = [pl.lit(None, pl.String).alias(name) for name in columns]
    before, now = (
        frame.with_columns(
            column for column in absent if column.meta.output_name() not in frame.columns
        ).select(columns)
        for frame in (stored, batch)
    )
    return now.join(before, on=columns, how="anti", nulls_equal=True)


def _blanks(stored: DatasetTables, batch: DatasetTables) -> pl.DataFrame:
    """Findings about blanked values: of the batch, and of stored rows it does not replace."""
    is_blank = pl.col("kind").str.starts_with(BLANK_KINDS)
    keys = batch.prices.select(KEY_FIELDS)
    before = stored.findings.filter(is_blank).join(keys, on=list(KEY_FIELDS), how="anti")
    return pl.concat([before, batch.findings.filter(is_blank)])


def _refuse_copies(prices: pl.DataFrame, facts: DatasetFacts) -> None:
    copies = identical_series(prices)
    if copies:
        raise DataRefused(
            f"merging would give the dataset {facts.dataset!r} one series under several symbols",
            expected="every symbol with a series of its own",
            found=", ".join(" = ".join(symbols) for symbols in copies),
            fix="find out which symbol the rows belong to; the last good version stays",
        )


def _refuse_other_kind(stored: DatasetFacts, given: DatasetFacts) -> None:
    kinds = (
        ("calendar", stored.calendar, given.calendar),
        ("price_basis", stored.price_basis, given.price_basis),
        ("currency", stored.currency, given.currency),
        ("synthetic", stored.synthetic, given.synthetic),
    )
    for name, before, now in kinds:
        if before != now:
            raise UsageError(
                f"rows of another kind cannot be merged into the dataset {given.dataset!r}",
                expected=f"{name} {before}",
                found=f"{name} {now}",
                fix="use another --dataset, or start it anew with --replace",
            )


def _lines(*groups: Sequence[str]) -> tuple[str, ...]:
    """All lines in order, each once."""
    return tuple(dict.fromkeys(line for group in groups for line in group))
