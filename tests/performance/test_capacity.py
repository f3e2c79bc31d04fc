"""The points of a capacity curve and where it ends."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.performance.capacity import (
    LARGEST_EQUITY,
    SMALLEST_CAPITAL,
    CapacityPoint,
    capacity_capitals,
    capacity_limit,
    capacity_point,
)
from quant_core.performance.statistics import Conventions, summarise
from quant_core.trading.orders import OrderStatus, Reason
from tests.reports.runs import bought, busy_run, idle_run, refused


def point(capital: float, sharpe: float, filled: float = 1.0) -> CapacityPoint:
    return CapacityPoint(capital, sharpe, 0.1, 0.01, filled, 0)


class TestExamples:
    def test_a_point_has_the_numbers_of_the_report(self):
        history = busy_run(200)
        found = capacity_point(history, 0.02, 252)
        told = summarise(
            history.sessions,
            history.equity_micros,
            history.starting_capital_micros,
            None,
            Conventions(0.02, 252, seed=7),
        )
        assert (found.sharpe, found.cagr) == (told.value("sharpe"), told.value("cagr"))
        assert found.capital == 1000.0
        # 1 of commission and 2 x 0.000005 of slippage on 1000, in one of 200 sessions.
        assert found.cost_fraction == pytest.approx(1.00001 / 1000 / 200 * 252)

    def test_filled_share_is_by_notional_of_what_was_sent(self):
        half = replace(
            bought("B"), requested=6, filled=2, status=OrderStatus.TRUNCATED,
            reason=Reason.TRUNCATED_VOLUME, open_price_micros=100_000_000,
        )  # fmt: skip
        whole = replace(bought("A"), open_price_micros=100_000_000)
        history = replace(busy_run(5), orders=(whole, half, refused("C", 1)))
        found = capacity_point(history, 0.0, 252)
        assert (found.filled_fraction, found.truncated_orders) == (pytest.approx(4 / 8), 1)

    def test_an_order_without_an_open_counts_at_the_close_before(self):
        unfilled = replace(bought("B"), filled=0, status=OrderStatus.EXPIRED, open_price_micros=0)
        history = replace(busy_run(5), orders=(bought("A"), unfilled))
        found = capacity_point(history, 0.0, 252).filled_fraction
        assert found == pytest.approx(100 / 199, rel=1e-6)

    def test_an_idle_run_has_no_ratio(self):
        found = capacity_point(idle_run(), 0.0, 252)
        assert math.isnan(found.sharpe)
        assert math.isnan(found.filled_fraction)
        assert capacity_limit([found]).reason == "unfollowed"

    def test_an_unfilled_run_is_no_capacity_however_good(self):
        curve = [point(1e6, 1.0), point(1e8, 0.9, 0.95), point(1e10, 3.0, 0.05)]
        limit = capacity_limit(curve)
        assert limit.reason == "filled"
        assert limit.capital == pytest.approx(10 ** (8 + 2 * 0.5))

    def test_small_capital_that_whole_shares_hurt_is_not_the_limit(self):
        curve = [point(1e4, 0.2), point(1e6, 1.0), point(1e8, 0.9)]
        assert capacity_limit(curve).reason == "beyond"

    @pytest.mark.parametrize("sharpe", [0.0, -1.0])
    def test_a_strategy_without_reward_has_no_capacity(self, sharpe: float):
        curve = [point(1e6, sharpe), point(1e8, sharpe - 1)]
        assert capacity_limit(curve).reason == "unrewarded"

    def test_a_curve_may_begin_beyond_the_capacity(self):
        limit = capacity_limit([point(1e6, 2.0, 0.6), point(1e8, 3.0, 0.1)])
        assert (limit.capital, limit.reason) == (1e6, "unfollowed")


class TestProperties:
    @given(
        capital=st.floats(1.0, 1e11),
        growth=st.floats(0.01, 1e6),
        largest=st.sampled_from([1e11, 1e8]),
    )
    def test_capitals(self, capital: float, growth: float, largest: float):
        found = capacity_capitals(capital, growth, largest)
        assert capital in found
        assert len(found) <= 6
        assert np.all(np.diff(found) > 0)
        others = [c for c in found if c != capital]
        assert all(SMALLEST_CAPITAL <= c <= largest for c in others)
        assert all(c * growth <= LARGEST_EQUITY * (1 + 1e-12) for c in others)
