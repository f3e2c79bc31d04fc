"""Kernels of the decision: stops, exits, and orders that move a book to its target.

A compiled copy of :mod:`quant_core.trading.sizing` and of what calls it in
:mod:`quant_core.trading_day`.
"""

from __future__ import annotations

import numpy as np

from quant_core.numerics.execution_arrays import (
    BUY,
    COVER,
    NO_PRICE,
    NONE,
    NOT_IN_UNIVERSE,
    NOT_LOCATED,
    SELL,
    SHORT,
    Account,
    BookArrays,
    Lending,
    LogArrays,
    MarketArrays,
    Move,
    Rules,
    TargetArrays,
    Told,
)
from quant_core.numerics.execution_book import STOPPED, tell
from quant_core.numerics.execution_close import last_close, micros_of
from quant_core.numerics.execution_margin import locatable
from quant_core.numerics.execution_prices import TOO_WIDE, WIDEST
from quant_core.numerics.jit import lean_kernel

NOWHERE = 1 << 62


@lean_kernel
def stop(rules: Rules, book: BookArrays, log: LogArrays, row: int) -> None:
    """Mark the positions whose close is below their stop, or above it for a short one."""
    for place in range(book.held_count[0]):
        column = book.held[place]
        name = book.names[column]
        # Whole micros below a number are those below the next whole one, and likewise above:
        # exact at any width.
        if name.shares > 0:
            fallen = name.mark < int(np.ceil(name.cost * (1.0 - rules.stop_loss)))
        else:
            fallen = name.mark > int(np.floor(name.cost * (1.0 + rules.stop_loss)))
        name.stopped = fallen
        if fallen:
            if rules.record:
                log.events[log.counts[0].events].cost = name.cost
            tell(log, STOPPED, row, column, 0, Told(name.mark, 0, -1))


@lean_kernel
def close_all(market: MarketArrays, book: BookArrays, row: int, only_stopped: bool) -> None:
    """Close what is held, or what is stopped."""
    for place in range(book.held_count[0]):
        column = book.held[place]
        held = book.names[column].shares
        if not only_stopped or book.names[column].stopped:
            move = Move(column, held, 0, last_close(market, row, column), 0.0, NONE)
            _order(book, move, SELL if held > 0 else COVER, abs(held), NONE)


@lean_kernel
def _order(book: BookArrays, move: Move, side: int, requested: int, refusal: int) -> None:
    """Write a waiting order."""
    order = book.orders[book.state[0].order_count]
    order.column, order.side, order.requested = move.column, side, requested
    order.signal, order.weight, order.refusal = move.last, move.weight, refusal
    book.state[0].order_count += 1


@lean_kernel
def rebalance(
    account: Account,
    market: MarketArrays,
    targets: TargetArrays,
    book: BookArrays,
    row: int,
    decision: int,
) -> None:
    """Orders for every name that is held or named, by ascending column."""
    closes, members, rules = market.close[row], market.member[row], account.terms.rules
    columns, weights, names, held = targets.column, targets.weight, book.names, book.held
    at, end = targets.start[decision], targets.start[decision + 1]
    place, count = 0, book.held_count[0]
    investable = book.state[0].equity - book.state[0].receivable
    while at < end or place < count:
        named = int(columns[at]) if at < end else NOWHERE
        owned = int(held[place]) if place < count else NOWHERE
        column, weight = min(named, owned), 0.0
        name = names[column]
        if named == column:
            weight = float(weights[at])
            at += 1
        if owned == column:
            place += 1
            weight = 0.0 if name.stopped else weight
        last = micros_of(float(closes[column]))
        refusal = _refusal(last != 0, members[column])
        if last == 0:
            last = last_close(market, row, column)
        wanted = _wanted(rules, investable, weight, last, name.shares)
        move = Move(column, name.shares, wanted, last, weight, refusal)
        _move(account.lending, book, row, move)


@lean_kernel
def _move(lending: Lending | None, book: BookArrays, row: int, move: Move) -> None:
    """Write the order that moves one name, or the two where its position changes its sign."""
    held, wanted = move.held, move.wanted
    if wanted == TOO_WIDE:
        book.state[0].failed = 1
        return
    kept = min(abs(held), abs(wanted)) if (held > 0) == (wanted > 0) else 0
    if abs(held) > kept:
        _order(book, move, SELL if held > 0 else COVER, abs(held) - kept, NONE)
    never_priced = move.last == 0 and move.weight != 0.0
    if abs(wanted) > kept or never_priced:
        sold, refusal = move.weight < 0.0, move.refusal
        if sold and refusal == NONE and not locatable(lending, row, move.column):
            refusal = NOT_LOCATED
        _order(book, move, SHORT if sold else BUY, abs(wanted) - kept, refusal)


@lean_kernel
def _refusal(known: bool, member: bool) -> int:
    """Why a name may not be bought or sold short."""
    if not known:
        return NO_PRICE
    return NONE if member else NOT_IN_UNIVERSE


@lean_kernel
def _wanted(rules: Rules, investable: int, weight: float, close: int, held: int) -> int:
    """Whole lots that the weight buys at the close, after the buffer, or ``TOO_WIDE``.

    Negative for a negative weight. A name that never had a close stays as it is.
    """
    if weight == 0.0:
        return 0
    if close == 0:
        return held
    budget = abs(weight) * (1.0 - rules.cash_buffer) * investable
    if not budget < WIDEST or float(close) * rules.lot > WIDEST:
        return TOO_WIDE
    lots = max(int(np.floor(budget)), 0) // (close * rules.lot)
    return lots * rules.lot if weight > 0.0 else -lots * rules.lot
