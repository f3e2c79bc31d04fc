"""Kernels of the open: fees, impact, and what an order gets in its session.

A compiled copy of :mod:`quant_core.trading.fees`, :mod:`quant_core.trading.impact` and
:mod:`quant_core.trading.fills`, for buys and sells of a long-only book.

Every array taken out of a tuple is counted, which costs more than the arithmetic: what runs for
each order takes its arrays out once, or is given numbers.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatArray, IntArray
from quant_core.numerics.execution_arrays import (
    BookArrays,
    Impact,
    LogArrays,
    MarketArrays,
    Met,
    Quoted,
    Record,
    Records,
    Rules,
    Terms,
)
from quant_core.numerics.execution_book import add, close_position, enter, pay
from quant_core.numerics.jit import lean_kernel

NONE, CASH, VOLUME, HALTED = 0, 1, 2, 3
LIMIT_UP, LIMIT_DOWN, NOT_SETTLED, UNKNOWN_IMPACT = 4, 5, 6, 7
NO_PRICE, NOT_IN_UNIVERSE, POSITION = 8, 9, 10
"""Reasons why an order was not filled in full."""

WIDEST = 4e18
"""Products beyond it are not computed in 64 bits."""
TOO_WIDE = -(1 << 62)
"""Stands for a number that is not computed: the twin must."""


@lean_kernel
def _charge(fees: FloatArray, buys: bool, shares: int, price: int) -> int:
    """Fees of one order, or ``TOO_WIDE``."""
    if shares == 0:
        return 0
    notional = float(shares * price)
    total = commission = 0
    for line in range(len(fees)):
        charged = 0
        if fees[line, 5 if buys else 6] > 0.0:
            rated = np.rint(fees[line, 0] * notional)
            passed = np.rint(fees[line, 7] * commission)
            if not rated + shares * fees[line, 1] + passed < WIDEST:
                return TOO_WIDE
            charged = int(rated) + shares * int(fees[line, 1]) + int(passed)
            charged = max(charged, int(fees[line, 2]))
            charged = _at_most(charged, np.rint(fees[line, 3] * notional))
            charged = _at_most(charged, fees[line, 4])
        total += charged
        if line == 0:
            commission = charged
    return total


@lean_kernel
def _at_most(charged: int, limit: float) -> int:
    return min(charged, int(limit)) if limit < WIDEST else charged


@lean_kernel
def _impact(impact: Impact, shares: int, quote: Quoted) -> float:
    """Fraction of the price, NaN = unknown."""
    half_spread = 0.5 * impact.spread
    if impact.coefficient == 0.0 and impact.permanent == 0.0:
        return half_spread
    known = 0.0 <= quote.volatility < np.inf and 0.0 < quote.average_volume < np.inf
    if not known:
        return np.nan
    participation = shares / quote.average_volume
    rate = participation / impact.duration
    powered = np.sqrt(rate) if impact.exponent == 0.5 else rate**impact.exponent
    temporary = impact.coefficient * quote.volatility * powered
    return half_spread + temporary + impact.permanent * quote.volatility * participation


@lean_kernel
def _fill_price(rules: Rules, quote: Quoted, buys: bool, shares: int) -> int:
    """Price with slippage and impact, in micros, or ``TOO_WIDE``."""
    against = rules.slippage
    if rules.has_impact:
        against += _impact(rules.impact, shares, quote)
    scaled = quote.price * (1.0 + against if buys else 1.0 - against) * 1e6
    return int(np.rint(scaled)) if abs(scaled) < 1e18 else TOO_WIDE


@lean_kernel
def _left(rules: Rules, quote: Quoted, buys: bool, shares: int, fees: FloatArray, cash: int) -> int:
    """Cash after a fill of ``shares`` and their fees: negative where it cannot be paid."""
    price = _fill_price(rules, quote, buys, shares)
    if price == TOO_WIDE:
        return TOO_WIDE
    wide = float(shares) * float(price) > WIDEST
    charged = TOO_WIDE if wide else _charge(fees, buys, shares, price)
    if charged == TOO_WIDE:
        return -1 if buys else TOO_WIDE
    return cash - charged - (shares * price if buys else -shares * price)


@lean_kernel
def _paid_for(
    rules: Rules, quote: Quoted, buys: bool, shares: int, fees: FloatArray, cash: int
) -> int:
    """Shares that the cash allows, found by halving as the twin finds them, or ``TOO_WIDE``."""
    if not buys or shares % rules.lot == 0:
        left = _left(rules, quote, buys, shares, fees, cash)
        if left == TOO_WIDE:
            return TOO_WIDE
        if left >= 0 or not buys:
            return shares if left >= 0 else 0
    low, high = 0, shares // rules.lot
    while low < high:
        middle = (low + high + 1) // 2
        left = _left(rules, quote, buys, middle * rules.lot, fees, cash)
        if left == TOO_WIDE:
            return TOO_WIDE
        if left >= 0:
            low = middle
        else:
            high = middle - 1
    return low * rules.lot


@lean_kernel
def _by_volume(rules: Rules, requested: int, volume: float, taken: int) -> int:
    """Shares that the participation cap leaves, or ``TOO_WIDE``."""
    if np.isnan(rules.participation_cap):
        return requested
    if not volume > 0.0:
        return 0
    most = rules.participation_cap * volume
    if not most < WIDEST:
        return TOO_WIDE
    return min(requested, max(int(np.floor(most / rules.lot)) * rules.lot - taken, 0))


@lean_kernel
def _obstacle(rules: Rules, quote: Quoted, buys: bool, requested: int) -> int:
    """Why a name that trades does not trade for this order, or ``TOO_WIDE``."""
    if buys and quote.locked == 1:
        return LIMIT_UP
    if not buys and quote.locked == 2:
        return LIMIT_DOWN
    if rules.has_impact and not np.isfinite(_impact(rules.impact, requested, quote)):
        return UNKNOWN_IMPACT
    price = _fill_price(rules, quote, buys, requested)
    if price == TOO_WIDE:
        return TOO_WIDE
    return NONE if price > 0 else HALTED


@lean_kernel
def _raw_micros(quote: Quoted) -> int:
    """The raw price, 0 when the name does not trade, or ``TOO_WIDE``."""
    if not 0.0 < quote.price < np.inf or quote.volume == 0.0:
        return 0
    return int(np.rint(quote.price * 1e6)) if quote.price * 1e6 < 1e18 else TOO_WIDE


@lean_kernel
def _most(
    rules: Rules, name: Record, order: Record, quote: Quoted, fees: FloatArray, cash: int
) -> tuple[int, int]:
    """What an order that meets a market gets, and why not more."""
    buys = order.buys != 0
    shares = _by_volume(rules, order.requested, quote.volume, name.taken)
    reason = VOLUME if shares < order.requested else NONE
    unsettled = name.bought if rules.sells_next_session else 0
    settled = max(name.shares - unsettled, 0)
    if not buys and shares > settled:
        shares, reason = settled, NOT_SETTLED if unsettled > 0 else POSITION
    if shares == TOO_WIDE:
        return TOO_WIDE, reason
    paid_for = _paid_for(rules, quote, buys, shares, fees, cash)
    return (paid_for, CASH) if paid_for < shares else (shares, reason)


@lean_kernel
def _meet(
    rules: Rules, state: Record, name: Record, order: Record, quote: Quoted, fees: FloatArray
) -> Met:
    """What becomes of one waiting order."""
    raw, buys = _raw_micros(quote), order.buys != 0
    reason = _obstacle(rules, quote, buys, order.requested) if raw != 0 else HALTED
    if raw == TOO_WIDE or reason == TOO_WIDE:
        state.failed, reason = 1, HALTED
    if order.refusal != NONE:
        reason = order.refusal
    filled = price = charged = 0
    if reason == NONE:
        filled, reason = _most(rules, name, order, quote, fees, state.cash)
        if filled > 0:
            price = _fill_price(rules, quote, buys, filled)
            charged = _charge(fees, buys, filled, price)
        elif filled < 0:
            state.failed, filled = 1, 0
    return Met(filled, reason, raw, price, charged)


@lean_kernel
def execute(market: MarketArrays, terms: Terms, book: BookArrays, log: LogArrays) -> None:
    """Let the waiting orders meet the session, in their turn."""
    rules, state, orders, names = terms.rules, book.state[0], book.orders, book.names
    held, count, number = book.held, book.held_count, state.number
    row = rules.first + number
    locked = market.locked
    volatility, average_volume = market.volatility, market.average_volume
    fees, day, reasons = terms.fees[terms.fee_of[number]], log.curve[number], log.reasons
    _look_up(orders, state.order_count, market.price[row], market.volume[row])
    for place in range(state.order_count):
        order = orders[orders[place].turn]
        column, cash = order.column, state.cash
        quote = Quoted(
            order.quoted,
            order.volume,
            int(locked[row, column]) if len(locked) > 0 else 0,
            float(volatility[row - 1, column]) if len(volatility) > 0 and row > 0 else np.nan,
            float(average_volume[row - 1, column])
            if len(average_volume) > 0 and row > 0
            else np.nan,
        )
        met = _meet(rules, state, names[column], order, quote, fees)
        if met.filled > 0:
            _apply(held, count, state, names[column], order, met)
            day[3] += met.filled * met.price
            day[4] += met.charged + met.filled * abs(met.price - met.raw)
        reasons[met.reason] += 1
        if rules.record:
            _write(log.orders[log.counts[0].orders], order, met, number, cash)
            log.counts[0].orders += 1


@lean_kernel
def _look_up(orders: Records, count: int, prices: FloatArray, volumes: FloatArray) -> None:
    """Copy what each order meets to it.

    Most of it comes from far away in the memory: asked for all at once, it comes at once.
    """
    for place in range(count):
        order = orders[place]
        order.quoted, order.volume = float(prices[order.column]), float(volumes[order.column])


@lean_kernel
def _write(line: Record, order: Record, met: Met, number: int, cash: int) -> None:
    line.number, line.column, line.buys = number, order.column, order.buys
    line.requested, line.signal, line.cash = order.requested, order.signal, cash
    line.filled, line.reason, line.raw = met.filled, met.reason, met.raw
    line.price, line.commission = met.price, met.charged


@lean_kernel
def _apply(
    held: IntArray, count: IntArray, state: Record, name: Record, order: Record, met: Met
) -> None:
    """Change the book by a fill."""
    gross = met.filled * met.price
    name.taken += met.filled
    if order.buys != 0:
        pay(state, -gross - met.charged)
        if name.shares == 0:
            enter(held, count, order.column)
        add(name, met.filled, gross + met.charged, met.raw)
        name.bought += met.filled
        return
    pay(state, gross - met.charged)
    name.shares -= met.filled
    if name.shares == 0:
        close_position(held, count, name, order.column)
    elif name.shares < 0:
        state.failed = 1


@lean_kernel
def _first(orders: Records, a: int, b: int) -> bool:
    """Whether waiting order ``a`` executes before ``b``."""
    one, other = orders[a], orders[b]
    if one.buys != other.buys:
        return one.buys < other.buys
    if one.buys != 0 and one.weight != other.weight:
        return one.weight > other.weight
    if one.column != other.column:
        return one.column < other.column
    return a < b


@lean_kernel
def execution_order(orders: Records, count: int) -> None:
    """Sells ascending by column, then buys by descending weight.

    Orders come ascending by column: sells before buys, and equal weights, are in turn already.
    Else they are merged, from runs of one, two, four and so on.
    """
    place = 0
    for buys in range(2):
        for index in range(count):
            if orders[index].buys == buys:
                orders[place].turn = index
                place += 1
    for place in range(1, count):
        if not _first(orders, orders[place - 1].turn, orders[place].turn):
            _merge(orders, count)
            return


@lean_kernel
def _merge(orders: Records, count: int) -> None:
    width = 1
    while width < count:
        for start in range(0, count, 2 * width):
            a, b = start, min(start + width, count)
            middle, end = b, min(start + 2 * width, count)
            for at in range(start, end):
                takes_b = a >= middle
                if not takes_b and b < end:
                    takes_b = _first(orders, orders[b].turn, orders[a].turn)
                orders[at].spare = orders[b if takes_b else a].turn
                a, b = (a, b + 1) if takes_b else (a + 1, b)
        for at in range(count):
            orders[at].turn = orders[at].spare
        width *= 2
