"""The two moments of a trading day at which the worker decides: before the open, after the close.

Each can be cut off at any point and begun again: the decision follows from the journalled
book and the data alone, so that what is missing of it is made again and what is there is
left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from quant_core.brokers.port import BrokerPort, PriceQuote
from quant_core.foundation.errors import (
    DataRefused,
    InvariantBroken,
    QuantError,
    ReconciliationError,
    SourceUnreachable,
    StrategyError,
)
from quant_core.foundation.money import format_micros
from quant_core.foundation.types import Session
from quant_core.live.chronicle import Chronicle
from quant_core.live.data_bridge import CloseDay, DataDay
from quant_core.live.event_intake import EventIntake
from quant_core.live.gate_view import Moment as GateMoment
from quant_core.live.gate_view import is_flat
from quant_core.live.journal_entries import (
    Body,
    BookRecord,
    BreakerMoved,
    DecisionTaken,
    Noted,
    SessionClosed,
    SessionOpened,
)
from quant_core.live.journal_errors import JournalUnwritable
from quant_core.live.journal_kinds import TargetKind
from quant_core.live.journal_orders import OrderIntent, OrderRejected
from quant_core.live.loss_watch import LossWatch
from quant_core.live.order_desk import (
    OrderDesk,
    Post,
    Purpose,
    found_bodies,
    planned_orders,
    seen_bodies,
)
from quant_core.live.order_life import OrderStage
from quant_core.live.shadow import ShadowDay, explain, sent_order, shadow_day
from quant_core.live.worker_state import REBALANCE
from quant_core.notify.port import Alert, Severity
from quant_core.risk.breakers import BreakerState, stopped_out
from quant_core.trading.account import Book
from quant_core.trading.history import Incident
from quant_core.trading.orders import Order, Reason
from quant_core.trading_day import Brain, Decision, Moment, decide, guard

FAILURES = (
    *(QuantError, ArithmeticError, AttributeError, LookupError),
    *(OSError, RuntimeError, TypeError, ValueError, AssertionError),
)
"""What a strategy or a source of data may raise without ending the worker."""

OURS = (SourceUnreachable, ReconciliationError, InvariantBroken, JournalUnwritable)
"""Failures that are not the strategy's: of the broker, and of the worker itself."""


class BrokerNotReady(SourceUnreachable):
    """The broker says of itself that it cannot be traded with: what it quotes says nothing."""


def unfailing(post: Post, log: Callable[[str], object]) -> Post:
    """``post``, from which no failure comes back: an alert never keeps the worker from its work."""

    def guarded(alert: Alert) -> None:
        try:
            post(alert)
        except FAILURES as error:
            log(f"an alert was not taken ({type(error).__name__}): {alert.title}")

    return guarded


@dataclass(frozen=True, slots=True)
class Desk:
    """What the work of a session needs."""

    strategy: str
    brain: Brain
    broker: BrokerPort
    chronicle: Chronicle
    orders: OrderDesk
    intake: EventIntake
    post: Post
    log: Callable[[str], object]


class SessionWork:
    """Opens and closes sessions.

    Parameters
    ----------
    desk : Desk
    losses : LossWatch
        Looks at the losses of a session that is over.
    """

    def __init__(self, desk: Desk, losses: LossWatch) -> None:
        self._desk = desk
        self._losses = losses
        self._state = desk.chronicle.state

    async def open_session(self, day: DataDay, present: Callable[[], GateMoment]) -> None:
        """Decide the orders of a session and send them; begun again, finish it.

        ``present`` gives the moment at which the orders are judged: when the broker's prices
        are there.

        Raises
        ------
        DataRefused
            If a decision was begun on another version of the data.
        SourceUnreachable
            If the broker does not quote, or (BrokerNotReady) cannot be traded with; nothing
            new was journalled or sent then.
        QuantError, ArithmeticError, LookupError, TypeError, ValueError, ...
            What the strategy raises; nothing was journalled or sent then.
        """
        desk, state = self._desk, self._state
        self._check_version(day)
        decision = self._decided(day)
        purpose = Purpose(desk.strategy, day.session, REBALANCE if day.scheduled else "exit")
        longest = desk.broker.capabilities.longest_reference
        planned = planned_orders(decision.orders, purpose, longest)
        self._check_begun(_taken(day, decision, planned), planned)
        refused = _refused(decision, planned)
        names = {body.reference for body in refused}
        going = [intent for intent in planned if intent.reference not in names]
        before = self._missing(day, decision, planned)
        recorded = names - state.orders.keys()
        unsendable = [intent for intent in planned if intent.reference in recorded]
        rejected = [body for body in refused if body.reference not in state.orders]
        quotes = await self._quotes(going)
        gate = replace(present(), quotes=quotes)
        await desk.orders.send(going, gate, [*before, *unsendable, *rejected])
        self._tell(decision.incidents, gate.now)

    def finished_opening(self, session: Session) -> bool:
        """Whether the decision of a session is journalled whole and no order of it waits."""
        day = self._state.day
        if day is None or day.session != session or day.decision is None:
            return False
        orders = [o for o in self._state.orders_of(session) if not is_flat(o.intent.purpose)]
        waiting = any(order.stage is OrderStage.PLANNED for order in orders)
        return len(orders) >= day.decision.orders and not waiting

    def open_without_decision(self, session: Session, version: str, reason: str) -> None:
        """Begin a session in which nothing new is ordered."""
        state = self._state
        bodies: list[Body] = []
        if state.day is None:
            bodies.append(SessionOpened(session, version, BookRecord.of(state.book)))
        hold = DecisionTaken(session, version, TargetKind.HOLD, reason, {}, 0)
        self._desk.chronicle.record([*bodies, hold])

    async def finish_orders(self, session: Session) -> None:
        """Ask about orders of a session that is over and whose end was not told.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer.
        """
        for order in self._state.orders_of(session):
            if not order.is_open or order.stage is OrderStage.PLANNED:
                continue
            for view in (await self._desk.broker.find(order.intent.reference))[-1:]:
                known = self._state.orders[order.intent.reference]
                unknown = known.stage is OrderStage.UNKNOWN
                found = found_bodies(known, view) if unknown else seen_bodies(known, view)
                self._desk.chronicle.record(found)

    def close_session(self, close: CloseDay, now: datetime) -> None:
        """Value the book, look at the breaker, and compare with the backtest's day."""
        desk, state = self._desk, self._state
        session, market, row = close.market.session(close.row), close.market, close.row
        closes = {symbol: market.close_micros(row, symbol) for symbol in state.valued()}
        book = state.preview(session, closes)
        breaker, incidents = guard(state.breaker, book, state.sessions_closed + 1, desk.brain)
        shortfall = self._shortfall(close, book)
        stopped = tuple(stopped_out(book, desk.brain.risk.stop_loss_pct))
        bodies: list[Body] = [] if shortfall is None else [shortfall]
        # The close comes last: a disk that keeps only the first of them loses no stop, and
        # the close is then made again.
        bodies += [
            *self._losses.after_close(book.equity_micros, now),
            _moved(session, breaker, stopped),
            SessionClosed(session, BookRecord.of(book), closes),
        ]
        day = state.day
        desk.chronicle.record(bodies)
        self._tell(incidents, now)
        fills = 0 if day is None else len(day.fills)
        equity, cash = (format_micros(money, 2) for money in (book.equity_micros, book.cash_micros))
        desk.log(f"{session} closed: equity {equity}, cash {cash}, {fills} fills")

    def _shortfall(self, close: CloseDay, book: Book) -> Body | None:
        """The comparison with the backtest; that it fails never keeps a day from closing."""
        day = self._state.day
        if day is None:
            return None
        orders = [
            sent_order(order.intent)
            for order in self._state.orders_of(day.session)
            if not is_flat(order.intent.purpose) and order.reason not in _NEVER_SENT
        ]
        try:
            shadow = self._shadow(orders, close)
            decided = self._decided_again(close)
            revised = None if decided is None else self._shadow(decided, close)
            fills = [fill.fill() for fill in day.fills]
            return explain(
                shadow, fills, book, lambda s: close.market.close_micros(close.row, s), revised
            )
        except FAILURES as error:
            return Noted("shadow", f"no comparison with the backtest: {error}"[:500])

    def _shadow(self, orders: Sequence[Order], close: CloseDay) -> ShadowDay:
        ledger, brain = self._state.ledger_at_open(), self._desk.brain
        return shadow_day(ledger, orders, close.market, close.row, brain)

    def _decided_again(self, close: CloseDay) -> list[Order] | None:
        """The orders on the data as they are now; None where these are those of the decision."""
        state, day = self._state, self._state.day
        taken = None if day is None else day.decision
        if day is None or taken is None or taken.data_version in ("", close.version):
            return None
        moment = Moment(close.row - 1, state.sessions_closed, taken.reason == REBALANCE)
        decision = decide(self._desk.brain, close.market, day.book, state.closing_breaker, moment)
        return [order for order in decision.orders if order.refusal is Reason.NONE]

    def _check_version(self, day: DataDay) -> None:
        opened = self._state.day
        if opened is None or opened.decision is None or opened.session != day.session:
            return
        if opened.decision.data_version != day.version:
            raise DataRefused(
                "the decision of this session was begun on other data",
                expected=opened.decision.data_version,
                found=day.version,
                where=str(day.session),
                fix="nothing more is sent in this session; CANCEL what is open if it is unwanted",
            )

    def _decided(self, day: DataDay) -> Decision:
        """The decision of a strategy whose errors are never taken for those of the worker."""
        state = self._state
        moment = Moment(day.row, state.sessions_closed, day.scheduled)
        try:
            return decide(self._desk.brain, day.market, state.book, state.closing_breaker, moment)
        except OURS as error:
            raise StrategyError("the strategy failed", found=repr(error)) from error

    async def _quotes(self, going: Sequence[OrderIntent]) -> Mapping[str, PriceQuote]:
        """The broker's prices of the names to be judged and of those with open orders."""
        orders, broker = self._state.orders, self._desk.broker
        judged = [
            intent.symbol
            for intent in going
            if intent.reference not in orders
            or orders[intent.reference].stage is OrderStage.PLANNED
        ]
        if not judged:
            return {}
        beside = [order.symbol for order in self._state.open_orders]
        quotes = await broker.quotes(list(dict.fromkeys([*judged, *beside])))
        health = broker.health()
        if not health.can_trade:
            raise BrokerNotReady(f"the broker cannot be traded with: {health.reason}")
        return quotes

    def _check_begun(self, taken: DecisionTaken, planned: Sequence[OrderIntent]) -> None:
        """A decision that was begun is finished only if it is still the same one."""
        opened = self._state.day
        begun = None if opened is None else opened.decision
        if begun is None:
            return
        orders = self._state.orders
        known = [intent for intent in planned if intent.reference in orders]
        sizes = {intent.reference: intent.shares for intent in known}
        begun_sizes = {name: orders[name].intent.shares for name in sizes}
        whole, begun_whole = ((d.target, dict(d.weights), d.orders) for d in (taken, begun))
        for now, before in ((whole, begun_whole), (sizes, begun_sizes)):
            if now != before:
                raise StrategyError(
                    "the decision of this session was begun with other settings or another "
                    "strategy",
                    expected=f"{before}"[:300],
                    found=f"{now}"[:300],
                    where=str(taken.session),
                    fix="nothing more is sent in this session; CANCEL what is open if it is "
                    "unwanted",
                )

    def _missing(
        self, day: DataDay, decision: Decision, planned: Sequence[OrderIntent]
    ) -> list[Body]:
        """What stands before the intents and is not in the journal yet."""
        state, session = self._state, day.session
        bodies: list[Body] = []
        if state.day is None:
            bodies.append(SessionOpened(session, day.version, BookRecord.of(state.book)))
        if state.day is None or state.day.decision is None:
            bodies.append(_taken(day, decision, planned))
            bodies += [
                Noted(f"incident:{told.kind}", f"{told.symbol} {told.detail}")
                for told in decision.incidents
            ]
        if decision.breaker != state.breaker:
            bodies.append(_moved(session, decision.breaker, ()))
        return bodies

    def _tell(self, incidents: Sequence[Incident], now: datetime) -> None:
        for each in incidents:
            severity = Severity.CRITICAL if each.kind in _URGENT else Severity.INFO
            title = f"{each.kind} {each.symbol}".strip()
            self._desk.post(Alert(f"{each.kind}:{each.symbol}", severity, title, each.detail, now))


_URGENT = ("drawdown_breaker", "margin_call", "deficit")
_NEVER_SENT = frozenset(reason.value for reason in Reason if reason.value.startswith("refused"))


def _refused(decision: Decision, planned: Sequence[OrderIntent]) -> list[OrderRejected]:
    """Orders that must not be sent and are only recorded."""
    refusals = {
        (order.symbol, order.side): order.refusal
        for order in decision.orders
        if order.refusal is not Reason.NONE
    }
    return [
        OrderRejected(intent.reference, refusal.value, "cannot be bought at this close")
        for intent in planned
        if (refusal := refusals.get((intent.symbol, intent.side))) is not None
    ]


def _taken(day: DataDay, decision: Decision, planned: Sequence[OrderIntent]) -> DecisionTaken:
    kinds = {incident.kind for incident in decision.incidents}
    target, reason = TargetKind.WEIGHTS, REBALANCE if day.scheduled else "no rebalance is due"
    if not day.scheduled or "hold" in kinds:
        target = TargetKind.HOLD
    if "flat" in kinds:
        target = TargetKind.FLAT
    weights = {order.symbol: float(order.target_weight) for order in decision.orders}
    return DecisionTaken(day.session, day.version, target, reason, weights, len(planned))


def _moved(session: Session, breaker: BreakerState, stopped: tuple[str, ...]) -> BreakerMoved:
    return BreakerMoved(session, breaker.peak_micros, breaker.flat_from, stopped)
