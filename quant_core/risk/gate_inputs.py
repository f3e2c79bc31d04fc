"""What the pre-trade gate is told: the order, the book, the day and the state.

Values only. Money is whole micros, quantities are whole shares, ages are given by the
caller: nothing here looks at a clock. None stands for "not known"; so do NaN, infinities,
a negative number where none can be and a value of the wrong type. What is not known is
refused by every check that needs it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from quant_core.foundation.money import LARGEST_MICROS
from quant_core.trading.orders import Side


class OrderPurpose(StrEnum):
    """Why an order is sent."""

    REBALANCE = "rebalance"
    """The strategy moves towards a new target."""
    EXIT = "exit"
    """A stop or a breaker closes a position."""
    FLAT = "flat"
    """The operator's command FLAT: every position to zero."""


class ReferenceKind(StrEnum):
    """What the reference price of an order is."""

    QUOTE = "quote"
    """A price of the market; its age is counted in seconds."""
    CLOSE = "close"
    """A close, for an order into the opening auction; as old as the data."""


class TradingState(StrEnum):
    """What may be sent at all."""

    NORMAL = "normal"
    REDUCING = "reducing"
    """Only orders that reduce risk."""
    HALTED = "halted"
    """Only the operator's FLAT; left by the operator alone."""


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order that is about to be sent.

    Attributes
    ----------
    symbol, side
        The name and what is done with it.
    quantity : int
        Shares, positive.
    limit_price_micros : int or None
        None = an order without a limit (at market, or into the auction).
    reference_price_micros : int or None
        The price the order is judged by.
    reference_age_seconds : float or None
        Age of a quote. Not looked at where ``reference`` is CLOSE.
    purpose, rebalance_id
        Why it is sent, and the decision it belongs to.
    reference
        What the reference price is.
    sized_price_micros : int or None
        The price the order was sized by; None = no other than the reference.
    """

    symbol: str
    side: Side
    quantity: int | None
    limit_price_micros: int | None
    reference_price_micros: int | None
    reference_age_seconds: float | None
    purpose: OrderPurpose
    rebalance_id: str
    reference: ReferenceKind = ReferenceKind.QUOTE
    sized_price_micros: int | None = None

    @property
    def worst_price_micros(self) -> int | None:
        """The highest of reference, limit and the price it was sized by: its value counts at it.

        The highest in both directions: it makes a purchase dearer and a short sale larger.
        """
        worst = known_whole(self.reference_price_micros, least=1)
        for price in (self.limit_price_micros, self.sized_price_micros):
            if price is None or worst is None:
                continue
            known = known_whole(price, least=1)
            worst = None if known is None else max(worst, known)
        return worst


class MarkedPosition(NamedTuple):
    """Shares held (negative = short) and the latest price they are valued at."""

    shares: int | None
    mark_micros: int | None


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """What is left of an order that may still fill, an order of unknown fate included.

    ``price_micros`` is the price it is counted at: the highest of its limit, the price it
    was sized by and the broker's price.
    """

    symbol: str
    side: Side
    remaining: int | None
    price_micros: int | None


@dataclass(frozen=True, slots=True)
class SentOrder:
    """An order that was sent, open or done, for the search for duplicates."""

    symbol: str
    side: Side
    quantity: int | None
    rebalance_id: str
    age_seconds: float | None


@dataclass(frozen=True, slots=True)
class ParentOrder:
    """The change of a position that a decision asks for, and what was sent of it.

    ``start_shares`` are those the decision started from, ``target_shares`` where all of its
    orders lead; ``children`` counts the shares of its orders that are filled or may still fill.
    """

    start_shares: int | None
    target_shares: int | None
    children: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInputs:
    """Everything the gate knows, taken at one moment.

    Attributes
    ----------
    account, configured_account
        The account the broker reports and the one the settings name.
    kill_latched : bool or None
        Whether the kill latch is set or a KILL file is present.
    state : TradingState
        What :func:`next_trading_state` last said.
    accepts_orders : bool or None
        Whether the session takes this kind of order now.
    seconds_to_cut_off : float or None
        Time until the session takes no more of them; negative = over.
    equity_micros, cash_micros, day_start_equity_micros, peak_equity_micros
        The account now; its equity at the start of the session; its highest equity.
    positions : mapping of symbol to MarkedPosition, or None
        A symbol that is absent is not held. None = not known.
    open_orders : tuple of OpenOrder, or None
        Every order that may still fill, whoever sent it.
    average_volumes : mapping of symbol to shares
        Average volume of a session.
    previous_closes : mapping of symbol to micros
        Closes that a reference price is compared with; None where there is no second price
        to compare.
    orders_last_minute, orders_today : int or None
        Orders sent, refused ones not counted.
    turnover_today_micros : int or None
        Value of the fills of the session; open orders are counted by the gate.
    recent_orders : tuple of SentOrder, or None
        Orders sent within at least the window of the search for duplicates.
    restricted : set of symbols, or None
        Names that may not be traded today, beside those of the settings.
    data_age_sessions : int or None
        Sessions closed since the last one of the data; 0 = current.
    data_hash, expected_data_hash
        The snapshot the decision was computed from and the one that is published.
    reconciliation_age_seconds : float or None
        Time since positions, orders and cash here were those of the broker; None while
        there is a difference nobody has explained.
    parents : mapping of symbol to ParentOrder
        What the current decision wants of each name.
    """

    account: str | None
    configured_account: str | None
    kill_latched: bool | None
    state: TradingState
    accepts_orders: bool | None
    seconds_to_cut_off: float | None
    equity_micros: int | None
    cash_micros: int | None
    day_start_equity_micros: int | None
    peak_equity_micros: int | None
    positions: Mapping[str, MarkedPosition] | None
    open_orders: tuple[OpenOrder, ...] | None
    average_volumes: Mapping[str, float | None]
    previous_closes: Mapping[str, int | None]
    orders_last_minute: int | None
    orders_today: int | None
    turnover_today_micros: int | None
    recent_orders: tuple[SentOrder, ...] | None
    restricted: frozenset[str] | None
    data_age_sessions: int | None
    data_hash: str | None
    expected_data_hash: str | None
    reconciliation_age_seconds: float | None
    parents: Mapping[str, ParentOrder]


def known_whole(value: object, least: int | None = None) -> int | None:
    """``value`` if it is a whole number of usable size and not below ``least``, else None.

    Only Python's own integers count: they never overflow.

    Examples
    --------
    >>> known_whole(3), known_whole(3.0), known_whole(True), known_whole(-1, least=0)
    (3, None, None, None)
    """
    if type(value) is not int:
        return None
    floor = -LARGEST_MICROS if least is None else least
    return value if floor <= value <= LARGEST_MICROS else None


def known_real(value: object, least: float = -math.inf) -> float | None:
    """``value`` if it is a finite number not below ``least``, else None.

    Examples
    --------
    >>> known_real(0.5), known_real(float("nan")), known_real(-1.0, least=0.0)
    (0.5, None, None)
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    usable = abs(value) <= LARGEST_MICROS and value >= least  # false for NaN
    return value if usable else None


def total(first: int | None, second: int | None) -> int | None:
    """The sum; None where either is not known.

    Examples
    --------
    >>> total(1, 2), total(None, 2)
    (3, None)
    """
    return None if first is None or second is None else first + second
