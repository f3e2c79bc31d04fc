"""The worker in the present: newest data, the exchange's calendar, the paper broker."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import numpy as np

from quant_core.brokers.paper.broker import PaperBroker
from quant_core.brokers.paper.venue_clock import WallClock
from quant_core.data.warehouse import Warehouse
from quant_core.foundation.errors import ConfigurationError, DataRefused
from quant_core.foundation.timing import calendar_sessions, utc_now
from quant_core.foundation.types import Session, SessionArray
from quant_core.jobs.command_line import Request
from quant_core.jobs.live_parts import ReplayPlan, paper_broker, trader_parts
from quant_core.jobs.prepared_run import Prepared, prepare
from quant_core.live.data_bridge import FreshBridge, FreshData
from quant_core.live.trader import Trader
from quant_core.trading.schedule import scheduled_executions

LEAST_SESSIONS = 30
"""Sessions the calendar must still have: it is a table in a library, and grows old."""

HORIZON = timedelta(days=90)


def run_present(plan: ReplayPlan, request: Request) -> None:
    """Trade until STOP.

    Raises
    ------
    ConfigurationError
        If the exchange calendar ends too soon.
    DataRefused
        If the newest data is older than the limits allow.
    """
    settings, prepared = plan.settings, plan.prepared
    sessions = prepared.market.panel.axes.sessions
    last = prepared.market.session(len(sessions) - 1)
    calendar = settings.data.calendar
    ahead = check_calendar(calendar, utc_now().date())
    known = np.union1d(sessions, calendar_sessions(calendar, last, ahead))
    check_age(known, last, settings.limits.max_data_age)
    plan_of = dict(
        zip(known.tolist(), scheduled_executions(known, settings.rebalance), strict=True)
    )

    def following(after: Session) -> Session | None:
        place = int(np.searchsorted(known, np.datetime64(after, "D"), side="right"))
        return known[place].item() if place < len(known) else None

    def load() -> FreshData:
        fresh = prepare(settings, request)
        return FreshData(fresh.market, fresh.snapshot.version)

    bridge = FreshBridge(load, following, lambda session: bool(plan_of.get(session, False)), last)
    venue = paper_broker(plan, WallClock(sessions, calendar))
    parts = trader_parts(plan, venue, bridge, utc_now)
    asyncio.run(_run(Trader(parts), venue, plan, request))


async def _run(trader: Trader, venue: PaperBroker, plan: ReplayPlan, request: Request) -> None:
    """The worker's steps, and the venue's phases as their instants pass."""
    known = plan.prepared.snapshot.version

    async def pause(seconds: float) -> None:
        nonlocal known
        while venue.advance() is not None:
            await trader.step()
        await asyncio.sleep(seconds)
        fresh = _renewed(plan, request, known)
        if fresh is not None:
            known = fresh.snapshot.version
            venue.renew(
                fresh.market,
                WallClock(fresh.market.panel.axes.sessions, plan.settings.data.calendar),
            )

    try:
        await trader.run(pause)
    finally:
        trader.release()
        await venue.close()


def _renewed(plan: ReplayPlan, request: Request, known: str) -> Prepared | None:
    """The data anew where there is a newer version."""
    newest = Warehouse(Path(plan.settings.data.root)).newest(plan.settings.data.dataset)
    if newest is None or newest.version == known:
        return None
    return prepare(plan.settings, request)


def check_calendar(calendar: str, today: Session) -> Session:
    """The date up to which the calendar is asked; refused when it ends too soon.

    Examples
    --------
    >>> from datetime import date
    >>> check_calendar("24/7", date(2024, 1, 1))
    datetime.date(2024, 3, 31)
    """
    until = today + HORIZON
    left = len(calendar_sessions(calendar, today, until))
    if left < LEAST_SESSIONS:
        raise ConfigurationError(
            "the exchange calendar ends too soon",
            expected=f"at least {LEAST_SESSIONS} further sessions",
            found=f"{left} from {today}",
            where=calendar,
            fix="update exchange_calendars",
        )
    return until


def check_age(known: SessionArray, last: Session, most: int) -> None:
    """Refuse data that a decision could not rest on."""
    today = np.datetime64(utc_now().date(), "D")
    missed = int(np.sum((known > np.datetime64(last, "D")) & (known < today)))
    if missed > most:
        raise DataRefused(
            "the data is stale",
            expected=f"at most {most} sessions behind (limits.max_data_age)",
            found=f"{missed} sessions since {last}",
            fix="sync the data, or replay a stretch of history with --replay START:END",
        )
