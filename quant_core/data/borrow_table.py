"""What borrowing a share costs, and which shares can be borrowed at all, point in time.

A file of ``symbol, start, end, rate``: from ``start`` until the session before ``end`` (a
blank ``end`` = still) the symbol can be located, and borrowing it costs ``rate`` a year as
a fraction of its value. A session outside every interval of a symbol, also between two of
them, means "not locatable": a short position cannot be opened and is bought in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from quant_core.data.sources.columns import plain, shortened
from quant_core.data.sources.tables import as_dates, read_table, says_something
from quant_core.foundation.errors import DataRefused, UsageError
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatMatrix, IntArray

NAMES: dict[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker", "tscode", "code", "代码", "股票代码", "证券代码"),
    "start": ("start", "startdate", "from", "fromdate", "开始日期"),
    "end": ("end", "enddate", "to", "todate", "结束日期"),
    "rate": ("rate", "borrowrate", "annualrate", "融券利率"),
}
"""Plain column names per field."""

LARGEST_RATE = 10.0
"""1,000 % a year: what stands above it is a percentage written as a fraction."""

PROBLEMS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Hole:
    """Sessions between two intervals of a symbol in which it cannot be located."""

    symbol: str
    start: date
    """End of the interval before: the first day that is not covered."""
    end: date
    """Start of the interval behind."""
    sessions: int
    """Sessions of the dataset in it, 1 or more."""


@dataclass(frozen=True, slots=True)
class BorrowTable:
    """Borrow rates of the symbols of a dataset.

    Attributes
    ----------
    rate : float64 [sessions, symbols]
        Annual fraction; NaN = not locatable.
    holes : tuple of Hole
        By symbol and date: legal, and worth telling.
    unknown : tuple of str
        Symbols of the file that the dataset does not have, ascending.
    """

    rate: FloatMatrix
    holes: tuple[Hole, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Interval:
    line: int
    symbol: str
    start: date
    end: date | None
    rate: float

    @property
    def until(self) -> date:
        return self.end or date.max


def load_borrow_table(path: Path, axes: Axes) -> BorrowTable:
    r"""Read a borrow table for the sessions and symbols of a dataset.

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
        A column is missing or unknown, or rows are wrong: no symbol, no date, an end not
        after the start, a rate that is no number, negative or above :data:`LARGEST_RATE`,
        intervals of a symbol that overlap. Every wrong row is named with its line.
    UsageError
        No symbol of it is in the dataset.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "borrow.csv"
    >>> rows = "A,2018-01-02,2018-01-03,0.02", "A,2018-01-04,,0.03", "Z,2018-01-02,,0.01"
    >>> _ = path.write_text("\n".join(["symbol,start,end,rate", *rows]))
    >>> days = np.arange("2018-01-02", "2018-01-05", dtype="datetime64[D]")
    >>> table = load_borrow_table(path, Axes(days, ("A", "B")))
    >>> table.rate[:, 0].tolist(), np.isnan(table.rate[:, 1]).all(), table.unknown
    ([0.02, nan, 0.03], np.True_, ('Z',))
    >>> [(hole.symbol, hole.sessions) for hole in table.holes]
    [('A', 1)]
    """
    cells = read_table(path)
    columns = _columns(cells.columns, path)
    intervals, problems = _intervals(cells, columns)
    intervals.sort(key=lambda row: (row.symbol, row.start, row.line))
    problems += _overlaps(intervals)
    if problems:
        raise _refused(problems, path)
    known = set(axes.symbols)
    listed = {row.symbol for row in intervals}
    if not listed & known:
        raise _nothing_known(listed, axes, path)
    within = [row for row in intervals if row.symbol in known]
    first = _rows_of([row.start for row in within], axes)
    behind = _rows_of([row.until for row in within], axes)
    rate = _dense(within, first, behind, axes)
    holes = tuple(_holes(within, first, behind))
    return BorrowTable(rate, holes, tuple(sorted(listed - known)))


def _columns(found: Sequence[str], path: Path) -> dict[str, str]:
    """The file's column of each field; every other column is refused."""
    columns: dict[str, str] = {}
    unknown: list[str] = []
    for name in found:
        field = next((field for field, known in NAMES.items() if plain(name) in known), "")
        if field and field not in columns:
            columns[field] = name
        else:
            unknown.append(name)
    missing = [field for field in NAMES if field not in columns]
    if missing or unknown:
        parts = [("missing: ", missing), ("unknown or repeated: ", unknown)]
        raise DataRefused(
            "the columns of the borrow table are not understood",
            expected="symbol, start, end, rate and nothing else",
            found="; ".join(title + shortened(names) for title, names in parts if names),
            where=str(path),
            fix="rename or remove the columns",
        )
    return columns


def _intervals(
    cells: pl.DataFrame, columns: Mapping[str, str]
) -> tuple[list[_Interval], list[tuple[int, str]]]:
    """The rows that are right, and what is wrong with the others by line."""
    symbols = cells[columns["symbol"]].cast(pl.String).str.strip_chars().fill_null("").to_list()
    starts, ends = (as_dates(cells[columns[side]]) for side in ("start", "end"))
    written = cells[columns["rate"]]
    rates = written.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False).to_list()
    absent = (~says_something(written.cast(pl.String))).to_list()
    rows = zip(symbols, starts[0].to_list(), ends[0].to_list(), ends[1].to_list(), strict=True)
    right: list[_Interval] = []
    problems: list[tuple[int, str]] = []
    for position, (symbol, start, end, no_end) in enumerate(rows):
        line = position + 2  # below the header, which is line 1
        wrong = [
            *_wrong_span(symbol, start, end, no_end=no_end),
            *_wrong_rate(None if absent[position] else rates[position], written[position]),
        ]
        problems += [(line, text) for text in wrong]
        if not wrong:
            right.append(_Interval(line, symbol, start, end, rates[position]))
    return right, problems


def _wrong_span(
    symbol: str, start: date | None, end: date | None, *, no_end: bool
) -> Iterator[str]:
    if not symbol:
        yield "no symbol"
    if start is None:
        yield "start is no date"
    if no_end:
        yield "end is no date"
    if start is not None and end is not None and end <= start:
        yield f"the end {end} is not after the start {start}"


def _wrong_rate(rate: float | None, written: object) -> Iterator[str]:
    if rate is None or not abs(rate) < np.inf:
        yield f"the rate {written} is no number" if str(written or "").strip() else "no rate"
    elif rate < 0.0:
        yield f"the rate {rate:g} is negative"
    elif rate > LARGEST_RATE:
        yield (
            f"the rate {rate:g} is above {LARGEST_RATE:g}: a percentage? "
            f"write {rate / 100:g} for {rate:g} %"
        )


def _overlaps(intervals: Sequence[_Interval]) -> list[tuple[int, str]]:
    """Rows that begin before an earlier interval of their symbol has ended."""
    problems: list[tuple[int, str]] = []
    reaching: _Interval | None = None
    for row in intervals:
        same = reaching is not None and reaching.symbol == row.symbol
        if reaching is not None and same and row.start < reaching.until:
            text = f"{row.symbol} from {row.start} overlaps line {reaching.line}"
            problems.append((row.line, text))
        if reaching is None or not same or row.until > reaching.until:
            reaching = row
    return problems


def _dense(
    intervals: Sequence[_Interval], first: IntArray, behind: IntArray, axes: Axes
) -> FloatMatrix:
    rate = axes.empty()
    columns = axes.columns_of([row.symbol for row in intervals]).tolist()
    spans = zip(intervals, columns, first.tolist(), behind.tolist(), strict=True)
    for row, column, begin, end in spans:
        rate[begin:end, column] = row.rate
    return rate


def _rows_of(days: Sequence[date], axes: Axes) -> IntArray:
    """Row of the first session on or after each day."""
    wanted = np.array(days, dtype="datetime64[D]")
    return np.searchsorted(axes.sessions.astype("datetime64[D]"), wanted)


def _holes(intervals: Sequence[_Interval], first: IntArray, behind: IntArray) -> Iterator[Hole]:
    """Gaps between neighbours that hold a session; intervals ascend and do not overlap."""
    sessions = (first[1:] - behind[:-1]).tolist()
    for (row, following), count in zip(pairwise(intervals), sessions, strict=True):
        if row.symbol == following.symbol and row.end is not None and count > 0:
            yield Hole(row.symbol, row.end, following.start, count)


def _refused(problems: Sequence[tuple[int, str]], path: Path) -> DataRefused:
    ordered = sorted(problems)
    shown = [f"line {line}: {text}" for line, text in ordered[:PROBLEMS_SHOWN]]
    if len(ordered) > PROBLEMS_SHOWN:
        shown.append(f"and {len(ordered) - PROBLEMS_SHOWN} more")
    count = "a problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    return DataRefused(
        f"the borrow table has {count}",
        expected="symbol, start, a later end or nothing, and an annual rate such as 0.025",
        found="; ".join(shown),
        where=f"{path} (lines count from the header as 1, blank lines not)",
        fix="correct the rows",
    )


def _nothing_known(listed: set[str], axes: Axes, path: Path) -> UsageError:
    return UsageError(
        "no symbol of the borrow table is in the dataset",
        expected="symbols such as " + ", ".join(axes.symbols[:3]),
        found=", ".join(sorted(listed)[:3]),
        where=str(path),
        fix="check the borrow table and data.dataset, and how symbols are written in both",
    )
