"""Sessions, exchange calendars and the wall clock. The only reader of either.

A session is an exchange-local date (``datetime.date``); an instant is an aware UTC
``datetime``. The two never mix.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import numpy as np

from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.types import SessionArray

SPARE_DAYS = 30
"""Days before the first one asked for that are read too: no exchange is closed so long."""

ALWAYS_OPEN = "24/7"
"""Name of the calendar in which every day is a session (crypto)."""


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


def _exchange_sessions(calendar: str, first: date, last: date) -> SessionArray:
    import exchange_calendars  # heavy (pandas): only what ingests or trades pays for it
    from exchange_calendars.errors import CalendarError

    # The library refuses a range without sessions: ask for more and cut. Where its records
    # begin with the range itself, there is no more to ask for.
    refusal = ""
    for start in (first - timedelta(days=SPARE_DAYS), first):
        try:
            exchange = exchange_calendars.get_calendar(calendar, start=str(start), end=str(last))
        except (CalendarError, ValueError) as error:
            refusal = str(error).strip()
        else:
            sessions = np.array(exchange.sessions.values, dtype="datetime64[D]")
            return sessions[sessions >= np.datetime64(first, "D")]
    raise ConfigurationError(
        f"the exchange calendar {calendar!r} cannot serve {first} to {last}",
        expected="a calendar of exchange_calendars such as XNYS, XSHG, XHKG, XBOM, or 24/7",
        found=refusal,
        fix="check data.calendar and the dates of the data",
    )
