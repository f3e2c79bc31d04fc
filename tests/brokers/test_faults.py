"""A broker that is told to misbehave does exactly that, once, and its books stay right."""

from __future__ import annotations

from typing import ClassVar

import pytest

from quant_core.brokers.paper.broker import HANG_SECONDS
from quant_core.brokers.port import (
    Accepted,
    CancelReport,
    CancelRequested,
    CancelScope,
    CommissionCharged,
    Executed,
    ExecutionCorrected,
    LinkDown,
    LinkUp,
    Notice,
    OrderState,
    QuoteKind,
    Rejected,
    Unknown,
)
from quant_core.foundation.errors import SourceUnreachable
from quant_core.market import MarketFacts
from quant_core.trading.actions import Split
from tests.brokers.paper_bench import CAPITAL, Bench, make_market, now
from tests.brokers.scripted_faults import bench_of, executed, on_call, on_event, on_phase, trade
from tests.brokers.second_ledger import SecondLedger


class TestEvents:
    def test_without_a_scenario_all_is_in_order(self):
        assert executed(trade(bench_of())) == ["1", "2", "3"]

    def test_missing(self):
        bench = trade(bench_of(on_event("drop", nth=2)))
        assert executed(bench) == ["1", "3"]
        assert len(bench.snapshot().executions) == 3  # the books know better

    def test_duplicate(self):
        bench = trade(bench_of(on_event("repeat", nth=2, times=2)))
        assert executed(bench) == ["1", "2", "2", "2", "3"]
        numbers = [event.number for event in bench.events()]
        assert len(set(numbers)) == len(numbers)

    def test_out_of_order_by_events(self):
        # told: X1, its order, X2, its order, X3, its order; two events later is after X2
        assert executed(trade(bench_of(on_event("late", events=2)))) == ["2", "1", "3"]

    def test_late_by_phases(self):
        bench = trade(bench_of(on_event("late", nth=2, phases=2)))
        assert executed(bench) == ["1", "3"]
        assert executed(bench.to("close")) == ["1", "3"]
        assert executed(bench.to("after_close")) == ["1", "3", "2"]

    def test_commission_before_its_execution(self):
        bench = trade(bench_of(on_event("commission_first", nth=2)))
        bodies = [event.body for event in bench.events()]
        (charged,) = [body for body in bodies if isinstance(body, CommissionCharged)]
        after = bodies[bodies.index(charged) + 1]
        assert isinstance(after, Executed)
        assert (after.execution_id, after.commission_micros) == (charged.execution_id, None)

    @pytest.mark.parametrize(("when", "distance"), [({}, 1), ({"events": 1}, 2)])
    def test_commission_after_its_execution(self, when, distance):
        bench = trade(bench_of(on_event("commission_after", **when)))
        bodies = [event.body for event in bench.events()]
        (charged,) = [body for body in bodies if isinstance(body, CommissionCharged)]
        without = bodies[bodies.index(charged) - distance]
        assert isinstance(without, Executed)
        assert without.commission_micros is None

    def test_commission_that_never_comes(self):
        bench = trade(bench_of(on_event("commission_lost", nth=2)))
        assert [d.commission_micros is None for d in bench.told(Executed)] == [False, True, False]
        assert bench.told(CommissionCharged) == []
        assert bench.snapshot().executions[1].commission_micros == 2_004_002

    def test_correction(self):
        bench = trade(bench_of(on_event("correct", nth=2)))
        (corrected,) = bench.told(ExecutionCorrected)
        wrong = bench.told(Executed)[1]
        assert corrected.replaced_id == wrong.execution_id
        truth = bench.snapshot().executions[1]
        assert corrected.execution == truth
        assert wrong.price_micros != truth.price_micros

    def test_ledger_that_counts_once_survives_all_of_it(self):
        facts = MarketFacts(actions={2: (Split("AAA", 1.15),)})
        kinds = ("executed", "account_changed", "fraction_paid", "order_seen")
        faults = [on_event("repeat", kind, nth=n, times=3) for kind in kinds for n in (1, 2)]
        faults += [
            on_event("commission_first", nth=3),
            on_event("commission_after", nth=1, events=1),
            on_event("late", nth=2, events=1),
        ]
        bench = trade(bench_of(*faults, market=make_market(facts=facts)))
        bench.to("after_close", sessions=2)
        client = SecondLedger(CAPITAL)
        client.follow(bench.events())
        snapshot = bench.snapshot()
        assert client.portfolio.cash_micros == snapshot.cash_micros
        assert {s: client.portfolio.shares_of(s) for s in client.portfolio.held} == (
            snapshot.positions
        )


class TestOrders:
    MEETS: ClassVar = {"on": "order", "name": "meets_market"}

    def test_one_fill_in_several_executions(self):
        bench = trade(bench_of({**self.MEETS, "nth": 2, "do": "split", "parts": 3}))
        parts = [done for done in bench.told(Executed) if done.symbol == "BBB"]
        assert [done.shares for done in parts] == [34, 33, 33]
        assert [done.commission_micros > 0 for done in parts] == [True, False, False]
        whole = trade(bench_of()).snapshot()
        assert bench.snapshot().cash_micros == whole.cash_micros

    def test_partial_fill(self):
        bench = trade(bench_of({**self.MEETS, "nth": 2, "do": "part", "percent": 30}))
        order = bench.snapshot().completed_orders[1]
        assert (order.filled, order.state, order.reason) == (
            30,
            OrderState.EXPIRED,
            "truncated_volume",
        )

    def test_halt(self):
        bench = trade(bench_of({**self.MEETS, "session": "2024-01-03", "do": "halt"}))
        assert bench.told(Executed) == []
        assert {o.reason for o in bench.snapshot().completed_orders} == {"expired_halted"}
        bench.to("after_close")
        assert executed(trade(bench)) == ["1", "2", "3"]


class TestCalls:
    @pytest.mark.parametrize("placed", [True, False])
    def test_unknown_outcome_of_an_order(self, placed: bool):
        bench = bench_of(on_call("submit", "unknown", done=placed))
        order = bench.intent()
        assert isinstance(now(bench.broker.submit(order)), Unknown)
        assert len(now(bench.broker.find(order.reference))) == int(placed)
        assert isinstance(now(bench.broker.submit(order)), Accepted)
        assert len(bench.snapshot().open_orders) == 1

    def test_order_that_is_not_found_yet(self):
        bench = bench_of(on_call("find", "nothing"))
        bench.send()
        reference = bench.intent().reference
        assert [len(now(bench.broker.find(reference))) for _ in "ab"] == [0, 1]

    def test_rejection_stays_a_rejection(self):
        bench = bench_of(on_call("submit", "reject", nth=2, code="201"))
        assert isinstance(bench.send("AAA"), Accepted)
        answers = [bench.send("BBB") for _ in "ab"]
        assert [isinstance(a, Rejected) and a.code for a in answers] == ["201", "201"]
        assert isinstance(bench.send("CCC"), Accepted)

    @pytest.mark.parametrize("done", [True, False])
    def test_unknown_outcome_of_a_cancellation(self, done: bool):
        bench = bench_of(on_call("cancel", "unknown", done=done))
        bench.send()
        reference = bench.intent().reference
        assert isinstance(now(bench.broker.cancel(reference)), Unknown)
        again = now(bench.broker.cancel(reference))
        assert isinstance(again, CancelRequested) is not done

    def test_cancellation_of_all_that_is_not_confirmed(self):
        bench = bench_of(on_call("cancel_all", "unconfirmed"))
        bench.send()
        reference = bench.intent().reference
        report = now(bench.broker.cancel_all(CancelScope()))
        assert report == CancelReport((), (reference,), confirmed=False)
        assert now(bench.broker.cancel_all(CancelScope())).confirmed

    def test_incomplete_snapshot(self):
        bench = bench_of(on_call("snapshot", "incomplete", missing=["open_orders", "cash"]))
        bench.send()
        snapshot = bench.snapshot()
        assert (snapshot.complete, snapshot.missing) == (False, ("open_orders", "cash"))
        assert (snapshot.open_orders, snapshot.cash_micros) == ((), 0)
        assert bench.snapshot().complete

    def test_quotes_missing_and_stale(self):
        bench = bench_of(
            on_call("quotes", "missing"), on_call("quotes", "stale", nth=2, seconds=90)
        ).to("open")
        first, second, third = (now(bench.broker.quotes(["AAA"]))["AAA"] for _ in "abc")
        assert (first.kind, first.price_micros) == (QuoteKind.NONE, 0)
        assert second.kind is QuoteKind.FROZEN
        assert (third.at - second.at).total_seconds() == 90
        assert third.kind is QuoteKind.LIVE

    @pytest.mark.parametrize("placed", [True, False])
    def test_slow_and_hanging_calls(self, placed: bool):
        waited: list[float] = []

        async def sleep(seconds: float) -> None:
            waited.append(seconds)

        bench = bench_of(
            on_call("submit", "slow", seconds=2.5),
            on_call("submit", "hang", nth=2, done=placed),
            sleep=sleep,
        )
        assert isinstance(bench.send("AAA"), Accepted)
        assert isinstance(bench.send("BBB"), Unknown)
        assert waited == [2.5, HANG_SECONDS]
        assert len(bench.snapshot().open_orders) == 1 + placed

    def test_call_that_hangs_and_answers_nothing(self):
        waited: list[float] = []

        async def sleep(seconds: float) -> None:
            waited.append(seconds)

        bench = bench_of(on_call("snapshot", "hang", done=True), sleep=sleep)
        with pytest.raises(SourceUnreachable):
            bench.snapshot()
        assert waited == [HANG_SECONDS]

    def test_venue_that_does_not_answer_at_first(self):
        bench = Bench(faults=[on_call("open", "refuse", nth=1), on_call("open", "refuse", nth=2)])
        for _ in "ab":
            with pytest.raises(SourceUnreachable):
                now(bench.broker.open())
        assert now(bench.broker.open()).epoch == 1


class TestLink:
    def test_lost_link_brings_the_session_again(self):
        bench = trade(bench_of(on_phase("close", "disconnect")))
        before = executed(bench)
        bench.to("close")
        assert not bench.broker.health().link
        assert isinstance(bench.told(LinkDown)[0], LinkDown)
        with pytest.raises(SourceUnreachable):
            bench.snapshot()
        with pytest.raises(SourceUnreachable):
            now(bench.broker.find("x"))
        with pytest.raises(SourceUnreachable):
            now(bench.broker.quotes(["AAA"]))
        assert now(bench.broker.open()).epoch == 2
        assert executed(bench) == before * 2
        assert [up.epoch for up in bench.told(LinkUp)] == [1, 2]

    def test_fills_without_a_link_are_told_with_the_next_one(self):
        bench = bench_of(on_phase("open", "disconnect"))
        trade(bench)
        assert executed(bench) == []
        bench.to("after_close").to("open")
        now(bench.broker.open())
        assert executed(bench) == ["1", "2", "3"]

    def test_dropped_event_comes_with_the_session(self):
        bench = bench_of(on_event("drop", nth=2), on_phase("close", "disconnect"))
        assert executed(trade(bench)) == ["1", "3"]
        bench.to("close")
        now(bench.broker.open())
        assert executed(bench) == ["1", "3", "1", "2", "3"]

    def test_venue_is_away_for_phases_and_attempts(self):
        bench = bench_of(on_phase("before_open", "disconnect", phases=1, refuse=1))
        bench.to("before_open")
        for _ in "ab":  # once for the attempt, then because the phase lasts
            with pytest.raises(SourceUnreachable):
                now(bench.broker.open())
        bench.to("open")
        assert now(bench.broker.open()).epoch == 2

    @pytest.mark.parametrize("placed", [True, False])
    def test_link_lost_in_the_middle_of_an_order(self, placed: bool):
        bench = bench_of(on_call("submit", "disconnect", done=placed))
        order = bench.intent()
        assert isinstance(now(bench.broker.submit(order)), Unknown)
        assert isinstance(now(bench.broker.submit(order)), Unknown)  # there is no link
        now(bench.broker.open())
        assert len(now(bench.broker.find(order.reference))) == int(placed)

    def test_without_a_link_nothing_is_cancelled(self):
        bench = bench_of(on_phase("before_open", "disconnect"))
        bench.send()
        reference = bench.intent().reference
        bench.to("before_open")
        assert isinstance(now(bench.broker.cancel(reference)), Unknown)
        report = now(bench.broker.cancel_all(CancelScope()))
        assert (report.survivors, report.confirmed) == ((reference,), False)

    def test_nightly_restart_rolls_the_ids_back(self):
        faults = on_phase("before_open", "restart", session="every", roll_back=2)
        bench = bench_of(faults)
        ids = []
        for _ in "ab":
            ids += [bench.send(s).broker_id for s in ("AAA", "BBB", "CCC")]
            bench.to("before_open")
            assert bench.told(LinkDown)[-1].reason == "nightly restart"
            now(bench.broker.open())
            bench.to("after_close")
        assert ids == ["1", "2", "3", "2", "3", "4"]
        assert [o.filled for o in bench.books.all_orders()] == [100] * 6

    def test_ids_rolled_back_without_a_restart(self):
        bench = bench_of(on_phase("before_open", "roll_back_ids", roll_back=9))
        first = bench.send("AAA")
        bench.to("before_open")
        second = bench.send("BBB")
        assert isinstance(first, Accepted)
        assert isinstance(second, Accepted)
        assert first.broker_id == second.broker_id == "1"
        found = {s: now(bench.broker.find(bench.intent(s).reference)) for s in ("AAA", "BBB")}
        assert [len(views) for views in found.values()] == [1, 1]

    def test_notice(self):
        bench = bench_of(on_phase("open", "notice", code="2110")).to("open")
        assert [notice.code for notice in bench.told(Notice)] == ["2110"]
