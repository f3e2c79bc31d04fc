"""The drill of wrong command files: small, and with faults it must find."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from quant_core.drills.fuzz import Thrown, counted, drill, is_well, total
from quant_core.drills.fuzz_attacks import signed_wrongly
from quant_core.drills.fuzz_files import KINDS, Place
from quant_core.drills.plan import DrillPlan, DrillResult
from quant_core.live.command_door import CommandDoor, CommandLog
from quant_core.live.commands import (
    Action,
    Addressee,
    Refusal,
    Refused,
    new_command,
    parse_command,
)
from quant_core.live.ipc import prepare_folder
from quant_core.live.journal_entries import (
    CommandDone,
    CommandExecuting,
    CommandReceived,
    CommandRefused,
    KillLatchSet,
)

AT = datetime(2024, 1, 2, 14, 15, tzinfo=UTC)
KEY = b"k" * 64
WORKER = Addressee("DU1", "w1")


def run(folder: Path, count: int, **keys: bool) -> DrillResult:
    return drill(DrillPlan(folder=folder, count=count, seed=1, progress=lambda *_: None, **keys))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    prepare_folder(tmp_path / "live")
    (tmp_path / "aside").mkdir()
    return Place(tmp_path / "live", tmp_path / "aside", "DU1", KEY, Random(1), lambda: AT)


class TestExamples:
    def test_a_small_run_finds_nothing(self, tmp_path):
        result = run(tmp_path, 150)
        assert result.passed, result.figures
        figures = result.figures
        assert (figures["files"], figures["refused"]) == (150, 150)
        assert (figures["crashes"], figures["actions"], figures["unaccounted"]) == (0, 0, 0)
        assert figures["kinds"] == len(KINDS)
        assert figures["controls_executed"] == figures["controls"] == 6
        assert figures["controls_acknowledged"] == 3

    def test_a_stolen_key_is_found(self, tmp_path):
        result = run(tmp_path, 9, write_ahead=False)
        assert not result.passed
        assert result.figures["actions"] > 0

    @pytest.mark.parametrize("name", KINDS)
    def test_each_kind_is_refused_by_the_door(self, place, name):
        door = CommandDoor(place.folder, KEY, WORKER, CommandLog())
        for _ in range(30):
            KINDS[name](place)
            (arrival,) = door.poll(AT)
            assert isinstance(arrival.answer, Refused), arrival.answer
            door.finish(arrival)

    def test_a_link_points_to_what_would_be_carried_out(self, place):
        KINDS["link_to_valid"](place)
        content = place.target.read_bytes()
        assert not isinstance(parse_command(content, KEY, WORKER, AT), Refused)

    def test_what_is_signed_wrongly_is_signed(self):
        reasons = set()
        for seed in range(300):
            content = signed_wrongly(WORKER, KEY, AT, Random(seed))
            answer = parse_command(content, KEY, WORKER, AT)
            assert isinstance(answer, Refused)
            reasons.add(answer.reason)
        assert not reasons & {Refusal.BAD_SIGNATURE, Refusal.UNSIGNED}
        assert len(reasons) >= 8


class TestPlantedFaults:
    def test_an_act_nobody_asked_for(self):
        done = [CommandExecuting("x"), CommandDone("x", True, "")]
        assert counted(done, Thrown())["actions"] == 1
        assert counted([KillLatchSet("x", "")], Thrown())["actions"] == 1

    def test_a_file_that_left_no_trace_or_two(self):
        refused = CommandRefused("", "malformed", "")
        for entries, wrong in (([], 1), ([refused], 2), ([refused] * 3, 2)):
            assert counted(entries, Thrown(wrong=wrong))["unaccounted"] == 1
        assert counted([refused] * 2, Thrown(wrong=2))["unaccounted"] == 0

    def test_a_door_that_is_shut_to_all(self):
        refused = CommandRefused("c", "bad_signature", "")
        figures = total([counted([refused] * 2, Thrown(wrong=1, controls=["c"]))])
        assert not is_well({**figures, "journals_damaged": 0})

    @pytest.mark.parametrize("name", ["crashes", "journals_damaged"])
    def test_a_crash_and_a_damaged_journal(self, name):
        command = new_command(Action.CANCEL, WORKER, AT)
        entries = [
            CommandReceived.of(command),
            CommandExecuting(command.id),
            CommandDone(command.id, True, ""),
        ]
        figures = {
            **total([counted(entries, Thrown(controls=[command.id]))]),
            "journals_damaged": 0,
        }
        assert is_well(figures)
        assert not is_well({**figures, name: 1})
