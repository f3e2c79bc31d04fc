"""A market, its rules and the decisions of a run as the arrays that the kernel reads.

Nothing of the readable loop is decided here: the same facts, laid out by row and column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from quant_core.foundation.errors import StrategyError
from quant_core.foundation.types import FloatArray, IntArray
from quant_core.market import Market
from quant_core.numerics import execution
from quant_core.numerics.execution_arrays import (
    Account,
    ActionArrays,
    BookArrays,
    Impact,
    Lending,
    MarketArrays,
    Rules,
    TargetArrays,
    Terms,
    opening_book,
)
from quant_core.numerics.execution_book import DIVIDEND, LARGEST, RENAME, RIGHTS, SPLIT
from quant_core.risk.breakers import cap_weights
from quant_core.risk.margin import MarginRules, check_exposure
from quant_core.trading.actions import Action, Dividend, Rename, Rights, Split
from quant_core.trading.fees import CommissionModel, FeeColumns, FeeSchedule
from quant_core.trading.impact import ImpactModel
from quant_core.trading.target import Flat, Hold, Target, Weights
from quant_core.trading_day import Brain

Number = TypeVar("Number", bound=np.generic)

NO_IMPACT = ImpactModel("none")
LARGEST_EXACT = 2.0**53
"""Whole numbers up to it are exact as float64."""

Fees = tuple[FloatArray, IntArray]
"""Schedules [schedules, fees, 8], and which one holds in each session of a run."""


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


def fee_tables(model: CommissionModel, market: Market, rows: range) -> Fees | None:
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


def account_of(brain: Brain, market: Market, fees: Fees, rows: range, *, record: bool) -> Account:
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
    return Account(Terms(numbers, *fees), _lending(brain.margin, market))


def _lending(margin: MarginRules, market: Market) -> Lending | None:
    """The margin account, None for a book that may not be short."""
    if not margin.allowed:
        return None
    axes, facts = market.panel.axes, market.facts
    nothing = np.empty((0, len(axes.symbols)))
    return Lending(
        initial=float(margin.initial),
        maintenance=float(margin.maintenance),
        debit_rate=float(margin.debit_rate),
        borrow_rate=float(facts.borrow_rate),
        borrow=_read_only(nothing if facts.borrow is None else facts.borrow),
        days=axes.sessions.astype("datetime64[D]").astype(np.int64),
    )


def first_book(
    brain: Brain, market: Market, capital_micros: int, actions: ActionArrays
) -> BookArrays:
    """The book before the run; one that may be short may owe cash."""
    return opening_book(
        capital_micros,
        len(market.panel.axes.symbols),
        int((actions.kind == DIVIDEND).sum()),
        least_cash=-LARGEST if brain.margin.allowed else 0,
    )


def _exact(schedule: FeeSchedule) -> bool:
    table, at = schedule.as_array(), FeeColumns()
    amounts = table[:, [at.per_share, at.minimum, at.maximum]]
    return bool(np.all((amounts <= LARGEST_EXACT) | np.isinf(amounts)))


def target_arrays(
    market: Market, answers: Sequence[Target | None], brain: Brain
) -> TargetArrays | None:
    """The decisions as arrays; None where one names an unknown symbol."""
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
            case Weights(weights=wanted) as target:
                if not wanted.keys() <= columns.keys():
                    return None
                allowed = _is_allowed(target, brain.margin)
                kinds.append(execution.WEIGHTS if allowed else execution.REFUSED)
                capped = cap_weights(dict(wanted), brain.risk.max_pos_weight)
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


def _is_allowed(target: Weights, margin: MarginRules) -> bool:
    """Whether the account allows a target, should it be asked for."""
    try:
        check_exposure(target, margin)
    except StrategyError:
        return False
    return True


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
