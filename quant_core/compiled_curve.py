"""The compiled loop for its curve alone: many runs of one market, without their records."""

from __future__ import annotations

from dataclasses import dataclass, field

from quant_core.compiled_backtest import action_arrays, fee_tables, market_arrays, terms_of
from quant_core.foundation.types import FloatArray, IntArray
from quant_core.market import Market
from quant_core.numerics import execution
from quant_core.numerics.execution_arrays import (
    ActionArrays,
    MarketArrays,
    TargetArrays,
    empty_log,
    opening_book,
)
from quant_core.numerics.execution_book import DIVIDEND
from quant_core.trading.fees import CommissionModel
from quant_core.trading_day import Brain

Fees = tuple[FloatArray, IntArray]


@dataclass(slots=True)
class Course:
    """What runs of one market and window share, made when it is first needed."""

    market: MarketArrays | None = None
    actions: dict[int, ActionArrays] = field(default_factory=dict[int, ActionArrays])
    fees: dict[CommissionModel, Fees | None] = field(
        default_factory=dict[CommissionModel, Fees | None]
    )


Run = tuple[range, TargetArrays, int]
"""Rows, targets and starting capital of a run."""


def curve_of(course: Course, brain: Brain, market: Market, run: Run) -> IntArray | None:
    """Equity, cash, receivable, value traded and costs by session; None = not for the kernel.

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
    log = empty_log(len(rows), 0, 0, 0)
    terms = terms_of(brain, fees, rows, record=False)
    ended = execution.trade(terms, course.market, actions, targets, book, log)
    return log.curve if ended == execution.DONE else None
