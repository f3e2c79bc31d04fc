"""The checks of one order: each looks at one thing and answers what it found.

A check returns None where there is nothing to refuse, and a finding otherwise: beyond
the limit, or not known. A limit that is off looks at nothing. Comparisons are
written so that what is not a number refuses. Checks of the whole book stand in
:mod:`quant_core.risk.limit_usage`.
"""

from __future__ import annotations

import math

from quant_core.foundation.money import rate_on
from quant_core.risk.gate_inputs import (
    OrderPurpose,
    ReferenceKind,
    SentOrder,
    TradingState,
    known_real,
    known_whole,
)
from quant_core.risk.limit_case import Case
from quant_core.risk.limit_findings import Finding, at_most, shown
from quant_core.risk.limit_usage import View, data_age
from quant_core.trading.orders import Side

# --- the order itself, the account and the state -----------------------------------------


def order_is_whole(case: Case) -> Finding | None:
    """A name, a whole positive quantity, and a positive limit price if there is one."""
    intent = case.intent
    if not intent.symbol or not intent.rebalance_id:
        return Finding("no symbol or no decision", "both", "must have")
    if known_whole(intent.quantity, least=1) is None:
        return Finding(f"quantity {intent.quantity!r}", "a positive whole number", "must be")
    price = intent.limit_price_micros
    if price is not None and known_whole(price, least=1) is None:
        return Finding(f"limit price {price!r}", "positive whole micros, or none", "must be")
    return None


def kill_is_clear(case: Case) -> Finding | None:
    """The kill latch is known to be clear."""
    latched = case.before.inputs.kill_latched
    if latched is False:
        return None
    return Finding("not known" if latched is None else "set", "clear", "must be")


def account_matches(case: Case) -> Finding | None:
    """The broker's account is the configured one."""
    inputs = case.before.inputs
    if inputs.account and inputs.account == inputs.configured_account:
        return None
    return Finding(inputs.account, inputs.configured_account, "must be")


def not_halted(case: Case) -> Finding | None:
    """The trading state is one in which something may be sent."""
    state = case.before.inputs.state
    if state is TradingState.NORMAL or state is TradingState.REDUCING:
        return None
    return Finding(str(state), "normal", "must be")


def not_reducing(case: Case) -> Finding | None:
    """The trading state is NORMAL."""
    state = case.before.inputs.state
    return None if state is TradingState.NORMAL else Finding(str(state), "normal", "must be")


def not_restricted(case: Case) -> Finding | None:
    """The name is on no restricted list, and there is a list of today."""
    today = case.before.inputs.restricted
    if today is None:
        return Finding(None, "a list of today", "must be")
    if case.intent.symbol in today | case.limits.restricted:
        return Finding("on the restricted list", "off it", "must be")
    return None


# --- time, books and data ----------------------------------------------------------------


def session_takes_orders(case: Case) -> Finding | None:
    """The session is known to take this order now."""
    accepts = case.before.inputs.accepts_orders
    if accepts is True:
        return None
    return Finding("not known" if accepts is None else "closed", "open for orders", "must be")


def data_is_the_same(case: Case) -> Finding | None:
    """The decision was computed from the snapshot that is published."""
    inputs = case.before.inputs
    if inputs.data_hash and inputs.data_hash == inputs.expected_data_hash:
        return None
    return Finding(inputs.data_hash, inputs.expected_data_hash, "must be")


# --- prices ------------------------------------------------------------------------------


def price_is_known(case: Case) -> Finding | None:
    """There is a positive reference price in whole micros."""
    price = case.intent.reference_price_micros
    if known_whole(price, least=1) is not None:
        return None
    return Finding(shown(price), "positive whole micros", "must be")


def quote_is_fresh(case: Case) -> Finding | None:
    """The quote is young; a close is as old as the data, and those must be current."""
    if case.intent.reference is ReferenceKind.CLOSE:
        return data_age(View(case.before, case.limits)).finding()
    return at_most(case.intent.reference_age_seconds, case.limits.max_quote_age_seconds)


def limit_within_collar(case: Case) -> Finding | None:
    """The limit price is near the reference price."""
    price = case.intent.limit_price_micros
    if price is None:
        return None
    reference = case.intent.reference_price_micros
    return _near(price, reference, case.limits.price_collar)


def reference_within_move(case: Case) -> Finding | None:
    """The broker's price is near the close the order was sized by: both are of one world.

    A split the data do not have, another day or another scale is seen here. What cannot be
    compared is refused.
    """
    widest = case.limits.max_reference_move
    if widest is None:
        return None
    previous = case.before.inputs.previous_closes.get(case.intent.symbol)
    if known_whole(previous, least=1) is None:
        return Finding(None, f"{widest:g} of that close")
    return _near(case.intent.reference_price_micros, previous, widest)


def _near(price: object, anchor: object, fraction: float) -> Finding | None:
    known, base = known_whole(price, least=1), known_whole(anchor, least=1)
    distance = None if known is None or base is None else abs(known - base)
    return at_most(distance, None if base is None else rate_on(fraction, base))


# --- size --------------------------------------------------------------------------------


def order_quantity(case: Case) -> Finding | None:
    """The order has few enough shares."""
    limit = case.limits.max_order_quantity
    return None if limit is None else at_most(known_whole(case.intent.quantity), limit)


def order_notional(case: Case) -> Finding | None:
    """The order is worth little enough, at the higher of reference and limit price."""
    limit = case.limits.max_order_notional_micros
    if limit is None:
        return None
    quantity, price = known_whole(case.intent.quantity), case.intent.worst_price_micros
    return at_most(None if quantity is None or price is None else quantity * price, limit)


def share_of_volume(case: Case) -> Finding | None:
    """The open orders of the name in this direction, this one included, are a small part."""
    fraction = case.limits.max_order_volume
    if fraction is None:
        return None
    volume = known_real(case.before.inputs.average_volumes.get(case.intent.symbol), least=0.0)
    name = case.after.exposure.name(case.intent.symbol)
    ordered = name.buys if case.intent.side.is_buy else name.sells
    return at_most(ordered, None if volume is None else math.floor(fraction * volume))


def closes_what_is_held(case: Case) -> Finding | None:
    """A SELL or COVER closes at most what is held, other closing orders counted."""
    side = case.intent.side
    if side not in (Side.SELL, Side.COVER):
        return None
    name = case.after.exposure.name(case.intent.symbol)
    closing, held = (name.closing_sells, name.shares)
    if side is Side.COVER:
        closing, held = name.closing_buys, None if name.shares is None else -name.shares
    return at_most(closing, None if held is None else max(held, 0))


# --- repetition and the decision behind it -----------------------------------------------


def no_duplicate(case: Case) -> Finding | None:
    """No equal order of the same decision was sent within the window."""
    window = case.limits.duplicate_window_seconds
    if window is None:
        return None
    recent = case.before.inputs.recent_orders
    if recent is None:
        return Finding(None, window, "longer ago than")
    ages = [known_real(order.age_seconds, least=0.0) for order in recent if _equal(order, case)]
    close = [age for age in ages if age is None or not (age > window)]
    if not close:
        return None
    known = [age for age in close if age is not None]
    return Finding(min(known) if len(known) == len(close) else None, window, "longer ago than")


def within_parent(case: Case) -> Finding | None:
    """The orders of a decision add up to at most the change it asks for.

    Counted twice: by what was sent for the decision, and by where position and open
    orders would lead. For the operator's FLAT the target is zero whatever was decided.
    """
    start, target, children = _parent(case)
    after = case.after.exposure.name(case.intent.symbol)
    if start is None or target is None or after.shares is None:
        return Finding(None, "a change of this name", "must have")
    buys = case.intent.side.is_buy
    change = target - start if buys else start - target
    left = target - after.shares if buys else after.shares - target
    beyond_sent = at_most(children, max(change, 0))
    return beyond_sent or at_most(after.buys if buys else after.sells, max(left, 0))


def _parent(case: Case) -> tuple[int | None, int | None, int | None]:
    """Shares at the decision, its target, and what was sent for it, this order included."""
    if case.intent.purpose is OrderPurpose.FLAT:
        shares = case.before.exposure.name(case.intent.symbol).shares
        return shares, 0, known_whole(case.intent.quantity, least=1)
    parent = case.after.inputs.parents.get(case.intent.symbol)
    if parent is None:
        return None, None, None
    return known_whole(parent.start_shares), known_whole(parent.target_shares), parent.children


def _equal(order: SentOrder, case: Case) -> bool:
    intent = case.intent
    same = (order.symbol, order.side, order.rebalance_id) == (
        intent.symbol,
        intent.side,
        intent.rebalance_id,
    )
    unknown = known_whole(order.quantity, least=1) is None
    return same and (unknown or order.quantity == intent.quantity)
