"""From log returns to what an exchange prints: ticks, ranges, volumes, long tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from quant_core.data.schema import OPTIONAL_FIELDS, price_schema
from quant_core.foundation.types import BoolArray, FloatArray, FloatMatrix, SessionArray

LOWEST_PRICE = 0.05
"""No price falls below this."""

ROUND_LOT = 100.0
"""Volumes are printed in whole round lots, at least one."""

VOLUME_DEVIATION = 0.35
"""Standard deviation of the logarithm of volume around its level."""

VOLUME_RESPONSE = 0.6
"""Share of the level added by a move of one standard deviation."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Printed bars, each float64 [symbols, sessions]; traded amount is vwap * volume."""

    open: FloatMatrix
    high: FloatMatrix
    low: FloatMatrix
    close: FloatMatrix
    volume: FloatMatrix
    vwap: FloatMatrix


@dataclass(frozen=True, slots=True)
class Paths:
    """Log prices of a block before printing.

    Attributes
    ----------
    open, close : FloatMatrix
        [symbols, sessions], natural logarithms.
    intraday_volatility : FloatMatrix
        Standard deviation of the log return from open to close, [symbols, sessions].
    """

    open: FloatMatrix
    close: FloatMatrix
    intraday_volatility: FloatMatrix


def printed(prices: FloatMatrix) -> FloatMatrix:
    """Prices on the tick of an exchange: 0.01, below one 0.0001, at least 0.05.

    Examples
    --------
    >>> printed(np.array([12.346, 0.98764, 0.01])).tolist()
    [12.35, 0.9876, 0.05]
    """
    rounded = np.rint(prices * 100.0)
    rounded /= 100.0
    small = prices < 1.0
    if small.any():
        rounded[small] = np.rint(prices[small] * 10_000.0) / 10_000.0
    return np.maximum(rounded, LOWEST_PRICE, out=rounded)


def print_bars(rng: np.random.Generator, paths: Paths, volume: FloatMatrix) -> Bars:
    """Bars of log paths.

    High and low are drawn from the exact law of the extremes of a Brownian bridge
    between open and close: ``(r + sqrt(r^2 + 2 s^2 e)) / 2`` above the open for the
    maximum, with ``e`` exponential (Karatzas and Shreve, section 4.3.C).
    The volume-weighted price is the mean of the four prices, inside [low, high].
    """
    move = paths.close - paths.open
    variance = 2.0 * paths.intraday_volatility * paths.intraday_volatility
    high, low = (_extreme(rng, paths.open, move, variance, sign) for sign in (1.0, -1.0))
    open_, close = printed(np.exp(paths.open)), printed(np.exp(paths.close))
    high = np.maximum(printed(np.exp(high)), np.maximum(open_, close))
    low = np.minimum(printed(np.exp(low)), np.minimum(open_, close))
    mean = np.rint((open_ + high + low + close) * 2_500.0) / 10_000.0
    vwap = np.minimum(np.maximum(mean, low), high)
    return Bars(open_, high, low, close, volume, vwap)


def print_volume(
    rng: np.random.Generator, level: FloatArray, moves: FloatMatrix, activity: FloatArray
) -> FloatMatrix:
    """Traded shares in round lots: lognormal around ``level``, higher when prices move.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of one draw per symbol and session.
    level : FloatArray
        [symbols], shares of an ordinary session.
    moves : FloatMatrix
        [symbols, sessions], close-to-close log returns in units of their deviation.
    activity : FloatArray
        [sessions], relative volatility of the market.
    """
    volume = rng.standard_normal(moves.shape)
    volume *= VOLUME_DEVIATION
    np.exp(volume, out=volume)
    volume *= level[:, np.newaxis] * (0.4 + 0.4 * activity)
    volume *= 1.0 + VOLUME_RESPONSE * np.abs(moves)
    return np.maximum(np.rint(volume / ROUND_LOT), 1.0) * ROUND_LOT


def long_table(
    symbols: Sequence[str],
    sessions: SessionArray,
    bars: Bars,
    present: BoolArray,
    shares: FloatArray,
) -> pl.DataFrame:
    """The rows where ``present`` [symbols, sessions] is true, by symbol, then date."""
    cells = np.flatnonzero(present)
    row, column = np.divmod(cells, len(sessions))
    matrices = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.vwap)
    values = [matrix.ravel()[cells] for matrix in matrices]
    *_, close, volume, vwap = values
    values += [vwap * volume, close * shares[row]]
    keys = [
        pl.Series(symbols, dtype=pl.String).gather(row),
        pl.Series(sessions, dtype=pl.Date).gather(column),
    ]
    schema = price_schema(OPTIONAL_FIELDS)
    columns = dict(zip(schema, [*keys, *map(pl.Series, values)], strict=True))
    return pl.DataFrame(columns, schema=schema)


def _extreme(
    rng: np.random.Generator,
    start: FloatMatrix,
    move: FloatMatrix,
    twice_variance: FloatMatrix,
    sign: float,
) -> FloatMatrix:
    """Log price of the highest (sign 1) or lowest (sign -1) point of the bridge."""
    reach = rng.standard_exponential(move.shape)
    reach *= twice_variance
    reach += move * move
    np.sqrt(reach, out=reach)
    reach *= sign
    reach += move
    reach *= 0.5
    reach += start
    return reach
