"""Contents of command files that must not be carried out.

Three families: a valid command spoiled byte by byte or field by field under its old
signature (:data:`ATTACKS`), bytes that never were a command, and documents signed with the
right key that say something they may not (:func:`signed_wrongly`). Pure: the caller gives
the randomness and puts the content where he likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from quant_core.live.commands import (
    LARGEST_COMMAND,
    LONGEST_LIFETIME,
    Addressee,
    new_command,
    sign_command,
    signature_of,
)
from quant_core.live.commands import Action as CommandAction
from quant_core.live.json_text import as_object, canonical_text, instant_text, parse_strictly

Attack = Callable[[bytes, Random], bytes]

WIDE_STOP = "\uff33\uff34\uff2f\uff30"
"""A word that some ways of comparing take for STOP."""

_WORDS = ("account", "action", "engine_instance", "expires_at", "id", "issued_at", "schema")
_VALUES = (
    *(None, True, False, 0, -1, 1, 2, 10**30, "", "any", "STOP", "FLAT", "CANCEL", "stop"),
    *("\u0000", "\ud800", "STOP\n", "é", "9" * 300, "2024-01-01T00:00:00.000000Z", "NaN"),
    *("\u202eSTOP", WIDE_STOP, "ST\u200bOP", "STO\u0420", "\ufeffSTOP", "S\u0000TOP"),
)
_RAW = (
    *(b"", b"\n", b" ", b"null", b"[]", b"{}", b'""', b"0", b"NaN", b"\xff\xfe", b"\x00" * 64),
    *(b"[" * 20_000, b'{"a":' * 20_000, b"9" * 20_000, b"\xef\xbb\xbf{}", b'{"a":1e999}'),
    *(b'{"a":Infinity}', b'{"a":1,"a":1}', b'"\\ud800"', b"{" + b" " * LARGEST_COMMAND + b"}"),
)


def mutations(valid: bytes, random: Random) -> Iterator[bytes]:
    """Command files that are all different from ``valid``; without end.

    ``valid`` is the content of a signed command. None of what comes out is one: no file
    that was made without the key may be carried out.

    Examples
    --------
    >>> valid = b'{"action":"STOP","id":"1","schema":1,"signature":"00"}'
    >>> attacks = mutations(valid, Random(1))
    >>> any(next(attacks) == valid for _ in range(100))
    False
    """
    while True:
        attacked = random.choice(ATTACKS)(valid, random)
        while random.random() < 0.2:
            attacked = random.choice(ATTACKS)(attacked, random)
        if attacked != valid:
            yield attacked


def _flip_bit(content: bytes, random: Random) -> bytes:
    if not content:
        return content
    place = random.randrange(len(content))
    changed = content[place] ^ (1 << random.randrange(8))
    return content[:place] + bytes([changed]) + content[place + 1 :]


def _replace_bytes(content: bytes, random: Random) -> bytes:
    first, last = _span(content, random)
    return content[:first] + random.randbytes(last - first) + content[last:]


def _cut(content: bytes, random: Random) -> bytes:
    first, last = _span(content, random)
    return content[:first] + content[last:]


def _truncate(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _insert(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content) + 1)
    inserted = random.choice([b" ", b"\n", b"\x00", b'"', b"\\u0041", b",", b"\xc3", b"}{"])
    return content[:place] + inserted + content[place:]


def _double(content: bytes, random: Random) -> bytes:
    first, last = _span(content, random)
    return content[:last] + content[first:last] + content[last:]


def _oversize(content: bytes, random: Random) -> bytes:
    return content + b" " * random.randrange(LARGEST_COMMAND, 2 * LARGEST_COMMAND)


def _repeat_key(content: bytes, random: Random) -> bytes:
    word = random.choice(_WORDS).encode("ascii")
    return content.replace(b"{", b'{"' + word + b'":"STOP",', 1)


def _change_value(content: bytes, random: Random) -> bytes:
    """Another value under the old signature, in the canonical form."""
    fields = _fields(content)
    if not fields:
        return content
    fields[random.choice(sorted(fields))] = random.choice(_VALUES)
    return canonical_text(fields).encode("ascii")


def _change_keys(content: bytes, random: Random) -> bytes:
    fields = _fields(content)
    if not fields:
        return content
    value = fields.pop(random.choice(sorted(fields)))
    if random.random() < 0.5:
        fields[random.choice([*_WORDS, "args", "Signature", ""])] = value
    return canonical_text(fields).encode("ascii")


def _other_form(content: bytes, random: Random) -> bytes:
    """The same document in another order or encoding."""
    text = content.decode("utf-8", "replace")
    return random.choice(
        [
            text.encode("utf-16"),
            b"\xef\xbb\xbf" + content,
            text.replace(",", ", ").encode("utf-8"),
            text.replace("T", "\\u0054").encode("utf-8"),
            b"[" + content + b"]",
            content + content,
        ]
    )


def _nonsense(_: bytes, random: Random) -> bytes:
    return random.choice([*_RAW, random.randbytes(random.randrange(300))])


def _span(content: bytes, random: Random) -> tuple[int, int]:
    first = random.randrange(len(content) + 1)
    return first, min(len(content), first + 1 + random.randrange(16))


def _fields(content: bytes) -> dict[str, object]:
    try:
        return as_object(parse_strictly(content)) or {}
    except ValueError:
        return {}


ATTACKS: tuple[Attack, ...] = (
    *(_flip_bit, _replace_bytes, _cut, _truncate, _insert, _double, _oversize),
    *(_repeat_key, _change_value, _change_keys, _other_form, _nonsense),
)
"""Every way of spoiling a command file."""


def signed_wrongly(addressee: Addressee, key: bytes, at: datetime, random: Random) -> bytes:
    """A document under a right signature that may not be carried out at ``at``.

    Examples
    --------
    >>> from datetime import UTC
    >>> from quant_core.live.commands import parse_command
    >>> at, worker = datetime(2024, 1, 2, tzinfo=UTC), Addressee("DU1", "w1")
    >>> content = signed_wrongly(worker, b"k", at, Random(1))
    >>> hasattr(parse_command(content, b"k", worker, at), "reason")
    True
    """
    action = random.choice([CommandAction.FLAT, CommandAction.CANCEL])
    content = sign_command(new_command(action, addressee, at), key)
    fields = _fields(content)
    fields.pop("signature")
    fields |= random.choice(_wrong_changes(addressee, at))
    return canonical_text({**fields, "signature": signature_of(fields, key)}).encode("ascii")


def _wrong_changes(addressee: Addressee, at: datetime) -> list[dict[str, object]]:
    minute, far = timedelta(minutes=1), instant_text(at + timedelta(days=1))
    past, future = ((at + shift, at + shift + minute) for shift in (-60 * minute, 60 * minute))
    spans: list[dict[str, object]] = [
        {"issued_at": instant_text(first), "expires_at": instant_text(last)}
        for first, last in (past, future, (at, at + LONGEST_LIFETIME + minute), (at, at))
    ]
    return [
        *(*spans, {"expires_at": far}, {"expires_at": None}, {"issued_at": far}),
        *({"action": "STOP"}, {"action": "stop"}, {"action": "BUY"}, {"action": WIDE_STOP}),
        *({"action": None}, {"action": "FLAT "}, {"action": 1}),
        *({"account": addressee.account + " "}, {"account": addressee.account.lower() + "x"}),
        *({"account": ""}, {"account": None}, {"engine_instance": "w0"}, {"engine_instance": ""}),
        *({"engine_instance": 1}, {"id": ""}, {"id": "../x"}, {"id": "x" * 65}, {"id": "é"}),
        *({"id": None}, {"schema": 0}, {"schema": 2}, {"schema": "1"}, {"schema": True}),
        *({"issued_at": "now"}, {"issued_at": "2024-13-01T00:00:00.000000Z"}, {"args": "now"}),
        *({"expires_at": "9999-99-99T99:99:99.999999Z"}, {"args": None}, {"": ""}),
    ]
