"""A worker on the paper broker in a small market, for the tests of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from quant_core.brokers.paper.books import Books
from quant_core.brokers.paper.broker import PaperBroker
from quant_core.brokers.paper.exchange import VenueRules
from quant_core.brokers.paper.scenario import NO_FAULTS, parse_scenario
from quant_core.brokers.paper.venue import PaperAccount, Venue
from quant_core.brokers.paper.venue_clock import ReplayClock as VenueClock
from quant_core.brokers.paper.venue_clock import new_york_hours
from quant_core.live.data_bridge import DataBridge, ReplayBridge
from quant_core.live.journal_kinds import Mode
from quant_core.live.patient_broker import PatientBroker
from quant_core.live.replay import ReplayClock, replay
from quant_core.live.timetable import Timetable
from quant_core.live.trader import Trader, TraderParts, TraderRules
from quant_core.market import Market
from quant_core.notify.port import Alert
from quant_core.risk.breakers import RiskRules
from quant_core.risk.limit_values import Limits
from quant_core.trading.fees import rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.target import Target, Weights
from quant_core.trading_day import Brain
from tests.engine.market_strategies import ScriptedStrategy, small_panel

CAPITAL = 100_000_000_000
ACCOUNT = "DU1"
OPEN_LIMITS = Limits(
    max_quote_age_seconds=60,
    price_collar=0.05,
    cut_off_margin_seconds=30,
    max_data_age_sessions=0,
    max_reconciliation_age_seconds=300,
)


@dataclass(slots=True)
class World:
    """What is traded: a market, a brain, a window and its schedule."""

    market: Market
    brain: Brain
    first: int
    last: int
    scheduled: np.ndarray
    capital_micros: int = CAPITAL


@dataclass
class Bench:
    """A worker with its venue, and everything it said."""

    folder: Path
    world: World
    scenario: str = ""
    limits: Limits = OPEN_LIMITS
    bridge: DataBridge | None = None
    wall: Callable[[], datetime] = lambda: datetime(2024, 1, 1, tzinfo=UTC)
    write_ahead: bool = True
    state_interval: timedelta = timedelta(days=1)
    timeout: float = 5.0
    once_per_reference: bool = True
    post: Callable[[Alert], object] | None = None
    alerts: list[Alert] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.world
        sessions = world.market.panel.axes.sessions
        self.folder.mkdir(parents=True, exist_ok=True)
        venue = Venue(
            world.market,
            VenueClock(sessions, world.first, world.last),
            VenueRules(
                world.brain.execution,
                world.brain.margin,
                once_per_reference=self.once_per_reference,
            ),
            PaperAccount(ACCOUNT, world.capital_micros),
            Books(self.folder / "books.sqlite"),
            parse_scenario(self.scenario) if self.scenario else NO_FAULTS,
        )
        self.venue = PaperBroker(venue)
        self.clock = ReplayClock(self.venue)
        replayed = ReplayBridge(world.market, world.first, world.last, world.scheduled, "v1")
        self.days = self.bridge or replayed
        self.timetable = Timetable(new_york_hours, time(9, 15), ZoneInfo("America/New_York"))
        self.trader = Trader(self.parts())

    def parts(self) -> TraderParts:
        return TraderParts(
            folder=self.folder / "live",
            account=ACCOUNT,
            capital_micros=self.world.capital_micros,
            mode=Mode.PAPER,
            instance=uuid.uuid4().hex[:12],
            strategy="p1",
            code_hash="c",
            settings_hash="s",
            brain=self.world.brain,
            broker=PatientBroker(self.venue, self.timeout),
            bridge=self.days,
            timetable=self.timetable,
            limits=self.limits,
            post=self.post or self.alerts.append,
            log=self.lines.append,
            now=self.clock.now,
            wall=self.wall,
            rules=TraderRules(
                reconnect_first=timedelta(0),
                state_interval=self.state_interval,
                write_ahead=self.write_ahead,
            ),
        )

    @property
    def state(self):
        """What the worker knows."""
        return self.trader.state

    def run(self) -> bool:
        """The whole replay."""
        return asyncio.run(replay(self.trader, self.venue, self.clock, (self.days, self.timetable)))

    def close(self) -> None:
        """End as a crash does: nothing is told to anybody."""
        self.trader.release()
        asyncio.run(self.venue.close())


def whole_run(bench: Bench) -> Bench:
    """The bench after its replay, closed."""
    try:
        assert bench.run()
    finally:
        bench.close()
    return bench


def plain_world(
    rows: int = 8, decide: Callable[[int], Target] | None = None, columns: int = 3
) -> World:
    """A few names that wander, rebalanced in every session between two sets of weights."""
    chance = np.random.default_rng(7)
    closes = np.round(50 * np.exp(chance.normal(0, 0.02, (rows, columns)).cumsum(axis=0)), 2)
    opens = np.round(closes * np.exp(chance.normal(0, 0.01, (rows, columns))), 2)
    panel = small_panel(opens, closes, np.full((rows, columns), 1e6), start="2024-01-01")

    def alternate(row: int) -> Target:
        weights = {"S0": 0.5, "S1": 0.3} if row % 2 else {"S1": 0.4, "S2": 0.4}
        return Weights(weights)

    brain = Brain(
        ScriptedStrategy(decide or alternate, panel),
        ExecutionRules(0.02, 0.0005, 1, None, 0.0, rate_fees(0.001, 0)),
        RiskRules(),
    )
    return World(Market(panel, {}), brain, 1, rows - 1, np.ones(rows - 1, dtype=bool))
