"""What a run is compared with, by hand: gaps, delistings, membership, no later price."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.foundation.errors import UsageError
from quant_core.performance.benchmark import (
    EQUAL_WEIGHT,
    LONGEST_SILENCE,
    benchmark_returns,
    benchmark_values,
)
from tests.engine.market_strategies import small_panel

NAN = math.nan


def returns(close, name: str = EQUAL_WEIGHT, member=None, first: int = 1) -> list[float]:
    panel = small_panel(close, close, np.ones(np.shape(close)), member)
    return benchmark_returns(panel, name, first, len(close) - 1).tolist()


def silence(length: int) -> list[list[float]]:
    """S0 stays at 10; S1 has a close of 10, none for ``length`` sessions, then 5 and 10."""
    return [[10, 10], *([[10, NAN]] * length), [10, 5], [10, 10]]


class TestExamples:
    def test_the_mean_of_the_returns(self):
        assert returns([[10, 20], [11, 18], [11, 27]]) == pytest.approx([0.0, 0.25])

    def test_the_move_of_a_gap_comes_with_the_next_close(self):
        # S1 is suspended on two sessions: 0 there, then 10 -> 4 counts on the third
        close = [[10, 10], [11, NAN], [11, NAN], [11, 4], [11, 5]]
        assert returns(close) == pytest.approx([0.05, 0.0, -0.3, 0.125])

    def test_a_gap_that_began_before_the_window(self):
        close = [[10, 10], [10, NAN], [10, NAN], [10, 5]]
        assert returns(close, first=3) == pytest.approx([-0.25])

    def test_a_name_that_is_gone_is_left_out_after_the_silence(self):
        close = [[10, 10], *([2.0**row * 10, NAN] for row in range(1, LONGEST_SILENCE + 3))]
        assert returns(close) == pytest.approx([0.5] * LONGEST_SILENCE + [1.0, 1.0])

    @pytest.mark.parametrize(
        ("length", "back", "after"),
        [(LONGEST_SILENCE - 1, -0.25, 0.5), (LONGEST_SILENCE, 0.0, 0.5)],
    )
    def test_the_longest_silence(self, length, back, after):
        assert returns(silence(length)) == pytest.approx([0.0] * length + [back, after])

    def test_members_of_the_session_before(self):
        close = [[10, 10], [20, 5], [20, 10]]
        member = [[True, False], [True, True], [False, False]]
        assert returns(close, member=member) == pytest.approx([1.0, 0.5])

    def test_no_member_with_a_close_is_unknown(self):
        assert np.isnan(returns([[NAN], [10], [11]])).tolist() == [True, False]

    def test_a_symbol_spans_its_gap(self):
        close = [[1, 10], [1, NAN], [1, 5]]
        assert returns(close, "S1") == pytest.approx([0.0, -0.5])

    def test_values_are_the_product(self):
        assert benchmark_values(np.array([NAN, 0.5, NAN]), 10.0).tolist()[1:] == [15.0, 15.0]


class TestReference:
    @given(st.integers(0, 2**32 - 1), st.integers(1, 4))
    def test_equals_a_search_backwards_for_every_name(self, seed, first):
        chance = np.random.default_rng(seed)
        close = np.where(chance.random((9, 4)) < 0.4, NAN, chance.uniform(1, 9, (9, 4)))
        member = chance.random((9, 4)) < 0.8
        expected = []
        for row in range(first, 9):
            growth = []
            for name in range(4):
                before = [price for price in close[:row, name] if price > 0]
                if member[row - 1, name] and before:
                    now = close[row, name]
                    growth.append((now if now > 0 else before[-1]) / before[-1])
            expected.append(sum(growth) / len(growth) - 1 if growth else NAN)
        found = returns(close, member=member, first=first)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


class TestProperties:
    @given(st.integers(0, 2**32 - 1), st.integers(2, 99))
    def test_no_value_depends_on_a_later_price(self, seed, end):
        chance = np.random.default_rng(seed)
        close = np.where(chance.random((100, 3)) < 0.9, NAN, chance.uniform(1, 9, (100, 3)))
        np.testing.assert_array_equal(returns(close[:end]), returns(close)[: end - 1])


class TestRefusals:
    def test_a_name_the_dataset_does_not_have(self):
        with pytest.raises(UsageError, match="not in the dataset"):
            returns([[1], [1]], "SPY")
