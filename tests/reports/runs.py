"""Small finished runs by hand, for the tests of what is written about them."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from quant_core.performance.metric import RunStatistics
from quant_core.performance.statistics import Conventions, summarise
from quant_core.trading.events import Fill
from quant_core.trading.history import Incident, PositionHistory, RunHistory
from quant_core.trading.orders import OrderRecord, OrderStatus, Reason, Side

FIRST = date(2024, 1, 2)
UNIT = 1_000_000
CAPITAL = 1000 * UNIT


def idle_run(sessions: int = 3) -> RunHistory:
    """All cash, no order, no benchmark."""
    days = np.datetime64(FIRST, "D") + np.arange(sessions)
    cash = np.full(sessions, CAPITAL, dtype=np.int64)
    nothing = np.array([], dtype=np.int64)
    return RunHistory(
        sessions=days,
        starting_capital_micros=CAPITAL,
        equity_micros=cash,
        cash_micros=cash,
        receivable_micros=np.zeros(sessions, dtype=np.int64),
        benchmark=np.full(sessions, np.nan),
        orders=(),
        fills=(),
        positions=PositionHistory(
            (), nothing, nothing, nothing, nothing, np.array([]), np.array([], dtype=np.bool_)
        ),
        incidents=(),
    )


def busy_run(sessions: int = 200, symbol: str = "ABC") -> RunHistory:
    """Two shares bought on the first day and held while the price climbs by 1 a day.

    One order a session is refused for want of a price.
    """
    days = np.datetime64(FIRST, "D") + np.arange(sessions)
    marks = (100 + np.arange(sessions) % 7) * UNIT
    cash = np.full(sessions, CAPITAL - 201 * UNIT, dtype=np.int64)
    rows = np.arange(sessions)
    return RunHistory(
        sessions=days,
        starting_capital_micros=CAPITAL,
        equity_micros=cash + 2 * marks,
        cash_micros=cash,
        receivable_micros=np.zeros(sessions, dtype=np.int64),
        benchmark=1000.0 + np.sin(rows),
        orders=(bought(symbol), *(refused(symbol, number) for number in range(1, sessions))),
        fills=(Fill(FIRST, symbol, Side.BUY, 2, 100 * UNIT, 100 * UNIT - 5, UNIT),),
        positions=PositionHistory(
            symbols=(symbol,),
            row=rows,
            symbol=np.zeros(sessions, dtype=np.int64),
            shares=np.full(sessions, 2),
            mark_micros=marks,
            average_cost_micros=np.full(sessions, 100.5 * UNIT),
            stale=rows % 5 == 4,
        ),
        incidents=(
            Incident(FIRST, "hold", "", "no signal"),
            Incident(FIRST, "stop_loss", symbol, "x", 7),
        ),
    )


def bought(symbol: str) -> OrderRecord:
    """The order that was filled in full."""
    prices = (99 * UNIT, 100 * UNIT - 5)
    return OrderRecord(
        FIRST, symbol, Side.BUY, 2, 2, OrderStatus.FILLED, Reason.NONE, *prices, CAPITAL
    )


def refused(symbol: str, number: int) -> OrderRecord:
    """An order that was never sent."""
    day = FIRST + timedelta(days=number)
    kind = (OrderStatus.REFUSED, Reason.REFUSED_NO_PRICE)
    return OrderRecord(day, symbol, Side.BUY, 1, 0, *kind, 0, 0, CAPITAL)


def statistics(history: RunHistory) -> RunStatistics:
    """The metrics of a run, at no risk-free rate."""
    benchmark = history.benchmark if np.isfinite(history.benchmark).any() else None
    return summarise(
        history.sessions,
        history.equity_micros,
        history.starting_capital_micros,
        benchmark,
        Conventions(0.0, 252, seed=7),
    )
