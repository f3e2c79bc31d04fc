"""Whatever an entry holds, it comes back from its text."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import ClassVar, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.live import journal_account, journal_entries, journal_orders
from quant_core.live.commands import Action, Addressee, Refusal, new_command, sign_command
from quant_core.live.journal_codec import body_document, body_of
from quant_core.live.journal_entries import (
    BODIES,
    BookRecord,
    PositionRecord,
    SessionClosed,
)
from quant_core.live.journal_files import (
    Anchor,
    anchor_text,
    parse_anchor,
)
from quant_core.live.journal_kinds import Kind
from quant_core.trading.account import Book, Position
from quant_core.trading.actions import Split
from tests.house.source_tree import ROOT
from tests.live.journals import DAY

MICROS = st.integers(-(10**18), 10**18)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = {
    int: MICROS,
    str: st.text(),
    bool: st.booleans(),
    float: FINITE,
    date: st.dates(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    # A split by nothing is refused before anybody could write it.
    Split: st.builds(Split, st.text(), st.floats(1e-9, 1e9)),
}


def values_of(annotation: object) -> st.SearchStrategy[object]:
    """Any value a field can hold, found from its annotation."""
    if annotation in VALUES:
        return VALUES[annotation]
    if hasattr(annotation, "__members__"):
        return st.sampled_from(list(annotation))
    if is_dataclass(annotation):
        hints = get_type_hints(annotation)
        return st.builds(
            annotation, **{each.name: values_of(hints[each.name]) for each in fields(annotation)}
        )
    inner = get_args(annotation)
    if inner[-1] is type(None):
        return st.none() | values_of(inner[0])
    if inner[-1] is ...:
        return st.lists(values_of(inner[0]), max_size=3).map(tuple)
    return st.dictionaries(st.text(), values_of(inner[1]), max_size=3)


class TestProperties:
    @pytest.mark.parametrize("kind", BODIES.values(), ids=lambda kind: kind.kind.value)
    def test_every_body_comes_back_from_its_text(self, kind):
        @settings(max_examples=25)
        @given(values_of(kind))
        def holds(body):
            text = json.dumps(body_document(body))
            assert body_of(kind, json.loads(text)) == body

        holds()

    @settings(max_examples=50)
    @given(
        st.dictionaries(st.text(), st.builds(Position, MICROS, FINITE, MICROS, st.booleans())),
        MICROS,
        st.none() | st.dates(),
    )
    def test_a_book_comes_back_to_the_bit(self, positions, cash, session):
        book = Book(session, cash, positions, cash + 1, 3)
        closed = SessionClosed(DAY, BookRecord.of(book), {})
        back = body_of(SessionClosed, json.loads(json.dumps(body_document(closed))))
        assert back.book.book() == book
        assert all(type(p) is PositionRecord for p in back.book.positions.values())

    @settings(max_examples=30)
    @given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5))])))
    def test_instants_are_kept_in_utc(self, at):
        anchor = Anchor("DU1", 0, "0" * 64, at)
        assert parse_anchor(anchor_text(anchor)).at == at

    def test_every_kind_has_one_body_and_every_body_a_kind(self):
        assert set(BODIES) == set(Kind)
        assert len(set(BODIES.values())) == len(Kind)
        declared = [
            value
            for module in (journal_entries, journal_orders, journal_account)
            for value in vars(module).values()
            if isinstance(value, type) and isinstance(getattr(value, "kind", None), Kind)
        ]
        assert set(declared) == set(BODIES.values())

    MONEY: ClassVar = re.compile(r"_micros$")

    def test_money_is_a_whole_number(self):
        """Average cost is float64 in the book itself; every other amount is exact."""
        amounts = [
            (kind.__name__, name, hint)
            for kind in [*BODIES.values(), BookRecord, PositionRecord]
            for name, hint in get_type_hints(kind).items()
            if self.MONEY.search(name) and name != "average_cost_micros"
        ]
        assert len(amounts) > 8
        assert [f for f in amounts if "float" in str(f[2])] == []


class TestPage:
    """The reference page lists what there is."""

    TEXT = (ROOT / "docs" / "reference" / "live-files.md").read_text("utf-8")
    ROW = re.compile(r"^\| `(\w+)` \| (.*?) \|", re.MULTILINE)

    def rows(self, heading: str) -> dict[str, str]:
        """First and second cell of the table under a heading."""
        return dict(self.ROW.findall(self.TEXT.partition(f"\n## {heading}\n")[2].split("\n## ")[0]))

    def test_every_kind_with_its_members(self):
        listed = {
            kind: re.findall(r"`(\w+)`", members)
            for kind, members in self.rows("Kinds of entries").items()
        }
        assert listed == {
            kind.value: [each.name for each in fields(body)] for kind, body in BODIES.items()
        }

    def test_every_refusal(self):
        assert list(self.rows("Refused commands")) == [reason.value for reason in Refusal]

    def test_every_member_of_a_command(self):
        key, at = b"k" * 64, datetime(2024, 1, 2, tzinfo=UTC)
        command = new_command(Action.STOP, Addressee("DU1", "any"), at)
        assert set(self.rows("command.json")) == set(json.loads(sign_command(command, key)))
