"""Errors, registry, panel axes, calendars."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from quant_core.foundation.errors import (
    ConfigurationError,
    InvariantBroken,
    StrategyError,
    UsageError,
)
from quant_core.foundation.panel import Axes
from quant_core.foundation.registry import Registry
from quant_core.foundation.timing import calendar_sessions


class TestErrors:
    def test_parts_stand_in_reading_order_and_empty_ones_are_left_out(self):
        error = UsageError("no", fix="do", expected="a", found="b")
        assert str(error) == "no\n  expected: a\n  found:    b\n  fix:      do"

    def test_all_problems_at_once(self):
        error = ConfigurationError.all_of([ConfigurationError("a"), ConfigurationError("b")])
        assert str(error) == "2 problems in the configuration\n1. a\n2. b"
        assert error.exit_code == 2
        assert str(ConfigurationError.all_of([ConfigurationError("a")])) == "a"


class TestRegistry:
    def test_duplicates_are_refused_and_unknown_names_list_the_known(self):
        registry = Registry[int]("strategy type", StrategyError)
        registry.add("linear", 1)
        with pytest.raises(StrategyError, match="registered twice"):
            registry.add("linear", 2)
        with pytest.raises(StrategyError) as caught:
            registry.get("liner")
        assert caught.value.expected == "one of: linear"
        assert caught.value.fix == "did you mean 'linear'?"


class TestAxes:
    def test_unsorted_labels_are_refused(self):
        days = np.array(["2024-01-03", "2024-01-02"], dtype="datetime64[D]")
        with pytest.raises(InvariantBroken, match="sessions"):
            Axes(days, ("A",))
        with pytest.raises(InvariantBroken, match="symbols"):
            Axes(np.sort(days), ("A", "A"))

    def test_scatter_and_columns(self):
        axes = Axes(np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]"), ("A", "B"))
        dense = axes.scatter(np.array([1]), np.array([0]), np.array([5.0]))
        assert dense[1, 0] == 5.0
        assert np.isnan(dense).sum() == 3
        assert axes.columns_of(["B", "X"]).tolist() == [1, -1]


class TestCalendars:
    def test_new_york_christmas_2017(self):
        days = calendar_sessions("XNYS", date(2017, 12, 23), date(2017, 12, 27))
        assert days.astype(str).tolist() == ["2017-12-26", "2017-12-27"]

    def test_shanghai_golden_week_2019(self):
        days = calendar_sessions("XSHG", date(2019, 9, 30), date(2019, 10, 8))
        assert days.astype(str).tolist() == ["2019-09-30", "2019-10-08"]

    def test_a_weekend_has_no_session_and_a_day_has_one(self):
        assert len(calendar_sessions("XNYS", date(2018, 1, 6), date(2018, 1, 7))) == 0
        assert len(calendar_sessions("XNYS", date(2018, 1, 8), date(2018, 1, 8))) == 1

    def test_no_sessions_when_the_end_is_before_the_start(self):
        assert len(calendar_sessions("24/7", date(2020, 1, 2), date(2020, 1, 1))) == 0

    def test_an_unknown_calendar_is_a_configuration_error(self):
        with pytest.raises(ConfigurationError, match="XXXX"):
            calendar_sessions("XXXX", date(2020, 1, 1), date(2020, 1, 5))
