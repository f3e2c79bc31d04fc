"""The command, from the data of a warehouse to the page; leaks are planted in its parts."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from config import load_settings
from quant_core.certificates import known_universe
from quant_core.data.universe import load_universe
from quant_core.jobs import factor_source
from quant_core.jobs.command_line import run_command
from quant_core.jobs.prove import PROOFS
from quant_core.jobs.prove_command import COMMAND
from quant_core.strategies.base import STRATEGIES
from quant_core.wiring import load_universe as loaded_by_wiring
from tests.certificates.small_market import HighestFactor
from tests.jobs.console import PROJECT, Console

RULES = (
    'strategy.linear.weights={"close / delay(close, 3)": 1.0}',
    "strategy.top_k=2",
    "rebalance={every: 4}",
    "backtest.capital=100000",
)
FAST = ("--only", "causality,conservation", "--cuts", "6", "--seeds", "20")


@dataclass(frozen=True)
class Proved:
    """How the command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)

    @property
    def certificates(self):
        return {c["name"]: c for c in self.document["certificates"]}


def prove(console: Console, *words: str, rules=RULES) -> Proved:
    argv = [*console.arguments("run_backtest.py"), *words]
    argv += [word for rule in rules for word in ("--set", rule)]
    console.capture.readouterr()
    code = run_command(COMMAND, argv, partial(load_settings, environment={}))
    out, err = console.capture.readouterr()
    assert "Traceback" not in out + err
    return Proved(code, out, err)


def universe_file(console: Console) -> str:
    """GONE is a member until the 40th day, CCC from the 20th on."""
    lines = ["symbol,start,end,category"]
    lines += [f"{symbol},2020-01-01,,x" for symbol in ("AAA", "BBB", "HALT")]
    lines += ["GONE,2020-01-01,2020-02-10,y", "CCC,2020-01-21,,y"]
    path = console.home / "universe.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"data.universe={path}"


class TestExamples:
    def test_everything_at_once(self, console: Console):
        done = prove(console, "--json", "--cuts", "6", "--seeds", "20")
        assert done.code == 0, done.err
        document = done.document
        assert document["passed"] is True
        assert [c["name"] for c in document["certificates"]] == list(PROOFS)
        assert all(c["passed"] for c in document["certificates"])
        page = Path(document["report"])
        assert page.parent == console.results / "certificates"
        assert page.name.startswith("production_v1-toy-")
        text = page.read_text("utf-8")
        assert text.count('class="badge good"') == 11
        assert "http" not in text
        assert "<script" not in text

    def test_a_universe_with_categories(self, console: Console):
        rule = 'strategy.linear.weights={"indneutralize(close / delay(close, 3), industry)": 1.0}'
        done = prove(console, "--json", *FAST, rules=(*RULES[1:], rule, universe_file(console)))
        assert done.code == 0, done.out + done.err
        assert done.certificates["causality"]["figures"]["orders_compared"] > 50

    def test_text(self, console: Console):
        done = prove(console, *FAST)
        assert done.code == 0
        assert "Causality: passed" in done.out
        assert done.out.rstrip().splitlines()[-1].startswith("Report: ")

    def test_the_same_page_twice(self, console: Console):
        pages = [Path(prove(console, "--json", *FAST).document["report"]) for _ in range(2)]
        assert pages[0] == pages[1]

    def test_verb(self):
        done = subprocess.run(
            [sys.executable, "-m", "quant_core", "prove", "--help"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0
        assert "--cuts" in done.stdout
        assert "python -m quant_core prove --only" in done.stdout


class TestPlantedLeaks:
    def located(self, done: Proved, stage: str) -> dict[str, object]:
        assert done.code == 1, done.out + done.err
        assert done.document["passed"] is False
        found = done.certificates["causality"]
        assert not found["passed"]
        assert found["figures"]["leak_stage"] == stage
        return found["figures"]

    def test_a_strategy(self, console: Console):
        class Peeking(HighestFactor):
            """Holds what rises most to the next close."""

            @property
            def factors(self):
                return ("close",)

            def scores(self, view):
                panel, row = view._panel, view._row
                return panel.close[row + 1] / panel.close[row]

        STRATEGIES.add("peeking", Peeking)
        try:
            rules = (*RULES[1:], "strategy.peeking={}")
            done = prove(console, "--strategy", "peeking", "--json", *FAST, rules=rules)
        finally:
            STRATEGIES.discard("peeking")
        self.located(done, "target")

    def test_a_factor(self, console: Console, monkeypatch: pytest.MonkeyPatch):
        """The engine is handed fields whose rows are those of the next session."""
        honest = factor_source.SnapshotSource.field

        def early(source, name: str):
            values = honest(source, name)
            return np.vstack([values[1:], values[-1:]])

        monkeypatch.setattr(factor_source.SnapshotSource, "field", early)
        figures = self.located(prove(console, "--json", *FAST), "factor")
        assert figures["leak_name"] == "close / delay(close, 3)"

    def test_a_neutralisation(self, console: Console, monkeypatch: pytest.MonkeyPatch):
        """Fields are standardised by mean and deviation of the whole sample."""
        honest = factor_source.SnapshotSource.field

        def standardised(source, name: str):
            values = honest(source, name)
            return (values - np.nanmean(values)) / np.nanstd(values) + 10

        monkeypatch.setattr(factor_source.SnapshotSource, "field", standardised)
        figures = self.located(prove(console, "--json", *FAST), "factor")
        assert figures["leak_first_session"] == "2020-01-04"

    def test_a_universe(self, console: Console, monkeypatch: pytest.MonkeyPatch):
        """Whoever is a member in the end is taken for one from the beginning."""
        assert loaded_by_wiring is load_universe

        def survivors(path: Path, axes):
            found = load_universe(path, axes)
            return replace(found, member=np.tile(found.member[-1], (len(found.member), 1)))

        monkeypatch.setattr("quant_core.wiring.load_universe", survivors)
        monkeypatch.setattr(known_universe, "load_universe", survivors)
        rules = (*RULES, universe_file(console))
        figures = self.located(prove(console, "--json", *FAST, rules=rules), "universe")
        assert figures["leak_symbol"] in ("CCC", "GONE")

    def test_what_a_person_reads(self, console: Console, monkeypatch: pytest.MonkeyPatch):
        honest = factor_source.SnapshotSource.field
        monkeypatch.setattr(
            factor_source.SnapshotSource,
            "field",
            lambda source, name: np.roll(honest(source, name), -1, axis=0),
        )
        done = prove(console, *FAST)
        assert done.code == 1
        assert "Causality: FAILED" in done.out
        assert "do not trust this run: Causality failed" in done.out
        page = Path(done.out.rstrip().rpartition("Report: ")[2]).read_text("utf-8")
        assert "Where it leaks" in page
        assert 'class="badge bad"' in page


class TestKnownUniverse:
    def axes(self):
        from tests.certificates.small_market import axes

        return axes(10, 3)

    def test_intervals(self, tmp_path: Path):
        path = tmp_path / "u.csv"
        path.write_text(
            "Ticker,from,to,sector\nS0,2024-01-01,2024-01-08,a\nS1,2024-01-06,,b\nS2,2024-01-01,,c\n"
        )
        known = known_universe.universe_known_at(path, self.axes(), self.axes().sessions[4].item())
        assert known.member.all(axis=0).tolist() == [True, False, True]
        assert not known.member[:, 1].any()
        later = known_universe.universe_known_at(path, self.axes(), self.axes().sessions[8].item())
        assert np.array_equal(later.member, load_universe(path, self.axes()).member)

    def test_snapshots(self, tmp_path: Path):
        path = tmp_path / "u.csv"
        path.write_text("snapshot_date,symbol\n2024-01-02,S0\n2024-01-05,S1\n2024-01-05,S2\n")
        known = known_universe.universe_known_at(path, self.axes(), self.axes().sessions[2].item())
        assert known.member.tolist() == [[False] * 3] + [[True, False, False]] * 9

    def test_before_anybody_is_a_member(self, tmp_path: Path):
        path = tmp_path / "u.csv"
        path.write_text("symbol,start,end\nS0,2024-01-06,\n")
        known = known_universe.universe_known_at(path, self.axes(), self.axes().sessions[2].item())
        assert not known.member.any()


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (("--only", "causalty"), "unknown certificate"),
            (("--only", ","), "names no certificate"),
            (("--cuts", "0"), "--cuts is too small"),
            (("--seeds", "1"), "--seeds is too small"),
            (("--seed", "-1"), "--seed is too small"),
            (("--cuts", "many"), "invalid int value"),
            (("--dataset", "nowhere"), "nowhere"),
            (("--start", "2031-01-01"), "no session to trade"),
            (("--strategy", "nothing"), "nothing"),
        ],
    )
    def test_bad_input(self, console: Console, words, told: str):
        done = prove(console, *words)
        assert (done.code, done.out) == (2, "")
        assert told in done.err

    def test_a_folder_that_cannot_be_written(self, console: Console):
        (console.home / "file").write_text("")
        done = prove(console, "--output", str(console.home / "file" / "results"))
        assert done.code == 2
        assert "cannot be written" in done.err
