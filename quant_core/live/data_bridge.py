"""What a trading day needs to know of the market, from history or from the newest data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import numpy as np

from quant_core.foundation.errors import DataRefused, SourceUnreachable
from quant_core.foundation.types import BoolArray, Session, SessionArray
from quant_core.live.data_feed import DataFeed
from quant_core.live.worker_state import WorkerState
from quant_core.market import Market


@dataclass(frozen=True, slots=True)
class DataDay:
    """The data a session is decided on.

    ``row`` is that of T-1 in ``market``; ``scheduled`` says that a rebalance executes at
    the open of T; ``age_sessions`` counts the sessions closed since the last one of the
    data, 0 = current; ``published`` is the version that is published at this moment, None
    where nobody knows.
    """

    session: Session
    market: Market
    row: int
    scheduled: bool
    version: str
    age_sessions: int
    published: str | None


@dataclass(frozen=True, slots=True)
class CloseDay:
    """The data a session is closed with; ``row`` is its own in ``market``."""

    market: Market
    row: int
    version: str


class DataBridge(Protocol):
    """Where the worker gets its data. Every call may fail with an error of the data."""

    def next_session(self, after: Session | None) -> Session | None:
        """The session to trade after one that is over; None = there is no further one."""
        ...

    def decision_day(self, session: Session) -> DataDay:
        """The data to decide a session on.

        Raises
        ------
        SourceUnreachable
            If the data does not reach the session before.
        """
        ...

    def close_day(self, session: Session) -> CloseDay | None:
        """The data to close a session with; None while it is not there."""
        ...


class ReplayBridge:
    """History as it was: the same market, window and schedule as those of a backtest.

    Parameters
    ----------
    market : Market
        Prices and factors; row ``first - 1`` must exist.
    first, last : int
        Rows of the first and last session.
    scheduled : BoolArray
        One flag a session of the window; the first is always a rebalance.
    version : str
        Version of the data.
    """

    def __init__(
        self, market: Market, first: int, last: int, scheduled: BoolArray, version: str
    ) -> None:
        self._market = market
        self._first = first
        self._last = last
        self._scheduled = scheduled
        self._version = version
        self._rows = {market.session(row): row for row in range(first, last + 1)}

    def next_session(self, after: Session | None) -> Session | None:
        """The next session of the window; books that end before it go on in it."""
        if after is None:
            return self._market.session(self._first)
        row = _row_before(self._market, after + timedelta(days=1)) + 1
        return self._market.session(row) if self._first <= row <= self._last else None

    def decision_day(self, session: Session) -> DataDay:
        """The close before a session of the window."""
        row = self._row(session)
        due = row == self._first or bool(self._scheduled[row - self._first])
        version = self._version
        return DataDay(session, self._market, row - 1, due, version, 0, version)

    def close_day(self, session: Session) -> CloseDay | None:
        """The close of a session of the window."""
        return CloseDay(self._market, self._row(session), self._version)

    def _row(self, session: Session) -> int:
        if session not in self._rows:
            raise SourceUnreachable("the replay does not have a session", found=str(session))
        return self._rows[session]


class DataOnItsWay(SourceUnreachable):
    """Newer data are being read: nothing is wrong, and nothing is decided on the older ones."""


class RebalancePlan:
    """Which sessions rebalance, counted from the first one the worker ever rebalanced in.

    The first decision is always one, as in a backtest. One that was missed (the worker was
    down, the data late) is made up for in the next session with a decision.

    Parameters
    ----------
    sessions : callable
        Sessions of the calendar between two dates, both included.
    scheduled : callable
        Flags of sessions, counted from the first of them.
    """

    def __init__(
        self,
        sessions: Callable[[Session, Session], SessionArray],
        scheduled: Callable[[SessionArray], BoolArray],
    ) -> None:
        self._sessions = sessions
        self._scheduled = scheduled
        self.state: WorkerState | None = None
        """Of the worker that asks; without one every session rebalances."""

    def due(self, session: Session) -> bool:
        """Whether a rebalance executes at the open of a session."""
        first = None if self.state is None else self.state.first_rebalance
        last = None if self.state is None else self.state.rebalanced
        if first is None or last is None or session <= last:
            return True
        days = self._sessions(first, session)
        behind = days > np.datetime64(last, "D")
        return bool(self._scheduled(days)[behind].any())


@dataclass(frozen=True, slots=True)
class TradingDays:
    """Which sessions there are for the worker.

    ``following`` gives the session of the calendar after a date, None where it ends;
    ``settled`` says whether the broker has closed its books of a session; the worker's
    first session follows ``begin_after``.
    """

    following: Callable[[Session], Session | None]
    plan: RebalancePlan
    settled: Callable[[Session], bool]
    begin_after: Session


class FreshBridge:
    """The newest data at wall-clock time.

    Parameters
    ----------
    feed : DataFeed
        Holds the newest data.
    days : TradingDays
    max_age : int
        Most sessions that may be missing for a decision.
    """

    def __init__(self, feed: DataFeed, days: TradingDays, max_age: int) -> None:
        self._feed = feed
        self._days = days
        self._max_age = max_age

    def next_session(self, after: Session | None) -> Session | None:
        """The next session of the calendar.

        Raises
        ------
        DataRefused
            If the calendar ends: there is always a next session, and nobody knows which.
        """
        last = self._days.begin_after if after is None else after
        session = self._days.following(last)
        if session is None:
            raise DataRefused(
                "the exchange calendar ends",
                expected=f"a session after {last}",
                found="none",
                fix="update exchange_calendars and start the worker again",
            )
        return session

    def decision_day(self, session: Session) -> DataDay:
        """The newest close before a session; its age in sessions of the calendar.

        Raises
        ------
        DataOnItsWay
            If newer data are published and not read yet, or nobody can say what is published.
        DataRefused
            If the data are too old.
        """
        data, published = self._feed.data, self._feed.published
        if published is None:
            raise DataOnItsWay("which data are published is not known at this moment")
        if published != data.version:
            raise DataOnItsWay(
                "newer data are published and not read yet",
                expected=f"version {data.version}",
                found=published,
            )
        row = _row_before(data.market, session)
        age = self._age(data.market, row, session)
        if not age <= self._max_age:
            raise DataRefused(
                "the data are stale",
                expected=f"at most {self._max_age} sessions behind (limits.max_data_age)",
                found=f"{age} sessions behind, the last one is {last_session(data.market)}",
                fix="sync the data; it is tried again until the cut-off",
            )
        due = self._days.plan.due(session)
        return DataDay(session, data.market, row, due, data.version, age, published)

    def close_day(self, session: Session) -> CloseDay | None:
        """The close of a session; None while the data do not have it.

        Raises
        ------
        DataOnItsWay
            If the data have it and the broker has not settled it yet.
        """
        data = self._feed.data
        if not has_session(data.market, session):
            return None
        if not self._days.settled(session):
            raise DataOnItsWay(f"the broker has not closed its books of {session} yet")
        return CloseDay(data.market, _row_before(data.market, session) + 1, data.version)

    def _age(self, market: Market, row: int, session: Session) -> int:
        """Sessions between the last close before ``session`` and ``session``."""
        if row < 0:
            return len(market.panel.axes.sessions) + self._max_age + 1
        day: Session | None = market.session(row)
        age = -1
        while day is not None and day < session:
            day = self._days.following(day)
            age += 1
        return max(age, 0)


def _row_before(market: Market, session: Session) -> int:
    return int(np.searchsorted(market.panel.axes.sessions, np.datetime64(session, "D"))) - 1


def last_session(market: Market) -> Session:
    """The last session of the data."""
    return market.session(len(market.panel.axes.sessions) - 1)


def has_session(market: Market, session: Session) -> bool:
    """Whether the data have a session."""
    row = _row_before(market, session) + 1
    return row < len(market.panel.axes.sessions) and market.session(row) == session
