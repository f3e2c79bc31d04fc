"""Lines of a fee schedule, schedules, and schedules that change with the date.

A :class:`FeeSchedule` is a sum of :class:`Fee` values, each rounded to a micro. A
:class:`CommissionModel` gives the schedule in force in a session. No fee falls as the
number of shares rises.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np

from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.money import rate_on
from quant_core.foundation.types import FloatArray, Session
from quant_core.trading.orders import Side


class FeeSides(StrEnum):
    """Which orders pay a fee."""

    BOTH = "both"
    BUYS = "buys"
    """Buys, and covers of a short position."""
    SELLS = "sells"
    """Sells of held and of borrowed shares."""


@dataclass(frozen=True, slots=True)
class Fee:
    """One line of a fee schedule; the defaults charge nothing and limit nothing.

    Attributes
    ----------
    name : str
        What the schedule calls it.
    rate : float
        Fraction of the notional.
    per_share_micros : int
        Price of one share.
    minimum_micros : int
        Least charge of an order that fills.
    cap : float
        Largest charge as a fraction of the notional; it wins over the minimum, as in the
        published schedules. Infinite = none.
    maximum_micros : int or None
        Largest charge of an order; None = none.
    sides : FeeSides
        Who pays.
    of_commission : float
        Fraction of the first fee of the schedule, for what is passed through as a
        percentage of the commission.

    Raises
    ------
    ConfigurationError
        A number is negative or NaN: a rebate would let the cost fall as shares rise.

    Examples
    --------
    >>> fee = Fee("activity", per_share_micros=166, maximum_micros=8_300_000)
    >>> fee.charge(Side.SELL, 1_000, 25_000_000), fee.charge(Side.SELL, 60_000, 25_000_000)
    (166000, 8300000)
    """

    name: str
    rate: float = 0.0
    per_share_micros: int = 0
    minimum_micros: int = 0
    cap: float = math.inf
    maximum_micros: int | None = None
    sides: FeeSides = FeeSides.BOTH
    of_commission: float = 0.0

    def __post_init__(self) -> None:
        most = 0 if self.maximum_micros is None else self.maximum_micros
        parts = (self.rate, self.per_share_micros, self.minimum_micros, self.of_commission, most)
        if not (all(0.0 <= part < math.inf for part in parts) and self.cap >= 0.0):
            raise ConfigurationError(
                "a fee is negative or not a number",
                expected="rates and amounts of 0 or more",
                found=str(self),
            )

    def charge(self, side: Side, shares: int, price_micros: int, commission_micros: int = 0) -> int:
        """Charge in micros for filling ``shares``; 0 for 0 shares or the other side.

        ``max(minimum, rint(rate * notional) + shares * per_share + rint(of_commission *
        commission))``, at most ``rint(cap * notional)`` and the maximum.
        """
        if shares == 0 or not self._applies(side):
            return 0
        notional = shares * price_micros
        charged = rate_on(self.rate, notional) + shares * self.per_share_micros
        if self.of_commission > 0.0:
            charged += rate_on(self.of_commission, commission_micros)
        charged = max(charged, self.minimum_micros)
        if self.cap < math.inf:
            charged = min(charged, rate_on(self.cap, notional))
        return charged if self.maximum_micros is None else min(charged, self.maximum_micros)

    def _applies(self, side: Side) -> bool:
        return self.sides is FeeSides.BOTH or side.is_buy == (self.sides is FeeSides.BUYS)

    def as_row(self) -> tuple[float, ...]:
        """The numbers in the order of :class:`FeeColumns`."""
        return (
            self.rate,
            float(self.per_share_micros),
            float(self.minimum_micros),
            self.cap,
            math.inf if self.maximum_micros is None else float(self.maximum_micros),
            float(self.sides is not FeeSides.SELLS),
            float(self.sides is not FeeSides.BUYS),
            self.of_commission,
        )


class FeeColumns(NamedTuple):
    """Positions in a row of :meth:`FeeSchedule.as_array`.

    Infinite ``cap`` and ``maximum`` mean none and must be tested before a conversion to
    int64; ``buys`` and ``sells`` are 1 or 0.
    """

    rate: int = 0
    per_share: int = 1
    minimum: int = 2
    cap: int = 3
    maximum: int = 4
    buys: int = 5
    sells: int = 6
    of_commission: int = 7


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Fees that are charged together; the first is the broker's commission.

    Examples
    --------
    >>> FREE.charge(Side.BUY, 100, 12_345_678)
    0
    >>> rate_fees(0.001, 2_000_000).charge(Side.BUY, 100, 12_345_678)
    2000000
    >>> plan = per_share_fees(5_000, 1_000_000, 0.01)
    >>> plan.charge(Side.BUY, 1_000, 25_000_000), plan.charge(Side.BUY, 1, 5_000_000)
    (5000000, 50000)
    """

    fees: tuple[Fee, ...]

    def charge(self, side: Side, shares: int, price_micros: int) -> int:
        """Sum of the fees in micros for one order; 0 for 0 shares."""
        total = commission = 0
        for position, fee in enumerate(self.fees):
            charged = fee.charge(side, shares, price_micros, commission)
            total += charged
            if position == 0:
                commission = charged
        return total

    def on(self, session: Session) -> FeeSchedule:  # noqa: ARG002  the same in every session
        """Itself: a schedule without dates is a commission model too."""
        return self

    def as_array(self) -> FloatArray:
        """The schedule as float64 [fees, 8], columns by :class:`FeeColumns`.

        Amounts are whole micros; every one below 2**53 is exact.
        """
        return np.array([fee.as_row() for fee in self.fees], dtype=np.float64).reshape(
            len(self.fees), len(FeeColumns())
        )


class CommissionModel(Protocol):
    """Gives the fees of a session."""

    def on(self, session: Session) -> FeeSchedule:
        """Schedule in force in ``session``; always with the same number of fees."""
        ...


@dataclass(frozen=True, slots=True)
class DatedFees:
    """Schedules by their first day, ascending; the first also holds before its day.

    Examples
    --------
    >>> dear = rate_fees(0.01, 0)
    >>> fees = DatedFees(((date(2020, 1, 1), FREE), (date(2021, 1, 1), dear)))
    >>> fees.on(date(2019, 1, 2)) is FREE, fees.on(date(2021, 1, 1)) is dear
    (True, True)
    """

    steps: tuple[tuple[date, FeeSchedule], ...]

    def on(self, session: Session) -> FeeSchedule:
        """The last schedule that began on or before ``session``."""
        begun = bisect_right(self.steps, session, key=lambda step: step[0])
        return self.steps[max(begun - 1, 0)][1]


FREE = FeeSchedule(())
"""Trading is free."""


def rate_fees(rate: float, minimum_micros: int) -> FeeSchedule:
    """A rate on the notional with a minimum per order."""
    return FeeSchedule((Fee("commission", rate=rate, minimum_micros=minimum_micros),))


def per_share_fees(per_share_micros: int, minimum_micros: int, cap: float) -> FeeSchedule:
    """A price per share with a minimum, and a cap as a fraction of the notional."""
    fee = Fee(
        "commission", per_share_micros=per_share_micros, minimum_micros=minimum_micros, cap=cap
    )
    return FeeSchedule((fee,))
