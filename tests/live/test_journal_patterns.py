"""Lines read by a pattern are what the strict reader makes of them, and nothing more is taken."""

from __future__ import annotations

import hashlib
import json
import math
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.foundation.errors import QuantError
from quant_core.live import journal_lines
from quant_core.live.journal_codec import body_document
from quant_core.live.journal_entries import BODIES, Noted, SegmentOpened, ShortfallExplained
from quant_core.live.journal_errors import JournalDamaged
from quant_core.live.journal_kinds import Kind
from quant_core.live.journal_lines import Entry, Link, decode_line, encode_line
from quant_core.live.journal_orders import OrderSent
from quant_core.live.journal_patterns import body_pattern
from quant_core.live.json_text import compact_text
from tests.live.journals import AT, DAY, FILL, INTENT
from tests.live.test_journal_properties import values_of

BEFORE = Link(41, "ab" * 32)
PLAIN_TEXT = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126))
EDITS = ("0", "-", "9", '"', "\\", " ", ",", "}", "{", "e", ".", "null", "true", "é", "\\u0041")


def rehashed(hashed: bytes) -> bytes:
    """A line, without line feed, whose hash is right whatever else is wrong."""
    digest = hashlib.sha256(hashed).hexdigest()
    return hashed[:-1] + f',"hash":"{digest}"}}'.encode("ascii")


def hashed_part(line: bytes) -> bytes:
    """What the hash of a line is of."""
    return line[: line.rindex(b',"hash"')] + b"}"


def verdict(line: bytes, monkeypatch: pytest.MonkeyPatch, *, strict: bool) -> object:
    """The entry of a line, or what is said against it."""
    with monkeypatch.context() as patch:
        if strict:
            patch.setattr(journal_lines, "_plain_entry", lambda *_: None)
        try:
            return decode_line(line, BEFORE, "here")
        except QuantError as error:
            return error.problem, error.expected, error.found


class TestExamples:
    @pytest.mark.parametrize("body", [INTENT, FILL, Noted("a", "b"), ShortfallExplained(DAY, {})])
    def test_what_is_usual_needs_no_json(self, body, monkeypatch):
        entry, line = encode_line(body, AT, BEFORE)
        monkeypatch.setattr(journal_lines, "parse_strictly", None)
        assert decode_line(line[:-1], BEFORE, "") == entry

    def test_every_kind_has_a_pattern(self):
        assert [kind for kind, body in BODIES.items() if body_pattern(body) is None] == []

    def test_the_header_is_read_strictly_for_its_version(self):
        entry, line = encode_line(SegmentOpened(1, "DU1", 1), AT, BEFORE)
        assert decode_line(line[:-1], BEFORE, "") == entry
        _, other = encode_line(SegmentOpened(2, "DU1", 1), AT, BEFORE)
        with pytest.raises(JournalDamaged, match="another version"):
            decode_line(other[:-1], BEFORE, "")


class TestProperties:
    @pytest.mark.parametrize("kind", BODIES.values(), ids=lambda kind: kind.kind.value)
    def test_both_readers_agree_on_what_is_written(self, kind, monkeypatch):
        @settings(max_examples=20)
        @given(values_of(kind), st.datetimes(timezones=st.just(UTC)))
        def holds(body, at: datetime):
            entry, line = encode_line(body, at, BEFORE)
            quick = verdict(line[:-1], monkeypatch, strict=False)
            assert quick == verdict(line[:-1], monkeypatch, strict=True)
            if kind is not SegmentOpened:
                assert quick == entry

        holds()

    @pytest.mark.parametrize("kind", BODIES.values(), ids=lambda kind: kind.kind.value)
    def test_both_readers_agree_on_what_was_altered(self, kind, monkeypatch):
        """The hash is made anew: whoever alters a line on purpose would do that too."""

        @settings(max_examples=20)
        @given(values_of(kind), st.randoms(use_true_random=False))
        def holds(body, chance: random.Random):
            _, line = encode_line(body, AT, BEFORE)
            text = hashed_part(line[:-1]).decode("ascii")
            for _ in range(8):
                at = chance.randrange(1, len(text) - 1)
                cut = chance.choice((0, 0, 1, 1, 2, 7))
                altered = text[:at] + chance.choice(EDITS) + text[at + cut :]
                if not altered.endswith("}"):
                    continue
                forged = rehashed(altered.encode("utf-8"))
                quick = verdict(forged, monkeypatch, strict=False)
                assert quick == verdict(forged, monkeypatch, strict=True), altered

        holds()

    @settings(max_examples=50)
    @given(PLAIN_TEXT.filter(lambda text: not {'"', "\\"} & set(text)))
    def test_plain_texts_are_taken_by_the_pattern(self, text):
        pattern = body_pattern(OrderSent)
        assert pattern is not None
        written = compact_text(body_document(OrderSent(text)))
        assert pattern.body(written, 0) == (OrderSent(text), len(written))


def forged(**members: object) -> bytes:
    """The line of an intent with other members, its hash right."""
    _, line = encode_line(INTENT, AT, BEFORE)
    document = json.loads(hashed_part(line[:-1]))
    document["body"].update(members.pop("body", {}))
    document.update(members)
    return rehashed(json.dumps(document, separators=(",", ":")).encode("ascii"))


class TestRefusals:
    @pytest.mark.parametrize(
        ("line", "told"),
        [
            (forged(seq=43), "out of order"),
            (forged(prev="cd" * 32), "does not follow"),
            (forged(at="2024-02-30T00:00:00.000000Z"), "no instant"),
            (forged(kind="order_wish"), "unknown kind"),
            (forged(body={"session": "2024-02-30"}), "that is none"),
            (forged(body={"shares": True}), "that is none"),
            (forged(body={"target_weight": 1}), "that is none"),
            (forged(body={"target_weight": math.inf}), "not strict JSON"),
            (forged(body={"side": "give"}), "that is none"),
            (forged(more=1), "other members"),
        ],
    )
    def test_a_line_with_a_right_hash_that_is_wrong(self, line, told):
        with pytest.raises(JournalDamaged, match=told):
            decode_line(line, BEFORE, "here")

    @pytest.mark.parametrize(
        ("old", "new", "told"),
        [
            ('"shares":10', '"shares":10,"shares":11', "not strict JSON"),
            ('"target_weight":0.05', '"target_weight":1e999', "not strict JSON"),
            ('"shares":10', '"shares":010', "not strict JSON"),
        ],
    )
    def test_a_text_that_only_a_lenient_reader_takes(self, old, new, told):
        _, line = encode_line(INTENT, AT, BEFORE)
        text = hashed_part(line[:-1]).decode("ascii")
        assert text.count(old) == 1
        with pytest.raises(JournalDamaged, match=told):
            decode_line(rehashed(text.replace(old, new).encode("ascii")), BEFORE, "here")

    def test_a_name_twice_in_a_mapping(self):
        _, line = encode_line(ShortfallExplained(DAY, {"a": 1}), AT, BEFORE)
        text = hashed_part(line[:-1]).decode("ascii").replace('{"a":1}', '{"a":1,"a":2}')
        with pytest.raises(JournalDamaged, match="not strict JSON"):
            decode_line(rehashed(text.encode("ascii")), BEFORE, "here")

    def test_an_altered_byte(self):
        _, line = encode_line(INTENT, AT, BEFORE)
        with pytest.raises(JournalDamaged, match="was altered"):
            decode_line(line[:-1].replace(b'"shares":10', b'"shares":11'), BEFORE, "here")


def test_a_mixed_journal_is_read_as_it_was_written():
    """Both readers by turns: a text with an escape goes to the strict one."""
    link, lines, entries = Link(), list[bytes](), list[Entry]()
    for number in range(40):
        body = OrderSent("é" if number % 3 else f"r{number}")
        entry, line = encode_line(body, AT, link)
        link = Link(entry.seq, entry.hash)
        lines.append(line[:-1])
        entries.append(entry)
    before: Link | Entry = Link()
    for line, entry in zip(lines, entries, strict=True):
        before = decode_line(line, before, "")
        assert (before, before.kind) == (entry, Kind.ORDER_SENT)
