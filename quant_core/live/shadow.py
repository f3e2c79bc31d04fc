"""The day as the backtest would have had it, against the day as it was.

The shadow lets the same orders meet the same session from the same ledger. What a name's
trades added to the equity of the close differs for reasons that add up exactly:

=============  =====================================================================
price          filled at another price
missed         the backtest filled, the broker did not at all
partial        filled for another number of shares
fee            another commission
data_revised   on the data as they are now, the decision would have been another
unexplained    everything else: events of the account, mistakes
=============  =====================================================================
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from quant_core.live.journal_entries import ShortfallExplained
from quant_core.live.journal_orders import OrderIntent
from quant_core.market import Market
from quant_core.portfolio import Portfolio
from quant_core.settlement import adjust, settle
from quant_core.trading.account import Book
from quant_core.trading.events import Fill
from quant_core.trading.orders import Order
from quant_core.trading_day import Brain, execute, mark

CAUSES = ("price", "missed", "partial", "fee", "data_revised", "unexplained")


@dataclass(frozen=True, slots=True)
class ShadowDay:
    """The session as the backtest has it."""

    fills: tuple[Fill, ...]
    book: Book


def shadow_day(
    ledger: Portfolio, orders: Sequence[Order], market: Market, row: int, brain: Brain
) -> ShadowDay:
    """Let the orders meet the session of ``row`` as in a backtest; changes no argument."""
    portfolio = copy.deepcopy(ledger)
    adjusted = adjust(portfolio, tuple(orders), market, row, brain.margin, brain.execution.lot)
    executed = execute(portfolio, adjusted.orders, market, row, brain)
    settle(portfolio, market, row, brain.execution)
    return ShadowDay(tuple(executed.fills), mark(portfolio, market, row))


def sent_order(intent: OrderIntent) -> Order:
    """An order that was sent, as a backtest has it."""
    price = intent.signal_price_micros
    return Order(intent.symbol, intent.side, intent.shares, intent.target_weight, price)


def explain(
    shadow: ShadowDay,
    fills: Sequence[Fill],
    book: Book,
    close_of: Callable[[str], int],
    revised: ShadowDay | None = None,
) -> ShortfallExplained:
    """Equity of the close less that of the shadow, by cause in micros.

    ``revised`` is the day with the orders that would have been decided on the data as they
    are now, where these are not the data of the decision; the causes then add up to the
    equity less that of this day.
    """
    causes: dict[str, int] = dict.fromkeys(CAUSES, 0)
    if revised is not None:
        causes["data_revised"] = shadow.book.equity_micros - revised.book.equity_micros
    planned, done = _by_key(shadow.fills), _by_key(fills)
    for key in sorted({*planned, *done}):
        close = close_of(key[0])
        for cause, amount in _causes(planned.get(key, ()), done.get(key, ()), close).items():
            causes[cause] += amount
    baseline = shadow if revised is None else revised
    known = sum(causes.values())
    causes["unexplained"] = book.equity_micros - baseline.book.equity_micros - known
    session = book.session or shadow.fills[0].session
    return ShortfallExplained(session, causes)


def _by_key(fills: Sequence[Fill]) -> dict[tuple[str, str], tuple[Fill, ...]]:
    found: dict[tuple[str, str], tuple[Fill, ...]] = {}
    for fill in fills:
        key = (fill.symbol, fill.side.value)
        found[key] = (*found.get(key, ()), fill)
    return found


def _causes(planned: Sequence[Fill], done: Sequence[Fill], close: int) -> Mapping[str, int]:
    """What the trades of one name and side added less what they would have added."""
    fee = sum(f.commission_micros for f in planned) - sum(f.commission_micros for f in done)
    gain_planned, gain_done = _gain(planned, close), _gain(done, close)
    if not done:
        return {"missed": -gain_planned, "fee": fee}
    shares_planned, shares_done = (sum(f.shares for f in each) for each in (planned, done))
    if shares_planned == shares_done:
        return {"price": gain_done - gain_planned, "fee": fee}
    # The shares that are missing (or too many), at the price of the shadow.
    reference = planned[0].price_micros if planned else done[0].price_micros
    sign = 1 if done[0].side.is_buy else -1
    partial = sign * (shares_done - shares_planned) * (close - reference)
    return {"partial": partial, "price": gain_done - gain_planned - partial, "fee": fee}


def _gain(fills: Sequence[Fill], close: int) -> int:
    """What trades add to the equity of the close, commission apart."""
    return sum((1 if f.side.is_buy else -1) * f.shares * (close - f.price_micros) for f in fills)
