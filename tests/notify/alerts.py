"""Alerts, limits and channels for the tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Condition

from quant_core.notify.courier import Courier, Pace
from quant_core.notify.email import MailServer, SignIn
from quant_core.notify.outbox import Outbox, OutboxLimits
from quant_core.notify.port import Alert, Delivered, Delivery, Notifier, Severity
from quant_core.notify.secret import Mask, SecretText
from tests.notify.mail_servers import HOST, PASSWORD, PATIENCE, USER

NOON = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
LIMITS = OutboxLimits(pending=200, held=20, sent=50, repeat_seconds=600.0)
QUICK = Pace(
    first_retry_seconds=0.01, longest_retry_seconds=0.05, send_seconds=10.0, tend_seconds=0.02
)
SENDER, READER = "Quant Core <worker@example.com>", "trader@example.com"


def alert(
    key: str = "broker",
    severity: Severity = Severity.WARNING,
    seconds: float = 0.0,
    title: str = "Connection lost",
    body: str = "Trying again.",
) -> Alert:
    return Alert(key, severity, title, body, NOON + timedelta(seconds=seconds))


def local_server(port: int, *, sign_in: bool | SignIn = False, **fields: object) -> MailServer:
    account = SignIn(USER, SecretText(PASSWORD)) if sign_in is True else sign_in or None
    plain = {"host": HOST, "security": "none", "timeout_seconds": 10.0, "sign_in": account}
    return MailServer(port=port, **{**plain, **fields})  # type: ignore[arg-type]  a test names what differs


@contextmanager
def courier_of(
    folder: Path,
    *notifiers: Notifier,
    limits: OutboxLimits = LIMITS,
    pace: Pace = QUICK,
    mask: Mask | None = None,
    clock: Callable[[], datetime] = lambda: NOON,
) -> Generator[Courier]:
    """A running courier; it is stopped in any case."""
    outbox = Outbox(folder, limits)
    courier = Courier(outbox, notifiers, pace, random=Random(1), mask=mask or Mask(), clock=clock)
    courier.start()
    try:
        yield courier
    finally:
        courier.stop(0.0)
        assert not courier.status().running


@dataclass
class Recorder:
    """A notifier that writes down what it is given and answers as it is told."""

    name: str = "recorder"
    answer: Callable[[Alert], Awaitable[Delivery]] | None = None
    seen: list[Alert] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)

    async def send(self, alert: Alert) -> Delivery:
        with self.changed:
            self.seen.append(alert)
            self.changed.notify_all()
        return Delivered() if self.answer is None else await self.answer(alert)

    def wait_for(self, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.seen) >= number, PATIENCE), self.seen


def send(notifier: Notifier, message: Alert | None = None) -> Delivery:
    """One attempt in an event loop of its own."""
    return asyncio.run(notifier.send(message or alert()))
