"""A paper broker on a small market, for the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import numpy as np

from quant_core.brokers.paper.books import IN_MEMORY, Books
from quant_core.brokers.paper.broker import PaperBroker
from quant_core.brokers.paper.exchange import VenueRules
from quant_core.brokers.paper.scenario import NO_FAULTS, Scenario, parse_scenario
from quant_core.brokers.paper.venue import PaperAccount, Venue
from quant_core.brokers.paper.venue_clock import ReplayClock
from quant_core.brokers.port import BrokerEvent, Intent, OrderKind
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.market import NO_FACTS, Market, MarketFacts
from quant_core.risk.margin import LONG_ONLY, MarginRules
from quant_core.trading.fees import FeeSchedule, rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.orders import Side

Answer = TypeVar("Answer")
CAPITAL = 1_000_000_000_000
NAMES = ("AAA", "BBB", "CCC")


def now(call: Coroutine[object, object, Answer]) -> Answer:
    """The answer of a call that does not wait."""
    return asyncio.run(call)


def make_market(
    opens=None, close=None, volume=None, facts: MarketFacts = NO_FACTS, sessions: int = 6
) -> Market:
    """Three names at 10, 20 and 30 that rise a cent a session from open to close."""
    base = np.array([10.0, 20.0, 30.0]) + np.arange(sessions)[:, None] * 0.02
    opens = base if opens is None else np.array(opens, dtype=float)
    close = base + 0.01 if close is None else np.array(close, dtype=float)
    volume = np.full(opens.shape, 1e6) if volume is None else np.array(volume, dtype=float)
    days = np.arange(np.datetime64("2024-01-02"), np.datetime64("2024-01-02") + len(opens))
    axes = Axes(days, NAMES[: opens.shape[1]])
    return Market(MarketPanel(axes, opens, close, volume, np.ones(opens.shape, bool)), {}, facts)


def make_rules(
    *,
    slippage: float = 0.001,
    lot: int = 1,
    cap: float | None = None,
    rate: float = 0.001,
    margin: MarginRules = LONG_ONLY,
    once: bool = True,
) -> VenueRules:
    fees: FeeSchedule = rate_fees(rate, 0)
    return VenueRules(ExecutionRules(0.02, slippage, lot, cap, 0.0, fees), margin, once)


class Bench:
    """A broker, its books and its clock; :meth:`reopen` is a new process."""

    def __init__(
        self,
        market: Market | None = None,
        rules: VenueRules | None = None,
        faults: list[dict] | None = None,
        path: Path = IN_MEMORY,
        sleep=asyncio.sleep,
    ) -> None:
        self.market = make_market() if market is None else market
        self.rules = make_rules() if rules is None else rules
        self.scenario = NO_FAULTS if faults is None else scenario_of(faults)
        self.path = path
        self._sleep = sleep
        self._open()

    def _open(self) -> None:
        sessions = self.market.panel.axes.sessions
        self.books = Books(self.path)
        self.venue = Venue(
            self.market,
            ReplayClock(sessions, 1, len(sessions) - 1),
            self.rules,
            PaperAccount("PAPER1", CAPITAL),
            self.books,
            self.scenario,
        )
        self.broker = PaperBroker(self.venue, self._sleep)

    def reopen(self) -> PaperBroker:
        """The broker of a new process over the same books."""
        self.books.close()
        self._open()
        return self.broker

    def connect(self) -> Bench:
        now(self.broker.open())
        return self

    def to(self, phase: str, sessions: int = 0) -> Bench:
        """Advance to the next ``phase``, then as many sessions more."""
        for _ in range(sessions + 1):
            while True:
                assert self.broker.advance() is not None
                if self.broker.place.phase == phase:
                    break
        return self

    @property
    def session(self):
        return self.venue.trading_session

    def intent(
        self,
        symbol: str = "AAA",
        side: Side = Side.BUY,
        shares: int = 100,
        kind: OrderKind = OrderKind.ON_OPEN,
        *,
        rank: int = 0,
        limit: int | None = None,
        reference: str | None = None,
    ) -> Intent:
        name = reference or f"{self.session}/{symbol}/{side}/{kind}"
        return Intent(name, self.session, symbol, side, shares, kind, rank, limit)

    def send(self, *arguments, **named):
        return now(self.broker.submit(self.intent(*arguments, **named)))

    def events(self, after: int = 0) -> list[BrokerEvent]:
        return list(now(self.broker.events(after)))

    def told(self, kind: type) -> list:
        """Bodies of one kind that a client was told."""
        return [event.body for event in self.events() if isinstance(event.body, kind)]

    def snapshot(self):
        return now(self.broker.snapshot())


def scenario_of(faults: list[dict], seed: int = 0) -> Scenario:
    import json

    return parse_scenario(json.dumps({"seed": seed, "faults": faults}))
