"""What happens to a book without an order: actions, payments, fees, delistings.

Before the open (:func:`adjust`), in this order:

1. :func:`_charge_overnight` - borrowed shares and borrowed cash cost something.
2. :func:`_apply_actions` - dividends, rights, splits and renames of the ex-date; waiting
   orders follow splits and renames.
3. Dividends due are paid.
4. Fractions of shares are paid at the first price.

After the session's last price (:func:`settle`): delisted names are closed.

What the account lets an order draw on (:func:`available_funds`) stands here too, for whoever
lets orders meet the market: the backtest and the paper broker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from quant_core.foundation.types import Session
from quant_core.market import Market
from quant_core.portfolio import Portfolio
from quant_core.risk.margin import MarginRules, borrow_fee, debit_micros, margin_room
from quant_core.trading.actions import Action, Dividend, Rename, Rights, Split, whole_shares
from quant_core.trading.events import CashFlow, Delisting, Entitlement, Renaming, Subscription
from quant_core.trading.fills import ExecutionRules, Funds
from quant_core.trading.history import Incident
from quant_core.trading.orders import Order, Side


@dataclass(slots=True)
class Adjusted:
    """Orders as they stand after the morning's events, and what must be told."""

    orders: tuple[Order, ...]
    incidents: list[Incident] = field(default_factory=list[Incident])


def adjust(
    portfolio: Portfolio,
    orders: tuple[Order, ...],
    market: Market,
    row: int,
    margin: MarginRules,
    lot: int,
) -> Adjusted:
    """Everything that happens to the book and its orders before the open of ``row``."""
    done = Adjusted(orders)
    session = market.session(row)
    if margin.allowed and row > 0:
        _charge_overnight(portfolio, market, row, margin, done)
    for action in market.actions(row):
        _apply_action(portfolio, action, session, row, done)
        done.orders = tuple(_follow(order, action, lot) for order in done.orders)
    _rename(portfolio, market, row, done)
    for paid in portfolio.pay_due(row):
        _tell(done, session, "dividend_paid", paid.symbol, "", paid.amount_micros)
    for symbol in portfolio.fractions:
        quote = market.quote(row, symbol)
        if 0.0 < quote.price < math.inf and quote.volume != 0.0:
            paid_in_cash = portfolio.pay_fraction(session, symbol, quote.price)
            _tell(done, session, "cash_in_lieu", symbol, "", paid_in_cash.amount_micros)
    return done


def settle(portfolio: Portfolio, market: Market, row: int, rules: ExecutionRules) -> list[Incident]:
    """Close the positions in names whose last session is ``row``.

    They are settled at the last close times (1 + delisting return), so that no dead name
    is carried; a short position is bought back at that price.
    """
    session = market.session(row)
    incidents: list[Incident] = []
    for symbol in market.delisted_after(row):
        held = portfolio.shares_of(symbol)
        last_close = market.close_micros(row, symbol)
        if last_close == 0 and (held != 0 or symbol in portfolio.fractions):
            last_close = portfolio.mark_of(symbol)
        price = round(last_close * (1 + rules.delisting_return))
        if symbol in portfolio.fractions:
            paid = portfolio.pay_fraction(session, symbol, price / 1e6)
            incidents.append(Incident(session, "cash_in_lieu", symbol, "", paid.amount_micros))
        if held == 0:
            continue
        portfolio.apply(Delisting(session, symbol, price))
        detail = f"{held} shares closed at {price / 1e6:.6f}"
        incidents.append(Incident(session, "delisting", symbol, detail, held * price))
    return incidents


def available_funds(
    portfolio: Portfolio, symbol: str, taken: int, rules: ExecutionRules, margin: MarginRules
) -> Funds:
    """What an order in ``symbol`` may draw on at this moment.

    ``taken`` are the shares of it that earlier orders of the session have filled.

    Examples
    --------
    >>> from quant_core.risk.margin import LONG_ONLY
    >>> from quant_core.trading.fees import FREE
    >>> rules = ExecutionRules(0.0, 0.0, 1, None, 0.0, FREE)
    >>> available_funds(Portfolio(5_000_000), "AAA", 0, rules, LONG_ONLY).cash_micros
    5000000
    """
    cash, held, unsettled = portfolio.cash_micros, portfolio.shares_of(symbol), 0
    if rules.sells_next_session:
        unsettled = portfolio.bought_in_session(symbol)
    if not margin.allowed:
        return Funds(cash, held, unsettled, taken)
    long_value, short_value = portfolio.values_micros()
    equity, gross = cash + long_value - short_value, long_value + short_value

    def room(cost_micros: int) -> int:
        return margin_room(equity, gross, cost_micros, margin)

    return Funds(cash, held, unsettled, taken, room)


def _charge_overnight(
    portfolio: Portfolio, market: Market, row: int, margin: MarginRules, done: Adjusted
) -> None:
    """Borrow fees and interest for the calendar days since the close before ``row``."""
    session = market.session(row)
    days = (session - market.session(row - 1)).days
    _, short_value = portfolio.values_micros()
    owed = debit_micros(portfolio.cash_micros, short_value)
    for symbol in portfolio.held:
        shares = portfolio.shares_of(symbol)
        if shares < 0:
            value = -shares * portfolio.mark_of(symbol)
            fee = borrow_fee(value, market.borrow_rate(row - 1, symbol), days)
            _charge(portfolio, done, CashFlow(session, symbol, -fee), "borrow_fee")
    interest = borrow_fee(owed, margin.debit_rate, days)
    _charge(portfolio, done, CashFlow(session, "", -interest), "debit_interest")


def _charge(portfolio: Portfolio, done: Adjusted, flow: CashFlow, kind: str) -> None:
    if flow.amount_micros != 0:
        portfolio.apply(flow)
        _tell(done, flow.session, kind, flow.symbol, "", flow.amount_micros)


def _apply_action(
    portfolio: Portfolio, action: Action, session: Session, row: int, done: Adjusted
) -> None:
    held = portfolio.shares_of(action.symbol)
    match action:
        case Dividend(symbol=symbol, amount_micros=amount):
            if held != 0:
                owed = Entitlement(session, symbol, held * amount, max(action.pay_row, row))
                portfolio.apply(owed)
                detail = f"{held} shares at {amount / 1e6:.6f} a share"
                _tell(done, session, "dividend", symbol, detail)
        case Rights():
            _exercise(portfolio, action, session, done)
        case Split(symbol=symbol, ratio=ratio):
            portfolio.apply(action)
            if held != 0:
                detail = f"{held} shares become {portfolio.shares_of(symbol)}, {ratio:.9g} for 1"
                _tell(done, session, "split", symbol, detail)
        case Rename():
            pass  # all renames of a session happen at once, after everything else


def _rename(portfolio: Portfolio, market: Market, row: int, done: Adjusted) -> None:
    """Positions, fractions and waiting orders go on under the new names."""
    successors = {a.symbol: a.successor for a in market.actions(row) if isinstance(a, Rename)}
    if not successors:
        return
    session = market.session(row)
    for symbol, successor in successors.items():
        if portfolio.shares_of(symbol) != 0:
            _tell(done, session, "rename", symbol, f"now {successor}")
    portfolio.apply(Renaming(session, successors))
    done.orders = tuple(
        replace(order, symbol=successors.get(order.symbol, order.symbol)) for order in done.orders
    )


def _exercise(portfolio: Portfolio, right: Rights, session: Session, done: Adjusted) -> None:
    """Subscribe as far as the cash goes; the rest of the right lapses.

    A short position owes its lender the new shares at the subscription price: what they
    are worth above it is not known before they trade, so that nothing is booked here.
    """
    held = portfolio.shares_of(right.symbol)
    if held <= 0:
        return
    offered, _ = whole_shares(held, right.ratio)
    affordable = portfolio.cash_micros // right.price_micros if right.price_micros else offered
    shares = min(offered, max(affordable, 0))
    if shares:
        portfolio.apply(Subscription(session, right.symbol, shares, right.price_micros))
    detail = f"{shares} of {offered} shares subscribed at {right.price_micros / 1e6:.6f}"
    _tell(done, session, "rights", right.symbol, detail, -shares * right.price_micros)


def _follow(order: Order, action: Action, lot: int) -> Order:
    """A waiting order counts shares of before a split: it follows, in whole lots."""
    if order.symbol != action.symbol or not isinstance(action, Split):
        return order
    step = lot if order.side in (Side.BUY, Side.SHORT) else 1
    requested, _ = whole_shares(order.requested, action.ratio)
    signal = round(order.signal_price_micros / action.ratio)
    return replace(order, requested=requested // step * step, signal_price_micros=signal)


def _tell(
    done: Adjusted, session: Session, kind: str, symbol: str, detail: str, flow: int = 0
) -> None:
    done.incidents.append(Incident(session, kind, symbol, detail, flow))
