"""Processes that are killed at random moments, for the tests of the files of the worker.

Started as ``python -m tests.live.killed_processes CHECK FOLDER``: a small process of one
thread may fork, which pytest with the threads of its libraries may not. Prints one JSON
object with what was counted.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from threading import Event

from quant_core.drills.commands_count import tally
from quant_core.live.command_door import CommandDoor, CommandLog
from quant_core.live.command_files import Patience, create_key, send_command
from quant_core.live.commands import ANY_INSTANCE, Action, Addressee, Command, new_command
from quant_core.live.ipc import (
    Freshness,
    StateReader,
    StateWriter,
    prepare_folder,
    read_state,
    sweep_litter,
)
from quant_core.live.journal import Journal, JournalLimits, read, verify
from quant_core.live.journal_entries import CommandDone, CommandReceived, Noted

START = datetime(2024, 1, 2, tzinfo=UTC)
VALIDITY = timedelta(days=1)


def now() -> datetime:
    """A clock that stands still: nothing here is about time."""
    return START


def child(work: Callable[[int], None]) -> tuple[int, int]:
    """Fork a process that does ``work`` with the writing end of a pipe; its id, the other end."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        os.close(reading)
        work(writing)
    finally:
        os._exit(1)


def kill(pid: int) -> None:
    """kill -9."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def kill_a_little_later(pid: int, random: Random) -> None:
    """kill -9, somewhere within the next few acts of the process."""
    for _ in range(random.randrange(20_000)):
        pass
    kill(pid)


def journal_writers(folder: Path) -> dict[str, object]:
    """Writers killed while they append; each acknowledges what was durable."""
    random, acknowledged, kills, torn = Random(1), 0, 0, 0
    limits = JournalLimits(segment_bytes=4_000, anchor_every=7)

    def append_for_ever(acknowledge: int) -> None:
        with Journal.open(folder, "DU1", now, limits) as journal:
            for number in count(journal.count):
                bodies = [Noted("n", str(number)) for _ in range(1 + number % 3)]
                last = journal.append_all(bodies)[-1]
                os.write(acknowledge, last.seq.to_bytes(8, "big"))

    for _ in range(40):
        pid, reading = child(append_for_ever)
        for _ in range(random.randrange(1, 12)):
            acknowledged = int.from_bytes(os.read(reading, 8), "big")
        kill_a_little_later(pid, random)
        while told := os.read(reading, 8):
            acknowledged = int.from_bytes(told, "big")
        os.close(reading)
        kills += 1
        if sum(1 for _ in read(folder)) < acknowledged:
            return {"kills": kills, "lost_after": acknowledged}
        with Journal.open(folder, "DU1", now, limits) as journal:
            torn += journal.torn is not None
    return {"kills": kills, "lost": 0, "torn": torn, "verified": verify(folder).ok}


def state_writers(folder: Path) -> dict[str, object]:
    """A reader while writers write, are killed and started again."""
    random, path = Random(2), folder / "dashboard_state.json"
    document = {"positions": [{"symbol": f"S{i}", "shares": i} for i in range(30)]}
    StateWriter(path, "w0", VALIDITY, now).write({**document, "check": 1})

    def write_for_ever(_: int) -> None:
        writer = StateWriter(path, f"w{os.getpid()}", VALIDITY, now)
        while True:
            writer.write({**document, "check": writer.sequence + 1})

    reader, fresh, partial, back, kills = StateReader(path, now, lambda: 0.0), 0, 0, 0, 0
    pid, reading = child(write_for_ever)
    for number in range(1, 20_001):
        seen = reader.read()
        fresh += seen.freshness is Freshness.FRESH
        back += seen.freshness is Freshness.WENT_BACK
        partial += seen.document.get("check") != seen.sequence
        if number % 500 == 0:
            kill_a_little_later(pid, random)
            os.close(reading)
            kills += 1
            pid, reading = child(write_for_ever)
    kill(pid)
    left = len(sweep_litter(folder, datetime.now(UTC) + timedelta(hours=1)))
    highest = read_state(path, now()).sequence
    return {
        **{"reads": number, "fresh": fresh, "partial": partial, "back": back, "kills": kills},
        **{"highest": highest, "litter_swept": left, "litter": len(list(folder.iterdir())) - 1},
    }


def command_writers(folder: Path) -> dict[str, object]:
    """Many consoles, and a worker that is killed and goes on from its journal.

    Nothing here is about power cuts: fsync is skipped, to have more commands in the time.
    """
    os.fsync = lambda _: None
    live, journal_folder = folder / "live", folder / "journal"
    prepare_folder(live)
    key = create_key(live)
    writers, each, sent = 5, 2_000, list[str]()
    orders = [
        [new_command(action, Addressee("DU1", ANY_INSTANCE), START) for action in chosen]
        for chosen in (Random(n).choices(list(Action), k=each) for n in range(writers))
    ]
    consoles = [child(lambda _, mine=mine: send_all(live, key, mine)) for mine in orders]
    kills = work_until_silent(live, journal_folder, key, writers * each)
    for pid, reading in consoles:
        os.waitpid(pid, 0)
        os.close(reading)
    sent = [command.id for mine in orders for command in mine]
    done = [entry.body.id for entry in read(journal_folder) if isinstance(entry.body, CommandDone)]
    found = tally(sent, done)
    return {
        **{"sent": len(sent), "done": len(done), "kills": kills},
        **{
            "lost": len(found.lost),
            "twice": len(found.twice),
            "files": [path.name for path in live.iterdir()],
        },
    }


def send_all(live: Path, key: bytes, commands: list[Command]) -> None:
    """One console: sends in turn, each as soon as the place is free."""
    patience = Patience(60.0, 0.0005, time.monotonic, Event().wait)
    for command in commands:
        send_command(live, command, key, patience)


def work_until_silent(live: Path, journal_folder: Path, key: bytes, wanted: int) -> int:
    """Workers, one after the other, until all commands are done; returns how many were killed."""
    random, kills = Random(3), 0

    while True:
        pid, reading = child(lambda report: serve(live, journal_folder, key, wanted, report))
        served = 0
        patience = random.randrange(20, 400) if kills < 12 else wanted
        while served < patience and os.read(reading, 1):
            served += 1
        if served < patience:
            os.waitpid(pid, 0)
            os.close(reading)
            return kills
        kill_a_little_later(pid, random)
        os.close(reading)
        kills += 1


def serve(live: Path, journal_folder: Path, key: bytes, wanted: int, report: int) -> None:
    """One worker: goes on from the journal and the claimed files, then polls."""
    log = CommandLog()
    journal = Journal.open(journal_folder, "DU1", now, on_entry=lambda entry: log.apply(entry.body))
    door = CommandDoor(live, key, Addressee("DU1", f"w{os.getpid()}"), log)
    for command in log.unfinished():
        carry_out(journal, log, command)
    arrivals = door.recover()
    while log.count < wanted or arrivals:
        for arrival in arrivals:
            if isinstance(arrival.answer, Command):
                journal.append(CommandReceived.of(arrival.answer))
                door.finish(arrival)
                carry_out(journal, log, arrival.answer)
                os.write(report, b".")
            else:
                door.finish(arrival)
        arrivals = door.poll(now())
        if not arrivals:
            Event().wait(0.0002)
    journal.close()
    os._exit(0)


def carry_out(journal: Journal, log: CommandLog, command: Command) -> None:
    """The act itself: its record is what the test counts."""
    log.apply(journal.append(CommandDone(command.id, True, "")).body)


CHECKS = {
    "journal": journal_writers,
    "state": state_writers,
    "commands": command_writers,
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(CHECKS[sys.argv[1]](Path(sys.argv[2]))))
