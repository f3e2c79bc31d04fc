"""What ``run_live_strategy.py`` tells at its end, and what it refuses at its start."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from config import load_settings
from quant_core.foundation.language import translator
from quant_core.jobs import live_command, sync_command
from quant_core.jobs.command_line import run_command
from quant_core.jobs.live_summary import summary_text, synthetic_line
from tests.notify.live_job import REPLAY, LiveJob, market_home

SAY = translator("en")
DOCUMENT = {
    "folder": "data/live",
    "session": None,
    "last_close": "2024-03-28",
    "sessions_closed": 1061,
    "equity": 1_016_600.5,
    "cash": -3.0,
    "total_pnl": 16_600.504,
    "unrealised_pnl": -120.5,
    "realised_pnl": 16_721.004,
    "engine_status": "stopped",
    "problem": "the replay has ended",
    "ended": "the replay has ended",
    "fills": 3,
    "positions": 8,
    "dataset": "demo",
    "data_version": "v1",
    "synthetic": True,
    "strategy": "p1",
    "strategy_type": "linear",
    "replay": True,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return market_home(tmp_path_factory.mktemp("live_summary"))


class TestExamples:
    def test_aligned_lines(self):
        assert summary_text(DOCUMENT, "USD", SAY).splitlines() == [
            "Dataset:                    demo  [SYNTHETIC DATA]",
            "Strategy:                   p1 (linear)",
            "Last session closed:        2024-03-28",
            "Sessions closed:            1,061",
            "Equity:                     1,016,600.50 USD",
            "Cash:                       -3.00 USD",
            "Profit and loss in total:   +16,600.50 USD",
            "Of that unrealised:         -120.50 USD",
            "Positions:                  8",
            "Fills of the last session:  3",
            "Ended because:              the replay has ended",
            "Folder:                     data/live",
        ]

    def test_what_is_not_known_is_a_dash(self):
        unknown = {**dict.fromkeys(DOCUMENT), "synthetic": False, "dataset": "d", "strategy": "p"}
        lines = summary_text(unknown, "USD", SAY).splitlines()
        assert [line.split()[-1] for line in lines[2:11]] == ["\u2013"] * 9
        assert lines[0].endswith(" d")

    def test_a_replay(self, home, capfd):
        job = LiveJob(home, capfd)
        code, out, _ = job.run(*REPLAY, "--json")
        told = json.loads(out)
        assert code == 0
        assert told["ended"] == told["problem"] == "the replay has ended"
        assert (told["dataset"], told["synthetic"], told["replay"]) == ("toy", False, True)
        assert told["data_version"] and told["strategy"]
        assert told["total_pnl"] == pytest.approx(told["equity"] - 1_000_000, abs=1e-6)
        parts = told["realised_pnl"] + told["unrealised_pnl"]
        assert parts == pytest.approx(told["total_pnl"], abs=1e-6)
        code, out, err = job.run(*REPLAY, "--set", f"live.folder={home / 'told'}")
        assert code == 0, err
        assert "Ended because:              the replay has ended" in out
        assert synthetic_line(SAY) not in out

    def test_synthetic_data_are_told_at_the_start(self, tmp_path, capfd):
        words = ["--set", f"data.root={tmp_path}", "--dataset", "demo"]
        small = ["--source", "demo", "--stocks", "4", "--etfs", "1", "--sessions", "40"]
        load = partial(load_settings, environment={})
        assert run_command(sync_command.COMMAND, [*words, *small, "--json"], load) == 0
        capfd.readouterr()
        words += ["--strategy", "equal_weight", "--replay", "2000-01-01:2100-01-01"]
        assert run_command(live_command.COMMAND, words, load) == 0
        lines = capfd.readouterr().out.splitlines()
        assert synthetic_line(SAY) == lines[0]
        assert "Dataset:                    demo  [SYNTHETIC DATA]" in lines
        assert synthetic_line(SAY) in (tmp_path / "live" / "live.log").read_text("utf-8")


class TestRefusals:
    @pytest.mark.parametrize(
        ("stretch", "words"),
        [
            ("2024-03-28:2024-01-02", ["--replay starts after its end", "2024-01-02:2024-03-28"]),
            ("2024-13-02:2024-01-03", ["--replay: '2024-13-02' is no date"]),
            ("2024-01-02:soon", ["--replay: 'soon' is no date"]),
            ("2024-01-02", ["--replay needs two dates"]),
            ("2024-01-02:", ["--replay needs two dates"]),
            ("1990-01-02:1990-02-02", ["--replay: the dataset has no session to trade"]),
        ],
    )
    def test_a_stretch_is_refused_under_its_flag(self, home, capfd, stretch, words):
        code, out, err = LiveJob(home, capfd).run("--replay", stretch)
        assert (code, out) == (2, "")
        assert [word for word in words if word not in err] == []
        assert "--start" not in err and "backtest.start" not in err

    def test_books_begun_with_another_capital(self, home, capfd):
        job = LiveJob(home, capfd)
        other = ["--set", f"live.folder={home / 'capital'}"]
        assert job.run(*REPLAY, *other)[0] == 0
        code, _, err = job.run(*REPLAY, *other, "--capital", "500000")
        assert code == 2
        assert "the paper broker's books were begun with another capital" in err
        assert "1,000,000.00, as in the books" in err and "500,000.00" in err
