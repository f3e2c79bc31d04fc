"""Kernels of the book: cash, lists of names, corporate actions, payments.

A compiled copy of :mod:`quant_core.portfolio` and of the morning of
:mod:`quant_core.settlement`. Shares and fractions of a short position are negative.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import IntArray
from quant_core.numerics.execution_arrays import (
    SHORT,
    ActionArrays,
    BookArrays,
    LogArrays,
    MarketArrays,
    Record,
    Told,
)
from quant_core.numerics.execution_prices import WIDEST
from quant_core.numerics.jit import lean_kernel

HELD, FLATTENED, STOPPED, TRIPPED = 0, 1, 2, 3
DEFICIT, RE_ENTERED, DELISTED, FRACTION_PAID = 4, 5, 6, 7
DIVIDEND, DIVIDEND_PAID, RIGHTS, SPLIT, RENAME = 8, 9, 10, 11, 12
MARGIN_CALLED, BOUGHT_IN, BORROW_PAID, INTEREST_PAID = 13, 14, 15, 16
"""Kinds of event; those of the third line but ``DIVIDEND_PAID`` are corporate actions too."""
ROUNDING = 1e-9
"""How far a product may be from a whole number by rounding (``trading.actions``)."""
LARGEST = 999_999_999_999_999_999
"""The ledger's largest amount (``foundation.money.LARGEST_MICROS``)."""


@lean_kernel
def close_position(held: IntArray, count: IntArray, name: Record, column: int) -> None:
    """End a position; the mark stays while a fraction of a share waits."""
    name.shares, name.cost = 0, 0.0
    leave(held, count, column)
    if np.isnan(name.fraction):
        name.marked = False


@lean_kernel
def enter(columns: IntArray, count: IntArray, column: int) -> None:
    """Put a column into an ascending list."""
    at = count[0]
    while at > 0 and columns[at - 1] > column:
        columns[at] = columns[at - 1]
        at -= 1
    columns[at] = column
    count[0] += 1


@lean_kernel
def leave(columns: IntArray, count: IntArray, column: int) -> None:
    """Take a column out of an ascending list."""
    at = np.searchsorted(columns[: count[0]], column)
    for place in range(at, count[0] - 1):
        columns[place] = columns[place + 1]
    count[0] -= 1


@lean_kernel
def pay(state: Record, flow: int) -> None:
    """Add a signed flow to the cash, which never falls below its floor."""
    cash = state.cash + flow
    if not state.floor <= cash <= LARGEST:
        state.failed = 1
    state.cash = cash
    state.flows += flow


@lean_kernel
def add(name: Record, shares: int, cost: int, price: int) -> None:
    """Add to a position at a total cost; a new one is marked at ``price``."""
    held = name.shares
    name.cost = (name.cost * abs(held) + cost) / abs(held + shares)
    name.shares = held + shares
    if not name.marked:
        name.marked, name.mark = True, price


@lean_kernel
def _increase(book: BookArrays, column: int, shares: int, cost: int, price: int) -> None:
    """Add to a position, which may be new."""
    if book.names[column].shares == 0:
        enter(book.held, book.held_count, column)
    add(book.names[column], shares, cost, price)


@lean_kernel
def tell(log: LogArrays, kind: int, row: int, column: int, flow: int, more: Told) -> None:
    """Log an event: the cash it moved, two numbers, the index of the corporate action."""
    if len(log.events) == 0:
        return
    line = log.events[log.counts[0].events]
    line.row, line.kind, line.column, line.flow = row, kind, column, flow
    line.first, line.second, line.action = more.first, more.second, more.action
    log.counts[0].events += 1


@lean_kernel
def pay_fraction(book: BookArrays, log: LogArrays, row: int, column: int, price: float) -> None:
    """Pay the waiting fraction of a share at ``price``."""
    scaled = book.names[column].fraction * price * 1e6
    if not abs(scaled) < 1e18:
        book.state[0].failed = 1
        scaled = 0.0
    paid = int(np.rint(scaled))
    book.names[column].fraction = np.nan
    leave(book.fractional, book.fractional_count, column)
    pay(book.state[0], paid)
    if book.names[column].shares == 0:
        book.names[column].marked = False
    tell(log, FRACTION_PAID, row, column, paid, Told(0, 0, -1))


@lean_kernel
def morning(
    market: MarketArrays, actions: ActionArrays, book: BookArrays, log: LogArrays, row: int
) -> None:
    """Actions of the ex-date, dividends due, fractions of shares: before the open of ``row``."""
    action, end = actions.start[row], actions.start[row + 1]
    while action < end and actions.kind[action] != RENAME:
        _act(actions, book, log, row, action)
        action += 1
    if action < end:  # renames are the last of their row
        _rename(actions, book, log, row, action)
    if book.state[0].entitled_count > 0:
        _pay_due(book, log, row)
    at = 0
    while at < book.fractional_count[0]:
        column = book.fractional[at]
        price = market.price[row, column]
        if 0.0 < price < np.inf and market.volume[row, column] != 0.0:
            pay_fraction(book, log, row, column, price)
        else:
            at += 1


@lean_kernel
def _act(actions: ActionArrays, book: BookArrays, log: LogArrays, row: int, action: int) -> None:
    kind = actions.kind[action]
    if kind == DIVIDEND:
        _owe(actions, book, log, row, action)
    elif kind == RIGHTS:
        _exercise(actions, book, log, row, action)
    else:
        _split(actions, book, log, row, action)
        for index in range(book.state[0].order_count):
            if book.orders[index].column == actions.column[action]:
                step = actions.other[action] if book.orders[index].side >= SHORT else 1
                _follow(book.state[0], book.orders[index], actions.ratio[action], step)


@lean_kernel
def _follow(state: Record, order: Record, ratio: float, step: int) -> None:
    """A waiting order counts shares of before a split."""
    requested, _ = _whole_shares(order.requested, ratio)
    if requested < 0:
        state.failed, requested = 1, 0
    order.requested = requested // step * step
    order.signal = int(np.rint(order.signal / ratio))


@lean_kernel
def _whole_shares(shares: int, ratio: float) -> tuple[int, float]:
    """Whole shares of a product and the fraction beyond; -1 where it is too wide."""
    exact = shares * ratio
    if not exact < WIDEST:
        return -1, 0.0
    nearest = np.rint(exact)
    if abs(exact - nearest) <= ROUNDING * max(1.0, exact):
        return int(nearest), 0.0
    whole = np.floor(exact)
    return int(whole), exact - whole


@lean_kernel
def _owe(actions: ActionArrays, book: BookArrays, log: LogArrays, row: int, action: int) -> None:
    """A dividend on its ex-date."""
    column, amount = actions.column[action], actions.amount[action]
    held = book.names[column].shares
    if held == 0:
        return
    if not abs(held) * abs(float(amount)) < WIDEST:
        book.state[0].failed = 1
        return
    place = book.state[0].entitled_count
    book.dividends[place].column = column
    book.dividends[place].amount = held * amount
    book.dividends[place].row = max(actions.other[action], row)
    book.state[0].entitled_count += 1
    tell(log, DIVIDEND, row, column, 0, Told(held, 0, action))


@lean_kernel
def _exercise(
    actions: ActionArrays, book: BookArrays, log: LogArrays, row: int, action: int
) -> None:
    """Subscribe as far as the cash goes."""
    column, price = actions.column[action], actions.amount[action]
    held = book.names[column].shares
    if held <= 0:
        return
    offered, _ = _whole_shares(held, actions.ratio[action])
    if offered < 0:
        book.state[0].failed = 1
        return
    shares = min(offered, max(book.state[0].cash // price, 0)) if price != 0 else offered
    if not shares * float(price) < WIDEST:
        book.state[0].failed = 1
        return
    if shares > 0:
        _increase(book, column, shares, shares * price, price)
        pay(book.state[0], -shares * price)
    tell(log, RIGHTS, row, column, -shares * price, Told(shares, offered, action))


@lean_kernel
def _split(actions: ActionArrays, book: BookArrays, log: LogArrays, row: int, action: int) -> None:
    """Whole shares towards zero; the fraction waits for the first price."""
    column, ratio = actions.column[action], actions.ratio[action]
    book.names[column].fraction *= ratio
    if book.names[column].marked:
        book.names[column].mark = int(np.rint(book.names[column].mark / ratio))
    held = book.names[column].shares
    if held != 0:
        whole, fraction = _whole_shares(abs(held), ratio)
        if whole < 0:
            book.state[0].failed, whole = 1, 0
        if fraction > 0.0:
            _owe_fraction(book, column, fraction if held > 0 else -fraction)
        whole = whole if held > 0 else -whole
        book.names[column].cost /= ratio
        book.names[column].shares = whole
        if whole == 0:  # the mark stays: it values the fraction
            book.names[column].cost = 0.0
            leave(book.held, book.held_count, column)
        tell(log, SPLIT, row, column, 0, Told(held, whole, action))


@lean_kernel
def _owe_fraction(book: BookArrays, column: int, fraction: float) -> None:
    if np.isnan(book.names[column].fraction):
        book.names[column].fraction = 0.0
        enter(book.fractional, book.fractional_count, column)
    book.names[column].fraction += fraction


@lean_kernel
def _rename(actions: ActionArrays, book: BookArrays, log: LogArrays, row: int, first: int) -> None:
    """Move all that stands under the old names to their successors, at once."""
    last = actions.start[row + 1]
    for action in range(first, last):
        name, moved = book.names[actions.column[action]], book.moved[action - first]
        if name.shares != 0:
            tell(log, RENAME, row, actions.column[action], 0, Told(0, 0, action))
        moved.shares, moved.cost, moved.fraction = name.shares, name.cost, name.fraction
        moved.mark = name.mark if name.marked else 0
    for action in range(first, last):
        _forget(book, actions.column[action])
    for action in range(first, last):
        _join(book, actions.other[action], book.moved[action - first])
    for index in range(book.state[0].order_count):
        for action in range(first, last):
            if book.orders[index].column == actions.column[action]:
                book.orders[index].column = actions.other[action]
                break


@lean_kernel
def _forget(book: BookArrays, column: int) -> None:
    if not np.isnan(book.names[column].fraction):
        book.names[column].fraction = np.nan
        leave(book.fractional, book.fractional_count, column)
    if book.names[column].shares != 0:
        close_position(book.held, book.held_count, book.names[column], column)
    book.names[column].marked = False


@lean_kernel
def _join(book: BookArrays, column: int, moved: Record) -> None:
    """Add what was renamed to what stands under a name."""
    name = book.names[column]
    if not np.isnan(moved.fraction) and moved.fraction != 0.0:
        _owe_fraction(book, column, moved.fraction)
    if moved.mark != 0 and not name.marked:
        name.marked, name.mark = True, moved.mark
    if moved.shares == 0:
        return
    if not name.marked:
        book.state[0].failed = 1
    if name.shares == 0:
        enter(book.held, book.held_count, column)
        name.shares, name.cost = moved.shares, moved.cost
        return
    _unite(book, column, moved)


@lean_kernel
def _unite(book: BookArrays, column: int, moved: Record) -> None:
    """Let renamed shares join a position of their new name; long and short ones cancel."""
    name = book.names[column]
    if (name.shares > 0) == (moved.shares > 0):
        total = np.rint(moved.cost * abs(moved.shares))
        if not abs(total) < WIDEST:
            book.state[0].failed, total = 1, 0.0
        add(name, moved.shares, int(total), moved.mark)
    elif name.shares + moved.shares == 0:
        close_position(book.held, book.held_count, name, column)
    else:
        name.cost = moved.cost if abs(moved.shares) > abs(name.shares) else name.cost
        name.shares += moved.shares


@lean_kernel
def _pay_due(book: BookArrays, log: LogArrays, row: int) -> None:
    """Turn the dividends due into cash, in the order of their ex-dates."""
    kept = 0
    for place in range(book.state[0].entitled_count):
        column, amount = book.dividends[place].column, book.dividends[place].amount
        if book.dividends[place].row <= row:
            pay(book.state[0], amount)
            tell(log, DIVIDEND_PAID, row, column, amount, Told(0, 0, -1))
        else:
            book.dividends[kept].column = column
            book.dividends[kept].amount = amount
            book.dividends[kept].row = book.dividends[place].row
            kept += 1
    book.state[0].entitled_count = kept
