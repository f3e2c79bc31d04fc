"""The way in: files, the one place, claims, repeated ids, outcomes."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quant_core.foundation.errors import ConfigurationError
from quant_core.live import command_files
from quant_core.live.command_door import (
    OUTCOME_FILE,
    OUTCOMES_KEPT,
    CommandDoor,
    CommandLog,
    CommandState,
    Outcome,
    OutcomeFile,
    Repeated,
    claim_command,
    find_outcome,
    refusal_entry,
)
from quant_core.live.command_files import (
    COMMAND_FILE,
    KEY_FILE,
    CommandNotSent,
    CommandWaiting,
    Patience,
    create_key,
    read_key,
    read_private,
    send_command,
)
from quant_core.live.commands import (
    LARGEST_COMMAND,
    Action,
    Addressee,
    Command,
    Refusal,
    new_command,
    sign_command,
)
from quant_core.live.ipc import prepare_folder
from quant_core.live.journal_entries import (
    CommandDone,
    CommandExecuting,
    CommandReceived,
    CommandRefused,
)
from tests.live.checks import run_check
from tests.live.journals import failing

AT = datetime(2024, 1, 2, 14, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KEY = b"k" * 64
WORKER = Addressee("DU1", "w1")
FLAT = Command("c1", Action.FLAT, "DU1", "w1", AT, AT + 30 * SECOND)
STOP = Command("c2", Action.STOP, "DU1", "any", AT, None)
CANCEL = replace(FLAT, id="c3", action=Action.CANCEL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    live = tmp_path / "live"
    prepare_folder(live)
    return live


def door(folder: Path, log: CommandLog | None = None, worker: Addressee = WORKER) -> CommandDoor:
    return CommandDoor(folder, KEY, worker, log or CommandLog())


class TestExamples:
    def test_the_key_is_made_once_and_for_its_owner_alone(self, folder):
        key = create_key(folder)
        assert len(key) == 64
        assert create_key(folder) == read_key(folder) == key
        assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
        assert [path.name for path in folder.iterdir()] == [KEY_FILE]

    def test_a_sent_command_stands_there_whole(self, folder):
        send_command(folder, FLAT, KEY)
        assert read_private(folder / COMMAND_FILE) == sign_command(FLAT, KEY)
        assert stat.S_IMODE((folder / COMMAND_FILE).stat().st_mode) == 0o600
        assert [path.name for path in folder.iterdir()] == [COMMAND_FILE]

    def test_waiting_for_the_place(self, folder):
        send_command(folder, STOP, KEY)
        passed = [0.0]

        def pause(seconds: float) -> None:
            passed[0] += seconds
            if passed[0] > 2.5:
                (folder / COMMAND_FILE).unlink(missing_ok=True)

        send_command(folder, FLAT, KEY, Patience(5.0, 1.0, lambda: passed[0], pause))
        assert passed == [3.0]
        assert read_private(folder / COMMAND_FILE) == sign_command(FLAT, KEY)

    def test_patience_ends(self, folder):
        send_command(folder, STOP, KEY)
        passed = [0.0]
        patience = Patience(5.0, 1.0, lambda: passed[0], lambda s: passed.append(passed.pop() + s))
        with pytest.raises(CommandWaiting, match="another command is waiting"):
            send_command(folder, FLAT, KEY, patience)
        assert passed == [5.0]

    def test_a_command_comes_in(self, folder):
        way_in = door(folder)
        assert way_in.poll(AT) == []
        send_command(folder, FLAT, KEY)
        (arrival,) = way_in.poll(AT)
        assert arrival.answer == FLAT
        assert [path for path in folder.iterdir()] == [arrival.path]
        way_in.finish(arrival)
        way_in.finish(arrival)
        assert list(folder.iterdir()) == []

    def test_a_repeated_id_is_answered_and_not_accepted(self, folder):
        log = CommandLog()
        way_in = door(folder, log)
        send_command(folder, FLAT, KEY)
        way_in.finish(way_in.poll(AT)[0])
        send_command(folder, FLAT, KEY)
        (again,) = way_in.poll(AT)
        assert again.answer == Repeated(FLAT, CommandState.RECEIVED)
        way_in.finish(again)
        log.apply(CommandDone("c1", True, ""))
        send_command(folder, FLAT, KEY)
        assert way_in.poll(AT)[0].answer == Repeated(FLAT, CommandState.DONE)

    def test_a_repeated_id_after_a_restart(self, folder):
        send_command(folder, FLAT, KEY)
        log = CommandLog([CommandReceived.of(FLAT), CommandDone("c1", False, "not connected")])
        assert door(folder, log).poll(AT)[0].answer == Repeated(FLAT, CommandState.FAILED)

    def test_the_most_urgent_first(self, folder):
        for each in (CANCEL, FLAT, STOP):
            send_command(folder, each, KEY)
            claim_command(folder, "w1", AT)
        put_unsigned(folder)
        claim_command(folder, "w1", AT)
        answers = [arrival.answer for arrival in door(folder).recover()]
        assert answers[:3] == [STOP, FLAT, CANCEL]
        assert answers[3].reason is Refusal.UNSIGNED

    def test_a_flood_leaves_the_worker_its_time(self, folder, monkeypatch):
        real = Path.rename

        def refill(path: Path, target: Path) -> Path:
            moved = real(path, target)
            send_command(folder, new_command(Action.CANCEL, WORKER, AT), KEY)
            return moved

        send_command(folder, CANCEL, KEY)
        monkeypatch.setattr(Path, "rename", refill)
        assert len(door(folder).poll(AT, at_most=5)) == 5


def put_unsigned(folder: Path) -> None:
    """A command file that anybody could have written."""
    (folder / COMMAND_FILE).touch(0o600)
    (folder / COMMAND_FILE).write_bytes(b'{"id":"c1"}')


class TestRestarts:
    def test_a_claimed_file_is_judged_as_of_its_claim(self, folder):
        send_command(folder, FLAT, KEY)
        claim_command(folder, "w1", AT + 29 * SECOND)
        later = door(folder, worker=Addressee("DU1", "w2"))
        (arrival,) = later.recover()
        assert arrival.answer == FLAT
        later.finish(arrival)
        assert later.recover() == []

    def test_it_had_expired_when_it_was_claimed(self, folder):
        send_command(folder, FLAT, KEY)
        claim_command(folder, "w1", AT + 31 * SECOND)
        assert door(folder).recover()[0].answer.reason is Refusal.EXPIRED

    def test_another_account_stays_another_account(self, folder):
        send_command(folder, STOP, KEY)
        claim_command(folder, "w1", AT)
        (arrival,) = door(folder, worker=Addressee("DU2", "w1")).recover()
        assert arrival.answer.reason is Refusal.OTHER_ACCOUNT

    def test_a_claimed_file_that_the_journal_has(self, folder):
        send_command(folder, FLAT, KEY)
        claim_command(folder, "w1", AT)
        log = CommandLog([CommandReceived.of(FLAT)])
        assert door(folder, log).recover()[0].answer == Repeated(FLAT, CommandState.RECEIVED)
        assert log.unfinished() == [FLAT]

    def test_what_is_unfinished_the_most_urgent_first(self):
        log = CommandLog([CommandReceived.of(each) for each in (CANCEL, FLAT, STOP)])
        log.apply(CommandExecuting("c1"))
        assert log.unfinished() == [STOP, FLAT, CANCEL]
        log.apply(CommandDone("c2", True, ""))
        assert log.unfinished() == [FLAT, CANCEL]
        assert log.count == 3

    def test_refused_ids_are_not_used_up(self, folder):
        log = CommandLog([CommandRefused("c1", "unsigned", ""), CommandDone("c9", True, "")])
        assert log.state("c1") is None
        assert log.state("c9") is None
        way_in = door(folder, log)
        put_unsigned(folder)
        (refused,) = way_in.poll(AT)
        assert refusal_entry(refused.answer) == CommandRefused(
            "c1", "unsigned", "there is no signature"
        )
        way_in.finish(refused)
        send_command(folder, FLAT, KEY)
        assert way_in.poll(AT)[0].answer == FLAT

    def test_files_of_other_names_are_left_alone(self, folder):
        for name in ("command.claimed.x", "command.claimed.20240102.w.u.json", "other.json"):
            (folder / name).touch(0o600)
        assert door(folder).recover() == []
        assert len(list(folder.iterdir())) == 3

    def test_ten_thousand_commands_of_several_consoles_and_killed_workers(self, tmp_path):
        seen = run_check("commands", tmp_path)
        assert (seen["sent"], seen["done"]) == (10_000, 10_000)
        assert (seen["lost"], seen["twice"]) == (0, 0)
        assert seen["kills"] >= 10
        assert seen["files"] == [KEY_FILE]


class TestOutcomes:
    def outcome(self, name: str, state: CommandState = CommandState.DONE) -> Outcome:
        return Outcome(name, "FLAT", state, AT, "3 positions closed")

    def test_the_last_word_under_an_id(self, folder):
        outcomes = OutcomeFile(folder)
        outcomes.record(self.outcome("c1", CommandState.RECEIVED))
        outcomes.record(self.outcome("c2"))
        outcomes.record(self.outcome("c1"))
        assert [each["id"] for each in outcomes.section()] == ["c2", "c1"]
        assert find_outcome(folder, "c1") == {
            **{"id": "c1", "action": "FLAT", "state": "done"},
            **{"at": "2024-01-02T14:15:00.000000Z", "detail": "3 positions closed"},
        }
        assert find_outcome(folder, "c3") is None

    def test_only_the_last_are_kept_and_a_restart_goes_on(self, folder):
        for number in range(OUTCOMES_KEPT + 5):
            OutcomeFile(folder).record(self.outcome(str(number)))
        kept = [each["id"] for each in OutcomeFile(folder).section()]
        assert kept == [str(number) for number in range(5, OUTCOMES_KEPT + 5)]

    @pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"outcomes":7}', b'{"outcomes":[1]}'])
    def test_a_broken_file_is_begun_anew(self, folder, content):
        (folder / OUTCOME_FILE).write_bytes(content)
        outcomes = OutcomeFile(folder)
        assert outcomes.section() == []
        outcomes.record(self.outcome("c1"))
        assert find_outcome(folder, "c1") is not None


class TestFiles:
    def test_one_place(self, folder):
        send_command(folder, FLAT, KEY)
        with pytest.raises(CommandWaiting) as caught:
            send_command(folder, STOP, KEY)
        assert "STOP was not sent" in caught.value.problem
        assert read_private(folder / COMMAND_FILE) == sign_command(FLAT, KEY)
        assert [path.name for path in folder.iterdir()] == [COMMAND_FILE]

    def test_the_place_is_taken_between_looking_and_linking(self, folder, monkeypatch):
        send_command(folder, FLAT, KEY)
        monkeypatch.setattr(os.path, "lexists", lambda _: False)
        with pytest.raises(CommandWaiting):
            send_command(folder, STOP, KEY)
        assert read_private(folder / COMMAND_FILE) == sign_command(FLAT, KEY)
        assert [path.name for path in folder.iterdir()] == [COMMAND_FILE]

    def test_a_folder_open_to_others(self, folder):
        folder.chmod(0o755)
        with pytest.raises(ConfigurationError, match="not private"):
            send_command(folder, FLAT, KEY)

    @pytest.mark.parametrize("call", ["open", "write", "fsync", "link"])
    def test_a_disk_that_refuses(self, folder, monkeypatch, call):
        with monkeypatch.context() as broken:
            broken.setattr(command_files.os, call, failing(28))
            with pytest.raises(CommandNotSent, match="cannot be put"):
                send_command(folder, FLAT, KEY)
        assert list(folder.iterdir()) == []

    def test_what_is_no_private_file(self, folder, monkeypatch):
        path = folder / "x"
        assert read_private(path).reason is Refusal.UNREADABLE
        path.mkdir()
        assert read_private(path).reason is Refusal.NOT_A_FILE
        path.rmdir()
        (folder / "real").write_bytes(b"{}")
        path.symlink_to(folder / "real")
        assert read_private(path).reason is Refusal.NOT_A_FILE
        path.unlink()
        os.mkfifo(path, 0o600)
        assert read_private(path).reason is Refusal.NOT_A_FILE
        path.unlink()
        path.touch(0o600)
        assert read_private(path) == b""
        for mode in (0o640, 0o604, 0o620, 0o602, 0o601, 0o610):
            path.chmod(mode)
            assert read_private(path).reason is Refusal.OPEN_TO_OTHERS
        path.chmod(0o600)
        path.write_bytes(b" " * LARGEST_COMMAND)
        assert len(read_private(path)) == LARGEST_COMMAND
        path.write_bytes(b" " * (LARGEST_COMMAND + 1))
        assert read_private(path).reason is Refusal.TOO_LARGE
        monkeypatch.setattr(command_files.os, "geteuid", lambda: 4711)
        assert read_private(path).reason is Refusal.FOREIGN_OWNER

    def test_a_socket(self, folder, monkeypatch):
        monkeypatch.chdir(folder)  # the name of a socket is short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("x")
            assert read_private(folder / "x").reason is Refusal.UNREADABLE

    def test_a_file_that_grows_or_breaks_while_it_is_read(self, folder, monkeypatch):
        path = folder / "x"
        path.touch(0o600)
        with monkeypatch.context() as growing:
            growing.setattr(command_files.os, "read", lambda _, size: b" " * min(size, 1000))
            assert read_private(path).reason is Refusal.TOO_LARGE
        monkeypatch.setattr(command_files.os, "read", failing(5))
        assert read_private(path).reason is Refusal.UNREADABLE

    def test_keys_that_are_none(self, folder):
        with pytest.raises(ConfigurationError, match="cannot be used"):
            read_key(folder)
        key = create_key(folder)
        (folder / KEY_FILE).chmod(0o644)
        for read in (read_key, create_key):
            with pytest.raises(ConfigurationError, match="cannot be used") as caught:
                read(folder)
            assert key.decode() not in str(caught.value)
        (folder / KEY_FILE).chmod(0o600)
        (folder / KEY_FILE).write_bytes(key[:-1])
        with pytest.raises(ConfigurationError, match="damaged") as caught:
            read_key(folder)
        assert key[:10].decode() not in str(caught.value)

    def test_a_folder_in_place_of_a_command_is_set_aside(self, folder):
        (folder / COMMAND_FILE / "deep").mkdir(parents=True)
        way_in = door(folder)
        (arrival,) = way_in.poll(AT)
        assert arrival.answer.reason is Refusal.NOT_A_FILE
        way_in.finish(arrival)
        assert way_in.recover() == []
        assert [path.name[:16] for path in folder.iterdir()] == ["command.refused."]

    def test_a_link_in_place_of_a_command(self, folder, tmp_path):
        (tmp_path / "real").write_bytes(sign_command(STOP, KEY))
        (folder / COMMAND_FILE).symlink_to(tmp_path / "real")
        way_in = door(folder)
        (arrival,) = way_in.poll(AT)
        assert arrival.answer.reason is Refusal.NOT_A_FILE
        way_in.finish(arrival)
        assert (tmp_path / "real").exists()
        assert list(folder.iterdir()) == []

    def test_a_disk_that_fails_between_two_claims_loses_neither(self, folder, monkeypatch):
        real, calls = Path.rename, []

        def once(path: Path, target: Path) -> Path:
            calls.append(path)
            return real(path, target) if len(calls) == 1 else failing(5)()

        send_command(folder, FLAT, KEY)
        monkeypatch.setattr(Path, "rename", once)
        way_in = door(folder)
        assert [arrival.answer for arrival in way_in.poll(AT)] == [FLAT]
        with pytest.raises(OSError, match="Input/output"):
            way_in.poll(AT)

    def test_a_folder_that_cannot_be_changed(self, folder, monkeypatch):
        send_command(folder, FLAT, KEY)
        monkeypatch.setattr(Path, "rename", failing(30))
        with pytest.raises(OSError, match="Read-only"):
            door(folder).poll(AT)
