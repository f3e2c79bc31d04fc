"""One session, the same in a backtest, on paper and at a broker.

The five steps, in the order in which a day meets them:

1. :func:`execute` - yesterday's orders meet today's open.
2. :func:`settle` - names whose last session this is are closed.
3. :func:`mark` - close prices, equity, the conservation identity.
4. :func:`guard` - the drawdown breaker looks at the equity.
5. :func:`decide` - stops, breaker and strategy give the orders for the next open.

Whatever drives them (history or a clock) supplies a :class:`Market` and keeps a
:class:`DayState`; nothing here knows which world it is in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quant_core.foundation.money import micros_array
from quant_core.foundation.panel import MarketPanel
from quant_core.foundation.types import FloatMatrix, Session
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
from quant_core.strategies.base import BaseStrategy, MarketView
from quant_core.trading.account import Book
from quant_core.trading.events import Delisting, Fill
from quant_core.trading.fills import ExecutionRules, OpenQuote, fill_at_open
from quant_core.trading.history import Incident
from quant_core.trading.orders import Order, OrderRecord, execution_order
from quant_core.trading.sizing import CloseQuote, exit_orders, rebalance_orders
from quant_core.trading.target import Flat, Hold, Weights


@dataclass(frozen=True, slots=True)
class Brain:
    """Everything that decides: the strategy, how orders execute, the risk rules."""

    strategy: BaseStrategy
    execution: ExecutionRules
    risk: RiskRules


class Market:
    """Prices by session row and symbol, as the ledger asks for them.

    Parameters
    ----------
    panel : MarketPanel
        Open, close, volume and membership.
    factors : mapping of name to float64 [sessions, symbols]
        What the strategy reads.
    delistings : mapping of symbol to row
        The last session with a price of each name that is delisted.
    """

    def __init__(
        self,
        panel: MarketPanel,
        factors: Mapping[str, FloatMatrix],
        delistings: Mapping[str, int] | None = None,
    ) -> None:
        self.panel = panel
        self.factors = factors
        self._columns = {symbol: i for i, symbol in enumerate(panel.axes.symbols)}
        self._close_micros = micros_array(np.where(panel.close > 0.0, panel.close, 0.0))
        self._delisted_at: dict[int, list[str]] = {}
        for symbol, row in sorted((delistings or {}).items()):
            self._delisted_at.setdefault(row, []).append(symbol)

    def session(self, row: int) -> Session:
        """The date of a row."""
        day: Session = self.panel.axes.sessions[row].item()
        return day

    def view(self, row: int) -> MarketView:
        """What a strategy may see at the close of ``row``."""
        return MarketView(self.panel, self.factors, row)

    def close_micros(self, row: int, symbol: str) -> int:
        """Close in micros, 0 when there is no valid one."""
        column = self._columns.get(symbol)
        return 0 if column is None else self._close_micros.item(row, column)

    def close_quote(self, row: int, symbol: str) -> CloseQuote:
        """The last valid close up to ``row`` and whether the name may be bought."""
        column = self._columns.get(symbol)
        if column is None:
            return CloseQuote(0, valid=False, in_universe=False)
        member = self.panel.member.item(row, column)
        close = self._close_micros.item(row, column)
        if close > 0:
            return CloseQuote(close, valid=True, in_universe=member)
        known = np.flatnonzero(self._close_micros[:row, column])
        last = int(self._close_micros[known[-1], column]) if len(known) else 0
        return CloseQuote(last, valid=False, in_universe=member)

    def open_quote(self, row: int, symbol: str) -> OpenQuote:
        """Open and volume of a session, NaN where unknown."""
        column = self._columns.get(symbol)
        if column is None:
            return OpenQuote(math.nan, math.nan)
        opened = self.panel.open.item(row, column)
        return OpenQuote(opened, self.panel.volume.item(row, column))

    def delisted_after(self, row: int) -> list[str]:
        """Names whose last session with a price is ``row``."""
        return self._delisted_at.get(row, [])


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
    """Let the orders meet the open of ``row``: sells first, then buys by weight."""
    session = market.session(row)
    done = Executed([], [])
    for order in execution_order(list(orders)):
        quote = market.open_quote(row, order.symbol)
        cash = portfolio.cash_micros
        record, fill = fill_at_open(order, session, quote, cash, brain.execution)
        done.records.append(record)
        if fill is not None:
            portfolio.apply(fill)
            done.fills.append(fill)
    return done


def settle(portfolio: Portfolio, market: Market, row: int, brain: Brain) -> list[Incident]:
    """Close the positions in names whose last session is ``row``.

    They are paid at the last close times (1 + delisting return), so that no dead name
    is carried.
    """
    session = market.session(row)
    incidents: list[Incident] = []
    for symbol in market.delisted_after(row):
        held = portfolio.shares_of(symbol)
        last_close = market.close_quote(row, symbol).last_close_micros
        price = round(last_close * (1 + brain.execution.delisting_return))
        if held == 0:
            continue
        portfolio.apply(Delisting(session, symbol, price))
        detail = f"{held} shares closed at {price / 1e6:.6f}"
        incidents.append(Incident(session, "delisting", symbol, detail, held * price))
    return incidents


def mark(portfolio: Portfolio, market: Market, row: int) -> Book:
    """The book at the close of ``row``; the identities are checked exactly."""
    return portfolio.mark(market.session(row), lambda symbol: market.close_micros(row, symbol))


def guard(
    breaker: BreakerState, book: Book, next_session: int, brain: Brain
) -> tuple[BreakerState, list[Incident]]:
    """The breaker after this close; an incident when it trips."""
    limit = brain.risk.max_drawdown_pct
    after = observe_equity(breaker, book.equity_micros, next_session, limit)
    if after.flat_from is None or breaker.flat_from is not None or book.session is None:
        return after, []
    fall = 1 - book.equity_micros / after.peak_micros
    detail = f"equity {fall:.4%} below its peak, limit {limit:.4%}: flat at the next open"
    return after, [Incident(book.session, "drawdown_breaker", "", detail)]


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

    A tripped breaker keeps the book flat until a scheduled rebalance after its
    cooldown. A position below its stop is sold, and not bought in the same session. A
    scheduled rebalance asks the strategy; on any other session only stops act.
    """
    incidents: list[Incident] = []
    session = market.session(moment.row)
    if breaker.flat_from is not None:
        cooldown = brain.risk.breaker_cooldown
        if not (moment.scheduled and may_re_enter(breaker, moment.next_session, cooldown)):
            return Decision(_exits(list(book.positions), book, market, moment), breaker)
        breaker = re_enter(breaker, book.equity_micros)
        incidents.append(Incident(session, "re_entry", "", "the breaker's cooldown has passed"))
    stopped = stopped_out(book, brain.risk.stop_loss_pct)
    incidents += [_stop_incident(session, symbol, book) for symbol in stopped]
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
        case Weights(weights=weights):
            capped = cap_weights(dict(weights), brain.risk.max_pos_weight)
            wanted = {s: w for s, w in capped.items() if s not in stopped}
            rules = brain.execution
            orders = rebalance_orders(
                wanted,
                book,
                lambda symbol: market.close_quote(moment.row, symbol),
                rules.cash_buffer,
                rules.lot,
            )
            return tuple(orders), []


def _exits(symbols: list[str], book: Book, market: Market, moment: Moment) -> tuple[Order, ...]:
    return tuple(exit_orders(symbols, book, lambda s: market.close_quote(moment.row, s)))


def _stop_incident(session: Session, symbol: str, book: Book) -> Incident:
    position = book.positions[symbol]
    cost = position.average_cost_micros / 1e6
    detail = f"close {position.mark_micros / 1e6:.6f} below the stop on cost {cost:.6f}"
    return Incident(session, "stop_loss", symbol, detail)
