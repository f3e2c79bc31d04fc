"""A whole worker on the paper broker, with marks at which it can be killed.

Everything is real: the journal and its fsync, the books in SQLite and theirs, the state.
Added are only the marks. The exchange takes an order as often as it is sent, as a real
broker does: nothing protects the worker but the worker.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from quant_core.brokers.paper.books import Books, Transition
from quant_core.brokers.paper.broker import PaperBroker
from quant_core.brokers.paper.exchange import VenueRules
from quant_core.brokers.paper.venue import PaperAccount, Venue
from quant_core.brokers.paper.venue_clock import ReplayClock as VenueClock
from quant_core.brokers.paper.venue_clock import VenueTime
from quant_core.brokers.port import (
    BrokerEvent,
    BrokerSession,
    Intent,
    OrderView,
    Snapshot,
    Submitted,
)
from quant_core.drills.crash_market import CAPITAL_MICROS, SmallWorld
from quant_core.drills.crash_moments import Doing, Marks
from quant_core.drills.worker_setup import ACCOUNT, BOOKS_FILE, WorkerSetup, trader_parts
from quant_core.live.data_bridge import ReplayBridge
from quant_core.live.replay import ReplayClock, replay
from quant_core.live.timetable import Timetable
from quant_core.live.trader import Trader, TraderRules

RULES = TraderRules(
    reconnect_first=timedelta(0),
    state_interval=timedelta(0),
)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a worker lives, in which world, and whether intents are written before they go."""

    folder: Path
    world: SmallWorld
    write_ahead: bool = True


class MarkedBooks(Books):
    """Books that mark the instants before and after each of their commits."""

    def __init__(self, path: Path, marks: Marks) -> None:
        super().__init__(path)
        self._marks = marks

    def write(self, transition: Transition) -> None:
        """Write a transition whole."""
        marks = self._marks
        marks.mark(marks.doing)
        super().write(transition)
        if marks.doing is Doing.SENDING:
            marks.doing = Doing.TAKEN
        marks.mark(marks.doing)


class MarkedBroker(PaperBroker):
    """The paper broker, marking what is asked of it."""

    def __init__(self, venue: Venue, marks: Marks) -> None:
        super().__init__(venue)
        self._marks = marks

    def advance(self) -> VenueTime | None:
        """Let the venue enter its next phase."""
        self._pass(Doing.FILLING)
        place = super().advance()
        self._pass(Doing.FILLING)
        return place

    async def open(self) -> BrokerSession:
        """Connect."""
        self._pass(Doing.CONNECTING)
        return await super().open()

    async def snapshot(self) -> Snapshot:
        """The account, its orders and executions."""
        self._pass(Doing.CONNECTING)
        return await super().snapshot()

    async def find(self, reference: str) -> tuple[OrderView, ...]:
        """Every order under a reference."""
        self._pass(Doing.CONNECTING)
        return await super().find(reference)

    async def events(self, after: int) -> Sequence[BrokerEvent]:
        """Events with numbers above ``after``."""
        told = await super().events(after)
        if told:
            self._pass(Doing.FILLING)
        return told

    async def submit(self, intent: Intent) -> Submitted:
        """Send an order: one mark before the exchange has it, two when it has."""
        self._pass(Doing.SENDING)
        answer = await super().submit(intent)
        self._pass(Doing.TAKEN)
        return answer

    def _pass(self, doing: Doing) -> None:
        self._marks.doing = doing
        self._marks.mark(doing)


class NamelessBroker(MarkedBroker):
    """A broker that shows only the orders the worker has in its journal.

    For the worker without the write-ahead step alone: see :mod:`quant_core.drills.crash`.
    """

    known: Container[str] = frozenset[str]()

    async def snapshot(self) -> Snapshot:
        """The account and the orders that can be attributed."""
        whole = await super().snapshot()
        return replace(
            whole,
            open_orders=tuple(o for o in whole.open_orders if o.reference in self.known),
            completed_orders=tuple(o for o in whole.completed_orders if o.reference in self.known),
        )


def live(desk: Desk, marks: Marks) -> None:
    """One life of a worker in a process of its own, up to the end of the replay or its death."""
    marks.begin()
    _mark_syncs(marks)
    trade(desk, marks)


def trade(desk: Desk, marks: Marks) -> None:
    """Start a worker on what is in its folder, and let it trade to the end of the replay."""
    world = desk.world
    kind = MarkedBroker if desk.write_ahead else NamelessBroker
    broker = kind(venue_of(desk, MarkedBooks(desk.folder / BOOKS_FILE, marks)), marks)
    clock = ReplayClock(broker)
    scheduled = np.ones(world.sessions, dtype=bool)
    bridge = ReplayBridge(world.market, world.first, world.last, scheduled, "drill")
    parts = trader_parts(
        WorkerSetup(
            folder=desk.folder,
            capital_micros=CAPITAL_MICROS,
            brain=world.brain,
            broker=broker,
            bridge=bridge,
            now=clock.now,
            rules=replace(RULES, write_ahead=desk.write_ahead),
        )
    )
    trader = Trader(parts)
    if isinstance(broker, NamelessBroker):
        broker.known = trader.state.orders
    asyncio.run(_trade(trader, broker, clock, (bridge, parts.timetable)))


def market_goes_on(desk: Desk) -> None:
    """The exchange enters its next phase while no worker is there."""
    broker = PaperBroker(venue_of(desk, Books(desk.folder / BOOKS_FILE)))
    broker.advance()
    asyncio.run(broker.close())


def venue_of(desk: Desk, books: Books) -> Venue:
    """The exchange of a desk, on its books: it takes the same order as often as it comes."""
    world = desk.world
    return Venue(
        world.market,
        VenueClock(world.market.panel.axes.sessions, world.first, world.last),
        VenueRules(world.brain.execution, world.brain.margin, once_per_reference=False),
        PaperAccount(ACCOUNT, CAPITAL_MICROS),
        books,
    )


async def _trade(
    trader: Trader,
    broker: MarkedBroker,
    clock: ReplayClock,
    days: tuple[ReplayBridge, Timetable],
) -> None:
    try:
        await replay(trader, broker, clock, days)
        await trader.end("the replay has ended")
    finally:
        trader.release()
        await broker.close()


def _mark_syncs(marks: Marks) -> None:
    """Mark each fsync of this process before and after; it is done as ever."""
    real = os.fsync

    def marked(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        journal = name.startswith("journal-")
        marks.mark(Doing.WRITING if journal else Doing.STATE)
        real(descriptor)
        marks.mark(Doing.WRITTEN if journal else Doing.STATE)

    os.fsync = marked
