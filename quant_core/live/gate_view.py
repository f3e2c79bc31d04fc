"""What the pre-trade gate is shown of the worker's state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from quant_core.brokers.port import PriceQuote, QuoteKind
from quant_core.live.journal_kinds import TradingState as JournalledState
from quant_core.live.journal_orders import OrderIntent as PlannedOrder
from quant_core.live.order_life import LiveOrder, OrderStage
from quant_core.live.worker_state import WorkerState
from quant_core.market import Market
from quant_core.numerics.rolling import ts_mean
from quant_core.risk.gate_inputs import (
    GateInputs,
    MarkedPosition,
    OpenOrder,
    OrderIntent,
    OrderPurpose,
    ParentOrder,
    ReferenceKind,
    SentOrder,
    TradingState,
)
from quant_core.trading.orders import Side

VOLUME_SESSIONS = 20
MINUTE = 60.0
TWO_CLOCKS = 5.0
"""Seconds by which two clocks of one machine may differ."""

STATES = {
    JournalledState.ACTIVE: TradingState.NORMAL,
    JournalledState.REDUCING: TradingState.REDUCING,
    JournalledState.HALTED: TradingState.HALTED,
}
"""The gate's word for each trading state of the journal."""


class SendTimes:
    """When each order of this process was sent, by the exchange's time.

    An order that was sent before the worker started counts from when it is first asked for:
    as young as it can be.

    Examples
    --------
    >>> from datetime import UTC
    >>> times, noon = SendTimes(), datetime(2024, 1, 2, 12, tzinfo=UTC)
    >>> times.note("a", noon)
    >>> later = noon.replace(minute=2)
    >>> times.age("a", later), times.age("b", later), times.age("b", later.replace(minute=3))
    (120.0, 0.0, 60.0)
    """

    def __init__(self) -> None:
        self._at: dict[str, datetime] = {}

    def note(self, reference: str, now: datetime) -> None:
        """An order leaves at this instant."""
        self._at[reference] = now

    def age(self, reference: str, now: datetime) -> float:
        """Seconds since an order left, never negative."""
        return max((now - self._at.setdefault(reference, now)).total_seconds(), 0.0)

    def forget(self) -> None:
        """A session is over: nobody asks for its orders any more."""
        self._at.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The present as far as the gate asks for it; None = not known.

    ``cut_off`` is the instant at which the session takes no more of the orders;
    ``reconciled_at`` the last time the books agreed, None while they do not;
    ``equity_micros`` the account at the latest prices, None where nobody valued it since
    the last close; ``restricted`` the names that may not be traded today; ``quotes`` what
    the broker says of the names, empty where it was not asked.
    """

    now: datetime
    account: str | None
    configured_account: str
    accepts_orders: bool
    cut_off: datetime | None
    data_version: str | None
    data_age_sessions: int | None
    expected_version: str | None
    reconciled_at: datetime | None
    killed: bool
    equity_micros: int | None = None
    restricted: frozenset[str] | None = frozenset()
    sent: SendTimes = field(default_factory=SendTimes)
    market: Market | None = None
    row: int = 0
    quotes: Mapping[str, PriceQuote] = field(default_factory=dict[str, PriceQuote])

    def quote(self, symbol: str) -> PriceQuote | None:
        """The broker's price of a name; None where it has none."""
        quote = self.quotes.get(symbol)
        return None if quote is None or quote.kind is QuoteKind.NONE else quote


def is_flat(purpose: str) -> bool:
    """Whether an order belongs to the operator's FLAT."""
    return purpose.startswith(OrderPurpose.FLAT.value)


def gate_intent(planned: PlannedOrder, moment: Moment) -> OrderIntent:
    """A planned order in the words of the gate.

    It is judged by the broker's price: one of the market is as old as it is, a last close
    (frozen or delayed) as old as the data. Without one it is judged by the close it was
    sized with, and so is an order of FLAT, whatever is quoted: it has to work without quotes.
    """
    purpose = OrderPurpose.FLAT if is_flat(planned.purpose) else OrderPurpose(planned.purpose)
    reference = _reference(planned, moment)
    return OrderIntent(
        symbol=planned.symbol,
        side=planned.side,
        quantity=planned.shares,
        limit_price_micros=planned.limit_micros,
        reference_price_micros=reference.price_micros,
        reference_age_seconds=reference.age_seconds,
        purpose=purpose,
        rebalance_id=f"{planned.session}-{planned.purpose}",
        reference=reference.kind,
        sized_price_micros=planned.signal_price_micros,
    )


class _Reference(NamedTuple):
    """The price an order is judged by, and the close it is compared with, if there are two."""

    price_micros: int
    kind: ReferenceKind
    age_seconds: float | None
    close_micros: int | None


def _reference(planned: PlannedOrder, moment: Moment) -> _Reference:
    close = planned.signal_price_micros
    if is_flat(planned.purpose):
        return _Reference(close, ReferenceKind.CLOSE, None, close)
    quote = moment.quote(planned.symbol)
    if quote is None:
        return _Reference(close, ReferenceKind.CLOSE, None, None)
    if quote.kind is QuoteKind.LIVE:
        age = _age(moment.now, quote.at)
        return _Reference(quote.price_micros, ReferenceKind.QUOTE, age, close)
    return _Reference(quote.price_micros, ReferenceKind.CLOSE, None, close)


def gate_inputs(state: WorkerState, batch: Sequence[PlannedOrder], moment: Moment) -> GateInputs:
    """Everything the gate asks for, with the orders of ``batch`` not yet among the open ones."""
    judged = {planned.reference for planned in batch}
    day = state.orders_of_day()
    today = [o for o in day if _was_sent(o) and o.intent.reference not in judged]
    ages = {o.intent.reference: moment.sent.age(o.intent.reference, moment.now) for o in today}
    others = [order for order in state.open_orders if order.intent.reference not in judged]
    book, valued = state.book, moment.equity_micros
    fills = [] if state.day is None else state.day.fills
    return GateInputs(
        account=moment.account,
        configured_account=moment.configured_account,
        kill_latched=moment.killed,
        state=STATES[state.trading_state],
        accepts_orders=moment.accepts_orders,
        seconds_to_cut_off=_seconds(moment.now, moment.cut_off),
        equity_micros=book.equity_micros if valued is None else valued,
        cash_micros=state.portfolio.cash_micros,
        day_start_equity_micros=state.day_start_micros,
        peak_equity_micros=state.peak_micros,
        positions={
            symbol: MarkedPosition(shares, mark or None)
            for symbol, shares, mark in state.portfolio.holdings
        },
        open_orders=tuple(_open_order(order, moment) for order in others),
        average_volumes=_average_volumes(batch, moment),
        previous_closes={each.symbol: _reference(each, moment).close_micros for each in batch},
        orders_last_minute=sum(age < MINUTE for age in ages.values()),
        orders_today=len(today),
        turnover_today_micros=sum(fill.fill().notional_micros for fill in fills),
        recent_orders=tuple(_sent_order(o, ages[o.intent.reference]) for o in today),
        restricted=moment.restricted,
        data_age_sessions=moment.data_age_sessions,
        data_hash=moment.data_version,
        expected_data_hash=moment.expected_version,
        reconciliation_age_seconds=_age(moment.now, moment.reconciled_at),
        parents=_parents(batch, state),
    )


def _parents(batch: Sequence[PlannedOrder], state: WorkerState) -> Mapping[str, ParentOrder]:
    """What the decision asks for in each name of a batch, and what was sent of it.

    The decision is that of the journal, completed by the batch: orders of the session that
    were refused are not part of it any more, a cover and a buy of one name add up. It started
    from what is held now without the fills since the last close, whoever caused these.
    """
    decided = [planned for planned in batch if not is_flat(planned.purpose)]
    asked = {planned.reference: planned for planned in decided}
    started = {each.symbol: state.portfolio.shares_of(each.symbol) for each in decided}
    for fill in state.fills_since_close if decided else ():
        if fill.symbol in started:
            started[fill.symbol] -= _signed(fill.side, fill.shares)
    children = dict.fromkeys(started, 0)
    for session in {planned.session for planned in decided}:
        for order in state.orders_of(session):
            name, symbol = order.intent.reference, order.intent.symbol
            if name in asked or symbol not in started or not _counts(order):
                continue
            asked[name] = order.intent
            children[symbol] += order.filled + order.remaining
    changes = dict.fromkeys(started, 0)
    for intent in asked.values():
        changes[intent.symbol] += _signed(intent.side, intent.shares)
    return {
        symbol: ParentOrder(start, start + changes[symbol], children[symbol])
        for symbol, start in started.items()
    }


def _counts(order: LiveOrder) -> bool:
    """Whether an order is part of what the decision asks for."""
    return order.stage is not OrderStage.REJECTED and not is_flat(order.intent.purpose)


def _signed(side: Side, shares: int) -> int:
    return shares if side.is_buy else -shares


def _open_order(order: LiveOrder, moment: Moment) -> OpenOrder:
    quote, intent = moment.quote(order.symbol), order.intent
    quoted = 0 if quote is None else quote.price_micros
    price = max(intent.limit_micros or 0, intent.signal_price_micros, quoted)
    return OpenOrder(order.symbol, intent.side, order.remaining, price or None)


def _was_sent(order: LiveOrder) -> bool:
    """Whether it left, or may have; what the gate or the worker kept back did not."""
    return bool(order.broker_order) or order.stage in (OrderStage.SENT, OrderStage.UNKNOWN)


def _sent_order(order: LiveOrder, age_seconds: float) -> SentOrder:
    intent = order.intent
    decision = f"{intent.session}-{intent.purpose}"
    return SentOrder(intent.symbol, intent.side, intent.shares, decision, age_seconds)


def _average_volumes(batch: Sequence[PlannedOrder], moment: Moment) -> dict[str, float | None]:
    market = moment.market
    if market is None:
        return {}
    first = max(moment.row - VOLUME_SESSIONS + 1, 0)
    columns = market.panel.axes.columns_of([planned.symbol for planned in batch])
    volumes: dict[str, float | None] = {}
    for planned, column in zip(batch, columns.tolist(), strict=True):
        if column >= 0:
            window = market.panel.volume[first : moment.row + 1, column : column + 1]
            volumes[planned.symbol] = float(ts_mean(window, len(window))[-1, 0])
    return volumes


def _seconds(now: datetime, until: datetime | None) -> float | None:
    return None if until is None else (until - now).total_seconds()


def _age(now: datetime, at: datetime | None) -> float | None:
    if at is None:
        return None
    age = (now - at).total_seconds()
    # A clock that was set back says nothing; a few seconds are two clocks.
    return None if age < -TWO_CLOCKS else max(age, 0.0)
