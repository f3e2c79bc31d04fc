"""A name under special treatment (ST) has the narrow limits until it leaves the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from config import load_settings
from quant_core.backtest_engine import RunWindow, run_backtest, run_compiled, run_readable
from quant_core.data.schema import price_schema
from quant_core.data.warehouse import Snapshot, Warehouse
from quant_core.foundation.errors import ConfigurationError, SourceUnreachable, UsageError
from quant_core.foundation.language import translator
from quant_core.foundation.settings import Settings, result_key
from quant_core.jobs.assumptions import assumptions
from quant_core.jobs.sweep_world import WorldKeys
from quant_core.market import Market
from quant_core.strategies import strategy_sections
from quant_core.trading.history import RunHistory
from quant_core.wiring import build_brain, build_market, build_panel
from tests.data.warehouse_market import FACTS, tables_of
from tests.engine.reference import m
from tests.engine.test_compiled import differences
from tests.scenarios.table import fills, orders

DAYS = tuple(date(2023, 2, 1) + timedelta(days=day) for day in range(4))
BARS = [
    (10.00, 10.00),
    (10.50, 10.50),  # +5 %: the limit under special treatment, no seller
    (11.03, 11.03),  # 10.50 * 1.05 = 11.025 -> 11.03: +5 % again
    (11.03, 11.03),
]
LISTED = ("600000.SH,2022-05-05,2023-02-03",)
"""Under special treatment up to the session of the 2nd."""


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    rows = [
        {"symbol": "600000.SH", "date": day, "open": opened, "high": opened, "low": opened}
        | {"close": close, "volume": 1e6}
        for day, (opened, close) in zip(DAYS, BARS, strict=True)
    ]
    prices = pl.DataFrame(rows, price_schema())
    facts = replace(FACTS, dataset="cn", currency="CNY")
    return Warehouse(tmp_path / "data").publish(facts, tables_of(prices))


@pytest.fixture
def listed(tmp_path: Path) -> Callable[..., str]:
    """Writes a list of names under special treatment and answers with its path."""

    def write(*lines: str) -> str:
        path = tmp_path / "special.csv"
        path.write_text("\n".join(["symbol,start,end", *lines, ""]), "utf-8")
        return str(path)

    return write


def settings_with(*lines: str) -> Settings:
    chosen = [
        "strategy.type=equal_weight",
        "strategy.top_k=1",
        "execution.cash_buffer=0",
        "execution.slippage=0",
        "execution.commission={model: none}",
        "execution.lot=100",
        "execution.market_rules=cn_ashare",
        *lines,
    ]
    loaded = load_settings("backtest", strategy_sections(), overrides=chosen, environment={})
    return loaded.settings


def special(path: str) -> Settings:
    return settings_with(f"execution.special_treatment={path}")


def market_of(snapshot: Snapshot, settings: Settings) -> Market:
    panel = build_panel(settings.data, snapshot, None)
    return build_market(settings, snapshot, panel, {})


def traded(snapshot: Snapshot, settings: Settings, run=run_backtest) -> RunHistory:
    """Every session rebalanced, with 10,000 to begin with."""
    brain, market = build_brain(settings, snapshot), market_of(snapshot, settings)
    history = run(brain, market, RunWindow(1, 3), np.ones(3, dtype=bool), m(10_000.0))
    assert history is not None
    return history


class TestExamples:
    def test_five_per_cent_stops_a_buy_until_the_name_leaves_the_list(self, snapshot, listed):
        history = traded(snapshot, special(listed(*LISTED)))
        assert orders(history)[0] == "1 buy 600000.SH 0/1000 expired_limit_up"
        assert fills(history) == ["2 buy 900 600000.SH @ 11.03"]  # 10,000 // 10.5, in lots

    def test_without_the_list_five_per_cent_is_free(self, snapshot):
        assert fills(traded(snapshot, settings_with()))[0] == "1 buy 900 600000.SH @ 10.5"

    def test_on_the_list_to_the_end_it_never_trades(self, snapshot, listed):
        history = traded(snapshot, special(listed("600000.SH,2022-05-05,")))
        assert [line.split()[-1] for line in orders(history)[:2]] == ["expired_limit_up"] * 2
        assert fills(history) == ["3 buy 900 600000.SH @ 11.03"]  # the open of the 4th is flat

    def test_snapshots_say_the_same(self, snapshot, tmp_path):
        path = tmp_path / "special.csv"
        path.write_text("date,symbol\n2023-01-31,600000.SH\n2023-02-03,600001.SH\n", "utf-8")
        assert fills(traded(snapshot, special(str(path)))) == ["2 buy 900 600000.SH @ 11.03"]

    def test_the_report_says_it_in_both_languages(self, snapshot, listed):
        path = listed(*LISTED)
        for settings, said in (
            (special(path), {"en": f"Names that {path} lists", "zh": f"{path} 在某交易日列出的"}),
            (settings_with(), {"en": "No name is taken to be under", "zh": "不认定任何证券为"}),
        ):
            for language, words in said.items():
                told = assumptions(settings, snapshot, translator(language))
                assert [line for line in told if line.startswith(words)]


class TestReference:
    def test_the_compiled_and_the_readable_loop_are_equal(self, snapshot, listed):
        settings = special(listed(*LISTED))
        readable = traded(snapshot, settings, run_readable)
        assert differences(readable, traded(snapshot, settings, run_compiled)) == []
        assert fills(readable)

    def test_a_list_is_part_of_the_run_and_of_the_world_of_a_sweep(self, listed):
        plain, treated = settings_with(), special(listed(*LISTED))
        assert result_key(plain) != result_key(treated)
        keys = WorldKeys()
        assert keys.of(plain) != keys.of(treated)
        assert keys.of(treated) == keys.of(treated.model_copy())


class TestRefusals:
    def test_a_market_without_limits(self):
        with pytest.raises(ConfigurationError) as refusal:
            settings_with("execution.market_rules=none", "execution.special_treatment=st.csv")
        assert str(refusal.value) == (
            "names are under special treatment in a market without price limits\n"
            "  expected: execution.market_rules: cn_ashare, or no execution.special_treatment\n"
            "  found:    market_rules none, special_treatment st.csv\n"
            "  where:    --set execution.market_rules; --set execution.special_treatment\n"
            "  fix:      set execution.market_rules=cn_ashare, or execution.special_treatment=null"
        )

    def test_a_list_that_is_not_there(self, snapshot, tmp_path):
        gone = str(tmp_path / "gone.csv")
        with pytest.raises(SourceUnreachable) as refusal:
            market_of(snapshot, special(gone))
        assert str(refusal.value) == (
            "there is no file of members\n"
            "  expected: a CSV or Parquet file of symbol, start, end\n"
            f"  found:    {gone}\n"
            "  where:    execution.special_treatment\n"
            "  fix:      correct the path, or set execution.special_treatment=null"
        )

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("sh600000,2022-05-05,", ("no symbol of the universe", "600000.SH", "sh600000")),
            ("600000.SH,2009-01-01,2010-01-01", ("no member at any session", "2010-01-01")),
        ],
    )
    def test_a_list_that_lists_nobody(self, snapshot, listed, line, words):
        with pytest.raises(UsageError) as refusal:
            market_of(snapshot, special(listed(line)))
        text = str(refusal.value)
        assert [word for word in (*words, "execution.special_treatment") if word not in text] == []
