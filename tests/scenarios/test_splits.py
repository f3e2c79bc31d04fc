"""Splits: whole shares stay, the fraction becomes cash at the first price."""

from __future__ import annotations

from quant_core.trading.actions import Split
from tests.engine.reference import Rules
from tests.scenarios.table import (
    MARGIN,
    NAN,
    Scenario,
    cash,
    dollars,
    equity,
    fills,
    orders,
    receivable,
    shares,
    told,
)

FREE = {"cash_buffer": 0.0, "slippage": 0.0, "rate": 0.0}


class TestHeldShares:
    def test_two_for_one(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6)],
                [(100, 100, 1e6)],  # 100 bought at 100
                [(50, 51, 1e6)],  # ex: 200 shares
            ],
            weights={0: {0: 1.0}},
            actions={2: (Split("S0", 2.0),)},
        ).run()
        assert shares(history) == [{"S0": 100}, {"S0": 200}]
        assert equity(history) == ["10000", "10200"]
        assert history.positions.average_cost_micros.tolist() == [100e6, 50e6]

    def test_three_for_two_pays_the_half_share(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6)],
                [(100, 100, 1e6)],  # 101 bought for all the money
                [(66, 67, 1e6)],  # ex: 151.5 -> 151, and half a share at the open
            ],
            weights={0: {0: 1.0}},
            capital=10_100.0,
            actions={2: (Split("S0", 1.5),)},
        ).run()
        assert shares(history)[-1] == {"S0": 151}
        assert told(history) == ["2 split S0", "2 cash_in_lieu S0 33"]
        assert cash(history) == ["0", "33"]
        assert equity(history) == ["10100", "10150"]  # 33 + 151 * 67

    def test_one_for_ten(self):
        history = Scenario(
            rows=[
                [(1, 1, 1e6)],
                [(1, 1, 1e6)],  # 1,234 bought
                [(10.5, 10, 1e6)],  # ex: 123.4 -> 123, 0.4 paid at 10.50
            ],
            weights={0: {0: 1.0}},
            capital=1_234.0,
            actions={2: (Split("S0", 0.1),)},
        ).run()
        assert shares(history)[-1] == {"S0": 123}
        assert cash(history)[-1] == "4.2"

    def test_one_for_ten_of_five_leaves_cash_alone(self):
        history = Scenario(
            rows=[
                [(1, 1, 1e6)],
                [(1, 1, 1e6)],  # 5 bought
                [(9, 9, 1e6)],  # ex: 0.5 -> nothing, 0.5 paid at 9
            ],
            weights={0: {0: 1.0}},
            capital=5.0,
            actions={2: (Split("S0", 0.1),)},
        ).run()
        assert shares(history) == [{"S0": 5}, {}]
        assert equity(history) == ["5", "4.5"]

    def test_fifteen_per_cent_more_of_a_hundred_are_fifteen(self):
        history = Scenario(
            rows=[[(10, 10, 1e6)], [(10, 10, 1e6)], [(8.7, 8.7, 1e6)]],
            weights={0: {0: 1.0}},
            capital=1_000.0,
            actions={2: (Split("S0", 1.15),)},  # 100 * 1.15 is 114.99999999999999 in binary
        ).run()
        assert shares(history)[-1] == {"S0": 115}
        assert cash(history)[-1] == "0"

    def test_a_short_position_splits_and_pays_its_fraction(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6)],
                [(100, 100, 1e6)],  # 51 sold short: cash 10,200 + 5,100
                [(66, 66, 1e6)],  # ex: -76.5 -> -76, half a share is owed at 66
            ],
            weights={0: {0: -0.5}},
            capital=10_200.0,
            margin=MARGIN,
            actions={2: (Split("S0", 1.5),)},
        ).run()
        assert shares(history) == [{"S0": -51}, {"S0": -76}]
        assert cash(history) == ["15300", "15267"]
        assert equity(history)[-1] == "10251"  # 15,267 - 76 * 66


class TestWaitingFraction:
    def test_it_waits_for_the_first_price_and_counts_meanwhile(self):
        history = Scenario(
            rows=[
                [(1, 1, 1e6)],
                [(1, 1, 1e6)],  # 1,234 bought
                [(NAN, NAN, 0)],  # ex, halted: 123 at a mark of 10, and 0.4 shares worth 4
                [(11, 12, 1e6)],  # 0.4 paid at 11
            ],
            weights={0: {0: 1.0}},
            capital=1_234.0,
            actions={2: (Split("S0", 0.1),)},
        ).run()
        assert receivable(history) == ["0", "4", "0"]
        assert equity(history) == ["1234", "1234", "1480.4"]  # 123 * 12 + 4.40

    def test_it_follows_a_second_split(self):
        history = Scenario(
            rows=[
                [(10, 10, 1e6)],
                [(10, 10, 1e6)],  # 3 bought
                [(NAN, NAN, 0)],  # 3 for 2: 4 and 0.5 wait
                [(NAN, NAN, 0)],  # 1 for 10: 0.4 and 0.05 wait
                [(67, 67, 1e6)],  # 0.45 paid at 67
            ],
            weights={0: {0: 1.0}},
            capital=30.0,
            actions={2: (Split("S0", 1.5),), 3: (Split("S0", 0.1),)},
        ).run()
        assert told(history, "cash_in_lieu") == ["4 cash_in_lieu S0 30.15"]
        assert equity(history)[-1] == "30.15"


class TestWaitingOrders:
    def test_a_buy_counts_new_shares(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6)],  # decision: 100 shares
                [(50, 50, 1e6)],  # ex: 200 shares of half the price
            ],
            weights={0: {0: 1.0}},
            actions={1: (Split("S0", 2.0),)},
        ).run()
        assert fills(history) == ["1 buy 200 S0 @ 50"]
        assert [dollars(o.signal_price_micros) for o in history.orders] == ["50"]

    def test_a_buy_stays_in_whole_lots(self):
        history = Scenario(
            rows=[[(10, 10, 1e6)], [(6, 6, 1e6)]],  # 300 wanted, 450 of the new: 400
            weights={0: {0: 0.3}},
            rules=Rules(**FREE, lot=100),
            actions={1: (Split("S0", 1.5),)},
        ).run()
        assert fills(history) == ["1 buy 400 S0 @ 6"]

    def test_a_sale_of_everything_sells_everything(self):
        history = Scenario(
            rows=[
                [(10, 10, 1e6)],
                [(10, 10, 1e6)],  # 1,000 bought; the next decision sells them
                [(30, 30, 1e6)],  # ex: 333 and a third
            ],
            weights={0: {0: 1.0}, 1: {}},
            actions={2: (Split("S0", 1 / 3),)},
        ).run()
        assert fills(history)[1:] == ["2 sell 333 S0 @ 30"]
        assert cash(history)[-1] == "10000"  # 333 * 30 and a third of a share at 30
        assert orders(history) == []
