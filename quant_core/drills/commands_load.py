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
import signal
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

from quant_core.drills.commands_bench import CAPITAL_MICROS, Bench, Ground, steps
from quant_core.drills.commands_processes import CONTEXT, Crew
from quant_core.drills.worker_setup import ACCOUNT
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
)
from quant_core.live.ipc import STATE_FILE, document_at, prepare_folder
from quant_core.live.journal import Journal
from quant_core.live.journal_entries import Body, KillLatchCleared, RiskStateChanged
from quant_core.live.journal_kinds import TradingState
from quant_core.live.json_text import parse_instant
from quant_core.live.trader import JOURNAL_FOLDER
from quant_core.live.worker_state import WorkerState

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
    own = errand.folder / f"careless-{errand.seed}"
    prepare_folder(own)
    send_command(own, command, key)
    (own / COMMAND_FILE).rename(errand.folder / COMMAND_FILE)


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
    try:
        _end_workers(load, writers, lives, progress)
    finally:
        writers.end()
    sent = Sent()
    for each in writers.found:
        sent.add(each)
    sent.valid.append(_finish(load.ground, lives))
    return sent, lives


def _end_workers(
    load: Load, writers: Crew[Sent], lives: Lives, progress: Callable[[int], object]
) -> None:
    """Kill workers at random, and start them again, until all is sent."""
    chance = Random(load.ground.seed)
    moments = sorted(chance.randrange(load.count) for _ in range(load.kills))
    worker = _begin_worker(load.ground, lives)
    try:
        while not (writers.done and not moments):
            progress(writers.look())
            if not worker.is_alive():
                worker = _next_worker(load.ground, worker, lives)
            elif moments and (writers.done or writers.look() >= moments[0]):
                worker.join(chance.uniform(0.0, LATER_SECONDS))
                moments.pop(0)
                if _kill(worker):  # else it had ended by itself, and is looked at as such
                    lives.kills += 1
                    worker = _begin_worker(load.ground, lives)
            worker.join(LOOK_SECONDS)
    finally:
        lives.kills += _kill(worker)


def _kill(worker: BaseProcess) -> bool:
    """kill -9; whether that is what it died of."""
    worker.kill()
    worker.join()
    return worker.exitcode == -signal.SIGKILL


def _begin_writers(load: Load) -> Crew[Sent]:
    folder, typed = load.ground.live, max(1, load.count // TERMINAL_SHARE)
    shares = [(load.count - typed) // load.writers] * load.writers
    shares[0] += load.count - typed - sum(shares)
    seeds = [load.ground.seed * 1000 + number for number in range(load.writers)]
    errands = [
        Errand(folder=folder, count=count, seed=seed, overwrite=load.overwrite)
        for count, seed in zip(shares, seeds, strict=True)
    ]
    terminal = Errand(folder=folder, count=typed, seed=0)
    return Crew([*((write, (errand,)) for errand in errands), (type_commands, (terminal,))])


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


def _finish(ground: Ground, lives: Lives) -> str:
    """Wait until nothing waits any more, then end the last worker; the id of that STOP."""
    until = monotonic_seconds() + LONGEST_WAIT
    silent_since: datetime | None = None
    worker = _begin_worker(ground, lives)
    last = new_command(Action.STOP, Addressee(ACCOUNT, ANY_INSTANCE), utc_now())
    try:
        while monotonic_seconds() < until and not _is_silent(ground, silent_since):
            if silent_since is None and not (ground.live / COMMAND_FILE).exists():
                silent_since = utc_now()
            if not worker.is_alive():
                worker = _next_worker(ground, worker, lives)
            worker.join(LOOK_SECONDS)
        send_command(ground.live, last, read_key(ground.live), patience())
        worker.join(LONGEST_WAIT)
        lives.failures += worker.exitcode != 0
    finally:
        _kill(worker)
    return last.id


def _is_silent(ground: Ground, since: datetime | None) -> bool:
    """Whether a state written after the place was empty shows nothing that waits."""
    state = document_at(ground.live / STATE_FILE) or {}
    written = parse_instant(state.get("written_at"))
    fresh = since is not None and written is not None and written > since
    return fresh and not state.get("pending_commands")
