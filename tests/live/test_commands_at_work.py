"""Commands that meet orders going out, a restart, a FLAT at work, orders of others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from quant_core.brokers.paper.venue_clock import Phase, VenueTime
from quant_core.brokers.port import (
    Accepted,
    CancelScope,
    Intent,
    OrderKind,
    OrderState,
    Submitted,
)
from quant_core.drills.commands_count import recorded
from quant_core.live.command_door import CommandState, find_outcome
from quant_core.live.commands import Action
from quant_core.live.gate_view import is_flat
from quant_core.live.ipc import request_kill
from quant_core.live.journal_orders import OrderIntent
from quant_core.live.replay import replay
from quant_core.live.trader import Trader
from quant_core.trading.orders import Side
from quant_core.trading.target import Weights
from tests.live.broken_worlds import (
    MIDDAY,
    ROWS,
    SECOND,
    Clock,
    bodies,
    held_at_venue,
    no_broker,
    run,
    send,
)
from tests.live.small_desk import Bench, plain_world, whole_run


class TestRestarts:
    """FLAT that waits while the worker is killed: a target, reached once."""

    @pytest.mark.parametrize("lives", [1, 2, 5])
    def test_flat_is_carried_out_once(self, tmp_path, lives):
        scenario = no_broker(phases=12)
        bench = Bench(tmp_path, plain_world(ROWS), scenario=scenario, wall=Clock())
        names: list[str] = []
        for _ in range(lives):
            asyncio.run(self.some_steps(bench, names))
            bench.close()
            bench = Bench(tmp_path, bench.world, scenario=scenario, wall=bench.wall)
            assert [c.id for c in bench.state.commands.unfinished()] == names
        whole_run(bench)
        assert bench.state.commands.state(names[0]) is CommandState.DONE
        assert held_at_venue(bench) == {}
        record = recorded(bodies(tmp_path))
        assert record.twice() == set()
        exits = [b for b in bodies(tmp_path) if isinstance(b, OrderIntent) and is_flat(b.purpose)]
        # The worker is behind the exchange for a while, which refuses the session it sells into.
        filled = [o for o in bench.state.orders.values() if is_flat(o.intent.purpose) and o.filled]
        assert sorted(order.symbol for order in filled) == ["S0", "S1"]
        assert all(order.filled == order.shares for order in filled)
        assert len(exits) <= 12

    async def some_steps(self, bench: Bench, names: list[str]) -> None:
        """A life that ends while FLAT waits: the first one trades until the link is lost."""
        phases = [0]

        class Died(Exception):
            """The process is gone."""

        async def pause() -> None:
            phases[0] += 1
            if not names and phases[0] == MIDDAY:
                names.append(send(bench, Action.FLAT))
            elif names:
                await bench.trader.step()
                raise Died

        days = (bench.days, bench.timetable)
        with pytest.raises(Died):
            await replay(bench.trader, bench.venue, bench.clock, days, pause)

    def test_an_outcome_that_was_not_shown_is_shown_after_the_restart(self, tmp_path):
        bench = Bench(tmp_path, plain_world(ROWS), wall=Clock())
        names: list[str] = []
        run(bench, (MIDDAY, lambda: names.append(send(bench, Action.CANCEL))))
        (tmp_path / "live" / "command_outcomes.json").unlink()
        again = Bench(tmp_path, bench.world, wall=bench.wall)
        asyncio.run(again.trader.start())
        again.close()
        assert find_outcome(tmp_path / "live", names[0])["state"] == "done"


class TestWhileOrdersGoOut:
    """A command that comes while a decision is being sent does not wait for its last order."""

    def bench(self, folder: Path, act: Callable[[Bench], object], at: int = 3) -> Bench:
        weights = {f"S{number}": 0.9 / 9 for number in range(9)}
        world = plain_world(5, lambda _: Weights(weights), columns=9)
        bench = Bench(folder, world, wall=Clock())
        real, arrived = bench.venue.submit, list[str]()

        async def submit(intent: Intent) -> Submitted:
            arrived.append(intent.reference)
            if len(arrived) == at:
                act(bench)
            return await real(intent)

        bench.venue.submit = submit
        self.arrived = arrived
        return bench

    def test_stop(self, tmp_path):
        bench = self.bench(tmp_path, lambda b: send(b, Action.STOP))
        assert not run(bench)
        assert len(self.arrived) == 3
        assert len(held_at_venue(bench)) == 0
        again = Bench(tmp_path, bench.world, wall=bench.wall)
        whole_run(again)
        assert len(again.state.portfolio.held) == 9

    def test_kill(self, tmp_path):
        bench = self.bench(tmp_path, lambda _: request_kill(tmp_path / "live"))
        run(bench)
        assert len(self.arrived) == 3
        assert bench.state.open_orders == []
        assert len(bench.state.portfolio.held) == 3

    @pytest.mark.parametrize("action", [Action.FLAT, Action.CANCEL])
    def test_flat_and_cancel(self, tmp_path, action):
        names: list[str] = []
        bench = self.bench(tmp_path, lambda b: names.append(send(b, action)))
        run(bench)
        assert bench.state.commands.state(names[0]) is CommandState.DONE
        first = [name for name in self.arrived if "20240102" in name]
        assert len(first) == 3
        assert (bench.state.portfolio.held == ()) is (action is Action.FLAT)

    def test_a_cancel_leaves_the_exits_of_a_flat_alone(self, tmp_path):
        bench = Bench(tmp_path, plain_world(ROWS), wall=Clock())
        names: list[str] = []
        # Between the close and the morning the exits wait for the next open.
        acts = [(7, Action.FLAT), (8, Action.CANCEL), (9, Action.CANCEL)]
        assert run(bench, *((at, lambda a=a: names.append(send(bench, a))) for at, a in acts))
        record = recorded(bodies(tmp_path))
        assert (record.violations, record.twice()) == (0, set())
        assert sum(record.done.values()) == 3
        assert bench.state.portfolio.held == ()
        exits = [b for b in bodies(tmp_path) if isinstance(b, OrderIntent) and is_flat(b.purpose)]
        assert {order.purpose for order in exits} == {"flat1"}

    def test_flat_cancels_what_it_does_not_know_as_well(self, tmp_path):
        bench = Bench(tmp_path, plain_world(ROWS), wall=Clock())
        scopes: list[CancelScope] = []
        real = bench.venue.cancel_all

        async def cancel_all(scope: CancelScope):
            scopes.append(scope)
            return await real(scope)

        bench.venue.cancel_all = cancel_all
        run(bench, (MIDDAY, lambda: send(bench, Action.FLAT)))
        assert scopes[0] == CancelScope()
        assert len(scopes) == 1


def test_a_foreign_order_is_gone_after_flat(tmp_path):
    """Somebody else's order is open in the account; FLAT ends it before it sells."""
    bench = Bench(tmp_path, plain_world(ROWS), wall=Clock())
    row = bench.world.first + 1
    foreign = Intent(
        reference="foreign",
        session=bench.world.market.session(row),
        symbol="S2",
        side=Side.BUY,
        shares=5,
        kind=OrderKind.LIMIT,
        rank=0,
        limit_micros=1_000_000,
    )

    async def pause() -> None:
        if bench.venue.place == VenueTime(row, Phase.OPEN):
            assert isinstance(await bench.venue.submit(foreign), Accepted)
            send(bench, Action.FLAT)

    days = (bench.days, bench.timetable)
    try:
        assert asyncio.run(replay(bench.trader, bench.venue, bench.clock, days, pause))
    finally:
        bench.close()
    again = Bench(tmp_path, bench.world)
    try:
        asyncio.run(again.venue.open())
        (view,) = asyncio.run(again.venue.find("foreign"))
    finally:
        again.close()
    assert view.state is OrderState.CANCELLED


def test_a_refused_exit_is_tried_again_after_growing_rests(tmp_path):
    """A broker that refuses every sale gets an order now and then, not one a step."""
    scenario = {"on": "call", "name": "submit", "do": "reject", "code": "halted", "chance": 1.0}
    world = plain_world(ROWS)
    whole_run_until_open(Bench(tmp_path, world, wall=Clock()))
    text = json.dumps({"faults": [scenario]})
    bench = Bench(tmp_path, world, scenario=text, wall=Clock())
    at = [bench.venue.now]
    bench.clock.now = lambda: at[0]
    bench.trader.release()
    bench.trader = Trader(bench.parts())

    async def work() -> None:
        await bench.trader.start()
        send(bench, Action.FLAT)
        for _ in range(600):
            await bench.trader.step()
            at[0] += SECOND

    try:
        asyncio.run(work())
    finally:
        bench.close()
    exits = [b for b in bodies(tmp_path) if isinstance(b, OrderIntent) and is_flat(b.purpose)]
    tries = sorted(order.purpose for order in exits if order.symbol == exits[0].symbol)
    # 1 + 2 + 4 + 8 + 16 + 32 seconds, then one a minute.
    assert len(tries) == 7 + (600 - 63) // 60
    (waiting,) = bench.state.commands.unfinished()
    assert bench.state.commands.state(waiting.id) is CommandState.EXECUTING


def whole_run_until_open(bench: Bench) -> None:
    """Trade until the second session is open, and end there."""
    assert not run(bench, (MIDDAY - 1, lambda: send(bench, Action.STOP)))
