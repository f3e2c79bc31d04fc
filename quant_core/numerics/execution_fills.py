"""Kernels of the open: what an order gets in its session, in which turn, and what it changes.

A compiled copy of :mod:`quant_core.trading.fills` and of the turns of
:mod:`quant_core.trading.orders`.

Every array taken out of a tuple is counted, which costs more than the arithmetic: what runs for
each order takes its arrays out once, or is given numbers.
"""

from __future__ import annotations

import numpy as np

from quant_core.numerics.execution_arrays import (
    BUY,
    CASH,
    COVER,
    HALTED,
    LIMIT_DOWN,
    LIMIT_UP,
    NONE,
    NOT_HELD,
    NOT_SETTLED,
    SELL,
    SHORT,
    UNKNOWN_IMPACT,
    VOLUME,
    Account,
    BookArrays,
    Dealing,
    Lending,
    LogArrays,
    MarketArrays,
    Met,
    Quoted,
    Record,
    Records,
    Rules,
)
from quant_core.numerics.execution_book import add, close_position, enter, pay
from quant_core.numerics.execution_margin import by_margin, revalue, value_of, value_positions
from quant_core.numerics.execution_prices import (
    TOO_WIDE,
    WIDEST,
    charge,
    fill_price,
    impact_of,
    paid_for,
    raw_micros,
)
from quant_core.numerics.jit import lean_kernel


@lean_kernel
def _obstacle(rules: Rules, quote: Quoted, buys: bool, requested: int) -> int:
    """Why a name that trades does not trade for this order, or ``TOO_WIDE``."""
    if buys and quote.locked == 1:
        return LIMIT_UP
    if not buys and quote.locked == 2:
        return LIMIT_DOWN
    if rules.has_impact and not np.isfinite(impact_of(rules.impact, requested, quote)):
        return UNKNOWN_IMPACT
    price = fill_price(rules, quote, buys, requested)
    if price == TOO_WIDE:
        return TOO_WIDE
    return NONE if price > 0 else HALTED


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
def _by_position(
    lending: Lending | None, rules: Rules, name: Record, side: int, wanted: int
) -> tuple[int, int]:
    """Shares that the position lets an order trade, and the reason where that is less."""
    if side == SELL:
        unsettled = name.bought if rules.sells_next_session else 0
        settled = max(name.shares - unsettled, 0)
        return min(wanted, settled), NOT_SETTLED if unsettled > 0 else NOT_HELD
    if lending is None:
        return wanted, NOT_HELD
    if side == COVER:
        return min(wanted, max(-name.shares, 0)), NOT_HELD
    against = name.shares < 0 if side == BUY else name.shares > 0
    return 0 if against else wanted, NOT_HELD


@lean_kernel
def _by_funds(
    dealing: Dealing, state: Record, side: int, wanted: int, quote: Quoted
) -> tuple[int, int]:
    """Shares that cash and margin allow, and the reason where that is less, or ``TOO_WIDE``.

    A cover is filled whatever the cash, and a short sale needs none.
    """
    if side == COVER:
        return wanted, CASH
    affordable = wanted
    if side != SHORT:
        rules, fees = dealing.rules, dealing.fees
        affordable = paid_for(rules, quote, side == BUY, wanted, fees, state.cash)
    if side == SELL or affordable == TOO_WIDE:
        return affordable, CASH
    return by_margin(dealing.lending, dealing, state, side == BUY, affordable, quote)


@lean_kernel
def _most(
    dealing: Dealing, state: Record, name: Record, order: Record, quote: Quoted
) -> tuple[int, int]:
    """What an order that meets a market gets, and why not more."""
    rules, side = dealing.rules, order.side
    shares = _by_volume(rules, order.requested, quote.volume, name.taken)
    if shares == TOO_WIDE:
        return TOO_WIDE, VOLUME
    reason = VOLUME if shares < order.requested else NONE
    allowed, obstacle = _by_position(dealing.lending, rules, name, side, shares)
    if allowed < shares:
        shares, reason = allowed, obstacle
    allowed, obstacle = _by_funds(dealing, state, side, shares, quote)
    return (allowed, obstacle) if allowed < shares else (shares, reason)


@lean_kernel
def _meet(dealing: Dealing, state: Record, name: Record, order: Record, quote: Quoted) -> Met:
    """What becomes of one waiting order."""
    rules, raw, buys = dealing.rules, raw_micros(quote), order.side & 1 != 0
    reason = _obstacle(rules, quote, buys, order.requested) if raw != 0 else HALTED
    if raw == TOO_WIDE or reason == TOO_WIDE:
        state.failed, reason = 1, HALTED
    if order.refusal != NONE:
        reason = order.refusal
    filled = price = charged = 0
    if reason == NONE:
        filled, reason = _most(dealing, state, name, order, quote)
        if filled > 0:
            price = fill_price(rules, quote, buys, filled)
            wide = float(filled) * float(price) > WIDEST
            charged = TOO_WIDE if wide else charge(dealing.fees, buys, filled, price)
        if filled < 0 or price == TOO_WIDE or charged == TOO_WIDE:
            state.failed, filled, charged = 1, 0, 0
    return Met(filled, reason, raw, price, charged)


@lean_kernel
def _quoted(market: MarketArrays, row: int, order: Record) -> Quoted:
    """What an order meets in a session."""
    known, column = row > 0, order.column
    return Quoted(
        order.quoted,
        order.volume,
        int(market.locked[row, column]) if len(market.locked) > 0 else 0,
        float(market.volatility[row - 1, column])
        if known and len(market.volatility) > 0
        else np.nan,
        float(market.average_volume[row - 1, column])
        if known and len(market.average_volume) > 0
        else np.nan,
    )


@lean_kernel
def execute(market: MarketArrays, account: Account, book: BookArrays, log: LogArrays) -> None:
    """Let the waiting orders meet the session, in their turn."""
    terms, state, orders, names = account.terms, book.state[0], book.orders, book.names
    rules, number = terms.rules, state.number
    row = rules.first + number
    dealing = Dealing(rules, terms.fees[terms.fee_of[number]], account.lending)
    value_positions(account.lending, book)
    _look_up(market, row, orders, state.order_count)
    for place in range(state.order_count):
        order = orders[orders[place].turn]
        cash = state.cash
        quote = _quoted(market, row, order)
        met = _meet(dealing, state, names[order.column], order, quote)
        if met.filled > 0:
            _apply(account.lending, book, names[order.column], order, met)
        _note(rules, log, order, met, number, cash)


@lean_kernel
def _note(rules: Rules, log: LogArrays, order: Record, met: Met, number: int, cash: int) -> None:
    """Count an order that has met its session, and record it where that is wanted."""
    day = log.curve[number]
    day[3] += met.filled * met.price
    day[4] += met.charged + met.filled * abs(met.price - met.raw)
    log.reasons[met.reason] += 1
    if rules.record:
        _write(log.orders[log.counts[0].orders], order, met, number, cash)
        log.counts[0].orders += 1


@lean_kernel
def _look_up(market: MarketArrays, row: int, orders: Records, count: int) -> None:
    """Copy what each order meets to it.

    Most of it comes from far away in the memory: asked for all at once, it comes at once.
    """
    prices, volumes = market.price[row], market.volume[row]
    for place in range(count):
        order = orders[place]
        order.quoted, order.volume = float(prices[order.column]), float(volumes[order.column])


@lean_kernel
def _write(line: Record, order: Record, met: Met, number: int, cash: int) -> None:
    line.number, line.column, line.side = number, order.column, order.side
    line.requested, line.signal, line.cash = order.requested, order.signal, cash
    line.filled, line.reason, line.raw = met.filled, met.reason, met.raw
    line.price, line.commission = met.price, met.charged


@lean_kernel
def _apply(
    lending: Lending | None, book: BookArrays, name: Record, order: Record, met: Met
) -> None:
    """Change the book by a fill."""
    state, side, gross = book.state[0], order.side, met.filled * met.price
    before, taken_in = value_of(lending, name), side & 1 != 0
    shares = met.filled if taken_in else -met.filled
    name.taken += met.filled
    pay(state, (-gross if taken_in else gross) - met.charged)
    if side >= SHORT:
        if name.shares == 0:
            enter(book.held, book.held_count, order.column)
        add(name, shares, gross + met.charged if taken_in else gross - met.charged, met.raw)
        name.bought += met.filled if taken_in else 0
    else:
        name.shares += shares
        if name.shares == 0:
            close_position(book.held, book.held_count, name, order.column)
        elif (name.shares > 0) == taken_in:  # closed more than there was
            state.failed = 1
    revalue(lending, state, name, before)


@lean_kernel
def _first(orders: Records, a: int, b: int) -> bool:
    """Whether waiting order ``a`` executes before ``b``."""
    one, other = orders[a], orders[b]
    if one.side != other.side:
        return one.side < other.side
    if one.side == BUY and one.weight != other.weight:
        return one.weight > other.weight
    if one.column != other.column:
        return one.column < other.column
    return a < b


@lean_kernel
def execution_order(orders: Records, count: int, step: int) -> None:
    """Sells ascending by column, covers and short sales likewise, then buys by weight.

    ``step`` leads from one side that can occur to the next. Orders come ascending by column:
    side after side, and equal weights, are in turn already. Else they are merged, from runs
    of one, two, four and so on.
    """
    place = 0
    for side in range(SELL, BUY + 1, step):
        for index in range(count):
            if orders[index].side == side:
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
