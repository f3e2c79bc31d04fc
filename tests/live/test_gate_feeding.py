"""Every limit through the worker: what the gate is told is what really is.

Each limit is set exactly at what a replay needs, and then one step below.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from quant_core.live.gate_view import gate_inputs
from quant_core.live.ipc import STATE_FILE, document_at
from quant_core.live.journal import read
from quant_core.live.journal_entries import LimitBreached, LossesBegun, RiskStateChanged
from quant_core.live.journal_kinds import TradingState
from quant_core.live.trader import JOURNAL_FOLDER
from quant_core.market import Market
from quant_core.trading.target import Weights
from tests.live.small_desk import OPEN_LIMITS, Bench, plain_world, whole_run
from tests.live.test_parity import difference


def bodies(folder: Path, kind: type) -> list:
    return [e.body for e in read(folder / "live" / JOURNAL_FOLDER) if isinstance(e.body, kind)]


def breaches(folder: Path) -> set[str]:
    return {body.code for body in bodies(folder, LimitBreached)}


def traded(folder: Path, rows: int = 6, **limits: object) -> Bench:
    """A replay under limits."""
    changed = replace(OPEN_LIMITS, **limits)
    return whole_run(Bench(folder, plain_world(rows=rows), limits=changed))


def first_orders(folder: Path) -> list:
    """The orders of the first session of a replay without limits."""
    bench = traded(folder)
    first = min(order.intent.session for order in bench.state.orders.values())
    return [order.intent for order in bench.state.orders.values() if order.intent.session == first]


BOUNDARIES = {
    "max_orders_per_day": (2, 1, "orders_per_day"),
    "max_orders_per_minute": (2, 1, "orders_per_minute"),
}


class TestBoundaries:
    @pytest.mark.parametrize("name", BOUNDARIES)
    def test_paces(self, tmp_path, name):
        enough, short, code = BOUNDARIES[name]
        assert breaches(traded(tmp_path / "a", rows=2, **{name: enough}).folder) == set()
        assert breaches(traded(tmp_path / "b", rows=2, **{name: short}).folder) == {code}

    def test_a_minute_is_over_by_the_next_session(self, tmp_path):
        """Six sessions, three orders at most in each: none counts for the next one."""
        bench = traded(tmp_path, max_orders_per_minute=3)
        assert breaches(tmp_path) == set()
        assert difference(bench.world, tmp_path) is None

    def test_value_of_one_order(self, tmp_path):
        largest = max(i.shares * i.signal_price_micros for i in first_orders(tmp_path / "x"))
        assert breaches(self.one(tmp_path / "a", max_order_notional_micros=largest)) == set()
        below = self.one(tmp_path / "b", max_order_notional_micros=largest - 1)
        assert breaches(below) == {"order_notional"}

    def test_shares_of_one_order(self, tmp_path):
        largest = max(intent.shares for intent in first_orders(tmp_path / "x"))
        assert breaches(self.one(tmp_path / "a", max_order_quantity=largest)) == set()
        below = self.one(tmp_path / "b", max_order_quantity=largest - 1)
        assert breaches(below) == {"order_quantity"}

    def test_cash_left_when_every_buy_fills(self, tmp_path):
        spent = sum(i.shares * i.signal_price_micros for i in first_orders(tmp_path / "x"))
        left = plain_world().capital_micros - spent
        assert breaches(self.one(tmp_path / "a", min_cash_micros=left)) == set()
        assert breaches(self.one(tmp_path / "b", min_cash_micros=left + 1)) == {"cash_floor"}

    def test_share_of_the_average_volume(self, tmp_path):
        """The volume of every session is a million shares."""
        largest = max(intent.shares for intent in first_orders(tmp_path / "x"))
        share = largest / 1e6
        assert breaches(self.one(tmp_path / "a", max_order_volume=share)) == set()
        below = self.one(tmp_path / "b", max_order_volume=(largest - 1) / 1e6)
        assert breaches(below) == {"order_volume"}

    def test_turnover_of_the_day(self, tmp_path):
        spent = sum(i.shares * i.signal_price_micros for i in first_orders(tmp_path / "x"))
        share = spent / plain_world().capital_micros
        enough = self.one(tmp_path / "a", max_turnover_per_day=share)
        assert breaches(enough) == set()
        below = self.one(tmp_path / "b", max_turnover_per_day=share - 1e-9)
        assert breaches(below) == {"turnover_per_day"}

    def test_restricted_names(self, tmp_path):
        assert breaches(self.one(tmp_path / "a", restricted=frozenset({"S0"}))) == set()
        assert breaches(self.one(tmp_path / "b", restricted=frozenset({"S1"}))) == {"restricted"}

    def test_weight_and_exposure(self, tmp_path):
        orders = first_orders(tmp_path / "x")
        values = [i.shares * i.signal_price_micros for i in orders]
        for name, value, code in (
            ("max_position_notional_micros", max(values), "position_notional"),
            ("max_gross_micros", sum(values), "gross_exposure"),
            ("max_net_micros", sum(values), "net_exposure"),
        ):
            assert breaches(self.one(tmp_path / f"a{name}", **{name: value})) == set()
            assert breaches(self.one(tmp_path / f"b{name}", **{name: value - 1})) == {code}

    def one(self, folder: Path, **limits: object) -> Path:
        """A replay of one session."""
        return traded(folder, rows=2, **limits).folder


def fallen_world():
    """Everything in S0 from row 1 on; its price falls by a tenth at the open of row 3."""
    world = plain_world(rows=7, decide=lambda row: Weights({"S0": 0.9} if row < 3 else {"S1": 0.9}))
    panel = world.market.panel
    panel.open.setflags(write=True)
    panel.close.setflags(write=True)
    for row in range(7):
        panel.open[row], panel.close[row] = 50.0, 50.0
    panel.open[3:, 0], panel.close[3:, 0] = 45.0, 45.0
    world.market = Market(panel, {})
    return world


class TestLosses:
    """Nine tenths of the account lose a tenth: about 9 % of the equity."""

    def run(self, folder: Path, **limits: float) -> Bench:
        changed = replace(OPEN_LIMITS, **limits)
        return whole_run(Bench(folder, fallen_world(), limits=changed))

    def states(self, folder: Path) -> list[TradingState]:
        return [body.state for body in bodies(folder, RiskStateChanged)]

    def loss(self, folder: Path) -> float:
        """The fraction that the day really loses."""
        bench = self.run(folder)
        days = bench.state.days
        return 1 - days[2].equity_micros / days[1].equity_micros

    def test_a_loss_at_the_limit_changes_nothing(self, tmp_path):
        loss = self.loss(tmp_path / "x")
        assert 0.08 < loss < 0.1
        bench = self.run(tmp_path / "a", halt_at_daily_loss=loss + 1e-6)
        assert self.states(tmp_path / "a") == []
        assert difference(bench.world, tmp_path / "a") is None

    def test_one_step_more_halts_and_stays_halted(self, tmp_path):
        loss = self.loss(tmp_path / "x")
        bench = self.run(tmp_path / "a", halt_at_daily_loss=loss - 1e-6)
        assert self.states(tmp_path / "a") == [TradingState.HALTED]
        assert bench.state.portfolio.held == ("S0",)
        assert {alert.key for alert in bench.alerts} >= {"losses"}

    def test_reducing_sells_and_does_not_buy_and_ends_with_the_session(self, tmp_path):
        loss = self.loss(tmp_path / "x")
        bench = self.run(tmp_path / "a", reduce_at_daily_loss=loss - 1e-6)
        assert self.states(tmp_path / "a") == [TradingState.REDUCING, TradingState.ACTIVE]
        # The session after begins anew: the change of names goes through.
        assert bench.state.portfolio.held == ("S1",)

    def test_a_drawdown_that_stays_keeps_reducing(self, tmp_path):
        bench = self.run(tmp_path / "a", reduce_at_drawdown=0.05)
        assert self.states(tmp_path / "a") == [TradingState.REDUCING]
        assert bench.state.portfolio.held == ()  # sold, and nothing bought

    def test_a_drawdown_beyond_its_limit_halts(self, tmp_path):
        self.run(tmp_path / "a", halt_at_drawdown=0.05)
        assert self.states(tmp_path / "a") == [TradingState.HALTED]

    def test_the_state_shows_the_headroom(self, tmp_path):
        changed = replace(OPEN_LIMITS, halt_at_daily_loss=0.5, halt_at_drawdown=0.2)
        bench = Bench(tmp_path / "a", fallen_world(), limits=changed)
        try:
            assert bench.run()
            asyncio.run(bench.trader.end("over"))
        finally:
            bench.close()
        document = document_at(tmp_path / "a" / "live" / STATE_FILE) or {}
        shown = {row["name"]: row for row in document["limits"]}
        row = shown["drawdown_halted"]
        assert row["used"] > 0 and row["left"] == row["limit"] - row["used"]

    def test_after_a_resumption_losses_count_from_there(self, tmp_path):
        self.run(tmp_path / "a", halt_at_drawdown=0.05)
        again = Bench(tmp_path / "a", fallen_world(), limits=OPEN_LIMITS)
        try:
            again.state.apply(RiskStateChanged(TradingState.ACTIVE, "looked at"))
            assert again.state.peak_micros is None and again.state.day_start_micros is None
            again.state.apply(LossesBegun(7))
            assert (again.state.peak_micros, again.state.day_start_micros) == (7, 7)
        finally:
            again.close()


class TestWhatIsNotKnown:
    def test_none_and_nan_refuse_every_order(self, tmp_path):
        """Each thing the gate asks for, taken away: nothing is sent."""
        bench = Bench(tmp_path, plain_world(rows=2))
        asyncio.run(bench.trader.start())
        moment = bench.trader._present.moment(None, cut_off=None)
        try:
            inputs = gate_inputs(bench.state, (), moment)
            assert (inputs.orders_last_minute, inputs.orders_today) == (0, 0)
            assert inputs.equity_micros == inputs.day_start_equity_micros
            assert inputs.peak_equity_micros == plain_world().capital_micros
            unknown = replace(moment, restricted=None)
            assert gate_inputs(bench.state, (), unknown).restricted is None
        finally:
            bench.close()

    def test_data_that_are_no_longer_published_are_refused(self, tmp_path):
        world = plain_world(rows=3)
        bench = Bench(tmp_path, world)
        whole = bench.days.decision_day
        bench.days.decision_day = lambda session: replace(whole(session), published="v2")
        whole_run(bench)
        assert breaches(tmp_path) == {"data_changed"}
        assert bench.state.portfolio.held == ()
