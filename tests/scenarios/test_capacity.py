"""Size: what the volume of a session leaves, and what an order does to its own price."""

from __future__ import annotations

from dataclasses import replace

from quant_core.trading.impact import ImpactModel
from tests.engine.reference import Rules
from tests.scenarios.table import MARGIN, NAN, Scenario, cash, fills, orders, shares

FREE = {"cash_buffer": 0.0, "slippage": 0.0, "rate": 0.0}
TENTH = Rules(**FREE, participation_cap=0.1)
ROOT = ImpactModel("square_root", coefficient=1.0)
TEN = [(10, 10, 1e6)]


class TestPartialFills:
    def test_a_tenth_of_the_volume_and_the_rest_expires(self):
        history = Scenario(
            rows=[
                TEN,
                [(10, 10, 4_000)],  # 1,000 wanted, 400 filled
                [(10, 10, 4_000)],  # nothing is carried over
                [(10, 10, 9_000)],  # the next decision wants the other 600
            ],
            weights={0: {0: 1.0}, 2: {0: 1.0}},
            rules=TENTH,
        ).run()
        assert fills(history) == ["1 buy 400 S0 @ 10", "3 buy 600 S0 @ 10"]
        assert orders(history) == ["1 buy S0 400/1000 truncated_volume"]

    def test_a_large_position_takes_days_to_sell(self):
        history = Scenario(
            rows=[TEN, [(10, 10, 1e6)], *[[(10 - day, 10 - day, 4_000)] for day in range(1, 4)]],
            weights={0: {0: 1.0}, 1: {}, 2: {}, 3: {}},
            rules=TENTH,
        ).run()
        assert fills(history)[1:] == [
            "2 sell 400 S0 @ 9",
            "3 sell 400 S0 @ 8",
            "4 sell 200 S0 @ 7",
        ]

    def test_lots_of_what_the_volume_leaves(self):
        history = Scenario(
            rows=[TEN, [(10, 10, 4_990)]],  # 499 -> 400
            weights={0: {0: 1.0}},
            rules=replace(TENTH, lot=100),
        ).run()
        assert fills(history) == ["1 buy 400 S0 @ 10"]

    def test_turning_round_shares_one_allowance(self):
        history = Scenario(
            rows=[
                TEN,
                TEN,  # 500 sold short
                [(10, 10, 6_000)],  # 600: all 500 covered, 100 of 500 bought
                [(10, 10, 6_000)],
            ],
            weights={0: {0: -0.5}, 1: {0: 0.5}},
            rules=TENTH,
            margin=MARGIN,
        ).run()
        assert fills(history)[1:] == ["2 cover 500 S0 @ 10", "2 buy 100 S0 @ 10"]
        assert orders(history) == ["2 buy S0 100/500 truncated_volume"]

    def test_nothing_is_opened_while_the_other_side_stands(self):
        history = Scenario(
            rows=[
                TEN,
                TEN,  # 80 sold short
                [(10, 10, 400)],  # 40 of 80 covered: the buy of 80 has to wait
            ],
            weights={0: {0: -0.08}, 1: {0: 0.08}},
            rules=TENTH,
            margin=MARGIN,
        ).run()
        assert shares(history) == [{"S0": -80}, {"S0": -40}]
        assert orders(history) == [
            "2 cover S0 40/80 truncated_volume",
            "2 buy S0 0/80 truncated_volume",
        ]

    def test_nothing_is_sold_short_while_a_long_position_stands(self):
        history = Scenario(
            rows=[
                TEN,
                TEN,  # one share for 10 and a fee of 5
                [(1, 1, 1e6)],  # its sale cannot pay the fee: no short sale on top
            ],
            weights={0: {0: 0.67}, 1: {0: -1.0}},
            capital=15.0,
            rules=Rules(**FREE, minimum=5.0),
            margin=MARGIN,
        ).run()
        assert orders(history) == [
            "2 sell S0 0/1 truncated_cash",
            "2 short S0 0/1 truncated_position",
        ]
        assert shares(history) == [{"S0": 1}, {"S0": 1}]


class TestMarketImpact:
    def test_the_root_of_the_share_of_the_volume(self):
        history = Scenario(
            rows=[[(100, 100, 1e6)], [(100, 100, 1e6)], [(100, 100, 1e6)]],
            weights={0: {0: 0.5}, 1: {}},
            capital=20_000.0,
            impact=ROOT,
            volatility=[[0.02]] * 3,  # 2 % a day
            average_volume=[[10_000]] * 3,  # 100 shares are 1 % of it, the root of which is 0.1
        ).run()
        # 0.02 * 0.1 = 0.002 against the trader, both ways.
        assert fills(history) == ["1 buy 100 S0 @ 100.2", "2 sell 100 S0 @ 99.8"]

    def test_half_the_spread_on_top(self):
        history = Scenario(
            rows=[[(100, 100, 1e6)], [(100, 100, 1e6)]],
            weights={0: {0: 0.5}},
            capital=20_000.0,
            impact=replace(ROOT, spread=0.001),
            volatility=[[0.02]] * 2,
            average_volume=[[10_000]] * 2,
        ).run()
        assert fills(history) == ["1 buy 100 S0 @ 100.25"]

    def test_the_figures_are_those_of_the_evening_before(self):
        history = Scenario(
            rows=[[(100, 100, 1e6)], [(100, 100, 1e6)]],
            weights={0: {0: 0.5}},
            capital=20_000.0,
            impact=ROOT,
            volatility=[[0.02], [0.9]],  # what the day itself brings is not known at its open
            average_volume=[[10_000], [1]],
        ).run()
        assert fills(history) == ["1 buy 100 S0 @ 100.2"]

    def test_of_the_shares_filled_not_of_those_wanted(self):
        history = Scenario(
            rows=[[(100, 100, 1e6)], [(100, 100, 250)]],  # 25 of 100
            weights={0: {0: 0.5}},
            capital=20_000.0,
            rules=TENTH,
            impact=ROOT,
            volatility=[[0.02]] * 2,
            average_volume=[[10_000]] * 2,  # root of 0.0025 = 0.05
        ).run()
        assert fills(history) == ["1 buy 25 S0 @ 100.1"]

    def test_the_cash_pays_the_moved_price(self):
        history = Scenario(
            rows=[[(100, 100, 1e6)], [(100, 100, 1e6)]],
            weights={0: {0: 1.0}},  # 100 shares would cost 10,020
            impact=ROOT,
            volatility=[[0.02]] * 2,
            average_volume=[[10_000]] * 2,
        ).run()
        # 99 shares: 0.02 * sqrt(0.0099) = 0.00198997, 99 * 100.198997
        assert fills(history) == ["1 buy 99 S0 @ 100.198997"]
        assert cash(history) == ["80.299297"]

    def test_without_the_figures_nothing_is_traded(self):
        history = Scenario(
            rows=[[(100, 100, 1e6)], [(100, 100, 1e6)]],
            weights={0: {0: 0.5}},
            impact=ROOT,
            volatility=[[NAN]] * 2,
            average_volume=[[10_000]] * 2,
        ).run()
        assert orders(history) == ["1 buy S0 0/50 expired_unknown_impact"]
