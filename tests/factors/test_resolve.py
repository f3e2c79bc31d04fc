"""Names and texts to factors: names win, slips are refused."""

from __future__ import annotations

import pytest

from quant_core.factors.factor import Factor
from quant_core.factors.library import (
    BARE_EXPRESSION,
    by_name,
    catalogue,
    check_own_name,
    resolve,
)
from quant_core.foundation.errors import ExpressionError

PRICES = ("open", "high", "low", "close", "vwap", "returns")
FIELDS = (*PRICES, "volume", "amount", "cap", "industry", "sector", "subindustry")
MINE = by_name([Factor("my_value", "user", "cap / close", "")])


class TestExamples:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("momentum_20", "close / delay(close, 20) - 1"),
            ("momentum_12_1", "delay(close, 21) / delay(close, 252) - 1"),
            ("volatility_20", "ts_std(returns, 20)"),
        ],
    )
    def test_the_names_other_parts_count_on(self, name, text):
        assert resolve(name).text == text
        assert resolve(name) is catalogue()[name]

    def test_a_text_is_a_factor_without_a_library(self):
        found = resolve(" Mean($close, 5) / $close ")
        assert found.library == BARE_EXPRESSION
        assert found.name == "ts_mean(close, 5) / close"
        assert found.text == "Mean($close, 5) / $close"

    def test_a_users_factor(self):
        assert resolve("my_value", MINE).text == "cap / close"

    def test_a_name_is_preferred_to_a_field_of_that_name(self):
        shadow = by_name([Factor("turnover", "user", "volume / 2", "")])
        assert resolve("turnover", shadow).text == "volume / 2"
        assert resolve("$turnover", shadow).text == "$turnover"

    @pytest.mark.parametrize("field", ["close", "vwap", "pe_ratio"])
    def test_a_single_unknown_name_is_a_field(self, field):
        assert resolve(field).library == BARE_EXPRESSION

    @pytest.mark.parametrize("name", ["mine", "_x1", "Quiet_Strength", "f", "f1_spread", "dates"])
    def test_names_of_own_factors(self, name):
        check_own_name(name)


class TestRefusals:
    def test_a_slip_of_a_name(self):
        with pytest.raises(ExpressionError) as caught:
            resolve("momentum_2O")
        assert caught.value.problem == "unknown factor"
        assert "did you mean momentum_20" in caught.value.fix
        assert "A field of the dataset is written $momentum_2O" in caught.value.fix

    def test_a_text_that_cannot_be_read(self):
        with pytest.raises(ExpressionError, match="unknown operator"):
            resolve("momentum(close, 5)")

    def test_a_user_may_not_take_a_name_of_the_catalogue(self):
        taken = by_name([Factor("momentum_20", "user", "close", "")])
        with pytest.raises(ExpressionError, match="'momentum_20' is defined twice"):
            resolve("close", taken)

    @pytest.mark.parametrize("name", ["", "a b", "1x", "000001", "a-b", "a.b", "价值", "x\n"])
    def test_an_own_name_that_is_no_word(self, name):
        with pytest.raises(ExpressionError) as caught:
            check_own_name(name)
        assert caught.value.expected == "letters, digits and _, no digit first"

    @pytest.mark.parametrize(
        ("name", "owner"),
        [
            ("date", "a column"),
            ("Symbol", "a column"),
            ("f1", "a column"),
            ("F007", "a column"),
            *((field, "a field") for field in FIELDS),
            ("rank", "an operator"),
            ("ts_mean", "an operator"),
            ("Mean", "an operator"),
        ],
    )
    def test_an_own_name_that_is_taken(self, name, owner):
        with pytest.raises(ExpressionError, match=f"cannot be named '{name}'") as caught:
            check_own_name(name)
        assert owner in caught.value.found
