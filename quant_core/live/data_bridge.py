"""What a trading day needs to know of the market, from history or from the newest data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from quant_core.foundation.errors import SourceUnreachable
from quant_core.foundation.types import BoolArray, Session
from quant_core.market import Market


@dataclass(frozen=True, slots=True)
class DataDay:
    """The data a session is decided on.

    ``row`` is that of T-1 in ``market``; ``scheduled`` says that a rebalance executes at
    the open of T; ``age_sessions`` counts the sessions closed since the last one of the
    data, 0 = current.
    """

    session: Session
    market: Market
    row: int
    scheduled: bool
    version: str
    age_sessions: int


@dataclass(frozen=True, slots=True)
class CloseDay:
    """The data a session is closed with; ``row`` is its own in ``market``."""

    market: Market
    row: int


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
        """The next session of the window."""
        row = self._first if after is None else self._rows.get(after, self._last) + 1
        return self._market.session(row) if row <= self._last else None

    def decision_day(self, session: Session) -> DataDay:
        """The close before a session of the window."""
        row = self._row(session)
        due = row == self._first or bool(self._scheduled[row - self._first])
        return DataDay(session, self._market, row - 1, due, self._version, 0)

    def close_day(self, session: Session) -> CloseDay | None:
        """The close of a session of the window."""
        return CloseDay(self._market, self._row(session))

    def _row(self, session: Session) -> int:
        if session not in self._rows:
            raise SourceUnreachable("the replay does not have a session", found=str(session))
        return self._rows[session]


@dataclass(frozen=True, slots=True)
class FreshData:
    """The newest data: the market up to its last session, and the version of it."""

    market: Market
    version: str


class FreshBridge:
    """The newest data at wall-clock time.

    Parameters
    ----------
    load : callable
        Opens the newest data; asked again whenever what is there does not reach.
    following : callable
        The session of the calendar after a date; None where the calendar ends.
    scheduled : callable
        Whether a rebalance executes at the open of a session.
    begin_after : Session
        The worker's first session follows this one.
    """

    def __init__(
        self,
        load: Callable[[], FreshData],
        following: Callable[[Session], Session | None],
        scheduled: Callable[[Session], bool],
        begin_after: Session,
    ) -> None:
        self._load = load
        self._following = following
        self._scheduled = scheduled
        self._begin_after = begin_after
        self._data: FreshData | None = None

    def next_session(self, after: Session | None) -> Session | None:
        """The next session of the calendar."""
        return self._following(self._begin_after if after is None else after)

    def decision_day(self, session: Session) -> DataDay:
        """The newest close before a session; its age in sessions of the calendar."""
        data = self._reaching(lambda market: self._age(market, session) == 0)
        row = _row_before(data.market, session)
        if row < 0:
            raise SourceUnreachable(
                "the data has no close before the session",
                expected=f"a session before {session}",
                found="none",
                fix="sync the data",
            )
        age = self._age(data.market, session)
        return DataDay(session, data.market, row, self._scheduled(session), data.version, age)

    def close_day(self, session: Session) -> CloseDay | None:
        """The close of a session, as soon as the data has it."""
        data = self._reaching(lambda market: _row_of(market, session) is not None)
        row = _row_of(data.market, session)
        return None if row is None else CloseDay(data.market, row)

    def _reaching(self, enough: Callable[[Market], bool]) -> FreshData:
        if self._data is None or not enough(self._data.market):
            self._data = self._load()
        return self._data

    def _age(self, market: Market, session: Session) -> int:
        """Sessions between the last one of the data and ``session``."""
        day: Session | None = market.session(max(_row_before(market, session), 0))
        age = -1
        while day is not None and day < session:
            day = self._following(day)
            age += 1
        return max(age, 0)


def _row_before(market: Market, session: Session) -> int:
    return int(np.searchsorted(market.panel.axes.sessions, np.datetime64(session, "D"))) - 1


def _row_of(market: Market, session: Session) -> int | None:
    row = _row_before(market, session) + 1
    there = row < len(market.panel.axes.sessions) and market.session(row) == session
    return row if there else None
