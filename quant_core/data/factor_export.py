"""Factor values as one long table for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from quant_core.foundation.errors import UsageError
from quant_core.foundation.files import write_atomically
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatMatrix


def write_long_table(path: Path, axes: Axes, columns: Mapping[str, FloatMatrix]) -> None:
    """Write date, symbol and one column a factor, sorted by date, then symbol.

    Parquet or CSV by the ending of the name. Rows in which no factor is known are left
    out; an unknown value in a row is null (empty in CSV).

    Raises
    ------
    UsageError
        For another ending.
    """
    refuse_ending(path)
    table = long_table(axes, columns)
    if path.suffix.lower() == ".csv":
        write_atomically(path, lambda part: table.write_csv(part))
    else:
        write_atomically(path, lambda part: table.write_parquet(part, compression="zstd"))


def refuse_ending(path: Path) -> None:
    """Refuse a file name whose ending is neither .parquet nor .csv.

    Examples
    --------
    >>> refuse_ending(Path("factors.CSV"))
    """
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise UsageError(
            "the ending of the output file names no known format",
            expected=".parquet or .csv",
            found=path.name,
            where="--output",
        )


def long_table(axes: Axes, columns: Mapping[str, FloatMatrix]) -> pl.DataFrame:
    """The table that :func:`write_long_table` writes.

    Examples
    --------
    >>> axes = Axes(np.array(["2024-01-02"], dtype="datetime64[D]"), ("A", "B"))
    >>> long_table(axes, {"f1": np.array([[1.5, np.nan]])}).rows()
    [(datetime.date(2024, 1, 2), 'A', 1.5)]
    """
    rows, width = axes.shape
    known = np.zeros(rows * width, dtype=np.bool_)
    for values in columns.values():
        known |= np.isfinite(values).reshape(-1)
    places = np.flatnonzero(known)
    symbols = pl.Series("symbol", axes.symbols, dtype=pl.String)
    series = [
        pl.Series("date", axes.sessions[places // width]),
        symbols.gather(places % width),
    ]
    series += [
        pl.Series(name, values.reshape(-1)[places], nan_to_null=True)
        for name, values in columns.items()
    ]
    return pl.DataFrame(series)
