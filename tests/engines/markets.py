"""The markets that the engines are compared on, and what is to be held on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant_core.foundation.timing import calendar_sessions
from tests.shared_data import SHARED

PRICES = SHARED / "us_sp500_daily_2013_2018" / "ohlcv.parquet"
SEED = 20240607
WARM_UP = 252
EVERY = 5


@dataclass(frozen=True)
class Prices:
    """A market without gaps: what is missing carries the last price, or the first one back.

    ``tradable`` [T, N] says where the name has a close of its own.
    """

    name: str
    sessions: np.ndarray
    symbols: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    volume: np.ndarray
    tradable: np.ndarray


@dataclass(frozen=True)
class Plan:
    """Prices from the session before the run on, and the weights of every rebalance."""

    prices: Prices
    rows: np.ndarray
    weights: np.ndarray


def synthetic(sessions: int = 600, symbols: int = 40) -> Prices:
    """A seeded random market in cents on sessions of New York, with overnight gaps."""
    from datetime import date

    random = np.random.default_rng(SEED)
    days = calendar_sessions("XNYS", date(2012, 1, 3), date(2024, 12, 31))[:sessions]
    volatility = random.uniform(0.008, 0.03, symbols)
    drift = random.normal(0.0002, 0.0006, symbols)
    daily = drift + volatility * random.standard_normal((sessions, symbols))
    closes = np.maximum(np.round(random.uniform(8, 300, symbols) * np.exp(daily.cumsum(0)), 2), 1.0)
    gaps = 0.4 * volatility * random.standard_normal((sessions, symbols))
    before = np.vstack([closes[:1], closes[:-1]])
    opens = np.maximum(np.round(before * np.exp(gaps), 2), 1.0)
    return Prices(
        "synthetic",
        days,
        np.array([f"S{i:03d}" for i in range(symbols)]),
        opens,
        closes,
        random.integers(100_000, 5_000_000, closes.shape).astype(float),
        np.ones(closes.shape, dtype=bool),
    )


def sp500() -> Prices:
    """The S&P 500 prices that stand beside the project."""
    import polars as pl

    table = pl.read_parquet(PRICES).sort("date", "symbol")
    wide = {
        name: table.pivot("symbol", index="date", values=name, sort_columns=True).sort("date")
        for name in ("open", "close", "volume")
    }
    symbols = wide["close"].columns[1:]
    dense = {name: one.select(symbols).to_numpy().astype(float) for name, one in wide.items()}
    closes = _filled(dense["close"])
    opened = dense["open"]
    missing = ~np.isfinite(opened)
    opens = np.where(missing, np.vstack([closes[:1], closes[:-1]]), opened)
    return Prices(
        "sp500",
        wide["close"]["date"].to_numpy().astype("datetime64[D]"),
        np.array(symbols),
        opens,
        closes,
        np.where(dense["volume"] > 0, dense["volume"], 1e6),
        np.isfinite(dense["close"]) & ~missing,
    )


def ranked(prices: Prices, top: int) -> Plan:
    """Momentum of 252 less 21 sessions against volatility of 20: the ``top`` names, equally.

    Every fifth session from the 253rd on, decided at the close before it, among the names that
    trade in both. Only names that are ever held are kept: the engines are slow.
    """
    closes = prices.closes
    returns = closes[1:] / closes[:-1] - 1.0
    rows = np.arange(WARM_UP + 1, len(closes), EVERY)
    chosen = np.zeros((len(rows), closes.shape[1]), dtype=bool)
    for number, row in enumerate(rows):
        last = row - 1
        momentum = closes[last - 21] / closes[last - 252] - 1.0
        volatility = returns[last - 20 : last].std(axis=0, ddof=1)
        eligible = prices.tradable[last - 252 : row + 1].all(axis=0)
        score = 0.6 * _standard(momentum, eligible) - 0.4 * _standard(volatility, eligible)
        score[~eligible] = -np.inf
        chosen[number, np.argsort(-score, kind="stable")[:top]] = True
    kept = chosen.any(axis=0)
    first = rows[0] - 1
    run = Prices(
        prices.name,
        prices.sessions[first:],
        prices.symbols[kept],
        prices.opens[first:, kept],
        prices.closes[first:, kept],
        prices.volume[first:, kept],
        prices.tradable[first:, kept],
    )
    return Plan(run, rows - first, chosen[:, kept] / top)


def _standard(values: np.ndarray, eligible: np.ndarray) -> np.ndarray:
    sample = values[eligible]
    return (values - sample.mean()) / sample.std(ddof=1)


def _filled(values: np.ndarray) -> np.ndarray:
    """Gaps take the last value before them, leading ones the first value after them."""
    rows = np.arange(len(values))[:, None]
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, rows, -1), axis=0)
    first = known.argmax(axis=0)
    return np.take_along_axis(values, np.where(last < 0, first, last), axis=0)
