"""The frames that travel between a source, the quality gate and the warehouse.

Every frame has a fixed list of columns, spelled here once:

========== ==================================================================
prices     one row per symbol and session; NaN never occurs, null = unknown
symbols    one row per symbol: what the source knows about it
rejected   rows the source could not read, every cell as its text + ``reason``
quarantine rows the gate refused, every cell as text + ``reason``
findings   what the gate noticed about rows it kept
actions    one row per corporate action: symbol, ex-date, kind
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

ACTION_KINDS = ("dividend", "split", "rights", "rename")
"""Kinds of corporate actions, in the order in which those of one session apply."""

ACTION_KEYS = ("symbol", "ex_date", "kind")
"""The columns that identify a corporate action."""

ACTION_SCHEMA: dict[str, type[pl.DataType]] = {
    "symbol": pl.String,
    "ex_date": pl.Date,
    "kind": pl.String,
    "ratio": pl.Float64,
    "amount": pl.Float64,
    "price": pl.Float64,
    "pay_date": pl.Date,
    "successor": pl.String,
}
"""One corporate action a row; what does not concern its kind is null.

``ratio`` of a split: new shares for one old (2.0 = two for one); of rights: shares offered
for one held. ``amount``: cash per share of a dividend, in the currency of the listing.
``price``: what a share offered by rights costs. ``pay_date``: null = unknown.
``successor``: the new symbol of a rename, whose first session is the ex-date."""


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


def action_text_schema() -> dict[str, type[pl.DataType]]:
    """Columns of refused corporate actions: those of the actions as text, then ``reason``.

    Examples
    --------
    >>> list(action_text_schema())[-2:]
    ['successor', 'reason']
    """
    return dict.fromkeys([*ACTION_SCHEMA, "reason"], pl.String)


def empty_actions() -> pl.DataFrame:
    """A table of corporate actions without rows."""
    return pl.DataFrame(schema=ACTION_SCHEMA)


def empty_refused_actions() -> pl.DataFrame:
    """A table of refused corporate actions without rows."""
    return pl.DataFrame(schema=action_text_schema())


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
    ``quarantine``, ``findings`` and ``actions`` as their schemas above;
    ``actions_quarantine`` holds the actions the gate refused, as text.
    """

    prices: pl.DataFrame
    symbols: pl.DataFrame
    quarantine: pl.DataFrame
    findings: pl.DataFrame
    actions: pl.DataFrame = field(default_factory=empty_actions)
    actions_quarantine: pl.DataFrame = field(default_factory=empty_refused_actions)
