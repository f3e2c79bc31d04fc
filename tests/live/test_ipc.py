"""The state file, its readers, the KILL file, the folder."""

from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.foundation.errors import ConfigurationError, InvariantBroken
from quant_core.live.ipc import (
    CLOCK_TOLERANCE,
    STATE_FILE,
    Freshness,
    StateReader,
    StateUnwritable,
    StateWriter,
    check_folder,
    kill_requested,
    prepare_folder,
    read_state,
    request_kill,
    sweep_litter,
)
from tests.live.checks import run_check
from tests.live.journals import failing

AT = datetime(2024, 1, 2, 14, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)
VALIDITY = 3 * SECOND


@dataclass
class Clock:
    """Wall clock and monotonic seconds that a test moves by hand."""

    at: datetime = AT
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / STATE_FILE


def writer(path: Path, clock: Clock, instance: str = "w1") -> StateWriter:
    return StateWriter(path, instance, VALIDITY, clock.now)


class TestExamples:
    def test_a_state_by_hand(self, path, clock):
        assert writer(path, clock).write({"mode": "PAPER", "equity": "1000000.000000"}) == 1
        assert json.loads(path.read_text()) == {
            "schema": 1,
            "engine_instance": "w1",
            "sequence": 1,
            "written_at": "2024-01-02T14:15:00.000000Z",
            "valid_until": "2024-01-02T14:15:03.000000Z",
            "mode": "PAPER",
            "equity": "1000000.000000",
        }
        assert [p.name for p in path.parent.iterdir()] == [STATE_FILE]

    def test_unknown_numbers_are_null(self, path, clock):
        values = {"nan": float("nan"), "inf": float("inf"), "day": date(2024, 1, 2)}
        writer(path, clock).write(values)
        document = read_state(path, AT).document
        assert (document["nan"], document["inf"]) == (None, None)
        assert document["day"] == "2024-01-02"

    def test_the_sequence_goes_on_across_restarts(self, path, clock):
        first = writer(path, clock)
        assert [first.write({}) for _ in range(3)] == [1, 2, 3]
        second = writer(path, clock, "w2")
        assert second.sequence == 3
        assert second.write({}) == 4
        assert read_state(path, AT).instance == "w2"

    def test_age_is_judged_by_the_clock_of_the_reader(self, path, clock):
        writer(path, clock).write({})
        tick = timedelta(microseconds=1)
        assert read_state(path, AT).freshness is Freshness.FRESH
        assert read_state(path, AT + VALIDITY).freshness is Freshness.FRESH
        assert read_state(path, AT + VALIDITY + tick).freshness is Freshness.STALE
        assert read_state(path, AT + VALIDITY).age == VALIDITY
        assert read_state(path, AT - CLOCK_TOLERANCE).freshness is Freshness.FRESH
        assert read_state(path, AT - CLOCK_TOLERANCE - tick).freshness is Freshness.STALE

    def test_absent(self, path):
        assert read_state(path, AT).freshness is Freshness.ABSENT


class TestReader:
    def test_a_sequence_that_stands_still_is_stale_whatever_the_wall_clock_says(self, path, clock):
        writer(path, clock).write({})
        reader = StateReader(path, clock.now, clock.monotonic)
        assert reader.read().freshness is Freshness.FRESH
        clock.seconds += 3.0
        assert reader.read().freshness is Freshness.FRESH
        clock.seconds += 0.001
        assert reader.read().freshness is Freshness.STALE
        assert "unchanged" in reader.read().detail
        writer(path, clock).write({})
        assert reader.read().freshness is Freshness.FRESH

    def test_a_sequence_that_goes_back(self, path, clock):
        state = writer(path, clock)
        state.write({})
        old = path.read_bytes()
        state.write({})
        reader = StateReader(path, clock.now, clock.monotonic)
        assert reader.read().sequence == 2
        path.write_bytes(old)
        assert reader.read().freshness is Freshness.WENT_BACK
        assert "1 after 2" in reader.read().detail
        state.write({})
        assert reader.read().freshness is Freshness.FRESH

    def test_a_file_that_disappears_or_breaks(self, path, clock):
        writer(path, clock).write({})
        reader = StateReader(path, clock.now, clock.monotonic)
        path.write_bytes(b"{")
        assert reader.read().freshness is Freshness.UNREADABLE
        path.unlink()
        assert reader.read().freshness is Freshness.ABSENT


class TestKill:
    def test_any_file_of_that_name(self, tmp_path):
        makes = (
            lambda kill: kill.touch(),
            lambda kill: kill.mkdir(),
            lambda kill: kill.symlink_to("nowhere"),
            os.mkfifo,
            lambda kill: kill.write_bytes(b"\xff" * 100),
        )
        for number, make in enumerate(makes):
            folder = tmp_path / str(number)
            folder.mkdir()
            assert not kill_requested(folder)
            make(folder / "KILL")
            assert kill_requested(folder)
            request_kill(folder)
            assert kill_requested(folder)

    def test_a_request_makes_it(self, tmp_path):
        request_kill(tmp_path)
        assert kill_requested(tmp_path)
        assert stat.S_IMODE((tmp_path / "KILL").stat().st_mode) == 0o600

    def test_a_folder_that_cannot_be_looked_into_counts(self, tmp_path, monkeypatch):
        assert kill_requested(tmp_path / "gone")
        monkeypatch.setattr(os, "lstat", failing(errno.EACCES))
        assert kill_requested(tmp_path)


class TestFolder:
    def test_made_for_its_owner_alone(self, tmp_path):
        prepare_folder(tmp_path / "data" / "live")
        assert stat.S_IMODE((tmp_path / "data" / "live").stat().st_mode) == 0o700

    def test_one_that_stands_open_is_closed(self, tmp_path):
        tmp_path.chmod(0o777)
        with pytest.raises(ConfigurationError, match="not private"):
            check_folder(tmp_path)
        prepare_folder(tmp_path)
        check_folder(tmp_path)

    def test_of_another_user_or_no_folder(self, tmp_path, monkeypatch):
        with pytest.raises(ConfigurationError, match="not private"):
            check_folder(tmp_path / "gone")
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
        with pytest.raises(ConfigurationError, match="user 4711"):
            prepare_folder(tmp_path)

    def test_litter_is_swept_when_it_is_old(self, tmp_path):
        old, young, other = (tmp_path / n for n in (".a.json.x.part", ".b.y.part", "c.part"))
        for file in (old, young, other):
            file.touch()
        os.utime(old, (AT.timestamp() - 60, AT.timestamp() - 60))
        os.utime(young, (AT.timestamp() - 59, AT.timestamp() - 59))
        assert sweep_litter(tmp_path, AT) == [old.name]
        assert sorted(tmp_path.iterdir()) == [young, other]


class TestProperties:
    @given(st.binary(max_size=300))
    def test_any_bytes_are_read_without_an_error(self, tmp_path_factory, content):
        path = tmp_path_factory.mktemp("state") / STATE_FILE
        path.write_bytes(content)
        assert read_state(path, AT).freshness is Freshness.UNREADABLE

    def test_every_prefix_of_a_state_is_recognised(self, path, clock):
        writer(path, clock).write({"positions": [1, 2, 3]})
        content = path.read_bytes()
        for length in range(len(content)):
            path.write_bytes(content[:length])
            assert read_state(path, AT).freshness is Freshness.UNREADABLE

    def test_readers_while_writers_are_killed(self, tmp_path):
        seen = run_check("state", tmp_path)
        assert (seen["reads"], seen["fresh"]) == (20_000, 20_000)
        assert (seen["partial"], seen["back"]) == (0, 0)
        assert seen["kills"] >= 30
        assert seen["highest"] > seen["kills"]
        assert seen["litter"] == 0


class TestRefusals:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
    @pytest.mark.parametrize("step", ["mkstemp", "write_text", "replace"])
    def test_a_disk_that_refuses_leaves_the_old_state(self, path, clock, monkeypatch, step, number):
        state = writer(path, clock)
        state.write({"equity": 1})
        with monkeypatch.context() as broken:
            place = "tempfile.mkstemp" if step == "mkstemp" else f"pathlib.Path.{step}"
            broken.setattr(place, failing(number))
            with pytest.raises(StateUnwritable) as caught:
                state.write({"equity": 2})
            assert os.strerror(number) in caught.value.found
            assert caught.value.exit_code == 5
        assert read_state(path, AT).document["equity"] == 1
        assert [p.name for p in path.parent.iterdir()] == [STATE_FILE]
        assert state.write({"equity": 3}) == 3  # the number of the failed write is not used again

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_is_read_only(self, path, clock):
        state = writer(path, clock)
        state.write({})
        path.parent.chmod(0o500)
        with pytest.raises(StateUnwritable):
            state.write({})
        path.parent.chmod(0o700)

    def test_a_name_of_the_envelope(self, path, clock):
        with pytest.raises(InvariantBroken, match="envelope"):
            writer(path, clock).write({"sequence": 7})

    def test_what_is_no_json(self, path, clock):
        with pytest.raises(InvariantBroken, match="cannot be written as JSON"):
            writer(path, clock).write({"broker": object()})
        assert not path.exists()

    @pytest.mark.parametrize(
        "change",
        [
            *({"schema": 2}, {"schema": None}, {"sequence": 0}, {"sequence": "1"}),
            *({"sequence": True}, {"sequence": 1.0}, {"engine_instance": 7}),
            *({"written_at": "2024-01-02"}, {"valid_until": None}),
        ],
    )
    def test_an_envelope_that_is_none(self, path, clock, change):
        writer(path, clock).write({})
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
        assert read_state(path, AT).freshness is Freshness.UNREADABLE
        with pytest.raises(ConfigurationError, match="cannot be read") as caught:
            writer(path, clock)
        assert str(path) == caught.value.where
