"""An order as the venue holds it, and what makes the venue refuse one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quant_core.brokers.paper.stored_values import storable
from quant_core.brokers.paper.venue_clock import Phase
from quant_core.brokers.port import Capabilities, Intent, OrderKind, OrderState, OrderView
from quant_core.foundation.types import Session
from quant_core.trading.orders import Order, Side

LONGEST_REFERENCE = 128
"""Characters of an order's reference that the venue keeps."""


@storable
@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order with what became of it.

    ``number`` is the venue's own and unique; ``broker_id`` is what clients are shown, and a
    scenario may make it come twice. ``row`` is that of the session for which orders were
    taken when it came. ``intent`` is the order as it was sent; ``symbol``, ``shares`` and
    ``limit_micros`` follow splits and renames.
    """

    number: int
    broker_id: str
    row: int
    intent: Intent
    symbol: str
    shares: int
    limit_micros: int | None
    filled: int = 0
    state: OrderState = OrderState.WORKING
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return not self.state.is_final

    @property
    def turn(self) -> tuple[int, str, int]:
        """Place among the orders of one auction: by rank, ties by symbol, then by arrival."""
        return self.intent.rank, self.symbol, self.number

    @property
    def view(self) -> OrderView:
        """The order as clients see it."""
        sent = self.intent
        return OrderView(
            reference=sent.reference,
            broker_id=self.broker_id,
            session=sent.session,
            symbol=self.symbol,
            side=sent.side,
            shares=self.shares,
            filled=self.filled,
            kind=sent.kind,
            state=self.state,
            reason=self.reason,
        )

    @property
    def remainder(self) -> Order:
        """What is left of it, in the words of the backtest."""
        return Order(self.symbol, self.intent.side, self.shares - self.filled, 0.0, 0)


def capabilities(*, short_selling: bool, currency: str = "USD") -> Capabilities:
    """What the paper broker can do.

    Examples
    --------
    >>> sorted(capabilities(short_selling=False).kinds)[0].value
    'limit'
    """
    return Capabilities(
        kinds=frozenset(OrderKind),
        short_selling=short_selling,
        fractional=False,
        currency=currency,
        longest_reference=LONGEST_REFERENCE,
        conclusive=True,
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """What an intent is held against when it arrives.

    ``session`` is the one that orders are taken for, None when there is none; ``phase`` the
    phase the venue is in; ``listed`` says whether the venue knows a symbol.
    """

    capabilities: Capabilities
    session: Session | None
    phase: Phase
    listed: Callable[[str], bool]


def static_refusal(intent: Intent, able: Capabilities) -> tuple[str, str] | None:
    """Code and text of what is wrong with an intent by itself, whatever the time.

    Examples
    --------
    >>> from datetime import date
    >>> sent = Intent("r1", date(2024, 1, 2), "AAA", Side.BUY, 0, OrderKind.ON_OPEN, 0)
    >>> static_refusal(sent, capabilities(short_selling=False))
    ('quantity', '0 shares: an order needs at least 1')
    """
    size, limit = len(intent.reference), intent.limit_micros
    checks = (
        (not 1 <= size <= able.longest_reference, "reference", f"a reference of {size} characters"),
        (intent.kind not in able.kinds, "kind", f"no orders of kind {intent.kind}"),
        (
            not intent.shares >= 1,
            "quantity",
            f"{intent.shares} shares: an order needs at least 1",
        ),
        (
            intent.side in (Side.SHORT, Side.COVER) and not able.short_selling,
            "short_not_allowed",
            "this account may not sell short",
        ),
        (
            (intent.kind is OrderKind.LIMIT) != (limit is not None),
            "limit_price",
            "a limit order needs a limit, and no other order has one",
        ),
        (limit is not None and not limit > 0, "limit_price", "a limit must be above 0"),
    )
    return _first(checks)


def refusal(intent: Intent, terms: Terms) -> tuple[str, str] | None:
    """Code and text of why the venue does not take an intent now; None when it does."""
    wrong = static_refusal(intent, terms.capabilities)
    if wrong is not None:
        return wrong
    session = terms.session
    late = intent.kind is OrderKind.ON_OPEN and terms.phase is Phase.OPEN
    checks = (
        (not terms.listed(intent.symbol), "unknown_symbol", f"no such name: {intent.symbol}"),
        (session is None, "no_session", "there is no session to trade in"),
        (
            intent.session != session,
            "wrong_session",
            f"orders are taken for {session}, not for {intent.session}",
        ),
        (late, "auction_over", "the opening auction of this session is over"),
    )
    return _first(checks)


def _first(checks: tuple[tuple[bool, str, str], ...]) -> tuple[str, str] | None:
    return next(((code, text) for wrong, code, text in checks if wrong), None)
