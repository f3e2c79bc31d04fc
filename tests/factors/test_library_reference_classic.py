"""Classic factors against calculations written out with pandas, numpy and scipy.

Each reference starts from the definition in the source: it takes the bars of a window and
computes one number. None of it goes through the factor language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.factors.library_market import (
    Frames,
    Vector,
    evaluate_named,
    over_windows,
    reference_frames,
    reference_source,
)

TOLERANCE = 1e-9


def market_of(frames: Frames) -> pd.DataFrame:
    returns = frames["returns"]
    mean = returns.mean(axis=1)
    return returns.apply(lambda column: mean.where(column.notna()))


def momentum_12_1(f: Frames) -> pd.DataFrame:
    return f["close"].shift(21) / f["close"].shift(252) - 1


def momentum_acceleration_120(f: Frames) -> pd.DataFrame:
    recent = f["close"].pct_change(120, fill_method=None)
    return recent - recent.shift(120)


def information_discreteness_12_1(f: Frames) -> pd.DataFrame:
    def discreteness(formation: Vector) -> float:
        moves = np.diff(formation)
        negative, positive = (moves < 0).mean(), (moves > 0).mean()
        return float(np.sign(formation[-1] / formation[0] - 1) * (negative - positive))

    return over_windows([f["close"]], 252 - 21 + 1, discreteness).shift(21)


def industry_relative_reversal_20(f: Frames) -> pd.DataFrame:
    past = f["close"].pct_change(20, fill_method=None)
    industries = f["industry"].iloc[0].to_numpy()
    average = past.T.groupby(industries).transform("mean").T
    return -(past - average)


def sessions_since_high_252(f: Frames) -> pd.DataFrame:
    return over_windows([f["high"]], 252, lambda high: 251.0 - list(high).index(max(high)))


def trend_certainty_60(f: Frames) -> pd.DataFrame:
    time = np.arange(60)
    return over_windows(
        [f["close"]], 60, lambda close: stats.linregress(time, np.log(close)).rvalue ** 2
    )


def trend_strength_90(f: Frames) -> pd.DataFrame:
    def strength(close: Vector) -> float:
        line = stats.linregress(np.arange(90), np.log(close))
        return float((np.exp(250 * line.slope) - 1) * line.rvalue**2)

    return over_windows([f["close"]], 90, strength)


def rsrs_slope_18(f: Frames) -> pd.DataFrame:
    return over_windows(
        [f["low"], f["high"]], 18, lambda low, high: stats.linregress(low, high).slope
    )


def volatility_20(f: Frames) -> pd.DataFrame:
    return over_windows([f["returns"]], 20, lambda r: np.std(r, ddof=1))


def downside_volatility_20(f: Frames) -> pd.DataFrame:
    return over_windows([f["returns"]], 20, lambda r: np.sqrt(np.sum(r[r < 0] ** 2) / 20))


def relative_signed_jump_20(f: Frames) -> pd.DataFrame:
    def jump(r: Vector) -> float:
        return float((np.sum(r[r > 0] ** 2) - np.sum(r[r < 0] ** 2)) / np.sum(r**2))

    return over_windows([f["returns"]], 20, jump)


def parkinson_volatility_20(f: Frames) -> pd.DataFrame:
    def parkinson(high: Vector, low: Vector) -> float:
        return float(np.sqrt(np.sum((np.log(high) - np.log(low)) ** 2) / (20 * 4 * np.log(2))))

    return over_windows([f["high"], f["low"]], 20, parkinson)


def garman_klass_volatility_20(f: Frames) -> pd.DataFrame:
    def garman_klass(o: Vector, h: Vector, low: Vector, c: Vector) -> float:
        bar = 0.5 * np.log(h / low) ** 2 - (2 * np.log(2) - 1) * np.log(c / o) ** 2
        return float(np.sqrt(bar.mean()))

    return over_windows([f["open"], f["high"], f["low"], f["close"]], 20, garman_klass)


def yang_zhang_volatility_20(f: Frames) -> pd.DataFrame:
    def yang_zhang(o: Vector, h: Vector, low: Vector, c: Vector, before: Vector) -> float:
        overnight = np.log(o / before)
        up, down, body = np.log(h / o), np.log(low / o), np.log(c / o)
        rogers_satchell = np.mean(up * (up - body) + down * (down - body))
        k = 0.34 / (1.34 + 21 / 19)
        total = overnight.var(ddof=1) + k * body.var(ddof=1) + (1 - k) * rogers_satchell
        return float(np.sqrt(total))

    bars = [f["open"], f["high"], f["low"], f["close"], f["close"].shift(1)]
    return over_windows(bars, 20, yang_zhang)


def market_beta_60(f: Frames) -> pd.DataFrame:
    return over_windows([f["returns"], market_of(f)], 60, lambda r, m: stats.linregress(m, r).slope)


def idiosyncratic_volatility_21(f: Frames) -> pd.DataFrame:
    def residual_std(r: Vector, m: Vector) -> float:
        line = stats.linregress(m, r)
        residuals = r - line.intercept - line.slope * m
        return float(np.sqrt(np.sum(residuals**2) / (21 - 2)))

    return over_windows([f["returns"], market_of(f)], 21, residual_std)


def downside_beta_252(f: Frames) -> pd.DataFrame:
    def beta(r: Vector, m: Vector) -> float:
        down = m < 0
        return float(stats.linregress(m[down], r[down]).slope)

    return over_windows([f["returns"], market_of(f)], 252, beta)


def coskewness_252(f: Frames) -> pd.DataFrame:
    def coskewness(r: Vector, m: Vector) -> float:
        line = stats.linregress(m, r)
        own, market = r - line.intercept - line.slope * m, m - m.mean()
        return float(np.mean(own * market**2) / (np.sqrt(np.mean(own**2)) * np.mean(market**2)))

    return over_windows([f["returns"], market_of(f)], 252, coskewness)


def skewness_60(f: Frames) -> pd.DataFrame:
    return over_windows([f["returns"]], 60, lambda r: stats.skew(r, bias=False))


def kurtosis_60(f: Frames) -> pd.DataFrame:
    return over_windows([f["returns"]], 60, lambda r: stats.kurtosis(r, bias=False))


def lottery_max_21(f: Frames) -> pd.DataFrame:
    return over_windows([f["returns"]], 21, max)


def historical_value_at_risk_95_252(f: Frames) -> pd.DataFrame:
    return over_windows([f["returns"]], 252, lambda r: np.percentile(r, 5))


def maximum_drawdown_60(f: Frames) -> pd.DataFrame:
    def deepest(close: Vector) -> float:
        return min(close[start:].min() / close[start] - 1 for start in range(60))

    return over_windows([f["close"]], 60, deepest)


def variance_ratio_5_60(f: Frames) -> pd.DataFrame:
    def ratio(close: Vector) -> float:
        price = np.log(close)
        long, short = price[5:] - price[:-5], (price[1:] - price[:-1])[4:]
        return float(np.var(long, ddof=1) / (5 * np.var(short, ddof=1)))

    return over_windows([f["close"]], 65, ratio)


def roll_spread_60(f: Frames) -> pd.DataFrame:
    def spread(r: Vector) -> float:
        covariance = np.cov(r[1:], r[:-1])[0, 1]
        return float(2 * np.sqrt(-covariance)) if covariance < 0 else 0.0

    return over_windows([f["returns"]], 61, spread)


def corwin_schultz_spread_20(f: Frames) -> pd.DataFrame:
    def spread(high: Vector, low: Vector) -> float:
        estimates = []
        for day in range(1, 21):
            pair = slice(day - 1, day + 1)
            beta = np.sum(np.log(high[pair] / low[pair]) ** 2)
            gamma = np.log(high[pair].max() / low[pair].min()) ** 2
            root = 3 - 2 * np.sqrt(2)
            alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / root - np.sqrt(gamma / root)
            estimates.append(max(2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha)), 0))
        return float(np.mean(estimates))

    return over_windows([f["high"], f["low"]], 21, spread)


def amihud_illiquidity_20(f: Frames) -> pd.DataFrame:
    return (f["returns"].abs() / f["amount"]).rolling(20).mean() * 1e6


def turnover_variation_60(f: Frames) -> pd.DataFrame:
    turnover = f["amount"] / f["cap"]
    return over_windows([turnover], 60, lambda w: np.std(w, ddof=1) / np.mean(w))


def volume_trend_60(f: Frames) -> pd.DataFrame:
    return over_windows([f["volume"]], 60, lambda v: np.polyfit(np.arange(60), v, 1)[0] / v.mean())


def overnight_minus_intraday_20(f: Frames) -> pd.DataFrame:
    overnight = np.log(f["open"]) - np.log(f["close"].shift(1))
    intraday = np.log(f["close"]) - np.log(f["open"])
    return overnight.rolling(20).sum() - intraday.rolling(20).sum()


REFERENCES: tuple[Callable[[Frames], pd.DataFrame], ...] = (
    momentum_12_1,
    momentum_acceleration_120,
    information_discreteness_12_1,
    industry_relative_reversal_20,
    sessions_since_high_252,
    trend_certainty_60,
    trend_strength_90,
    rsrs_slope_18,
    volatility_20,
    downside_volatility_20,
    relative_signed_jump_20,
    parkinson_volatility_20,
    garman_klass_volatility_20,
    yang_zhang_volatility_20,
    market_beta_60,
    idiosyncratic_volatility_21,
    downside_beta_252,
    coskewness_252,
    skewness_60,
    kurtosis_60,
    lottery_max_21,
    historical_value_at_risk_95_252,
    maximum_drawdown_60,
    variance_ratio_5_60,
    roll_spread_60,
    corwin_schultz_spread_20,
    amihud_illiquidity_20,
    turnover_variation_60,
    volume_trend_60,
    overnight_minus_intraday_20,
)


@pytest.fixture(scope="module")
def values() -> Mapping[str, Vector]:
    return evaluate_named([reference.__name__ for reference in REFERENCES], reference_source())


class TestReference:
    @pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.__name__)
    def test_equals_the_definition(
        self, reference: Callable[[Frames], pd.DataFrame], values: Mapping[str, Vector]
    ) -> None:
        expected = reference(reference_frames()).to_numpy(dtype=float)
        found = values[reference.__name__]
        scale = np.nanmax(np.abs(expected))
        assert np.isfinite(expected).sum() > 300
        np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE * scale)
