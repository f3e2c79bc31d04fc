"""Alpha158 in plain Polars, for comparison: a long table, one select, windows ``over`` symbol.

Written as somebody would who knows Polars and no factor engine. A window with an unknown value is
unknown, as in the project; the dates of the table are taken as they are, so that a session on
which a symbol has no row is not seen as a gap.
"""

from __future__ import annotations

import numpy as np
import polars as pl

WINDOWS = (5, 10, 20, 30, 60)
TINY = 1e-12

OPEN, HIGH, LOW, CLOSE, VOLUME = (
    pl.col(name) for name in ("open", "high", "low", "close", "volume")
)
BEFORE = CLOSE.shift(1)
ROW = pl.int_range(pl.len()).cast(pl.Float64)
RANGE = HIGH - LOW + TINY
TOP, BOTTOM = pl.max_horizontal(OPEN, CLOSE), pl.min_horizontal(OPEN, CLOSE)

BAR = {
    "KMID": (CLOSE - OPEN) / OPEN,
    "KLEN": (HIGH - LOW) / OPEN,
    "KMID2": (CLOSE - OPEN) / RANGE,
    "KUP": (HIGH - TOP) / OPEN,
    "KUP2": (HIGH - TOP) / RANGE,
    "KLOW": (BOTTOM - LOW) / OPEN,
    "KLOW2": (BOTTOM - LOW) / RANGE,
    "KSFT": (2 * CLOSE - HIGH - LOW) / OPEN,
    "KSFT2": (2 * CLOSE - HIGH - LOW) / RANGE,
    "OPEN0": OPEN / CLOSE,
    "HIGH0": HIGH / CLOSE,
    "LOW0": LOW / CLOSE,
}


def changes(of: pl.Expr, n: int) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Shares of rises and falls in the absolute changes of a window, and their difference."""
    change = of - of.shift(1)
    size = change.abs().rolling_sum(n) + TINY
    up = change.clip(lower_bound=0).rolling_sum(n) / size
    down = (-change).clip(lower_bound=0).rolling_sum(n) / size
    return up, down, up - down


def trend(n: int) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Slope, R squared and newest residual of the close on 0 .. n - 1."""
    middle, spread = (n - 1) / 2, n * (n * n - 1) / 12
    mean = CLOSE.rolling_mean(n)
    centred = (ROW * CLOSE).rolling_sum(n) - (ROW - middle) * CLOSE.rolling_sum(n)
    slope = centred / spread
    rsquare = slope**2 * spread / (CLOSE.rolling_var(n) * (n - 1))
    return slope, rsquare, CLOSE - mean - slope * middle


def place(of: pl.Expr, n: int, *, largest: bool) -> pl.Expr:
    """Place of the first extreme in the window, from 0: by numpy, Polars has no such window."""

    def first(series: pl.Series) -> pl.Series:
        found = np.full(len(series), np.nan)
        if len(series) >= n:
            windows = np.lib.stride_tricks.sliding_window_view(series.to_numpy(), n)
            found[n - 1 :] = windows.argmax(axis=1) if largest else windows.argmin(axis=1)
        return pl.Series(found)

    known = of.rolling_max(n).is_not_null()
    return pl.when(known).then(of.map_batches(first, return_dtype=pl.Float64))


def windowed(n: int) -> dict[str, pl.Expr]:
    """The 29 formulas of one window."""
    slope, rsquare, residual = trend(n)
    high, low = HIGH.rolling_max(n), LOW.rolling_min(n)
    top, bottom = place(HIGH, n, largest=True), place(LOW, n, largest=False)
    rises, falls = ((CLOSE > BEFORE), (CLOSE < BEFORE))
    up, down = (side.cast(pl.Float64).rolling_mean(n) for side in (rises, falls))
    weighted = (CLOSE / BEFORE - 1).abs() * VOLUME
    price, volume = changes(CLOSE, n), changes(VOLUME, n)
    return {
        "ROC": CLOSE.shift(n) / CLOSE,
        "MA": CLOSE.rolling_mean(n) / CLOSE,
        "STD": CLOSE.rolling_std(n) / CLOSE,
        "BETA": slope / CLOSE,
        "RSQR": rsquare,
        "RESI": residual / CLOSE,
        "MAX": high / CLOSE,
        "MIN": low / CLOSE,
        "QTLU": CLOSE.rolling_quantile(0.8, "linear", n) / CLOSE,
        "QTLD": CLOSE.rolling_quantile(0.2, "linear", n) / CLOSE,
        "RANK": CLOSE.rolling_rank(n) / n,
        "RSV": (CLOSE - low) / (high - low + TINY),
        "IMAX": (top + 1) / n,
        "IMIN": (bottom + 1) / n,
        "IMXD": (top - bottom) / n,
        "CORR": pl.rolling_corr(CLOSE, (VOLUME + 1).log(), window_size=n),
        "CORD": pl.rolling_corr(
            CLOSE / BEFORE, (VOLUME / VOLUME.shift(1) + 1).log(), window_size=n
        ),
        "CNTP": up,
        "CNTN": down,
        "CNTD": up - down,
        "SUMP": price[0],
        "SUMN": price[1],
        "SUMD": price[2],
        "VMA": VOLUME.rolling_mean(n) / (VOLUME + TINY),
        "VSTD": VOLUME.rolling_std(n) / (VOLUME + TINY),
        "WVMA": weighted.rolling_std(n) / (weighted.rolling_mean(n) + TINY),
        "VSUMP": volume[0],
        "VSUMN": volume[1],
        "VSUMD": volume[2],
    }


def alpha158(prices: pl.DataFrame) -> pl.DataFrame:
    """157 columns beside symbol and date (VWAP0 needs a field the prices may lack).

    ``prices`` ascends by symbol and date.
    """
    factors = dict(BAR)
    for n in WINDOWS:
        factors |= {f"{name}{n}": value for name, value in windowed(n).items()}
    columns = [value.over("symbol").alias(name) for name, value in factors.items()]
    return prices.select("symbol", "date", *columns)
