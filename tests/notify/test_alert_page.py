"""Every alert that the worker can post stands on the page, with what to do, and none else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notify.alert_keys import incident_kinds, posted_keys, product_files

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "alerts.md"
ROW = re.compile(r"^\| `([^`]+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)


def listed() -> dict[str, tuple[str, str]]:
    """Meaning and advice of every alert of the page."""
    text = PAGE.read_text("utf-8")
    section = text.partition("## Every alert, and what to do\n")[2].partition("\n## ")[0]
    return {key: (meaning, advice) for key, meaning, advice in ROW.findall(section)}


def test_list_and_code_are_equal():
    found = [finding for path in product_files() for finding in posted_keys(path)]
    assert [finding for finding in found if not finding.followed] == []
    assert sorted(listed()) == sorted({finding.key for finding in found})


def test_every_alert_says_what_to_do():
    assert [key for key, told in listed().items() if min(map(len, told)) < 15] == []


def test_incidents_are_those_of_decisions():
    """What the worker hands over as incidents comes from the two functions looked at."""
    assert {"stop_loss", "drawdown_breaker", "margin_call"} <= set(incident_kinds())
    (work,) = [path for path in product_files() if path.name == "session_work.py"]
    told = re.findall(r"self\._tell\((.+?), ", work.read_text("utf-8"))
    assert sorted(told) == ["decision.incidents", "incidents"]


PROGRAM = """
SPLIT = "of a module"

class Worker:
    def act(self, failed):
        Alert("plain", 1, "", "", now)
        key = f"refused:{failed.code}"
        self.post(Alert(key, 1, "", "", now))
        self._failed("first", now)
        Alert(key="named", severity=1)
        Alert("a" if failed else "b", 1)
        Alert(SPLIT, 1)

    async def other(self):
        key, text = "second", "words"
        self._failed(key, now)

    def _failed(self, key, at):
        self.post(Alert(key, 1, "", "", at))

    def nobody_calls(self, key):
        Alert(key, 1)

    def unknown(self, error):
        Alert(error.key, 1)
        Alert(f"{error.kind}:x", 1)
"""


def test_the_search_follows_a_key_to_where_it_is_written():
    found = posted_keys(Path("worker.py"), PROGRAM)
    followed = {finding.key for finding in found if finding.followed}
    assert followed == {"plain", "refused:...", "first", "second", "named", "a", "b", "of a module"}
    assert len([finding for finding in found if not finding.followed]) == 3


@pytest.mark.parametrize("key", ["plain", "refused:..."])
def test_a_key_that_is_not_listed_is_found(key):
    assert key not in listed()
