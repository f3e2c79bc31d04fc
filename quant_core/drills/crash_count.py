"""What a crash drill counts: the broker's books read anew, held against the journal.

Nothing here asks the worker, its state or its reconciliation. Both sides are read from
their files after the last process has ended; the journal's ledger alone is folded by the
worker's own code, because what it would start from is what must be right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from quant_core.brokers.paper.books import Books
from quant_core.brokers.paper.ledger import replayed
from quant_core.brokers.paper.venue_orders import VenueOrder
from quant_core.brokers.port import Executed, OrderState
from quant_core.drills.crash_market import CAPITAL_MICROS
from quant_core.live.journal import read, verify
from quant_core.live.journal_entries import Body, RiskStateChanged, TornLineKept, WorkerStarted
from quant_core.live.journal_kinds import OrderEnd, TradingState
from quant_core.live.journal_orders import (
    FillReceived,
    OrderAbsent,
    OrderAcknowledged,
    OrderIntent,
    OrderUnknown,
)
from quant_core.live.order_life import LiveOrder, OrderStage
from quant_core.live.worker_state import WorkerState

Key = tuple[str, str, str, str]
"""What an order is for: session, symbol as it was sent, side, purpose."""

_ENDS = {
    OrderEnd.FILLED: OrderState.FILLED,
    OrderEnd.TRUNCATED: OrderState.EXPIRED,
    OrderEnd.EXPIRED: OrderState.EXPIRED,
    OrderEnd.CANCELLED: OrderState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class BrokerSide:
    """The books of the exchange: every order it ever took, every execution, the account."""

    orders: tuple[VenueOrder, ...]
    executions: tuple[Executed, ...]
    positions: Mapping[str, int]
    cash_micros: int


@dataclass(frozen=True, slots=True)
class JournalSide:
    """What a journal says, and the ledger it makes."""

    bodies: tuple[Body, ...]
    orders: Mapping[str, LiveOrder]
    positions: Mapping[str, int]
    cash_micros: int
    problem: str
    """Why the chain of hashes is not whole; empty when it is."""

    @property
    def fills(self) -> tuple[FillReceived, ...]:
        """Every fill, in order."""
        return tuple(body for body in self.bodies if isinstance(body, FillReceived))


@dataclass(frozen=True, slots=True)
class Tally:
    """The figures of one worker's folder, or of several added up."""

    intents: int = 0
    orders: int = 0
    duplicates: int = 0
    lost: int = 0
    not_sent: int = 0
    """Intents the worker gave up before they left: their open had passed, or a split came."""
    strays: int = 0
    """Orders at the exchange of which the journal knows nothing."""
    restarts: int = 0
    restarts_in_doubt: int = 0
    """Starts that found intents without an answer."""
    in_doubt: int = 0
    """Intents without an answer at a start."""
    in_doubt_taken: int = 0
    """Those the exchange had: taken over, not sent again."""
    in_doubt_absent: int = 0
    """Those it had not: sent now."""
    torn_lines: int = 0
    halts: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(*(getattr(self, n) + getattr(other, n) for n in self.__slots__))


def read_broker(path: Path) -> BrokerSide:
    """The books in a file; no process may have them open."""
    books = Books(path)
    try:
        portfolio = replayed(CAPITAL_MICROS, False, books.entries())
        held = {symbol: portfolio.shares_of(symbol) for symbol in portfolio.held}
        orders, executions = tuple(books.all_orders()), tuple(books.all_executions())
    finally:
        books.close()
    return BrokerSide(orders, executions, held, portfolio.cash_micros)


def read_journal(folder: Path) -> JournalSide:
    """The journal in a folder."""
    state, bodies = WorkerState(CAPITAL_MICROS), list[Body]()
    for entry in read(folder):
        state.take(entry)
        bodies.append(entry.body)
    held = {symbol: state.portfolio.shares_of(symbol) for symbol in state.portfolio.held}
    found = verify(folder)
    cash, problem = state.portfolio.cash_micros, found.first_problem
    return JournalSide(tuple(bodies), dict(state.orders), held, cash, problem)


def tally(journal: JournalSide, broker: BrokerSide, undisturbed: BrokerSide | None) -> Tally:
    """Count one folder; ``undisturbed`` is what a worker orders that nobody kills.

    Without it (the market went on while no worker was there, so that other orders are
    right) lost are those alone that the journal says the broker has.
    """
    bodies = journal.bodies
    expected = set[Key]() if undisturbed is None else set(map(key_of, undisturbed.orders))
    acknowledged = {b.reference for b in bodies if isinstance(b, OrderAcknowledged)}
    intents = [body for body in bodies if isinstance(body, OrderIntent)]
    expected |= {key_of_intent(each) for each in intents if each.reference in acknowledged}
    seen = set(map(key_of, broker.orders))
    known = {key_of_intent(each) for each in intents}
    doubts = _doubts(bodies)
    return Tally(
        intents=len(known | expected),
        orders=len(broker.orders),
        duplicates=duplicates(broker.orders),
        lost=len(expected - seen),
        not_sent=len(known - seen - expected),
        strays=len(seen - known),
        restarts=sum(isinstance(body, WorkerStarted) for body in bodies) - 1,
        restarts_in_doubt=doubts["starts"],
        in_doubt=doubts["intents"],
        in_doubt_taken=doubts["taken"],
        in_doubt_absent=doubts["absent"],
        torn_lines=sum(isinstance(body, TornLineKept) for body in bodies),
        halts=sum(
            isinstance(body, RiskStateChanged) and body.state is TradingState.HALTED
            for body in bodies
        ),
    )


def key_of(order: VenueOrder) -> Key:
    """What an order at the exchange is for; its reference ends in the purpose."""
    sent = order.intent
    purpose = sent.reference.rpartition("-")[2]
    return str(sent.session), sent.symbol, sent.side.value, purpose


def key_of_intent(intent: OrderIntent) -> Key:
    """What an intent is for."""
    return str(intent.session), intent.symbol, intent.side.value, intent.purpose


def duplicates(orders: Iterable[VenueOrder]) -> int:
    """Orders at the exchange beyond the first of each session, symbol, side and purpose."""
    return sum(times - 1 for times in Counter(map(key_of, orders)).values())


def differences(journal: JournalSide, broker: BrokerSide) -> list[str]:
    """Everything in which journal and broker's books are not equal to the micro."""
    found = [f"journal: {journal.problem}"] if journal.problem else []
    if dict(journal.positions) != dict(broker.positions):
        found.append(f"positions: {dict(journal.positions)} and {dict(broker.positions)}")
    if journal.cash_micros != broker.cash_micros:
        found.append(f"cash: {journal.cash_micros} and {broker.cash_micros} micros")
    refused = {o.intent.reference for o in broker.orders if o.state is OrderState.REJECTED}
    ours = Counter(_of_journal(o) for o in journal.orders.values() if _arrived(o, refused))
    theirs = Counter(map(_of_broker, broker.orders))
    found += _unequal("order", ours, theirs)
    fills = Counter(_of_fill(fill) for fill in journal.fills)
    return found + _unequal("fill", fills, Counter(map(_of_execution, broker.executions)))


def departures(broker: BrokerSide, undisturbed: BrokerSide) -> list[str]:
    """In which orders, fills, positions and cash a disturbed run is not the undisturbed one."""
    found: list[str] = []
    if (dict(broker.positions), broker.cash_micros) != (
        dict(undisturbed.positions),
        undisturbed.cash_micros,
    ):
        found.append(f"cash: {broker.cash_micros} and {undisturbed.cash_micros} undisturbed")
    orders = (Counter(_wanted(o) for o in side.orders) for side in (broker, undisturbed))
    fills = (Counter(_traded(e) for e in side.executions) for side in (broker, undisturbed))
    return found + _unequal("order", *orders) + _unequal("fill", *fills)


def _unequal(
    what: str, ours: Counter[tuple[object, ...]], theirs: Counter[tuple[object, ...]]
) -> list[str]:
    """What one side has and the other has not, or not as often."""
    return [f"{what} here alone: {each}" for each in (ours - theirs).elements()] + [
        f"{what} there alone: {each}" for each in (theirs - ours).elements()
    ]


def _arrived(order: LiveOrder, refused: set[str]) -> bool:
    """Whether, by the journal, the exchange has an order, or has refused it."""
    return order.broker_order != "" or order.intent.reference in refused


def _of_journal(order: LiveOrder) -> tuple[object, ...]:
    name = order.intent.reference
    if order.stage is OrderStage.REJECTED:
        return name, OrderState.REJECTED.value
    end = None if order.end is None else _ENDS.get(order.end, order.end).value
    return name, order.broker_order, order.symbol, order.shares, order.filled, end


def _of_broker(order: VenueOrder) -> tuple[object, ...]:
    name = order.intent.reference
    if order.state is OrderState.REJECTED:
        return name, OrderState.REJECTED.value
    end = order.state.value if order.state.is_final else None
    return name, order.broker_id, order.symbol, order.shares, order.filled, end


def _of_fill(fill: FillReceived) -> tuple[object, ...]:
    traded = (str(fill.session), fill.symbol, fill.side.value, fill.shares, fill.price_micros)
    return (fill.execution, fill.reference, *traded, fill.open_micros, fill.commission_micros)


def _of_execution(done: Executed) -> tuple[object, ...]:
    return (done.execution_id, done.reference, *_traded(done))


def _traded(done: Executed) -> tuple[object, ...]:
    traded = (str(done.session), done.symbol, done.side.value, done.shares, done.price_micros)
    return (*traded, done.open_micros, done.commission_micros)


def _wanted(order: VenueOrder) -> tuple[object, ...]:
    return (*key_of(order), order.shares, order.filled, order.state.value)


def _doubts(bodies: Iterable[Body]) -> Counter[str]:
    """Starts and intents in doubt, and what the broker, asked about them, said.

    At a start the intents without an answer are noted just before the start itself.
    """
    counts, doubted, pending = Counter[str](), set[str](), set[str]()
    for body in bodies:
        match body:
            case OrderUnknown(reference=name):
                doubted.add(name)
            case WorkerStarted():
                counts["starts"] += bool(doubted)
                counts["intents"] += len(doubted)
                pending, doubted = pending | doubted, set[str]()
            case OrderAcknowledged(reference=name) if name in pending:
                counts["taken"] += 1
                pending.discard(name)
            case OrderAbsent(reference=name) if name in pending:
                counts["absent"] += 1
                pending.discard(name)
            case _:
                pass
    return counts
