"""Settings, dates and names that cannot be meant: told at once, with exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.console import Console
from tests.jobs.market import DAYS, altered, rows, write_csv

LINEAR = ("--strategy", "linear", "--set", "strategy.top_k=2")

REFUSED = [
    ("end before start", "--start 2020-03-01 --end 2020-02-01", "starts after its end|2020-03-01"),
    ("negative capital", "--capital -5", "backtest.capital|at least 1|-5"),
    ("no capital", "--capital 0", "backtest.capital|at least 1"),
    ("less than one unit", "--capital 1e-7", "backtest.capital|at least 1|1e-7"),
    ("more than the books hold", "--capital 999999999999", "backtest.capital|at most 100,000,0"),
    ("capital in words", "--capital much", "backtest.capital|a number|'much'"),
    ("capital that is no number", "--capital nan", "backtest.capital|not a finite number"),
    ("no date", "--start yesterday", "backtest.start|a date such as 2018-01-31|'yesterday'"),
    ("no day of the calendar", "--start 2020-02-31", "backtest.start|a date such as"),
    ("start behind the data", "--start 2031-01-01", "no session to trade|2020-01-01 to 2020-03-10"),
    ("end before the data", "--end 2019-01-01", "no session to trade|2019-01-01"),
    ("only the first session", "--end 2020-01-01", "no session to trade|a session before"),
    ("a slip in a key", "--set execution.slipage=0", "'slipage'|did you mean execution.slippage?"),
    ("a slip in a section", "--set exection.lot=1", "'exection'|did you mean execution?"),
    ("a key in the wrong place", "--set top_k=3", "'top_k'|did you mean strategy.top_k?"),
    ("no value", "--set execution.lot", "override cannot be read|--set dotted.key=value"),
    ("no YAML", "--set backtest={", "not YAML|--set backtest"),
    ("a fraction as a number", "--set execution.lot=1.5", "execution.lot|whole number|1.5"),
    ("slippage of 200 %", "--set execution.slippage=2", "execution.slippage|below 1"),
    ("unknown schedule", "--set rebalance=daily", "rebalance|monthly or weekly|'daily'"),
    ("unknown fees", "--set execution.commission.model=free", "ibkr_fixed|'free'"),
    ("unknown strategy", "--strategy linar", "'linar'|linear|did you mean linear?"),
    ("unknown benchmark", "--set data.benchmark=SPY", "benchmark|equal_weight|SPY"),
    ("unknown dataset", "--dataset toyy", "unknown dataset 'toyy'|one of: toy|did you mean 'toy'"),
    ("unknown flag", "--captal 5", "--captal|--help shows the flags"),
    ("unknown language", "--lang fr", "--lang|'fr'|'zh'"),
    ("no folder of settings", "--config-dir gone", "folder of the settings|gone"),
]

WEIGHTS = [
    ("{momentum_20: .nan}", "momentum_20|not a finite number"),
    ("{momentum_20: nan}", "momentum_20|not a finite number"),
    ("{momentum_20: -.inf}", "momentum_20|not a finite number"),
    ("{momentum_20: 0, volatility_20: 0.0}", "all zero|at least one weight that is not 0"),
    ("{}", "all zero or missing"),
    ("[momentum_20]", "a mapping of texts to numbers|a list of 1"),
    ("{momentum_20: much}", "momentum_20|a number|'much'"),
    ("{momentum_2: 1}", "unknown factor|did you mean momentum_20"),
    ("{momentun_20: 1}", "unknown factor|did you mean momentum_20"),
    ('{"ts_mean(close": 1}', "ends too early|ts_mean(close"),
    ('{"ts_maen(close, 5)": 1}', "unknown operator|ts_maen|ts_mean"),
    ("{vwap_distance: 1}", "that the dataset cannot give|with vwap|vwap_distance"),
]


class TestSettings:
    @pytest.mark.parametrize(
        ("words", "told"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
    )
    def test_refused(self, console: Console, words: str, told: str):
        before = console.contents()
        console.refused(console.backtest(*words.split()), 2, *told.split("|"))
        assert console.contents() == before

    @pytest.mark.parametrize(("weights", "told"), WEIGHTS, ids=[weights for weights, _ in WEIGHTS])
    def test_weights(self, console: Console, weights: str, told: str):
        before = console.contents()
        ran = console.backtest(*LINEAR, "--set", f"strategy.linear.weights={weights}")
        console.refused(ran, 2, *told.split("|"))
        assert console.contents() == before

    def test_a_key_written_twice_is_one_problem(self, console: Console):
        value = "strategy.linear.weights={momentum_20: 1, momentum_20: 2}"
        ran = console.backtest(*LINEAR, "--set", value)
        console.refused(ran, 2, "'momentum_20' is written twice")
        assert "problems" not in ran.err

    def test_everything_that_is_wrong_is_told_at_once(self, console: Console):
        (console.settings / "backtest.yaml").write_text(
            "execution:\n  slipage: 0.1\n  lot: 0\nbacktest:\n  capital: -3\n", encoding="utf-8"
        )
        ran = console.backtest("--set", "strategy.topk=3", "--json")
        assert ran.code == 2
        problems = ran.document["error"]["problems"]
        told = {(p["problem"], p["where"].rpartition("/")[2], p.get("fix")) for p in problems}
        assert told == {
            ("unknown key 'slipage'", "backtest.yaml:2, key execution.slipage", SLIPPAGE),
            ("execution.lot is out of bounds", "backtest.yaml:3, key execution.lot", None),
            ("backtest.capital is out of bounds", "backtest.yaml:5, key backtest.capital", None),
            ("unknown key 'topk'", "--set strategy.topk", "did you mean strategy.top_k?"),
        }

    def test_shares_by_a_capitalisation_the_dataset_lacks(self, console: Console):
        ran = console.backtest(*LINEAR, "--set", "strategy.linear.weighting=cap")
        console.refused(ran, 2, "the dataset cannot give", "a dataset with cap", "factor cap")

    def test_rotation_with_a_repeated_asset(self, console: Console):
        assets = "strategy.etf_rotation.assets=[ON, AAA, ON]"
        ran = console.backtest("--strategy", "etf_rotation", "--set", assets)
        console.refused(ran, 2, "an asset more than once", "ON", "strategy.etf_rotation.assets")

    def test_rotation_between_symbols_that_are_not_there(self, console: Console):
        assets = "strategy.etf_rotation.assets=[AAA, SPY]"
        safe = "strategy.etf_rotation.safe_asset=BBB"
        words = ["--strategy", "etf_rotation", "--set", assets, "--set", safe]
        console.refused(
            console.backtest(*words), 2, "does not have", "SPY", "strategy.etf_rotation"
        )


SLIPPAGE = "did you mean execution.slippage?"


class TestSecrets:
    SECRET = "open-sesame"

    def given(self, console: Console, mode: int) -> None:
        path = console.settings / "secrets.yaml"
        path.write_text(f"notify: {{email: {{password: {self.SECRET}}}}}\n", encoding="utf-8")
        path.chmod(mode)

    def test_a_file_that_others_may_read_is_refused_and_not_shown(self, console: Console):
        self.given(console, 0o644)
        ran = console.backtest()
        console.refused(ran, 2, "others may read", "permissions 644", "chmod 600", "secrets.yaml")
        assert self.SECRET not in ran.err

    def test_secrets_stand_in_no_result(self, console: Console):
        self.given(console, 0o600)
        assert console.backtest().code == 0
        written = b"".join(console.contents().values())
        assert written
        assert self.SECRET.encode() not in written


class TestUniverse:
    def universe(self, console: Console, *lines: str) -> list[str]:
        path = console.home / "universe.csv"
        path.write_text("\n".join(["symbol,start,end,category", *lines, ""]), encoding="utf-8")
        return ["--set", f"data.universe={path}"]

    def test_symbols_the_dataset_does_not_have_are_listed(self, console: Console):
        lines = ("AAA,2020-01-01,,x", "WXYZ,2020-01-01,,x", "BBB,2020-01-01,2020-02-01,y")
        ran = console.backtest(*self.universe(console, *lines), "--json")
        assert ran.code == 0
        warning = "1 symbols of the universe are not in the dataset and cannot be traded: WXYZ"
        assert warning in ran.document["warnings"]
        assert f"warning: {warning}\n" in ran.err
        assert warning in ran.document["notes"]

    def test_none_of_the_symbols_is_known(self, console: Console):
        ran = console.backtest(*self.universe(console, "WXYZ,2020-01-01,,x"))
        console.refused(ran, 2, "no symbol of the universe", "WXYZ", "AAA", "universe.csv")

    def test_a_file_that_is_not_there(self, console: Console):
        ran = console.backtest("--set", "data.universe=gone.csv")
        console.refused(ran, 3, "no such file", "gone.csv", "data.universe")

    def test_an_empty_file(self, console: Console):
        (console.home / "universe.csv").touch()
        ran = console.backtest("--set", f"data.universe={console.home / 'universe.csv'}")
        console.refused(ran, 4, "the file is empty", "universe.csv")


class TestThinData:
    def test_one_session_is_too_few(self, console: Console):
        first = [row for row in rows() if row["date"] == DAYS[0].isoformat()]
        path = write_csv(console.home / "first.csv", first)
        assert console.sync("--dataset", "thin", "--path", str(path)).code == 0
        ran = console.backtest("--dataset", "thin")
        console.refused(ran, 2, "no session to trade", "2020-01-01 to 2020-01-01")

    def test_two_sessions_are_a_run_of_one(self, console: Console):
        days = {day.isoformat() for day in DAYS[:2]}
        early = [row for row in altered({}) if row["date"] in days]
        path = write_csv(console.home / "early.csv", early)
        assert console.sync("--dataset", "thin", "--path", str(path)).code == 0
        ran = console.backtest("--dataset", "thin", "--json")
        assert (ran.code, ran.document["sessions"]) == (0, 1)

    def test_a_run_that_trades_nothing_says_so(self, console: Console):
        ran = console.backtest("--capital", "1")
        assert ran.code == 0
        assert "warning: nothing was traded in the whole run" in ran.err


class TestPlaces:
    @pytest.mark.parametrize("place", ["a-file", "a-file/below"])
    def test_results_cannot_be_written(self, console: Console, place: str):
        (console.home / "a-file").touch()
        before = console.contents()
        ran = console.backtest("--output", str(console.home / place))
        console.refused(ran, 2, "folder of the results", "a file", "--output")
        assert console.contents() == before

    def test_names_of_strategies_cannot_leave_the_folder_of_results(self, console: Console):
        ran = console.backtest("--set", "strategy.name=../../../up/and away", "--json")
        assert ran.code == 0
        (folder,) = console.results.iterdir()
        assert folder.name == ran.document["run_id"]
        assert Path(str(ran.document["path"])) == folder
        assert folder.name.startswith("_.._.._up_and_away-2020")

    def test_earlier_results_survive_a_refused_run(self, console: Console):
        assert console.backtest().code == 0
        before = console.contents()
        console.refused(console.backtest("--capital", "-1"), 2, "backtest.capital")
        assert console.contents() == before


class TestFactors:
    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--factor", "momentum_2"], ["unknown factor", "did you mean momentum_20"]),
            (["--factor", "nonsense"], ["unknown factor or field", "nonsense", "--list"]),
            (["--factor", "close + nonsense"], ["unknown factor or field", "nonsense"]),
            (["--factor", "close +"], ["ends too early", "^"]),
            (["--factor", "delay(close, -1)"], ["negative", "future"]),
            (["--explain", "nonsense"], ["unknown factor or field", "nonsense"]),
            (["--library", "alpha9"], ["unknown factor library", "alpha101", "alpha9"]),
            (["--dataset", "nowhere"], ["unknown dataset 'nowhere'", "toy"]),
            (["--factor", "close", "--output", "f.xyz"], [".parquet or .csv", "f.xyz"]),
            (
                ["--factor", "close", "--output", "settings/base.yaml/f.csv"],
                ["a file: settings/base.yaml"],
            ),
        ],
    )
    def test_refused(self, console: Console, monkeypatch, words, told):
        monkeypatch.chdir(console.home)
        console.refused(console.compute(*words), 2, *told)

    def test_a_field_the_dataset_lacks_is_told_and_no_error(self, console: Console):
        ran = console.compute("--factor", "vwap_distance", "--factor", "momentum_20", "--json")
        assert ran.code == 0
        assert ran.document["factors"]["vwap_distance"]["missing_fields"] == ["vwap"]
        assert ran.document["factors"]["momentum_20"]["status"] == "computed"
        assert "the dataset has no field 'vwap': unavailable are vwap_distance" in ran.err
