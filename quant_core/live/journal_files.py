"""The files of a journal: numbered segments, the lock, the anchor, a torn last line."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quant_core.foundation.errors import UsageError
from quant_core.foundation.files import write_atomically, write_text_atomically
from quant_core.live.journal_codec import Misfit
from quant_core.live.journal_entries import SegmentOpened
from quant_core.live.journal_errors import JournalLocked
from quant_core.live.journal_lines import Entry, Link, damaged, decode_line
from quant_core.live.json_text import (
    NotStrictJson,
    as_object,
    canonical_text,
    instant_text,
    parse_instant,
    parse_strictly,
)

LOCK_FILE = "journal.lock"
ANCHOR_FILE = "journal.anchor.json"
ANCHOR_SCHEMA = 1

_SEGMENT = re.compile(r"journal-(\d{6})\.jsonl", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class TornTail:
    """Bytes after the last line feed of a journal: what a crash left of a line."""

    segment: int
    offset: int
    content: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def name(self) -> str:
        """The file it is kept in, told by place and content: keeping it twice is harmless."""
        return f"journal-{self.segment:06d}.torn-{self.offset}-{self.digest[:12]}"

    def __str__(self) -> str:
        return f"{len(self.content)} bytes of a line that was never finished"


@dataclass(frozen=True, slots=True)
class Anchor:
    """How long a journal was at an instant, and the hash it ended in.

    Noted elsewhere, it shows that the end of the journal was cut off, or that
    the whole of it was written anew.
    """

    account: str
    count: int
    hash: str
    at: datetime


def segment_path(folder: Path, number: int) -> Path:
    """Where the segment of a number stands; the first is 1."""
    return folder / f"journal-{number:06d}.jsonl"


def segment_numbers(folder: Path) -> list[int]:
    """The segments that are there, ascending."""
    found = (_SEGMENT.fullmatch(path.name) for path in folder.glob("journal-*.jsonl"))
    return sorted(int(match[1]) for match in found if match)


def scan(folder: Path) -> Iterator[Entry | TornTail]:
    """Every entry in order, each checked against the one before; at the end a torn tail.

    Raises
    ------
    JournalDamaged
        At the first line, or missing file, that breaks the chain.
    """
    numbers = segment_numbers(folder)
    account = ""
    link: Link | Entry = Link()
    for number, expected in zip(numbers, range(1, len(numbers) + 1), strict=True):
        path = segment_path(folder, number)
        if number != expected:
            name = segment_path(folder, expected).name
            raise damaged("a file of the journal is missing", str(folder), name, path.name)
        ended, account = yield from _scan_segment(path, number, link, account)
        if isinstance(ended, TornTail):
            if number != numbers[-1]:
                raise damaged("a file of the journal ends in half a line", str(path), "", "")
            yield ended
            return
        link = ended


def lock_folder(folder: Path) -> int:
    """Take the journal for this process; the descriptor holds it until it is closed.

    Raises
    ------
    JournalLocked
        If another process has it; the system lets go of it when that process ends.
    """
    path = folder / LOCK_FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 1000, 0).decode("utf-8", "replace")
        os.close(descriptor)
        raise JournalLocked(
            "another worker holds the journal of this account",
            expected="one worker an account",
            found=holder or "a process that has not said its number yet",
            where=str(path),
            fix="stop that process; the lock goes with it and must not be removed by hand",
        ) from None
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "boot_id": boot_id()}).encode(), 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def boot_id() -> str:
    """The system's number of its last start, "unknown" where it has none."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return "unknown"


def keep_bytes(folder: Path, name: str, content: bytes) -> Path:
    """Put a file in place whole and durable, for its owner alone."""

    def fill(part: Path) -> None:
        descriptor = os.open(part, os.O_WRONLY)
        try:
            write_all(descriptor, content)
        finally:
            os.close(descriptor)

    write_atomically(folder / name, fill)
    (folder / name).chmod(0o600)
    return folder / name


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte; a disk that takes fewer is asked again, and then says why."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def write_anchor(folder: Path, anchor: Anchor) -> None:
    """Put the anchor beside the journal."""
    write_text_atomically(folder / ANCHOR_FILE, anchor_text(anchor) + "\n")


def anchor_text(anchor: Anchor) -> str:
    """The anchor on one line, to be noted elsewhere."""
    return canonical_text(
        {
            "schema": ANCHOR_SCHEMA,
            "account": anchor.account,
            "count": anchor.count,
            "hash": anchor.hash,
            "at": instant_text(anchor.at),
        }
    )


def parse_anchor(text: str) -> Anchor:
    """The anchor of a line of :func:`anchor_text`.

    Raises
    ------
    UsageError
        If it is none.

    Examples
    --------
    >>> from datetime import UTC
    >>> anchor = Anchor("DU1", 3, "ab" * 32, datetime(2024, 1, 2, tzinfo=UTC))
    >>> parse_anchor(anchor_text(anchor)) == anchor
    True
    """
    try:
        return _anchor(as_object(parse_strictly(text.encode("utf-8", "replace"))) or {})
    except (NotStrictJson, Misfit) as error:
        raise UsageError(
            "this is no anchor of a journal",
            expected="the line of journal.anchor.json, as it was noted elsewhere",
            found=str(error),
        ) from error


def read_anchor(folder: Path) -> Anchor | None:
    """The anchor beside the journal, None where there is none.

    Raises
    ------
    JournalDamaged
        If there is one that cannot be read: it is written whole or not at all.
    """
    path = folder / ANCHOR_FILE
    try:
        return parse_anchor(path.read_bytes().decode("utf-8", "replace"))
    except FileNotFoundError:
        return None
    except UsageError as error:
        raise damaged("the anchor was altered", str(path), "", error.found) from error


def _anchor(members: dict[str, object]) -> Anchor:
    if members.keys() != {"schema", "account", "count", "hash", "at"}:
        raise Misfit(f"the members {', '.join(members)}")
    account, count, digest = members["account"], members["count"], members["hash"]
    at = parse_instant(members["at"])
    if members["schema"] != ANCHOR_SCHEMA or at is None:
        raise Misfit(f"schema {members['schema']!r:.40}, at {members['at']!r:.40}")
    if not (isinstance(account, str) and type(count) is int and isinstance(digest, str)):
        raise Misfit("an account, count or hash of another type")
    if count < 0 or _HASH.fullmatch(digest) is None:
        raise Misfit(f"count {count}, hash {digest:.70}")
    return Anchor(account, count, digest, at)


def _scan_segment(
    path: Path, number: int, before: Link | Entry, account: str
) -> Generator[Entry, None, tuple[Link | Entry | TornTail, str]]:
    """The entries of a file; in the end its last one, or a torn tail, and whose journal it is."""
    offset, name = 0, str(path)
    with path.open("rb") as stream:
        for row, line in enumerate(stream, start=1):
            where = f"{name}:{row}"
            if not line.endswith(b"\n"):
                return TornTail(number, offset, line), account
            before = decode_line(line[:-1], before, where)
            if row == 1 or isinstance(before.body, SegmentOpened):
                _check_header(before, number, row, where)
                account = _checked_account(before, account, name)
            offset += len(line)
            yield before
    return before, account


def _check_header(entry: Entry, number: int, row: int, where: str) -> None:
    """A file begins with the entry that names it, and holds no second one."""
    is_header = isinstance(entry.body, SegmentOpened)
    if is_header != (row == 1):
        raise damaged("a file of the journal begins in the wrong place", where, "", entry.kind)
    if isinstance(entry.body, SegmentOpened) and entry.body.segment != number:
        found = f"segment {entry.body.segment}"
        raise damaged("a file of the journal has another name", where, f"segment {number}", found)


def _checked_account(entry: Entry, account: str, where: str) -> str:
    """All files are of one account."""
    if not isinstance(entry.body, SegmentOpened):
        return account
    if account and entry.body.account != account:
        raise damaged("a file of another account's journal", where, account, entry.body.account)
    return entry.body.account
