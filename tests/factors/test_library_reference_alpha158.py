"""Alpha158 against calculations written out with pandas, numpy and scipy."""

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


def correlation(x: pd.DataFrame, y: pd.DataFrame, n: int) -> pd.DataFrame:
    def of_window(a: Vector, b: Vector) -> float:
        if np.ptp(a) == 0 or np.ptp(b) == 0:
            return np.nan
        return float(np.corrcoef(a, b)[0, 1])

    return over_windows([x, y], n, of_window)


def kup2(f: Frames) -> pd.DataFrame:
    top = np.fmax(f["open"], f["close"]).where(f["open"].notna() & f["close"].notna())
    return (f["high"] - top) / (f["high"] - f["low"] + 1e-12)


def beta20(f: Frames) -> pd.DataFrame:
    slope = over_windows([f["close"]], 20, lambda w: np.polyfit(np.arange(20), w, 1)[0])
    return slope / f["close"]


def rsqr20(f: Frames) -> pd.DataFrame:
    time = np.arange(20)
    return over_windows([f["close"]], 20, lambda w: stats.linregress(time, w).rvalue ** 2)


def resi20(f: Frames) -> pd.DataFrame:
    time = np.arange(1, 21)

    def newest(w: Vector) -> float:
        line = stats.linregress(time, w)
        return float(w[-1] - line.intercept - 20 * line.slope)

    return over_windows([f["close"]], 20, newest) / f["close"]


def qtlu30(f: Frames) -> pd.DataFrame:
    return f["close"].rolling(30).quantile(0.8) / f["close"]


def rank10(f: Frames) -> pd.DataFrame:
    return f["close"].rolling(10).rank(pct=True)


def rsv20(f: Frames) -> pd.DataFrame:
    bottom, top = f["low"].rolling(20).min(), f["high"].rolling(20).max()
    return (f["close"] - bottom) / (top - bottom + 1e-12)


def imax20(f: Frames) -> pd.DataFrame:
    return f["high"].rolling(20).apply(lambda w: w.argmax() + 1, raw=True) / 20


def imxd20(f: Frames) -> pd.DataFrame:
    top = f["high"].rolling(20).apply(lambda w: w.argmax() + 1, raw=True)
    bottom = f["low"].rolling(20).apply(lambda w: w.argmin() + 1, raw=True)
    return (top - bottom) / 20


def corr10(f: Frames) -> pd.DataFrame:
    return correlation(f["close"], np.log(f["volume"] + 1), 10)


def cord10(f: Frames) -> pd.DataFrame:
    growth = np.log(f["volume"] / f["volume"].shift(1) + 1)
    return correlation(f["close"] / f["close"].shift(1), growth, 10)


def cntd20(f: Frames) -> pd.DataFrame:
    return np.sign(f["close"].diff()).rolling(20).mean()


def sump20(f: Frames) -> pd.DataFrame:
    moves = f["close"].diff()
    return moves.clip(lower=0).rolling(20).sum() / (moves.abs().rolling(20).sum() + 1e-12)


def vstd20(f: Frames) -> pd.DataFrame:
    return f["volume"].rolling(20).std() / (f["volume"] + 1e-12)


def wvma10(f: Frames) -> pd.DataFrame:
    moves = f["returns"].abs() * f["volume"]
    return moves.rolling(10).std() / (moves.rolling(10).mean() + 1e-12)


def vsumd10(f: Frames) -> pd.DataFrame:
    moves = f["volume"].diff()
    return moves.rolling(10).sum() / (moves.abs().rolling(10).sum() + 1e-12)


REFERENCES: tuple[Callable[[Frames], pd.DataFrame], ...] = (
    kup2,
    beta20,
    rsqr20,
    resi20,
    qtlu30,
    rank10,
    rsv20,
    imax20,
    imxd20,
    corr10,
    cord10,
    cntd20,
    sump20,
    vstd20,
    wvma10,
    vsumd10,
)


def name_of(reference: Callable[[Frames], pd.DataFrame]) -> str:
    """Alpha158 writes its names in capitals."""
    return reference.__name__.upper()


@pytest.fixture(scope="module")
def values() -> Mapping[str, Vector]:
    return evaluate_named([name_of(reference) for reference in REFERENCES], reference_source())


class TestReference:
    @pytest.mark.parametrize("reference", REFERENCES, ids=name_of)
    def test_equals_the_definition(
        self, reference: Callable[[Frames], pd.DataFrame], values: Mapping[str, Vector]
    ) -> None:
        expected = reference(reference_frames()).to_numpy(dtype=float)
        found = values[name_of(reference)]
        scale = np.nanmax(np.abs(expected))
        assert np.isfinite(expected).sum() > 300
        np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE * scale)
