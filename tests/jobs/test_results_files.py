"""The folder of a run, read as a stranger would: columns, types, identities, repetition."""

from __future__ import annotations

import csv
import itertools
import json
import math
import shutil
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import polars as pl
import pytest

from tests.jobs.console import Console
from tests.jobs.market import DAYS, HALTED, LAST_OF_GONE

MONEY = pl.Decimal(18, 6)
COLUMNS = {
    "equity": {
        "date": pl.Date,
        "equity": MONEY,
        "cash": MONEY,
        "invested": MONEY,
        "receivable": MONEY,
        "drawdown": pl.Float64,
        "benchmark": MONEY,
    },
    "orders": {
        "date": pl.Date,
        "symbol": pl.String,
        "side": pl.String,
        "requested": pl.Int64,
        "filled": pl.Int64,
        "status": pl.String,
        "reason": pl.String,
        "signal_price": MONEY,
        "open_price": MONEY,
        "cash_before": MONEY,
    },
    "fills": {
        "date": pl.Date,
        "symbol": pl.String,
        "side": pl.String,
        "shares": pl.Int64,
        "fill_price": MONEY,
        "notional": MONEY,
        "commission": MONEY,
        "slippage_cost": MONEY,
    },
    "positions": {
        "date": pl.Date,
        "symbol": pl.String,
        "shares": pl.Int64,
        "mark": MONEY,
        "value": MONEY,
        "weight": pl.Float64,
        "average_cost": MONEY,
        "stale": pl.Boolean,
    },
}
SLIPPAGE = "0.0005"
CAPITAL = 50_000
RULES = (
    "execution.cash_buffer=0.0",
    f"execution.slippage={SLIPPAGE}",
    "execution.commission={model: bps, rate: 0.001, minimum: 1.0}",
    "execution.delisting_return=-0.3",
    "rebalance={every: 5}",
    "strategy.risk.stop_loss_pct=0.08",
    "strategy.risk.max_drawdown_pct=0.08",
    "strategy.risk.breaker_cooldown=10",
)
"""Everything that moves cash happens: truncations, stops, a breaker, a delisting, a halt."""

Money: TypeAlias = dict[date, int]


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a run."""

    path: Path

    def table(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.path / f"{name}.parquet")

    def document(self, name: str) -> dict[str, dict[str, object]]:
        return json.loads((self.path / f"{name}.json").read_text("utf-8"))

    def micros(self, name: str) -> pl.DataFrame:
        """A table with its money as whole micros."""
        exact = pl.col(MONEY).cast(pl.Decimal(38, 6)) * 1_000_000
        return self.table(name).with_columns(exact.cast(pl.Int64))


def start(console: Console, *words: str) -> Folder:
    settings = [word for rule in RULES for word in ("--set", rule)]
    ran = console.backtest("--capital", str(CAPITAL), *settings, "--json", *words)
    assert ran.code == 0, ran.err
    return Folder(Path(str(ran.document["path"])))


@pytest.fixture
def run(console: Console) -> Folder:
    return start(console)


def test_the_run_has_every_event_the_identities_are_about(run: Folder):
    reasons = set(run.table("orders")["reason"].drop_nulls())
    kinds = set(run.table("incidents")["kind"])
    assert {"truncated_cash", "expired_halted"} <= reasons
    assert {"stop_loss", "drawdown_breaker", "re_entry", "delisting"} <= kinds


class TestFiles:
    def test_names(self, console: Console):
        names = {path.name for path in start(console).path.iterdir()}
        tables = {f"{name}.parquet" for name in (*COLUMNS, "incidents")}
        assert names == tables | {"config.yaml", "manifest.json", "metrics.json"}
        assert [path.name for path in console.results.iterdir() if path.name.startswith(".")] == []

    @pytest.mark.parametrize("name", COLUMNS)
    def test_columns_and_types(self, run: Folder, name: str):
        assert dict(run.table(name).schema) == COLUMNS[name]

    def test_no_float_holds_money_in_json(self, console: Console):
        ran = console.backtest("--json")
        assert console.results / str(ran.document["run_id"]) == Path(str(ran.document["path"]))
        assert ran.document["metrics"] == Folder(Path(str(ran.document["path"]))).document(
            "metrics"
        )


class TestIdentities:
    """Recomputed from the files alone, in whole micros."""

    def test_cash_of_every_session(self, run: Folder):
        fills = run.micros("fills").with_columns(
            flow=pl.when(pl.col("side") == "sell")
            .then(pl.col("notional"))
            .otherwise(-pl.col("notional"))
            - pl.col("commission")
        )
        traded = dict(fills.group_by("date").agg(pl.sum("flow")).iter_rows())
        incidents = run.micros("incidents").group_by("date").agg(pl.sum("cash_flow"))
        paid = dict(incidents.iter_rows())
        cash = CAPITAL * 1_000_000
        for day, stated in run.micros("equity").select("date", "cash").iter_rows():
            cash += traded.get(day, 0) + paid.get(day, 0)
            assert stated == cash >= 0, day
        assert any(paid.values())

    def test_equity_of_every_session(self, run: Folder):
        positions = run.micros("positions")
        assert (positions["shares"] * positions["mark"]).equals(positions["value"])
        held = dict(positions.group_by("date").agg(pl.sum("value")).iter_rows())
        for row in run.micros("equity").iter_rows(named=True):
            assert row["invested"] == held.get(row["date"], 0)
            assert row["equity"] == row["cash"] + row["invested"] + row["receivable"]

    def test_shares_are_what_the_fills_left(self, run: Folder):
        fills = run.table("fills").iter_rows(named=True)
        signed = [
            (f["date"], f["symbol"], f["shares"] * (1 - 2 * (f["side"] == "sell"))) for f in fills
        ]
        delisted = set(
            run.table("incidents").filter(kind="delisting").select("symbol", "date").iter_rows()
        )
        positions = run.table("positions").select("date", "symbol", "shares").iter_rows()
        stated = {(day, symbol): shares for day, symbol, shares in positions}
        held: dict[str, int] = {}
        for day in run.table("equity")["date"]:
            for _, symbol, shares in (fill for fill in signed if fill[0] == day):
                held[symbol] = held.get(symbol, 0) + shares
            for symbol in [symbol for symbol in held if (symbol, day) in delisted]:
                del held[symbol]
            book = {symbol: shares for (when, symbol), shares in stated.items() if when == day}
            assert book == {symbol: shares for symbol, shares in held.items() if shares}

    def test_fill_prices_are_the_open_and_the_slippage(self, console: Console, run: Folder):
        with (console.home / "prices.csv").open(newline="") as stream:
            opens = {(row["symbol"], row["date"]): row["open"] for row in csv.DictReader(stream)}
        for fill in run.micros("fills").iter_rows(named=True):
            opened = float(opens[fill["symbol"], str(fill["date"])])
            direction = 1 if fill["side"] == "buy" else -1
            price = round(opened * (1 + direction * float(SLIPPAGE)) * 1e6)
            assert fill["fill_price"] == price
            assert fill["notional"] == fill["shares"] * price
            assert fill["commission"] == max(round(0.001 * fill["notional"]), 1_000_000)
            assert fill["slippage_cost"] == fill["shares"] * abs(price - round(opened * 1e6))

    def test_orders_and_fills_agree(self, run: Folder):
        orders = run.table("orders").filter(pl.col("filled") > 0)
        fills = run.table("fills")
        keys = ["date", "symbol", "side"]
        assert orders.select(*keys, "filled").rows() == fills.select(*keys, "shares").rows()
        whole = run.table("orders").filter(status="filled")
        assert (whole["filled"] == whole["requested"]).all()
        assert whole["reason"].null_count() == len(whole)

    def test_drawdown_is_the_distance_from_the_highest_equity(self, run: Folder):
        peak = Fraction(CAPITAL * 1_000_000)
        for row in run.micros("equity").iter_rows(named=True):
            peak = max(peak, row["equity"])
            assert row["drawdown"] == pytest.approx(float(row["equity"] / peak - 1), abs=1e-12)

    def test_the_dead_and_the_halted(self, run: Folder):
        incidents = run.table("incidents").filter(kind="delisting")
        assert incidents["date"].to_list() == [LAST_OF_GONE]
        positions = run.table("positions").filter(symbol="GONE")
        assert positions["date"].max() < LAST_OF_GONE
        halted = run.table("orders").filter(reason="expired_halted")
        assert halted.select("date", "symbol", "filled", "open_price").rows() == [
            (HALTED, "HALT", 0, None)
        ]


class TestRepetition:
    SAME = ("equity.parquet", "fills.parquet", "incidents.parquet", "metrics.json")
    SAME += ("orders.parquet", "positions.parquet")

    def test_two_runs_are_the_same_bytes(self, console: Console):
        first = start(console, "--output", str(console.home / "one"))
        second = start(console, "--output", str(console.home / "two"))
        assert first.path.name == second.path.name
        for name in self.SAME:
            assert (first.path / name).read_bytes() == (second.path / name).read_bytes(), name

    def test_a_second_run_replaces_the_first_whole(self, console: Console):
        first = start(console)
        (first.path / "stranger.txt").touch()
        second = start(console)
        assert first.path == second.path
        assert not (first.path / "stranger.txt").exists()
        assert [path.name for path in console.results.iterdir()] == [first.path.name]

    def test_the_configuration_can_be_read_again(self, console: Console):
        first = start(console)
        shutil.copy(first.path / "config.yaml", console.settings / "backtest.yaml")
        ran = console.run("run_backtest.py", "--no-report", "--json")
        assert ran.code == 0, ran.err
        assert ran.document["run_id"] == first.path.name

    def test_another_setting_is_another_run(self, console: Console):
        first = start(console)
        other = start(console, "--set", "execution.slippage=0.001")
        moved = start(console, "--output", str(console.home / "elsewhere"))
        hashes = [folder.document("manifest")["config_hash"] for folder in (first, other, moved)]
        assert hashes[0] == hashes[2] != hashes[1]
        assert first.path.name == moved.path.name != other.path.name


class TestManifest:
    def test_hashes_versions_and_seed(self, run: Folder):
        manifest = run.document("manifest")
        assert manifest["run_id"] == run.path.name
        hashes = [manifest["config_hash"], manifest["code_hash"]]
        assert all(len(text) == 64 and int(text, 16) >= 0 for text in map(str, hashes))
        assert manifest["data"]["dataset"] == "toy"
        assert len(str(manifest["data"]["version"])) == 16
        assert manifest["data"]["price_basis"] == "raw"
        assert {"python", "numpy", "polars", "numba", "duckdb"} <= set(manifest["versions"])
        assert isinstance(manifest["seed"], int)
        assert set(manifest["seconds"]) >= {"prepare", "trade", "report"}

    def test_other_data_are_another_version(self, console: Console, run: Folder):
        later = [f"NEW,{day},9,9.5,8.5,9.{day.day:02d},100," for day in DAYS]
        extra = console.home / "extra.csv"
        extra.write_text("\n".join(["symbol,date,open,high,low,close,volume,delisted", *later, ""]))
        assert console.sync("--path", str(extra)).code == 0
        other = start(console)
        before, after = (folder.document("manifest")["data"] for folder in (run, other))
        assert before["version"] != after["version"]
        assert run.path.name != other.path.name


class TestMetrics:
    def test_every_number_states_its_unit_and_convention(self, run: Folder):
        metrics = run.document("metrics")
        assert {tuple(metric) for metric in metrics.values()} == {("value", "unit", "convention")}
        assert [name for name, metric in metrics.items() if not metric["convention"]] == []
        assert "x sqrt(252)" in str(metrics["sharpe"]["convention"])
        assert "arithmetic mean" in str(metrics["sharpe"]["convention"])
        assert "risk-free 0.00% a year" in str(metrics["sharpe"]["convention"])
        assert "geometric" in str(metrics["cagr"]["convention"])

    @pytest.mark.parametrize("rate", [0.0, 0.03])
    def test_sharpe_and_growth_from_the_equity_file(self, console: Console, rate: float):
        folder = start(console, "--set", f"backtest.risk_free_rate={rate}")
        table = folder.table("equity")
        equity = [float(CAPITAL), *table["equity"].cast(pl.Float64)]
        returns = [later / before - 1 for before, later in itertools.pairwise(equity)]
        daily = (1 + rate) ** (1 / 252) - 1
        mean = sum(returns) / len(returns) - daily
        spread = math.sqrt(sum((r - daily - mean) ** 2 for r in returns) / (len(returns) - 1))
        days = (table["date"][-1] - table["date"][0]).days
        expected = {
            "sharpe": mean / spread * math.sqrt(252),
            "annual_volatility": spread * math.sqrt(252),
            "total_return": equity[-1] / equity[0] - 1,
            "cagr": (equity[-1] / equity[0]) ** (365.25 / days) - 1,
            "max_drawdown": table["drawdown"].min(),
            "total_costs": float(
                sum(folder.table("fills").select("commission", "slippage_cost").sum().row(0))
            ),
        }
        metrics = folder.document("metrics")
        for name, value in expected.items():
            assert metrics[name]["value"] == pytest.approx(value, rel=1e-9), name


class TestBenchmark:
    @pytest.mark.parametrize(
        ("name", "known"), [("AAA", True), ("equal_weight", True), ("none", False)]
    )
    def test_column(self, console: Console, name: str, known: bool):
        folder = start(console, "--set", f"data.benchmark={name}")
        column = folder.table("equity")["benchmark"]
        assert (column.null_count() == 0) is known
        assert ("beta" in folder.document("metrics")) is known

    def test_one_that_begins_later_says_so(self, console: Console):
        late = [f"NEW,{day},9,9.5,8.5,9.{day.day:02d},100," for day in DAYS[30:]]
        extra = console.home / "extra.csv"
        extra.write_text("\n".join(["symbol,date,open,high,low,close,volume,delisted", *late, ""]))
        assert console.sync("--path", str(extra)).code == 0
        ran = console.backtest("--set", "data.benchmark=NEW", "--json")
        note = f"the benchmark NEW has no return before {DAYS[31]}; until then it counts as cash"
        assert note in ran.document["notes"]
        assert f"warning: {note}\n" in ran.err
        column = Folder(Path(str(ran.document["path"]))).table("equity")["benchmark"]
        assert column.null_count() == 30

    def test_a_symbol_is_bought_at_the_close_before_the_run(self, console: Console):
        folder = start(console, "--set", "data.benchmark=BBB")
        with (console.home / "prices.csv").open(newline="") as stream:
            lines = [row for row in csv.DictReader(stream) if row["symbol"] == "BBB"]
        closes = [float(row["close"]) for row in lines]
        held = folder.table("equity")["benchmark"].cast(pl.Float64).to_list()
        assert held == pytest.approx([CAPITAL * c / closes[0] for c in closes[1:]], rel=1e-9)


@pytest.mark.parametrize(
    ("start_day", "first"), [("2020-01-15", "2020-01-15"), ("2019-05-01", "2020-01-02")]
)
def test_a_start_before_the_data_is_the_first_session_that_can_trade(
    console: Console, start_day: str, first: str
):
    table = start(console, "--start", start_day).table("equity")
    assert str(table["date"][0]) == first
