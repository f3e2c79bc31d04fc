"""A broker killed at any moment stands before or after a transition, never between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quant_core.brokers.paper.books import Books, BooksUnusable
from tests.brokers.crash_worker import make_bench

ROOT = Path(__file__).resolve().parents[2]


def drill(folder: Path, kills: int, seed: int, *more: str) -> dict:
    module = "tests.brokers.crash_worker"
    words = [sys.executable, "-m", module, folder, str(kills), str(seed), *more]
    # One thread: a fork of a process with more is not safe.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class TestProperties:
    def test_kills_change_nothing(self, tmp_path):
        """The same orders, executions, ledger, events and clock as a run nobody disturbed."""
        seen = drill(tmp_path, kills=60, seed=1)
        assert seen["kills"] >= 60
        assert seen["executions"] >= 15
        assert seen["differences"] == []

    def test_the_drill_sees_books_without_transactions(self, tmp_path):
        assert drill(tmp_path, 20, 2, "torn")["differences"] != []


class TestExamples:
    def test_half_a_transition_is_none(self, tmp_path):
        """A commit that fails in the middle leaves the books as they were."""
        bench = make_bench(tmp_path / "books.db").connect()
        bench.send("AAA")
        bench.books._connection.execute(
            "create trigger stop before insert on delivered when new.number > 3"
            " begin select raise(abort, 'no more'); end"
        )
        with pytest.raises(BooksUnusable, match="no more"):
            bench.to("after_close")
        place, events = bench.venue.place, bench.events()
        bench.books.close()
        books = Books(tmp_path / "books.db")
        assert books.events(0) == events
        assert books.all_executions() == []
        assert [order.is_open for order in books.all_orders()] == [True]
        assert '"phase":"before_open"' in (books.state_text() or "")
        assert place.phase == "open"  # the memory was ahead of the disk, and so it stopped
        books.close()
