"""The live command on a market by hand, in this process or in its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from config import load_settings
from quant_core.jobs import live_command, sync_command
from quant_core.jobs.command_line import run_command
from tests.config.example import settings_folder
from tests.jobs.market import rows, write_csv
from tests.notify.mail_servers import HOST

ROOT = Path(__file__).resolve().parents[2]
REFUSING = ("--set", "limits.max_order_notional=1")
"""A limit that no order passes: alerts in every rebalance."""


@dataclass(frozen=True, slots=True)
class LiveJob:
    """Runs the command against one folder of data and settings."""

    home: Path
    capture: pytest.CaptureFixture[str]

    @property
    def folder(self) -> Path:
        """The worker's."""
        return self.home / "data" / "live"

    def words(self, *more: str, strategy: str = "equal_weight") -> list[str]:
        places = ["--config-dir", str(self.home / "settings"), "--dataset", "toy"]
        places += ["--set", f"data.root={self.home / 'data'}", "--set", "data.calendar=24/7"]
        return [*places, "--strategy", strategy, *more]

    def run(
        self, *more: str, strategy: str = "equal_weight", environment: Mapping[str, str] = {}
    ) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of the command in this process."""
        self.capture.readouterr()
        load = partial(load_settings, environment=environment)
        code = run_command(live_command.COMMAND, self.words(*more, strategy=strategy), load)
        return code, *self.capture.readouterr()

    def script(self, *more: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """The script in a process of its own."""
        words = [sys.executable, str(ROOT / "run_live_strategy.py"), *self.words(*more)]
        own = {**os.environ, **environment}
        pipe = subprocess.PIPE
        return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env=own)


REPLAY = ("--replay", "2020-01-05:2020-02-20")


def mail_words(port: int, *more: str) -> list[str]:
    """Flags that name a mail server of this machine."""
    settings = {
        "enabled": "true",
        "host": HOST,
        "port": port,
        "security": "none",
        "timeout_seconds": 10,
        "sender": "worker@example.com",
        "recipients": "[trader@example.com]",
    }
    pairs = [f"notify.email.{key}={value}" for key, value in settings.items()]
    pairs += ["notify.outbox.first_retry_seconds=0.05", "notify.outbox.longest_retry_seconds=0.2"]
    return [word for pair in (*pairs, *more) for word in ("--set", pair)]


def market_home(home: Path) -> Path:
    """A folder of settings, and of data with the dataset ``toy``."""
    (home / "settings").mkdir(parents=True)
    settings_folder(home / "settings")
    prices = write_csv(home / "prices.csv", rows())
    words = ["--config-dir", str(home / "settings"), "--set", f"data.root={home / 'data'}"]
    words += ["--dataset", "toy", "--calendar", "24/7", "--source", "file"]
    words += ["--price-basis", "raw", "--path", str(prices), "--json"]
    load = partial(load_settings, environment={})
    assert run_command(sync_command.COMMAND, words, load) == 0
    return home
