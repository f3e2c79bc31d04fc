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
NO_PRICE, NOT_IN_UNIVERSE, POSITION = 8, 9, 10
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
        book.state[0].failed = 1
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
        book.state[0].failed = 0 if buys and book.state[0].failed == 0 else 1
        return False
    if buys:
        return shares * price + charged <= book.state[0].cash
    return book.state[0].cash + shares * price - charged >= 0


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
def _by_volume(terms: Terms, book: BookArrays, index: int, volume: float) -> int:
    """Shares that the participation cap leaves after the earlier orders of the session."""
    requested = book.orders[index].requested
    if np.isnan(terms.participation_cap):
        return requested
    if not volume > 0.0:
        return 0
    most = terms.participation_cap * volume
    if not most < WIDEST:
        book.state[0].failed = 1
        return 0
    taken = book.names[book.orders[index].column].taken
    return min(requested, max(int(np.floor(most / terms.lot)) * terms.lot - taken, 0))


@kernel
def _most(
    terms: Terms, book: BookArrays, quote: Quoted, index: int, fees: FloatArray
) -> tuple[int, int]:
    """What an order that meets a market gets, and why not more."""
    column, buys = book.orders[index].column, book.orders[index].buys
    requested = book.orders[index].requested
    shares = _by_volume(terms, book, index, quote.volume)
    reason = VOLUME if shares < requested else NONE
    unsettled = book.names[column].bought if terms.sells_next_session else 0
    settled = max(book.names[column].shares - unsettled, 0)
    if not buys and shares > settled:
        shares, reason = settled, NOT_SETTLED if unsettled > 0 else POSITION
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
        book.state[0].failed = 1
        return 0
    return int(np.rint(quote.price * 1e6))


@kernel
def meet(market: MarketArrays, terms: Terms, book: BookArrays, log: LogArrays, index: int) -> None:
    """Let one waiting order meet the session."""
    number, column = book.state[0].number, book.orders[index].column
    buys, requested = book.orders[index].buys, book.orders[index].requested
    quote = _quote(market, terms.first + number, column)
    raw, cash = _raw_micros(book, quote), book.state[0].cash
    reason = _obstacle(terms, book, quote, buys, requested) if raw != 0 else HALTED
    if book.orders[index].refusal != NONE:
        reason = book.orders[index].refusal
    filled = price = charged = 0
    if reason == NONE:
        fees = terms.fees[terms.fee_of[number]]
        filled, reason = _most(terms, book, quote, index, fees)
        if filled > 0:
            price = _fill_price(terms, book, quote, buys, filled)
            charged = _charge(fees, buys, filled, price)
            _trade(book, column, filled if buys else -filled, (price, raw, charged))
            book.names[column].taken += filled
            log.curve[number, 3] += filled * price
            log.curve[number, 4] += charged + filled * abs(price - raw)
    if terms.record:
        line = log.orders[log.counts[0].orders]
        line.number, line.column, line.buys, line.requested = number, column, buys, requested
        line.filled, line.reason, line.signal = filled, reason, book.orders[index].signal
        line.raw, line.cash, line.price, line.commission = raw, cash, price, charged
        log.counts[0].orders += 1


@kernel
def _trade(book: BookArrays, column: int, shares: int, amounts: tuple[int, int, int]) -> None:
    """Change the book by a fill; negative shares are sold."""
    price, raw, charged = amounts
    pay(book, -(shares * price) - charged)
    if shares > 0:
        increase(book, column, shares, shares * price + charged, raw)
        book.names[column].bought += shares
        return
    book.names[column].shares += shares
    if book.names[column].shares == 0:
        close_position(book, column)
    elif book.names[column].shares < 0:
        book.state[0].failed = 1


@kernel
def _first(book: BookArrays, a: int, b: int) -> bool:
    """Whether waiting order ``a`` executes before ``b``."""
    if book.orders[a].buys != book.orders[b].buys:
        return not book.orders[a].buys
    if book.orders[a].buys and book.orders[a].weight != book.orders[b].weight:
        return book.orders[a].weight > book.orders[b].weight
    if book.orders[a].column != book.orders[b].column:
        return book.orders[a].column < book.orders[b].column
    return a < b


@kernel
def execution_order(book: BookArrays) -> None:
    """Sells ascending by column, then buys by descending weight: merged from runs of two, four."""
    count, width = book.state[0].order_count, 1
    for index in range(count):
        book.orders[index].turn = index
    while width < count:
        for start in range(0, count, 2 * width):
            a, b = start, min(start + width, count)
            middle, end = b, min(start + 2 * width, count)
            for at in range(start, end):
                if b >= end or (
                    a < middle and _first(book, book.orders[a].turn, book.orders[b].turn)
                ):
                    book.orders[at].spare = book.orders[a].turn
                    a += 1
                else:
                    book.orders[at].spare = book.orders[b].turn
                    b += 1
        for at in range(count):
            book.orders[at].turn = book.orders[at].spare
        width *= 2
