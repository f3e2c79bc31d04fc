"""The compiled backtest: targets first, then the session loop as one kernel.

1. :func:`accepts` - whether the readable loop may be replaced; :func:`is_worthwhile` -
   whether that is quicker.
2. :func:`known_answers` - every decision of the run, before any of it is traded.
3. :func:`trade_compiled` - :func:`~quant_core.numerics.execution.trade` over arrays.
4. :mod:`quant_core.compiled_history` - the same
   :class:`~quant_core.trading.history.RunHistory` as the readable loop makes.

A strategy whose targets depend on the book, and a long-short book, are left to the readable
loop of :mod:`quant_core.backtest_engine`; so is whatever the kernel hands back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from quant_core.foundation.errors import StrategyError
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.foundation.settings import StrategySettings
from quant_core.foundation.types import BoolArray, FloatArray, IntArray
from quant_core.market import Market
from quant_core.numerics import execution
from quant_core.numerics.execution_arrays import (
    ActionArrays,
    BookArrays,
    Impact,
    LogArrays,
    MarketArrays,
    Rules,
    TargetArrays,
    Terms,
    empty_log,
    longer_log,
    opening_book,
)
from quant_core.numerics.execution_book import DIVIDEND, RENAME, RIGHTS, SPLIT
from quant_core.risk.breakers import RiskRules, cap_weights
from quant_core.strategies import STRATEGIES, BaseStrategy
from quant_core.trading.account import Book
from quant_core.trading.actions import Action, Dividend, Rename, Rights, Split
from quant_core.trading.fees import FREE, CommissionModel, FeeColumns, FeeSchedule
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.impact import ImpactModel
from quant_core.trading.target import Flat, Hold, Target, Weights
from quant_core.trading_day import Brain

Number = TypeVar("Number", bound=np.generic)

NO_IMPACT = ImpactModel("none")
LARGEST_EXACT = 2.0**53
"""Whole numbers up to it are exact as float64."""
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


def compile_ahead() -> None:
    """Compile the session loop and keep its machine code; a moment where that is done already.

    It takes half a minute once for each state of the sources. Until then a backtest runs
    readably, unless it is so large that compiling pays at once.
    """
    brain, market = smallest_world()
    trade_compiled(brain, market, range(1, 2), [Weights({"A": 1.0})], 1_000_000)


def smallest_world() -> tuple[Brain, Market]:
    """One name through two sessions, and whoever may trade it: enough to compile with."""
    axes = Axes(np.arange("2024-01-01", "2024-01-03", dtype="datetime64[D]"), ("A",))
    table = np.ones(axes.shape)
    rules = ExecutionRules(0.0, 0.0, 1, None, 0.0, FREE)
    strategy = STRATEGIES.get("equal_weight")(StrategySettings.model_construct())
    panel = MarketPanel(axes, table, table, table, table > 0.0)
    return Brain(strategy, rules, RiskRules()), Market(panel, {})


def accepts(brain: Brain, market: Market) -> bool:
    """Whether the kernel may trade for ``brain`` on ``market``.

    The book is long only, the strategy does not read it, and every number of the market
    fits the kernel.
    """
    days = [market.actions(row) for row in market.facts.actions]
    return (
        not brain.margin.allowed
        and not brain.strategy.reads_book
        and all(_fits(action) for actions in days for action in actions)
    )


def is_worthwhile(
    strategy: BaseStrategy, market: Market, rows: range, scheduled: BoolArray
) -> bool:
    """Whether the kernel would end before the readable loop, loading its code included.

    Raises
    ------
    QuantError
        What the strategy raises when it decides.
    """
    if execution.trade.is_loaded:
        return True
    work = _work(strategy, market, rows, scheduled)
    if work < WORTH_LOADING:
        return False
    return work >= WORTH_COMPILING or execution.trade.is_on_disk


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
    targets = target_arrays(market, answers, brain.risk.max_pos_weight)
    fees = fee_tables(brain.execution.commission, market, rows)
    if targets is None or fees is None:
        return None
    terms = terms_of(brain, fees, rows, record=True)
    acts, actions = action_arrays(market, brain.execution.lot)
    arrays = market_arrays(market)
    dividends = int((actions.kind == DIVIDEND).sum())
    book = opening_book(capital_micros, len(market.panel.axes.symbols), dividends)
    log = _first_log(targets, len(rows), len(market.panel.axes.symbols))
    while (ended := execution.trade(terms, arrays, actions, targets, book, log)) == execution.FULL:
        log = longer_log(log)
    if ended == execution.REPLAY:
        return None
    return CompiledRun(book, log, decided, acts)


def market_arrays(market: Market) -> MarketArrays:
    """The panels and facts of a market as the kernel reads them; nothing large is copied."""
    panel, facts = market.panel, market.facts
    columns = {symbol: i for i, symbol in enumerate(panel.axes.symbols)}
    rows, width = panel.axes.shape
    splits = sorted(
        (columns[action.symbol], row, place, action.ratio)
        for row in facts.actions
        for place, action in enumerate(market.actions(row))
        if isinstance(action, Split)
    )
    gone = [
        (row, columns[symbol])
        for row, symbols in market.delisted_rows.items()
        for symbol in symbols
        if symbol in columns and 0 <= row < rows
    ]
    nothing = np.empty((0, width))
    return MarketArrays(
        price=_read_only(market.price),
        close=_read_only(panel.close),
        volume=_read_only(panel.volume),
        member=_read_only(panel.member),
        locked=_read_only(np.empty((0, width), np.int8) if facts.locked is None else facts.locked),
        volatility=_read_only(nothing if facts.volatility is None else facts.volatility),
        average_volume=_read_only(
            nothing if facts.average_volume is None else facts.average_volume
        ),
        split_start=_starts([split[0] for split in splits], width),
        split_row=_whole([split[1] for split in splits]),
        split_ratio=np.array([split[3] for split in splits], dtype=np.float64),
        delisted_start=_starts([row for row, _ in gone], rows),
        delisted=_whole([column for _, column in gone]),
    )


def action_arrays(market: Market, lot: int) -> tuple[tuple[Action, ...], ActionArrays]:
    """The actions of names of the market in the order of their rows, as values and as arrays."""
    columns = {symbol: i for i, symbol in enumerate(market.panel.axes.symbols)}
    rows = len(market.panel.axes.sessions)
    placed = [
        (row, action)
        for row in sorted(market.facts.actions)
        for action in market.actions(row)
        if 0 <= row < rows
    ]
    acts = tuple(action for _, action in placed)
    numbers = [_numbers(action, columns, lot) for action in acts]
    arrays = ActionArrays(
        start=_starts([row for row, _ in placed], rows),
        kind=_whole([number[0] for number in numbers]),
        column=_whole([columns[action.symbol] for action in acts]),
        ratio=np.array([number[1] for number in numbers], dtype=np.float64),
        amount=_whole([number[2] for number in numbers]),
        other=_whole([number[3] for number in numbers]),
    )
    return acts, arrays


def _numbers(action: Action, columns: dict[str, int], lot: int) -> tuple[int, float, int, int]:
    """Kind, ratio, amount and the other number of an action."""
    match action:
        case Dividend(amount_micros=amount, pay_row=row):
            return DIVIDEND, 0.0, amount, row
        case Rights(ratio=ratio, price_micros=price):
            return RIGHTS, ratio, price, 0
        case Split(ratio=ratio):
            return SPLIT, ratio, 0, lot
        case Rename(successor=successor):
            return RENAME, 0.0, 0, columns[successor]


def fee_tables(
    model: CommissionModel, market: Market, rows: range
) -> tuple[FloatArray, IntArray] | None:
    """The schedules of a model, and which one holds in each session of a run.

    None = a fee is too large to be exact as float64.
    """
    schedules = [model.on(market.session(row)) for row in rows]
    different = list({id(schedule): schedule for schedule in schedules}.values())
    place = {id(schedule): i for i, schedule in enumerate(different)}
    if not all(_exact(schedule) for schedule in different):
        return None
    tables = np.array([schedule.as_array() for schedule in different])
    return tables, _whole([place[id(schedule)] for schedule in schedules])


def terms_of(
    brain: Brain, fees: tuple[FloatArray, IntArray], rows: range, *, record: bool
) -> Terms:
    """The rules as numbers, with the :func:`fee_tables` of their commission."""
    rules, risk = brain.execution, brain.risk
    numbers = Rules(
        impact=Impact(*(rules.impact or NO_IMPACT).as_array().tolist()),
        has_impact=rules.impact is not None,
        cash_buffer=float(rules.cash_buffer),
        slippage=float(rules.slippage),
        lot=rules.lot,
        participation_cap=_or_nan(rules.participation_cap),
        delisting_return=float(rules.delisting_return),
        sells_next_session=rules.sells_next_session,
        stop_loss=_or_nan(risk.stop_loss_pct),
        max_drawdown=_or_nan(risk.max_drawdown_pct),
        cooldown=-1 if risk.breaker_cooldown is None else risk.breaker_cooldown,
        first=rows.start,
        total=len(rows),
        record=record,
    )
    return Terms(numbers, *fees)


def _exact(schedule: FeeSchedule) -> bool:
    table, at = schedule.as_array(), FeeColumns()
    amounts = table[:, [at.per_share, at.minimum, at.maximum]]
    return bool(np.all((amounts <= LARGEST_EXACT) | np.isinf(amounts)))


def target_arrays(
    market: Market, answers: Sequence[Target | None], max_pos_weight: float | None
) -> TargetArrays | None:
    """The decisions as arrays; None where one is short or names a symbol that is not there."""
    columns = {symbol: i for i, symbol in enumerate(market.panel.axes.symbols)}
    decision: list[int] = []
    kinds: list[int] = []
    lengths, named = [0], list[int]()
    weights: list[float] = []
    for answer in answers:
        decision.append(len(kinds) if answer is not None else -1)
        match answer:
            case None:
                continue
            case Hold():
                kinds.append(execution.HOLD)
            case Flat():
                kinds.append(execution.FLAT)
            case Weights(weights=wanted, short=short):
                kinds.append(execution.WEIGHTS)
                if short or not all(symbol in columns for symbol in wanted):
                    return None
                capped = cap_weights(dict(wanted), max_pos_weight)
                pairs = sorted((columns[symbol], weight) for symbol, weight in capped.items())
                named += [column for column, _ in pairs]
                weights += [weight for _, weight in pairs]
        lengths.append(len(named))
    return TargetArrays(
        _whole(decision),
        _whole(kinds),
        _whole(lengths),
        _whole(named),
        np.array(weights, dtype=float),
    )


def _first_log(targets: TargetArrays, sessions: int, symbols: int) -> LogArrays:
    """Room for a usual run: every name of every decision bought and sold, and held between."""
    most = int(np.diff(targets.start).max(initial=0))
    orders = 2 * len(targets.column) + symbols + 64
    return empty_log(sessions, orders, sessions * most + symbols + 64, 4 * symbols + 256)


def _starts(keys: list[int], length: int) -> IntArray:
    """Where each key begins in the ascending ``keys``, one entry more than there are keys."""
    return np.searchsorted(_whole(keys), np.arange(length + 1)).astype(np.int64)


def _whole(numbers: Sequence[int]) -> IntArray:
    return np.array(numbers, dtype=np.int64)


def _or_nan(number: float | None) -> float:
    return math.nan if number is None else float(number)


def _read_only(values: NDArray[Number]) -> NDArray[Number]:
    """A read-only row-by-row view, so that the kernel is compiled for one kind of array."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view
