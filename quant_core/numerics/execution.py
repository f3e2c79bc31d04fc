"""The session loop as one kernel: decide, settle, execute, mark and guard, session by session.

A compiled copy of :mod:`quant_core.trading_day` and what it calls, for long-only books whose
targets are known beforehand, equal to it to the micro; the readable modules are the twin.

Whatever the twin would refuse, or could only hold in numbers wider than 64 bits, ends the loop
with :data:`REPLAY`: the twin then runs and says what is wrong.
"""

from __future__ import annotations

import numpy as np

from quant_core.numerics.execution_arrays import (
    ActionArrays,
    BookArrays,
    LogArrays,
    MarketArrays,
    TargetArrays,
    Terms,
)
from quant_core.numerics.execution_book import (
    DEFICIT,
    DELISTED,
    FLATTENED,
    HELD,
    LARGEST,
    RE_ENTERED,
    STOPPED,
    TRIPPED,
    WIDEST,
    close_position,
    morning,
    pay,
    pay_fraction,
    tell,
)
from quant_core.numerics.execution_fills import (
    NO_PRICE,
    NONE,
    NOT_IN_UNIVERSE,
    execution_order,
    meet,
)
from quant_core.numerics.jit import kernel

DONE, FULL, REPLAY = 0, 1, 2
"""Why the loop stopped: finished, the log is full (give it room and go on), not for it."""

WEIGHTS, HOLD, FLAT = 0, 1, 2
"""Kinds of decision."""

NOWHERE = 1 << 62


@kernel
def trade(
    terms: Terms,
    market: MarketArrays,
    actions: ActionArrays,
    targets: TargetArrays,
    book: BookArrays,
    log: LogArrays,
) -> int:
    """Trade the sessions from ``book.number`` on; says why it stopped."""
    while book.number[0] < terms.total:
        if terms.record and not _has_room(terms, market, actions, targets, book, log):
            return FULL
        number = book.number[0]
        row = terms.first + number
        _decide(terms, market, targets, book, log)
        if actions.start[row] < actions.start[row + 1] or _is_owed(book):
            morning(market, actions, book, log, row)
        execution_order(book)
        for place in range(book.order_count[0]):
            meet(market, terms, book, log, book.turn[place])
        _settle(terms, market, book, log, row)
        _mark(terms, market, book, log)
        _guard(terms, book, log, row)
        if book.failed[0] != 0:
            return REPLAY
        book.number[0] = number + 1
    return DONE


@kernel
def _is_owed(book: BookArrays) -> bool:
    return book.entitled_count[0] > 0 or book.fractional_count[0] > 0


@kernel
def _has_room(
    terms: Terms,
    market: MarketArrays,
    actions: ActionArrays,
    targets: TargetArrays,
    book: BookArrays,
    log: LogArrays,
) -> bool:
    """Whether the log takes whatever the next session can bring."""
    number = book.number[0]
    row, held = terms.first + number, book.held_count[0]
    lines, decision = held, targets.decision[number]
    if decision >= 0:
        lines += targets.start[decision + 1] - targets.start[decision]
    last_sessions = market.delisted_start[row + 1] - market.delisted_start[row]
    acts = actions.start[row + 1] - actions.start[row]
    waiting = book.entitled_count[0] + book.fractional_count[0]
    events = 8 + held + waiting + 2 * (last_sessions + acts)
    return (
        log.order_count[0] + lines <= len(log.orders)
        and log.position_count[0] + lines <= len(log.positions)
        and log.event_count[0] + events <= len(log.events)
    )


@kernel
def _close(market: MarketArrays, row: int, column: int) -> int:
    """Close in micros, 0 when there is no valid one."""
    close = market.close[row, column]
    return int(np.rint(close * 1e6)) if 0.0 < close < np.inf else 0


@kernel
def _last_close(market: MarketArrays, row: int, column: int) -> int:
    """The last valid close up to ``row`` in shares of that row, 0 when there was none."""
    known = row
    while known > 0 and _close(market, known, column) == 0:
        known -= 1
    last = _close(market, known, column)
    for split in range(market.split_start[column], market.split_start[column + 1]):
        if last != 0 and known < market.split_row[split] <= row:
            last = int(np.rint(last / market.split_ratio[split]))
    return last


@kernel
def _decide(
    terms: Terms, market: MarketArrays, targets: TargetArrays, book: BookArrays, log: LogArrays
) -> None:
    """Orders for the open of the session: breaker, stops, then the target if one is due."""
    number = book.number[0]
    row, decision = terms.first + number - 1, targets.decision[number]
    book.order_count[0] = 0
    if book.equity[0] <= 0:
        _exit(market, book, row, False)
        return
    if book.flat_from[0] >= 0:
        if decision < 0 or not _may_re_enter(terms, book, number):
            _exit(market, book, row, False)
            return
        book.peak[0], book.flat_from[0] = book.equity[0], -1
        tell(log, RE_ENTERED, row, 0, (0, 0, 0, -1))
    if not np.isnan(terms.stop_loss):
        _stop(terms, book, log, row)
    kind = targets.kind[decision] if decision >= 0 else HOLD
    if kind == WEIGHTS:
        _rebalance(terms, market, targets, book, row, decision)
        return
    if decision >= 0:
        tell(log, FLATTENED if kind == FLAT else HELD, row, 0, (decision, 0, 0, -1))
    _exit(market, book, row, kind == HOLD)


@kernel
def _may_re_enter(terms: Terms, book: BookArrays, number: int) -> bool:
    return terms.cooldown >= 0 and number >= book.flat_from[0] + max(terms.cooldown, 1)


@kernel
def _stop(terms: Terms, book: BookArrays, log: LogArrays, row: int) -> None:
    """Mark the positions whose close is below their stop."""
    for place in range(book.held_count[0]):
        column = book.held[place]
        floor = book.cost[column] * (1.0 - terms.stop_loss)
        # Whole micros below a number are those below the next whole one: exact at any width.
        fallen = book.mark[column] < int(np.ceil(floor))
        book.stopped[column] = fallen
        if fallen:
            if terms.record:
                log.event_cost[log.event_count[0]] = book.cost[column]
            tell(log, STOPPED, row, column, (book.mark[column], 0, 0, -1))


@kernel
def _exit(market: MarketArrays, book: BookArrays, row: int, only_stopped: bool) -> None:
    """Sell what is held, or what is stopped."""
    for place in range(book.held_count[0]):
        column = book.held[place]
        if not only_stopped or book.stopped[column]:
            _order(book, column, False, book.shares[column], _last_close(market, row, column))


@kernel
def _order(book: BookArrays, column: int, buys: bool, requested: int, signal: int) -> int:
    """Add a waiting order; returns its index."""
    index = book.order_count[0]
    book.order_column[index], book.order_buys[index] = column, buys
    book.order_requested[index], book.order_signal[index] = requested, signal
    book.order_weight[index], book.order_refusal[index] = 0.0, NONE
    book.order_count[0] = index + 1
    return index


@kernel
def _rebalance(
    terms: Terms,
    market: MarketArrays,
    targets: TargetArrays,
    book: BookArrays,
    row: int,
    decision: int,
) -> None:
    """Orders for every name that is held or named, by ascending column."""
    at, end = targets.start[decision], targets.start[decision + 1]
    place, count = 0, book.held_count[0]
    while at < end or place < count:
        named = targets.column[at] if at < end else NOWHERE
        owned = book.held[place] if place < count else NOWHERE
        column, weight = min(named, owned), 0.0
        if named == column:
            weight = targets.weight[at]
            at += 1
        if owned == column:
            place += 1
            if book.stopped[column]:
                weight = 0.0
        _move(terms, market, book, row, column, weight)


@kernel
def _move(
    terms: Terms, market: MarketArrays, book: BookArrays, row: int, column: int, weight: float
) -> None:
    """The order that moves one name to its weight, if any."""
    held, last = book.shares[column], 0
    if weight != 0.0 or held != 0:
        last = _last_close(market, row, column)
    wanted = 0
    if weight != 0.0:
        wanted = held if last == 0 else _wanted(terms, book, weight, last)
        if last == 0 or wanted > held:
            index = _order(book, column, True, wanted - held, last)
            book.order_weight[index] = weight
            if _close(market, row, column) == 0:
                book.order_refusal[index] = NO_PRICE
            elif not market.member[row, column]:
                book.order_refusal[index] = NOT_IN_UNIVERSE
    if wanted < held:
        _order(book, column, False, held - wanted, last)


@kernel
def _wanted(terms: Terms, book: BookArrays, weight: float, close: int) -> int:
    """Whole lots that the weight buys at the close, after the buffer."""
    investable = book.equity[0] - book.receivable[0]
    budget = weight * (1.0 - terms.cash_buffer) * investable
    if not budget < WIDEST or float(close) * terms.lot > WIDEST:
        book.failed[0] = 1
        return 0
    return max(int(np.floor(budget)), 0) // (close * terms.lot) * terms.lot


@kernel
def _settle(terms: Terms, market: MarketArrays, book: BookArrays, log: LogArrays, row: int) -> None:
    """Close the positions in names whose last session this is."""
    for place in range(market.delisted_start[row], market.delisted_start[row + 1]):
        column = market.delisted[place]
        held = book.shares[column]
        if held == 0 and np.isnan(book.fraction[column]):
            continue
        price = int(np.rint(_last_close(market, row, column) * (1.0 + terms.delisting_return)))
        if not np.isnan(book.fraction[column]):
            pay_fraction(book, log, row, column, price / 1e6)
        if held != 0:
            if float(held) * price > WIDEST:
                book.failed[0] = 1
            close_position(book, column)
            pay(book, held * price)
            tell(log, DELISTED, row, column, (held, price, held * price, -1))


@kernel
def _mark(terms: Terms, market: MarketArrays, book: BookArrays, log: LogArrays) -> None:
    """Value the book at the close and check the identity of its cash."""
    number, value = book.number[0], 0
    for place in range(book.held_count[0]):
        column = book.held[place]
        close = _close(market, terms.first + number, column)
        if close > 0:
            book.mark[column] = close
        value = _added(book, column, value)
        if terms.record:
            line = log.positions[log.position_count[0]]
            line[0], line[1], line[2] = number, column, book.shares[column]
            line[3], line[4] = book.mark[column], close <= 0
            log.position_cost[log.position_count[0]] = book.cost[column]
            log.position_count[0] += 1
    for index in range(book.order_count[0]):
        book.bought[book.order_column[index]] = 0
    book.receivable[0] = _receivable(book)
    book.equity[0] = book.cash[0] + value + book.receivable[0]
    if book.equity[0] > LARGEST or book.audited[0] + book.flows[0] != book.cash[0]:
        book.failed[0] = 1
    book.audited[0], book.flows[0] = book.cash[0], 0
    line = log.curve[number]
    line[0], line[1], line[2] = book.equity[0], book.cash[0], book.receivable[0]


@kernel
def _added(book: BookArrays, column: int, value: int) -> int:
    """``value`` with a position added; a failure where the sum is too wide."""
    shares, mark = book.shares[column], book.mark[column]
    if float(shares) * float(mark) + value > LARGEST:
        book.failed[0] = 1
        return value
    return value + shares * mark


@kernel
def _receivable(book: BookArrays) -> int:
    """Dividends not yet paid, and fractions of shares at the mark of their name."""
    waiting = 0
    for place in range(book.entitled_count[0]):
        waiting += book.entitled_amount[place]
        if not 0 <= waiting <= LARGEST:
            book.failed[0], waiting = 1, 0
    for place in range(book.fractional_count[0]):
        column = book.fractional[place]
        mark = book.mark[column] if book.marked[column] else 0
        waiting += int(np.rint(book.fraction[column] * mark))
    return waiting


@kernel
def _guard(terms: Terms, book: BookArrays, log: LogArrays, row: int) -> None:
    """The drawdown breaker looks at the equity."""
    equity = book.equity[0]
    if not np.isnan(terms.max_drawdown) and book.flat_from[0] < 0:
        book.peak[0] = max(book.peak[0], equity)
        if equity < int(np.ceil(book.peak[0] * (1.0 - terms.max_drawdown))):
            book.flat_from[0] = book.number[0] + 1
            tell(log, TRIPPED, row, 0, (equity, book.peak[0], 0, -1))
    if equity <= 0:
        tell(log, DEFICIT, row, 0, (equity, 0, 0, -1))
