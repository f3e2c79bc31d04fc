"""Every mistake is found at once, and says where it is and how to mend it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.known_keys import known_keys
from quant_core.foundation.errors import ConfigurationError, InvariantBroken
from quant_core.foundation.settings_section import Section
from tests.config.example import SECTIONS, load, refused, settings_folder, the_problem


class TestWording:
    def test_a_mistyped_key_in_a_file(self, tmp_path):
        text = "# words\nexecution:\n  lot: 1\n  slipage: 0.001\n"
        folder = settings_folder(tmp_path, backtest=text)
        assert str(the_problem(directory=folder)) == (
            "unknown key 'slipage'\n"
            "  expected: one of: cash_buffer, slippage, price, lot, participation_cap, "
            "delisting_return, market_rules, special_treatment, impact, commission\n"
            "  found:    slipage\n"
            f"  where:    {folder.as_posix()}/backtest.yaml:4, key execution.slipage\n"
            "  fix:      did you mean execution.slippage?"
        )

    def test_a_wrong_type_on_the_command_line(self):
        assert str(the_problem("execution.slippage='0.001'")) == (
            "execution.slippage has a value of the wrong kind\n"
            "  expected: a number at least 0 and below 1 (fraction of the price)\n"
            "  found:    the text '0.001'\n"
            "  where:    --set execution.slippage\n"
            "  fix:      write the number without quotes and without leading zeros"
        )

    def test_a_missing_key(self, tmp_path):
        base = (settings_folder(tmp_path) / "base.yaml").read_text(encoding="utf-8")
        without = "".join(
            line for line in base.splitlines(keepends=True) if "slippage:" not in line
        )
        (tmp_path / "base.yaml").write_text(without, encoding="utf-8")
        line = 1 + without.splitlines().index("execution:")
        assert str(the_problem(directory=tmp_path)) == (
            "the key execution.slippage is missing\n"
            "  expected: a number at least 0 and below 1 (fraction of the price): "
            "distance from the open\n"
            "  found:    nothing\n"
            f"  where:    {tmp_path.as_posix()}/base.yaml:{line}, key execution.slippage\n"
            "  fix:      add `slippage:` below `execution:`, "
            "or give --set execution.slippage=..."
        )

    def test_a_value_of_the_environment(self):
        problem = the_problem(environment={"QUANT__BACKTEST__CAPITAL": "-5"})
        assert problem.problem == "backtest.capital is out of bounds"
        assert problem.expected.startswith("a number at least 1 and at most 100,000,000,000")
        assert (problem.found, problem.where) == ("-5", "environment QUANT__BACKTEST__CAPITAL")

    def test_start_after_end_names_both_places(self, tmp_path):
        folder = settings_folder(tmp_path, backtest="backtest:\n  end: 2018-01-31\n")
        problem = the_problem("backtest.start=2019-01-01", directory=folder)
        assert problem.problem == "the backtest starts after its end"
        assert problem.found == "start 2019-01-01, end 2018-01-31"
        assert problem.where == (
            f"--set backtest.start; {folder.as_posix()}/backtest.yaml:2, key backtest.end"
        )

    def test_an_unknown_strategy_type_lists_the_known_ones(self):
        problem = the_problem("strategy.type=linaer")
        assert problem.expected == "one of: etf_rotation, linear, plain"
        assert (problem.found, problem.fix) == ("the text 'linaer'", "did you mean linear?")

    def test_all_layers_at_once(self, tmp_path):
        folder = settings_folder(
            tmp_path, backtest="strategy:\n  topk: 5\n", secrets="report: {html: 1}\n"
        )
        problems = refused(
            "execution.lot=0",
            directory=folder,
            environment={"QUANT__DATA__CALENDER": "XNYS"},
        )
        assert sorted(
            problem.where.removeprefix(f"{folder.as_posix()}/") for problem in problems
        ) == [
            "--set execution.lot",
            "backtest.yaml:2, key strategy.topk",
            "environment QUANT__DATA__CALENDER",
            "secrets.yaml:1, key report.html",
        ]

    def test_the_whole_message_is_numbered(self):
        with pytest.raises(ConfigurationError) as refusal:
            load("execution.lot=0", "report.html=1")
        assert str(refusal.value).startswith("2 problems in the configuration\n1. execution.lot")
        assert refusal.value.exit_code == 2
        assert refusal.value.__cause__ is None


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("override", "fix"),
        [
            ("executoin.slippage=0", "did you mean execution?"),
            ("strategy.topk=1", "did you mean strategy.top_k?"),
            ("strategy.linaer={}", "did you mean strategy.linear?"),
            ("strategy.linear.weight={}", "did you mean strategy.linear.weights?"),
            ("linear.weights={}", "did you mean strategy.linear?"),
            ("slippage=0.1", "did you mean execution.slippage?"),
            ("startegy.top_k=3", "did you mean strategy?"),
            ("backtest.capitol=1", "did you mean backtest.capital?"),
            ("xyzzy=1", "remove it"),
            ("strategy.options={}", "remove it"),
            ("rebalance={every: 5, evry: 6}", "did you mean rebalance.every?"),
            ("Execution.slippage=0", "did you mean execution?"),
        ],
    )
    def test_the_nearest_known_key_is_named(self, override, fix):
        problem = the_problem(override)
        assert problem.problem.startswith("unknown key")
        assert problem.fix == fix

    def test_a_section_of_another_known_type_is_validated(self):
        problem = the_problem("strategy.etf_rotation.trend_sessions=0")
        assert problem.expected == "a whole number at least 1 (sessions)"

    def test_a_type_without_its_section(self):
        class Needy(Section):
            depth: int

        from config import load_settings

        sections = {**SECTIONS, "needy": Needy}
        with pytest.raises(ConfigurationError, match=r"strategy\.needy\.depth is missing"):
            load_settings("backtest", sections, overrides=["strategy.type=needy"], environment={})

    def test_a_type_may_not_take_the_name_of_a_key(self):
        from config import load_settings

        with pytest.raises(InvariantBroken, match="name of a key"):
            load_settings("backtest", {**SECTIONS, "risk": Section}, environment={})


class TestValues:
    @pytest.mark.parametrize(
        "override",
        [
            "backtest.capital=0",
            "backtest.capital=-1",
            "backtest.capital=1e-7",
            "backtest.capital=100000000000.01",
            "execution.cash_buffer=1",
            "execution.cash_buffer=-0.01",
            "execution.slippage=1.0",
            "execution.slippage=-0.0001",
            "execution.lot=0",
            "execution.participation_cap=0",
            "execution.participation_cap=1.01",
            "execution.delisting_return=-1.5",
            "execution.commission.rate=1",
            "execution.commission.rate=-0.1",
            "execution.commission.minimum=-1",
            "strategy.top_k=0",
            "strategy.risk.max_pos_weight=0",
            "strategy.risk.max_pos_weight=1.1",
            "strategy.risk.stop_loss_pct=0",
            "strategy.risk.max_drawdown_pct=1.5",
            "strategy.risk.breaker_cooldown=-1",
            "rebalance.every=0",
            "random_seed=-1",
        ],
    )
    def test_bounds(self, override):
        problem = the_problem(override)
        key, value = override.split("=")
        assert problem.problem == f"{key} is out of bounds"
        assert problem.found == value

    @pytest.mark.parametrize(
        "override",
        [
            "execution.cash_buffer=0",
            "execution.cash_buffer=0.999",
            "execution.slippage=0",
            "execution.participation_cap=1",
            "execution.participation_cap=null",
            "execution.delisting_return=-1",
            "execution.commission.rate=0",
            "execution.commission.minimum=0",
            "strategy.top_k=1",
            "strategy.risk.max_pos_weight=1",
            "strategy.risk.stop_loss_pct=1",
            "strategy.risk.breaker_cooldown=0",
            "rebalance.every=1",
            "backtest.capital=1",
            "backtest.capital=100000000000",
        ],
    )
    def test_the_bounds_themselves(self, override):
        key, value = override.split("=")
        *sections, name = key.split(".")
        section = load(override).settings
        for part in sections:
            section = getattr(section, part)
        assert getattr(section, name) == (None if value == "null" else float(value))

    @pytest.mark.parametrize(
        ("override", "fix"),
        [
            ("execution.slippage=5%", "write a fraction: 0.05 for 5 %"),
            ("rebalance={every: 5, dates: [2020-01-02]}", "give one of the two, not both"),
            ("backtest.capital=1_000_000", "write the digits alone: 1000000"),
            ("backtest.capital='1,000,000'", "write the digits alone: 1000000"),
            ("execution.lot=007", "write the number without quotes and without leading zeros"),
            ("execution.lot=1.5", ""),
            ("execution.lot=true", ""),
            ("execution.slippage=[0.1]", ""),
            ("execution.slippage=null", ""),
            ("execution.slippage=much", ""),
            ("report.html=yes", "write true or false, in small letters and without quotes"),
            ("report.html=True", "write true or false, in small letters and without quotes"),
            ("report.html=1", ""),
            ("execution.commission.model=ibkr_fix", "did you mean ibkr_fixed?"),
            ("rebalance=monthy", "did you mean monthly?"),
            ("rebalance=5", ""),
            ("rebalance={}", ""),
            ("rebalance=null", ""),
            ("strategy.linear.weights=[1, 2]", ""),
            ("strategy.linear.weights={momentum_20:0.6}", "put a space behind the colon"),
            ("strategy.linear=5", ""),
            ("execution=null", ""),
            ("execution=5", ""),
            ("strategy=linear", ""),
            ("backtest.start=2018-02-30", ""),
            ("backtest.start=20180102", ""),
            ("backtest.start=2018-01-02T00:00:00", ""),
            ("backtest.start.year=2018", ""),
            ("strategy.etf_rotation.assets=SPY", ""),
            ("strategy.etf_rotation.assets=[[SPY]]", ""),
        ],
    )
    def test_wrong_kinds(self, override, fix):
        problem = the_problem(override)
        assert "has a value of the wrong kind" in problem.problem or "must be" in problem.problem
        assert problem.fix == fix
        assert problem.expected
        assert problem.found

    @pytest.mark.parametrize(
        "word", ["nan", ".nan", "NaN", "inf", "-.inf", "Infinity", "'nan'", "1e999"]
    )
    @pytest.mark.parametrize("key", ["execution.slippage", "strategy.linear.weights.momentum_20"])
    def test_nan_and_infinities(self, key, word):
        problem = the_problem(f"{key}={word}")
        assert problem.problem == (
            f"{key} is not a finite number: NaN and infinities are refused everywhere"
        )

    def test_a_weight_of_nan(self):
        problem = the_problem("strategy.linear.weights={momentum_20: nan, volatility_20: 1}")
        assert problem.problem.startswith("strategy.linear.weights.momentum_20 is not a finite")
        assert problem.where == (
            "--set strategy.linear.weights, key strategy.linear.weights.momentum_20"
        )

    @pytest.mark.parametrize(
        ("override", "said"),
        [
            ("data.dataset=../elsewhere", "written in a way that is not allowed"),
            ("data.dataset='a b'", "written in a way that is not allowed"),
            ("data.root=''", "must not be empty"),
            ("rebalance={dates: []}", "must not be empty"),
        ],
    )
    def test_texts_and_lists(self, override, said):
        assert said in the_problem(override).problem

    def test_found_shows_no_more_than_needed(self):
        assert the_problem("execution.lot=" + "x" * 500).found == f"the text '{'x' * 80}'"
        assert the_problem("execution.lot={a: 1}").found == "a mapping with the keys a"
        assert the_problem("execution.lot=[1, 2]").found == "a list of 2"


class TestFiles:
    @pytest.mark.parametrize("name", ["base.yaml", "backtest.yaml"])
    def test_a_missing_file(self, tmp_path, name):
        (settings_folder(tmp_path) / name).unlink()
        problem = the_problem(directory=tmp_path)
        assert problem.problem == "a settings file is missing"
        assert problem.where == f"{tmp_path.as_posix()}/{name}"

    def test_a_missing_folder(self, tmp_path):
        problem = the_problem(directory=tmp_path / "absent")
        assert problem.problem == "the folder of the settings cannot be read"
        assert problem.found == "nothing of that name"

    def test_a_file_in_the_place_of_the_folder(self, tmp_path):
        file = settings_folder(tmp_path) / "base.yaml"
        problem = the_problem(directory=file)
        assert problem.found == "a file"
        assert "--config-dir takes the folder" in problem.fix

    def test_a_folder_in_the_place_of_a_file(self, tmp_path):
        (settings_folder(tmp_path) / "backtest.yaml").unlink()
        (tmp_path / "backtest.yaml").mkdir()
        assert the_problem(directory=tmp_path).problem == "a settings file cannot be read"

    def test_a_file_that_is_no_text(self, tmp_path):
        (settings_folder(tmp_path) / "backtest.yaml").write_bytes(b"a: 1\nb: \xff\xfe\n")
        assert the_problem(directory=tmp_path).found == "no UTF-8 text on line 2"

    @pytest.mark.parametrize(
        ("text", "found"),
        [("- a\n- b\n", "a list"), ("words", "a single value"), ("~", "a single value")],
    )
    def test_no_sections_in_a_file(self, tmp_path, text, found):
        problem = the_problem(directory=settings_folder(tmp_path, backtest=text))
        assert problem.problem == "a settings file must hold sections"
        assert problem.found == found

    def test_an_empty_file_of_the_mode_is_fine(self, tmp_path):
        assert load(directory=settings_folder(tmp_path, backtest="")) == load()
        assert load(directory=settings_folder(tmp_path, secrets="")) == load()

    def test_an_empty_base(self, tmp_path):
        problem = the_problem(directory=settings_folder(tmp_path, base="# nothing\n"))
        assert problem.problem == "the file is empty"

    def test_behind_an_unreadable_file_nothing_is_called_missing(self, tmp_path):
        folder = settings_folder(tmp_path, base="data: [", backtest="execution: {lot: 0}")
        problems = refused("slippage=1", directory=folder)
        assert [p.problem for p in problems] == [
            "the text is not YAML",
            "execution.lot is out of bounds",
            "unknown key 'slippage'",
        ]

    def test_a_key_written_twice(self, tmp_path):
        folder = settings_folder(tmp_path, backtest="report:\n  html: true\n  html: false\n")
        problem = the_problem(directory=folder)
        assert problem.problem == "the key 'html' is written twice (first on line 2)"
        assert problem.where.endswith("backtest.yaml:3")


class TestOverrides:
    @pytest.mark.parametrize(
        "override", ["execution.slippage", "=5", "a..b=1", ".a=1", "a.=1", "", "a b=1"]
    )
    def test_a_malformed_override(self, override):
        assert the_problem(override).problem == "an override cannot be read"

    @pytest.mark.parametrize("name", ["QUANT__", "QUANT____LOT", "QUANT__EXECUTION__"])
    def test_a_malformed_variable(self, name):
        problem = the_problem(environment={name: "1"})
        assert problem.where == f"environment {name}"

    def test_a_value_that_is_no_yaml(self):
        problem = the_problem("strategy.linear.weights={momentum_20: 0.6")
        assert problem.problem == "the text is not YAML"
        assert problem.where == "--set strategy.linear.weights"


KEYS = st.sampled_from([".".join(path) for path in known_keys(SECTIONS)])
STRANGE = st.recursive(
    st.sampled_from(["", "null", "true", "-1", "0.5", ".nan", "1e400", "NO", "'5'", "2018-01-02"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda items: "[" + ", ".join(items) + "]"),
        st.dictionaries(st.sampled_from(["every", "type", "risk", "a"]), inner, max_size=2).map(
            lambda entries: "{" + ", ".join(f"{k}: {v}" for k, v in entries.items()) + "}"
        ),
    ),
    max_leaves=4,
)


class TestProperties:
    @given(
        overrides=st.lists(st.tuples(KEYS, STRANGE).map("=".join), min_size=1, max_size=4),
        mode=st.sampled_from(["backtest", "live"]),
    )
    def test_any_value_anywhere_is_taken_or_refused_in_words(self, overrides, mode):
        try:
            load(*overrides, mode=mode)
        except ConfigurationError as error:
            for problem in error.problems or (error,):
                assert problem.problem
                assert problem.expected
                assert problem.where


class TestKnownKeys:
    def test_every_knob_says_what_it_is(self):
        silent = [path for path, key in known_keys({}).items() if not key.description]
        assert silent == []

    def test_every_bounded_or_numeric_knob_says_what_may_stand_there(self):
        words = [key.expected for key in known_keys(SECTIONS).values()]
        assert [word for word in words if "class" in word or "typing" in word] == []
