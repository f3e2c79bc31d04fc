"""Every certificate of a synthetic market of forty names, from nothing."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from config import load_settings
from quant_core.jobs import sync_command
from quant_core.jobs.command_line import run_command
from quant_core.jobs.prove import PROOFS
from tests.certificates.test_prove_command import prove
from tests.jobs.console import Console
from tests.shared_data import SHARED, needs_shared

RULES = (
    'strategy.linear.weights={"close / delay(close, 60)": 0.6, "ts_std(returns, 20)": -0.4}',
    "strategy.top_k=8",
)


def sync(console: Console, *words: str) -> None:
    argv = ["--config-dir", str(console.settings), "--set", f"data.root={console.data}", *words]
    assert run_command(sync_command.COMMAND, argv, partial(load_settings, environment={})) == 0


@pytest.fixture
def demo(console: Console) -> Console:
    sync(console, "--source", "demo", "--stocks", "40", "--etfs", "6", "--sessions", "300")
    return console


def test_demo_market(demo: Console):
    done = prove(demo, "--dataset", "demo", "--json", rules=RULES)
    assert done.code == 0, done.out + done.err
    figures = {name: found["figures"] for name, found in done.certificates.items()}
    assert list(figures) == list(PROOFS)
    assert figures["causality"]["cuts"] == 20
    assert figures["null"]["seeds"] == 200
    assert figures["null"]["low"] < 0.0 < figures["null"]["high"]
    assert figures["conservation"]["unexplained_micros"] == 0
    assert figures["implementation_band"]["lowest"] < figures["implementation_band"]["highest"]
    assert figures["reproducibility"]["different"] == ""


@needs_shared
def test_real_prices_with_corporate_actions(console: Console):
    """Cuts among real splits and dividends; the names of one letter keep it short."""
    import polars as pl

    folder = SHARED / "us_raw_daily_2015_2017"
    some = pl.col("symbol").str.starts_with("A") & (pl.col("symbol").str.len_chars() <= 3)
    for name in ("ohlcv_raw", "actions"):
        table = pl.read_parquet(folder / f"{name}.parquet").filter(some)
        table.write_parquet(console.home / f"{name}.parquet")
    paths = [str(Path(console.home / f"{name}.parquet")) for name in ("ohlcv_raw", "actions")]
    words = ["--source", "file", "--path", paths[0], "--actions", paths[1]]
    sync(console, *words, "--price-basis", "raw", "--dataset", "us")
    only = ("--only", "causality,conservation,null", "--seeds", "60")
    done = prove(console, "--dataset", "us", "--json", *only, rules=RULES)
    assert done.code == 0, done.out + done.err
    account = done.certificates["conservation"]["figures"]
    assert account["unexplained_micros"] == 0
