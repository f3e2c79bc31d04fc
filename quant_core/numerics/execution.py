"""The session loop as one kernel: decide, settle, execute, mark and guard, session by session.

A compiled copy of :mod:`quant_core.trading_day` and what it calls, for books whose targets are
known beforehand, equal to it to the micro; the readable modules are the twin.

Whatever the twin would refuse, or could only hold in numbers wider than 64 bits, ends the loop
with :data:`REPLAY`: the twin then runs and says what is wrong.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import IntArray
from quant_core.numerics.execution_arrays import (
    Account,
    ActionArrays,
    BookArrays,
    Lending,
    LogArrays,
    MarketArrays,
    Record,
    Rules,
    TargetArrays,
    Told,
)
from quant_core.numerics.execution_book import FLATTENED, HELD, RE_ENTERED, morning, tell
from quant_core.numerics.execution_close import guard, mark, settle
from quant_core.numerics.execution_decision import close_all, rebalance, stop
from quant_core.numerics.execution_fills import execute, execution_order
from quant_core.numerics.execution_margin import charge_overnight, recall
from quant_core.numerics.jit import lean_kernel

DONE, FULL, REPLAY = 0, 1, 2
"""Why the loop stopped: finished, the log is full (give it room and go on), not for it."""

WEIGHTS, HOLD, FLAT, REFUSED = 0, 1, 2, 3
"""Kinds of decision; the last is one that the account does not allow."""


@lean_kernel
def trade(
    account: Account,
    market: MarketArrays,
    actions: ActionArrays,
    targets: TargetArrays,
    book: BookArrays,
    log: LogArrays,
) -> int:
    """Trade a long-only book from session ``book.number`` on; says why it stopped."""
    return _sessions(account, market, actions, targets, book, log)


@lean_kernel
def trade_short(
    account: Account,
    market: MarketArrays,
    actions: ActionArrays,
    targets: TargetArrays,
    book: BookArrays,
    log: LogArrays,
) -> int:
    """Trade a book that may be short: machine code of its own, which no long-only run loads."""
    return _sessions(account, market, actions, targets, book, log)


@lean_kernel
def _sessions(
    account: Account,
    market: MarketArrays,
    actions: ActionArrays,
    targets: TargetArrays,
    book: BookArrays,
    log: LogArrays,
) -> int:
    """The sessions from ``book.number`` on."""
    rules, state, names_end = account.terms.rules, book.state[0], market.delisted_start
    while state.number < rules.total:
        if rules.record and not _has_room(account, market, actions, targets, book, log):
            return FULL
        row = rules.first + state.number
        state.order_count = 0
        if _must_decide(account.lending, rules, state, targets.decision):
            _decide(account, market, targets, book, log)
        charge_overnight(account.lending, book, log, row)
        if actions.start[row] < actions.start[row + 1] or _is_owed(book):
            morning(market, actions, book, log, row)
        if state.order_count > 0:
            execution_order(book.orders, state.order_count, _step(account.lending))
            execute(market, account, book, log)
        if names_end[row] < names_end[row + 1]:
            settle(account.terms, market, book, log, row)
        mark(account.terms, market.close[row], book, log)
        guard(account, state, log, row, book.held_count[0])
        if state.failed != 0:
            return REPLAY
        state.number += 1
    return DONE


@lean_kernel
def _must_decide(lending: Lending | None, rules: Rules, state: Record, decision: IntArray) -> bool:
    """Whether this close can bring orders at all."""
    if lending is not None:
        return True
    if decision[state.number] >= 0 or state.equity <= 0 or state.flat_from >= 0:
        return True
    return not np.isnan(rules.stop_loss)


@lean_kernel
def _step(lending: Lending | None) -> int:
    """From one side of an order to the next: a long-only book sells and buys."""
    if lending is None:
        return 3
    return 1


@lean_kernel
def _is_owed(book: BookArrays) -> bool:
    return book.state[0].entitled_count > 0 or book.fractional_count[0] > 0


@lean_kernel
def _has_room(
    account: Account,
    market: MarketArrays,
    actions: ActionArrays,
    targets: TargetArrays,
    book: BookArrays,
    log: LogArrays,
) -> bool:
    """Whether the log takes whatever the next session can bring."""
    number = book.state[0].number
    row, held = account.terms.rules.first + number, book.held_count[0]
    lines, decision = held, targets.decision[number]
    if decision >= 0:
        lines += targets.start[decision + 1] - targets.start[decision]
    last_sessions = market.delisted_start[row + 1] - market.delisted_start[row]
    acts = actions.start[row + 1] - actions.start[row]
    waiting = book.state[0].entitled_count + book.fractional_count[0]
    # At most a stop, a buy-in and a borrow fee for each name held, and two orders for each.
    events = 12 + 3 * held + waiting + 2 * (last_sessions + acts)
    return (
        log.counts[0].orders + 2 * lines <= len(log.orders)
        and log.counts[0].positions + lines <= len(log.positions)
        and log.counts[0].events + events <= len(log.events)
    )


@lean_kernel
def _decide(
    account: Account,
    market: MarketArrays,
    targets: TargetArrays,
    book: BookArrays,
    log: LogArrays,
) -> None:
    """Orders for the open of the session."""
    number = book.state[0].number
    row, decision = account.terms.rules.first + number - 1, targets.decision[number]
    kind = _resolve(account, targets, book, log, row, decision)
    if kind == WEIGHTS:
        rebalance(account, market, targets, book, row, decision)
    else:
        close_all(market, book, row, kind == HOLD)


@lean_kernel
def _resolve(
    account: Account,
    targets: TargetArrays,
    book: BookArrays,
    log: LogArrays,
    row: int,
    decision: int,
) -> int:
    """Kind of decision: margin, breaker, stops, buy-ins, then the target if one is due."""
    rules, state = account.terms.rules, book.state[0]
    if state.equity <= 0 or state.called != 0:
        return FLAT
    if state.flat_from >= 0:
        if decision < 0 or not _may_re_enter(rules, state):
            return FLAT
        state.peak, state.flat_from = state.equity, -1
        tell(log, RE_ENTERED, row, 0, 0, Told(0, 0, -1))
    if not np.isnan(rules.stop_loss):
        stop(rules, book, log, row)
    recall(account.lending, rules, book, log, row)
    kind = targets.kind[decision] if decision >= 0 else HOLD
    if kind == REFUSED:
        state.failed = 1
    elif decision >= 0 and kind != WEIGHTS:
        tell(log, FLATTENED if kind == FLAT else HELD, row, 0, 0, Told(decision, 0, -1))
    return kind


@lean_kernel
def _may_re_enter(rules: Rules, state: Record) -> bool:
    return rules.cooldown >= 0 and state.number >= state.flat_from + max(rules.cooldown, 1)
