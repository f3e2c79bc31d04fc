"""History traded through the worker: its steps and the venue's phases by turns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from quant_core.live.data_bridge import DataBridge
from quant_core.live.timetable import Timetable
from quant_core.live.trader import Trader


class ReplayVenue(Protocol):
    """A venue whose time passes when it is told to."""

    @property
    def now(self) -> datetime:
        """The instant of the phase that was entered last."""
        ...

    def advance(self) -> object | None:
        """Enter the next phase; None when there is none."""
        ...


class ReplayClock:
    """The exchange's present in a replay: that of the venue, or the next decision's.

    Between the close of a session and the morning of the next, the venue stands still; the
    worker's clock goes on to the instant at which the next session is decided.
    """

    def __init__(self, venue: ReplayVenue) -> None:
        self._venue = venue
        self._ahead: datetime | None = None

    def now(self) -> datetime:
        """The present."""
        return self._venue.now if self._ahead is None else max(self._ahead, self._venue.now)

    def go_to(self, at: datetime) -> None:
        """Let the time pass up to an instant at which the venue does nothing."""
        self._ahead = at

    def back_to_venue(self) -> None:
        """The venue moves again."""
        self._ahead = None


async def replay(
    trader: Trader,
    venue: ReplayVenue,
    clock: ReplayClock,
    days: tuple[DataBridge, Timetable],
    pause: Callable[[], Awaitable[object]] | None = None,
) -> bool:
    """Trade until the replay ends or a STOP comes; True when it reached its end.

    Every step is safe to repeat: a worker that was killed goes on from the same phase.
    """
    bridge, timetable = days
    await trader.start()
    while not trader.stopping:
        # A venue in process never waits: only here the loop lets go of the time limits of
        # calls that were answered, and hears that somebody interrupts.
        await asyncio.sleep(0)
        clock.back_to_venue()
        await trader.step()
        if not trader.stopping:
            # Also of a session that is open already: a worker that was killed while it sent
            # sends the rest at the instant of the decision, before the account is adjusted.
            day = trader.state.day
            session = bridge.next_session(trader.state.book.session) if day is None else day.session
            if session is not None and timetable.of(session).decide > venue.now:
                clock.go_to(timetable.of(session).decide)
                await trader.step()
        if trader.stopping or venue.advance() is None:
            break
        if pause is not None:
            await pause()
    clock.back_to_venue()
    return not trader.stopping
