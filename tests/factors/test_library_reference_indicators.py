"""Classic indicators against calculations written out with pandas, numpy and scipy.

Each reference starts from the definition in the source: it takes the bars of a window and
computes one number. None of it goes through the factor language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from tests.factors.library_market import (
    Frames,
    Vector,
    evaluate_named,
    over_windows,
    reference_frames,
    reference_source,
)

TOLERANCE = 1e-8
"""Exponential averages end where 1e-9 of their weight is left; pandas never ends."""


def wilder_average(values: pd.DataFrame, n: int) -> pd.DataFrame:
    return values.ewm(alpha=1 / n, min_periods=n).mean().where(values.notna())


def exponential_average(values: pd.DataFrame, n: int) -> pd.DataFrame:
    return values.ewm(span=n, min_periods=n).mean().where(values.notna())


def true_range_of(frames: Frames) -> pd.DataFrame:
    previous = frames["close"].shift(1)
    parts = [
        frames["high"] - frames["low"],
        (frames["high"] - previous).abs(),
        (frames["low"] - previous).abs(),
    ]
    stacked = np.stack([part.to_numpy() for part in parts])
    return pd.DataFrame(stacked.max(axis=0))


def natr_14(f: Frames) -> pd.DataFrame:
    return 100 * wilder_average(true_range_of(f), 14) / f["close"]


def ulcer_index_14(f: Frames) -> pd.DataFrame:
    def ulcer(close: Vector) -> float:
        falls = [100 * (close[i] / max(close[i - 13 : i + 1]) - 1) for i in range(13, 27)]
        return float(np.sqrt(np.mean(np.square(falls))))

    return over_windows([f["close"]], 27, ulcer)


def chaikin_money_flow_20(f: Frames) -> pd.DataFrame:
    place = (2 * f["close"] - f["low"] - f["high"]) / (f["high"] - f["low"])
    return (place * f["volume"]).rolling(20).sum() / f["volume"].rolling(20).sum()


def money_flow_index_14(f: Frames) -> pd.DataFrame:
    typical = (f["high"] + f["low"] + f["close"]) / 3

    def index(price: Vector, volume: Vector) -> float:
        up = down = 0.0
        for day in range(1, 15):
            flow = price[day] * volume[day]
            up += flow if price[day] > price[day - 1] else 0.0
            down += flow if price[day] < price[day - 1] else 0.0
        return 100 - 100 / (1 + up / down)

    return over_windows([typical, f["volume"]], 15, index)


def rsi_14(f: Frames) -> pd.DataFrame:
    moves = f["close"].diff()
    gains = wilder_average(moves.clip(lower=0), 14)
    losses = wilder_average((-moves).clip(lower=0), 14)
    return 100 - 100 / (1 + gains / losses)


def adx_14(f: Frames) -> pd.DataFrame:
    up, down = f["high"].diff(), -f["low"].diff()
    plus = up.where((up > down) & (up > 0), 0.0).where(up.notna())
    minus = down.where((down > up) & (down > 0), 0.0).where(down.notna())
    true_range = wilder_average(true_range_of(f), 14)
    plus_di = 100 * wilder_average(plus, 14) / true_range
    minus_di = 100 * wilder_average(minus, 14) / true_range
    return wilder_average(100 * (plus_di - minus_di).abs() / (plus_di + minus_di), 14)


def cci_20(f: Frames) -> pd.DataFrame:
    typical = (f["high"] + f["low"] + f["close"]) / 3

    def index(price: Vector) -> float:
        deviation = np.mean(np.abs(price - price.mean()))
        return float((price[-1] - price.mean()) / (0.015 * deviation))

    return over_windows([typical], 20, index)


def macd_histogram_12_26_9(f: Frames) -> pd.DataFrame:
    line = exponential_average(f["close"], 12) - exponential_average(f["close"], 26)
    return line - exponential_average(line, 9)


def stochastic_d_14_3(f: Frames) -> pd.DataFrame:
    top, bottom = f["high"].rolling(14).max(), f["low"].rolling(14).min()
    return (100 * (f["close"] - bottom) / (top - bottom)).rolling(3).mean()


def ultimate_oscillator_7_14_28(f: Frames) -> pd.DataFrame:
    floor = np.minimum(f["low"], f["close"].shift(1))
    ceiling = np.maximum(f["high"], f["close"].shift(1))
    pressure, span = f["close"] - floor, ceiling - floor

    def average(n: int) -> pd.DataFrame:
        return pressure.rolling(n).sum() / span.rolling(n).sum()

    return 100 * (4 * average(7) + 2 * average(14) + average(28)) / 7


def vortex_plus_14(f: Frames) -> pd.DataFrame:
    movement = (f["high"] - f["low"].shift(1)).abs()
    return movement.rolling(14).sum() / true_range_of(f).rolling(14).sum()


def aroon_oscillator_25(f: Frames) -> pd.DataFrame:
    def oscillator(high: Vector, low: Vector) -> float:
        since_high = 25 - int(np.flatnonzero(high == high.max())[0])
        since_low = 25 - int(np.flatnonzero(low == low.min())[0])
        return 100 * (25 - since_high) / 25 - 100 * (25 - since_low) / 25

    return over_windows([f["high"], f["low"]], 26, oscillator)


def kama_efficiency_ratio_10(f: Frames) -> pd.DataFrame:
    def efficiency(close: Vector) -> float:
        return float(abs(close[-1] - close[0]) / np.abs(np.diff(close)).sum())

    return over_windows([f["close"]], 11, efficiency)


def bollinger_percent_b_20(f: Frames) -> pd.DataFrame:
    def percent_b(close: Vector) -> float:
        upper, lower = (close.mean() + side * 2 * close.std() for side in (1, -1))
        return float((close[-1] - lower) / (upper - lower))

    return over_windows([f["close"]], 20, percent_b)


REFERENCES: tuple[Callable[[Frames], pd.DataFrame], ...] = (
    natr_14,
    ulcer_index_14,
    chaikin_money_flow_20,
    money_flow_index_14,
    rsi_14,
    adx_14,
    cci_20,
    macd_histogram_12_26_9,
    stochastic_d_14_3,
    ultimate_oscillator_7_14_28,
    vortex_plus_14,
    aroon_oscillator_25,
    kama_efficiency_ratio_10,
    bollinger_percent_b_20,
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
