"""From a source into the warehouse: read, judge, merge, publish.

1. read everything the source has                     ``PriceSource.read``
2. put it through the gate; a refusal ends here and
   the last good version stays                        ``quality.inspect``
3. merge with the newest version: new keys are added,
   equal rows change nothing, other rows replace      ``merging.merged``
4. judge corporate actions against the prices, infer
   delisting dates that nobody states                 ``merging.completed``
5. look the whole over, publish it if it changed      ``_published``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from quant_core.data.corporate_actions import ActionReport, refuse_adjusted
from quant_core.data.merging import Merge, completed, merged, with_actions, with_delistings
from quant_core.data.quality import Inspection, inspect
from quant_core.data.quality_report import JsonValue, QualityReport
from quant_core.data.schema import DatasetFacts, DatasetTables, empty_symbols
from quant_core.data.sources.action_files import RawActions
from quant_core.data.sources.port import PriceSource
from quant_core.foundation.errors import DataRefused, UsageError

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
    delistings_inferred : int
        Names whose last price serves as their delisting date.
    actions : ActionReport or None
        What became of the corporate actions; None when none were delivered.
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
    delistings_inferred: int = 0
    actions: ActionReport | None = None

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
            "delistings_inferred": self.delistings_inferred,
            "actions": None if self.actions is None else self.actions.as_dict(),
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


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate says of a delivery that is not stored; ``actions`` None without any."""

    quality: QualityReport
    actions: ActionReport | None


def judged(source: PriceSource, facts: DatasetFacts, actions: RawActions | None) -> Judgement:
    """The gate's account of prices and corporate actions; nothing is stored."""
    seen = inspect(source.read(), facts.calendar)
    if actions is None or seen.prices.is_empty():
        return Judgement(seen.report, None)
    batch = DatasetTables(seen.prices, empty_symbols(), seen.quarantine, seen.findings)
    before = Merge(batch, seen.prices.height, 0, changed=True)
    return Judgement(seen.report, with_actions(before, actions, facts)[1])


def ingest(
    source: PriceSource,
    warehouse: Warehouse,
    facts: DatasetFacts,
    *,
    actions: RawActions | None = None,
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
    actions : RawActions or None
        Corporate actions of the dataset; those stored stay.
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
    origin = _lines(facts.origin, raw.origin, actions.origin if actions else ())
    facts = replace(facts, origin=origin)
    symbols = raw.symbols.sort("symbol")
    batch = DatasetTables(seen.prices, symbols, seen.quarantine, seen.findings)
    stored = _stored(warehouse, facts.dataset, replace_all=replace_all)
    if stored is None or replace_all:
        merge = completed(Merge(batch, seen.prices.height, 0, changed=True), actions, facts)
        return _published(warehouse, facts, merge, seen, stored)
    _refuse_other_kind(stored.facts, facts)
    merge = completed(merged(stored.tables(), batch, facts), actions, facts)
    if not merge.changed:
        return _report(stored.version, merge, seen, facts, published=False)
    facts = replace(facts, origin=_lines(stored.facts.origin, facts.origin))
    return _published(warehouse, facts, merge, seen, stored)


def ingest_actions(
    warehouse: Warehouse, facts: DatasetFacts, actions: RawActions
) -> tuple[str, bool, ActionReport]:
    """Merge corporate actions into the newest version of a dataset, without new prices.

    Returns
    -------
    tuple of str, bool, ActionReport
        The newest version now, whether it is new, and what became of the actions.

    Raises
    ------
    UsageError
        There is no such dataset, or its prices are adjusted.
    DataRefused
        More than 2 % of the rows cannot be read.
    """
    stored = warehouse.newest(facts.dataset)
    if stored is None:
        raise UsageError(
            f"corporate actions need prices, and there is no dataset {facts.dataset!r}",
            expected="a dataset with raw prices",
            fix="bring its prices along: --path FILE --price-basis raw",
        )
    refuse_adjusted(stored.facts)
    _refuse_other_kind(stored.facts, facts)
    before = Merge(stored.tables(), 0, 0, changed=False)
    merge, account = with_actions(before, actions, stored.facts)
    merge = with_delistings(merge, stored.facts)
    if not merge.changed:
        return stored.version, False, account
    facts = replace(stored.facts, origin=_lines(stored.facts.origin, actions.origin))
    return warehouse.publish(facts, merge.tables).version, True, account


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
    merge: Merge,
    seen: Inspection,
    before: StoredVersion | None,
) -> IngestReport:
    version = warehouse.publish(facts, merge.tables).version
    is_new = before is None or before.version != version
    return _report(version, merge, seen, facts, published=is_new)


def _report(
    version: str, merge: Merge, seen: Inspection, facts: DatasetFacts, *, published: bool
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
        delistings_inferred=merge.inferred,
        actions=merge.actions,
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
