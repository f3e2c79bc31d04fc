"""The value of an account over a run, with what the statistics need to know about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.panel import carried_forward
from quant_core.foundation.types import FloatArray, IntArray, SessionArray
from quant_core.performance.returns import calendar_growth_rate, returns_since_start


@dataclass(frozen=True, slots=True)
class RunCurve:
    """An account at every close of a run.

    Attributes
    ----------
    sessions : SessionArray
        Session dates, ascending, length n.
    values : FloatArray or IntArray
        Account value at each close, length n, all known.
    starting_value : float
        Account value before the first session, same unit.
    returns : FloatArray
        Simple daily returns, length n; NaN where unknown, as after the account was empty.
    rate : float
        Risk-free return per session.
    periods_per_year : int
        Sessions per year.
    """

    sessions: SessionArray
    values: FloatArray | IntArray
    starting_value: float
    returns: FloatArray
    rate: float
    periods_per_year: int

    @property
    def growth(self) -> float:
        """Final over starting value."""
        return float(self.values[-1]) / self.starting_value

    @property
    def annual_growth(self) -> float:
        """Growth rate over calendar time, first to last session."""
        return calendar_growth_rate(self.growth, self.sessions[0], self.sessions[-1])


def run_curve(
    sessions: SessionArray,
    values: FloatArray | IntArray,
    starting_value: float,
    *,
    rate: float,
    periods_per_year: int,
) -> RunCurve:
    """The curve of a run; the first return is measured from ``starting_value``.

    Raises
    ------
    InvariantBroken
        If there is not one value per session, no session, no positive starting value, or
        sessions that do not ascend.

    Examples
    --------
    >>> days = np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    >>> curve = run_curve(days, np.array([90.0, 99.0]), 100.0, rate=0.0, periods_per_year=252)
    >>> curve.returns.round(12).tolist(), curve.growth
    ([-0.1, 0.1], 0.99)
    """
    if len(sessions) == 0 or len(sessions) != len(values) or not starting_value > 0:
        raise InvariantBroken(
            "the account of a run is not one value per session from a positive capital",
            expected="at least one session, as many values, capital above 0",
            found=f"{len(sessions)} sessions, {len(values)} values, capital {starting_value}",
        )
    if bool(np.any(sessions[1:] <= sessions[:-1])):
        raise InvariantBroken("sessions of a run must ascend without repetition")
    returns = _known_returns(values, starting_value)
    return RunCurve(sessions, values, starting_value, returns, rate, periods_per_year)


def benchmark_curve(own: RunCurve, values: FloatArray, capital: float) -> RunCurve:
    """The benchmark over the sessions of ``own``, gaps in its values carried forward.

    No return is known in a gap; the next one spans it.

    Parameters
    ----------
    own : RunCurve
        The run it is compared with.
    values : FloatArray
        Value at each close of ``capital`` held in the benchmark; NaN where unknown.
    capital : float
        Value before the first session.

    Raises
    ------
    InvariantBroken
        If there is not one value per session.

    Examples
    --------
    >>> days = np.array(["2024-01-02", "2024-01-03", "2024-01-04"], dtype="datetime64[D]")
    >>> own = run_curve(days, np.ones(3), 1.0, rate=0.0, periods_per_year=252)
    >>> market = benchmark_curve(own, np.array([np.nan, 110.0, 55.0]), 100.0)
    >>> market.values.tolist(), market.returns.round(12).tolist()
    ([100.0, 110.0, 55.0], [nan, 0.1, -0.5])
    """
    if len(values) != len(own.sessions):
        raise InvariantBroken(
            "the benchmark is not one value per session",
            expected=f"{len(own.sessions)} values",
            found=f"{len(values)} values",
        )
    known = np.isfinite(values)
    held = carried_forward(values)
    carried = np.where(np.isfinite(held), held, capital)
    returns = np.where(known, _known_returns(carried, capital), np.nan)
    return RunCurve(own.sessions, carried, capital, returns, own.rate, own.periods_per_year)


def _known_returns(values: FloatArray | IntArray, starting_value: float) -> FloatArray:
    returns = returns_since_start(values, starting_value)
    return np.where(np.isfinite(returns), returns, np.nan)
