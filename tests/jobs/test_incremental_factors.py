"""Factors follow the data: nothing, the tail, or everything is computed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from config import load_settings
from quant_core.data.factor_store import FactorStore
from quant_core.data.sources.demo import DemoOptions, DemoSource
from quant_core.data.warehouse import Warehouse
from quant_core.factors.library import resolve
from quant_core.jobs import compute_command, sync_command
from quant_core.jobs.command_line import run_command
from quant_core.jobs.factor_source import SnapshotSource

FACTORS = ("momentum_20", "rank(close)", "ts_std(returns, 10)", "ts_ema(close, 5)")


@pytest.fixture(scope="module")
def prices() -> pl.DataFrame:
    return DemoSource(DemoOptions(stocks=12, etfs=0, sessions=120)).read().prices


def sync(root: Path, prices: pl.DataFrame, *flags: str) -> None:
    path = root / "prices.parquet"
    root.mkdir(exist_ok=True)
    prices.write_parquet(path)
    arguments = ["--source", "file", "--path", str(path), "--dataset", "d", "--price-basis", "raw"]
    assert run_command(sync_command.COMMAND, [*arguments, *flags, *at(root)], load_settings) == 0


def compute(root: Path, capsys) -> dict[str, object]:
    arguments = ["--dataset", "d", "--json", *at(root)]
    for factor in FACTORS:
        arguments += ["--factor", factor]
    capsys.readouterr()
    assert run_command(compute_command.COMMAND, arguments, load_settings) == 0
    return json.loads(capsys.readouterr().out)


def at(root: Path) -> list[str]:
    return ["--set", f"data.root={root}"]


def values(root: Path) -> list[np.ndarray]:
    source = SnapshotSource(Warehouse(root).open("d"))
    store = FactorStore(source.snapshot)
    found = [store.get(source.key_of(resolve(factor))) for factor in FACTORS]
    return [np.array(matrix) for matrix in found if matrix is not None]


def test_unchanged_extended_and_recomputed(prices, tmp_path, capsys):
    days = prices["date"].unique().sort()
    early = prices.filter(pl.col("date") <= days[99])
    sync(tmp_path, early)
    assert compute(tmp_path, capsys)["computed"] == len(FACTORS)
    assert compute(tmp_path, capsys)["unchanged"] == len(FACTORS)

    sync(tmp_path, prices)
    assert compute(tmp_path, capsys)["extended"] == len(FACTORS)
    whole = tmp_path / "whole"
    sync(whole, prices)
    compute(whole, capsys)
    for extended, anew in zip(values(tmp_path), values(whole), strict=True):
        np.testing.assert_allclose(extended, anew, rtol=1e-12, equal_nan=True)
        assert np.isfinite(anew[-1]).any()

    last_symbol = prices["symbol"].max()
    touched = (pl.col("symbol") == last_symbol) & (pl.col("date") == days[50])
    revised = prices.with_columns(
        close=pl.when(touched).then(pl.col("low")).otherwise(pl.col("close"))
    )
    sync(tmp_path, revised)
    assert compute(tmp_path, capsys)["computed"] == len(FACTORS)
