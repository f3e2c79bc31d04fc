"""The state read again and again while it is written: never a part, never an older one.

A worker's writer puts documents of all sizes in place, as fast as the disk takes them, and
is killed and started again now and then. Readers read all the time, as a console does, and
look whether what they see is one document: every row of a document bears its number, and the
document says how many rows it has.

Without the protection (``write_ahead`` False) the writer writes into the file itself, in two
pieces. The drill must find the parts of documents that are then seen.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from threading import Event

from quant_core.drills.commands_processes import CONTEXT, Crew
from quant_core.drills.plan import DrillPlan, DrillResult, Figure
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.timing import monotonic_seconds, utc_now
from quant_core.live.ipc import (
    STATE_FILE,
    Freshness,
    Reading,
    StateReader,
    StateWriter,
    prepare_folder,
    read_state,
)

READERS = 2
REPORT_EVERY = 500
KILL_SHARE, LEAST_KILLS = 20_000, 3
VALIDITY = timedelta(days=1)
LATER_SECONDS = 0.05
LOOK_SECONDS = 0.02
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SCRATCH = "scratch"
TORN_SECONDS = 0.001
FIRST_WRITE_SECONDS = 60.0

ROWS = (0, 1, 7, 40, 300)
PADDING = (0, 10, 3_000, 5_000, 20_000, 200_000)
PADDING_WEIGHTS = (20, 20, 25, 20, 13, 2)
"""Sizes of documents, up to many pages of memory; large ones are rarer."""


@dataclass(slots=True)
class ReadCount:
    """What one reader has seen; ``states`` counts the different ones.

    Examples
    --------
    >>> count = ReadCount()
    >>> count.take(Reading(Freshness.UNREADABLE))
    >>> count.reads, count.partial
    (1, 1)
    """

    reads: int = 0
    partial: int = 0
    went_back: int = 0
    absent: int = 0
    states: int = 0
    highest: int = 0

    def take(self, reading: Reading) -> None:
        """Judge a reading."""
        self.reads += 1
        if reading.freshness is Freshness.ABSENT:
            self.absent += 1
            return
        if reading.freshness is Freshness.UNREADABLE or not is_whole(reading.document):
            self.partial += 1
            return
        back = reading.freshness is Freshness.WENT_BACK or reading.sequence < self.highest
        self.went_back += back
        self.states += reading.sequence > self.highest
        self.highest = max(self.highest, reading.sequence)


def document_of(number: int, random: Random) -> dict[str, object]:
    """A document of some size, every part of which bears ``number``.

    Examples
    --------
    >>> document = document_of(7, Random(1))
    >>> is_whole({**document, "sequence": 7}), is_whole({**document, "sequence": 8})
    (True, False)
    """
    rows = random.choice(ROWS)
    (padding,) = random.choices(PADDING, PADDING_WEIGHTS)
    return {
        "sizes": [rows, padding],
        "rows": [number] * rows,
        "padding": LETTERS[number % len(LETTERS)] * padding,
        "end": number,
    }


def is_whole(document: Mapping[str, object]) -> bool:
    """Whether all parts of a document are of one writing, and none is missing."""
    number, sizes = document.get("sequence"), document.get("sizes")
    match sizes:
        case [int() as rows, int() as padding] if isinstance(number, int):
            return (
                document.get("rows") == [number] * rows
                and document.get("padding") == LETTERS[number % len(LETTERS)] * padding
                and document.get("end") == number
            )
        case _:
            return False


def write_for_ever(folder: Path, seed: int, careless: bool) -> None:
    """A writer; ``careless`` writes into the file that readers read."""
    path, random = folder / STATE_FILE, Random(seed)
    own = folder / SCRATCH / STATE_FILE if careless else path
    writer = StateWriter(own, f"w{os.getpid()}", VALIDITY, utc_now)
    while True:
        writer.write(document_of(writer.sequence + 1, random))
        if careless:
            _overwrite(path, own.read_bytes())


def _overwrite(path: Path, content: bytes) -> None:
    """What must not be done: the old content goes first, the new one comes in pieces."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        half = len(content) // 2
        os.write(descriptor, content[:half])
        Event().wait(TORN_SECONDS)
        os.write(descriptor, content[half:])
    finally:
        os.close(descriptor)


def read_so_often(folder: Path, times: int, report: Connection) -> None:
    """A reader: reports how often it has read, and at the end what it has seen."""
    reader, count = StateReader(folder / STATE_FILE, utc_now, monotonic_seconds), ReadCount()
    for number in range(times):
        count.take(reader.read())
        if number % REPORT_EVERY == 0:
            report.send(number)
    report.send(times)
    report.send(count)
    report.close()


def drill(plan: DrillPlan) -> DrillResult:
    """Read the state ``plan.count`` times while it is written."""
    CONTEXT.set_forkserver_preload(["quant_core.drills.states"])
    folder, chance = plan.folder / "live", Random(plan.seed)
    prepare_folder(folder)
    (folder / SCRATCH).mkdir()
    first = StateWriter(folder / STATE_FILE, "w0", VALIDITY, utc_now)
    first.write(document_of(1, chance))
    wanted = max(plan.count // KILL_SHARE, LEAST_KILLS)
    moments = sorted(chance.randrange(plan.count) for _ in range(wanted))
    writer, kills = _begin_writer(folder, plan), 0
    _wait_for_writer(folder)
    readers = _begin_readers(folder, plan.count)
    try:
        while not readers.done or kills < wanted:
            plan.progress(readers.look(), plan.count)
            if not writer.is_alive():
                raise InvariantBroken("a writer failed", found=f"exit code {writer.exitcode}")
            if kills < wanted and (readers.done or readers.look() >= moments[kills]):
                writer.join(chance.uniform(0.0, LATER_SECONDS))
                writer.kill()
                writer.join()
                kills += 1
                writer = _begin_writer(folder, plan, kills)
            writer.join(LOOK_SECONDS)
    finally:
        writer.kill()
        writer.join()
        readers.end()
    plan.progress(plan.count, plan.count)
    writes = read_state(folder / STATE_FILE, utc_now()).sequence
    figures = figures_of(readers.found, writes, kills)
    return DrillResult(is_well(figures, plan.count), figures)


def _begin_writer(folder: Path, plan: DrillPlan, number: int = 0) -> BaseProcess:
    arguments = (folder, plan.seed + number, not plan.write_ahead)
    process = CONTEXT.Process(target=write_for_ever, args=arguments)
    process.start()
    return process


def _wait_for_writer(folder: Path) -> None:
    """Until the writer has written: what readers see before is no test."""
    until = monotonic_seconds() + FIRST_WRITE_SECONDS
    while read_state(folder / STATE_FILE, utc_now()).sequence == 1:
        if monotonic_seconds() > until:
            raise InvariantBroken("the writer does not write", where=str(folder))
        Event().wait(LOOK_SECONDS)


def _begin_readers(folder: Path, count: int) -> Crew[ReadCount]:
    shares = [count // READERS + (number < count % READERS) for number in range(READERS)]
    return Crew([(read_so_often, (folder, share)) for share in shares])


def figures_of(found: list[ReadCount], writes: int, kills: int) -> dict[str, Figure]:
    """What all readers together have seen."""
    return {
        "reads": sum(each.reads for each in found),
        "partial": sum(each.partial for each in found),
        "went_back": sum(each.went_back for each in found),
        "absent": sum(each.absent for each in found),
        "states_seen": sum(each.states for each in found),
        "readers": len(found),
        "writes": writes,
        "kills": kills,
    }


def is_well(figures: Mapping[str, Figure], count: int) -> bool:
    """Whether every reading showed one whole document, and none an older one.

    Examples
    --------
    >>> is_well(figures_of([ReadCount(reads=5, states=2)], 9, 3), 5)
    True
    >>> is_well(figures_of([ReadCount(reads=5, states=2, partial=1)], 9, 3), 5)
    False
    """
    nothing = all(figures[name] == 0 for name in ("partial", "went_back", "absent"))
    return nothing and figures["reads"] == count and figures["states_seen"] != 0
