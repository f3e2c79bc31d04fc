"""``run_backtest.py --gap-stress``: the same run under other prices."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_core.foundation.panel import Axes
from quant_core.jobs import backtest
from quant_core.jobs import gap_stress as job
from quant_core.jobs.gap_stress import reference_prices
from quant_core.trading.actions import Dividend, Rename, Rights, Split
from tests.jobs.console import Console
from tests.jobs.market import FIRST, Row, write_csv

SCENARIOS = 12
STRESS = ("--gap-stress", "--gap-scenarios", str(SCENARIOS))
QUANTITIES = {
    "truncated_notional",
    "truncated_orders",
    "lowest_cash",
    "lowest_cash_fraction",
    "final_equity",
}


def table_of(console: Console) -> pl.DataFrame:
    (folder,) = console.results.iterdir()
    return pl.read_parquet(folder / "gap_stress.parquet")


def gapping_rows(gap: float, days: int = 40) -> list[Row]:
    """Two names that open ``gap`` above the close before and give it back by the close."""
    made: list[Row] = []
    for symbol, level in (("AAA", 50.0), ("BBB", 20.0)):
        close = level
        for number in range(days):
            opened = close * (1 + gap)
            close = level * (1 + 0.01 * (number % 3))
            prices = {"open": opened, "close": close}
            bounds = {"high": max(opened, close), "low": min(opened, close)}
            cells = {name: f"{value:.4f}" for name, value in (prices | bounds).items()}
            day = (FIRST + timedelta(days=number)).isoformat()
            made.append(
                {"symbol": symbol, "date": day, "volume": "900000", "delisted": "", **cells}
            )
    return made


class TestCommand:
    def test_document_table_and_report(self, console: Console):
        ran = console.run(
            "run_backtest.py", "--strategy", "equal_weight", "--json", *STRESS, "--capital", "50000"
        )
        told = ran.document["gap_stress"]
        assert isinstance(told, dict)
        assert (told["scenarios"], told["shock"]) == (SCENARIOS, 0.05)
        assert set(told["shocks"]) == {"up", "down", "against"}
        assert set(told["bootstrap"]) == set(told["as_traded"]) == QUANTITIES
        for found in told["bootstrap"].values():
            values = [found[place] for place in ("min", "p05", "median", "p95", "max")]
            assert values == sorted(values)
        table = table_of(console)
        assert table["scenario"].to_list()[:4] == ["as_traded", "up", "down", "against"]
        assert table["number"].to_list() == [0, 0, 0, 0, *range(1, SCENARIOS + 1)]
        assert table.height == SCENARIOS + 4
        page = Path(str(ran.document["report"])).read_text("utf-8")
        assert '<section id="gap-stress">' in page
        assert '<section id="capacity">' in page

    def test_the_same_seed_gives_the_same_scenarios(self, console: Console):
        documents = [console.backtest("--json", *STRESS).document for _ in range(2)]
        assert documents[0]["gap_stress"] == documents[1]["gap_stress"]
        more = console.backtest("--json", "--gap-stress", "--gap-scenarios", "14").document
        first = table_of(console).filter(pl.col("scenario") == "bootstrap")
        assert first.height == 14
        assert more["gap_stress"] != documents[0]["gap_stress"]
        other = console.backtest("--json", *STRESS, "--set", "random_seed=8").document
        assert other["gap_stress"] != documents[0]["gap_stress"]

    def test_every_result_of_the_run_itself_stays_as_it_is(self, console: Console):
        plain = console.backtest("--json").document
        (folder,) = console.results.iterdir()
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        stressed = console.backtest("--json", *STRESS).document
        assert stressed["metrics"] == plain["metrics"]
        after = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert set(after) - set(before) == {"gap_stress.parquet"}
        changed = {name for name in before if before[name] != after[name]}
        assert changed <= {"manifest.json"}

    def test_summary(self, console: Console):
        ran = console.backtest(*STRESS)
        lines = ran.out.splitlines()
        start = lines.index("Gap stress")
        table = lines[start + 1 : start + 11]
        assert len({len(line) for line in table}) == 1
        assert "drawn gaps: median" in ran.out

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (("--gap-scenarios", "0"), "number of gap scenarios"),
            (("--gap-scenarios", "1.5"), "--gap-scenarios"),
            (("--gap-shock", "0"), "gap shock"),
            (("--gap-shock", "nan"), "gap shock"),
            (("--gap-shock", "1"), "gap shock"),
        ],
    )
    def test_refusals(self, console: Console, words: tuple[str, str], problem: str):
        console.refused(console.backtest("--gap-stress", *words), 2, problem)
        assert not console.results.exists()


class TestPlantedGaps:
    """Every night the market gaps by +20 %, and no cash is held back."""

    @pytest.fixture
    def table(self, console: Console) -> pl.DataFrame:
        path = write_csv(console.home / "gaps.csv", gapping_rows(0.2))
        assert console.sync("--path", str(path), "--dataset", "gaps").code == 0
        words = ["--dataset", "gaps", "--set", "execution.cash_buffer=0", "--capital", "10000"]
        words += ["--set", "rebalance={every: 5}", "--set", "execution.participation_cap=null"]
        assert console.backtest(*words, *STRESS).code == 0
        return table_of(console)

    def test_every_drawn_scenario_is_truncated(self, table: pl.DataFrame):
        drawn = table.filter(pl.col("scenario") == "bootstrap")
        assert drawn["truncated_orders"].min() >= 1
        # The first purchase alone lacks a fifth of what it would cost.
        assert float(drawn["truncated_notional"].min()) > 0.15 * 10_000
        assert (drawn["truncated_notional"] <= drawn["requested_notional"]).all()

    def test_cash_is_never_below_zero(self, table: pl.DataFrame):
        assert float(table["lowest_cash"].min()) >= 0.0
        assert table["lowest_cash_fraction"].min() >= 0.0

    def test_gaps_down_leave_cash(self, table: pl.DataFrame):
        cut = dict(zip(table["scenario"], table["truncated_notional"], strict=True))
        assert cut["down"] < cut["as_traded"] < cut["up"]


class TestInterruption:
    def test_the_run_itself_is_kept(self, console: Console, monkeypatch):
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(backtest, "run_gap_stress", interrupted)
        ran = console.backtest(*STRESS)
        assert (ran.code, ran.out) == (130, "")
        (folder,) = console.results.iterdir()
        names = {path.name for path in folder.iterdir()}
        assert {"equity.parquet", "metrics.json", "manifest.json"} <= names
        assert "gap_stress.parquet" not in names
        metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
        assert metrics["total_return"]["value"] is not None

    def test_an_earlier_stress_stays_when_a_later_one_is_interrupted(
        self, console: Console, monkeypatch
    ):
        assert console.backtest(*STRESS).code == 0
        before = table_of(console)
        real, done = job.gap_outcome, []

        def second_fails(*words):
            done.append(words)
            if len(done) == 6:
                raise KeyboardInterrupt
            return real(*words)

        monkeypatch.setattr(job, "gap_outcome", second_fails)
        assert console.backtest("--gap-stress", "--gap-scenarios", "30").code == 130
        assert table_of(console).equals(before)

    def test_a_new_report_without_stress_leaves_no_old_table(self, console: Console):
        words = ("run_backtest.py", "--strategy", "equal_weight")
        assert console.run(*words, *STRESS).code == 0
        assert console.run(*words).code == 0
        (folder,) = console.results.iterdir()
        assert not (folder / "gap_stress.parquet").exists()
        assert "gap-stress" not in (folder / "report.html").read_text("utf-8")


class TestReference:
    AXES = Axes(
        np.array(["2024-01-02", "2024-01-03", "2024-01-04"], dtype="datetime64[D]"),
        ("A", "B", "C", "D"),
    )
    CLOSE = np.array([[100.0, 50.0, 10.0, np.nan], [52.0, 50.0, 10.0, 7.0], [1.0, 1.0, 1.0, 1.0]])

    def test_it_is_the_close_before(self):
        found = reference_prices(self.AXES, self.CLOSE, {})
        assert np.isnan(found[0]).all()
        assert found[2].tolist() == [52.0, 50.0, 10.0, 7.0]
        assert np.isnan(found[1, 3])

    def test_corporate_actions_are_no_gaps(self):
        actions = {
            1: (
                Split("A", 2.0),
                Dividend("A", 4_000_000, 2),
                Rights("B", 0.5, 20_000_000),
                Rename("C", "D"),
            ),
            2: (Dividend("C", 99_000_000, 2), Split("unknown", 2.0)),
        }
        found = reference_prices(self.AXES, self.CLOSE, actions)
        # A: (100 - 4) / 2; B: (50 + 0.5 * 20) / 1.5; D goes on from C.
        assert found[1].tolist() == [48.0, 40.0, 10.0, 10.0]
        assert np.isnan(found[2, 2])
