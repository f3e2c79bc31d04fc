"""A disk that is full, a file that may not grow, a folder that may not be written.

Trading stops with an alert, what stood there before can still be read, the journal is whole,
and a worker started on a sound disk goes on to the same end as if nothing had been.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quant_core.live.ipc import STATE_FILE, Freshness, document_at, read_state
from quant_core.live.journal import Journal, verify
from quant_core.live.journal_errors import JournalUnwritable
from quant_core.live.journal_kinds import TradingState
from quant_core.live.trader import JOURNAL_FOLDER
from tests.live.small_desk import Bench, plain_world, whole_run
from tests.live.test_parity import difference

ROWS = 8
NOW = datetime(2024, 1, 1, tzinfo=UTC)


def ticking():
    """A clock of the machine that goes on by two seconds at every look: states are written."""
    at = [NOW]

    def now() -> datetime:
        at[0] += timedelta(seconds=2)
        return at[0]

    return now


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A file system of its own; skipped where this user may not mount one."""
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(place)],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip("this user may not mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path, leave: int) -> Path:
    """Take all space but so many bytes."""
    ballast = place / "ballast"
    file = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(file, b"x" * 4096)
    os.ftruncate(file, max(os.fstat(file).st_size - leave, 0))
    os.close(file)
    return ballast


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder in which nothing can be made: by its mode, or for root by a mount."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        try:
            yield
        finally:
            folder.chmod(0o700)
        return
    with contextlib.ExitStack() as undo:
        for words in (["--bind", str(folder), str(folder)], ["-o", "remount,bind,ro", str(folder)]):
            done = subprocess.run(["mount", *words], capture_output=True, check=False)
            if done.returncode != 0:
                pytest.skip("this user may not mount a file system")
            if words[0] == "--bind":
                undo.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
        yield


def journal_is_whole(folder: Path) -> None:
    """Nothing of it is lost: whole lines in an unbroken chain, and at most half a line behind."""
    found = verify(folder / "live" / JOURNAL_FOLDER)
    assert found.ok or "the last line is torn" in found.first_problem, found.first_problem
    assert found.entries > 0


def state_is_readable(folder: Path) -> None:
    reading = read_state(folder / "live" / STATE_FILE, NOW)
    assert reading.freshness in (Freshness.FRESH, Freshness.STALE), reading.detail
    assert reading.sequence > 0


def run_until_refused(bench: Bench) -> JournalUnwritable | None:
    """The replay; what ends it, if something does. The venue's books are on a sound disk."""
    try:
        bench.run()
    except JournalUnwritable as error:
        return error
    finally:
        with contextlib.suppress(JournalUnwritable):
            bench.trader.release()
    return None


class TestDiskFull:
    @pytest.mark.parametrize("leave", [4096, 16_384, 40_960])
    def test_trading_ends_and_goes_on_when_there_is_space(self, tmp_path, leave):
        """The journal's disk fills up at some point of the replay."""
        world = plain_world(rows=ROWS)
        with small_disk(tmp_path / "disk", "1m") as disk:
            folder = tmp_path / "worker"
            (disk / "live").mkdir(mode=0o700)
            folder.mkdir()
            (folder / "live").symlink_to(disk / "live")
            bench = Bench(folder, world)
            ballast = fill(disk, leave)
            refused = run_until_refused(bench)
            bench.close()
            assert refused is not None
            assert refused.exit_code == 5
            assert "No space left" in str(refused)
            assert [a.title for a in bench.alerts if a.key == "halted"] == ["The worker ends"]
            journal_is_whole(folder)
            ballast.unlink()
            again = whole_run(Bench(folder, world))
            assert again.state.trading_state is TradingState.ACTIVE
            assert difference(world, folder) is None

    def test_a_state_that_cannot_be_written_halts_and_the_old_one_stays(self, tmp_path):
        """The state's disk alone is full: the journal notes the halt, nothing is bought."""
        world = plain_world(rows=ROWS)
        with small_disk(tmp_path / "disk", "512k") as disk:
            folder = tmp_path / "worker"
            (disk / "live").mkdir(mode=0o700)
            (tmp_path / "journal").mkdir(mode=0o700)
            folder.mkdir()
            (folder / "live").symlink_to(disk / "live")
            (disk / "live" / JOURNAL_FOLDER).symlink_to(tmp_path / "journal")
            bench = Bench(folder, world, wall=ticking(), state_interval=timedelta(seconds=1))
            fill(disk, 0)
            try:
                assert bench.run()
                assert bench.state.trading_state is TradingState.HALTED
                assert "cannot be written" in bench.state.trading_reason
                assert bench.state.orders == {}
                assert {a.key for a in bench.alerts} == {"halted"}
            finally:
                bench.close()
            assert verify(tmp_path / "journal").ok


class TestFileSize:
    """The same without any privilege: the journal's file may not grow beyond a size."""

    @pytest.mark.parametrize("more", [10, 1000, 5000])
    def test_a_journal_that_may_not_grow(self, tmp_path, monkeypatch, more):
        world = plain_world(rows=ROWS)
        bench = Bench(tmp_path, world)
        segment = next((tmp_path / "live" / JOURNAL_FOLDER).glob("journal-*.jsonl"))
        limit = segment.stat().st_size + more
        append, usual = Journal.append_all, resource.getrlimit(resource.RLIMIT_FSIZE)

        def limited(journal, bodies):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, usual[1]))
            try:
                return append(journal, bodies)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, usual)

        monkeypatch.setattr(Journal, "append_all", limited)
        refused = run_until_refused(bench)
        monkeypatch.undo()
        bench.close()
        assert refused is not None and "File too large" in str(refused)
        assert segment.stat().st_size <= limit
        journal_is_whole(tmp_path)
        sent = set(bench.state.orders)
        again = whole_run(Bench(tmp_path, world))
        assert sent <= set(again.state.orders)
        assert difference(world, tmp_path) is None


class TestReadOnly:
    def test_a_folder_in_which_nothing_can_be_made(self, tmp_path):
        """The journal's open file goes on and notes the halt; the state before stays."""
        world = plain_world(rows=ROWS)
        bench = Bench(tmp_path, world, wall=ticking(), state_interval=timedelta(seconds=1))
        asyncio.run(bench.trader.start())
        before = document_at(tmp_path / "live" / STATE_FILE)
        assert before is not None
        try:
            with read_only(tmp_path / "live"):
                assert bench.run()
                assert document_at(tmp_path / "live" / STATE_FILE) == before
                assert bench.state.trading_state is TradingState.HALTED
                assert bench.state.orders == {}
                assert {a.key for a in bench.alerts} >= {"halted"}
            # The folder is back: the halt is shown, and a person has to end it.
            asyncio.run(bench.trader.step())
            shown = document_at(tmp_path / "live" / STATE_FILE) or {}
            assert shown["engine_status"] in ("halted", "killed")
            assert "cannot be written" in str(shown["trading_state"])
        finally:
            bench.close()
        assert verify(tmp_path / "live" / JOURNAL_FOLDER).ok
