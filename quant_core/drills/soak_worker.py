"""A worker of real size on the paper broker, for the soak and for the measurements of speed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from quant_core.brokers.paper.books import Books
from quant_core.brokers.paper.broker import PaperBroker
from quant_core.brokers.paper.exchange import VenueRules
from quant_core.brokers.paper.scenario import NO_FAULTS, Scenario
from quant_core.brokers.paper.venue import PaperAccount, Venue
from quant_core.brokers.paper.venue_clock import ReplayClock as VenueClock
from quant_core.brokers.port import BrokerPort
from quant_core.drills.soak_market import noisy_brain, noisy_market
from quant_core.drills.worker_setup import ACCOUNT, BOOKS_FILE, LIMITS, WorkerSetup, trader_parts
from quant_core.foundation.money import micros
from quant_core.live.data_bridge import DataBridge, ReplayBridge
from quant_core.live.journal import JournalLimits
from quant_core.live.replay import ReplayClock
from quant_core.live.timetable import Timetable
from quant_core.live.trader import Trader, TraderRules
from quant_core.notify.port import Alert

CAPITAL_MICROS = micros(1_000_000)
SOAK_LIMITS = replace(LIMITS, max_order_notional_micros=micros(250_000), max_orders_per_day=500)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlan:
    """What is traded, and how often the state is written.

    ``names`` is the size of the market, ``held`` of the book: it turns over whole in every
    session, so that there are up to twice as many orders.
    """

    folder: Path
    sessions: int
    seed: int
    names: int = 500
    held: int = 26
    scenario: Scenario = NO_FAULTS
    segment_bytes: int = JournalLimits().segment_bytes
    state_interval: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker and what drives it; ``days`` are its data and its timetable."""

    trader: Trader
    venue: PaperBroker
    clock: ReplayClock
    days: tuple[DataBridge, Timetable]
    folder: Path


Watch = Callable[[BrokerPort, DataBridge], tuple[BrokerPort, DataBridge]]


def build_worker(
    plan: WorkerPlan,
    post: Callable[[Alert], object],
    watch: Watch = lambda broker, bridge: (broker, bridge),
) -> Worker:
    """The worker of a plan, not yet started.

    ``watch`` may put something between the worker and its broker and data.
    """
    market, brain = noisy_market(plan.sessions + 1, plan.names, plan.seed), noisy_brain(plan.held)
    venue = PaperBroker(
        Venue(
            market,
            VenueClock(market.panel.axes.sessions, 1, plan.sessions),
            VenueRules(brain.execution, brain.margin),
            PaperAccount(ACCOUNT, CAPITAL_MICROS),
            Books(plan.folder / BOOKS_FILE),
            plan.scenario,
        )
    )
    clock = ReplayClock(venue)
    every = np.ones(plan.sessions, dtype=bool)
    broker, bridge = watch(venue, ReplayBridge(market, 1, plan.sessions, every, "soak"))
    parts = trader_parts(
        WorkerSetup(
            folder=plan.folder,
            capital_micros=CAPITAL_MICROS,
            brain=brain,
            broker=broker,
            bridge=bridge,
            now=clock.now,
            rules=_rules(plan),
            limits=SOAK_LIMITS,
            post=post,
        )
    )
    return Worker(Trader(parts), venue, clock, (bridge, parts.timetable), parts.folder)


def _rules(plan: WorkerPlan) -> TraderRules:
    return TraderRules(
        state_interval=plan.state_interval,
        reconnect_first=timedelta(0),
        journal=JournalLimits(segment_bytes=plan.segment_bytes),
    )
