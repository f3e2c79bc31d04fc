"""What is accepted is on disk, whatever the disk does."""

import errno
import json
import os
import subprocess
import sys
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from quant_core.notify.outbox import Outbox, OutboxLimits, Posted
from quant_core.notify.port import LONGEST_BODY, Severity
from tests.notify.alerts import LIMITS, NOON, alert

EVERYONE = frozenset({"mail"})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.json") if path.name != "repeats.json")


def deliver_all(outbox: Outbox, everyone: frozenset[str] = EVERYONE) -> None:
    for entry in outbox.pending():
        for name in everyone:
            outbox.delivered(entry.alert.identity, name, everyone)


@pytest.fixture
def full_disk(monkeypatch):
    """Refuses to write until it is told otherwise."""
    from quant_core.notify import outbox

    write = outbox.write_text_atomically
    full = [True]

    def write_if_there_is_room(path: Path, text: str) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, text)

    monkeypatch.setattr(outbox, "write_text_atomically", write_if_there_is_room)
    return full


class TestExamples:
    def test_one_file_holds_one_alert(self, tmp_path):
        message = alert(title="连接断开")
        assert Outbox(tmp_path, LIMITS).accept(message) is Posted.STORED
        (name,) = names(tmp_path)
        assert name == f"20240301T120000000000-{message.identity}.json"
        assert json.loads((tmp_path / name).read_text()) == {
            "schema": 1,
            "key": "broker",
            "severity": "WARNING",
            "at": "2024-03-01T12:00:00+00:00",
            "title": "连接断开",
            "body": "Trying again.",
            "delivered_to": [],
        }

    def test_delivered_alerts_move_to_the_sent_ones(self, tmp_path):
        outbox = Outbox(tmp_path, LIMITS)
        outbox.accept(alert())
        before = names(tmp_path)
        deliver_all(outbox)
        assert (names(tmp_path), names(tmp_path / "sent")) == ([], before)
        assert outbox.pending() == ()

    def test_the_newest_sent_ones_are_kept(self, tmp_path):
        outbox = Outbox(tmp_path, OutboxLimits(20, 5, 3, 600.0))
        for number in range(7):
            outbox.accept(alert(f"key {number}", seconds=number))
            deliver_all(outbox)
        kept = [name[:15] for name in names(tmp_path / "sent")]
        assert kept == ["20240301T120004", "20240301T120005", "20240301T120006"]

    def test_severe_before_less_severe_and_old_before_new(self, tmp_path):
        outbox = Outbox(tmp_path, LIMITS)
        outbox.accept(alert("c", Severity.INFO, 0))
        outbox.accept(alert("b", Severity.CRITICAL, 2))
        outbox.accept(alert("a", Severity.CRITICAL, 1))
        assert [entry.alert.key for entry in outbox.pending()] == ["a", "b", "c"]

    def test_a_restart_takes_over(self, tmp_path):
        messages = [alert(str(number), body="文\n") for number in range(3)]
        first = Outbox(tmp_path, LIMITS)
        for message in messages:
            first.accept(message)
        first.delivered(messages[0].identity, "mail", EVERYONE)
        (tmp_path / ".x.json.abc.part").write_text("half")
        again = Outbox(tmp_path, LIMITS)
        assert [entry.alert for entry in again.pending()] == messages[1:]
        assert not list(tmp_path.glob(".*"))
        assert again.counts().disk_problem == ""

    def test_who_has_it_survives_a_restart(self, tmp_path):
        both = frozenset({"mail", "chat"})
        first = Outbox(tmp_path, LIMITS)
        first.accept(alert())
        first.delivered(alert().identity, "mail", both)
        again = Outbox(tmp_path, LIMITS)
        assert [entry.delivered_to for entry in again.pending()] == [{"mail"}]
        again.delivered(alert().identity, "chat", both)
        assert names(tmp_path) == []

    def test_repeats_survive_a_restart(self, tmp_path):
        """Those on their way, those sent, and the count as it was last written."""
        first = Outbox(tmp_path, LIMITS)
        assert first.accept(alert("sent")) is Posted.STORED
        deliver_all(first)
        assert first.accept(alert("waits")) is Posted.STORED
        assert first.accept(alert("waits", seconds=1)) is Posted.REPEATED
        first.tend(NOON)
        again = Outbox(tmp_path, LIMITS)
        assert again.accept(alert("sent", seconds=2)) is Posted.REPEATED
        assert again.accept(alert("waits", seconds=2)) is Posted.REPEATED
        again.tend(NOON + timedelta(seconds=600))
        told = {
            entry.alert.key: entry.alert.body for entry in again.pending() if entry.alert.at > NOON
        }
        assert told["waits"].startswith("2 repeats since")
        assert told["sent"].startswith("1 repeat since")

    def test_the_same_alert_is_one(self, tmp_path):
        outbox = Outbox(tmp_path, OutboxLimits(5, 5, 5, 1e-9))
        assert outbox.accept(alert()) is Posted.STORED
        assert outbox.accept(alert()) is Posted.REPEATED


class TestBounds:
    def test_a_full_outbox_refuses_and_tells_of_it_later(self, tmp_path):
        outbox = Outbox(tmp_path, OutboxLimits(20, 5, 3, 600.0))
        answers = [outbox.accept(alert(str(number))) for number in range(25)]
        assert answers == [Posted.STORED] * 18 + [Posted.REFUSED] * 7
        outbox.tend(NOON)
        assert outbox.counts().pending == 18
        deliver_all(outbox)
        outbox.tend(NOON)
        (report,) = outbox.pending()
        assert report.alert.title == "alerts dropped, for the outbox was full: 7"
        assert outbox.counts().refused == 7
        deliver_all(outbox)
        outbox.tend(NOON)
        assert outbox.pending() == ()

    def test_the_last_places_are_for_what_is_critical(self, tmp_path):
        outbox = Outbox(tmp_path, OutboxLimits(20, 5, 3, 600.0))
        for number in range(20):
            outbox.accept(alert(str(number)))
        critical = [outbox.accept(alert(f"c{n}", Severity.CRITICAL)) for n in range(3)]
        assert critical == [Posted.STORED, Posted.STORED, Posted.REFUSED]

    def test_a_refused_alert_opens_no_window(self, tmp_path):
        outbox = Outbox(tmp_path, OutboxLimits(1, 5, 3, 600.0))
        outbox.accept(alert("first"))
        assert outbox.accept(alert("second")) is Posted.REFUSED
        deliver_all(outbox)
        outbox.tend(NOON)
        deliver_all(outbox)
        assert outbox.accept(alert("second", seconds=1)) is Posted.STORED

    def test_memory_is_bounded_with_the_longest_alerts(self, tmp_path):
        tracemalloc.start()
        outbox = Outbox(tmp_path, OutboxLimits(50, 5, 3, 600.0))
        for number in range(300):
            outbox.accept(alert(str(number), body="b" * 2 * LONGEST_BODY))
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert used < 50 * 3 * LONGEST_BODY
        assert len(names(tmp_path)) == 45


class TestFailingDisk:
    def test_an_alert_is_held_and_written_later(self, tmp_path, full_disk):
        outbox = Outbox(tmp_path, LIMITS)
        assert outbox.accept(alert()) is Posted.HELD
        assert outbox.accept(alert(seconds=1)) is Posted.REPEATED
        outbox.tend(NOON)
        assert outbox.counts().held == 1
        assert outbox.counts().disk_problem == "No space left on device"
        assert names(tmp_path) == []
        full_disk[0] = False
        outbox.tend(NOON)
        assert outbox.counts().held == 0
        assert outbox.counts().disk_problem == ""
        assert [entry.alert for entry in Outbox(tmp_path, LIMITS).pending()] == [alert()]

    def test_a_held_alert_is_delivered_from_memory(self, tmp_path, full_disk):
        outbox = Outbox(tmp_path, LIMITS)
        outbox.accept(alert())
        deliver_all(outbox)
        assert outbox.pending() == ()
        outbox.tend(NOON)
        assert outbox.counts().held == 0

    def test_no_more_are_held_than_allowed(self, tmp_path, full_disk):
        outbox = Outbox(tmp_path, OutboxLimits(100, 3, 3, 600.0))
        answers = [outbox.accept(alert(str(number))) for number in range(5)]
        assert answers == [Posted.HELD] * 3 + [Posted.REFUSED] * 2
        full_disk[0] = False
        assert outbox.accept(alert("4", seconds=1)) is Posted.STORED

    def test_what_is_sent_goes_even_if_it_cannot_be_archived(self, tmp_path, monkeypatch):
        outbox = Outbox(tmp_path, LIMITS)
        outbox.accept(alert())
        (tmp_path / "sent").write_text("in the way")
        deliver_all(outbox)
        assert names(tmp_path) == []
        assert Outbox(tmp_path, LIMITS).pending() == ()

    def test_a_disk_that_turns_read_only(self, tmp_path, monkeypatch):
        """Delivered once in this process; the file stays, so a restart may send it again."""
        outbox = Outbox(tmp_path, LIMITS)
        outbox.accept(alert())

        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

        for act in ("replace", "unlink", "mkdir", "rename"):
            monkeypatch.setattr(Path, act, refuse)
        deliver_all(outbox)
        assert outbox.pending() == ()
        assert outbox.counts().disk_problem == "Read-only file system"
        assert len(Outbox(tmp_path, LIMITS).pending()) == 1

    def test_a_limit_of_the_system(self, tmp_path):
        """No file may grow beyond 0 bytes (that of coverage included): a real refusal."""
        program = (
            "import resource, sys\n"
            "from pathlib import Path\n"
            "from tests.notify.alerts import LIMITS, alert\n"
            "from quant_core.notify.outbox import Outbox\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
            "outbox = Outbox(Path(sys.argv[1]), LIMITS)\n"
            "answers = [outbox.accept(alert(key)).name for key in 'ab']\n"
            "sys.stderr.write(f'{answers} {outbox.counts()}')\n"
        )
        root = Path(__file__).resolve().parents[2]
        seen = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            env={
                name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")
            },
        )
        assert seen.stderr.startswith("['HELD', 'HELD'] OutboxCounts(pending=2, held=2, refused=0")
        assert "File too large" in seen.stderr
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        outbox = Outbox(tmp_path / "file" / "outbox", LIMITS)
        assert outbox.accept(alert()) is Posted.HELD


class TestDamage:
    @pytest.mark.parametrize(
        "content",
        [
            *(b"", b"{", b"[]", b"null", b'{"schema": 2}', b"\xff\xfe", b"[" * 100_000),
            b'{"schema": 1, "key": "k"}',
            b'{"schema": 1, "key": "", "severity": "INFO", "at": "2024-03-01T12:00:00+00:00",'
            b' "title": "", "body": "", "delivered_to": []}',
            b'{"schema": 1, "key": "k", "severity": "LOUD", "at": "2024-03-01T12:00:00+00:00",'
            b' "title": "", "body": "", "delivered_to": []}',
            b'{"schema": 1, "key": "k", "severity": "INFO", "at": "2024-03-01T12:00:00",'
            b' "title": "", "body": "", "delivered_to": []}',
            b'{"schema": 1, "key": "k", "severity": "INFO", "at": "2024-03-01T12:00:00+00:00",'
            b' "title": 7, "body": "", "delivered_to": []}',
            b'{"schema": 1, "key": "k", "severity": "INFO", "at": "2024-03-01T12:00:00+00:00",'
            b' "title": "", "body": "", "delivered_to": "mail"}',
            b" " * 500_000,
        ],
    )
    def test_a_damaged_file_is_set_aside_and_told(self, tmp_path, content):
        Outbox(tmp_path, LIMITS).accept(alert())
        (tmp_path / "20240301T110000-x.json").write_bytes(content)
        outbox = Outbox(tmp_path, LIMITS)
        outbox.tend(NOON)
        titles = [entry.alert.title for entry in outbox.pending()]
        assert titles == ["alerts not readable in the outbox: 1", "Connection lost"]
        assert (tmp_path / "20240301T110000-x.json.unreadable").read_bytes() == content

    @pytest.mark.parametrize(
        "content",
        [
            *("", "[]", '{"schema": 1}', '{"schema": 1, "windows": [1]}'),
            '{"schema": 1, "windows": [{"key": "k", "severity": "INFO", "title": "t",'
            ' "opened_at": "2024-03-01T12:00:00", "repeats": 1,'
            ' "last_at": "2024-03-01T12:00:00"}]}',
            '{"schema": 1, "windows": [{"key": "k", "severity": "INFO", "title": "t",'
            ' "opened_at": "2024-03-01T12:00:00+00:00", "repeats": -1,'
            ' "last_at": "2024-03-01T12:00:00+00:00"}]}',
        ],
    )
    def test_damaged_counts_are_forgotten(self, tmp_path, content):
        Outbox(tmp_path, LIMITS).accept(alert())
        (tmp_path / "repeats.json").write_text(content)
        outbox = Outbox(tmp_path, LIMITS)
        assert len(outbox.pending()) == 1
        assert outbox.accept(alert("k")) is Posted.STORED

    def test_a_damaged_sent_file_is_no_loss(self, tmp_path):
        (tmp_path / "sent").mkdir()
        (tmp_path / "sent" / "20240301T110000-x.json").write_text("{")
        outbox = Outbox(tmp_path, LIMITS)
        outbox.tend(NOON)
        assert outbox.pending() == ()
