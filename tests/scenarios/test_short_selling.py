"""Short positions: proceeds, fees, squeezes, buy-ins, debts. 50 % initial, 30 % maintenance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quant_core.foundation.errors import StrategyError
from tests.engine.reference import Rules
from tests.scenarios.table import (
    MARGIN,
    NAN,
    NO_BUYS,
    Scenario,
    cash,
    equity,
    fills,
    orders,
    shares,
    told,
)

HUNDRED = [(100, 100, 1e6)]
HALF_SHORT = {0: {0: -0.5}}  # of 10,000 at 100: 50 shares


class TestProceedsAndFees:
    def test_sold_and_bought_back(self):
        history = Scenario(
            rows=[HUNDRED, HUNDRED, [(90, 90, 1e6)]],
            weights={0: {0: -0.5}, 1: {}},
            margin=MARGIN,
        ).run()
        assert fills(history) == ["1 short 50 S0 @ 100", "2 cover 50 S0 @ 90"]
        assert cash(history) == ["15000", "10500"]
        assert equity(history) == ["10000", "10500"]

    def test_slippage_and_commission_go_against_the_seller_too(self):
        history = Scenario(
            rows=[HUNDRED, HUNDRED, HUNDRED],
            weights={0: {0: -0.5}, 1: {}},
            rules=Rules(cash_buffer=0.0, slippage=0.01, rate=0.001),
            margin=MARGIN,
        ).run()
        assert fills(history) == ["1 short 50 S0 @ 99 fee 4.95", "2 cover 50 S0 @ 101 fee 5.05"]
        assert cash(history) == ["14945.05", "9890"]

    def test_the_borrowed_shares_cost_their_rate_every_day(self):
        history = Scenario(
            rows=[HUNDRED, [(100, 110, 1e6)], [(110, 120, 1e6)], [(120, 120, 1e6)]],
            weights=HALF_SHORT,
            margin=MARGIN,
            borrow_rate=0.36,  # a thousandth a day of 360
        ).run()
        # 50 shares at yesterday's close: 5,500 and 6,000.
        assert told(history) == ["2 borrow_fee S0 -5.5", "3 borrow_fee S0 -6"]
        assert cash(history) == ["15000", "14994.5", "14988.5"]

    def test_turning_from_long_to_short_takes_two_orders(self):
        history = Scenario(
            rows=[HUNDRED, HUNDRED, HUNDRED],
            weights={0: {0: 0.3}, 1: {0: -0.2}},
            margin=MARGIN,
        ).run()
        assert fills(history)[1:] == ["2 sell 30 S0 @ 100", "2 short 20 S0 @ 100"]

    def test_sells_covers_shorts_buys(self):
        history = Scenario(
            rows=[HUNDRED * 4, HUNDRED * 4, HUNDRED * 4],
            weights={0: {0: -0.4, 3: 0.4}, 1: {1: 0.3, 2: -0.3}},
            margin=MARGIN,
        ).run()
        assert fills(history)[2:] == [
            "2 sell 40 S3 @ 100",
            "2 cover 40 S0 @ 100",
            "2 short 30 S2 @ 100",
            "2 buy 30 S1 @ 100",
        ]

    def test_a_short_position_has_a_stop_above(self):
        history = Scenario(
            rows=[HUNDRED, HUNDRED, [(110, 110.01, 1e6)], [(111, 111, 1e6)]],
            weights=HALF_SHORT,
            rules=Rules(cash_buffer=0.0, slippage=0.0, rate=0.0, stop_loss_pct=0.1),
            margin=MARGIN,
        ).run()
        assert fills(history)[1:] == ["3 cover 50 S0 @ 111"]
        assert told(history) == ["2 stop_loss S0"]


class TestMargin:
    def test_opened_as_far_as_the_initial_margin_goes(self):
        history = Scenario(
            rows=[
                [*HUNDRED, *HUNDRED],
                [(100, 100, 1e6), (120, 120, 1e6)],  # 100 short at 100; longs gap up
            ],
            weights={0: {0: -1.0, 1: 1.0}},  # gross 2 of 10,000
            margin=MARGIN,
        ).run()
        # Room for 20,000 gross: 10,000 short, then 83 of 100 longs at 120.
        assert fills(history) == ["1 short 100 S0 @ 100", "1 buy 83 S1 @ 120"]
        assert orders(history) == ["1 buy S1 83/100 truncated_margin"]

    def test_a_loss_that_keeps_30_per_cent_is_kept(self):
        history = Scenario(
            rows=[HUNDRED, HUNDRED, [(230, 230, 1e6)], [(230, 230, 1e6)]],
            weights=HALF_SHORT,  # equity 15,000 - 11,500 = 3,500; 30 % of 11,500 = 3,450
            margin=MARGIN,
        ).run()
        assert shares(history)[-1] == {"S0": -50}
        assert told(history) == []

    @pytest.mark.parametrize(
        ("close", "expected"), [(240, []), (240.000001, ["2 margin_call"]), (239.999999, [])]
    )
    def test_the_last_price_that_keeps_the_margin(self, close, expected):
        history = Scenario(
            rows=[HUNDRED, HUNDRED, [(240, close, 1e6)]],
            weights=HALF_SHORT,  # at 240: equity 15,000 - 12,000; a quarter of 12,000 is as much
            margin=replace(MARGIN, maintenance=0.25),
        ).run()
        assert told(history) == expected

    def test_below_it_the_book_is_closed_at_the_next_open(self):
        history = Scenario(
            rows=[HUNDRED, HUNDRED, [(240, 240, 1e6)], [(235, 235, 1e6)]],
            weights={**HALF_SHORT, 2: {0: -0.5}},  # the strategy is not asked
            margin=MARGIN,  # equity 3,000; 30 % of 12,000 = 3,600
        ).run()
        assert told(history) == ["2 margin_call"]
        assert fills(history)[1:] == ["3 cover 50 S0 @ 235"]
        assert cash(history)[-1] == "3250"


class TestSqueeze:
    def test_a_price_that_triples_leaves_nothing(self):
        history = Scenario(
            rows=[HUNDRED, HUNDRED, [(150, 300, 1e6)], [(300, 300, 1e6)], HUNDRED],
            weights={**HALF_SHORT, 3: {0: 1.0}},
            margin=MARGIN,
        ).run()
        assert equity(history) == ["10000", "0", "0", "0"]
        assert told(history) == ["2 margin_call", "2 deficit", "3 deficit", "4 deficit"]
        assert fills(history) == ["1 short 50 S0 @ 100", "3 cover 50 S0 @ 300"]

    def test_a_price_that_quadruples_leaves_a_debt_that_bears_interest(self):
        history = Scenario(
            rows=[HUNDRED, HUNDRED, [(150, 400, 1e6)], [(400, 400, 1e6)], HUNDRED],
            weights={**HALF_SHORT, 3: {0: 1.0}},
            margin=replace(MARGIN, debit_rate=0.036),
        ).run()
        # 15,000 - 50 * 400. Overnight the broker has lent 5,000 each time: 0.50 a day.
        assert equity(history) == ["10000", "-5000", "-5000.5", "-5001.00005"]
        assert cash(history) == ["15000", "15000", "-5000.5", "-5001.00005"]
        assert told(history, "debit_interest") == [
            "3 debit_interest -0.5",
            "4 debit_interest -0.50005",
        ]
        assert fills(history)[-1] == "3 cover 50 S0 @ 400"

    def test_a_debtor_can_still_sell_what_he_has(self):
        history = Scenario(
            rows=[
                [*HUNDRED, *HUNDRED],
                [*HUNDRED, *HUNDRED],  # 90 long S0, 90 short S1
                [(NAN, 100, 1e6), (400, 400, 1e6)],  # S1 quadruples, S0 is halted
                [(NAN, 100, 1e6), (400, 400, 1e6)],  # S1 covered: cash -26,000; S0 halted
                [(100, 100, 1e6), (400, 400, 1e6)],  # S0 sold for 9,000
            ],
            weights={0: {0: 0.9, 1: -0.9}},
            margin=MARGIN,
        ).run()
        assert fills(history)[2:] == ["3 cover 90 S1 @ 400", "4 sell 90 S0 @ 100"]
        assert cash(history)[-2:] == ["-26000", "-17000"]

    def test_locked_at_the_limit_the_loss_runs_on(self):
        history = Scenario(
            rows=[HUNDRED, HUNDRED, [(240, 240, 1e6)], [(264, 264, 1e6)], [(280, 280, 1e6)]],
            weights=HALF_SHORT,
            margin=MARGIN,
            locked=[[0], [0], [0], [NO_BUYS], [0]],
        ).run()
        assert orders(history) == ["3 cover S0 0/50 expired_limit_up"]
        assert fills(history)[1:] == ["4 cover 50 S0 @ 280"]


class TestBorrowing:
    def test_no_shares_to_borrow_no_short_sale(self):
        history = Scenario(
            rows=[HUNDRED, HUNDRED],
            weights=HALF_SHORT,
            margin=MARGIN,
            borrow=[[NAN], [0.01]],
        ).run()
        assert orders(history) == ["1 short S0 0/50 refused_not_located"]

    def test_bought_in_when_the_name_leaves_the_list(self):
        history = Scenario(
            rows=[HUNDRED, HUNDRED, [(105, 105, 1e6)], [(106, 106, 1e6)], HUNDRED],
            weights={day: {0: -0.5} for day in range(5)},
            scheduled=[True, False, False, True],
            margin=MARGIN,
            borrow=[[0.0], [0.0], [NAN], [NAN], [0.0]],
        ).run()
        assert told(history) == ["2 buy_in S0"]
        assert fills(history)[1:] == ["3 cover 50 S0 @ 106"]
        assert orders(history) == ["4 short S0 0/45 refused_not_located"]

    def test_a_hole_in_the_table_costs_the_last_rate_until_the_buy_in(self):
        history = Scenario(
            rows=[
                HUNDRED,
                HUNDRED,
                HUNDRED,  # off the list at this close
                [(NAN, 100, 1e6)],  # halted: the buy-in waits, the last rate goes on
                HUNDRED,
            ],
            weights=HALF_SHORT,
            margin=MARGIN,
            borrow=[[0.36], [0.36], [NAN], [NAN], [NAN]],
        ).run()
        assert told(history, "borrow_fee") == [f"{day} borrow_fee S0 -5" for day in (2, 3, 4)]
        assert fills(history)[1:] == ["4 cover 50 S0 @ 100"]

    def test_a_hole_of_one_name_leaves_the_others(self):
        history = Scenario(
            rows=[[*HUNDRED, *HUNDRED]] * 4,
            weights={0: {0: -0.3, 1: -0.3}},
            margin=MARGIN,
            borrow=[[0.0, 0.0], [0.0, NAN], [0.0, 0.0], [0.0, 0.0]],
        ).run()
        assert shares(history)[-1] == {"S0": -30}

    def test_a_long_position_needs_no_lender(self):
        history = Scenario(
            rows=[HUNDRED] * 3,
            weights={0: {0: 0.5}},
            margin=MARGIN,
            borrow=[[NAN]] * 3,
        ).run()
        assert shares(history)[-1] == {"S0": 50}


class TestRefusals:
    def test_forty_times_the_equity(self):
        scenario = Scenario(
            rows=[[*HUNDRED, *HUNDRED]] * 2, weights={0: {0: 20.5, 1: -19.5}}, margin=MARGIN
        )
        with pytest.raises(StrategyError, match=r"gross exposure.*beyond its limit"):
            scenario.run()

    def test_more_net_than_the_account_allows(self):
        scenario = Scenario(
            rows=[[*HUNDRED, *HUNDRED]] * 2, weights={0: {0: -1.2, 1: 0.1}}, margin=MARGIN
        )
        with pytest.raises(StrategyError, match=r"net exposure.*beyond its limit"):
            scenario.run()

    def test_a_long_only_account_is_never_short(self):
        with pytest.raises(StrategyError, match="sell short and the settings do not allow it"):
            Scenario(rows=[HUNDRED] * 2, weights=HALF_SHORT).run()

    @pytest.mark.parametrize("weight", [NAN, float("inf"), -float("inf")])
    def test_a_weight_that_is_no_number(self, weight):
        scenario = Scenario(rows=[HUNDRED] * 2, weights={0: {0: -0.1, 1: weight}}, margin=MARGIN)
        with pytest.raises(StrategyError, match="not a number"):
            scenario.run()
