"""Everything that may change a book. State changes by applying these, and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from quant_core.foundation.types import Session
from quant_core.trading.orders import Side


@dataclass(frozen=True, slots=True)
class Fill:
    """Shares that changed hands at the open of a session: one row of ``fills.parquet``.

    ``price_micros`` includes slippage; ``open_micros`` is the raw open;
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
        """What the fill price cost against the raw open, never negative in direction."""
        return self.shares * abs(self.price_micros - self.open_micros)

    @property
    def cash_flow_micros(self) -> int:
        """Signed change of cash: negative for a buy, proceeds less commission for a sell."""
        if self.side is Side.BUY:
            return -(self.notional_micros + self.commission_micros)
        return self.notional_micros - self.commission_micros


@dataclass(frozen=True, slots=True)
class Delisting:
    """The end of a name: its position is closed after its last session with a price.

    ``price_micros`` is the last close times (1 + delisting return).
    """

    session: Session
    symbol: str
    price_micros: int


Event: TypeAlias = Fill | Delisting
