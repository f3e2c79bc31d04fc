"""Turnover, costs, break-even and exposure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from quant_core.foundation.errors import InvariantBroken
from quant_core.performance.implementation_costs import (
    annual_cost_drag,
    annual_turnover,
    break_even_cost_bps,
    equity_before,
    gross_returns,
    session_turnover,
    summarise_exposure,
    summarise_trading,
)
from quant_core.performance.returns import returns_since_start, total_return, wealth_path


class TestExamples:
    def test_two_sessions_by_hand(self) -> None:
        """Buy 1,000 of a 1,000 account at 10 bps, gain 1 %, then sell half and gain nothing."""
        equity = np.array([1009.0, 1008.5])
        before = equity_before(equity, 1000.0)
        turnover = session_turnover(np.array([1000.0, 500.0]), before)
        np.testing.assert_allclose(turnover, [1.0, 500.0 / 1009.0])
        net = returns_since_start(equity, 1000.0)
        gross = gross_returns(net, np.array([1.0, 0.5]), before)
        np.testing.assert_allclose(gross, [0.01, 0.0], atol=1e-15)
        np.testing.assert_allclose(wealth_path(gross, 1000.0), [1010.0, 1010.0])

    def test_replacing_the_whole_book_once_a_year(self) -> None:
        """Sell and buy the account once in 252 sessions: 2 two-way, 1 one-way."""
        turnover = np.zeros(252)
        turnover[100] = 2.0
        two_way = annual_turnover(turnover, periods_per_year=252, one_way=False)
        assert two_way == pytest.approx(2.0)
        one_way = annual_turnover(turnover, periods_per_year=252, one_way=True)
        assert one_way == pytest.approx(1.0)

    def test_cost_drag_is_per_year(self) -> None:
        drag = annual_cost_drag(np.full(10, 2.0), np.full(10, 10_000.0), periods_per_year=250)
        assert drag == pytest.approx(0.05)

    def test_break_even_of_one_trade(self) -> None:
        """Gain 1 % gross with one full turn: 100 bps to nothing, 50 bps to half a per cent."""
        gross, turnover = np.array([0.01, 0.0]), np.array([1.0, 0.0])
        assert break_even_cost_bps(gross, turnover, target_total_return=0.0) == pytest.approx(100)
        half = break_even_cost_bps(gross, turnover, target_total_return=0.005)
        assert half == pytest.approx(50.0)

    def test_a_strategy_that_loses_gross_has_a_negative_break_even(self) -> None:
        found = break_even_cost_bps(np.array([-0.02]), np.array([2.0]), target_total_return=0.0)
        assert found == pytest.approx(-100.0)

    @pytest.mark.parametrize(
        ("gross", "turnover", "target"),
        [
            ([0.01], [0.0], 0.0),
            ([0.01], [1.0], -1.0),
            ([], [], 0.0),
            ([-1.0, 0.1], [0.0, 1.0], 0.0),
        ],
    )
    def test_no_trade_or_no_possible_target_has_none(self, gross, turnover, target) -> None:
        found = break_even_cost_bps(np.array(gross), np.array(turnover), target_total_return=target)
        assert math.isnan(found)

    def test_metrics_of_a_run(self) -> None:
        equity = np.array([1009.0, 1009.0])
        found = summarise_trading(
            equity, 1000.0, np.array([1000.0, 0.0]), np.array([1.0, 0.0]), 0.005, 252
        )
        expected = {
            "annual_turnover": 126 / 2,
            "total_costs": 1.0,
            "cost_of_trading": 10.0,
            "annual_cost_drag": 0.001 / 2 * 252,
            "gross_total_return": 0.01,
            "break_even_cost": 100.0,
            "break_even_cost_benchmark": 50.0,
        }
        assert {metric.name: metric.value for metric in found} == pytest.approx(expected)

    def test_a_run_without_trades(self) -> None:
        idle = np.zeros(2)
        found = summarise_trading(np.full(2, 1000.0), 1000.0, idle, idle, None, 252)
        assert found.value("annual_turnover") == 0.0
        assert found.value("cost_of_trading") is None
        assert found.value("break_even_cost") is None
        assert "break_even_cost_benchmark" not in found

    def test_exposure(self) -> None:
        found = summarise_exposure(np.array([0.0, 50.0, 99.0]), np.array([100.0, 100.0, 110.0]))
        assert found.value("mean_exposure") == pytest.approx((0.5 + 0.9) / 3)
        assert found.value("max_exposure") == pytest.approx(0.9)
        assert found.value("sessions_invested") == pytest.approx(2 / 3)

    def test_a_lost_account_has_no_exposure(self) -> None:
        found = summarise_exposure(np.array([0.0]), np.array([0.0]))
        assert [metric.value for metric in found] == [None, None, None]


class TestReference:
    def test_break_even_of_a_root_finder(self) -> None:
        generator = np.random.default_rng(1)
        gross, turnover = generator.normal(0.001, 0.01, 500), generator.uniform(0.0, 0.4, 500)

        def excess(cost: float) -> float:
            return total_return(gross - cost * turnover) - 0.1

        reference = optimize.brentq(excess, -0.01, 0.02, xtol=1e-15)
        found = break_even_cost_bps(gross, turnover, target_total_return=0.1)
        assert found == pytest.approx(1e4 * reference, rel=1e-9)


class TestProperties:
    @given(
        st.lists(st.tuples(st.floats(-0.3, 0.3), st.floats(0.01, 2.0)), min_size=1, max_size=30),
        st.floats(-0.9, 5.0),
    )
    def test_the_break_even_cost_hits_its_target(self, sessions, target) -> None:
        gross, turnover = (np.array(column) for column in zip(*sessions, strict=True))
        cost = break_even_cost_bps(gross, turnover, target_total_return=target) / 1e4
        assert total_return(gross - cost * turnover) == pytest.approx(target, rel=1e-6, abs=1e-6)
        assert (1.0 + gross - cost * turnover > 0.0).all()

    @given(
        st.lists(st.tuples(st.floats(-0.1, 0.1), st.floats(0.0, 1.0)), min_size=2, max_size=20),
        st.floats(0.0, 0.01),
    )
    def test_a_proportional_cost_is_its_own_break_even(self, sessions, rate) -> None:
        """Net of a cost proportional to turnover, the break-even to the net result is that cost."""
        gross, turnover = (np.array(column) for column in zip(*sessions, strict=True))
        turnover[0] = 1.0
        net = gross - rate * turnover
        equity = wealth_path(net, 1000.0)
        before = equity_before(equity, 1000.0)
        rebuilt = gross_returns(net, rate * turnover * before, before)
        np.testing.assert_allclose(rebuilt, gross, atol=1e-12)
        found = break_even_cost_bps(rebuilt, turnover, target_total_return=total_return(net))
        assert found == pytest.approx(1e4 * rate, abs=1e-6)


class TestRefusals:
    def test_turnover_is_not_negative(self) -> None:
        with pytest.raises(InvariantBroken, match="turnover is negative"):
            break_even_cost_bps(np.array([0.1]), np.array([-1.0]), target_total_return=0.0)
