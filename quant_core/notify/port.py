"""What an alert is, and what a channel that carries alerts must do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Protocol, TypeAlias

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.files import text_hash

LONGEST_TITLE = 200
"""Characters; also of a key."""

LONGEST_BODY = 20_000
"""Characters; bounds what a full outbox takes of the memory."""

CUT = " [cut]"


class Severity(IntEnum):
    """How urgent an alert is; a higher one is delivered first."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class Alert:
    r"""Something a person should know.

    Parameters
    ----------
    key : str
        What it is about, such as ``reconcile:AAPL``. Alerts of one key within the window
        of repeats are one message.
    severity : Severity
        A repeat that is more severe than what was sent is sent.
    title : str
        One line; line breaks and control characters become spaces.
    body : str
        Plain text. Neither may hold a secret; what is too long is cut.
    at : datetime
        When it happened, aware; kept as UTC.

    Raises
    ------
    InvariantBroken
        For an empty key or a time without a zone.

    Examples
    --------
    >>> at = datetime(2024, 3, 1, 14, 15, tzinfo=UTC)
    >>> Alert("broker", Severity.CRITICAL, "Connection\nlost", "since 14:15", at).title
    'Connection lost'
    """

    key: str
    severity: Severity
    title: str
    body: str
    at: datetime

    def __post_init__(self) -> None:
        key = _line(self.key)
        if not key or self.at.tzinfo is None:
            raise InvariantBroken(
                "an alert cannot be made",
                expected="a key that is not empty and a time with a zone",
                found=f"key {key!r} at {self.at.isoformat()}",
            )
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "title", _line(self.title))
        object.__setattr__(self, "body", _text(self.body))
        object.__setattr__(self, "at", self.at.astimezone(UTC))

    @property
    def identity(self) -> str:
        """Hash of key, severity and time: the same for every attempt to deliver it.

        The time belongs to it, because mail programs drop a second mail of one
        identity and the next alert of the same key must arrive.
        """
        return text_hash([self.key, self.severity.name, self.at.isoformat()])[:32]


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel has taken the alert over."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The channel takes nothing at present; every alert for it has to wait."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The channel works but does not take this alert; others may pass it."""

    reason: str


Delivery: TypeAlias = Delivered | Unavailable | Refused
"""What became of one attempt. A reason never holds a secret."""


class Notifier(Protocol):
    """A channel to one addressee: one address, one chat.

    One addressee each, so that an alert which one of them has is not sent to it again
    because another was out of reach.
    """

    @property
    def name(self) -> str:
        """Name without secrets, the same after a restart; delivery is remembered by it."""
        ...

    async def send(self, alert: Alert) -> Delivery:
        """Try once, within a bounded time; problems are answers, not exceptions."""
        ...


def _line(text: str) -> str:
    return _cut(" ".join(_printable(text).split()), LONGEST_TITLE)


def _text(text: str) -> str:
    lines = text.replace("\r\n", "\n").split("\n")
    return _cut("\n".join(_printable(line) for line in lines), LONGEST_BODY)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - len(CUT)] + CUT
