"""One combination traded: its curve, and the numbers of it that a table compares.

1. :class:`World` - the market that trials share, and what makes a trial of settings.
2. :func:`run_trial` - targets, the compiled session loop, metrics.

The loop, the ledger and the metrics are those of a single run: a trial ends with the very same
equity. What the compiled loop does not take is traded by
:func:`~quant_core.backtest_engine.run_backtest`, as a single run is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from quant_core.backtest_engine import RunWindow, run_backtest
from quant_core.compiled_arrays import target_arrays
from quant_core.compiled_backtest import accepts, known_answers
from quant_core.compiled_curve import Course, Curve, curve_of
from quant_core.compiled_history import REASONS
from quant_core.foundation.errors import InvariantBroken, QuantError
from quant_core.foundation.settings import Settings
from quant_core.foundation.types import BoolArray, IntArray
from quant_core.market import Market
from quant_core.numerics.execution_arrays import TargetArrays
from quant_core.performance.curve import run_curve
from quant_core.performance.drawdowns import drawdown_path
from quant_core.performance.implementation_costs import (
    annual_turnover,
    equity_before,
    session_turnover,
)
from quant_core.performance.ratios import annual_volatility, calmar_ratio, sharpe_ratio
from quant_core.performance.returns import per_period_rate
from quant_core.performance.sharpe_inference import SharpeSample
from quant_core.strategies.rules import LinearStrategy
from quant_core.sweeps.rankings import Rankings
from quant_core.trading.orders import OrderStatus, Reason
from quant_core.trading_day import Brain

PERIODS_PER_YEAR = 252
DONE, REFUSED, FAILED = "done", "refused", "failed"
"""How a combination ended: traded, unusable settings, an error of the program."""

Row = dict[str, str | int | float | None]
"""One line of the table of a sweep."""

METRICS = (
    "final_equity_micros",
    "total_return",
    "cagr",
    "annual_volatility",
    "sharpe",
    "max_drawdown",
    "calmar",
    "annual_turnover",
    "total_costs_micros",
    "orders_filled",
    "orders_truncated",
)
"""Numbers of a trial, in the order of the table; money in micros is exact."""

SAMPLE = ("session_sharpe", "skewness", "kurtosis", "observations")
"""What the deflated Sharpe ratio of a trial needs."""

BUGS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a strategy with a mistake in it raises: it ends its own combination, not the sweep."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a combination trades with."""

    brain: Brain
    scheduled: BoolArray
    capital_micros: int
    risk_free_rate: float


@dataclass(frozen=True, slots=True)
class World:
    """The market of trials, and how settings become a trial of it."""

    market: Market
    window: RunWindow
    to_trial: Callable[[Settings], Trial]
    rankings: Rankings = field(default_factory=Rankings)
    course: Course = field(default_factory=Course)


def run_trial(world: World, settings: Settings) -> Row:
    """The numbers of one combination; a refusal or a failure is a row like any other."""
    try:
        trial = world.to_trial(settings)
        outcome = _compiled(world, trial)
        if outcome is None:
            outcome = _readable(world, trial)
        return {"status": DONE, "error": None, **_numbers(world, trial, outcome)}
    except InvariantBroken as error:
        return without_numbers(FAILED, str(error))
    except QuantError as error:
        return without_numbers(REFUSED, str(error))
    except BUGS as error:
        return without_numbers(FAILED, f"{type(error).__name__}: {error}")


def without_numbers(status: str, error: str) -> Row:
    """The row of a combination that could not be traded."""
    return {"status": status, "error": error, **dict.fromkeys((*METRICS, *SAMPLE))}


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Money by session as in :class:`~quant_core.compiled_curve.Curve`, and orders counted."""

    money: IntArray
    filled: int
    truncated: int


def _compiled(world: World, trial: Trial) -> _Outcome | None:
    """The outcome by the kernel; None = not for it."""
    brain, market = trial.brain, world.market
    if not accepts(brain, market):
        return None
    rows = range(world.window.first, world.window.last + 1)
    targets = _targets(world, trial, rows)
    if targets is None:
        return None
    curve = curve_of(world.course, brain, market, (rows, targets, trial.capital_micros))
    return None if curve is None else _counted(curve)


def _counted(curve: Curve) -> _Outcome:
    ended = dict(zip(REASONS, curve.reasons.tolist(), strict=True))
    cut = [count for reason, count in ended.items() if reason.startswith(OrderStatus.TRUNCATED)]
    return _Outcome(curve.money, ended[Reason.NONE], sum(cut))


def _targets(world: World, trial: Trial, rows: range) -> TargetArrays | None:
    strategy, cap = trial.brain.strategy, trial.brain.risk.max_pos_weight
    if type(strategy) is LinearStrategy and strategy.holds_equal_shares:
        return world.rankings.targets(strategy, world.market, rows, trial.scheduled, cap)
    try:
        answers = known_answers(strategy, world.market, rows, trial.scheduled)
    except QuantError:
        return None  # only the readable loop knows whether this decision is asked for
    return target_arrays(world.market, answers, trial.brain)


def _readable(world: World, trial: Trial) -> _Outcome:
    history = run_backtest(
        trial.brain, world.market, world.window, trial.scheduled, trial.capital_micros
    )
    traded, costs = history.traded_and_costs_micros()
    parts = (history.equity_micros, history.cash_micros, history.receivable_micros)
    ended = [order.status for order in history.orders]
    return _Outcome(
        np.column_stack([*parts, traded, costs]),
        ended.count(OrderStatus.FILLED),
        ended.count(OrderStatus.TRUNCATED),
    )


def _numbers(world: World, trial: Trial, outcome: _Outcome) -> Mapping[str, int | float | None]:
    """The metrics of an outcome, by the functions that a run's own metrics come from."""
    money, capital = outcome.money, trial.capital_micros
    equity = money[:, 0]
    sessions = world.market.panel.axes.sessions[world.window.first : world.window.last + 1]
    rate = per_period_rate(trial.risk_free_rate, periods_per_year=PERIODS_PER_YEAR)
    own = run_curve(sessions, equity, capital, rate=rate, periods_per_year=PERIODS_PER_YEAR)
    turnover = session_turnover(money[:, 3] / 1e6, equity_before(equity / 1e6, capital / 1e6))
    depth = float(drawdown_path(own.values, starting_value=own.starting_value).min())
    sample = SharpeSample.of(own.returns, risk_free=rate)
    numbers: dict[str, int | float] = {
        "final_equity_micros": int(equity[-1]),
        "total_return": own.growth - 1.0,
        "cagr": own.annual_growth,
        "annual_volatility": annual_volatility(own.returns, periods_per_year=PERIODS_PER_YEAR),
        "sharpe": sharpe_ratio(own.returns, risk_free=rate, periods_per_year=PERIODS_PER_YEAR),
        "max_drawdown": depth,
        "calmar": calmar_ratio(annual_return=own.annual_growth, maximum_drawdown=depth),
        "annual_turnover": annual_turnover(
            turnover, periods_per_year=PERIODS_PER_YEAR, one_way=True
        ),
        "total_costs_micros": int(money[:, 4].sum()),
        "orders_filled": outcome.filled,
        "orders_truncated": outcome.truncated,
        "session_sharpe": sample.ratio,
        "skewness": sample.skewness,
        "kurtosis": sample.kurtosis,
        "observations": sample.observations,
    }
    return {name: _known(value) for name, value in numbers.items()}


def _known(value: float) -> int | float | None:
    """A number of a table: what does not exist is None."""
    if isinstance(value, int):
        return value
    return float(value) if np.isfinite(value) else None
