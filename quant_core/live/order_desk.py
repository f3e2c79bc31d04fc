"""Orders on their way to the broker: judged, journalled, and only then sent.

1. :func:`reference_of` - an order's name follows from what it is for, so that a decision
   taken again plans the same orders and not new ones.
2. :meth:`OrderDesk.send` - gate, one fsync for all intents, then one call an order.
3. An order whose answer was lost is of unknown fate and handed over: nothing is resent here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from quant_core.brokers.port import (
    Accepted,
    BrokerPort,
    CancelReport,
    CancelScope,
    Intent,
    OrderKind,
    OrderState,
    OrderView,
    Rejected,
    Submitted,
    Unknown,
)
from quant_core.foundation.types import Session
from quant_core.live.chronicle import Chronicle
from quant_core.live.gate_view import Moment, gate_inputs, gate_intent, is_flat
from quant_core.live.journal_entries import Body, LimitBreached
from quant_core.live.journal_kinds import OrderEnd
from quant_core.live.journal_orders import (
    CancelRequested,
    OrderAcknowledged,
    OrderBody,
    OrderEnded,
    OrderIntent,
    OrderRejected,
    OrderUnknown,
)
from quant_core.live.order_life import LiveOrder, OrderStage
from quant_core.notify.port import Alert, Severity
from quant_core.risk.limit_values import Limits
from quant_core.risk.limits import Verdict, judge_batch
from quant_core.trading.orders import Order, execution_order

Post = Callable[[Alert], object]

ENDS = {
    OrderState.FILLED: OrderEnd.FILLED,
    OrderState.CANCELLED: OrderEnd.CANCELLED,
    OrderState.EXPIRED: OrderEnd.EXPIRED,
}

RESTATED = "restated"
_RESTATED_TEXT = "sized in shares that a split or renaming has changed since the last close"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What orders of a session are for: ``rebalance``, ``exit``, or a round of FLAT."""

    strategy: str
    session: Session
    name: str


def reference_of(purpose: Purpose, symbol: str, side: str, longest: int) -> str:
    """The name of an order, the same whenever the same order is planned.

    A name too long for the broker ends in a digest of the whole.

    Examples
    --------
    >>> from datetime import date
    >>> reference_of(Purpose("p1", date(2024, 1, 2), "exit"), "AAA", "sell", 64)
    'p1-20240102-AAA-sell-exit'
    >>> len(reference_of(Purpose("p" * 99, date(2024, 1, 2), "exit"), "AAA", "sell", 40))
    40
    """
    day = purpose.session.strftime("%Y%m%d")
    name = f"{purpose.strategy}-{day}-{symbol}-{side}-{purpose.name}"
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:24]
    return f"{name[: max(longest - 25, 0)]}-{digest}"[-longest:]


def planned_orders(orders: Sequence[Order], purpose: Purpose, longest: int) -> list[OrderIntent]:
    """The intents of a decision, in the order in which they will execute."""
    return [
        OrderIntent(
            reference=reference_of(purpose, order.symbol, order.side.value, longest),
            session=purpose.session,
            symbol=order.symbol,
            side=order.side,
            purpose=purpose.name,
            shares=order.requested,
            target_weight=float(order.target_weight),
            signal_price_micros=order.signal_price_micros,
            limit_micros=None,
        )
        for order in execution_order(list(orders))
    ]


class OrderDesk:
    """Sends orders and finds out what became of them.

    Parameters
    ----------
    broker : BrokerPort
    chronicle : Chronicle
    limits : Limits
        Of the gate.
    post : callable
        Takes alerts.
    lost : callable
        Takes the reference of an order whose answer was lost, and the epoch on which it left.
    write_ahead : bool
        False only in the drill that shows what happens without it.
    """

    def __init__(
        self,
        broker: BrokerPort,
        chronicle: Chronicle,
        limits: Limits,
        post: Post,
        lost: Callable[[str, int], object],
        *,
        write_ahead: bool = True,
    ) -> None:
        self._broker = broker
        self._chronicle = chronicle
        self._limits = limits
        self._post = post
        self._lost = lost
        self._write_ahead = write_ahead
        self.epoch = 0
        """Of the connection on which orders leave."""
        self.holds_back: Callable[[OrderIntent], bool] = lambda _: False
        """Asked before each order leaves; True keeps it and those after it planned."""

    async def send(
        self, planned: Sequence[OrderIntent], moment: Moment, before: Sequence[Body] = ()
    ) -> None:
        """Journal ``before`` and the intents that are new, then send what the gate lets through.

        An intent that is known is not planned again; it is sent only if the broker, asked,
        had no trace of it.
        """
        known = self._chronicle.state.orders
        new = [intent for intent in planned if intent.reference not in known]
        waiting = [
            known[intent.reference].intent
            for intent in planned
            if intent.reference in known and known[intent.reference].stage is OrderStage.PLANNED
        ]
        verdicts = self._judged([*waiting, *new], moment)
        refusals = self._refusals([*waiting, *new], verdicts, moment.now)
        ahead = [*before, *new, *refusals]
        refused = {body.reference for body in refusals}
        going = [intent for intent in [*waiting, *new] if intent.reference not in refused]
        if self._write_ahead:
            self._chronicle.record(ahead)
        for intent in going:
            moment.sent.note(intent.reference, moment.now)
        outcomes: list[Body] = []
        try:
            await self._submit_all(going, planned, outcomes)
        except Exception:  # what has left is known to have left, whatever stops the rest
            self._chronicle.record(outcomes)
            raise
        self._chronicle.record(outcomes if self._write_ahead else [*ahead, *outcomes])
        self._tell_rejected(outcomes, moment.now)

    def doubt_all_planned(self, reason: str) -> None:
        """At the start: an intent without an outcome may or may not have left."""
        orders = self._chronicle.state.open_orders
        self._chronicle.record(
            [
                OrderUnknown(order.intent.reference, reason)
                for order in orders
                if order.stage in (OrderStage.PLANNED, OrderStage.SENT)
            ]
        )

    def drop_planned(self, reason: str) -> None:
        """Orders that were never sent and shall not be any more."""
        planned = [
            order
            for order in self._chronicle.state.open_orders
            if order.stage is OrderStage.PLANNED
        ]
        never = OrderEnd.NEVER_ARRIVED
        self._chronicle.record([ended_body(order, never, reason) for order in planned])

    async def cancel_all(self, cause: str) -> CancelReport:
        """Ask for the end of every open order of the account."""
        orders = [order for order in self._chronicle.state.open_orders if not order.cancelling]
        self._chronicle.record([CancelRequested(o.intent.reference, cause) for o in orders])
        return await self._broker.cancel_all(CancelScope())

    def _judged(self, planned: Sequence[OrderIntent], moment: Moment) -> tuple[Verdict, ...]:
        inputs = gate_inputs(self._chronicle.state, planned, moment)
        return judge_batch([gate_intent(each, moment) for each in planned], inputs, self._limits)

    def _refusals(
        self, planned: Sequence[OrderIntent], verdicts: Sequence[Verdict], now: datetime
    ) -> list[LimitBreached | OrderRejected]:
        bodies: list[LimitBreached | OrderRejected] = []
        for intent, verdict in zip(planned, verdicts, strict=True):
            if self._is_restated(intent):
                bodies.append(OrderRejected(intent.reference, RESTATED, _RESTATED_TEXT))
                title = f"Order not sent after a split: {intent.side.value} {intent.symbol}"
                self._post(Alert(RESTATED, Severity.WARNING, title, _RESTATED_TEXT, now))
                continue
            if verdict.allowed:
                continue
            for refusal in verdict.refusals:
                name, hard = intent.reference, refusal.hard
                bodies.append(LimitBreached(name, refusal.code, hard, refusal.text))
            first = verdict.refusals[0]
            bodies.append(OrderRejected(intent.reference, first.code, first.text))
            severity = Severity.CRITICAL if verdict.hard else Severity.WARNING
            title = f"Order refused by the limits: {intent.side.value} {intent.symbol}"
            text = "\n".join(f"{refusal.code}: {refusal.text}" for refusal in verdict.refusals)
            self._post(Alert(f"limit:{first.code}", severity, title, text, now))
        return bodies

    def _is_restated(self, intent: OrderIntent) -> bool:
        """Whether a split or renaming since the close that sized an order made it another one."""
        return intent.symbol in self._chronicle.state.restated and not is_flat(intent.purpose)

    async def _submit_all(
        self, going: Sequence[OrderIntent], planned: Sequence[OrderIntent], outcomes: list[Body]
    ) -> None:
        """Send in the order of rank; what a broker that is gone was not sent stays planned.

        ``outcomes`` is filled on the way: an error keeps what came before it.
        """
        ranks = {intent.reference: rank for rank, intent in enumerate(planned)}
        for intent in going:
            if self.holds_back(intent) or not self._broker.health().can_trade:
                break
            sent = Intent(
                reference=intent.reference,
                session=intent.session,
                symbol=intent.symbol,
                side=intent.side,
                shares=intent.shares,
                kind=OrderKind.MARKET if is_flat(intent.purpose) else OrderKind.ON_OPEN,
                rank=ranks[intent.reference],
                limit_micros=intent.limit_micros,
            )
            fit = self._broker.normalise(sent)
            try:
                answer = fit if isinstance(fit, Rejected) else await self._broker.submit(fit)
            except Exception:
                outcomes.append(OrderUnknown(intent.reference, "the call ended with an error"))
                self._lost(intent.reference, self.epoch)
                raise
            outcomes.append(_outcome(answer))
            if isinstance(answer, Unknown):
                self._lost(intent.reference, self.epoch)

    def _tell_rejected(self, outcomes: Sequence[Body], now: datetime) -> None:
        orders = self._chronicle.state.orders
        for body in outcomes:
            if isinstance(body, OrderRejected):
                intent = orders[body.reference].intent
                title = f"Order refused by the broker: {intent.side.value} {intent.symbol}"
                text = f"{body.code}: {body.text}"
                self._post(Alert(f"rejected:{body.code}", Severity.WARNING, title, text, now))


def _outcome(answer: Submitted) -> Body:
    match answer:
        case Accepted(reference=name, broker_id=number):
            return OrderAcknowledged(name, number)
        case Rejected(reference=name, code=code, text=text):
            return OrderRejected(name, code, text)
        case Unknown(reference=name, text=text):
            return OrderUnknown(name, text)


def found_bodies(order: LiveOrder, view: OrderView) -> list[OrderBody]:
    """What an order of unknown fate becomes when the broker has it."""
    if view.state is OrderState.REJECTED:
        return [OrderRejected(view.reference, view.reason or "rejected", "found at the broker")]
    return [OrderAcknowledged(view.reference, view.broker_id), *seen_bodies(order, view)]


def seen_bodies(order: LiveOrder, view: OrderView) -> list[OrderBody]:
    """The end of an order that the broker shows; nothing while fills of it are missing."""
    if view.state is OrderState.REJECTED:
        return [OrderRejected(view.reference, view.reason or "rejected", "said by the broker")]
    if not view.state.is_final or view.filled != order.filled:
        return []
    end = ENDS[view.state]
    if end is OrderEnd.EXPIRED and view.filled > 0:
        end = OrderEnd.TRUNCATED
    name = view.reference
    return [OrderEnded(name, view.symbol, view.shares, end, view.filled, view.reason)]


def hinted_bodies(order: LiveOrder, view: OrderView) -> list[OrderBody]:
    """What a status that came by itself means.

    A cancellation that nobody asked for is doubted: brokers say so of orders that live on
    and fill. The order is of unknown fate until the broker, asked, says what it is.
    """
    if view.state is OrderState.CANCELLED and not order.cancelling:
        return [OrderUnknown(view.reference, "told as cancelled, which nobody asked for")]
    return seen_bodies(order, view)


def ended_body(order: LiveOrder, end: OrderEnd, reason: str) -> OrderEnded:
    """The end of an order as the worker itself knows it."""
    name = order.intent.reference
    return OrderEnded(name, order.symbol, order.shares, end, order.filled, reason)
