"""What the venue says of a name and of its past, as far as it can know it at its time."""

from __future__ import annotations

import math

import numpy as np

from quant_core.brokers.paper.venue_clock import Phase, VenueTime
from quant_core.brokers.port import Bar, Instrument
from quant_core.foundation.money import micros
from quant_core.foundation.types import Session
from quant_core.market import Market
from quant_core.trading.actions import Rename

PRICE_INCREMENT_MICROS = 1
"""The venue trades at every price there is."""


def instrument_at(
    market: Market, place: VenueTime, symbol: str, terms: tuple[str, int]
) -> Instrument | None:
    """A name at the venue; None when the dataset does not have it.

    ``terms`` are the currency and the lot, which are those of every name.
    """
    column = _column(market, symbol)
    if column is None:
        return None
    currency, lot = terms
    tradable = _is_tradable(market, place, symbol, column)
    return Instrument(symbol, currency, lot, PRICE_INCREMENT_MICROS, tradable)


def daily_bars(
    market: Market, place: VenueTime, symbol: str, span: tuple[Session, Session]
) -> tuple[Bar, ...]:
    """The bars of a name in the sessions of ``span``, both ends included, oldest first.

    The session at work has no bar before its open, and neither close nor volume before its
    close. A session without any price has none. Prices are as the dataset states them.
    """
    column = _column(market, symbol)
    if column is None:
        return ()
    first, last = (np.datetime64(day, "D") for day in span)
    sessions = market.panel.axes.sessions
    begin = int(np.searchsorted(sessions, first, side="left"))
    end = int(np.searchsorted(sessions, last, side="right"))
    rows = range(begin, min(end, place.row + 1))
    bars = (_bar(market, place, row, column) for row in rows)
    return tuple(bar for bar in bars if bar is not None)


def _bar(market: Market, place: VenueTime, row: int, column: int) -> Bar | None:
    """The bar of a row as it is known at ``place``; None without any price."""
    panel = market.panel
    opened = _price(panel.open.item(row, column)) if row <= _last_open(place) else None
    closed, volume = None, None
    if row <= _last_close(place):
        closed = _price(panel.close.item(row, column))
        shares = panel.volume.item(row, column)
        volume = shares if math.isfinite(shares) else None
    if opened is None and closed is None:
        return None
    return Bar(market.session(row), opened, None, None, closed, volume)


def _is_tradable(market: Market, place: VenueTime, symbol: str, column: int) -> bool:
    """Whether the name has had a price by now and has not ended since."""
    end = market.facts.delistings.get(symbol)
    if end is not None and end < place.trading_row:
        return False
    closes = market.panel.close[: _last_close(place) + 1, column]
    opens = market.panel.open[: _last_open(place) + 1, column]
    priced = np.flatnonzero(closes > 0.0), np.flatnonzero(opens > 0.0)
    latest = max((int(rows[-1]) for rows in priced if len(rows)), default=-1)
    return latest >= max(_renamed_in(market, place, symbol), 0)


def _renamed_in(market: Market, place: VenueTime, symbol: str) -> int:
    """Row in which the name was given up last; -1 = never so far."""
    for row in range(place.row, -1, -1):
        for action in market.actions(row):
            if isinstance(action, Rename) and action.symbol == symbol:
                return row
    return -1


def _last_open(place: VenueTime) -> int:
    return place.row - 1 if place.phase is Phase.BEFORE_OPEN else place.row


def _last_close(place: VenueTime) -> int:
    return place.row - 1 if place.phase in (Phase.BEFORE_OPEN, Phase.OPEN) else place.row


def _price(amount: float) -> int | None:
    return micros(amount) if 0.0 < amount < math.inf else None


def _column(market: Market, symbol: str) -> int | None:
    column = int(market.panel.axes.columns_of([symbol])[0])
    return None if column < 0 else column
