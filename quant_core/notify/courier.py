"""The courier: a thread that delivers what the outbox holds, while trading goes on.

1. :meth:`Courier.post`, called by trading, writes the alert to the outbox and returns;
2. one lane for each notifier takes what is most urgent and tries to deliver it;
3. a channel that is unavailable rests, a refused alert lets the others pass, both with
   exponential back-off and jitter, and neither holds up another lane;
4. :meth:`Courier.stop` delivers what can be delivered at once, within a given time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from threading import Lock, Thread

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.timing import utc_now
from quant_core.notify.attempt import END_SECONDS, attempt, quiet
from quant_core.notify.daemon_threads import DaemonThreads
from quant_core.notify.entry_file import Entry
from quant_core.notify.outbox import Outbox, OutboxCounts, Posted
from quant_core.notify.port import Alert, Delivered, Delivery, Notifier, Refused, Unavailable
from quant_core.notify.secret import Mask

STEEPEST = 32
"""Doublings after which a delay surely is the longest."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often is tried.

    The n-th failure in a row is followed by a rest of ``first_retry_seconds`` x 2^(n-1),
    at most ``longest_retry_seconds``, times a random number between 1/2 and 1.
    ``send_seconds`` bounds one attempt whatever its channel does; every ``tend_seconds``
    repeats are told and what the disk did not take is written again.
    """

    first_retry_seconds: float
    longest_retry_seconds: float
    send_seconds: float
    tend_seconds: float

    def rest(self, failures: int, random: Random) -> float:
        """Seconds to wait after ``failures`` in a row.

        Examples
        --------
        >>> pace = Pace(2.0, 60.0, 30.0, 1.0)
        >>> [round(pace.rest(failures, Random(7)), 2) for failures in (1, 2, 3, 99)]
        [1.32, 2.65, 5.3, 39.71]
        """
        longest = min(
            self.longest_retry_seconds,
            self.first_retry_seconds * 2 ** min(failures - 1, STEEPEST),
        )
        return longest * random.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """How one notifier does since the start; ``problem`` is empty after a success."""

    name: str
    delivered: int
    failures: int
    problem: str
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CourierStatus:
    """What the state of the worker shows of the alerts."""

    running: bool
    outbox: OutboxCounts
    lanes: tuple[LaneStatus, ...]


@dataclass(slots=True)
class _Lane:
    """One notifier, how it does, and which alerts it refused."""

    notifier: Notifier
    status: LaneStatus
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    refusals: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    """By identity: refusals so far, and the time of the loop until which it rests."""

    def rests(self, alert: Alert, now: float) -> bool:
        """Whether an alert was refused and is not to be tried again yet."""
        return bool(self.refusals) and self.refusals.get(alert.identity, (0, now))[1] > now


class Courier:
    """Delivers the alerts of an outbox to every notifier, in a thread of its own.

    Parameters
    ----------
    outbox : Outbox
        Whose alerts; it belongs to this courier alone.
    notifiers : Sequence[Notifier]
        Each gets every alert; names must differ.
    pace : Pace
    random : Random
        Source of the jitter.
    mask : Mask
        Blots secrets out of alerts, before anything is written, and out of problems.
    clock : Callable[[], datetime]
        The present instant; tells when a window of repeats is over.
    """

    def __init__(
        self,
        outbox: Outbox,
        notifiers: Sequence[Notifier],
        pace: Pace,
        *,
        random: Random,
        mask: Mask,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._outbox = outbox
        self._lanes = tuple(_Lane(each, LaneStatus(each.name, 0, 0, "")) for each in notifiers)
        self._everyone = frozenset(lane.status.name for lane in self._lanes)
        if len(self._everyone) != len(self._lanes):
            raise InvariantBroken("two notifiers have the same name")
        self._pace = pace
        self._random = random
        self._mask = mask
        self._clock = clock
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._stop_seconds: float | None = None
        self._stopping = asyncio.Event()

    # -- called by trading, from any thread ----------------------------------------------

    def start(self) -> None:
        """Begin to deliver; what an earlier process left is delivered first."""
        if self._thread is not None:
            raise InvariantBroken("a courier is started once")
        if not self._lanes:
            return
        self._thread = Thread(target=self._run, name="alerts", daemon=True)
        self._thread.start()

    def post(self, alert: Alert) -> Posted:
        """Accept an alert; returns after the write to disk, without waiting for a channel.

        Works before the start and after the stop as well: then the alert waits on disk.
        """
        if not self._lanes:
            return Posted.UNADDRESSED
        key, title, body = map(self._mask.over, (alert.key, alert.title, alert.body))
        posted = self._outbox.accept(replace(alert, key=key, title=title, body=body))
        if posted in (Posted.STORED, Posted.HELD):
            self._call(self._wake)
        return posted

    def status(self) -> CourierStatus:
        """How the alerts do at present."""
        running = self._thread is not None and self._thread.is_alive()
        return CourierStatus(
            running, self._outbox.counts(), tuple(lane.status for lane in self._lanes)
        )

    def stop(self, seconds: float) -> bool:
        """End the thread; alerts that can be delivered within ``seconds`` still are.

        Returns
        -------
        bool
            True when nothing is left waiting. Returns within ``seconds`` and little more.
        """
        if self._thread is not None:
            self._stop_seconds = seconds
            self._call(self._stopping.set)
            self._thread.join(seconds + 3 * END_SECONDS)
        return not self._outbox.counts().pending

    def _call(self, what: Callable[[], None]) -> None:
        """Have the thread call something, if it is there to do so."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(what)

    # -- in the thread -------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DaemonThreads())
        # What asyncio would log of a broken connection is in the status, without secrets.
        loop.set_exception_handler(quiet)
        with self._lock:
            self._loop = loop
        try:
            if self._stop_seconds is not None:
                self._stopping.set()  # stopped before the loop was there
            await self._serve_until_stopped()
        finally:
            with self._lock:
                self._loop = None

    async def _serve_until_stopped(self) -> None:
        tending = asyncio.create_task(self._tend())
        lanes = {asyncio.create_task(self._deliver(lane)) for lane in self._lanes}
        stopping = asyncio.create_task(self._stopping.wait())
        working = {tending, *lanes}
        done, _ = await asyncio.wait({stopping, *working}, return_when=asyncio.FIRST_COMPLETED)
        if stopping not in done:
            for task in done & working:
                await task  # a bug of ours: the thread ends with its traceback
        self._wake()
        await asyncio.wait(lanes, timeout=self._stop_seconds)
        for task in working:
            task.cancel()
        await asyncio.wait(working, timeout=END_SECONDS)
        self._outbox.tend(self._clock())

    async def _tend(self) -> None:
        while True:
            self._outbox.tend(self._clock())
            self._wake()
            await asyncio.sleep(self._pace.tend_seconds)

    def _wake(self) -> None:
        for lane in self._lanes:
            lane.wake.set()

    async def _deliver(self, lane: _Lane) -> None:
        """Deliver until stopped, and then until nothing can be delivered at once."""
        while True:
            lane.wake.clear()
            entry = self._next(lane)
            if entry is not None:
                outcome = await attempt(lane.notifier, entry.alert, self._pace.send_seconds)
                rest = self._note(lane, entry, outcome)
                if rest:
                    await _wait(self._stopping, rest)
            elif not self._stopping.is_set():
                await lane.wake.wait()
            if self._stopping.is_set() and (lane.status.failures or self._next(lane) is None):
                return

    def _next(self, lane: _Lane) -> Entry | None:
        """The most urgent alert that the lane has to deliver and that does not rest."""
        now = asyncio.get_running_loop().time()
        for entry in self._outbox.pending():
            if lane.status.name not in entry.delivered_to and not lane.rests(entry.alert, now):
                return entry
        return None

    def _note(self, lane: _Lane, entry: Entry, outcome: Delivery) -> float:
        """Remember an outcome; the answer is how long the lane has to rest."""
        status, identity = lane.status, entry.alert.identity
        match outcome:
            case Delivered():
                lane.refusals.pop(identity, None)
                self._outbox.delivered(identity, status.name, self._everyone)
                number, at = status.delivered + 1, self._clock()
                lane.status = LaneStatus(status.name, number, 0, "", at)
                return 0.0
            case Refused(reason):
                refusals = lane.refusals.get(identity, (0, 0.0))[0] + 1
                now = asyncio.get_running_loop().time()
                until = now + self._pace.rest(refusals, self._random)
                lane.refusals[identity] = (refusals, until)
                lane.status = replace(status, failures=0, problem=self._mask.over(reason))
                return 0.0
            case Unavailable(reason):
                failures = status.failures + 1
                lane.status = replace(status, failures=failures, problem=self._mask.over(reason))
                return self._pace.rest(failures, self._random)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
