"""The venue: exchange, clock, faults and books together, one transition at a time.

A transition changes the exchange in memory, passes what happened through the faults, and
writes all of it at once. When that fails, the memory is ahead of the disk: the venue then
does nothing any more, and has to be opened anew from its books.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from quant_core.brokers.paper.books import Books, BooksUnusable, Happened, Transition
from quant_core.brokers.paper.exchange import Exchange, VenueRules
from quant_core.brokers.paper.faults import Faults
from quant_core.brokers.paper.scenario import NO_FAULTS, Fault, Scenario
from quant_core.brokers.paper.venue_clock import Phase, VenueClock, VenueTime
from quant_core.brokers.paper.venue_orders import VenueOrder
from quant_core.brokers.paper.venue_state import VenueState, content_of, opened_state
from quant_core.brokers.port import (
    Accepted,
    BrokerEvent,
    EventBody,
    Intent,
    Notice,
    OrderState,
    Rejected,
)
from quant_core.foundation.types import Session
from quant_core.market import Market


@dataclass(frozen=True, slots=True)
class PaperAccount:
    """The account: its name and the cash it begins with."""

    name: str
    capital_micros: int


class Venue:
    """The paper broker's side of the wire.

    Parameters
    ----------
    market : Market
        Prices and corporate actions.
    clock : VenueClock
        Which phases may be entered, and when they are.
    rules : VenueRules
        Fills, costs, margin.
    account : PaperAccount
        Whose books these are; those on disk must be of the same account and capital.
    books : Books
        Where everything is kept.
    scenario : Scenario
        What goes wrong.

    Raises
    ------
    ConfigurationError
        If the books are of another account.
    DataRefused
        If the data no longer has the session at which the books stand.
    """

    def __init__(
        self,
        market: Market,
        clock: VenueClock,
        rules: VenueRules,
        account: PaperAccount,
        books: Books,
        scenario: Scenario = NO_FAULTS,
    ) -> None:
        fresh = VenueState(
            account=account.name,
            capital_micros=account.capital_micros,
            may_short=rules.margin.allowed,
            place=clock.start,
            session=market.session(clock.start.row),
        )
        self._books = books
        self.state = opened_state(books.state_text(), fresh, market)
        self.faults = Faults(scenario, self.state.faults)
        self.faults.leave(self.state.next_happened)
        content = content_of(self.state, books)
        self.exchange = Exchange(market, rules, content, self.faults.treatment)
        self.clock = clock
        self.broken = ""
        if books.state_text() is None:
            books.write(Transition(self.state))

    @property
    def place(self) -> VenueTime:
        """The phase that was entered last."""
        return self.state.place

    @property
    def now(self) -> datetime:
        """The present instant of the venue."""
        return self.clock.now(self.place)

    @property
    def trading_session(self) -> Session | None:
        """The session that orders are taken for."""
        return self.clock.session(self.place.trading_row)

    def renew(self, market: Market, clock: VenueClock) -> None:
        """Go on with newer data: the sessions so far must stand in the same rows."""
        opened_state(self._books.state_text(), self.state, market)
        self.exchange.renew(market)
        self.clock = clock

    def advance(self) -> VenueTime | None:
        """Enter the next phase; None when it has not come or its prices are not known."""
        place = self.place.following
        if not self.clock.may_enter(place):
            return None
        with self._transition():
            session = self.exchange.market.session(place.row)
            direct = self.faults.phase_begins()
            self.state = replace(self.state, place=place, session=session)
            if place.phase is Phase.BEFORE_OPEN:
                self.state = replace(self.state, session_from=self.state.next_happened)
            told: list[EventBody] = []
            for fault in self.faults.struck(f"phase:{place.phase}", session):
                direct += self._phase_fault(fault, told)
            exchange = self.exchange
            enter = {
                Phase.BEFORE_OPEN: exchange.before_open,
                Phase.OPEN: exchange.opening_auction,
                Phase.CLOSE: exchange.closing_auction,
                Phase.AFTER_CLOSE: exchange.after_close,
            }
            self._commit(session, direct, told + enter[place.phase](place.row))
        return place

    def open_link(self) -> bool:
        """Connect a client under a new epoch; False when the venue does not answer.

        The client gets what happened without it, and after a lost link the whole session.
        """
        with self._transition():
            if self.faults.refuses_open():
                self._commit(self._session_at_work(), [], [])
                return False
            state = self.faults.state
            if state.link:
                return True
            since = state.next_missed(self.state.next_happened)
            if state.replay_session:
                since = min(since, self.state.session_from)
            missed = [happened.body for happened in self._books.happened_since(since)]
            self._commit(self._session_at_work(), [self.faults.link_up(), *missed], [])
        return True

    def lose_link(self, fault: Fault) -> None:
        """The connection breaks."""
        with self._transition():
            down = self.faults.lose_link(fault, self.state.next_happened)
            self._commit(self._session_at_work(), down, [])

    def leave(self) -> None:
        """The client disconnects."""
        with self._transition():
            self.faults.leave(self.state.next_happened)
            self._commit(self._session_at_work(), [], [])

    def struck(self, call: str) -> list[Fault]:
        """The faults that strike a call; a count is kept where the scenario names it."""
        target = f"call:{call}"
        if not self.faults.names(target):
            return []
        with self._transition():
            session = self._session_at_work()
            faults = self.faults.struck(target, session)
            self._commit(session, [], [])
        return faults

    def submit(self, intent: Intent) -> Accepted | Rejected:
        """Take an order, or say why not; the same order again is answered as before."""
        known = self._answer_known(intent)
        if known is not None:
            return known
        with self._transition():
            answer, bodies = self.exchange.submit(intent, self.trading_session, self.place)
            self._commit(self._session_at_work(), [], bodies)
        return answer

    def reject(self, intent: Intent, code: str, text: str) -> Accepted | Rejected:
        """Refuse an order because the scenario says so."""
        known = self._answer_known(intent)
        if known is not None:
            return known
        with self._transition():
            answer, bodies = self.exchange.reject(intent, self.place, code, text)
            self._commit(self._session_at_work(), [], bodies)
        return answer

    def cancel(self, orders: Sequence[VenueOrder]) -> None:
        """End open orders, all in one transition."""
        with self._transition():
            bodies: list[EventBody] = []
            for order in orders:
                bodies += self.exchange.cancel(order.number)
            self._commit(self._session_at_work(), [], bodies)

    def orders_under(self, reference: str) -> list[VenueOrder]:
        """Every order under a reference, of any session."""
        self.check_usable()
        return self._books.orders_under(reference)

    def check_usable(self) -> None:
        """Refuse to go on after a transition that failed.

        Raises
        ------
        BooksUnusable
            If the memory is ahead of the disk.
        """
        if self.broken:
            raise BooksUnusable(
                "the paper broker has stopped",
                expected="books on disk as they are in memory",
                found=self.broken,
                fix="start again: the broker goes on from its books",
            )

    def events(self, after: int) -> list[BrokerEvent]:
        """What the client was told with numbers above ``after``."""
        return self._books.events(after)

    def close(self) -> None:
        """Let go of the books."""
        self._books.close()

    def _answer_known(self, intent: Intent) -> Accepted | Rejected | None:
        """The answer to an order that was sent before."""
        if not self.exchange.rules.once_per_reference:
            return None
        for order in self.orders_under(intent.reference):
            if replace(order.intent, rank=0) != replace(intent, rank=0):
                return Rejected(
                    intent.reference,
                    "duplicate_reference",
                    "the reference stands for another order",
                )
            if order.state is OrderState.REJECTED:
                return Rejected(intent.reference, order.reason, "refused when it first came")
            return Accepted(intent.reference, order.broker_id)
        return None

    def _phase_fault(self, fault: Fault, told: list[EventBody]) -> list[EventBody]:
        """What a fault does at the beginning of a phase; a notice happens with the rest."""
        counters = self.exchange.content.counters
        if fault.do == "notice":
            told.append(Notice(fault.code, "said by the scenario"))
            return []
        counters.broker_id = max(counters.broker_id - fault.roll_back, 1)
        if fault.do == "roll_back_ids":
            return []
        return self.faults.lose_link(fault, self.state.next_happened)

    def _session_at_work(self) -> Session:
        """The session a call belongs to: the one orders are taken for, or else the last."""
        return self.trading_session or self.state.session

    @contextmanager
    def _transition(self) -> Generator[None]:
        """A change of the venue; one that fails in the middle is the last."""
        self.check_usable()
        try:
            yield
        except BaseException as error:
            self.broken = str(error) or type(error).__name__
            raise

    def _commit(
        self, session: Session, direct: Sequence[EventBody], bodies: Sequence[EventBody]
    ) -> None:
        """Write what changed: ``direct`` is told as it is, ``bodies`` as the faults leave them."""
        state = self.state
        told = [*direct, *self.faults.delivered(bodies, session)]
        happened = [
            Happened(number, session, body)
            for number, body in enumerate(bodies, start=state.next_happened)
        ]
        delivered = [
            BrokerEvent(number, self.now, body)
            for number, body in enumerate(told, start=state.last_event + 1)
        ]
        changes = self.exchange.drain()
        next_happened = state.next_happened + len(happened)
        self.state = replace(
            state,
            next_happened=next_happened,
            last_event=state.last_event + len(delivered),
            faults=self.faults.state,
            taken=dict(self.exchange.content.taken),
            counters=self.exchange.content.counters.as_tuple(),
        )
        needed = min(self.faults.state.next_missed(next_happened), state.session_from)
        self._books.write(
            Transition(
                self.state,
                changes.orders,
                changes.executions,
                changes.entries,
                happened,
                delivered,
                needed,
            )
        )
