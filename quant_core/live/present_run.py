"""The present traded: the worker's steps, the venue's phases, and newer data between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from quant_core.foundation.errors import DataRefused, SourceUnreachable
from quant_core.foundation.types import Session
from quant_core.live.data_bridge import has_session, last_session
from quant_core.live.data_feed import DataFeed, FreshData
from quant_core.live.order_desk import Post
from quant_core.live.session_work import FAILURES
from quant_core.live.trader import Trader
from quant_core.market import Market
from quant_core.notify.port import Alert, Severity


class PresentVenue(Protocol):
    """A venue in process, which goes on when somebody lets it."""

    def advance(self) -> object | None:
        """Enter the next phase; None when it has not come or its prices are not known."""
        ...

    def renew(self, market: Market) -> None:
        """Go on with newer data."""
        ...


class PresentRun:
    """Drives a worker and its venue at wall-clock time.

    A session is made up for when its data comes: the venue then enters its phases one
    after the other, and the worker takes a step after each.

    Parameters
    ----------
    trader : Trader
    venue : PresentVenue
    feed : DataFeed
    post : callable
        Takes alerts.
    now : callable
        The present.
    """

    def __init__(
        self,
        trader: Trader,
        venue: PresentVenue,
        feed: DataFeed,
        post: Post,
        now: Callable[[], datetime],
    ) -> None:
        self._trader = trader
        self._venue = venue
        self._feed = feed
        self._post = post
        self._now = now
        self._told = False

    async def trade(self, sleep: Callable[[float], Awaitable[object]]) -> None:
        """Trade until STOP; ``sleep`` waits for seconds."""

        async def pause(seconds: float) -> None:
            await self._catch_up()
            if not self._trader.stopping:
                await sleep(seconds)
                await self._look_for_data()

        try:
            await self._trader.run(pause)
        finally:
            self._feed.end()

    async def _catch_up(self) -> None:
        """Every phase that has come and whose prices are known."""
        try:
            while not self._trader.stopping and self._venue.advance() is not None:
                await self._trader.step()
        except SourceUnreachable:
            return  # the worker finds out by itself that the broker does not answer

    async def _look_for_data(self) -> None:
        try:
            fresh = await self._feed.look()
            if fresh is not None:
                self._take(fresh)
        except FAILURES as error:
            self._feed.refuse()
            title, at = "Newer data cannot be used", self._now()
            self._post(Alert("data", Severity.CRITICAL, title, str(error), at))
        self._tell_slow()

    def _tell_slow(self) -> None:
        """Say once that a look for newer data, or their reading, has no answer."""
        problem, told = self._feed.problem, self._told
        self._told = bool(problem)
        if problem and not told:
            title, text = "Newer data are not seen", f"{problem}: nothing is decided meanwhile"
            self._post(Alert("data_slow", Severity.CRITICAL, title, text, self._now()))

    def _take(self, fresh: FreshData) -> None:
        """Trade on newer data from here on, unless the session at work is missing in it."""
        day = self._trader.state.day
        if day is not None:
            check_reaches(fresh.market, day.session)
        self._venue.renew(fresh.market)
        self._feed.take(fresh)


def check_reaches(market: Market, session: Session) -> None:
    """Refuse data that go on behind a session and do not have it.

    Raises
    ------
    DataRefused
        If the session is missing: its orders would meet the prices of another.
    """
    if last_session(market) > session and not has_session(market, session):
        raise DataRefused(
            "the data leave out the session at work",
            expected=f"prices of {session}",
            found=f"none, but those of {last_session(market)}",
            fix="repair the data; if the exchange was closed, update exchange_calendars and "
            "begin a new journal and new books of the paper broker",
        )
