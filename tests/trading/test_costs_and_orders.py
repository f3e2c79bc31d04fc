from __future__ import annotations

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.foundation.errors import ConfigurationError, InvariantBroken, StrategyError
from quant_core.portfolio import Portfolio
from quant_core.trading.costs import (
    IBKR_FIXED,
    IBKR_TIERED,
    NoCommission,
    RateCommission,
    affordable_shares,
    commission_model,
)
from quant_core.trading.events import Delisting, Fill
from quant_core.trading.orders import Side
from quant_core.trading.target import Weights

MODELS = [NoCommission(), RateCommission(0.001, 0), RateCommission(0.001, 5_000_000), IBKR_FIXED]
DAY = date(2024, 1, 2)


class TestExamples:
    def test_the_published_examples_of_the_fixed_plan(self):
        # 1,000 shares at USD 25: 1,000 x 0.005 = 5.00; 100 shares: minimum 1.00;
        # 1,000 shares at USD 0.25: at most 1 % of 250.00 = 2.50.
        assert IBKR_FIXED.charge(1_000, 25_000_000) == 5_000_000
        assert IBKR_FIXED.charge(100, 25_000_000) == 1_000_000
        assert IBKR_FIXED.charge(1_000, 250_000) == 2_500_000

    def test_tiered(self):
        assert IBKR_TIERED.charge(1_000, 25_000_000) == 3_500_000
        assert IBKR_TIERED.charge(10, 25_000_000) == 350_000

    def test_no_shares_no_fee(self):
        assert [model.charge(0, 10_000_000) for model in MODELS] == [0, 0, 0, 0]

    def test_a_sell_does_not_change_the_average_cost(self):
        portfolio = Portfolio(1_000_000_000)
        portfolio.apply(Fill(DAY, "A", Side.BUY, 10, 10_000_000, 10_000_000, 1_000_000))
        portfolio.apply(Fill(DAY, "A", Side.SELL, 4, 20_000_000, 20_000_000, 0))
        book = portfolio.mark(DAY, lambda _: 20_000_000)
        assert book.positions["A"].average_cost_micros == 10_100_000.0
        assert book.positions["A"].shares == 6

    def test_a_delisting_pays_the_position_out(self):
        portfolio = Portfolio(100_000_000)
        portfolio.apply(Fill(DAY, "A", Side.BUY, 10, 10_000_000, 10_000_000, 0))
        portfolio.apply(Delisting(DAY, "A", 7_000_000))
        book = portfolio.mark(DAY, lambda _: 0)
        assert (book.cash_micros, dict(book.positions)) == (70_000_000, {})


class TestReference:
    @given(
        st.integers(0, 3_000),
        st.integers(1, 50_000_000),
        st.integers(0, 10**11),
        st.sampled_from([1, 10, 100]),
        st.sampled_from(MODELS),
    )
    def test_affordable_is_the_largest_multiple_that_cash_pays_for(
        self, requested, price, cash, lot, model
    ):
        found = affordable_shares(requested, price, cash, lot, model)
        fits = [
            m for m in range(0, requested + 1, lot) if m * price + model.charge(m, price) <= cash
        ]
        assert found == max(fits)

    @given(st.integers(0, 5_000), st.integers(1, 10**9), st.sampled_from(MODELS))
    def test_the_cost_never_falls_with_the_shares(self, shares, price, model):
        one = shares * price + model.charge(shares, price)
        more = (shares + 1) * price + model.charge(shares + 1, price)
        assert more >= one


class TestRefusals:
    @pytest.mark.parametrize("weight", [math.nan, math.inf, -0.1])
    def test_weights_that_no_long_book_can_hold(self, weight):
        with pytest.raises(StrategyError, match="long-only"):
            Weights({"A": weight})

    def test_the_sum_may_exceed_one_by_rounding_only(self):
        Weights(dict.fromkeys("ABCDEFG", 1 / 7))
        Weights({"A": 1.0, "B": 1e-9})
        with pytest.raises(StrategyError, match="more than 1"):
            Weights({"A": 1.0, "B": 2e-9})

    def test_the_ledger_refuses_overdraft_and_short_sale(self):
        portfolio = Portfolio(5)
        with pytest.raises(InvariantBroken, match="below zero"):
            portfolio.apply(Fill(DAY, "A", Side.BUY, 1, 6, 6, 0))
        with pytest.raises(InvariantBroken, match="go short"):
            portfolio.apply(Fill(DAY, "A", Side.SELL, 1, 6, 6, 0))

    def test_an_unknown_model(self):
        with pytest.raises(ConfigurationError, match="commission model"):
            commission_model("flat", 0.0, 0.0)
