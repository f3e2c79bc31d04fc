"""One session, the same in a backtest, on paper and at a broker.

The steps, in the order in which a day meets them:

1. :func:`~quant_core.settlement.adjust` - corporate actions, payments, borrow fees.
2. :func:`execute` - yesterday's orders meet today's open.
3. :func:`~quant_core.settlement.settle` - names whose last session this is are closed.
4. :func:`mark` - close prices, equity, the conservation identity.
5. :func:`guard` - margin and drawdown breaker look at the equity.
6. :func:`decide` - stops, breaker and strategy give the orders for the next open.

Whatever drives them (history or a clock) supplies a :class:`Market` and keeps a
:class:`DayState`; nothing here knows which world it is in.
"""

from __future__ import annotations

from dataclasses import dataclass

from quant_core.foundation.types import Session
from quant_core.market import Market
from quant_core.portfolio import Portfolio
from quant_core.risk.breakers import (
    BreakerState,
    RiskRules,
    cap_weights,
    may_re_enter,
    observe_equity,
    re_enter,
    stopped_out,
)
from quant_core.risk.margin import (
    LONG_ONLY,
    MarginRules,
    below_maintenance,
    check_exposure,
)
from quant_core.settlement import available_funds
from quant_core.strategies.base import BaseStrategy
from quant_core.trading.account import Book
from quant_core.trading.events import Fill
from quant_core.trading.fills import ExecutionRules, fill_order
from quant_core.trading.history import Incident
from quant_core.trading.orders import Order, OrderRecord, execution_order
from quant_core.trading.sizing import SizingRules, exit_orders, rebalance_orders
from quant_core.trading.target import Flat, Hold, Weights


@dataclass(frozen=True, slots=True)
class Brain:
    """Everything that decides: the strategy, how orders execute, risk and margin rules."""

    strategy: BaseStrategy
    execution: ExecutionRules
    risk: RiskRules
    margin: MarginRules = LONG_ONLY


@dataclass(frozen=True, slots=True)
class DayState:
    """What is carried from one close to the next open."""

    book: Book
    breaker: BreakerState
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Executed:
    """What the open of one session did to its orders."""

    records: list[OrderRecord]
    fills: list[Fill]


def execute(
    portfolio: Portfolio, orders: tuple[Order, ...], market: Market, row: int, brain: Brain
) -> Executed:
    """Let the orders meet the session of ``row``: sells first, then buys by weight."""
    session = market.session(row)
    done = Executed([], [])
    taken: dict[str, int] = {}
    rules = (brain.execution, brain.margin)
    for order in execution_order(list(orders)):
        quote = market.quote(row, order.symbol)
        funds = available_funds(portfolio, order.symbol, taken.get(order.symbol, 0), *rules)
        record, fill = fill_order(order, session, quote, funds, brain.execution)
        done.records.append(record)
        if fill is not None:
            portfolio.apply(fill)
            done.fills.append(fill)
            taken[fill.symbol] = taken.get(fill.symbol, 0) + fill.shares
    return done


def mark(portfolio: Portfolio, market: Market, row: int) -> Book:
    """The book at the close of ``row``; the identities are checked exactly."""
    return portfolio.mark(market.session(row), lambda symbol: market.close_micros(row, symbol))


def guard(
    breaker: BreakerState, book: Book, next_session: int, brain: Brain
) -> tuple[BreakerState, list[Incident]]:
    """The breaker after this close; an incident when it trips, or for want of margin."""
    limit = brain.risk.max_drawdown_pct
    after = observe_equity(breaker, book.equity_micros, next_session, limit)
    incidents: list[Incident] = []
    if book.session is None:
        return after, incidents
    if after.flat_from is not None and breaker.flat_from is None:
        fall = 1 - book.equity_micros / after.peak_micros
        detail = f"equity {fall:.4%} below its peak, limit {limit:.4%}: flat at the next open"
        incidents.append(Incident(book.session, "drawdown_breaker", "", detail))
    if below_maintenance(book, brain.margin):
        equity, gross = book.equity_micros / 1e6, book.gross_micros / 1e6
        detail = f"equity {equity:.2f} against positions of {gross:.2f}: flat at the next open"
        incidents.append(Incident(book.session, "margin_call", "", detail))
    if book.equity_micros <= 0:
        detail = f"equity {book.equity_micros / 1e6:.2f}: nothing is opened any more"
        incidents.append(Incident(book.session, "deficit", "", detail))
    return after, incidents


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a decision stands: the row of its close and the session it decides for.

    ``next_session`` counts along the run; ``scheduled`` says that a rebalance is due.
    """

    row: int
    next_session: int
    scheduled: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """Orders for the next open, the breaker after them, and what must be told."""

    orders: tuple[Order, ...]
    breaker: BreakerState
    incidents: tuple[Incident, ...] = ()


def decide(
    brain: Brain, market: Market, book: Book, breaker: BreakerState, moment: Moment
) -> Decision:
    """Orders for the next open.

    An account without enough margin, or without equity, is closed. A tripped breaker
    keeps the book flat until a scheduled rebalance after its cooldown. A position below
    its stop is closed, and so is a short position whose shares can no longer be
    borrowed; neither is opened again in the same session. A scheduled rebalance asks the
    strategy; on any other session only stops and buy-ins act.
    """
    incidents: list[Incident] = []
    session = market.session(moment.row)
    if book.equity_micros <= 0 or below_maintenance(book, brain.margin):
        return Decision(_exits(list(book.positions), book, market, moment), breaker)
    if breaker.flat_from is not None:
        cooldown = brain.risk.breaker_cooldown
        if not (moment.scheduled and may_re_enter(breaker, moment.next_session, cooldown)):
            return Decision(_exits(list(book.positions), book, market, moment), breaker)
        breaker = re_enter(breaker, book.equity_micros)
        incidents.append(Incident(session, "re_entry", "", "the breaker's cooldown has passed"))
    stopped = stopped_out(book, brain.risk.stop_loss_pct)
    incidents += [_stop_incident(session, symbol, book) for symbol in stopped]
    recalled = _recalled(book, market, moment.row)
    incidents += [
        Incident(session, "buy_in", symbol, "no shares to borrow any longer: bought back")
        for symbol in recalled
    ]
    stopped = [*stopped, *(symbol for symbol in recalled if symbol not in stopped)]
    if not moment.scheduled:
        return Decision(_exits(stopped, book, market, moment), breaker, tuple(incidents))
    orders, told = _rebalance(brain, market, book, moment, stopped)
    return Decision(orders, breaker, (*incidents, *told))


def _rebalance(
    brain: Brain, market: Market, book: Book, moment: Moment, stopped: list[str]
) -> tuple[tuple[Order, ...], list[Incident]]:
    """What a scheduled rebalance asks for, after the weight cap and without the stopped."""
    session = market.session(moment.row)
    match brain.strategy.decide(market.view(moment.row), book):
        case Hold(reason=reason):
            told = [Incident(session, "hold", "", reason)]
            return _exits(stopped, book, market, moment), told
        case Flat(reason=reason):
            told = [Incident(session, "flat", "", reason)]
            return _exits(list(book.positions), book, market, moment), told
        case Weights(weights=weights) as target:
            check_exposure(target, brain.margin)
            capped = cap_weights(dict(weights), brain.risk.max_pos_weight)
            wanted = {s: w for s, w in capped.items() if s not in stopped}
            rules = brain.execution
            orders = rebalance_orders(
                wanted,
                book,
                lambda symbol: market.close_quote(moment.row, symbol),
                SizingRules(rules.cash_buffer, rules.lot),
            )
            return tuple(orders), []


def _recalled(book: Book, market: Market, row: int) -> list[str]:
    """Short positions whose shares can no longer be borrowed."""
    return [
        symbol
        for symbol, position in book.positions.items()
        if position.shares < 0 and not market.locatable(row, symbol)
    ]


def _exits(symbols: list[str], book: Book, market: Market, moment: Moment) -> tuple[Order, ...]:
    return tuple(exit_orders(symbols, book, lambda s: market.close_quote(moment.row, s)))


def _stop_incident(session: Session, symbol: str, book: Book) -> Incident:
    position = book.positions[symbol]
    cost = position.average_cost_micros / 1e6
    detail = f"close {position.mark_micros / 1e6:.6f} below the stop on cost {cost:.6f}"
    return Incident(session, "stop_loss", symbol, detail)
