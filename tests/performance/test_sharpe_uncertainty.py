"""How sure a Sharpe ratio is: the stationary bootstrap and the closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quant_core.foundation.errors import UsageError
from quant_core.performance.bootstrap import (
    BootstrapPlan,
    draw_blocks,
    mean_block_length,
    resample_indices,
    resampled_sharpe,
    sharpe_interval,
)
from quant_core.performance.ratios import sharpe_ratio
from quant_core.performance.sharpe_inference import (
    SharpeSample,
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    independent_standard_error,
    minimum_track_record,
    probabilistic_sharpe_ratio,
    serial_annualisation,
    standard_error,
)

PLAN = BootstrapPlan(confidence=0.95, resamples=400, seed=1)


def autoregressive(count: int, memory: float, generator: np.random.Generator) -> np.ndarray:
    """x(t) = memory * x(t-1) + noise, after a hundred periods to forget the start."""
    shocks = generator.normal(size=count + 100)
    path = np.zeros(count + 100)
    for row in range(1, path.size):
        path[row] = memory * path[row - 1] + shocks[row]
    return path[100:]


def congruential(count: int, memory: float) -> np.ndarray:
    """The same from a generator written out here, so that published numbers stay pinned."""
    state, path, value = 12345, [], 0.0
    for _ in range(count):
        total = 0.0
        for _ in range(12):
            state = (1103515245 * state + 12345) % 2**31
            total += state / 2**31
        value = memory * value + (total - 6.0)
        path.append(value)
    return np.array(path)


def naive_block_length(values: np.ndarray) -> float:
    """Politis and White (2004) as written: lag by lag, kernel term by kernel term."""
    n, centred = len(values), values - values.mean()

    def covariance(lag: int) -> float:
        return sum(centred[t] * centred[t + lag] for t in range(n - lag)) / n

    largest = math.ceil(math.sqrt(n)) + 5
    bound = 2.0 * math.sqrt(math.log10(n) / n)
    cut = None
    for m in range(1, largest - 4):
        if all(abs(covariance(m + k) / covariance(0)) < bound for k in range(1, 6)):
            cut = m
            break
    if all(abs(covariance(k) / covariance(0)) < bound for k in range(1, 6)):
        cut = 1
    reach = largest if cut is None else min(2 * cut, largest)
    long_run, slope = 0.0, 0.0
    for lag in range(-reach, reach + 1):
        share = abs(lag) / reach
        weight = 1.0 if share <= 0.5 else 2.0 * (1.0 - share)
        long_run += weight * covariance(abs(lag))
        slope += weight * abs(lag) * covariance(abs(lag))
    length = (2.0 * slope**2 / (2.0 * long_run**2)) ** (1 / 3) * n ** (1 / 3)
    return min(max(length, 1.0), math.ceil(min(3.0 * math.sqrt(n), n / 3.0)))


class TestExamples:
    def test_equal_seeds_equal_intervals(self) -> None:
        returns = np.random.default_rng(2).normal(0.001, 0.01, 250)
        one, other, third = (
            sharpe_interval(
                returns, BootstrapPlan(0.95, 400, seed), risk_free=0.0, periods_per_year=252
            )
            for seed in (7, 7, 8)
        )
        assert one == other
        assert one.estimate == third.estimate
        assert one.low != third.low

    def test_a_constant_has_no_interval(self) -> None:
        found = sharpe_interval(np.full(50, 0.01), PLAN, risk_free=0.0, periods_per_year=252)
        assert found.estimate == math.inf
        assert math.isnan(found.low)
        assert math.isnan(found.high)

    def test_unknown_returns_are_left_out(self) -> None:
        returns = np.random.default_rng(3).normal(0.001, 0.01, 200)
        gappy = np.insert(returns, [10, 100], math.nan)
        with_gaps = sharpe_interval(gappy, PLAN, risk_free=0.0, periods_per_year=252)
        assert with_gaps == sharpe_interval(returns, PLAN, risk_free=0.0, periods_per_year=252)

    def test_blocks_of_a_whole_series_return_the_series(self) -> None:
        """A mean block far longer than the series: every resample is a rotation of it."""
        rows = resample_indices(6, 1e9, 3, np.random.default_rng(0))
        np.testing.assert_array_equal((rows - rows[:, :1]) % 6, np.tile(np.arange(6), (3, 1)))

    def test_deflation_as_published(self) -> None:
        """Bailey and Lopez de Prado (2014): 1,250 days, yearly ratio 2.5, 100 trials."""
        variance = 0.5 / 250
        assert expected_maximum_sharpe(trials=100, variance=variance) == pytest.approx(
            0.1132, abs=5e-5
        )
        sample = SharpeSample(2.5 / math.sqrt(250), -3.0, 10.0, 1250)
        deflated = deflated_sharpe_ratio(sample, trials=100, variance=variance)
        assert deflated == pytest.approx(0.9004, abs=5e-5)

    def test_probability_as_published(self) -> None:
        """Bailey and Lopez de Prado (2012): 24 months at 0.458, skewed and fat-tailed, or not."""
        skewed = SharpeSample(0.458, -2.448, 10.164, 24)
        assert probabilistic_sharpe_ratio(skewed, threshold=0.0) == pytest.approx(0.913, abs=5e-4)
        normal = SharpeSample(0.458, 0.0, 3.0, 24)
        assert probabilistic_sharpe_ratio(normal, threshold=0.0) == pytest.approx(0.982, abs=5e-4)

    def test_one_trial_deflates_nothing(self) -> None:
        sample = SharpeSample(0.1, 0.0, 3.0, 500)
        plain = probabilistic_sharpe_ratio(sample, threshold=0.0)
        assert deflated_sharpe_ratio(sample, trials=1, variance=0.01) == plain

    def test_standard_errors_agree_for_normal_returns(self) -> None:
        """(kurtosis - 1) / 4 is one half, so only T and T - 1 differ."""
        sample = SharpeSample(0.3, 0.0, 3.0, 101)
        assert standard_error(sample) == pytest.approx(independent_standard_error(0.3, 100))
        assert independent_standard_error(0.0, 400) == pytest.approx(0.05)

    def test_a_track_record_of_the_needed_length_is_just_enough(self) -> None:
        short = SharpeSample(0.15, -0.5, 6.0, 40)
        needed = minimum_track_record(short, threshold=0.05, confidence=0.95)
        enough = SharpeSample(0.15, -0.5, 6.0, math.ceil(needed))
        assert probabilistic_sharpe_ratio(enough, threshold=0.05) >= 0.95
        shy = SharpeSample(0.15, -0.5, 6.0, math.ceil(needed) - 1)
        assert probabilistic_sharpe_ratio(shy, threshold=0.05) < 0.95
        assert minimum_track_record(short, threshold=0.15, confidence=0.95) == math.inf

    def test_too_little_gives_nan(self) -> None:
        empty = SharpeSample.of(np.array([math.nan, 0.01]), risk_free=0.0)
        assert math.isnan(standard_error(empty))
        assert math.isnan(probabilistic_sharpe_ratio(empty, threshold=0.0))
        assert math.isnan(independent_standard_error(0.1, 0))
        assert math.isnan(serial_annualisation(np.full(9, 0.1), periods_per_year=252))


class TestReference:
    @pytest.mark.parametrize("memory", [0.0, 0.3, 0.6, -0.3, 0.9])
    @pytest.mark.parametrize("count", [40, 300])
    def test_block_length_of_the_naive_twin(self, memory, count) -> None:
        values = congruential(count, memory)
        assert mean_block_length(values) == pytest.approx(naive_block_length(values), rel=1e-9)

    @pytest.mark.parametrize(
        ("count", "memory", "length"), [(200, 0.0, 1.7743876594865242), (60, 0.5, 1.90705621565872)]
    )
    def test_block_length_of_another_library(self, count, memory, length) -> None:
        """Numbers of arch 8.0.0, optimal_block_length, column "stationary"."""
        assert mean_block_length(congruential(count, memory)) == pytest.approx(length, rel=1e-12)

    def test_block_length_of_theory(self) -> None:
        """For x(t) = a x(t-1) + e the optimum is (2 a / (1 - a**2))**(2/3) * n**(1/3)."""
        generator = np.random.default_rng(6)
        found = [mean_block_length(autoregressive(4000, 0.5, generator)) for _ in range(20)]
        optimum = (2 * 0.5 / (1 - 0.25)) ** (2 / 3) * 4000 ** (1 / 3)
        assert np.median(found) == pytest.approx(optimum, rel=0.25)

    @pytest.mark.parametrize("mean_block", [1.0, 4.0, 60.0])
    def test_running_sums_equal_the_resampled_series(self, mean_block) -> None:
        excess = np.random.default_rng(8).normal(0.002, 0.01, 120)
        fast = resampled_sharpe(excess, mean_block, 50, np.random.default_rng(9))
        rows = resample_indices(120, mean_block, 50, np.random.default_rng(9))
        slow = [sharpe_ratio(excess[row], risk_free=0.0, periods_per_year=1) for row in rows]
        np.testing.assert_allclose(fast, slow, rtol=1e-10)

    def test_block_lengths_are_geometric_and_starts_uniform(self) -> None:
        starts, lengths = draw_blocks(1000, 5.0, 200, np.random.default_rng(10))
        drawn = starts[lengths > 0]
        inner = lengths[:, :100].ravel()
        assert inner.mean() == pytest.approx(5.0, rel=0.03)
        assert inner.var() == pytest.approx((1 - 0.2) / 0.2**2, rel=0.06)
        assert stats.kstest(drawn / 1000, "uniform").pvalue > 0.01

    def test_coverage_for_independent_returns(self) -> None:
        """A nominal 95 % interval holds the true ratio in close to 95 of 100 samples."""
        generator = np.random.default_rng(11)
        plans = [BootstrapPlan(0.95, 300, seed) for seed in range(300)]
        held = 0
        for plan in plans:
            sample = generator.normal(0.1, 1.0, 250)
            found = sharpe_interval(sample, plan, risk_free=0.0, periods_per_year=1)
            held += found.low <= 0.1 <= found.high
        assert 0.90 <= held / 300 <= 0.98

    def test_coverage_under_serial_correlation_needs_the_blocks(self) -> None:
        """Memory 0.5: single-period resampling is far too sure of itself, blocks are not."""
        generator = np.random.default_rng(12)
        true = 0.05 * math.sqrt(1.0 - 0.5**2)
        held = {None: 0, 1.0: 0}
        for seed in range(200):
            sample = 0.05 + autoregressive(300, 0.5, generator)
            for mean_block in held:
                plan = BootstrapPlan(0.95, 200, seed, mean_block)
                found = sharpe_interval(sample, plan, risk_free=0.0, periods_per_year=1)
                held[mean_block] += found.low <= true <= found.high
        assert held[None] / 200 >= 0.86
        assert held[1.0] / 200 <= 0.80

    def test_interval_width_matches_the_standard_error(self) -> None:
        returns = np.random.default_rng(13).normal(0.0005, 0.01, 2000)
        plan = BootstrapPlan(0.95, 2000, 5, mean_block=1.0)
        found = sharpe_interval(returns, plan, risk_free=0.0, periods_per_year=1)
        error = standard_error(SharpeSample.of(returns, risk_free=0.0))
        assert (found.high - found.low) / (2 * 1.959964) == pytest.approx(error, rel=0.06)

    def test_annualisation_of_independent_and_of_correlated_returns(self) -> None:
        """Long sums of x(t) = a x(t-1) + e: variance (1 + a) / (1 - a) times the independent."""
        path = autoregressive(20_000, 0.3, np.random.default_rng(14))
        found = serial_annualisation(path, periods_per_year=252)
        assert found == pytest.approx(math.sqrt(252 * (1 - 0.3) / (1 + 0.3)), rel=0.1)

    def test_expected_maximum_of_simulated_trials(self) -> None:
        draws = np.random.default_rng(15).normal(0.0, 0.2, (4000, 50)).max(axis=1)
        found = expected_maximum_sharpe(trials=50, variance=0.04)
        assert found == pytest.approx(draws.mean(), rel=0.02)


class TestProperties:
    @settings(max_examples=30)
    @given(st.integers(2, 80), st.floats(1.0, 200.0), st.integers(0, 2**32 - 1))
    def test_every_resample_has_the_length_of_the_series(self, length, mean_block, seed) -> None:
        generator = np.random.default_rng(seed)
        starts, lengths = draw_blocks(length, mean_block, 20, generator)
        assert (lengths.sum(axis=1) == length).all()
        assert (lengths >= 0).all()
        assert ((starts >= 0) & (starts < length)).all()
        rows = resample_indices(length, mean_block, 20, np.random.default_rng(seed))
        assert rows.shape == (20, length)
        assert ((rows >= 0) & (rows < length)).all()

    @given(st.integers(2, 10_000), st.floats(-1.0, 1.0))
    def test_probabilities_fall_with_the_threshold(self, observations, threshold) -> None:
        sample = SharpeSample(0.1, -0.5, 5.0, observations)
        low = probabilistic_sharpe_ratio(sample, threshold=threshold)
        assert 0.0 <= low <= 1.0
        assert probabilistic_sharpe_ratio(sample, threshold=threshold - 0.1) >= low


class TestRefusals:
    @pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
    def test_a_confidence_is_a_probability(self, confidence) -> None:
        with pytest.raises(UsageError, match="no probability"):
            BootstrapPlan(confidence, 100, 1)

    @pytest.mark.parametrize(("resamples", "mean_block"), [(0, None), (10, 0.5), (10, math.nan)])
    def test_a_plan_needs_resamples_and_blocks(self, resamples, mean_block) -> None:
        with pytest.raises(UsageError, match="resamples, and blocks"):
            BootstrapPlan(0.95, resamples, 1, mean_block)

    @pytest.mark.parametrize(("trials", "variance"), [(0, 0.1), (10, -0.1), (10, math.nan)])
    def test_deflation_needs_its_trials(self, trials, variance) -> None:
        with pytest.raises(UsageError, match="the trials it was chosen from"):
            expected_maximum_sharpe(trials=trials, variance=variance)
