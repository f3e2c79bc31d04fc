"""What every broker must do. A broker's own test file names a bench and inherits the rest.

A bench has ``broker`` (the port), ``session``, ``intent(...)``, ``advance_to(phase)`` and
``reopen()``; its market trades AAA and BBB in every session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import date
from typing import Protocol, TypeVar

import pytest

from quant_core.brokers.port import (
    Accepted,
    AlreadyDone,
    BrokerPort,
    CancelRequested,
    CancelScope,
    Executed,
    Intent,
    LinkUp,
    NotFound,
    OrderKind,
    OrderState,
    QuoteKind,
    Rejected,
)
from quant_core.foundation.errors import SourceUnreachable
from quant_core.foundation.types import Session
from quant_core.trading.orders import Side

Answer = TypeVar("Answer")


class BrokerBench(Protocol):
    """What the suite needs of a broker's surroundings."""

    broker: BrokerPort

    @property
    def session(self) -> Session: ...

    def intent(self, symbol: str, side: Side, shares: int, kind: OrderKind) -> Intent: ...

    def to(self, phase: str) -> object: ...

    def reopen(self) -> BrokerPort: ...


def now(call: Coroutine[object, object, Answer]) -> Answer:
    return asyncio.run(call)


class BrokerConformance:
    """The suite. ``bench`` is a fixture of the inheriting class, connected."""

    def order(self, bench: BrokerBench, shares: int = 10) -> Intent:
        return bench.intent("AAA", Side.BUY, shares, OrderKind.ON_OPEN)

    def bodies(self, bench: BrokerBench) -> list:
        return [event.body for event in now(bench.broker.events(0))]

    def test_session_names_the_account_and_is_not_live(self, bench: BrokerBench):
        session = now(bench.broker.open())
        assert session.account
        assert not session.is_live
        assert session.server_time.tzinfo is not None

    def test_open_twice_is_one_epoch(self, bench: BrokerBench):
        assert now(bench.broker.open()).epoch == now(bench.broker.open()).epoch

    def test_connected_broker_can_trade(self, bench: BrokerBench):
        health = bench.broker.health()
        assert health.link
        assert health.can_trade, health.reason

    def test_new_process_is_a_new_epoch(self, bench: BrokerBench):
        first = now(bench.broker.open()).epoch
        second = now(bench.reopen().open()).epoch
        assert second > first
        assert [b.epoch for b in self.bodies(bench) if isinstance(b, LinkUp)] == [first, second]

    def test_submitted_order_is_found(self, bench: BrokerBench):
        order = self.order(bench)
        answer = now(bench.broker.submit(order))
        assert isinstance(answer, Accepted)
        (view,) = now(bench.broker.find(order.reference))
        assert (view.broker_id, view.state) == (answer.broker_id, OrderState.WORKING)
        assert (view.symbol, view.side, view.shares, view.filled) == ("AAA", Side.BUY, 10, 0)

    def test_same_reference_is_one_order(self, bench: BrokerBench):
        order = self.order(bench)
        answers = {now(bench.broker.submit(order)) for _ in range(3)}
        assert len(answers) == 1
        assert len(now(bench.broker.find(order.reference))) == 1

    def test_same_reference_is_one_order_after_a_restart(self, bench: BrokerBench):
        order = self.order(bench)
        first = now(bench.broker.submit(order))
        now(bench.reopen().open())
        assert now(bench.broker.submit(order)) == first
        assert len(now(bench.broker.snapshot()).open_orders) == 1

    def test_a_reference_stands_for_one_content(self, bench: BrokerBench):
        now(bench.broker.submit(self.order(bench, 10)))
        answer = now(bench.broker.submit(self.order(bench, 20)))
        assert isinstance(answer, Rejected)
        assert [o.shares for o in now(bench.broker.snapshot()).open_orders] == [10]

    def test_unknown_reference_is_nothing(self, bench: BrokerBench):
        assert now(bench.broker.find("nobody")) == ()
        assert now(bench.broker.cancel("nobody")) == NotFound("nobody")

    @pytest.mark.parametrize("shares", [0, -5])
    def test_no_order_without_shares(self, bench: BrokerBench, shares: int):
        assert isinstance(now(bench.broker.submit(self.order(bench, shares))), Rejected)
        assert isinstance(bench.broker.normalise(self.order(bench, shares)), Rejected)

    def test_unknown_symbol_is_refused(self, bench: BrokerBench):
        order = bench.intent("ZZZZ", Side.BUY, 10, OrderKind.ON_OPEN)
        assert isinstance(now(bench.broker.submit(order)), Rejected)

    def test_what_is_normal_stays(self, bench: BrokerBench):
        order = self.order(bench)
        assert bench.broker.normalise(order) == order

    def test_cancel_ends_an_order_once(self, bench: BrokerBench):
        order = self.order(bench)
        now(bench.broker.submit(order))
        assert now(bench.broker.cancel(order.reference)) == CancelRequested(order.reference)
        again = now(bench.broker.cancel(order.reference))
        assert again == AlreadyDone(order.reference, OrderState.CANCELLED)
        bench.to("open")
        assert not [b for b in self.bodies(bench) if isinstance(b, Executed)]

    def test_cancel_all_names_what_it_ended(self, bench: BrokerBench):
        orders = [bench.intent(s, Side.BUY, 1, OrderKind.ON_OPEN) for s in ("AAA", "BBB")]
        for order in orders:
            now(bench.broker.submit(order))
        one = now(bench.broker.cancel_all(CancelScope((orders[0].reference,))))
        assert (one.cancelled, one.survivors, one.confirmed) == (
            (orders[0].reference,),
            (),
            True,
        )
        rest = now(bench.broker.cancel_all(CancelScope()))
        assert rest.cancelled == (orders[1].reference,)
        assert now(bench.broker.snapshot()).open_orders == ()

    def test_execution_moves_cash_and_position(self, bench: BrokerBench):
        before = now(bench.broker.snapshot())
        order = self.order(bench)
        now(bench.broker.submit(order))
        bench.to("open")
        (done,) = (b for b in self.bodies(bench) if isinstance(b, Executed))
        after = now(bench.broker.snapshot())
        assert (done.reference, done.shares, done.symbol) == (order.reference, 10, "AAA")
        cost = done.shares * done.price_micros + (done.commission_micros or 0)
        assert after.cash_micros == before.cash_micros - cost
        assert after.positions == {"AAA": 10}
        assert after.executions == (done,)
        (view,) = after.completed_orders
        assert (view.state, view.filled) == (OrderState.FILLED, 10)

    def test_snapshot_is_complete_and_dated(self, bench: BrokerBench):
        snapshot = now(bench.broker.snapshot())
        assert snapshot.complete
        assert snapshot.missing == ()
        assert snapshot.as_of.tzinfo is not None
        assert snapshot.account == now(bench.broker.open()).account
        assert snapshot.last_event == now(bench.broker.events(0))[-1].number

    def test_events_are_numbered_upwards_and_kept(self, bench: BrokerBench):
        now(bench.broker.submit(self.order(bench)))
        bench.to("after_close")
        events = list(now(bench.broker.events(0)))
        numbers = [event.number for event in events]
        assert numbers == sorted(set(numbers))
        assert list(now(bench.broker.events(numbers[2]))) == events[3:]
        instants = [event.at for event in events]
        assert instants == sorted(instants)
        now(bench.reopen().open())
        assert list(now(bench.broker.events(0)))[: len(events)] == events

    def test_every_symbol_has_a_quote_and_a_kind(self, bench: BrokerBench):
        bench.to("open")
        quotes = now(bench.broker.quotes(["AAA", "ZZZZ"]))
        assert quotes["AAA"].price_micros > 0
        assert quotes["AAA"].kind is QuoteKind.LIVE
        assert quotes["ZZZZ"].kind is QuoteKind.NONE

    def test_orders_end_with_their_session(self, bench: BrokerBench):
        order = self.order(bench)
        now(bench.broker.submit(order))
        bench.to("after_close")
        (view,) = now(bench.broker.find(order.reference))
        assert view.state.is_final
        assert now(bench.broker.snapshot()).open_orders == ()

    def test_closed_broker_says_so(self, bench: BrokerBench):
        order = self.order(bench)
        now(bench.broker.submit(order))
        now(bench.broker.close())
        assert not bench.broker.health().can_trade
        with pytest.raises(SourceUnreachable):
            now(bench.broker.snapshot())
        now(bench.reopen().open())
        assert [o.reference for o in now(bench.broker.snapshot()).open_orders] == [order.reference]

    def test_instruments_are_those_it_knows(self, bench: BrokerBench):
        known = now(bench.broker.instruments(["AAA", "ZZZZ", "BBB"]))
        assert list(known) == ["AAA", "BBB"]
        assert (known["AAA"].symbol, known["AAA"].tradable) == ("AAA", True)
        assert known["AAA"].currency == bench.broker.capabilities.currency
        assert known["AAA"].lot >= 1

    def test_a_bar_never_shows_what_is_to_come(self, bench: BrokerBench):
        """The session at work: nothing, then its open, then its close, and no other day's."""
        day = bench.session
        seen = []
        for phase in ("before_open", "open", "close", "after_close"):
            bench.to(phase)
            bars = now(bench.broker.bars("AAA", day, date.max))
            seen.append([(b.session, b.open_micros is None, b.close_micros is None) for b in bars])
            assert all((b.close_micros is None) == (b.volume is None) for b in bars)
        assert seen == [[], [(day, False, True)], [(day, False, False)], [(day, False, False)]]

    def test_bars_are_daily_oldest_first_and_between_both_ends(self, bench: BrokerBench):
        first = bench.session
        bench.to("after_close")
        second = bench.session
        bench.to("after_close")
        whole = now(bench.broker.bars("AAA", date.min, date.max))
        assert [b.session for b in whole] == sorted({b.session for b in whole})
        assert [b.session for b in whole[-2:]] == [first, second]
        assert now(bench.broker.bars("AAA", first, second)) == whole[-2:]
        assert now(bench.broker.bars("AAA", first, first)) == whole[-2:-1]
        assert now(bench.broker.bars("AAA", second, first)) == ()
        assert now(bench.broker.bars("ZZZZ", first, second)) == ()

    def test_a_closed_broker_tells_no_past(self, bench: BrokerBench):
        day = bench.session
        now(bench.broker.close())
        with pytest.raises(SourceUnreachable):
            now(bench.broker.bars("AAA", day, day))
        with pytest.raises(SourceUnreachable):
            now(bench.broker.instruments(["AAA"]))
