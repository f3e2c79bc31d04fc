"""From target weights to whole-share orders, at the close of T-1.

``E`` is cash plus the value of every position at its last valid close, in micros, and for
each name ``budget = int(floor(w * (1 - cash_buffer) * E))`` evaluated left to right in
float64, ``target = (budget // (close_micros * lot)) * lot``. A negative weight has the
target of its absolute value, sold short.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from quant_core.trading.account import Book
from quant_core.trading.orders import Order, Reason, Side


class CloseQuote(NamedTuple):
    """What is known of a name at the close of T-1.

    ``last_close_micros`` is the last valid close up to T-1 (0 = never had one);
    ``valid`` says that it is T-1's own; ``in_universe`` that the name may be bought;
    ``locatable`` that its shares can be borrowed.
    """

    last_close_micros: int
    valid: bool
    in_universe: bool
    locatable: bool = True


@dataclass(frozen=True, slots=True)
class SizingRules:
    """The share of the equity that stays in cash, and the lot."""

    cash_buffer: float
    lot: int


def target_shares(
    weight: float, equity_micros: int, close_micros: int, cash_buffer: float, lot: int
) -> int:
    """Whole lots that ``weight`` of the equity buys at the close, after the buffer.

    Negative for a negative weight.

    Examples
    --------
    >>> target_shares(0.5, 1_000_000_000_000, 123_450_000, 0.02, 1)
    3969
    >>> target_shares(-0.5, 1_000_000_000_000, 123_450_000, 0.02, 100)
    -3900
    """
    budget = math.floor(abs(weight) * (1 - cash_buffer) * equity_micros)
    shares = (max(budget, 0) // (close_micros * lot)) * lot
    return shares if weight >= 0.0 else -shares


def rebalance_orders(
    weights: Mapping[str, float],
    book: Book,
    quote: Callable[[str], CloseQuote],
    rules: SizingRules,
) -> list[Order]:
    """Orders that move the book to the target weights; held names not named go to 0.

    A name without a valid close at T-1, or outside the universe, may be reduced but not
    bought or sold short, and a name that cannot be borrowed not sold short: the order is
    kept as refused, so that nothing is silently dropped. A position that changes its
    sign does so in two orders.
    """
    orders: list[Order] = []
    for symbol in sorted(set(weights) | set(book.positions)):
        weight = weights.get(symbol, 0.0)
        position = book.positions.get(symbol)
        known = quote(symbol)
        held = 0 if position is None else position.shares
        wanted = held
        if weight == 0.0:
            wanted = 0
        elif known.last_close_micros > 0:
            equity, close = book.investable_micros, known.last_close_micros
            wanted = target_shares(weight, equity, close, rules.cash_buffer, rules.lot)
        else:
            orders.append(_never_priced(symbol, weight, known))
        orders += _orders(symbol, weight, held, wanted, known)
    return orders


def exit_orders(symbols: list[str], book: Book, quote: Callable[[str], CloseQuote]) -> list[Order]:
    """Close the whole position of each held name in ``symbols``."""
    orders: list[Order] = []
    for symbol in sorted(symbols):
        position = book.positions.get(symbol)
        if position is not None:
            orders += _orders(symbol, 0.0, position.shares, 0, quote(symbol))
    return orders


def _orders(symbol: str, weight: float, held: int, wanted: int, known: CloseQuote) -> list[Order]:
    """One order for a change of shares, two where the position changes its sign."""
    signal = known.last_close_micros
    orders: list[Order] = []
    if held > 0 and wanted < held:
        orders.append(Order(symbol, Side.SELL, held - max(wanted, 0), weight, signal))
    if held < 0 and wanted > held:
        orders.append(Order(symbol, Side.COVER, min(wanted, 0) - held, weight, signal))
    if wanted > 0 and wanted > held:
        bought = wanted - max(held, 0)
        orders.append(Order(symbol, Side.BUY, bought, weight, signal, _refusal(known)))
    if wanted < 0 and wanted < held:
        sold = min(held, 0) - wanted
        refusal = _refusal(known)
        if refusal is Reason.NONE and not known.locatable:
            refusal = Reason.REFUSED_NOT_LOCATED
        orders.append(Order(symbol, Side.SHORT, sold, weight, signal, refusal))
    return orders


def _never_priced(symbol: str, weight: float, known: CloseQuote) -> Order:
    side = Side.BUY if weight > 0.0 else Side.SHORT
    return replace(Order(symbol, side, 0, weight, 0), refusal=_refusal(known))


def _refusal(known: CloseQuote) -> Reason:
    if not known.valid:
        return Reason.REFUSED_NO_PRICE
    if not known.in_universe:
        return Reason.REFUSED_NOT_IN_UNIVERSE
    return Reason.NONE
