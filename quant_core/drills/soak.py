"""One worker through many sessions: what it uses must not grow with its history.

The worker trades a market of real size at the pace of the machine, while the broker
misbehaves now and then and commands come in, good and bad ones. After every session its
memory, files, threads and times are looked at (:mod:`quant_core.drills.soak_figures`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import cast

from quant_core.brokers.paper.scenario import Scenario, parse_scenario
from quant_core.brokers.paper.venue_clock import Phase
from quant_core.drills.plan import DrillPlan, DrillResult, Figure
from quant_core.drills.soak_figures import (
    Bounds,
    Found,
    Sample,
    open_handles,
    processor_ms,
    resident_bytes,
    thread_count,
)
from quant_core.drills.soak_worker import Worker, WorkerPlan, build_worker
from quant_core.drills.worker_setup import ACCOUNT, BOOKS_FILE
from quant_core.foundation.timing import utc_now
from quant_core.live.command_files import read_key, send_command
from quant_core.live.commands import ANY_INSTANCE, Action, Addressee, Command, new_command
from quant_core.live.ipc import STATE_FILE, document_at
from quant_core.live.journal_kinds import TradingState
from quant_core.live.json_text import compact_text
from quant_core.live.replay import replay
from quant_core.live.trader import JOURNAL_FOLDER
from quant_core.notify.port import Alert

LEAST_SESSIONS = 10
"""Fewer have no beginning and no end."""

IDLE_STEPS = 3
"""Steps in which nothing is due, after every phase: a worker's life is made of them."""

COMMAND_EVERY = 5
SEGMENT_BYTES = 1024 * 1024

FAULTS = """{"seed": 5, "faults": [
  {"on": "phase", "name": "after_close", "session": "every", "nth": 1, "do": "restart"},
  {"on": "event", "name": "executed", "chance": 0.02, "do": "repeat", "times": 1},
  {"on": "event", "name": "executed", "chance": 0.02, "do": "late", "events": 3},
  {"on": "event", "name": "executed", "chance": 0.02, "do": "commission_first"},
  {"on": "event", "name": "executed", "chance": 0.002, "do": "drop"},
  {"on": "event", "name": "executed", "chance": 0.005, "do": "correct"},
  {"on": "event", "name": "order_seen", "chance": 0.02, "do": "drop"},
  {"on": "order", "name": "meets_market", "chance": 0.02, "do": "split", "parts": 3},
  {"on": "call", "name": "submit", "chance": 0.005, "do": "unknown", "done": true},
  {"on": "call", "name": "submit", "chance": 0.005, "do": "unknown", "done": false},
  {"on": "call", "name": "snapshot", "chance": 0.01, "do": "disconnect"}
]}"""
"""A broker of moderate reliability, which is restarted every night."""


@dataclass(slots=True)
class Observer:
    """Looks at a worker after every phase of the venue; its method is the pause of a replay."""

    worker: Worker
    plan: DrillPlan
    folder: Path
    samples: list[Sample] = field(default_factory=list[Sample])
    alerts: int = 0
    fills: int = 0
    sent: int = 0
    _steps: list[float] = field(default_factory=list[float])
    _idle_ms: float = 0.0
    _began_ms: float = field(default_factory=processor_ms)
    _last: Command | None = None

    def alert(self, alert: Alert) -> None:
        """Count what the worker has to say."""
        del alert
        self.alerts += 1

    async def pause(self) -> None:
        """Command now and then, let idle steps pass, and look at the end of a session."""
        phase = self.worker.venue.place.phase
        if phase is Phase.BEFORE_OPEN:
            self._command(len(self.samples))
        for _ in range(IDLE_STEPS):
            before = processor_ms()
            await self.worker.trader.step()
            spent = processor_ms() - before
            self._idle_ms += spent
            if phase is not Phase.BEFORE_OPEN:
                self._steps.append(spent)
        if phase is Phase.CLOSE:
            day = self.worker.trader.state.day
            self.fills += 0 if day is None else len(day.fills)
        if phase is Phase.AFTER_CLOSE:
            self._look()

    def _command(self, session: int) -> None:
        """By turns: cancel everything, the same again, one with a signature of another key."""
        if session % COMMAND_EVERY:
            return
        folder, key = self.worker.folder, read_key(self.worker.folder)
        fresh = new_command(Action.CANCEL, Addressee(ACCOUNT, ANY_INSTANCE), utc_now())
        match session // COMMAND_EVERY % 3:
            case 0:
                send_command(folder, fresh, key)
                self._last, self.sent = fresh, self.sent + 1
            case 1 if self._last is not None:
                send_command(folder, self._last, key)
            case _:
                send_command(folder, fresh, bytes(reversed(key)))

    def _look(self) -> None:
        journal = [path.stat().st_size for path in self._segments()]
        state, outcomes = _state_sizes(self.worker.folder / STATE_FILE)
        now = processor_ms()
        self.samples.append(
            Sample(
                memory_bytes=resident_bytes(),
                handles=open_handles(),
                threads=thread_count(),
                journal_bytes=sum(journal),
                largest_segment=max(journal),
                state_bytes=state,
                outcomes=outcomes,
                books_bytes=(self.folder / BOOKS_FILE).stat().st_size,
                step_ms=median(self._steps),
                session_ms=now - self._began_ms - self._idle_ms,
            )
        )
        self._steps, self._idle_ms, self._began_ms = [], 0.0, now
        self.plan.progress(len(self.samples), self.plan.count)

    def _segments(self) -> Iterator[Path]:
        return (self.worker.folder / JOURNAL_FOLDER).glob("journal-*.jsonl")


def drill(plan: DrillPlan) -> DrillResult:
    """Trade ``plan.count`` sessions with one worker, and find out what grew."""
    return soak(plan, Bounds(segment=SEGMENT_BYTES))


def soak(plan: DrillPlan, bounds: Bounds, names: int = 500, held: int = 26) -> DrillResult:
    """The drill with bounds and sizes of one's own."""
    count = max(plan.count, LEAST_SESSIONS)
    sizes = WorkerPlan(
        folder=plan.folder,
        sessions=count,
        seed=plan.seed,
        names=names,
        held=held,
        scenario=_scenario(plan.seed),
        segment_bytes=bounds.segment,
    )
    watched: list[Observer] = []
    worker = build_worker(sizes, lambda alert: [each.alert(alert) for each in watched])
    observer = Observer(worker, plan, plan.folder)
    watched.append(observer)
    try:
        ended = asyncio.run(_whole(observer))
    finally:
        worker.trader.release()
        asyncio.run(worker.venue.close())
    found = Found(observer.samples)
    missed = [*_unfinished(observer, count, ended=ended), *found.missed(bounds)]
    figures: dict[str, Figure] = {
        "sessions": len(observer.samples),
        "fills": observer.fills,
        "commands": observer.sent,
        "alerts": observer.alerts,
        "journal_files": len(list(worker.folder.glob(f"{JOURNAL_FOLDER}/journal-*.jsonl"))),
        **found.figures(),
        "missed": "; ".join(missed),
    }
    return DrillResult(not missed, figures)


async def _whole(observer: Observer) -> bool:
    worker = observer.worker
    return await replay(worker.trader, worker.venue, worker.clock, worker.days, observer.pause)


def _unfinished(observer: Observer, count: int, *, ended: bool) -> list[str]:
    """What shows that the worker did not do its work all along."""
    state = observer.worker.trader.state
    found: list[str] = []
    if not ended or state.sessions_closed != count:
        found.append(f"{state.sessions_closed} of {count} sessions were traded")
    if state.trading_state is TradingState.HALTED:
        found.append(f"trading is halted: {state.trading_reason}")
    if state.commands.unfinished() or state.commands.count != observer.sent:
        found.append(f"{state.commands.count} of {observer.sent} commands were accepted and done")
    return found


def _state_sizes(path: Path) -> tuple[int, int]:
    """Bytes of a state less its outcomes of commands, and how many of these it holds."""
    outcomes = cast("list[object]", (document_at(path) or {}).get("commands", []))
    return path.stat().st_size - len(compact_text({"commands": outcomes})), len(outcomes)


def _scenario(seed: int) -> Scenario:
    faults = parse_scenario(FAULTS).faults
    return Scenario(seed, faults)
