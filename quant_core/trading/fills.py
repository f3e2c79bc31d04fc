"""What an order gets in its session, and why not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from quant_core.foundation.money import micros
from quant_core.foundation.types import Session
from quant_core.trading.events import Fill
from quant_core.trading.fees import CommissionModel, FeeSchedule
from quant_core.trading.impact import ImpactModel
from quant_core.trading.orders import Order, OrderRecord, OrderStatus, Reason, Side

FREE, LIMIT_UP, LIMIT_DOWN = 0, 1, 2
"""States of a price against the limits of its market."""


@dataclass(frozen=True, slots=True)
class ExecutionRules:
    """How orders meet the market.

    ``slippage`` is a fraction of the price against the trader; ``lot`` the number of
    shares trades are multiples of; ``participation_cap`` the largest fraction of the
    session's volume one fill may take (None = no cap); ``cash_buffer`` the fraction of
    equity left uninvested at sizing; ``delisting_return`` what the last close of a
    delisted name loses (negative) or gains when its position is closed; ``impact`` moves
    the price further with the size of the order (None = not at all);
    ``sells_next_session`` says that shares bought in a session can be sold in the next at
    the earliest (T+1).
    """

    cash_buffer: float
    slippage: float
    lot: int
    participation_cap: float | None
    delisting_return: float
    commission: CommissionModel
    impact: ImpactModel | None = None
    sells_next_session: bool = False


class Quote(NamedTuple):
    """The market of one name in one session; NaN = unknown.

    ``price`` is the raw price orders meet, the open unless the run says otherwise;
    ``locked`` one of :data:`FREE`, :data:`LIMIT_UP`, :data:`LIMIT_DOWN`; ``volatility``
    (daily, fraction) and ``average_volume`` (shares) are those known at the close
    before and matter to the impact model alone.
    """

    price: float
    volume: float
    locked: int = FREE
    volatility: float = math.nan
    average_volume: float = math.nan


class Funds(NamedTuple):
    """What an order may draw on, just before it meets the market.

    ``held`` shares of its name (negative when sold short), of which ``unsettled`` may
    not be sold yet; ``taken`` shares of it that earlier orders of the session have
    filled; ``margin_room(cost)`` is the notional of new positions that the margin
    requirement still allows when ``cost`` has been paid for them, None where no margin
    account is kept.
    """

    cash_micros: int
    held: int
    unsettled: int = 0
    taken: int = 0
    margin_room: Callable[[int], int] | None = None


def fill_order(
    order: Order, session: Session, quote: Quote, funds: Funds, rules: ExecutionRules
) -> tuple[OrderRecord, Fill | None]:
    """Let one order meet the market.

    1. A refused order is only recorded. A name with no price (NaN or <= 0), or with a
       known volume of zero, does not trade; nor does a buy at the upper price limit, a
       sell at the lower one, or an order whose impact cannot be known.
    2. A fill takes at most ``floor(participation_cap * volume / lot) * lot`` shares, less
       what earlier orders of the session took of the name, and closes no more than the
       position has; nothing is opened while the other side is still open.
    3. It costs ``micros(price * (1 + slippage + impact))`` a share for a buy and brings
       ``micros(price * (1 - (slippage + impact)))`` for a sell, impact taken at the
       shares filled.
    4. A buy takes the largest multiple of the lot that the cash pays for with commission
       (and the margin allows); a short sale what the margin allows; a sell whose
       commission its proceeds and the cash cannot pay is not filled. A cover is filled
       whatever the cash, because it only reduces risk.
    """
    raw_micros = _tradable_price_micros(quote)
    offer = _Offer(order.side, quote, rules, rules.commission.on(session))
    reason = _obstacle(order, offer) if raw_micros else Reason.EXPIRED_HALTED
    if order.refusal is not Reason.NONE:
        reason = order.refusal
    if reason is not Reason.NONE:
        return _record(order, session, 0, reason, raw_micros, funds), None
    shares = _most_by_volume(order.requested, quote.volume, funds.taken, rules)
    reason = Reason.TRUNCATED_VOLUME if shares < order.requested else Reason.NONE
    allowed, obstacle = _most_by_position(order.side, shares, funds)
    if allowed < shares:
        shares, reason = allowed, obstacle
    paid_for, obstacle = _most_by_funds(shares, funds, offer)
    if paid_for < shares:
        shares, reason = paid_for, obstacle
    record = _record(order, session, shares, reason, raw_micros, funds)
    if shares == 0:
        return record, None
    price, commission = offer.terms(shares)
    fill = Fill(session, order.symbol, order.side, shares, price, raw_micros, commission)
    return record, fill


class _Offer:
    """What the market asks of one order: price and commission by the number of shares."""

    __slots__ = ("_last", "fees", "is_buy", "quote", "rules", "side")

    def __init__(self, side: Side, quote: Quote, rules: ExecutionRules, fees: FeeSchedule) -> None:
        self.side = side
        self.is_buy = side.is_buy
        self.quote = quote
        self.rules = rules
        self.fees = fees
        self._last = (-1, 0, 0)

    def terms(self, shares: int) -> tuple[int, int]:
        """Price of a share and commission in micros, for a fill of ``shares``."""
        known, price, commission = self._last
        if known != shares:
            price = fill_price_micros(self.side, shares, self.quote, self.rules)
            commission = self.fees.charge(self.side, shares, price)
            self._last = (shares, price, commission)
        return price, commission

    def is_paid_for(self, shares: int, cash_micros: int) -> bool:
        """Whether cash pays for a buy, or a sell for itself."""
        price, commission = self.terms(shares)
        if self.is_buy:
            return shares * price + commission <= cash_micros
        return cash_micros + shares * price - commission >= min(cash_micros, 0)

    def has_room(self, shares: int, room: Callable[[int], int]) -> bool:
        """Whether the margin takes new positions of ``shares``."""
        raw_micros = micros(self.quote.price)
        price, cost = self.terms(shares)
        return shares * raw_micros <= room(cost + shares * abs(price - raw_micros))

    def most(self, wanted: int, fits: Callable[[int], bool]) -> int:
        """All that is wanted if it is whole lots and fits, else as many lots as fit."""
        if wanted % self.rules.lot == 0 and fits(wanted):
            return wanted
        return largest_multiple(wanted, self.rules.lot, fits)


def fill_price_micros(side: Side, shares: int, quote: Quote, rules: ExecutionRules) -> int:
    """Price of a fill of ``shares``, slippage and impact included."""
    against = rules.slippage
    if rules.impact is not None:
        against += rules.impact.fraction(shares, quote.volatility, quote.average_volume)
    return micros(quote.price * (1 + against if side.is_buy else 1 - against))


def largest_multiple(most: int, lot: int, fits: Callable[[int], bool]) -> int:
    """Largest multiple of ``lot`` up to ``most`` that ``fits``, found by halving.

    What fits must fit for every smaller number of shares too.

    Examples
    --------
    >>> largest_multiple(100, 20, lambda shares: shares <= 55)
    40
    """
    low, high = 0, most // lot
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle * lot):
            low = middle
        else:
            high = middle - 1
    return low * lot


def _tradable_price_micros(quote: Quote) -> int:
    """The raw price in micros, or 0 when the name does not trade in this session."""
    if not 0.0 < quote.price < math.inf or quote.volume == 0.0:
        return 0
    return micros(quote.price)


def _obstacle(order: Order, offer: _Offer) -> Reason:
    """Why a name that trades does not trade for this order, if so."""
    quote, rules = offer.quote, offer.rules
    if offer.is_buy and quote.locked == LIMIT_UP:
        return Reason.EXPIRED_LIMIT_UP
    if not offer.is_buy and quote.locked == LIMIT_DOWN:
        return Reason.EXPIRED_LIMIT_DOWN
    if rules.impact is not None:
        worst = rules.impact.fraction(order.requested, quote.volatility, quote.average_volume)
        if not math.isfinite(worst):
            return Reason.EXPIRED_UNKNOWN_IMPACT
    least, _ = offer.terms(order.requested)
    return Reason.NONE if least > 0 else Reason.EXPIRED_HALTED


def _most_by_volume(requested: int, volume: float, taken: int, rules: ExecutionRules) -> int:
    """Largest fill the participation cap allows; an unknown volume allows none."""
    if rules.participation_cap is None:
        return requested
    if not volume > 0.0:
        return 0
    most = math.floor(rules.participation_cap * volume / rules.lot) * rules.lot
    return min(requested, max(most - taken, 0))


def _most_by_position(side: Side, wanted: int, funds: Funds) -> tuple[int, Reason]:
    """Shares that the position lets an order trade, and the reason where that is less."""
    match side:
        case Side.SELL:
            settled = max(funds.held - funds.unsettled, 0)
            late = funds.unsettled > 0
            obstacle = Reason.EXPIRED_NOT_SETTLED if late else Reason.TRUNCATED_POSITION
            return min(wanted, settled), obstacle
        case Side.COVER:
            return min(wanted, max(-funds.held, 0)), Reason.TRUNCATED_POSITION
        case Side.BUY:
            return (wanted if funds.held >= 0 else 0), Reason.TRUNCATED_POSITION
        case Side.SHORT:
            return (wanted if funds.held <= 0 else 0), Reason.TRUNCATED_POSITION


def _most_by_funds(wanted: int, funds: Funds, offer: _Offer) -> tuple[int, Reason]:
    """Shares that cash and margin allow, and the reason where that is less."""
    match offer.side:
        case Side.COVER:
            return wanted, Reason.NONE
        case Side.SELL:
            allowed = wanted if offer.is_paid_for(wanted, funds.cash_micros) else 0
            return allowed, Reason.TRUNCATED_CASH
        case Side.SHORT:
            affordable = wanted
        case Side.BUY:
            affordable = offer.most(wanted, lambda n: offer.is_paid_for(n, funds.cash_micros))
    room = funds.margin_room
    if room is None:
        return affordable, Reason.TRUNCATED_CASH
    allowed = offer.most(affordable, lambda n: offer.has_room(n, room))
    return allowed, Reason.TRUNCATED_CASH if allowed == affordable else Reason.TRUNCATED_MARGIN


def _record(
    order: Order, session: Session, filled: int, reason: Reason, raw_micros: int, funds: Funds
) -> OrderRecord:
    return OrderRecord(
        session=session,
        symbol=order.symbol,
        side=order.side,
        requested=order.requested,
        filled=filled,
        status=_STATUS[reason],
        reason=reason,
        signal_price_micros=order.signal_price_micros,
        open_price_micros=raw_micros,
        cash_before_micros=funds.cash_micros,
    )


_STATUS = {
    Reason.NONE: OrderStatus.FILLED,
    Reason.TRUNCATED_CASH: OrderStatus.TRUNCATED,
    Reason.TRUNCATED_VOLUME: OrderStatus.TRUNCATED,
    Reason.TRUNCATED_MARGIN: OrderStatus.TRUNCATED,
    Reason.TRUNCATED_POSITION: OrderStatus.TRUNCATED,
    Reason.EXPIRED_HALTED: OrderStatus.EXPIRED,
    Reason.EXPIRED_LIMIT_UP: OrderStatus.EXPIRED,
    Reason.EXPIRED_LIMIT_DOWN: OrderStatus.EXPIRED,
    Reason.EXPIRED_NOT_SETTLED: OrderStatus.EXPIRED,
    Reason.EXPIRED_UNKNOWN_IMPACT: OrderStatus.EXPIRED,
    Reason.REFUSED_NO_PRICE: OrderStatus.REFUSED,
    Reason.REFUSED_NOT_IN_UNIVERSE: OrderStatus.REFUSED,
    Reason.REFUSED_NOT_LOCATED: OrderStatus.REFUSED,
}
