"""The frames that travel between a source, the quality gate and the warehouse.

Every frame has a fixed list of columns, spelled here once:

========== ==================================================================
prices     one row per symbol and session; NaN never occurs, null = unknown
symbols    one row per symbol: what the source knows about it
rejected   rows the source could not read, every cell as its text + ``reason``
quarantine rows the gate refused, every cell as text + ``reason``
findings   what the gate noticed about rows it kept
========== ==================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import polars as pl

KEY_FIELDS = ("symbol", "date")
"""The columns that identify a price row."""

BAR_FIELDS = ("open", "high", "low", "close", "volume")
"""The float64 columns every price table has."""

REQUIRED_FIELDS = KEY_FIELDS + BAR_FIELDS
"""The columns every price table has, in this order."""

OPTIONAL_FIELDS = ("vwap", "amount", "cap")
"""float64 columns a price table may have after the required ones, in this order:
volume-weighted price, traded amount in currency units, market capitalisation."""

PRICE_FIELDS = ("open", "high", "low", "close")
"""The four prices of a bar."""

PriceBasis: TypeAlias = Literal["raw", "split_adjusted", "total_return"]
"""What the prices of a dataset contain: nothing, splits, or splits and dividends."""

SYMBOL_SCHEMA: dict[str, type[pl.DataType]] = {
    "symbol": pl.String,
    "name": pl.String,
    "category": pl.String,
    "delisted": pl.Date,
}
"""``delisted`` = last session of a delisted name, null while it is listed or unknown."""

FINDING_SCHEMA: dict[str, type[pl.DataType]] = {
    "kind": pl.String,
    "symbol": pl.String,
    "date": pl.Date,
    "detail": pl.String,
    "value": pl.Float64,
}
"""One observation of the gate; ``date`` is null when it concerns a whole symbol."""


def price_schema(optional: Iterable[str] = ()) -> dict[str, type[pl.DataType]]:
    """Columns and types of a price table that has the given optional fields.

    Examples
    --------
    >>> list(price_schema(["cap"]))
    ['symbol', 'date', 'open', 'high', 'low', 'close', 'volume', 'cap']
    """
    present = set(optional)
    named: dict[str, type[pl.DataType]] = {"symbol": pl.String, "date": pl.Date}
    named |= dict.fromkeys(BAR_FIELDS, pl.Float64)
    return named | {name: pl.Float64 for name in OPTIONAL_FIELDS if name in present}


def text_schema(optional: Iterable[str] = ()) -> dict[str, type[pl.DataType]]:
    """Columns of ``rejected`` and ``quarantine``: those of the prices as text, then ``reason``.

    Examples
    --------
    >>> list(text_schema())[-2:]
    ['volume', 'reason']
    """
    return dict.fromkeys([*price_schema(optional), "reason"], pl.String)


def empty_symbols() -> pl.DataFrame:
    """A table of symbols without rows: the source knows nothing beyond the prices."""
    return pl.DataFrame(schema=SYMBOL_SCHEMA)


def empty_findings() -> pl.DataFrame:
    """A table of findings without rows."""
    return pl.DataFrame(schema=FINDING_SCHEMA)


def empty_text(optional: Iterable[str] = ()) -> pl.DataFrame:
    """A table of rejected or quarantined rows without rows."""
    return pl.DataFrame(schema=text_schema(optional))


@dataclass(frozen=True, slots=True)
class RawTable:
    """What a source read, before any judgement of quality.

    Attributes
    ----------
    prices : polars.DataFrame
        :func:`price_schema`; keys may be null, repeated or unsorted.
    rejected : polars.DataFrame
        :func:`text_schema`; rows the source could not even parse, cells verbatim.
    symbols : polars.DataFrame
        :data:`SYMBOL_SCHEMA`; possibly empty.
    origin : tuple of str
        Lines for a reader: files with their SHA-256, the column mapping used.
    """

    prices: pl.DataFrame
    rejected: pl.DataFrame = field(default_factory=empty_text)
    symbols: pl.DataFrame = field(default_factory=empty_symbols)
    origin: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What a dataset is, beyond its rows."""

    dataset: str
    calendar: str
    price_basis: PriceBasis
    currency: str
    synthetic: bool
    origin: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetTables:
    """The tables of one version of a dataset.

    ``prices`` holds one row per (symbol, date), ascending in both; ``symbols``,
    ``quarantine`` and ``findings`` as their schemas above.
    """

    prices: pl.DataFrame
    symbols: pl.DataFrame
    quarantine: pl.DataFrame
    findings: pl.DataFrame
