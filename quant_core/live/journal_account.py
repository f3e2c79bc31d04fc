"""What a journal says about the account beside its trades, as the broker told it.

With the fills these entries are the whole ledger: applied in order they make the same
portfolio anew, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, TypeAlias

from quant_core.brokers.port import AccountChanged, AccountEvent
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import Session
from quant_core.live.journal_kinds import Kind
from quant_core.trading.actions import Split
from quant_core.trading.events import CashFlow, Delisting, Entitlement, Renaming, Subscription


@dataclass(frozen=True, slots=True)
class AccountMoved:
    """Something happened to the account without an order; exactly one member is not null.

    ``incident`` and ``detail`` are those of the incident that tells it.
    """

    kind: ClassVar[Kind] = Kind.ACCOUNT_MOVED
    event_id: str
    incident: str
    detail: str
    cash_flow: CashFlow | None = None
    entitlement: Entitlement | None = None
    delisting: Delisting | None = None
    subscription: Subscription | None = None
    split: Split | None = None
    renaming: Renaming | None = None

    @classmethod
    def of(cls, told: AccountChanged) -> Self:
        """The entry for what the broker told.

        Examples
        --------
        >>> flow = CashFlow(Session(2024, 1, 2), "", -5)
        >>> AccountMoved.of(AccountChanged("A1", flow, "debit_interest")).event() == flow
        True
        """
        event = told.event
        return cls(
            told.event_id,
            told.kind,
            told.detail,
            cash_flow=event if isinstance(event, CashFlow) else None,
            entitlement=event if isinstance(event, Entitlement) else None,
            delisting=event if isinstance(event, Delisting) else None,
            subscription=event if isinstance(event, Subscription) else None,
            split=event if isinstance(event, Split) else None,
            renaming=event if isinstance(event, Renaming) else None,
        )

    def event(self) -> AccountEvent:
        """The event for the ledger."""
        members = (
            *(self.cash_flow, self.entitlement, self.delisting),
            *(self.subscription, self.split, self.renaming),
        )
        events = [event for event in members if event is not None]
        if len(events) != 1:
            raise InvariantBroken(
                "an entry about the account tells not exactly one event",
                found=f"{len(events)} events under {self.event_id}",
            )
        return events[0]


@dataclass(frozen=True, slots=True)
class DuesPaid:
    """Dividends due by the session of ``row`` became cash."""

    kind: ClassVar[Kind] = Kind.DUES_PAID
    event_id: str
    session: Session
    row: int


@dataclass(frozen=True, slots=True)
class FractionSettled:
    """The waiting fraction of a share was paid out at ``price``, in currency units."""

    kind: ClassVar[Kind] = Kind.FRACTION_SETTLED
    event_id: str
    session: Session
    symbol: str
    price: float


@dataclass(frozen=True, slots=True)
class BrokerRead:
    """Every event of the broker up to ``number`` is in the journal or says nothing to it."""

    kind: ClassVar[Kind] = Kind.BROKER_READ
    number: int


AccountBody: TypeAlias = AccountMoved | DuesPaid | FractionSettled | BrokerRead
"""Entries of the account beside its trades."""
