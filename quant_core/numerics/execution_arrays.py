"""The arrays of the compiled session loop: the market, the terms, the targets, the book, the log.

Rows are sessions of the dataset, ``number`` counts the sessions of the run. A column stands for
a symbol; symbols ascend, so that ascending columns are ascending symbols. Money is int64 micros.
What is one number of the book is an array of length 1, so that kernels can change it.

The names of the fields are part of the type that machine code is kept under: a field added or
renamed compiles anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant_core.foundation.types import BoolArray, FloatArray, FloatMatrix, IntArray


class MarketArrays(NamedTuple):
    """Prices and facts, [sessions, symbols]; a panel that is not known has no rows.

    ``split_*`` are all splits in the order of their columns, ``delisted`` the columns whose
    last session is a row.
    """

    price: FloatMatrix
    close: FloatMatrix
    volume: FloatMatrix
    member: BoolArray
    locked: NDArray[np.int8]
    volatility: FloatMatrix
    average_volume: FloatMatrix
    split_start: IntArray
    split_row: IntArray
    split_ratio: FloatArray
    delisted_start: IntArray
    delisted: IntArray


class ActionArrays(NamedTuple):
    """Corporate actions by row; ``kind`` is one of the constants of the kernels.

    ``amount`` is a dividend or a subscription price in micros, ``other`` the row of a payment
    or the column of a successor.
    """

    start: IntArray
    kind: IntArray
    column: IntArray
    ratio: FloatArray
    amount: IntArray
    other: IntArray


class Terms(NamedTuple):
    """How orders execute and what stops them; NaN and -1 switch a rule off.

    ``fees`` is [schedules, fees, 8] and ``fee_of`` the schedule of each session of the run.
    ``first`` is the row of the first session, ``total`` the number of sessions; ``record``
    says whether orders, positions and events are kept.
    """

    fees: FloatArray
    fee_of: IntArray
    impact: FloatArray
    has_impact: bool
    cash_buffer: float
    slippage: float
    lot: int
    participation_cap: float
    delisting_return: float
    sells_next_session: bool
    stop_loss: float
    max_drawdown: float
    cooldown: int
    first: int
    total: int
    record: bool


class TargetArrays(NamedTuple):
    """Decisions by number: ``decision`` of each session (-1 = not scheduled), then by decision.

    Columns of a decision ascend; weights are already cut to their cap.
    """

    decision: IntArray
    kind: IntArray
    start: IntArray
    column: IntArray
    weight: FloatArray


class BookArrays(NamedTuple):
    """The book and its waiting orders; arrays of one entry a symbol unless they are lists.

    ``held`` and ``fractional`` are lists of columns, ascending; ``entitled_*`` the list of
    dividends not yet paid; ``order_*`` the orders of the next open.
    """

    cash: IntArray
    audited: IntArray
    flows: IntArray
    equity: IntArray
    receivable: IntArray
    peak: IntArray
    flat_from: IntArray
    number: IntArray
    failed: IntArray
    shares: IntArray
    cost: FloatArray
    mark: IntArray
    marked: BoolArray
    bought: IntArray
    stopped: BoolArray
    held: IntArray
    held_count: IntArray
    fraction: FloatArray
    fractional: IntArray
    fractional_count: IntArray
    entitled_column: IntArray
    entitled_amount: IntArray
    entitled_row: IntArray
    entitled_count: IntArray
    order_column: IntArray
    order_buys: BoolArray
    order_requested: IntArray
    order_weight: FloatArray
    order_signal: IntArray
    order_refusal: IntArray
    order_count: IntArray
    turn: IntArray
    spare: IntArray


class LogArrays(NamedTuple):
    """What a run leaves behind.

    ``curve`` is [sessions, 5]: equity, cash, receivable, value traded, costs. ``orders``
    has the columns of :class:`OrderColumns`, ``positions`` number, column, shares, mark and
    whether it is stale, ``events`` row, kind, column, two numbers, cash flow and the index of
    the corporate action.
    """

    curve: IntArray
    orders: IntArray
    order_count: IntArray
    positions: IntArray
    position_cost: FloatArray
    position_count: IntArray
    events: IntArray
    event_cost: FloatArray
    event_count: IntArray


class OrderColumns(NamedTuple):
    """Positions in a row of ``LogArrays.orders``; fill price and commission are 0 without one."""

    number: int = 0
    column: int = 1
    buys: int = 2
    requested: int = 3
    filled: int = 4
    reason: int = 5
    signal: int = 6
    raw: int = 7
    cash: int = 8
    price: int = 9
    commission: int = 10


class Quoted(NamedTuple):
    """What an order meets: the numbers of one name in one session."""

    price: float
    volume: float
    locked: int
    volatility: float
    average_volume: float


def opening_book(capital_micros: int, symbols: int, dividends: int) -> BookArrays:
    """A book of cash alone with room for ``symbols`` and for ``dividends`` not yet paid."""

    def one(value: int) -> IntArray:
        return np.array([value], dtype=np.int64)

    def whole(length: int = symbols) -> IntArray:
        return np.zeros(length, dtype=np.int64)

    return BookArrays(
        cash=one(capital_micros),
        audited=one(capital_micros),
        flows=one(0),
        equity=one(capital_micros),
        receivable=one(0),
        peak=one(capital_micros),
        flat_from=one(-1),
        number=one(0),
        failed=one(0),
        shares=whole(),
        cost=np.zeros(symbols),
        mark=whole(),
        marked=np.zeros(symbols, dtype=np.bool_),
        bought=whole(),
        stopped=np.zeros(symbols, dtype=np.bool_),
        held=whole(),
        held_count=one(0),
        fraction=np.full(symbols, np.nan),
        fractional=whole(),
        fractional_count=one(0),
        entitled_column=whole(dividends),
        entitled_amount=whole(dividends),
        entitled_row=whole(dividends),
        entitled_count=one(0),
        order_column=whole(),
        order_buys=np.zeros(symbols, dtype=np.bool_),
        order_requested=whole(),
        order_weight=np.zeros(symbols),
        order_signal=whole(),
        order_refusal=whole(),
        order_count=one(0),
        turn=whole(),
        spare=whole(),
    )


def empty_log(sessions: int, orders: int, positions: int, events: int) -> LogArrays:
    """A log with room for so many rows."""

    def one() -> IntArray:
        return np.zeros(1, dtype=np.int64)

    return LogArrays(
        curve=np.zeros((sessions, 5), dtype=np.int64),
        orders=np.empty((orders, len(OrderColumns())), dtype=np.int64),
        order_count=one(),
        positions=np.empty((positions, 5), dtype=np.int64),
        position_cost=np.empty(positions),
        position_count=one(),
        events=np.empty((events, 7), dtype=np.int64),
        event_cost=np.empty(events),
        event_count=one(),
    )
