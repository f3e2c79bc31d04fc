"""What a worker is made of, and its durations and sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from quant_core.brokers.port import BrokerPort
from quant_core.foundation.timing import monotonic_seconds
from quant_core.live.coming_session import DataShown
from quant_core.live.data_bridge import DataBridge
from quant_core.live.journal import JournalLimits
from quant_core.live.journal_kinds import Mode
from quant_core.live.order_desk import Post
from quant_core.live.timetable import Timetable
from quant_core.risk.limit_values import Limits
from quant_core.trading_day import Brain


@dataclass(frozen=True, slots=True, kw_only=True)
class TraderRules:
    """Durations and sizes of the worker.

    ``settle`` is how long the answers of a broker behind a network may lag; one that is
    conclusive (:class:`~quant_core.brokers.port.Capabilities`) is not waited for.
    """

    state_interval: timedelta = timedelta(seconds=1)
    state_validity: timedelta = timedelta(seconds=5)
    settle: timedelta = timedelta(seconds=5)
    reconnect_first: timedelta = timedelta(seconds=1)
    reconnect_most: timedelta = timedelta(seconds=60)
    journal: JournalLimits = field(default_factory=JournalLimits)
    write_ahead: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TraderParts:
    """Everything a worker is made of.

    ``now`` is the exchange's present (history's, in a replay), ``wall`` the machine's, and
    ``steady`` the seconds of its clock that runs on evenly and is never set.
    ``strategy_type``, ``data_shown`` and ``alert_status`` are for the state alone; ``mask``
    blots secrets out of what a failure says of itself.
    """

    folder: Path
    account: str
    capital_micros: int
    mode: Mode
    instance: str
    strategy: str
    code_hash: str
    settings_hash: str
    brain: Brain
    broker: BrokerPort
    bridge: DataBridge
    timetable: Timetable
    limits: Limits
    post: Post
    log: Callable[[str], object]
    now: Callable[[], datetime]
    wall: Callable[[], datetime]
    rules: TraderRules = field(default_factory=TraderRules)
    alert_status: Callable[[], Mapping[str, object]] = dict
    mask: Callable[[str], str] = str
    strategy_type: str = ""
    data_shown: Callable[[], DataShown] = DataShown
    steady: Callable[[], float] = monotonic_seconds
