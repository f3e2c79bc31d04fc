"""Delistings: a position is closed after its last session, and nothing is carried."""

from __future__ import annotations

from quant_core.trading.actions import Split
from tests.scenarios.table import MARGIN, NAN, Scenario, cash, equity, fills, orders, told

TEN = [(10, 10, 1e6)]
GONE = [(NAN, NAN, NAN)]


class TestLong:
    def test_closed_at_the_last_close(self):
        history = Scenario(
            rows=[TEN, TEN, [(9, 8, 1e6)], GONE],  # day 2 is the last
            weights={0: {0: 1.0}},
            delisted={0: 2},
        ).run()
        assert cash(history) == ["0", "8000", "8000"]
        assert told(history) == ["2 delisting S0 8000"]
        assert fills(history) == ["1 buy 1000 S0 @ 10"]

    def test_the_delisting_return_is_taken_off(self):
        history = Scenario(
            rows=[TEN, TEN, [(9, 8, 1e6)]],
            weights={0: {0: 1.0}},
            delisted={0: 2},
            delisting_return=-0.3,
        ).run()
        assert cash(history)[-1] == "5600"  # 1,000 * 8 * 0.7

    def test_a_total_loss(self):
        history = Scenario(
            rows=[TEN, TEN, [(9, 8, 1e6)], GONE],
            weights={0: {0: 0.5}},
            delisted={0: 2},
            delisting_return=-1.0,
        ).run()
        assert equity(history) == ["10000", "5000", "5000"]

    def test_without_a_price_on_the_last_day_the_last_close_stands(self):
        history = Scenario(
            rows=[TEN, [(10, 7, 1e6)], GONE, GONE],
            weights={0: {0: 1.0}},
            delisted={0: 2},
        ).run()
        assert cash(history) == ["0", "7000", "7000"]

    def test_a_waiting_fraction_is_paid_too(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6)],
                [(100, 100, 1e6)],  # 101 bought
                [(NAN, 60, 1e6)],  # 3 for 2 without an open: 151 and a half, at 60
            ],
            weights={0: {0: 1.0}},
            capital=10_100.0,
            actions={2: (Split("S0", 1.5),)},
            delisted={0: 2},
        ).run()
        assert cash(history)[-1] == "9090"
        assert told(history)[1:] == ["2 cash_in_lieu S0 30", "2 delisting S0 9060"]

    def test_a_fraction_alone_is_paid_at_its_last_value(self):
        history = Scenario(
            rows=[TEN, TEN, GONE],  # 3 bought; 1 for 10 and no price any more
            weights={0: {0: 1.0}},
            capital=30.0,
            actions={2: (Split("S0", 0.1),)},
            delisted={0: 2},
        ).run()
        assert cash(history)[-1] == "30"

    def test_a_decision_for_the_day_after_finds_no_market(self):
        history = Scenario(
            rows=[TEN, TEN, GONE],
            weights={1: {0: 1.0}},
            delisted={0: 1},
        ).run()
        assert orders(history) == ["2 buy S0 0/1000 expired_halted"]
        assert cash(history) == ["10000", "10000"]


class TestShort:
    def test_bought_back_at_the_last_close(self):
        history = Scenario(
            rows=[TEN, TEN, [(9, 8, 1e6)], GONE],
            weights={0: {0: -0.5}},  # 500 sold short at 10
            margin=MARGIN,
            delisted={0: 2},
        ).run()
        assert cash(history) == ["15000", "11000", "11000"]  # 500 bought back at 8

    def test_a_worthless_name_is_all_gain(self):
        history = Scenario(
            rows=[TEN, TEN, [(9, 8, 1e6)]],
            weights={0: {0: -0.5}},
            margin=MARGIN,
            delisted={0: 2},
            delisting_return=-1.0,
        ).run()
        assert cash(history) == ["15000", "15000"]
        assert equity(history) == ["10000", "15000"]

    def test_taken_over_far_above_the_equity_leaves_a_debt(self):
        history = Scenario(
            rows=[TEN, TEN, [(45, 45, 1e6)], GONE],  # 500 bought back at 45: 22,500
            weights={0: {0: -0.5}, 2: {0: 1.0}},
            margin=MARGIN,
            delisted={0: 2},
        ).run()
        assert cash(history) == ["15000", "-7500", "-7500"]
        assert equity(history) == ["10000", "-7500", "-7500"]
        assert fills(history) == ["1 short 500 S0 @ 10"]
        assert told(history, "deficit") == ["2 deficit", "3 deficit"]
