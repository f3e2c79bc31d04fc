"""The market of the tests, synchronised once, and a console on a copy of it."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from config import load_settings
from quant_core.jobs.command_line import run_command
from tests.jobs.console import COMMANDS, SYNC, Console, settings_folder
from tests.jobs.market import rows, write_csv


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with settings and the dataset ``toy``."""
    home = tmp_path_factory.mktemp("home")
    prices = write_csv(home / "prices.csv", rows())
    words = ["--config-dir", str(settings_folder(home / "settings"))]
    words += ["--set", f"data.root={home / 'data'}", "--dataset", "toy", "--calendar", "24/7"]
    words += ["--source", "file", "--price-basis", "raw", "--path", str(prices)]
    load = partial(load_settings, environment={})
    assert run_command(COMMANDS[SYNC], [*words, "--json"], load) == 0
    return home


@pytest.fixture
def console(
    warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> Console:
    """A console in an empty folder with a copy of the market."""
    home = tmp_path / "home"
    shutil.copytree(warehouse, home)
    monkeypatch.chdir(tmp_path)
    return Console(home, capsys)
