"""Exchange-traded funds of the synthetic market: baskets of its stocks, bonds, gold."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from quant_core.data.sources.demo_bars import Bars, Paths, print_bars, print_volume
from quant_core.data.sources.demo_market import (
    OVERNIGHT_SHARE,
    SECTORS,
    SESSIONS_PER_YEAR,
    Component,
    MarketPaths,
    Moves,
    stream,
)
from quant_core.data.sources.demo_stocks import StockBlock
from quant_core.foundation.types import FloatArray, FloatMatrix

PREMIUM_AT_OPEN = 0.0004
"""Deviation of a fund's open from the worth of what it holds, as a log return."""

PREMIUM_AT_CLOSE = 0.0002


@dataclass(frozen=True, slots=True)
class Fund:
    """One fund: label, fee a year, first price, own daily volatility, units outstanding."""

    symbol: str
    name: str
    fee: float
    price: float
    volatility: float
    units: float


def _sector_fund(position: int, sector: str) -> Fund:
    label, price = f"ETF_{sector.upper()}", 40.0 + 5.0 * position
    return Fund(label, f"Synthetic {sector} Sector ETF", 0.0035, price, 0.0110, 60e6)


FUNDS = (
    Fund("ETF_MARKET", "Synthetic Market ETF", 0.0010, 200.0, 0.0098, 900e6),
    Fund("ETF_BOND", "Synthetic Government Bond ETF", 0.0015, 100.0, 0.0028, 300e6),
    Fund("ETF_GOLD", "Synthetic Gold ETF", 0.0040, 120.0, 0.0091, 200e6),
    *(_sector_fund(position, sector) for position, sector in enumerate(SECTORS)),
)
"""Every fund in the order in which a smaller number of them is taken."""


class BasketWorth:
    """Worth of all stocks and of each sector over time, added up block by block.

    Rows: the whole market, then :data:`SECTORS`. Held stocks are those listed at both
    ends of a move, so that a listing or delisting is not a return.
    """

    def __init__(self, sessions: int) -> None:
        shape = (1 + len(SECTORS), sessions)
        self._previous_close = np.zeros(shape)
        self._open_held = np.zeros(shape)
        self._open = np.zeros(shape)
        self._close = np.zeros(shape)

    def add(self, block: StockBlock) -> None:
        """Add the stocks of a block."""
        shares = block.shares[:, np.newaxis]
        opened = np.where(block.listed, block.bars.open * shares, 0.0)
        closed = np.where(block.listed, block.bars.close * shares, 0.0)
        held = block.listed[:, 1:] & block.listed[:, :-1]
        for sector in range(len(SECTORS)):
            rows = np.flatnonzero(block.sector == sector)
            row = 1 + sector
            self._open[row] += opened[rows].sum(axis=0)
            self._close[row] += closed[rows].sum(axis=0)
            self._open_held[row, 1:] += (opened[rows, 1:] * held[rows]).sum(axis=0)
            self._previous_close[row, 1:] += (closed[rows, :-1] * held[rows]).sum(axis=0)

    def moves(self, market: MarketPaths) -> Moves:
        """Log returns of the baskets; of their factors where no stock stands for them."""
        for total in (self._previous_close, self._open_held, self._open, self._close):
            total[0] = total[1:].sum(axis=0)
        factors = Moves(*map(_with_market, _both(market.styles), _both(market.sectors)))
        return Moves(
            _log_ratio(self._open_held, self._previous_close, factors.overnight),
            _log_ratio(self._close, self._open, factors.intraday),
        )


def fund_bars(seed: int, count: int, baskets: Moves, market: MarketPaths) -> Bars:
    """Bars of the first ``count`` funds: returns of what they hold, less the fee.

    A fund opens and closes a little away from the worth of its holdings and comes back,
    so that its gap is its own.
    """
    rng = stream(seed, Component.FUNDS)
    overnight, intraday = (
        _fund_rows(basket, haven)[:count]
        for basket, haven in zip(_both(baskets), _both(market.havens), strict=True)
    )
    fee = np.array([fund.fee for fund in FUNDS[:count]])[:, np.newaxis]
    at_open = PREMIUM_AT_OPEN * rng.standard_normal(overnight.shape)
    at_close = PREMIUM_AT_CLOSE * rng.standard_normal(overnight.shape)
    worth = np.cumsum(overnight + intraday - fee / SESSIONS_PER_YEAR, axis=1)
    price = np.array([fund.price for fund in FUNDS[:count]])[:, np.newaxis]
    worth += np.log(price) - worth[:, :1]

    daily = np.array([fund.volatility for fund in FUNDS[:count]])[:, np.newaxis]
    scale = daily * (0.3 + 0.7 * market.activity)
    paths = Paths(worth - intraday + at_open, worth + at_close, scale * sqrt(1 - OVERNIGHT_SHARE))
    units = fund_units(count)
    volume = print_volume(rng, units * 0.02, (overnight + intraday) / scale, market.activity)
    return print_bars(rng, paths, volume)


def fund_units(count: int) -> FloatArray:
    """Units outstanding of the first ``count`` funds."""
    return np.array([fund.units for fund in FUNDS[:count]])


def _fund_rows(baskets: FloatMatrix, havens: FloatMatrix) -> FloatMatrix:
    """Rows in the order of :data:`FUNDS`: market, havens, sectors."""
    return np.concatenate([baskets[:1], havens, baskets[1:]])


def _with_market(styles: FloatMatrix, sectors: FloatMatrix) -> FloatMatrix:
    return np.concatenate([styles[:1], styles[:1] + sectors])


def _both(moves: Moves) -> tuple[FloatMatrix, FloatMatrix]:
    return moves.overnight, moves.intraday


def _log_ratio(top: FloatMatrix, bottom: FloatMatrix, otherwise: FloatMatrix) -> FloatMatrix:
    known = bottom > 0.0
    ratio = np.divide(top, bottom, out=np.ones_like(top), where=known)
    return np.where(known, np.log(ratio), otherwise)
