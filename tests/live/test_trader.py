"""The worker as a whole: commands, faults of the broker, failures of everything around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quant_core.foundation.errors import SourceUnreachable
from quant_core.live.command_door import CommandState
from quant_core.live.command_files import read_key, send_command
from quant_core.live.commands import ANY_INSTANCE, Action, Addressee, new_command
from quant_core.live.data_bridge import ReplayBridge
from quant_core.live.ipc import STATE_FILE, document_at, request_kill
from quant_core.live.journal import read
from quant_core.live.journal_entries import DecisionTaken, KillLatchCleared, WorkerStarted
from quant_core.live.journal_errors import JournalLocked
from quant_core.live.journal_kinds import TradingState
from quant_core.live.journal_orders import OrderUnknown
from quant_core.live.replay import replay
from quant_core.live.trader import JOURNAL_FOLDER, MONITOR_MODE, Trader
from quant_core.trading.target import Weights
from tests.live.small_desk import ACCOUNT, Bench, plain_world, whole_run
from tests.live.test_parity import difference

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def fault(**keys: object) -> str:
    """A scenario of one fault."""
    return json.dumps({"faults": [keys]})


def command(bench: Bench, action: Action) -> str:
    """Put a command into the worker's folder; its id."""
    folder = bench.folder / "live"
    made = new_command(action, Addressee(ACCOUNT, ANY_INSTANCE), bench.wall())
    send_command(folder, made, read_key(folder))
    return made.id


def run_with(bench: Bench, at: int, act: Callable[[], object]) -> bool:
    """The replay, in which something happens after so many phases; then everything ends."""
    left = [at]

    async def pause() -> None:
        left[0] -= 1
        if left[0] == 0:
            act()

    days = (bench.days, bench.timetable)
    try:
        return asyncio.run(replay(bench.trader, bench.venue, bench.clock, days, pause))
    except Died:
        return False
    finally:
        bench.close()


def crash(bench: Bench) -> None:
    """The worker takes the command in and dies before anything else."""
    bench.trader._commands.poll()
    raise Died


class Died(Exception):
    """The end of a worker from inside."""


def held_at_venue(folder: Path, bench: Bench) -> dict[str, int]:
    """Positions on the venue's books, opened anew."""
    again = Bench(folder, bench.world)
    try:
        asyncio.run(again.venue.open())
        return dict(asyncio.run(again.venue.snapshot()).positions)
    finally:
        again.close()


class TestExamples:
    def test_it_says_that_it_is_up_and_shows_its_state(self, tmp_path):
        bench = whole_run(Bench(tmp_path, plain_world()))
        assert bench.lines[0] == MONITOR_MODE == "Entering Live Monitor Mode"
        closed = [line.partition(":")[0] for line in bench.lines[1:]]
        assert closed == [f"{day.session} closed" for day in bench.trader.state.days]
        document = document_at(tmp_path / "live" / STATE_FILE) or {}
        assert document["engine_status"] == "monitoring"
        assert document["mode"] == "PAPER"
        assert {"positions", "limits", "pending_commands", "kill_latch"} <= document.keys()

    def test_a_second_worker_is_refused(self, tmp_path):
        bench = Bench(tmp_path, plain_world())
        try:
            with pytest.raises(JournalLocked):
                Trader(bench.parts())
        finally:
            bench.close()

    def test_stop_ends_and_touches_nothing(self, tmp_path):
        bench = Bench(tmp_path, plain_world())
        ended = run_with(bench, 9, lambda: command(bench, Action.STOP))
        assert not ended
        assert bench.state.portfolio.held
        assert held_at_venue(tmp_path, bench) == {
            s: bench.state.portfolio.shares_of(s) for s in bench.state.portfolio.held
        }

    @pytest.mark.parametrize("phase", range(5, 13))
    def test_flat_sells_everything_and_latches(self, tmp_path, phase):
        bench = Bench(tmp_path, plain_world())
        names: list[str] = []
        assert run_with(bench, phase, lambda: names.append(command(bench, Action.FLAT)))
        assert bench.state.portfolio.held == ()
        assert bench.state.commands.state(names[0]) is CommandState.DONE
        assert bench.state.kill_latched
        assert held_at_venue(tmp_path, bench) == {}

    def test_a_flat_that_was_pending_at_a_resumption_only_finishes_its_target(self, tmp_path):
        """The latch is cleared between two starts: what is sold stays sold, once."""
        bench = Bench(tmp_path, plain_world())
        run_with(bench, 9, lambda: (command(bench, Action.FLAT), crash(bench)))
        held = dict(held_at_venue(tmp_path, bench))
        assert held
        again = Bench(tmp_path, bench.world)
        again.trader._chronicle.record([KillLatchCleared("someone", "checked")])
        whole_run(again)
        assert again.state.portfolio.held == ()
        assert again.state.kill_latched  # FLAT sets it again
        sold = [o for o in again.state.orders.values() if o.intent.purpose.startswith("flat")]
        assert {o.symbol: o.filled for o in sold if o.filled} == held
        # The latch stays until the next resumption, and nothing is left that would sell.
        assert again.state.commands.unfinished() == []

    def test_flat_needs_no_decision_to_be_reconciled(self, tmp_path):
        """Hours after the books last agreed, FLAT lets them be held together again first."""
        bench = Bench(tmp_path, plain_world())
        run_with(bench, 10, lambda: command(bench, Action.FLAT))
        refused = {o.reason for o in bench.state.orders.values()}
        assert "not_reconciled" not in refused
        assert bench.state.portfolio.held == ()

    def test_cancel_leaves_positions_and_trades_on(self, tmp_path):
        bench = Bench(tmp_path, plain_world())
        names: list[str] = []
        assert run_with(bench, 8, lambda: names.append(command(bench, Action.CANCEL)))
        assert bench.state.commands.state(names[0]) is CommandState.DONE
        assert not bench.state.kill_latched
        assert bench.state.sessions_closed == 7

    def test_kill_stops_new_orders_and_survives_a_restart(self, tmp_path):
        bench = Bench(tmp_path, plain_world())
        run_with(bench, 6, lambda: request_kill(tmp_path / "live"))
        ordered = {order.intent.session for order in bench.state.orders.values()}
        assert len(ordered) == 2
        (tmp_path / "live" / "KILL").unlink()
        again = Bench(tmp_path, bench.world)
        again.close()
        assert again.state.kill_latched
        again.state.apply(KillLatchCleared("someone", "checked"))
        assert not again.state.kill_latched

    def test_a_strategy_that_raises_sells_nothing_and_stops_nothing(self, tmp_path):
        def decide(row: int) -> Weights:
            if row >= 3:
                raise ZeroDivisionError("no")
            return Weights({"S0": 0.5})

        bench = whole_run(Bench(tmp_path, plain_world(decide=decide)))
        assert bench.state.sessions_closed == 7
        assert "decision" in {alert.key for alert in bench.alerts}
        assert bench.state.portfolio.held == ("S0",)

    def test_stop_works_while_the_data_is_dead(self, tmp_path):
        world = plain_world()

        class Dead(ReplayBridge):
            def decision_day(self, session):
                raise SourceUnreachable("no data")

        bridge = Dead(world.market, world.first, world.last, world.scheduled, "v1")
        bench = Bench(tmp_path, world, bridge=bridge)
        assert not run_with(bench, 9, lambda: command(bench, Action.STOP))
        assert bench.state.orders == {}
        assert "data" in {alert.key for alert in bench.alerts}


FAULTS = {
    "an event twice": fault(on="event", name="executed", do="repeat", times=2, chance=1.0),
    "a fill that never comes": fault(on="event", name="executed", nth=2, do="drop"),
    "a late fill": fault(on="event", name="executed", nth=1, do="late", events=3, phases=1),
    "the commission first": fault(on="event", name="executed", do="commission_first", chance=1.0),
    "a hint that never comes": fault(on="event", name="order_seen", do="drop", chance=1.0),
    "sent, nobody knows": fault(on="call", name="submit", nth=2, do="unknown", done=True),
    "not sent, nobody knows": fault(on="call", name="submit", nth=2, do="unknown", done=False),
    "no answer to a snapshot": fault(
        on="call", name="snapshot", nth=3, do="disconnect", done=False
    ),
    "a link lost while sending": fault(
        on="call", name="submit", nth=3, do="disconnect", done=True, refuse=1
    ),
}


MISSED = ("a late fill", "no answer to a snapshot", "a link lost while sending")
"""Faults after which the day itself is another: its fills in another order, its open missed."""


class TestFaults:
    @pytest.mark.parametrize("name", FAULTS)
    def test_nothing_is_lost_and_nothing_twice(self, tmp_path, name):
        """The same as the backtest, or halted; the broker's books are always ours."""
        bench = whole_run(Bench(tmp_path, plain_world(), scenario=FAULTS[name]))
        halted = bench.state.trading_state is TradingState.HALTED
        ours = {s: bench.state.portfolio.shares_of(s) for s in bench.state.portfolio.held}
        references = [o.intent.reference for o in bench.state.orders.values()]
        assert len(set(references)) == len(references)
        assert halted or held_at_venue(tmp_path, bench) == ours
        if name not in MISSED:
            assert halted or difference(bench.world, tmp_path) is None

    def test_an_order_of_unknown_fate_is_asked_about(self, tmp_path):
        scenario = FAULTS["sent, nobody knows"]
        bench = whole_run(Bench(tmp_path, plain_world(), scenario=scenario))
        bodies = [entry.body for entry in read(tmp_path / "live" / JOURNAL_FOLDER)]
        assert any(isinstance(body, OrderUnknown) for body in bodies)
        assert difference(bench.world, tmp_path) is None

    def test_a_broker_that_hangs_does_not_hold_a_stop(self, tmp_path):
        scenario = fault(on="call", name="snapshot", do="hang", chance=1.0)
        bench = Bench(tmp_path, plain_world(), scenario=scenario, timeout=0.01)
        assert not run_with(bench, 3, lambda: command(bench, Action.STOP))

    def test_decisions_are_taken_once_a_session(self, tmp_path):
        world = plain_world()
        for _ in range(2):
            bench = Bench(tmp_path, world)
            run_with(bench, 6, lambda bench=bench: command(bench, Action.STOP))
        whole_run(Bench(tmp_path, world, wall=lambda: NOW + timedelta(seconds=9)))
        bodies = [entry.body for entry in read(tmp_path / "live" / JOURNAL_FOLDER)]
        sessions = [body.session for body in bodies if isinstance(body, DecisionTaken)]
        assert len(sessions) == len(set(sessions)) == 7
        assert sum(isinstance(body, WorkerStarted) for body in bodies) == 3
