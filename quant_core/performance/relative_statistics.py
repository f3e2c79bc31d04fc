"""The part of a run's statistics that compares it with its benchmark."""

from __future__ import annotations

from quant_core.performance import benchmark_relative as relative
from quant_core.performance.curve import RunCurve
from quant_core.performance.drawdowns import maximum_drawdown
from quant_core.performance.metric import Metric
from quant_core.performance.ratios import annual_volatility, sharpe_ratio

AS_FOR_THE_RUN = "as for the run"


def relative_metrics(own: RunCurve, market: RunCurve) -> list[Metric]:
    """The benchmark by itself, then the run against it, in the order of the report.

    Parameters
    ----------
    own, market : RunCurve
        Of the same sessions. Sessions in which a return is unknown are left out of regression
        and tracking.
    """
    return [
        *_benchmark_metrics(market),
        *_excess_metrics(own, market),
        *_regression_metrics(own, market),
        *_tracking_metrics(own, market),
        *_capture_metrics(own, market),
    ]


def _benchmark_metrics(market: RunCurve) -> list[Metric]:
    days = market.periods_per_year
    return [
        Metric.of("benchmark_total_return", market.growth - 1.0, "fraction", AS_FOR_THE_RUN),
        Metric.of("benchmark_cagr", market.annual_growth, "fraction", AS_FOR_THE_RUN),
        Metric.of(
            "benchmark_annual_volatility",
            annual_volatility(market.returns, periods_per_year=days),
            "fraction",
            AS_FOR_THE_RUN,
        ),
        Metric.of(
            "benchmark_sharpe",
            sharpe_ratio(market.returns, risk_free=market.rate, periods_per_year=days),
            "ratio",
            AS_FOR_THE_RUN,
        ),
        Metric.of(
            "benchmark_max_drawdown",
            maximum_drawdown(market.returns, start_is_peak=True),
            "fraction",
            AS_FOR_THE_RUN,
        ),
    ]


def _excess_metrics(own: RunCurve, market: RunCurve) -> list[Metric]:
    return [
        Metric.of(
            "excess_return",
            own.growth - market.growth,
            "fraction",
            "total return less benchmark's",
        ),
        Metric.of(
            "excess_cagr",
            own.annual_growth - market.annual_growth,
            "fraction",
            "CAGR less benchmark's",
        ),
    ]


def _regression_metrics(own: RunCurve, market: RunCurve) -> list[Metric]:
    days = own.periods_per_year
    line = relative.market_line(own.returns, market.returns, risk_free=own.rate)
    return [
        Metric.of(
            "alpha",
            relative.arithmetic_annual_alpha(line.alpha, periods_per_year=days),
            "fraction",
            f"intercept of the daily regression of excess returns x {days}",
        ),
        Metric.of("beta", line.beta, "ratio", "slope of the daily regression of excess returns"),
        Metric.of(
            "correlation",
            relative.correlation(own.returns, market.returns),
            "ratio",
            "Pearson, daily returns",
        ),
    ]


def _tracking_metrics(own: RunCurve, market: RunCurve) -> list[Metric]:
    days = own.periods_per_year
    return [
        Metric.of(
            "tracking_error",
            relative.tracking_error(own.returns, market.returns, periods_per_year=days),
            "fraction",
            f"standard deviation (ddof 1) of daily active returns x sqrt({days})",
        ),
        Metric.of(
            "information_ratio",
            relative.information_ratio(own.returns, market.returns, periods_per_year=days),
            "ratio",
            f"mean / standard deviation (ddof 1) of daily active returns x sqrt({days})",
        ),
    ]


def _capture_metrics(own: RunCurve, market: RunCurve) -> list[Metric]:
    days = own.periods_per_year
    phrase = f"{days}-period geometric annual return over the benchmark's, sessions in which it"
    return [
        Metric.of(
            "up_capture",
            relative.up_capture(own.returns, market.returns, periods_per_year=days),
            "ratio",
            f"{phrase} rose",
        ),
        Metric.of(
            "down_capture",
            relative.down_capture(own.returns, market.returns, periods_per_year=days),
            "ratio",
            f"{phrase} fell",
        ),
    ]
