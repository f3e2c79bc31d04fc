"""Hours of the exchanges, against what the exchanges publish."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.timing import (
    calendar_end,
    exchange_zone,
    following_session,
    new_york_hours,
    session_hours,
)

ROOT = Path(__file__).resolve().parents[2]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestExamples:
    @pytest.mark.parametrize(
        ("calendar", "session", "opens", "closes"),
        [
            ("XNYS", date(2024, 11, 27), "2024-11-27T14:30", "2024-11-27T21:00"),
            ("XNYS", date(2024, 11, 29), "2024-11-29T14:30", "2024-11-29T18:00"),  # 13:00
            ("XNYS", date(2024, 3, 8), "2024-03-08T14:30", "2024-03-08T21:00"),
            ("XNYS", date(2024, 3, 11), "2024-03-11T13:30", "2024-03-11T20:00"),  # summer
            ("XNYS", date(2024, 11, 1), "2024-11-01T13:30", "2024-11-01T20:00"),
            ("XNYS", date(2024, 11, 4), "2024-11-04T14:30", "2024-11-04T21:00"),  # winter
            # 09:30 to 15:00 with a break from 11:30 to 13:00, which belongs to the session.
            ("XSHG", date(2024, 7, 1), "2024-07-01T01:30", "2024-07-01T07:00"),
            ("XSHG", date(2024, 1, 2), "2024-01-02T01:30", "2024-01-02T07:00"),
            ("24/7", date(2024, 1, 6), "2024-01-06T00:00", "2024-01-07T00:00"),
        ],
    )
    def test_hours(self, calendar, session, opens, closes):
        assert session_hours(calendar, session) == (utc(opens), utc(closes))
        assert session_hours(calendar, session).opens.tzinfo is UTC

    def test_a_date_without_a_session_has_the_usual_hours(self):
        saturday = session_hours("XNYS", date(2024, 11, 30))
        assert saturday == (utc("2024-11-30T14:30"), utc("2024-11-30T21:00"))

    def test_the_session_that_follows(self):
        assert following_session("XNYS", date(2024, 11, 27)) == date(2024, 11, 29)
        assert following_session("XNYS", date(2024, 11, 29)) == date(2024, 12, 2)
        assert following_session("XSHG", date(2024, 9, 30)) == date(2024, 10, 8)
        assert following_session("XNYS", date(2024, 12, 31)) == date(2025, 1, 2)

    def test_where_a_calendar_ends_nothing_follows(self):
        end = calendar_end("XSHG", date(2024, 6, 3))
        assert following_session("XSHG", end) is None

    def test_zones(self):
        assert exchange_zone("XSHG").key == "Asia/Shanghai"
        assert exchange_zone("XNYS").key == "America/New_York"


class TestReference:
    def test_the_quick_rule_for_new_york_differs_on_half_days_alone(self):
        """A year of sessions: the rule that needs no library against the library."""
        session, other = date(2024, 1, 2), []
        while session < date(2025, 1, 1):
            if new_york_hours(session) != session_hours("XNYS", session):
                other.append(session)
            following = following_session("XNYS", session)
            assert following is not None
            session = following
        assert other == [date(2024, 7, 3), date(2024, 11, 29), date(2024, 12, 24)]

    def test_the_quick_rule_loads_no_calendar(self):
        code = (
            "import sys, datetime; from quant_core.foundation import timing;"
            "day = datetime.date(2024, 7, 3);"
            "timing.new_york_hours(day); timing.exchange_zone('XNYS');"
            "print('pandas' in sys.modules); timing.session_hours('XNYS', day);"
            "print('pandas' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["False", "True"]


class TestRefusals:
    def test_an_unknown_calendar(self):
        with pytest.raises(ConfigurationError, match="'NOWHERE' cannot serve"):
            session_hours("NOWHERE", date(2024, 1, 2))
