"""Returns per calendar week, month, quarter and year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from quant_core.foundation.types import FloatArray, FloatMatrix, IntArray, SessionArray

CalendarPeriod = Literal["week", "month", "quarter", "year"]

MONDAY_OFFSET = 3
"""1970-01-01, day 0 of numpy's dates, was a Thursday: three days after a Monday."""


@dataclass(frozen=True, slots=True)
class CalendarReturns:
    """Compound return of each calendar period that has a session.

    ``starts`` is the first calendar day of each period (datetime64[D], ascending); a week
    starts on its Monday (ISO 8601). A period of which no return is known is NaN; the first
    and last periods may be only partly covered.
    """

    starts: SessionArray
    returns: FloatArray


def aggregate_returns(
    sessions: SessionArray, returns: FloatArray, *, period: CalendarPeriod
) -> CalendarReturns:
    """Compound the returns of each calendar period.

    Parameters
    ----------
    sessions : SessionArray
        Ascending session dates, length n.
    returns : FloatArray
        Simple returns of those sessions, length n; NaN counts as 0 beside known ones.
    period : {"week", "month", "quarter", "year"}

    Examples
    --------
    >>> days = np.array(["2024-01-30", "2024-01-31", "2024-02-01"], dtype="datetime64[D]")
    >>> monthly = aggregate_returns(days, np.array([0.1, 0.1, -0.5]), period="month")
    >>> monthly.starts.astype(str).tolist(), monthly.returns.round(12).tolist()
    (['2024-01-01', '2024-02-01'], [0.21, -0.5])
    """
    if len(sessions) == 0:
        return CalendarReturns(sessions.astype("datetime64[D]"), np.array([], dtype=np.float64))
    period_starts = _period_starts(sessions.astype("datetime64[D]"), period)
    changes = np.flatnonzero(period_starts[1:] != period_starts[:-1]) + 1
    firsts = np.concatenate(([0], changes))
    known = ~np.isnan(returns)
    growth = np.multiply.reduceat(1.0 + np.where(known, returns, 0.0), firsts)
    any_known = np.add.reduceat(known.astype(np.int64), firsts) > 0
    return CalendarReturns(period_starts[firsts], np.where(any_known, growth - 1.0, np.nan))


def _period_starts(days: SessionArray, period: CalendarPeriod) -> SessionArray:
    match period:
        case "week":
            since_monday = (days.astype(np.int64) + MONDAY_OFFSET) % 7
            return days - since_monday.astype("timedelta64[D]")
        case "month":
            return days.astype("datetime64[M]").astype("datetime64[D]")
        case "quarter":
            months = days.astype("datetime64[M]").astype(np.int64)
            return (months - months % 3).astype("datetime64[M]").astype("datetime64[D]")
        case "year":
            return days.astype("datetime64[Y]").astype("datetime64[D]")


@dataclass(frozen=True, slots=True)
class MonthlyReturns:
    """Compound returns, one row per year, one column per month.

    ``years`` int64 [years]; ``months`` [years, 12], NaN where the run has no session;
    ``totals`` [years], the compound return of the sessions of that year. The first and last
    month may be only partly covered by the run.
    """

    years: IntArray
    months: FloatMatrix
    totals: FloatArray


def monthly_returns(sessions: SessionArray, returns: FloatArray) -> MonthlyReturns:
    """Table of monthly returns, years ascending.

    Every year between the first and the last session has a row.

    Examples
    --------
    >>> days = np.array(["2023-12-29", "2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    >>> table = monthly_returns(days, np.array([-0.1, 0.1, 0.1]))
    >>> table.years.tolist(), table.totals.round(6).tolist()
    ([2023, 2024], [-0.1, 0.21])
    >>> table.months[:, [0, 11]].round(6).tolist()
    [[nan, -0.1], [0.21, nan]]
    """
    by_month = aggregate_returns(sessions, returns, period="month")
    by_year = aggregate_returns(sessions, returns, period="year")
    month_numbers = by_month.starts.astype("datetime64[M]").astype(np.int64)
    if month_numbers.size == 0:
        empty = np.array([], dtype=np.float64)
        return MonthlyReturns(np.array([], dtype=np.int64), empty.reshape(0, 12), empty)
    first_year, last_year = int(month_numbers[0]) // 12, int(month_numbers[-1]) // 12
    months = np.full((last_year - first_year + 1, 12), np.nan)
    months[month_numbers // 12 - first_year, month_numbers % 12] = by_month.returns
    totals = np.full(months.shape[0], np.nan)
    totals[by_year.starts.astype("datetime64[Y]").astype(np.int64) - first_year] = by_year.returns
    years = np.arange(1970 + first_year, 1971 + last_year, dtype=np.int64)
    return MonthlyReturns(years, months, totals)
