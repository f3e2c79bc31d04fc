"""Command files of every wrong kind, each through the worker's own door.

A whole worker stands on the paper broker and steps; the drill puts one wrong file after the
other where commands are taken from. Now and then comes a valid CANCEL, which has to be
carried out, and the same one again, which has to be acknowledged and not carried out: a door
that is shut to all is not what is wanted. The journal is then held against what was put
there: every wrong file refused once, nothing done that was not asked for.

Without the protection (``write_ahead`` False) the secret is out: somebody who has the key
mixes a FLAT under the wrong files. The drill must find that it was carried out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from threading import Event

from quant_core.drills.commands_bench import Bench, Ground, steps
from quant_core.drills.commands_count import Record
from quant_core.drills.commands_load import WORKER_MODULES
from quant_core.drills.commands_processes import CONTEXT
from quant_core.drills.fuzz_files import KINDS, Place, kinds_by_turns
from quant_core.drills.plan import DrillPlan, DrillResult, Figure
from quant_core.drills.worker_setup import ACCOUNT
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.timing import monotonic_seconds, utc_now
from quant_core.live.command_files import create_key
from quant_core.live.commands import (
    ANY_INSTANCE,
    Action,
    Addressee,
    Command,
    new_command,
    sign_command,
)
from quant_core.live.ipc import prepare_folder
from quant_core.live.journal import read, verify
from quant_core.live.journal_entries import Body, KillLatchSet
from quant_core.live.trader import JOURNAL_FOLDER

CONTROL_SHARE = 500
"""One valid command for so many wrong files; a tenth of them comes again."""

LANES = 3
"""Workers at once: each spends most of its time waiting for the disk."""

REDRAW_SECONDS = 0.1
THEFT_SHARE = 200
LOOK_SECONDS = 0.0002
LONGEST_WAIT = 60.0
MOST_CRASHES = 10


@dataclass(slots=True)
class Thrown:
    """What was put in the place: how many wrong files, and the ids of the controls."""

    wrong: int = 0
    controls: list[str] = field(default_factory=list[str])
    again: int = 0
    kinds: set[str] = field(default_factory=set[str])
    crashes: int = 0


def serve(ground: Ground) -> None:
    """A worker whose market stands still, until STOP."""
    bench = Bench(ground)

    async def work() -> None:
        try:
            await bench.trader.start()
            while not bench.trader.stopping:
                await steps(bench.trader, 1.0, monotonic_seconds, 0.0)
            await bench.trader.end("STOP")
        finally:
            await bench.close()

    asyncio.run(work())


class _Target:
    """The worker that is shot at; a crash is counted and it is started again."""

    def __init__(self, ground: Ground, place: Path, thrown: Thrown) -> None:
        self._ground = ground
        self._place = place
        self._thrown = thrown
        self._worker = self._begin()

    def wait_for_place(self) -> None:
        """Until the worker has taken what was there."""
        pause, until = Event(), monotonic_seconds() + LONGEST_WAIT
        while self._is_taken():
            if not self._worker.is_alive():
                self._crashed()
            if monotonic_seconds() > until:
                self._worker.kill()  # one that hangs is one that crashed
                until = monotonic_seconds() + LONGEST_WAIT
            pause.wait(LOOK_SECONDS)

    def end(self) -> None:
        """Wait for the end that a STOP has asked for."""
        self._worker.join(LONGEST_WAIT)
        if self._worker.exitcode != 0:
            self._thrown.crashes += 1
        self.kill()

    def kill(self) -> None:
        """Leave no process behind."""
        self._worker.kill()
        self._worker.join()

    def _is_taken(self) -> bool:
        return self._place.is_symlink() or self._place.exists()

    def _begin(self) -> BaseProcess:
        process = CONTEXT.Process(target=serve, args=(self._ground,))
        process.start()
        return process

    def _crashed(self) -> None:
        self._worker.join()
        self._thrown.crashes += 1
        if self._thrown.crashes > MOST_CRASHES:
            raise InvariantBroken(
                "the worker crashes again and again", found=f"exit code {self._worker.exitcode}"
            )
        self._worker = self._begin()


def drill(plan: DrillPlan) -> DrillResult:
    """Put ``plan.count`` wrong files where commands are taken from, at several workers at once."""
    CONTEXT.set_forkserver_preload(WORKER_MODULES)
    lanes = [
        _Lane(plan, number, plan.count // LANES + (number < plan.count % LANES))
        for number in range(min(LANES, plan.count))
    ]
    with ThreadPoolExecutor(len(lanes)) as threads:
        running = [threads.submit(lane.run) for lane in lanes]
        while wait(running, REDRAW_SECONDS).not_done:
            plan.progress(min(sum(lane.thrown.wrong for lane in lanes), plan.count), plan.count)
        found = [future.result() for future in running]
    plan.progress(plan.count, plan.count)
    figures = total(found)
    return DrillResult(is_well(figures), figures)


class _Lane:
    """One worker in a folder of its own, and who shoots at it."""

    def __init__(self, plan: DrillPlan, number: int, count: int) -> None:
        folder = plan.folder / f"lane-{number}"
        self._ground = Ground(folder=folder, names=3, sessions=3)
        self._count = count
        self._stolen = not plan.write_ahead
        prepare_folder(self._ground.live)
        (folder / "aside").mkdir()
        key, random = create_key(self._ground.live), Random(plan.seed * LANES + number)
        self._place = Place(self._ground.live, folder / "aside", ACCOUNT, key, random, utc_now)
        self.thrown = Thrown()

    def run(self) -> dict[str, int]:
        """Throw everything, end the worker, count."""
        target = _Target(self._ground, self._place.target, self.thrown)
        try:
            self._throw_all(target)
            target.end()
        finally:
            target.kill()
        journal = self._ground.live / JOURNAL_FOLDER
        figures = counted((entry.body for entry in read(journal)), self.thrown)
        return {**figures, "journals_damaged": int(not verify(journal).ok)}

    def _throw_all(self, target: _Target) -> None:
        place, thrown = self._place, self.thrown
        for number, name in enumerate(kinds_by_turns(self._count, place.random)):
            target.wait_for_place()
            KINDS[name](place)
            thrown.wrong += 1
            thrown.kinds.add(name)
            if self._stolen and number % THEFT_SHARE == 0:
                target.wait_for_place()
                self._send(self._command(Action.FLAT))
            if number % CONTROL_SHARE == 0:
                self._control(target)
        target.wait_for_place()
        last = self._command(Action.STOP)
        thrown.controls.append(last.id)
        self._send(last)

    def _control(self, target: _Target) -> None:
        """A valid CANCEL; the same once more for one of ten."""
        command, thrown = self._command(Action.CANCEL), self.thrown
        again = len(thrown.controls) % 10 == 0
        thrown.controls.append(command.id)
        thrown.again += again
        for _ in range(1 + again):
            target.wait_for_place()
            self._send(command)

    def _command(self, action: Action) -> Command:
        return new_command(action, Addressee(ACCOUNT, ANY_INSTANCE), utc_now())

    def _send(self, command: Command) -> None:
        self._place.put(sign_command(command, self._place.key))


def counted(bodies: Iterable[Body], thrown: Thrown) -> dict[str, int]:
    """What the journal says became of everything that was put there.

    Examples
    --------
    >>> counted([], Thrown(wrong=1))["unaccounted"]
    1
    """
    record, latched = Record(), 0
    for body in bodies:
        record.take(body)
        latched += isinstance(body, KillLatchSet)
    known = set(thrown.controls)
    acts = record.received.keys() | record.begun.keys() | record.done.keys()
    refused = sum(record.refused.values())
    journalled = refused + sum(record.received.values()) + sum(record.repeated.values())
    put = thrown.wrong + len(known) + thrown.again
    return {
        "files": thrown.wrong,
        "kinds": len(thrown.kinds),
        "crashes": thrown.crashes,
        "actions": len(acts - known) + record.orders + latched,
        "refused": refused,
        "journalled": journalled,
        "unaccounted": max(abs(thrown.wrong - refused), abs(put - journalled)),
        "reasons": len(record.reasons),
        "controls": len(known),
        "controls_executed": sum(record.done[name] == 1 for name in known),
        "controls_sent_again": thrown.again,
        "controls_acknowledged": sum(record.repeated[name] for name in known),
    }


def total(found: Sequence[Mapping[str, int]]) -> dict[str, Figure]:
    """The figures of all lanes together; of kinds and reasons, those of the richest lane.

    Examples
    --------
    >>> total([{"files": 2, "kinds": 3}, {"files": 1, "kinds": 4}])
    {'files': 3, 'kinds': 4, 'workers': 2}
    """
    figures: dict[str, Figure] = {}
    for name in found[0]:
        values = [each[name] for each in found]
        figures[name] = max(values) if name in ("kinds", "reasons") else sum(values)
    return {**figures, "workers": len(found)}


def is_well(figures: Mapping[str, Figure]) -> bool:
    """Whether nothing wrong was carried out, and everything else was.

    Examples
    --------
    >>> is_well({"crashes": 1})
    False
    """
    nothing = ("crashes", "actions", "unaccounted", "journals_damaged")
    return (
        all(figures.get(name) == 0 for name in nothing)
        and figures["controls_executed"] == figures["controls"]
        and figures["controls_acknowledged"] == figures["controls_sent_again"]
    )
