"""The venue's day: four phases a session, driven by history or by the wall clock.

The present is a place: the last phase that was entered. What it does is the exchange's
business; a clock only knows which instants belong to it and when the next one may be
entered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Protocol

import numpy as np

from quant_core.foundation.errors import ConfigurationError, UsageError
from quant_core.foundation.timing import SessionHours as Hours
from quant_core.foundation.timing import (
    following_session,
    new_york_hours,
    session_hours,
    utc_now,
)
from quant_core.foundation.types import Session, SessionArray


class Phase(StrEnum):
    """What was entered last."""

    BEFORE_OPEN = "before_open"
    """Corporate actions and payments are on the books; orders wait."""
    OPEN = "open"
    """The opening auction is over; orders at the market trade."""
    CLOSE = "close"
    """The closing auction is over; nothing trades any more."""
    AFTER_CLOSE = "after_close"
    """Delisted names are settled, the rest of the orders has expired."""


_ORDER = tuple(Phase)


@dataclass(frozen=True, slots=True)
class VenueTime:
    """A phase of the session that stands in ``row`` of the market.

    Examples
    --------
    >>> VenueTime(3, Phase.AFTER_CLOSE).following
    VenueTime(row=4, phase=<Phase.BEFORE_OPEN: 'before_open'>)
    """

    row: int
    phase: Phase

    @property
    def following(self) -> VenueTime:
        """The phase after this one."""
        position = _ORDER.index(self.phase) + 1
        if position == len(_ORDER):
            return VenueTime(self.row + 1, _ORDER[0])
        return replace(self, phase=_ORDER[position])

    @property
    def trading_row(self) -> int:
        """Row of the session that orders are taken for: the next one from the close on."""
        return self.row if self.phase in (Phase.BEFORE_OPEN, Phase.OPEN) else self.row + 1


HoursOf = Callable[[Session], Hours]
"""Open and close of a session."""


@dataclass(frozen=True, slots=True)
class DayPlan:
    """When the phases of a session are.

    ``lead`` is how long before the open the account is adjusted, ``lag`` how long after the
    close the session is settled. The lead is short, so that orders decided in the morning
    on the close of the day before wait at the venue when a split reaches them.
    """

    hours: HoursOf = new_york_hours
    lead: timedelta = timedelta(minutes=5)
    lag: timedelta = timedelta(minutes=15)

    def instant(self, session: Session, phase: Phase) -> datetime:
        """When ``phase`` of ``session`` is entered.

        Examples
        --------
        >>> from datetime import date
        >>> DayPlan().instant(date(2024, 1, 2), Phase.BEFORE_OPEN).isoformat()
        '2024-01-02T14:25:00+00:00'
        """
        opens, closes = self.hours(session)
        match phase:
            case Phase.BEFORE_OPEN:
                return opens - self.lead
            case Phase.OPEN:
                return opens
            case Phase.CLOSE:
                return closes
            case Phase.AFTER_CLOSE:
                return closes + self.lag


class VenueClock(Protocol):
    """Where the venue stands in time; ``start`` is where a new venue begins."""

    start: VenueTime

    def session(self, row: int) -> Session | None:
        """The session of a row, also of the one behind the data; None = there is none."""
        ...

    def instant(self, place: VenueTime) -> datetime:
        """When ``place`` is entered."""
        ...

    def now(self, place: VenueTime) -> datetime:
        """The present, for a venue that stands at ``place``."""
        ...

    def may_enter(self, place: VenueTime) -> bool:
        """Whether ``place`` has come and its prices are known."""
        ...


class ReplayClock:
    """History at any speed: a phase may be entered as soon as somebody asks.

    Parameters
    ----------
    sessions : SessionArray
        The sessions of the market, by row.
    first, last : int
        Rows of the first and last session to trade; row ``first - 1`` must exist, because
        the first decision is taken at its close.
    plan : DayPlan
        When the phases are.

    Examples
    --------
    >>> days = np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    >>> clock = ReplayClock(days, 1, 1)
    >>> clock.start, clock.may_enter(clock.start.following)
    (VenueTime(row=0, phase=<Phase.AFTER_CLOSE: 'after_close'>), True)
    """

    def __init__(
        self, sessions: SessionArray, first: int, last: int, plan: DayPlan | None = None
    ) -> None:
        if not 1 <= first <= last < len(sessions):
            raise UsageError(
                "a replay needs sessions to trade and one before them",
                expected=f"rows within 1 to {len(sessions) - 1}",
                found=f"{first} to {last}",
                fix="choose dates within the dataset",
            )
        self._sessions = sessions
        self._last = last
        self._plan = DayPlan() if plan is None else plan
        self.start = VenueTime(first - 1, Phase.AFTER_CLOSE)

    def session(self, row: int) -> Session | None:
        """The session of a row; None after the last one of the replay."""
        return _day(self._sessions, row) if 0 <= row <= self._last else None

    def instant(self, place: VenueTime) -> datetime:
        """When ``place`` was entered in its day."""
        return self._plan.instant(_day(self._sessions, place.row), place.phase)

    def now(self, place: VenueTime) -> datetime:
        """The instant of the place itself: nothing happens between two phases."""
        return self.instant(place)

    def may_enter(self, place: VenueTime) -> bool:
        """Whether the replay reaches as far."""
        return place.row <= self._last


class WallClock:
    """The present: a phase may be entered when its instant has passed and its prices are known.

    Parameters
    ----------
    sessions : SessionArray
        The sessions of the newest data; the venue starts after the last of them.
    calendar : str
        Exchange calendar that says which sessions follow.
    plan : DayPlan
        When the phases are; by default after the hours of the calendar.
    now : callable
        The present instant.
    """

    def __init__(
        self,
        sessions: SessionArray,
        calendar: str,
        plan: DayPlan | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        if len(sessions) == 0:
            raise ConfigurationError(
                "a venue at wall-clock time needs data to start from",
                expected="a dataset with at least one session",
                found="no session",
                fix="run the data sync first",
            )
        self._sessions = sessions
        self._calendar = calendar
        self._plan = DayPlan(partial(session_hours, calendar)) if plan is None else plan
        self._now = now
        self._known = len(sessions)
        self.start = VenueTime(len(sessions) - 1, Phase.AFTER_CLOSE)

    def session(self, row: int) -> Session | None:
        """The session of a row, read from the calendar behind the data."""
        if row < 0:
            return None
        while row >= len(self._sessions):
            last = _day(self._sessions, len(self._sessions) - 1)
            more = following_session(self._calendar, last)
            if more is None:
                return None
            self._sessions = np.append(self._sessions, np.datetime64(more, "D"))
        return _day(self._sessions, row)

    def instant(self, place: VenueTime) -> datetime:
        """When ``place`` is entered, or will be."""
        session = self.session(place.row)
        if session is None:
            raise ConfigurationError(
                "the exchange calendar ends before the next session",
                expected=f"a session in row {place.row}",
                found="no further session",
                where=self._calendar,
                fix="update exchange_calendars",
            )
        return self._plan.instant(session, place.phase)

    def now(self, place: VenueTime) -> datetime:
        """The present, wherever the venue stands: it may be behind its data."""
        return max(self._now(), self.instant(place))

    def may_enter(self, place: VenueTime) -> bool:
        """Whether the instant has passed and the session is in the data."""
        return place.row < self._known and self.instant(place) <= self._now()


def _day(sessions: SessionArray, row: int) -> Session:
    day: Session = sessions[row].item()
    return day
