"""Small price tables and files for the tests of the data floor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from quant_core.data.schema import DatasetFacts, RawTable, price_schema

FACTS = DatasetFacts("toy", "XNYS", "raw", "USD", synthetic=False)

HEADER = "symbol,date,open,high,low,close,volume"
ROW = "A,2018-01-02,1,2,0.5,1.5,100"

SESSIONS = tuple(date(2018, 1, day) for day in (2, 3, 4, 5, 8, 9, 10, 11, 12, 16, 17, 18))
"""The first sessions of 2018 in New York (the 15th is a holiday)."""


def bars(
    symbol: str | None, closes: Sequence[float | None], *, days: Sequence[date | None] = SESSIONS
) -> pl.DataFrame:
    """One row per close: open = close, high and low one per cent around it, volume 100."""
    rows = [
        {
            "symbol": symbol,
            "date": day,
            "open": close,
            "high": close * 1.01 if close is not None else None,
            "low": close * 0.99 if close is not None else None,
            "close": close,
            "volume": 100.0,
        }
        for day, close in zip(days, closes, strict=False)
    ]
    return pl.DataFrame(rows, price_schema())


def raw(*frames: pl.DataFrame) -> RawTable:
    """The frames as a source would deliver them."""
    return RawTable(pl.concat(frames, how="diagonal"), origin=("test",))


def altered(frame: pl.DataFrame, row: int, **values: float | None) -> pl.DataFrame:
    """The frame with some fields of one row changed."""
    here = pl.int_range(pl.len()) == row
    return frame.with_columns(
        pl.when(here).then(pl.lit(value, pl.Float64)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def many(symbol: str = "BULK", count: int = 1000) -> pl.DataFrame:
    """So many sound rows that a few bad ones stay below the limit of 2 %."""
    days = pl.date_range(date(2010, 1, 1), date(2017, 12, 29), eager=True)
    sessions = [day for day in days.to_list() if day.weekday() < 5]
    return bars(symbol, [10.0 + (i % 7) for i in range(count)], days=sessions)


def write(folder: Path, name: str, *lines: str) -> Path:
    """A text file of these lines."""
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
