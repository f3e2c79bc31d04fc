"""Which layer wins, and what is merged or replaced."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.tree import Entries, Scalar, Source, find, merge, plain
from config.yaml_reader import read_document
from quant_core.foundation.settings import Dates, Every, Settings
from quant_core.foundation.settings_live import LiveSettings
from tests.config.example import Linear, Plain, Rotation, load, settings_folder

SPECIFIED = yaml.safe_load("""
data:      {dataset: demo, root: data, calendar: XNYS, universe: null, benchmark: null}
strategy:
  name: production_v1
  type: linear
  top_k: 20
  risk:    {max_pos_weight: null, stop_loss_pct: null, max_drawdown_pct: null,
            breaker_cooldown: null}
  linear:  {weights: {momentum_12_1: 0.6, volatility_20: -0.4}, weighting: equal}
rebalance: monthly
execution: {cash_buffer: 0.02, slippage: 0.0005, lot: 1, participation_cap: 0.1,
            delisting_return: 0.0, commission: {model: bps, rate: 0.001, minimum: 0.0}}
backtest:  {start: null, end: null, capital: 1000000}
report:    {html: true, output: results}
""")


def _flat(tree, path=()):
    if not isinstance(tree, dict):
        return [(path, tree)]
    return [leaf for key, value in tree.items() for leaf in _flat(value, (*path, key))]


def weights(loaded):
    return dict(loaded.settings.strategy.options.weights)


class TestExamples:
    def test_base_holds_the_values_of_the_specification(self):
        effective = dict(_flat(yaml.safe_load(load().effective_yaml)))
        assert {key: effective[key] for key, _ in _flat(SPECIFIED)} == dict(_flat(SPECIFIED))

    def test_each_layer_wins_over_the_one_before(self, tmp_path):
        folder = settings_folder(
            tmp_path,
            backtest="execution: {slippage: 0.1, lot: 2, cash_buffer: 0.1}\nstrategy: {top_k: 3}",
            secrets="execution: {lot: 3, cash_buffer: 0.2}\nstrategy: {top_k: 4}",
        )
        variables = {"QUANT__EXECUTION__CASH_BUFFER": "0.3", "QUANT__STRATEGY__TOP_K": "5"}
        loaded = load("strategy.top_k=6", directory=folder, environment=variables)
        execution = loaded.settings.execution
        assert (execution.slippage, execution.lot) == (0.1, 3)
        assert (execution.cash_buffer, loaded.settings.strategy.top_k) == (0.3, 6)

    def test_the_last_override_wins(self):
        assert load("execution.lot=2", "execution.lot=5").settings.execution.lot == 5

    @pytest.mark.parametrize(
        "base", ["monthly", "{every: 3}", "{dates: [2018-01-02]}"], ids=["word", "every", "dates"]
    )
    def test_a_schedule_is_one_value(self, tmp_path, base):
        folder = settings_folder(tmp_path, backtest=f"rebalance: {base}")
        assert load("rebalance.every=5", directory=folder).settings.rebalance == Every(every=5)
        assert load("rebalance={every: 5}", directory=folder).settings.rebalance == Every(every=5)
        assert load("rebalance=weekly", directory=folder).settings.rebalance == "weekly"

    def test_dates_are_ascending_once(self):
        loaded = load("rebalance={dates: [2018-02-01, 2018-01-02, 2018-02-01]}")
        assert loaded.settings.rebalance == Dates(dates=(date(2018, 1, 2), date(2018, 2, 1)))

    def test_weights_are_replaced_whole_and_set_one_by_one(self, tmp_path):
        replaced = load("strategy.linear.weights={momentum_20: 0.6, volatility_20: -0.4}")
        assert weights(replaced) == {"momentum_20": 0.6, "volatility_20": -0.4}
        one = load("strategy.linear.weights.momentum_20=0.3")
        assert weights(one) == {"momentum_12_1": 0.6, "momentum_20": 0.3, "volatility_20": -0.4}
        folder = settings_folder(tmp_path, backtest="strategy: {linear: {weights: {x: 1}}}")
        assert weights(load(directory=folder)) == {"x": 1.0}
        variable = {"QUANT__STRATEGY__LINEAR__WEIGHTS": "{y: 2}"}
        assert weights(load(directory=folder, environment=variable)) == {"y": 2.0}

    def test_a_section_given_as_a_mapping_is_merged(self):
        commission = load("execution.commission={model: none}").settings.execution.commission
        assert (commission.model, commission.rate) == ("none", 0.001)

    def test_a_section_left_empty_in_a_file_says_nothing(self, tmp_path):
        text = "execution:\n  # slippage: 0.001\nstrategy:\n  linear:\n"
        loaded = load(directory=settings_folder(tmp_path, backtest=text))
        assert loaded.settings == load().settings

    def test_options_are_those_of_the_chosen_type(self):
        assert isinstance(load().settings.strategy.options, Linear)
        assert isinstance(load("strategy.type=etf_rotation").settings.strategy.options, Rotation)
        plain_one = load("strategy.type=plain")
        assert plain_one.settings.strategy.options == Plain()
        assert yaml.safe_load(plain_one.effective_yaml)["strategy"]["plain"] == {}

    def test_text_that_looks_like_a_number_is_text_where_text_belongs(self):
        loaded = load(
            "strategy.type=etf_rotation",
            "strategy.etf_rotation.assets=[600519, 000001, 1e5, NO, true, 0.50]",
            "data.benchmark=600000",
            "strategy.name=1.50",
        )
        assets = loaded.settings.strategy.options.assets
        assert assets == ("600519", "000001", "1e5", "NO", "true", "0.50")
        assert (loaded.settings.data.benchmark, loaded.settings.strategy.name) == ("600000", "1.50")

    def test_null_stays_null(self):
        assert load("data.benchmark=SPY", "data.benchmark=null").settings.data.benchmark is None
        assert load("data.benchmark=SPY", "data.benchmark=").settings.data.benchmark is None

    def test_dates_and_whole_numbers(self):
        loaded = load("backtest.start=2018-01-01", "backtest.capital=250000")
        assert loaded.settings.backtest.start == date(2018, 1, 1)
        assert loaded.settings.backtest.capital == 250000.0
        assert "start: '2018-01-01'" in loaded.effective_yaml

    def test_the_environment_of_the_process_is_read(self, monkeypatch):
        from config import load_settings
        from tests.config.example import SECTIONS

        monkeypatch.setenv("QUANT__EXECUTION__SLIPPAGE", "0.001")
        monkeypatch.setenv("QUANT_UNRELATED", "7")
        assert load_settings("backtest", SECTIONS).settings.execution.slippage == 0.001

    def test_the_live_mode_has_four_sections_more(self):
        settings = load(mode="live").settings
        assert isinstance(settings, LiveSettings)
        assert settings.broker.name == "paper"
        assert settings.live.decision_time.isoformat("minutes") == "09:15"
        assert type(load().settings) is Settings

    def test_a_backtest_takes_no_harm_from_secrets_of_the_live_mode(self, tmp_path):
        secrets = "notify: {email: {password: canary, enabled: true}}"
        folder = settings_folder(tmp_path, secrets=secrets)
        assert load(directory=folder).settings == load().settings

    def test_an_example_of_secrets_stands_beside_the_files(self, tmp_path):
        example = Path(__file__).resolve().parents[2] / "config" / "secrets.example.yaml"
        folder = settings_folder(tmp_path, secrets=example.read_text(encoding="utf-8"))
        settings = load(mode="live", directory=folder).settings
        assert settings.notify.email.password.get_secret_value() == "the-password"

    def test_a_byte_order_mark_is_no_text(self, tmp_path):
        folder = settings_folder(tmp_path)
        (folder / "backtest.yaml").write_bytes(b"\xef\xbb\xbfexecution: {lot: 7}\n")
        assert load(directory=folder).settings.execution.lot == 7


ADDRESSES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple)
TREES = st.recursive(
    st.integers(0, 9), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)


def entries(tree: dict) -> Entries:
    return read_document(yaml.safe_dump(tree), Source("a.yaml")).root or Entries({}, Source("a"), 1)


def naive_merge(under, over):
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    both = {key: naive_merge(under[key], over[key]) for key in under.keys() & over.keys()}
    return {**under, **over, **both}


class TestReference:
    @given(
        under=st.dictionaries(st.sampled_from("abc"), TREES, max_size=3),
        over=st.dictionaries(st.sampled_from("abc"), TREES, max_size=3),
    )
    def test_sections_merge_key_by_key(self, under, over):
        merged = merge(entries(under), entries(over), lambda _: False)
        assert plain(merged) == naive_merge(under, over)


class TestProperties:
    @given(under=st.dictionaries(st.sampled_from("abc"), TREES, max_size=3), path=ADDRESSES)
    def test_a_dotted_key_sets_that_key(self, under, path):
        node = Scalar(42, "42", Source("--set", key="x"), 1)
        for part in reversed(path):
            node = Entries({part: node}, Source("--set", key="x"), 1, addressed=True)
        merged = merge(entries(under), node, lambda _: None)
        assert find(merged, path).value == 42

    @given(
        benchmark=st.text("1e5NO.:09-_ #'é", min_size=1, max_size=6),
        slippage=st.floats(0, 0.99),
        capital=st.floats(1, 1e11) | st.integers(1, 10**11),
        schedule=st.sampled_from(["weekly", {"every": 3}, {"dates": ["2018-01-02"]}]),
        factors=st.dictionaries(
            st.text("abN0:#, ", min_size=1, max_size=5), st.floats(-9, 9), min_size=1, max_size=3
        ),
    )
    def test_the_effective_text_reads_back_to_the_same(
        self, tmp_path_factory, benchmark, slippage, capital, schedule, factors
    ):
        import json

        first = load(
            f"data.benchmark={json.dumps(benchmark)}",
            f"execution.slippage={slippage!r}",
            f"backtest.capital={capital!r}",
            f"rebalance={json.dumps(schedule)}",
            f"strategy.linear.weights={json.dumps(factors)}",
        )
        folder = tmp_path_factory.mktemp("again")
        (folder / "base.yaml").write_text(first.effective_yaml, encoding="utf-8")
        (folder / "backtest.yaml").write_text("", encoding="utf-8")
        assert load(directory=folder) == first

    def test_the_order_of_writing_changes_nothing(self, tmp_path):
        one = load("strategy.linear.weights={a: 1, b: 2, c: 3}")
        other = load("strategy.linear.weights={c: 3, b: 2, a: 1}")
        assert list(other.settings.strategy.options.weights) == ["a", "b", "c"]
        assert one == other

    def test_settings_load_without_the_libraries_of_a_run(self):
        program = (
            "import sys, config, quant_core.foundation.settings_live;"
            "print(sorted({'numpy', 'polars', 'duckdb', 'numba', 'pandas'} & sys.modules.keys()))"
        )
        folder = Path(__file__).resolve().parents[2]
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[]"
