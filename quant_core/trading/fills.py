"""What an order gets at the open of its session, and why not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from quant_core.foundation.money import micros
from quant_core.foundation.types import Session
from quant_core.trading.costs import CommissionModel, affordable_shares
from quant_core.trading.events import Fill
from quant_core.trading.orders import Order, OrderRecord, OrderStatus, Reason, Side


@dataclass(frozen=True, slots=True)
class ExecutionRules:
    """How orders meet the open.

    ``slippage`` is a fraction of the price against the trader; ``lot`` the number of
    shares trades are multiples of; ``participation_cap`` the largest fraction of the
    session's volume one fill may take (None = no cap); ``cash_buffer`` the fraction of
    equity left uninvested at sizing; ``delisting_return`` what the last close of a
    delisted name loses (negative) or gains when its position is closed.
    """

    cash_buffer: float
    slippage: float
    lot: int
    participation_cap: float | None
    delisting_return: float
    commission: CommissionModel


class OpenQuote(NamedTuple):
    """Open and volume of one name in one session; NaN = unknown."""

    open: float
    volume: float


def fill_at_open(
    order: Order, session: Session, quote: OpenQuote, cash_micros: int, rules: ExecutionRules
) -> tuple[OrderRecord, Fill | None]:
    """Let one order meet the open.

    Buys fill at ``micros(open * (1 + slippage))``, sells at
    ``micros(open * (1 - slippage))``. A name with no open (NaN or <= 0), or with a known
    volume of zero, does not trade. A fill takes at most
    ``floor(participation_cap * volume / lot) * lot`` shares. A buy takes the largest
    multiple of the lot that the cash pays for with commission; a sell whose commission
    its proceeds and the cash cannot pay is not filled. Cash never falls below zero.
    """
    open_micros = _tradable_open_micros(quote)
    if order.refusal is not Reason.NONE:
        return _record(order, session, 0, order.refusal, open_micros, cash_micros), None
    price_micros = _fill_price(order.side, quote.open, rules.slippage) if open_micros else 0
    if price_micros <= 0:
        reason = Reason.EXPIRED_HALTED
        return _record(order, session, 0, reason, open_micros, cash_micros), None
    shares = _most_by_volume(order.requested, quote.volume, rules)
    reason = Reason.TRUNCATED_VOLUME if shares < order.requested else Reason.NONE
    paid_for = _most_by_cash(order.side, shares, price_micros, cash_micros, rules)
    if paid_for < shares:
        shares, reason = paid_for, Reason.TRUNCATED_CASH
    record = _record(order, session, shares, reason, open_micros, cash_micros)
    if shares == 0:
        return record, None
    commission = rules.commission.charge(shares, price_micros)
    fill = Fill(session, order.symbol, order.side, shares, price_micros, open_micros, commission)
    return record, fill


def _tradable_open_micros(quote: OpenQuote) -> int:
    """The open in micros, or 0 when the name does not trade in this session."""
    if not 0.0 < quote.open < math.inf or quote.volume == 0.0:
        return 0
    return micros(quote.open)


def _fill_price(side: Side, open_price: float, slippage: float) -> int:
    if side is Side.BUY:
        return micros(open_price * (1 + slippage))
    return micros(open_price * (1 - slippage))


def _most_by_volume(requested: int, volume: float, rules: ExecutionRules) -> int:
    """Largest fill the participation cap allows; an unknown volume allows none."""
    if rules.participation_cap is None:
        return requested
    if not volume > 0.0:
        return 0
    most = math.floor(rules.participation_cap * volume / rules.lot) * rules.lot
    return min(requested, most)


def _most_by_cash(
    side: Side, wanted: int, price_micros: int, cash_micros: int, rules: ExecutionRules
) -> int:
    commission = rules.commission.charge(wanted, price_micros)
    if side is Side.SELL:
        return wanted if cash_micros + wanted * price_micros - commission >= 0 else 0
    if wanted % rules.lot == 0 and wanted * price_micros + commission <= cash_micros:
        return wanted
    return affordable_shares(wanted, price_micros, cash_micros, rules.lot, rules.commission)


def _record(
    order: Order, session: Session, filled: int, reason: Reason, open_micros: int, cash: int
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
        open_price_micros=open_micros,
        cash_before_micros=cash,
    )


_STATUS = {
    Reason.NONE: OrderStatus.FILLED,
    Reason.TRUNCATED_CASH: OrderStatus.TRUNCATED,
    Reason.TRUNCATED_VOLUME: OrderStatus.TRUNCATED,
    Reason.EXPIRED_HALTED: OrderStatus.EXPIRED,
    Reason.REFUSED_NO_PRICE: OrderStatus.REFUSED,
    Reason.REFUSED_NOT_IN_UNIVERSE: OrderStatus.REFUSED,
}
