"""The quality gate: which rows may enter the warehouse, which not, and why.

``inspect`` judges one delivery of rows in this order:

1. rows the source could not read are quarantined with the source's reason   ``rejected``
2. exact repetitions of a row are laid together                              ``_laid_together``
3. open, high, low, volume and optional fields that are no valid number
   become unknown (null) and are noted                                       ``_cleaned``
4. every row is judged; the first reason that applies is its reason          ``_reasons``

   ===================== ===========================================================
   missing_symbol        there is no symbol
   missing_date          there is no date
   not_a_session         the date is no session of the calendar
   close_missing         there is no close
   close_not_finite      the close is infinite
   close_not_positive    the close is zero or negative
   price_too_large       the close is above what the ledger can hold
   high_below_low        high < low, both valid
   negative_volume       volume < 0
   conflicting_duplicate another row of the same symbol and date says otherwise; all
                         copies go, also when the other copy has a reason of its own
   ===================== ===========================================================

5. what is kept is looked over                        ``quality_findings.observe``
6. the whole is refused when over 2 % of the rows were quarantined or two symbols
   carry the same series                              ``_refusals``
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from quant_core.data.quality_findings import (
    Observations,
    blank_findings,
    observe,
)
from quant_core.data.quality_report import EXAMPLES, QUARANTINE_LIMIT, QualityReport, Tally
from quant_core.data.schema import BAR_FIELDS, PRICE_FIELDS, RawTable, empty_text
from quant_core.foundation.money import LARGEST_MICROS, MICROS_PER_UNIT
from quant_core.foundation.timing import calendar_sessions
from quant_core.foundation.types import SessionArray

SANE_YEARS = (1900, 2100)
"""Dates outside these years are typing errors, not sessions."""

STRAY_DAYS = 5 * 365
"""A few rows this far from all others are typing errors, not sessions."""

IDENTICAL_ROWS = 5
"""Two symbols are the same series from so many rows on."""

LARGEST_PRICE = float(LARGEST_MICROS // MICROS_PER_UNIT)
"""The highest price in whole currency units that the ledger can hold."""

NON_NEGATIVE = ("amount",)
"""Optional fields that may be zero; the other optional ones must be positive."""

REASONS = (
    *("missing_symbol", "missing_date", "not_a_session"),
    *("close_missing", "close_not_finite", "close_not_positive", "price_too_large"),
    *("high_below_low", "negative_volume", "conflicting_duplicate"),
)
"""The reasons of the gate in the order in which they are tried."""


CONCERNED = {"high_below_low": ["high", "low"], "negative_volume": ["volume"]}
"""The fields an example shows when it is not the close."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The outcome of the gate.

    Attributes
    ----------
    prices : polars.DataFrame
        The kept rows, ascending by (symbol, date), one per key.
    quarantine : polars.DataFrame
        The refused rows as text with their reason, values as they came.
    findings : polars.DataFrame
        Observations about the kept rows.
    report : QualityReport
        The account in numbers.
    """

    prices: pl.DataFrame
    quarantine: pl.DataFrame
    findings: pl.DataFrame
    report: QualityReport


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rows ascending by key: as they came, cleaned, and the reason against each."""

    written: pl.DataFrame
    cleaned: pl.DataFrame
    reason: pl.Series
    collapsed: int
    sessions: SessionArray


def inspect(raw: RawTable, calendar: str) -> Inspection:
    """Put the rows of a source through the gate.

    The report names the reasons for refusing the dataset as a whole; nothing is raised
    for them (see :meth:`QualityReport.raise_if_refused`).

    Parameters
    ----------
    raw : RawTable
        What a source read.
    calendar : str
        The exchange calendar whose sessions are valid dates.

    Raises
    ------
    ConfigurationError
        The calendar is unknown or does not reach the dates.

    Examples
    --------
    >>> raw = RawTable(pl.DataFrame({
    ...     "symbol": ["A", "A"], "date": [date(2018, 1, 2), date(2018, 1, 1)],
    ...     "open": [0.0, 1.0], "high": [2.0, 2.0], "low": [1.0, 1.0],
    ...     "close": [1.5, 1.5], "volume": [10.0, 10.0]}))
    >>> seen = inspect(raw, "XNYS")
    >>> seen.prices.select("date", "open", "close").rows()
    [(datetime.date(2018, 1, 2), None, 1.5)]
    >>> seen.quarantine.select("date", "reason").rows()
    [('2018-01-01', 'not_a_session')]
    """
    judged = _judge(raw.prices, calendar)
    passed = judged.reason.is_null()
    everything = bool(passed.all())
    kept = judged.cleaned if everything else judged.cleaned.filter(passed)
    written = judged.written if everything else judged.written.filter(passed)
    seen = observe(kept, judged.sessions)
    findings = pl.concat([seen.findings, blank_findings(written, kept)])
    findings = findings.sort("kind", "symbol", "date")
    quarantine = _quarantine(judged, raw.rejected)
    source = _source_view(judged) if not everything else None
    report = QualityReport(
        rows_in=raw.prices.height + raw.rejected.height,
        rows_kept=kept.height,
        collapsed=judged.collapsed,
        quarantined=_quarantine_tallies(quarantine),
        nulls={name: kept[name].null_count() for name in kept.columns[2:]},
        findings=_finding_tallies(findings, source.findings if source else findings),
        coverage=seen.coverage,
        missing_in_source=(source or seen).coverage.missing_symbol_days,
        symbols=kept["symbol"].n_unique(),
        first=_a_date(kept["date"].min()),
        last=_a_date(kept["date"].max()),
        calendar=calendar,
        origin=raw.origin,
    )
    return Inspection(kept, quarantine, findings, replace(report, refusals=_refusals(report, kept)))


def sessions_over(dates: pl.Series, calendar: str) -> SessionArray:
    """Sessions of the calendar over the sane range of ``dates``; empty without any.

    Left out are dates beyond :data:`SANE_YEARS` and, when they are fewer than 2 % of
    the rows, dates more than five years away from all others.
    """
    span = _sane_range(dates)
    if span is None:
        return np.array([], dtype="datetime64[D]")
    first, last = span
    return calendar_sessions(calendar, first, last)


def identical_series(prices: pl.DataFrame) -> list[tuple[str, ...]]:
    """Groups of symbols whose rows are equal in date and every field of the bar.

    Compared are symbols with at least :data:`IDENTICAL_ROWS` rows; a symbol that never
    traded (one price throughout, volume zero or unknown) resembles others by nature and
    is left out.
    """
    grouped = (
        prices.select("symbol", "close", "volume", row=pl.struct("date", *BAR_FIELDS).hash(7))
        .group_by("symbol")
        .agg(
            rows=pl.len(),
            series=pl.col("row").sum(),
            moved=pl.col("close").min() != pl.col("close").max(),
            traded=pl.col("volume").max() > 0.0,
        )
        .filter(pl.col("rows") >= IDENTICAL_ROWS, pl.col("moved") | pl.col("traded"))
    )
    repeated = (
        grouped.group_by("rows", "series")
        .agg(pl.col("symbol").sort())
        .filter(pl.col("symbol").list.len() > 1)
        .sort(pl.col("symbol").list.first())
    )
    return [tuple(symbols) for symbols in repeated["symbol"].to_list()]


def _judge(prices: pl.DataFrame, calendar: str) -> _Judged:
    fields = prices.columns[2:]
    ordered = _in_order(prices.with_columns(pl.col(fields).fill_nan(None)))
    written, conflicting = _laid_together(ordered)
    sessions = sessions_over(written["date"], calendar)
    cleaned = _cleaned(written)
    reason = _reasons(cleaned, conflicting, sessions)
    return _Judged(written, cleaned, reason, ordered.height - written.height, sessions)


def _in_order(prices: pl.DataFrame) -> pl.DataFrame:
    symbol, day = pl.col("symbol"), pl.col("date")
    ascends = (symbol > symbol.shift(1)) | ((symbol == symbol.shift(1)) & (day > day.shift(1)))
    if prices.select(ascends.slice(1).fill_null(value=False).all()).item():
        return prices
    return prices.sort("symbol", "date", maintain_order=True)


def _laid_together(ordered: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Rows without exact repetitions, and which of them contradict another."""
    repeats = _repeats_key(ordered)
    if not repeats.any():
        return ordered, repeats
    numbered = ordered.with_row_index("row")
    shared = numbered.filter(repeats | repeats.shift(-1, fill_value=False))
    contents = shared.unique(ordered.columns, keep="first", maintain_order=True)
    versions = contents.group_by("symbol", "date").agg(pl.len().alias("versions"))
    shared = shared.join(versions, on=["symbol", "date"])
    rivals = shared.filter(pl.col("versions") > 1)["row"]
    needless = shared.filter(pl.col("versions") == 1).join(contents, on="row", how="anti")["row"]
    kept = numbered.filter(~pl.col("row").is_in(needless.implode()))
    return kept.drop("row"), kept["row"].is_in(rivals.implode())


def _repeats_key(ordered: pl.DataFrame) -> pl.Series:
    """Whether a row has the symbol and date of the row before; unknown keys repeat nothing."""
    symbol, day = pl.col("symbol"), pl.col("date")
    again = (symbol == symbol.shift(1)) & (day == day.shift(1))
    return ordered.select(again.fill_null(value=False).alias("again")).to_series()


def _cleaned(written: pl.DataFrame) -> pl.DataFrame:
    """Unknown where open, high, low or an optional field is no valid number.

    An infinite volume is unknown; a negative one stays for the judgement, as does any close.
    """
    columns: list[pl.Expr] = [pl.when(pl.col("volume").is_finite()).then(pl.col("volume"))]
    for name in written.columns[2:]:
        value = pl.col(name)
        if name in ("close", "volume"):
            continue
        valid = value >= 0.0 if name in NON_NEGATIVE else value > 0.0
        if name in PRICE_FIELDS:
            valid &= value <= LARGEST_PRICE
        columns.append(pl.when(value.is_finite() & valid).then(value))
    return written.with_columns(columns)


def _reasons(cleaned: pl.DataFrame, conflicting: pl.Series, sessions: SessionArray) -> pl.Series:
    close = pl.col("close")
    days = pl.Series("sessions", sessions.astype("datetime64[ms]")).cast(pl.Date)
    tests = (
        pl.col("symbol").is_null(),
        pl.col("date").is_null(),
        ~pl.col("date").is_in(days.implode()),
        close.is_null(),
        ~close.is_finite(),
        ~(close > 0.0),
        close > LARGEST_PRICE,
        pl.col("high") < pl.col("low"),
        pl.col("volume") < 0.0,
        pl.lit(conflicting),
    )
    failed = cleaned.select(
        test.fill_null(value=False).alias(reason)
        for reason, test in zip(REASONS, tests, strict=True)
    )
    named = [pl.when(pl.col(reason)).then(pl.lit(reason)) for reason in REASONS]
    return failed.select(pl.coalesce(named).alias("reason")).to_series()


def _quarantine(judged: _Judged, rejected: pl.DataFrame) -> pl.DataFrame:
    refused = judged.written.with_columns(judged.reason).filter(judged.reason.is_not_null())
    texts = refused.select(pl.all().cast(pl.String))
    shape = empty_text(judged.written.columns).clear()
    together = pl.concat([shape, rejected, texts], how="diagonal")
    return together.select(*texts.columns[:-1], "reason")


def _source_view(judged: _Judged) -> Observations:
    """Observations about the rows as they came, as far as they have a symbol and a date."""
    keyed = judged.reason.is_null() | ~judged.reason.is_in(list(REASONS[:2]))
    shown = keyed & ~_repeats_key(judged.cleaned)
    rows, close = judged.cleaned.filter(shown), pl.col("close")
    valid = (close > 0.0) & (close <= LARGEST_PRICE)
    valued = rows.with_columns(pl.when(valid).then(close))
    seen = observe(valued, judged.sessions)
    blanks = blank_findings(judged.written.filter(shown), rows)
    return replace(seen, findings=pl.concat([seen.findings, blanks]))


def _quarantine_tallies(quarantine: pl.DataFrame) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for (reason,), rows in quarantine.group_by("reason", maintain_order=True):
        examples = tuple(_row_text(row) for row in rows.head(EXAMPLES).iter_rows(named=True))
        tallies[str(reason)] = Tally(rows.height, rows.height, examples)
    return dict(sorted(tallies.items()))


def _row_text(row: dict[str, str | None]) -> str:
    reason = row["reason"] or ""
    named = [reason.rpartition(":")[2]] if ":" in reason else ["close"]
    fields = CONCERNED.get(reason, named)
    values = [f"{name}={row[name] or 'none'}" for name in fields]
    return " ".join([row["symbol"] or "no symbol", row["date"] or "no date", *values])


def _finding_tallies(kept: pl.DataFrame, source: pl.DataFrame) -> dict[str, Tally]:
    in_kept, in_source = _counts(kept), _counts(source)
    tallies: dict[str, Tally] = {}
    for kind in sorted(in_kept | in_source):
        first = kept.filter(pl.col("kind") == kind).head(EXAMPLES)
        examples = tuple(_finding_text(*row) for row in first.iter_rows())
        tallies[kind] = Tally(in_source.get(kind, 0), in_kept.get(kind, 0), examples)
    return tallies


def _counts(findings: pl.DataFrame) -> dict[str, int]:
    return {str(kind): int(number) for kind, number in findings["kind"].value_counts().iter_rows()}


def _finding_text(
    _kind: str, symbol: str | None, day: date | None, detail: str, _value: float | None
) -> str:
    place = " ".join(str(part) for part in (symbol, day) if part is not None)
    return f"{place} ({detail})" if place else detail


def _refusals(report: QualityReport, kept: pl.DataFrame) -> tuple[str, ...]:
    refusals: list[str] = []
    if report.rows_in == 0:
        refusals.append("there are no rows")
    elif not (report.rows_quarantined <= QUARANTINE_LIMIT * report.rows_in):
        reasons = ", ".join(
            f"{reason} {tally.kept:,} (first: {tally.examples[0]})"
            for reason, tally in report.quarantined.items()
        )
        refusals.append(
            f"{report.rows_quarantined:,} of {report.rows_in:,} rows "
            f"({report.rows_quarantined / report.rows_in:.3%}) would be quarantined: {reasons}"
        )
    pairs = identical_series(kept)
    if pairs:
        shown = ", ".join(" = ".join(symbols) for symbols in pairs[:EXAMPLES])
        refusals.append(f"{len(pairs)} series stand under more than one symbol: {shown}")
    return tuple(refusals)


def _sane_range(dates: pl.Series) -> tuple[date, date] | None:
    rows = dates.drop_nulls().alias("date").value_counts().sort("date")
    rows = rows.filter(pl.col("date").dt.year().is_between(*SANE_YEARS))
    if rows.is_empty():
        return None
    far = (rows["date"].diff().dt.total_days() > STRAY_DAYS).fill_null(value=False)
    clusters = rows.with_columns(far.cum_sum().alias("cluster"))
    weight = pl.col("count").sum().over("cluster")
    bulk = clusters.filter(weight >= QUARANTINE_LIMIT * pl.col("count").sum())["date"]
    first, last = _a_date(bulk.min()), _a_date(bulk.max())
    return (first, last) if first is not None and last is not None else None


def _a_date(value: object) -> date | None:
    return value if isinstance(value, date) else None
