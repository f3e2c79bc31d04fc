"""A book in which one order just passes, and ways to change one thing of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from quant_core.risk.limits import (
    GateInputs,
    Limits,
    MarkedPosition,
    OpenOrder,
    OrderIntent,
    OrderPurpose,
    ParentOrder,
    SentOrder,
    TradingState,
    Verdict,
    judge,
)
from quant_core.trading.orders import Side

UNIT = 1_000_000

INTENT = OrderIntent(
    symbol="AAA",
    side=Side.BUY,
    quantity=100,
    limit_price_micros=50 * UNIT,
    reference_price_micros=50 * UNIT,
    reference_age_seconds=10.0,
    purpose=OrderPurpose.REBALANCE,
    rebalance_id="2024-01-02",
)
"""Buys 100 AAA for 5,000."""

SALE = replace(INTENT, side=Side.SELL, quantity=40, purpose=OrderPurpose.EXIT)
"""Sells 40 of the 100 AAA: only reduces risk."""

INPUTS = GateInputs(
    account="DU100",
    configured_account="DU100",
    kill_latched=False,
    state=TradingState.NORMAL,
    accepts_orders=True,
    seconds_to_cut_off=120.0,
    equity_micros=20_000 * UNIT,
    cash_micros=14_000 * UNIT,
    day_start_equity_micros=20_200 * UNIT,
    peak_equity_micros=20_400 * UNIT,
    positions={
        "AAA": MarkedPosition(100, 50 * UNIT),
        "BBB": MarkedPosition(200, 25 * UNIT),
        "CCC": MarkedPosition(-40, 100 * UNIT),
    },
    open_orders=(OpenOrder("AAA", Side.BUY, 10, 50 * UNIT),),
    average_volumes={"AAA": 2_000.0},
    previous_closes={"AAA": 49 * UNIT},
    orders_last_minute=4,
    orders_today=20,
    turnover_today_micros=1_000 * UNIT,
    recent_orders=(SentOrder("AAA", Side.BUY, 10, "2024-01-02", 30.0),),
    restricted=frozenset({"XXX"}),
    data_age_sessions=0,
    data_hash="ab12",
    expected_data_hash="ab12",
    reconciliation_age_seconds=60.0,
    parents={"AAA": ParentOrder(start_shares=100, target_shares=500, children=10)},
)
"""Long 100 AAA (5,000) and 200 BBB (5,000), short 40 CCC (4,000), 10 AAA on order (500)."""

LIMITS = Limits(
    max_quote_age_seconds=60.0,
    price_collar=0.05,
    cut_off_margin_seconds=30.0,
    max_data_age_sessions=0,
    max_reconciliation_age_seconds=300.0,
    max_reference_move=0.1,
    max_order_quantity=1_000,
    max_order_notional_micros=10_000 * UNIT,
    max_order_volume=0.2,
    max_position_notional_micros=15_000 * UNIT,
    max_position_weight=0.75,
    max_gross_micros=40_000 * UNIT,
    max_net_micros=30_000 * UNIT,
    max_leverage=2.0,
    min_cash_micros=0,
    max_orders_per_minute=10,
    max_orders_per_day=50,
    max_turnover_per_day=1.0,
    duplicate_window_seconds=60.0,
    reduce_at_daily_loss=0.02,
    halt_at_daily_loss=0.04,
    reduce_at_drawdown=0.1,
    halt_at_drawdown=0.2,
    restricted=frozenset({"YYY"}),
)
"""Every limit is set, and none is reached."""


@dataclass(frozen=True)
class Change:
    """What differs from the book above, by field."""

    intent: Mapping[str, object] = field(default_factory=dict)
    inputs: Mapping[str, object] = field(default_factory=dict)
    limits: Mapping[str, object] = field(default_factory=dict)

    def verdict(self, intent: OrderIntent = INTENT) -> Verdict:
        """The gate's word on ``intent`` with these changes."""
        return judge(
            replace(intent, **self.intent),
            replace(INPUTS, **self.inputs),
            replace(LIMITS, **self.limits),
        )


def codes(verdict: Verdict) -> set[str]:
    """Reason codes of the refusals."""
    return {refusal.code for refusal in verdict.refusals}


def bypassed(verdict: Verdict) -> set[str]:
    """Reason codes of the rules the order was let through."""
    return {refusal.code for refusal in verdict.bypassed}


def parent(start: object = 100, target: object = 500, children: object = 10) -> dict[str, object]:
    """The inputs with another decision for AAA."""
    return {"parents": {"AAA": ParentOrder(start, target, children)}}


def orders(*open_orders: OpenOrder) -> dict[str, object]:
    """The inputs with other open orders."""
    return {"open_orders": open_orders}


def held(shares: object, mark: object = 50 * UNIT) -> dict[str, object]:
    """The inputs with another position in AAA."""
    return {"positions": {**(INPUTS.positions or {}), "AAA": MarkedPosition(shares, mark)}}


def sent(*recent: SentOrder) -> dict[str, object]:
    """The inputs with other recent orders."""
    return {"recent_orders": recent}
