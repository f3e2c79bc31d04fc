"""Workers in broken worlds, and commands to them, for the tests of the commands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quant_core.foundation.errors import SourceUnreachable
from quant_core.live.command_files import read_key, send_command
from quant_core.live.commands import ANY_INSTANCE, Action, Addressee, new_command
from quant_core.live.data_bridge import ReplayBridge
from quant_core.live.ipc import STATE_FILE, document_at
from quant_core.live.journal import read
from quant_core.live.replay import replay
from quant_core.live.trader import JOURNAL_FOLDER
from quant_core.notify.port import Alert, Delivered, Delivery
from quant_core.trading.target import Target, Weights
from tests.live.small_desk import ACCOUNT, Bench, World, plain_world

SECOND = timedelta(seconds=1)
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
MIDDAY = 6
"""Phases after which the second session is open, with positions from the first."""

ROWS = 8


class Clock:
    """The machine's clock: a second goes by whenever somebody looks."""

    def __init__(self) -> None:
        self.at = BEGIN

    def __call__(self) -> datetime:
        self.at += SECOND
        return self.at


class DeadFrom(ReplayBridge):
    """Data that is gone from a session on; the calendar is still known."""

    def __init__(self, world: World, row: int) -> None:
        super().__init__(world.market, world.first, world.last, world.scheduled, "v1")
        self._dead = world.market.session(row)

    def decision_day(self, session):
        self._check(session)
        return super().decision_day(session)

    def close_day(self, session):
        self._check(session)
        return super().close_day(session)

    def _check(self, session) -> None:
        if session >= self._dead:
            raise SourceUnreachable("no data")


class Hanging:
    """A channel that never answers."""

    name = "hanging"

    async def send(self, alert: Alert) -> Delivery:
        await asyncio.Event().wait()
        return Delivered()


def data_is_dead(folder: Path) -> Bench:
    world = plain_world(ROWS)
    return Bench(folder, world, bridge=DeadFrom(world, 2), wall=Clock())


def strategy_raises(folder: Path) -> Bench:
    def decide(row: int) -> Target:
        if row >= 1:
            raise ZeroDivisionError("no")
        return Weights({"S0": 0.5, "S1": 0.3})

    return Bench(folder, plain_world(ROWS, decide), wall=Clock())


def post_raises(folder: Path) -> Bench:
    def fail(alert: Alert) -> None:
        raise RuntimeError(alert.title)

    return Bench(folder, plain_world(ROWS), wall=Clock(), post=fail)


def quotes_are_gone(folder: Path) -> Bench:
    scenario = '{"faults": [{"on": "call", "name": "quotes", "do": "missing", "chance": 1.0}]}'
    return Bench(folder, plain_world(ROWS), scenario=scenario, wall=Clock())


WORLDS = {
    maker.__name__: maker for maker in (data_is_dead, strategy_raises, post_raises, quotes_are_gone)
}


def send(bench: Bench, action: Action) -> str:
    """Put a command in place; its id."""
    folder = bench.folder / "live"
    command = new_command(action, Addressee(ACCOUNT, ANY_INSTANCE), bench.wall())
    send_command(folder, command, read_key(folder))
    return command.id


def run(bench: Bench, *acts: tuple[int, Callable[[], object]]) -> bool:
    """The replay, with something happening after so many phases; then everything ends."""
    phases = [0]

    async def pause() -> None:
        phases[0] += 1
        for at, act in acts:
            if at == phases[0]:
                act()

    days = (bench.days, bench.timetable)
    try:
        return asyncio.run(replay(bench.trader, bench.venue, bench.clock, days, pause))
    finally:
        bench.close()


def bodies(folder: Path) -> list[object]:
    return [entry.body for entry in read(folder / "live" / JOURNAL_FOLDER)]


def ours(bench: Bench) -> dict[str, int]:
    portfolio = bench.state.portfolio
    return {symbol: portfolio.shares_of(symbol) for symbol in portfolio.held}


def held_at_venue(bench: Bench) -> dict[str, int]:
    again = Bench(bench.folder, bench.world)
    try:
        asyncio.run(again.venue.open())
        return dict(asyncio.run(again.venue.snapshot()).positions)
    finally:
        again.close()


def no_broker(**keys: object) -> str:
    """A link that is lost at the open of the second session, and comes back later."""
    lost = {"on": "phase", "name": "open", "session": "2024-01-03", "do": "disconnect"}
    return json.dumps({"faults": [{**lost, **keys}]})


def pending(folder: Path) -> list[tuple[object, object]]:
    shown = (document_at(folder / "live" / STATE_FILE) or {})["pending_commands"]
    assert isinstance(shown, list)
    return [(each["action"], each["state"]) for each in shown]
