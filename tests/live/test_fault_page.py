"""The page of the fault drills lists every drill, with its fault and its end, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from tests.live import (
    test_fault_books,
    test_fault_events,
    test_fault_link,
    test_fault_orders,
    test_lagging_broker,
)

MODULES = (test_fault_events, test_fault_orders, test_fault_link, test_fault_books)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "fault_drills.md"
PLAIN = (
    test_fault_books.TestBooks,
    test_lagging_broker.TestUnknownFate,
    test_lagging_broker.TestBooksThatLag,
)
"""Tests that stand on the page by their own name."""
ROW = re.compile(r"^\| (.+) \| (.+) \| (same|equal|halted|idle) \| `(\w+)` \|$", re.MULTILINE)


def test_the_page_is_the_tests():
    drills = {name: (d.fault, d.end) for module in MODULES for name, d in module.DRILLS.items()}
    listed = {name: (fault, end) for fault, _, end, name in ROW.findall(PAGE.read_text("utf-8"))}
    others = {name for each in PLAIN for name in dir(each) if name.startswith("test_")}
    assert {name: row for name, row in listed.items() if name not in others} == drills
    assert others <= listed.keys()
    assert len(listed) == len(ROW.findall(PAGE.read_text("utf-8")))
