"""What the venue carries from one transition to the next, and how it is taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from quant_core.brokers.paper.books import Books
from quant_core.brokers.paper.exchange import Counters, ExchangeContent
from quant_core.brokers.paper.faults import FaultState
from quant_core.brokers.paper.ledger import replayed
from quant_core.brokers.paper.stored_values import storable, value_of
from quant_core.brokers.paper.venue_clock import VenueTime
from quant_core.foundation.errors import ConfigurationError, DataRefused
from quant_core.foundation.money import format_micros
from quant_core.foundation.types import Session
from quant_core.market import Market

storable(VenueTime)


@storable
@dataclass(frozen=True, slots=True)
class VenueState:
    """The state of a venue beside its orders, executions and ledger.

    ``session`` is that of the row of ``place``; ``session_from`` the number of the first
    thing that happened in it; ``last_event`` the number of the last event a client was told.
    """

    account: str
    capital_micros: int
    may_short: bool
    place: VenueTime
    session: Session
    session_from: int = 1
    next_happened: int = 1
    last_event: int = 0
    counters: tuple[int, ...] = ()
    taken: Mapping[str, int] = field(default_factory=dict[str, int])
    faults: FaultState = field(default_factory=FaultState)


def opened_state(stored: str | None, fresh: VenueState, market: Market) -> VenueState:
    """The state to go on from: the stored one, if it fits the account and the data.

    Raises
    ------
    ConfigurationError
        If the books are of another account, capital or kind of account.
    DataRefused
        If the session at which the books stand is in another row of the data.
    """
    if stored is None:
        return fresh
    state = value_of(stored, VenueState)
    _check_account(state, fresh)
    rows = len(market.panel.axes.sessions)
    found = str(market.session(state.place.row)) if state.place.row < rows else "no session"
    if found != str(state.session):
        raise DataRefused(
            "the data is not that of the paper broker's books",
            expected=f"{state.session} in row {state.place.row}",
            found=found,
            fix="use the dataset the books were begun with: sessions may be added at its end only",
        )
    return state


def _check_account(state: VenueState, fresh: VenueState) -> None:
    """Refuse to go on with books that were begun for something else."""
    compared = (
        ("are of another account", "broker.account", state.account, fresh.account),
        (
            "were begun with another capital",
            "backtest.capital",
            format_micros(state.capital_micros),
            format_micros(fresh.capital_micros),
        ),
        (
            "are of an account of another kind",
            "short.allowed",
            str(state.may_short).lower(),
            str(fresh.may_short).lower(),
        ),
    )
    for problem, setting, theirs, ours in compared:
        if ours != theirs:
            raise ConfigurationError(
                f"the paper broker's books {problem}",
                expected=f"{theirs}, as in the books",
                found=ours,
                where=setting,
                fix="correct the setting, or begin anew in another folder: --set live.folder=...",
            )


def content_of(state: VenueState, books: Books) -> ExchangeContent:
    """The exchange as the books have it."""
    orders = {order.number: order for order in books.orders_from(state.place.row)}
    return ExchangeContent(
        portfolio=replayed(state.capital_micros, state.may_short, books.entries()),
        orders=orders,
        executions=books.executions_of(state.session),
        taken=dict(state.taken),
        counters=Counters(*state.counters),
    )
