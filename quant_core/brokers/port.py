"""The port every broker implements, and the values that cross it.

Only :class:`Executed` and the other events of the account move the worker's ledger;
statuses of orders are hints, and positions are the audit. A call whose outcome is not known
answers :class:`Unknown` and never raises once bytes may have left.

Money is int64 micros, shares are integers, instants are aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from quant_core.brokers.account_events import AccountChanged as AccountChanged
from quant_core.brokers.account_events import AccountEvent as AccountEvent
from quant_core.brokers.account_events import DuePaid as DuePaid
from quant_core.brokers.account_events import FractionPaid as FractionPaid
from quant_core.brokers.market_values import Bar as Bar
from quant_core.brokers.market_values import Instrument as Instrument
from quant_core.brokers.market_values import PriceQuote as PriceQuote
from quant_core.brokers.market_values import QuoteKind as QuoteKind
from quant_core.foundation.types import Session
from quant_core.trading.orders import Side


class OrderKind(StrEnum):
    """When and how an order meets the market. All orders end with their session."""

    ON_OPEN = "on_open"
    ON_CLOSE = "on_close"
    MARKET = "market"
    LIMIT = "limit"


class OrderState(StrEnum):
    """What the broker says of an order. A hint: only executions count."""

    WORKING = "working"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        """Whether the broker has closed the order. An execution may still arrive."""
        return self not in (OrderState.WORKING, OrderState.PARTIAL)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a broker can do, and what its answers are worth.

    ``conclusive``: its answers come from its own books in this process: what it does not know
    it never had, and its books never lag behind what it told. No broker behind a network is:
    an order may still be on its way to it, a position follows its execution by seconds.
    ``cash_step_micros`` is the smallest amount in which it states cash.
    """

    kinds: frozenset[OrderKind]
    short_selling: bool
    fractional: bool
    currency: str
    longest_reference: int
    conclusive: bool = False
    cash_step_micros: int = 1


@dataclass(frozen=True, slots=True)
class BrokerSession:
    """An open connection: one epoch lasts until the link is lost or closed; the next is higher.

    Epochs of different processes need not be comparable.
    """

    account: str
    epoch: int
    server_time: datetime
    is_live: bool


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the broker can be traded with at this moment, and why not."""

    link: bool
    upstream: bool
    synced: bool
    data: bool
    silence_seconds: float
    clock_skew_seconds: float
    can_trade: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Intent:
    """An order that shall be sent.

    ``reference`` identifies it for ever: the same reference is never sent twice;
    ``rank`` is its place in the execution of its session (sells first, then buys by
    weight), which the broker keeps among orders of one auction.
    """

    reference: str
    session: Session
    symbol: str
    side: Side
    shares: int
    kind: OrderKind
    rank: int
    limit_micros: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker has the order."""

    reference: str
    broker_id: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The broker has refused the order, for good."""

    reference: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether the broker has the order. Never send it again; ask."""

    reference: str
    text: str


Submitted: TypeAlias = Accepted | Rejected | Unknown


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The broker will try; the end of the order comes as an event."""

    reference: str


@dataclass(frozen=True, slots=True)
class AlreadyDone:
    """The order had ended before."""

    reference: str
    state: OrderState


@dataclass(frozen=True, slots=True)
class NotFound:
    """The broker does not know the order."""

    reference: str


Cancelled: TypeAlias = CancelRequested | AlreadyDone | NotFound | Unknown


@dataclass(frozen=True, slots=True)
class CancelReport:
    """What a cancellation of everything has reached; ``survivors`` are still open."""

    cancelled: tuple[str, ...]
    survivors: tuple[str, ...]
    confirmed: bool


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as the broker knows it, from whatever connection it came."""

    reference: str
    broker_id: str
    session: Session
    symbol: str
    side: Side
    shares: int
    filled: int
    kind: OrderKind
    state: OrderState
    reason: str = ""


# --- Events, in the order in which the broker made them ----------------------------------------


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The connection stands; a new epoch."""

    epoch: int


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection is gone."""

    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the broker says that changes nothing by itself."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """An order's state, as a hint."""

    order: OrderView


@dataclass(frozen=True, slots=True)
class Executed:
    """Shares changed hands. ``execution_id`` makes a repetition recognisable.

    ``commission_micros`` is None where it follows in its own event.
    """

    execution_id: str
    reference: str
    session: Session
    symbol: str
    side: Side
    shares: int
    price_micros: int
    open_micros: int
    commission_micros: int | None


@dataclass(frozen=True, slots=True)
class CommissionCharged:
    """The commission of an execution."""

    execution_id: str
    commission_micros: int


@dataclass(frozen=True, slots=True)
class ExecutionCorrected:
    """An execution is replaced by another one (of 0 shares: it is busted)."""

    replaced_id: str
    execution: Executed


ConnectionEvent: TypeAlias = LinkUp | LinkDown | Notice
OrderEvent: TypeAlias = OrderSeen | Executed | CommissionCharged | ExecutionCorrected
EventBody: TypeAlias = ConnectionEvent | OrderEvent | AccountChanged | DuePaid | FractionPaid


@dataclass(frozen=True, slots=True)
class BrokerEvent:
    """An event with its place in the broker's order; numbers never go back."""

    number: int
    at: datetime
    body: EventBody


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The broker's books at one moment.

    Only a ``complete`` snapshot proves that something is not there: a list that could
    not be had is not an empty list.
    """

    account: str
    as_of: datetime
    complete: bool
    cash_micros: int
    positions: Mapping[str, int]
    open_orders: tuple[OrderView, ...]
    completed_orders: tuple[OrderView, ...]
    executions: tuple[Executed, ...]
    last_event: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelScope:
    """Which orders to cancel; no ``references`` mean all open orders of the account."""

    references: tuple[str, ...] = field(default=())


class BrokerPort(Protocol):
    """A broker. Every call may take time; none of them blocks the loop."""

    name: str
    capabilities: Capabilities

    async def open(self) -> BrokerSession:
        """Connect. Refuses an account that is not the configured one.

        Nothing else connects: after a lost link, calls fail until this one has made a new
        epoch. While the link stands it may answer with the epoch there is; after
        :meth:`close` it makes a newer one, with which nothing sent before can still be on
        its way in this client.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer.
        ConfigurationError
            If the account is another one, or a live one that was not confirmed.
        """
        ...

    def health(self) -> Health:
        """The state of the connection, at once and from memory."""
        ...

    async def events(self, after: int) -> Sequence[BrokerEvent]:
        """Events with numbers above ``after``, in order; waits for nothing."""
        ...

    async def snapshot(self) -> Snapshot:
        """Cash, positions, open and completed orders, executions of the session.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer. A part that could not be had is named in
            ``missing``, and the snapshot is then not ``complete``.
        """
        ...

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, PriceQuote]:
        """The latest quote of each symbol; a symbol without one is of kind NONE.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer: that is never a symbol without a quote.
        """
        ...

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """What each symbol is at this broker; a symbol it does not know is absent."""
        ...

    async def bars(self, symbol: str, first: Session, last: Session) -> tuple[Bar, ...]:
        """Daily bars, oldest first, as far as they are known at the broker's present."""
        ...

    def normalise(self, intent: Intent) -> Intent | Rejected:
        """The intent as the broker can take it (lot, reference, kind), or why not. Pure."""
        ...

    async def submit(self, intent: Intent) -> Submitted:
        """Send an order whose intent is journalled. Never raises."""
        ...

    async def find(self, reference: str) -> tuple[OrderView, ...]:
        """Everything the broker knows under a reference, from any connection.

        An empty answer says that it was asked for open orders, completed orders and
        executions, and answered all of it without a trace of the reference.

        Raises
        ------
        SourceUnreachable
            If any part of the answer could not be had: that is never an empty answer.
        """
        ...

    async def cancel(self, reference: str) -> Cancelled:
        """Ask for the end of an order."""
        ...

    async def cancel_all(self, scope: CancelScope) -> CancelReport:
        """Cancel, and answer when that is confirmed, naming what is still open."""
        ...

    async def close(self) -> None:
        """Disconnect; touches no order.

        Where the broker is not conclusive, :meth:`open` connects again.
        """
        ...
