"""Drawdowns and calendar returns: by hand, against a naive twin and pandas, by property."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.foundation.errors import InvariantBroken
from quant_core.performance.calendar_returns import aggregate_returns, monthly_returns
from quant_core.performance.drawdowns import (
    Drawdown,
    drawdown_path,
    maximum_drawdown,
    worst_drawdowns,
)
from quant_core.performance.returns import returns_since_start


def days(count: int, first: str = "2024-01-01") -> np.ndarray:
    return np.datetime64(first) + np.arange(count)


def naive_drawdowns(values: list[int], start: int) -> list[tuple[int, int, int | None]]:
    """(peak, trough, recovery) by walking the path; -1 is the starting capital."""
    found, peak, peak_row, low_row = [], start, -1, None
    for row, value in enumerate(values):
        if value >= peak:
            if low_row is not None:
                found.append((peak_row, low_row, row))
            peak, peak_row, low_row = value, row, None
        elif low_row is None or value < values[low_row]:
            low_row = row
    if low_row is not None:
        found.append((peak_row, low_row, None))
    return found


class TestExamples:
    def test_three_falls_deepest_first(self) -> None:
        #                 0    1   2    3    4   5    6    7   8
        values = np.array([90, 100, 80, 100, 120, 60, 120, 150, 135])
        found = worst_drawdowns(days(9), values, starting_value=100, count=10)
        assert found == (
            Drawdown(date(2024, 1, 5), date(2024, 1, 6), date(2024, 1, 7), -0.5, 1, 1, 2),
            Drawdown(date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4), 80 / 100 - 1, 1, 1, 2),
            Drawdown(None, date(2024, 1, 1), date(2024, 1, 2), 90 / 100 - 1, 1, 1, 2),
            Drawdown(date(2024, 1, 8), date(2024, 1, 9), None, 135 / 150 - 1, 1, None, 1),
        )
        assert worst_drawdowns(days(9), values, starting_value=100, count=2) == found[:2]

    def test_the_peak_is_the_last_session_at_it(self) -> None:
        (fall,) = worst_drawdowns(
            days(4), np.array([110, 110, 99, 110]), starting_value=100, count=1
        )
        assert (fall.peak, fall.length_sessions) == (date(2024, 1, 2), 2)

    def test_a_rise_has_no_drawdown(self) -> None:
        assert worst_drawdowns(days(3), np.array([1, 2, 3]), starting_value=1, count=10) == ()

    def test_one_micro_below_the_peak_is_a_drawdown(self) -> None:
        """Integers are compared exactly, beyond what float64 tells apart."""
        start = 2**55 + 1
        values = np.array([start - 1, start])
        (fall,) = worst_drawdowns(days(2), values, starting_value=start, count=10)
        assert fall.recovery == date(2024, 1, 2)

    def test_whether_the_start_is_a_peak_is_the_callers_choice(self) -> None:
        falling = np.array([-0.1, -0.1])
        assert maximum_drawdown(falling, start_is_peak=True) == pytest.approx(-0.19)
        assert maximum_drawdown(falling, start_is_peak=False) == pytest.approx(-0.1)

    def test_monthly_table(self) -> None:
        sessions = np.array(
            ["2022-11-30", "2022-12-01", "2022-12-30", "2024-02-29"], dtype="datetime64[D]"
        )
        table = monthly_returns(sessions, np.array([0.1, 0.5, -0.5, math.nan]))
        assert table.years.tolist() == [2022, 2023, 2024]
        assert np.argwhere(~np.isnan(table.months)).tolist() == [[0, 10], [0, 11]]
        np.testing.assert_allclose(table.months[0, 10:], [0.1, -0.25])
        np.testing.assert_allclose(table.totals, [1.1 * 0.75 - 1.0, math.nan, math.nan])

    def test_the_week_around_new_year_is_one_week(self) -> None:
        """Monday 2018-12-31 and Friday 2019-01-04 belong to the same ISO week."""
        sessions = np.array(["2018-12-31", "2019-01-04", "2019-01-07"], dtype="datetime64[D]")
        found = aggregate_returns(sessions, np.array([0.1, 0.1, 0.2]), period="week")
        assert found.starts.astype(str).tolist() == ["2018-12-31", "2019-01-07"]
        np.testing.assert_allclose(found.returns, [0.21, 0.2])

    def test_nothing_gives_nothing(self) -> None:
        none = np.array([], dtype="datetime64[D]")
        assert aggregate_returns(none, np.array([]), period="month").returns.size == 0
        assert monthly_returns(none, np.array([])).months.shape == (0, 12)


class TestReference:
    @pytest.mark.parametrize(
        ("period", "rule"), [("week", "W"), ("month", "M"), ("quarter", "Q"), ("year", "Y")]
    )
    def test_calendar_periods_of_pandas(self, period, rule) -> None:
        sessions = days(900, "1999-06-17")[np.random.default_rng(1).random(900) < 0.7]
        returns = np.random.default_rng(2).normal(0.0, 0.01, sessions.size)
        column = pd.Series(returns, pd.to_datetime(sessions))
        grouped = column.groupby(column.index.to_period(rule))
        reference = grouped.apply(lambda part: (1.0 + part).prod() - 1.0)
        found = aggregate_returns(sessions, returns, period=period)
        np.testing.assert_allclose(found.returns, reference.to_numpy(), rtol=1e-12)
        starts = reference.index.start_time.to_numpy().astype("datetime64[D]")
        np.testing.assert_array_equal(found.starts, starts)


class TestProperties:
    @given(st.lists(st.integers(1, 12), min_size=1, max_size=40), st.integers(1, 12))
    def test_the_naive_twin_finds_the_same(self, values, start) -> None:
        sessions = days(len(values))
        twin = naive_drawdowns(values, start)
        found = worst_drawdowns(sessions, np.array(values), starting_value=start, count=99)
        rows = {str(day): row for row, day in enumerate(sessions)}
        located = [
            (
                rows[str(fall.peak)] if fall.peak else -1,
                rows[str(fall.trough)],
                rows[str(fall.recovery)] if fall.recovery else None,
            )
            for fall in found
        ]
        assert sorted(located, key=lambda place: place[1]) == twin
        assert [fall.depth for fall in found] == sorted(fall.depth for fall in found)

    @given(st.lists(st.integers(1, 10**9), min_size=1, max_size=30), st.integers(1, 10**9))
    def test_path_table_and_returns_agree_on_the_deepest(self, values, start) -> None:
        array = np.array(values)
        deepest = drawdown_path(array, starting_value=start).min()
        table = worst_drawdowns(days(len(values)), array, starting_value=start, count=1)
        assert (table[0].depth if table else 0.0) == pytest.approx(deepest, abs=1e-15)
        from_returns = maximum_drawdown(returns_since_start(array, start), start_is_peak=True)
        assert from_returns == pytest.approx(deepest, abs=1e-9)


class TestRefusals:
    def test_an_unknown_value_is_refused(self) -> None:
        with pytest.raises(InvariantBroken, match="one known value per session") as caught:
            worst_drawdowns(days(2), np.array([1.0, math.nan]), starting_value=1.0, count=1)
        assert caught.value.found == "2 values, 1 NaN"

    def test_lengths_must_agree(self) -> None:
        with pytest.raises(InvariantBroken, match="one known value per session"):
            worst_drawdowns(days(3), np.array([1.0]), starting_value=1.0, count=1)
