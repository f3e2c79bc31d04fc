"""The moves an order can make, and the ones it cannot."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.foundation.errors import InvariantBroken
from quant_core.live.journal_kinds import Kind, OrderEnd
from quant_core.live.journal_orders import (
    CancelRequested,
    FillReceived,
    OrderAbsent,
    OrderAcknowledged,
    OrderEnded,
    OrderIntent,
    OrderRejected,
    OrderSent,
    OrderUnknown,
)
from quant_core.live.order_life import MOVES, LiveOrder, OrderStage
from quant_core.trading.orders import Side

DAY = date(2024, 1, 2)
INTENT = OrderIntent("r1", DAY, "AAA", Side.BUY, "rebalance", 10, 0.1, 5_000_000, None)
SENT, KNOWN = OrderSent("r1"), OrderAcknowledged("r1", "7")
UNKNOWN, ABSENT = OrderUnknown("r1", "lost"), OrderAbsent("r1")
REJECTED, CANCEL = OrderRejected("r1", "no", "no"), CancelRequested("r1", "CANCEL")
ENDED = OrderEnded("r1", "AAA", 10, OrderEnd.FILLED, 10, "")
FILL = FillReceived("e1", "r1", DAY, "AAA", Side.BUY, 10, 5_000_000, 5_000_000, 0)
BODIES = (SENT, KNOWN, UNKNOWN, ABSENT, REJECTED, CANCEL, ENDED, FILL)


def after(*bodies) -> LiveOrder:
    order = LiveOrder.planned(INTENT)
    for body in bodies:
        order = order.after(body)
    return order


class TestExamples:
    def test_an_ordinary_life(self):
        order = after(SENT, KNOWN, FILL, ENDED)
        assert (order.stage, order.filled, order.end) == (OrderStage.ENDED, 10, OrderEnd.FILLED)
        assert (order.broker_order, order.is_open, order.remaining) == ("7", False, 0)

    def test_an_order_without_a_trace_may_be_sent(self):
        assert after(UNKNOWN, ABSENT).stage is OrderStage.PLANNED

    def test_a_fill_may_come_after_the_end(self):
        cancelled = OrderEnded("r1", "AAA", 10, OrderEnd.CANCELLED, 0, "")
        assert after(KNOWN, cancelled, FILL).filled == 10

    def test_an_order_of_unknown_fate_counts_as_open(self):
        assert after(UNKNOWN).remaining == 10


class TestProperties:
    @given(st.lists(st.sampled_from(BODIES), max_size=8))
    def test_whatever_comes_the_table_decides(self, bodies):
        order = LiveOrder.planned(INTENT)
        for body in bodies:
            allowed = order.stage in MOVES[body.kind]
            if not allowed:
                with pytest.raises(InvariantBroken):
                    order.after(body)
                continue
            order = order.after(body)

    def test_what_is_over_opens_no_more(self):
        for moves in MOVES.values():
            for before, later in moves.items():
                assert not before.is_over or later is before


class TestRefusals:
    @pytest.mark.parametrize("body", [SENT, KNOWN, UNKNOWN, ABSENT, REJECTED, CANCEL])
    def test_an_order_that_ended(self, body):
        with pytest.raises(InvariantBroken, match="a move that there is not"):
            after(KNOWN, ENDED, body)

    def test_an_unknown_order_is_not_sent_again(self):
        with pytest.raises(InvariantBroken):
            after(UNKNOWN, SENT)
        assert OrderStage.UNKNOWN not in MOVES[Kind.ORDER_SENT]
