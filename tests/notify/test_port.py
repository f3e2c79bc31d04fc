"""What an alert is made of."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.foundation.errors import InvariantBroken
from quant_core.notify.port import LONGEST_BODY, LONGEST_TITLE, Alert, Severity
from tests.notify.alerts import NOON, alert


class TestExamples:
    def test_a_title_is_one_line(self):
        assert alert(title="lost\r\nBcc: x@example.com\0").title == "lost Bcc: x@example.com"

    def test_a_body_keeps_its_lines(self):
        assert alert(body="a\r\nb\nc\x1b[31m\udc80").body == "a\nb\nc [31m "

    def test_what_is_too_long_is_cut(self):
        long = alert(title="t" * 999, body="b" * 99_999)
        assert (len(long.title), len(long.body)) == (LONGEST_TITLE, LONGEST_BODY)
        assert long.title.endswith("t [cut]")
        assert long.body.endswith("b [cut]")

    def test_time_is_kept_as_utc(self):
        east = datetime(2024, 3, 1, 20, 0, tzinfo=timezone(timedelta(hours=8)))
        made = Alert("k", Severity.INFO, "t", "", east)
        assert made.at == NOON
        assert made.at.tzinfo is UTC

    def test_identity_is_that_of_the_occurrence(self):
        first = alert()
        assert first.identity == alert(title="other", body="other").identity
        others = [alert("feed"), alert(severity=Severity.INFO), alert(seconds=1e-6)]
        assert first.identity not in {each.identity for each in others}


class TestProperties:
    @given(st.text(max_size=300), st.text(max_size=300))
    def test_any_text_makes_an_alert_that_can_be_sent(self, title, body):
        made = alert(title=title, body=body)
        assert "\n" not in made.title
        (made.title + made.body).encode("utf-8")
        assert alert(title=made.title, body=made.body) == made


class TestRefusals:
    @pytest.mark.parametrize("key", ["", " ", "\n\0"])
    def test_a_key_that_says_nothing(self, key):
        with pytest.raises(InvariantBroken, match="cannot be made"):
            alert(key)

    def test_a_time_without_a_zone(self):
        with pytest.raises(InvariantBroken, match="a time with a zone"):
            Alert("k", Severity.INFO, "t", "", datetime(2024, 3, 1))  # noqa: DTZ001  what is refused
