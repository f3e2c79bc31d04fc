"""The record of a compiled run: its columns become what the readable loop would have written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from quant_core.compiled_backtest import CompiledRun
from quant_core.foundation.types import Session
from quant_core.market import Market
from quant_core.numerics import execution_book as events
from quant_core.numerics.execution_arrays import table_of
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
)
"""Reasons by the numbers of :mod:`quant_core.numerics.execution_fills`."""
STATUSES = tuple(
    OrderStatus.FILLED if reason is Reason.NONE else OrderStatus(reason.value.partition("_")[0])
    for reason in REASONS
)
SIDES = (Side.SELL, Side.BUY)


def history_of(
    run: CompiledRun, brain: Brain, market: Market, rows: range, capital_micros: int
) -> RunHistory:
    """The full record of a compiled run."""
    sessions = market.panel.axes.sessions[rows.start : rows.stop]
    days: list[Session] = sessions.tolist()
    curve = run.log.curve
    orders, fills = _trades(run, market.panel.axes.symbols, days)
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
        incidents=_incidents(run, brain, market),
    )


def _trades(
    run: CompiledRun, symbols: tuple[str, ...], days: list[Session]
) -> tuple[tuple[OrderRecord, ...], tuple[Fill, ...]]:
    written = table_of(run.log.counts, 1)[0]
    table = table_of(run.log.orders, written["orders"])
    orders: list[OrderRecord] = []
    fills: list[Fill] = []
    for line in table.tolist():
        number, column, buys, requested, filled, reason, signal, raw, cash, price, charged = line
        day, symbol, side = days[number], symbols[column], SIDES[buys]
        orders.append(
            OrderRecord(
                day,
                symbol,
                side,
                requested,
                filled,
                STATUSES[reason],
                REASONS[reason],
                signal,
                raw,
                cash,
            )
        )
        if filled:
            fills.append(Fill(day, symbol, side, filled, price, raw, charged))
    return tuple(orders), tuple(fills)


def _positions(run: CompiledRun, symbols: tuple[str, ...]) -> PositionHistory:
    written = table_of(run.log.counts, 1)[0]
    table = table_of(run.log.positions, written["positions"])
    columns = np.ascontiguousarray(table["column"])
    held = np.unique(columns)
    return PositionHistory(
        symbols=tuple(symbols[column] for column in held.tolist()),
        row=np.ascontiguousarray(table["number"]),
        symbol=np.searchsorted(held, columns).astype(np.int64),
        shares=np.ascontiguousarray(table["shares"]),
        mark_micros=np.ascontiguousarray(table["mark"]),
        average_cost_micros=np.ascontiguousarray(table["cost"]),
        stale=table["stale"] != 0,
    )


def _incidents(run: CompiledRun, brain: Brain, market: Market) -> tuple[Incident, ...]:
    log, symbols = run.log, market.panel.axes.symbols
    written = table_of(log.counts, 1)[0]
    told: list[Incident] = []
    for line in table_of(log.events, written["events"]).tolist():
        row, kind, column, first, second, flow, action, cost = line
        name, detail = _TOLD[kind](run, brain, (first, second, cost, action))
        symbol = "" if kind <= events.RE_ENTERED and kind != events.STOPPED else symbols[column]
        told.append(Incident(market.session(row), name, symbol, detail, flow))
    return tuple(told)


Numbers = tuple[int, int, float, int]
"""Two numbers of an event, the average cost it met, and the index of the corporate action."""


def _held(run: CompiledRun, _: Brain, numbers: Numbers) -> tuple[str, str]:
    answer = run.decided[numbers[0]]
    return "hold", answer.reason if isinstance(answer, Hold) else ""


def _flattened(run: CompiledRun, _: Brain, numbers: Numbers) -> tuple[str, str]:
    answer = run.decided[numbers[0]]
    return "flat", answer.reason if isinstance(answer, Flat) else ""


def _stopped(_: CompiledRun, __: Brain, numbers: Numbers) -> tuple[str, str]:
    mark, _, cost, _ = numbers
    return "stop_loss", f"close {mark / 1e6:.6f} below the stop on cost {cost / 1e6:.6f}"


def _tripped(_: CompiledRun, brain: Brain, numbers: Numbers) -> tuple[str, str]:
    equity, peak, _, _ = numbers
    fall, limit = 1 - equity / peak, brain.risk.max_drawdown_pct
    detail = f"equity {fall:.4%} below its peak, limit {limit:.4%}: flat at the next open"
    return "drawdown_breaker", detail


def _deficit(_: CompiledRun, __: Brain, numbers: Numbers) -> tuple[str, str]:
    return "deficit", f"equity {numbers[0] / 1e6:.2f}: nothing is opened any more"


def _re_entered(_: CompiledRun, __: Brain, ___: Numbers) -> tuple[str, str]:
    return "re_entry", "the breaker's cooldown has passed"


def _delisted(_: CompiledRun, __: Brain, numbers: Numbers) -> tuple[str, str]:
    return "delisting", f"{numbers[0]} shares closed at {numbers[1] / 1e6:.6f}"


def _fraction_paid(_: CompiledRun, __: Brain, ___: Numbers) -> tuple[str, str]:
    return "cash_in_lieu", ""


def _dividend(run: CompiledRun, _: Brain, numbers: Numbers) -> tuple[str, str]:
    action = run.actions[numbers[3]]
    amount = action.amount_micros if isinstance(action, Dividend) else 0
    return "dividend", f"{numbers[0]} shares at {amount / 1e6:.6f} a share"


def _dividend_paid(_: CompiledRun, __: Brain, ___: Numbers) -> tuple[str, str]:
    return "dividend_paid", ""


def _rights(run: CompiledRun, _: Brain, numbers: Numbers) -> tuple[str, str]:
    action = run.actions[numbers[3]]
    price = action.price_micros if isinstance(action, Rights) else 0
    return "rights", f"{numbers[0]} of {numbers[1]} shares subscribed at {price / 1e6:.6f}"


def _split(run: CompiledRun, _: Brain, numbers: Numbers) -> tuple[str, str]:
    action = run.actions[numbers[3]]
    ratio = action.ratio if isinstance(action, Split) else 1.0
    return "split", f"{numbers[0]} shares become {numbers[1]}, {ratio:.9g} for 1"


def _renamed(run: CompiledRun, _: Brain, numbers: Numbers) -> tuple[str, str]:
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
}
"""Kind and text of an incident by the kind of its event."""
