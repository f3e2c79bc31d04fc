"""From target weights to whole-share orders, at the close of T-1.

``E`` is the equity in micros with every position at its last valid close, and for each
name ``budget = int(floor(w * (1 - cash_buffer) * E))`` evaluated left to right in
float64, ``target = (budget // (close_micros * lot)) * lot``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from quant_core.trading.account import Book
from quant_core.trading.orders import Order, Reason, Side


class CloseQuote(NamedTuple):
    """What is known of a name at the close of T-1.

    ``last_close_micros`` is the last valid close up to T-1 (0 = never had one);
    ``valid`` says that it is T-1's own; ``in_universe`` that the name may be bought.
    """

    last_close_micros: int
    valid: bool
    in_universe: bool


def target_shares(
    weight: float, equity_micros: int, close_micros: int, cash_buffer: float, lot: int
) -> int:
    """Whole lots that ``weight`` of the equity buys at the close, after the buffer.

    Examples
    --------
    >>> target_shares(0.5, 1_000_000_000_000, 123_450_000, 0.02, 1)
    3969
    >>> target_shares(0.5, 1_000_000_000_000, 123_450_000, 0.02, 100)
    3900
    """
    budget = math.floor(weight * (1 - cash_buffer) * equity_micros)
    return (budget // (close_micros * lot)) * lot


def rebalance_orders(
    weights: Mapping[str, float],
    book: Book,
    quote: Callable[[str], CloseQuote],
    cash_buffer: float,
    lot: int,
) -> list[Order]:
    """Orders that move the book to the target weights; held names not named go to 0.

    A name without a valid close at T-1, or outside the universe, may be reduced but not
    bought: the buy is kept as a refused order, so that nothing is silently dropped.
    """
    orders: list[Order] = []
    for symbol in sorted(set(weights) | set(book.positions)):
        weight = weights.get(symbol, 0.0)
        known = quote(symbol)
        held = book.positions[symbol].shares if symbol in book.positions else 0
        wanted = held
        if weight == 0.0:
            wanted = 0
        elif known.last_close_micros > 0:
            wanted = target_shares(
                weight, book.equity_micros, known.last_close_micros, cash_buffer, lot
            )
        order = _order(symbol, weight, wanted - held, known)
        if order is not None:
            orders.append(order)
    return orders


def exit_orders(symbols: list[str], book: Book, quote: Callable[[str], CloseQuote]) -> list[Order]:
    """Sell the whole position of each held name in ``symbols``."""
    return [
        Order(s, Side.SELL, book.positions[s].shares, 0.0, quote(s).last_close_micros)
        for s in sorted(symbols)
        if s in book.positions
    ]


def _order(symbol: str, weight: float, change: int, known: CloseQuote) -> Order | None:
    """The order for a change of shares, refused where the name cannot be bought."""
    signal = known.last_close_micros
    if change < 0:
        return Order(symbol, Side.SELL, -change, weight, signal)
    refusal = _refusal(known)
    if change > 0 or (known.last_close_micros == 0 and weight > 0.0):
        return Order(symbol, Side.BUY, change, weight, signal, refusal)
    return None


def _refusal(known: CloseQuote) -> Reason:
    if not known.valid:
        return Reason.REFUSED_NO_PRICE
    if not known.in_universe:
        return Reason.REFUSED_NOT_IN_UNIVERSE
    return Reason.NONE
