"""Commands: what they say, who may say it, and that each is carried out once."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.drills.commands_count import Tally, tally
from quant_core.drills.fuzz_attacks import ATTACKS, mutations
from quant_core.foundation.errors import InvariantBroken, UsageError
from quant_core.live.commands import (
    ANY_INSTANCE,
    CLOCK_TOLERANCE,
    LARGEST_COMMAND,
    LONGEST_LIFETIME,
    Action,
    Addressee,
    Command,
    Refusal,
    Refused,
    in_urgency,
    new_command,
    parse_command,
    sign_command,
    signature_of,
)

AT = datetime(2024, 1, 2, 14, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)
KEY = b"k" * 64
WORKER = Addressee("DU1", "w1")
FLAT = Command("c1", Action.FLAT, "DU1", "w1", AT, AT + 30 * SECOND)
STOP = Command("c2", Action.STOP, "DU1", "any", AT, None)


def fields_of(command: Command) -> dict[str, object]:
    """What stands in the file, without the signature."""
    fields = json.loads(sign_command(command, KEY))
    fields.pop("signature")
    return fields


def signed(fields: dict[str, object], key: bytes = KEY) -> bytes:
    """Any fields under a right signature, in the canonical form."""
    whole = {**fields, "signature": signature_of(fields, key)}
    return json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()


def parsed(content: bytes, at: datetime = AT) -> Command | Refused:
    return parse_command(content, KEY, WORKER, at)


def reason(content: bytes, at: datetime = AT) -> Refusal | None:
    answer = parsed(content, at)
    return answer.reason if isinstance(answer, Refused) else None


class TestExamples:
    def test_a_file_by_hand(self):
        text = (
            '{"account":"DU1","action":"FLAT","engine_instance":"w1",'
            '"expires_at":"2024-01-02T14:15:30.000000Z","id":"c1",'
            '"issued_at":"2024-01-02T14:15:00.000000Z","schema":1}'
        )
        signature = hmac.new(KEY, text.encode(), "sha256").hexdigest()
        content = text.replace('"schema":1}', f'"schema":1,"signature":"{signature}"}}')
        assert sign_command(FLAT, KEY).decode() == content

    @pytest.mark.parametrize("command", [FLAT, STOP, replace(FLAT, action=Action.CANCEL)])
    def test_what_was_signed_is_understood(self, command):
        assert parsed(sign_command(command, KEY)) == command

    def test_stop_does_not_expire(self):
        assert parsed(sign_command(STOP, KEY), AT + timedelta(days=3650)) == STOP
        assert parsed(sign_command(STOP, KEY), AT - timedelta(days=3650)) == STOP

    def test_an_expiry_to_the_microsecond(self):
        content = sign_command(FLAT, KEY)
        assert reason(content, AT + 30 * SECOND) is None
        assert reason(content, AT + 30 * SECOND + TICK) is Refusal.EXPIRED

    def test_a_clock_that_was_set_back_a_little(self):
        content = sign_command(FLAT, KEY)
        assert reason(content, AT - CLOCK_TOLERANCE) is None
        assert reason(content, AT - CLOCK_TOLERANCE - TICK) is Refusal.NOT_YET_ISSUED

    def test_urgency(self):
        later = [replace(FLAT, id=f"{action}", action=action, issued_at=AT) for action in Action]
        older = replace(FLAT, id="old", issued_at=AT - SECOND)
        wanted = ["STOP", "old", "FLAT", "CANCEL"]
        for shuffled in permutations([*later, older]):
            assert [command.id for command in in_urgency(shuffled)] == wanted

    def test_new_ones_differ(self):
        made = {new_command(Action.CANCEL, WORKER, AT).id for _ in range(100)}
        assert len(made) == 100

    def test_tally(self):
        assert tally(["a", "b"], ["b", "a"]).ok
        assert tally(["a"], []) == Tally(("a",), (), ())
        assert not tally(["a"], ["a", "a"]).ok


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "wanted"),
        [
            ({"schema": 2}, Refusal.UNKNOWN_SCHEMA),
            ({"schema": "1"}, Refusal.UNKNOWN_SCHEMA),
            ({"schema": None}, Refusal.UNKNOWN_SCHEMA),
            ({"schema": True}, Refusal.MALFORMED),
            ({"schema": 1.0}, Refusal.MALFORMED),
            ({"action": "BUY"}, Refusal.UNKNOWN_ACTION),
            ({"action": "flat"}, Refusal.UNKNOWN_ACTION),
            ({"action": None}, Refusal.UNKNOWN_ACTION),
            ({"action": ["FLAT"]}, Refusal.MALFORMED),
            ({"account": "DU2"}, Refusal.OTHER_ACCOUNT),
            ({"account": "any"}, Refusal.OTHER_ACCOUNT),
            ({"account": ""}, Refusal.OTHER_ACCOUNT),
            ({"account": None}, Refusal.MALFORMED),
            ({"engine_instance": "w2"}, Refusal.OTHER_INSTANCE),
            ({"engine_instance": "ANY"}, Refusal.OTHER_INSTANCE),
            ({"engine_instance": "w 1"}, Refusal.MALFORMED),
            ({"engine_instance": None}, Refusal.MALFORMED),
            ({"id": ""}, Refusal.MALFORMED),
            ({"id": "a" * 65}, Refusal.MALFORMED),
            ({"id": "../c1"}, Refusal.MALFORMED),
            ({"id": 7}, Refusal.MALFORMED),
            ({"issued_at": "2024-01-02T14:15:00Z"}, Refusal.MALFORMED),
            ({"issued_at": None}, Refusal.MALFORMED),
            ({"expires_at": "tomorrow"}, Refusal.MALFORMED),
            ({"expires_at": 7}, Refusal.MALFORMED),
            ({"expires_at": None}, Refusal.BAD_LIFETIME),
            ({"expires_at": "2024-01-02T14:15:00.000000Z"}, Refusal.BAD_LIFETIME),
            ({"expires_at": "2024-01-02T14:14:59.000000Z"}, Refusal.BAD_LIFETIME),
            ({"expires_at": "2024-01-02T14:20:00.000001Z"}, Refusal.BAD_LIFETIME),
            ({"action": "STOP"}, Refusal.BAD_LIFETIME),
            ({"extra": 1}, Refusal.MALFORMED),
        ],
    )
    def test_signed_but_not_for_this_worker_or_not_a_command(self, change, wanted):
        assert reason(signed({**fields_of(FLAT), **change})) is wanted

    @pytest.mark.parametrize("missing", sorted(fields_of(FLAT)))
    def test_a_field_is_missing(self, missing):
        fields = fields_of(FLAT)
        del fields[missing]
        assert reason(signed(fields)) is Refusal.MALFORMED

    def test_the_longest_lifetime(self):
        assert reason(signed(fields_of(replace(FLAT, expires_at=AT + LONGEST_LIFETIME)))) is None

    def test_signatures(self):
        fields = fields_of(FLAT)
        text = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
        assert reason(text) is Refusal.UNSIGNED
        assert reason(signed(fields, b"x" * 64)) is Refusal.BAD_SIGNATURE
        for forged in ("", "0" * 64, "é" * 64, signature_of(fields, KEY).upper()):
            whole = {**fields, "signature": forged}
            content = json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()
            assert reason(content) is Refusal.BAD_SIGNATURE
        for forged in (None, 0):
            whole = {**fields, "signature": forged}
            content = json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()
            assert reason(content) is Refusal.BAD_SIGNATURE

    def test_a_signature_of_one_command_on_another(self):
        whole = json.loads(sign_command(STOP, KEY))
        whole["signature"] = json.loads(sign_command(FLAT, KEY))["signature"]
        content = json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()
        assert reason(content) is Refusal.BAD_SIGNATURE

    def test_another_form_of_the_same_document(self):
        whole = json.loads(sign_command(FLAT, KEY))
        for content in (
            json.dumps(whole, sort_keys=True).encode(),
            json.dumps(dict(reversed(whole.items())), separators=(",", ":")).encode(),
            sign_command(FLAT, KEY) + b"\n",
            sign_command(FLAT, KEY).replace(b'"id"', b'"\\u0069d"'),
        ):
            assert reason(content) is Refusal.MALFORMED

    def test_size(self):
        assert reason(b" " * LARGEST_COMMAND) is Refusal.MALFORMED
        assert reason(b" " * (LARGEST_COMMAND + 1)) is Refusal.TOO_LARGE

    @pytest.mark.parametrize(
        "content",
        [
            *(b"", b"null", b"[]", b"7", b'"STOP"', b"{", b"\xff", b'{"a":NaN}', b'{"a":1e999}'),
            *(b"[" * 60_000, b'{"a":' * 12_000, b"9" * 60_000, b'{"a":1,"a":2}', b"\xef\xbb\xbf{}"),
        ],
        ids=lambda content: repr(content[:12]),
    )
    def test_no_command_at_all(self, content):
        assert reason(content) in (Refusal.MALFORMED, Refusal.UNSIGNED)

    def test_the_id_is_told_where_it_is_usable(self):
        assert parsed(signed({**fields_of(FLAT), "account": "DU2"})).id == "c1"
        assert parsed(b'{"id":"c1"}').id == "c1"
        assert parsed(b'{"id":"<b>"}').id == ""

    def test_details_are_short_and_plain(self):
        wild = "\x1b[31m\ud800中" * 5_000
        for field in ("account", "action", "id", "engine_instance", "issued_at", wild):
            answer = parsed(signed({**fields_of(FLAT), field: wild}))
            assert isinstance(answer, Refused)
            assert len(answer.detail) < 300
            assert answer.detail.isascii()
            assert answer.detail.isprintable()

    def test_lifetimes_nobody_may_ask_for(self):
        for lifetime in (timedelta(0), -SECOND, LONGEST_LIFETIME + TICK):
            with pytest.raises(UsageError, match="cannot live that long"):
                new_command(Action.FLAT, WORKER, AT, lifetime)

    @pytest.mark.parametrize(("account", "instance"), [("", "w"), ("DU1", ""), ("DU1", "a.b")])
    def test_nobody(self, account, instance):
        with pytest.raises(InvariantBroken, match="addressed"):
            Addressee(account, instance)


class TestProperties:
    VALID = sign_command(STOP, KEY)

    @settings(max_examples=300)
    @given(st.binary(max_size=400))
    def test_any_bytes_are_refused(self, content):
        assert isinstance(parsed(content), Refused)

    @settings(max_examples=50)
    @given(st.integers())
    def test_no_mutation_of_a_stop_is_a_command(self, seed):
        for content in islice(mutations(self.VALID, Random(seed)), 20):
            assert isinstance(parsed(content), Refused)

    def test_ten_thousand_mutations_of_every_kind(self):
        random, seen = Random(5), set()
        for content in islice(mutations(self.VALID, random), 10_000):
            answer = parsed(content)
            assert isinstance(answer, Refused)
            seen.add(answer.reason)
        assert {Refusal.MALFORMED, Refusal.BAD_SIGNATURE, Refusal.UNSIGNED} <= seen
        assert Refusal.TOO_LARGE in seen

    @pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
    def test_every_attack_changes_something(self, attack):
        random = Random(6)
        assert any(attack(self.VALID, random) != self.VALID for _ in range(20))
        for content in (b"", b"{}", b"[]", b"\xff"):
            attack(content, random)

    def test_every_changed_byte(self):
        for place in range(len(self.VALID)):
            for bit in range(8):
                changed = bytearray(self.VALID)
                changed[place] ^= 1 << bit
                assert isinstance(parsed(bytes(changed)), Refused)

    @settings(max_examples=50)
    @given(
        st.sampled_from(list(Action)),
        st.sampled_from([WORKER, Addressee("DU1", ANY_INSTANCE)]),
        st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 the strategy adds the zone
    )
    def test_what_is_sent_in_time_is_understood(self, action, addressee, at):
        command = new_command(action, addressee, at)
        assert parsed(sign_command(command, KEY), at + 30 * SECOND) == command
