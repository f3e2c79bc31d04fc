"""Every row of the table is the single run with the same settings."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import polars as pl
import pytest

from quant_core.performance.sharpe_inference import SharpeSample, deflated_sharpe_ratio
from tests.jobs.console import BACKTEST, Console
from tests.sweeps.conftest import BASE, GRID, Sweeps

SAME = (
    *("total_return", "cagr", "annual_volatility", "sharpe", "max_drawdown", "calmar"),
    "annual_turnover",
)
"""Metrics of a run that stand in the table, the same number."""


def single_run(console: Console, overrides: list[str]) -> Path:
    words = [word for line in overrides for word in ("--set", line)]
    ran = console.run(BACKTEST, "--no-report", "--json", *words)
    assert ran.code == 0, ran.err
    return Path(str(ran.document["path"]))


def compare(row: dict[str, object], folder: Path) -> None:
    """A row of the table against the folder of its run."""
    assert row["status"] == "done", row["error"]
    assert row["run_id"] == folder.name
    equity = pl.read_parquet(folder / "equity.parquet")
    assert row["final_equity"] == equity["equity"][-1]
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert {name: row[name] for name in SAME} == {name: metrics[name]["value"] for name in SAME}
    fills = pl.read_parquet(folder / "fills.parquet")
    costs = fills["commission"].sum() + fills["slippage_cost"].sum()
    assert row["total_costs"] == costs
    ended = pl.read_parquet(folder / "orders.parquet")["status"].to_list()
    assert row["orders_filled"] == ended.count("filled")
    assert row["orders_truncated"] == ended.count("truncated")


class TestReference:
    def test_a_grid_of_the_linear_strategy(self, sweeps: Sweeps):
        assert sweeps.run("--workers", "2").code == 0
        table = sweeps.table()
        assert table.height == 18
        for row in table.rows(named=True)[::3]:
            lines = [line.replace("{lookback}", str(row["lookback"])) for line in BASE]
            lines += [f"strategy.top_k={row['strategy.top_k']}"]
            lines += [f"rebalance.every={row['rebalance.every']}"]
            compare(row, single_run(sweeps.console, lines))

    @pytest.mark.parametrize(
        ("axis", "settings"),
        [
            ("strategy.linear.weighting=[score]", ()),
            ("strategy.type=[equal_weight]", ()),
            ("strategy.risk.stop_loss_pct=[0.02]", ("strategy.risk.max_pos_weight=0.4",)),
            ("strategy.risk.max_drawdown_pct=[0.02]", ("strategy.risk.breaker_cooldown=5",)),
            ("execution.impact.model=[half_spread]", ("execution.impact.spread=0.002",)),
            ("execution.price=[close]", ()),
            ("short.allowed=[true]", ("strategy.linear.short_names=1",)),
            ("execution.commission.model=[ibkr_tiered]", ()),
        ],
    )
    def test_other_strategies_and_settings(self, sweeps: Sweeps, axis: str, settings):
        lines = ['strategy.linear.weights={"close / delay(close, 2) - 1": 1.0}', *BASE[1:]]
        lines += [*settings, "strategy.top_k=2", "rebalance.every=2"]
        if axis.startswith("short"):
            lines.append("strategy.linear.short_exposure=0.3")
        ran = sweeps.run("--workers", "1", grid=[axis], settings=lines)
        assert ran.code == 0, ran.err
        (row,) = sweeps.table().rows(named=True)
        key = axis.partition("=")[0]
        value = axis.partition("[")[2].rstrip("]")
        compare(row, single_run(sweeps.console, [*lines, f"{key}={value}"]))


class TestExamples:
    def test_the_folder(self, sweeps: Sweeps):
        ran = sweeps.run("--json", "--workers", "1")
        folder = sweeps.folder()
        assert ran.document["path"] == str(folder)
        assert sorted(path.name for path in folder.iterdir()) == [
            *("config.yaml", "finished.jsonl", "manifest.json", "sweep.csv", "sweep.parquet")
        ]
        table = sweeps.table()
        with (folder / "sweep.csv").open(encoding="utf-8") as stream:
            lines = list(csv.DictReader(stream))
        assert list(lines[0]) == table.columns
        assert lines[4]["final_equity"] == str(table["final_equity"][4])
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        document = {k: v for k, v in ran.document.items() if k != "warnings"}
        assert {name: manifest[name] for name in document} == document
        assert manifest["engine"] == "local"

    def test_the_best_and_how_far_to_trust_it(self, sweeps: Sweeps):
        ran = sweeps.run("--json", "--workers", "1")
        table = sweeps.table()
        best = table.sort("sharpe", descending=True, nulls_last=True).row(0, named=True)
        told = ran.document["best"]
        assert isinstance(told, dict)
        assert (told["number"], told["sharpe"]) == (best["number"], best["sharpe"])
        assert told["values"]["lookback"] == str(best["lookback"])
        ratios = table["session_sharpe"]
        sample = SharpeSample(
            best["session_sharpe"], best["skewness"], best["kurtosis"], best["observations"]
        )
        expected = deflated_sharpe_ratio(sample, trials=18, variance=float(ratios.var()))
        assert ran.document["deflated_sharpe"] == pytest.approx(expected, rel=1e-12)
        assert ran.document["trials"] == 18
        spread = ran.document["sharpe"]
        assert isinstance(spread, dict)
        assert spread["median"] == pytest.approx(table["sharpe"].median())
        assert (spread["least"], spread["most"]) == (table["sharpe"].min(), table["sharpe"].max())
        assert ran.document["share_above_zero"] == (table["sharpe"] > 0).mean()
        assert "highest of many tries" in str(ran.document["warnings"])

    def test_bad_combinations_are_rows(self, sweeps: Sweeps):
        grid = [
            "strategy.top_k=[0, 2]",
            "lookback=[2, 'x(']",
            "strategy.linear.weighting=[equal, cap]",
        ]
        ran = sweeps.run("--json", "--workers", "1", grid=grid)
        assert ran.code == 0, ran.err
        table = sweeps.table()
        by_cell = {
            (row["strategy.top_k"], row["lookback"], row["strategy.linear.weighting"]): row
            for row in table.rows(named=True)
        }
        assert by_cell[2, "2", "equal"]["status"] == "done"
        assert "strategy.top_k" in by_cell[0, "2", "equal"]["error"]
        assert by_cell[2, "2", "cap"]["status"] == "refused"
        assert "cap" in by_cell[2, "2", "cap"]["error"]
        assert by_cell[2, "'x('", "equal"]["status"] == "refused"
        assert (ran.document["done"], ran.document["refused"]) == (1, 7)
        refused = table.filter(pl.col("status") == "refused")
        assert refused["run_id"].null_count() == refused["final_equity"].null_count() == 7


class TestRefusals:
    def test_the_grid_and_the_settings_at_once(self, sweeps: Sweeps):
        ran = sweeps.run(grid=["days=[1]", "strategy.top_k=[]"], settings=["execution.lott=5"])
        sweeps.console.refused(ran, 2, "not a list of values", "unknown key 'lott'")
        ran = sweeps.run(grid=["days=[1]"], settings=["execution.lott=5"])
        sweeps.console.refused(ran, 2, "nothing holds it in braces: 'days'", "unknown key 'lott'")

    def test_an_unknown_key_of_the_grid(self, sweeps: Sweeps):
        ran = sweeps.run(grid=["strategy.topk=[1, 2]", *GRID[:1]])
        sweeps.console.refused(ran, 2, "unknown key 'topk'", "did you mean strategy.top_k?")

    def test_no_grid(self, sweeps: Sweeps):
        sweeps.console.refused(sweeps.run(grid=[], settings=[]), 2, "the grid has no axis")

    def test_no_worker(self, sweeps: Sweeps):
        sweeps.console.refused(sweeps.run("--workers", "0"), 2, "at least one worker is needed")

    def test_no_dataset(self, sweeps: Sweeps):
        ran = sweeps.run("--dataset", "nowhere")
        assert (ran.code, ran.out) != (0, "")
