"""The newest data, looked for again and again and read beside the worker's steps.

Looking may hang where the file system does, and reading takes seconds: both happen in
threads that nobody waits for, so that commands never do. What could not be read is tried
again; until then nothing is decided, because what is published is no longer what is known
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from quant_core.market import Market
from quant_core.notify.daemon_threads import in_daemon_thread

RETRY = timedelta(minutes=1)
"""Rest after newer data could not be read or taken."""

KNOWN_FOR = timedelta(minutes=1)
"""How long after a look its answer is what is published."""

LOOK_TOLD, READING_TOLD = timedelta(minutes=2), timedelta(minutes=10)
"""After which a look, or a reading, without an answer is told."""

LONGEST_LOOK, LONGEST_READING = timedelta(minutes=32), timedelta(hours=1)
"""After which one without an answer is given up at the latest, and begun anew."""

CLOCK_STEP = timedelta(seconds=5)
"""By which a clock may be set back without anything being doubted."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class FreshData:
    """The newest data: the market up to its last session, and the version of it."""

    market: Market
    version: str


class Background(Protocol):
    """Runs a function where it holds nothing up."""

    def __call__(self, work: Callable[[], Found], /) -> Awaitable[Found]:
        """Begin; the answer comes with the awaitable."""
        ...


def in_background(work: Callable[[], Found], /) -> Awaitable[Found]:
    """Work in a thread that nobody waits for: one that hangs does not hold up the end."""
    return asyncio.wrap_future(in_daemon_thread(work))


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where newer data comes from: its newest version, and all of it."""

    newest: Callable[[], str | None]
    load: Callable[[], FreshData]
    background: Background = in_background


@dataclass(frozen=True, slots=True)
class _Errand(Generic[Found]):
    """What was begun at an instant; it is told and given up after so long without an answer."""

    what: str
    begun: datetime
    told_after: timedelta
    patience: timedelta
    answer: asyncio.Future[Found]


class DataFeed:
    """Holds the data the worker trades on, and notices that there is newer.

    Parameters
    ----------
    first : FreshData
        Known to be what is published at this instant.
    source : DataSource
    now : callable
        The present.
    """

    def __init__(self, first: FreshData, source: DataSource, now: Callable[[], datetime]) -> None:
        self.data = first
        self._source = source
        self._now = now
        self._published: str | None = first.version
        self._looked_at = now()
        self._look: _Errand[str | None] | None = None
        self._reading: _Errand[FreshData] | None = None
        self._patience = LOOK_TOLD
        self._not_before: datetime | None = None
        self._unanswered = ""

    @property
    def published(self) -> str | None:
        """The newest version there is; None where nobody can say.

        The answer to a look is good for :data:`KNOWN_FOR`: while none comes, or after the
        machine has slept, nothing is known.
        """
        return None if self._is_over(self._looked_at, KNOWN_FOR) else self._published

    @property
    def problem(self) -> str:
        """Which look or reading has been without an answer for too long; empty = none."""
        errand = self._reading or self._look
        if self._unanswered or errand is None:
            return self._unanswered
        if not self._is_over(errand.begun, errand.told_after):
            return ""
        return f"{errand.what} has no answer since {errand.begun:%Y-%m-%d %H:%M:%S} UTC"

    async def look(self) -> FreshData | None:
        """Newer data once it is read; the caller takes it with :meth:`take` or refuses it.

        Raises
        ------
        Exception
            Whatever the source raises; it is tried again later.
        """
        try:
            await self._looked()
            return await self._read()
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
        """Nobody waits for what is being looked for or read."""
        for errand in (self._look, self._reading):
            if errand is not None:
                errand.answer.cancel()

    async def _looked(self) -> None:
        """Ask for the newest version, unless that was done or newer data are being read."""
        if self._look is None and self._reading is None and self._is_time():
            answer = asyncio.ensure_future(self._source.background(self._source.newest))
            what, now = "the look for newer data", self._now()
            self._look = _Errand(what, now, LOOK_TOLD, self._patience, answer)
            await asyncio.sleep(0)
        look = self._look
        if look is None:
            return
        if look.answer.done():
            self._look, self._published = None, None
            self._patience, self._unanswered = LOOK_TOLD, ""
            self._published, self._looked_at = look.answer.result(), look.begun
        elif self._given_up(look):
            # Each one in a row has twice the time of the one before, so that few threads hang.
            self._look, self._patience = None, min(self._patience * 2, LONGEST_LOOK)

    async def _read(self) -> FreshData | None:
        """Read what is newer; None while nothing is, or it is not read yet."""
        newer = self._published not in (None, self.data.version)
        if self._reading is None and self._look is None and newer and self._is_time():
            answer = asyncio.ensure_future(self._source.background(self._source.load))
            what, now = "the reading of newer data", self._now()
            self._reading = _Errand(what, now, READING_TOLD, LONGEST_READING, answer)
            await asyncio.sleep(0)
        reading = self._reading
        if reading is None:
            return None
        if reading.answer.done():
            self._reading = None
            return reading.answer.result()
        if self._given_up(reading):
            self._reading = None
        return None

    def _given_up(self, errand: _Errand[Found]) -> bool:
        """Whether nobody waits for an errand any more: what it asks may never answer."""
        if not self._is_over(errand.begun, errand.patience):
            return False
        self._unanswered = self.problem
        errand.answer.cancel()
        return True

    def _is_over(self, since: datetime, span: timedelta) -> bool:
        """Whether a span has passed, or the clock was set back and nobody can say."""
        return not -CLOCK_STEP <= self._now() - since <= span

    def _is_time(self) -> bool:
        return self._not_before is None or self._now() >= self._not_before
