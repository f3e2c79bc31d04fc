"""Small datasets for the tests of the warehouse and of the factor store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from quant_core.data.factor_store import FactorKey
from quant_core.data.schema import (
    DatasetFacts,
    DatasetTables,
    empty_findings,
    empty_symbols,
    empty_text,
    price_schema,
)

FACTS = DatasetFacts("toy", "24/7", "raw", "USD", synthetic=True, origin=("by hand",))
FIRST = date(2023, 12, 28)
"""The first day: the fifth is in another year, and so in another file."""


def tables_of(prices: pl.DataFrame, symbols: pl.DataFrame | None = None) -> DatasetTables:
    """Prices with nothing quarantined and nothing noticed."""
    known = empty_symbols() if symbols is None else symbols
    return DatasetTables(prices, known, empty_text(), empty_findings())


def price_rows(rows: Sequence[tuple[str, int, float | None]]) -> pl.DataFrame:
    """One price row per (symbol, days after FIRST, close); the other fields follow."""
    records = [
        {
            "symbol": symbol,
            "date": FIRST + timedelta(days=day),
            "open": close,
            "high": close,
            "low": close,
            "close": close,
            "volume": 100.0 + day,
        }
        for symbol, day, close in rows
    ]
    return pl.DataFrame(records, price_schema())


def market(days: int, symbols: int, seed: int = 7, gaps: float = 0.1) -> pl.DataFrame:
    """A random market of which any shorter one with the same seed is the beginning."""
    names = [f"S{i:03d}" for i in range(symbols)]
    closes = 50.0 + np.random.default_rng(seed).random((days, symbols))
    there = np.random.default_rng(seed + 1).random((days, symbols)) >= gaps
    there[0] = True
    there[:, 0] = True
    row, column = np.nonzero(there)
    days_of_rows = np.datetime64(FIRST, "D") + row
    values = closes[there]
    return pl.DataFrame(
        {
            "symbol": [names[i] for i in column],
            "date": days_of_rows,
            "open": values - 0.5,
            "high": values + 1.0,
            "low": values - 1.0,
            "close": values,
            "volume": np.floor(values * 1e4),
        }
    )


def constant_market(value: float, days: int = 40, symbols: int = 5) -> pl.DataFrame:
    """Every field of every row is ``value``: a mix of two versions would show."""
    frame = market(days, symbols, gaps=0.0)
    return frame.with_columns(pl.selectors.float() * 0.0 + value)


def key(name: str, expression: str = "close", operator_version: str = "1") -> FactorKey:
    """A key of the factor store."""
    return FactorKey(name, expression, operator_version)


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of change of every file below a folder, caches and locks aside."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and "cache" not in path.parts and path.suffix != ".lock"
    }
