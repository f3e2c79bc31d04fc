"""The instants of a trading day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from quant_core.foundation.types import Session

HoursOf: TypeAlias = Callable[[Session], tuple[datetime, datetime]]
"""Open and close of a session, as instants."""


@dataclass(frozen=True, slots=True)
class DayTimes:
    """When a session is decided, opens, closes, and when its books are final.

    From ``cut_off`` on nothing is decided any more: the open takes no further orders.
    """

    decide: datetime
    cut_off: datetime
    opens: datetime
    closes: datetime
    settled: datetime


@dataclass(frozen=True, slots=True)
class Timetable:
    """The instants of every session.

    Parameters
    ----------
    hours : callable
        Open and close of a session; half days and daylight saving are in it.
    decision_time : time
        Exchange-local time at which the day is decided; one that is not ``lead`` before the
        cut-off of a session is moved there.
    zone : ZoneInfo
        The exchange's zone.
    lag : timedelta
        After the close, until the broker's books are final.
    margin : timedelta
        Before the open, from which on it takes no further orders.

    Examples
    --------
    >>> from datetime import UTC, date, datetime
    >>> def hours(session):
    ...     return tuple(datetime(2024, 7, 1, hour, 30, tzinfo=UTC) for hour in (13, 20))
    >>> table = Timetable(hours, time(9, 15), ZoneInfo("America/New_York"))
    >>> table.of(date(2024, 7, 1)).decide.isoformat()
    '2024-07-01T13:15:00+00:00'
    """

    hours: HoursOf
    decision_time: time
    zone: ZoneInfo
    lag: timedelta = timedelta(minutes=15)
    lead: timedelta = timedelta(minutes=10)
    margin: timedelta = timedelta(0)

    def of(self, session: Session) -> DayTimes:
        """The instants of one session."""
        opens, closes = self.hours(session)
        decide = datetime.combine(session, self.decision_time, self.zone)
        cut_off = opens - self.margin
        decide = min(decide.astimezone(UTC), cut_off - self.lead)
        return DayTimes(decide, cut_off, opens, closes, closes + self.lag)
