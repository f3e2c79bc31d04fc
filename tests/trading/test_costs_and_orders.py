from __future__ import annotations

import math
from datetime import date

import pytest

from quant_core.foundation.errors import InvariantBroken, StrategyError
from quant_core.portfolio import Portfolio
from quant_core.trading.events import Delisting, Fill
from quant_core.trading.orders import Side
from quant_core.trading.target import Weights

DAY = date(2024, 1, 2)


class TestExamples:
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
