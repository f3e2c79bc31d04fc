"""Kernels of the open: fees, impact, and what an order gets in its session.

A compiled copy of :mod:`quant_core.trading.fees`, :mod:`quant_core.trading.impact` and
:mod:`quant_core.trading.fills`, for buys and sells of a long-only book.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatArray
from quant_core.numerics.execution_arrays import BookArrays, LogArrays, MarketArrays, Quoted, Terms
from quant_core.numerics.execution_book import close_position, increase, pay
from quant_core.numerics.jit import kernel

NONE, CASH, VOLUME, HALTED = 0, 1, 2, 3
LIMIT_UP, LIMIT_DOWN, NOT_SETTLED, UNKNOWN_IMPACT = 4, 5, 6, 7
NO_PRICE, NOT_IN_UNIVERSE = 8, 9
"""Reasons why an order was not filled in full."""

WIDEST = 4e18
"""Products beyond it are not computed in 64 bits."""


@kernel
def _charge(fees: FloatArray, buys: bool, shares: int, price: int) -> int:
    """Fees of one order; -1 when they are too wide."""
    if shares == 0:
        return 0
    notional = float(shares * price)
    total = commission = 0
    for position in range(len(fees)):
        fee = fees[position]
        charged = 0
        if fee[5 if buys else 6] > 0.0:
            rated, passed = np.rint(fee[0] * notional), np.rint(fee[7] * commission)
            if not rated + shares * fee[1] + passed < WIDEST:
                return -1
            charged = max(int(rated) + shares * int(fee[1]) + int(passed), int(fee[2]))
            charged = _at_most(charged, np.rint(fee[3] * notional))
            charged = _at_most(charged, fee[4])
        total += charged
        if position == 0:
            commission = charged
    return total


@kernel
def _at_most(charged: int, limit: float) -> int:
    return min(charged, int(limit)) if limit < WIDEST else charged


@kernel
def _impact(impact: FloatArray, shares: int, quote: Quoted) -> float:
    """Fraction of the price, NaN = unknown."""
    half_spread = 0.5 * impact[0]
    if impact[1] == 0.0 and impact[4] == 0.0:
        return half_spread
    known = 0.0 <= quote.volatility < np.inf and 0.0 < quote.average_volume < np.inf
    if not known:
        return np.nan
    participation = shares / quote.average_volume
    rate = participation / impact[3]
    powered = np.sqrt(rate) if impact[2] == 0.5 else rate ** impact[2]
    temporary = impact[1] * quote.volatility * powered
    return half_spread + temporary + impact[4] * quote.volatility * participation


@kernel
def _fill_price(terms: Terms, book: BookArrays, quote: Quoted, buys: bool, shares: int) -> int:
    """Price with slippage and impact, in micros."""
    against = terms.slippage
    if terms.has_impact:
        against += _impact(terms.impact, shares, quote)
    scaled = quote.price * (1.0 + against if buys else 1.0 - against) * 1e6
    if not abs(scaled) < 1e18:
        book.failed[0] = 1
        return 0
    return int(np.rint(scaled))


@kernel
def _allows(
    terms: Terms, book: BookArrays, quote: Quoted, buys: bool, shares: int, fees: FloatArray
) -> bool:
    """Whether the cash pays for ``shares`` and their fees."""
    price = _fill_price(terms, book, quote, buys, shares)
    wide = float(shares) * float(price) > WIDEST
    charged = -1 if wide else _charge(fees, buys, shares, price)
    if charged < 0:
        book.failed[0] = 0 if buys and book.failed[0] == 0 else 1
        return False
    if buys:
        return shares * price + charged <= book.cash[0]
    return book.cash[0] + shares * price - charged >= 0


@kernel
def _paid_for(
    terms: Terms, book: BookArrays, quote: Quoted, buys: bool, shares: int, fees: FloatArray
) -> int:
    """Shares that the cash allows: found by halving, as the twin finds them."""
    if not buys:
        return shares if _allows(terms, book, quote, buys, shares, fees) else 0
    if shares % terms.lot == 0 and _allows(terms, book, quote, buys, shares, fees):
        return shares
    low, high = 0, shares // terms.lot
    while low < high:
        middle = (low + high + 1) // 2
        if _allows(terms, book, quote, buys, middle * terms.lot, fees):
            low = middle
        else:
            high = middle - 1
    return low * terms.lot


@kernel
def _by_volume(terms: Terms, book: BookArrays, requested: int, volume: float) -> int:
    """Shares that the participation cap allows."""
    if np.isnan(terms.participation_cap):
        return requested
    if not volume > 0.0:
        return 0
    taken = terms.participation_cap * volume
    if not taken < WIDEST:
        book.failed[0] = 1
        return 0
    return min(requested, int(np.floor(taken / terms.lot)) * terms.lot)


@kernel
def _most(
    terms: Terms, book: BookArrays, quote: Quoted, index: int, fees: FloatArray
) -> tuple[int, int]:
    """What an order that meets a market gets, and why not more."""
    column, buys = book.order_column[index], book.order_buys[index]
    requested = book.order_requested[index]
    shares = _by_volume(terms, book, requested, quote.volume)
    reason = VOLUME if shares < requested else NONE
    sellable = book.shares[column]
    if terms.sells_next_session:
        sellable -= book.bought[column]
    if not buys and shares > sellable:
        shares, reason = sellable, NOT_SETTLED
    paid_for = _paid_for(terms, book, quote, buys, shares, fees)
    if paid_for < shares:
        return paid_for, CASH
    return shares, reason


@kernel
def _obstacle(terms: Terms, book: BookArrays, quote: Quoted, buys: bool, requested: int) -> int:
    """Why a name that trades does not trade for this order."""
    if buys and quote.locked == 1:
        return LIMIT_UP
    if not buys and quote.locked == 2:
        return LIMIT_DOWN
    if terms.has_impact and not np.isfinite(_impact(terms.impact, requested, quote)):
        return UNKNOWN_IMPACT
    return NONE if _fill_price(terms, book, quote, buys, requested) > 0 else HALTED


@kernel
def _quote(market: MarketArrays, row: int, column: int) -> Quoted:
    locked, volatility, average_volume = 0, np.nan, np.nan
    if len(market.locked) > 0:
        locked = int(market.locked[row, column])
    if len(market.volatility) > 0 and row > 0:
        volatility = market.volatility[row - 1, column]
    if len(market.average_volume) > 0 and row > 0:
        average_volume = market.average_volume[row - 1, column]
    price, volume = market.price[row, column], market.volume[row, column]
    return Quoted(price, volume, locked, volatility, average_volume)


@kernel
def _raw_micros(book: BookArrays, quote: Quoted) -> int:
    """The raw price, 0 when the name does not trade."""
    if not 0.0 < quote.price < np.inf or quote.volume == 0.0:
        return 0
    if not quote.price * 1e6 < 1e18:
        book.failed[0] = 1
        return 0
    return int(np.rint(quote.price * 1e6))


@kernel
def meet(market: MarketArrays, terms: Terms, book: BookArrays, log: LogArrays, index: int) -> None:
    """Let one waiting order meet the session."""
    number, column = book.number[0], book.order_column[index]
    buys, requested = book.order_buys[index], book.order_requested[index]
    quote = _quote(market, terms.first + number, column)
    raw, cash = _raw_micros(book, quote), book.cash[0]
    reason = _obstacle(terms, book, quote, buys, requested) if raw != 0 else HALTED
    if book.order_refusal[index] != NONE:
        reason = book.order_refusal[index]
    filled = price = charged = 0
    if reason == NONE:
        fees = terms.fees[terms.fee_of[number]]
        filled, reason = _most(terms, book, quote, index, fees)
        if filled > 0:
            price = _fill_price(terms, book, quote, buys, filled)
            charged = _charge(fees, buys, filled, price)
            _trade(book, column, filled if buys else -filled, (price, raw, charged))
            log.curve[number, 3] += filled * price
            log.curve[number, 4] += charged + filled * abs(price - raw)
    if terms.record:
        line = log.orders[log.order_count[0]]
        line[0], line[1], line[2], line[3] = number, column, buys, requested
        line[4], line[5], line[6] = filled, reason, book.order_signal[index]
        line[7], line[8], line[9], line[10] = raw, cash, price, charged
        log.order_count[0] += 1


@kernel
def _trade(book: BookArrays, column: int, shares: int, amounts: tuple[int, int, int]) -> None:
    """Change the book by a fill; negative shares are sold."""
    price, raw, charged = amounts
    pay(book, -(shares * price) - charged)
    if shares > 0:
        increase(book, column, shares, shares * price + charged, raw)
        book.bought[column] += shares
        return
    book.shares[column] += shares
    if book.shares[column] == 0:
        close_position(book, column)
    elif book.shares[column] < 0:
        book.failed[0] = 1


@kernel
def _first(book: BookArrays, a: int, b: int) -> bool:
    """Whether waiting order ``a`` executes before ``b``."""
    if book.order_buys[a] != book.order_buys[b]:
        return not book.order_buys[a]
    if book.order_buys[a] and book.order_weight[a] != book.order_weight[b]:
        return book.order_weight[a] > book.order_weight[b]
    if book.order_column[a] != book.order_column[b]:
        return book.order_column[a] < book.order_column[b]
    return a < b


@kernel
def execution_order(book: BookArrays) -> None:
    """Sells ascending by column, then buys by descending weight: merged from runs of two, four."""
    count, width = book.order_count[0], 1
    for index in range(count):
        book.turn[index] = index
    while width < count:
        for start in range(0, count, 2 * width):
            a, b = start, min(start + width, count)
            middle, end = b, min(start + 2 * width, count)
            for at in range(start, end):
                if b >= end or (a < middle and _first(book, book.turn[a], book.turn[b])):
                    book.spare[at] = book.turn[a]
                    a += 1
                else:
                    book.spare[at] = book.turn[b]
                    b += 1
        book.turn[:count] = book.spare[:count]
        width *= 2
