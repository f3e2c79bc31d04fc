"""A whole worker on the paper broker, for the drills of its commands.

Everything is real: journal, books and state with their fsync, the door of the commands, the
paper broker. Only the market is made up, and the worker says each order that reaches the
broker to whoever runs the drill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from quant_core.brokers.paper.books import Books
from quant_core.brokers.paper.broker import PaperBroker
from quant_core.brokers.paper.exchange import VenueRules
from quant_core.brokers.paper.scenario import NO_FAULTS, parse_scenario
from quant_core.brokers.paper.venue import PaperAccount, Venue
from quant_core.brokers.paper.venue_clock import ReplayClock as VenueClock
from quant_core.brokers.port import Intent, Submitted
from quant_core.drills.worker_setup import (
    ACCOUNT,
    BOOKS_FILE,
    LIVE_FOLDER,
    WorkerSetup,
    nobody,
    trader_parts,
)
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.foundation.settings import RiskSettings, StrategySettings
from quant_core.foundation.settings_section import Section
from quant_core.live.data_bridge import ReplayBridge
from quant_core.live.replay import ReplayClock, replay
from quant_core.live.trader import Trader, TraderRules
from quant_core.market import Market
from quant_core.risk.breakers import RiskRules
from quant_core.strategies.base import BaseStrategy, MarketView
from quant_core.trading.account import Book
from quant_core.trading.fees import rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.target import Target, Weights
from quant_core.trading_day import Brain

CAPITAL_MICROS = 10_000_000_000_000
BEGIN = np.datetime64("2024-01-01")
INVESTED = 0.9
SWING = 0.3
"""How far a weight swings around equal ones, so that every session has orders."""

RULES = TraderRules(
    reconnect_first=timedelta(milliseconds=50),
    reconnect_most=timedelta(milliseconds=200),
    state_interval=timedelta(milliseconds=500),
)


class Swing(BaseStrategy):
    """Holds all names, more of the one half and less of the other by turns."""

    def decide(self, view: MarketView, book: Book) -> Target:
        """Weights around equal ones."""
        del book
        day = int((np.datetime64(view.session, "D") - BEGIN) / np.timedelta64(1, "D"))
        weight = INVESTED / len(view.symbols)
        return Weights(
            {
                symbol: weight * (1.0 + (SWING if (day + place) % 2 else -SWING))
                for place, symbol in enumerate(view.symbols)
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where a worker lives and what it trades: so many names for so many sessions.

    ``scenario`` is JSON that tells the paper broker to misbehave.
    """

    folder: Path
    names: int
    sessions: int
    seed: int = 1
    scenario: str = ""

    @property
    def live(self) -> Path:
        """The folder between worker and console."""
        return self.folder / LIVE_FOLDER

    @property
    def books(self) -> Path:
        """The books of the paper broker."""
        return self.folder / BOOKS_FILE


class ToldBroker(PaperBroker):
    """The paper broker; ``told`` hears of each order as it arrives."""

    told: Callable[[Intent], object] = staticmethod(nobody)

    async def submit(self, intent: Intent) -> Submitted:
        """Take an order."""
        self.told(intent)
        return await super().submit(intent)


class Bench:
    """A worker with everything around it, in this process.

    Parameters
    ----------
    ground : Ground
    """

    def __init__(self, ground: Ground) -> None:
        market, brain = small_market(ground), small_brain()
        last = ground.sessions
        self.broker = ToldBroker(
            Venue(
                market,
                VenueClock(market.panel.axes.sessions, 1, last),
                VenueRules(brain.execution, brain.margin),
                PaperAccount(ACCOUNT, CAPITAL_MICROS),
                Books(ground.books),
                parse_scenario(ground.scenario) if ground.scenario else NO_FAULTS,
            )
        )
        self.clock = ReplayClock(self.broker)
        self.bridge = ReplayBridge(market, 1, last, np.ones(last, dtype=bool), "drill")
        parts = trader_parts(
            WorkerSetup(
                folder=ground.folder,
                capital_micros=CAPITAL_MICROS,
                brain=brain,
                broker=self.broker,
                bridge=self.bridge,
                now=self.clock.now,
                rules=RULES,
            )
        )
        self.timetable = parts.timetable
        self.trader = Trader(parts)

    async def trade(self, pause: Callable[[], Awaitable[object]]) -> None:
        """Trade until STOP, with a pause between two phases of the venue's day."""
        try:
            ended = await replay(
                self.trader, self.broker, self.clock, (self.bridge, self.timetable), pause
            )
            while ended and not self.trader.stopping:
                await pause()
            await self.trader.end("STOP")
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of journal and books."""
        self.trader.release()
        await self.broker.close()


async def steps(
    trader: Trader, seconds: float, clock: Callable[[], float], rest: float = 0.0005
) -> None:
    """Steps of the worker for so long, or until STOP, with a rest after each."""
    until = clock() + seconds
    while not trader.stopping and clock() < until:
        await trader.step()
        await asyncio.sleep(rest)


def small_market(ground: Ground) -> Market:
    """A market of names that wander, the same for the same ground.

    Examples
    --------
    >>> market = small_market(Ground(folder=Path("x"), names=3, sessions=5))
    >>> market.panel.close.shape
    (6, 3)
    """
    chance, shape = np.random.default_rng(ground.seed), (ground.sessions + 1, ground.names)
    walk = np.clip(chance.normal(0.0, 0.01, shape).cumsum(axis=0), -1.5, 1.5)
    closes = np.round(50.0 * np.exp(walk), 2)
    opens = np.round(closes * np.exp(chance.normal(0.0, 0.005, shape)), 2)
    axes = Axes(
        np.arange(BEGIN, BEGIN + shape[0]), tuple(f"N{name:04d}" for name in range(ground.names))
    )
    volume = np.full(shape, 1e7)
    return Market(MarketPanel(axes, opens, closes, volume, np.ones(shape, dtype=bool)), {})


def small_brain() -> Brain:
    """Swings between two sets of weights; a tenth of a percent of commission."""
    settings = StrategySettings.model_construct(
        name="swing",
        type="swing",
        top_k=1,
        risk=RiskSettings.model_construct(),
        options=Section(),
    )
    rules = ExecutionRules(0.02, 0.0005, 1, None, 0.0, rate_fees(0.001, 0))
    return Brain(Swing(settings), rules, RiskRules())
