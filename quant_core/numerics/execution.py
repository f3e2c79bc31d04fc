"""The session loop as one kernel: decide, settle, execute, mark and guard, session by session.

A compiled copy of :mod:`quant_core.trading_day` and what it calls, for long-only books whose
targets are known beforehand, equal to it to the micro; the readable modules are the twin.

Whatever the twin would refuse, or could only hold in numbers wider than 64 bits, ends the loop
with :data:`REPLAY`: the twin then runs and says what is wrong.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatArray, IntArray
from quant_core.numerics.execution_arrays import (
    ActionArrays,
    BookArrays,
    LogArrays,
    MarketArrays,
    Record,
    Rules,
    TargetArrays,
    Terms,
    Told,
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
    execute,
    execution_order,
)
from quant_core.numerics.jit import lean_kernel

DONE, FULL, REPLAY = 0, 1, 2
"""Why the loop stopped: finished, the log is full (give it room and go on), not for it."""

WEIGHTS, HOLD, FLAT = 0, 1, 2
"""Kinds of decision."""

NOWHERE = 1 << 62


@lean_kernel
def trade(
    terms: Terms,
    market: MarketArrays,
    actions: ActionArrays,
    targets: TargetArrays,
    book: BookArrays,
    log: LogArrays,
) -> int:
    """Trade the sessions from ``book.number`` on; says why it stopped."""
    rules, state, names_end = terms.rules, book.state[0], market.delisted_start
    while state.number < rules.total:
        if rules.record and not _has_room(terms, market, actions, targets, book, log):
            return FULL
        row = rules.first + state.number
        state.order_count = 0
        if _must_decide(rules, state, targets.decision):
            _decide(terms, market, targets, book, log)
        if actions.start[row] < actions.start[row + 1] or _is_owed(book):
            morning(market, actions, book, log, row)
        if state.order_count > 0:
            execution_order(book.orders, state.order_count)
            execute(market, terms, book, log)
        if names_end[row] < names_end[row + 1]:
            _settle(terms, market, book, log, row)
        _mark(terms, market.close[row], book, log)
        _guard(rules, state, log, row)
        if state.failed != 0:
            return REPLAY
        state.number += 1
    return DONE


@lean_kernel
def _must_decide(rules: Rules, state: Record, decision: IntArray) -> bool:
    """Whether this close can bring orders at all."""
    if decision[state.number] >= 0 or state.equity <= 0 or state.flat_from >= 0:
        return True
    return not np.isnan(rules.stop_loss)


@lean_kernel
def _is_owed(book: BookArrays) -> bool:
    return book.state[0].entitled_count > 0 or book.fractional_count[0] > 0


@lean_kernel
def _has_room(
    terms: Terms,
    market: MarketArrays,
    actions: ActionArrays,
    targets: TargetArrays,
    book: BookArrays,
    log: LogArrays,
) -> bool:
    """Whether the log takes whatever the next session can bring."""
    number = book.state[0].number
    row, held = terms.rules.first + number, book.held_count[0]
    lines, decision = held, targets.decision[number]
    if decision >= 0:
        lines += targets.start[decision + 1] - targets.start[decision]
    last_sessions = market.delisted_start[row + 1] - market.delisted_start[row]
    acts = actions.start[row + 1] - actions.start[row]
    waiting = book.state[0].entitled_count + book.fractional_count[0]
    events = 8 + held + waiting + 2 * (last_sessions + acts)
    return (
        log.counts[0].orders + lines <= len(log.orders)
        and log.counts[0].positions + lines <= len(log.positions)
        and log.counts[0].events + events <= len(log.events)
    )


@lean_kernel
def _micros(close: float) -> int:
    """A close in micros, 0 when there is no valid one."""
    return int(np.rint(close * 1e6)) if 0.0 < close < np.inf else 0


@lean_kernel
def _last_close(market: MarketArrays, row: int, column: int) -> int:
    """The last valid close up to ``row`` in shares of that row, 0 when there was none."""
    known = row
    while known > 0 and _micros(market.close[known, column]) == 0:
        known -= 1
    last = _micros(market.close[known, column])
    for split in range(market.split_start[column], market.split_start[column + 1]):
        if last != 0 and known < market.split_row[split] <= row:
            last = int(np.rint(last / market.split_ratio[split]))
    return last


@lean_kernel
def _decide(
    terms: Terms, market: MarketArrays, targets: TargetArrays, book: BookArrays, log: LogArrays
) -> None:
    """Orders for the open of the session: breaker, stops, then the target if one is due."""
    state = book.state[0]
    number = state.number
    row, decision = terms.rules.first + number - 1, targets.decision[number]
    if state.equity <= 0:
        _exit(market, book, row, False)
        return
    if state.flat_from >= 0:
        if decision < 0 or not _may_re_enter(terms.rules, state):
            _exit(market, book, row, False)
            return
        state.peak, state.flat_from = state.equity, -1
        tell(log, RE_ENTERED, row, 0, 0, Told(0, 0, -1))
    if not np.isnan(terms.rules.stop_loss):
        _stop(terms, book, log, row)
    kind = targets.kind[decision] if decision >= 0 else HOLD
    if kind == WEIGHTS:
        _rebalance(terms, market, targets, book, row, decision)
        return
    if decision >= 0:
        tell(log, FLATTENED if kind == FLAT else HELD, row, 0, 0, Told(decision, 0, -1))
    _exit(market, book, row, kind == HOLD)


@lean_kernel
def _may_re_enter(rules: Rules, state: Record) -> bool:
    return rules.cooldown >= 0 and state.number >= state.flat_from + max(rules.cooldown, 1)


@lean_kernel
def _stop(terms: Terms, book: BookArrays, log: LogArrays, row: int) -> None:
    """Mark the positions whose close is below their stop."""
    for place in range(book.held_count[0]):
        column = book.held[place]
        floor = book.names[column].cost * (1.0 - terms.rules.stop_loss)
        # Whole micros below a number are those below the next whole one: exact at any width.
        fallen = book.names[column].mark < int(np.ceil(floor))
        book.names[column].stopped = fallen
        if fallen:
            if terms.rules.record:
                log.events[log.counts[0].events].cost = book.names[column].cost
            tell(log, STOPPED, row, column, 0, Told(book.names[column].mark, 0, -1))


@lean_kernel
def _exit(market: MarketArrays, book: BookArrays, row: int, only_stopped: bool) -> None:
    """Sell what is held, or what is stopped."""
    for place in range(book.held_count[0]):
        column = book.held[place]
        if not only_stopped or book.names[column].stopped:
            order = book.orders[book.state[0].order_count]
            held = book.names[column].shares
            _order(order, column, -held, _last_close(market, row, column))
            book.state[0].order_count += 1


@lean_kernel
def _order(order: Record, column: int, requested: int, signal: int) -> None:
    """Write a waiting order to buy, or for negative shares to sell."""
    order.column, order.buys, order.requested = column, requested >= 0, abs(requested)
    order.signal, order.weight, order.refusal = signal, 0.0, NONE


@lean_kernel
def _rebalance(
    terms: Terms,
    market: MarketArrays,
    targets: TargetArrays,
    book: BookArrays,
    row: int,
    decision: int,
) -> None:
    """Orders for every name that is held or named, by ascending column."""
    closes, members, rules = market.close[row], market.member[row], terms.rules
    columns, weights, names, held = targets.column, targets.weight, book.names, book.held
    state, orders = book.state[0], book.orders
    at, end = targets.start[decision], targets.start[decision + 1]
    place, count = 0, book.held_count[0]
    investable = state.equity - state.receivable
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
        last = _micros(float(closes[column]))
        known = last != 0
        if not known:
            last = _last_close(market, row, column)
        wanted = _wanted(rules, investable, weight, last, name.shares)
        order = orders[state.order_count]
        state.order_count += _move(state, name, order, (column, wanted, last), weight)
        if wanted >= name.shares:
            order.refusal = _refusal(known, members[column])


@lean_kernel
def _move(
    state: Record, name: Record, order: Record, numbers: tuple[int, int, int], weight: float
) -> int:
    """Write the order that moves one name to the shares wanted; 1, or 0 where there is none."""
    column, wanted, last = numbers
    if wanted < 0:
        state.failed = 1
        return 0
    if wanted == name.shares and (last != 0 or weight == 0.0):
        return 0
    _order(order, column, wanted - name.shares, last)
    order.weight = weight
    return 1


@lean_kernel
def _refusal(known: bool, member: bool) -> int:
    """Why a name may not be bought."""
    if not known:
        return NO_PRICE
    return NONE if member else NOT_IN_UNIVERSE


@lean_kernel
def _wanted(rules: Rules, investable: int, weight: float, close: int, held: int) -> int:
    """Whole lots that the weight buys at the close, after the buffer; -1 = too wide a number.

    A name that never had a close stays as it is.
    """
    if weight == 0.0:
        return 0
    if close == 0:
        return held
    budget = weight * (1.0 - rules.cash_buffer) * investable
    if not budget < WIDEST or float(close) * rules.lot > WIDEST:
        return -1
    return max(int(np.floor(budget)), 0) // (close * rules.lot) * rules.lot


@lean_kernel
def _settle(terms: Terms, market: MarketArrays, book: BookArrays, log: LogArrays, row: int) -> None:
    """Close the positions in names whose last session this is."""
    for place in range(market.delisted_start[row], market.delisted_start[row + 1]):
        column = market.delisted[place]
        held = book.names[column].shares
        if held == 0 and np.isnan(book.names[column].fraction):
            continue
        close = _micros(market.close[row, column])
        last = close if close != 0 else book.names[column].mark
        price = int(np.rint(last * (1.0 + terms.rules.delisting_return)))
        if not np.isnan(book.names[column].fraction):
            pay_fraction(book, log, row, column, price / 1e6)
        if held != 0:
            if float(held) * price > WIDEST:
                book.state[0].failed = 1
            close_position(book.held, book.held_count, book.names[column], column)
            pay(book.state[0], held * price)
            tell(log, DELISTED, row, column, held * price, Told(held, price, -1))


@lean_kernel
def _mark(terms: Terms, closes: FloatArray, book: BookArrays, log: LogArrays) -> None:
    """Value the book at the close and check the identity of its cash."""
    state = book.state[0]
    number, value, record = state.number, 0, terms.rules.record
    names, held, positions, counts = book.names, book.held, log.positions, log.counts
    for place in range(book.held_count[0]):
        column = held[place]
        name = names[column]
        close = _micros(float(closes[column]))
        if close > 0:
            name.mark = close
        value = _added(value, name.shares, name.mark)
        if record:
            line = positions[counts[0].positions]
            line.number, line.column, line.stale = number, column, close <= 0
            line.shares, line.mark, line.cost = name.shares, name.mark, name.cost
            counts[0].positions += 1
    for index in range(state.order_count):
        column = book.orders[index].column
        book.names[column].bought, book.names[column].taken = 0, 0
    for place in range(book.fractional_count[0]):
        column = book.fractional[place]
        close = _micros(float(closes[column]))
        if close > 0:
            book.names[column].mark, book.names[column].marked = close, True
    state.receivable = _receivable(book)
    state.equity = state.cash + value + state.receivable
    if state.equity > LARGEST or state.audited + state.flows != state.cash:
        state.failed = 1
    state.audited, state.flows = state.cash, 0
    line = log.curve[number]
    line[0], line[1], line[2] = state.equity, state.cash, state.receivable


@lean_kernel
def _added(value: int, shares: int, mark: int) -> int:
    """``value`` with a position added; beyond the ledger's bound where the sum is too wide."""
    if float(shares) * float(mark) + value > LARGEST:
        return LARGEST + 1
    return value + shares * mark


@lean_kernel
def _receivable(book: BookArrays) -> int:
    """Dividends not yet paid, and fractions of shares at the mark of their name."""
    waiting = 0
    for place in range(book.state[0].entitled_count):
        waiting += book.dividends[place].amount
        if not 0 <= waiting <= LARGEST:
            book.state[0].failed, waiting = 1, 0
    for place in range(book.fractional_count[0]):
        column = book.fractional[place]
        mark = book.names[column].mark if book.names[column].marked else 0
        waiting += int(np.rint(book.names[column].fraction * mark))
    return waiting


@lean_kernel
def _guard(rules: Rules, state: Record, log: LogArrays, row: int) -> None:
    """The drawdown breaker looks at the equity."""
    if not np.isnan(rules.max_drawdown) and state.flat_from < 0:
        state.peak = max(state.peak, state.equity)
        if state.equity < int(np.ceil(state.peak * (1.0 - rules.max_drawdown))):
            state.flat_from = state.number + 1
            tell(log, TRIPPED, row, 0, 0, Told(state.equity, state.peak, -1))
    if state.equity <= 0:
        tell(log, DEFICIT, row, 0, 0, Told(state.equity, 0, -1))
