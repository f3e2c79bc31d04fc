"""The record of a compiled run: its columns become what the readable loop would have written."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from contextlib import contextmanager

import numpy as np

from quant_core.compiled_backtest import CompiledRun
from quant_core.foundation.types import IntArray, Session
from quant_core.market import Market
from quant_core.numerics import execution_book as events
from quant_core.numerics.execution_arrays import (
    LogArrays,
    column_of,
    table_of,
    written_rows,
)
from quant_core.trading.actions import Dividend, Rename, Rights, Split
from quant_core.trading.events import Fill
from quant_core.trading.history import Incident, PositionHistory, RunHistory
from quant_core.trading.orders import OrderRecord, OrderStatus, Reason, Side
from quant_core.trading.target import Flat, Hold
from quant_core.trading_day import Brain

REASONS = (
    Reason.NONE,
    Reason.TRUNCATED_CASH,
    Reason.TRUNCATED_VOLUME,
    Reason.EXPIRED_HALTED,
    Reason.EXPIRED_LIMIT_UP,
    Reason.EXPIRED_LIMIT_DOWN,
    Reason.EXPIRED_NOT_SETTLED,
    Reason.EXPIRED_UNKNOWN_IMPACT,
    Reason.REFUSED_NO_PRICE,
    Reason.REFUSED_NOT_IN_UNIVERSE,
    Reason.TRUNCATED_POSITION,
    Reason.TRUNCATED_MARGIN,
    Reason.REFUSED_NOT_LOCATED,
)
"""Reasons by the numbers of :mod:`quant_core.numerics.execution_arrays`."""
_REASONS = np.array(REASONS, dtype=object)
_STATUSES = np.array(
    [
        OrderStatus.FILLED if reason is Reason.NONE else OrderStatus(reason.value.partition("_")[0])
        for reason in REASONS
    ],
    dtype=object,
)
_SIDES = np.array([Side.SELL, Side.COVER, Side.SHORT, Side.BUY], dtype=object)
_OF_THE_BOOK = (
    *(events.HELD, events.FLATTENED, events.TRIPPED),
    *(events.DEFICIT, events.RE_ENTERED, events.MARGIN_CALLED, events.INTEREST_PAID),
)
"""Kinds of event that mean no name of their own."""


def history_of(
    run: CompiledRun, brain: Brain, market: Market, rows: range, capital_micros: int
) -> RunHistory:
    """The full record of a compiled run."""
    sessions = market.panel.axes.sessions[rows.start : rows.stop]
    days: list[Session] = sessions.tolist()
    curve = run.log.curve
    with _garbage_left():
        orders, fills = _trades(run, market.panel.axes.symbols, days)
        incidents = _incidents(run, brain, market)
    return RunHistory(
        sessions=sessions,
        starting_capital_micros=capital_micros,
        equity_micros=curve[:, 0].copy(),
        cash_micros=curve[:, 1].copy(),
        receivable_micros=curve[:, 2].copy(),
        benchmark=np.full(len(sessions), np.nan),
        orders=orders,
        fills=fills,
        positions=_positions(run, market.panel.axes.symbols),
        incidents=incidents,
    )


@contextmanager
def _garbage_left() -> Generator[None, None, None]:
    """No search for garbage while many values are made that all stay: it takes as long again."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


def _trades(
    run: CompiledRun, symbols: tuple[str, ...], days: list[Session]
) -> tuple[tuple[OrderRecord, ...], tuple[Fill, ...]]:
    """Orders and fills, made column by column: there are many."""
    count = written_rows(run.log)[0]

    def numbers(name: str) -> IntArray:
        return column_of(run.log.orders, name, count)

    names, dates = np.array(symbols, dtype=object), np.array(days, dtype=object)
    reason, filled = numbers("reason"), numbers("filled")
    whose = (dates[numbers("number")], names[numbers("column")], _SIDES[numbers("side")])
    orders = map(
        OrderRecord,
        *(values.tolist() for values in whose),
        numbers("requested").tolist(),
        filled.tolist(),
        _STATUSES[reason].tolist(),
        _REASONS[reason].tolist(),
        *(numbers(name).tolist() for name in ("signal", "raw", "cash")),
    )
    traded = filled > 0
    prices = (numbers(name)[traded].tolist() for name in ("filled", "price", "raw", "commission"))
    fills = map(Fill, *(values[traded].tolist() for values in whose), *prices)
    return tuple(orders), tuple(fills)


def _positions(run: CompiledRun, symbols: tuple[str, ...]) -> PositionHistory:
    count = written_rows(run.log)[1]

    def numbers(name: str) -> IntArray:
        return column_of(run.log.positions, name, count)

    columns = numbers("column")
    held = np.unique(columns)
    places: list[int] = held.tolist()
    return PositionHistory(
        symbols=tuple(symbols[place] for place in places),
        row=numbers("number"),
        symbol=np.searchsorted(held, columns).astype(np.int64),
        shares=numbers("shares"),
        mark_micros=numbers("mark"),
        average_cost_micros=np.ascontiguousarray(table_of(run.log.positions, count)["cost"]),
        stale=numbers("stale") != 0,
    )


def _incidents(run: CompiledRun, brain: Brain, market: Market) -> tuple[Incident, ...]:
    symbols = market.panel.axes.symbols
    dates: list[Session] = market.panel.axes.sessions.tolist()
    told: list[Incident] = []
    for line in _events(run.log):
        row, kind, column, first, second, flow, action, cost = line
        name, detail = _TOLD[kind](run, brain, (first, second, cost, action))
        symbol = "" if kind in _OF_THE_BOOK else symbols[column]
        told.append(Incident(dates[row], name, symbol, detail, flow))
    return tuple(told)


def _events(log: LogArrays) -> list[tuple[int, int, int, int, int, int, int, float]]:
    return table_of(log.events, written_rows(log)[2]).tolist()


Numbers = tuple[int, int, float, int]
"""Two numbers of an event, the average cost it met, and the index of the corporate action."""


def _held(run: CompiledRun, _brain: Brain, numbers: Numbers) -> tuple[str, str]:
    answer = run.decided[numbers[0]]
    return "hold", answer.reason if isinstance(answer, Hold) else ""


def _flattened(run: CompiledRun, _brain: Brain, numbers: Numbers) -> tuple[str, str]:
    answer = run.decided[numbers[0]]
    return "flat", answer.reason if isinstance(answer, Flat) else ""


def _stopped(_run: CompiledRun, _brain: Brain, numbers: Numbers) -> tuple[str, str]:
    mark, cost = numbers[0], numbers[2]
    return "stop_loss", f"close {mark / 1e6:.6f} below the stop on cost {cost / 1e6:.6f}"


def _tripped(_run: CompiledRun, brain: Brain, numbers: Numbers) -> tuple[str, str]:
    equity, peak = numbers[0], numbers[1]
    fall, limit = 1 - equity / peak, brain.risk.max_drawdown_pct
    detail = f"equity {fall:.4%} below its peak, limit {limit:.4%}: flat at the next open"
    return "drawdown_breaker", detail


def _margin_called(_run: CompiledRun, _brain: Brain, numbers: Numbers) -> tuple[str, str]:
    equity, gross = numbers[0] / 1e6, numbers[1] / 1e6
    detail = f"equity {equity:.2f} against positions of {gross:.2f}: flat at the next open"
    return "margin_call", detail


def _bought_in(_run: CompiledRun, _brain: Brain, _numbers: Numbers) -> tuple[str, str]:
    return "buy_in", "no shares to borrow any longer: bought back"


def _borrow_paid(_run: CompiledRun, _brain: Brain, _numbers: Numbers) -> tuple[str, str]:
    return "borrow_fee", ""


def _interest_paid(_run: CompiledRun, _brain: Brain, _numbers: Numbers) -> tuple[str, str]:
    return "debit_interest", ""


def _deficit(_run: CompiledRun, _brain: Brain, numbers: Numbers) -> tuple[str, str]:
    return "deficit", f"equity {numbers[0] / 1e6:.2f}: nothing is opened any more"


def _re_entered(_run: CompiledRun, _brain: Brain, _numbers: Numbers) -> tuple[str, str]:
    return "re_entry", "the breaker's cooldown has passed"


def _delisted(_run: CompiledRun, _brain: Brain, numbers: Numbers) -> tuple[str, str]:
    return "delisting", f"{numbers[0]} shares closed at {numbers[1] / 1e6:.6f}"


def _fraction_paid(_run: CompiledRun, _brain: Brain, _numbers: Numbers) -> tuple[str, str]:
    return "cash_in_lieu", ""


def _dividend(run: CompiledRun, _brain: Brain, numbers: Numbers) -> tuple[str, str]:
    action = run.actions[numbers[3]]
    amount = action.amount_micros if isinstance(action, Dividend) else 0
    return "dividend", f"{numbers[0]} shares at {amount / 1e6:.6f} a share"


def _dividend_paid(_run: CompiledRun, _brain: Brain, _numbers: Numbers) -> tuple[str, str]:
    return "dividend_paid", ""


def _rights(run: CompiledRun, _brain: Brain, numbers: Numbers) -> tuple[str, str]:
    action = run.actions[numbers[3]]
    price = action.price_micros if isinstance(action, Rights) else 0
    return "rights", f"{numbers[0]} of {numbers[1]} shares subscribed at {price / 1e6:.6f}"


def _split(run: CompiledRun, _brain: Brain, numbers: Numbers) -> tuple[str, str]:
    action = run.actions[numbers[3]]
    ratio = action.ratio if isinstance(action, Split) else 1.0
    return "split", f"{numbers[0]} shares become {numbers[1]}, {ratio:.9g} for 1"


def _renamed(run: CompiledRun, _brain: Brain, numbers: Numbers) -> tuple[str, str]:
    action = run.actions[numbers[3]]
    return "rename", f"now {action.successor}" if isinstance(action, Rename) else ""


_TOLD: dict[int, Callable[[CompiledRun, Brain, Numbers], tuple[str, str]]] = {
    events.HELD: _held,
    events.FLATTENED: _flattened,
    events.STOPPED: _stopped,
    events.TRIPPED: _tripped,
    events.DEFICIT: _deficit,
    events.RE_ENTERED: _re_entered,
    events.DELISTED: _delisted,
    events.FRACTION_PAID: _fraction_paid,
    events.DIVIDEND: _dividend,
    events.DIVIDEND_PAID: _dividend_paid,
    events.RIGHTS: _rights,
    events.SPLIT: _split,
    events.RENAME: _renamed,
    events.MARGIN_CALLED: _margin_called,
    events.BOUGHT_IN: _bought_in,
    events.BORROW_PAID: _borrow_paid,
    events.INTEREST_PAID: _interest_paid,
}
"""Kind and text of an incident by the kind of its event."""
