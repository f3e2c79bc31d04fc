"""Ray gives the same table, on the loopback address alone."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

from quant_core.foundation.errors import UsageError
from quant_core.sweeps import ray_engine
from tests.jobs.console import PROJECT, SWEEP
from tests.sweeps.conftest import Sweeps

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="the group ray is not installed"
)


@needs_ray
class TestReference:
    def test_the_same_table_as_local_processes(self, sweeps: Sweeps):
        """In a process of its own: Ray opens sockets that the tests are not allowed."""
        assert sweeps.run("--workers", "2", output="local").code == 0
        words = [*sweeps.console.arguments(SWEEP), *sweeps.words(output="ray"), "--json"]
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "quant_core",
                "sweep",
                *words,
                "--engine",
                "ray",
                "--workers",
                "2",
            ],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["done"] == 18
        tables = [(sweeps.folder(o) / "sweep.parquet").read_bytes() for o in ("local", "ray")]
        assert tables[0] == tables[1]


class TestRefusals:
    def test_without_ray(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "ray", None)
        with pytest.raises(UsageError, match="Ray is not installed"):
            list(ray_engine.run_on_ray(lambda: None, [], 1))
