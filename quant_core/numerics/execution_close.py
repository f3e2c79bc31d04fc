"""Kernels of the close: names that end are settled, the book is valued, its equity looked at.

A compiled copy of the end of a session in :mod:`quant_core.trading_day`.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatArray
from quant_core.numerics.execution_arrays import (
    Account,
    BookArrays,
    LogArrays,
    MarketArrays,
    Record,
    Terms,
    Told,
)
from quant_core.numerics.execution_book import (
    DEFICIT,
    DELISTED,
    LARGEST,
    TRIPPED,
    close_position,
    pay,
    pay_fraction,
    tell,
)
from quant_core.numerics.execution_margin import call_margin
from quant_core.numerics.execution_prices import WIDEST
from quant_core.numerics.jit import lean_kernel


@lean_kernel
def micros_of(close: float) -> int:
    """A close in micros, 0 when there is no valid one."""
    return int(np.rint(close * 1e6)) if 0.0 < close < np.inf else 0


@lean_kernel
def last_close(market: MarketArrays, row: int, column: int) -> int:
    """The last valid close up to ``row`` in shares of that row, 0 when there was none."""
    known = row
    while known > 0 and micros_of(market.close[known, column]) == 0:
        known -= 1
    last = micros_of(market.close[known, column])
    for split in range(market.split_start[column], market.split_start[column + 1]):
        if last != 0 and known < market.split_row[split] <= row:
            last = int(np.rint(last / market.split_ratio[split]))
    return last


@lean_kernel
def settle(terms: Terms, market: MarketArrays, book: BookArrays, log: LogArrays, row: int) -> None:
    """Close the positions in names whose last session this is."""
    for place in range(market.delisted_start[row], market.delisted_start[row + 1]):
        column = market.delisted[place]
        held = book.names[column].shares
        if held == 0 and np.isnan(book.names[column].fraction):
            continue
        close = micros_of(market.close[row, column])
        last = close if close != 0 else book.names[column].mark
        price = int(np.rint(last * (1.0 + terms.rules.delisting_return)))
        if not np.isnan(book.names[column].fraction):
            pay_fraction(book, log, row, column, price / 1e6)
        if held != 0:
            if abs(float(held) * price) > WIDEST:
                book.state[0].failed = 1
            close_position(book.held, book.held_count, book.names[column], column)
            pay(book.state[0], held * price)
            tell(log, DELISTED, row, column, held * price, Told(held, price, -1))


@lean_kernel
def mark(terms: Terms, closes: FloatArray, book: BookArrays, log: LogArrays) -> None:
    """Value the book at the close and check the identity of its cash."""
    state = book.state[0]
    number, record = state.number, terms.rules.record
    names, held, positions, counts = book.names, book.held, log.positions, log.counts
    gross = short = 0
    for place in range(book.held_count[0]):
        column = held[place]
        name = names[column]
        close = micros_of(float(closes[column]))
        if close > 0:
            name.mark = close
        gross = _added(gross, abs(name.shares), name.mark)
        if name.shares < 0:
            short = _added(short, -name.shares, name.mark)
        if record:
            line = positions[counts[0].positions]
            line.number, line.column, line.stale = number, column, close <= 0
            line.shares, line.mark, line.cost = name.shares, name.mark, name.cost
            counts[0].positions += 1
    _end_session(closes, book)
    state.receivable = _receivable(book)
    state.gross, state.short = gross, short
    state.equity = state.cash + gross - 2 * short + state.receivable
    wide = gross > LARGEST or abs(state.equity) > LARGEST
    if wide or state.audited + state.flows != state.cash:
        state.failed = 1
    state.audited, state.flows = state.cash, 0
    line = log.curve[number]
    line[0], line[1], line[2] = state.equity, state.cash, state.receivable


@lean_kernel
def _end_session(closes: FloatArray, book: BookArrays) -> None:
    """Forget what the session's orders took, and mark the names of waiting fractions."""
    for index in range(book.state[0].order_count):
        column = book.orders[index].column
        book.names[column].bought, book.names[column].taken = 0, 0
    for place in range(book.fractional_count[0]):
        column = book.fractional[place]
        close = micros_of(float(closes[column]))
        if close > 0:
            book.names[column].mark, book.names[column].marked = close, True


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
        if abs(waiting) > LARGEST:
            book.state[0].failed, waiting = 1, 0
    for place in range(book.fractional_count[0]):
        column = book.fractional[place]
        mark = book.names[column].mark if book.names[column].marked else 0
        waiting += int(np.rint(book.names[column].fraction * mark))
    return waiting


@lean_kernel
def guard(account: Account, state: Record, log: LogArrays, row: int, count: int) -> None:
    """The drawdown breaker and the margin look at the equity and the ``count`` positions."""
    rules = account.terms.rules
    if not np.isnan(rules.max_drawdown) and state.flat_from < 0:
        state.peak = max(state.peak, state.equity)
        if state.equity < int(np.ceil(state.peak * (1.0 - rules.max_drawdown))):
            state.flat_from = state.number + 1
            tell(log, TRIPPED, row, 0, 0, Told(state.equity, state.peak, -1))
    call_margin(account.lending, state, log, row, count)
    if state.equity <= 0:
        tell(log, DEFICIT, row, 0, 0, Told(state.equity, 0, -1))
