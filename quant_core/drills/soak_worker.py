"""A worker of real size on the paper broker, for the soak and for the measurements of speed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from quant_core.brokers.paper.books import Books
from quant_core.brokers.paper.broker import PaperBroker
from quant_core.brokers.paper.exchange import VenueRules
from quant_core.brokers.paper.scenario import NO_FAULTS, Scenario
from quant_core.brokers.paper.venue import PaperAccount, Venue
from quant_core.brokers.paper.venue_clock import ReplayClock as VenueClock
from quant_core.brokers.port import BrokerPort
from quant_core.drills.soak_market import noisy_brain, noisy_market
from quant_core.foundation.money import micros
from quant_core.foundation.timing import new_york_hours, utc_now
from quant_core.live.data_bridge import DataBridge, ReplayBridge
from quant_core.live.journal import JournalLimits
from quant_core.live.journal_kinds import Mode
from quant_core.live.patient_broker import PatientBroker
from quant_core.live.replay import ReplayClock
from quant_core.live.timetable import Timetable
from quant_core.live.trader import Trader, TraderParts, TraderRules
from quant_core.notify.port import Alert
from quant_core.risk.limit_values import Limits

ACCOUNT = "PAPER"
LIVE_FOLDER = "live"
BOOKS_FILE = "paper_broker.sqlite"
CAPITAL_MICROS = micros(1_000_000)
CALL_SECONDS = 60.0
LIMITS = Limits(
    max_quote_age_seconds=60,
    price_collar=0.05,
    cut_off_margin_seconds=30,
    max_data_age_sessions=0,
    max_reconciliation_age_seconds=300,
    max_order_notional_micros=micros(250_000),
    max_orders_per_day=500,
)


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
    timetable = Timetable(new_york_hours, time(9, 15), ZoneInfo("America/New_York"))
    folder = plan.folder / LIVE_FOLDER
    parts = TraderParts(
        folder=folder,
        account=ACCOUNT,
        capital_micros=CAPITAL_MICROS,
        mode=Mode.PAPER,
        instance=uuid.uuid4().hex[:16],
        strategy="soak",
        code_hash="soak",
        settings_hash="soak",
        brain=brain,
        broker=PatientBroker(broker, CALL_SECONDS),
        bridge=bridge,
        timetable=timetable,
        limits=LIMITS,
        post=post,
        log=_nobody,
        now=clock.now,
        wall=utc_now,
        rules=_rules(plan),
    )
    return Worker(Trader(parts), venue, clock, (bridge, timetable), folder)


def _rules(plan: WorkerPlan) -> TraderRules:
    return TraderRules(
        state_interval=plan.state_interval,
        settle=timedelta(0),  # venue and worker are one process: nothing is on its way
        reconnect_first=timedelta(0),
        journal=JournalLimits(segment_bytes=plan.segment_bytes),
    )


def _nobody(_: str) -> None:
    """The log is not what is looked at."""
