"""STOP, FLAT, CANCEL and KILL while everything else is broken."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from quant_core.drills.commands_count import recorded
from quant_core.live.command_door import CommandState, find_outcome
from quant_core.live.commands import Action
from quant_core.live.gate_view import is_flat
from quant_core.live.ipc import request_kill
from quant_core.live.journal_orders import CancelRequested, OrderIntent
from quant_core.live.replay import replay
from tests.live.broken_worlds import (
    MIDDAY,
    ROWS,
    WORLDS,
    Clock,
    Hanging,
    bodies,
    held_at_venue,
    no_broker,
    ours,
    pending,
    run,
    send,
)
from tests.live.small_desk import Bench, plain_world, whole_run
from tests.notify.alerts import courier_of


class TestWorlds:
    @pytest.mark.parametrize("name", WORLDS)
    def test_stop_ends_and_touches_nothing(self, tmp_path, name):
        bench = WORLDS[name](tmp_path)
        names: list[str] = []
        assert not run(bench, (MIDDAY, lambda: names.append(send(bench, Action.STOP))))
        assert bench.state.commands.state(names[0]) is CommandState.DONE
        assert held_at_venue(bench) != {}
        told = bodies(tmp_path)
        assert not any(isinstance(body, CancelRequested) for body in told)
        assert not any(isinstance(b, OrderIntent) and is_flat(b.purpose) for b in told)

    @pytest.mark.parametrize("name", WORLDS)
    @pytest.mark.parametrize("phase", range(MIDDAY - 1, MIDDAY + 3))
    def test_flat_sells_everything_and_latches(self, tmp_path, name, phase):
        bench = WORLDS[name](tmp_path)
        names: list[str] = []
        run(bench, (phase, lambda: names.append(send(bench, Action.FLAT))))
        assert bench.state.commands.state(names[0]) is CommandState.DONE
        assert bench.state.kill_latched
        assert held_at_venue(bench) == {}

    @pytest.mark.parametrize("name", WORLDS)
    def test_cancel_is_done(self, tmp_path, name):
        bench = WORLDS[name](tmp_path)
        names: list[str] = []
        run(bench, (MIDDAY, lambda: names.append(send(bench, Action.CANCEL))))
        assert bench.state.commands.state(names[0]) is CommandState.DONE
        assert not bench.state.kill_latched

    @pytest.mark.parametrize("name", WORLDS)
    def test_kill_stops_new_orders(self, tmp_path, name):
        bench = WORLDS[name](tmp_path)
        run(bench, (MIDDAY, lambda: request_kill(tmp_path / "live")))
        assert bench.state.kill_latched
        ordered = {str(order.intent.session) for order in bench.state.orders.values()}
        assert ordered <= {"2024-01-02", "2024-01-03"}
        assert held_at_venue(bench) == ours(bench) != {}

    def test_without_a_command_the_worlds_trade_or_do_not(self, tmp_path):
        """What the tests above rest on: positions are there and nothing sells them."""
        for name, maker in WORLDS.items():
            bench = maker(tmp_path / name)
            run(bench)
            assert held_at_venue(bench), name


class TestAlerts:
    def test_a_channel_that_hangs_holds_up_nothing(self, tmp_path):
        with courier_of(tmp_path / "outbox", Hanging()) as courier:
            bench = Bench(tmp_path, plain_world(ROWS), wall=Clock(), post=courier.post)
            names: list[str] = []
            assert run(bench, (MIDDAY, lambda: names.append(send(bench, Action.FLAT))))
            assert bench.state.commands.state(names[0]) is CommandState.DONE
            assert held_at_venue(bench) == {}
            waiting = courier.status().outbox.pending
        assert waiting >= 1


class TestNoBroker:
    """The broker is away: what needs it is kept, shown, and carried out when it is back."""

    def bench(self, folder: Path, **keys: object) -> Bench:
        return Bench(
            folder,
            plain_world(ROWS),
            scenario=no_broker(**keys),
            wall=Clock(),
            state_interval=timedelta(0),
        )

    @pytest.mark.parametrize("action", [Action.FLAT, Action.CANCEL])
    def test_kept_shown_and_carried_out(self, tmp_path, action):
        bench, names, shown = self.bench(tmp_path, phases=4), list[str](), list[object]()
        outcomes: list[object] = []

        def look() -> None:
            shown.extend(pending(tmp_path))
            outcomes.append(find_outcome(tmp_path / "live", names[0]))

        assert run(bench, (MIDDAY, lambda: names.append(send(bench, action))), (MIDDAY + 2, look))
        assert shown == [(action.value, "received")]
        assert outcomes[0]["state"] == "received"
        assert bench.state.commands.state(names[0]) is CommandState.DONE
        assert find_outcome(tmp_path / "live", names[0])["state"] == "done"
        assert (held_at_venue(bench) == {}) is (action is Action.FLAT)

    def test_stop_does_not_wait_for_it(self, tmp_path):
        bench = self.bench(tmp_path, phases=40)
        assert not run(bench, (MIDDAY, lambda: send(bench, Action.STOP)))

    def test_kill_does_not_wait_for_it(self, tmp_path):
        bench = self.bench(tmp_path, phases=4)
        run(bench, (MIDDAY, lambda: request_kill(tmp_path / "live")))
        assert bench.state.kill_latched
        ordered = {str(order.intent.session) for order in bench.state.orders.values()}
        assert ordered == {"2024-01-02", "2024-01-03"}

    def test_of_several_that_wait_the_most_urgent_goes_first(self, tmp_path):
        bench = self.bench(tmp_path, phases=4)
        sent = [Action.CANCEL, Action.CANCEL, Action.FLAT, Action.CANCEL, Action.FLAT]

        async def pause() -> None:
            if bench.venue.place.row == 2 and sent and not bench.venue.health().link:
                while sent:
                    send(bench, sent.pop(0))
                    await bench.trader.step()

        days = (bench.days, bench.timetable)
        try:
            asyncio.run(replay(bench.trader, bench.venue, bench.clock, days, pause))
        finally:
            bench.close()
        record = recorded(bodies(tmp_path))
        assert (record.choices, record.violations) == (2, 0)
        assert sum(record.done.values()) == 5
        begun = [body.id for body in bodies(tmp_path) if body.kind.value == "command_executing"]
        actions = {b.id: b.action for b in bodies(tmp_path) if b.kind.value == "command_received"}
        assert [actions[name].value for name in begun] == ["FLAT"] * 2 + ["CANCEL"] * 3

    def test_stop_goes_before_all_that_wait_and_they_stay(self, tmp_path):
        bench = self.bench(tmp_path, phases=4)
        names: list[str] = []

        async def pause() -> None:
            if bench.venue.place.row == 2 and not names and not bench.venue.health().link:
                for action in (Action.CANCEL, Action.FLAT, Action.STOP):
                    names.append(send(bench, action))
                    await bench.trader.step()

        days = (bench.days, bench.timetable)
        try:
            assert not asyncio.run(replay(bench.trader, bench.venue, bench.clock, days, pause))
        finally:
            bench.close()
        states = [bench.state.commands.state(name) for name in names]
        assert states == [CommandState.RECEIVED, CommandState.RECEIVED, CommandState.DONE]
        again = Bench(tmp_path, bench.world, wall=Clock())
        whole_run(again)
        assert [again.state.commands.state(name) for name in names] == [CommandState.DONE] * 3
        assert recorded(bodies(tmp_path)).violations == 0
