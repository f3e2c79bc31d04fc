"""Statistics of one series over a moving window."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from scipy import stats

from quant_core.foundation.errors import ExpressionError, InvariantBroken
from quant_core.numerics import reference_rolling as twins
from quant_core.numerics import rolling
from tests.numerics.panels import WINDOWS, market, panels
from tests.shared_data import SHARED, needs_shared

NAMES = (
    *("delay", "delta", "ts_sum", "ts_mean", "ts_product", "ts_count", "ts_decay_linear"),
    *("ts_var", "ts_std", "ts_zscore", "ts_mad", "ts_skew", "ts_kurt"),
    *("ts_max", "ts_min", "ts_argmax", "ts_argmin", "ts_rank", "ts_median", "ts_max_drawdown"),
    *("ts_ema", "ts_wilder", "ts_quantile_25"),
)
WINDOWED = [name for name in NAMES if name not in ("delay", "delta", "ts_ema", "ts_wilder")]


def of(module, name, suffix=""):
    """A function of a module by name; ``ts_quantile_25`` is the lower quartile."""
    if name == "ts_quantile_25":
        quantile = getattr(module, f"ts_quantile{suffix}")
        return lambda x, n: quantile(x, n, 0.25)
    return getattr(module, f"{name}{suffix}")


def column(*values):
    return np.array(values, dtype=np.float64).reshape(-1, 1)


def look_back(name, n):
    averages = {"ts_ema": rolling.ema_look_back, "ts_wilder": rolling.wilder_look_back}
    shifts = {"delay": n, "delta": n}
    return averages[name](n) if name in averages else shifts.get(name, n - 1)


class TestExamples:
    def test_a_gap_harms_the_windows_that_contain_it(self):
        x = column(1, 2, np.nan, 4, 5, 6)
        assert np.isnan(rolling.ts_sum(x, 2)[[0, 2, 3]]).all()
        assert rolling.ts_sum(x, 2)[[1, 4, 5], 0].tolist() == [3.0, 9.0, 11.0]

    @pytest.mark.parametrize("name", WINDOWED)
    def test_an_infinity_counts_as_a_gap(self, name):
        with_gap, with_infinity = column(1, 2, np.nan, 4, 5, 7), column(1, 2, np.inf, 4, 5, 7)
        compute = of(rolling, name)
        np.testing.assert_array_equal(compute(with_gap, 2), compute(with_infinity, 2))

    def test_shifts_keep_an_infinity(self):
        assert rolling.delay(column(np.inf, 1), 1)[1, 0] == np.inf
        assert rolling.delta(column(1, np.inf), 1)[1, 0] == np.inf

    def test_equal_observations(self):
        x = np.full((30, 1), 0.1)
        assert rolling.ts_mean(x, 7)[-1, 0] == 0.1
        assert rolling.ts_decay_linear(x, 7)[-1, 0] == 0.1
        assert rolling.ts_ema(x, 7)[-1, 0] == 0.1
        assert rolling.ts_std(x, 7)[-1, 0] == 0.0
        assert rolling.ts_mad(x, 7)[-1, 0] == 0.0
        assert rolling.ts_max_drawdown(x, 7)[-1, 0] == 0.0
        assert rolling.ts_rank(x, 7)[-1, 0] == 4 / 7
        assert rolling.ts_argmax(x, 7)[-1, 0] == rolling.ts_argmin(x, 7)[-1, 0] == 0.0
        for undefined in (rolling.ts_zscore, rolling.ts_skew, rolling.ts_kurt):
            assert np.isnan(undefined(x, 7)).all()

    def test_windows_too_short_for_the_statistic(self):
        x = np.random.default_rng(0).normal(size=(20, 3))
        assert np.isnan(rolling.ts_std(x, 1)).all()
        assert np.isnan(rolling.ts_skew(x, 2)).all()
        assert np.isnan(rolling.ts_kurt(x, 3)).all()

    def test_a_spike_that_left_the_window_leaves_no_dust(self):
        x = column(1e10, 0.1, 0.3, 0.2)
        assert rolling.ts_sum(x, 3)[3, 0] == 0.1 + 0.3 + 0.2
        assert rolling.ts_std(x, 2)[3, 0] == pytest.approx(np.std([0.3, 0.2], ddof=1), rel=1e-15)

    def test_drawdown_ignores_what_is_no_level(self):
        assert np.isnan(rolling.ts_max_drawdown(column(2, 0, 1), 2)[1:]).all()

    def test_exponential_average_begins_at_its_nth_observation(self):
        x = column(np.nan, 1, np.nan, 2, 3)
        assert np.isnan(rolling.ts_ema(x, 2)[:3]).all()
        weights = np.array([1 / 27, 0, 1 / 3, 1])
        values = np.array([1, 0, 2, 3])
        expected = (weights * values).sum() / weights.sum()
        assert rolling.ts_ema(x, 2)[4, 0] == pytest.approx(expected, rel=1e-15)

    def test_exponential_average_of_one_session_is_the_value(self):
        x = column(3, np.nan, 5)
        np.testing.assert_array_equal(rolling.ts_ema(x, 1), x)
        assert rolling.ema_look_back(1) == rolling.wilder_look_back(1) == 0

    def test_what_an_exponential_average_forgets_weighs_little(self):
        for n in (2, 5, 12, 26, 100, 252):
            assert (1 - 2 / (n + 1)) ** (rolling.ema_look_back(n) + 1) <= 1e-9
            assert (1 - 1 / n) ** (rolling.wilder_look_back(n) + 1) <= 1e-9


class TestReference:
    @pytest.mark.parametrize("name", NAMES)
    @settings(max_examples=40)
    @given(drawn=panels(), n=WINDOWS)
    def test_equals_its_twin_to_the_bit(self, name, drawn, n):
        (x,) = drawn
        np.testing.assert_array_equal(of(rolling, name)(x, n), of(twins, name, "_py")(x, n))

    @pytest.mark.parametrize("name", NAMES)
    def test_equals_its_twin_across_tiles(self, name):
        close, volume = market(3, 70, 75)
        for x, n in ((close, 6), (volume, 21)):
            np.testing.assert_array_equal(of(rolling, name)(x, n), of(twins, name, "_py")(x, n))

    @pytest.mark.parametrize("n", [4, 20, 61])
    def test_equals_pandas(self, n):
        x = np.random.default_rng(1).lognormal(0, 1, (300, 7))
        x[100:102, 3] = np.nan
        windows = pd.DataFrame(x).rolling(n)
        expected = {
            "ts_sum": windows.sum(),
            "ts_mean": windows.mean(),
            "ts_std": windows.std(),
            "ts_var": windows.var(),
            "ts_max": windows.max(),
            "ts_min": windows.min(),
            "ts_median": windows.median(),
            "ts_quantile_25": windows.quantile(0.25),
            "ts_rank": windows.rank(pct=True),
            "delay": pd.DataFrame(x).shift(n),
            "delta": pd.DataFrame(x).diff(n),
        }
        for name, frame in expected.items():
            computed = of(rolling, name)(x, n)
            np.testing.assert_allclose(computed, frame.to_numpy(), rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("n", [4, 20, 61])
    def test_shape_equals_scipy(self, n):
        x = np.random.default_rng(1).lognormal(0, 1, (90, 3))
        windows = np.lib.stride_tricks.sliding_window_view(x, n, axis=0)
        skewness = stats.skew(windows, axis=-1, bias=False)
        kurtosis = stats.kurtosis(windows, axis=-1, bias=False)
        np.testing.assert_allclose(rolling.ts_skew(x, n)[n - 1 :], skewness, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(rolling.ts_kurt(x, n)[n - 1 :], kurtosis, rtol=1e-10, atol=1e-10)

    @pytest.mark.parametrize("n", [3, 12, 26])
    def test_exponential_averages_equal_pandas(self, n):
        x = np.random.default_rng(2).normal(100, 5, (900, 4))
        frame = pd.DataFrame(x)
        pairs = (
            (rolling.ts_ema(x, n), frame.ewm(span=n)),
            (rolling.ts_wilder(x, n), frame.ewm(alpha=1 / n)),
        )
        for computed, average in pairs:
            expected = average.mean().to_numpy()
            assert np.isnan(computed[: n - 1]).all()
            np.testing.assert_allclose(computed[n - 1 :], expected[n - 1 :], rtol=1e-9)
        recursive = frame.ewm(span=n, adjust=False).mean().to_numpy()
        settled = rolling.ema_look_back(n)
        np.testing.assert_allclose(rolling.ts_ema(x, n)[settled:], recursive[settled:], rtol=1e-9)

    @needs_shared
    def test_equals_published_moving_averages(self):
        folder = SHARED / "expected" / "lean_indicators"
        table = pd.read_csv(folder / "spy_ema.csv")
        computed = rolling.ts_ema(table["close"].to_numpy().reshape(-1, 1), 14)[150:, 0]
        np.testing.assert_allclose(computed, table["EMA14"].to_numpy()[150:], rtol=1e-9)
        weighted = np.loadtxt(folder / "spx_lwma.csv", delimiter=",", skiprows=1, usecols=(1, 2))
        computed = rolling.ts_decay_linear(weighted[:, :1].copy(), 6)
        np.testing.assert_allclose(computed[5:, 0], weighted[5:, 1], rtol=0, atol=6e-3)

    @pytest.mark.parametrize("n", [5, 60, 252])
    def test_no_drift_over_ten_years(self, n):
        close, volume = market(4, 2_520, 3)
        close[:, 1] = 1e-4 * np.exp(np.random.default_rng(5).normal(0, 0.01, 2_520).cumsum())
        for x in (close, volume):
            exact = np.lib.stride_tricks.sliding_window_view(x.astype(np.longdouble), n, axis=0)
            mean = exact.mean(axis=-1)
            variance = ((exact - mean[..., None]) ** 2).sum(axis=-1) / (n - 1)
            for name, expected in (
                ("ts_sum", exact.sum(axis=-1)),
                ("ts_mean", mean),
                ("ts_std", np.sqrt(variance)),
                ("ts_decay_linear", (exact * np.arange(1, n + 1)).sum(axis=-1) / (n * (n + 1) / 2)),
            ):
                computed = of(rolling, name)(x, n)[n - 1 :]
                np.testing.assert_allclose(computed, expected.astype(float), rtol=1e-10, atol=0)


class TestProperties:
    @pytest.mark.parametrize("name", NAMES)
    def test_only_the_look_back_matters(self, name):
        close, _ = market(6, 300, 40)
        n, compute = 8, of(rolling, name)
        kept = look_back(name, n)
        begin = 290 - kept
        noisy = close.copy()
        noisy[:begin] = np.random.default_rng(7).lognormal(0, 3, noisy[:begin].shape) * 1e6
        full = compute(close, n)
        np.testing.assert_array_equal(compute(noisy, n)[290:], full[290:])
        np.testing.assert_array_equal(compute(close[begin:], n)[kept:], full[290:])
        noisy = close.copy()
        noisy[200:] = -1e6
        np.testing.assert_array_equal(compute(noisy, n)[:200], full[:200])

    @pytest.mark.parametrize("name", NAMES)
    def test_symbols_do_not_meet_and_the_input_is_left_alone(self, name):
        close, _ = market(8, 90, 70)
        before = close.copy()
        compute = of(rolling, name)
        full = compute(close, 11)
        np.testing.assert_array_equal(close, before)
        chosen = [69, 3, 40]
        np.testing.assert_array_equal(compute(close[:, chosen], 11), full[:, chosen])

    @pytest.mark.parametrize("name", WINDOWED)
    def test_equal_windows_give_equal_values(self, name):
        """A window that comes again later, after a spike, gives the same bits."""
        window = np.random.default_rng(9).lognormal(0, 1, (13, 5))
        spike = np.full((1, 5), 1e12)
        x = np.vstack([window, spike, window, spike * 1e3, spike, window])
        values = of(rolling, name)(x, 13)
        np.testing.assert_array_equal(values[12], values[26])
        np.testing.assert_array_equal(values[12], values[-1])

    @settings(max_examples=30)
    @given(drawn=panels(), n=WINDOWS)
    def test_bounds(self, drawn, n):
        (x,) = drawn
        low, high = rolling.ts_min(x, n), rolling.ts_max(x, n)
        median, rank = rolling.ts_median(x, n), rolling.ts_rank(x, n)
        known = ~np.isnan(low)
        assert ((low <= median) & (median <= high))[known].all()
        assert ((rank > 0) & (rank <= 1))[known].all()
        assert (rolling.ts_std(x, n)[known & (low == high)] == 0.0).all() or n == 1
        drawdown = rolling.ts_max_drawdown(x, n)
        assert ((drawdown <= 0) & (drawdown > -1))[~np.isnan(drawdown)].all()


class TestRefusals:
    @pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("del")])
    @pytest.mark.parametrize("window", [0, -3, 2.5, float("nan")])
    def test_window(self, name, window):
        with pytest.raises(ExpressionError, match="at least one session"):
            of(rolling, name)(np.ones((3, 2)), window)

    def test_negative_delay(self):
        with pytest.raises(ExpressionError, match="read the future"):
            rolling.delay(np.ones((3, 2)), -1)

    def test_level(self):
        with pytest.raises(ExpressionError, match="level of a quantile"):
            rolling.ts_quantile(np.ones((3, 2)), 2, float("nan"))

    def test_no_matrix(self):
        with pytest.raises(InvariantBroken, match="works on a matrix"):
            rolling.ts_sum(np.ones(3), 2)
