"""Axes as they are written, and the combinations they make."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.foundation.errors import ConfigurationError
from quant_core.sweeps.grid import (
    LARGEST_GRID,
    Axis,
    check_axes,
    combinations,
    lines_of_file,
    read_axes,
    read_axis,
)

NAMES = st.text("abc_", min_size=1, max_size=4)
VALUES = st.lists(st.integers(0, 99).map(str), min_size=1, max_size=4, unique=True).map(tuple)


class TestExamples:
    def test_commas_within_brackets_and_quotes_belong_to_a_value(self):
        axis = read_axis("rebalance=[monthly, {every: 5}, {dates: [2020-01-01, 2020-02-01]}]")
        assert axis == Axis(
            "rebalance", ("monthly", "{every: 5}", "{dates: [2020-01-01, 2020-02-01]}")
        )
        assert read_axis("""x=["a, b", 'c, d']""").values == ('"a, b"', "'c, d'")

    def test_the_last_axis_is_the_quickest(self):
        grid = [read_axis("strategy.top_k=[5, 10]"), read_axis("rebalance.every=[1, 2]")]
        assert [c.overrides for c in combinations(grid, [])] == [
            ("strategy.top_k=5", "rebalance.every=1"),
            ("strategy.top_k=5", "rebalance.every=2"),
            ("strategy.top_k=10", "rebalance.every=1"),
            ("strategy.top_k=10", "rebalance.every=2"),
        ]

    def test_a_name_in_braces_is_filled_in_everywhere(self):
        grid = [
            read_axis("strategy.linear.weights=[{m_{days}: 1}, {v_{days}: -1}]"),
            read_axis("days=[20, 60]"),
        ]
        settings = ["strategy.name=over {days} days", "strategy.top_k=5"]
        assert [c.overrides for c in combinations(grid, settings)][1] == (
            "strategy.name=over 60 days",
            "strategy.linear.weights={m_60: 1}",
        )

    def test_a_file_is_as_good_as_flags(self):
        text = "# names\nstrategy.top_k: [5, 10]  # few\n\nrebalance: [monthly, weekly]\n"
        axes, problems = read_axes(["lookback=[1]"], lines_of_file(text), "grid.yaml")
        assert [axis.name for axis in axes] == ["strategy.top_k", "rebalance", "lookback"]
        assert problems == []


class TestProperties:
    @given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
    def test_every_combination_once(self, values: dict[str, tuple[str, ...]]):
        axes = [Axis(name, of_axis) for name, of_axis in values.items()]
        found = combinations(axes, [])
        assert len(found) == math.prod(map(len, values.values()))
        assert [c.number for c in found] == list(range(len(found)))
        told = [tuple(c.values.items()) for c in found]
        assert told == sorted(told, key=lambda one: [values[k].index(v) for k, v in one])

    @given(st.text("[]{},:=' ab1", max_size=20))
    def test_any_text_is_an_axis_or_refused(self, text: str):
        try:
            axis = read_axis(text)
        except ConfigurationError as error:
            assert error.found == text
        else:
            assert axis.name and axis.values and all(axis.values)


class TestRefusals:
    @pytest.mark.parametrize(
        "text",
        ["strategy.top_k", "strategy.top_k=5", "strategy.top_k=[]", "=[1]", "a=[1,,2]", "a=["],
    )
    def test_no_list(self, text: str):
        with pytest.raises(ConfigurationError, match="not a list of values"):
            read_axis(text)

    def test_all_problems_at_once(self):
        wide = Axis("strategy.top_k", tuple(map(str, range(LARGEST_GRID + 1))))
        axes = [wide, Axis("days", ("1",)), Axis("sharpe", ("1",)), Axis("days", ("2", "2"))]
        found = check_axes(axes, ["strategy.name={sharpe}"], ["rebalance"], ["sharpe"])
        assert [problem.problem for problem in found] == [
            "the grid names an axis twice: 'days'",
            "an axis is no settings key, and nothing holds it in braces: 'days'",
            "an axis is called like a column of the table: 'sharpe'",
            "an axis has a value twice: 'days'",
            "the grid is too large",
        ]
        assert found[-1].found == "200,002"

    def test_no_axis(self):
        (found,) = check_axes([], [], [], [])
        assert found.problem == "the grid has no axis"
