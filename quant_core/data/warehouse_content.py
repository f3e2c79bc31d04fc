"""What a version contains, in canonical order, and the hashes that identify it.

The same rows in any order give the same tables and therefore the same version.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_core.data.schema import (
    ACTION_SCHEMA,
    KEY_FIELDS,
    OPTIONAL_FIELDS,
    REQUIRED_FIELDS,
    DatasetFacts,
    DatasetTables,
    action_text_schema,
    price_schema,
)
from quant_core.foundation.errors import DataRefused, InvariantBroken
from quant_core.foundation.files import text_hash
from quant_core.foundation.panel import Axes
from quant_core.foundation.timing import calendar_sessions
from quant_core.foundation.types import IntArray, SessionArray

TABLES = ("prices", "symbols", "quarantine", "findings")
"""The tables every version has, in the order in which they enter its hash."""

ACTION_TABLES: dict[str, dict[str, type[pl.DataType]]] = {
    "actions": ACTION_SCHEMA,
    "actions_quarantine": action_text_schema(),
}
"""Tables that follow them in a version that has corporate actions; without rows they are no
part of it, so that a dataset without actions keeps the version it had before there were any."""

_FORMAT = "quant-core warehouse 1"


@dataclass(frozen=True, slots=True)
class Contents:
    """The canonical tables of one version and the axes of its panels.

    ``prices`` ascends by (date, symbol); NaN is null; the other tables ascend by all
    their columns, those of :data:`ACTION_TABLES` only where they have rows.
    """

    facts: DatasetFacts
    axes: Axes
    prices: pl.DataFrame
    others: dict[str, pl.DataFrame]


def arrange(facts: DatasetFacts, tables: DatasetTables) -> Contents:
    """Bring tables into canonical order, with the sessions of the calendar.

    Raises
    ------
    DataRefused
        If there is no price, a key is missing or repeated, or a date is no session.
    InvariantBroken
        If a column is missing, unknown or of the wrong type: the quality gate
        lets no such table through.
    """
    prices = _typed_prices(tables.prices)
    if prices.is_empty():
        raise _refused(facts, "has no price row at all", "at least one row")
    missing = prices.select(pl.any_horizontal(pl.col(KEY_FIELDS).is_null()).sum()).item()
    if missing:
        raise _refused(facts, f"has {missing} rows without symbol or date", "no such row")
    axes = _axes(facts, prices)
    cells = cells_of(prices, axes)
    if np.any(cells < 0):
        first = prices["date"].gather(np.flatnonzero(cells < 0)[:1]).item()
        raise _refused(facts, f"has rows on {first}", f"sessions of {facts.calendar} only")
    if np.any(cells[1:] <= cells[:-1]):
        order = np.argsort(cells, kind="stable")
        if np.any(np.diff(cells[order]) == 0):
            raise _refused(facts, "repeats a (symbol, date)", "one row per symbol and date")
        prices = prices[order]
    others = {name: _sorted(frame) for name, frame in _other_tables(tables).items()}
    return Contents(facts, axes, prices, others)


def cells_of(prices: pl.DataFrame, axes: Axes) -> IntArray:
    """Position of each price row in a dense panel read row by row; -1 for no session.

    Cell = row of the session * number of symbols + column of the symbol.
    """
    columns = prices["symbol"].cast(pl.Enum(axes.symbols)).to_physical().to_numpy()
    days = prices["date"].to_physical().to_numpy().astype(np.int64)
    sessions = axes.sessions.astype(np.int64)
    first = sessions[0]
    row_of_day = np.full(int(sessions[-1] - first) + 1, -1, dtype=np.int64)
    row_of_day[sessions - first] = np.arange(len(sessions))
    rows = row_of_day[days - first]
    return np.where(rows < 0, -1, rows * len(axes.symbols) + columns.astype(np.int64))


def years_of(prices: pl.DataFrame) -> list[tuple[int, pl.DataFrame]]:
    """Slices of date-ordered prices by calendar year, ascending.

    A year is one file: when new sessions arrive only the last file changes.
    """
    years = prices["date"].dt.year().to_numpy()
    found, starts = np.unique(years, return_index=True)
    ends = [*starts[1:].tolist(), prices.height]
    return [
        (int(year), prices.slice(int(start), int(end) - int(start)))
        for year, start, end in zip(found, starts, ends, strict=True)
    ]


def content_hash(frame: pl.DataFrame) -> str:
    """SHA-256 of the values of a frame: column names, types, nulls and bytes, in order.

    Independent of the Parquet writer, so that a newer library does not make a new
    version of the same rows.

    Examples
    --------
    >>> a = pl.DataFrame({"x": [1.0, None]})
    >>> content_hash(a) == content_hash(pl.concat([a[:1], a[1:]]))
    True
    >>> content_hash(a) == content_hash(a.fill_null(0.0))
    False
    """
    digest = hashlib.sha256()
    for series in frame.iter_columns():
        digest.update(f"{series.name}:{series.dtype.base_type()}:{len(series)};".encode())
        digest.update(np.packbits(series.is_null().to_numpy()).tobytes())
        for block in _value_bytes(series):
            digest.update(block)
    return digest.hexdigest()


def version_hash(facts: DatasetFacts, contents: list[tuple[str, str]]) -> str:
    """Version of a dataset: its facts and the (part name, content hash) of every part.

    Neither the name of the dataset nor the origin of the rows matters.
    """
    parts = [_FORMAT, facts.calendar, facts.price_basis, facts.currency, str(facts.synthetic)]
    for name, content in contents:
        parts += [name, content]
    return text_hash(parts)[:16]


def _value_bytes(series: pl.Series) -> list[bytes]:
    if series.dtype.is_temporal():
        series = series.to_physical()
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        return [series.fill_null(strategy="zero").to_numpy().tobytes()]
    text = series.cast(pl.String).fill_null("")
    lengths = text.str.len_bytes().to_numpy().astype(np.uint32)
    return [lengths.tobytes(), text.str.join("").item().encode()]


def _typed_prices(prices: pl.DataFrame) -> pl.DataFrame:
    schema = price_schema(prices.columns)
    unknown = set(prices.columns) - set(schema)
    missing = set(schema) - set(prices.columns)
    if unknown or missing:
        raise InvariantBroken(
            "a price table has the wrong columns",
            expected=", ".join([*REQUIRED_FIELDS, *OPTIONAL_FIELDS]),
            found=", ".join(prices.columns),
        )
    floats = pl.selectors.float()
    return prices.select(*schema).cast(dict(schema.items())).with_columns(floats.fill_nan(None))


def _axes(facts: DatasetFacts, prices: pl.DataFrame) -> Axes:
    dates = prices["date"].to_numpy()
    first, last = dates.min().item(), dates.max().item()
    sessions: SessionArray = calendar_sessions(facts.calendar, first, last)
    inside = sessions[(sessions >= dates.min()) & (sessions <= dates.max())]
    if len(inside) == 0 or inside[0] != dates.min() or inside[-1] != dates.max():
        raise _refused(
            facts,
            f"begins on {first} and ends on {last}",
            f"sessions of {facts.calendar} only",
        )
    return Axes(inside, tuple(prices["symbol"].unique().sort()))


def _other_tables(tables: DatasetTables) -> dict[str, pl.DataFrame]:
    optional = {"actions": tables.actions, "actions_quarantine": tables.actions_quarantine}
    typed = {
        name: frame.select(list(ACTION_TABLES[name])).cast(dict(ACTION_TABLES[name].items()))
        for name, frame in optional.items()
        if not frame.is_empty()
    }
    return {
        "symbols": tables.symbols,
        "quarantine": tables.quarantine,
        "findings": tables.findings,
        **typed,
    }


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    clean = frame.with_columns(pl.selectors.float().fill_nan(None))
    return clean.sort(clean.columns) if clean.width else clean


def _refused(facts: DatasetFacts, problem: str, expected: str) -> DataRefused:
    return DataRefused(
        f"the dataset {facts.dataset!r} {problem}",
        expected=expected,
        where="prices",
        fix="check the source and data.calendar; the last good version stays",
    )
