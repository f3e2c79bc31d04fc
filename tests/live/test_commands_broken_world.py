"""STOP, FLAT, CANCEL and KILL while everything else is broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from quant_core.foundation.errors import SourceUnreachable
from quant_core.live.command_door import CommandState, find_outcome
from quant_core.live.command_files import read_key, send_command
from quant_core.live.commands import ANY_INSTANCE, Action, Addressee, Command, new_command
from quant_core.live.data_bridge import ReplayBridge
from quant_core.live.gate_view import is_flat
from quant_core.live.ipc import STATE_FILE, document_at, request_kill
from quant_core.live.journal import read
from quant_core.live.journal_orders import CancelRequested, OrderIntent
from quant_core.live.replay import replay
from quant_core.live.trader import JOURNAL_FOLDER, Trader
from quant_core.notify.port import Alert, Delivered, Delivery
from quant_core.trading.orders import Side
from quant_core.trading.target import Target, Weights
from tests.live.small_desk import ACCOUNT, Bench, World, plain_world, whole_run
from tests.notify.alerts import courier_of

SECOND = timedelta(seconds=1)
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
MIDDAY = 6
"""Phases after which the second session is open, with positions from the first."""

ROWS = 8


class Clock:
    """The machine's clock: a second goes by whenever somebody looks."""

    def __init__(self) -> None:
        self.at = BEGIN

    def __call__(self) -> datetime:
        self.at += SECOND
        return self.at


class DeadFrom(ReplayBridge):
    """Data that is gone from a session on; the calendar is still known."""

    def __init__(self, world: World, row: int) -> None:
        super().__init__(world.market, world.first, world.last, world.scheduled, "v1")
        self._dead = world.market.session(row)

    def decision_day(self, session):
        self._check(session)
        return super().decision_day(session)

    def close_day(self, session):
        self._check(session)
        return super().close_day(session)

    def _check(self, session) -> None:
        if session >= self._dead:
            raise SourceUnreachable("no data")


class Hanging:
    """A channel that never answers."""

    name = "hanging"

    async def send(self, alert: Alert) -> Delivery:
        await asyncio.Event().wait()
        return Delivered()


@dataclass(frozen=True, slots=True)
class Broken:
    """One way in which the world around the worker is broken."""

    bench: Callable[[Path], Bench]


def data_is_dead(folder: Path) -> Bench:
    world = plain_world(ROWS)
    return Bench(folder, world, bridge=DeadFrom(world, 2), wall=Clock())


def strategy_raises(folder: Path) -> Bench:
    def decide(row: int) -> Target:
        if row >= 1:
            raise ZeroDivisionError("no")
        return Weights({"S0": 0.5, "S1": 0.3})

    return Bench(folder, plain_world(ROWS, decide), wall=Clock())


def post_raises(folder: Path) -> Bench:
    def fail(alert: Alert) -> None:
        raise RuntimeError(alert.title)

    return Bench(folder, plain_world(ROWS), wall=Clock(), post=fail)


def quotes_are_gone(folder: Path) -> Bench:
    scenario = '{"faults": [{"on": "call", "name": "quotes", "do": "missing", "chance": 1.0}]}'
    return Bench(folder, plain_world(ROWS), scenario=scenario, wall=Clock())


WORLDS = {
    maker.__name__: maker for maker in (data_is_dead, strategy_raises, post_raises, quotes_are_gone)
}


def made(bench: Bench, action: Action) -> Command:
    return new_command(action, Addressee(ACCOUNT, ANY_INSTANCE), bench.wall())


def put(bench: Bench, command: Command) -> None:
    folder = bench.folder / "live"
    send_command(folder, command, read_key(folder))


def send(bench: Bench, action: Action) -> str:
    """Put a command in place; its id."""
    command = made(bench, action)
    put(bench, command)
    return command.id


def run(bench: Bench, *acts: tuple[int, Callable[[], object]]) -> bool:
    """The replay, with something happening after so many phases; then everything ends."""
    phases = [0]

    async def pause() -> None:
        phases[0] += 1
        for at, act in acts:
            if at == phases[0]:
                act()

    days = (bench.days, bench.timetable)
    try:
        return asyncio.run(replay(bench.trader, bench.venue, bench.clock, days, pause))
    finally:
        bench.close()


def bodies(folder: Path) -> list[object]:
    return [entry.body for entry in read(folder / "live" / JOURNAL_FOLDER)]


def ours(bench: Bench) -> dict[str, int]:
    portfolio = bench.state.portfolio
    return {symbol: portfolio.shares_of(symbol) for symbol in portfolio.held}


def held_at_venue(bench: Bench) -> dict[str, int]:
    again = Bench(bench.folder, bench.world)
    try:
        asyncio.run(again.venue.open())
        return dict(asyncio.run(again.venue.snapshot()).positions)
    finally:
        again.close()


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


def no_broker(**keys: object) -> str:
    """A link that is lost at the open of the second session, and comes back later."""
    lost = {"on": "phase", "name": "open", "session": "2024-01-03", "do": "disconnect"}
    return json.dumps({"faults": [{**lost, **keys}]})


def pending(folder: Path) -> list[tuple[object, object]]:
    shown = (document_at(folder / "live" / STATE_FILE) or {})["pending_commands"]
    assert isinstance(shown, list)
    return [(each["action"], each["state"]) for each in shown]


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
