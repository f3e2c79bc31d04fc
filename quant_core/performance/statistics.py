"""The statistics of a run: one list of numbers, each with its convention.

1. :func:`~quant_core.performance.curve.run_curve` - the account value becomes daily returns, the
   first from the starting capital.
2. :func:`_return_metrics`, :func:`_sharpe_metrics`, :func:`_drawdown_metrics`,
   :func:`_distribution_metrics` - the run by itself.
3. :func:`~quant_core.performance.relative_statistics.relative_metrics` - against the benchmark,
   if there is one.

Conventions, also stated beside every number: simple daily returns; ratios from their arithmetic
mean and standard deviation (ddof 1); growth geometric over calendar time; drawdown from the
highest close so far, the starting capital included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant_core.foundation.money import MICROS_PER_UNIT
from quant_core.foundation.types import FloatArray, IntArray, SessionArray
from quant_core.performance.bootstrap import BootstrapPlan, sharpe_interval
from quant_core.performance.calendar_returns import aggregate_returns
from quant_core.performance.curve import RunCurve, benchmark_curve, run_curve
from quant_core.performance.distribution import (
    excess_kurtosis,
    hit_rate,
    known_values,
    profit_factor,
    skewness,
)
from quant_core.performance.drawdowns import drawdown_path, worst_drawdowns
from quant_core.performance.metric import Metric, RunStatistics
from quant_core.performance.ratios import (
    annual_volatility,
    calmar_ratio,
    sortino_ratio,
)
from quant_core.performance.relative_statistics import relative_metrics
from quant_core.performance.returns import per_period_rate
from quant_core.performance.sharpe_inference import SharpeSample, probabilistic_sharpe_ratio
from quant_core.performance.tail_risk import (
    historical_expected_shortfall,
    historical_value_at_risk,
)

CONFIDENCE = 0.95
RESAMPLES = 2_000
"""How the Sharpe interval is resampled; the convention printed beside it says the same."""

TAIL_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Conventions:
    """What turns a curve into yearly numbers.

    Attributes
    ----------
    risk_free_rate : float
        Per year, as a fraction.
    periods_per_year : int
        Sessions per year, 252 for most exchanges.
    seed : int
        Of the bootstrap of the Sharpe ratio.
    """

    risk_free_rate: float
    periods_per_year: int
    seed: int


def summarise(
    sessions: SessionArray,
    equity_micros: IntArray,
    starting_capital_micros: int,
    benchmark_values: FloatArray | None,
    conventions: Conventions,
) -> RunStatistics:
    """The statistics of a run in the order of the report.

    Parameters
    ----------
    sessions : SessionArray
        Session dates of the run, ascending, length n >= 1.
    equity_micros : IntArray
        Account value at each close in micros, length n.
    starting_capital_micros : int
        Account value before the first session; the first daily return is measured from it.
    benchmark_values : FloatArray or None
        Value in currency units, at each close, of the same starting capital held in the
        benchmark, length n. NaN is unknown: no return is formed there, and the next one
        spans the gap. None or all NaN: no benchmark, and its metrics are absent.
    conventions : Conventions
        Risk-free rate, sessions per year, seed.

    Returns
    -------
    RunStatistics
        Values that do not exist (a Sharpe ratio of one session) are None. Equal inputs give
        equal results.

    Raises
    ------
    InvariantBroken
        If lengths differ, sessions do not ascend, or the starting capital is not positive.

    Examples
    --------
    >>> days = np.array(["2024-01-02", "2024-01-03", "2024-01-04"], dtype="datetime64[D]")
    >>> equity = np.array([1_010_000, 999_900, 1_100_000]) * 1_000_000
    >>> found = summarise(days, equity, 10**12, None, Conventions(0.0, 252, seed=7))
    >>> round(found.value("total_return"), 6), round(found.value("max_drawdown"), 6)
    (0.1, -0.01)
    >>> found.get("cagr").convention
    'geometric, 365.25 / calendar days from first to last session'
    """
    own = run_curve(
        sessions,
        equity_micros,
        starting_capital_micros,
        rate=per_period_rate(
            conventions.risk_free_rate, periods_per_year=conventions.periods_per_year
        ),
        periods_per_year=conventions.periods_per_year,
    )
    metrics = [
        *_return_metrics(own),
        *_sharpe_metrics(own, conventions),
        *_drawdown_metrics(own),
        *_distribution_metrics(own),
    ]
    if benchmark_values is not None and bool(np.isfinite(benchmark_values).any()):
        capital = starting_capital_micros / MICROS_PER_UNIT
        metrics += relative_metrics(own, benchmark_curve(own, benchmark_values, capital))
    return RunStatistics(tuple(metrics))


def _return_metrics(own: RunCurve) -> list[Metric]:
    days = own.periods_per_year
    return [
        Metric.of(
            "total_return", own.growth - 1.0, "fraction", "final equity / starting capital - 1"
        ),
        Metric.of(
            "cagr",
            own.annual_growth,
            "fraction",
            "geometric, 365.25 / calendar days from first to last session",
        ),
        Metric.of(
            "annual_volatility",
            annual_volatility(own.returns, periods_per_year=days),
            "fraction",
            f"standard deviation (ddof 1) of daily returns x sqrt({days})",
        ),
    ]


def _sharpe_metrics(own: RunCurve, conventions: Conventions) -> list[Metric]:
    days = own.periods_per_year
    plan = BootstrapPlan(CONFIDENCE, RESAMPLES, conventions.seed)
    found = sharpe_interval(own.returns, plan, risk_free=own.rate, periods_per_year=days)
    interval = (
        f"{plan.confidence:.0%} percentile interval, stationary bootstrap, "
        f"{plan.resamples:,} resamples, mean block {found.mean_block:.1f} sessions, "
        f"seed {plan.seed}"
    )
    above_zero = probabilistic_sharpe_ratio(
        SharpeSample.of(own.returns, risk_free=own.rate), threshold=0.0
    )
    sortino = sortino_ratio(own.returns, target=own.rate, periods_per_year=days)
    return [
        Metric.of(
            "sharpe",
            found.estimate,
            "ratio",
            f"arithmetic mean / standard deviation (ddof 1) of daily excess returns "
            f"x sqrt({days}), risk-free {conventions.risk_free_rate:.2%} a year",
        ),
        Metric.of("sharpe_low", found.low, "ratio", interval),
        Metric.of("sharpe_high", found.high, "ratio", interval),
        Metric.of(
            "sharpe_above_zero",
            above_zero,
            "probability",
            "probabilistic Sharpe ratio against 0 (Bailey and Lopez de Prado 2012)",
        ),
        Metric.of(
            "sortino",
            sortino,
            "ratio",
            f"mean daily excess x {days} / root mean square shortfall below the risk-free "
            f"rate over all sessions x sqrt({days})",
        ),
    ]


def _drawdown_metrics(own: RunCurve) -> list[Metric]:
    path = drawdown_path(own.values, starting_value=own.starting_value)
    depth = float(path.min())
    falls = worst_drawdowns(
        own.sessions, own.values, starting_value=own.starting_value, count=len(own.sessions)
    )
    worst = falls[0] if falls else None
    longest = max((fall.length_sessions for fall in falls), default=0)
    calmar = calmar_ratio(annual_return=own.annual_growth, maximum_drawdown=depth)
    return [
        Metric.of(
            "max_drawdown", depth, "fraction", "daily closes, starting capital counts as a peak"
        ),
        Metric.of(
            "max_drawdown_peak",
            worst.peak if worst else None,
            "date",
            "last session at the peak, none for the starting capital",
        ),
        Metric.of(
            "max_drawdown_trough",
            worst.trough if worst else None,
            "date",
            "session of the lowest close",
        ),
        Metric.of(
            "max_drawdown_recovery",
            worst.recovery if worst else None,
            "date",
            "first session back at the peak, none if the run ends below it",
        ),
        Metric.of(
            "longest_drawdown",
            longest,
            "sessions",
            "from a peak until it is reached again or the run ends",
        ),
        Metric.of("calmar", calmar, "ratio", "CAGR / size of the largest drawdown"),
    ]


def _distribution_metrics(own: RunCurve) -> list[Metric]:
    returns = known_values(own.returns)
    months = aggregate_returns(own.sessions, own.returns, period="month").returns
    value_at_risk = historical_value_at_risk(returns, level=TAIL_LEVEL)
    shortfall = historical_expected_shortfall(returns, level=TAIL_LEVEL)
    part_months = "compounded daily returns, first and last month may be in part"
    return [
        Metric.of("skewness", skewness(returns), "ratio", "adjusted Fisher-Pearson G1, daily"),
        Metric.of("excess_kurtosis", excess_kurtosis(returns), "ratio", "adjusted G2, daily"),
        Metric.of("value_at_risk_95", value_at_risk, "fraction", "5 % quantile of daily returns"),
        Metric.of(
            "expected_shortfall_95",
            shortfall,
            "fraction",
            "mean of the worst 5 % of daily returns (Acerbi and Tasche 2002)",
        ),
        Metric.of("hit_rate", hit_rate(returns), "fraction", "sessions with a return above 0"),
        Metric.of(
            "profit_factor",
            profit_factor(returns),
            "ratio",
            "sum of daily gains / sum of daily losses",
        ),
        Metric.of("best_day", float(returns.max(initial=-np.inf)), "fraction", "daily return"),
        Metric.of("worst_day", float(returns.min(initial=np.inf)), "fraction", "daily return"),
        Metric.of("best_month", float(np.nanmax(months)), "fraction", part_months),
        Metric.of("worst_month", float(np.nanmin(months)), "fraction", part_months),
        Metric.of("sessions", len(own.sessions), "sessions", "sessions of the run"),
    ]
