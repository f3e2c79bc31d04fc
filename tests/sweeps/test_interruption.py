"""A sweep that was ended by force goes on where it was, to the very same table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from quant_core.sweeps.finished import Finished
from tests.jobs.console import PROJECT, SWEEP
from tests.sweeps.conftest import BASE, Sweeps

SLOW = (*BASE, "short.allowed=true")
"""A book that may be short is traded by the readable loop: time enough to be killed in."""

LONG = (
    "lookback=[1, 2, 3, 4, 5, 6, 7, 8]",
    "strategy.top_k=[1, 2, 3]",
    "rebalance.every=[1, 2, 3]",
)


def lines_of(text: str) -> list[list[object]]:
    return [json.loads(line) for line in text.splitlines()]


class TestExamples:
    def test_killed_and_called_again(self, sweeps: Sweeps):
        """SIGKILL while rows arrive; every whole line is kept and none is computed twice."""
        whole = sweeps.run("--workers", "2", "--json", grid=LONG, settings=SLOW, output="whole")
        assert whole.document["resumed"] == 0
        words = [*sweeps.console.arguments(SWEEP), *sweeps.words(LONG, SLOW), "--workers", "2"]
        killed = subprocess.Popen(
            [sys.executable, "-m", "quant_core", "sweep", *words], cwd=PROJECT
        )
        finished = sweeps.console.home / "sweeps" / sweeps.folder("whole").name / "finished.jsonl"
        while not (finished.exists() and finished.stat().st_size) and killed.poll() is None:
            os.sched_yield()
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        before = lines_of(finished.read_text("utf-8"))
        assert 0 < len(before) < 72
        ran = sweeps.run("--workers", "2", "--json", grid=LONG, settings=SLOW)
        assert ran.document["resumed"] == len(before)
        after = lines_of(finished.read_text("utf-8"))
        assert after[: len(before)] == before
        assert len({str(key) for key, _ in after}) == len(after) == 72
        tables = [(sweeps.folder(o) / "sweep.parquet").read_bytes() for o in ("whole", "sweeps")]
        assert tables[0] == tables[1]

    def test_a_second_call_computes_nothing(self, sweeps: Sweeps, monkeypatch):
        assert sweeps.run("--workers", "1").code == 0
        table = (sweeps.folder() / "sweep.parquet").read_bytes()

        def none(*_):
            raise AssertionError

        monkeypatch.setattr("quant_core.sweeps.local_engine.run_trial", none)
        ran = sweeps.run("--workers", "1", "--json")
        assert (ran.document["resumed"], ran.document["done"]) == (18, 18)
        assert (sweeps.folder() / "sweep.parquet").read_bytes() == table

    def test_ctrl_c_keeps_what_was_complete(self, sweeps: Sweeps, monkeypatch):
        from quant_core.sweeps import local_engine

        real, calls = local_engine.run_trial, []

        def interrupted(world, settings):
            calls.append(settings)
            if len(calls) == 6:
                raise KeyboardInterrupt
            return real(world, settings)

        with monkeypatch.context() as patched:
            patched.setattr(local_engine, "run_trial", interrupted)
            ran = sweeps.run("--workers", "1")
        assert ran.code == 130
        ran = sweeps.run("--workers", "1", "--json")
        assert ran.document["done"] == 18
        assert 0 < int(str(ran.document["resumed"])) < 6

    def test_what_failed_is_tried_again(self, sweeps: Sweeps, monkeypatch):
        from quant_core.sweeps import local_engine, trials

        real = trials._targets

        def broken(world, trial, rows):
            if trial.brain.strategy.settings.top_k == 2:
                raise ZeroDivisionError("a slip")
            return real(world, trial, rows)

        with monkeypatch.context() as patched:
            patched.setattr(trials, "_targets", broken)
            ran = sweeps.run("--workers", "1", "--json")
        assert (ran.code, ran.document["done"], ran.document["failed"]) == (0, 12, 6)
        failed = [row for row in sweeps.table().rows(named=True) if row["status"] == "failed"]
        assert {row["strategy.top_k"] for row in failed} == {2}
        assert {row["error"] for row in failed} == {"ZeroDivisionError: a slip"}
        assert "6 combinations failed" in str(ran.document["warnings"])
        assert local_engine.run_trial is trials.run_trial
        ran = sweeps.run("--workers", "1", "--json")
        assert (ran.document["done"], ran.document["resumed"]) == (18, 12)

    def test_workers_do_not_outlive_a_killed_sweep(self, sweeps: Sweeps, tmp_path):
        program = (
            "import os, signal, sys\n"
            "from quant_core.foundation.settings import Settings, StrategySettings\n"
            "from quant_core.sweeps import local_engine\n"
            "def of(options):\n"
            "    strategy = StrategySettings.model_construct(options=options)\n"
            "    return Settings.model_construct(strategy=strategy)\n"
            "def told(world, settings):\n"
            "    if settings.strategy.options != 'first':\n"
            "        os.write(1, b'%d\\n' % os.getpid())\n"
            "        signal.pause()\n"
            "local_engine.run_trial = told\n"
            "wanted = [(0, of('first')), *enumerate(map(of, 'abcdefgh'), 1)]\n"
            "list(local_engine.run_local(None, wanted, 2))\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program], cwd=PROJECT, stdout=subprocess.PIPE, text=True
        ) as parent:
            assert parent.stdout is not None
            workers = {int(parent.stdout.readline()) for _ in range(2)}
            assert parent.pid not in workers
            parent.kill()
            # The pipe ends when the last process that can write to it has gone.
            assert parent.stdout.read() == ""
        assert len(workers) == 2


class TestFinished:
    def test_a_torn_line_is_left_out_and_the_next_begins_anew(self, tmp_path):
        path = tmp_path / "finished.jsonl"
        Finished(path).add({"a": {"status": "done"}, "b": {"status": "refused"}})
        path.write_bytes(path.read_bytes()[:-4])
        again = Finished(path)
        assert (again.get("a"), again.get("b")) == ({"status": "done"}, None)
        again.add({"b": {"status": "done"}})
        assert Finished(path).get("b") == {"status": "done"}
        assert Finished(path).get("a") == {"status": "done"}

    @pytest.mark.parametrize(
        "text", ["", "\n", "1\n", '["a"]\n', "[1, 2]\n", "\x00\x00", '{"a": 1}\n']
    )
    def test_what_is_no_line_of_ours_is_left_out(self, tmp_path, text: str):
        path = tmp_path / "finished.jsonl"
        path.write_text(text, "utf-8")
        assert Finished(path).get("a") is None
        Finished(path).add({"a": {"status": "done"}})
        assert Finished(path).get("a") == {"status": "done"}
