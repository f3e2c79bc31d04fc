"""The drill of the commands: small, and with faults it must find."""

from __future__ import annotations

from datetime import UTC, date, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import pytest

from quant_core.drills.commands import (
    FLAT_NAMES,
    Evidence,
    drill,
    is_well,
    load_figures,
    under_load,
)
from quant_core.drills.commands_bench import Ground
from quant_core.drills.commands_count import Record, recorded
from quant_core.drills.commands_load import Lives, Sent
from quant_core.drills.commands_stop import (
    ORDERS,
    flat_trial,
    quantile,
    send_orders,
    stop_trial,
)
from quant_core.drills.plan import DrillPlan
from quant_core.live.command_work import CommandWork
from quant_core.live.commands import Action
from quant_core.live.journal_entries import (
    Body,
    CommandDone,
    CommandExecuting,
    CommandReceived,
    CommandRefused,
    CommandRepeated,
    WorkerStarted,
)
from quant_core.live.journal_kinds import Mode
from quant_core.live.journal_orders import CancelRequested, OrderIntent
from quant_core.trading.orders import Side

AT = datetime(2024, 1, 2, tzinfo=UTC)


def plan_of(folder: Path, count: int, **keys: bool) -> DrillPlan:
    return DrillPlan(folder=folder, count=count, seed=1, progress=lambda *_: None, **keys)


def received(name: str, action: Action) -> CommandReceived:
    return CommandReceived(name, action, "DU1", "any", AT, None)


def done(name: str) -> list[Body]:
    return [CommandExecuting(name), CommandDone(name, True, "")]


def intent(name: str, purpose: str) -> OrderIntent:
    return OrderIntent(name, date(2024, 1, 2), "A", Side.SELL, purpose, 1, 0.0, 1, None)


def started() -> WorkerStarted:
    return WorkerStarted("w", Mode.PAPER, "paper", "c", "s", 1)


STOP, FLAT, CANCEL = (received(action.value, action) for action in Action)


class TestExamples:
    def test_a_small_run_finds_nothing(self, tmp_path):
        result = drill(plan_of(tmp_path, 60))
        assert result.passed, result.figures
        figures = result.figures
        assert figures["sent"] == figures["executed"] == 61
        assert figures["sent_from_a_terminal"] == 1
        assert (figures["lost"], figures["executed_twice"]) == (0, 0)
        assert figures["kills"] + figures["stops"] >= 3
        assert figures["stop_to_last_order_p99_seconds"] < 2.0
        assert (figures["flat_positions"], figures["flat_left"]) == (FLAT_NAMES, 0)

    def test_writers_that_overwrite_lose_commands(self, tmp_path):
        plan = plan_of(tmp_path, 60, write_ahead=False)
        figures = load_figures(under_load(plan, 60))
        assert figures["lost"] > 0

    def test_flat_of_fifty(self, tmp_path):
        found = flat_trial(Ground(folder=tmp_path, names=50, sessions=6))
        assert (found.before, found.after, found.done) == (50, 0, True)
        assert found.cash_difference == 0

    def test_flat_that_cannot_sell_is_found(self, tmp_path):
        """History ends before anything can be sold: nothing is flat, and the drill says so."""
        found = flat_trial(Ground(folder=tmp_path, names=50, sessions=1, scenario=HALTED))
        assert found.before == 0 or found.after > 0 or not found.done

    def test_quantiles(self):
        values = [float(number) for number in range(1, 101)]
        assert [quantile(values, share) for share in (0.5, 0.99, 1.0)] == [50.0, 99.0, 100.0]


HALTED = '{"faults": [{"on": "order", "name": "meets_market", "do": "halt", "chance": 1.0}]}'


def deaf(ground: Ground, at: int, report: Connection) -> None:
    """A worker that looks for commands only when all orders are out."""
    CommandWork.holds_back = lambda *_: False
    send_orders(ground, at, report)


class TestStop:
    def test_a_stop_keeps_the_other_orders_back(self, tmp_path):
        trial = stop_trial(tmp_path, Random(1))
        assert 0 < trial.kept_back < ORDERS
        assert trial.latency < 2.0

    def test_a_deaf_worker_sends_them_all(self, tmp_path):
        heard = stop_trial(tmp_path / "heard", Random(1))
        trial = stop_trial(tmp_path / "deaf", Random(1), deaf)
        assert trial.kept_back == 0
        assert trial.latency > heard.latency


class TestPlantedFaults:
    """Journals that must not be, and what is counted in them."""

    def test_nothing_is_wrong(self):
        record = recorded(
            [CANCEL, FLAT, *done("FLAT"), *done("CANCEL"), STOP, *done("STOP"), started()]
        )
        assert (record.violations, record.twice()) == (0, set())
        assert record.choices == 1

    @pytest.mark.parametrize(
        "entries",
        [
            [CANCEL, FLAT, *done("CANCEL"), *done("FLAT")],
            [FLAT, STOP, *done("FLAT"), *done("STOP")],
            [STOP, CANCEL, *done("CANCEL"), *done("STOP")],
            [STOP, *done("STOP"), CANCEL, *done("CANCEL")],
            [STOP, *done("STOP"), intent("o1", "rebalance")],
            [
                FLAT,
                CommandExecuting("FLAT"),
                intent("o1", "flat1"),
                CancelRequested("o1", "CANCEL c"),
            ],
        ],
        ids=lambda entries: " ".join(entry.kind.value for entry in entries),
    )
    def test_the_order_of_priority_is_broken(self, entries):
        assert recorded(entries).violations == 1

    @pytest.mark.parametrize(
        "entries",
        [
            [STOP, *done("STOP"), started(), CANCEL, *done("CANCEL")],
            [CANCEL, CommandExecuting("CANCEL"), FLAT, *done("FLAT")],
            [FLAT, CommandExecuting("FLAT"), CANCEL, *done("CANCEL")],
            [FLAT, *done("FLAT"), intent("o1", "flat1"), CancelRequested("o1", "CANCEL c")],
            [
                FLAT,
                CommandExecuting("FLAT"),
                intent("o1", "exit"),
                CancelRequested("o1", "CANCEL c"),
            ],
        ],
        ids=lambda entries: " ".join(entry.kind.value for entry in entries),
    )
    def test_the_order_of_priority_is_kept(self, entries):
        assert recorded(entries).violations == 0

    @pytest.mark.parametrize("again", [[CANCEL], [CommandExecuting("CANCEL")], done("CANCEL")[1:]])
    def test_a_command_that_is_accepted_begun_or_done_twice(self, again):
        assert recorded([CANCEL, *done("CANCEL"), *again]).twice() == {"CANCEL"}

    def test_what_is_lost_uninvited_or_not_answered(self):
        entries = [CANCEL, *done("CANCEL"), *done("x"), CommandRefused("w", "bad_signature", "")]
        sent = Sent(valid=["CANCEL", "FLAT"], again=["CANCEL"], wrong=["w", "v"])
        found = load_figures(Evidence(sent, Lives(), recorded(entries), journal_whole=True))
        assert (found["lost"], found["executed_uninvited"]) == (1, 1)
        assert (found["sent_again"], found["acknowledged_not_executed"]) == (1, 0)
        assert (found["wrong"], found["refused"]) == (2, 1)
        entries.append(CommandRepeated("CANCEL"))
        found = load_figures(Evidence(sent, Lives(), recorded(entries), journal_whole=True))
        assert found["acknowledged_not_executed"] == 1

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("lost", 1), ("executed_twice", 1), ("executed_uninvited", 1), ("flat_left", 1)),
            *(("priority_violations", 1), ("worker_failures", 1), ("journal_whole", False)),
            *(("stop_to_last_order_p99_seconds", 2.0), ("stop_to_last_order_p99_seconds", None)),
            *(("stop_to_last_order_p99_seconds", float("nan")), ("stop_interrupted", 0)),
            *(("flat_cash_difference_micros", -1), ("flat_done", False), ("flat_positions", 49)),
            *(("refused", 1), ("acknowledged_not_executed", 1)),
        ],
    )
    def test_each_figure_can_fail(self, name, value):
        figures = {
            **load_figures(Evidence(Sent(), Lives(), Record(), journal_whole=True)),
            **{"stop_to_last_order_p99_seconds": 0.1, "stop_interrupted": 1, "flat_done": True},
            **{"flat_left": 0, "flat_cash_difference_micros": 0, "flat_positions": FLAT_NAMES},
        }
        assert is_well(figures)
        assert not is_well({**figures, name: value})
