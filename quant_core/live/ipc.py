"""The folder between worker and console: the state that is shown, and the KILL file.

The worker alone writes ``dashboard_state.json``, whole or not at all. The console judges
by its own clock how old it is: a worker that hangs cannot say so.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic_core import PydanticSerializationError, to_json

from quant_core.foundation.errors import ConfigurationError, InvariantBroken, QuantError
from quant_core.foundation.files import sync, write_text_atomically
from quant_core.live.json_text import (
    NotStrictJson,
    as_object,
    instant_text,
    parse_instant,
    parse_strictly,
)

STATE_FILE = "dashboard_state.json"
KILL_FILE = "KILL"
STATE_SCHEMA = 1

CLOCK_TOLERANCE = timedelta(seconds=5)
"""How far in the future a state may have been written before its age means nothing."""

LITTER_AGE = timedelta(seconds=60)
"""A temporary file of this age belongs to a process that died."""

_ENVELOPE = ("schema", "engine_instance", "sequence", "written_at", "valid_until")


class StateUnwritable(QuantError):
    """The state could not be written; the one before it is still in place, whole.

    Every write uses a new file, so that the next one may be tried.
    """

    exit_code = 5


class Freshness(StrEnum):
    """What a reader may believe of the state."""

    FRESH = "fresh"
    STALE = "stale"
    """Past its validity by the reader's clock, or written in the reader's future."""
    ABSENT = "absent"
    UNREADABLE = "unreadable"
    WENT_BACK = "went_back"
    """A lower sequence number than one seen before: not the worker's newest file."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands in the state file, and how far it can be believed.

    ``document`` is empty unless the file could be read; ``age`` is None likewise.
    """

    freshness: Freshness
    document: Mapping[str, object] = field(default_factory=dict[str, object])
    instance: str = ""
    sequence: int = 0
    age: timedelta | None = None
    detail: str = ""


def prepare_folder(folder: Path) -> None:
    """Make the folder, for its owner alone; a folder of ours that is open is closed.

    Raises
    ------
    ConfigurationError
        If it belongs to another user, or is no folder.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) & 0o077 and folder.stat().st_uid == os.geteuid():
        folder.chmod(0o700)
    check_folder(folder)


def check_folder(folder: Path) -> None:
    """Refuse a folder into which anybody but its owner could put or read a file."""
    facts = folder.stat() if folder.is_dir() else None
    mode = 0 if facts is None else stat.S_IMODE(facts.st_mode)
    if facts is None or facts.st_uid != os.geteuid() or mode & 0o077:
        found = "no folder" if facts is None else f"owner {facts.st_uid}, mode {mode:04o}"
        raise ConfigurationError(
            "the folder between worker and console is not private",
            expected=f"a folder of user {os.geteuid()} with mode 0700",
            found=found,
            where=str(folder),
            fix=f"chown and chmod 700 {folder}, or name another folder",
        )


def kill_requested(folder: Path) -> bool:
    """Whether new orders are stopped by a file named KILL, whatever it is or holds.

    A folder that is gone or cannot be looked into counts as KILL.
    """
    try:
        os.lstat(folder / KILL_FILE)
    except FileNotFoundError:
        return not folder.is_dir()
    except OSError:
        return True
    return True


def request_kill(folder: Path) -> None:
    """Put the KILL file there; whatever has that name already is left alone."""
    try:
        descriptor = os.open(folder / KILL_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    os.close(descriptor)
    sync(folder)


def sweep_litter(folder: Path, now: datetime, older_than: timedelta = LITTER_AGE) -> list[str]:
    """Remove temporary files that dead processes left; returns their names.

    Young ones stay: the console may be writing one at this moment.
    """
    removed: list[str] = []
    for part in sorted(folder.glob(".*.part")):
        try:
            if part.lstat().st_mtime <= (now - older_than).timestamp():
                part.unlink()
                removed.append(part.name)
        except FileNotFoundError:  # its owner was alive after all and finished
            continue
    return removed


class StateWriter:
    """Writes the state; the sequence goes on from the file that is there.

    Parameters
    ----------
    path : Path
        The state file.
    instance : str
        Engine instance: a new one for every start of the worker.
    validity : timedelta
        How long after its writing a reader may believe a state.
    now : Callable[[], datetime]
        The clock.

    Raises
    ------
    ConfigurationError
        If the file that is there cannot be read: where to go on from is not known.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> path = Path(tempfile.mkdtemp()) / STATE_FILE
    >>> clock = lambda: datetime(2024, 1, 2, tzinfo=UTC)
    >>> StateWriter(path, "w1", timedelta(seconds=3), clock).write({"mode": "PAPER"})
    1
    >>> StateWriter(path, "w2", timedelta(seconds=3), clock).write({"mode": "PAPER"})
    2
    >>> read_state(path, clock()).document["mode"]
    'PAPER'
    """

    def __init__(
        self, path: Path, instance: str, validity: timedelta, now: Callable[[], datetime]
    ) -> None:
        self._path = path
        self._instance = instance
        self._validity = validity
        self._now = now
        self._sequence = _last_sequence(path, now())

    @property
    def sequence(self) -> int:
        """Number of the last state written, 0 before the first one ever."""
        return self._sequence

    def write(self, document: Mapping[str, object]) -> int:
        """Put a state in place and return its number.

        NaN and infinities become null: unknown. Dates and enumerations become text,
        dataclasses objects.

        Raises
        ------
        StateUnwritable
            If the disk refuses; the state before stays in place.
        InvariantBroken
            If ``document`` cannot be written as JSON, or names a field of the envelope.
        """
        written = self._now()
        envelope: dict[str, object] = {
            "schema": STATE_SCHEMA,
            "engine_instance": self._instance,
            "sequence": self._sequence + 1,
            "written_at": instant_text(written),
            "valid_until": instant_text(written + self._validity),
        }
        if clash := envelope.keys() & document.keys():
            raise InvariantBroken(
                "the state names a field of its envelope", found=", ".join(sorted(clash))
            )
        # A number is used once: after a failure it may have reached the disk all the same.
        self._sequence += 1
        write_document(self._path, {**envelope, **document})
        return self._sequence


def write_document(path: Path, document: Mapping[str, object]) -> None:
    """Put a JSON document in place, whole or not at all; NaN and infinities become null.

    Raises
    ------
    StateUnwritable
        If the disk refuses; what stood there before still does.
    InvariantBroken
        If it cannot be written as JSON.
    """
    try:
        text = to_json(document, inf_nan_mode="null").decode("utf-8")
    except (PydanticSerializationError, ValueError) as error:
        raise InvariantBroken("a document cannot be written as JSON", found=str(error)) from error
    try:
        write_text_atomically(path, text)
    except OSError as error:
        raise StateUnwritable(
            "the state cannot be written",
            found=str(error),
            where=str(path),
            fix="free space on the disk and make the folder writable",
        ) from error


def document_at(path: Path) -> dict[str, object] | None:
    """The JSON object in a file for display; None if there is none to be read."""
    try:
        return as_object(parse_strictly(path.read_bytes()))
    except (OSError, NotStrictJson):
        return None


def read_state(path: Path, now: datetime) -> Reading:
    """The state as it stands, judged by the reader's clock. Never raises for its content."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Reading(Freshness.ABSENT, detail="the worker has not written yet")
    except OSError as error:
        return Reading(Freshness.UNREADABLE, detail=str(error))
    try:
        document = as_object(parse_strictly(content))
    except NotStrictJson as error:
        return Reading(Freshness.UNREADABLE, detail=str(error))
    return _judged(document or {}, now)


class StateReader:
    """Reads the state again and again, and notices what one reading cannot show.

    A sequence that goes back, and one that stands still for longer than its validity
    although the wall clock says otherwise: time is then taken from ``monotonic``.
    """

    def __init__(
        self, path: Path, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._path = path
        self._now = now
        self._monotonic = monotonic
        self._highest = 0
        self._changed_at = monotonic()

    def read(self) -> Reading:
        """The state as it stands."""
        reading, moment = read_state(self._path, self._now()), self._monotonic()
        if reading.sequence == 0:
            return reading
        if reading.sequence < self._highest:
            detail = f"sequence {reading.sequence} after {self._highest}"
            return _doubted(reading, Freshness.WENT_BACK, detail)
        if reading.sequence > self._highest:
            self._highest, self._changed_at = reading.sequence, moment
        still = timedelta(seconds=moment - self._changed_at)
        if reading.freshness is Freshness.FRESH and still > _validity(reading):
            return _doubted(reading, Freshness.STALE, f"unchanged for {still}")
        return reading


def _last_sequence(path: Path, now: datetime) -> int:
    before = read_state(path, now)
    if before.freshness is Freshness.UNREADABLE:
        raise ConfigurationError(
            "the state file of the run before cannot be read",
            found=before.detail,
            where=str(path),
            fix="move it away; consoles that are open will say that the sequence went back",
        )
    return before.sequence


def _judged(document: dict[str, object], now: datetime) -> Reading:
    schema, instance, sequence = (document.get(name) for name in _ENVELOPE[:3])
    written, until = (parse_instant(document.get(name)) for name in _ENVELOPE[3:])
    if schema != STATE_SCHEMA:
        return Reading(Freshness.UNREADABLE, detail=f"schema {schema!a:.40}")
    if not (isinstance(instance, str) and type(sequence) is int and sequence > 0):
        return Reading(Freshness.UNREADABLE, detail="no engine instance or sequence number")
    if written is None or until is None:
        return Reading(Freshness.UNREADABLE, detail="no time of writing or validity")
    fresh = written - CLOCK_TOLERANCE <= now <= until
    freshness = Freshness.FRESH if fresh else Freshness.STALE
    return Reading(freshness, document, instance, sequence, now - written)


def _validity(reading: Reading) -> timedelta:
    written = parse_instant(reading.document["written_at"])
    until = parse_instant(reading.document["valid_until"])
    return until - written if written is not None and until is not None else timedelta(0)


def _doubted(reading: Reading, freshness: Freshness, detail: str) -> Reading:
    return Reading(
        freshness, reading.document, reading.instance, reading.sequence, reading.age, detail
    )
