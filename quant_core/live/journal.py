"""The journal: what the worker did, on the disk before it acts on it.

Append-only text, one entry a line, in numbered files of one folder an account. An entry
that was acknowledged survives a crash of the process and of the machine; entries are
chained by hashes, so that whoever edits, removes, inserts or moves a line is found; and an
anchor kept elsewhere shows a cut-off end. See docs/reference/live-files.md.

1. :meth:`Journal.open` takes the lock, reads and checks everything, sets a torn line aside.
2. :meth:`Journal.append` writes and fsyncs before it returns; :meth:`Journal.append_all`
   does so once for many entries.
3. :func:`read` and :func:`verify` look from outside, also while a worker writes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from quant_core.foundation.errors import UsageError
from quant_core.foundation.files import sync
from quant_core.live.journal_entries import JOURNAL_SCHEMA, Body, SegmentOpened, TornLineKept
from quant_core.live.journal_errors import JournalDamaged, JournalUnwritable
from quant_core.live.journal_files import (
    Anchor,
    TornTail,
    keep_bytes,
    lock_folder,
    read_anchor,
    scan,
    segment_numbers,
    segment_path,
    write_all,
    write_anchor,
)
from quant_core.live.journal_lines import Entry, Link, damaged, encode_line


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """When a new file begins, and how often the anchor beside the journal is renewed."""

    segment_bytes: int = 16 * 1024 * 1024
    anchor_every: int = 100


@dataclass(frozen=True, slots=True)
class Verification:
    """What :func:`verify` found.

    ``entries`` counts those before the first problem; ``last_hash`` is the hash of the
    last of them. ``first_problem`` is empty when all is well. ``torn_bytes`` is above 0
    where bytes after the last line feed are all that is wrong: the trace of a crash.
    """

    ok: bool
    entries: int
    last_hash: str
    first_problem: str
    torn_bytes: int = 0
    error: JournalDamaged | None = None
    """The first problem by its parts, for a reader of another language."""


class Journal:
    """The journal of one account, open for writing by this process alone.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> from quant_core.live.journal_entries import Noted
    >>> folder = Path(tempfile.mkdtemp())
    >>> clock = lambda: datetime(2024, 1, 2, tzinfo=UTC)
    >>> with Journal.open(folder, "DU1", clock) as journal:
    ...     entry = journal.append(Noted("start", "first entry of a person"))
    >>> [entry.kind.value for entry in read(folder)]
    ['segment', 'note']
    >>> verify(folder).ok
    True
    """

    def __init__(
        self, folder: Path, account: str, now: Callable[[], datetime], limits: JournalLimits
    ) -> None:
        self._folder = folder
        self._account = account
        self._now = now
        self._limits = limits
        self._writing = threading.Lock()
        self._link: Link | Entry = Link()
        self._segment = 0
        self._size = 0
        self._file = -1
        self._lock = -1
        self._anchored = 0
        self._refusal = ""
        self.torn: Path | None = None
        """Where the half line of the crash before was put; None when there was none."""

    @classmethod
    def open(
        cls,
        folder: Path,
        account: str,
        now: Callable[[], datetime],
        limits: JournalLimits | None = None,
        on_entry: Callable[[Entry], object] | None = None,
    ) -> Self:
        """Open the journal of ``account``, or begin it.

        Parameters
        ----------
        folder : Path
            The folder of this account's journal alone.
        account : str
            Must be the account the journal was begun for.
        now : Callable[[], datetime]
            The clock that dates the entries.
        limits : JournalLimits, optional
            Sizes other than the usual ones.
        on_entry : Callable[[Entry], object], optional
            Is given every entry in order while they are read: recovery in one pass.

        Raises
        ------
        JournalLocked
            If another worker has it.
        JournalDamaged
            If it was altered or is shorter than its anchor; nothing is repaired.
        JournalUnwritable
            If the disk refuses.
        """
        journal = cls(folder, account, now, limits or JournalLimits())
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            journal._lock = lock_folder(folder)
            journal._recover(on_entry or _ignore)
        except OSError as error:
            journal._release()
            raise _unwritable(str(error), folder) from error
        except BaseException:
            journal._release()
            raise
        return journal

    @property
    def account(self) -> str:
        """The account it is about."""
        return self._account

    @property
    def count(self) -> int:
        """Entries in all files."""
        return self._link.seq

    def anchor(self) -> Anchor:
        """The journal's present length and hash, to be noted elsewhere."""
        return Anchor(self._account, self._link.seq, self._link.hash, self._now())

    def append(self, body: Body) -> Entry:
        """Make one entry durable; see :meth:`append_all`."""
        return self.append_all([body])[0]

    def append_all(self, bodies: Sequence[Body]) -> tuple[Entry, ...]:
        """Make entries durable together, with one fsync.

        When this returns they survive a power cut. When it raises they may or may not be
        found later: whoever wanted to act on them must not.

        Raises
        ------
        JournalUnwritable
            If writing or fsync failed, now or ever since the journal was opened.
        InvariantBroken
            If a field of a body does not hold what its type says; nothing is written.
        """
        with self._writing:
            if self._refusal:
                raise _unwritable(self._refusal, self._folder)
            try:
                entries = self._write(list(bodies))
                if self._link.seq - self._anchored >= self._limits.anchor_every:
                    self._renew_anchor()
            except OSError as error:
                self._refusal = f"{error} (the journal refuses every entry until it is reopened)"
                raise _unwritable(str(error), self._folder) from error
            return entries

    def close(self) -> None:
        """Renew the anchor and let go of the journal. Closing twice does nothing."""
        with self._writing:
            try:
                if self._lock >= 0 and not self._refusal and self._link.seq > self._anchored:
                    self._renew_anchor()
            except OSError as error:
                raise _unwritable(str(error), self._folder) from error
            finally:
                self._refusal = self._refusal or "the journal was closed"
                self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _recover(self, on_entry: Callable[[Entry], object]) -> None:
        """Read everything, refuse what was altered, set a torn tail aside, open the end."""
        torn: TornTail | None = None
        anchor = read_anchor(self._folder)
        for item in scan(self._folder):
            if isinstance(item, TornTail):
                torn = item
                continue
            self._take(item, anchor)
            on_entry(item)
        _check_length(self._link, anchor, self._folder)
        self._anchored = anchor.count if anchor else 0
        numbers = segment_numbers(self._folder)
        if not numbers:
            self._begin_segment()
            self._write([])
        else:
            self._reopen(numbers[-1], torn)

    def _take(self, entry: Entry, anchor: Anchor | None) -> None:
        if isinstance(entry.body, SegmentOpened) and entry.body.account != self._account:
            raise UsageError(
                "the journal is of another account",
                expected=self._account,
                found=entry.body.account,
                where=str(self._folder),
                fix="give every account a folder of its own",
            )
        _check_anchor(entry, anchor, self._folder)
        self._link = entry

    def _reopen(self, number: int, torn: TornTail | None) -> None:
        path = segment_path(self._folder, number)
        content = path.read_bytes()
        told: list[Body] = []
        if torn is not None:
            self.torn = keep_bytes(self._folder, torn.name, torn.content)
            size, digest = len(torn.content), torn.digest
            told = [TornLineKept(number, torn.offset, size, digest, torn.name)]
            content = content[: torn.offset]
        # Written anew: what can be read may be in memory alone, where the fsync before us
        # failed, and a second fsync of the same pages would not notice.
        keep_bytes(self._folder, path.name, content)
        self._segment, self._size = number, len(content)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        if told or self._size == 0:
            self._write(told)

    def _begin_segment(self) -> None:
        """A new file, not yet with its first line."""
        number = self._segment + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        opened = os.open(segment_path(self._folder, number), flags, 0o600)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._segment, self._size = opened, number, 0

    def _write(self, bodies: list[Body]) -> tuple[Entry, ...]:
        at, link, entries, lines = self._now(), self._link, list[Entry](), list[bytes]()
        full = self._size >= self._limits.segment_bytes
        header = full or self._size == 0
        if header:
            number = self._segment + full
            bodies = [SegmentOpened(JOURNAL_SCHEMA, self._account, number), *bodies]
        for body in bodies:
            entry, line = encode_line(body, at, link)
            link = Link(entry.seq, entry.hash)
            entries.append(entry)
            lines.append(line)
        self._check_untouched()
        if full:
            self._begin_segment()
        content = b"".join(lines)
        write_all(self._file, content)
        os.fsync(self._file)
        if header:
            sync(self._folder)
        self._link, self._size = link, self._size + len(content)
        return tuple(entries[1:] if header else entries)

    def _check_untouched(self) -> None:
        """The file under its name is still the one we write, and as long as we left it."""
        ours = os.fstat(self._file)
        named = segment_path(self._folder, self._segment).stat()
        if (named.st_dev, named.st_ino) != (ours.st_dev, ours.st_ino) or ours.st_size != self._size:
            raise OSError(f"segment {self._segment} was replaced or changed by somebody else")

    def _renew_anchor(self) -> None:
        write_anchor(self._folder, self.anchor())
        self._anchored = self._link.seq

    def _release(self) -> None:
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1


def read(folder: Path) -> Iterator[Entry]:
    """Every entry in order, checked as it is read; half a last line is left out.

    Raises
    ------
    JournalDamaged
        At the first line that was altered, moved or is missing, or that this version of
        the journal does not know.
    """
    return (item for item in scan(folder) if isinstance(item, Entry))


def verify(folder: Path, anchor: Anchor | None = None) -> Verification:
    """Whether the journal is what was written, up to its end. Changes nothing.

    Parameters
    ----------
    folder : Path
        The folder of an account's journal.
    anchor : Anchor, optional
        One that was kept elsewhere. The one beside the journal is always looked at too,
        but whoever cuts the journal can also change that one.
    """
    link, torn = Link(), None
    try:
        anchors = [each for each in (anchor, read_anchor(folder)) if each is not None]
        for item in scan(folder):
            if isinstance(item, TornTail):
                torn = item
                continue
            for each in anchors:
                _check_anchor(item, each, folder)
            link = Link(item.seq, item.hash)
        for each in anchors:
            _check_length(link, each, folder)
        if link.seq == 0 and torn is None:
            raise damaged("there is no journal here", str(folder), "at least one file", "")
    except JournalDamaged as error:
        return Verification(False, link.seq, link.hash, str(error), error=error)
    if torn is not None:
        problem = damaged("the last line is torn", str(folder), "a line feed", str(torn))
        size = len(torn.content)
        return Verification(False, link.seq, link.hash, str(problem), size, problem)
    return Verification(True, link.seq, link.hash, "")


def _check_anchor(entry: Entry, anchor: Anchor | None, folder: Path) -> None:
    """An entry the anchor knows must be the one it knew."""
    if anchor is None:
        return
    if isinstance(entry.body, SegmentOpened) and entry.body.account != anchor.account:
        problem = "the anchor is of another account"
        raise damaged(problem, str(folder), anchor.account, entry.body.account)
    if entry.seq == anchor.count and entry.hash != anchor.hash:
        problem = f"entry {entry.seq} is not the one of the anchor"
        raise damaged(problem, str(folder), anchor.hash, entry.hash)


def _check_length(link: Link | Entry, anchor: Anchor | None, folder: Path) -> None:
    if anchor is not None and link.seq < anchor.count:
        raise damaged(
            "the end of the journal was cut off",
            str(folder),
            f"at least {anchor.count} entries",
            f"{link.seq}",
        )


def _unwritable(found: str, folder: Path) -> JournalUnwritable:
    return JournalUnwritable(
        "the journal cannot be written: nothing may be sent to the broker",
        found=found,
        where=str(folder),
        fix="free space or repair the disk, then start the worker again",
    )


def _ignore(entry: Entry) -> None:
    """Nobody wants the entries that are read."""
