"""The account's ledger: a portfolio that remembers what it was told, and can be told again.

Every change is an entry; the entries in order make the same portfolio anew, to the bit. The
entries that are no trades are told to the client as events of the account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from quant_core.brokers.paper.stored_values import storable
from quant_core.brokers.port import AccountChanged, DuePaid, EventBody, FractionPaid, Notice
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import Session
from quant_core.portfolio import Portfolio
from quant_core.trading.account import Book
from quant_core.trading.actions import Split
from quant_core.trading.events import (
    CashFlow,
    Delisting,
    Entitlement,
    Event,
    Fill,
    Renaming,
    Subscription,
)
from quant_core.trading.history import Incident


@storable
@dataclass(frozen=True, slots=True)
class DueEntry:
    """Dividends due by ``row`` became cash."""

    row: int


@storable
@dataclass(frozen=True, slots=True)
class FractionEntry:
    """The waiting fraction of a share was paid out at ``price``, in currency units."""

    session: Session
    symbol: str
    price: float


@storable
@dataclass(frozen=True, slots=True)
class MarkEntry:
    """The book was valued: the closes of what it holds, 0 where there was none."""

    session: Session
    closes: Mapping[str, int]


LedgerEntry: TypeAlias = Event | DueEntry | FractionEntry | MarkEntry


class RecordedPortfolio(Portfolio):
    """A portfolio that keeps an entry of every change until it is asked for them.

    Examples
    --------
    >>> portfolio = RecordedPortfolio(1_000_000)
    >>> portfolio.apply(CashFlow(Session(2024, 1, 2), "", -1))
    >>> entries = portfolio.drain()
    >>> replayed(1_000_000, False, entries).cash_micros, portfolio.drain()
    (999999, [])
    """

    def __init__(self, capital_micros: int, *, may_short: bool = False) -> None:
        super().__init__(capital_micros, may_short=may_short)
        self._entries: list[LedgerEntry] = []
        self._paying_fraction = False

    def drain(self) -> list[LedgerEntry]:
        """The entries since the last call."""
        entries, self._entries = self._entries, []
        return entries

    def apply(self, event: Event) -> None:
        """Change the book by one event and keep the entry."""
        super().apply(event)
        if not self._paying_fraction:
            self._entries.append(event)

    def pay_due(self, row: int) -> list[Entitlement]:
        """Turn dividends due into cash; an entry where there were any."""
        paid = super().pay_due(row)
        if paid:
            self._entries.append(DueEntry(row))
        return paid

    def pay_fraction(self, session: Session, symbol: str, price: float) -> CashFlow:
        """Pay the waiting fraction of a share; one entry, not also that of its cash."""
        self._paying_fraction = True
        paid = super().pay_fraction(session, symbol, price)
        self._paying_fraction = False
        self._entries.append(FractionEntry(session, symbol, price))
        return paid

    def mark(self, session: Session, close_micros: Callable[[str], int]) -> Book:
        """The book at a close; the entry holds the closes it was valued at."""
        valued = {symbol: close_micros(symbol) for symbol in (*self.held, *self.fractions)}
        self._entries.append(MarkEntry(session, valued))
        return super().mark(session, lambda symbol: valued[symbol])


def replayed(
    capital_micros: int, may_short: bool, entries: Iterable[LedgerEntry]
) -> RecordedPortfolio:
    """The portfolio that the entries made, with nothing left to drain."""
    portfolio = RecordedPortfolio(capital_micros, may_short=may_short)
    for entry in entries:
        match entry:
            case DueEntry(row=row):
                portfolio.pay_due(row)
            case FractionEntry(session=session, symbol=symbol, price=price):
                portfolio.pay_fraction(session, symbol, price)
            case MarkEntry(session=session, closes=closes):
                portfolio.mark(session, closes.__getitem__)
            case _:
                portfolio.apply(entry)
    portfolio.drain()
    return portfolio


def told(
    session: Session,
    entries: list[LedgerEntry],
    incidents: list[Incident],
    next_id: Callable[[], str],
) -> list[EventBody]:
    """The entries as events, each with the detail of the incident that tells it.

    An incident that moved nothing (a right that lapsed whole) becomes a notice.
    """
    waiting = list(incidents)
    bodies: list[EventBody] = []
    for entry in entries:
        match entry:
            case DueEntry(row=row):
                bodies.append(DuePaid(next_id(), session, row))
                waiting = [each for each in waiting if each.kind != "dividend_paid"]
            case FractionEntry(symbol=symbol, price=price):
                bodies.append(FractionPaid(next_id(), session, symbol, price))
                _taken(waiting, "cash_in_lieu", symbol)
            case Renaming():
                bodies.append(AccountChanged(next_id(), entry, "rename"))
                waiting = [each for each in waiting if each.kind != "rename"]
            case CashFlow() | Entitlement() | Subscription() | Split() | Delisting():
                kind = _kind(entry)
                detail = _taken(waiting, kind, entry.symbol)
                bodies.append(AccountChanged(next_id(), entry, kind, detail))
            case Fill() | MarkEntry():
                pass  # an execution has its own event; a valuation is nobody's news
    return bodies + [Notice(each.kind, f"{each.symbol}: {each.detail}") for each in waiting]


def _kind(event: CashFlow | Entitlement | Subscription | Split | Delisting) -> str:
    """The kind of incident that tells an event."""
    match event:
        case CashFlow(symbol=symbol):
            return "borrow_fee" if symbol else "debit_interest"
        case Entitlement():
            return "dividend"
        case Subscription():
            return "rights"
        case Split():
            return "split"
        case Delisting():
            return "delisting"


def _taken(waiting: list[Incident], kind: str, symbol: str) -> str:
    """Detail of the first waiting incident of a kind and name, which is taken out."""
    for position, incident in enumerate(waiting):
        if (incident.kind, incident.symbol) == (kind, symbol):
            return waiting.pop(position).detail
    if kind in ("split", "rename"):  # of a name that is not held: nobody tells it
        return ""
    raise InvariantBroken("a change of the account that nothing tells", found=f"{kind} {symbol}")
