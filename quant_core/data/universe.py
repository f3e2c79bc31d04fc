"""Which symbols belong to the universe at which session, point in time.

A file says so in one of two ways:

intervals   ``symbol, start, end, category``: a member from ``start`` on, until the
            session before ``end``; a blank ``end`` = still a member. Intervals of a
            symbol may touch or overlap: together they are one membership.
snapshots   ``snapshot_date, symbol, category``: all members on a date; the list holds
            until the next one, the last one holds on.

``category`` may be left out in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from quant_core.data.sources.columns import plain, shortened
from quant_core.data.sources.tables import as_dates, read_table
from quant_core.foundation.errors import DataRefused, SourceUnreachable, UsageError
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import BoolArray, IntArray, SessionArray

NAMES: dict[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker", "tscode", "code", "instrument", "代码", "股票代码", "证券代码"),
    "start": ("start", "startdate", "from", "fromdate", "since", "entry", "entrydate", "纳入日期"),
    "end": ("end", "enddate", "to", "todate", "thru", "exit", "exitdate", "剔除日期"),
    "snapshot": ("snapshotdate", "snapshot", "asof", "asofdate", "date", "tradedate", "日期"),
    "category": ("category", "sector", "gicssector", "industry", "group", "行业"),
}
"""Plain column names per field, the most telling first."""

NO_CATEGORY = -1
"""Code of a name without a category, and of a name that is no member."""


_OVERLAPS = pl.col("first") < pl.col("behind")
"""Whether an interval holds a session of the dataset."""


class _Place(NamedTuple):
    """Where a list of members comes from: its file, and the setting that names it."""

    path: Path
    setting: str


@dataclass(frozen=True, slots=True)
class Universe:
    """Membership of every symbol of a dataset at every session.

    Attributes
    ----------
    member : bool [sessions, symbols]
    category : int64 [sessions, symbols] or None
        Position in ``categories`` while a member, else :data:`NO_CATEGORY`; None when
        the file has no categories.
    categories : tuple of str
        Ascending.
    unknown : tuple of str
        Members at some session of the dataset for which the dataset has no prices,
        ascending: to be reported, they are a survivorship bias.
    """

    member: BoolArray
    category: IntArray | None
    categories: tuple[str, ...]
    unknown: tuple[str, ...]


def load_universe(path: Path, axes: Axes) -> Universe:
    r"""Read a universe file for the sessions and symbols of a dataset.

    Parameters
    ----------
    path : Path
        CSV or Parquet; see the module for its columns.
    axes : Axes
        Sessions and symbols of the dataset.

    Raises
    ------
    SourceUnreachable
        The file is absent or cannot be read.
    DataRefused
        It is empty, damaged, lacks a column, or holds a date that is none.
    UsageError
        No symbol of it is in the dataset, or none is a member at any session.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "universe.csv"
    >>> rows = "A,2018-01-03,", "B,2017-01-01,2018-01-03", "Z,2000-01-01,"
    >>> _ = path.write_text("\n".join(["symbol,start,end", *rows]))
    >>> days = np.arange("2018-01-02", "2018-01-05", dtype="datetime64[D]")
    >>> universe = load_universe(path, Axes(days, ("A", "B")))
    >>> universe.member.tolist(), universe.unknown
    ([[False, True], [True, False], [True, False]], ('Z',))
    """
    rows = _placed(_intervals_of(path), axes)
    held = _within(rows, axes, _Place(path, "data.universe"))
    names = held["category"].drop_nulls().unique().sort().to_list()
    category = _category(held, names, axes) if names else None
    outside = rows.filter(_OVERLAPS, pl.col("column") < 0)["symbol"].unique().sort()
    return Universe(_member(held, axes), category, tuple(names), tuple(outside.to_list()))


def load_members(path: Path, axes: Axes, setting: str) -> BoolArray:
    r"""Read only who is a member when, from a file in either form of a universe.

    Parameters
    ----------
    path : Path
        CSV or Parquet; see the module for its columns. Categories are not read.
    axes : Axes
        Sessions and symbols of the dataset.
    setting : str
        The setting that names the file, for what a refusal says.

    Returns
    -------
    bool [sessions, symbols]

    Raises
    ------
    SourceUnreachable, DataRefused, UsageError
        As :func:`load_universe` does.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "special.csv"
    >>> _ = path.write_text("symbol,start,end\nA,2018-01-03,2018-01-04\n")
    >>> days = np.arange("2018-01-02", "2018-01-05", dtype="datetime64[D]")
    >>> load_members(path, Axes(days, ("A", "B")), "execution.special_treatment").tolist()
    [[False, False], [True, False], [False, False]]
    """
    if not path.is_file():
        raise SourceUnreachable(
            "there is no file of members",
            expected="a CSV or Parquet file of symbol, start, end",
            found=str(path),
            where=setting,
            fix=f"correct the path, or set {setting}=null",
        )
    rows = _placed(_intervals_of(path), axes)
    return _member(_within(rows, axes, _Place(path, setting)), axes)


def _within(rows: pl.DataFrame, axes: Axes, place: _Place) -> pl.DataFrame:
    """Rows of symbols of the dataset that overlap its sessions; refused where there is none."""
    known = rows.filter(pl.col("column") >= 0)
    if known.is_empty():
        raise _nothing_known(rows, axes, place)
    held = known.filter(_OVERLAPS)
    if held.is_empty():
        raise _nobody_within(known, axes, place)
    return held


def _intervals_of(path: Path) -> pl.DataFrame:
    """Rows of ``symbol, start, end, category`` by ascending start, whatever the file's form."""
    cells = read_table(path)
    columns = _columns(cells.columns)
    if {"symbol", "start", "end"} <= columns.keys():
        rows = _interval_rows(cells, columns, path)
    elif {"symbol", "snapshot"} <= columns.keys() and "start" not in columns:
        rows = _snapshot_rows(cells, columns, path)
    else:
        raise DataRefused(
            "the universe file lacks a column",
            expected="symbol, start, end and perhaps category; "
            "or snapshot_date, symbol and perhaps category",
            found=shortened(cells.columns),
            where=str(path),
            fix="rename its columns; a list without dates is not point in time",
        )
    return rows.sort("start", maintain_order=True)


def _columns(found: Sequence[str]) -> dict[str, str]:
    """The file's column of each field it has."""
    by_name = {plain(name): name for name in reversed(found)}
    columns: dict[str, str] = {}
    for field, known in NAMES.items():
        column = next((by_name[name] for name in known if name in by_name), None)
        if column is not None:
            columns[field] = column
    return columns


def _interval_rows(cells: pl.DataFrame, columns: Mapping[str, str], path: Path) -> pl.DataFrame:
    starts, ends = (
        _dates(cells, columns[side], path, blank=side == "end") for side in ("start", "end")
    )
    empty = (ends <= starts).fill_null(value=False)
    if empty.any():
        row = _first(empty)
        raise _refused_row("a membership ends before it has begun", cells, row, path)
    return pl.DataFrame({"start": starts, "end": ends}).with_columns(_labels(cells, columns, path))


def _snapshot_rows(cells: pl.DataFrame, columns: Mapping[str, str], path: Path) -> pl.DataFrame:
    taken = _dates(cells, columns["snapshot"], path, blank=False)
    dates = taken.unique().sort()
    until = pl.DataFrame({"start": dates, "end": dates.shift(-1)})
    rows = pl.DataFrame({"start": taken}).with_columns(_labels(cells, columns, path))
    return rows.join(until, on="start", how="left", maintain_order="left")


def _labels(cells: pl.DataFrame, columns: Mapping[str, str], path: Path) -> list[pl.Series]:
    symbols = cells[columns["symbol"]].cast(pl.String).str.strip_chars()
    missing = symbols.is_null() | (symbols == "")
    if missing.any():
        raise _refused_row("a row of the universe has no symbol", cells, _first(missing), path)
    category = pl.Series("category", [None] * len(symbols), pl.String)
    if "category" in columns:
        written = cells[columns["category"]].cast(pl.String).str.strip_chars()
        category = written.set(written == "", None).alias("category")
    return [symbols.alias("symbol"), category]


def _dates(cells: pl.DataFrame, column: str, path: Path, *, blank: bool) -> pl.Series:
    dates, bad = as_dates(cells[column])
    wrong = bad if blank else dates.is_null()
    if wrong.any():
        raise _refused_row(f"{column!r} holds no date", cells, _first(wrong), path)
    return dates


def _placed(rows: pl.DataFrame, axes: Axes) -> pl.DataFrame:
    """Adds each row's column of the panel (-1 = none), first session, and the one behind."""
    days = axes.sessions.astype("datetime64[D]")
    starts = np.searchsorted(days, _days(rows["start"]))
    ends = np.searchsorted(days, _days(rows["end"].fill_null(date.max)))
    return rows.with_columns(
        pl.Series("column", axes.columns_of(rows["symbol"].to_list())),
        pl.Series("first", starts, pl.Int64),
        pl.Series("behind", ends, pl.Int64),
    )


def _days(dates: pl.Series) -> SessionArray:
    return dates.to_numpy().astype("datetime64[D]")


def _member(rows: pl.DataFrame, axes: Axes) -> BoolArray:
    """Membership at every session."""
    count, width = axes.shape
    column, first, behind = (rows[name].to_numpy() for name in ("column", "first", "behind"))
    steps = np.zeros((count + 1, width), dtype=np.int64)
    np.add.at(steps, (first, column), 1)
    np.add.at(steps, (behind, column), -1)
    member: BoolArray = np.cumsum(steps[:count], axis=0) > 0
    return member


def _category(rows: pl.DataFrame, names: Sequence[str], axes: Axes) -> IntArray:
    """Category codes of intervals that ascend by start.

    Where memberships of a symbol overlap, the category of the one begun last holds.
    """
    column, first = rows["column"].to_numpy(), rows["first"].to_numpy()
    codes = {name: code for code, name in enumerate(names)}
    begun = rows["category"].replace_strict(codes, default=NO_CATEGORY, return_dtype=pl.Int64)
    category = np.full(axes.shape, NO_CATEGORY, dtype=np.int64)
    begins = np.zeros(axes.shape, dtype=np.int64)
    category[first, column] = begun.to_numpy()  # of several in one cell the last stays
    begins[first, column] = first
    latest = np.maximum.accumulate(begins, axis=0)
    held = np.take_along_axis(category, latest, axis=0)
    return np.where(_member(rows, axes), held, NO_CATEGORY)


def _first(mask: pl.Series) -> int:
    return mask.arg_true()[0]


def _refused_row(problem: str, cells: pl.DataFrame, row: int, path: Path) -> DataRefused:
    shown = ", ".join(f"{name}={value}" for name, value in cells.row(row, named=True).items())
    return DataRefused(
        problem,
        expected="symbol, a start such as 2018-01-31, and a later end or nothing",
        found=shown,
        where=f"{path}, row {row + 1} below the header",
        fix="correct the row",
    )


def _nothing_known(rows: pl.DataFrame, axes: Axes, place: _Place) -> UsageError:
    return UsageError(
        "no symbol of the universe is in the dataset",
        expected="symbols such as " + ", ".join(axes.symbols[:3]),
        found=", ".join(rows["symbol"].unique().sort().head(3).to_list()),
        where=str(place.path),
        fix=f"check {place.setting} and data.dataset, and how symbols are written in both",
    )


def _nobody_within(known: pl.DataFrame, axes: Axes, place: _Place) -> UsageError:
    ends = "now" if known["end"].null_count() else str(known["end"].max())
    return UsageError(
        "the universe has no member at any session of the dataset",
        expected=f"members between {axes.sessions[0]} and {axes.sessions[-1]}",
        found=f"members from {known['start'].min()} to {ends}",
        where=str(place.path),
        fix=f"check {place.setting} and data.dataset",
    )
