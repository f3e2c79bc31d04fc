"""Attacks on the command door, and the count of what came through it.

Pure: the caller gives the randomness and feeds the files to a parser or a folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random

from quant_core.live.commands import LARGEST_COMMAND
from quant_core.live.json_text import as_object, canonical_text, parse_strictly

Attack = Callable[[bytes, Random], bytes]

_WORDS = ("account", "action", "engine_instance", "expires_at", "id", "issued_at", "schema")
_VALUES = (
    *(None, True, False, 0, -1, 1, 2, 10**30, "", "any", "STOP", "FLAT", "CANCEL", "stop"),
    *("\u0000", "\ud800", "STOP\n", "é", "9" * 300, "2024-01-01T00:00:00.000000Z", "NaN"),
)
_RAW = (
    *(b"", b"\n", b" ", b"null", b"[]", b"{}", b'""', b"0", b"NaN", b"\xff\xfe", b"\x00" * 64),
    *(b"[" * 20_000, b'{"a":' * 20_000, b"9" * 20_000, b"\xef\xbb\xbf{}", b'{"a":1e999}'),
    *(b'{"a":Infinity}', b'{"a":1,"a":1}', b'"\\ud800"', b"{" + b" " * LARGEST_COMMAND + b"}"),
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the commands that were sent; all is well when all three are empty."""

    lost: tuple[str, ...]
    """Sent and never carried out."""
    twice: tuple[str, ...]
    """Carried out more than once."""
    uninvited: tuple[str, ...]
    """Carried out and never sent."""

    @property
    def ok(self) -> bool:
        """Each command exactly once."""
        return not (self.lost or self.twice or self.uninvited)


def tally(sent: Iterable[str], carried_out: Iterable[str]) -> Tally:
    """Hold the ids that were sent against those that were carried out.

    Examples
    --------
    >>> tally(["a", "b", "c"], ["b", "a", "b", "x"])
    Tally(lost=('c',), twice=('b',), uninvited=('x',))
    """
    wanted, done = set(sent), Counter(carried_out)
    return Tally(
        tuple(sorted(wanted - done.keys())),
        tuple(sorted(name for name, times in done.items() if times > 1)),
        tuple(sorted(done.keys() - wanted)),
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
