"""The document the worker shows: what is known at one moment, for the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from quant_core.brokers.port import Health, PriceQuote, QuoteKind
from quant_core.live.coming_session import DataShown
from quant_core.live.command_door import CommandState
from quant_core.live.journal_kinds import Mode, TradingState
from quant_core.live.journal_orders import FillReceived
from quant_core.live.json_text import instant_text
from quant_core.live.order_life import LiveOrder
from quant_core.live.worker_state import WorkerState
from quant_core.risk.gate_inputs import GateInputs
from quant_core.risk.limit_values import Limits
from quant_core.risk.limits import Headroom, headroom


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the state document says beside the journal's fold."""

    now: datetime
    mode: Mode
    account: str
    broker: str
    strategy: str
    status: str
    health: Health
    quotes: Mapping[str, PriceQuote]
    next_run: datetime | None
    outcomes: Sequence[Mapping[str, object]]
    gate: GateInputs
    limits: Limits
    strategy_type: str = ""
    data: DataShown = field(default_factory=DataShown)
    problem: str = ""
    alerts: Mapping[str, object] = field(default_factory=dict[str, object])


def state_document(state: WorkerState, shown: Shown) -> dict[str, object]:
    """The document; money in currency units with six digits exact as micros / 1e6.

    A position without a usable quote is shown at its mark of the last close.
    """
    positions, portfolio = _positions(state, shown.quotes), state.portfolio
    equity = portfolio.cash_micros + positions.value + portfolio.receivable_micros
    total = equity - state.capital_micros
    day = state.day or state.last_day
    return {
        "mode": shown.mode.value,
        "account": shown.account,
        "broker": shown.broker,
        "strategy": {"name": shown.strategy, "type": shown.strategy_type or None},
        "started_at": None if state.started_at is None else instant_text(state.started_at),
        "engine_status": shown.status,
        "problem": shown.problem,
        "connection": _connection(shown.health),
        "session": None if state.day is None else state.day.session.isoformat(),
        "last_close": None if state.book.session is None else state.book.session.isoformat(),
        "sessions_closed": state.sessions_closed,
        "equity": equity / 1e6,
        "cash": state.portfolio.cash_micros / 1e6,
        "day_pnl": _day_profit(state, equity) / 1e6,
        "total_pnl": total / 1e6,
        "unrealised_pnl": positions.profit / 1e6,
        "realised_pnl": (total - positions.profit) / 1e6,
        "positions": positions.rows,
        "open_orders": [_order(order) for order in state.open_orders],
        "fills": [] if day is None else [_fill(fill) for fill in day.fills],
        "fills_session": None if day is None else day.session.isoformat(),
        "limits": [_limit(each) for each in headroom(shown.gate, shown.limits)],
        **_data(shown.data),
        "last_decision": _last_decision(state),
        "next_run": None if shown.next_run is None else shown.next_run.isoformat(),
        "commands": list(shown.outcomes),
        "pending_commands": _pending_commands(state),
        "kill_latch": {"set": state.kill_latched, "reason": state.kill_reason},
        "trading_state": {"state": state.trading_state.value, "reason": state.trading_reason},
        "breaker": _breaker(state),
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


@dataclass(slots=True)
class _Positions:
    """A row for every position, and what they are worth and have won together, in micros."""

    rows: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    value: int = 0
    profit: int = 0


def _positions(state: WorkerState, quotes: Mapping[str, PriceQuote]) -> _Positions:
    """Every position at its quote, or at its mark where there is none that can be used.

    Written out in one loop: there may be thousands of them every second.
    """
    found, portfolio, none = _Positions(), state.portfolio, QuoteKind.NONE
    costs, rows = portfolio.average_costs, found.rows
    # Most quotes are of one instant and kind, and their texts are what costs.
    at, at_text, kind, kind_text = None, None, none, none.value
    for symbol, shares, price in portfolio.holdings:
        quote, cost = quotes.get(symbol), costs[symbol]
        if quote is not None:
            if quote.at != at:
                at, at_text = quote.at, quote.at.isoformat()
            if quote.kind is not kind:
                kind, kind_text = quote.kind, quote.kind.value
            if kind is not none and quote.price_micros > 0:
                price = quote.price_micros
        value = shares * price
        profit = value - round(shares * cost)
        found.value += value
        found.profit += profit
        rows.append(
            {
                "symbol": symbol,
                "shares": shares,
                "price": price / 1e6,
                "value": value / 1e6,
                "average_cost": round(cost) / 1e6,
                "unrealised_pnl": profit / 1e6,
                "price_kind": "mark" if quote is None else kind_text,
                "price_at": None if quote is None else at_text,
            }
        )
    return found


def _data(data: DataShown) -> dict[str, object]:
    """What the worker trades on, and what is wrong with it."""
    return {
        "dataset": data.dataset,
        "data_version": data.version,
        "data_last_session": None if data.last_session is None else data.last_session.isoformat(),
        "data_problem": data.problem,
    }


def _last_decision(state: WorkerState) -> dict[str, object]:
    """What was decided last, and when by the clock of the worker."""
    taken, at = state.last_decision, state.decided_at
    return {
        "session": None if taken is None else taken.session.isoformat(),
        "at": None if at is None else instant_text(at),
        "target": None if taken is None else taken.target.value,
        "reason": None if taken is None else taken.reason,
        "orders": None if taken is None else taken.orders,
        "data_version": None if taken is None else taken.data_version or None,
    }


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


def _fill(fill: FillReceived) -> dict[str, object]:
    return {
        "execution": fill.execution,
        "reference": fill.reference,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "shares": fill.shares,
        "price": fill.price_micros / 1e6,
        "commission": fill.commission_micros / 1e6,
    }


def _day_profit(state: WorkerState, equity_micros: int) -> int:
    """Of the session at work by now; between sessions that of the last one at its close."""
    if state.day is not None:
        return equity_micros - state.day.book.equity_micros
    if state.last_day is not None:
        return state.book.equity_micros - state.last_day.book.equity_micros
    return equity_micros - state.book.equity_micros


def _breaker(state: WorkerState) -> dict[str, object]:
    """The drawdown breaker; while it is tripped the book is kept flat."""
    breaker = state.breaker
    return {
        "tripped": breaker.flat_from is not None,
        "peak": breaker.peak_micros / 1e6,
        "flat_from": breaker.flat_from,
    }


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


def _limit(each: Headroom) -> dict[str, object]:
    """How much of a limit is used; money in currency units like everywhere in the state."""
    money = each.unit == "micros"
    numbers = {"limit": each.limit, "used": each.used, "left": each.left}
    shown = {n: v / 1e6 if money and v is not None else v for n, v in numbers.items()}
    return {"name": each.name, "unit": "currency units" if money else each.unit, **shown}
