"""A certificate that nobody but its owner has signed, and a last attempt that is short."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.notify.certificates import make_certificate
from tests.notify.live_job import LiveJob, market_home


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of the mail server of this machine."""
    return make_certificate(tmp_path_factory.mktemp("certificate"), "IP:127.0.0.1")


@pytest.fixture
def short_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for what cannot be delivered."""
    monkeypatch.setattr("quant_core.jobs.live_notify.LAST_SECONDS", 0.2)


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with settings and the dataset ``toy``."""
    return market_home(tmp_path_factory.mktemp("market") / "home")


@pytest.fixture
def job(market: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> LiveJob:
    """The live command on a copy of the market."""
    shutil.copytree(market, tmp_path / "home")
    return LiveJob(tmp_path / "home", capfd)
