"""Orders are durable before they leave, and leave once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quant_core.live.journal import read
from quant_core.live.journal_entries import LimitBreached
from quant_core.live.journal_kinds import TradingState
from quant_core.live.journal_orders import OrderIntent
from quant_core.live.order_desk import Purpose, reference_of
from quant_core.live.order_life import OrderStage
from quant_core.live.trader import JOURNAL_FOLDER
from tests.live.small_desk import OPEN_LIMITS, Bench, plain_world, whole_run
from tests.live.test_order_life import DAY
from tests.live.test_parity import Crash, crash_at_submit


def venue_orders(bench: Bench) -> list[str]:
    """References of every order the venue ever had."""
    again = Bench(bench.folder, bench.world)
    try:
        orders = again.venue._venue._books.all_orders()
        return [order.intent.reference for order in orders]
    finally:
        again.close()


class TestExamples:
    def test_the_intent_is_in_the_journal_when_the_order_arrives(self, tmp_path, monkeypatch):
        bench = Bench(tmp_path, plain_world())
        submit = bench.venue.submit

        async def looking(intent):
            bodies = [entry.body for entry in read(tmp_path / "live" / JOURNAL_FOLDER)]
            names = {body.reference for body in bodies if isinstance(body, OrderIntent)}
            assert intent.reference in names
            return await submit(intent)

        monkeypatch.setattr(bench.venue, "submit", looking)
        whole_run(bench)
        assert len(venue_orders(bench)) == len(bench.state.orders)

    @pytest.mark.parametrize("ahead", [True, False])
    def test_without_write_ahead_a_crash_leaves_orders_nobody_knows(
        self, tmp_path, monkeypatch, ahead
    ):
        """With it the orders are adopted; without it their books differ, and all is halted."""
        bench = Bench(tmp_path, plain_world(), write_ahead=ahead)
        crash_at_submit(bench, 2, True, monkeypatch)
        with pytest.raises(Crash):
            bench.run()
        monkeypatch.undo()
        bench.close()
        again = whole_run(Bench(tmp_path, bench.world, write_ahead=ahead))
        assert (again.state.trading_state is TradingState.HALTED) is not ahead
        assert len(venue_orders(again)) == len(set(venue_orders(again)))

    def test_what_the_limits_refuse_is_journalled_and_told(self, tmp_path):
        limits = replace(OPEN_LIMITS, max_order_quantity=900)
        bench = whole_run(Bench(tmp_path, plain_world(), limits=limits))
        bodies = [entry.body for entry in read(tmp_path / "live" / JOURNAL_FOLDER)]
        breaches = {b.reference for b in bodies if isinstance(b, LimitBreached)}
        rejected = {
            name for name, o in bench.state.orders.items() if o.stage is OrderStage.REJECTED
        }
        assert breaches and breaches == rejected
        assert not breaches & set(venue_orders(bench))
        assert "limit:order_quantity" in {alert.key for alert in bench.alerts}


class TestProperties:
    def test_references_are_bounded_and_distinct(self):
        purposes = [Purpose("s" * n, DAY, name) for n in (1, 60) for name in ("exit", "flat1")]
        names = [reference_of(p, s, "buy", 40) for p in purposes for s in ("AAA", "BBB")]
        assert len(set(names)) == len(names)
        assert max(map(len, names)) <= 40
