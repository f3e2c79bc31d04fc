"""The compiled loop for many runs of one market: money by session and counts of orders.

What runs share is made once and kept in a :class:`Course`, the log among it: a run leaves no
history behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from quant_core.compiled_backtest import action_arrays, fee_tables, market_arrays, terms_of
from quant_core.foundation.types import FloatArray, IntArray
from quant_core.market import Market
from quant_core.numerics import execution
from quant_core.numerics.execution_arrays import (
    ActionArrays,
    LogArrays,
    MarketArrays,
    TargetArrays,
    column_of,
    empty_log,
    longer_log,
    opening_book,
    table_of,
    written_rows,
)
from quant_core.numerics.execution_book import DIVIDEND
from quant_core.trading.fees import CommissionModel
from quant_core.trading_day import Brain

Fees = tuple[FloatArray, IntArray]

ORDERS, POSITIONS, EVENTS = 1 << 12, 1 << 14, 1 << 10
"""Room of a log in the beginning; it grows with the runs."""


@dataclass(slots=True)
class Course:
    """What runs of one market and window share, made when it is first needed."""

    market: MarketArrays | None = None
    actions: dict[int, ActionArrays] = field(default_factory=dict[int, ActionArrays])
    fees: dict[CommissionModel, Fees | None] = field(
        default_factory=dict[CommissionModel, Fees | None]
    )
    log: LogArrays | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Money and orders of a run.

    Attributes
    ----------
    money : int64 [sessions, 5]
        Equity, cash, receivable, value traded, and costs of each session, in micros.
    reasons : int64 [orders]
        Why each order was not filled in full, by the numbers of
        :mod:`quant_core.numerics.execution_fills`; 0 = it was.
    """

    money: IntArray
    reasons: IntArray


Run = tuple[range, TargetArrays, int]
"""Rows, targets and starting capital of a run."""


def curve_of(course: Course, brain: Brain, market: Market, run: Run) -> Curve | None:
    """Trade a run; None = only the readable loop can.

    Parameters
    ----------
    course : Course
        Kept between runs of one market and window.
    brain : Brain
        The strategy in it is not asked.
    market : Market
        Prices and facts.
    run : Run
        Rows, targets, and the starting capital in micros.
    """
    rows, targets, capital_micros = run
    model, lot = brain.execution.commission, brain.execution.lot
    if model not in course.fees:
        course.fees[model] = fee_tables(model, market, rows)
    if lot not in course.actions:
        course.actions[lot] = action_arrays(market, lot)[1]
    if course.market is None:
        course.market = market_arrays(market)
    fees, actions = course.fees[model], course.actions[lot]
    if fees is None:
        return None
    dividends = int((actions.kind == DIVIDEND).sum())
    book = opening_book(capital_micros, len(market.panel.axes.symbols), dividends)
    terms = terms_of(brain, fees, rows, record=True)
    log = _emptied(course.log, len(rows), len(market.panel.axes.symbols))
    course.log = log
    while (
        ended := execution.trade(terms, course.market, actions, targets, book, log)
    ) == execution.FULL:
        course.log = log = longer_log(log)
    if ended != execution.DONE:
        return None
    written, _, _ = written_rows(log)
    return Curve(log.curve.copy(), column_of(log.orders, "reason", written))


def _emptied(log: LogArrays | None, sessions: int, symbols: int) -> LogArrays:
    """The log of an earlier run, ready for the next one."""
    if log is None:
        return empty_log(sessions, ORDERS + symbols, POSITIONS + symbols, EVENTS + 4 * symbols)
    counts = table_of(log.counts, 1)
    counts[:] = np.zeros_like(counts)
    log.curve[:] = 0
    return log
