"""The statistics of a run as a whole, and the metrics they are made of."""

from __future__ import annotations

import json
import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.foundation.errors import InvariantBroken
from quant_core.performance.curve import benchmark_curve, run_curve
from quant_core.performance.metric import Metric, RunStatistics
from quant_core.performance.statistics import Conventions, summarise

MILLION = 10**12
"""One million currency units in micros."""


def days(count: int, first: str = "2024-01-01") -> np.ndarray:
    return np.datetime64(first) + np.arange(count)


def five_sessions(benchmark: np.ndarray | None = None, rate: float = 0.0) -> RunStatistics:
    """1,000,000 -> 1,010,000 -> 989,800 -> 1,019,494 -> 1,019,494 -> 1,050,078.82."""
    equity = np.array([1_010_000.0, 989_800.0, 1_019_494.0, 1_019_494.0, 1_050_078.82])
    sessions = np.array(
        ["2023-12-28", "2023-12-29", "2024-01-02", "2024-01-03", "2024-12-27"],
        dtype="datetime64[D]",
    )
    micros = np.rint(equity * 1e6).astype(np.int64)
    return summarise(sessions, micros, MILLION, benchmark, Conventions(rate, 252, seed=7))


def random_run(count: int = 300, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    market = generator.normal(0.0005, 0.01, count)
    own = 0.8 * market + generator.normal(0.0002, 0.004, count)
    equity = np.rint(MILLION * np.cumprod(1.0 + own)).astype(np.int64)
    return days(count, "2020-01-01"), equity, 1e6 * np.cumprod(1.0 + market)


class TestExamples:
    def test_five_sessions_by_hand(self) -> None:
        """Returns 0.01, -0.02, 0.03, 0, 0.03 over 365 days."""
        found = five_sessions()
        returns = [0.01, -0.02, 0.03, 0.0, 0.03]
        mean = 0.01
        deviation = math.sqrt(sum((r - mean) ** 2 for r in returns) / 4)
        downside = math.sqrt(0.02**2 / 5)
        growth = 1.05007882 ** (365.25 / 365) - 1
        expected = {
            "total_return": 0.05007882,
            "cagr": growth,
            "annual_volatility": deviation * math.sqrt(252),
            "sharpe": mean / deviation * math.sqrt(252),
            "sortino": mean / downside * math.sqrt(252),
            "max_drawdown": -0.02,
            "longest_drawdown": 2,
            "calmar": growth / 0.02,
            "value_at_risk_95": -0.02 + 0.2 * 0.02,
            "expected_shortfall_95": -0.02,
            "hit_rate": 3 / 5,
            "profit_factor": 0.07 / 0.02,
            "best_day": 0.03,
            "worst_day": -0.02,
            "best_month": 0.03,
            "worst_month": 1.01 * 0.98 - 1,
            "sessions": 5,
        }
        for name, value in expected.items():
            assert found.value(name) == pytest.approx(value, rel=1e-9), name
        assert found.value("max_drawdown_peak") == "2023-12-28"
        assert found.value("max_drawdown_trough") == "2023-12-29"
        assert found.value("max_drawdown_recovery") == "2024-01-02"

    def test_against_a_benchmark_by_hand(self) -> None:
        """Benchmark returns 0.02, -0.01, 0.02, unknown, -0.03 (over the two sessions)."""
        market = 1e6 * np.cumprod([1.02, 0.99, 1.02, 1.0, 0.97])
        market[3] = math.nan
        found = five_sessions(market)
        total = 1.02 * 0.99 * 1.02 * 0.97 - 1
        own, other = np.array([0.01, -0.02, 0.03, 0.03]), np.array([0.02, -0.01, 0.02, -0.03])
        beta = np.cov(own, other, ddof=1)[0, 1] / other.var(ddof=1)
        active = own - other
        expected = {
            "benchmark_total_return": total,
            "benchmark_max_drawdown": -0.03,
            "excess_return": 0.05007882 - total,
            "beta": beta,
            "alpha": (own.mean() - beta * other.mean()) * 252,
            "correlation": np.corrcoef(own, other)[0, 1],
            "tracking_error": active.std(ddof=1) * math.sqrt(252),
            "information_ratio": active.mean() / active.std(ddof=1) * math.sqrt(252),
            "up_capture": ((1.01 * 1.03) ** 126 - 1) / ((1.02 * 1.02) ** 126 - 1),
            "down_capture": ((0.98 * 1.03) ** 126 - 1) / ((0.99 * 0.97) ** 126 - 1),
        }
        for name, value in expected.items():
            assert found.value(name) == pytest.approx(value, rel=1e-9), name

    def test_the_risk_free_rate_is_spread_over_the_year(self) -> None:
        daily = 1.05 ** (1 / 252) - 1
        returns = np.array([0.01, -0.02, 0.03, 0.0, 0.03])
        expected = (returns.mean() - daily) / returns.std(ddof=1) * math.sqrt(252)
        assert five_sessions(rate=0.05).value("sharpe") == pytest.approx(expected)
        assert "risk-free 5.00% a year" in five_sessions(rate=0.05).get("sharpe").convention

    def test_a_first_day_loss_is_a_drawdown_from_the_capital(self) -> None:
        found = summarise(
            days(2),
            np.array([9 * 10**11, 95 * 10**10]),
            MILLION,
            None,
            Conventions(0.0, 252, seed=7),
        )
        assert found.value("max_drawdown") == pytest.approx(-0.1)
        assert found.value("max_drawdown_peak") is None
        assert found.value("max_drawdown_trough") == "2024-01-01"
        assert found.value("max_drawdown_recovery") is None
        assert found.value("longest_drawdown") == 2

    def test_one_session_has_few_statistics(self) -> None:
        found = summarise(
            days(1), np.array([MILLION]), MILLION, None, Conventions(0.0, 252, seed=7)
        )
        missing = {metric.name for metric in found if metric.value is None}
        assert missing >= {"cagr", "annual_volatility", "sharpe", "sharpe_low", "sortino", "calmar"}
        assert found.value("total_return") == 0.0
        assert found.value("max_drawdown") == 0.0

    def test_a_lost_account_is_reported_without_a_warning(self) -> None:
        equity = np.array([5 * 10**11, 0, 0], dtype=np.int64)
        found = summarise(days(3), equity, MILLION, None, Conventions(0.0, 252, seed=7))
        assert found.value("total_return") == -1.0
        assert found.value("max_drawdown") == -1.0
        assert found.value("worst_day") == -1.0

    @pytest.mark.parametrize("none", [None, np.full(5, math.nan)])
    def test_without_a_benchmark_its_metrics_are_absent(self, none) -> None:
        found = five_sessions(none)
        assert "beta" not in found
        assert "benchmark_total_return" not in found
        assert len(found) == 25

    def test_order_of_the_report(self) -> None:
        names = [metric.name for metric in five_sessions(1e6 * np.arange(1.0, 6.0))]
        assert names[:5] == ["total_return", "cagr", "annual_volatility", "sharpe", "sharpe_low"]
        assert names.index("calmar") < names.index("skewness") < names.index("benchmark_cagr")
        assert names[-2:] == ["up_capture", "down_capture"]

    def test_leading_gap_of_the_benchmark_starts_from_the_capital(self) -> None:
        own = run_curve(days(3), np.ones(3), 1.0, rate=0.0, periods_per_year=252)
        market = benchmark_curve(own, np.array([math.nan, 110.0, 121.0]), 100.0)
        np.testing.assert_allclose(market.returns, [math.nan, 0.1, 0.1])
        assert market.growth == pytest.approx(1.21)


class TestProperties:
    def test_equal_inputs_give_equal_reports(self) -> None:
        inputs = random_run()
        one = summarise(inputs[0], inputs[1], MILLION, inputs[2], Conventions(0.01, 252, seed=7))
        other = summarise(
            inputs[0], inputs[1].copy(), MILLION, inputs[2].copy(), Conventions(0.01, 252, seed=7)
        )
        assert one == other
        assert json.dumps(one.records()) == json.dumps(other.records())

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.booleans())
    def test_every_report_is_plain_json(self, steps, compared) -> None:
        equity = np.array(steps, dtype=np.int64) * MILLION
        benchmark = np.array(steps, dtype=np.float64) if compared else None
        found = summarise(
            days(len(steps)), equity, MILLION, benchmark, Conventions(0.0, 252, seed=7)
        )
        assert json.loads(json.dumps(found.records(), allow_nan=False)) == found.records()
        assert all(type(m.value) in (float, int, str, type(None)) for m in found)
        assert all(metric.convention for metric in found)

    def test_scaling_the_account_changes_nothing_but_money(self) -> None:
        sessions, equity, _ = random_run()
        small = summarise(sessions, equity, MILLION, None, Conventions(0.0, 252, seed=7))
        large = summarise(
            sessions, equity * 1000, MILLION * 1000, None, Conventions(0.0, 252, seed=7)
        )
        for one, other in zip(small, large, strict=True):
            same = one.value == other.value
            assert same or one.value == pytest.approx(other.value, rel=1e-9), one.name


class TestRefusals:
    @pytest.mark.parametrize(
        ("sessions", "equity", "capital"),
        [
            (days(0), np.array([], dtype=np.int64), MILLION),
            (days(2), np.array([MILLION]), MILLION),
            (days(1), np.array([MILLION]), 0),
        ],
    )
    def test_a_run_is_one_value_per_session_from_a_capital(self, sessions, equity, capital) -> None:
        with pytest.raises(InvariantBroken, match="one value per session from a positive capital"):
            summarise(sessions, equity, capital, None, Conventions(0.0, 252, seed=7))

    def test_sessions_ascend(self) -> None:
        backwards = days(2)[::-1]
        with pytest.raises(InvariantBroken, match="must ascend"):
            summarise(
                backwards,
                np.array([MILLION, MILLION]),
                MILLION,
                None,
                Conventions(0.0, 252, seed=7),
            )

    def test_a_benchmark_has_the_sessions_of_the_run(self) -> None:
        with pytest.raises(InvariantBroken, match="benchmark is not one value per session"):
            summarise(
                days(1), np.array([MILLION]), MILLION, np.ones(2), Conventions(0.0, 252, seed=7)
            )

    def test_a_metric_stands_once(self) -> None:
        beta = Metric.of("beta", 1.0, "ratio", "slope")
        with pytest.raises(InvariantBroken, match="stands twice"):
            RunStatistics((beta,)) + RunStatistics((beta,))

    def test_an_unknown_metric_is_a_key_error(self) -> None:
        with pytest.raises(KeyError, match="gamma"):
            RunStatistics(()).value("gamma")

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
    def test_what_is_no_number_is_none(self, value) -> None:
        assert Metric.of("beta", value, "ratio", "slope").value is None

    def test_a_date_is_iso_text(self) -> None:
        assert Metric.of("day", date(2024, 2, 29), "date", "leap").value == "2024-02-29"
