"""Commands from several processes to one worker that is killed and stopped in between.

1. :func:`write` - a writer: sends in turn, each command as soon as the place is free; some
   of them again under the same id, some signed with a wrong key.
2. :func:`type_commands` - a terminal: ``python -m quant_core command``, again and again.
3. :func:`serve` - the worker.
4. :func:`run_load` - starts all of them, kills the worker at random, starts it again after
   a kill or a STOP, and ends it when all is done.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from threading import Event
from typing import cast

from quant_core.drills.commands_bench import ACCOUNT, CAPITAL_MICROS, Bench, Ground, steps
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.timing import monotonic_seconds, utc_now
from quant_core.live.command_files import (
    COMMAND_FILE,
    Patience,
    create_key,
    read_key,
    send_command,
)
from quant_core.live.commands import (
    ANY_INSTANCE,
    LONGEST_LIFETIME,
    Action,
    Addressee,
    Command,
    new_command,
    sign_command,
)
from quant_core.live.ipc import STATE_FILE, document_at, prepare_folder
from quant_core.live.journal import Journal
from quant_core.live.journal_entries import Body, KillLatchCleared, RiskStateChanged
from quant_core.live.journal_kinds import TradingState
from quant_core.live.json_text import parse_instant
from quant_core.live.trader import JOURNAL_FOLDER
from quant_core.live.worker_state import WorkerState

CONTEXT = multiprocessing.get_context("forkserver")
"""Processes come from one that has a single thread and nothing else in it."""

WORKER_MODULES = ["quant_core.drills.commands_load", "numba"]
"""Loaded once; numba, which every worker needs at its first decision, takes half a second."""
PHASE_SECONDS = 0.05
TERMINAL_SHARE = 500
"""One command in so many is typed."""

KILL_SHARE = 250
LATER_SECONDS = 0.3
LONGEST_WAIT = 120.0
LOOK_SECONDS = 0.02
MOST_FAILURES = 3

ACTIONS = (Action.STOP, Action.FLAT, Action.CANCEL)
WEIGHTS = (0.005, 0.02, 0.975)
AGAIN, WRONG = 0.03, 0.01
"""Shares of what is sent once more, and of what is signed with a wrong key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What one writer does; ``overwrite`` puts its commands over whatever waits there."""

    folder: Path
    count: int
    seed: int
    overwrite: bool = False


@dataclass(slots=True)
class Sent:
    """Ids by what was done with them; every list in the order of sending."""

    valid: list[str] = field(default_factory=list[str])
    again: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])
    typed: list[str] = field(default_factory=list[str])

    def add(self, other: Sent) -> None:
        """Take another writer's ids in."""
        self.valid += other.valid
        self.again += other.again
        self.wrong += other.wrong
        self.typed += other.typed

    @property
    def count(self) -> int:
        """Everything that was put into the place."""
        return len(self.valid) + len(self.again) + len(self.wrong)


@dataclass(slots=True)
class Lives:
    """How the workers ended."""

    started: int = 0
    kills: int = 0
    stops: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What :func:`run_load` does."""

    ground: Ground
    count: int
    kills: int
    writers: int = 3
    overwrite: bool = False


def pipe() -> tuple[Connection, Connection]:
    """The reading and the writing end of a pipe between two processes."""
    # Typed for the platforms where it is another class.
    return cast("tuple[Connection, Connection]", CONTEXT.Pipe(duplex=False))


def patience(seconds: float = LONGEST_WAIT) -> Patience:
    """Look for a free place every millisecond."""
    return Patience(seconds, 0.001, monotonic_seconds, Event().wait)


def write(errand: Errand, report: Connection) -> None:
    """Send ``count`` new commands, and some of them again; report the number, then the ids."""
    chance, key, sent = Random(errand.seed), read_key(errand.folder), Sent()
    recent: list[Command] = []
    addressee = Addressee(ACCOUNT, ANY_INSTANCE)
    while len(sent.valid) < errand.count:
        (action,) = chance.choices(ACTIONS, WEIGHTS)
        command = new_command(action, addressee, utc_now(), LONGEST_LIFETIME)
        if recent and chance.random() < AGAIN:
            again = chance.choice(recent)
            send_command(errand.folder, again, key, patience())
            sent.again.append(again.id)
        if chance.random() < WRONG:
            send_command(errand.folder, command, key[::-1], patience())
            sent.wrong.append(command.id)
            continue
        _put(errand, command, key)
        sent.valid.append(command.id)
        recent = [*recent[-19:], command]
        report.send(len(sent.valid))
    report.send(sent)
    report.close()


def _put(errand: Errand, command: Command, key: bytes) -> None:
    if not errand.overwrite:
        send_command(errand.folder, command, key, patience())
        return
    own = errand.folder / f"careless.{errand.seed}"
    own.touch(0o600)
    with own.open("r+b") as stream:
        stream.write(sign_command(command, key))
        stream.truncate()
    own.rename(errand.folder / COMMAND_FILE)


def type_commands(errand: Errand, report: Connection) -> None:
    """Send CANCEL from a terminal so many times; one that finds no place is typed again."""
    sent = Sent()
    line = [sys.executable, "-m", "quant_core", "command", Action.CANCEL.value, "--json"]
    settings = (f"live.folder={errand.folder}", f"broker.account={ACCOUNT}")
    line += [word for setting in settings for word in ("--set", setting)]
    until, told = monotonic_seconds() + LONGEST_WAIT, ""
    while len(sent.valid) < errand.count and monotonic_seconds() < until:
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            sent.valid.append(str(json.loads(done.stdout)["id"]))
            report.send(len(sent.valid))
        told = done.stderr
    if len(sent.valid) < errand.count:
        raise InvariantBroken("commands cannot be sent from a terminal", found=told[-300:])
    sent.typed = list(sent.valid)
    report.send(sent)
    report.close()


def serve(ground: Ground) -> None:
    """One life of the worker: until a STOP or its death."""
    bench = Bench(ground)

    async def pause() -> None:
        await steps(bench.trader, PHASE_SECONDS, monotonic_seconds)

    asyncio.run(bench.trade(pause))


def run_load(load: Load, progress: Callable[[int], object]) -> tuple[Sent, Lives]:
    """Send everything, end the worker now and then, and wait until all is carried out.

    Raises
    ------
    InvariantBroken
        If a writer fails, or the workers fail again and again by themselves.
    """
    CONTEXT.set_forkserver_preload(WORKER_MODULES)
    prepare_folder(load.ground.live)
    create_key(load.ground.live)
    writers, lives = _begin_writers(load), Lives()
    chance = Random(load.ground.seed)
    moments = sorted(chance.randrange(load.count) for _ in range(load.kills))
    worker = _begin_worker(load.ground, lives)
    while not (writers.done and not moments):
        progress(writers.look())
        if not worker.is_alive():
            worker = _next_worker(load.ground, worker, lives)
        elif moments and (writers.done or writers.look() >= moments[0]):
            worker.join(chance.uniform(0.0, LATER_SECONDS))
            lives.kills += worker.is_alive()
            moments.pop(0)
            worker.kill()
            worker.join()
            worker = _begin_worker(load.ground, lives)
        worker.join(LOOK_SECONDS)
    writers.sent.valid.append(_finish(load.ground, worker, lives))
    return writers.sent, lives


class _Writers:
    """The writers' processes and what they have reported."""

    def __init__(self, works: list[tuple[Callable[[Errand, Connection], None], Errand]]) -> None:
        self.sent = Sent()
        self._counts = [0] * len(works)
        self._open: dict[int, tuple[BaseProcess, Connection]] = {}
        for number, (work, errand) in enumerate(works):
            reading, writing = pipe()
            process = CONTEXT.Process(target=work, args=(errand, writing))
            process.start()
            writing.close()
            self._open[number] = process, reading

    @property
    def done(self) -> bool:
        """Whether all have said what they sent."""
        return not self._open

    def look(self) -> int:
        """Hear the reports that are there; how many commands were sent so far."""
        for number, (process, reading) in list(self._open.items()):
            try:
                while number in self._open and reading.poll():
                    self._hear(number, reading.recv())
            except EOFError:
                raise InvariantBroken("a writer failed", where=str(process.name)) from None
        return sum(self._counts)

    def _hear(self, number: int, told: int | Sent) -> None:
        if isinstance(told, int):
            self._counts[number] = told
            return
        self.sent.add(told)
        process, reading = self._open.pop(number)
        reading.close()
        process.join()


def _begin_writers(load: Load) -> _Writers:
    folder, typed = load.ground.live, max(1, load.count // TERMINAL_SHARE)
    shares = [(load.count - typed) // load.writers] * load.writers
    shares[0] += load.count - typed - sum(shares)
    seeds = [load.ground.seed * 1000 + number for number in range(load.writers)]
    works: list[tuple[Callable[[Errand, Connection], None], Errand]] = [
        (write, Errand(folder=folder, count=count, seed=seed, overwrite=load.overwrite))
        for count, seed in zip(shares, seeds, strict=True)
    ]
    return _Writers([*works, (type_commands, Errand(folder=folder, count=typed, seed=0))])


def _begin_worker(ground: Ground, lives: Lives) -> BaseProcess:
    process = CONTEXT.Process(target=serve, args=(ground,))
    process.start()
    lives.started += 1
    return process


def _next_worker(ground: Ground, before: BaseProcess, lives: Lives) -> BaseProcess:
    """The worker after one that ended by itself: a person lets it trade again."""
    before.join()
    if before.exitcode == 0:
        lives.stops += 1
    else:
        lives.failures += 1
    if lives.failures > MOST_FAILURES:
        raise InvariantBroken("the worker fails", found=f"exit code {before.exitcode}")
    resume(ground)
    return _begin_worker(ground, lives)


def resume(ground: Ground) -> None:
    """Clear the latch that FLAT has set, as ``python -m quant_core resume`` does."""
    state, folder = WorkerState(CAPITAL_MICROS), ground.live / JOURNAL_FOLDER
    with Journal.open(folder, ACCOUNT, utc_now, None, state.take) as journal:
        bodies: list[Body] = []
        if state.kill_latched:
            bodies.append(KillLatchCleared("drill", "the drill goes on"))
        if state.trading_state is TradingState.HALTED:
            bodies.append(RiskStateChanged(TradingState.ACTIVE, "the drill goes on"))
        journal.append_all(bodies)


def _finish(ground: Ground, worker: BaseProcess, lives: Lives) -> str:
    """Wait until nothing waits any more, then end the worker; the id of this last STOP."""
    until = monotonic_seconds() + LONGEST_WAIT
    silent_since: datetime | None = None
    while monotonic_seconds() < until and not _is_silent(ground, silent_since):
        if silent_since is None and not (ground.live / COMMAND_FILE).exists():
            silent_since = utc_now()
        if not worker.is_alive():
            worker = _next_worker(ground, worker, lives)
        worker.join(LOOK_SECONDS)
    last = new_command(Action.STOP, Addressee(ACCOUNT, ANY_INSTANCE), utc_now())
    send_command(ground.live, last, read_key(ground.live), patience())
    worker.join(LONGEST_WAIT)
    if worker.exitcode != 0:
        lives.failures += 1
        worker.kill()
        worker.join()
    return last.id


def _is_silent(ground: Ground, since: datetime | None) -> bool:
    """Whether a state written after the place was empty shows nothing that waits."""
    state = document_at(ground.live / STATE_FILE) or {}
    written = parse_instant(state.get("written_at"))
    fresh = since is not None and written is not None and written > since
    return fresh and not state.get("pending_commands")
