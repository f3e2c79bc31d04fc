"""The broker's books against the journal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from quant_core.brokers.paper.venue_orders import capabilities
from quant_core.brokers.port import Executed, OrderKind, OrderState, OrderView, Snapshot
from quant_core.live.chronicle import Chronicle
from quant_core.live.event_intake import EventIntake
from quant_core.live.journal import Journal
from quant_core.live.journal_kinds import TradingState
from quant_core.live.reconcile import Patience, Reconciler, differences
from quant_core.live.worker_state import WorkerState
from quant_core.trading.orders import Side
from tests.live.small_desk import CAPITAL, Bench, plain_world, whole_run
from tests.live.test_order_life import DAY, INTENT
from tests.live.test_trader import fault
from tests.live.test_worker_state import FILL

AT = datetime(2024, 1, 2, tzinfo=UTC)
BOOKS = Snapshot("DU1", AT, True, CAPITAL, {}, (), (), (), 0)
VIEW = OrderView("r1", "7", DAY, "AAA", Side.BUY, 10, 0, OrderKind.ON_OPEN, OrderState.WORKING)


def state_of(*bodies) -> WorkerState:
    state = WorkerState(CAPITAL)
    for body in bodies:
        state.apply(body)
    return state


class TestExamples:
    def test_equal_books(self):
        assert differences(state_of(), BOOKS, ()) == []

    @pytest.mark.parametrize(
        ("books", "text"),
        [
            (replace(BOOKS, cash_micros=CAPITAL - 1), "cash:"),
            (replace(BOOKS, positions={"AAA": 1}), "AAA: 0 shares here, 1"),
            (replace(BOOKS, open_orders=(VIEW,)), "not of this worker"),
            (replace(BOOKS, complete=False, missing=("cash",)), "not complete: cash"),
            (replace(BOOKS, completed_orders=(VIEW, VIEW)), "2 times at the broker"),
            (
                replace(
                    BOOKS,
                    executions=(Executed("e1", "r1", DAY, "AAA", Side.BUY, 1, 1, 1, 0),),
                ),
                "execution e1",
            ),
        ],
    )
    def test_every_difference_is_named(self, books, text):
        (found,) = differences(state_of(), books, ())
        assert text in found

    def test_what_waits_is_a_difference(self):
        assert "event 5" in differences(state_of(), BOOKS, ("event 5",))[0]

    def test_a_position_of_ours_alone(self):
        found = differences(state_of(INTENT, FILL), BOOKS, ())
        assert any(line.startswith("AAA: 10 shares here, 0") for line in found)


class Snapshots:
    """A broker without events whose snapshots are given."""

    capabilities = capabilities(short_selling=False)

    def __init__(self, *books: Snapshot) -> None:
        self.books = list(books)

    async def events(self, after: int) -> tuple[()]:
        return ()

    async def snapshot(self) -> Snapshot:
        return self.books.pop(0) if len(self.books) > 1 else self.books[0]


class TestSecondLook:
    """A snapshot that a fill has overtaken differs from the journal, and means nothing."""

    @pytest.mark.parametrize(
        ("books", "halts"),
        [
            ((BOOKS,), False),
            ((replace(BOOKS, cash_micros=1), BOOKS), False),
            ((replace(BOOKS, cash_micros=1), replace(BOOKS, cash_micros=2)), True),
        ],
    )
    def test_a_difference_counts_when_it_is_there_twice(self, tmp_path, books, halts):
        state = WorkerState(CAPITAL)
        with Journal.open(tmp_path, "DU1", lambda: AT, None, state.take) as journal:
            chronicle, broker = Chronicle(journal, state), Snapshots(*books)
            intake = EventIntake(broker, chronicle, lambda _: None)
            patience = Patience(5.0, lambda: 0.0)
            books = Reconciler(broker, chronicle, intake, lambda _: None, patience)
            finding = asyncio.run(books.look(AT))
        assert finding.agrees is not halts
        assert (state.trading_state is TradingState.HALTED) is halts


class TestCorrections:
    def test_a_corrected_fill_is_no_difference(self, tmp_path):
        scenario = fault(on="event", name="executed", nth=1, do="correct")
        bench = whole_run(Bench(tmp_path, plain_world(), scenario=scenario))
        assert bench.state.trading_state is TradingState.ACTIVE
        assert bench.state.sessions_closed == 7
