"""Kernels of a book that may be short: margin, and what borrowing shares and cash costs.

A compiled copy of :mod:`quant_core.risk.margin` and of what asks it in
:mod:`quant_core.settlement` and :mod:`quant_core.trading.fills`.

All of them are given the lending of the account. Where there is none, each does nothing, and
the compiler, which knows that by the type, leaves the rest of it away.
"""

from __future__ import annotations

import numpy as np

from quant_core.numerics.execution_arrays import (
    CASH,
    MARGIN,
    BookArrays,
    Dealing,
    Lending,
    LogArrays,
    Quoted,
    Record,
    Rules,
    Told,
)
from quant_core.numerics.execution_book import (
    BORROW_PAID,
    BOUGHT_IN,
    INTEREST_PAID,
    LARGEST,
    MARGIN_CALLED,
    pay,
    tell,
)
from quant_core.numerics.execution_prices import TOO_WIDE, WIDEST, charge, fill_price, raw_micros
from quant_core.numerics.jit import lean_kernel

DAYS_PER_YEAR = 360
"""As in :mod:`quant_core.risk.margin`."""
COSTLIEST = 2.5e18
"""What no account can pay: more than the largest cash with the largest positions."""


@lean_kernel
def locatable(lending: Lending | None, row: int, column: int) -> bool:
    """Whether somebody lends shares of a name, as known at the close of ``row``."""
    if lending is None or len(lending.borrow) == 0:
        return True
    return bool(np.isfinite(lending.borrow[row, column]))


@lean_kernel
def _borrow_rate(lending: Lending, row: int, column: int) -> float:
    """The last annual rate known up to ``row``."""
    known = row if len(lending.borrow) > 0 else -1
    while known >= 0:
        rate = float(lending.borrow[known, column])
        if np.isfinite(rate):
            return rate
        known -= 1
    return lending.borrow_rate


@lean_kernel
def charge_overnight(lending: Lending | None, book: BookArrays, log: LogArrays, row: int) -> None:
    """Borrow fees and interest for the calendar days since the close before ``row``."""
    if lending is None:
        return
    state, days = book.state[0], lending.days[row] - lending.days[row - 1]
    owed = max(state.short - state.cash, 0)
    for place in range(book.held_count[0]):
        column = book.held[place]
        name = book.names[column]
        if name.shares < 0:
            annual_rate = _borrow_rate(lending, row - 1, column)
            fee = _fee(state, annual_rate, days, -name.shares * name.mark)
            _charge(state, log, BORROW_PAID, row, column, fee)
    _charge(state, log, INTEREST_PAID, row, 0, _fee(state, lending.debit_rate, days, owed))


@lean_kernel
def _fee(state: Record, annual_rate: float, days: int, value: int) -> int:
    """What borrowing shares or cash of a value costs over calendar days."""
    fee = np.rint(annual_rate * days / DAYS_PER_YEAR * value)
    if not abs(fee) < LARGEST:
        state.failed, fee = 1, 0.0
    return int(fee)


@lean_kernel
def _charge(state: Record, log: LogArrays, kind: int, row: int, column: int, fee: int) -> None:
    if fee != 0:
        pay(state, -fee)
        tell(log, kind, row, column, -fee, Told(0, 0, -1))


@lean_kernel
def recall(
    lending: Lending | None, rules: Rules, book: BookArrays, log: LogArrays, row: int
) -> None:
    """Mark the short positions whose shares nobody lends any longer, beside those stopped."""
    if lending is None:
        return
    for place in range(book.held_count[0]):
        column = book.held[place]
        name = book.names[column]
        if np.isnan(rules.stop_loss):
            name.stopped = 0
        if name.shares < 0 and not locatable(lending, row, column):
            name.stopped = 1
            tell(log, BOUGHT_IN, row, column, 0, Told(0, 0, -1))


@lean_kernel
def call_margin(
    lending: Lending | None, state: Record, log: LogArrays, row: int, count: int
) -> None:
    """See whether the equity is too small for the ``count`` positions of the book."""
    if lending is None:
        return
    # Whole micros below a number are those below the next whole one: exact at any width.
    least = int(np.ceil(lending.maintenance * state.gross))
    state.called = count > 0 and state.equity < least
    if state.called != 0:
        tell(log, MARGIN_CALLED, row, 0, 0, Told(state.equity, state.gross, -1))


@lean_kernel
def value_of(lending: Lending | None, name: Record) -> int:
    """Value of a position at its mark; not needed where nothing is lent."""
    if lending is None:
        return 0
    return name.shares * name.mark


@lean_kernel
def value_positions(lending: Lending | None, book: BookArrays) -> None:
    """Value long and short positions at their marks, before the open."""
    if lending is None:
        return
    state = book.state[0]
    state.gross = state.short = 0
    for place in range(book.held_count[0]):
        revalue(lending, state, book.names[book.held[place]], 0)


@lean_kernel
def revalue(lending: Lending | None, state: Record, name: Record, before: int) -> None:
    """Let the values follow a position that was worth ``before``."""
    if lending is None:
        return
    value = 0
    if float(abs(name.shares)) * name.mark <= LARGEST:
        value = name.shares * name.mark
    else:
        state.failed = 1
    state.gross += abs(value) - abs(before)
    state.short += max(-value, 0) - max(-before, 0)
    if state.gross > LARGEST:
        state.failed, state.gross, state.short = 1, 0, 0


@lean_kernel
def by_margin(
    lending: Lending | None,
    dealing: Dealing,
    state: Record,
    buys: bool,
    wanted: int,
    quote: Quoted,
) -> tuple[int, int]:
    """Shares that may be opened, found by halving as the twin finds them, or ``TOO_WIDE``."""
    if lending is None:
        return wanted, CASH
    lot = dealing.rules.lot
    if wanted % lot == 0:
        left = _room_left(lending, dealing, state, buys, wanted, quote)
        if left == TOO_WIDE or left >= 0:
            return (TOO_WIDE if left == TOO_WIDE else wanted), CASH
    low, high = 0, wanted // lot
    while low < high:
        middle = (low + high + 1) // 2
        left = _room_left(lending, dealing, state, buys, middle * lot, quote)
        if left == TOO_WIDE:
            return TOO_WIDE, MARGIN
        if left >= 0:
            low = middle
        else:
            high = middle - 1
    return low * lot, CASH if low * lot == wanted else MARGIN


@lean_kernel
def _room_left(
    lending: Lending, dealing: Dealing, state: Record, buys: bool, shares: int, quote: Quoted
) -> int:
    """What the initial margin leaves after ``shares`` are opened: negative where it does not."""
    raw, price = raw_micros(quote), fill_price(dealing.rules, quote, buys, shares)
    if price == TOO_WIDE:
        return TOO_WIDE
    if float(shares) * float(max(abs(price), raw)) > WIDEST:
        return -1
    charged = charge(dealing.fees, buys, shares, price)
    if charged == TOO_WIDE:
        return TOO_WIDE
    moved = abs(price - raw)
    if float(charged) + float(shares) * float(moved) > COSTLIEST:
        return -1
    equity = state.cash + state.gross - 2 * state.short
    most = (equity - charged - shares * moved) / lending.initial
    if most > WIDEST:
        return TOO_WIDE
    room = max(int(np.floor(most)) - state.gross, 0) if most > 0.0 else 0
    return room - shares * raw
