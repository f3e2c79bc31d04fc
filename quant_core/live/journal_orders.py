"""What a journal says about orders, from the intent to the last fill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from quant_core.foundation.types import Session
from quant_core.live.journal_kinds import Kind, OrderEnd
from quant_core.trading.events import Fill
from quant_core.trading.orders import Side


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order about to be sent; durable before the first byte leaves.

    ``reference`` follows from strategy, session, symbol, side and purpose alone.
    ``limit_micros`` is None for an order at market.
    """

    kind: ClassVar[Kind] = Kind.ORDER_INTENT
    reference: str
    session: Session
    symbol: str
    side: Side
    purpose: str
    shares: int
    target_weight: float
    signal_price_micros: int
    limit_micros: int | None


@dataclass(frozen=True, slots=True)
class OrderSent:
    """The call that sends the order returned without saying what became of it yet."""

    kind: ClassVar[Kind] = Kind.ORDER_SENT
    reference: str


@dataclass(frozen=True, slots=True)
class OrderAcknowledged:
    """The broker has the order, under a number of its own."""

    kind: ClassVar[Kind] = Kind.ORDER_ACKNOWLEDGED
    reference: str
    broker_order: str


@dataclass(frozen=True, slots=True)
class OrderRejected:
    """The broker, or the gate before it, said no."""

    kind: ClassVar[Kind] = Kind.ORDER_REJECTED
    reference: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class OrderUnknown:
    """The order may or may not have arrived: never sent again until the broker has answered."""

    kind: ClassVar[Kind] = Kind.ORDER_UNKNOWN
    reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderAbsent:
    """The broker, asked twice, has no trace of an order of unknown fate: it may be sent."""

    kind: ClassVar[Kind] = Kind.ORDER_ABSENT
    reference: str


@dataclass(frozen=True, slots=True)
class OrderEnded:
    """Nothing of the order is open any more; ``filled`` of its ``shares`` were filled.

    ``symbol`` and ``shares`` are those at its end: a split or renaming may have changed
    them since the intent.
    """

    kind: ClassVar[Kind] = Kind.ORDER_ENDED
    reference: str
    symbol: str
    shares: int
    end: OrderEnd
    filled: int
    reason: str


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The broker is asked to cancel an order; ``cause`` names the command or rule."""

    kind: ClassVar[Kind] = Kind.CANCEL_REQUESTED
    reference: str
    cause: str


@dataclass(frozen=True, slots=True)
class FillReceived:
    """Shares changed hands: the only kind of entry that moves the ledger.

    ``execution`` is the broker's number, by which a repeated fill is recognised;
    ``corrects`` names the execution that this one replaces.
    """

    kind: ClassVar[Kind] = Kind.FILL
    execution: str
    reference: str
    session: Session
    symbol: str
    side: Side
    shares: int
    price_micros: int
    open_micros: int
    commission_micros: int
    corrects: str | None = None

    def fill(self) -> Fill:
        """The event for the ledger."""
        return Fill(
            self.session,
            self.symbol,
            self.side,
            self.shares,
            self.price_micros,
            self.open_micros,
            self.commission_micros,
        )


OrderBody: TypeAlias = (
    OrderIntent
    | OrderSent
    | OrderAcknowledged
    | OrderRejected
    | OrderUnknown
    | OrderAbsent
    | OrderEnded
    | CancelRequested
    | FillReceived
)
"""Entries of the life of an order."""
