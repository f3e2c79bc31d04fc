"""Dividends: owed on the ex-date to the holder of the close before, paid on the pay date."""

from __future__ import annotations

from quant_core.trading.actions import Dividend, Rights, Split
from tests.scenarios.table import (
    MARGIN,
    Scenario,
    cash,
    equity,
    fills,
    receivable,
    shares,
    told,
)

FLAT = [(100, 100, 1e6)]


class TestExDateAndPayDate:
    def test_receivable_from_the_ex_date_cash_on_the_pay_date(self):
        history = Scenario(
            rows=[FLAT, FLAT, [(99, 99, 1e6)], [(99, 99, 1e6)], [(99, 99, 1e6)]],
            weights={0: {0: 1.0}},  # 100 shares
            actions={2: (Dividend("S0", 1_000_000, 4),)},  # 1.00 a share, paid on day 4
        ).run()
        assert receivable(history) == ["0", "100", "100", "0"]
        assert cash(history) == ["0", "0", "0", "100"]
        assert equity(history) == ["10000", "10000", "10000", "10000"]
        assert told(history) == ["2 dividend S0", "4 dividend_paid S0 100"]

    def test_sold_between_ex_and_pay_date_is_paid_all_the_same(self):
        history = Scenario(
            rows=[FLAT, FLAT, [(99, 99, 1e6)], [(99, 99, 1e6)], [(99, 99, 1e6)]],
            weights={0: {0: 1.0}, 2: {}},
            actions={2: (Dividend("S0", 1_000_000, 4),)},
        ).run()
        assert fills(history)[1:] == ["3 sell 100 S0 @ 99"]
        assert cash(history) == ["0", "0", "9900", "10000"]

    def test_sold_on_the_ex_date_is_paid_too(self):
        history = Scenario(
            rows=[FLAT, FLAT, [(99, 99, 1e6)]],
            weights={0: {0: 1.0}, 1: {}},
            actions={2: (Dividend("S0", 1_000_000, 2),)},
        ).run()
        assert cash(history) == ["0", "10000"]

    def test_bought_on_the_ex_date_is_not(self):
        history = Scenario(
            rows=[FLAT, [(99, 99, 1e6)], [(99, 99, 1e6)]],
            weights={0: {0: 1.0}},
            actions={1: (Dividend("S0", 1_000_000, 1),)},
        ).run()
        assert equity(history) == ["10000", "10000"]
        assert told(history) == []

    def test_an_unknown_pay_date_is_the_ex_date_before_the_open(self):
        history = Scenario(
            rows=[
                [(100, 100, 1e6), (10, 10, 1e6)],
                [(100, 100, 1e6), (10, 10, 1e6)],  # 99 bought, 100 left
                [(90, 90, 1e6), (11, 11, 1e6)],  # 10 a share: 990, enough for 99 of S1
            ],
            weights={0: {0: 0.99}, 1: {0: 0.99, 1: 0.01}},
            actions={2: (Dividend("S0", 10_000_000, 2),)},
        ).run()
        assert fills(history)[1:] == ["2 buy 10 S1 @ 11"]  # 110: more than the 100 of before
        assert cash(history) == ["100", "980"]

    def test_what_has_not_been_paid_is_not_invested(self):
        history = Scenario(
            rows=[FLAT, FLAT, [(90, 90, 1e6)], [(90, 90, 1e6)], [(90, 90, 1e6)]],
            weights={day: {0: 1.0} for day in range(4)},
            actions={2: (Dividend("S0", 10_000_000, 4),)},
        ).run()
        # E of days 2 and 3 is 9,000: 100 shares, although the equity is 10,000.
        assert fills(history) == ["1 buy 100 S0 @ 100"]
        assert equity(history) == ["10000"] * 4


class TestTogetherWithOthers:
    def test_on_a_split_date_the_old_shares_count(self):
        history = Scenario(
            rows=[FLAT, FLAT, [(49.5, 49.5, 1e6)]],
            weights={0: {0: 1.0}},
            # Told in any order: the dividend of 1.00 is for 100 shares, not for 200.
            actions={2: (Split("S0", 2.0), Dividend("S0", 1_000_000, 2))},
        ).run()
        assert shares(history)[-1] == {"S0": 200}
        assert cash(history) == ["0", "100"]
        assert equity(history) == ["10000", "10000"]

    def test_a_short_position_pays(self):
        history = Scenario(
            rows=[FLAT, FLAT, [(99, 99, 1e6)], [(99, 99, 1e6)]],
            weights={0: {0: -0.5}},  # 50 sold short
            margin=MARGIN,
            actions={2: (Dividend("S0", 1_000_000, 3),)},
        ).run()
        assert receivable(history) == ["0", "-50", "0"]
        assert cash(history) == ["15000", "15000", "14950"]
        assert equity(history) == ["10000", "10000", "10000"]

    def test_a_dividend_outlives_its_name(self):
        history = Scenario(
            rows=[FLAT, FLAT, [(99, 99, 1e6)], FLAT],
            weights={0: {0: 1.0}},
            actions={2: (Dividend("S0", 1_000_000, 3),)},
            delisted={0: 2},
        ).run()
        assert cash(history) == ["0", "9900", "10000"]


class TestRights:
    def test_subscribed_as_far_as_the_cash_goes(self):
        history = Scenario(
            rows=[FLAT, FLAT, [(92, 92, 1e6)]],
            weights={0: {0: 0.9}},  # 90 shares, 1,000 left
            # 3 for 10 at 60: 27 offered, 16 affordable; the rest lapses.
            actions={2: (Rights("S0", 0.3, 60_000_000),)},
        ).run()
        assert shares(history)[-1] == {"S0": 106}
        assert cash(history) == ["1000", "40"]
        assert told(history) == ["2 rights S0 -960"]
        # 90 at 100 and 16 at 60.
        assert history.positions.average_cost_micros[-1] == (9_000e6 + 960e6) / 106

    def test_on_a_split_date_the_shares_after_the_split_count(self):
        history = Scenario(
            rows=[FLAT, FLAT, [(50, 50, 1e6)]],
            weights={0: {0: 0.5}},  # 50 shares
            # 2 for 1: 100; 1 for 10 of them at 40: 10 more.
            actions={2: (Rights("S0", 0.1, 40_000_000), Split("S0", 2.0))},
        ).run()
        assert shares(history)[-1] == {"S0": 110}
        assert cash(history)[-1] == "4600"
