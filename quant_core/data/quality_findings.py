"""What the gate notices about rows it keeps: observations, never repairs.

=============== ========================================================================
null_<field>    open, high, low or volume is missing, or was no valid number
field_absent    no row of the dataset has the field
outside_range   open or close above high or below low
large_move      close / previous available close of the symbol - 1 beyond 40 % either way
equal_closes    a run of five or more equal closes, one finding per longest run
zero_volume     volume is zero
gap             sessions without a row between a symbol's first and last, one per symbol
late_start      a symbol's first session is after the dataset's
early_end       a symbol's last session is before the dataset's
thin_session    a session for which nearly no symbol alive has a row
=============== ========================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from quant_core.data.schema import BAR_FIELDS, FINDING_SCHEMA, empty_findings
from quant_core.foundation.types import FloatArray, IntArray, SessionArray

LARGE_MOVE = 0.40
"""A close-to-close move beyond this share, either way, is noted."""

EQUAL_CLOSES = 5
"""From so many equal closes in a row on, the run is noted."""

THIN_SHARE = 0.05
"""A session is thin when fewer than this share of the symbols alive have a row."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How well the rows cover the sessions of the calendar.

    Attributes
    ----------
    sessions : int
        Sessions of the calendar from the first row to the last.
    thin : tuple of (date, int, int)
        Sessions nearly nobody has: (session, symbols with a row, symbols alive). A
        symbol is alive from its first row to its last.
    missing_symbol_days : int
        Sessions without a row between a symbol's first and last, over all symbols.
    gaps : tuple of (str, int)
        The symbols that miss sessions with their number, worst first, ties by symbol.
    """

    sessions: int
    thin: tuple[tuple[date, int, int], ...]
    missing_symbol_days: int
    gaps: tuple[tuple[str, int], ...]

    @property
    def empty(self) -> tuple[date, ...]:
        """Sessions without any row."""
        return tuple(day for day, rows, _ in self.thin if rows == 0)


@dataclass(frozen=True, slots=True)
class Observations:
    """Findings about a table of prices, and its coverage of the calendar."""

    findings: pl.DataFrame
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows ascending by symbol and date, with the first and last row of each symbol."""

    frame: pl.DataFrame
    first: IntArray
    last: IntArray

    @property
    def symbols(self) -> pl.Series:
        return self.frame["symbol"].gather(self.first)


def observe(prices: pl.DataFrame, sessions: SessionArray) -> Observations:
    """Look over a table of prices.

    Parameters
    ----------
    prices : polars.DataFrame
        Ascending by (symbol, date) without repetition, no key missing; fields null
        where unknown. A row without close takes no part in moves and runs, a row on
        no session none in what concerns the calendar.
    sessions : SessionArray
        The sessions of the calendar over at least the range of the dates.

    Examples
    --------
    >>> prices = pl.DataFrame({
    ...     "symbol": ["A", "A"], "date": [date(2018, 1, 2), date(2018, 1, 4)],
    ...     "open": [1.0, 1.0], "high": [1.0, 2.0], "low": [1.0, 1.0],
    ...     "close": [1.0, 1.5], "volume": [0.0, 9.0]})
    >>> days = np.arange("2018-01-02", "2018-01-05", dtype="datetime64[D]")
    >>> seen = observe(prices, days)
    >>> seen.findings["kind"].to_list()
    ['gap', 'large_move', 'thin_session', 'zero_volume']
    >>> seen.coverage.missing_symbol_days
    1
    """
    priced = prices.drop_nulls("close") if prices["close"].null_count() else prices
    found = [*_row_findings(prices), *_close_findings(_table(priced))]
    coverage = Coverage(0, (), 0, ())
    calendar = _on_calendar(prices, sessions)
    if calendar is not None:
        missing, thin = _missing_per_symbol(calendar), _thin_sessions(calendar)
        found += [_gap_findings(calendar, missing), *_span_findings(calendar), _thin_findings(thin)]
        spanned = calendar.position.max() - calendar.position.min() + 1
        gaps = _worst_gaps(calendar, missing)
        coverage = Coverage(int(spanned), thin, int(missing.sum()), gaps)
    return Observations(pl.concat(found).sort("kind", "symbol", "date"), coverage)


def blank_findings(written: pl.DataFrame, cleaned: pl.DataFrame) -> pl.DataFrame:
    """One ``null_<field>`` per row whose field is unknown, with what was written there.

    Parameters
    ----------
    written, cleaned : polars.DataFrame
        The same rows before and after values that are no valid price were blanked.
        Optional fields are mentioned only where a value was blanked; a field that no
        row has gives a single ``field_absent``.
    """
    found = [empty_findings()]
    for name in cleaned.columns[2:]:
        column = cleaned[name]
        blank = column.is_null()
        if column.null_count() == len(column) > 0 and written[name].null_count() == len(column):
            found.append(_absent_field(name))
            continue
        if name not in BAR_FIELDS:
            blank &= written[name].is_not_null()
        rows = written.filter(blank)
        written_there = pl.col(name).cast(pl.String) + " is no valid number"
        found.append(
            _findings(f"null_{name}", rows, written_there.fill_null("no value"), pl.col(name))
        )
    return pl.concat(found)


@dataclass(frozen=True, slots=True)
class _Calendar:
    """Rows on sessions, each with the position of its session."""

    table: _Table
    position: IntArray
    sessions: SessionArray

    @property
    def starts(self) -> IntArray:
        return self.position[self.table.first]

    @property
    def ends(self) -> IntArray:
        return self.position[self.table.last]


def _table(prices: pl.DataFrame) -> _Table:
    symbol = prices["symbol"]
    changes = (symbol != symbol.shift(1)).fill_null(value=True).to_numpy()
    first = np.flatnonzero(changes)
    last = np.append(first[1:], len(symbol)) - 1 if len(first) else first
    return _Table(prices, first, last)


def _on_calendar(prices: pl.DataFrame, sessions: SessionArray) -> _Calendar | None:
    dates = prices["date"].to_numpy().astype("datetime64[D]")
    position = np.searchsorted(sessions, dates)
    known = position < len(sessions)
    known[known] = sessions[position[known]] == dates[known]
    if not known.any():
        return None
    if not known.all():
        prices, position = prices.filter(pl.Series(known)), position[known]
    return _Calendar(_table(prices), position, sessions)


def _findings(kind: str, rows: pl.DataFrame, detail: pl.Expr, value: pl.Expr) -> pl.DataFrame:
    return rows.select(
        pl.lit(kind).alias("kind"),
        pl.col("symbol"),
        pl.col("date"),
        detail.alias("detail"),
        value.cast(pl.Float64).alias("value"),
    )


def _absent_field(name: str) -> pl.DataFrame:
    row = {"kind": "field_absent", "detail": f"no row has {name}"}
    return pl.DataFrame([row | {"symbol": None, "date": None, "value": None}], FINDING_SCHEMA)


def _row_findings(prices: pl.DataFrame) -> list[pl.DataFrame]:
    """What one row shows by itself. A missing high or low bounds nothing."""
    outside = pl.any_horizontal(
        pl.col("open", "close") > pl.col("high"), pl.col("open", "close") < pl.col("low")
    )
    span = _phrase("open ", "open", ", close ", "close", " outside [", "low", ", ", "high", "]")
    silent = prices.filter(pl.col("volume") == 0.0)
    return [
        _findings("outside_range", prices.filter(outside), span, pl.col("close")),
        _findings("zero_volume", silent, pl.lit("volume is zero"), pl.col("volume")),
    ]


def _close_findings(table: _Table) -> list[pl.DataFrame]:
    closes = table.frame["close"].to_numpy()
    return [_move_findings(table, closes), _run_findings(table, closes)]


def _move_findings(table: _Table, closes: FloatArray) -> pl.DataFrame:
    moves = np.zeros(len(closes))
    with np.errstate(over="ignore"):  # from next to nothing: an infinite move, and noted
        moves[1:] = closes[1:] / closes[:-1] - 1.0
    moves[table.first] = 0.0
    rows = np.flatnonzero(np.abs(moves) > LARGE_MOVE)
    with np.errstate(over="ignore"):
        percent = (moves[rows] * 100).round(1)
    before = table.frame[rows - 1].select(pl.col("date", "close").name.prefix("previous_"))
    shown = pl.concat([table.frame[rows], before], how="horizontal").with_columns(
        pl.Series("move", moves[rows]), pl.Series("percent", percent)
    )
    detail = _phrase(
        "", "percent", " %: close ", "close", " after ", "previous_close", " on ", "previous_date"
    )
    return _findings("large_move", shown, detail, pl.col("move"))


def _run_findings(table: _Table, closes: FloatArray) -> pl.DataFrame:
    begins = np.ones(len(closes), dtype=np.bool_)
    begins[1:] = closes[1:] != closes[:-1]
    begins[table.first] = True
    starts = np.flatnonzero(begins)
    lengths = np.diff(np.append(starts, len(closes)))
    long = lengths >= EQUAL_CLOSES
    starts, lengths = starts[long], lengths[long]
    shown = table.frame[starts].with_columns(
        pl.Series("length", lengths, pl.Int64),
        table.frame["date"].gather(starts + lengths - 1).alias("until"),
    )
    detail = _phrase("", "length", " closes of ", "close", " until ", "until")
    return _findings("equal_closes", shown, detail, pl.col("length"))


def _phrase(*parts: str) -> pl.Expr:
    """Text of literals (even places) and columns (odd places); an unknown value is a dash."""
    pieces = [
        pl.col(part).cast(pl.String).fill_null("-") if place % 2 else pl.lit(part)
        for place, part in enumerate(parts)
    ]
    return pl.concat_str(pieces)


def _missing_per_symbol(calendar: _Calendar) -> IntArray:
    rows = calendar.table.last - calendar.table.first + 1
    return calendar.ends - calendar.starts + 1 - rows


def _gap_findings(calendar: _Calendar, missing: IntArray) -> pl.DataFrame:
    holes = np.zeros(len(calendar.position), dtype=np.int64)
    holes[1:] = np.diff(calendar.position) - 1
    holes[calendar.table.first] = 0
    longest = np.maximum.reduceat(holes, calendar.table.first)
    shown = pl.DataFrame(
        {"symbol": calendar.table.symbols, "missing": missing, "longest": longest}
    ).filter(pl.col("missing") > 0)
    detail = _phrase("sessions without a row: ", "missing", ", longest run: ", "longest")
    dateless = shown.with_columns(pl.lit(None, pl.Date).alias("date"))
    return _findings("gap", dateless, detail, pl.col("missing"))


def _worst_gaps(calendar: _Calendar, missing: IntArray) -> tuple[tuple[str, int], ...]:
    ranked = (
        pl.DataFrame({"symbol": calendar.table.symbols, "missing": missing})
        .filter(pl.col("missing") > 0)
        .sort("missing", "symbol", descending=[True, False])
    )
    return tuple((str(symbol), int(number)) for symbol, number in ranked.iter_rows())


def _span_findings(calendar: _Calendar) -> list[pl.DataFrame]:
    table, starts, ends = calendar.table, calendar.starts, calendar.ends
    return [
        _span_finding("late_start", table.frame[table.first], starts - starts.min()),
        _span_finding("early_end", table.frame[table.last], ends.max() - ends),
    ]


def _span_finding(kind: str, rows: pl.DataFrame, distance: IntArray) -> pl.DataFrame:
    shown = rows.with_columns(pl.Series("distance", distance)).filter(pl.col("distance") > 0)
    side = " sessions after the first" if kind == "late_start" else " sessions before the last"
    detail = _phrase("", "distance", side + " of the dataset")
    return _findings(kind, shown, detail, pl.col("distance"))


def _thin_sessions(calendar: _Calendar) -> tuple[tuple[date, int, int], ...]:
    """Sessions from the first row to the last that nearly no symbol alive has."""
    count = len(calendar.sessions)
    rows = np.bincount(calendar.position, minlength=count)
    steps = np.bincount(calendar.starts, minlength=count + 1)
    steps -= np.bincount(calendar.ends + 1, minlength=count + 1)
    alive = np.cumsum(steps)[:count]
    index = np.arange(count)
    within = (index >= calendar.position.min()) & (index <= calendar.position.max())
    thin = within & ((rows == 0) | (rows < THIN_SHARE * alive))
    return tuple(
        (calendar.sessions[i].item(), int(rows[i]), int(alive[i])) for i in np.flatnonzero(thin)
    )


def _thin_findings(thin: Sequence[tuple[date, int, int]]) -> pl.DataFrame:
    rows = [
        {
            "kind": "thin_session",
            "symbol": None,
            "date": day,
            "detail": f"{rows} of {alive} symbols have a row",
            "value": float(rows),
        }
        for day, rows, alive in thin
    ]
    return pl.DataFrame(rows, FINDING_SCHEMA)
