"""The newest data, looked for again and again and read beside the worker's steps.

Reading takes seconds, in which commands must not wait: it happens in the background. What
could not be read is tried again; until then nothing is decided, because what is published
is no longer what is known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from quant_core.market import Market
from quant_core.notify.daemon_threads import in_daemon_thread

RETRY = timedelta(minutes=1)
"""Rest after newer data could not be read or taken."""


@dataclass(frozen=True, slots=True)
class FreshData:
    """The newest data: the market up to its last session, and the version of it."""

    market: Market
    version: str


Background: TypeAlias = Callable[[Callable[[], FreshData]], Awaitable[FreshData]]
"""Runs a function where it holds nothing up."""


def in_background(read: Callable[[], FreshData]) -> Awaitable[FreshData]:
    """Read in a thread that nobody waits for: one that hangs does not hold up the end."""
    return asyncio.wrap_future(in_daemon_thread(read))


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where newer data comes from: its newest version, and all of it."""

    newest: Callable[[], str | None]
    load: Callable[[], FreshData]
    background: Background = in_background


class DataFeed:
    """Holds the data the worker trades on, and notices that there is newer.

    Parameters
    ----------
    first : FreshData
    source : DataSource
    now : callable
        The present.
    """

    def __init__(self, first: FreshData, source: DataSource, now: Callable[[], datetime]) -> None:
        self.data = first
        self.published: str | None = first.version
        """The newest version there is; None where nobody can say."""
        self._source = source
        self._now = now
        self._reading: asyncio.Future[FreshData] | None = None
        self._not_before: datetime | None = None

    async def look(self) -> FreshData | None:
        """Newer data once it is read; the caller takes it with :meth:`take` or refuses it.

        Raises
        ------
        Exception
            Whatever the source raises; it is tried again later.
        """
        if self._reading is None:
            self._begin()
            await asyncio.sleep(0)
        if self._reading is None or not self._reading.done():
            return None
        reading, self._reading = self._reading, None
        try:
            return reading.result()
        except BaseException:
            self.refuse()
            raise

    def take(self, fresh: FreshData) -> None:
        """Trade on these from here on."""
        self.data = fresh
        self._not_before = None

    def refuse(self) -> None:
        """Newer data cannot be used: they are read again after a rest."""
        self._not_before = self._now() + RETRY

    def end(self) -> None:
        """Nobody waits for what is being read."""
        if self._reading is not None:
            self._reading.cancel()

    def _begin(self) -> None:
        """Start to read, if there is something newer and it is time."""
        if self._not_before is not None and self._now() < self._not_before:
            return
        try:
            self.published = self._source.newest()
        except BaseException:
            self.published = None
            self.refuse()
            raise
        if self.published is not None and self.published != self.data.version:
            reading = self._source.background(self._source.load)
            self._reading = asyncio.ensure_future(reading)
