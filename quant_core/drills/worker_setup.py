"""What every drill builds a worker from: one account, its limits, New York's day, nobody told."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from quant_core.brokers.port import BrokerPort
from quant_core.foundation.timing import new_york_hours, utc_now
from quant_core.live.data_bridge import DataBridge
from quant_core.live.journal_kinds import Mode
from quant_core.live.patient_broker import PatientBroker
from quant_core.live.timetable import Timetable
from quant_core.live.trader import TraderParts, TraderRules
from quant_core.notify.port import Alert
from quant_core.risk.limit_values import Limits
from quant_core.trading_day import Brain

ACCOUNT = "DRILL"
BOOKS_FILE = "paper_broker.sqlite"
LIVE_FOLDER = "live"
CALL_SECONDS = 60.0
"""How long a call to the broker may take; the machine may be busy."""

LIMITS = Limits(
    max_quote_age_seconds=60,
    price_collar=0.05,
    cut_off_margin_seconds=30,
    max_data_age_sessions=0,
    max_reconciliation_age_seconds=300,
)


def nobody(_: object) -> None:
    """Nobody is told: journal and books say it all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSetup:
    """In what the workers of the drills differ; ``folder`` holds the live folder and the books."""

    folder: Path
    capital_micros: int
    brain: Brain
    broker: BrokerPort
    bridge: DataBridge
    now: Callable[[], datetime]
    rules: TraderRules
    limits: Limits = LIMITS
    post: Callable[[Alert], object] = nobody


def trader_parts(setup: WorkerSetup) -> TraderParts:
    """The parts of a worker in a replay of New York's days."""
    return TraderParts(
        folder=setup.folder / LIVE_FOLDER,
        account=ACCOUNT,
        capital_micros=setup.capital_micros,
        mode=Mode.PAPER,
        instance=uuid.uuid4().hex[:16],
        strategy="drill",
        code_hash="drill",
        settings_hash="drill",
        brain=setup.brain,
        broker=PatientBroker(setup.broker, CALL_SECONDS),
        bridge=setup.bridge,
        timetable=Timetable(new_york_hours, time(9, 15), ZoneInfo("America/New_York")),
        limits=setup.limits,
        post=setup.post,
        log=nobody,
        now=setup.now,
        wall=utc_now,
        rules=setup.rules,
    )
