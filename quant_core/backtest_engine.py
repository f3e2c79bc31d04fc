"""The backtest: drives the steps of :mod:`quant_core.trading_day` over history.

1. :func:`find_window` - the sessions of the run; the first decision needs an earlier one.
2. :func:`run_readable` - for each session: adjust, execute, settle, mark, guard, decide.
3. :func:`run_backtest` - the same, compiled where :mod:`quant_core.compiled_backtest` may.
4. The result is a :class:`~quant_core.trading.history.RunHistory`, nothing is written.

Signal price is the close of T-1, execution price the open of T. The market view a
strategy gets at T-1 ends with T-1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from quant_core.compiled_backtest import (
    accepts,
    compile_ahead,
    is_worthwhile,
    known_answers,
    session_loop,
    trade_compiled,
)
from quant_core.compiled_history import history_of
from quant_core.foundation.errors import QuantError, UsageError
from quant_core.foundation.types import BoolArray, FloatArray, SessionArray
from quant_core.market import Market
from quant_core.portfolio import Portfolio
from quant_core.risk.breakers import BreakerState
from quant_core.settlement import adjust, settle
from quant_core.trading.account import Book
from quant_core.trading.events import Fill
from quant_core.trading.history import Incident, PositionHistory, RunHistory
from quant_core.trading.orders import OrderRecord
from quant_core.trading_day import Brain, DayState, Moment, decide, execute, guard
from quant_core.trading_day import mark as mark_book


@dataclass(frozen=True, slots=True)
class RunWindow:
    """Rows of the first and last session of a run, and what had to be said about them."""

    first: int
    last: int
    notes: tuple[str, ...] = ()


def find_window(sessions: SessionArray, start: date | None, end: date | None) -> RunWindow:
    """The run's sessions: the first on or after ``start`` to the last on or before ``end``.

    The decision for the first session is taken at the session before it; without such
    a session the run starts one session later and says so.

    Raises
    ------
    UsageError
        If ``start`` is after ``end`` or no session of the dataset lies between them.

    Examples
    --------
    >>> days = np.array(["2018-01-02", "2018-01-03", "2018-01-04"], dtype="datetime64[D]")
    >>> find_window(days, date(2018, 1, 3), None)
    RunWindow(first=1, last=2, notes=())
    """
    if start is not None and end is not None and start > end:
        raise UsageError(
            "the start of the backtest is after its end",
            expected="backtest.start on or before backtest.end",
            found=f"start {start}, end {end}",
            fix="swap or correct --start and --end",
        )
    first = 0 if start is None else int(np.searchsorted(sessions, np.datetime64(start, "D")))
    after = (
        len(sessions)
        if end is None
        else int(np.searchsorted(sessions, np.datetime64(end, "D"), side="right"))
    )
    notes: list[str] = []
    if first == 0 and len(sessions) > 0:
        first = 1
        notes.append(
            f"no session before {sessions[0]}: the run starts one session later, "
            "because the first decision needs an earlier close"
        )
    if first >= after:
        span = f"{sessions[0]} to {sessions[-1]}" if len(sessions) else "no session at all"
        raise UsageError(
            "the dataset has no session to trade between start and end",
            expected=f"dates within {span}, with a session before the first",
            found=f"start {start or 'not set'}, end {end or 'not set'}",
            fix="choose other dates or sync more data",
        )
    return RunWindow(first, after - 1, tuple(notes))


@dataclass(slots=True)
class _Record:
    """Columns of a run while it is being made."""

    equity: list[int] = field(default_factory=list[int])
    cash: list[int] = field(default_factory=list[int])
    receivable: list[int] = field(default_factory=list[int])
    orders: list[OrderRecord] = field(default_factory=list[OrderRecord])
    fills: list[Fill] = field(default_factory=list[Fill])
    incidents: list[Incident] = field(default_factory=list[Incident])
    books: list[Book] = field(default_factory=list[Book])


def run_backtest(
    brain: Brain,
    market: Market,
    window: RunWindow,
    scheduled: BoolArray,
    capital_micros: int,
    progress: Callable[[int, int], None] | None = None,
) -> RunHistory:
    """Trade the window and return the full record, in the quickest way there is.

    The parameters are those of :func:`run_readable`, and so is every value of the result.
    """
    if _pays(brain, market, window, scheduled):
        compiled = run_compiled(brain, market, window, scheduled, capital_micros, progress)
        if compiled is not None:
            return compiled
    return run_readable(brain, market, window, scheduled, capital_micros, progress)


def expect_many_runs(brain: Brain, market: Market, *, compiling: bool) -> None:
    """Load the compiled loop before many runs that it may trade: for one it may not pay.

    Where its machine code is not on the disk yet, it is made only when ``compiling``.
    """
    if accepts(brain, market) and (compiling or session_loop(brain.margin).is_on_disk):
        compile_ahead(brain.margin)


def _pays(brain: Brain, market: Market, window: RunWindow, scheduled: BoolArray) -> bool:
    """Whether the compiled loop may run, and is quicker."""
    rows = range(window.first, window.last + 1)
    try:
        return accepts(brain, market) and is_worthwhile(brain, market, rows, scheduled)
    except QuantError:
        return False


def run_compiled(
    brain: Brain,
    market: Market,
    window: RunWindow,
    scheduled: BoolArray,
    capital_micros: int,
    progress: Callable[[int, int], None] | None = None,
) -> RunHistory | None:
    """Trade the window with the compiled loop; None where only the readable one can."""
    if not accepts(brain, market):
        return None
    rows = range(window.first, window.last + 1)
    try:
        answers = known_answers(brain.strategy, market, rows, scheduled, progress)
    except QuantError:
        # Whether this decision would have been asked for, only the readable loop knows.
        return None
    run = trade_compiled(brain, market, rows, answers, capital_micros)
    return None if run is None else history_of(run, brain, market, rows, capital_micros)


def run_readable(
    brain: Brain,
    market: Market,
    window: RunWindow,
    scheduled: BoolArray,
    capital_micros: int,
    progress: Callable[[int, int], None] | None = None,
) -> RunHistory:
    """Trade the window session by session and return the full record.

    Parameters
    ----------
    brain : Brain
        Strategy, execution and risk rules.
    market : Market
        Prices and factors; row ``window.first - 1`` must exist.
    window : RunWindow
        Rows of the run.
    scheduled : BoolArray
        One flag a session of the run: a scheduled rebalance executes there.
    capital_micros : int
        Cash at the start.
    progress : callable, optional
        Called with (sessions done, sessions in all).
    """
    portfolio = Portfolio(capital_micros, may_short=brain.margin.allowed)
    record = _Record()
    opening = Book.opening(capital_micros)
    breaker = BreakerState(peak_micros=capital_micros)
    first = decide(brain, market, opening, breaker, Moment(window.first - 1, 0, scheduled=True))
    record.incidents.extend(first.incidents)
    state = DayState(opening, first.breaker, first.orders)
    total = window.last - window.first + 1
    for number, row in enumerate(range(window.first, window.last + 1)):
        due = bool(scheduled[number + 1]) if number + 1 < total else None
        state = _trade_session(brain, market, portfolio, state, (row, number, due), record)
        if progress is not None:
            progress(number + 1, total)
    return _history(market, window, capital_micros, record)


def _trade_session(
    brain: Brain,
    market: Market,
    portfolio: Portfolio,
    state: DayState,
    place: tuple[int, int, bool | None],
    record: _Record,
) -> DayState:
    """The five steps of one session; ``place`` is its row, number, and what is due next."""
    row, number, next_is_scheduled = place
    lot = brain.execution.lot
    adjusted = adjust(portfolio, state.orders, market, row, brain.margin, lot)
    record.incidents.extend(adjusted.incidents)
    executed = execute(portfolio, adjusted.orders, market, row, brain)
    record.orders.extend(executed.records)
    record.fills.extend(executed.fills)
    record.incidents.extend(settle(portfolio, market, row, brain.execution))
    book = mark_book(portfolio, market, row)
    record.equity.append(book.equity_micros)
    record.cash.append(book.cash_micros)
    record.receivable.append(book.receivable_micros)
    record.books.append(book)
    breaker, tripped = guard(state.breaker, book, number + 1, brain)
    record.incidents.extend(tripped)
    if next_is_scheduled is None:
        return DayState(book, breaker)
    moment = Moment(row, number + 1, next_is_scheduled)
    decision = decide(brain, market, book, breaker, moment)
    record.incidents.extend(decision.incidents)
    return DayState(book, decision.breaker, decision.orders)


def _history(market: Market, window: RunWindow, capital_micros: int, record: _Record) -> RunHistory:
    sessions = market.panel.axes.sessions[window.first : window.last + 1]
    return RunHistory(
        sessions=sessions,
        starting_capital_micros=capital_micros,
        equity_micros=np.array(record.equity, dtype=np.int64),
        cash_micros=np.array(record.cash, dtype=np.int64),
        receivable_micros=np.array(record.receivable, dtype=np.int64),
        benchmark=_no_benchmark(len(sessions)),
        orders=tuple(record.orders),
        fills=tuple(record.fills),
        positions=_positions(record.books),
        incidents=tuple(record.incidents),
    )


def _no_benchmark(length: int) -> FloatArray:
    return np.full(length, np.nan)


def _positions(books: list[Book]) -> PositionHistory:
    """All positions of all books as columns."""
    names = tuple(sorted({symbol for book in books for symbol in book.positions}))
    index = {symbol: i for i, symbol in enumerate(names)}
    held = [position for book in books for position in book.positions.values()]
    return PositionHistory(
        symbols=names,
        row=np.repeat(np.arange(len(books)), [len(book.positions) for book in books]),
        symbol=np.array([index[s] for book in books for s in book.positions], dtype=np.int64),
        shares=np.array([position.shares for position in held], dtype=np.int64),
        mark_micros=np.array([position.mark_micros for position in held], dtype=np.int64),
        average_cost_micros=np.array([position.average_cost_micros for position in held]),
        stale=np.array([position.stale for position in held], dtype=np.bool_),
    )
