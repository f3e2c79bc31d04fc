"""Two workers in two folders never trade one account: the books belong to one process."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from quant_core.brokers.paper.books import Books, BooksInUse, BooksUnusable
from quant_core.live.trader import JOURNAL_FOLDER, MONITOR_MODE
from tests.notify.live_job import REPLAY, LiveJob, market_home


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return market_home(tmp_path_factory.mktemp("books"))


def up(worker: subprocess.Popen[str]) -> bool:
    """Read what a worker says until it is up."""
    assert worker.stdout is not None
    return any(line.strip() == MONITOR_MODE for line in worker.stdout)


class TestExamples:
    def test_a_second_worker_in_another_folder(self, home, capfd):
        job, books = LiveJob(home, capfd), home / "shared.sqlite"
        shared = ("--set", f"broker.books={books}")
        first = job.script(*REPLAY, "--speed", "0.2", *shared, environment={})
        other = home / "other"
        words = (*REPLAY, *shared, "--set", f"live.folder={other}")
        try:
            assert up(first)
            code, out, err = job.run(*words)
            assert code == 2
            assert "another process has the paper broker's books open" in err
            assert str(books) in err and "--set broker.books=" in err
            assert "Traceback" not in out + err and MONITOR_MODE not in out
            # Nothing was done: the second one has no journal, the first one goes on.
            assert not (other / JOURNAL_FOLDER).exists()
            assert first.poll() is None
        finally:
            first.send_signal(signal.SIGKILL)
            first.communicate()
        # They are free with the end of the process, whatever ended it.
        Books(books).close()
        assert job.run(*words, "--set", f"broker.books={home / 'own.sqlite'}")[0] == 0


class TestRefusals:
    def test_books_that_are_open_are_not_those_that_are_broken(self, tmp_path):
        path = tmp_path / "books.sqlite"
        books = Books(path)
        with pytest.raises(BooksInUse) as caught:
            Books(path)
        assert caught.value.exit_code == 2
        books.close()
        path.write_bytes(b"this is no database" * 100)
        with pytest.raises(BooksUnusable) as broken:
            Books(path)
        assert broken.value.exit_code == 3
        assert "another process" not in str(broken.value)
