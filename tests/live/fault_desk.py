"""A worker through faults and restarts, to the end of its replay."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from quant_core.foundation.errors import QuantError
from quant_core.live.ipc import STATE_FILE, document_at
from quant_core.live.replay import replay
from tests.live.fault_check import entries_of, halted, problems
from tests.live.small_desk import Bench, World, plain_world
from tests.live.test_parity import Crash, difference

PHASES = ("before_open", "open", "close", "after_close")
Place = tuple[int, str]
"""A session of the replay, from 1, and a phase of it."""


def on(target: str, do: str, **keys: object) -> dict[str, object]:
    """A fault on ``"event executed"`` and the like; at every occurrence if not told otherwise."""
    kind, name = target.split()
    when = {} if keys.keys() & {"nth", "session", "chance"} else {"chance": 1.0}
    return {"on": kind, "name": name, "do": do, **when, **keys}


@dataclass(frozen=True)
class Drill:
    """Something that goes wrong, and how it must end.

    ``end`` is ``same`` (the backtest's orders, fills, cash and equity), ``equal`` (the books
    agree at the end and every session is closed), ``halted``, or ``idle`` (nothing is sent
    and the reason is told).
    """

    fault: str
    end: str
    faults: Sequence[dict[str, object]] = ()
    acts: Mapping[Place, Callable[[Bench], object]] = field(default_factory=dict)
    prepare: Callable[[Bench], object] = lambda _: None
    timeout: float = 5.0

    @property
    def scenario(self) -> str:
        return json.dumps({"seed": 1, "faults": list(self.faults)})


@dataclass
class Left:
    """What a drill has left: the last worker, and where."""

    bench: Bench
    folder: Path
    fell: QuantError | None = None
    problem: str = ""

    def check(self, end: str) -> None:
        """The independent look, and the end that is wanted."""
        found = problems(self.folder, self.bench.world.capital_micros)
        assert not found, (found, self.told)
        stopped = halted(self.folder)
        assert stopped is (end == "halted"), (stopped, self.told)
        closed = sum(kind == "session_closed" for kind, _ in entries_of(self.folder))
        wanted = self.bench.world.last - self.bench.world.first + 1
        if end in ("same", "equal"):
            assert closed == wanted, self.told
        if end == "same":
            other = difference(self.bench.world, self.folder)
            assert other is None, (other, self.told)
        if end in ("halted", "idle"):
            assert self.told, "it stopped and nobody was told"

    @property
    def told(self) -> list[str]:
        """Everything a person was told."""
        fell = [] if self.fell is None else [str(self.fell)]
        shown = [self.problem] if self.problem else []
        return fell + shown + [f"{alert.title}: {alert.body}" for alert in self.bench.alerts]


class Run:
    """One drill, with restarts at the places named.

    Parameters
    ----------
    folder : Path
    drill : Drill
    restarts : collection of Place
        Where the worker dies, right after the venue has entered the phase.
    """

    def __init__(
        self,
        folder: Path,
        drill: Drill,
        restarts: Sequence[Place] = (),
        world: World | None = None,
    ) -> None:
        self._folder = folder
        self._drill = drill
        self._restarts = set(restarts)
        self._acts = dict(drill.acts)
        self._world = plain_world(5) if world is None else world
        self._alerts: list = []

    def whole(self) -> Left:
        """Life after life until the replay is over, and a quiet morning after it."""
        while True:
            bench = self._bench(self._drill.scenario)
            self._drill.prepare(bench)
            try:
                asyncio.run(self._live(bench))
            except Crash:
                continue
            except QuantError as error:
                fell = error
            else:
                fell = None
            finally:
                bench.close()
            shown = document_at(self._folder / "live" / STATE_FILE) or {}
            problem = str(shown.get("problem", ""))
            return Left(self._quiet_morning(), self._folder, fell, problem)

    async def _live(self, bench: Bench) -> None:
        async def pause() -> None:
            place = bench.venue.place
            key = (place.row - self._world.first + 1, str(place.phase))
            act = self._acts.pop(key, None)
            if act is not None:
                answer = act(bench)
                if answer is not None:
                    await answer
            if key in self._restarts:
                self._restarts.remove(key)
                raise Crash

        days = (bench.days, bench.timetable)
        await replay(bench.trader, bench.venue, bench.clock, days, pause)

    def _quiet_morning(self) -> Bench:
        """A last worker on a broker that behaves: it recovers, and orders nothing any more."""
        bench = self._bench("")
        faults = bench.venue._venue.faults
        faults.state = replace(faults.state, down_phases=0, refuse_opens=0)

        async def live() -> None:
            await bench.trader.start()
            for _ in range(3):
                await bench.trader.step()

        try:
            asyncio.run(live())
        finally:
            bench.close()
        return bench

    def _bench(self, scenario: str) -> Bench:
        return Bench(
            self._folder,
            self._world,
            scenario=scenario,
            timeout=self._drill.timeout,
            once_per_reference=False,
            alerts=self._alerts,
        )


EVERYWHERE: tuple[Place, ...] = (
    *((1, "open"), (1, "after_close")),
    *((2, "before_open"), (2, "close")),
)
"""Every phase once, in the sessions in which most drills have their faults."""


def play(folder: Path, drill: Drill, restarts: Sequence[Place] = ()) -> Left:
    """A drill from its beginning, in an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    left = Run(folder, drill, restarts).whole()
    left.check(drill.end)
    return left
