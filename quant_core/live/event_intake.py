"""The broker's events on their way into the journal.

Only executions and events of the account move the ledger. An event may come twice, late,
before the one it needs, or without its commission: what cannot be taken yet waits, and the
place up to which the broker was read stays before it, so that a crash loses nothing.
"""

from __future__ import annotations

import copy
from collections import ChainMap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from quant_core.brokers.port import (
    AccountChanged,
    BrokerEvent,
    BrokerPort,
    CommissionCharged,
    DuePaid,
    EventBody,
    Executed,
    ExecutionCorrected,
    FractionPaid,
    LinkDown,
    LinkUp,
    Notice,
    OrderSeen,
)
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import Session
from quant_core.live.chronicle import Chronicle
from quant_core.live.journal_account import AccountMoved, BrokerRead, DuesPaid, FractionSettled
from quant_core.live.journal_entries import Body, Noted, RiskStateChanged
from quant_core.live.journal_kinds import TradingState
from quant_core.live.journal_orders import FillReceived
from quant_core.live.known_moves import session_of
from quant_core.live.order_desk import Post, hinted_bodies
from quant_core.live.order_life import LiveOrder, OrderStage
from quant_core.live.worker_state import LedgerBody, WorkerState, move_ledger
from quant_core.notify.port import Alert, Severity

PUT_AWAY = "put_away"
"""Topic of a note that says what was not booked."""


@dataclass(slots=True)
class LinkState:
    """What the events say of the connection."""

    up: bool = True
    lost: bool = False
    """Whether it was lost since somebody last asked."""


class EventIntake:
    """Reads the broker's events and journals what they mean.

    Parameters
    ----------
    broker : BrokerPort
    chronicle : Chronicle
    post : callable
        Takes alerts.
    """

    def __init__(
        self, broker: BrokerPort, chronicle: Chronicle, post: Post = lambda _: None
    ) -> None:
        self._post = post
        self._broker = broker
        self._chronicle = chronicle
        self._read = chronicle.state.broker_read
        self._waiting: list[BrokerEvent] = []
        self._replaced: dict[str, Executed] = {}
        self.link = LinkState()

    @property
    def read(self) -> int:
        """Number of the last event that was read."""
        return self._read

    @property
    def waiting(self) -> tuple[str, ...]:
        """What cannot be taken yet, for whoever reconciles."""
        return tuple(f"event {event.number}: {event.body}"[:200] for event in self._waiting)

    async def collect(self) -> int:
        """Take every event there is; returns how many entries they made.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer.
        """
        fresh = await self._broker.events(self._read)
        if fresh:
            self._read = max(self._read, fresh[-1].number)
        if not fresh and not self._waiting:
            return 0
        for event in fresh:
            self._note_link(event.body)
            self._waiting += self._as_corrected(event)
        return self._take_all()

    def take_executions(self, executions: Sequence[Executed]) -> int:
        """Executions of a snapshot whose events never came, or came without commission.

        One whose order has a fill here that the broker no longer knows is the correction of
        it: taken as another execution it would count twice, so that it waits for its event.
        """
        theirs, state = {e.execution_id for e in executions}, self._chronicle.state
        gone = {f.reference for f in state.fills_since_close if f.execution not in theirs}
        missing = [
            e
            for e in executions
            if e.execution_id not in state.seen and state.seen.takes(e.session)
        ]
        missing = [e for e in missing if e.reference not in gone]
        made = 0
        for executed in missing:
            fill = _fill(executed, executed.commission_micros)
            if fill is not None and state.fits(fill):
                foreign = fill.reference not in state.orders
                self._record([foreign_halt(fill), fill] if foreign else [fill])
                made += 1
        return made + self._take_all()

    def _take_all(self) -> int:
        """Passes over what waits, until one takes nothing any more."""
        made, before = 0, -1
        while len(self._waiting) != before and self._waiting:
            before = len(self._waiting)
            made += self._pass()
            if len(self._waiting) == before:
                self._correct_waiting()
        self._mark_read(made)
        return made

    def _correct_waiting(self) -> None:
        """An execution that could not be taken, and is replaced, need not be taken."""
        waiting = {e.body.execution_id for e in self._waiting if isinstance(e.body, Executed)}
        for event in self._waiting:
            body = event.body
            if isinstance(body, ExecutionCorrected) and body.replaced_id in waiting:
                self._replaced[body.replaced_id] = body.execution
        self._waiting = [each for event in self._waiting for each in self._as_corrected(event)]

    def _as_corrected(self, event: BrokerEvent) -> list[BrokerEvent]:
        """The event with the execution that replaced its own; none where that was busted."""
        match event.body:
            case Executed(execution_id=name) if name in self._replaced:
                right = self._replaced[name]
                return [replace(event, body=right)] if right.shares else []
            case ExecutionCorrected(replaced_id=name) if name in self._replaced:
                return []
            case _:
                return [event]

    def _pass(self) -> int:
        batch = _Batch(self._chronicle.state, _commissions(self._waiting))
        left: list[BrokerEvent] = []
        for event in self._waiting:
            if isinstance(event.body, ExecutionCorrected):
                self._record(batch.bodies)
                batch = batch.next()
            if not batch.take(event.body):
                left.append(event)
        self._waiting = left
        self._record(batch.bodies)
        return batch.made

    def _record(self, bodies: Sequence[Body]) -> None:
        """Journal entries; a halt among them, or what was not booked, is told to a person."""
        self._chronicle.record(bodies)
        at = self._chronicle.state.last_at
        for body in bodies:
            if isinstance(body, RiskStateChanged) and at is not None:
                title = "Somebody else trades this account"
                self._post(Alert("foreign_order", Severity.CRITICAL, title, body.reason, at))
            if isinstance(body, Noted) and body.topic == PUT_AWAY and at is not None:
                title = "The broker told of a session that was put away long ago"
                self._post(Alert(PUT_AWAY, Severity.WARNING, title, body.text, at))

    def _mark_read(self, made: int) -> None:
        """How far the events are in the journal; costs an entry only where there was another."""
        number = min((event.number - 1 for event in self._waiting), default=self._read)
        if made and number > self._chronicle.state.broker_read:
            self._chronicle.record([BrokerRead(number)])

    def _note_link(self, body: EventBody) -> None:
        if isinstance(body, LinkUp):
            self.link.up = True
        if isinstance(body, LinkDown):
            self.link.up, self.link.lost = False, True


class _Batch:
    """Entries that go to the disk together, tried on a copy of the ledger first."""

    def __init__(self, state: WorkerState, commissions: dict[str, int], made: int = 0) -> None:
        self._state = state
        self._commissions = commissions
        self._trial = copy.deepcopy(state.portfolio)
        self._taken: list[LedgerBody] = []
        self._seen: set[str] = set()
        self._orders = ChainMap[str, LiveOrder]({}, state.orders)
        self.bodies: list[Body] = []
        self._before = made

    @property
    def made(self) -> int:
        """Entries so far, those of the batches before included."""
        return self._before + len(self.bodies)

    def next(self) -> _Batch:
        """An empty batch after this one was recorded."""
        return _Batch(self._state, self._commissions, self.made)

    def take(self, body: EventBody) -> bool:
        """Whether an event is dealt with, or has to wait."""
        match body:
            case Executed():
                return self._execution(body, None)
            case ExecutionCorrected(replaced_id=replaced, execution=execution):
                return self._execution(execution, replaced)
            case CommissionCharged(execution_id=name):
                return self._knows(name)
            case AccountChanged() | DuePaid() | FractionPaid():
                return self._knows(body.event_id) or self._account(body.event_id, _entry(body))
            case OrderSeen():
                return self._seen_order(body)
            case Notice(code=code, text=text):
                self.bodies.append(Noted(f"broker:{code}", text))
                return True
            case LinkUp() | LinkDown():
                return True

    def _knows(self, name: str) -> bool:
        return name in self._seen or name in self._state.seen

    def _execution(self, executed: Executed, corrects: str | None) -> bool:
        name = executed.execution_id
        if self._knows(name):
            return True
        if not self._state.seen.takes(executed.session):
            return self._refuse(name, executed.session)
        charged = executed.commission_micros
        commission = self._commissions.get(name) if charged is None else charged
        fill = _fill(executed, commission, corrects)
        return fill is not None and self._move(name, fill)

    def _account(self, name: str, body: LedgerBody) -> bool:
        session = session_of(body)
        if session is not None and not self._state.seen.takes(session):
            return self._refuse(name, session)
        return self._move(name, body)

    def _refuse(self, name: str, session: Session) -> bool:
        """Nobody knows any more whether it was booked: it is not booked, and books will differ."""
        text = f"{name} of {session}, which was put away: not booked, the books tell whether it was"
        self.bodies.append(Noted(PUT_AWAY, text))
        return True

    def _move(self, name: str, body: LedgerBody) -> bool:
        """Let the trial make a move; where it cannot, it is made anew without it."""
        if isinstance(body, FillReceived) and body.corrects is not None:
            possible = self._state.can_correct(body)
        else:
            possible = self._try(body)
        if not possible:
            return False
        self._seen.add(name)
        if isinstance(body, FillReceived):
            self._filled(body)
        self.bodies.append(body)
        return True

    def _filled(self, fill: FillReceived) -> None:
        """The order of a fill; where there is none, somebody else trades this account.

        That is written before the fill: a disk that keeps only one of them keeps the halt.
        """
        if fill.reference in self._orders:
            self._orders[fill.reference] = self._orders[fill.reference].after(fill)
        elif self._state.trading_state is not TradingState.HALTED:
            self.bodies.append(foreign_halt(fill))

    def _try(self, body: LedgerBody) -> bool:
        try:
            move_ledger(self._trial, body)
        except (InvariantBroken, KeyError):
            self._trial = copy.deepcopy(self._state.portfolio)
            for taken in self._taken:
                move_ledger(self._trial, taken)
            return False
        self._taken.append(body)
        return True

    def _seen_order(self, body: OrderSeen) -> bool:
        """A hint: it ends an order of ours once all its fills are here."""
        order = self._orders.get(body.order.reference)
        if order is None or order.stage in (OrderStage.UNKNOWN, OrderStage.PLANNED):
            return True
        if order.stage.is_over or not body.order.state.is_final:
            return True
        bodies = hinted_bodies(order, body.order)
        for each in bodies:
            self._orders[body.order.reference] = order.after(each)
        self.bodies += bodies
        return bool(bodies)


def foreign_halt(fill: FillReceived) -> RiskStateChanged:
    """Why nothing is ordered any more after a fill of an order that is not ours."""
    reason = f"{fill.execution}: {fill.shares} {fill.symbol} of order {fill.reference}"
    return RiskStateChanged(TradingState.HALTED, f"not an order of this worker: {reason}"[:300])


def _entry(body: AccountChanged | DuePaid | FractionPaid) -> LedgerBody:
    """The entry for an event of the account."""
    match body:
        case AccountChanged():
            return AccountMoved.of(body)
        case DuePaid(event_id=name, session=session, row=row):
            return DuesPaid(name, session, row)
        case FractionPaid(event_id=name, session=session, symbol=symbol, price=price):
            return FractionSettled(name, session, symbol, price)


def _commissions(events: Sequence[BrokerEvent]) -> dict[str, int]:
    return {
        event.body.execution_id: event.body.commission_micros
        for event in events
        if isinstance(event.body, CommissionCharged)
    }


def _fill(
    executed: Executed, commission_micros: int | None, corrects: str | None = None
) -> FillReceived | None:
    """The entry for an execution; None while its commission is not known."""
    if commission_micros is None:
        return None
    return FillReceived(
        execution=executed.execution_id,
        reference=executed.reference,
        session=executed.session,
        symbol=executed.symbol,
        side=executed.side,
        shares=executed.shares,
        price_micros=executed.price_micros,
        open_micros=executed.open_micros,
        commission_micros=commission_micros,
        corrects=corrects,
    )
