"""Stocks of the synthetic market, block by block of symbols."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from quant_core.data.sources.demo_bars import Bars, Paths, print_bars, print_volume, printed
from quant_core.data.sources.demo_market import (
    OVERNIGHT_SHARE,
    SECTORS,
    SESSIONS_PER_YEAR,
    STYLE_VOLATILITY,
    Component,
    MarketPaths,
    Moves,
    fat_tailed,
    stream,
    wandering,
)
from quant_core.foundation.types import BoolArray, FloatArray, FloatMatrix, IntArray

BLOCK = 250
"""Symbols generated together; part of the recipe, since each block has its own streams."""

DAILY_VOLATILITY = 0.0145
"""Median of a stock's own daily volatility, in a lognormal of the deviation below."""

VOLATILITY_DISPERSION = 0.32
VOLATILITY_LIMITS = (0.008, 0.028)
MOMENTUM_STRENGTH = 0.024
"""Deviation of a stock's slow drift, in units of its own daily volatility."""

MOMENTUM_HALF_LIFE = 250
EARNINGS_EVERY = 63
EARNINGS_DEVIATION = 0.045
EARNINGS_LIMIT = 0.15
"""Largest gap on the news of a quarter, as a log return."""

LATE_LISTINGS = 0.20
LATEST_LISTING = 0.80
"""Late listings are spread over this part of the span."""

DELISTINGS = 0.08
DECLINING = 0.5
"""Share of the delisted that lose most of their value first."""

DECLINE_SESSIONS = 120
PENNY_SESSIONS = 20
"""Consecutive closes below one after which the exchange delists."""

HALT_PROBABILITY = 0.0005


@dataclass(frozen=True, slots=True)
class Traits:
    """What distinguishes one stock from another; arrays [symbols] unless stated.

    Attributes
    ----------
    loadings : FloatMatrix
        [styles, symbols].
    sector : IntArray
        Index into :data:`SECTORS`.
    volatility : FloatArray
        Own daily volatility.
    price, shares, turnover : FloatArray
        First price, shares outstanding, ordinary traded share of them.
    first, last : IntArray
        Index of the first and the last session.
    decline : FloatArray
        Log loss over the sessions before ``last``; 0 for most.
    """

    loadings: FloatMatrix
    sector: IntArray
    volatility: FloatArray
    price: FloatArray
    shares: FloatArray
    turnover: FloatArray
    first: IntArray
    last: IntArray
    decline: FloatArray


@dataclass(frozen=True, slots=True)
class StockBlock:
    """The printed prices of one block of stocks.

    ``listed`` and ``present`` are [symbols, sessions]: the stock exists; and it also
    traded. ``sector`` and ``shares`` are [symbols].
    """

    bars: Bars
    listed: BoolArray
    present: BoolArray
    sector: IntArray
    shares: FloatArray


def stock_block(seed: int, block: int, count: int, market: MarketPaths) -> StockBlock:
    """One block of stocks.

    1. ``draw_traits``: who they are; 2. ``_returns``: how they move;
    3. ``print_bars``: what the exchange prints; 4. ``_listed`` and ``_halted``: when.
    """
    sessions = len(market.activity)
    traits = draw_traits(stream(seed, Component.TRAITS, block), count, sessions)
    moves = _returns(seed, block, traits, market)
    close = np.cumsum(moves.overnight + moves.intraday, axis=1)
    close += (np.log(traits.price) - close[np.arange(count), traits.first])[:, np.newaxis]

    own = traits.volatility[:, np.newaxis] * _own_activity(market)
    total = np.sqrt(own * own + (_market_volatility() * market.activity) ** 2)
    level = np.maximum(traits.shares * traits.turnover, 1.0)
    volume = print_volume(
        stream(seed, Component.VOLUME, block),
        level,
        (moves.overnight + moves.intraday) / total,
        market.activity,
    )
    paths = Paths(close - moves.intraday, close, total * sqrt(1.0 - OVERNIGHT_SHARE))
    bars = print_bars(stream(seed, Component.RANGE, block), paths, volume)
    listed = _listed(traits, bars.close)
    halted = _halted(stream(seed, Component.HALTS, block), listed)
    return StockBlock(bars, listed, listed & ~halted, traits.sector, traits.shares)


def draw_traits(rng: np.random.Generator, count: int, sessions: int) -> Traits:
    """The traits of ``count`` stocks.

    Volatile stocks have higher market loadings, small stocks are more volatile.
    """
    size, value, noise, beta_noise = rng.standard_normal((4, count))
    restless = np.clip(0.9 * noise - 0.44 * size, -2.5, 2.5)
    volatility = DAILY_VOLATILITY * np.exp(VOLATILITY_DISPERSION * restless)
    beta = np.clip(1.0 + 0.18 * restless + 0.15 * beta_noise, 0.3, 2.0)
    price = printed(np.exp(np.clip(rng.normal(3.9, 0.6, count), 2.5, 6.0)))
    worth = 4e9 * np.exp(1.2 * size)
    first, last, decline = _lifetimes(rng, count, sessions)
    return Traits(
        loadings=np.stack([beta, -size, value, -restless]),
        sector=rng.integers(len(SECTORS), size=count),
        volatility=np.clip(volatility, *VOLATILITY_LIMITS),
        price=price,
        shares=np.rint(worth / price / 1000.0) * 1000.0,
        turnover=0.005 * np.exp(0.4 * rng.standard_normal(count)),
        first=first,
        last=last,
        decline=decline,
    )


def _lifetimes(
    rng: np.random.Generator, count: int, sessions: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """First and last session of each stock, and the log loss before a bad end."""
    late, when, ends, length, declines, depth = rng.random((6, count))
    last_session = sessions - 1
    spread = np.floor(when * LATEST_LISTING * last_session).astype(np.int64) + 1
    first = np.where(late < LATE_LISTINGS, np.minimum(spread, last_session), 0)
    lifetime = np.floor((last_session - first) * (0.1 + 0.85 * length)).astype(np.int64)
    last = np.where(ends < DELISTINGS, first + lifetime, last_session)
    declining = (ends < DELISTINGS) & (declines < DECLINING)
    return first, last, np.where(declining, 0.8 + depth, 0.0)


def _returns(seed: int, block: int, traits: Traits, market: MarketPaths) -> Moves:
    """Log returns: common factors, own noise, own slow drift, quarterly news, bad ends."""
    shape = len(traits.volatility), len(market.activity)
    volatility = traits.volatility[:, np.newaxis]
    scale = volatility * _own_activity(market)
    overnight = fat_tailed(stream(seed, Component.OVERNIGHT, block), shape)
    overnight *= scale
    overnight *= sqrt(OVERNIGHT_SHARE)
    overnight += _common(traits, market.styles.overnight, market.sectors.overnight)
    overnight += _earnings(stream(seed, Component.EARNINGS, block), shape)

    intraday = fat_tailed(stream(seed, Component.INTRADAY, block), shape)
    intraday *= scale
    intraday *= sqrt(1.0 - OVERNIGHT_SHARE)
    intraday += _common(traits, market.styles.intraday, market.sectors.intraday)
    slow = wandering(stream(seed, Component.DRIFT, block), shape, MOMENTUM_HALF_LIFE)
    slow *= MOMENTUM_STRENGTH * volatility
    slow -= volatility * volatility / 2.0
    intraday += slow
    for row in np.flatnonzero(traits.decline):
        end = int(traits.last[row]) + 1
        begin = max(end - DECLINE_SESSIONS, 0)
        intraday[row, begin:end] -= traits.decline[row] / DECLINE_SESSIONS
    return Moves(overnight, intraday)


def _common(traits: Traits, styles: FloatMatrix, sectors: FloatMatrix) -> FloatMatrix:
    """Loadings times factors, summed factor by factor.

    Not a matrix product: the order of summation of a linear algebra library differs
    from machine to machine, and the market must not.
    """
    common = sectors[traits.sector]
    for loading, factor in zip(traits.loadings, styles, strict=True):
        common += loading[:, np.newaxis] * factor
    return common


def _earnings(rng: np.random.Generator, shape: tuple[int, int]) -> FloatMatrix:
    """Overnight gaps once a quarter, on a day of its own for each stock."""
    count, sessions = shape
    gaps = fat_tailed(rng, (count, -(-sessions // EARNINGS_EVERY)))
    gaps = np.clip(gaps * EARNINGS_DEVIATION, -EARNINGS_LIMIT, EARNINGS_LIMIT)
    phase = rng.integers(EARNINGS_EVERY, size=count)
    quarters: IntArray = np.arange(gaps.shape[1], dtype=np.int64)
    days = phase[:, np.newaxis] + EARNINGS_EVERY * quarters
    news = np.zeros(shape)
    row, quarter = np.nonzero(days < sessions)
    news[row, days[row, quarter]] = gaps[row, quarter]
    return news


def _own_activity(market: MarketPaths) -> FloatArray:
    """A stock's own noise follows the market's volatility at a third of its amplitude."""
    return 0.65 + 0.35 * np.minimum(market.activity, 2.5)


def _market_volatility() -> float:
    return STYLE_VOLATILITY[0] / sqrt(SESSIONS_PER_YEAR)


def _listed(traits: Traits, close: FloatMatrix) -> BoolArray:
    """From the first to the last session, or to the end of a penny stock."""
    session: IntArray = np.arange(close.shape[1], dtype=np.int64)
    listed = (session >= traits.first[:, np.newaxis]) & (session <= traits.last[:, np.newaxis])
    cheap = listed & (close < 1.0)
    for row in np.flatnonzero(cheap.any(axis=1)):
        streak = 0
        for column in np.flatnonzero(listed[row]):
            streak = streak + 1 if cheap[row, column] else 0
            if streak == PENNY_SESSIONS:
                listed[row, column + 1 :] = False
                break
    return listed


def _halted(rng: np.random.Generator, listed: BoolArray) -> BoolArray:
    """Sessions without trading, never the first or the last of a stock."""
    halted = np.zeros(listed.shape, dtype=np.bool_)
    cells = rng.integers(listed.size, size=rng.poisson(HALT_PROBABILITY * listed.size))
    halted.ravel()[cells] = True
    halted[:, 0] = False
    halted[:, -1] = False
    halted[:, 1:] &= listed[:, :-1]
    halted[:, :-1] &= listed[:, 1:]
    return halted
