"""The compiled backtest: targets first, then the session loop as one kernel.

1. :func:`accepts` - whether the readable loop may be replaced; :func:`is_worthwhile` -
   whether that is quicker.
2. :func:`known_answers` - every decision of the run, before any of it is traded.
3. :func:`trade_compiled` - :func:`~quant_core.numerics.execution.trade` over arrays.
4. :mod:`quant_core.compiled_history` - the same
   :class:`~quant_core.trading.history.RunHistory` as the readable loop makes.

A strategy whose targets depend on the book is left to the readable loop of
:mod:`quant_core.backtest_engine`; so is whatever the kernel hands back. Books that may be short
have machine code of their own, which a long-only run does not load.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from quant_core.compiled_arrays import (
    account_of,
    action_arrays,
    fee_tables,
    first_book,
    market_arrays,
    target_arrays,
)
from quant_core.foundation.errors import StrategyError
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.foundation.settings import StrategySettings
from quant_core.foundation.types import BoolArray
from quant_core.market import Market
from quant_core.numerics import execution
from quant_core.numerics.execution_arrays import (
    Account,
    ActionArrays,
    BookArrays,
    LogArrays,
    MarketArrays,
    TargetArrays,
    empty_log,
    longer_log,
)
from quant_core.numerics.jit import Kernel
from quant_core.risk.breakers import RiskRules
from quant_core.risk.margin import LONG_ONLY, MarginRules
from quant_core.strategies import STRATEGIES, BaseStrategy
from quant_core.trading.account import Book
from quant_core.trading.actions import Action, Dividend, Rename, Rights, Split
from quant_core.trading.fees import FREE
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.target import Target, Weights
from quant_core.trading_day import Brain

SessionLoop = Kernel[
    [Account, MarketArrays, ActionArrays, TargetArrays, BookArrays, LogArrays], int
]

LARGEST_RATIO = 1e6
"""Splits of more new shares for one, or fewer, are left to the readable loop."""
LARGEST_AMOUNT = 10**17
"""So are dividends and subscription prices above it, in micros."""


WORTH_LOADING = 200_000
"""Units of :func:`_work` from which loading the machine code is quicker than reading on."""
WORTH_COMPILING = 20_000_000
"""Units from which even compiling it first is."""
UNITS_A_TRADE = 6
"""What an order costs the readable loop, in positions marked."""


class UnreadBook(Book):
    """The book given to a strategy that says it does not read it: reading is refused."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise StrategyError(
            "a strategy read the book and says that it does not",
            expected="decide(view, book) to use the view alone",
            found=f"book.{name}",
            fix="set reads_book = True in the class of the strategy",
        )


@dataclass(frozen=True, slots=True)
class CompiledRun:
    """What the kernel left, with what it was given."""

    book: BookArrays
    log: LogArrays
    decided: tuple[Target, ...]
    actions: tuple[Action, ...]


def session_loop(margin: MarginRules) -> SessionLoop:
    """The kernel for an account."""
    return execution.trade_short if margin.allowed else execution.trade


def compile_ahead(margin: MarginRules = LONG_ONLY) -> None:
    """Compile the session loop and keep its machine code; a moment where that is done already.

    It takes half a minute once for each state of the sources. Until then a backtest runs
    readably, unless it is so large that compiling pays at once.
    """
    brain, market = smallest_world(margin)
    trade_compiled(brain, market, range(1, 2), [Weights({"A": 1.0})], 1_000_000)


def smallest_world(margin: MarginRules = LONG_ONLY) -> tuple[Brain, Market]:
    """One name through two sessions, and whoever may trade it: enough to compile with."""
    axes = Axes(np.arange("2024-01-01", "2024-01-03", dtype="datetime64[D]"), ("A",))
    table = np.ones(axes.shape)
    rules = ExecutionRules(0.0, 0.0, 1, None, 0.0, FREE)
    strategy = STRATEGIES.get("equal_weight")(StrategySettings.model_construct())
    panel = MarketPanel(axes, table, table, table, table > 0.0)
    return Brain(strategy, rules, RiskRules(), margin), Market(panel, {})


def accepts(brain: Brain, market: Market) -> bool:
    """Whether the kernel may trade for ``brain`` on ``market``.

    The strategy does not read the book, and every number of the market fits the kernel.
    """
    days = [market.actions(row) for row in market.facts.actions]
    return not brain.strategy.reads_book and all(
        _fits(action) for actions in days for action in actions
    )


def is_worthwhile(brain: Brain, market: Market, rows: range, scheduled: BoolArray) -> bool:
    """Whether the kernel would end before the readable loop, loading its code included.

    Raises
    ------
    QuantError
        What the strategy raises when it decides.
    """
    loop = session_loop(brain.margin)
    if loop.is_loaded:
        return True
    work = _work(brain.strategy, market, rows, scheduled)
    if work < WORTH_LOADING:
        return False
    return work >= WORTH_COMPILING or loop.is_on_disk


def _work(strategy: BaseStrategy, market: Market, rows: range, scheduled: BoolArray) -> int:
    """Positions to be marked and orders to be filled, if every target is as long as the last."""
    due = np.flatnonzero(scheduled)
    last = rows.start + int(due[-1]) - 1 if len(due) else rows.start - 1
    answer = strategy.decide(market.view(last), UnreadBook.__new__(UnreadBook))
    names = len(answer.weights) if isinstance(answer, Weights) else 0
    return names * (len(rows) + UNITS_A_TRADE * len(due))


def _fits(action: Action) -> bool:
    """Whether the kernel can hold the numbers of an action."""
    match action:
        case Dividend(amount_micros=amount, pay_row=row):
            return amount <= LARGEST_AMOUNT and abs(row) <= LARGEST_AMOUNT
        case Rights(ratio=ratio, price_micros=price):
            return ratio <= LARGEST_RATIO and price <= LARGEST_AMOUNT
        case Split(ratio=ratio):
            return 1 / LARGEST_RATIO <= ratio <= LARGEST_RATIO
        case Rename():
            return True


def known_answers(
    strategy: BaseStrategy,
    market: Market,
    rows: range,
    scheduled: BoolArray,
    progress: Callable[[int, int], None] | None = None,
) -> list[Target | None]:
    """The decision for each session of the run, None where none is due, without a book.

    Raises
    ------
    StrategyError
        If the strategy reads the book after all, or refuses to decide.
    """
    unread = UnreadBook.__new__(UnreadBook)
    answers: list[Target | None] = []
    for number, row in enumerate(rows):
        due = number == 0 or bool(scheduled[number])
        answers.append(strategy.decide(market.view(row - 1), unread) if due else None)
        if progress is not None:
            progress(number + 1, len(rows))
    return answers


def trade_compiled(
    brain: Brain,
    market: Market,
    rows: range,
    answers: Sequence[Target | None],
    capital_micros: int,
) -> CompiledRun | None:
    """Trade the rows; None = the readable loop must."""
    decided = tuple(answer for answer in answers if answer is not None)
    targets = target_arrays(market, answers, brain)
    fees = fee_tables(brain.execution.commission, market, rows)
    if targets is None or fees is None:
        return None
    account = account_of(brain, market, fees, rows, record=True)
    acts, actions = action_arrays(market, brain.execution.lot)
    arrays, loop = market_arrays(market), session_loop(brain.margin)
    book = first_book(brain, market, capital_micros, actions)
    shape = len(rows), len(market.panel.axes.symbols)
    log = _first_log(targets, *shape, pays_daily=brain.margin.allowed)
    while (ended := loop(account, arrays, actions, targets, book, log)) == execution.FULL:
        log = longer_log(log)
    if ended == execution.REPLAY:
        return None
    return CompiledRun(book, log, decided, acts)


def _first_log(
    targets: TargetArrays, sessions: int, symbols: int, *, pays_daily: bool
) -> LogArrays:
    """Room for a usual run: every name of every decision bought and sold, and held between.

    A book that may be short pays for what it borrows in every session.
    """
    most = int(np.diff(targets.start).max(initial=0))
    orders = 2 * len(targets.column) + symbols + 64
    held, events = sessions * most + symbols + 64, 4 * symbols + 256
    return empty_log(sessions, orders, held, events + held if pays_daily else events)
