"""No order exceeds what its decision asked for, whatever has happened since."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from quant_core.brokers.port import Health, Intent
from quant_core.live.commands import Action
from quant_core.live.gate_view import Moment, gate_inputs
from quant_core.live.journal_entries import BookRecord, DecisionTaken, SessionOpened
from quant_core.live.journal_kinds import TargetKind
from quant_core.live.journal_orders import (
    FillReceived,
    OrderAcknowledged,
    OrderIntent,
    OrderRejected,
)
from quant_core.live.order_life import OrderStage
from quant_core.live.replay import replay
from quant_core.live.worker_state import WorkerState
from quant_core.risk.gate_inputs import ParentOrder
from quant_core.risk.margin import MarginRules
from quant_core.trading.orders import Side
from quant_core.trading.target import Weights
from tests.live.small_desk import Bench, World, plain_world, whole_run
from tests.live.test_fails_closed import Other, keys, played, with_broker
from tests.live.test_gate_feeding import breaches
from tests.live.test_parity import Crash, difference
from tests.live.test_trader import command


class Tired(Other):
    """A broker that cannot be traded with after each order, until its books are asked for."""

    tired = False

    def health(self) -> Health:
        return replace(self.inner.health(), can_trade=not self.tired)

    async def submit(self, intent: Intent) -> object:
        self.tired = True
        return await self.inner.submit(intent)

    async def snapshot(self) -> object:
        self.tired = False
        return await self.inner.snapshot()


def turning_world() -> World:
    """S0 is held long, then sold and sold short by two orders of one decision."""
    world = plain_world(
        4, lambda row: Weights({"S0": 0.5}) if row == 0 else Weights({"S0": -0.4}, short=True)
    )
    world.brain = replace(world.brain, margin=MarginRules(allowed=True))
    return world


def test_a_position_that_is_turned_in_two_steps_is_the_backtest(tmp_path):
    """The short sale is judged again while the sale before it is open."""
    bench = played(with_broker(Bench(tmp_path, turning_world()), Tired))
    assert breaches(tmp_path) == set()
    assert difference(bench.world, tmp_path) is None
    assert {order.intent.side for order in bench.state.orders.values()} >= {Side.SELL, Side.SHORT}


def test_orders_left_of_a_decision_keep_their_sizes(tmp_path):
    """STOP after the first order; the next worker keeps more cash: same weights, fewer shares."""
    first = Bench(tmp_path, plain_world())
    submit, sent = first.venue.submit, []

    async def stop_after_one(intent: Intent) -> object:
        answer = await submit(intent)
        sent.append(intent)
        command(first, Action.STOP)
        return answer

    first.venue.submit = stop_after_one
    played(first)
    world = plain_world()
    world.brain = replace(world.brain, execution=replace(world.brain.execution, cash_buffer=0.2))
    again = whole_run(Bench(tmp_path, world))
    day = again.state.days[0].session
    assert [o.symbol for o in again.state.orders_of(day) if o.filled] == [sent[0].symbol]
    assert "decision" in keys(again)


Since = Callable[[OrderIntent], list[FillReceived]]


def bought(shares: int, purpose: str = "rebalance") -> Since:
    """A fill in the direction of the order, told after it was planned."""
    return lambda intent: [_fill(intent, intent.side, shares, purpose)]


def _fill(intent: OrderIntent, side: Side, shares: int, purpose: str) -> FillReceived:
    name = intent.reference if purpose == "rebalance" else f"another-{purpose}"
    price = intent.signal_price_micros
    return FillReceived("e9", name, intent.session, intent.symbol, side, shares, price, price, 0)


def judged(folder: Path, change: int, since: Since) -> tuple[set[str], bool]:
    """Breaches, and whether it left: an order for a change of S1, held since the day before."""
    world = plain_world(4, lambda _: Weights({"S1": 0.5}))
    world.scheduled = np.array([True, False, False])
    bench = Bench(folder, world)

    async def after_a_day() -> bool:
        async def pause() -> None:
            if bench.state.sessions_closed == 1:
                raise Crash

        days = (bench.days, bench.timetable)
        with pytest.raises(Crash):
            await replay(bench.trader, bench.venue, bench.clock, days, pause)
        day = bench.days.decision_day(bench.days.next_session(bench.state.book.session))
        bench.clock.go_to(bench.timetable.of(day.session).decide)
        state, record = bench.state, bench.trader._chronicle.record
        side, mark = (Side.BUY if change > 0 else Side.SELL), state.portfolio.mark_of("S1")
        weights = ("rebalance", abs(change), 0.5, mark, None)
        intent = OrderIntent("p1-x", day.session, "S1", side, *weights)
        decided = DecisionTaken(day.session, "v1", TargetKind.WEIGHTS, "x", {"S1": 0.5}, 1)
        book = BookRecord.of(state.book)
        record([SessionOpened(day.session, "v1", book), decided, intent])
        record(since(intent))
        moment = bench.trader._present.for_session(day)
        moment = replace(moment, reconciled_at=moment.now)
        await bench.trader._orders.send([intent], moment)
        return state.orders["p1-x"].stage is OrderStage.ACKNOWLEDGED

    try:
        left = asyncio.run(after_a_day())
    finally:
        bench.close()
    return breaches(folder), left


CASES = {
    "nothing since": (20, lambda _: [], True),
    "part of it was filled unseen": (20, bought(1), False),
    "all of it was filled unseen": (20, bought(20), False),
    "somebody else bought": (20, bought(1, "hand"), False),
    "somebody else sold": (20, lambda i: [_fill(i, Side.SELL, 9, "flat1")], True),
    "a sale, nothing since": (-20, lambda _: [], True),
    "a sale, FLAT sold before": (-20, lambda i: [_fill(i, Side.SELL, 1, "flat1")], False),
    "a sale, somebody else bought": (-20, lambda i: [_fill(i, Side.BUY, 5, "hand")], True),
}


def test_orders_of_the_decision_are_counted_with_what_was_sent_of_them():
    """60 sent, 20 of them filled; 30 refused; 7 of a FLAT; 40 to come."""
    day, state = date(2024, 1, 3), WorkerState(100_000_000_000)
    weights = (0.5, 50_000_000, None)
    sent, refused, coming = (
        OrderIntent(f"p1-{shares}", day, "S1", Side.BUY, "rebalance", shares, *weights)
        for shares in (60, 30, 40)
    )
    flat = OrderIntent("p1-7", day, "S1", Side.BUY, "flat1", 7, *weights)
    decided = DecisionTaken(day, "v1", TargetKind.WEIGHTS, "x", {"S1": 0.5}, 3)
    opened = SessionOpened(day, "v1", BookRecord.of(state.book))
    for body in (opened, decided, sent, refused, flat, OrderAcknowledged("p1-60", "7")):
        state.apply(body)
    state.apply(OrderRejected("p1-30", "201", "margin"))
    state.apply(_fill(sent, Side.BUY, 20, "rebalance"))
    moment = Moment(
        now=datetime(2024, 1, 3, 14, tzinfo=UTC), account="DU1", configured_account="DU1",
        accepts_orders=True, cut_off=None, data_version="v1", data_age_sessions=0,
        expected_version="v1", reconciled_at=None, killed=False,
    )  # fmt: skip
    assert gate_inputs(state, [coming], moment).parents == {"S1": ParentOrder(0, 100, 60)}
    assert gate_inputs(state, [flat], moment).parents == {}


@pytest.mark.parametrize("name", CASES)
def test_what_was_filled_since_the_close_counts(tmp_path, name):
    change, since, passes = CASES[name]
    expected = (set(), True) if passes else ({"exceeds_parent"}, False)
    assert judged(tmp_path, change, since) == expected
