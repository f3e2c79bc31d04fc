"""The document the worker shows: what is known at one moment, for the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from quant_core.brokers.port import Health, PriceQuote, QuoteKind
from quant_core.live.command_door import CommandState
from quant_core.live.journal_kinds import Mode, TradingState
from quant_core.live.order_life import LiveOrder
from quant_core.live.worker_state import WorkerState
from quant_core.risk.gate_inputs import GateInputs
from quant_core.risk.limit_values import Limits
from quant_core.risk.limits import headroom


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the state document says beside the journal's fold."""

    now: datetime
    mode: Mode
    account: str
    broker: str
    status: str
    health: Health
    quotes: Mapping[str, PriceQuote]
    next_run: datetime | None
    outcomes: Sequence[Mapping[str, object]]
    gate: GateInputs
    limits: Limits
    problem: str = ""
    alerts: Mapping[str, object] = field(default_factory=dict[str, object])


def state_document(state: WorkerState, shown: Shown) -> dict[str, object]:
    """The document; money in currency units with six digits exact as micros / 1e6.

    A position without a usable quote is shown at its mark of the last close.
    """
    positions, value = _positions(state, shown.quotes)
    equity = state.portfolio.cash_micros + value + state.portfolio.receivable_micros
    start = state.book if state.day is None else state.day.book
    return {
        "mode": shown.mode.value,
        "account": shown.account,
        "broker": shown.broker,
        "engine_status": shown.status,
        "problem": shown.problem,
        "connection": _connection(shown.health),
        "session": None if state.day is None else state.day.session.isoformat(),
        "last_close": None if state.book.session is None else state.book.session.isoformat(),
        "sessions_closed": state.sessions_closed,
        "equity": equity / 1e6,
        "cash": state.portfolio.cash_micros / 1e6,
        "day_pnl": (equity - start.equity_micros) / 1e6,
        "total_pnl": (equity - state.capital_micros) / 1e6,
        "positions": positions,
        "open_orders": [_order(order) for order in state.open_orders],
        "fills": _fills(state),
        "limits": [
            {"name": h.name, "unit": h.unit, "limit": h.limit, "used": h.used, "left": h.left}
            for h in headroom(shown.gate, shown.limits)
        ],
        "next_run": None if shown.next_run is None else shown.next_run.isoformat(),
        "commands": list(shown.outcomes),
        "pending_commands": _pending_commands(state),
        "kill_latch": {"set": state.kill_latched, "reason": state.kill_reason},
        "trading_state": {"state": state.trading_state.value, "reason": state.trading_reason},
        "reconciliation": _reconciliation(state),
        "shortfall": _shortfall(state),
        "alerts": dict(shown.alerts),
        "journal_entries": state.entries,
    }


def engine_status(state: WorkerState, *, connected: bool) -> str:
    """One word for the whole."""
    if state.kill_latched:
        return "killed"
    if state.trading_state is TradingState.HALTED:
        return "halted"
    return "monitoring" if connected else "disconnected"


def _positions(
    state: WorkerState, quotes: Mapping[str, PriceQuote]
) -> tuple[list[dict[str, object]], int]:
    """A row for every position, and what they are worth together in micros."""
    rows: list[dict[str, object]] = []
    portfolio, whole = state.portfolio, 0
    # Most quotes are of one instant, and its text is what costs.
    at: datetime | None = None
    at_text: str | None = None
    for symbol in portfolio.held:
        quote, shares = quotes.get(symbol), portfolio.shares_of(symbol)
        if quote is not None and quote.at != at:
            at, at_text = quote.at, quote.at.isoformat()
        usable = quote is not None and quote.kind is not QuoteKind.NONE and quote.price_micros > 0
        price = quote.price_micros if quote and usable else portfolio.mark_of(symbol)
        value = shares * price
        whole += value
        rows.append(
            {
                "symbol": symbol,
                "shares": shares,
                "price": price / 1e6,
                "value": value / 1e6,
                "price_kind": "mark" if quote is None else quote.kind.value,
                "price_at": None if quote is None else at_text,
            }
        )
    return rows, whole


def _order(order: LiveOrder) -> dict[str, object]:
    return {
        "reference": order.intent.reference,
        "session": order.intent.session.isoformat(),
        "symbol": order.symbol,
        "side": order.intent.side.value,
        "shares": order.shares,
        "filled": order.filled,
        "stage": order.stage.value,
        "cancelling": order.cancelling,
    }


def _fills(state: WorkerState) -> list[dict[str, object]]:
    fills = [] if state.day is None else state.day.fills
    return [
        {
            "execution": fill.execution,
            "reference": fill.reference,
            "symbol": fill.symbol,
            "side": fill.side.value,
            "shares": fill.shares,
            "price": fill.price_micros / 1e6,
            "commission": fill.commission_micros / 1e6,
        }
        for fill in fills
    ]


def _connection(health: Health) -> dict[str, object]:
    return {
        "link": health.link,
        "upstream": health.upstream,
        "synced": health.synced,
        "data": health.data,
        "can_trade": health.can_trade,
        "reason": health.reason,
    }


def _pending_commands(state: WorkerState) -> list[dict[str, object]]:
    return [
        {
            "id": command.id,
            "action": command.action.value,
            "state": (state.commands.state(command.id) or CommandState.RECEIVED).value,
        }
        for command in state.commands.unfinished()
    ]


def _reconciliation(state: WorkerState) -> dict[str, object]:
    found = state.reconciled
    if found is None:
        return {"agrees": None, "differences": []}
    return {"agrees": found.agrees, "differences": list(found.differences)}


def _shortfall(state: WorkerState) -> dict[str, object]:
    """What the last close has more than the backtest's would have, in currency units by cause."""
    found = state.shortfall
    if found is None:
        return {"session": None, "by_cause": {}}
    causes = {cause: amount / 1e6 for cause, amount in found.by_cause_micros.items()}
    return {"session": found.session.isoformat(), "by_cause": causes}
