"""What the worker knows: the journal, folded entry by entry.

The same :meth:`WorkerState.apply` runs while the worker trades and when it starts again,
so that a crash costs nothing. At every close the book it reaches is compared with the one
that was recorded, to the bit.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import get_args

from quant_core.foundation.errors import InvariantBroken, ReconciliationError
from quant_core.foundation.types import Session
from quant_core.live.command_door import CommandLog
from quant_core.live.journal_account import AccountMoved, BrokerRead, DuesPaid, FractionSettled
from quant_core.live.journal_entries import (
    Body,
    BookRecord,
    BreakerMoved,
    DecisionTaken,
    KillLatchCleared,
    KillLatchSet,
    LossesBegun,
    Reconciled,
    RiskStateChanged,
    SessionClosed,
    SessionOpened,
    ShortfallExplained,
    WorkerStarted,
)
from quant_core.live.journal_kinds import TradingState
from quant_core.live.journal_lines import Entry
from quant_core.live.journal_orders import FillReceived, OrderBody, OrderIntent
from quant_core.live.known_moves import KnownMoves, session_of
from quant_core.live.ledger_moves import LedgerBody, move_again, move_ledger
from quant_core.live.order_life import LiveOrder
from quant_core.portfolio import Portfolio
from quant_core.risk.breakers import BreakerState
from quant_core.trading.account import Book

REBALANCE = "rebalance"
"""The reason of a decision that was due by the schedule."""

ORDER_BODIES: tuple[type[OrderBody], ...] = get_args(OrderBody)


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A session that is over, with the equity and cash of its close."""

    session: Session
    equity_micros: int
    cash_micros: int


@dataclass(slots=True)
class OpenDay:
    """The session at work: the book it began with, its decision, its fills."""

    session: Session
    data_version: str
    book: Book
    decision: DecisionTaken | None = None
    fills: list[FillReceived] = field(default_factory=list[FillReceived])


class WorkerState:
    """The fold of a journal.

    Parameters
    ----------
    capital_micros : int
        Cash the account began with.
    sessions_kept : int or None
        Closed sessions whose orders and moves are kept; older ones are put away, so that a
        worker neither grows nor slows down with its history. None = all.

    Examples
    --------
    >>> state = WorkerState(1_000_000)
    >>> state.book.equity_micros, state.sessions_closed, state.day is None
    (1000000, 0, True)
    """

    def __init__(self, capital_micros: int, sessions_kept: int | None = None) -> None:
        self.capital_micros = capital_micros
        self._sessions_kept = sessions_kept
        # What the broker did is a fact, in whatever order it is told: the ledger here takes
        # a buy before the sale that paid for it.
        self.portfolio = Portfolio(capital_micros, may_short=True)
        self.book = Book.opening(capital_micros)
        self.breaker = BreakerState(capital_micros)
        self.closing_breaker = self.breaker
        self.day: OpenDay | None = None
        self.last_day: OpenDay | None = None
        """The last session that closed, as it was at its close."""
        self.days: list[ClosedDay] = []
        """The sessions that closed and were not put away, oldest first."""
        self.sessions_closed = 0
        self.orders: dict[str, LiveOrder] = {}
        self._open: dict[str, LiveOrder] = {}
        self._of_session: dict[Session, list[str]] = {}
        self.seen = KnownMoves()
        self.broker_read = 0
        self.kill_latched = False
        self.kill_reason = ""
        self.trading_state = TradingState.ACTIVE
        self.trading_reason = ""
        self.commands = CommandLog()
        self.reconciled: Reconciled | None = None
        self.shortfall: ShortfallExplained | None = None
        self.peak_micros: int | None = capital_micros
        self.day_start_micros: int | None = capital_micros
        """What losses are measured from; None from a resumption to the next valuation."""
        self.last_decision: DecisionTaken | None = None
        self.decided_at: datetime | None = None
        self.rebalanced: Session | None = None
        """The session of the last decision that was a rebalance."""
        self.first_rebalance: Session | None = None
        self.entries = 0
        self.last_at: datetime | None = None
        self.started_at: datetime | None = None
        """When the worker that writes the journal came up."""
        self._checkpoint = copy.deepcopy(self.portfolio)
        self._moves: list[LedgerBody] = []

    @property
    def open_orders(self) -> list[LiveOrder]:
        """Orders that may still fill, in the order of their intents."""
        return list(self._open.values())

    def orders_of(self, session: Session) -> list[LiveOrder]:
        """Orders for a session, in the order of their intents."""
        return [self.orders[name] for name in self._of_session.get(session, ())]

    def orders_of_day(self) -> list[LiveOrder]:
        """Orders for sessions that are not over: that at work, or the one before its opening."""
        over = self.book.session
        sessions = [each for each in self._of_session if over is None or each > over]
        return [order for session in sessions for order in self.orders_of(session)]

    def take(self, entry: Entry) -> None:
        """An entry of the journal, as it is read or was written."""
        self.entries, self.last_at = entry.seq, entry.at
        if isinstance(entry.body, WorkerStarted):
            self.started_at = entry.at
        self.apply(entry.body)

    def preview(self, session: Session, closes: dict[str, int]) -> Book:
        """The book at a close, without changing anything."""
        return copy.deepcopy(self.portfolio).mark(session, closes.__getitem__)

    def valued(self) -> tuple[str, ...]:
        """Names whose close a valuation needs."""
        return tuple(sorted({*self.portfolio.held, *self.portfolio.fractions}))

    def ledger_at_open(self) -> Portfolio:
        """A copy of the ledger as it was at the last close."""
        return copy.deepcopy(self._checkpoint)

    @property
    def losses_begin(self) -> bool:
        """Whether losses are measured anew, from an equity that is not known yet."""
        return self.day_start_micros is None or self.peak_micros is None

    def fits(self, body: LedgerBody) -> bool:
        """Whether the ledger can take a move now, or something before it is still missing."""
        trial = copy.deepcopy(self.portfolio)
        try:
            move_ledger(trial, body)
        except (InvariantBroken, KeyError):
            return False
        return True

    @property
    def fills_since_close(self) -> list[FillReceived]:
        """Fills since the last close, corrected ones as they now are."""
        return [move for move in self._moves if isinstance(move, FillReceived)]

    def can_correct(self, body: FillReceived) -> bool:
        """Whether the fill that another one replaces is of this session, and the rest fits."""
        if not any(fill.execution == body.corrects for fill in self.fills_since_close):
            return False
        trial = copy.deepcopy(self._checkpoint)
        try:
            for move in self._moves:
                fill = isinstance(move, FillReceived) and move.execution == body.corrects
                move_again(trial, body if fill else move)
        except (InvariantBroken, KeyError):
            return False
        return True

    @property
    def restated(self) -> frozenset[str]:
        """Names that were split or renamed since the last close."""
        moves = [move for move in self._moves if isinstance(move, AccountMoved)]
        split = {move.split.symbol for move in moves if move.split is not None}
        renamed = (move.renaming.successors for move in moves if move.renaming is not None)
        return frozenset(split.union(*renamed))

    def apply(self, body: Body) -> None:
        """Take an entry into account.

        Raises
        ------
        InvariantBroken
            If an order makes a move that there is not, or the ledger cannot follow.
        ReconciliationError
            If the book of a close is not the one that was recorded.
        """
        if isinstance(body, ORDER_BODIES):
            self._apply_order(body)
        else:
            self._apply_other(body)

    def _apply_other(self, body: Body) -> None:
        match body:
            case AccountMoved() | DuesPaid() | FractionSettled():
                self._apply_move(body)
            case BrokerRead(number=number):
                self.broker_read = number
            case SessionOpened() | SessionClosed() | DecisionTaken() | BreakerMoved():
                self._apply_session(body)
            case KillLatchSet() | KillLatchCleared() | RiskStateChanged() | LossesBegun():
                self._apply_risk(body)
            case Reconciled():
                self.reconciled = body
            case ShortfallExplained():
                self.shortfall = body
            case _:
                self.commands.apply(body)

    def _apply_order(self, body: OrderBody) -> None:
        reference = body.reference
        if isinstance(body, OrderIntent):
            if reference in self.orders:
                raise InvariantBroken("an order is planned twice", where=reference)
            self._of_session.setdefault(body.session, []).append(reference)
            self._keep(LiveOrder.planned(body))
        elif reference in self.orders:
            self._keep(self.orders[reference].after(body))
        elif not isinstance(body, FillReceived):  # a fill of an order that is not ours counts
            raise InvariantBroken("an entry about an order that was never planned", where=reference)
        if isinstance(body, FillReceived):
            self._apply_move(body)

    def _keep(self, order: LiveOrder) -> None:
        """An order as it now is; those that are open are found without a look at the others."""
        reference = order.intent.reference
        self.orders[reference] = order
        if order.is_open:
            self._open[reference] = order
        else:
            self._open.pop(reference, None)

    def _put_away(self) -> None:
        """Forget sessions that closed long ago, their orders and moves; the journal has them.

        One of which an order is still open is kept whole, and what was known of those after it.
        """
        kept = self._sessions_kept
        if kept is None or len(self.days) <= kept:
            return
        del self.days[:-kept]
        oldest = self.days[0].session
        for session in [each for each in self._of_session if each < oldest]:
            if not any(self.orders[name].is_open for name in self._of_session[session]):
                for name in self._of_session.pop(session):
                    del self.orders[name]
        self.seen.put_away(min([oldest, *self._of_session]))

    def _apply_move(self, body: LedgerBody) -> None:
        key = body.execution if isinstance(body, FillReceived) else body.event_id
        self.seen.add(key, session_of(body))
        if isinstance(body, FillReceived):
            if self.day is not None:
                self.day.fills.append(body)
            if body.corrects is not None:
                self._correct(body)
                return
        self._moves.append(body)
        move_ledger(self.portfolio, body)

    def _correct(self, body: FillReceived) -> None:
        """Replay the moves since the last close, one fill of them replaced."""
        known = [
            move
            for move in self._moves
            if isinstance(move, FillReceived) and move.execution == body.corrects
        ]
        if not known:
            raise InvariantBroken(
                "a fill of an earlier session is corrected",
                expected="a fill since the last close",
                found=f"{body.execution} for {body.corrects}",
                fix="book the difference by hand and begin a new journal",
            )
        replaced = known[0]
        self._moves[self._moves.index(replaced)] = body
        self._forget(replaced)
        self.portfolio = copy.deepcopy(self._checkpoint)
        for move in self._moves:
            move_again(self.portfolio, move)

    def _forget(self, replaced: FillReceived) -> None:
        """The replaced fill counts neither for its order nor for the day."""
        order = self.orders.get(replaced.reference)
        if order is not None:
            filled = order.filled - replaced.shares
            self._keep(replace(order, filled=filled))
        if self.day is not None and replaced in self.day.fills:
            self.day.fills.remove(replaced)

    def _apply_session(
        self, body: SessionOpened | SessionClosed | DecisionTaken | BreakerMoved
    ) -> None:
        match body:
            case SessionOpened(session=session, data_version=version, book=book):
                self.day = OpenDay(session, version, book.book())
                self.day_start_micros = self.day.book.equity_micros
            case DecisionTaken():
                if self.day is None or self.day.session != body.session:
                    raise InvariantBroken(
                        "a decision for a session that is not open", where=str(body.session)
                    )
                self.day.decision = self.last_decision = body
                self.decided_at = self.last_at
                if body.reason == REBALANCE:
                    self.rebalanced = body.session
                    self.first_rebalance = self.first_rebalance or body.session
            case SessionClosed():
                self._close(body)
            case BreakerMoved(peak_micros=peak, flat_from=flat_from):
                self.breaker = BreakerState(peak, flat_from)
                # A decision that was taken rests on the breaker of the close before it.
                if self.day is None or self.day.decision is None:
                    self.closing_breaker = self.breaker

    def _close(self, body: SessionClosed) -> None:
        self.closing_breaker = self.breaker
        book = self.portfolio.mark(body.session, body.closes.__getitem__)
        recorded = body.book.book()
        if book != recorded:
            raise ReconciliationError(
                "replaying the journal gives another book than the one recorded",
                expected=f"{BookRecord.of(recorded)}"[:400],
                found=f"{BookRecord.of(book)}"[:400],
                where=f"the close of {body.session}",
                fix="do not trade; keep the journal and compare it with the broker's statement",
            )
        self.last_day = self.day or OpenDay(body.session, "", self.book)
        self.book, self.day = book, None
        self.peak_micros = max(self.peak_micros or 0, book.equity_micros)
        self.day_start_micros = book.equity_micros
        self.sessions_closed += 1
        self.days.append(ClosedDay(body.session, book.equity_micros, book.cash_micros))
        self._checkpoint = copy.deepcopy(self.portfolio)
        self._moves = []
        self._put_away()

    def _apply_risk(
        self, body: KillLatchSet | KillLatchCleared | RiskStateChanged | LossesBegun
    ) -> None:
        match body:
            case KillLatchSet(source=source, reason=reason):
                self.kill_latched, self.kill_reason = True, f"{source}: {reason}"
            case KillLatchCleared():
                self.kill_latched, self.kill_reason = False, ""
                self.peak_micros = self.day_start_micros = None
            case RiskStateChanged(state=state, reason=reason):
                if self.trading_state is TradingState.HALTED and state is not self.trading_state:
                    # A person resumed: the loss that halted must not halt again at once.
                    self.peak_micros = self.day_start_micros = None
                self.trading_state, self.trading_reason = state, reason
            case LossesBegun(equity_micros=equity):
                if self.day_start_micros is None:
                    self.day_start_micros = equity
                if self.peak_micros is None:
                    self.peak_micros = equity
