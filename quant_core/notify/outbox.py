"""The outbox: alerts on disk from the moment they are accepted until they are delivered.

::

    outbox/20240301T141500000000-<identity>.json    accepted, not delivered everywhere
    outbox/sent/<the same name>                     delivered, the newest ones
    outbox/repeats.json                             what was counted instead of sent
    outbox/<name>.unreadable                        could not be understood at a start

An alert is on disk before :meth:`Outbox.accept` says ``STORED`` and stays there until
every notifier has it: at least once, and never lost with the process. When the disk takes
nothing, alerts are held in memory, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from threading import Lock

from quant_core.foundation.errors import DataRefused
from quant_core.foundation.files import write_text_atomically
from quant_core.notify.entry_file import (
    Entry,
    entry_text,
    read_entry,
    read_windows,
    windows_text,
)
from quant_core.notify.port import Alert, Severity
from quant_core.notify.repeats import Repeats

ENTRIES = "[0-9]*-*.json"
SENT = "sent"
REPEATS = "repeats.json"
UNREADABLE = ".unreadable"

RESERVE = 10
"""One place in so many is kept for critical alerts."""


class Posted(Enum):
    """What became of an alert that was handed in."""

    STORED = "stored"
    """On disk; it will be delivered, whatever happens to the process."""
    REPEATED = "repeated"
    """Counted as a repeat; the count is told when the window is over."""
    HELD = "held"
    """In memory alone, for the disk did not take it; lost if the process dies."""
    REFUSED = "refused"
    """Dropped, for the outbox is full; the number of these is told later."""
    UNADDRESSED = "unaddressed"
    """Dropped, for nobody is to be told of anything."""


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """Bounds of the outbox.

    ``pending`` alerts wait at most, ``held`` of them in memory alone; the newest ``sent``
    are kept; alerts of one key within ``repeat_seconds`` are one message.
    """

    pending: int
    held: int
    sent: int
    repeat_seconds: float


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """How full the outbox is; ``disk_problem`` is empty while the disk takes everything."""

    pending: int
    held: int
    refused: int
    disk_problem: str


class Outbox:
    """The alerts of one folder; one process at a time has it, any thread may hand in."""

    def __init__(self, folder: Path, limits: OutboxLimits) -> None:
        self._folder = folder
        self._limits = limits
        self._lock = Lock()
        self._entries: dict[str, Entry] = {}
        self._being_stored = 0
        self._refused = 0
        self._untold = 0
        self._unreadable = 0
        self._disk_problem = ""
        self._repeats = Repeats(timedelta(seconds=limits.repeat_seconds), limits.pending)
        self._written_windows = self._repeats.windows
        self._load()

    # -- accepting, in the thread of the caller -----------------------------------------

    def accept(self, alert: Alert) -> Posted:
        """Write an alert down, unless it is a repeat; never raises for a failing disk."""
        with self._lock:
            if alert.identity in self._entries or self._repeats.counts(alert):
                return Posted.REPEATED
            if not self._has_room(alert.severity):
                return self._refuse()
            alert = self._repeats.open(alert)
            self._being_stored += 1
        return self._keep(Entry(alert, frozenset(), stored=False))

    def _has_room(self, severity: Severity) -> bool:
        most = self._limits.pending
        if severity < Severity.CRITICAL:
            most -= most // RESERVE
        return len(self._entries) + self._being_stored < most

    def _refuse(self) -> Posted:
        self._refused += 1
        self._untold += 1
        return Posted.REFUSED

    def _keep(self, entry: Entry) -> Posted:
        """Put an entry on disk, or hold it in memory; its place is reserved."""
        entry = replace(entry, stored=self._store(entry))
        with self._lock:
            self._being_stored -= 1
            if not entry.stored and self._held() >= self._limits.held:
                self._repeats.forget(entry.alert.key)
                return self._refuse()
            self._entries[entry.alert.identity] = entry
        return Posted.STORED if entry.stored else Posted.HELD

    # -- delivering, in the thread of the courier ---------------------------------------

    def pending(self) -> tuple[Entry, ...]:
        """What waits for delivery: severe before less severe, then old before new."""
        with self._lock:
            entries = tuple(self._entries.values())
        return tuple(sorted(entries, key=_urgency))

    def delivered(self, identity: str, notifier: str, everyone: frozenset[str]) -> None:
        """Note that ``notifier`` has an alert; it leaves when ``everyone`` has it."""
        with self._lock:
            entry = self._entries.get(identity)
            if entry is None:
                return
            entry = replace(entry, delivered_to=entry.delivered_to | {notifier})
            done = everyone <= entry.delivered_to
            if done:
                del self._entries[identity]
            else:
                self._entries[identity] = entry
        if done:
            self._archive(entry)
        elif entry.stored:
            self._store(entry)

    def tend(self, now: datetime) -> None:
        """What has to be done now and then: write down what is held, tell of repeats."""
        for entry in self.pending():
            if not entry.stored and self._store(entry):
                with self._lock:
                    self._entries[entry.alert.identity] = replace(entry, stored=True)
        for alert in self._reports(now):
            self._keep(Entry(alert, frozenset(), stored=False))
        self._write_windows()

    def counts(self) -> OutboxCounts:
        """How full the outbox is at present."""
        with self._lock:
            return OutboxCounts(len(self._entries), self._held(), self._refused, self._disk_problem)

    def _reports(self, now: datetime) -> list[Alert]:
        """Alerts about alerts, their places reserved: repeats, and what was lost."""
        ready: list[Alert] = []
        with self._lock:
            for alert in (*self._repeats.close(now), *self._loss(now)):
                if self._has_room(alert.severity):
                    self._being_stored += 1
                    ready.append(self._repeats.open(alert))
        return ready

    def _loss(self, now: datetime) -> tuple[Alert, ...]:
        """At most one alert that tells of dropped and unreadable ones, once there is room."""
        if len(self._entries) > self._limits.pending // 2:
            return ()
        lost = {
            "dropped, for the outbox was full": self._untold,
            "not readable in the outbox": self._unreadable,
        }
        told = [f"alerts {what}: {number}" for what, number in lost.items() if number]
        if not told:
            return ()
        self._untold = self._unreadable = 0
        body = "The journal of the worker tells what they were about."
        return (Alert("notify.outbox", Severity.CRITICAL, "; ".join(told), body, now),)

    def _held(self) -> int:
        return sum(not entry.stored for entry in self._entries.values())

    # -- files ---------------------------------------------------------------------------

    def _store(self, entry: Entry) -> bool:
        return self._written(entry.file_name, entry_text(entry))

    def _written(self, name: str, text: str) -> bool:
        try:
            write_text_atomically(self._folder / name, text)
        except OSError as error:
            self._disk_problem = error.strerror or type(error).__name__
            return False
        self._disk_problem = ""
        return True

    def _write_windows(self) -> None:
        with self._lock:
            windows = self._repeats.windows
        if windows != self._written_windows and self._written(REPEATS, windows_text(windows)):
            self._written_windows = windows

    def _archive(self, entry: Entry) -> None:
        """Move a file to the sent ones; if the disk refuses, at least it must go."""
        file, sent = self._folder / entry.file_name, self._folder / SENT
        if not entry.stored:
            _remove(file)  # it is there if its folder alone could not be synchronised
            return
        try:
            sent.mkdir(exist_ok=True)
            file.replace(sent / file.name)
            for old in sorted(sent.glob(ENTRIES))[: -self._limits.sent]:
                old.unlink()
        except OSError as error:
            self._disk_problem = error.strerror or type(error).__name__
            _remove(file)

    def _load(self) -> None:
        """Take over what an earlier process left; what it wrote only in part is removed."""
        for part in self._folder.glob(".*.part"):
            _remove(part)
        for entry in self._read_pending():
            self._entries[entry.alert.identity] = entry
        try:
            windows = read_windows(self._folder / REPEATS)
        except (OSError, DataRefused):
            windows = ()  # counts alone are lost
        length = timedelta(seconds=self._limits.repeat_seconds)
        self._repeats = Repeats(length, self._limits.pending, windows)
        accepted = [*self._read_sent(), *self._entries.values()]
        for entry in sorted(accepted, key=lambda each: each.alert.at):
            self._repeats.remember(entry.alert)

    def _read_pending(self) -> Iterator[Entry]:
        for path in sorted(self._folder.glob(ENTRIES)):
            try:
                yield read_entry(path)
            except DataRefused:
                self._unreadable += 1
                _set_aside(path)
            except OSError as error:
                self._unreadable += 1
                self._disk_problem = error.strerror or type(error).__name__

    def _read_sent(self) -> Iterator[Entry]:
        for path in sorted((self._folder / SENT).glob(ENTRIES)):
            try:
                yield read_entry(path)
            except (DataRefused, OSError):
                continue  # it was delivered; all it could tell is when a window opened


def _urgency(entry: Entry) -> tuple[int, datetime, str]:
    return -entry.alert.severity, entry.alert.at, entry.alert.key


def _set_aside(path: Path) -> None:
    try:
        path.rename(path.with_name(path.name + UNREADABLE))
    except OSError:
        return  # it stays, and is counted again at the next start


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # a read-only disk: the alert may come again after a restart
