"""The broker port on top of the venue. No call waits, except where a scenario says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from quant_core.brokers.paper.books import BooksUnusable
from quant_core.brokers.paper.instruments import daily_bars, instrument_at
from quant_core.brokers.paper.quotes import price_quote
from quant_core.brokers.paper.scenario import Fault
from quant_core.brokers.paper.venue import Venue
from quant_core.brokers.paper.venue_clock import VenueClock, VenueTime
from quant_core.brokers.paper.venue_orders import VenueOrder, static_refusal
from quant_core.brokers.port import (
    AlreadyDone,
    Bar,
    BrokerEvent,
    BrokerSession,
    Cancelled,
    CancelReport,
    CancelRequested,
    CancelScope,
    Health,
    Instrument,
    Intent,
    NotFound,
    OrderKind,
    OrderView,
    PriceQuote,
    QuoteKind,
    Rejected,
    Snapshot,
    Submitted,
    Unknown,
)
from quant_core.foundation.errors import SourceUnreachable
from quant_core.foundation.types import Session
from quant_core.market import Market

HANG_SECONDS = 1e9
"""How long a call hangs that never answers."""

Sleep = Callable[[float], Awaitable[None]]


class PaperBroker:
    """A :class:`~quant_core.brokers.port.BrokerPort` over a venue in process.

    Time passes only through :meth:`advance`; whoever drives the venue calls it.

    Parameters
    ----------
    venue : Venue
        Exchange, clock, faults and books.
    sleep : callable
        Waits for seconds; only slow and hanging calls of a scenario use it.
    """

    name = "paper"

    def __init__(self, venue: Venue, sleep: Sleep = asyncio.sleep) -> None:
        self._venue = venue
        self._sleep = sleep
        self.capabilities = venue.exchange.capabilities

    # --- Time -------------------------------------------------------------------------------

    @property
    def place(self) -> VenueTime:
        """The phase the venue has entered last."""
        return self._venue.place

    @property
    def now(self) -> datetime:
        """The present instant of the venue."""
        return self._venue.now

    def advance(self) -> VenueTime | None:
        """Let the venue enter its next phase; None when that has not come."""
        return self._venue.advance()

    def renew(self, market: Market, clock: VenueClock) -> None:
        """Go on with newer data."""
        self._venue.renew(market, clock)

    # --- The port ---------------------------------------------------------------------------

    async def open(self) -> BrokerSession:
        """Connect; a new epoch, unless the connection stands.

        Raises
        ------
        SourceUnreachable
            If a scenario keeps the venue from answering.
        """
        faults = await self._faults_of("open")
        refused = any(fault.do == "refuse" for fault in faults)
        if refused or await self._lost(faults) or not self._venue.open_link():
            raise _no_answer("open")
        state = self._venue.state
        return BrokerSession(state.account, state.faults.epoch, self.now, is_live=False)

    def health(self) -> Health:
        """The state of the connection and of the books."""
        link, broken = self._venue.faults.state.link, self._venue.broken
        trading = self._venue.trading_session is not None
        reason = broken or ("" if link else "not connected")
        if not reason and not trading:
            reason = "no further session"
        return Health(
            link=link,
            upstream=link,
            synced=link and not broken,
            data=trading,
            silence_seconds=0.0,
            clock_skew_seconds=0.0,
            can_trade=not reason,
            reason=reason,
        )

    async def events(self, after: int) -> Sequence[BrokerEvent]:
        """Events with numbers above ``after``, in order."""
        return self._venue.events(after)

    async def snapshot(self) -> Snapshot:
        """The account and the orders and executions of the session.

        Raises
        ------
        SourceUnreachable
            If there is no connection, or the call gets no answer.
        """
        faults = await self._faults_of("snapshot")
        self._check_link("snapshot")
        if await self._lost(faults):
            raise _no_answer("snapshot")
        missing = tuple(part for fault in faults for part in fault.missing)
        content = self._venue.exchange.content
        portfolio, orders = content.portfolio, list(content.orders.values())
        held = {symbol: portfolio.shares_of(symbol) for symbol in portfolio.held}
        return Snapshot(
            account=self._venue.state.account,
            as_of=self.now,
            complete=not missing,
            cash_micros=0 if "cash" in missing else portfolio.cash_micros,
            positions={} if "positions" in missing else held,
            open_orders=() if "open_orders" in missing else _views(orders, is_open=True),
            completed_orders=() if "completed_orders" in missing else _views(orders, is_open=False),
            executions=() if "executions" in missing else tuple(content.executions),
            last_event=self._venue.state.last_event,
            missing=missing,
        )

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, PriceQuote]:
        """The latest price of each symbol.

        Raises
        ------
        SourceUnreachable
            If there is no connection, or the call gets no answer.
        """
        faults = await self._faults_of("quotes")
        self._check_link("quotes")
        if await self._lost(faults):
            raise _no_answer("quotes")
        nothing = any(fault.do == "missing" for fault in faults)
        age = timedelta(seconds=sum(f.seconds for f in faults if f.do == "stale"))
        return {symbol: self._quote(symbol, age, nothing=nothing) for symbol in symbols}

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """What each symbol of the dataset is at the venue; others are absent.

        Raises
        ------
        SourceUnreachable
            If there is no connection, or the call gets no answer.
        """
        await self._answering("instruments")
        exchange, place = self._venue.exchange, self._venue.place
        terms = exchange.capabilities.currency, exchange.rules.execution.lot
        found = (instrument_at(exchange.market, place, symbol, terms) for symbol in symbols)
        return {instrument.symbol: instrument for instrument in found if instrument is not None}

    async def bars(self, symbol: str, first: Session, last: Session) -> tuple[Bar, ...]:
        """Daily bars of a symbol up to the venue's present; none of a symbol it does not know.

        Raises
        ------
        SourceUnreachable
            If there is no connection, or the call gets no answer.
        """
        await self._answering("bars")
        return daily_bars(self._venue.exchange.market, self._venue.place, symbol, (first, last))

    def normalise(self, intent: Intent) -> Intent | Rejected:
        """The order as the venue takes it; a refusal for what could never trade.

        Shares stay as they are: after a split the change to a whole number of lots need not be
        one, and the venue cuts fills to lots as the backtest does.
        """
        if intent.kind is not OrderKind.LIMIT:
            intent = replace(intent, limit_micros=None)
        wrong = static_refusal(intent, self.capabilities)
        return intent if wrong is None else Rejected(intent.reference, *wrong)

    async def submit(self, intent: Intent) -> Submitted:
        """Send an order; the same order again is answered with the one there is."""
        try:
            faults = await self._faults_of("submit")
            if not self._venue.faults.state.link or await self._lost(faults, done=False):
                return Unknown(intent.reference, "no answer: nobody knows whether it was sent")
            refused = next((fault for fault in faults if fault.do == "reject"), None)
            if refused is None:
                answer = self._venue.submit(intent)
            else:
                answer = self._venue.reject(intent, refused.code, "refused by the scenario")
            if await self._lost(faults, done=True):
                return Unknown(intent.reference, "no answer: nobody knows whether it was placed")
        except BooksUnusable as error:
            return Unknown(intent.reference, str(error))
        return answer

    async def find(self, reference: str) -> tuple[OrderView, ...]:
        """Every order under a reference, of this session or an earlier one.

        Raises
        ------
        SourceUnreachable
            If there is no connection, or the call gets no answer.
        """
        faults = await self._faults_of("find")
        self._check_link("find")
        if await self._lost(faults):
            raise _no_answer("find")
        if any(fault.do == "nothing" for fault in faults):
            return ()
        return tuple(order.view for order in self._venue.orders_under(reference))

    async def cancel(self, reference: str) -> Cancelled:
        """End the orders under a reference; at this venue that happens at once."""
        try:
            faults = await self._faults_of("cancel")
            if not self._venue.faults.state.link or await self._lost(faults, done=False):
                return Unknown(reference, "no answer: nobody knows whether it was cancelled")
            orders = self._venue.orders_under(reference)
            if not orders:
                return NotFound(reference)
            working = [order for order in orders if order.is_open]
            if not working:
                return AlreadyDone(reference, orders[-1].state)
            self._venue.cancel(working)
            if await self._lost(faults, done=True):
                return Unknown(reference, "no answer: nobody knows whether it was cancelled")
        except BooksUnusable as error:
            return Unknown(reference, str(error))
        return CancelRequested(reference)

    async def cancel_all(self, scope: CancelScope) -> CancelReport:
        """End the open orders of a scope; what is still open afterwards is named."""
        wanted = set(scope.references)
        working = [
            order
            for order in self._venue.exchange.open_orders()
            if not wanted or order.intent.reference in wanted
        ]
        names = tuple(order.intent.reference for order in working)
        failed = CancelReport((), names, confirmed=False)
        try:
            faults = await self._faults_of("cancel_all")
            if not self._venue.faults.state.link or await self._lost(faults, done=False):
                return failed
            if any(fault.do == "unconfirmed" for fault in faults):
                return failed
            self._venue.cancel(working)
            if await self._lost(faults, done=True):
                return failed
        except BooksUnusable:
            return failed
        return CancelReport(names, (), confirmed=True)

    async def close(self) -> None:
        """Disconnect and let go of the books; orders stay."""
        if not self._venue.broken:
            self._venue.leave()
        self._venue.close()

    # --- Inside -----------------------------------------------------------------------------

    async def _faults_of(self, call: str) -> list[Fault]:
        """The faults that strike a call; a slow one has then been waited for."""
        faults = self._venue.struck(call)
        for fault in faults:
            if fault.do == "slow":
                await self._sleep(fault.seconds)
        return faults

    async def _lost(self, faults: list[Fault], *, done: bool | None = None) -> bool:
        """Whether the answer of a call is lost: before the deed, after it, or None = either."""
        lost = False
        for fault in faults:
            if (done is not None and fault.done is not done) or fault.do not in (
                "hang",
                "unknown",
                "disconnect",
            ):
                continue
            lost = True
            if fault.do == "disconnect":
                self._venue.lose_link(fault)
            if fault.do == "hang":
                await self._sleep(HANG_SECONDS)
        return lost

    def _quote(self, symbol: str, age: timedelta, *, nothing: bool) -> PriceQuote:
        if nothing:
            return PriceQuote(symbol, 0, self.now, QuoteKind.NONE)
        venue = self._venue
        quote = price_quote(venue.exchange.market, venue.clock, venue.place, symbol)
        if age and quote.kind is not QuoteKind.NONE:
            return replace(quote, at=quote.at - age, kind=QuoteKind.FROZEN)
        return quote

    async def _answering(self, call: str) -> None:
        """Let the faults of a call strike; refuse when it gets no answer."""
        faults = await self._faults_of(call)
        self._check_link(call)
        if await self._lost(faults):
            raise _no_answer(call)

    def _check_link(self, call: str) -> None:
        self._venue.check_usable()
        if not self._venue.faults.state.link:
            raise _no_answer(call)


def _views(orders: list[VenueOrder], *, is_open: bool) -> tuple[OrderView, ...]:
    return tuple(order.view for order in orders if order.is_open is is_open)


def _no_answer(call: str) -> SourceUnreachable:
    return SourceUnreachable(
        "the paper broker does not answer",
        expected=f"an answer to {call}",
        found="no connection",
        fix="connect again: the orders and the account are on its books",
    )
