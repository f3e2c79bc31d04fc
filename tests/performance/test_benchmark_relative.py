"""Against a benchmark, and over moving windows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from quant_core.foundation.errors import UsageError
from quant_core.performance import rolling
from quant_core.performance.benchmark_relative import (
    arithmetic_annual_alpha,
    batting_average,
    beta_fragility,
    capture_ratio,
    compound_annual_alpha,
    correlation,
    down_capture,
    information_ratio,
    market_line,
    tracking_error,
    up_capture,
)
from quant_core.performance.drawdowns import maximum_drawdown
from quant_core.performance.ratios import sharpe_ratio

NAN = math.nan


def two_series(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    market = generator.normal(0.0004, 0.01, count)
    return 0.0002 + 0.7 * market + generator.normal(0.0, 0.004, count), market


class TestExamples:
    def test_a_book_at_twice_the_market(self) -> None:
        market = np.array([0.01, -0.02, 0.03])
        own = 0.001 + 2.0 * market
        line = market_line(own, market, risk_free=0.0)
        assert (line.alpha, line.beta) == pytest.approx((0.001, 2.0))
        assert correlation(own, market) == pytest.approx(1.0)

    def test_the_risk_free_rate_shifts_alpha_by_one_less_beta(self) -> None:
        market = np.array([0.01, -0.02, 0.03])
        line = market_line(0.5 * market, market, risk_free=0.0001)
        assert line.beta == pytest.approx(0.5)
        assert line.alpha == pytest.approx(-0.0001 * (1.0 - 0.5))

    def test_two_ways_to_a_year(self) -> None:
        assert arithmetic_annual_alpha(0.001, periods_per_year=252) == pytest.approx(0.252)
        compounded = compound_annual_alpha(0.001, periods_per_year=252)
        assert compounded == pytest.approx(1.001**252 - 1.0)
        assert math.isnan(compound_annual_alpha(-1.5, periods_per_year=252))

    def test_tracking_by_hand(self) -> None:
        """Active returns 0.01, -0.01, 0.03: mean 0.01, deviation 0.02."""
        own, market = np.array([0.02, 0.01, 0.02]), np.array([0.01, 0.02, -0.01])
        error = tracking_error(own, market, periods_per_year=100)
        assert error == pytest.approx(0.2)
        ratio = information_ratio(own, market, periods_per_year=100)
        assert ratio == pytest.approx(0.01 / 0.02 * 10.0)

    def test_capture_by_hand(self) -> None:
        own, market = np.array([0.1, -0.1, 0.1]), np.array([0.2, -0.4, 0.0])
        assert up_capture(own, market, periods_per_year=1) == pytest.approx(0.5)
        assert down_capture(own, market, periods_per_year=1) == pytest.approx(0.25)
        assert math.isnan(capture_ratio(own, np.zeros(3), periods_per_year=1))

    def test_a_tie_is_no_win(self) -> None:
        own = np.array([0.01, 0.02, 0.03, NAN])
        market = np.array([0.01, 0.01, -0.01, -0.01])
        found = batting_average(own, market)
        assert (found.overall, found.rising, found.falling) == (2 / 3, 0.5, 1.0)

    def test_fragility_is_the_sign_of_the_curvature(self) -> None:
        market = np.linspace(-0.05, 0.05, 11)
        assert beta_fragility(market**2, market) == pytest.approx(0.0025)
        assert beta_fragility(-(market**2), market) == pytest.approx(-0.0025)

    def test_a_constant_benchmark_has_no_line(self) -> None:
        line = market_line(np.array([0.1, 0.2]), np.array([0.01, 0.01]), risk_free=0.0)
        assert math.isnan(line.alpha)
        assert math.isnan(line.beta)
        assert math.isnan(correlation(np.array([0.1, 0.2]), np.array([0.01, 0.01])))


class TestReference:
    def test_regression_of_scipy_over_the_known_pairs(self) -> None:
        own, market = two_series()
        own[::37], market[5::41] = NAN, NAN
        known = ~np.isnan(own) & ~np.isnan(market)
        fit = stats.linregress(market[known], own[known])
        line = market_line(own, market, risk_free=0.0)
        assert line.beta == pytest.approx(fit.slope, rel=1e-12)
        assert line.alpha == pytest.approx(fit.intercept, rel=1e-9)
        assert correlation(own, market) == pytest.approx(fit.rvalue, rel=1e-12)

    def test_rolling_of_pandas(self) -> None:
        own, market = two_series()
        column, other = pd.Series(own), pd.Series(market)
        volatility = rolling.rolling_volatility(own, 63, periods_per_year=252)
        reference = column.rolling(63).std() * math.sqrt(252)
        np.testing.assert_allclose(volatility, reference, rtol=1e-9)
        sharpe = rolling.rolling_sharpe(own, 63, risk_free=0.0001, periods_per_year=252)
        mean, spread = (column - 0.0001).rolling(63).mean(), column.rolling(63).std()
        np.testing.assert_allclose(sharpe, mean / spread * math.sqrt(252), rtol=1e-8, atol=1e-10)
        beta = rolling.rolling_beta(own, market, 63, risk_free=0.0)
        reference = column.rolling(63).cov(other) / other.rolling(63).var()
        np.testing.assert_allclose(beta, reference, rtol=1e-8)

    def test_each_window_is_the_plain_statistic(self) -> None:
        own, _ = two_series(60)
        own[[3, 20, 21, 22, 40]] = NAN
        own[30:36] = 0.01
        sharpe = rolling.rolling_sharpe(own, 5, risk_free=0.0, periods_per_year=252)
        fall = rolling.rolling_maximum_drawdown(own, 5, start_is_peak=True)
        for end in range(4, 60):
            window = own[end - 4 : end + 1]
            expected = sharpe_ratio(window, risk_free=0.0, periods_per_year=252)
            np.testing.assert_allclose(sharpe[end], expected, rtol=1e-9)
            np.testing.assert_allclose(fall[end], maximum_drawdown(window, start_is_peak=True))
        assert np.isinf(sharpe[34])
        assert np.isnan(sharpe[:4]).all()


class TestProperties:
    @given(
        arrays(np.float64, 30, elements=st.floats(-0.1, 0.1)),
        st.floats(-3.0, 3.0),
        st.floats(-0.01, 0.01),
    )
    def test_a_linear_book_has_its_line_and_no_fragility(self, market, beta, alpha) -> None:
        own = alpha + beta * market
        assert beta_fragility(own, market) == pytest.approx(0.0, abs=1e-12)
        if np.ptp(market) > 1e-6:
            line = market_line(own, market, risk_free=0.0)
            assert line.beta == pytest.approx(beta, abs=1e-6)
            assert line.alpha == pytest.approx(alpha, abs=1e-7)

    @given(st.integers(1, 12), st.integers(0, 10))
    def test_a_rolling_result_is_aligned_with_its_input(self, window, count) -> None:
        returns = np.arange(count) / 100.0
        found = rolling.rolling_maximum_drawdown(returns, window, start_is_peak=True)
        assert found.size == count
        assert np.isnan(found).tolist() == [row < window - 1 for row in range(count)]


class TestRefusals:
    def test_a_window_needs_a_length(self) -> None:
        with pytest.raises(UsageError, match="rolling window has no length"):
            rolling.rolling_volatility(np.array([0.1]), 0, periods_per_year=252)
