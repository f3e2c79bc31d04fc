"""The parts of a worker from its settings: broker, data, limits, rules."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from quant_core.brokers.paper.books import Books
from quant_core.brokers.paper.broker import PaperBroker
from quant_core.brokers.paper.exchange import VenueRules
from quant_core.brokers.paper.scenario import NO_FAULTS, read_scenario
from quant_core.brokers.paper.venue import PaperAccount, Venue
from quant_core.brokers.paper.venue_clock import DayPlan, HoursOf, VenueClock
from quant_core.brokers.paper.venue_clock import ReplayClock as VenueReplayClock
from quant_core.foundation.errors import UsageError
from quant_core.foundation.files import text_hash
from quant_core.foundation.money import micros
from quant_core.foundation.settings_live import LimitSettings, LiveSettings
from quant_core.foundation.timing import (
    ALWAYS_OPEN,
    NEW_YORK_CALENDAR,
    exchange_zone,
    new_york_hours,
    session_hours,
    utc_now,
)
from quant_core.foundation.types import SessionArray
from quant_core.jobs.live_confirm import mode_of
from quant_core.jobs.prepared_run import Prepared
from quant_core.jobs.run_papers import code_hash
from quant_core.live.coming_session import DataShown
from quant_core.live.data_bridge import DataBridge, ReplayBridge, last_session
from quant_core.live.journal import JournalLimits
from quant_core.live.journal_files import lock_folder
from quant_core.live.order_desk import Post
from quant_core.live.patient_broker import PatientBroker
from quant_core.live.replay import ReplayClock, replay
from quant_core.live.timetable import Timetable
from quant_core.live.trader import JOURNAL_FOLDER, Trader, TraderParts, TraderRules
from quant_core.live.worker_state import WorkerState
from quant_core.risk.limit_values import Limits, is_whole, setting_key

BOOKS = "paper_broker.sqlite"
MEBIBYTE = 1024 * 1024
NOTHING_TO_DO = nullcontext[None](None)


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What is traded, where the worker lives, and who is told.

    ``on_duty`` is entered once the folder is the worker's alone, and left before it lets go.
    """

    prepared: Prepared
    settings: LiveSettings
    folder: Path
    effective_settings: str
    post: Post
    log: Callable[[str], object]
    on_duty: AbstractContextManager[object] = NOTHING_TO_DO
    alert_status: Callable[[], Mapping[str, object]] = dict
    mask: Callable[[str], str] = str


def live_folder(settings: LiveSettings) -> Path:
    """The worker's folder."""
    return Path(settings.live.folder or Path(settings.data.root) / "live")


def limits_of(settings: LimitSettings) -> Limits:
    """The limits in the units of the gate: micros, seconds, shares, fractions."""
    values: dict[str, object] = {}
    for field in fields(Limits):
        value: object = getattr(settings, setting_key(field.name).removeprefix("limits."))
        if field.name.endswith("_micros") and isinstance(value, int | float):
            value = micros(float(value))
        if field.name == "restricted":
            value = frozenset(settings.restricted)
        elif isinstance(value, int) and not is_whole(field.name):
            value = float(value)
        values[field.name] = value
    return Limits(**values)  # pyright: ignore[reportArgumentType]  checked by Limits itself


def rules_of(settings: LiveSettings) -> TraderRules:
    """Durations and sizes of the worker."""
    live = settings.live
    return TraderRules(
        state_interval=timedelta(seconds=live.state_interval),
        state_validity=timedelta(seconds=live.state_validity),
        settle=timedelta(seconds=live.settle),
        journal=JournalLimits(live.journal_segment * MEBIBYTE, live.anchor_every),
    )


def check_alone(folder: Path) -> None:
    """Refuse to be the second worker of a folder, before anything of it is touched.

    Raises
    ------
    JournalLocked
        With the process that works there.
    """
    journal = folder / JOURNAL_FOLDER
    if journal.is_dir():
        os.close(lock_folder(journal))


def paper_broker(plan: ReplayPlan, clock: VenueClock) -> PaperBroker:
    """The paper broker on its books, in the time of ``clock``."""
    prepared, broker = plan.prepared, plan.settings.broker
    scenario = NO_FAULTS if broker.scenario is None else read_scenario(Path(broker.scenario))
    venue = Venue(
        prepared.market,
        clock,
        VenueRules(prepared.brain.execution, prepared.brain.margin),
        PaperAccount(broker.account, micros(plan.settings.backtest.capital)),
        Books(Path(broker.books or plan.folder / BOOKS)),
        scenario,
    )
    return PaperBroker(venue)


def replay_hours(calendar: str) -> HoursOf:
    """Open and close of the sessions of a replay.

    New York's come from a rule, because the library of calendars is slow to load: in
    history a half day changes no price. An exchange that never closes has no night in
    which a session could be decided, and borrows the same hours.

    Examples
    --------
    >>> replay_hours("XNYS") is replay_hours("24/7") is new_york_hours
    True
    """
    if calendar in (NEW_YORK_CALENDAR, ALWAYS_OPEN):
        return new_york_hours
    return partial(session_hours, calendar)


def timetable_of(plan: ReplayPlan, hours: HoursOf, zone: ZoneInfo) -> Timetable:
    """The instants of the trading day, by the settings."""
    margin = timedelta(seconds=plan.settings.limits.cut_off_margin)
    return Timetable(hours, plan.settings.live.decision_time, zone, margin=margin)


def trader_parts(
    plan: ReplayPlan,
    broker: PaperBroker,
    bridge: DataBridge,
    timetable: Timetable,
    now: Callable[[], datetime],
) -> TraderParts:
    """A worker on the paper broker, in the time of ``now``."""
    settings = plan.settings
    return TraderParts(
        folder=plan.folder,
        account=settings.broker.account,
        capital_micros=micros(settings.backtest.capital),
        mode=mode_of(settings.broker.name),
        instance=uuid.uuid4().hex[:16],
        strategy=settings.strategy.name,
        code_hash=code_hash(),
        settings_hash=text_hash([plan.effective_settings]),
        brain=plan.prepared.brain,
        broker=PatientBroker(broker, settings.broker.call_timeout),
        bridge=bridge,
        timetable=timetable,
        limits=limits_of(settings.limits),
        post=plan.post,
        log=plan.log,
        now=now,
        wall=utc_now,
        rules=rules_of(settings),
        alert_status=plan.alert_status,
        mask=plan.mask,
        strategy_type=settings.strategy.type,
        data_shown=partial(data_of, plan),
    )


def data_of(plan: ReplayPlan) -> DataShown:
    """What the state tells of data that do not change; for a replay they are never old."""
    last, version = last_session(plan.prepared.market), plan.prepared.snapshot.version
    return DataShown(plan.settings.data.dataset, version, last, age_sessions=0)


def run_replay(plan: ReplayPlan, speed: float | None = None) -> bool:
    """Trade the replay with a worker on the paper broker; True when its end was reached.

    ``speed`` is sessions a second, None as fast as it goes.
    """
    prepared, window = plan.prepared, plan.prepared.window
    sessions = prepared.market.panel.axes.sessions
    check_alone(plan.folder)
    calendar = plan.settings.data.calendar
    hours = replay_hours(calendar)
    times = VenueReplayClock(sessions, window.first, window.last, DayPlan(hours))
    venue = paper_broker(plan, times)
    clock = ReplayClock(venue)
    bridge = ReplayBridge(
        prepared.market,
        window.first,
        window.last,
        prepared.scheduled,
        prepared.snapshot.version,
    )
    zone = exchange_zone(NEW_YORK_CALENDAR if hours is new_york_hours else calendar)
    parts = trader_parts(plan, venue, bridge, timetable_of(plan, hours, zone), clock.now)
    return asyncio.run(_replay(plan, parts, (venue, clock), speed))


def check_continues(state: WorkerState, sessions: SessionArray, first: int, last: int) -> None:
    """Refuse a replay that does not go on where the books stand.

    Raises
    ------
    UsageError
        If sessions would be left out, or the books stand behind its end. Where they stand at
        its end nothing is traded, and what a worker left behind is still done.
    """
    stands = state.book.session
    day = None if state.day is None else state.day.session
    if day is None and stands is None:
        return
    side = "right" if day is None else "left"
    row = int(np.searchsorted(sessions, np.datetime64(day or stands, "D"), side=side))
    window = f"{sessions[first]} to {sessions[last]}"
    if first <= row <= last or _is_over(state, sessions, last):
        return
    due = sessions[row] if row < len(sessions) else f"the session after {stands}"
    raise UsageError(
        "the replay does not go on where the books stand",
        expected=f"a stretch with {due}, the session that follows in these books",
        found=window,
        where="--replay",
        fix="begin there, or take another folder: --set live.folder=...",
    )


def _is_over(state: WorkerState, sessions: SessionArray, last: int) -> bool:
    """Whether the books stand at the end of the replay."""
    return state.day is None and str(state.book.session) == str(sessions[last])


async def _replay(
    plan: ReplayPlan,
    parts: TraderParts,
    world: tuple[PaperBroker, ReplayClock],
    speed: float | None,
) -> bool:
    trader, (venue, clock) = Trader(parts), world
    rest = 0.0 if speed is None else 0.25 / speed

    async def pause() -> None:
        await asyncio.sleep(rest)

    window = plan.prepared.window
    sessions = plan.prepared.market.panel.axes.sessions
    try:
        check_continues(trader.state, sessions, window.first, window.last)
        over = _is_over(trader.state, sessions, window.last)
        reached = "nothing was left to trade" if over else "the replay has ended"
        with plan.on_duty:
            ended = await replay(trader, venue, clock, (parts.bridge, parts.timetable), pause)
            await trader.end(reached if ended else "STOP")
    finally:
        trader.release()
        await venue.close()
    return ended
