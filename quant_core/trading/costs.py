"""Commission models: what a broker charges for one order, in micros.

Every model is non-decreasing in the number of shares, which is what lets
:func:`affordable_shares` search by halving.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.money import micros, rate_on


class CommissionModel(Protocol):
    """Charge for filling ``shares`` at ``price_micros`` in one order."""

    def charge(self, shares: int, price_micros: int) -> int:
        """Commission in micros; 0 for 0 shares."""
        ...


@dataclass(frozen=True, slots=True)
class NoCommission:
    """Trading is free."""

    def charge(self, shares: int, price_micros: int) -> int:
        """Always 0."""
        return 0 * shares * price_micros


@dataclass(frozen=True, slots=True)
class RateCommission:
    """A rate on the notional, with a minimum per order.

    Examples
    --------
    >>> RateCommission(rate=0.001, minimum_micros=0).charge(100, 12_345_678)
    1234568
    >>> RateCommission(rate=0.001, minimum_micros=2_000_000).charge(100, 12_345_678)
    2000000
    """

    rate: float
    minimum_micros: int

    def charge(self, shares: int, price_micros: int) -> int:
        """``max(minimum, rint(rate * notional))``."""
        if shares == 0:
            return 0
        return max(self.minimum_micros, rate_on(self.rate, shares * price_micros))


@dataclass(frozen=True, slots=True)
class PerShareCommission:
    """A price per share with a minimum and a cap as a fraction of the notional.

    The cap wins over the minimum, as in the published schedules.

    Examples
    --------
    >>> IBKR_FIXED.charge(100, 25_000_000), IBKR_FIXED.charge(1_000, 25_000_000)
    (1000000, 5000000)
    >>> IBKR_FIXED.charge(1, 5_000_000)
    50000
    """

    per_share_micros: int
    minimum_micros: int
    largest_fraction: float

    def charge(self, shares: int, price_micros: int) -> int:
        """``min(max(per share, minimum), rint(fraction * notional))``."""
        charged = max(shares * self.per_share_micros, self.minimum_micros)
        return min(charged, rate_on(self.largest_fraction, shares * price_micros))


# Interactive Brokers, US stocks and ETFs, published schedule as of 2025-01 (USD):
# fixed 0.005 a share, at least 1.00 an order, at most 1 % of the trade value;
# tiered (up to 300,000 shares a month) 0.0035 a share, at least 0.35, at most 1 %.
# Exchange, clearing and regulatory fees of the tiered plan are not included.
IBKR_FIXED = PerShareCommission(5_000, 1_000_000, 0.01)
IBKR_TIERED = PerShareCommission(3_500, 350_000, 0.01)


def commission_model(name: str, rate: float, minimum: float) -> CommissionModel:
    """The model called ``name``; ``rate`` and ``minimum`` belong to ``bps``.

    Examples
    --------
    >>> commission_model("bps", 0.001, 0.0).charge(10, 1_000_000)
    10000
    """
    match name:
        case "none":
            return NoCommission()
        case "bps":
            return RateCommission(rate, micros(minimum))
        case "ibkr_fixed":
            return IBKR_FIXED
        case "ibkr_tiered":
            return IBKR_TIERED
        case _:
            raise ConfigurationError(
                "unknown commission model",
                expected="one of: none, bps, ibkr_fixed, ibkr_tiered",
                found=name,
                where="execution.commission.model",
            )


def affordable_shares(
    requested: int, price_micros: int, cash_micros: int, lot: int, commission: CommissionModel
) -> int:
    """Largest multiple of ``lot`` up to ``requested`` that ``cash_micros`` pays for.

    The cost of ``m`` shares is ``m * price + commission(m)``; it must not exceed the
    cash. Found by halving, because the cost never falls as ``m`` rises.

    Examples
    --------
    >>> affordable_shares(100, 1_000_000, 50_500_000, 1, NoCommission())
    50
    >>> affordable_shares(100, 1_000_000, 50_500_000, 20, NoCommission())
    40
    """
    low, high = 0, requested // lot
    while low < high:
        middle = (low + high + 1) // 2
        shares = middle * lot
        if shares * price_micros + commission.charge(shares, price_micros) <= cash_micros:
            low = middle
        else:
            high = middle - 1
    return low * lot
