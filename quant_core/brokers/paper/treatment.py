"""How the exchange treats an order that meets the market: plainly, or as a scenario says."""

from __future__ import annotations

from dataclasses import dataclass, replace

from quant_core.trading.orders import Order, Side


@dataclass(frozen=True, slots=True)
class Treatment:
    """How an order is treated that meets the market: the plain way by default.

    ``halted`` lets it meet no market; ``percent`` of its shares fill at most; the fill is
    told as ``parts`` executions.
    """

    halted: bool = False
    percent: int = 100
    parts: int = 1


PLAIN = Treatment()
"""Nothing is done to the order."""


def treated(order: Order, treatment: Treatment, lot: int) -> Order:
    """The part of an order that a scenario lets trade; whole lots where it opens a position."""
    if treatment.percent >= 100:
        return order
    step = lot if order.side in (Side.BUY, Side.SHORT) else 1
    return replace(order, requested=order.requested * treatment.percent // 100 // step * step)


def divided(shares: int, parts: int) -> list[int]:
    """Shares in ``parts`` positive parts as equal as can be; fewer where there are too few.

    Examples
    --------
    >>> divided(10, 3), divided(2, 5)
    ([4, 3, 3], [1, 1])
    """
    parts = max(1, min(parts, shares))
    return [shares // parts + (number < shares % parts) for number in range(parts)]
