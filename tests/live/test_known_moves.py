"""What the worker remembers is bounded, and what it forgot is not booked a second time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from quant_core.brokers.port import (
    AccountChanged,
    BrokerEvent,
    CommissionCharged,
    EventBody,
    Executed,
    FractionPaid,
    Snapshot,
)
from quant_core.foundation.errors import InvariantBroken
from quant_core.live.chronicle import Chronicle
from quant_core.live.command_door import OUTCOMES_KEPT, CommandLog, CommandState
from quant_core.live.commands import Action
from quant_core.live.event_intake import PUT_AWAY, EventIntake
from quant_core.live.journal import Journal, read
from quant_core.live.journal_account import AccountMoved, BrokerRead
from quant_core.live.journal_entries import (
    BookRecord,
    CommandDone,
    CommandReceived,
    Noted,
    SessionClosed,
    SessionOpened,
)
from quant_core.live.journal_kinds import OrderEnd
from quant_core.live.journal_orders import (
    FillReceived,
    OrderAcknowledged,
    OrderEnded,
    OrderIntent,
)
from quant_core.live.known_moves import KnownMoves, session_of
from quant_core.live.reconcile import differences
from quant_core.live.replay import replay
from quant_core.live.worker_state import WorkerState
from quant_core.notify.port import Alert
from quant_core.trading.actions import Split
from quant_core.trading.events import CashFlow
from quant_core.trading.orders import Side
from tests.live.journals import AT
from tests.live.small_desk import Bench, plain_world

CAPITAL = 10_000_000_000
KEPT = 3
FIRST = date(2024, 1, 1)
PRICE = 5_000_000


def day_of(number: int) -> date:
    return FIRST + timedelta(days=number)


def fill_of(number: int) -> FillReceived:
    """One share more a day, except that every second day it is sold again."""
    side = Side.SELL if number % 2 else Side.BUY
    name, day = f"r{number}", day_of(number)
    return FillReceived(f"e{number}", name, day, "AAA", side, 1, PRICE, PRICE, 0)


def told(fill: FillReceived, **changed: object) -> Executed:
    names = (
        *("reference", "session", "symbol", "side"),
        *("shares", "price_micros", "open_micros", "commission_micros"),
    )
    executed = Executed(fill.execution, *(getattr(fill, name) for name in names))
    return replace(executed, **changed)


class Desk:
    """A worker's memory over a journal, and a broker that says what it is given."""

    def __init__(self, folder: Path, kept: int | None = KEPT) -> None:
        self.folder = folder
        self.state = WorkerState(CAPITAL, kept)
        self.journal = Journal.open(folder, "DU1", lambda: AT, None, self.state.take)
        self.chronicle = Chronicle(self.journal, self.state)
        self.alerts: list[Alert] = []
        self.waiting: list[BrokerEvent] = []
        self.intake = EventIntake(self, self.chronicle, self.alerts.append)

    async def events(self, after: int) -> Sequence[BrokerEvent]:
        return [event for event in self.waiting if event.number > after]

    def day(self, number: int) -> None:
        """A session with an order, its fill and its close."""
        day, fill = day_of(number), fill_of(number)
        self.chronicle.record([SessionOpened(day, "v", BookRecord.of(self.state.book))])
        self.chronicle.record(
            [OrderIntent(fill.reference, day, "AAA", fill.side, "exit", 1, 0.0, PRICE, None)]
        )
        self.tell(told(fill))
        self.chronicle.record([AccountMoved.of(interest(number))])
        closes = dict.fromkeys(self.state.valued(), PRICE)
        book = BookRecord.of(self.state.preview(day, closes))
        self.chronicle.record([SessionClosed(day, book, closes)])

    def tell(self, *bodies: EventBody) -> int:
        number = self.intake.read
        self.waiting = [
            BrokerEvent(number + at, AT, body) for at, body in enumerate(bodies, start=1)
        ]
        return asyncio.run(self.intake.collect())

    def remembered(self) -> tuple[int, int, int]:
        return len(self.state.days), len(self.state.orders), len(self.state.seen)


def interest(number: int) -> AccountChanged:
    return AccountChanged(f"a{number}", CashFlow(day_of(number), "", -1), "debit_interest")


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.journal.close()


class TestExamples:
    def test_what_is_remembered_does_not_grow(self, desk):
        found: list[tuple[int, int, int]] = []
        for number in range(12):
            desk.day(number)
            found.append(desk.remembered())
        # The orders never end here, which keeps them: see the test of open orders.
        assert [days for days, _, _ in found] == [1, 2, *[KEPT] * 10]
        assert desk.state.sessions_closed == 12

    def test_moves_are_forgotten_with_their_session(self):
        known = KnownMoves()
        sizes: list[int] = []
        for number in range(500):
            known.add(f"e{number}", day_of(number))
            known.put_away(day_of(number - KEPT + 1))
            sizes.append(len(known))
        assert max(sizes) == sizes[-1] == KEPT
        assert "e499" in known and "e496" not in known

    def test_a_split_has_no_session_and_is_remembered(self):
        known, split = KnownMoves(), AccountMoved("s1", "split", "", split=Split("AAA", 2.0))
        known.add("s1", session_of(split))
        known.put_away(day_of(99))
        assert "s1" in known
        with pytest.raises(InvariantBroken, match="twice"):
            known.add("s1", session_of(split))

    def test_an_older_session_is_never_taken_again(self):
        known = KnownMoves()
        known.put_away(day_of(5))
        known.put_away(day_of(3))
        assert not known.takes(day_of(4)) and known.takes(day_of(5)) and known.takes(None)

    def test_ids_of_commands_outlive_the_commands(self):
        log = CommandLog()
        for number in range(3 * OUTCOMES_KEPT):
            name = f"c{number}"
            log.apply(CommandReceived(name, Action.CANCEL, "DU1", "w", AT, AT))
            if number:
                log.apply(CommandDone(name, True, ""))
        assert log.count == 3 * OUTCOMES_KEPT
        assert log.state("c1") is CommandState.DONE
        assert [command.id for command in log.unfinished()] == ["c0"]
        newest = [command.id for command, _ in log.newest(1000)]
        assert newest == [f"c{n}" for n in range(2 * OUTCOMES_KEPT, 3 * OUTCOMES_KEPT)]


def ended(desk: Desk, count: int) -> Desk:
    """Sessions whose orders are over."""
    for number in range(count):
        desk.day(number)
        name = f"r{number}"
        desk.chronicle.record(
            [
                OrderAcknowledged(name, "b"),
                OrderEnded(name, "AAA", 1, OrderEnd.FILLED, 1, ""),
            ]
        )
    return desk


class TestReplay:
    def test_time_limits_of_calls_that_were_answered_are_let_go(self, tmp_path):
        """A venue in process never waits; without a turn of its own the loop keeps them all."""
        bench = Bench(tmp_path, plain_world())

        async def limits_after() -> int:
            days = (bench.days, bench.timetable)
            assert await replay(bench.trader, bench.venue, bench.clock, days)
            return sum(isinstance(each, asyncio.TimerHandle) for each in gc.get_objects())

        try:
            assert asyncio.run(limits_after()) < 50
        finally:
            bench.close()


class TestToldAgain:
    """The broker repeats what the worker no longer knows."""

    def test_nothing_of_a_session_that_was_put_away_is_booked(self, desk):
        ended(desk, 9)
        before = desk.state.portfolio.cash_micros
        assert "e0" not in desk.state.seen and "e8" in desk.state.seen
        desk.tell(
            told(fill_of(0)),
            told(fill_of(1), commission_micros=None),
            interest(0),
            FractionPaid("f0", day_of(0), "AAA", 1.0),
            told(fill_of(8)),
            CommissionCharged("e8", 0),
            interest(8),
        )
        assert (desk.state.portfolio.cash_micros, desk.intake.waiting) == (before, ())
        bodies = [entry.body for entry in read(desk.folder)]
        assert isinstance(bodies[-1], BrokerRead)  # nor is it asked for again
        notes = [body.text for body in bodies if isinstance(body, Noted)]
        assert [text.split()[0] for text in notes] == ["e0", "e1", "a0", "f0"]
        assert [alert.key for alert in desk.alerts] == [PUT_AWAY] * 4

    def test_its_executions_in_a_snapshot_are_a_difference(self, desk):
        ended(desk, 9)
        cash, held = desk.state.portfolio.cash_micros, {"AAA": 1}
        at = datetime(2024, 1, 9, tzinfo=UTC)
        old = told(fill_of(0))
        snapshot = Snapshot("DU1", at, True, cash, held, (), (), (old,), 0)
        assert desk.intake.take_executions(snapshot.executions) == 0
        assert desk.state.portfolio.cash_micros == cash
        assert differences(desk.state, snapshot, ()) == ["execution e0 of r0 is not in the journal"]

    def test_moves_of_a_session_with_an_open_order_are_kept(self, desk):
        for number in range(9):
            desk.day(number)
        assert len(desk.state.seen) == 18
        before = desk.state.portfolio.cash_micros
        assert desk.tell(told(fill_of(0))) == 0
        assert (desk.state.portfolio.cash_micros, desk.alerts) == (before, [])

    def test_a_start_from_the_journal_forgets_the_same(self, desk):
        ended(desk, 9)
        again = WorkerState(CAPITAL, KEPT)
        for entry in read(desk.folder):
            again.take(entry)
        assert (again.seen, again.days) == (desk.state.seen, desk.state.days)
        assert again.sessions_closed == 9


class TestRefusals:
    def test_a_journal_that_books_what_was_put_away(self, desk):
        ended(desk, 9)
        with pytest.raises(InvariantBroken, match="put away") as caught:
            desk.state.apply(fill_of(0))
        assert caught.value.found == "e0 of 2024-01-01"
