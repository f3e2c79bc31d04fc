"""The session to come, and how old the data are for it: shown while no decision is due.

Everything here is computed from what is in memory, because it is asked for every second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from quant_core.foundation.types import Session
from quant_core.live.data_bridge import DataBridge
from quant_core.live.session_work import FAILURES
from quant_core.live.timetable import Timetable
from quant_core.live.worker_state import WorkerState

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DataShown:
    """The data the worker trades on, as far as the state tells of them; None = not known.

    ``age_sessions`` counts the sessions closed since the last one of the data; ``problem``
    says what keeps newer data from being looked for, empty = nothing.
    """

    dataset: str | None = None
    version: str | None = None
    last_session: Session | None = None
    age_sessions: int | None = None
    problem: str = ""


class DataAge:
    """Counts the sessions that have closed since the last one of the data.

    Parameters
    ----------
    following : callable
        The session of the calendar after a date, None where it ends.
    timetable : Timetable

    Examples
    --------
    >>> from datetime import UTC, date, time
    >>> from zoneinfo import ZoneInfo
    >>> def hours(day):
    ...     return tuple(datetime(day.year, day.month, day.day, h, tzinfo=UTC) for h in (14, 21))
    >>> table = Timetable(hours, time(9, 15), ZoneInfo("America/New_York"))
    >>> age = DataAge(lambda day: day + DAY, table)
    >>> age.of(date(2024, 7, 1), datetime(2024, 7, 2, 20, tzinfo=UTC))
    0
    >>> age.of(date(2024, 7, 1), datetime(2024, 7, 2, 21, tzinfo=UTC))
    1
    """

    def __init__(
        self, following: Callable[[Session], Session | None], timetable: Timetable
    ) -> None:
        self._following = following
        self._timetable = timetable
        self._last: Session | None = None
        self._counted_at: datetime | None = None
        self._next: Session | None = None
        self._closed = 0

    def of(self, last: Session, now: datetime) -> int | None:
        """The count for data that reach to ``last``; None where the calendar ends."""
        try:
            if last != self._last or self._counted_at is None or now < self._counted_at:
                self._next, self._closed = self._following(last), 0
                self._last, self._counted_at = last, now
            # Only what is new is counted: data may stay away for long.
            while self._next is not None and self._timetable.of(self._next).closes <= now:
                self._next, self._closed = self._following(self._next), self._closed + 1
                self._counted_at = now
        except FAILURES:
            self._last = None
            return None
        return None if self._next is None else self._closed


def coming_cut_off(
    state: WorkerState, bridge: DataBridge, timetable: Timetable, now: datetime
) -> datetime | None:
    """When the next open that is still to come takes no further orders; None = not known."""
    yesterday = now.astimezone(timetable.zone).date() - DAY
    day = state.day
    try:
        session = bridge.next_session(state.book.session) if day is None else day.session
        # At most today's open has passed, or a session of long ago that is made up for.
        for _ in range(3):
            if session is None or now < timetable.of(session).opens:
                break
            session = bridge.next_session(max(session, yesterday))
        opens = None if session is None else timetable.of(session).opens
    except FAILURES:
        return None
    return opens if opens is not None and now < opens else None
