"""The worker in the present: newest data, the exchange's calendar, the paper broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path

from quant_core.brokers.paper.broker import PaperBroker
from quant_core.brokers.paper.venue_clock import Phase, WallClock
from quant_core.data.warehouse import Warehouse
from quant_core.foundation.errors import ConfigurationError, DataRefused
from quant_core.foundation.timing import (
    calendar_end,
    calendar_sessions,
    exchange_zone,
    following_session,
    session_hours,
    utc_now,
)
from quant_core.foundation.types import Session
from quant_core.jobs.command_line import Request
from quant_core.jobs.live_parts import (
    ReplayPlan,
    check_alone,
    paper_broker,
    timetable_of,
    trader_parts,
)
from quant_core.jobs.prepared_run import prepare
from quant_core.live.coming_session import DataAge, DataShown
from quant_core.live.data_bridge import FreshBridge, RebalancePlan, TradingDays, last_session
from quant_core.live.data_feed import DataFeed, DataSource, FreshData
from quant_core.live.present_run import PresentRun
from quant_core.live.timetable import Timetable
from quant_core.live.trader import Trader
from quant_core.market import Market
from quant_core.trading.schedule import scheduled_executions

LEAST_SESSIONS = 30
"""Sessions the calendar must still have: it is a table in a library, and grows old."""


@dataclass(frozen=True, slots=True)
class PresentTime:
    """The present, and how to wait."""

    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep


def run_present(plan: ReplayPlan, request: Request) -> None:
    """Trade until STOP.

    Raises
    ------
    ConfigurationError
        If the exchange calendar ends too soon, or its exchange never closes.
    DataRefused
        If the newest data is older than the limits allow.
    """

    def newest() -> str | None:
        settings = plan.settings.data
        snapshot = Warehouse(Path(settings.root)).newest(settings.dataset)
        return None if snapshot is None else snapshot.version

    def load() -> FreshData:
        fresh = prepare(plan.settings, request)
        last = last_session(fresh.market)
        plan.log(f"newer data: they reach to {last}, version {fresh.snapshot.version}")
        return FreshData(fresh.market, fresh.snapshot.version)

    asyncio.run(trade_present(plan, DataSource(newest, load), PresentTime()))


async def trade_present(plan: ReplayPlan, source: DataSource, time: PresentTime) -> None:
    """Trade until STOP, at the present of ``time``, on the newest data of ``source``."""
    check_alone(plan.folder)
    calendar, first = plan.settings.data.calendar, plan.prepared
    timetable = timetable_of(plan, partial(session_hours, calendar), exchange_zone(calendar))
    today = time.now().astimezone(timetable.zone).date()
    check_calendar(calendar, today, timetable)
    last = last_session(first.market)
    following = partial(following_session, calendar)
    check_age(last, (time.now(), plan.settings.limits.max_data_age), following, timetable)
    plan.log(f"the data reach to {last}, version {first.snapshot.version}")
    feed = DataFeed(FreshData(first.market, first.snapshot.version), source, time.now)
    venue = WallVenue(plan, time.now)
    try:
        schedule = RebalancePlan(
            partial(calendar_sessions, calendar),
            lambda sessions: scheduled_executions(sessions, plan.settings.rebalance),
        )
        days = TradingDays(following, schedule, venue.has_settled, last)
        bridge = FreshBridge(feed, days, plan.settings.limits.max_data_age)
        parts = trader_parts(plan, venue.broker, bridge, timetable, time.now)
        shown = partial(data_shown, plan, feed, DataAge(following, timetable), time.now)
        trader = Trader(replace(parts, wall=time.now, data_shown=shown))
        schedule.state = trader.state
        try:
            with plan.on_duty:
                run = PresentRun(trader, venue, feed, plan.post, time.now)
                await run.trade(time.sleep)
        finally:
            trader.release()
    finally:
        await venue.broker.close()


def data_shown(
    plan: ReplayPlan, feed: DataFeed, age: DataAge, now: Callable[[], datetime]
) -> DataShown:
    """What the state tells of the data at this moment."""
    last = last_session(feed.data.market)
    version, dataset = feed.data.version, plan.settings.data.dataset
    return DataShown(dataset, version, last, age.of(last, now()), feed.problem)


class WallVenue:
    """The paper broker at wall-clock time, on the newest data.

    Parameters
    ----------
    plan : ReplayPlan
    now : callable
        The present.
    """

    def __init__(self, plan: ReplayPlan, now: Callable[[], datetime]) -> None:
        self._calendar = plan.settings.data.calendar
        self._now = now
        self._clock = self._clock_of(plan.prepared.market)
        self.broker: PaperBroker = paper_broker(plan, self._clock)

    def advance(self) -> object | None:
        """Enter the next phase; None when it has not come or its prices are not known."""
        return self.broker.advance()

    def renew(self, market: Market) -> None:
        """Go on with newer data."""
        clock = self._clock_of(market)
        self.broker.renew(market, clock)
        self._clock = clock

    def has_settled(self, session: Session) -> bool:
        """Whether the books of a session are closed."""
        place = self.broker.place
        row = place.row if place.phase is Phase.AFTER_CLOSE else place.row - 1
        settled = self._clock.session(row)
        return settled is not None and settled >= session

    def _clock_of(self, market: Market) -> WallClock:
        return WallClock(market.panel.axes.sessions, self._calendar, now=self._now)


def check_calendar(calendar: str, today: date, timetable: Timetable) -> None:
    """Refuse a calendar that ends too soon, or one without a night to decide in.

    Raises
    ------
    ConfigurationError
        With what to do about it.
    """
    end = calendar_end(calendar, today)
    sessions = calendar_sessions(calendar, today, end)
    left = len(sessions)
    if not left >= LEAST_SESSIONS:
        raise ConfigurationError(
            "the exchange calendar ends too soon",
            expected=f"at least {LEAST_SESSIONS} further sessions",
            found=f"{left} from {today} to {end}",
            where=calendar,
            fix="update exchange_calendars",
        )
    one, other = timetable.of(sessions[0].item()), timetable.of(sessions[1].item())
    if not one.settled < other.decide:
        raise ConfigurationError(
            "an exchange that never closes has no open to decide for",
            expected="a calendar with a night between two sessions, such as XNYS",
            found=f"a close at {one.closes}, a decision at {other.decide}",
            where="data.calendar",
            fix="replay a stretch of history with --replay START:END",
        )


def check_age(
    last: Session,
    allowed: tuple[datetime, int],
    following: Callable[[Session], Session | None],
    timetable: Timetable,
) -> None:
    """Refuse data that a decision could not rest on.

    A session is missing once the one after it is to be decided; before, its data may still
    come. ``allowed`` is the present and how many sessions may be missing.
    """
    now, most = allowed
    missing: list[Session] = []
    day = following(last)
    while day is not None:
        after = following(day)
        if after is None or now < timetable.of(after).decide:
            break
        missing.append(day)
        day = after
    if not len(missing) <= most:
        raise DataRefused(
            "the data are stale",
            expected=f"at most {most} sessions behind (limits.max_data_age)",
            found=f"{len(missing)} sessions since {last}",
            fix="sync the data, or replay a stretch of history with --replay START:END",
        )
