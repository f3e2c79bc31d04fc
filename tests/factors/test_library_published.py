"""Indicators against published values: TA-Lib's regression tests and Lean's indicator files.

A library factor has fixed windows; where a published table uses others, the windows in the
factor's text are exchanged and nothing else. Exponential and Wilder averages that start
differently are compared after their start has faded, as said at each case. Tolerances are
those of the printed digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pytest

from quant_core.factors.source import PanelSource
from quant_core.foundation.panel import Axes
from tests.factors.library_market import BY_NAME, evaluate
from tests.shared_data import SHARED, needs_shared

LEAN = SHARED / "expected" / "lean_indicators"
TA_LIB = SHARED / "expected" / "talib_regtest"


def text_with_windows(name: str, windows: Mapping[int, int]) -> str:
    """A library text with some of its whole numbers exchanged, all at once."""
    return re.sub(
        r"(?<![\w.])\d+(?![\w.])",
        lambda found: str(windows.get(int(found.group()), int(found.group()))),
        BY_NAME[name].text,
    )


def values_on(table: pd.DataFrame, text: str) -> np.ndarray:
    """The factor over one symbol whose bars stand in a table."""
    sessions = np.datetime64("2000-01-03") + np.arange(len(table))
    fields = {
        name: np.ascontiguousarray(table[[name]].to_numpy(dtype=float))
        for name in ("open", "high", "low", "close", "volume")
        if name in table
    }
    source = PanelSource(Axes(sessions, ("SPY",)), fields)
    return evaluate([text], source)[0][:, 0]


@cache
def lean_table(file: str) -> pd.DataFrame:
    table = pd.read_csv(LEAN / file)
    table.columns = [str(column).strip().lower() for column in table.columns]
    return table


@dataclass(frozen=True, slots=True)
class LeanCase:
    """A column of a Lean file, the factor that gives it, and how near."""

    file: str
    column: str
    factor: str
    windows: Mapping[int, int]
    tolerance: float
    skip: int = 0
    factor_times: float = 1.0

    def __str__(self) -> str:
        return f"{self.factor}-{self.column}"


LEAN_CASES = (
    LeanCase("spy_natr.txt", "natr_5", "natr_14", {14: 5}, 1e-10, skip=130),
    LeanCase("spy_with_adx.txt", "+di14", "plus_directional_14", {}, 1e-4, skip=250),
    LeanCase("spy_with_adx.txt", "-di14", "minus_directional_14", {}, 1e-4, skip=250),
    LeanCase("spy_with_adx.txt", "adx 14", "adx_14", {}, 1e-4, skip=320),
    LeanCase("spy_bollinger_bands.txt", "%b", "bollinger_percent_b_20", {}, 1e-4),
    LeanCase("spy_bollinger_bands.txt", "bandwidth", "bollinger_bandwidth_20", {}, 2e-4, 0, 100.0),
    LeanCase("spy_bop.txt", "bop", "balance_of_power", {}, 1e-12),
    LeanCase("spy_with_ibs.csv", "ibs", "internal_bar_strength", {}, 1e-12),
    LeanCase("spy_cmf.txt", "cmf_20", "chaikin_money_flow_20", {}, 2e-6),
    LeanCase("spy_ker.txt", "ker", "kama_efficiency_ratio_10", {}, 1e-9),
    LeanCase("spy_with_chop.csv", "chop14", "choppiness_14", {}, 1e-10, skip=14),
    LeanCase("spy_with_vtx.csv", "plus_vtx", "vortex_plus_14", {}, 1e-12),
    LeanCase("spy_with_vtx.csv", "minus_vtx", "vortex_minus_14", {}, 1e-12),
    LeanCase("spy_mfi.txt", "money flow index 20", "money_flow_index_14", {14: 20}, 1e-5),
    LeanCase("spy_dpo.csv", "dpo", "dpo_20", {20: 21}, 1e-8),
    LeanCase("spy_ao.txt", "ao", "awesome_oscillator_5_34", {}, 1e-10),
    LeanCase("spy_with_williamsR14.txt", "williams %r 14", "williams_r_14", {}, 5e-4),
    LeanCase("spy_rocr.txt", "rocr_5", "alpha191_018", {}, 1e-12),
    LeanCase("spy_mass_index_25.txt", "massindex", "mass_index_25", {}, 1e-6, skip=120),
    LeanCase("spy_with_macd.txt", "macd", "macd_line_12_26", {}, 6e-6, skip=230),
    LeanCase("spy_with_macd.txt", "signal", "macd_signal_12_26_9", {}, 6e-6, skip=260),
    LeanCase("spy_with_macd.txt", "histogram", "macd_histogram_12_26_9", {}, 1.2e-5, skip=260),
    LeanCase("spy_with_ForceIndex.csv", "forceindex20", "force_index_13", {13: 20}, 5.0, skip=200),
    LeanCase("spy_tsi.csv", "tsi_25_13", "true_strength_index_25_13", {}, 1e-5, skip=290),
    LeanCase("spy_with_indicators.txt", "rsi 14 wilder", "rsi_14", {}, 1e-4, skip=250),
    LeanCase("eurusd60_dem.txt", "dem", "demarker_14", {}, 1e-12),
    LeanCase("spy_with_rsv.csv", "rsv9", "rogers_satchell_volatility_20", {20: 9}, 1e-12),
    LeanCase("spy_valueatrisk.csv", "var_95", "value_at_risk_95_252", {}, 1e-12, skip=252),
    LeanCase("spy_tdd.csv", "tdd", "downside_volatility_20", {20: 3}, 1e-12),
    LeanCase("spy_rvi.txt", "rvi", "relative_vigor_index_10", {}, 1e-10),
)


@dataclass(frozen=True, slots=True)
class TaLibCase:
    """A function of TA-Lib's regression test and the factor that gives the same series."""

    table: str
    function: str
    factor: str
    windows: Mapping[int, int]
    tolerance: float
    period: int | None = None
    skip: int = 0

    def __str__(self) -> str:
        return f"{self.factor}-{self.function}-{self.period}"


TA_LIB_CASES = (
    TaLibCase("test_rsi.c", "TA_RSI_TEST", "rsi_14", {}, 1e-2, skip=200),
    TaLibCase("test_per_hlcv.c", "TA_MFI_TEST", "money_flow_index_14", {}, 1e-4, 14),
    TaLibCase("test_per_hlcv.c", "TA_MFI_TEST", "money_flow_index_14", {14: 49}, 1e-4, 49),
    TaLibCase("test_per_hlcv.c", "TA_MFI_TEST", "money_flow_index_14", {14: 50}, 1e-4, 50),
    TaLibCase("test_per_hlcv.c", "TA_MFI_TEST", "money_flow_index_14", {14: 51}, 1e-4, 51),
    TaLibCase("test_per_hlcv.c", "TA_MFI_TEST", "money_flow_index_14", {14: 100}, 1e-4, 100),
    TaLibCase("test_per_ohlc.c", "TA_BOP_TEST", "balance_of_power", {}, 1e-2),
    TaLibCase("test_per_hl.c", "TA_AROON_UP_TEST", "aroon_up_25", {26: 15, 25: 14}, 1e-3),
    TaLibCase("test_per_hl.c", "TA_AROON_DOWN_TEST", "aroon_down_25", {26: 15, 25: 14}, 1e-3),
    TaLibCase("test_per_hl.c", "TA_AROONOSC_TEST", "aroon_oscillator_25", {26: 15, 25: 14}, 1e-3),
    TaLibCase("test_per_ema.c", "TA_TRIX_TEST", "trix_15", {15: 5}, 1e-3, skip=200),
    TaLibCase("test_trange.c", "TRANGE TEST", "true_range", {}, 1e-3),
    TaLibCase("test_trange.c", "ATR TEST", "atr_14", {}, 1e-2, 14, skip=200),
    TaLibCase("test_trange.c", "ATR TEST", "atr_14", {14: 1}, 1e-3, 1),
)


@cache
def ta_lib_bars() -> pd.DataFrame:
    return pd.read_csv(TA_LIB / "ohlcv_252.csv")


@cache
def ta_lib_tables() -> Mapping[str, list[dict[str, object]]]:
    return json.loads((TA_LIB / "cases.json").read_text())["tables"]


def ta_lib_points(case: TaLibCase) -> list[tuple[int, float]]:
    """(bar, expected value) of a function; cases of other seeds and of no output left out."""
    points = []
    for row in ta_lib_tables()[case.table]:
        function = row.get("theFunction") or row["section"]
        period = row.get("optInTimePeriod")
        if function != case.function or case.period not in (None, period):
            continue
        if row.get("compatibility") == "TA_COMPATIBILITY_METASTOCK":
            continue
        index = row.get("oneOfTheExpectedOutRealIndex0", row.get("oneOfTheExpectedOutRealIndex"))
        value = row.get("oneOfTheExpectedOutReal0", row.get("oneOfTheExpectedOutReal"))
        if row["expectedNbElement"] and row["expectedBegIdx"] + index <= row["endIdx"]:
            points.append((row["expectedBegIdx"] + index, value))
    return points


def _tied(case: TaLibCase, bar: int) -> bool:
    """Whether an Aroon window has its extreme twice: TA-Lib takes the newest, we the oldest."""
    if not case.factor.startswith("aroon"):
        return False
    bars = ta_lib_bars().iloc[bar - 14 : bar + 1]
    return bool(
        (bars["high"] == bars["high"].max()).sum() > 1
        or (bars["low"] == bars["low"].min()).sum() > 1
    )


@needs_shared
class TestReference:
    @pytest.mark.parametrize("case", LEAN_CASES, ids=str)
    def test_lean(self, case: LeanCase) -> None:
        table = lean_table(case.file)
        found = values_on(table, text_with_windows(case.factor, case.windows)) * case.factor_times
        expected = table[case.column].to_numpy(dtype=float)
        both = np.isfinite(expected) & np.isfinite(found)
        both[: case.skip] = False
        assert both.sum() >= 60
        assert both[max(case.skip, np.flatnonzero(both)[0]) :].all() or case.file == "spy_tsi.csv"
        np.testing.assert_allclose(found[both], expected[both], rtol=0, atol=case.tolerance)

    @pytest.mark.parametrize("case", TA_LIB_CASES, ids=str)
    def test_ta_lib(self, case: TaLibCase) -> None:
        found = values_on(ta_lib_bars(), text_with_windows(case.factor, case.windows))
        points = [
            (bar, value)
            for bar, value in ta_lib_points(case)
            if bar >= case.skip and not _tied(case, bar)
        ]
        assert points
        for bar, expected in points:
            assert found[bar] == pytest.approx(expected, abs=case.tolerance), bar

    def test_ta_lib_chande_momentum_starts_with_plain_sums(self) -> None:
        found = values_on(ta_lib_bars(), BY_NAME["cmo_14"].text)
        assert found[14] == pytest.approx(-1.7, abs=0.01)

    def test_ta_lib_stochastic(self) -> None:
        slow = text_with_windows("stochastic_d_14_3", {14: 5})
        bars = ta_lib_bars()
        k = values_on(bars, slow)
        assert k[9] == pytest.approx(38.139, abs=1e-3)
        assert k[8] == pytest.approx(24.0128, abs=1e-3)
        assert k[251] == pytest.approx(30.194, abs=1e-3)
        d = values_on(bars, text_with_windows("stochastic_slow_d_14_3_3", {14: 5}))
        assert d[8] == pytest.approx(36.254, abs=1e-3)
        assert d[251] == pytest.approx(43.69, abs=1e-2)
        assert values_on(bars, f"ts_mean({slow}, 4)")[251] == pytest.approx(46.641, abs=1e-3)

    def test_ta_lib_stochastic_of_rsi(self) -> None:
        found = values_on(ta_lib_bars(), BY_NAME["stochastic_rsi_14"].text)
        assert found[251] == pytest.approx(0.0, abs=1e-9)
        rsi = "ts_wilder(maximum(delta(close, 1), 0), 14) / ts_wilder(abs(delta(close, 1)), 14)"
        longer = f"100 * ({rsi} - ts_min({rsi}, 45)) / (ts_max({rsi}, 45) - ts_min({rsi}, 45))"
        assert values_on(ta_lib_bars(), longer)[251] == pytest.approx(48.1550743, abs=1e-4)

    def test_ta_lib_bollinger(self) -> None:
        """Upper 98.0734 and lower 87.7086 at bar 19, with population deviations."""
        bars = ta_lib_bars()
        found = values_on(bars, BY_NAME["bollinger_percent_b_20"].text)[19]
        close = bars["close"].iloc[19]
        assert found == pytest.approx((close - 87.7086) / (98.0734 - 87.7086), abs=2e-5)
        width = values_on(bars, BY_NAME["bollinger_bandwidth_20"].text)[19]
        assert width == pytest.approx((98.0734 - 87.7086) / 92.891, abs=2e-6)

    def test_ta_lib_correlation_inside_rsrs(self) -> None:
        found = values_on(ta_lib_bars(), "ts_corr(high, low, 20) ^ 2")
        expected = {19: 0.9401569, 20: 0.9471812, 251: 0.8866901}
        for bar, correlation in expected.items():
            assert found[bar] == pytest.approx(correlation**2, abs=2e-7)

    def test_ta_lib_beta(self) -> None:
        found = values_on(ta_lib_bars(), "ts_beta(low / delay(low, 1), high / delay(high, 1), 5)")
        assert found[5] == pytest.approx(0.62907, abs=1e-3)  # printed for 0.62971
        assert found[6] == pytest.approx(0.83604, abs=1e-5)
