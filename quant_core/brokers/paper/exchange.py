"""The exchange and the account, in memory and without a clock of their own.

A session is four calls in this order, each answering what a client is told:

1. :meth:`Exchange.before_open` - corporate actions, payments, borrow fees; waiting orders follow.
2. :meth:`Exchange.opening_auction` - orders on the open by rank, then the others that can trade.
3. :meth:`Exchange.closing_auction` - orders on the close, then what is left of limit orders.
4. :meth:`Exchange.after_close` - delisted names, valuation, the end of the day's orders.

Between them orders arrive and are cancelled. Fills and their cost are those of the backtest,
because they come from the same functions in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from quant_core.brokers.paper.ledger import LedgerEntry, RecordedPortfolio, told
from quant_core.brokers.paper.treatment import PLAIN, Treatment, divided, treated
from quant_core.brokers.paper.venue_clock import Phase, VenueTime
from quant_core.brokers.paper.venue_orders import Terms, VenueOrder, capabilities, refusal
from quant_core.brokers.port import (
    Accepted,
    EventBody,
    Executed,
    Intent,
    OrderKind,
    OrderSeen,
    OrderState,
    Rejected,
)
from quant_core.foundation.types import Session
from quant_core.market import Market
from quant_core.risk.margin import LONG_ONLY, MarginRules
from quant_core.settlement import adjust, available_funds, settle
from quant_core.trading.actions import Split
from quant_core.trading.events import Fill
from quant_core.trading.fills import ExecutionRules, Quote, fill_order
from quant_core.trading.history import Incident
from quant_core.trading.orders import Reason

Told: TypeAlias = list[EventBody]


@dataclass(frozen=True, slots=True)
class VenueRules:
    """How the venue fills and what the account may do.

    ``once_per_reference`` False lets one reference stand for several orders, as many real
    brokers do: a client that sends an order again then has it twice.
    """

    execution: ExecutionRules
    margin: MarginRules = LONG_ONLY
    once_per_reference: bool = True


@dataclass(slots=True)
class Counters:
    """The next number of everything that is numbered."""

    order: int = 1
    broker_id: int = 1
    execution: int = 1
    account_event: int = 1

    def as_tuple(self) -> tuple[int, ...]:
        """The numbers in the order of the fields."""
        return self.order, self.broker_id, self.execution, self.account_event


@dataclass(slots=True)
class ExchangeContent:
    """All that an exchange knows: the account, the orders and executions of the session.

    ``taken`` counts the shares of each name that filled in the session.
    """

    portfolio: RecordedPortfolio
    orders: dict[int, VenueOrder] = field(default_factory=dict[int, VenueOrder])
    executions: list[Executed] = field(default_factory=list[Executed])
    taken: dict[str, int] = field(default_factory=dict[str, int])
    counters: Counters = field(default_factory=Counters)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since the last time somebody asked."""

    orders: tuple[VenueOrder, ...]
    executions: tuple[Executed, ...]
    entries: tuple[LedgerEntry, ...]


class Exchange:
    """Orders meet prices, and the account's books follow.

    Parameters
    ----------
    market : Market
        Prices and corporate actions by session row.
    rules : VenueRules
        Fills, costs and margin.
    content : ExchangeContent
        What it knows; it is changed in place.
    treatment : callable
        How each order that meets the market is treated.
    """

    def __init__(
        self,
        market: Market,
        rules: VenueRules,
        content: ExchangeContent,
        treatment: Callable[[Session], Treatment] = lambda _: PLAIN,
    ) -> None:
        self.market = market
        self.rules = rules
        self.content = content
        self.capabilities = capabilities(short_selling=rules.margin.allowed)
        self._treatment = treatment
        self._listed = frozenset(market.panel.axes.symbols)
        self._touched: dict[int, VenueOrder] = {}
        self._executions: list[Executed] = []
        self._entries: list[LedgerEntry] = []

    def renew(self, market: Market) -> None:
        """Go on with newer data."""
        self.market = market
        self._listed = frozenset(market.panel.axes.symbols)

    # --- Orders -----------------------------------------------------------------------------

    def submit(
        self, intent: Intent, session: Session | None, place: VenueTime
    ) -> tuple[Accepted | Rejected, Told]:
        """Take an order for ``session``, or refuse it; at the open it trades at once."""
        terms = Terms(self.capabilities, session, place.phase, self._listed.__contains__)
        wrong = refusal(intent, terms)
        if self.rules.once_per_reference and self.under(intent.reference):
            wrong = "duplicate_reference", "the reference stands for another order"
        if wrong is not None:
            return self.reject(intent, place, *wrong)
        order = self._new_order(intent, place)
        bodies = self._put(order)
        if place.phase is Phase.OPEN and intent.kind in (OrderKind.MARKET, OrderKind.LIMIT):
            quote = self.market.quote(place.row, order.symbol)
            bodies += self._meet(order, quote, intent.session)
        return Accepted(intent.reference, order.broker_id), bodies

    def reject(
        self, intent: Intent, place: VenueTime, code: str, text: str
    ) -> tuple[Rejected, Told]:
        """Refuse an order; the refusal is kept, unless the reference is that of another."""
        rejected = Rejected(intent.reference, code, text)
        if not intent.reference or self.under(intent.reference):
            return rejected, []
        order = self._new_order(intent, place)
        return rejected, self._put(replace(order, state=OrderState.REJECTED, reason=code))

    def cancel(self, number: int) -> Told:
        """End an open order."""
        order = self.content.orders[number]
        return self._put(replace(order, state=OrderState.CANCELLED, reason="cancelled"))

    def under(self, reference: str) -> list[VenueOrder]:
        """Orders of the session under a reference."""
        orders = self.content.orders.values()
        return [order for order in orders if order.intent.reference == reference]

    def open_orders(self) -> list[VenueOrder]:
        """Orders that may still trade, in the turn of an auction."""
        return sorted(
            (order for order in self.content.orders.values() if order.is_open),
            key=lambda order: order.turn,
        )

    # --- The phases of a session ------------------------------------------------------------

    def before_open(self, row: int) -> Told:
        """The morning of ``row``: what happens to the account, and to the orders that wait."""
        content, rules = self.content, self.rules
        session = self.market.session(row)
        content.taken.clear()
        content.executions.clear()
        content.orders = {number: o for number, o in content.orders.items() if o.row >= row}
        waiting = self.open_orders()
        asked = tuple(order.remainder for order in waiting)
        lot = rules.execution.lot
        adjusted = adjust(content.portfolio, asked, self.market, row, rules.margin, lot)
        bodies = self._tell(session, adjusted.incidents)
        for order, left in zip(waiting, adjusted.orders, strict=True):
            limit = self._limit_after_splits(order, row)
            changed = replace(order, symbol=left.symbol, shares=left.requested, limit_micros=limit)
            if changed != order:
                bodies += self._put(changed)
        return bodies

    def opening_auction(self, row: int) -> Told:
        """Orders meet the open: those on the open first, then market, then limit orders."""
        return self._auction(
            row,
            (OrderKind.ON_OPEN, OrderKind.MARKET, OrderKind.LIMIT),
            lambda symbol: self.market.quote(row, symbol),
        )

    def closing_auction(self, row: int) -> Told:
        """Orders meet the close: those on the close, then what is left of limit orders."""
        return self._auction(
            row,
            (OrderKind.ON_CLOSE, OrderKind.LIMIT),
            lambda symbol: self._closing_quote(row, symbol),
        )

    def after_close(self, row: int) -> Told:
        """Delisted names are settled, the account is valued, the day's orders end."""
        session, portfolio = self.market.session(row), self.content.portfolio
        incidents = settle(portfolio, self.market, row, self.rules.execution)
        bodies = self._tell(session, incidents)
        portfolio.mark(session, lambda symbol: self.market.close_micros(row, symbol))
        self._entries += portfolio.drain()
        for order in self.open_orders():
            if order.row <= row:
                reason = order.reason or "expired_unmatched"
                bodies += self._put(replace(order, state=OrderState.EXPIRED, reason=reason))
        return bodies

    def drain(self) -> Changes:
        """What changed since the last call, for the books."""
        self._entries += self.content.portfolio.drain()
        changes = Changes(
            tuple(self._touched.values()), tuple(self._executions), tuple(self._entries)
        )
        self._touched, self._executions, self._entries = {}, [], []
        return changes

    # --- Inside -----------------------------------------------------------------------------

    def _auction(
        self, row: int, kinds: tuple[OrderKind, ...], quote_of: Callable[[str], Quote]
    ) -> Told:
        session = self.market.session(row)
        due = [order for order in self.open_orders() if order.row == row]
        bodies: Told = []
        for kind in kinds:
            for order in due:
                if order.intent.kind is kind:
                    bodies += self._meet(order, quote_of(order.symbol), session)
        return bodies

    def _meet(self, order: VenueOrder, quote: Quote, session: Session) -> Told:
        """Let an order meet a price; the steps are those of a day of the backtest."""
        treatment = self._treatment(session)
        content, rules = self.content, self.rules
        asked = treated(order.remainder, treatment, rules.execution.lot)
        funds = available_funds(
            content.portfolio,
            order.symbol,
            content.taken.get(order.symbol, 0),
            rules.execution,
            rules.margin,
        )
        if treatment.halted:
            quote = quote._replace(volume=0.0)
        record, fill = fill_order(asked, session, quote, funds, rules.execution)
        if fill is not None and _beyond_limit(order, fill):
            fill = None
        reason = record.reason
        if asked.requested < order.remainder.requested and reason is Reason.NONE:
            reason = Reason.TRUNCATED_VOLUME
        bodies: Told = [] if fill is None else list(self._fill(order, fill, treatment.parts))
        filled = order.filled + (0 if fill is None else fill.shares)
        return bodies + self._put(_after(replace(order, filled=filled), reason))

    def _fill(self, order: VenueOrder, fill: Fill, parts: int) -> list[Executed]:
        """Book a fill as one execution or several; the first of them pays the commission."""
        portfolio, taken = self.content.portfolio, self.content.taken
        executed: list[Executed] = []
        for number, shares in enumerate(divided(fill.shares, parts)):
            commission = fill.commission_micros if number == 0 else 0
            part = replace(fill, shares=shares, commission_micros=commission)
            portfolio.apply(part)
            executed.append(
                Executed(
                    execution_id=self._next_execution(),
                    reference=order.intent.reference,
                    session=part.session,
                    symbol=part.symbol,
                    side=part.side,
                    shares=part.shares,
                    price_micros=part.price_micros,
                    open_micros=part.open_micros,
                    commission_micros=part.commission_micros,
                )
            )
        taken[fill.symbol] = taken.get(fill.symbol, 0) + fill.shares
        self.content.executions += executed
        self._executions += executed
        return executed

    def _put(self, order: VenueOrder) -> Told:
        """Keep an order as it now is, and show it where clients see a difference."""
        before = self.content.orders.get(order.number)
        self.content.orders[order.number] = order
        self._touched[order.number] = order
        return [] if before is not None and before.view == order.view else [OrderSeen(order.view)]

    def _tell(self, session: Session, incidents: list[Incident]) -> Told:
        entries = self.content.portfolio.drain()
        self._entries += entries
        return told(session, entries, incidents, self._next_account_event)

    def _closing_quote(self, row: int, symbol: str) -> Quote:
        """The market of a name at its close; the day's volume and limit lock hold here too."""
        close = self.market.close_micros(row, symbol) / 1e6
        return self.market.quote(row, symbol)._replace(price=close)

    def _limit_after_splits(self, order: VenueOrder, row: int) -> int | None:
        limit = order.limit_micros
        for action in self.market.actions(row):
            if limit is not None and isinstance(action, Split) and action.symbol == order.symbol:
                limit = max(round(limit / action.ratio), 1)
        return limit

    def _new_order(self, intent: Intent, place: VenueTime) -> VenueOrder:
        counters = self.content.counters
        number, broker_id = counters.order, str(counters.broker_id)
        counters.order += 1
        counters.broker_id += 1
        return VenueOrder(
            number,
            broker_id,
            place.trading_row,
            intent,
            intent.symbol,
            intent.shares,
            intent.limit_micros,
        )

    def _next_execution(self) -> str:
        counters = self.content.counters
        counters.execution += 1
        return f"X{counters.execution - 1:08d}"

    def _next_account_event(self) -> str:
        counters = self.content.counters
        counters.account_event += 1
        return f"A{counters.account_event - 1:08d}"


def _beyond_limit(order: VenueOrder, fill: Fill) -> bool:
    """Whether a fill, slippage included, is worse than the limit of its order."""
    limit = order.limit_micros
    if limit is None:
        return False
    return fill.price_micros > limit if fill.side.is_buy else fill.price_micros < limit


def _after(order: VenueOrder, reason: Reason) -> VenueOrder:
    """The order after it has met a price: only a limit order waits for another one."""
    if order.filled >= order.shares > 0 or (reason is Reason.NONE and not _waits(order)):
        return replace(order, state=OrderState.FILLED)
    if _waits(order):
        state = OrderState.PARTIAL if order.filled else OrderState.WORKING
        return replace(order, state=state)
    return replace(order, state=OrderState.EXPIRED, reason=reason.value)


def _waits(order: VenueOrder) -> bool:
    return order.intent.kind is OrderKind.LIMIT
