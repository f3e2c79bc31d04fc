"""A universe file as it stood at a session: later entries unknown, later exits unannounced."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quant_core.data.sources.columns import plain
from quant_core.data.sources.tables import as_dates, read_table
from quant_core.data.universe import NAMES, NO_CATEGORY, Universe, load_universe
from quant_core.foundation.errors import UsageError
from quant_core.foundation.panel import Axes

if TYPE_CHECKING:
    import polars as pl


def universe_known_at(path: Path, axes: Axes, day: date) -> Universe:
    """The universe that a file of the evening of ``day`` would have given.

    Rows that begin later are left out and ends that come later are blank; what is left
    is loaded as every universe is. Nobody is a member where no row is left.
    """
    cells = _known_rows(read_table(path), day)
    if cells.is_empty():
        return _nobody(cells, axes)
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "universe.csv"
        cells.write_csv(known)
        try:
            return load_universe(known, axes)
        except UsageError:
            return _nobody(cells, axes)


def _nobody(cells: pl.DataFrame, axes: Axes) -> Universe:
    """A universe without a member; with categories where the file has them."""
    has_categories = _column(cells, "category") is not None
    none = np.full(axes.shape, NO_CATEGORY, dtype=np.int64) if has_categories else None
    return Universe(np.zeros(axes.shape, dtype=np.bool_), none, (), ())


def _known_rows(cells: pl.DataFrame, day: date) -> pl.DataFrame:
    """The rows begun by ``day``, their later ends blank."""
    start = _column(cells, "start") or _column(cells, "snapshot")
    if start is None:
        return cells
    begun, _ = as_dates(cells[start])
    cells = cells.with_columns(begun.alias(start)).filter(begun <= day)
    end = _column(cells, "end")
    if end is None:
        return cells
    ended, _ = as_dates(cells[end])
    return cells.with_columns(ended.set(ended > day, None).alias(end))


def _column(cells: pl.DataFrame, field: str) -> str | None:
    """The file's column of a field, by the names the loader knows."""
    by_name = {plain(name): name for name in reversed(cells.columns)}
    return next((by_name[name] for name in NAMES[field] if name in by_name), None)
