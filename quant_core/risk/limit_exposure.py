"""What the book may become: held shares and every order that may still fill.

Nobody knows which open orders will fill. A name is therefore counted at both ends: all
its buys filled and none of its sells, and the other way round. An order in one direction
never makes room for one in the other. Every outcome lies between the two ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from quant_core.risk.gate_inputs import (
    LARGEST_MICROS,
    GateInputs,
    MarkedPosition,
    OpenOrder,
    OrderIntent,
    known_whole,
    total,
)
from quant_core.trading.orders import Side


class NameExposure(NamedTuple):
    """One name: shares and micros held, and what its open orders would buy and sell.

    ``closing_sells`` and ``closing_buys`` are the shares of the orders that close a
    position (SELL and COVER). None = not known.
    """

    shares: int | None = 0
    held_micros: int | None = 0
    buys: int | None = 0
    buys_micros: int | None = 0
    sells: int | None = 0
    sells_micros: int | None = 0
    closing_buys: int | None = 0
    closing_sells: int | None = 0

    @property
    def longest_micros(self) -> int | None:
        """Value when every buy fills and no sell does."""
        return total(self.held_micros, self.buys_micros)

    @property
    def shortest_micros(self) -> int | None:
        """Value when every sell fills and no buy does."""
        sells = self.sells_micros
        return total(self.held_micros, None if sells is None else -sells)

    @property
    def worst_micros(self) -> int | None:
        """The larger of the two ends, as a positive amount."""
        return _larger(self.longest_micros, self.shortest_micros)

    def after(self, side: Side, quantity: int | None, price_micros: int | None) -> NameExposure:
        """The name with one more order that may fill."""
        value = None if quantity is None or price_micros is None else quantity * price_micros
        closing = side in (Side.SELL, Side.COVER)
        if side.is_buy:
            return self._replace(
                buys=total(self.buys, quantity),
                buys_micros=total(self.buys_micros, value),
                closing_buys=total(self.closing_buys, quantity) if closing else self.closing_buys,
            )
        return self._replace(
            sells=total(self.sells, quantity),
            sells_micros=total(self.sells_micros, value),
            closing_sells=total(self.closing_sells, quantity) if closing else self.closing_sells,
        )


_UNKNOWN = NameExposure(*(None,) * 8)
_NOT_HELD = NameExposure()
_NO_SHARES = MarkedPosition(0, None)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Every name of the book, and the sums over them.

    ``names`` are those with orders and ``held`` the positions: there may be thousands of
    them every second, so that a name without an order is looked up when it is asked for.
    ``known`` is False where positions or open orders are not known at all.

    Examples
    --------
    >>> names = {"A": NameExposure(10, 1_000), "B": NameExposure(-5, -400)}
    >>> book = Exposure(names, gross_micros=1_400, longest_micros=600, shortest_micros=600)
    >>> later = book.after("A", Side.BUY, 2, 100)
    >>> later.gross_micros, later.worst_net_micros
    (1600, 800)
    """

    names: Mapping[str, NameExposure]
    gross_micros: int | None
    longest_micros: int | None
    shortest_micros: int | None
    buys_micros: int | None = 0
    sells_micros: int | None = 0
    known: bool = True
    held: Mapping[str, MarkedPosition] = field(default_factory=dict[str, MarkedPosition])

    @classmethod
    def of(cls, inputs: GateInputs) -> Self:
        """The exposure of positions and open orders."""
        if inputs.positions is None or inputs.open_orders is None:
            return cls({}, None, None, None, None, None, known=False)
        held, names = inputs.positions, dict[str, NameExposure]()
        for order in inputs.open_orders:
            name = names.get(order.symbol) or _held(held.get(order.symbol, _NO_SHARES))
            names[order.symbol] = name.after(order.side, *_counted(order))
        still = [_value(position) for symbol, position in held.items() if symbol not in names]
        moving = names.values()
        return cls(
            names,
            total(_sum_of_sizes(still), _sum(name.worst_micros for name in moving)),
            total(_sum(still), _sum(name.longest_micros for name in moving)),
            total(_sum(still), _sum(name.shortest_micros for name in moving)),
            _sum(name.buys_micros for name in moving),
            _sum(name.sells_micros for name in moving),
            held=held,
        )

    def name(self, symbol: str) -> NameExposure:
        """One name; one that is neither held nor ordered is zero."""
        if not self.known:
            return _UNKNOWN
        return self.names.get(symbol) or _held(self.held.get(symbol, _NO_SHARES))

    @property
    def largest_micros(self) -> int | None:
        """The largest name at its worse end; None where one of them is not known."""
        sizes = [name.worst_micros for name in self.names.values()]
        sizes += [_value(each) for name, each in self.held.items() if name not in self.names]
        known = [abs(size) for size in sizes if size is not None]
        return max(known, default=0) if self.known and len(known) == len(sizes) else None

    @property
    def worst_net_micros(self) -> int | None:
        """Net exposure at its worse end, as a positive amount."""
        return _larger(self.longest_micros, self.shortest_micros)

    def after(
        self, symbol: str, side: Side, quantity: int | None, price_micros: int | None
    ) -> Self:
        """The exposure with one more order that may fill."""
        old = self.name(symbol)
        new = old.after(side, quantity, price_micros)
        return replace(
            self,
            names={**self.names, symbol: new},
            gross_micros=_moved(self.gross_micros, old.worst_micros, new.worst_micros),
            longest_micros=_moved(self.longest_micros, old.longest_micros, new.longest_micros),
            shortest_micros=_moved(self.shortest_micros, old.shortest_micros, new.shortest_micros),
            buys_micros=_moved(self.buys_micros, old.buys_micros, new.buys_micros),
            sells_micros=_moved(self.sells_micros, old.sells_micros, new.sells_micros),
        )


def reduces_risk(intent: OrderIntent, exposure: Exposure) -> bool:
    """Whether an order can only bring its name towards zero, never through it.

    The open orders in the same direction are counted as filled and those in the other as
    not; what is not known is not a reduction.

    Examples
    --------
    >>> from quant_core.risk.gate_inputs import OrderPurpose
    >>> sale = OrderIntent("A", Side.SELL, 6, None, 100, 0.0, OrderPurpose.EXIT, "r1")
    >>> holding = Exposure({"A": NameExposure(shares=10, sells=4)}, 0, 0, 0)
    >>> reduces_risk(sale, holding), reduces_risk(sale, holding.after("A", Side.SELL, 1, 100))
    (True, False)
    """
    name = exposure.name(intent.symbol)
    quantity = known_whole(intent.quantity, least=1)
    if quantity is None or name.shares is None:
        return False
    ordered = name.buys if intent.side.is_buy else name.sells
    room = -name.shares if intent.side.is_buy else name.shares
    return ordered is not None and ordered + quantity <= room


def _held(position: MarkedPosition) -> NameExposure:
    shares, mark = known_whole(position.shares), known_whole(position.mark_micros, least=1)
    if shares is None or mark is None:
        return _NOT_HELD if shares == 0 else NameExposure(shares, None)
    return NameExposure(shares, shares * mark) if shares else _NOT_HELD


def _value(position: MarkedPosition) -> int | None:
    """What is held of a name; the usual case is written out."""
    shares, mark = position
    if type(shares) is int and type(mark) is int and 0 < mark <= LARGEST_MICROS:
        return shares * mark if abs(shares) <= LARGEST_MICROS else None
    return _held(position).held_micros


def _counted(order: OpenOrder) -> tuple[int | None, int | None]:
    return known_whole(order.remaining, least=0), known_whole(order.price_micros, least=1)


def _larger(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else max(abs(first), abs(second))


def _moved(whole: int | None, old: int | None, new: int | None) -> int | None:
    return None if whole is None or old is None or new is None else whole - old + new


def _sum_of_sizes(values: Iterable[int | None]) -> int | None:
    return _sum(None if value is None else abs(value) for value in values)


def _sum(values: Iterable[int | None]) -> int | None:
    amounts = list(values)
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None
