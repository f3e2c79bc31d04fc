"""Repeats are counted, and the count is told."""

import re
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from quant_core.notify.port import Alert, Severity
from quant_core.notify.repeats import Repeats, Window
from tests.notify.alerts import NOON, alert

TEN_MINUTES = timedelta(minutes=10)


def handed_in(repeats: Repeats, message: Alert) -> Alert | None:
    """What is sent for an alert, if anything."""
    return None if repeats.counts(message) else repeats.open(message)


class TestExamples:
    def test_a_window_by_hand(self):
        repeats = Repeats(TEN_MINUTES, most=10)
        sent = [handed_in(repeats, alert(seconds=s)) for s in (0, 1, 599, 600, 601)]
        assert [each and each.body for each in sent] == [
            "Trying again.",
            None,
            None,
            "2 repeats since 2024-03-01T12:00:00+00:00 were not sent, the last of 12:09:59."
            "\n\nTrying again.",
            None,
        ]

    def test_keys_are_apart(self):
        repeats = Repeats(TEN_MINUTES, most=10)
        assert [handed_in(repeats, alert(key)) is not None for key in "abab"] == [
            *(True, True),
            *(False, False),
        ]

    def test_what_is_worse_is_sent(self):
        repeats = Repeats(TEN_MINUTES, most=10)
        levels = [Severity.WARNING, Severity.INFO, Severity.CRITICAL, Severity.WARNING]
        sent = [handed_in(repeats, alert(severity=level, seconds=1)) for level in levels]
        assert [each is not None for each in sent] == [True, False, True, False]
        assert sent[2] is not None
        assert sent[2].body.startswith("1 repeat since ")

    def test_a_clock_set_back_does_not_silence(self):
        repeats = Repeats(TEN_MINUTES, most=10)
        times = (0, -599, -600, -601)
        sent = [handed_in(repeats, alert(seconds=s)) is not None for s in times]
        assert sent == [True, False, True, False]

    def test_a_window_that_is_over_tells_its_count_once(self):
        repeats = Repeats(TEN_MINUTES, most=10)
        for message in (alert("a"), alert("b"), alert("b", seconds=5)):
            handed_in(repeats, message)
        assert repeats.close(NOON + timedelta(seconds=599)) == ()
        (told,) = repeats.close(NOON + TEN_MINUTES)
        assert (told.key, told.severity, told.title) == ("b", Severity.WARNING, "Connection lost")
        assert repeats.open(told).body.startswith("1 repeat since ")
        assert repeats.close(NOON + 2 * TEN_MINUTES) == ()
        assert repeats.windows == ()

    def test_no_more_windows_than_allowed(self):
        repeats = Repeats(TEN_MINUTES, most=2)
        for key in "abc":
            repeats.open(alert(key))
        assert [window.key for window in repeats.windows] == ["b", "c"]

    def test_after_a_restart(self):
        earlier = Window("a", Severity.INFO, "t", NOON, 3, NOON)
        repeats = Repeats(TEN_MINUTES, 10, [earlier])
        repeats.remember(alert("a", seconds=-60))
        repeats.remember(alert("b", seconds=-60))
        assert repeats.windows[0] == earlier
        assert repeats.counts(alert("b"))


class TestProperties:
    @given(
        st.lists(st.tuples(st.sampled_from("ab"), st.integers(-900, 2000)), max_size=40),
        st.integers(1, 20),
    )
    def test_every_alert_is_sent_or_counted(self, posts, pause):
        """Also with a clock that jumps; and in the end everything is told."""
        repeats = Repeats(TEN_MINUTES, most=10)
        told = 0
        for key, seconds in posts:
            sent = handed_in(repeats, alert(key, seconds=seconds, body="."))
            told += tally(sent) if sent is not None else 0
        for message in repeats.close(NOON + pause * timedelta(days=1)):
            told += tally(repeats.open(message)) - 1
        assert told == len(posts)


def tally(sent: Alert) -> int:
    """The alert and the repeats it tells of."""
    found = re.match(r"(\d+) repeats? since", sent.body)
    return 1 + (int(found[1]) if found else 0)
