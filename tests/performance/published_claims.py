"""The claims of the published suite that are inequalities or identities, not numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from quant_core.performance import benchmark_relative as relative
from quant_core.performance.drawdowns import maximum_drawdown
from quant_core.performance.ratios import (
    downside_deviation,
    omega_ratio,
    sharpe_ratio,
    sortino_ratio,
)
from quant_core.performance.returns import geometric_annual_return, per_period_rate
from tests.performance.published_cases import Case, pair, values


def deepest(returns: np.ndarray) -> float:
    return maximum_drawdown(returns, start_is_peak=True)


def sharpe(returns: np.ndarray, risk_free: float | np.ndarray = 0.0) -> float:
    return sharpe_ratio(returns, risk_free=risk_free, periods_per_year=252)


def sortino(returns: np.ndarray, target: float | np.ndarray, per_year: int = 252) -> float:
    return sortino_ratio(returns, target=target, periods_per_year=per_year)


def downside(returns: np.ndarray, target: float | np.ndarray, per_year: int = 252) -> float:
    return downside_deviation(returns, target=target, periods_per_year=per_year)


def growth(returns: np.ndarray, per_year: int = 252) -> float:
    return geometric_annual_return(returns, periods_per_year=per_year)


def alpha_beta(returns: np.ndarray, benchmark: np.ndarray) -> list[float]:
    line = relative.market_line(returns, benchmark, risk_free=0.0)
    return [relative.compound_annual_alpha(line.alpha, periods_per_year=252), line.beta]


def excess_sharpe(returns: np.ndarray, benchmark: np.ndarray) -> float:
    return relative.information_ratio(returns, benchmark, periods_per_year=1)


def drawdown_deepens_with_lower_returns(case: Case) -> None:
    returns, constant = values(case["returns"]), case["constant"]
    assert deepest(returns - constant) <= deepest(returns) <= deepest(returns + constant) <= 0.0


def omega_falls_with_the_threshold(case: Case) -> None:
    less, more = (
        per_period_rate(case[name], periods_per_year=252)
        for name in ("required_return_less", "required_return_more")
    )
    returns = values(case["returns"])
    assert omega_ratio(returns, threshold=less) > omega_ratio(returns, threshold=more)


def unchanged_by_a_common_shift(ratio: Callable[..., float]) -> Callable[[Case], None]:
    def check(case: Case) -> None:
        returns, required, shift = (
            values(case["returns"]),
            case["required_return"],
            case["translation"],
        )
        for signed in (-shift, shift):
            found = ratio(returns + signed, required + signed)
            np.testing.assert_almost_equal(found, ratio(returns, required), 8)

    return check


def changed_by_different_shifts(ratio: Callable[..., float]) -> Callable[[Case], None]:
    def check(case: Case) -> None:
        returns, required = values(case["returns"]), case["required_return"]
        for sign in (-1.0, 1.0):
            shifted = ratio(
                returns + sign * case["translation_returns"],
                required + sign * case["translation_required"],
            )
            assert abs(shifted - ratio(returns, required)) > 1e-6

    return check


def sharpe_falls_with_the_risk_free_rate(case: Case) -> None:
    returns, rate, shift = values(case["returns"]), case["required_return"], case["translation"]
    assert sharpe(returns, rate - shift) > sharpe(returns, rate) > sharpe(returns, rate + shift)


def sharpe_falls_with_noise(case: Case) -> None:
    generator = np.random.default_rng(1337)
    quiet = generator.normal(0.01, case["small"], 1000)
    loud = generator.normal(0.01, case["large"], 1000)
    assert sharpe(quiet, 0.001) > sharpe(loud, 0.001)


def first_part_of(noisy: np.ndarray, calm: np.ndarray) -> list[np.ndarray]:
    """The first 250, 500, 750 periods of one series followed by the rest of the other."""
    return [np.concatenate([noisy[:cut], calm[cut:]]) for cut in (250, 500, 750)]


def downside_grows_with_noise(case: Case) -> None:
    calm = values(case["returns"])
    one, two, three = (downside(r, calm) for r in first_part_of(values(case["add_noise"]), calm))
    assert one <= two <= three


def downside_grows_with_the_target(case: Case) -> None:
    returns, target = values(case["returns"]), case["required_return"]
    assert downside(returns, -target) <= downside(returns, 0.0) <= downside(returns, target)


def downside_grows_with_dispersion(case: Case) -> None:
    generator = np.random.default_rng(1337)
    narrow = generator.normal(0.0, case["smaller_std"], 1000)
    wide = generator.normal(0.0, case["larger_std"], 1000)
    assert downside(narrow, 0.0) < downside(wide, 0.0)


def sortino_falls_with_losses(case: Case) -> None:
    returns, target = values(case["returns"]).copy(), float(case["required_return"])
    gains = np.random.default_rng(1337).choice(np.flatnonzero(returns > target), 2, replace=False)
    found = [sortino(returns, target)]
    for row in gains:
        returns[row] = -0.01
        found.append(sortino(returns, target))
    assert found[0] > found[1] > found[2]


def sortino_rises_without_losses(case: Case) -> None:
    returns, target = values(case["returns"]).copy(), float(case["required_return"])
    losses = np.random.default_rng(1337).choice(np.flatnonzero(returns < target), 2, replace=False)
    found = [sortino(returns, target)]
    for row in losses:
        returns[row] = target
        found.append(sortino(returns, target))
    assert found[0] <= found[1] <= found[2]


def excess_sharpe_grows_away_from_the_benchmark(case: Case) -> None:
    benchmark = values(case["benchmark"])
    one, two, three = (
        abs(excess_sharpe(r, benchmark)) for r in first_part_of(values(case["returns"]), benchmark)
    )
    assert one < two < three


def excess_sharpe_follows_a_shift(case: Case) -> None:
    line, noise, shift = (values(case[name]) for name in ("returns", "add_noise", "benchmark"))
    middle = excess_sharpe(line + noise, line)
    assert excess_sharpe(line + noise - shift, line) < middle
    assert middle < excess_sharpe(line + noise + shift, line)


def correlated(correlation: float, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """1,000 returns of deviation 0.01 and of a benchmark of deviation 0.001."""
    covariance = 0.01 * 0.001 * correlation
    matrix = [[0.01**2, covariance], [covariance, 0.001**2]]
    draws = np.random.default_rng(1337).multivariate_normal([mean, 0.001], matrix, 1000)
    return draws[:, 0], draws[:, 1]


def alpha_follows_a_shift_and_beta_does_not(case: Case) -> None:
    returns, benchmark = correlated(0.8, case["mean_returns"])
    alpha, beta = alpha_beta(returns, benchmark)
    for sign in (-1.0, 1.0):
        shifted_alpha, shifted_beta = alpha_beta(returns + sign * case["translation"], benchmark)
        moved = (1.0 + shifted_alpha) ** (1 / 252) - (1.0 + alpha) ** (1 / 252)
        np.testing.assert_almost_equal(moved, sign * case["translation"], 8)
        np.testing.assert_almost_equal(shifted_beta, beta, 8)


def correlation_moves_alpha_into_beta(case: Case) -> None:
    alpha_less, beta_less = alpha_beta(*correlated(case["corr_less"], 0.01))
    alpha_more, beta_more = alpha_beta(*correlated(case["corr_more"], 0.01))
    assert alpha_less > alpha_more
    assert beta_less < beta_more


def with_gaps(returns: np.ndarray) -> np.ndarray:
    """Every hundredth return unknown: the published fixture called sparse has no gap at all."""
    return np.where(np.arange(returns.size) % 100 == 50, np.nan, returns)


def alpha_and_beta_in_spite_of_gaps(case: Case) -> None:
    returns, benchmark = pair(case["returns"], case["benchmark"])
    np.testing.assert_allclose(alpha_beta(with_gaps(returns), benchmark), [0.0, 1.0], atol=1e-12)


def line_equals_an_independent_regression(case: Case) -> None:
    returns, benchmark = pair(case["returns"], case["benchmark"])
    known = ~np.isnan(returns) & ~np.isnan(benchmark)
    line = relative.market_line(returns, benchmark, risk_free=0.0)
    if known.sum() < 2:
        assert np.isnan([line.alpha, line.beta]).all()
        return
    fit = stats.linregress(benchmark[known], returns[known])
    np.testing.assert_allclose([line.alpha, line.beta], [fit.intercept, fit.slope], atol=1e-12)


def growth_follows_a_shift(case: Case) -> None:
    returns, constant = values(case["returns"]), case["constant"]
    assert growth(returns - constant) < growth(returns) < growth(returns + constant)


def growth_in_spite_of_gaps(case: Case) -> None:
    assert np.isfinite(growth(with_gaps(values(case["returns"]))))


def growth_hardly_moved_by_noise(case: Case) -> None:
    returns, noise = values(case["returns"]), values(case["add_noise"])
    for noisy in (returns + noise, returns - noise):
        np.testing.assert_approx_equal(growth(noisy), growth(returns), 1)


CLAIMS: dict[str, Callable[[Case], None]] = {
    "test_max_drawdown_translation": drawdown_deepens_with_lower_returns,
    "test_omega_returns": omega_falls_with_the_threshold,
    "test_sharpe_translation_same": unchanged_by_a_common_shift(sharpe),
    "test_sharpe_translation_diff": changed_by_different_shifts(sharpe),
    "test_sharpe_translation_1": sharpe_falls_with_the_risk_free_rate,
    "test_sharpe_noise": sharpe_falls_with_noise,
    "test_downside_risk_noisy": downside_grows_with_noise,
    "test_downside_risk_trans": downside_grows_with_the_target,
    "test_downside_risk_std": downside_grows_with_dispersion,
    "test_sortino_add_noise": sortino_falls_with_losses,
    "test_sortino_sub_noise": sortino_rises_without_losses,
    "test_sortino_translation_same": unchanged_by_a_common_shift(sortino),
    "test_sortino_translation_diff": changed_by_different_shifts(sortino),
    "test_excess_sharpe_noisy": excess_sharpe_grows_away_from_the_benchmark,
    "test_excess_sharpe_trans": excess_sharpe_follows_a_shift,
    "test_alpha_beta_translation": alpha_follows_a_shift_and_beta_does_not,
    "test_alpha_beta_correlation": correlation_moves_alpha_into_beta,
    "test_alpha_beta_with_nan_inputs": alpha_and_beta_in_spite_of_gaps,
    "test_alpha_beta_equality": line_equals_an_independent_regression,
    "test_cagr_translation": growth_follows_a_shift,
    "test_cagr_with_nan_inputs": growth_in_spite_of_gaps,
    "test_cagr_noisy": growth_hardly_moved_by_noise,
}
