"""The fold of the journal: the same live and at the start, to the bit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quant_core.foundation.errors import InvariantBroken, ReconciliationError
from quant_core.live.journal import read
from quant_core.live.journal_entries import (
    BookRecord,
    BreakerMoved,
    DecisionTaken,
    SessionClosed,
    SessionOpened,
)
from quant_core.live.journal_kinds import OrderEnd, TargetKind
from quant_core.live.journal_orders import FillReceived, OrderEnded
from quant_core.live.trader import JOURNAL_FOLDER
from quant_core.live.worker_state import WorkerState
from quant_core.risk.breakers import BreakerState
from quant_core.trading.orders import Side
from tests.live.small_desk import CAPITAL, Bench, plain_world, whole_run
from tests.live.test_order_life import DAY, INTENT

FILL = FillReceived("e1", "r1", DAY, "AAA", Side.BUY, 10, 5_010_000, 5_000_000, 20_000)


def told(*bodies) -> WorkerState:
    state = WorkerState(CAPITAL)
    for body in bodies:
        state.apply(body)
    return state


class TestExamples:
    def test_replaying_the_journal_gives_the_worker_back(self, tmp_path):
        bench = whole_run(Bench(tmp_path, plain_world()))
        state = WorkerState(CAPITAL)
        for entry in read(tmp_path / "live" / JOURNAL_FOLDER):
            state.take(entry)
        assert state.book == bench.state.book
        assert state.orders == bench.state.orders
        assert state.days == bench.state.days
        assert state.last_day == bench.state.last_day
        assert state.last_day is not None and state.last_day.fills
        assert (state.breaker, state.seen) == (bench.state.breaker, bench.state.seen)

    def test_a_correction_replaces_its_fill(self):
        right = replace(FILL, execution="e2", price_micros=5_000_000, corrects="e1")
        state = told(INTENT, FILL, right)
        assert state.portfolio.cash_micros == CAPITAL - 10 * 5_000_000 - 20_000
        assert state.orders["r1"].filled == 10

    def test_a_busted_fill_is_gone(self):
        state = told(INTENT, FILL, replace(FILL, execution="e2", shares=0, corrects="e1"))
        assert (state.portfolio.cash_micros, state.portfolio.held) == (CAPITAL, ())
        assert state.orders["r1"].filled == 0

    def test_a_reset_breaker_counts_from_the_next_decision(self):
        reset = BreakerMoved(None, 90, None, ())
        idle = told(BreakerMoved(None, 100, 3, ()), reset)
        assert idle.breaker == idle.closing_breaker == BreakerState(90)
        state = told(BreakerMoved(None, 100, 3, ()))
        state.apply(SessionOpened(DAY, "v1", BookRecord.of(state.book)))
        state.apply(DecisionTaken(DAY, "v1", TargetKind.HOLD, "", {}, 0))
        state.apply(reset)
        # The decision that was taken stands; it must come out the same when it is made again.
        assert (state.breaker, state.closing_breaker) == (BreakerState(90), BreakerState(100, 3))
        state.apply(SessionClosed(DAY, BookRecord.of(state.preview(DAY, {})), {}))
        assert state.closing_breaker == BreakerState(90)

    def test_what_fits_is_tried_without_being_done(self):
        state = told()
        assert state.fits(FILL)
        assert not state.fits(replace(FILL, side=Side.SELL))
        assert state.portfolio.held == ()


class TestRefusals:
    def test_a_book_that_was_recorded_otherwise(self):
        state = told(INTENT, FILL)
        closes = {"AAA": 5_000_000}
        book = state.preview(DAY, closes)
        wrong = replace(book, cash_micros=book.cash_micros + 1)
        with pytest.raises(ReconciliationError, match="another book") as caught:
            state.apply(SessionClosed(DAY, BookRecord.of(wrong), closes))
        assert caught.value.exit_code == 6

    def test_an_execution_twice(self):
        with pytest.raises(InvariantBroken, match="journalled twice"):
            told(INTENT, FILL, FILL)

    def test_an_order_twice_or_never(self):
        with pytest.raises(InvariantBroken, match="planned twice"):
            told(INTENT, INTENT)
        with pytest.raises(InvariantBroken, match="never planned"):
            told(OrderEnded("r9", "AAA", 1, OrderEnd.FILLED, 1, ""))
