"""How orders meet the open: scenarios with the arithmetic beside them."""

from __future__ import annotations

from tests.engine.reference import Rules
from tests.scenarios.table import NAN, Scenario, cash, equity, fills, orders

FREE = {"cash_buffer": 0.0, "slippage": 0.0, "rate": 0.0}


class TestDualPrice:
    def test_sized_at_the_close_filled_at_the_next_open(self):
        history = Scenario(
            rows=[
                [(99, 100, 1e6)],  # decision: 10,000 at 100 = 100 shares
                [(90, 95, 1e6)],  # open gaps down: still 100 shares, at 90
            ],
            weights={0: {0: 1.0}},
        ).run()
        assert fills(history) == ["1 buy 100 S0 @ 90"]
        assert cash(history) == ["1000"]
        assert equity(history) == ["10500"]  # 1,000 + 100 * 95

    def test_buffer_slippage_and_commission(self):
        history = Scenario(
            rows=[
                [(50, 50, 1e6)],  # budget 10,000 * 0.98 = 9,800 -> 196 shares
                [(50, 50, 1e6)],  # fill at 50 * 1.0005 = 50.025, fee 10 bps of 9,804.90
            ],
            weights={0: {0: 1.0}},
            rules=Rules(),
        ).run()
        assert fills(history) == ["1 buy 196 S0 @ 50.025 fee 9.8049"]
        assert cash(history) == ["185.2951"]  # 10,000 - 9,804.90 - 9.8049


class TestHardCashConstraint:
    def test_gap_up_truncates_the_last_buy(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6), (100, 100, 1e6)],  # 50 shares each
                [(110, 110, 1e6), (110, 110, 1e6)],  # both gap up 10 %
            ],
            weights={0: {0: 0.5, 1: 0.5}},
        ).run()
        assert fills(history) == ["1 buy 50 S0 @ 110", "1 buy 40 S1 @ 110"]
        assert orders(history) == ["1 buy S1 40/50 truncated_cash"]
        assert cash(history) == ["100"]

    def test_the_larger_weight_is_served_first(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6), (100, 100, 1e6)],
                [(150, 150, 1e6), (150, 150, 1e6)],
            ],
            weights={0: {0: 0.4, 1: 0.6}},
        ).run()
        assert fills(history) == ["1 buy 60 S1 @ 150", "1 buy 6 S0 @ 150"]

    def test_nothing_affordable_is_recorded_too(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6), (100, 100, 1e6)],
                [(200, 200, 1e6), (200, 200, 1e6)],
            ],
            weights={0: {0: 0.5, 1: 0.5}},
        ).run()
        assert orders(history) == ["1 buy S1 0/50 truncated_cash"]
        assert cash(history) == ["0"]

    def test_lots_of_100(self):
        history = Scenario(
            rows=[
                [(10, 10, 1e6)],  # 1,000 shares wanted
                [(10.5, 10.5, 1e6)],  # 952 affordable -> 900 in lots
            ],
            weights={0: {0: 1.0}},
            rules=Rules(**FREE, lot=100),
        ).run()
        assert fills(history) == ["1 buy 900 S0 @ 10.5"]

    def test_sells_pay_for_buys(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6), (100, 100, 1e6)],  # all into S1
                [(100, 100, 1e6), (100, 100, 1e6)],  # then all into S0
                [(100, 100, 1e6), (100, 100, 1e6)],
            ],
            weights={0: {1: 1.0}, 1: {0: 1.0}},
        ).run()
        assert fills(history)[1:] == ["2 sell 100 S1 @ 100", "2 buy 100 S0 @ 100"]

    def test_a_sale_that_cannot_pay_its_fee_is_not_made(self):
        history = Scenario(
            rows=[
                [(10, 10, 1e6)],  # 1 share for all the money
                [(10, 10, 1e6)],  # bought, minimum fee 5 -> 15 in all
                [(1, 1, 1e6)],  # proceeds 1 < fee 5 and no cash: not sold
            ],
            weights={0: {0: 1.0}, 1: {}},
            capital=15.0,
            rules=Rules(**FREE, minimum=5.0),
        ).run()
        assert fills(history) == ["1 buy 1 S0 @ 10 fee 5"]
        assert orders(history) == ["2 sell S0 0/1 truncated_cash"]


class TestTradability:
    def test_no_open_and_no_volume_expire(self):
        history = Scenario(
            rows=[
                [(10, 10, 1e6), (10, 10, 1e6), (10, 10, 1e6)],
                [(NAN, 10, 1e6), (10, 10, 0.0), (10, 10, NAN)],  # halted, no volume, unknown
            ],
            weights={0: {0: 0.3, 1: 0.3, 2: 0.3}},
        ).run()
        assert fills(history) == ["1 buy 300 S2 @ 10"]
        assert orders(history) == [
            "1 buy S0 0/300 expired_halted",
            "1 buy S1 0/300 expired_halted",
        ]

    def test_orders_are_day_orders(self):
        history = Scenario(
            rows=[
                [(10, 10, 1e6)],
                [(NAN, 10, 1e6)],  # halted: expires
                [(10, 10, 1e6)],  # nothing is carried over
            ],
            weights={0: {0: 1.0}},
        ).run()
        assert fills(history) == []

    def test_a_halted_position_is_marked_stale_and_sold_later(self):
        history = Scenario(
            rows=[
                [(10, 10, 1e6)],
                [(10, 12, 1e6)],  # bought 1,000
                [(NAN, NAN, NAN)],  # halted: sale expires, mark stays 12, stale
                [(9, 9, 1e6)],  # sold by the next decision
            ],
            weights={0: {0: 1.0}, 1: {}, 2: {}},
        ).run()
        assert equity(history) == ["12000", "12000", "9000"]
        assert history.positions.stale.tolist() == [False, True]
        assert orders(history) == ["2 sell S0 0/1000 expired_halted"]

    def test_participation_cap(self):
        history = Scenario(
            rows=[
                [(10, 10, 1e6), (10, 10, 1e6)],
                [(10, 10, 4_321), (10, 10, NAN)],  # 10 % of 4,321; unknown volume: none
            ],
            weights={0: {0: 0.5, 1: 0.5}},
            rules=Rules(**FREE, participation_cap=0.1),
        ).run()
        assert fills(history) == ["1 buy 432 S0 @ 10"]
        assert orders(history) == [
            "1 buy S0 432/500 truncated_volume",
            "1 buy S1 0/500 truncated_volume",
        ]

    def test_a_name_without_a_close_cannot_be_bought(self):
        history = Scenario(
            rows=[
                [(10, NAN, 1e6)],  # never had a close
                [(10, 10, 1e6)],
            ],
            weights={0: {0: 1.0}},
        ).run()
        assert fills(history) == []
        assert orders(history) == ["1 buy S0 0/0 refused_no_price"]


class TestStopLoss:
    RULES = Rules(**FREE, stop_loss_pct=0.1)

    def test_sold_at_the_next_open_and_not_bought_until_a_later_rebalance(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6)],
                [(100, 95, 1e6)],  # bought 100 at 100
                [(95, 89.9, 1e6)],  # close below 90: stop
                [(88, 88, 1e6)],  # sold at 88; scheduled, but the exit is today: no buy
                [(88, 88, 1e6)],  # next scheduled rebalance: bought again
            ],
            weights={0: {0: 1.0}, 1: {0: 1.0}, 2: {0: 1.0}, 3: {0: 1.0}},
            scheduled=[True, False, True, True],
            rules=self.RULES,
        ).run()
        assert fills(history) == [
            "1 buy 100 S0 @ 100",
            "3 sell 100 S0 @ 88",
            "4 buy 100 S0 @ 88",
        ]
        assert [i.kind for i in history.incidents if i.kind == "stop_loss"] == ["stop_loss"]

    def test_exactly_at_the_stop_is_kept(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6)],
                [(100, 90, 1e6)],  # 90 is not below 100 * 0.9
                [(90, 90, 1e6)],
            ],
            weights={0: {0: 1.0}},
            scheduled=[True, False],
            rules=self.RULES,
        ).run()
        assert fills(history) == ["1 buy 100 S0 @ 100"]

    def test_the_average_cost_includes_fees_and_slippage(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6)],
                [(100, 91, 1e6)],  # cost 100 * 1.01 * 1.01 = 102.01, stop at 91.809
                [(91, 91, 1e6)],
            ],
            weights={0: {0: 0.5}},
            scheduled=[True, False],
            rules=Rules(cash_buffer=0.0, slippage=0.01, rate=0.01, stop_loss_pct=0.1),
        ).run()
        assert fills(history)[1] == "2 sell 50 S0 @ 90.09 fee 45.045"


class TestDrawdownBreaker:
    def test_flat_for_the_cooldown_then_back_with_a_new_peak(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6)],
                [(100, 100, 1e6)],  # bought 100
                [(100, 79, 1e6)],  # equity 7,900 < 8,000: trips
                [(80, 80, 1e6)],  # flat at 80 (1st of 2 sessions)
                [(80, 80, 1e6)],  # flat (2nd)
                [(80, 80, 1e6)],  # cooled down: 100 shares again, peak 8,000
                [(80, 65, 1e6)],  # 6,500 > 6,400: holds
            ],
            weights={day: {0: 1.0} for day in range(7)},
            rules=Rules(**FREE, max_drawdown_pct=0.2, breaker_cooldown=2),
        ).run()
        assert fills(history) == [
            "1 buy 100 S0 @ 100",
            "3 sell 100 S0 @ 80",
            "5 buy 100 S0 @ 80",
        ]
        kinds = [i.kind for i in history.incidents]
        assert kinds == ["drawdown_breaker", "re_entry"]

    def test_without_a_cooldown_flat_for_the_rest_of_the_run(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6)],
                [(100, 79, 1e6)],
                *[[(80, 80, 1e6)]] * 5,
            ],
            weights={day: {0: 1.0} for day in range(7)},
            rules=Rules(**FREE, max_drawdown_pct=0.2),
        ).run()
        assert fills(history) == ["1 buy 100 S0 @ 100", "2 sell 100 S0 @ 80"]


class TestWeightCap:
    def test_the_excess_stays_in_cash(self):
        history = Scenario(
            rows=[[(100, 100, 1e6)], [(100, 100, 1e6)]],
            weights={0: {0: 0.9}},
            rules=Rules(**FREE, max_pos_weight=0.3),
        ).run()
        assert fills(history) == ["1 buy 30 S0 @ 100"]
        assert cash(history) == ["7000"]
