"""Settings put together from single readings are those the configuration reads in one go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import load_settings
from quant_core.foundation.errors import ConfigurationError, QuantError
from quant_core.foundation.settings import result_key
from quant_core.jobs.sweep_settings import settings_of
from quant_core.strategies import strategy_sections
from quant_core.sweeps.grid import combinations, read_axis

AXES = (
    "strategy.top_k=[1, 7, 0]",
    "strategy.type=[linear, equal_weight, etf_rotation]",
    "strategy.linear.weights=[{momentum_20: 1.0}, {volatility_20: -1.0}]",
    "strategy.linear.short_names=[0, 5]",
    "strategy.linear.short_exposure=[0.0, 0.5]",
    "strategy.risk.stop_loss_pct=[null, 0.1]",
    "rebalance=[monthly, weekly, {every: 3}]",
    "rebalance.every=[2, 9]",
    "short.initial_margin=[0.2, 0.6]",
    "short.maintenance_margin=[0.1, 0.4]",
    "backtest.start=[2014-01-02, 2018-01-02]",
    "backtest.end=[2016-01-04, null]",
    "execution.commission.rate=[0.0, 0.002, -1]",
    "execution.commission={model: none}",
    "execution.cash_buffer=[0.0, 0.05]",
    "data.universe=[null, names.csv]",
    "execution.market_rules=[none, cn_ashare]",
    "execution.special_treatment=[null, st.csv]",
    "random_seed=[1, 2]",
    "factors.mine=['close', 'open']",
)
READABLE = tuple(axis for axis in AXES if "=[" in axis)
SECTIONS = strategy_sections()


def read(lines):
    return load_settings("backtest", SECTIONS, overrides=lines, environment={}).settings


BASE = read([])


class TestReference:
    @settings(max_examples=40)
    @given(st.lists(st.sampled_from(READABLE), min_size=1, max_size=3, unique=True))
    def test_equal_to_reading_each_combination_whole(self, texts: list[str]):
        grid = combinations([read_axis(text) for text in texts], [])[:12]
        for combination, found in zip(grid, settings_of(grid, BASE, read), strict=True):
            try:
                expected = read(combination.overrides)
            except QuantError as error:
                assert isinstance(found, QuantError)
                assert str(found) == str(error)
            else:
                assert not isinstance(found, QuantError)
                assert result_key(found) == result_key(expected)


class TestExamples:
    def test_a_line_is_read_once(self):
        lines: list[tuple[str, ...]] = []

        def counted(given):
            lines.append(tuple(given))
            return read(given)

        grid = combinations(
            [read_axis("strategy.top_k=[1, 2, 3]"), read_axis("rebalance.every=[4, 5]")], []
        )
        assert len(settings_of(grid, BASE, counted)) == 6
        assert len(lines) == 5


class TestRefusals:
    def test_unknown_keys_end_the_sweep_all_at_once(self):
        texts = ["strategy.topk=[1, 2]", "rebalance.evry=[5]", "strategy.top_k=[0]"]
        grid = combinations([read_axis(text) for text in texts], [])
        with pytest.raises(ConfigurationError) as refused:
            settings_of(grid, BASE, read)
        told = str(refused.value)
        assert "unknown key 'topk'" in told
        assert "did you mean strategy.top_k?" in told
        assert told.count("unknown key 'topk'") == 1
