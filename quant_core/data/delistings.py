"""Delisting dates that a source does not state: the date of a name's last price.

A name of raw prices whose last one lies before the last session of the dataset has left the
market, or its source has lost it; either way nobody can trade it any more, and a position in
it is closed at its last price. Which dates were inferred stands in the findings, so that later
sessions can correct them.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from quant_core.data.schema import (
    FINDING_SCHEMA,
    SYMBOL_SCHEMA,
    DatasetFacts,
    DatasetTables,
    empty_symbols,
)

INFERRED = "delisting_inferred"
"""Kind of the findings that name an inferred date."""


def without_inferred(tables: DatasetTables) -> pl.DataFrame:
    """What the sources stated about each symbol, without the dates inferred here."""
    inferred = tables.findings.filter(pl.col("kind") == INFERRED)["symbol"]
    if inferred.is_empty():
        return tables.symbols
    ours = pl.col("symbol").is_in(inferred.implode())
    stated = tables.symbols.with_columns(delisted=pl.when(~ours).then(pl.col("delisted")))
    silent = pl.all_horizontal(pl.col("name", "category", "delisted").is_null())
    return stated.filter(~(ours & silent))


def with_inferred(tables: DatasetTables, facts: DatasetFacts) -> tuple[DatasetTables, int]:
    """The tables with a delisting date for every name that ends early, and how many there are.

    Nothing is inferred where prices are adjusted, or where a source states delisting dates:
    it then knows which names left. A name that goes on under another one has not ended.

    Parameters
    ----------
    tables : DatasetTables
        ``symbols`` as the sources stated them, see :func:`without_inferred`.
    facts : DatasetFacts
        What the dataset is.

    Examples
    --------
    >>> from datetime import date
    >>> from quant_core.data.schema import empty_findings, empty_text
    >>> prices = pl.DataFrame({
    ...     "symbol": ["ENDS", "GOES", "GOES"],
    ...     "date": [date(2018, 1, 2), date(2018, 1, 2), date(2018, 1, 3)]})
    >>> facts = DatasetFacts("example", "XNYS", "raw", "USD", synthetic=True)
    >>> tables = DatasetTables(prices, empty_symbols(), empty_text(), empty_findings())
    >>> found, number = with_inferred(tables, facts)
    >>> number, found.symbols.select("symbol", "delisted").rows()
    (1, [('ENDS', datetime.date(2018, 1, 2))])
    """
    findings = tables.findings.filter(pl.col("kind") != INFERRED)
    stated = tables.symbols["delisted"].count() > 0 if tables.symbols.height else False
    if facts.price_basis != "raw" or stated:
        return replace(tables, findings=findings), 0
    renamed = tables.actions.filter(pl.col("kind") == "rename").select("symbol", "ex_date")
    last = tables.prices.group_by("symbol").agg(pl.col("date").max().alias("delisted"))
    ended = last.filter(pl.col("delisted") < tables.prices["date"].max()).sort("symbol")
    goes_on = ended.join(renamed, on="symbol").filter(pl.col("ex_date") > pl.col("delisted"))
    ended = ended.join(goes_on, on="symbol", how="anti", maintain_order="left")
    named = tables.symbols if tables.symbols.height else empty_symbols()
    symbols = (
        named.drop("delisted")
        .join(ended, on="symbol", how="full", coalesce=True)
        .select(list(SYMBOL_SCHEMA))
        .sort("symbol")
    )
    noticed = ended.select(
        kind=pl.lit(INFERRED),
        symbol="symbol",
        date="delisted",
        detail=pl.lit("last price"),
        value=pl.lit(None, pl.Float64),
    ).select(list(FINDING_SCHEMA))
    findings = pl.concat([findings, noticed]).sort("kind", "symbol", "date")
    return replace(tables, symbols=symbols, findings=findings), ended.height
