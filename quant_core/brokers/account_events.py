"""What a broker tells of the account that no order has caused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from quant_core.foundation.types import Session
from quant_core.trading.actions import Split
from quant_core.trading.events import CashFlow, Delisting, Entitlement, Renaming, Subscription

AccountEvent: TypeAlias = CashFlow | Entitlement | Delisting | Subscription | Split | Renaming
"""What happens to the account without an order, in the words of the ledger."""


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """Something happened to the account without an order; ``event_id`` is unique.

    ``kind`` and ``detail`` are those of the incident that tells it.
    """

    event_id: str
    event: AccountEvent
    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DuePaid:
    """Dividends due by the session of ``row`` became cash."""

    event_id: str
    session: Session
    row: int


@dataclass(frozen=True, slots=True)
class FractionPaid:
    """The waiting fraction of a share was paid out at ``price``, in currency units."""

    event_id: str
    session: Session
    symbol: str
    price: float
