"""What a broker says of the market: quotes, instruments, daily bars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from quant_core.foundation.types import Session


class QuoteKind(StrEnum):
    """What a quote is worth."""

    LIVE = "live"
    """A price of the market; orders are judged by it as long as it is young."""
    DELAYED = "delayed"
    """A price that newer ones have followed, which the broker does not show."""
    FROZEN = "frozen"
    """The last price of a market that is closed, however long ago."""
    NONE = "none"
    """No price."""


@dataclass(frozen=True, slots=True)
class PriceQuote:
    """A price with its age and what it is worth."""

    symbol: str
    price_micros: int
    at: datetime
    kind: QuoteKind


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a symbol is at a broker.

    Orders are for multiples of ``lot`` shares at prices that are multiples of
    ``price_increment_micros``; None where the broker does not say. ``tradable`` is False
    for a name that is known and not traded: not listed yet, delisted, or renamed.
    """

    symbol: str
    currency: str
    lot: int
    price_increment_micros: int | None
    tradable: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A session of one symbol, in prices and shares of that session; None = not known (yet)."""

    session: Session
    open_micros: int | None
    high_micros: int | None
    low_micros: int | None
    close_micros: int | None
    volume: float | None
