"""Impossible corporate actions are refused by name; odd ones do what is written, no money lost."""

from __future__ import annotations

import math

import pytest

from quant_core.foundation.errors import ConfigurationError, DataRefused, InvariantBroken
from quant_core.portfolio import Portfolio
from quant_core.risk.margin import MarginRules
from quant_core.trading.actions import Dividend, Rename, Rights, Split
from tests.engine.reference import m
from tests.scenarios.table import (
    MARGIN,
    NAN,
    Scenario,
    cash,
    equity,
    fills,
    orders,
    receivable,
    shares,
    told,
)

TEN = (10, 10, 1e6)
NONE = (NAN, NAN, NAN)
NOT_RATIOS = [-1.0, NAN, math.inf, -math.inf]


def held(actions: dict, columns: int = 1, rows: int = 5, **others) -> Scenario:
    """Half of 10,000 in S0 from day 1: 500 shares at 10, a flat market."""
    return Scenario(rows=[[TEN] * columns] * rows, weights={0: {0: 0.5}}, actions=actions, **others)


class TestRefusals:
    @pytest.mark.parametrize("ratio", [0.0, -0.0, *NOT_RATIOS])
    def test_a_split_of_nothing(self, ratio):
        with pytest.raises(DataRefused, match=r"a split is impossible(.|\n)*ABC"):
            Split("ABC", ratio)

    @pytest.mark.parametrize("ratio", NOT_RATIOS)
    def test_rights_of_less_than_nothing(self, ratio):
        with pytest.raises(DataRefused, match="a right is impossible"):
            Rights("ABC", ratio, 1_000_000)

    @pytest.mark.parametrize("price", [-1, NAN])
    def test_rights_that_pay_the_holder(self, price):
        with pytest.raises(DataRefused, match="a right is impossible"):
            Rights("ABC", 0.1, price)

    @pytest.mark.parametrize("amount", [-1, NAN])
    def test_a_negative_dividend(self, amount):
        with pytest.raises(DataRefused, match="a dividend is negative"):
            Dividend("ABC", amount, 3)

    @pytest.mark.parametrize("successor", ["", "ABC"])
    def test_a_rename_to_nothing_or_to_itself(self, successor):
        with pytest.raises(DataRefused, match="a rename is impossible"):
            Rename("ABC", successor)

    @pytest.mark.parametrize(
        "action",
        [
            Split("XYZ", 2.0),
            Dividend("XYZ", 1, 2),
            Rights("XYZ", 0.1, 1),
            Rename("XYZ", "S0"),
            Rename("S0", "XYZ"),
        ],
    )
    def test_a_name_that_the_market_does_not_have(self, action):
        with pytest.raises(DataRefused, match=r"XYZ(.|\n)*2024-01-03"):
            held({2: (action,)}).run()

    def test_a_name_renamed_twice_on_one_day(self):
        twice = (Rename("S0", "S1"), Rename("S0", "S2"))
        with pytest.raises(DataRefused, match=r"renamed twice in one session(.|\n)*S0 to S2"):
            held({2: twice}, columns=3).run()

    @pytest.mark.parametrize(
        "numbers",
        [
            {"initial": 0.0},
            {"initial": NAN},
            {"initial": 1.5},
            {"maintenance": -0.1},
            {"maintenance": 1.1},
            {"max_gross": NAN},
            {"debit_rate": math.inf},
        ],
        ids=str,
    )
    def test_a_margin_account_that_cannot_be(self, numbers):
        with pytest.raises(ConfigurationError, match="margin account are impossible"):
            MarginRules(allowed=True, **numbers)

    def test_a_borrow_rate_that_is_no_number(self):
        with pytest.raises(InvariantBroken, match="borrow rate is not a number"):
            held({}, borrow_rate=NAN).run()

    @pytest.mark.parametrize("table", ["borrow", "locked", "volatility", "average_volume"])
    def test_a_table_of_another_market(self, table):
        with pytest.raises(InvariantBroken, match=f"table {table} has another shape"):
            held({}, **{table: [[0.0]] * 2}).run()


class TestRows:
    def test_paid_before_it_goes_ex_is_paid_on_the_ex_date(self):
        for pay_row in (1, 0, -5):
            history = held({2: (Dividend("S0", 1_000_000, pay_row),)}).run()
            assert cash(history) == ["5000", "5500", "5500", "5500"]
            assert not history.receivable_micros.any()

    def test_paid_after_the_end_stays_a_claim(self):
        history = held({2: (Dividend("S0", 1_000_000, 5),)}).run()
        assert cash(history)[-1] == "5000"
        assert receivable(history) == ["0", "500", "500", "500"]
        assert equity(history)[-1] == "10500"

    def test_before_the_run_nothing_is_held(self):
        history = held({0: (Split("S0", 2.0), Dividend("S0", 1_000_000, 3))}).run()
        assert told(history) == []
        assert equity(history) == ["10000"] * 4

    def test_after_the_last_row_nothing_happens(self):
        history = held({5: (Split("S0", 2.0),), 99: (Dividend("S0", 1_000_000, 99),)}).run()
        assert told(history) == []

    def test_on_the_first_day_of_the_run_the_order_follows(self):
        history = held({1: (Split("S0", 2.0),)}).run()
        assert fills(history) == ["1 buy 1000 S0 @ 10"]

    def test_on_the_last_day(self):
        history = held({4: (Split("S0", 2.0), Dividend("S0", 1_000_000, 4))}).run()
        assert shares(history)[-1] == {"S0": 1000}
        assert cash(history)[-1] == "5500"


class TestRepeated:
    def test_two_dividends_of_one_day_are_both_paid(self):
        twice = (Dividend("S0", 1_000_000, 2), Dividend("S0", 250_000, 3))
        assert cash(held({2: twice}).run()) == ["5000", "5500", "5625", "5625"]

    def test_two_splits_of_one_day_follow_one_another(self):
        history = held({2: (Split("S0", 3.0), Split("S0", 0.5))}).run()
        assert shares(history)[-1] == {"S0": 750}

    def test_a_split_that_changes_nothing(self):
        history = held({2: (Split("S0", 1.0),)}).run()
        assert shares(history)[-1] == {"S0": 500}
        assert equity(history) == ["10000"] * 4

    def test_a_dividend_of_nothing(self):
        assert cash(held({2: (Dividend("S0", 0, 2),)}).run())[-1] == "5000"


class TestExtremes:
    def test_a_split_that_leaves_less_than_a_share(self):
        history = held({2: (Split("S0", 1e-4),)}).run()  # 0.05 of a share at 10
        assert shares(history)[-1] == {}
        assert cash(history)[-1] == "5000.5"

    def test_a_dividend_above_the_price_is_paid(self):
        assert cash(held({2: (Dividend("S0", 12_000_000, 2),)}).run())[-1] == "11000"

    def test_a_short_position_owes_more_than_it_has(self):
        history = Scenario(
            rows=[[TEN]] * 5,
            weights={0: {0: -0.5}},
            margin=MARGIN,
            actions={2: (Dividend("S0", 40_000_000, 3),)},  # 40 a share of 500
        ).run()
        assert receivable(history)[1] == "-20000"
        assert equity(history)[1] == "-10000"  # closed at the next open, the debt stays
        assert fills(history)[1:] == ["3 cover 500 S0 @ 10"]
        assert cash(history)[-1] == "-10000"

    def test_free_rights_are_shares(self):
        history = held({2: (Rights("S0", 0.5, 0),)}).run()
        assert shares(history)[-1] == {"S0": 750}
        assert cash(history)[-1] == "5000"

    def test_rights_without_any_cash_lapse(self):
        scenario = held({2: (Rights("S0", 0.5, 20_000_000),)})
        scenario.weights = {0: {0: 1.0}}
        history = scenario.run()
        assert shares(history)[-1] == {"S0": 1000}
        assert told(history) == ["2 rights S0"]

    def test_a_short_position_has_no_right(self):
        scenario = held({2: (Rights("S0", 0.5, 1_000_000),)}, margin=MARGIN)
        scenario.weights = {0: {0: -0.5}}
        assert shares(scenario.run())[-1] == {"S0": -500}


class TestGoneNames:
    def test_actions_of_a_name_that_left_touch_nothing(self):
        history = held(
            {
                3: (Split("S0", 2.0), Dividend("S0", 1_000_000, 3)),
                4: (Rename("S0", "S1"), Rights("S0", 0.1, 1)),
            },
            columns=2,
            delisted={0: 2},
        ).run()
        assert told(history) == ["2 delisting S0 5000"]
        assert cash(history) == ["5000", "10000", "10000", "10000"]

    def test_what_comes_into_a_name_that_has_ended_ends_with_it(self):
        history = held({3: (Rename("S0", "S1"),)}, columns=2, delisted={1: 1}).run()
        assert told(history) == ["3 rename S0", "3 delisting S1 5000"]
        assert cash(history)[-1] == "10000"

    def test_a_name_that_is_said_to_have_ended_is_closed_on_the_day_it_is_bought_again(self):
        scenario = held({}, delisted={0: 2})  # its prices go on
        scenario.weights = {day: {0: 0.5} for day in range(4)}
        history = scenario.run()
        assert orders(history) == []
        assert cash(history) == ["5000", "10000", "10000", "10000"]
        assert [i.kind for i in history.incidents] == ["delisting"] * 3

    def test_a_claim_outlives_its_name(self):
        history = held({2: (Dividend("S0", 1_000_000, 4),)}, delisted={0: 2}).run()
        assert cash(history) == ["5000", "10000", "10000", "10500"]

    def test_a_claim_and_a_fraction_outlive_a_rename(self):
        history = Scenario(
            rows=[[TEN, NONE], [TEN, NONE], [NONE, NONE], [NONE, NONE], [NONE, (40, 40, 1e6)]],
            weights={0: {0: 0.003}},  # 3 shares, of which 1 for 2 leaves 1 and a half
            actions={
                2: (Split("S0", 0.5), Dividend("S0", 1_000_000, 4)),
                3: (Rename("S0", "S1"),),
            },
        ).run()
        assert receivable(history) == ["0", "13", "13", "0"]  # 3 owed, half a share at 20
        assert cash(history)[-1] == "9993"  # 9,970 + 3 + 20
        assert equity(history)[-1] == "10033"


class TestLedger:
    """The ledger by itself, without a market that looks over the actions first."""

    def test_an_action_on_nothing_held_is_nothing(self):
        portfolio = Portfolio(m(100.0))
        portfolio.apply(Split("ABC", 2.0))
        assert (portfolio.held, portfolio.fractions, portfolio.cash_micros) == ((), (), m(100.0))
