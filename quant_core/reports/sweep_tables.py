"""The folder of a sweep: the table as Parquet and CSV, and what it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from quant_core.foundation.files import write_atomically, write_text_atomically
from quant_core.reports.tables import MONEY

Cell = str | int | float | None
MICROS = "_micros"
TEXTS = ("status", "error", "run_id")
COUNTS = ("observations", "orders_filled", "orders_truncated")


def sweep_table(
    values: Sequence[Mapping[str, str]], rows: Sequence[Mapping[str, Cell]]
) -> pl.DataFrame:
    """One row a combination: number, the value of each axis, status, metrics.

    The values of an axis are whole numbers, or numbers, where all of them are; else they are
    the texts as written. Columns of micros become decimal(18,6) without the suffix of their name.

    Examples
    --------
    >>> table = sweep_table([{"strategy.top_k": "5"}],
    ...                     [{"status": "done", "error": None, "final_equity_micros": 1_500_000}])
    >>> table.row(0)
    (0, 5, 'done', None, Decimal('1.500000'))
    """
    numbers = pl.Series("number", range(len(rows)), dtype=pl.Int64)
    axes = [_axis(name, [line[name] for line in values]) for name in values[0]]
    found = [_column(name, [row[name] for row in rows]) for name in rows[0]]
    return pl.DataFrame([numbers, *axes, *found])


def _axis(name: str, texts: list[str]) -> pl.Series:
    written = pl.Series(name, texts, dtype=pl.String)
    for kind in (pl.Int64, pl.Float64):
        numbers = written.cast(kind, strict=False)
        if numbers.null_count() == 0:
            return numbers
    return written


def _column(name: str, cells: list[Cell]) -> pl.Series:
    if name in TEXTS:
        return pl.Series(name, cells, dtype=pl.String)
    if name.endswith(MICROS):
        whole = pl.Series(name.removesuffix(MICROS), cells, dtype=pl.Int64)
        return (whole.cast(pl.Decimal(38, 6)) / 1_000_000).cast(MONEY).rename(whole.name)
    return pl.Series(name, cells, dtype=pl.Int64 if name in COUNTS else pl.Float64)


def write_sweep(
    folder: Path, table: pl.DataFrame, manifest: Mapping[str, object], effective_yaml: str
) -> None:
    """Write ``sweep.parquet``, ``sweep.csv``, ``manifest.json``, ``config.yaml``, each whole."""
    write_atomically(folder / "sweep.parquet", lambda part: table.write_parquet(part))
    write_atomically(folder / "sweep.csv", lambda part: table.write_csv(part))
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    write_text_atomically(folder / "manifest.json", text + "\n")
    write_text_atomically(folder / "config.yaml", effective_yaml)
