"""Falls from a peak: the path under water, the largest fall, the table of the worst.

The starting capital may count as the first peak or not: an argument, since a loss from the
first day on is a drawdown only if it does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import FloatArray, IntArray, SessionArray
from quant_core.performance.returns import wealth_path


def drawdown_path(values: FloatArray | IntArray, *, starting_value: float | None) -> FloatArray:
    """How far each value stands below the highest one so far: 0 at a peak, -0.2 for a fifth.

    Parameters
    ----------
    values : FloatArray or IntArray
        Account value at each session's close; must be known.
    starting_value : float or None
        Capital before the first session, counted as a peak; None counts from the first value.

    Examples
    --------
    >>> drawdown_path(np.array([90.0, 100.0, 75.0]), starting_value=None).tolist()
    [0.0, 0.0, -0.25]
    >>> drawdown_path(np.array([90.0, 100.0, 75.0]), starting_value=100.0).round(6).tolist()
    [-0.1, 0.0, -0.25]
    """
    floats = values.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return floats / _running_peak(floats, starting_value) - 1.0


def maximum_drawdown(returns: FloatArray, *, start_is_peak: bool) -> float:
    """The largest fall of the compounded path from an earlier peak, 0 or negative.

    Parameters
    ----------
    returns : FloatArray
        Simple returns per period; NaN counts as 0.
    start_is_peak : bool
        Whether the capital before the first return counts as a peak.

    Returns
    -------
    float
        NaN without returns.

    Examples
    --------
    >>> falling = np.array([-0.5, 1.0, -0.1])
    >>> round(maximum_drawdown(falling, start_is_peak=True), 12)
    -0.5
    >>> round(maximum_drawdown(falling, start_is_peak=False), 12)
    -0.1
    """
    if returns.size == 0:
        return math.nan
    wealth = wealth_path(returns, 1.0)
    return float(drawdown_path(wealth, starting_value=1.0 if start_is_peak else None).min())


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One fall from a peak until the peak is reached again.

    Attributes
    ----------
    peak : date or None
        Last session at the peak; None when the peak is the starting capital.
    trough : date
        Session of the lowest value.
    recovery : date or None
        First session at or above the peak again; None when the run ends below it.
    depth : float
        ``trough value / peak value - 1``, negative.
    fall_sessions : int
        Sessions from peak to trough; the starting capital stands one before the first session.
    recovery_sessions : int or None
        Sessions from trough to recovery.
    length_sessions : int
        Sessions from the peak to the recovery, or to the last session when there is none.
    """

    peak: date | None
    trough: date
    recovery: date | None
    depth: float
    fall_sessions: int
    recovery_sessions: int | None
    length_sessions: int


def worst_drawdowns(
    sessions: SessionArray,
    values: FloatArray | IntArray,
    *,
    starting_value: float,
    count: int,
) -> tuple[Drawdown, ...]:
    """The ``count`` deepest drawdowns, deepest first, equal depths in order of time.

    Drawdowns do not overlap: each runs from a peak of the whole path (the starting capital
    included) to the session that reaches it again.

    Parameters
    ----------
    sessions : SessionArray
        Session dates, length n.
    values : FloatArray or IntArray
        Account value at each close, length n, all known; integers are compared exactly.
    starting_value : float
        Capital before the first session, in the same unit.
    count : int
        At most this many.

    Raises
    ------
    InvariantBroken
        If lengths differ or a value is NaN.

    Examples
    --------
    >>> days = np.arange("2024-01-01", "2024-01-06", dtype="datetime64[D]")
    >>> fall, = worst_drawdowns(
    ...     days, np.array([110.0, 88.0, 99.0, 110.0, 120.0]), starting_value=100.0, count=10
    ... )
    >>> str(fall.peak), str(fall.trough), str(fall.recovery), round(fall.depth, 6)
    ('2024-01-01', '2024-01-02', '2024-01-04', -0.2)
    >>> fall.fall_sessions, fall.recovery_sessions, fall.length_sessions
    (1, 2, 3)
    """
    if len(sessions) != len(values) or bool(np.isnan(values).any()):
        raise InvariantBroken(
            "a drawdown table needs one known value per session",
            expected=f"{len(sessions)} values, none NaN",
            found=f"{len(values)} values, {int(np.isnan(values).sum())} NaN",
        )
    falls = [
        _drawdown(sessions, values, starting_value, first, stop)
        for first, stop in _runs(values < _running_peak(values, starting_value))
    ]
    falls.sort(key=lambda fall: (fall.depth, fall.trough))
    return tuple(falls[:count])


def _running_peak(
    values: FloatArray | IntArray, starting_value: float | None
) -> FloatArray | IntArray:
    peaks = np.maximum.accumulate(values)
    if starting_value is None:
        return peaks
    return np.maximum(peaks, starting_value)


def _runs(under_water: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """Half-open index ranges over which the flag stays true."""
    padded = np.concatenate(([False], under_water, [False]))
    edges = np.flatnonzero(padded[1:] != padded[:-1]).tolist()
    return list(zip(edges[0::2], edges[1::2], strict=True))


def _drawdown(
    sessions: SessionArray,
    values: FloatArray | IntArray,
    starting_value: float,
    first: int,
    stop: int,
) -> Drawdown:
    """The drawdown whose values stand below their peak at indices ``first`` to ``stop - 1``."""
    peak = first - 1
    trough = first + int(np.argmin(values[first:stop]))
    recovered = stop < len(values)
    peak_value = float(values[peak]) if peak >= 0 else float(starting_value)
    end = stop if recovered else len(values) - 1
    return Drawdown(
        peak=_date(sessions[peak]) if peak >= 0 else None,
        trough=_date(sessions[trough]),
        recovery=_date(sessions[stop]) if recovered else None,
        depth=float(values[trough]) / peak_value - 1.0,
        fall_sessions=trough - peak,
        recovery_sessions=stop - trough if recovered else None,
        length_sessions=end - peak,
    )


def _date(session: np.datetime64) -> date:
    return date.fromisoformat(str(session.astype("datetime64[D]")))
