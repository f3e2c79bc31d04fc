from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from quant_core.foundation.settings import Dates, Every
from quant_core.trading.schedule import scheduled_executions


def days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]")


class TestExamples:
    def test_the_first_session_always_executes(self):
        sessions = days("2024-01-17", "2024-01-18", "2024-02-01")
        for rebalance in ("monthly", "weekly", Every(every=9), Dates(dates=(date(2030, 1, 1),))):
            assert scheduled_executions(sessions, rebalance)[0]

    def test_every_five(self):
        sessions = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-12"))
        flagged = np.flatnonzero(scheduled_executions(sessions, Every(every=5)))
        assert flagged.tolist() == [0, 5, 10]

    def test_weeks_begin_on_monday_even_when_monday_is_a_holiday(self):
        # 2024-01-15 was a holiday: the week begins on Tuesday the 16th.
        sessions = days("2024-01-11", "2024-01-12", "2024-01-16", "2024-01-17", "2024-01-22")
        assert scheduled_executions(sessions, "weekly").tolist() == [True, False, True, False, True]

    def test_a_year_boundary_is_a_month_boundary_but_not_a_week(self):
        sessions = days("2024-12-30", "2024-12-31", "2025-01-02", "2025-01-03")
        assert scheduled_executions(sessions, "monthly").tolist() == [True, False, True, False]
        assert scheduled_executions(sessions, "weekly").tolist() == [True, False, False, False]

    def test_a_listed_date_that_is_no_session_means_the_next_one(self):
        sessions = days("2024-01-12", "2024-01-16", "2024-01-17")
        listed = Dates(dates=(date(2024, 1, 13), date(2024, 1, 17), date(2024, 3, 1)))
        assert scheduled_executions(sessions, listed).tolist() == [True, True, True]


@pytest.mark.parametrize("rebalance", ["monthly", "weekly"])
def test_one_execution_a_period(rebalance):
    sessions = np.arange(np.datetime64("2020-01-01"), np.datetime64("2021-01-01"))
    flagged = sessions[scheduled_executions(sessions, rebalance)]
    periods = (
        flagged.astype("datetime64[M]")
        if rebalance == "monthly"
        else (flagged.astype(int) + 3) // 7
    )
    assert len(set(periods.tolist())) == len(flagged) == (12 if rebalance == "monthly" else 53)
