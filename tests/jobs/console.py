"""A terminal for the tests: commands in this process, scripts in their own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from config import load_settings
from quant_core.jobs import (
    backtest_command,
    compute_command,
    prove_command,
    sweep_command,
    sync_command,
)
from quant_core.jobs.command_line import run_command

PROJECT = Path(__file__).resolve().parents[2]
COMMANDS = {
    command.COMMAND.program: command.COMMAND
    for command in (backtest_command, compute_command, sync_command, prove_command, sweep_command)
}
BACKTEST, COMPUTE, SYNC, PROVE, SWEEP = COMMANDS
SETTINGS_FILES = ("base.yaml", "backtest.yaml", "factors.yaml")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, object]:
        """The one JSON document on standard output."""
        assert self.out.count("\n") == 1
        return cast("dict[str, object]", json.loads(self.out))


@dataclass(frozen=True, slots=True)
class Console:
    """Runs commands against one folder of data, settings and results."""

    home: Path
    capture: pytest.CaptureFixture[str]

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def results(self) -> Path:
        return self.home / "results"

    @property
    def settings(self) -> Path:
        return self.home / "settings"

    def arguments(self, program: str) -> list[str]:
        """Where a program finds and leaves things."""
        places = ["--config-dir", str(self.settings), "--set", f"data.root={self.data}"]
        places += ["--set", "data.dataset=toy", "--set", "data.calendar=24/7"]
        return places + (["--set", f"report.output={self.results}"] if program == BACKTEST else [])

    def run(self, program: str, *words: str) -> Ran:
        """Run a command in this process; no message may ever hold a traceback."""
        argv = [*self.arguments(program), *words]
        self.capture.readouterr()
        code = run_command(COMMANDS[program], argv, partial(load_settings, environment={}))
        out, err = self.capture.readouterr()
        assert "Traceback" not in out + err
        return Ran(code, out, err)

    def backtest(self, *words: str) -> Ran:
        return self.run(BACKTEST, "--strategy", "equal_weight", "--no-report", *words)

    def sync(self, *words: str) -> Ran:
        return self.run(SYNC, "--source", "file", "--price-basis", "raw", *words)

    def compute(self, *words: str) -> Ran:
        return self.run(COMPUTE, *words)

    def refused(self, ran: Ran, code: int, *words: str) -> None:
        """The exit code, nothing on standard output, and a message with these words."""
        assert (ran.code, ran.out) == (code, "")
        assert ran.err.startswith("error: ")
        assert [word for word in words if word not in ran.err] == []

    def contents(self) -> Mapping[str, bytes]:
        """Every file of data and results, to show that nothing was lost."""
        found = [*self.data.rglob("*"), *self.results.rglob("*")]
        return {
            str(path.relative_to(self.home)): path.read_bytes()
            for path in found
            if path.is_file() and "cache" not in path.parts
        }


def settings_folder(folder: Path) -> Path:
    """The YAML files of the project, without anybody's secrets."""
    folder.mkdir(parents=True)
    for name in SETTINGS_FILES:
        if (PROJECT / "config" / name).exists():
            shutil.copy(PROJECT / "config" / name, folder / name)
    return folder


def run_script(program: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """A root script in a process of its own, with nothing of a terminal."""
    return subprocess.run(
        [sys.executable, str(PROJECT / program), *words],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
