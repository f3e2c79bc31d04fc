"""Alerts by other channels than e-mail (Telegram and many more), through apprise.

The library is optional and imported only when a channel is made. A channel is an address
such as ``tgram://token/chat`` which is a secret as a whole.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol, TypeAlias, cast

from quant_core.foundation.errors import ConfigurationError
from quant_core.notify.daemon_threads import in_daemon_thread
from quant_core.notify.port import Alert, Delivered, Delivery, Severity, Unavailable
from quant_core.notify.secret import Secret

Send: TypeAlias = Callable[[str, str, str], bool]
"""Takes title, body and kind (info, warning, failure); answers whether it was taken."""

KINDS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}

TALKATIVE = (
    *("apprise", "urllib3", "urllib3.connectionpool", "urllib3.util.retry"),
    *("requests", "requests_oauthlib", "oauthlib"),
)
"""Loggers whose lines show whole addresses, tokens included."""


class _Apprise(Protocol):
    """What is used of ``apprise.Apprise``, whose own annotations are incomplete."""

    def add(self, servers: str, /) -> bool: ...

    def notify(self, *, body: str, title: str, notify_type: str, body_format: str) -> object: ...


class OtherChannel:
    """A :class:`~quant_core.notify.port.Notifier` over one address of apprise."""

    def __init__(self, name: str, send: Send) -> None:
        self._name = name
        self._send = send
        self._running: Future[bool] | None = None

    @property
    def name(self) -> str:
        """Kind of the channel and its place in the settings; nothing of its address."""
        return self._name

    async def send(self, alert: Alert) -> Delivery:
        """Send in a thread of its own, one at a time: the library cannot be interrupted."""
        if self._running is not None and not self._running.done():
            return Unavailable("the channel still works on the message before")
        silence()
        self._running = in_daemon_thread(
            lambda: self._send(alert.title, alert.body, KINDS[alert.severity])
        )
        answer = asyncio.wrap_future(self._running)
        try:
            await asyncio.wait({answer})
            # An exception may hold the address: it is looked at here, and ends here.
            taken = answer.exception() is None and answer.result()
        finally:
            answer.cancel()
        if not taken:
            return Unavailable("the channel did not take the message; check its address")
        return Delivered()


def other_channels(addresses: Sequence[Secret]) -> tuple[OtherChannel, ...]:
    """One channel for each address.

    Raises
    ------
    ConfigurationError
        Without the library, and for an address it does not know; the address is named
        by its place, never shown.
    """
    return tuple(
        OtherChannel(f"{_kind(address, place)}-{place}", _sender(address, place))
        for place, address in enumerate(addresses, start=1)
    )


def silence() -> None:
    """Switch off the loggers that would write tokens down, whatever the log level."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL + 10)


def _kind(address: Secret, place: int) -> str:
    found = re.match(r"([a-z][a-z0-9]*)://\S", address.get_secret_value(), re.IGNORECASE)
    if found is None:
        raise _unusable(place)
    return found[1].lower()


def _sender(address: Secret, place: int) -> Send:
    try:
        import apprise  # optional, and heavy: only who has set a channel pays for it
    except ModuleNotFoundError:
        raise ConfigurationError(
            "alerts by other channels than e-mail need the library apprise",
            found="it is not installed",
            where="notify.channels",
            fix="install the dependency group notify, or empty notify.channels",
        ) from None
    silence()
    service = cast("_Apprise", apprise.Apprise())
    if not service.add(address.get_secret_value()):
        raise _unusable(place)

    def send(title: str, body: str, kind: str) -> bool:
        return bool(service.notify(body=body, title=title, notify_type=kind, body_format="text"))

    return send


def _unusable(place: int) -> ConfigurationError:
    return ConfigurationError(
        "a channel of the alerts cannot be used",
        expected="an address of apprise, such as tgram://token/chat",
        where=f"entry {place} of notify.channels (not shown: it is a secret)",
        fix="compare it with the documentation of apprise for the service",
    )
