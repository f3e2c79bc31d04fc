"""Orders and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from quant_core.foundation.types import Session


class Side(StrEnum):
    """What an order or fill does: buy and sell move a long, short and cover a short."""

    BUY = "buy"
    SELL = "sell"
    SHORT = "short"
    """Sells borrowed shares: opens or increases a short position."""
    COVER = "cover"
    """Buys back what was sold short."""

    @property
    def is_buy(self) -> bool:
        """Whether shares come in and cash goes out."""
        return self is Side.BUY or self is Side.COVER


class OrderStatus(StrEnum):
    """The end of a day order. Nothing is carried to the next session."""

    FILLED = "filled"
    TRUNCATED = "truncated"
    """Filled for less than requested, possibly for nothing; the reason says why."""
    EXPIRED = "expired"
    """Met no market in its session."""
    REFUSED = "refused"
    """Never sent: the name could not be bought."""


class Reason(StrEnum):
    """Why an order was not filled in full."""

    NONE = ""
    TRUNCATED_CASH = "truncated_cash"
    TRUNCATED_VOLUME = "truncated_volume"
    TRUNCATED_MARGIN = "truncated_margin"
    TRUNCATED_POSITION = "truncated_position"
    """The position is smaller than what the order closes, or still open on the other side."""
    EXPIRED_HALTED = "expired_halted"
    EXPIRED_LIMIT_UP = "expired_limit_up"
    EXPIRED_LIMIT_DOWN = "expired_limit_down"
    EXPIRED_NOT_SETTLED = "expired_not_settled"
    """Bought in this session where the market lets it be sold only in the next."""
    EXPIRED_UNKNOWN_IMPACT = "expired_unknown_impact"
    """The impact model needs a volatility and an average volume that are not known."""
    REFUSED_NO_PRICE = "refused_no_price"
    REFUSED_NOT_IN_UNIVERSE = "refused_not_in_universe"
    REFUSED_NOT_LOCATED = "refused_not_located"
    """There was nobody to borrow the shares from."""


@dataclass(frozen=True, slots=True)
class Order:
    """A day order for the next open, decided at the close before it.

    ``requested`` is a positive number of shares; ``signal_price_micros`` is the close
    of T-1 (0 = none was known); ``refusal`` marks an order that must not be sent and is
    only recorded.
    """

    symbol: str
    side: Side
    requested: int
    target_weight: float
    signal_price_micros: int
    refusal: Reason = Reason.NONE


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order with its outcome: one row of ``orders.parquet``.

    ``open_price_micros`` is the raw open of the session, 0 when there was none;
    ``cash_before_micros`` is the cash just before the order met the market.
    """

    session: Session
    symbol: str
    side: Side
    requested: int
    filled: int
    status: OrderStatus
    reason: Reason
    signal_price_micros: int
    open_price_micros: int
    cash_before_micros: int


def execution_order(orders: list[Order]) -> list[Order]:
    """The order in which a session executes: sells by symbol, then buys by weight.

    All sells come first, ascending by symbol; then covers, then short sales, each
    ascending by symbol; then buys by descending target weight, ties ascending by symbol.

    Examples
    --------
    >>> orders = [Order("B", Side.BUY, 1, 0.2, 1), Order("A", Side.BUY, 1, 0.2, 1),
    ...           Order("C", Side.BUY, 1, 0.3, 1), Order("Z", Side.SELL, 1, 0.0, 1)]
    >>> [order.symbol for order in execution_order(orders)]
    ['Z', 'C', 'A', 'B']
    """
    return sorted(orders, key=_priority)


_TURN = {Side.SELL: 0, Side.COVER: 1, Side.SHORT: 2, Side.BUY: 3}


def _priority(order: Order) -> tuple[int, float, str]:
    weight = -order.target_weight if order.side is Side.BUY else 0.0
    return _TURN[order.side], weight, order.symbol
