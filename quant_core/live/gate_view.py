"""What the pre-trade gate is shown of the worker's state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from quant_core.live.journal_kinds import TradingState as JournalledState
from quant_core.live.journal_orders import OrderIntent as PlannedOrder
from quant_core.live.order_life import LiveOrder
from quant_core.live.worker_state import WorkerState
from quant_core.market import Market
from quant_core.numerics.rolling import ts_mean
from quant_core.risk.gate_inputs import (
    GateInputs,
    MarkedPosition,
    OpenOrder,
    OrderIntent,
    OrderPurpose,
    ParentOrder,
    ReferenceKind,
    SentOrder,
    TradingState,
)

VOLUME_SESSIONS = 20

STATES = {
    JournalledState.ACTIVE: TradingState.NORMAL,
    JournalledState.REDUCING: TradingState.REDUCING,
    JournalledState.HALTED: TradingState.HALTED,
}
"""The gate's word for each trading state of the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The present as far as the gate asks for it; None = not known.

    ``cut_off`` is the instant at which the session takes no more of the orders;
    ``reconciled_at`` the last time the books agreed, None while they do not.
    """

    now: datetime
    account: str | None
    configured_account: str
    accepts_orders: bool
    cut_off: datetime | None
    data_version: str | None
    data_age_sessions: int | None
    expected_version: str | None
    reconciled_at: datetime | None
    killed: bool
    market: Market | None = None
    row: int = 0


def is_flat(purpose: str) -> bool:
    """Whether an order belongs to the operator's FLAT."""
    return purpose.startswith(OrderPurpose.FLAT.value)


def gate_intent(planned: PlannedOrder) -> OrderIntent:
    """A planned order in the words of the gate: judged by the close it was sized with."""
    purpose = OrderPurpose.FLAT if is_flat(planned.purpose) else OrderPurpose(planned.purpose)
    return OrderIntent(
        symbol=planned.symbol,
        side=planned.side,
        quantity=planned.shares,
        limit_price_micros=planned.limit_micros,
        reference_price_micros=planned.signal_price_micros,
        reference_age_seconds=None,
        purpose=purpose,
        rebalance_id=f"{planned.session}-{planned.purpose}",
        reference=ReferenceKind.CLOSE,
    )


def gate_inputs(state: WorkerState, batch: Sequence[PlannedOrder], moment: Moment) -> GateInputs:
    """Everything the gate asks for, with the orders of ``batch`` not yet among the open ones."""
    judged = {planned.reference for planned in batch}
    others = [order for name, order in state.orders.items() if name not in judged]
    today = [order for order in others if _is_of(order, state) and order.broker_order]
    book = state.book
    held = {s: p.mark_micros for s, p in book.positions.items()}
    fills = [] if state.day is None else state.day.fills
    start = book if state.day is None else state.day.book
    return GateInputs(
        account=moment.account,
        configured_account=moment.configured_account,
        kill_latched=moment.killed,
        state=STATES[state.trading_state],
        accepts_orders=moment.accepts_orders,
        seconds_to_cut_off=_seconds(moment.now, moment.cut_off),
        equity_micros=book.equity_micros,
        cash_micros=state.portfolio.cash_micros,
        day_start_equity_micros=start.equity_micros,
        peak_equity_micros=state.peak_micros,
        positions={
            symbol: MarkedPosition(state.portfolio.shares_of(symbol), held.get(symbol))
            for symbol in state.portfolio.held
        },
        open_orders=tuple(_open_order(order) for order in others if order.is_open),
        average_volumes=_average_volumes(batch, moment),
        previous_closes={planned.symbol: planned.signal_price_micros for planned in batch},
        orders_last_minute=0,
        orders_today=len(today),
        turnover_today_micros=sum(fill.fill().notional_micros for fill in fills),
        recent_orders=tuple(_sent_order(order) for order in today),
        restricted=frozenset(),
        data_age_sessions=moment.data_age_sessions,
        data_hash=moment.data_version,
        expected_data_hash=moment.expected_version,
        reconciliation_age_seconds=_age(moment.now, moment.reconciled_at),
        parents=_parents(batch, state),
    )


def _parents(batch: Sequence[PlannedOrder], state: WorkerState) -> Mapping[str, ParentOrder]:
    """The change each name's orders ask for; a cover and a buy of one name add up."""
    parents: dict[str, ParentOrder] = {}
    for planned in batch:
        held = state.portfolio.shares_of(planned.symbol)
        parent = parents.get(planned.symbol, ParentOrder(held, held, 0))
        change = planned.shares if planned.side.is_buy else -planned.shares
        target = (parent.target_shares or 0) + change
        parents[planned.symbol] = replace(parent, target_shares=target)
    return parents


def _is_of(order: LiveOrder, state: WorkerState) -> bool:
    return state.day is not None and order.intent.session == state.day.session


def _open_order(order: LiveOrder) -> OpenOrder:
    price = max(order.intent.limit_micros or 0, order.intent.signal_price_micros)
    return OpenOrder(order.symbol, order.intent.side, order.remaining, price or None)


def _sent_order(order: LiveOrder) -> SentOrder:
    intent = order.intent
    return SentOrder(
        intent.symbol, intent.side, intent.shares, f"{intent.session}-{intent.purpose}", 0.0
    )


def _average_volumes(batch: Sequence[PlannedOrder], moment: Moment) -> dict[str, float | None]:
    market = moment.market
    if market is None:
        return {}
    first = max(moment.row - VOLUME_SESSIONS + 1, 0)
    columns = market.panel.axes.columns_of([planned.symbol for planned in batch])
    volumes: dict[str, float | None] = {}
    for planned, column in zip(batch, columns.tolist(), strict=True):
        if column >= 0:
            window = market.panel.volume[first : moment.row + 1, column : column + 1]
            volumes[planned.symbol] = float(ts_mean(window, len(window))[-1, 0])
    return volumes


def _seconds(now: datetime, until: datetime | None) -> float | None:
    return None if until is None else (until - now).total_seconds()


def _age(now: datetime, at: datetime | None) -> float | None:
    return None if at is None else max((now - at).total_seconds(), 0.0)
