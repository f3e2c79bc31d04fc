"""One line of a journal: an entry, chained to the one before it by its hash.

A line is ``{"seq":..,"at":..,"kind":..,"body":{..},"prev":..,"hash":..}`` in ASCII without
spaces, ended by a line feed. ``hash`` is the SHA-256 of the line's own bytes without its
last member: of everything before ``,"hash"``, closed by ``}``. Since ``prev`` is the hash
of the line before, a changed byte, a missing line or another order breaks the chain.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from quant_core.live.journal_codec import Misfit, body_document, body_of
from quant_core.live.journal_entries import BODIES, JOURNAL_SCHEMA, Body
from quant_core.live.journal_errors import JournalDamaged
from quant_core.live.journal_kinds import Kind
from quant_core.live.journal_patterns import (
    NotPlain,
    RecordPattern,
    body_pattern,
    plain_instant,
)
from quant_core.live.json_text import (
    NotStrictJson,
    as_object,
    compact_text,
    instant_text,
    parse_instant,
    parse_strictly,
)

GENESIS = "0" * 64
"""What the first entry has in place of the hash before it."""

_MEMBERS = ["seq", "at", "kind", "body", "prev", "hash"]
_HEAD = re.compile(
    r'\{"seq":([1-9][0-9]{0,17}),"at":"([^"]*)","kind":"([a-z_]{1,40})","body":', re.ASCII
)
_END = re.compile(rb',"hash":"([0-9a-f]{64})"\}\Z')
_END_LENGTH = len(',"hash":""}') + 64


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it stands in the journal; ``seq`` counts from 1 through all files."""

    seq: int
    at: datetime
    body: Body
    prev: str
    hash: str

    @property
    def kind(self) -> Kind:
        """What the entry is about."""
        return self.body.kind


@dataclass(frozen=True, slots=True)
class Link:
    """Where the chain stands: the number and hash of its last entry."""

    seq: int = 0
    hash: str = GENESIS


def encode_line(body: Body, at: datetime, before: Link | Entry) -> tuple[Entry, bytes]:
    """The entry that follows ``before``, and its line.

    Raises
    ------
    InvariantBroken
        If a field of ``body`` does not hold what its type says.
    """
    document: dict[str, object] = {
        "seq": before.seq + 1,
        "at": instant_text(at),
        "kind": body.kind.value,
        "body": body_document(body),
        "prev": before.hash,
    }
    hashed = compact_text(document).encode("ascii")
    digest = hashlib.sha256(hashed).hexdigest()
    entry = Entry(before.seq + 1, at, body, before.hash, digest)
    return entry, hashed[:-1] + f',"hash":"{digest}"}}\n'.encode("ascii")


def decode_line(line: bytes, before: Link | Entry, where: str) -> Entry:
    """The entry of a line, without its line feed, that has to follow ``before``.

    Raises
    ------
    JournalDamaged
        If the line was altered, does not follow, or says what this version cannot read.
    """
    digest = hashlib.sha256(line[:-_END_LENGTH] + b"}").hexdigest()
    plain = _plain_entry(line, digest, before)
    if plain is not None:
        return plain
    end = _END.search(line)
    if end is None:
        raise damaged("a line does not end in its hash", where, "", repr(line[-40:]))
    if digest != end[1].decode("ascii"):
        raise damaged(
            "a line was altered: its hash is another", where, digest, str(end[1], "ascii")
        )
    try:
        members = as_object(parse_strictly(line))
    except NotStrictJson as error:
        raise damaged("a line is not strict JSON", where, "", str(error)) from error
    if members is None or list(members) != _MEMBERS:
        raise damaged("a line has other members", where, ", ".join(_MEMBERS), "")
    _check_place(members, before, where)
    at = parse_instant(members["at"])
    if at is None:
        raise damaged("a line has no instant", where, "UTC to the microsecond", str(members["at"]))
    return Entry(before.seq + 1, at, _body(members, where), before.hash, digest)


def _plain_entry(line: bytes, digest: str, before: Link | Entry) -> Entry | None:
    """The entry of a line in the usual form; None where only the strict reader can tell.

    It is taken when its number is the next one, it ends in the hash of the line before and in
    the one that its own bytes have, and each byte between is what its kind asks for.
    """
    tail = f',"prev":"{before.hash}","hash":"{digest}"}}'
    if not line.endswith(tail.encode("ascii")) or not line.isascii():
        return None
    text = line.decode("ascii")
    head = _HEAD.match(text)
    pattern = None if head is None else _pattern(head[3])
    if head is None or pattern is None or int(head[1]) != before.seq + 1:
        return None
    read = pattern.body(text, head.end())
    if read is None:
        return None
    body, end = read
    if end + len(tail) != len(text):
        return None
    try:
        at = plain_instant(head[2])
    except NotPlain:
        return None
    return Entry(before.seq + 1, at, body, before.hash, digest)


@cache
def _pattern(name: str) -> RecordPattern | None:
    """The pattern of a kind; the header of a file has none, its version is looked at."""
    found = name in BODIES and name != Kind.SEGMENT
    return body_pattern(BODIES[Kind(name)]) if found else None


def damaged(problem: str, where: str, expected: str, found: str) -> JournalDamaged:
    """The error for a journal that is not what was written."""
    return JournalDamaged(
        problem,
        expected=expected,
        found=found[:300],
        where=where,
        fix="compare with a copy and with an anchor noted elsewhere; do not edit the journal",
    )


def _check_place(members: dict[str, object], before: Link | Entry, where: str) -> None:
    """Whether the line is the next one; a gap is a missing line, a step back a moved one."""
    seq, prev = members["seq"], members["prev"]
    if type(seq) is not int or seq != before.seq + 1:
        problem = "lines are missing, repeated or out of order"
        raise damaged(problem, where, f"seq {before.seq + 1}", f"seq {seq}")
    if prev != before.hash:
        raise damaged("a line does not follow the one before it", where, before.hash, str(prev))


def _body(members: dict[str, object], where: str) -> Body:
    name, document = members["kind"], members["body"]
    if not isinstance(name, str) or name not in BODIES:
        raise damaged(f"an entry of an unknown kind {name!a:.40}", where, ", ".join(Kind), "")
    kind = Kind(name)
    schema = (as_object(document) or {}).get("schema")
    if kind is Kind.SEGMENT and schema != JOURNAL_SCHEMA:
        raise damaged("a journal of another version", where, f"{JOURNAL_SCHEMA}", f"{schema}")
    try:
        return body_of(BODIES[kind], document)
    except Misfit as error:
        raise damaged(
            f"an entry of kind {kind.value} that is none", where, "", str(error)
        ) from error
