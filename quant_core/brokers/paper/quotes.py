"""What a name costs at the venue, as far as the venue can know it at its time."""

from __future__ import annotations

import math
from dataclasses import replace

from quant_core.brokers.paper.venue_clock import Phase, VenueClock, VenueTime
from quant_core.brokers.port import PriceQuote, QuoteKind
from quant_core.foundation.money import micros
from quant_core.market import Market
from quant_core.trading.actions import Split


def price_quote(market: Market, clock: VenueClock, place: VenueTime, symbol: str) -> PriceQuote:
    """The latest price of a name.

    * after the open: the price of the session, LIVE;
    * otherwise, and for a name that does not trade: its last close, FROZEN, with the instant
      of that close; a split of this morning is taken out of it;
    * DELAYED where the clock has passed the next phase and its prices are not known yet;
    * NONE, with price 0, for a name that never had a price.
    """
    quote = _session_price(market, clock, place, symbol)
    if quote is None:
        quote = _last_close(market, clock, place, symbol)
    if quote.kind is not QuoteKind.NONE and _is_behind(clock, place):
        return replace(quote, kind=QuoteKind.DELAYED)
    return quote


def _session_price(
    market: Market, clock: VenueClock, place: VenueTime, symbol: str
) -> PriceQuote | None:
    """The price at which the session trades; None when it does not."""
    if place.phase is not Phase.OPEN:
        return None
    quote = market.quote(place.row, symbol)
    if not 0.0 < quote.price < math.inf or quote.volume == 0.0:
        return None
    return PriceQuote(symbol, micros(quote.price), clock.instant(place), QuoteKind.LIVE)


def _last_close(market: Market, clock: VenueClock, place: VenueTime, symbol: str) -> PriceQuote:
    in_session = place.phase in (Phase.BEFORE_OPEN, Phase.OPEN)
    row = place.row - 1 if in_session else place.row
    nothing = PriceQuote(symbol, 0, clock.now(place), QuoteKind.NONE)
    column = int(market.panel.axes.columns_of([symbol])[0])
    if column < 0 or row < 0:
        return nothing
    closes, known = market.close_in_micros[:, column], row
    while known >= 0 and closes[known] == 0:
        known -= 1
    if known < 0:
        return nothing
    price = market.close_quote(row, symbol).last_close_micros
    for action in market.actions(place.row) if in_session else ():
        if isinstance(action, Split) and action.symbol == symbol:
            price = round(price / action.ratio)
    at = clock.instant(VenueTime(known, Phase.CLOSE))
    return PriceQuote(symbol, price, at, QuoteKind.FROZEN)


def _is_behind(clock: VenueClock, place: VenueTime) -> bool:
    """Whether the next phase has begun and could not be entered for want of prices."""
    following = place.following
    if clock.session(following.row) is None:
        return False
    return not clock.may_enter(following) and clock.instant(following) <= clock.now(place)
