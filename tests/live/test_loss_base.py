"""After a resumption losses are measured from one equity, through every restart."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quant_core.live.chronicle import Chronicle
from quant_core.live.journal import Journal, read
from quant_core.live.journal_entries import (
    Body,
    KillLatchCleared,
    KillLatchSet,
    LossesBegun,
    RiskStateChanged,
)
from quant_core.live.journal_kinds import TradingState
from quant_core.live.loss_watch import LossWatch
from quant_core.live.worker_state import WorkerState
from quant_core.notify.port import Alert
from quant_core.risk.limit_values import Limits

NOW = datetime(2024, 1, 2, 15, tzinfo=UTC)
CAPITAL = 110_000_000
HALTED = RiskStateChanged(TradingState.HALTED, "a tenth was lost")
RESUMED = RiskStateChanged(TradingState.ACTIVE, "looked at")
OPEN = Limits(
    max_quote_age_seconds=60,
    price_collar=0.05,
    cut_off_margin_seconds=30,
    max_data_age_sessions=0,
    max_reconciliation_age_seconds=300,
)
LIMITS = {
    "session": replace(OPEN, halt_at_daily_loss=0.05),
    "peak": replace(OPEN, halt_at_drawdown=0.05),
}


@contextmanager
def life(folder: Path, of: str, *told: Body) -> Generator[LossWatch]:
    """A watch on the journal of a folder, up to a death without a word."""
    state, alerts = WorkerState(CAPITAL), list[Alert]()
    with Journal.open(folder, "DU1", lambda: NOW, None, state.take) as journal:
        chronicle = Chronicle(journal, state)
        chronicle.record(told)
        yield LossWatch(chronicle, LIMITS[of], alerts.append)


def state_of(watch: LossWatch) -> WorkerState:
    return watch._chronicle.state


def begun(folder: Path) -> list[int]:
    """The equities from which losses were ever measured."""
    bodies = [entry.body for entry in read(folder)]
    return [body.equity_micros for body in bodies if isinstance(body, LossesBegun)]


@pytest.mark.parametrize("of", LIMITS)
class TestExamples:
    def test_a_loss_before_a_restart_counts_with_that_after_it(self, tmp_path, of):
        """3 % and 3 % of a limit of 5 %, with a death in between."""
        with life(tmp_path, of, HALTED, RESUMED) as watch:
            watch.valued(100_000_000, NOW)
            watch.valued(97_000_000, NOW)
            assert state_of(watch).trading_state is TradingState.ACTIVE
        with life(tmp_path, of) as watch:
            watch.valued(97_000_000, NOW)
            assert state_of(watch).trading_state is TradingState.ACTIVE
            watch.valued(94_000_000, NOW)
            assert state_of(watch).trading_state is TradingState.HALTED
        assert begun(tmp_path) == [100_000_000]

    def test_without_a_restart_it_is_the_same(self, tmp_path, of):
        with life(tmp_path, of, HALTED, RESUMED) as watch:
            for equity in (100_000_000, 97_000_000, 94_000_000):
                watch.valued(equity, NOW)
            assert state_of(watch).trading_state is TradingState.HALTED

    def test_each_resumption_begins_anew(self, tmp_path, of):
        with life(tmp_path, of, HALTED, RESUMED) as watch:
            watch.valued(100_000_000, NOW)
            watch.valued(94_000_000, NOW)
        with life(tmp_path, of, RESUMED) as watch:
            watch.valued(None, NOW)
            watch.valued(94_000_000, NOW)
            # No value for a moment: only risk is reduced until the session ends.
            assert state_of(watch).trading_state is TradingState.REDUCING
            watch.valued(89_000_000, NOW)
            assert state_of(watch).trading_state is TradingState.HALTED
        assert begun(tmp_path) == [100_000_000, 94_000_000]

    def test_a_cleared_kill_latch_does_too(self, tmp_path, of):
        with life(tmp_path, of, KillLatchSet("KILL", "a file"), KillLatchCleared("me", "")) as w:
            w.valued(100_000_000, NOW)
        with life(tmp_path, of) as watch:
            state = state_of(watch)
            assert (state.day_start_micros, state.peak_micros) == (100_000_000, 100_000_000)
        assert begun(tmp_path) == [100_000_000]


class TestProperties:
    def test_nothing_is_written_while_nothing_was_resumed(self, tmp_path):
        with life(tmp_path, "peak") as watch:
            watch.valued(109_000_000, NOW)
        assert begun(tmp_path) == []

    def test_what_is_known_of_the_session_stays(self, tmp_path):
        """A session that was opened since the resumption has its own start."""
        state = WorkerState(CAPITAL)
        state.apply(HALTED)
        state.apply(RESUMED)
        state.day_start_micros = 5
        state.apply(LossesBegun(7))
        assert (state.day_start_micros, state.peak_micros) == (5, 7)
        assert not state.losses_begin
