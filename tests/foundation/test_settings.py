"""The models of the settings: strict, frozen, and a key for what changes a result."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from quant_core.foundation.settings import (
    BacktestSettings,
    CommissionSettings,
    DataSettings,
    Dates,
    Every,
    ExecutionSettings,
    ImpactSettings,
    ReportSettings,
    RiskSettings,
    Settings,
    ShortSettings,
    StrategySettings,
    result_key,
    settings_tree,
)
from quant_core.foundation.settings_live import LIVE_SECTIONS, LiveDaySettings, LiveSettings
from quant_core.foundation.settings_section import Conflict, Secret, Section, knob, read_section


class Example(Section):
    """One field of every kind a strategy may declare."""

    weights: Mapping[str, float] = knob("weights", whole=True)
    assets: Sequence[str] = knob("symbols", whole=True)
    depth: int | None = knob("sessions", unit="sessions", ge=1, le=10)
    token: Secret | None = knob("a secret")

    def conflicts(self):
        if self.depth == len(self.assets):
            yield Conflict("depth is the number of assets", ("depth", "assets"), "no", "yes")
        if self.depth == len(self.weights):
            yield Conflict("depth is the number of weights", ("depth", "weights"), "no", "yes")


LIVE_DAY = {
    "folder": None,
    "state_interval": 1,
    "state_validity": 5,
    "command_lifetime": 30,
    "settle": 2,
    "journal_segment": 16,
    "anchor_every": 100,
}
EXAMPLE = {"weights": {"a": 1, "b": 0.5}, "assets": ("X",), "depth": 3, "token": "canary"}


def example_settings(**changed: object) -> Settings:
    """Settings with some of their sections exchanged."""
    values: dict[str, object] = {
        "data": DataSettings(
            dataset="demo",
            root="data",
            calendar="XNYS",
            universe=None,
            benchmark=None,
            minimum_price=None,
            minimum_turnover=None,
        ),
        "strategy": StrategySettings(
            name="s",
            type="example",
            top_k=5,
            risk=RiskSettings(
                max_pos_weight=None,
                stop_loss_pct=0.1,
                max_drawdown_pct=None,
                breaker_cooldown=None,
            ),
            options=Example.model_validate(EXAMPLE),
        ),
        "rebalance": "monthly",
        "execution": ExecutionSettings(
            cash_buffer=0.02,
            slippage=0.0005,
            lot=1,
            participation_cap=None,
            delisting_return=0.0,
            price="open",
            market_rules="none",
            special_treatment=None,
            impact=ImpactSettings(model="none", spread=0.0, coefficient=1.0, sessions=20),
            commission=CommissionSettings(
                model="bps", rate=0.001, per_share=0.0, minimum=0.0, cap=None
            ),
        ),
        "short": ShortSettings(
            allowed=False,
            initial_margin=0.5,
            maintenance_margin=0.3,
            max_gross=2.0,
            max_net=1.0,
            borrow_rate=0.003,
            borrow_table=None,
            debit_rate=0.06,
        ),
        "backtest": BacktestSettings.model_construct(
            **{**dict.fromkeys(BacktestSettings.model_fields), "capital": 1e6}
        ),
        "report": ReportSettings(html=True, output="results"),
        "factors": {"mine": "rank(close)"},
        "random_seed": 7,
    }
    return Settings.model_validate({**values, **changed})


def replaced(settings: Settings, path: tuple[str, ...], value: object) -> Settings:
    """The settings with one value exchanged, wherever it is."""
    section: Section = settings
    chain = [section]
    for part in path[:-1]:
        section = getattr(section, part)
        chain.append(section)
    for section, part in zip(reversed(chain), reversed(path), strict=True):
        value = section.model_copy(update={part: value})
    return value


class TestExamples:
    def test_a_whole_number_may_stand_where_a_number_is_expected(self):
        weights = Example.model_validate(EXAMPLE).weights
        assert weights == {"a": 1.0, "b": 0.5}
        assert isinstance(weights["a"], float)

    def test_dates_are_texts_or_dates(self):
        values = {"start": "2018-01-31", "end": date(2018, 2, 1), "capital": 1.0}
        rest = dict.fromkeys(BacktestSettings.model_fields.keys() - values.keys(), 0.0)
        backtest = BacktestSettings.model_validate({**values, **rest})
        assert (backtest.start, backtest.end) == (date(2018, 1, 31), date(2018, 2, 1))

    @pytest.mark.parametrize("written", ["9:15", "09:15"])
    def test_times_of_the_day(self, written):
        day = LiveDaySettings.model_validate({**LIVE_DAY, "decision_time": written})
        assert day.decision_time == time(9, 15)

    def test_schedules(self):
        assert example_settings(rebalance="weekly").rebalance == "weekly"
        assert example_settings(rebalance={"every": 5}).rebalance == Every(every=5)
        dates = example_settings(rebalance={"dates": ("2018-02-01", "2018-01-02")}).rebalance
        assert dates == Dates(dates=(date(2018, 1, 2), date(2018, 2, 1)))
        assert example_settings(rebalance=dates).rebalance == dates

    def test_the_tree_has_the_names_of_the_files(self):
        tree = settings_tree(example_settings(rebalance=Every(every=5)))
        assert tree["strategy"]["example"] == {
            "weights": {"a": 1.0, "b": 0.5},
            "assets": ["X"],
            "depth": 3,
            "token": "***",
        }
        assert tree["rebalance"] == {"every": 5}
        assert "options" not in tree["strategy"]

    def test_settings_travel_between_processes(self):
        settings = example_settings(rebalance=Every(every=5))
        assert pickle.loads(pickle.dumps(settings)) == settings
        assert copy.deepcopy(settings) == settings

    def test_the_live_mode_adds_its_sections(self):
        assert LiveSettings.model_fields.keys() - Settings.model_fields.keys() == {*LIVE_SECTIONS}

    def test_conflicts_are_reported_together(self):
        refusals = read_section(Example, {**EXAMPLE, "depth": 1, "weights": {"a": 1}})
        (refusal,) = refusals
        assert refusal.kind == "conflict"
        assert [c.keys for c in refusal.conflicts] == [("depth", "assets"), ("depth", "weights")]


class TestResultKey:
    def test_it_is_canonical_json_without_what_changes_no_result(self):
        key = json.loads(result_key(example_settings()))
        assert key.keys() == Settings.model_fields.keys() - {"report"}
        assert "root" not in key["data"]
        assert "canary" not in result_key(example_settings())

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("report",), ReportSettings(html=False, output="elsewhere")),
            (("data", "root"), "elsewhere"),
            (("strategy", "options", "weights"), {"b": 0.5, "a": 1.0}),
        ],
    )
    def test_what_changes_no_result_changes_no_key(self, path, value):
        settings = example_settings()
        assert result_key(replaced(settings, path, value)) == result_key(settings)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("data", "dataset"), "other"),
            (("data", "calendar"), "XSHG"),
            (("data", "universe"), "members.csv"),
            (("data", "benchmark"), "SPY"),
            (("strategy", "type"), "other"),
            (("strategy", "top_k"), 6),
            (("strategy", "risk", "stop_loss_pct"), 0.2),
            (("strategy", "options", "weights"), {"a": 1.0, "b": 0.5000000000000001}),
            (("strategy", "options", "depth"), 4),
            (("rebalance",), "weekly"),
            (("rebalance",), Every(every=1)),
            (("execution", "slippage"), 0.0006),
            (("execution", "special_treatment"), "st.csv"),
            (("execution", "commission", "minimum"), 1.0),
            (("backtest", "start"), date(2018, 1, 1)),
            (("backtest", "capital"), 1e6 + 1e-6),
            (("factors",), {"mine": "rank(open)"}),
            (("random_seed",), 8),
        ],
    )
    def test_what_changes_a_result_changes_the_key(self, path, value):
        settings = example_settings()
        assert result_key(replaced(settings, path, value)) != result_key(settings)


class TestProperties:
    @given(
        kind=st.sampled_from([int, float]),
        value=st.one_of(
            st.text(), st.booleans(), st.none(), st.sampled_from([float("nan"), float("inf")])
        ),
    )
    def test_no_text_switch_or_nan_becomes_a_number(self, kind, value):
        class One(Section):
            number: kind = knob("a number")

        One.model_rebuild(_types_namespace={"kind": kind})
        refused = read_section(One, {"number": value})
        assert isinstance(refused, tuple)
        assert [r.path for r in refused] == [("number",)]

    @given(st.text(max_size=12))
    def test_a_refusal_never_shows_the_value(self, text):
        with pytest.raises(ValidationError) as refusal:
            Every.model_validate({"every": f"canary{text}"})
        assert "canary" not in str(refusal.value)


class TestRefusals:
    def test_sections_are_frozen(self):
        with pytest.raises(ValidationError, match="frozen"):
            Every(every=5).every = 6

    @pytest.mark.parametrize(
        ("changed", "kind", "path"),
        [
            ({"depth": 0}, "bounds", ("depth",)),
            ({"depth": 11}, "bounds", ("depth",)),
            ({"depth": 3.0}, "type", ("depth",)),
            ({"depth": True}, "type", ("depth",)),
            ({"weights": {"a": float("nan")}}, "not_finite", ("weights", "a")),
            ({"weights": {"a": None}}, "type", ("weights", "a")),
            ({"weights": ("a",)}, "type", ("weights",)),
            ({"assets": "X"}, "type", ("assets",)),
            ({"assets": ("X", 5)}, "text", ("assets", 1)),
            ({"token": 5}, "text", ("token",)),
            ({"speed": 1}, "unknown", ("speed",)),
        ],
    )
    def test_kinds(self, changed, kind, path):
        refusals = read_section(Example, {**EXAMPLE, **changed})
        assert [(r.kind, r.path) for r in refusals] == [(kind, path)]

    def test_every_field_is_required(self):
        refusals = read_section(Example, {})
        assert {(r.kind, r.path) for r in refusals} == {("missing", (key,)) for key in EXAMPLE}

    @pytest.mark.parametrize(
        "start",
        [datetime(2018, 1, 1), 20180101, "20180101", "2018-1-1", "2018-W01-1", "٢٠١٨-01-01"],  # noqa: DTZ001  what must not pass for a date
    )
    def test_what_is_no_date(self, start):
        refusals = read_section(Dates, {"dates": (start,)})
        assert [(r.kind, r.path) for r in refusals] == [("type", ("dates", 0))]

    @pytest.mark.parametrize("written", ["24:00", "9:60", "915", "9", 555, "9:15:00"])
    def test_what_is_no_time(self, written):
        refusals = read_section(LiveDaySettings, {**LIVE_DAY, "decision_time": written})
        assert [(r.kind, r.path) for r in refusals] == [("type", ("decision_time",))]

    @pytest.mark.parametrize("capital", [0, -1.0, 0.999, 1.001e11, float("inf"), 10**400])
    def test_capital(self, capital):
        values = {**dict.fromkeys(BacktestSettings.model_fields), "capital": capital}
        assert ("capital",) in [r.path for r in read_section(BacktestSettings, values)]
