"""The compiled loop for many runs of one market: money by session and counts of orders.

What runs share is made once and kept in a :class:`Course`; a run leaves no history behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from quant_core.compiled_arrays import (
    Fees,
    account_of,
    action_arrays,
    fee_tables,
    first_book,
    market_arrays,
    target_arrays,
)
from quant_core.compiled_backtest import session_loop, smallest_world
from quant_core.foundation.types import IntArray
from quant_core.market import Market
from quant_core.numerics import execution
from quant_core.numerics.execution_arrays import (
    ActionArrays,
    MarketArrays,
    TargetArrays,
    empty_log,
)
from quant_core.risk.margin import LONG_ONLY, MarginRules
from quant_core.trading.fees import CommissionModel
from quant_core.trading.target import Weights
from quant_core.trading_day import Brain

Number = TypeVar("Number", bound=np.generic)


def compile_ahead(margin: MarginRules = LONG_ONLY) -> None:
    """Compile the loop for many runs and keep its machine code, as for a single run."""
    brain, market = smallest_world(margin)
    targets = target_arrays(market, [Weights({"A": 1.0})], brain)
    if targets is not None:
        curve_of(Course(), brain, market, (range(1, 2), targets, 1_000_000))


@dataclass(slots=True)
class Course:
    """What runs of one market and window share, made when it is first needed."""

    market: MarketArrays | None = None
    actions: dict[int, ActionArrays] = field(default_factory=dict[int, ActionArrays])
    fees: dict[CommissionModel, Fees | None] = field(
        default_factory=dict[CommissionModel, Fees | None]
    )


@dataclass(frozen=True, slots=True)
class Curve:
    """Money and orders of a run.

    Attributes
    ----------
    money : int64 [sessions, 5]
        Equity, cash, receivable, value traded, and costs of each session, in micros.
    reasons : int64 [13]
        Orders counted by why they were not filled in full, in the order of the numbers of
        :mod:`quant_core.numerics.execution_arrays`; at 0 those that were.
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
        course.market = _by_name(market_arrays(market))
    fees, actions = course.fees[model], course.actions[lot]
    if fees is None:
        return None
    account = account_of(brain, market, fees, rows, record=False)
    book, log = first_book(brain, market, capital_micros, actions), empty_log(len(rows), 0, 0, 0)
    loop = session_loop(brain.margin)
    ended = loop(account, course.market, actions, targets, book, log)
    return Curve(log.curve, log.reasons) if ended == execution.DONE else None


def _by_name(market: MarketArrays) -> MarketArrays:
    """The panels laid out name by name.

    A run reads few names, each through many sessions: one line of memory then holds eight of
    them. Laying them out anew pays from the second run on.
    """

    def laid_out(values: NDArray[Number]) -> NDArray[Number]:
        turned = np.asfortranarray(values)
        turned.flags.writeable = False
        return turned

    return market._replace(
        price=laid_out(market.price),
        close=laid_out(market.close),
        volume=laid_out(market.volume),
        member=laid_out(market.member),
    )
