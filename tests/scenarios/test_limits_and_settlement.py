"""Days on which an order finds nobody on the other side: halts, price limits, T+1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quant_core.foundation.panel import Axes
from quant_core.market import Market
from quant_core.portfolio import Portfolio
from quant_core.trading.market_rules import ReferencePrices, limit_states, market_rules
from quant_core.trading.orders import Order, Side
from quant_core.trading_day import execute, mark
from tests.engine.market_strategies import ScriptedStrategy, answer_from, brain_of, small_panel
from tests.engine.reference import Rules, m
from tests.scenarios.table import (
    FREE,
    MARGIN,
    NAN,
    NO_BUYS,
    NO_SELLS,
    Scenario,
    cash,
    equity,
    fills,
    orders,
)

TEN = [(10, 10, 1e6)]


class TestHalts:
    def test_a_halt_over_several_sessions(self):
        history = Scenario(
            rows=[
                TEN,
                TEN,  # 1,000 bought
                [(NAN, NAN, NAN)],  # halted: the sale expires
                [(NAN, NAN, NAN)],  # and again
                [(7, 7, 1e6)],  # resumed at 7: sold
            ],
            weights={0: {0: 1.0}, 1: {}, 2: {}, 3: {}},
        ).run()
        assert orders(history) == [
            "2 sell S0 0/1000 expired_halted",
            "3 sell S0 0/1000 expired_halted",
        ]
        assert fills(history)[1:] == ["4 sell 1000 S0 @ 7"]
        assert equity(history) == ["10000", "10000", "10000", "7000"]
        assert history.positions.stale.tolist() == [False, True, True]

    def test_a_quote_without_volume_is_no_market(self):
        history = Scenario(
            rows=[TEN, [(10, 10, 0.0)], TEN],  # the open of a halted day is yesterday's close
            weights={0: {0: 1.0}},
        ).run()
        assert fills(history) == []
        assert orders(history) == ["1 buy S0 0/1000 expired_halted"]


class TestPriceLimits:
    def test_nothing_can_be_bought_at_the_upper_limit(self):
        history = Scenario(
            rows=[
                TEN,
                [(11, 11, 1e6)],  # locked at +10 %: no seller
                [(12.1, 11.5, 1e6)],  # nothing is carried over
                [(11, 11, 1e6)],  # the next decision buys
            ],
            weights={0: {0: 1.0}, 2: {0: 1.0}},
            locked=[[FREE], [NO_BUYS], [FREE], [FREE]],
        ).run()
        assert orders(history) == ["1 buy S0 0/1000 expired_limit_up"]
        assert fills(history) == ["3 buy 869 S0 @ 11"]  # 10,000 // 11.5

    def test_nothing_can_be_sold_at_the_lower_limit(self):
        history = Scenario(
            rows=[
                TEN,
                TEN,
                [(9, 9, 1e6)],  # locked at -10 %: no buyer
                [(8.1, 8.1, 1e6)],  # opens lower still: sold
            ],
            weights={0: {0: 1.0}, 1: {}, 2: {}},
            locked=[[FREE], [FREE], [NO_SELLS], [FREE]],
        ).run()
        assert orders(history) == ["2 sell S0 0/1000 expired_limit_down"]
        assert cash(history) == ["0", "0", "8100"]

    def test_the_other_side_trades(self):
        history = Scenario(
            rows=[
                [*TEN, *TEN],
                [*TEN, *TEN],
                [(11, 11, 1e6), (9, 9, 1e6)],  # S0 at its upper, S1 at its lower limit
            ],
            weights={0: {0: 1.0}, 1: {1: 1.0}},
            locked=[[FREE, FREE], [FREE, FREE], [NO_BUYS, NO_SELLS]],
        ).run()
        assert fills(history)[1:] == ["2 sell 1000 S0 @ 11", "2 buy 1000 S1 @ 9"]

    def test_a_short_position_is_caught_at_the_upper_limit(self):
        history = Scenario(
            rows=[TEN, TEN, [(11, 11, 1e6)], [(12, 12, 1e6)]],
            weights={0: {0: -0.5}, 1: {}, 2: {}},
            locked=[[FREE], [FREE], [NO_BUYS], [FREE]],
            margin=MARGIN,
        ).run()
        assert orders(history) == ["2 cover S0 0/500 expired_limit_up"]
        assert fills(history)[1:] == ["3 cover 500 S0 @ 12"]

    def test_no_short_sale_at_the_lower_limit(self):
        history = Scenario(
            rows=[TEN, [(9, 9, 1e6)]],
            weights={0: {0: -0.5}},
            locked=[[FREE], [NO_SELLS]],
            margin=MARGIN,
        ).run()
        assert orders(history) == ["1 short S0 0/500 expired_limit_down"]

    def test_the_limits_of_the_chinese_main_board(self):
        rows = [
            [(10.00, 10.05, 1e6)],
            [(11.06, 11.06, 1e6)],  # 10.05 * 1.1 = 11.055 -> 11.06: the limit, no buys
            [(12.16, 12.00, 1e6)],  # a tick below 12.17: bought
            [(10.80, 10.80, 1e6)],  # 12.00 * 0.9: the limit, no sells
            [(9.73, 9.73, 1e6)],  # a tick above 9.72: sold
        ]
        days = np.arange(np.datetime64("2023-02-01"), np.datetime64("2023-02-06"))
        price, close, _ = np.array(rows)[:, 0].T[..., None]
        axes = Axes(days, ("600000.SH",))
        states = limit_states(
            market_rules("cn_ashare"), axes, price, ReferencePrices(close, exact_ticks=True)
        )
        history = Scenario(
            rows=rows,
            weights={0: {0: 1.0}, 1: {0: 1.0}, 2: {}, 3: {}},
            rules=Rules(cash_buffer=0.0, slippage=0.0, rate=0.0, lot=100),
            locked=states.tolist(),
        ).run()
        assert orders(history) == [
            "1 buy S0 0/900 expired_limit_up",
            "2 buy S0 800/900 truncated_cash",
            "3 sell S0 0/800 expired_limit_down",
        ]
        assert fills(history) == ["2 buy 800 S0 @ 12.16", "4 sell 800 S0 @ 9.73"]


class TestNextDaySettlement:
    """T+1: shares bought in a session can be sold in the next at the earliest."""

    def setup_method(self):
        panel = small_panel([[10.0]] * 3, [[10.0]] * 3, [[1e6]] * 3)
        brain = brain_of(
            ScriptedStrategy(answer_from({}), panel), Rules(cash_buffer=0.0, slippage=0.0)
        )
        self.market = Market(panel, {})
        self.brain = replace(brain, execution=replace(brain.execution, sells_next_session=True))
        self.portfolio = Portfolio(m(10_000.0))

    def trade(self, row: int, side: Side, number: int) -> str:
        order = Order("S0", side, number, 0.1, m(10.0))
        (record,) = execute(self.portfolio, (order,), self.market, row, self.brain).records
        return f"{record.filled}/{record.requested} {record.reason}".strip()

    def test_what_was_bought_today_cannot_be_sold_today(self):
        assert self.trade(1, Side.BUY, 100) == "100/100"
        assert self.trade(1, Side.SELL, 100) == "0/100 expired_not_settled"

    def test_it_can_be_sold_tomorrow(self):
        self.trade(1, Side.BUY, 100)
        mark(self.portfolio, self.market, 1)
        assert self.trade(2, Side.SELL, 100) == "100/100"

    def test_what_was_there_before_can_be_sold(self):
        self.trade(0, Side.BUY, 200)
        mark(self.portfolio, self.market, 0)
        self.trade(1, Side.BUY, 100)
        assert self.trade(1, Side.SELL, 300) == "200/300 expired_not_settled"
        assert self.portfolio.shares_of("S0") == 100
        assert self.trade(1, Side.SELL, 100) == "0/100 expired_not_settled"

    def test_where_it_is_not_the_rule_it_does_not_bind(self):
        execution = replace(self.brain.execution, sells_next_session=False)
        self.brain = replace(self.brain, execution=execution)
        self.trade(1, Side.BUY, 100)
        assert self.trade(1, Side.SELL, 100) == "100/100"
