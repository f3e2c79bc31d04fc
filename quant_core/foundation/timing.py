"""Sessions, exchange calendars and the wall clock. The only reader of either.

A session is an exchange-local date (``datetime.date``); an instant is an aware UTC
``datetime``. The two never mix.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.types import Session, SessionArray

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

SPARE_DAYS = 30
"""Days before the first one asked for that are read too: no exchange is closed so long."""

ALWAYS_OPEN = "24/7"
"""Name of the calendar in which every day is a session (crypto)."""

NEW_YORK_CALENDAR = "XNYS"
_NEW_YORK = "America/New_York"


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


def monotonic_seconds() -> float:
    """Seconds of a clock that never goes back; only differences mean anything."""
    return time.perf_counter()


def calendar_sessions(calendar: str, first: date, last: date) -> SessionArray:
    """Sessions of an exchange from ``first`` to ``last``, both inclusive.

    Parameters
    ----------
    calendar : str
        A name of ``exchange_calendars`` (XNYS, XSHG, XHKG, XBOM, ...) or ``24/7``.
    first, last : date
        Exchange-local dates; they need not be sessions.

    Returns
    -------
    SessionArray
        Ascending; empty when ``last`` is before ``first``.

    Raises
    ------
    ConfigurationError
        For an unknown calendar, or dates the calendar does not reach.

    Examples
    --------
    >>> calendar_sessions("24/7", date(2024, 1, 6), date(2024, 1, 7)).astype(str).tolist()
    ['2024-01-06', '2024-01-07']
    """
    if last < first:
        return np.array([], dtype="datetime64[D]")
    if calendar == ALWAYS_OPEN:
        days = np.datetime64(first, "D") + np.arange((last - first).days + 1)
        return days.astype("datetime64[D]")
    return _exchange_sessions(calendar, first, last)


class SessionHours(NamedTuple):
    """The instants at which a session opens and closes, in UTC."""

    opens: datetime
    closes: datetime


def session_hours(calendar: str, session: Session) -> SessionHours:
    """Open and close of a session, half days and daylight saving included.

    A lunch break belongs to the session. A date that is none of the calendar's sessions has
    the exchange's usual hours: a dataset may have traded where the calendar knows nothing.

    Raises
    ------
    ConfigurationError
        For an unknown calendar, or a date it does not reach.

    Examples
    --------
    >>> session_hours("XNYS", date(2024, 11, 29)).closes.isoformat()
    '2024-11-29T18:00:00+00:00'
    """
    if calendar == ALWAYS_OPEN:
        opens = datetime.combine(session, time_of_day(0), UTC)
        return SessionHours(opens, opens + timedelta(days=1))
    whole = (date(session.year, 1, 1), date(session.year, 12, 31))
    exchange = _exchange(calendar, (whole, (session - timedelta(days=SPARE_DAYS), session)))
    if exchange.is_session(str(session)):
        opens, closes = exchange.session_open(str(session)), exchange.session_close(str(session))
        return SessionHours(
            opens.to_pydatetime().astimezone(UTC), closes.to_pydatetime().astimezone(UTC)
        )
    zone = ZoneInfo(str(exchange.tz))
    usual = (exchange.open_times[-1][1], exchange.close_times[-1][1])
    opens, closes = (datetime.combine(session, at, zone).astimezone(UTC) for at in usual)
    return SessionHours(opens, closes)


def new_york_hours(session: Session) -> SessionHours:
    """09:30 to 16:00 in New York, for history: at once, but without the half days.

    Examples
    --------
    >>> new_york_hours(date(2024, 7, 1)).opens.isoformat()
    '2024-07-01T13:30:00+00:00'
    """
    opens, closes = (
        datetime.combine(session, at, ZoneInfo(_NEW_YORK)).astimezone(UTC)
        for at in (time_of_day(9, 30), time_of_day(16))
    )
    return SessionHours(opens, closes)


def exchange_zone(calendar: str) -> ZoneInfo:
    """The zone of an exchange's local time.

    Raises
    ------
    ConfigurationError
        For an unknown calendar.

    Examples
    --------
    >>> exchange_zone("XNYS").key, exchange_zone("24/7").key
    ('America/New_York', 'UTC')
    """
    known = {NEW_YORK_CALENDAR: _NEW_YORK, ALWAYS_OPEN: "UTC"}.get(calendar)
    if known is not None:
        return ZoneInfo(known)
    year = (date(2020, 1, 1), date(2020, 12, 31))
    return ZoneInfo(str(_exchange(calendar, (year,)).tz))


def calendar_end(calendar: str, today: date) -> date:
    """The last session a calendar knows: it is a table in a library, and grows old.

    Examples
    --------
    >>> calendar_end("24/7", date(2024, 1, 1))
    datetime.date(2025, 1, 1)
    """
    if calendar == ALWAYS_OPEN:
        return date(today.year + 1, 1, 1)
    last: date = _sessions_from(calendar, today.year)[-1].item()
    return last


def following_session(calendar: str, after: date) -> Session | None:
    """The session of a calendar after a date; None where the calendar ends.

    Examples
    --------
    >>> following_session("24/7", date(2024, 1, 6))
    datetime.date(2024, 1, 7)
    """
    if calendar == ALWAYS_OPEN:
        return after + timedelta(days=1)
    sessions = _sessions_from(calendar, after.year)
    place = int(np.searchsorted(sessions, np.datetime64(after, "D"), side="right"))
    following: Session | None = sessions[place].item() if place < len(sessions) else None
    return following


@lru_cache(maxsize=16)
def _sessions_from(calendar: str, year: int) -> SessionArray:
    """Sessions from shortly before a year to the end of the calendar."""
    ranges = ((date(year, 1, 1) - timedelta(days=SPARE_DAYS), None), (date(year, 1, 1), None))
    return np.array(_exchange(calendar, ranges).sessions.values, dtype="datetime64[D]")


def _exchange_sessions(calendar: str, first: date, last: date) -> SessionArray:
    # The library refuses a range without sessions: ask for more and cut. Where its records
    # begin with the range itself, there is no more to ask for.
    ranges = ((first - timedelta(days=SPARE_DAYS), last), (first, last))
    sessions = np.array(_exchange(calendar, ranges).sessions.values, dtype="datetime64[D]")
    return sessions[sessions >= np.datetime64(first, "D")]


Range = tuple[date, date | None]


@lru_cache(maxsize=64)
def _exchange(calendar: str, ranges: Sequence[Range]) -> ExchangeCalendar:
    """The calendar over the first of the ranges that the library can serve."""
    import exchange_calendars  # heavy (pandas): only what ingests or trades pays for it
    from exchange_calendars.errors import CalendarError

    refusal = ""
    for first, last in ranges:
        end = None if last is None else str(last)
        try:
            return exchange_calendars.get_calendar(calendar, start=str(first), end=end)
        except (CalendarError, ValueError) as error:
            refusal = str(error).strip()
    first, last = ranges[-1]
    raise ConfigurationError(
        f"the exchange calendar {calendar!r} cannot serve {first} to {last or 'its end'}",
        expected="a calendar of exchange_calendars such as XNYS, XSHG, XHKG, XBOM, or 24/7",
        found=refusal,
        fix="check data.calendar and the dates of the data",
    )
