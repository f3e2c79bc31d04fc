"""What the crash drill has found in the worker: each case by itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quant_core.drills.crash_market import BEGIN, CAPITAL_MICROS, SPLIT_ROW, small_world
from quant_core.live.journal import read
from quant_core.live.journal_orders import OrderRejected
from quant_core.live.order_desk import RESTATED
from quant_core.live.order_life import OrderStage
from quant_core.live.trader import JOURNAL_FOLDER
from tests.live.small_desk import Bench, World, plain_world, whole_run
from tests.live.test_parity import Crash, crash_at_submit, difference

SPLIT_DAY: date = (BEGIN + SPLIT_ROW).item()
SPLIT_NAME = "N0"


@pytest.fixture
def world() -> World:
    small = small_world(SPLIT_ROW + 1, seed=1)
    everyday = np.ones(small.sessions, dtype=bool)
    return World(small.market, small.brain, small.first, small.last, everyday, CAPITAL_MICROS)


def calls_of_the_split_day(world: World, folder) -> tuple[int, int]:
    """The number of the first order of the day of the split, and of that of the split name."""
    orders = [o.intent for o in whole_run(Bench(folder, world)).state.orders.values()]
    first = next(n for n, each in enumerate(orders) if each.session == SPLIT_DAY)
    split = next(n for n, o in enumerate(orders) if (o.session, o.symbol) == (SPLIT_DAY, "N0"))
    return first + 1, split + 1


def crashed(bench: Bench, call: int, monkeypatch) -> None:
    """Let the worker die before an order reaches the venue."""
    crash_at_submit(bench, call, False, monkeypatch)
    with pytest.raises(Crash):
        bench.run()
    monkeypatch.undo()
    bench.close()


class TestSplits:
    """A crash on the morning of a split: orders are sized in shares that the split changes."""

    def test_what_was_not_sent_is_sent_before_the_split(self, tmp_path, world, monkeypatch):
        first, split = calls_of_the_split_day(world, tmp_path / "undisturbed")
        for call in {first, split}:
            folder = tmp_path / f"call{call}"
            crashed(Bench(folder, world), call, monkeypatch)
            whole_run(Bench(folder, world))
            assert difference(world, folder) is None

    def test_after_the_split_the_order_is_another_one_and_stays_here(
        self, tmp_path, world, monkeypatch
    ):
        """The venue splits the account while no worker is there: the rest is sent, not that."""
        first, _ = calls_of_the_split_day(world, tmp_path / "undisturbed")
        crashed(Bench(tmp_path, world), first, monkeypatch)
        alone = Bench(tmp_path, world)
        alone.venue.advance()
        alone.close()
        again = whole_run(Bench(tmp_path, world))
        stages = {o.intent.symbol: o.stage for o in again.state.orders_of(SPLIT_DAY)}
        assert stages.pop(SPLIT_NAME) is OrderStage.REJECTED
        assert set(stages.values()) == {OrderStage.ENDED}
        bodies = [entry.body for entry in read(tmp_path / "live" / JOURNAL_FOLDER)]
        refused = [body.code for body in bodies if isinstance(body, OrderRejected)]
        assert refused == [RESTATED]
        assert RESTATED in {alert.key for alert in again.alerts}


class TestErrors:
    def test_a_call_that_fails_after_the_bytes_left_is_not_made_again(self, tmp_path, monkeypatch):
        """The exchange has the order, takes it as often as it comes, and the call raises."""
        bench = Bench(tmp_path, plain_world(rows=5))
        exchange = bench.venue._venue.exchange
        exchange.rules = replace(exchange.rules, once_per_reference=False)
        submit, calls = bench.venue.submit, [0]

        async def failing(intent):
            calls[0] += 1
            answer = await submit(intent)
            if calls[0] == 2:
                raise RuntimeError("the library has an error of its own")
            return answer

        monkeypatch.setattr(bench.venue, "submit", failing)
        assert bench.run()
        orders = bench.venue._venue._books.all_orders()
        assert set(Counter(order.intent.reference for order in orders).values()) == {1}
        bench.close()
        assert difference(bench.world, tmp_path) is None
