"""The project's own engine on a case: a scripted strategy and the ledger, nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from quant_core import __version__
from quant_core.backtest_engine import RunWindow, run_backtest
from quant_core.foundation.money import micros
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.market import Market
from quant_core.trading.history import RunHistory
from quant_core.trading.orders import OrderStatus, Side
from quant_core.trading.target import Weights
from tests.engine.market_strategies import ScriptedStrategy, brain_of
from tests.engine.reference import Rules
from tests.engines.exchange import Case, Outcome, fills_of
from tests.engines.markets import Plan


@dataclass(frozen=True)
class OwnRun:
    """A case with the orders this engine sent, what it made of them, and how many were cut."""

    case: Case
    outcome: Outcome
    unfilled: int


def run_plan(
    plan: Plan, rate: float, capital: float = 10_000_000.0, buffer: float = 0.02
) -> OwnRun:
    """Trade the weights of a plan; the orders become those of the case."""
    prices = plan.prices
    panel = MarketPanel(
        Axes(prices.sessions, tuple(prices.symbols.tolist())),
        prices.opens,
        prices.closes,
        prices.volume,
        np.ones(prices.closes.shape, dtype=np.bool_),
    )
    symbols = panel.axes.symbols

    def answer(row: int) -> Weights:
        weights = plan.weights[np.searchsorted(plan.rows, row + 1)]
        return Weights({symbols[i]: float(weights[i]) for i in np.flatnonzero(weights)})

    brain = brain_of(ScriptedStrategy(answer, panel), Rules(buffer, 0.0, rate=rate))
    last = len(prices.sessions) - 1
    scheduled = np.isin(np.arange(1, last + 1), plan.rows)
    window = RunWindow(1, last)
    history = run_backtest(brain, Market(panel, {}), window, scheduled, micros(capital))
    case = Case(
        prices.sessions,
        prices.symbols,
        prices.opens,
        prices.closes,
        prices.volume,
        plan.rows,
        np.zeros(plan.weights.shape, dtype=np.int64),
        plan.weights,
        capital,
        rate,
        buffer,
    )
    return _own_run(case, history)


def _own_run(case: Case, history: RunHistory) -> OwnRun:
    """Read orders and fills of a history by row and column."""
    row_of = {day: row for row, day in enumerate(case.sessions.tolist())}
    column_of = {symbol: i for i, symbol in enumerate(case.symbols.tolist())}
    orders = case.orders.copy()
    for order in history.orders:
        number = case.number_of(row_of[order.session])
        sign = 1 if order.side is Side.BUY else -1
        orders[number, column_of[order.symbol]] = sign * order.requested
    fills = [
        (
            row_of[fill.session],
            column_of[fill.symbol],
            fill.shares if fill.side is Side.BUY else -fill.shares,
            fill.price_micros / 1e6,
        )
        for fill in history.fills
    ]
    outcome = Outcome("quant_core", __version__, history.equity_micros / 1e6, **fills_of(fills))
    unfilled = sum(order.status is not OrderStatus.FILLED for order in history.orders)
    return OwnRun(replace(case, orders=orders), outcome, unfilled)
