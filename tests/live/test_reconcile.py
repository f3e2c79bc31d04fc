"""The broker's books against the journal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from quant_core.brokers.port import Executed, OrderKind, OrderState, OrderView, Snapshot
from quant_core.foundation.errors import ReconciliationError
from quant_core.live.journal_kinds import TradingState
from quant_core.live.reconcile import Finding, differences
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


class TestRefusals:
    def test_a_start_can_be_refused(self):
        Finding((), proven=True).check()
        with pytest.raises(ReconciliationError) as caught:
            Finding(("cash: 1 here, 2 at the broker",), proven=True).check()
        assert caught.value.exit_code == 6

    def test_a_corrected_fill_is_no_difference(self, tmp_path):
        scenario = fault(on="event", name="executed", nth=1, do="correct")
        bench = whole_run(Bench(tmp_path, plain_world(), scenario=scenario))
        assert bench.state.trading_state is TradingState.ACTIVE
        assert bench.state.sessions_closed == 7
