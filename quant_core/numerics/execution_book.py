"""Kernels of the book: cash, lists of names, corporate actions, payments.

A compiled copy of :mod:`quant_core.portfolio` and of the morning of
:mod:`quant_core.settlement`, for long-only books.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import IntArray
from quant_core.numerics.execution_arrays import ActionArrays, BookArrays, LogArrays, MarketArrays
from quant_core.numerics.jit import kernel

HELD, FLATTENED, STOPPED, TRIPPED = 0, 1, 2, 3
DEFICIT, RE_ENTERED, DELISTED, FRACTION_PAID = 4, 5, 6, 7
DIVIDEND, DIVIDEND_PAID, RIGHTS, SPLIT, RENAME = 8, 9, 10, 11, 12
"""Kinds of event; the last but ``DIVIDEND_PAID`` are kinds of corporate action too."""

WIDEST = 4e18
"""Products beyond it are not computed in 64 bits."""
LARGEST = 999_999_999_999_999_999
"""The ledger's largest amount (``foundation.money.LARGEST_MICROS``)."""


@kernel
def close_position(book: BookArrays, column: int) -> None:
    book.shares[column], book.cost[column] = 0, 0.0
    leave(book.held, book.held_count, column)
    if np.isnan(book.fraction[column]):
        book.marked[column] = False


@kernel
def enter(columns: IntArray, count: IntArray, column: int) -> None:
    """Put a column into an ascending list."""
    at = count[0]
    while at > 0 and columns[at - 1] > column:
        columns[at] = columns[at - 1]
        at -= 1
    columns[at] = column
    count[0] += 1


@kernel
def leave(columns: IntArray, count: IntArray, column: int) -> None:
    """Take a column out of an ascending list."""
    at = np.searchsorted(columns[: count[0]], column)
    for place in range(at, count[0] - 1):
        columns[place] = columns[place + 1]
    count[0] -= 1


@kernel
def pay(book: BookArrays, flow: int) -> None:
    cash = book.cash[0] + flow
    if not 0 <= cash <= LARGEST:
        book.failed[0] = 1
    book.cash[0] = cash
    book.flows[0] += flow


@kernel
def increase(book: BookArrays, column: int, shares: int, cost: int, price: int) -> None:
    """Add to a position at a total cost; a new one is marked at ``price``."""
    held = book.shares[column]
    if held == 0:
        enter(book.held, book.held_count, column)
    book.cost[column] = (book.cost[column] * held + cost) / (held + shares)
    book.shares[column] = held + shares
    if not book.marked[column]:
        book.marked[column], book.mark[column] = True, price


@kernel
def tell(
    log: LogArrays, kind: int, row: int, column: int, numbers: tuple[int, int, int, int]
) -> None:
    """Log an event: two numbers, the cash it moved, the index of the corporate action."""
    if len(log.events) == 0:
        return
    line = log.events[log.event_count[0]]
    line[0], line[1], line[2] = row, kind, column
    line[3], line[4], line[5], line[6] = numbers
    log.event_count[0] += 1


@kernel
def pay_fraction(book: BookArrays, log: LogArrays, row: int, column: int, price: float) -> None:
    """Pay the waiting fraction of a share at ``price``."""
    scaled = book.fraction[column] * price * 1e6
    if not abs(scaled) < 1e18:
        book.failed[0] = 1
        scaled = 0.0
    paid = int(np.rint(scaled))
    book.fraction[column] = np.nan
    leave(book.fractional, book.fractional_count, column)
    pay(book, paid)
    if book.shares[column] == 0:
        book.marked[column] = False
    tell(log, FRACTION_PAID, row, column, (0, 0, paid, -1))


@kernel
def morning(
    market: MarketArrays, actions: ActionArrays, book: BookArrays, log: LogArrays, row: int
) -> None:
    """Actions of the ex-date, dividends due, fractions of shares: before the open of ``row``."""
    for action in range(actions.start[row], actions.start[row + 1]):
        kind = actions.kind[action]
        if kind == DIVIDEND:
            _owe(actions, book, log, row, action)
        elif kind == RIGHTS:
            _exercise(actions, book, log, row, action)
        elif kind == SPLIT:
            _split(actions, book, log, row, action)
        else:
            _rename(actions, book, log, row, action)
    if book.entitled_count[0] > 0:
        _pay_due(book, log, row)
    at = 0
    while at < book.fractional_count[0]:
        column = book.fractional[at]
        price = market.price[row, column]
        if 0.0 < price < np.inf and market.volume[row, column] != 0.0:
            pay_fraction(book, log, row, column, price)
        else:
            at += 1


@kernel
def _owe(actions: ActionArrays, book: BookArrays, log: LogArrays, row: int, action: int) -> None:
    """A dividend on its ex-date."""
    column, amount = actions.column[action], actions.amount[action]
    held = book.shares[column]
    if held == 0:
        return
    if not held * abs(float(amount)) < WIDEST:
        book.failed[0] = 1
        return
    place = book.entitled_count[0]
    book.entitled_column[place] = column
    book.entitled_amount[place] = held * amount
    book.entitled_row[place] = max(actions.other[action], row)
    book.entitled_count[0] += 1
    tell(log, DIVIDEND, row, column, (held, 0, 0, action))


@kernel
def _exercise(
    actions: ActionArrays, book: BookArrays, log: LogArrays, row: int, action: int
) -> None:
    """Subscribe as far as the cash goes."""
    column, price = actions.column[action], actions.amount[action]
    held = book.shares[column]
    if held <= 0:
        return
    exact = held * actions.ratio[action]
    if not exact < WIDEST:
        book.failed[0] = 1
        return
    offered = int(np.floor(exact))
    shares = min(offered, book.cash[0] // price) if price != 0 else offered
    if not shares * float(price) < WIDEST:
        book.failed[0] = 1
        return
    if shares > 0:
        increase(book, column, shares, shares * price, price)
        pay(book, -shares * price)
    tell(log, RIGHTS, row, column, (shares, offered, -shares * price, action))


@kernel
def _split(actions: ActionArrays, book: BookArrays, log: LogArrays, row: int, action: int) -> None:
    """Whole shares; the fraction waits for the first price. Waiting orders follow."""
    column, ratio = actions.column[action], actions.ratio[action]
    held = book.shares[column]
    if held != 0:
        exact = held * ratio
        if not exact < WIDEST:
            book.failed[0] = 1
            exact = 0.0
        whole = int(np.floor(exact))
        if exact > whole:
            _owe_fraction(book, column, exact - whole)
        book.cost[column] /= ratio
        book.mark[column] = int(np.rint(book.mark[column] / ratio))
        book.shares[column] = whole
        if whole == 0:  # the mark stays: it values the fraction
            book.cost[column] = 0.0
            leave(book.held, book.held_count, column)
        tell(log, SPLIT, row, column, (held, whole, 0, action))
    for index in range(book.order_count[0]):
        if book.order_column[index] == column:
            step = actions.other[action] if book.order_buys[index] else 1
            requested = book.order_requested[index] * ratio
            if not requested < WIDEST:
                book.failed[0] = 1
                requested = 0.0
            book.order_requested[index] = int(np.floor(requested)) // step * step
            book.order_signal[index] = int(np.rint(book.order_signal[index] / ratio))


@kernel
def _owe_fraction(book: BookArrays, column: int, fraction: float) -> None:
    if np.isnan(book.fraction[column]):
        book.fraction[column] = 0.0
        enter(book.fractional, book.fractional_count, column)
    book.fraction[column] += fraction


@kernel
def _rename(actions: ActionArrays, book: BookArrays, log: LogArrays, row: int, action: int) -> None:
    """Move everything that stands under the old name to its successor."""
    old, new = actions.column[action], actions.other[action]
    moved, cost, mark = book.shares[old], book.cost[old], book.mark[old]
    if not np.isnan(book.fraction[old]):
        _owe_fraction(book, new, book.fraction[old])
        book.fraction[old] = np.nan
        leave(book.fractional, book.fractional_count, old)
        if not book.marked[new]:
            book.marked[new], book.mark[new] = True, mark
    if moved != 0:
        close_position(book, old)
        if book.shares[new] == 0:
            increase(book, new, moved, 0, mark)
            book.cost[new] = cost
        else:
            total = np.rint(cost * moved)
            increase(book, new, moved, total, mark)
        tell(log, RENAME, row, old, (0, 0, 0, action))
    book.marked[old] = False
    for index in range(book.order_count[0]):
        if book.order_column[index] == old:
            book.order_column[index] = new


@kernel
def _pay_due(book: BookArrays, log: LogArrays, row: int) -> None:
    """Turn the dividends due into cash, in the order of their ex-dates."""
    kept = 0
    for place in range(book.entitled_count[0]):
        column, amount = book.entitled_column[place], book.entitled_amount[place]
        if book.entitled_row[place] <= row:
            pay(book, amount)
            tell(log, DIVIDEND_PAID, row, column, (0, 0, amount, -1))
        else:
            book.entitled_column[kept] = column
            book.entitled_amount[kept] = amount
            book.entitled_row[kept] = book.entitled_row[place]
            kept += 1
    book.entitled_count[0] = kept
