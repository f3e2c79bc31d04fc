"""The life of an order: one table of the moves there are, and what the worker knows of it.

::

    PLANNED -> SENT -> ACKNOWLEDGED -> ENDED
       |         |           |
       +---------+-----------+--> REJECTED, UNKNOWN

An order is PLANNED when its intent is durable. UNKNOWN leaves only through what the broker
says when it is asked (:class:`Looks`): it has the order, or, asked twice, has no trace of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from quant_core.foundation.errors import InvariantBroken
from quant_core.live.journal_kinds import Kind, OrderEnd
from quant_core.live.journal_orders import (
    CancelRequested,
    FillReceived,
    OrderAbsent,
    OrderAcknowledged,
    OrderBody,
    OrderEnded,
    OrderIntent,
    OrderRejected,
    OrderSent,
    OrderUnknown,
)


class OrderStage(StrEnum):
    """How far an order has come."""

    PLANNED = "planned"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    UNKNOWN = "unknown"
    ENDED = "ended"
    REJECTED = "rejected"

    @property
    def is_over(self) -> bool:
        """Whether nothing of the order can be open any more."""
        return self in (OrderStage.ENDED, OrderStage.REJECTED)


_PLANNED, _SENT, _KNOWN = OrderStage.PLANNED, OrderStage.SENT, OrderStage.ACKNOWLEDGED
_UNKNOWN, _ENDED, _REJECTED = OrderStage.UNKNOWN, OrderStage.ENDED, OrderStage.REJECTED

MOVES: dict[Kind, dict[OrderStage, OrderStage]] = {
    Kind.ORDER_SENT: {_PLANNED: _SENT},
    Kind.ORDER_ACKNOWLEDGED: {_PLANNED: _KNOWN, _SENT: _KNOWN, _UNKNOWN: _KNOWN},
    Kind.ORDER_REJECTED: {
        _PLANNED: _REJECTED,
        _SENT: _REJECTED,
        _KNOWN: _REJECTED,
        _UNKNOWN: _REJECTED,
    },
    Kind.ORDER_UNKNOWN: {_PLANNED: _UNKNOWN, _SENT: _UNKNOWN, _KNOWN: _UNKNOWN},
    Kind.ORDER_ABSENT: {_UNKNOWN: _PLANNED},
    Kind.ORDER_ENDED: {_KNOWN: _ENDED, _UNKNOWN: _ENDED, _PLANNED: _ENDED},
    Kind.CANCEL_REQUESTED: {_PLANNED: _PLANNED, _SENT: _SENT, _KNOWN: _KNOWN, _UNKNOWN: _UNKNOWN},
    # A broker may tell a fill before it says that it has the order, and after its end.
    Kind.FILL: {stage: stage for stage in OrderStage},
}
"""Every move there is: the kind of entry, from which stage, to which."""


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """An order and all that the journal says of it; ``filled`` counts its fills.

    ``cancelling`` says that its cancellation was asked for; ``end`` and ``reason`` are
    empty before its end; ``shares`` are those at its end, or those of the intent.
    """

    intent: OrderIntent
    stage: OrderStage = OrderStage.PLANNED
    broker_order: str = ""
    filled: int = 0
    symbol: str = ""
    shares: int = 0
    end: OrderEnd | None = None
    reason: str = ""
    cancelling: bool = False

    @classmethod
    def planned(cls, intent: OrderIntent) -> LiveOrder:
        """The order of an intent."""
        return cls(intent, symbol=intent.symbol, shares=intent.shares)

    @property
    def is_open(self) -> bool:
        """Whether it may still fill, an order of unknown fate included."""
        return not self.stage.is_over

    @property
    def remaining(self) -> int:
        """Shares that may still fill."""
        return max(self.shares - self.filled, 0) if self.is_open else 0

    def after(self, body: OrderBody) -> LiveOrder:
        """The order after an entry about it.

        Raises
        ------
        InvariantBroken
            If there is no such move.
        """
        stage = MOVES.get(body.kind, {}).get(self.stage)
        if stage is None:
            raise InvariantBroken(
                "an order makes a move that there is not",
                expected=f"a move of {self.stage.value}",
                found=body.kind.value,
                where=self.intent.reference,
            )
        return _moved(replace(self, stage=stage), body)


def _moved(order: LiveOrder, body: OrderBody) -> LiveOrder:
    """The order with what an entry says of it."""
    match body:
        case OrderAcknowledged(broker_order=number):
            return replace(order, broker_order=number)
        case OrderRejected(code=code):
            return replace(order, reason=code)
        case OrderEnded(symbol=symbol, shares=shares, end=end, reason=reason):
            return replace(order, symbol=symbol, shares=shares, end=end, reason=reason)
        case FillReceived(shares=shares):
            return replace(order, filled=order.filled + shares)
        case CancelRequested():
            return replace(order, cancelling=True)
        case OrderIntent() | OrderSent() | OrderUnknown() | OrderAbsent():
            return order


@dataclass(frozen=True, slots=True)
class Looks:
    """How often the broker was asked about an order and had no trace of it.

    Absence counts only when it was seen twice, at least ``settle`` apart, on an epoch at
    or after ``epoch``: that of the connection under which the order's fate was lost,
    or a later one where that connection is gone.

    Examples
    --------
    >>> from datetime import UTC
    >>> at, settle = datetime(2024, 1, 2, tzinfo=UTC), timedelta(seconds=5)
    >>> once = Looks(epoch=2).missed(at, 2, settle)
    >>> once.proven, once.missed(at, 2, settle).proven
    (False, False)
    >>> once.missed(at + settle, 2, settle).proven, once.missed(at + settle, 1, settle).proven
    (True, False)
    """

    epoch: int
    first: datetime | None = None
    proven: bool = False

    def missed(self, at: datetime, epoch: int, settle: timedelta) -> Looks:
        """After one more look that found nothing."""
        if epoch < self.epoch:
            return self
        if self.first is None:
            return replace(self, first=at)
        return replace(self, proven=self.proven or at - self.first >= settle)
