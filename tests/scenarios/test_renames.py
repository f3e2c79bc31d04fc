"""Renames: shares, cost, fractions and waiting orders go on under the new name."""

from __future__ import annotations

from quant_core.trading.actions import Dividend, Rename, Split
from tests.scenarios.table import MARGIN, NAN, Scenario, cash, equity, fills, shares, told

TEN = (10, 10, 1e6)
NONE = (NAN, NAN, NAN)


class TestHeld:
    def test_the_position_goes_on(self):
        history = Scenario(
            rows=[
                [TEN, NONE],
                [TEN, NONE],  # 1,000 S0
                [NONE, (11, 12, 1e6)],  # now S1
            ],
            weights={0: {0: 1.0}},
            actions={2: (Rename("S0", "S1"),)},
        ).run()
        assert shares(history) == [{"S0": 1000}, {"S1": 1000}]
        assert equity(history) == ["10000", "12000"]
        assert history.positions.average_cost_micros.tolist() == [10e6, 10e6]
        assert told(history) == ["2 rename S0"]

    def test_halted_on_its_first_day_it_keeps_its_mark(self):
        history = Scenario(
            rows=[[TEN, NONE], [TEN, NONE], [NONE, NONE], [NONE, (9, 9, 1e6)]],
            weights={0: {0: 1.0}},
            actions={2: (Rename("S0", "S1"),)},
        ).run()
        assert equity(history) == ["10000", "10000", "9000"]
        assert history.positions.stale.tolist() == [False, True, False]

    def test_into_a_name_that_is_held(self):
        history = Scenario(
            rows=[[TEN, (20, 20, 1e6)]] * 2 + [[NONE, (20, 20, 1e6)]],
            weights={0: {0: 0.4, 1: 0.6}},  # 400 at 10 and 300 at 20
            actions={2: (Rename("S0", "S1"),)},
        ).run()
        assert shares(history)[-1] == {"S1": 700}
        assert history.positions.average_cost_micros[-1] == (4_000e6 + 6_000e6) / 700

    def test_a_long_and_a_short_position_meet(self):
        history = Scenario(
            rows=[[TEN, TEN], [TEN, TEN], [NONE, TEN]],
            weights={0: {0: 0.2, 1: -0.1}},
            margin=MARGIN,
            actions={2: (Rename("S0", "S1"),)},
        ).run()
        assert shares(history) == [{"S0": 200, "S1": -100}, {"S1": 100}]
        assert equity(history) == ["10000", "10000"]

    def test_two_names_change_places(self):
        history = Scenario(
            rows=[[TEN, (20, 20, 1e6)], [TEN, (20, 20, 1e6)], [(20, 20, 1e6), TEN]],
            weights={0: {0: 0.2, 1: 0.2}},  # 200 and 100
            actions={2: (Rename("S0", "S1"), Rename("S1", "S0"))},
        ).run()
        assert shares(history)[-1] == {"S0": 100, "S1": 200}
        assert equity(history) == ["10000", "10000"]

    def test_a_chain_on_one_day_moves_every_holding_once(self):
        history = Scenario(
            rows=[[TEN, TEN, NONE], [TEN, TEN, NONE], [NONE, TEN, TEN]],
            weights={0: {0: 0.2, 1: 0.1}},
            actions={2: (Rename("S0", "S1"), Rename("S1", "S2"))},
        ).run()
        assert shares(history)[-1] == {"S1": 200, "S2": 100}


class TestWaitingOrders:
    def test_a_buy_decided_under_the_old_name(self):
        history = Scenario(
            rows=[[TEN, NONE], [NONE, (11, 11, 1e6)]],
            weights={0: {0: 0.5}},
            actions={1: (Rename("S0", "S1"),)},
        ).run()
        assert fills(history) == ["1 buy 500 S1 @ 11"]

    def test_a_sale_decided_under_the_old_name(self):
        history = Scenario(
            rows=[[TEN, NONE], [TEN, NONE], [NONE, (11, 11, 1e6)]],
            weights={0: {0: 1.0}, 1: {}},
            actions={2: (Rename("S0", "S1"),)},
        ).run()
        assert fills(history)[1:] == ["2 sell 1000 S1 @ 11"]
        assert cash(history)[-1] == "11000"

    def test_a_cover_that_finds_the_position_gone(self):
        history = Scenario(
            rows=[[TEN, TEN], [TEN, TEN], [NONE, TEN]],
            weights={0: {0: 0.2, 1: -0.1}, 1: {0: 0.2}},  # cover 100 S1
            margin=MARGIN,
            actions={2: (Rename("S0", "S1"),)},
        ).run()
        assert shares(history)[-1] == {"S1": 100}
        assert equity(history)[-1] == "10000"


class TestTogetherWithOthers:
    def test_a_reverse_split_told_under_the_new_name(self):
        history = Scenario(
            rows=[[TEN, NONE], [TEN, NONE], [NONE, (100, 100, 1e6)]],
            weights={0: {0: 1.0}},
            actions={2: (Split("S1", 0.1), Rename("S0", "S1"))},
        ).run()
        assert shares(history)[-1] == {"S1": 100}
        assert equity(history) == ["10000", "10000"]

    def test_a_fraction_follows(self):
        history = Scenario(
            rows=[[TEN, NONE], [TEN, NONE], [NONE, NONE], [NONE, (22, 22, 1e6)]],
            weights={0: {0: 1.0}},
            capital=30.0,  # 3 shares, of which 1 for 2 leaves 1 and a half
            actions={2: (Split("S0", 0.5),), 3: (Rename("S0", "S1"),)},
        ).run()
        assert told(history, "cash_in_lieu") == ["3 cash_in_lieu S1 11"]
        assert equity(history) == ["30", "30", "33"]

    def test_a_dividend_of_the_old_name_is_paid(self):
        history = Scenario(
            rows=[[TEN, NONE], [TEN, NONE], [NONE, TEN], [NONE, TEN]],
            weights={0: {0: 1.0}},
            actions={2: (Dividend("S0", 1_000_000, 3), Rename("S0", "S1"))},
        ).run()
        assert cash(history) == ["0", "0", "1000"]

    def test_delisted_under_the_new_name_before_it_ever_traded(self):
        history = Scenario(
            rows=[[TEN, NONE], [TEN, NONE], [NONE, NONE]],
            weights={0: {0: 1.0}},
            actions={2: (Rename("S0", "S1"),)},
            delisted={1: 2},
        ).run()
        assert cash(history)[-1] == "10000"
