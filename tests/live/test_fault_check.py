"""The look at what faults have left finds what is planted."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.live.fault_check import halted, problems
from tests.live.fault_desk import Drill, Run
from tests.live.small_desk import CAPITAL, plain_world


@pytest.fixture(scope="module")
def traded(tmp_path_factory) -> Path:
    """A journal and books after a few sessions without any fault."""
    folder = tmp_path_factory.mktemp("traded")
    Run(folder, Drill("", "same"), world=plain_world(4)).whole().check("same")
    return folder


@pytest.fixture
def folder(traded, tmp_path) -> Path:
    (tmp_path / "live" / "journal").mkdir(parents=True)
    for path in (*traded.glob("books.sqlite*"), *traded.glob("live/journal/*.jsonl")):
        (tmp_path / path.relative_to(traded)).write_bytes(path.read_bytes())
    return tmp_path


def in_books(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / "books.sqlite") as connection:
        connection.execute(statement)
    connection.close()


def in_journal(folder: Path, *bodies: tuple[str, dict]) -> None:
    with (folder / "live" / "journal" / "journal-000001.jsonl").open("a") as file:
        for kind, body in bodies:
            file.write(json.dumps({"kind": kind, "body": body}) + "\n")


INTENT = {"reference": "r1", "purpose": "rebalance", "shares": 1}
FILL = {"execution": "X1", "reference": "r1", "symbol": "S0", "side": "buy", "shares": 1}
FILL |= {"price_micros": 5, "commission_micros": 0, "corrects": None}
HALT = ("risk_state", {"state": "halted"})
DIFFER = ("reconciliation", {"agrees": False})


class TestExamples:
    def test_nothing_is_found_where_nothing_is(self, folder):
        assert problems(folder, CAPITAL) == []

    @pytest.mark.parametrize(
        ("statement", "found"),
        [
            ("delete from ledger where number = 1", "positions:"),
            (
                "update ledger set content = json_set(content, '$.commission_micros',"
                " json_extract(content, '$.commission_micros') + 1) where number = 1",
                "cash:",
            ),
            (
                "insert into orders select 99, reference, row, content from orders limit 1",
                "2 times at the broker",
            ),
            (
                "update orders set content = json_set(content, '$.intent.reference', 'other')"
                " where number = 1",
                "not planned here",
            ),
            (
                "update executions set content = json_set(content, '$.shares', 1000000)"
                " where number = 1",
                "1000000 of",
            ),
        ],
    )
    def test_what_is_wrong_at_the_broker(self, folder, statement, found):
        in_books(folder, statement)
        assert any(found in problem for problem in problems(folder, CAPITAL))

    @pytest.mark.parametrize(
        ("bodies", "found"),
        [
            ([("fill", FILL)], "positions:"),
            ([("fill", FILL), ("fill", FILL)], "2 times here"),
            ([HALT, ("order_intent", INTENT)], "not allowed here"),
            ([("kill_set", {}), ("order_intent", INTENT)], "not allowed here"),
            ([DIFFER, ("order_intent", INTENT)], "not allowed here"),
            ([("worker_started", {}), ("order_intent", INTENT)], "not allowed here"),
            (
                [
                    ("order_intent", INTENT),
                    ("order_unknown", INTENT),
                    ("order_absent", INTENT),
                    HALT,
                    ("order_acknowledged", INTENT),
                ],
                "order_acknowledged r1",
            ),
        ],
    )
    def test_what_is_wrong_in_the_journal(self, folder, bodies, found):
        in_journal(folder, *bodies)
        assert any(found in problem for problem in problems(folder, CAPITAL))

    def test_an_order_that_was_found_may_be_acknowledged_while_halted(self, folder):
        unknown = [("order_intent", INTENT), ("order_unknown", INTENT)]
        in_journal(folder, *unknown, HALT, ("order_acknowledged", INTENT))
        assert problems(folder, CAPITAL) == []

    def test_halted_excuses_other_positions_and_nothing_else(self, folder):
        in_journal(folder, ("fill", FILL), HALT)
        assert halted(folder) and problems(folder, CAPITAL) == []
        in_journal(folder, ("fill", FILL))
        assert problems(folder, CAPITAL) == ["execution X1: 2 times here"]
