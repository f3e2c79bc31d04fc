"""When a strategy may change its target: the scheduled executions of a run."""

from __future__ import annotations

import numpy as np

from quant_core.foundation.settings import Dates, Every, Rebalance
from quant_core.foundation.types import BoolArray, SessionArray


def scheduled_executions(sessions: SessionArray, rebalance: Rebalance) -> BoolArray:
    """Which sessions of the run execute a scheduled rebalance; the first always does.

    ``every: N`` means the 1st, N+1-th, 2N+1-th session; ``weekly`` and ``monthly`` the
    first session of each ISO week or calendar month; a date of an explicit list that is
    no session means the first session on or after it.

    Examples
    --------
    >>> days = np.array(["2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02", "2024-02-05"],
    ...                 dtype="datetime64[D]")
    >>> scheduled_executions(days, "monthly").tolist()
    [True, False, True, False, False]
    >>> scheduled_executions(days, "weekly").tolist()
    [True, False, False, False, True]
    >>> scheduled_executions(days, Every(every=2)).tolist()
    [True, False, True, False, True]
    """
    match rebalance:
        case "monthly":
            periods = sessions.astype("datetime64[M]").astype(np.int64)
            scheduled = _starts_of_periods(periods)
        case "weekly":
            # Day 0 of the epoch was a Thursday: shift so that weeks start on Monday.
            periods = (sessions.astype(np.int64) + 3) // 7
            scheduled = _starts_of_periods(periods)
        case Every(every=step):
            scheduled = np.arange(len(sessions)) % step == 0
        case Dates(dates=dates):
            wanted = np.array(sorted(dates), dtype="datetime64[D]")
            wanted = wanted[(wanted >= sessions[0]) & (wanted <= sessions[-1])]
            scheduled = np.zeros(len(sessions), dtype=np.bool_)
            scheduled[np.searchsorted(sessions, wanted)] = True
    scheduled[0] = True
    return scheduled


def _starts_of_periods(periods: np.ndarray) -> BoolArray:
    starts = np.ones(len(periods), dtype=np.bool_)
    starts[1:] = periods[1:] != periods[:-1]
    return starts
