"""A worker of the small market whose alerts go out by mail."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from quant_core.foundation.settings_live import NotifySettings
from quant_core.jobs.live_notify import AlertDesk
from quant_core.live.replay import replay
from quant_core.live.trader import TraderParts
from quant_core.trading.target import Target, Weights
from tests.config.example import load
from tests.live.small_desk import Bench, World, plain_world
from tests.notify.mail_servers import HOST, PASSWORD, USER

READER, DESK = "trader@example.com", "desk@example.com"
FAILED = "[CRITICAL] The session's work failed"


def mail_settings(port: int, *overrides: str, account: bool = True) -> NotifySettings:
    """Alerts to one reader through a server of this machine, tried again at once."""
    words = [
        "notify.email.enabled=true",
        f"notify.email.host={HOST}",
        f"notify.email.port={port}",
        "notify.email.sender=worker@example.com",
        f"notify.email.recipients=[{READER}]",
        "notify.email.timeout_seconds=10",
        "notify.outbox.first_retry_seconds=0.01",
        "notify.outbox.longest_retry_seconds=0.05",
    ]
    if account:
        words += [f"notify.email.user={USER}", f'notify.email.password="{PASSWORD}"']
    return load(*words, *overrides, mode="live").settings.notify


def plain(port: int, *overrides: str) -> NotifySettings:
    """The same without encryption and without an account."""
    return mail_settings(port, "notify.email.security=none", *overrides, account=False)


def failing_world(first_failure: int = 3) -> World:
    """The small market, in which the strategy raises from a session on."""

    def decide(row: int) -> Target:
        if row >= first_failure:
            raise ZeroDivisionError("no")
        return Weights({"S0": 0.5})

    return plain_world(decide=decide)


class MailBench(Bench):
    """A worker with its venue, and an alert desk in place of a list of alerts."""

    def __init__(self, folder: Path, settings: NotifySettings, world: World | None = None) -> None:
        self.said: list[str] = []
        self.desk = AlertDesk(settings, folder / "live", self.said.append, replayed=True)
        super().__init__(folder, world or failing_world())

    def parts(self) -> TraderParts:
        return replace(
            super().parts(),
            post=self.desk.post,
            log=self.desk.log,
            alert_status=self.desk.status,
            mask=self.desk.mask,
        )

    def act(self, at: int = 0, what: Callable[[], object] = lambda: None) -> bool:
        """The replay, in which something happens after so many phases; then the end."""
        left = [at]

        async def pause() -> None:
            left[0] -= 1
            if left[0] == 0:
                what()

        days = (self.days, self.timetable)
        try:
            with self.desk:
                ended = asyncio.run(replay(self.trader, self.venue, self.clock, days, pause))
                asyncio.run(self.trader.end("the end"))
        finally:
            self.close()
        return ended


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server((HOST, 0)) as free:
        return free.getsockname()[1]
