"""Everything that may change a book. State changes by applying these, and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from quant_core.foundation.types import Session
from quant_core.trading.actions import Split
from quant_core.trading.orders import Side


@dataclass(frozen=True, slots=True)
class Fill:
    """Shares that changed hands in a session: one row of ``fills.parquet``.

    ``price_micros`` includes slippage and impact; ``open_micros`` is the raw price the
    order met (the open, unless the run executes at another price);
    ``commission_micros`` is charged on top of (or taken out of) the notional.
    """

    session: Session
    symbol: str
    side: Side
    shares: int
    price_micros: int
    open_micros: int
    commission_micros: int

    @property
    def notional_micros(self) -> int:
        """Shares times fill price."""
        return self.shares * self.price_micros

    @property
    def slippage_micros(self) -> int:
        """What the fill price cost against the raw price, never negative in direction."""
        return self.shares * abs(self.price_micros - self.open_micros)

    @property
    def cash_flow_micros(self) -> int:
        """Signed change of cash: negative for a buy, proceeds less commission for a sell."""
        if self.side.is_buy:
            return -(self.notional_micros + self.commission_micros)
        return self.notional_micros - self.commission_micros


@dataclass(frozen=True, slots=True)
class Delisting:
    """The end of a name: its position is closed after its last session with a price.

    ``price_micros`` is the last close times (1 + delisting return). A short position is
    bought back at that price.
    """

    session: Session
    symbol: str
    price_micros: int


@dataclass(frozen=True, slots=True)
class CashFlow:
    """Cash that comes (positive) or goes for another reason than a trade.

    Payments in lieu of a fraction, fees for borrowed shares, interest on a debit.
    """

    session: Session
    symbol: str
    amount_micros: int


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A dividend on its ex-date: owed to the account (to the lender, when negative).

    It counts in equity at once and becomes cash in the session of row ``pay_row``.
    """

    session: Session
    symbol: str
    amount_micros: int
    pay_row: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """New shares bought from the company by a right, without commission."""

    session: Session
    symbol: str
    shares: int
    price_micros: int


@dataclass(frozen=True, slots=True)
class Renaming:
    """Names that go on under another one; all moves happen at once."""

    session: Session
    successors: Mapping[str, str]


Event: TypeAlias = Fill | Delisting | CashFlow | Entitlement | Subscription | Split | Renaming
