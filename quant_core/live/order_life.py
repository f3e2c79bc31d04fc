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
        return _moved(self, stage, body)


def _moved(order: LiveOrder, stage: OrderStage, body: OrderBody) -> LiveOrder:
    """The order with what an entry says of it; made whole, which is faster than replaced."""
    number, filled, cancelling = order.broker_order, order.filled, order.cancelling
    symbol, shares, end, reason = order.symbol, order.shares, order.end, order.reason
    match body:
        case OrderAcknowledged():
            number = body.broker_order
        case OrderRejected():
            reason = body.code
        case OrderEnded():
            symbol, shares, end, reason = body.symbol, body.shares, body.end, body.reason
        case FillReceived():
            filled += body.shares
        case CancelRequested():
            cancelling = True
        case OrderIntent() | OrderSent() | OrderUnknown() | OrderAbsent():
            pass
    return LiveOrder(order.intent, stage, number, filled, symbol, shares, end, reason, cancelling)


@dataclass(frozen=True, slots=True)
class Looks:
    """How often the broker was asked about an order and had no trace of it.

    Absence counts only when it was seen twice, at least ``settle`` seconds apart, on
    connections newer than ``sent_on``, the epoch under which the order left; None = every
    connection there is now is newer. Looks on the old connection prove nothing: they only say
    when it is time for another one.

    Examples
    --------
    >>> once = Looks(sent_on=2).missed((0.0, 1.0), 3, 5.0)
    >>> once.proven, once.missed((5.9, 6.0), 3, 5.0).proven, once.missed((6.0, 7.0), 3, 5.0).proven
    (False, False, True)
    >>> old = Looks(sent_on=2).missed((0.0, 0.0), 2, 5.0).missed((9.0, 9.0), 2, 5.0)
    >>> old.proven, old.exhausted, old.missed((9.0, 9.0), 3, 5.0).proven
    (False, True, False)
    """

    sent_on: int | None = None
    newer: bool = False
    first: float | None = None
    apart: bool = False

    @property
    def proven(self) -> bool:
        """Whether the order is absent."""
        return self.newer and self.apart

    @property
    def exhausted(self) -> bool:
        """Whether the connection on which the order left has been asked long enough."""
        return self.apart and not self.newer

    def is_due(self, asked: float, epoch: int, settle: float) -> bool:
        """Whether a look at this instant would say more than those before."""
        first = self.first
        return first is None or self._is_newer(epoch) != self.newer or asked - first >= settle

    def missed(self, span: tuple[float, float], epoch: int, settle: float) -> Looks:
        """After one more look that found nothing, asked and answered at two readings of a clock."""
        asked, answered = span
        newer = self._is_newer(epoch)
        if self.first is None or (newer and not self.newer):
            return replace(self, newer=newer, first=answered, apart=False)
        if self.newer and not newer:
            return self
        return replace(self, apart=self.apart or asked - self.first >= settle)

    def _is_newer(self, epoch: int) -> bool:
        return self.sent_on is None or epoch > self.sent_on
