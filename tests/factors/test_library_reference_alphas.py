"""Alpha101 and Alpha191 against calculations written out with pandas and numpy.

Alphas whose last step ranks values that tie in exact arithmetic but not in floating point
(such as the rank of a correlation of ranks) are left out: there, two correct calculations
may order the ties differently.
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

TOLERANCE = 1e-9


def correlation(x: pd.DataFrame, y: pd.DataFrame, n: int) -> pd.DataFrame:
    def of_window(a: Vector, b: Vector) -> float:
        if np.ptp(a) == 0 or np.ptp(b) == 0:
            return np.nan
        return float(np.corrcoef(a, b)[0, 1])

    return over_windows([x, y], n, of_window)


def percent_rank(x: pd.DataFrame) -> pd.DataFrame:
    return x.rank(axis=1, pct=True)


def rank_in_window(x: pd.DataFrame, n: int) -> pd.DataFrame:
    return over_windows([x], n, lambda w: (np.sum(w < w[-1]) + (np.sum(w == w[-1]) + 1) / 2) / n)


def average_dollar_volume(f: Frames, n: int) -> pd.DataFrame:
    return f["amount"].rolling(n).mean()


def within_industry(x: pd.DataFrame, f: Frames) -> pd.DataFrame:
    industries = f["industry"].iloc[0].to_numpy()
    result = x.copy()
    for industry in np.unique(industries):
        members = industries == industry
        result.loc[:, members] = x.loc[:, members].sub(x.loc[:, members].mean(axis=1), axis=0)
    return result


def to_unit_sum(x: pd.DataFrame) -> pd.DataFrame:
    return x.div(x.abs().sum(axis=1), axis=0)


def linear_decay(x: pd.DataFrame, n: int) -> pd.DataFrame:
    return over_windows([x], n, lambda w: np.average(w, weights=range(1, n + 1)))


def one_where(condition: pd.DataFrame, *known: pd.DataFrame) -> pd.DataFrame:
    result = condition.astype(float)
    for frame in known:
        result = result.where(frame.notna())
    return result


def alpha101_001(f: Frames) -> pd.DataFrame:
    mixed = f["close"].where(f["returns"] >= 0, f["returns"].rolling(20).std())
    mixed = mixed.where(f["returns"].notna())
    place = over_windows([mixed**2], 5, lambda w: float(np.argmax(w)) + 1)
    return percent_rank(place) - 0.5


def alpha101_002(f: Frames) -> pd.DataFrame:
    change = np.log(f["volume"]).diff(2)
    body = (f["close"] - f["open"]) / f["open"]
    return -correlation(percent_rank(change), percent_rank(body), 6)


def alpha101_003(f: Frames) -> pd.DataFrame:
    return -correlation(percent_rank(f["open"]), percent_rank(f["volume"]), 10)


def alpha101_004(f: Frames) -> pd.DataFrame:
    return -rank_in_window(percent_rank(f["low"]), 9)


def alpha101_005(f: Frames) -> pd.DataFrame:
    gap = percent_rank(f["open"] - f["vwap"].rolling(10).mean())
    return -gap * percent_rank(f["close"] - f["vwap"]).abs()


def alpha101_009(f: Frames) -> pd.DataFrame:
    change = f["close"].diff()

    def follow(w: Vector) -> float:
        return float(w[-1] if min(w) > 0 or max(w) < 0 else -w[-1])

    return over_windows([change], 5, follow)


def alpha101_012(f: Frames) -> pd.DataFrame:
    return np.sign(f["volume"].diff()) * -f["close"].diff()


def alpha101_017(f: Frames) -> pd.DataFrame:
    relative = f["volume"] / average_dollar_volume(f, 20)
    first = percent_rank(rank_in_window(f["close"], 10))
    second = percent_rank(f["close"].diff().diff())
    return -first * second * percent_rank(rank_in_window(relative, 5))


def alpha101_019(f: Frames) -> pd.DataFrame:
    change = f["close"] - f["close"].shift(7)
    year = f["returns"].rolling(250).sum()
    return -np.sign(change + change) * (1 + percent_rank(1 + year))


def alpha101_022(f: Frames) -> pd.DataFrame:
    moved = correlation(f["high"], f["volume"], 5).diff(5)
    return -moved * percent_rank(f["close"].rolling(20).std())


def alpha101_024(f: Frames) -> pd.DataFrame:
    average = f["close"].rolling(100).mean()
    slope = average.diff(100) / f["close"].shift(100)
    low = -(f["close"] - f["close"].rolling(100).min())
    return low.where(slope <= 0.05, -f["close"].diff(3)).where(slope.notna())


def alpha101_026(f: Frames) -> pd.DataFrame:
    both = correlation(rank_in_window(f["volume"], 5), rank_in_window(f["high"], 5), 5)
    return -both.rolling(3).max()


def alpha101_028(f: Frames) -> pd.DataFrame:
    middle = (f["high"] + f["low"]) / 2
    pull = correlation(average_dollar_volume(f, 20), f["low"], 5)
    return to_unit_sum(pull + middle - f["close"])


def alpha101_030(f: Frames) -> pd.DataFrame:
    steps = np.sign(f["close"].diff())
    votes = steps + steps.shift(1) + steps.shift(2)
    share = f["volume"].rolling(5).sum() / f["volume"].rolling(20).sum()
    return (1 - percent_rank(votes)) * share


def alpha101_035(f: Frames) -> pd.DataFrame:
    volume = rank_in_window(f["volume"], 32)
    price = rank_in_window(f["close"] + f["high"] - f["low"], 16)
    return volume * (1 - price) * (1 - rank_in_window(f["returns"], 32))


def alpha101_041(f: Frames) -> pd.DataFrame:
    return np.sqrt(f["high"] * f["low"]) - f["vwap"]


def alpha101_042(f: Frames) -> pd.DataFrame:
    return percent_rank(f["vwap"] - f["close"]) / percent_rank(f["vwap"] + f["close"])


def alpha101_043(f: Frames) -> pd.DataFrame:
    relative = f["volume"] / average_dollar_volume(f, 20)
    return rank_in_window(relative, 20) * rank_in_window(-f["close"].diff(7), 8)


def alpha101_046(f: Frames) -> pd.DataFrame:
    close = f["close"]
    before, recent = close.shift(20) - close.shift(10), close.shift(10) - close
    bend = before / 10 - recent / 10
    inner = (-close.diff()).mask(bend < 0, 1.0)
    return inner.mask(bend > 0.25, -1.0).where(bend.notna())


def alpha101_048(f: Frames) -> pd.DataFrame:
    change = f["close"].diff()
    persistence = correlation(change, change.shift(1), 250) * change / f["close"]
    energy = ((change / f["close"].shift(1)) ** 2).rolling(250).sum()
    return within_industry(persistence, f) / energy


def alpha101_053(f: Frames) -> pd.DataFrame:
    below = (f["close"] - f["low"]).replace(0, np.nan)
    return -(((f["close"] - f["low"]) - (f["high"] - f["close"])) / below).diff(9)


def alpha101_054(f: Frames) -> pd.DataFrame:
    span = (f["low"] - f["high"]).replace(0, np.nan)
    return -(f["low"] - f["close"]) / span * (f["open"] / f["close"]) ** 5


def alpha101_056(f: Frames) -> pd.DataFrame:
    r = f["returns"]
    weights = r + 2 * r.shift(1) + 2 * r.shift(2) + r.shift(3)
    return -percent_rank(r.rolling(10).sum() / weights) * percent_rank(r * f["cap"])


def alpha101_057(f: Frames) -> pd.DataFrame:
    place = percent_rank(over_windows([f["close"]], 30, lambda w: float(np.argmax(w))))
    return -(f["close"] - f["vwap"]) / linear_decay(place, 2)


def alpha101_060(f: Frames) -> pd.DataFrame:
    span = (f["high"] - f["low"]).replace(0, np.nan)
    flow = ((f["close"] - f["low"]) - (f["high"] - f["close"])) / span * f["volume"]
    place = over_windows([f["close"]], 10, lambda w: float(np.argmax(w)))
    return to_unit_sum(percent_rank(place)) - 2 * to_unit_sum(percent_rank(flow))


def alpha101_061(f: Frames) -> pd.DataFrame:
    left = percent_rank(f["vwap"] - f["vwap"].rolling(16).min())
    right = percent_rank(correlation(f["vwap"], average_dollar_volume(f, 180), 17))
    return one_where(left < right, left, right)


def alpha101_067(f: Frames) -> pd.DataFrame:
    base = percent_rank(f["high"] - f["high"].rolling(2).min())
    dollars = within_industry(average_dollar_volume(f, 20), f)
    power = percent_rank(correlation(within_industry(f["vwap"], f), dollars, 6))
    return -(base**power).where(base.notna() & power.notna())


def alpha101_084(f: Frames) -> pd.DataFrame:
    base = rank_in_window(f["vwap"] - f["vwap"].rolling(15).max(), 20)
    return (base ** f["close"].diff(4)).where(base.notna() & f["close"].diff(4).notna())


def alpha101_073(f: Frames) -> pd.DataFrame:
    first = percent_rank(linear_decay(f["vwap"].diff(4), 2))
    mixed = f["open"] * 0.147155 + f["low"] * (1 - 0.147155)
    second = rank_in_window(linear_decay(-mixed.diff(2) / mixed, 3), 16)
    return -pd.DataFrame(np.maximum(first.to_numpy(), second.to_numpy()))


def alpha101_077(f: Frames) -> pd.DataFrame:
    middle = (f["high"] + f["low"]) / 2
    first = percent_rank(linear_decay(middle + f["high"] - (f["vwap"] + f["high"]), 20))
    pull = correlation(middle, average_dollar_volume(f, 40), 3)
    second = percent_rank(linear_decay(pull, 5))
    return pd.DataFrame(np.minimum(first.to_numpy(), second.to_numpy()))


def alpha101_101(f: Frames) -> pd.DataFrame:
    return (f["close"] - f["open"]) / (f["high"] - f["low"] + 0.001)


def alpha191_014(f: Frames) -> pd.DataFrame:
    return f["close"].diff(5)


def alpha191_018(f: Frames) -> pd.DataFrame:
    return f["close"] / f["close"].shift(5)


def alpha191_020(f: Frames) -> pd.DataFrame:
    return f["close"].pct_change(6, fill_method=None) * 100


REFERENCES: tuple[Callable[[Frames], pd.DataFrame], ...] = (
    alpha101_001,
    alpha101_002,
    alpha101_003,
    alpha101_004,
    alpha101_005,
    alpha101_009,
    alpha101_012,
    alpha101_017,
    alpha101_019,
    alpha101_022,
    alpha101_024,
    alpha101_026,
    alpha101_028,
    alpha101_030,
    alpha101_035,
    alpha101_041,
    alpha101_042,
    alpha101_043,
    alpha101_046,
    alpha101_048,
    alpha101_053,
    alpha101_054,
    alpha101_056,
    alpha101_057,
    alpha101_060,
    alpha101_061,
    alpha101_067,
    alpha101_084,
    alpha101_073,
    alpha101_077,
    alpha101_101,
    alpha191_014,
    alpha191_018,
    alpha191_020,
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
