"""The next open and the age of the data for it, while no decision is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from quant_core.foundation.errors import DataRefused
from quant_core.foundation.timing import new_york_hours
from quant_core.foundation.types import Session
from quant_core.live.coming_session import DataAge, coming_cut_off
from quant_core.live.journal_entries import BookRecord, SessionClosed, SessionOpened
from quant_core.live.timetable import Timetable
from quant_core.live.worker_state import WorkerState

TABLE = Timetable(new_york_hours, time(9, 15), ZoneInfo("America/New_York"))
MONDAY, TUESDAY, FRIDAY = date(2024, 1, 8), date(2024, 1, 9), date(2024, 1, 5)


def weekdays(after: Session) -> Session | None:
    """A calendar without holidays that ends in January 2024."""
    day = after + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day if day <= date(2024, 1, 31) else None


class Weekdays:
    """The part of a bridge that knows the sessions."""

    def __init__(self) -> None:
        self.asked = 0

    def next_session(self, after: Session | None) -> Session | None:
        self.asked += 1
        found = FRIDAY if after is None else weekdays(after)
        if found is None:
            raise DataRefused("the exchange calendar ends")
        return found

    def decision_day(self, session: Session):
        raise AssertionError("too slow to ask for every second")

    def close_day(self, session: Session):
        raise AssertionError("too slow to ask for every second")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def worker(closed: Session | None = None, opened: Session | None = None) -> WorkerState:
    state = WorkerState(1_000_000)
    if closed is not None:
        state.apply(SessionClosed(closed, BookRecord.of(state.preview(closed, {})), {}))
    if opened is not None:
        state.apply(SessionOpened(opened, "v1", BookRecord.of(state.book)))
    return state


@pytest.mark.parametrize(
    ("closed", "opened", "now", "cut_off"),
    [
        (None, None, "2024-01-05T09:00", "2024-01-05T14:30"),  # before the first session
        (FRIDAY, None, "2024-01-06T12:00", "2024-01-08T14:30"),  # a weekend
        (FRIDAY, MONDAY, "2024-01-08T14:29:59", "2024-01-08T14:30"),  # decided, not open
        (FRIDAY, MONDAY, "2024-01-08T14:30", "2024-01-09T14:30"),  # at the open
        (FRIDAY, MONDAY, "2024-01-08T23:00", "2024-01-09T14:30"),  # its data are awaited
        (FRIDAY, None, "2024-01-08T15:00", "2024-01-09T14:30"),  # nobody opened it
        (FRIDAY, None, "2024-01-16T10:00", "2024-01-16T14:30"),  # down for a week
        (FRIDAY, None, "2024-01-16T15:00", "2024-01-17T14:30"),
        (FRIDAY, None, "2024-01-31T15:00", None),  # the calendar ends
    ],
)
def test_the_next_open(closed, opened, now, cut_off):
    bridge = Weekdays()
    found = coming_cut_off(worker(closed, opened), bridge, TABLE, utc(now))
    assert found == (None if cut_off is None else utc(cut_off))
    assert bridge.asked <= 3


class Counted:
    """The calendar, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, after: Session) -> Session | None:
        self.asked += 1
        return weekdays(after)


class TestDataAge:
    @pytest.mark.parametrize(
        ("now", "age"),
        [
            ("2024-01-06T12:00", 0),
            ("2024-01-08T20:59:59", 0),  # Monday trades
            ("2024-01-08T21:00", 1),  # and is over
            ("2024-01-09T14:15", 1),
            ("2024-01-12T22:00", 5),
            ("2024-01-31T22:00", None),  # where the calendar ends nobody can count on
        ],
    )
    def test_sessions_closed_since_the_last_one(self, now, age):
        assert DataAge(weekdays, TABLE).of(FRIDAY, utc(now)) == age

    def test_only_what_is_new_is_counted(self):
        calendar = Counted()
        age = DataAge(calendar, TABLE)
        assert age.of(FRIDAY, utc("2024-01-25T22:00")) == 14
        before = calendar.asked
        for _ in range(100):
            assert age.of(FRIDAY, utc("2024-01-25T22:01")) == 14
        assert calendar.asked == before
        assert age.of(MONDAY, utc("2024-01-25T22:02")) == 13
        assert age.of(MONDAY, utc("2024-01-09T22:00")) == 1  # the clock was set back

    def test_a_calendar_that_fails_is_asked_again(self):
        class Failing:
            broken = True

            def __call__(self, after: Session) -> Session | None:
                if self.broken:
                    raise ValueError("no such date")
                return weekdays(after)

        calendar = Failing()
        age = DataAge(calendar, TABLE)
        assert age.of(FRIDAY, utc("2024-01-08T22:00")) is None
        calendar.broken = False
        assert age.of(FRIDAY, utc("2024-01-08T22:00")) == 1
