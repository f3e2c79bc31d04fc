"""config/factors.yaml, and the real files of the project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from config import load_settings
from quant_core.foundation.errors import ConfigurationError
from quant_core.strategies import strategy_sections

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    for name in ("base.yaml", "backtest.yaml", "live.yaml"):
        shutil.copy(PROJECT / "config" / name, tmp_path / name)
    return tmp_path


class TestExamples:
    def test_names_and_texts_reach_the_settings(self, folder):
        (folder / "factors.yaml").write_text("mine: rank(close)\n000001: -1 * close\n")
        loaded = load_settings("backtest", strategy_sections(), directory=folder, environment={})
        assert loaded.settings.factors == {"000001": "-1 * close", "mine": "rank(close)"}

    def test_without_the_file_there_are_none(self, folder):
        loaded = load_settings("backtest", strategy_sections(), directory=folder, environment={})
        assert loaded.settings.factors == {}

    @pytest.mark.parametrize("mode", ["backtest", "live"])
    @pytest.mark.parametrize("kind", ["linear", "equal_weight", "etf_rotation"])
    def test_the_files_of_the_project_load_for_every_strategy(self, mode, kind):
        overrides = [f"strategy.type={kind}"]
        if kind == "equal_weight":
            overrides.append("strategy.equal_weight={}")
        loaded = load_settings(mode, strategy_sections(), overrides=overrides, environment={})
        assert loaded.settings.strategy.type == kind


class TestRefusals:
    def test_a_text_that_is_none_names_file_and_line(self, folder):
        (folder / "factors.yaml").write_text("mine: rank(close)\nother: [1, 2]\n")
        with pytest.raises(ConfigurationError) as caught:
            load_settings("backtest", strategy_sections(), directory=folder, environment={})
        assert "factors.yaml:2" in caught.value.where

    def test_names_below_a_key_of_their_own(self, folder):
        (folder / "factors.yaml").write_text("factors:\n  mine: rank(close)\n")
        with pytest.raises(ConfigurationError) as caught:
            load_settings("backtest", strategy_sections(), directory=folder, environment={})
        assert caught.value.expected == "names stand at the top level of this file"
        assert "factors.yaml:" in caught.value.where
        assert "`factors:`" in caught.value.fix
