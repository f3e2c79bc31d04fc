"""``python -m quant_core command``: sent, waited for, told; or taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from config import load_settings
from quant_core.foundation.timing import utc_now
from quant_core.jobs.command_command import COMMAND
from quant_core.jobs.command_line import run_command
from quant_core.live.command_door import CommandDoor, CommandLog, CommandState, Outcome, OutcomeFile
from quant_core.live.command_files import (
    COMMAND_FILE,
    create_key,
    send_command,
    withdraw_command,
)
from quant_core.live.commands import ANY_INSTANCE, Action, Addressee, Command, Refused, new_command
from quant_core.live.ipc import STATE_FILE, StateWriter, prepare_folder

ACCOUNT = "DU1"
LONG_AGO = datetime(2024, 1, 2, tzinfo=UTC)
Told = tuple[CommandState, str]


@dataclass(frozen=True, slots=True)
class Terminal:
    """The command against one folder."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def run(self, *words: str) -> tuple[int, str, str]:
        own = ["--set", f"live.folder={self.folder}", "--set", f"broker.account={ACCOUNT}"]
        self.capture.readouterr()
        code = run_command(COMMAND, [*words, *own], partial(load_settings, environment={}))
        out, err = self.capture.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    def document(self, *words: str) -> tuple[int, dict[str, object]]:
        code, out, _ = self.run(*words, "--json")
        return code, json.loads(out)

    def show(self, *, at: datetime, status: str = "monitoring", can_trade: bool = True) -> None:
        """The state of a worker."""
        writer = StateWriter(self.folder / STATE_FILE, "w1", timedelta(seconds=60), lambda: at)
        writer.write({"engine_status": status, "connection": {"can_trade": can_trade}})


@pytest.fixture
def terminal(tmp_path, capfd) -> Terminal:
    folder = tmp_path / "live"
    prepare_folder(folder)
    create_key(folder)
    return Terminal(folder, capfd)


@contextmanager
def worker(folder: Path, told: Told, now: Callable[[], datetime] = utc_now) -> Generator[None]:
    """Takes commands as the worker does, and says the same of each that it accepts."""
    over = Event()

    def serve() -> None:
        outcomes = OutcomeFile(folder)
        door = CommandDoor(folder, create_key(folder), Addressee(ACCOUNT, "w1"), CommandLog())
        while not over.is_set():
            for arrival in door.poll(now()):
                answer, at = arrival.answer, now()
                door.finish(arrival)
                if isinstance(answer, Command):
                    outcomes.record(Outcome(answer.id, answer.action.value, told[0], at, told[1]))
                elif isinstance(answer, Refused):
                    text = f"{answer.reason.value}: {answer.detail}"
                    outcomes.record(Outcome(answer.id, "", CommandState.REFUSED, at, text))
            over.wait(0.005)

    thread = Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def left(folder: Path, action: Action, at: datetime, account: str = ACCOUNT) -> Command:
    """A command somebody sent at an instant, and nobody took."""
    command = new_command(action, Addressee(account, ANY_INSTANCE), at)
    send_command(folder, command, create_key(folder))
    return command


class TestOutcomes:
    def test_done(self, terminal: Terminal):
        terminal.show(at=utc_now())
        with worker(terminal.folder, (CommandState.DONE, "no order is open")):
            code, out, err = terminal.run("CANCEL")
        assert (code, err) == (0, "")
        assert out.startswith("CANCEL ") and out.endswith(": done: no order is open\n")

    def test_refused_by_a_worker_of_another_time(self, terminal: Terminal):
        """A replay's clock stands in the past."""
        terminal.show(at=utc_now())
        with worker(terminal.folder, (CommandState.DONE, ""), lambda: LONG_AGO):
            code, told = terminal.document("FLAT")
        assert (code, told["state"], told["action"]) == (1, "refused", "FLAT")
        assert str(told["detail"]).startswith("not_yet_issued: ")

    def test_failed(self, terminal: Terminal):
        terminal.show(at=utc_now())
        with worker(terminal.folder, (CommandState.FAILED, "why")):
            code, told = terminal.document("FLAT")
        assert (code, told["state"], told["detail"]) == (1, "failed", "why")

    def test_pending_while_the_broker_is_away(self, terminal: Terminal):
        terminal.show(at=utc_now(), can_trade=False)
        with worker(terminal.folder, (CommandState.EXECUTING, "")):
            code, out, err = terminal.run("FLAT", "--wait", "0.5")
        assert (code, err) == (0, "")
        assert "executing: pending: the broker is not connected" in out

    def test_executing_with_a_broker_that_is_there_is_not_pending(self, terminal: Terminal):
        terminal.show(at=utc_now())
        with worker(terminal.folder, (CommandState.EXECUTING, "")):
            code, out, _ = terminal.run("FLAT", "--wait", "0.5")
        assert (code, out.endswith(": executing\n")) == (0, True)

    def test_claimed_and_not_told_yet(self, terminal: Terminal):
        terminal.show(at=utc_now())
        taken = Event()

        def take() -> None:
            while not taken.is_set():
                withdraw_command(terminal.folder)
                taken.wait(0.005)

        thread = Thread(target=take)
        thread.start()
        try:
            code, told = terminal.document("STOP", "--wait", "0.5")
        finally:
            taken.set()
            thread.join()
        assert (code, told["state"]) == (0, "taken")


class TestNobody:
    def test_no_worker_ever(self, terminal: Terminal):
        code, out, err = terminal.run("STOP", "--wait", "0")
        assert (code, ": waiting\n" in out) == (0, True)
        assert "no worker seems to be running: there is no state" in err
        assert "it would end the next worker at its start" in err
        assert (terminal.folder / COMMAND_FILE).exists()

    @pytest.mark.parametrize(
        ("age", "status", "words"),
        [
            (timedelta(hours=1), "monitoring", "no worker seems to be running: its last state is"),
            (timedelta(0), "stopped", "no worker is running: the last one has ended"),
        ],
    )
    def test_a_worker_that_is_gone(self, terminal: Terminal, age, status, words):
        terminal.show(at=utc_now() - age, status=status)
        code, out, err = terminal.run("FLAT", "--wait", "0")
        assert (code, ": waiting\n" in out, words in err) == (0, True, True)
        assert "no worker has taken it yet; it waits until 20" in err

    def test_a_worker_that_runs_and_has_not_come_to_it(self, terminal: Terminal):
        terminal.show(at=utc_now())
        code, _, err = terminal.run("CANCEL", "--wait", "0")
        assert (code, "no worker has taken it yet" in err) == (0, True)
        assert "no worker seems" not in err

    def test_expired_while_it_was_waited_for(self, terminal: Terminal):
        words = ["FLAT", "--wait", "5", "--set", "live.command_lifetime=1"]
        code, told = terminal.document(*words)
        assert (code, told["state"]) == (1, "expired")


class TestThePlaceIsTaken:
    def test_by_one_that_expired(self, terminal: Terminal):
        before = left(terminal.folder, Action.FLAT, LONG_AGO)
        code, out, err = terminal.run("STOP", "--wait", "0")
        assert (code, out) == (2, "")
        assert f"FLAT {before.id} (the worker will refuse it: expired: 2024-01-02T00:00:30" in err
        assert "no worker seems to be running" in err
        assert "python -m quant_core command --withdraw" in err

    def test_by_one_for_another_account(self, terminal: Terminal):
        left(terminal.folder, Action.STOP, utc_now(), "DU2")
        _, _, err = terminal.run("STOP", "--wait", "0")
        assert "the worker will refuse it: other_account: for 'DU2'" in err

    def test_taken_back_and_sent(self, terminal: Terminal):
        before = left(terminal.folder, Action.FLAT, LONG_AGO)
        code, out, _ = terminal.run("--withdraw")
        assert (code, out.startswith(f"withdrawn: FLAT {before.id} (")) == (0, True)
        assert not (terminal.folder / COMMAND_FILE).exists()
        assert list(terminal.folder.glob(".*")) == []
        assert terminal.document("STOP", "--wait", "0")[1]["state"] == "waiting"

    @pytest.mark.parametrize("content", [b"", b"\xff{", b'{"action":7,"id":[]}'])
    def test_whatever_waits_is_taken_back(self, terminal: Terminal, content):
        (terminal.folder / COMMAND_FILE).write_bytes(content)
        (terminal.folder / COMMAND_FILE).chmod(0o600)
        code, out, _ = terminal.run("--withdraw")
        assert (code, "a file that is no command" in out) == (0, True)
        assert not (terminal.folder / COMMAND_FILE).exists()

    def test_a_folder_of_that_name(self, terminal: Terminal):
        (terminal.folder / COMMAND_FILE).mkdir()
        code, out, _ = terminal.run("--withdraw")
        assert (code, "not_a_file" in out) == (0, True)
        assert not (terminal.folder / COMMAND_FILE).exists()
        assert list(terminal.folder.glob(".*")) == []

    def test_of_worker_and_console_exactly_one_gets_it(self, terminal: Terminal):
        folder, rounds = terminal.folder, 200
        door = CommandDoor(folder, create_key(folder), Addressee(ACCOUNT, "w1"), CommandLog())
        taken: list[str] = []
        over = Event()

        def serve() -> None:
            while not over.is_set():
                for arrival in door.poll(utc_now()):
                    assert isinstance(arrival.answer, Command)
                    taken.append(arrival.answer.id)
                    door.finish(arrival)

        thread = Thread(target=serve)
        thread.start()
        back: list[bytes] = []
        try:
            sent = []
            for _ in range(rounds):
                sent.append(left(folder, Action.CANCEL, utc_now()).id)
                content = withdraw_command(folder)
                if content is not None:
                    assert isinstance(content, bytes)
                    back.append(content)
                while (folder / COMMAND_FILE).exists():
                    over.wait(0.0001)
        finally:
            over.set()
            thread.join()
        withdrawn = [json.loads(content)["id"] for content in back]
        assert sorted(taken + withdrawn) == sorted(sent)


class TestRefusals:
    @pytest.mark.parametrize("words", [(), ("STOP", "--withdraw"), ("STOP", "--wait", "-1")])
    def test_what_makes_no_sense(self, terminal: Terminal, words):
        assert terminal.run(*words)[0] == 2
        assert not (terminal.folder / COMMAND_FILE).exists()

    def test_nothing_waits(self, terminal: Terminal):
        code, _, err = terminal.run("--withdraw")
        assert (code, "no command is waiting" in err) == (2, True)
