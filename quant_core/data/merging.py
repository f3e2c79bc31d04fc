"""Merging a delivery with what a dataset holds, table by table."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from quant_core.data.corporate_actions import ActionReport, merge_actions
from quant_core.data.delistings import INFERRED, with_inferred, without_inferred
from quant_core.data.quality import identical_series, sessions_over
from quant_core.data.quality_findings import observe
from quant_core.data.schema import (
    KEY_FIELDS,
    OPTIONAL_FIELDS,
    SYMBOL_SCHEMA,
    DatasetFacts,
    DatasetTables,
    price_schema,
    text_schema,
)
from quant_core.data.sources.action_files import RawActions
from quant_core.foundation.errors import DataRefused

BLANK_KINDS = "null_"
"""Findings about single values begin so; they cannot be seen in the stored prices again."""


@dataclass(frozen=True, slots=True)
class Merge:
    """The tables of the next version, and how they differ from the stored ones."""

    tables: DatasetTables
    added: int
    revised: int
    changed: bool
    inferred: int = 0
    actions: ActionReport | None = None


def completed(merge: Merge, actions: RawActions | None, facts: DatasetFacts) -> Merge:
    """Actions judged against the prices as they are, and delisting dates nobody stated.

    Stored actions are judged again whenever anything changed: an ex-date may have come.
    """
    if actions is not None:
        merge, _ = with_actions(merge, actions, facts)
    elif merge.changed and merge.tables.actions.height:
        merge = replace(with_actions(merge, RawActions(), facts)[0], actions=None)
    return with_delistings(merge, facts)


def with_actions(
    merge: Merge, actions: RawActions, facts: DatasetFacts
) -> tuple[Merge, ActionReport]:
    """The tables with the actions delivered, and what became of those."""
    judged = merge_actions(merge.tables, actions, facts)
    pairs = (
        (merge.tables.actions, judged.actions),
        (merge.tables.actions_quarantine, judged.quarantine),
    )
    changed = merge.changed or not all(_same_rows(old, new) for old, new in pairs)
    tables = replace(merge.tables, actions=judged.actions, actions_quarantine=judged.quarantine)
    return replace(merge, tables=tables, changed=changed, actions=judged.report), judged.report


def with_delistings(merge: Merge, facts: DatasetFacts) -> Merge:
    """The tables with the delisting dates that no source states."""
    stated = replace(merge.tables, symbols=without_inferred(merge.tables))
    tables, inferred = with_inferred(stated, facts)
    of_ours = pl.col("kind") == INFERRED
    same = _same_rows(merge.tables.findings.filter(of_ours), tables.findings.filter(of_ours))
    return replace(merge, tables=tables, inferred=inferred, changed=merge.changed or not same)


def merged(stored: DatasetTables, batch: DatasetTables, facts: DatasetFacts) -> Merge:
    """Stored rows and those of a batch, which adds new keys and replaces what differs."""
    new = _delivered(stored.prices, batch.prices)
    revised = new.filter("known")
    known = without_inferred(stored)
    symbols = _merged_symbols(known, batch.symbols)
    refused = _new_refusals(stored.quarantine, batch.quarantine)
    if new.is_empty() and refused.is_empty() and symbols.equals(known):
        return Merge(stored, 0, 0, changed=False)
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
    tables = replace(
        stored, prices=prices, symbols=symbols, quarantine=quarantine, findings=findings
    )
    return Merge(tables, new.height - revised.height, revised.height, changed=True)


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


def _same_rows(old: pl.DataFrame, new: pl.DataFrame) -> bool:
    return old.sort(old.columns).equals(new.sort(new.columns))
