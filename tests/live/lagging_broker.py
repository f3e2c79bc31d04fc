"""The paper broker as it would be behind a network: late, frozen, told in cents.

Its exchange is the paper broker's, and what has left a client reaches it later or never, also
when the client has long gone. Everything is measured on a clock that the test moves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quant_core.brokers.paper.broker import PaperBroker
from quant_core.brokers.port import (
    BrokerEvent,
    BrokerSession,
    CommissionCharged,
    Executed,
    Intent,
    OrderView,
    Snapshot,
    Submitted,
    Unknown,
)
from quant_core.foundation.errors import SourceUnreachable
from quant_core.live.patient_broker import PatientBroker
from quant_core.live.trader import Trader
from tests.live.small_desk import Bench, World, plain_world

CENT = 10_000


@dataclass
class Seconds:
    """A clock that runs on evenly when the test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=self.now)


@dataclass
class Lag:
    """What is late, in seconds; ``fates`` tells by the number of a call when an order arrives.

    ``blind`` says that ``find`` sees nothing; ``cents`` that cash is stated in cents.
    """

    fates: dict[int, float | None] = field(default_factory=dict)
    positions: float = 0.0
    cash: float = 0.0
    commission: float = 0.0
    strange: dict[str, int] = field(default_factory=dict)
    incomplete: Callable[[float], bool] = lambda _: False
    mute: Callable[[float], bool] = lambda _: False
    blind: bool = False
    cents: bool = False
    same_epoch: bool = False


class LaggingBroker:
    """The port over a paper broker, with its answers late."""

    name = "lagging"

    def __init__(self, inner: PaperBroker, clock: Seconds, lag: Lag, step: int = 1) -> None:
        self.inner, self.clock, self.lag = inner, clock, lag
        self.capabilities = replace(inner.capabilities, conclusive=False, cash_step_micros=step)
        self.sent: list[tuple[float, str, int]] = []
        """When, which reference, and on which epoch."""
        self.closes: list[float] = []
        self._way: list[tuple[float, Intent]] = []
        self._epoch = 0
        self._log: list[BrokerEvent] = []
        self._inner_read = 0
        self._charges: list[tuple[float, BrokerEvent, str, int]] = []
        self._books: list[tuple[float, dict[str, int], int]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def pass_time(self) -> None:
        """What is on its way arrives, and the books are as they are at this instant."""
        due = [intent for at, intent in self._way if at <= self.clock.now]
        self._way = [(at, intent) for at, intent in self._way if at > self.clock.now]
        for intent in due:
            self.inner._venue.submit(intent)
        portfolio = self.inner._venue.exchange.content.portfolio
        held = {symbol: portfolio.shares_of(symbol) for symbol in portfolio.held}
        self._books.append((self.clock.now, held, portfolio.cash_micros))

    async def open(self) -> BrokerSession:
        session = await self.inner.open()
        self._epoch = 1 if self.lag.same_epoch else session.epoch
        return replace(session, epoch=self._epoch)

    async def close(self) -> None:
        self.closes.append(self.clock.now)
        self.inner._venue.leave()

    async def submit(self, intent: Intent) -> Submitted:
        self.sent.append((self.clock.now, intent.reference, self._epoch))
        number = len(self.sent)
        if number not in self.lag.fates:
            return await self.inner.submit(intent)
        after = self.lag.fates[number]
        if after is not None:
            self._way.append((self.clock.now + after, intent))
        return Unknown(intent.reference, "no answer")

    async def find(self, reference: str) -> tuple[OrderView, ...]:
        self._answer("find")
        return () if self.lag.blind else await self.inner.find(reference)

    async def snapshot(self) -> Snapshot:
        self._answer("snapshot")
        books = await self.inner.snapshot()
        cash = self._as_of(self.lag.cash)[1]
        cash = cash // CENT * CENT if self.lag.cents else cash
        partial = self.lag.incomplete(self.clock.now)
        return replace(
            books,
            cash_micros=cash,
            positions={**self._as_of(self.lag.positions)[0], **self.lag.strange},
            executions=tuple(self._stated(each) for each in books.executions),
            complete=not partial,
            missing=("completed_orders",) if partial else (),
            last_event=len(self._log),
        )

    async def events(self, after: int) -> Sequence[BrokerEvent]:
        self._answer("events")
        for event in await self.inner.events(self._inner_read):
            self._inner_read = event.number
            self._tell(event)
        due = [each for each in self._charges if each[0] <= self.clock.now]
        self._charges = [each for each in self._charges if each not in due]
        for _, event, name, micros in due:
            self._append(event, CommissionCharged(name, micros))
        return self._log[after:]

    def _tell(self, event: BrokerEvent) -> None:
        body = event.body
        if isinstance(body, Executed) and self.lag.commission:
            at = self.clock.now + self.lag.commission
            charge = (at, event, body.execution_id, body.commission_micros or 0)
            self._charges.append(charge)
            body = replace(body, commission_micros=None)
        self._append(event, body)

    def _append(self, event: BrokerEvent, body: object) -> None:
        self._log.append(replace(event, number=len(self._log) + 1, body=body))

    def _stated(self, executed: Executed) -> Executed:
        waits = any(name == executed.execution_id for _, _, name, _ in self._charges)
        return replace(executed, commission_micros=None) if waits else executed

    def _as_of(self, lag: float) -> tuple[dict[str, int], int]:
        """Positions and cash so many seconds ago."""
        until = [each for each in self._books if each[0] <= self.clock.now - lag]
        found = until or self._books[:1]
        return found[-1][1], found[-1][2]

    def _answer(self, call: str) -> None:
        if self.lag.mute(self.clock.now):
            raise SourceUnreachable("the gateway is frozen", expected=f"an answer to {call}")


class LaggingDesk:
    """A worker on a lagging broker, second by second from the decision on.

    Parameters
    ----------
    folder : Path
    lag : Lag
    step : int
        Smallest amount of cash of the broker, micros.
    """

    def __init__(
        self, folder: Path, lag: Lag | None = None, step: int = 1, world: World | None = None
    ) -> None:
        self.time, self.folder = Seconds(), folder
        self.lag = lag or Lag()
        world = world or plain_world(5)
        self.bench = Bench(folder, world, once_per_reference=False, wall=self.time.wall)
        self.broker = LaggingBroker(self.bench.venue, self.time, self.lag, step)
        self.broker.pass_time()
        self.bench.trader.release()
        self.trader = self.worker()
        self.at_decision = self.bench.timetable.of(self.bench.days.next_session(None)).decide
        self._steps_from: datetime | None = None

    def worker(self) -> Trader:
        parts = self.bench.parts()
        broker = PatientBroker(self.broker, 5.0)
        return Trader(replace(parts, broker=broker, steady=self.time))

    @property
    def state(self):
        return self.trader.state

    @property
    def alerts(self) -> list:
        return self.bench.alerts

    def told(self, key: str, severity: str = "CRITICAL") -> int:
        """How often somebody was told of a thing."""
        return sum(a.key == key and a.severity.name == severity for a in self.alerts)

    def begin(self) -> LaggingDesk:
        """Up, at the instant of the decision."""
        self._move()
        asyncio.run(self.trader.start())
        asyncio.run(self.trader.step())
        return self

    def restart(self) -> None:
        """The worker dies and is started again; the broker stays as it is."""
        self.trader.release()
        self.bench.trader = self.trader = self.worker()
        asyncio.run(self.trader.start())

    def go(self, seconds: int) -> None:
        """Time goes by, with a step in every second."""
        for _ in range(seconds):
            self.time.now += 1
            self.broker.pass_time()
            self._move()
            asyncio.run(self.trader.step())

    def until(self, holds: Callable[[], bool], most: int = 60) -> float:
        """Seconds on the clock at which something is so."""
        for _ in range(most):
            if holds():
                return self.time.now
            self.go(1)
        raise AssertionError(f"not so within {most} seconds: {self.alerts}")

    def enter(self, phase: str) -> None:
        """The exchange goes on to a phase; the worker has not looked yet."""
        while self.bench.venue.place.phase != phase:
            self.bench.venue.advance()
        self._steps_from = self.bench.venue.now - timedelta(seconds=self.time.now)
        self.broker.pass_time()
        self._move()

    def end(self) -> None:
        self.trader.release()
        self.bench.venue._venue.close()

    def at_exchange(self) -> Counter[str]:
        """How many orders stand under each reference on the books of the exchange."""
        orders = self.bench.venue._venue._books.all_orders()
        return Counter(order.intent.reference for order in orders)

    def calls(self, reference: str) -> list[float]:
        """When an order was sent."""
        return [at for at, name, _ in self.broker.sent if name == reference]

    def _move(self) -> None:
        start = self._steps_from or self.at_decision
        self.bench.clock.go_to(start + timedelta(seconds=self.time.now))
