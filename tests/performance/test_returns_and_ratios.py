"""Returns, distribution and ratios: by hand, against scipy and pandas, and by property."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from quant_core.performance.distribution import (
    excess_kurtosis,
    hit_rate,
    population_kurtosis,
    population_skewness,
    profit_factor,
    reward_to_risk,
    skewness,
    stability,
    standard_deviation,
    tail_ratio,
)
from quant_core.performance.drawdowns import maximum_drawdown
from quant_core.performance.ratios import (
    annual_volatility,
    calmar_ratio,
    downside_deviation,
    omega_ratio,
    sharpe_ratio,
    sortino_ratio,
)
from quant_core.performance.returns import (
    calendar_growth_rate,
    cumulative_returns,
    geometric_annual_return,
    per_period_rate,
    returns_since_start,
    simple_returns,
    total_return,
    wealth_path,
)
from quant_core.performance.tail_risk import (
    gaussian_expected_shortfall,
    gaussian_value_at_risk,
    historical_expected_shortfall,
    historical_value_at_risk,
    pareto_tail,
)
from tests.shared_data import SHARED, needs_shared

NAN = math.nan
MONTHLY = np.array([0.02, -0.01, 0.03, -0.02])

some_returns = arrays(
    np.float64, st.integers(2, 40), elements=st.floats(-0.2, 0.2, allow_subnormal=False)
)


def growth(returns: np.ndarray, periods: float) -> float:
    return geometric_annual_return(returns, periods_per_year=periods)


class TestExamples:
    def test_returns_from_prices_and_back(self) -> None:
        prices = np.array([50.0, 55.0, 44.0])
        np.testing.assert_allclose(simple_returns(prices), [0.1, -0.2])
        np.testing.assert_allclose(wealth_path(simple_returns(prices), 50.0), prices[1:])

    def test_the_first_return_is_measured_from_the_starting_capital(self) -> None:
        equity = np.array([999_000_000, 1_098_900_000])
        np.testing.assert_allclose(returns_since_start(equity, 10**9), [-0.001, 0.1])

    def test_an_unknown_return_stands_still_but_time_passes(self) -> None:
        gappy = np.array([0.1, NAN, 0.1])
        np.testing.assert_allclose(cumulative_returns(gappy), [0.1, 0.1, 0.21])
        assert growth(gappy, 3) == pytest.approx(0.21)
        assert growth(gappy[[0, 2]], 3) == pytest.approx(1.21**1.5 - 1.0)

    def test_growth_over_calendar_time_and_over_periods_differ(self) -> None:
        """A tenth in one calendar year of 250 sessions."""
        daily = np.full(250, 1.1 ** (1 / 250) - 1.0)
        first, last = np.datetime64("2015-01-01"), np.datetime64("2016-01-01")
        assert growth(daily, 252) == pytest.approx(1.1 ** (252 / 250) - 1.0)
        calendar = calendar_growth_rate(1.0 + total_return(daily), first, last)
        assert calendar == pytest.approx(1.1 ** (365.25 / 365) - 1.0)

    def test_sharpe_of_four_months(self) -> None:
        """Mean 0.005; squared deviations 0.000225 twice and 0.000625 twice, sum 0.0017."""
        deviation = math.sqrt(0.0017 / 3)
        expected = 0.005 / deviation * math.sqrt(12)
        found = sharpe_ratio(MONTHLY, risk_free=0.0, periods_per_year=12)
        assert found == pytest.approx(expected, rel=1e-12)
        with_rate = sharpe_ratio(MONTHLY, risk_free=0.001, periods_per_year=12)
        assert with_rate == pytest.approx(0.004 / deviation * math.sqrt(12), rel=1e-12)

    def test_sortino_and_omega_of_four_months(self) -> None:
        """Squared shortfalls 0.0001 and 0.0004 over four periods; gains 0.05, losses 0.03."""
        risk = math.sqrt(0.0005 / 4 * 12)
        assert downside_deviation(MONTHLY, target=0.0, periods_per_year=12) == pytest.approx(risk)
        ratio = sortino_ratio(MONTHLY, target=0.0, periods_per_year=12)
        assert ratio == pytest.approx(0.06 / risk)
        assert omega_ratio(MONTHLY, threshold=0.0) == pytest.approx(5 / 3)
        assert profit_factor(MONTHLY) == pytest.approx(5 / 3)

    def test_hit_rate_counts_neither_flat_nor_unknown_as_a_hit(self) -> None:
        assert hit_rate(np.array([0.1, 0.0, -0.1, NAN])) == pytest.approx(1 / 3)

    def test_expected_shortfall_counts_the_last_loss_in_part(self) -> None:
        """10 % of 25 returns is 2.5: the two worst and half of the third."""
        returns = np.arange(25) / 100.0 - 0.10
        expected = (-0.10 - 0.09 - 0.5 * 0.08) / 2.5
        assert historical_expected_shortfall(returns, level=0.10) == pytest.approx(expected)

    @pytest.mark.parametrize("constant", [0.01, -0.02, 0.0])
    def test_no_risk_gives_infinity_or_nothing(self, constant: float) -> None:
        flat = np.full(9, constant)
        expected = NAN if constant == 0.0 else math.copysign(math.inf, constant)
        found = sharpe_ratio(flat, risk_free=0.0, periods_per_year=252)
        np.testing.assert_equal(found, expected)
        np.testing.assert_equal(reward_to_risk(constant, 0.0), expected)

    def test_constant_growth_is_constant_in_spite_of_rounding(self) -> None:
        returns = simple_returns(100.0 * 1.01 ** np.arange(50))
        assert np.unique(returns).size > 1
        assert standard_deviation(returns) == 0.0

    @pytest.mark.parametrize(
        "statistic",
        [
            lambda r: sharpe_ratio(r, risk_free=0.0, periods_per_year=252),
            lambda r: sortino_ratio(r, target=0.0, periods_per_year=252),
            lambda r: annual_volatility(r, periods_per_year=252),
            lambda r: omega_ratio(r, threshold=0.0),
            skewness,
            excess_kurtosis,
            stability,
            lambda r: pareto_tail(r, tail_fraction=0.1, level=0.01).shape,
        ],
    )
    def test_too_few_observations_give_nan(self, statistic) -> None:
        for returns in ([], [0.01], [NAN, 0.01, NAN], [NAN, NAN]):
            assert math.isnan(statistic(np.array(returns, dtype=np.float64)))

    @pytest.mark.parametrize(
        "statistic",
        [
            total_return,
            hit_rate,
            tail_ratio,
            lambda r: growth(r, 252),
            lambda r: maximum_drawdown(r, start_is_peak=True),
            lambda r: historical_value_at_risk(r, level=0.05),
            lambda r: historical_expected_shortfall(r, level=0.05),
        ],
    )
    def test_no_observation_gives_nan(self, statistic) -> None:
        assert math.isnan(statistic(np.array([])))

    def test_ruin_and_worse(self) -> None:
        assert growth(np.array([0.1, -1.0]), 252) == -1.0
        assert math.isnan(growth(np.array([-1.5]), 252))
        assert math.isnan(stability(np.array([0.1, -1.0, 0.1])))
        assert math.isnan(per_period_rate(-1.1, periods_per_year=252))

    def test_calmar_without_a_drawdown_does_not_exist(self) -> None:
        assert math.isnan(calmar_ratio(annual_return=0.1, maximum_drawdown=0.0))
        assert math.isnan(calmar_ratio(annual_return=0.1, maximum_drawdown=NAN))


class TestReference:
    @needs_shared
    @pytest.mark.parametrize("name", ["bacon_monthly", "tiny_sample_n7"])
    def test_eleven_metrics_of_performance_analytics(self, name: str) -> None:
        """Computed by R PerformanceAnalytics 2.1.0 on the series of Bacon (2008)."""
        path = SHARED / "expected" / "performanceanalytics" / "bacon_reference.json"
        reference = json.loads(path.read_text())
        periods = reference["fixtures"][name]["periods"]
        returns = np.array(reference["fixtures"][name]["returns"])
        deepest = maximum_drawdown(returns, start_is_peak=True)
        found = {
            "volatility_annual": annual_volatility(returns, periods_per_year=periods),
            "return_annual": growth(returns, periods),
            "sharpe_annual": sharpe_ratio(returns, risk_free=0.0, periods_per_year=periods),
            "sortino_annual": sortino_ratio(returns, target=0.0, periods_per_year=periods),
            "max_drawdown": deepest,
            "calmar": calmar_ratio(
                annual_return=growth(returns, periods), maximum_drawdown=deepest
            ),
            "var_95": gaussian_value_at_risk(returns, level=0.05),
            "es_95": gaussian_expected_shortfall(returns, level=0.05),
            "omega_0": omega_ratio(returns, threshold=0.0),
            "skewness": skewness(returns),
            "kurtosis": excess_kurtosis(returns),
        }
        assert found.keys() == reference["metrics"].keys()
        for metric, value in found.items():
            assert value == pytest.approx(reference["metrics"][metric][name], rel=1e-12), metric

    def test_moments_of_pandas_and_scipy(self) -> None:
        returns = np.random.default_rng(1).standard_t(4, 500) * 0.01
        gappy = np.where(np.arange(500) % 50 == 7, NAN, returns)
        column, known = pd.Series(gappy), gappy[~np.isnan(gappy)]
        assert skewness(gappy) == pytest.approx(column.skew(), rel=1e-12)
        assert excess_kurtosis(gappy) == pytest.approx(column.kurt(), rel=1e-12)
        assert standard_deviation(gappy) == pytest.approx(column.std(), rel=1e-12)
        assert population_skewness(gappy) == pytest.approx(stats.skew(known), rel=1e-12)
        assert population_kurtosis(gappy) == pytest.approx(stats.kurtosis(known) + 3.0, rel=1e-12)

    def test_stability_is_the_r_squared_of_scipy(self) -> None:
        returns = np.random.default_rng(2).normal(0.001, 0.01, 300)
        fit = stats.linregress(np.arange(300), np.log1p(returns).cumsum())
        assert stability(returns) == pytest.approx(fit.rvalue**2, rel=1e-10)

    def test_gaussian_tail_of_scipy(self) -> None:
        returns = np.random.default_rng(3).normal(0.001, 0.01, 300)
        normal = stats.norm(returns.mean(), returns.std(ddof=1))
        at_risk = normal.ppf(0.05)
        assert gaussian_value_at_risk(returns, level=0.05) == pytest.approx(at_risk)
        beyond = normal.expect(lambda x: x, lb=-np.inf, ub=at_risk, conditional=True)
        found = gaussian_expected_shortfall(returns, level=0.05)
        assert found == pytest.approx(beyond, rel=1e-6)

    def test_pareto_tail_recovers_a_known_one(self) -> None:
        """Excesses of a Pareto tail over any threshold have its shape, scale plus shape times u."""
        true = stats.genpareto(c=0.25, scale=0.01)
        losses = true.rvs(100_000, random_state=np.random.default_rng(4))
        tail = pareto_tail(-losses, tail_fraction=0.1, level=0.001)
        assert tail.exceedances == 10_000
        assert tail.shape == pytest.approx(0.25, abs=0.03)
        assert tail.scale == pytest.approx(0.01 - 0.25 * tail.threshold, rel=0.03)
        assert -tail.value_at_risk == pytest.approx(true.isf(0.001), rel=0.06)
        worst = losses[losses > true.isf(0.001)].mean()
        assert -tail.expected_shortfall == pytest.approx(worst, rel=0.08)

    def test_pareto_tail_of_exponential_losses(self) -> None:
        """Quantiles of an exponential distribution: the excess over u at probability p is -ln p."""
        losses = stats.expon.ppf((np.arange(20_000) + 0.5) / 20_000)
        tail = pareto_tail(-losses, tail_fraction=0.1, level=0.01)
        assert tail.shape == pytest.approx(0.0, abs=0.01)
        assert tail.value_at_risk == pytest.approx(math.log(0.01), rel=0.002)
        assert tail.expected_shortfall == pytest.approx(math.log(0.01) - 1.0, rel=0.002)


class TestProperties:
    @given(some_returns, st.floats(0.5, 20.0))
    def test_leverage_scales_risk_and_leaves_the_ratio(self, returns, factor) -> None:
        spread = standard_deviation(returns)
        assert standard_deviation(factor * returns) == pytest.approx(
            factor * spread, rel=1e-6, abs=1e-14
        )
        one = sharpe_ratio(returns, risk_free=0.0, periods_per_year=252)
        other = sharpe_ratio(factor * returns, risk_free=0.0, periods_per_year=252)
        if spread > 1e-9:
            assert other == pytest.approx(one, rel=1e-6, abs=1e-9)

    @given(some_returns, st.sampled_from([0.01, 0.05, 0.25]))
    def test_expected_shortfall_is_never_better_than_value_at_risk(self, returns, level) -> None:
        at_risk = historical_value_at_risk(returns, level=level)
        beyond = historical_expected_shortfall(returns, level=level)
        assert returns.min() - 1e-12 <= beyond <= at_risk + 1e-12

    @given(some_returns)
    def test_wealth_and_returns_are_inverse(self, returns) -> None:
        wealth = wealth_path(returns, 3.0)
        np.testing.assert_allclose(returns_since_start(wealth, 3.0), returns, atol=1e-12)
        assert cumulative_returns(returns)[-1] == pytest.approx(total_return(returns), abs=1e-12)

    @given(some_returns)
    def test_inputs_are_left_alone(self, returns) -> None:
        before = returns.copy()
        sortino_ratio(returns, target=0.0, periods_per_year=252)
        excess_kurtosis(returns)
        historical_expected_shortfall(returns, level=0.05)
        np.testing.assert_array_equal(returns, before)
