"""Two series over a moving window, and one series against time."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from scipy import stats

from quant_core.foundation.errors import ExpressionError, InvariantBroken
from quant_core.numerics import reference_regression as twins
from quant_core.numerics import regression
from tests.numerics.panels import WINDOWS, market, panels

PAIRS = (
    *("ts_cov", "ts_corr", "ts_beta", "ts_coskew"),
    *("ts_regression_residual", "ts_residual_std"),
)
TRENDS = ("ts_slope", "ts_rsquare", "ts_resid")


def of(module, name, suffix=""):
    return getattr(module, f"{name}{suffix}")


class TestExamples:
    def test_constant_series(self):
        x, y = np.full((9, 1), 0.1), np.random.default_rng(0).normal(size=(9, 1))
        for name in (
            "ts_corr",
            "ts_coskew",
            "ts_beta",
            "ts_regression_residual",
            "ts_residual_std",
        ):
            assert np.isnan(of(regression, name)(y, x, 5)).all()
        assert np.isnan(regression.ts_corr(x, y, 5)).all()
        assert (regression.ts_cov(x, y, 5)[4:] == 0.0).all()
        assert (regression.ts_beta(x, y, 5)[4:] == 0.0).all()
        assert (regression.ts_slope(x, 5)[4:] == 0.0).all()
        assert (regression.ts_resid(x, 5)[4:] == 0.0).all()
        assert np.isnan(regression.ts_rsquare(x, 5)).all()

    def test_a_series_with_itself(self):
        x = np.random.default_rng(1).normal(size=(50, 3))
        assert (regression.ts_corr(x, x, 7)[6:] == 1.0).all()
        assert (regression.ts_corr(x, -x, 7)[6:] == -1.0).all()
        assert (regression.ts_beta(x, x, 7)[6:] == 1.0).all()
        assert (regression.ts_regression_residual(x, x, 7)[6:] == 0.0).all()
        assert (regression.ts_residual_std(x, x, 7)[6:] == 0.0).all()

    def test_a_gap_in_either_series(self):
        x, y = np.arange(6.0).reshape(-1, 1), np.arange(6.0).reshape(-1, 1) ** 2
        x[1], y[3] = np.nan, np.inf
        known = ~np.isnan(regression.ts_cov(x, y, 2)[:, 0])
        assert known.tolist() == [False, False, False, False, False, True]

    def test_windows_too_short_for_the_statistic(self):
        x = np.random.default_rng(2).normal(size=(9, 2))
        for name in PAIRS:
            assert np.isnan(of(regression, name)(x, x[::-1].copy(), 1)).all()
        for name in TRENDS:
            assert np.isnan(of(regression, name)(x, 1)).all()
        assert np.isnan(regression.ts_residual_std(x, x[::-1].copy(), 2)).all()


class TestReference:
    @pytest.mark.parametrize("name", PAIRS)
    @settings(max_examples=40)
    @given(drawn=panels(count=2), n=WINDOWS)
    def test_pairs_equal_their_twin_to_the_bit(self, name, drawn, n):
        computed = of(regression, name)(*drawn, n)
        np.testing.assert_array_equal(computed, of(twins, name, "_py")(*drawn, n))

    @pytest.mark.parametrize("name", TRENDS)
    @settings(max_examples=40)
    @given(drawn=panels(), n=WINDOWS)
    def test_trends_equal_their_twin_to_the_bit(self, name, drawn, n):
        computed = of(regression, name)(*drawn, n)
        np.testing.assert_array_equal(computed, of(twins, name, "_py")(*drawn, n))

    def test_twins_across_tiles(self):
        close, volume = market(3, 45, 70)
        for name in PAIRS:
            expected = of(twins, name, "_py")(close, volume, 20)
            np.testing.assert_array_equal(of(regression, name)(close, volume, 20), expected)
        for name in TRENDS:
            expected = of(twins, name, "_py")(volume, 20)
            np.testing.assert_array_equal(of(regression, name)(volume, 20), expected)

    @pytest.mark.parametrize("n", [3, 20, 61])
    def test_equals_pandas(self, n):
        x, y = np.random.default_rng(4).normal(size=(2, 300, 5))
        windows, other = pd.DataFrame(x).rolling(n), pd.DataFrame(y)
        np.testing.assert_allclose(
            regression.ts_cov(x, y, n), windows.cov(other), rtol=1e-9, atol=1e-12
        )
        np.testing.assert_allclose(
            regression.ts_corr(x, y, n), windows.corr(other), rtol=1e-9, atol=1e-12
        )

    @pytest.mark.parametrize("n", [3, 20])
    def test_equals_scipy(self, n):
        y, x = np.random.default_rng(5).normal(size=(2, 60, 1))
        times = np.arange(n)
        for t in (n - 1, 30, 59):
            a, b = x[t - n + 1 : t + 1, 0], y[t - n + 1 : t + 1, 0]
            line, trend = stats.linregress(a, b), stats.linregress(times, b)
            left = b - line.intercept - line.slope * a
            expected = {
                "ts_beta": line.slope,
                "ts_regression_residual": left[-1],
                "ts_residual_std": np.sqrt((left**2).sum() / (n - 2)),
                "ts_coskew": ((b - b.mean()) * (a - a.mean()) ** 2).mean() / (b.std() * a.var()),
            }
            for name, value in expected.items():
                computed = of(regression, name)(y, x, n)[t, 0]
                assert computed == pytest.approx(value, rel=1e-9, abs=1e-12)
            last = b[-1] - trend.intercept - trend.slope * (n - 1)
            expected = {"ts_slope": trend.slope, "ts_rsquare": trend.rvalue**2, "ts_resid": last}
            for name, value in expected.items():
                computed = of(regression, name)(y, n)[t, 0]
                assert computed == pytest.approx(value, rel=1e-9, abs=1e-12)

    @pytest.mark.parametrize("n", [5, 60, 252])
    def test_no_drift_over_ten_years(self, n):
        close, volume = market(6, 2_520, 2)
        close[:, 1] = 1e-4 * np.exp(np.random.default_rng(7).normal(0, 0.01, 2_520).cumsum())
        a, b = (
            np.lib.stride_tricks.sliding_window_view(x.astype(np.longdouble), n, axis=0)
            for x in (close, volume)
        )
        p, q = a - a.mean(axis=-1)[..., None], b - b.mean(axis=-1)[..., None]
        scale = np.sqrt((p**2).sum(axis=-1) * (q**2).sum(axis=-1))
        with np.errstate(all="ignore"):
            correlation = ((p * q).sum(axis=-1) / scale).astype(float)
        computed = regression.ts_corr(close, volume, n)[n - 1 :]
        np.testing.assert_allclose(computed, correlation, rtol=0, atol=1e-10)
        times = np.arange(n) - (n - 1) / 2
        slope = ((p * times).sum(axis=-1) / (times**2).sum()).astype(float)
        unit = np.sqrt((p**2).mean(axis=-1)).astype(float)
        error = regression.ts_slope(close, n)[n - 1 :] - slope
        assert (np.abs(error) <= 1e-10 * unit)[~np.isnan(error)].all()


class TestProperties:
    @pytest.mark.parametrize("name", PAIRS)
    def test_only_the_look_back_matters(self, name):
        close, volume = market(8, 120, 40)
        compute = of(regression, name)
        full = compute(close, volume, 9)
        before = close.copy(), volume.copy()
        tail = compute(close[100:], volume[100:], 9)
        np.testing.assert_array_equal(tail[8:], full[108:])
        np.testing.assert_array_equal((close, volume), before)

    @settings(max_examples=30)
    @given(drawn=panels(count=2), n=WINDOWS)
    def test_correlation_is_symmetric_and_bounded(self, drawn, n):
        x, y = drawn
        correlation = regression.ts_corr(x, y, n)
        np.testing.assert_array_equal(correlation, regression.ts_corr(y, x, n))
        assert (np.abs(correlation[~np.isnan(correlation)]) <= 1.0).all()


class TestRefusals:
    @pytest.mark.parametrize("name", PAIRS)
    def test_window(self, name):
        with pytest.raises(ExpressionError, match="at least one session"):
            of(regression, name)(np.ones((3, 2)), np.ones((3, 2)), 0)

    def test_shapes(self):
        with pytest.raises(InvariantBroken, match="differ in shape"):
            regression.ts_cov(np.ones((3, 2)), np.ones((3, 1)), 2)
