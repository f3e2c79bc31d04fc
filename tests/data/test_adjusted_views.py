"""Adjusted prices: by hand, against pandas on real data, and never from the future."""

from __future__ import annotations

import dataclasses
import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.data.adjusted_views import (
    Event,
    adjusted_panel,
    adjusted_view,
    adjustment,
    linked,
    stored_adjustment,
)
from quant_core.data.corporate_actions import merge_actions
from quant_core.data.schema import ACTION_SCHEMA, DatasetFacts
from quant_core.data.sources.action_files import read_actions
from quant_core.data.sources.files import FileSource
from quant_core.data.warehouse import Snapshot, Warehouse
from quant_core.foundation.errors import UsageError
from tests.data.warehouse_market import FACTS, FIRST, market, price_rows, tables_of
from tests.shared_data import SHARED, needs_shared

US = SHARED / "us_raw_daily_2015_2017"
CN = SHARED / "cn_hikyuu_raw_1990_2011"
REAL_NAMES = ("AAPL", "KO", "NFLX", "NKE", "EBAY", "TVIX", "GBSN", "XOM", "SBUX")


def column(*closes: float) -> np.ndarray:
    return np.array(closes)[:, None]


def factors(close: np.ndarray, *events: Event) -> list[float]:
    return adjustment(close, events).price[:, 0].round(9).tolist()


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def published(prices: pl.DataFrame, actions: list[dict[str, object]], root: Path) -> Snapshot:
    tables = dataclasses.replace(tables_of(prices), actions=pl.DataFrame(actions, ACTION_SCHEMA))
    return Warehouse(root).publish(FACTS, tables)


def action(symbol: str, number: int, kind: str, **more: object) -> dict[str, object]:
    return {"symbol": symbol, "ex_date": day(number), "kind": kind, **more}


class TestExamples:
    def test_split(self):
        assert factors(column(10, 20, 10), Event(2, 0, "split", 2.0)) == [1, 1, 2]

    def test_dividend(self):
        """Ten pays one: nine after it is what ten was."""
        assert factors(column(8, 10, 9), Event(2, 0, "dividend", 1.0)) == [1, 1, round(10 / 9, 9)]

    def test_rights(self):
        """One for two at 4 on a price of 10: the theoretical ex-price is (10 + 2) / 1.5 = 8."""
        assert factors(column(10, 8), Event(1, 0, "rights", 0.5, 4.0)) == [1, 1.25]

    def test_all_three_give_the_theoretical_ex_price(self):
        """10 - 0.5 cash, 1 for 10 at 5, 5 shares given for 10: (9.5 + 0.5) / 1.6 = 6.25."""
        events = (
            Event(1, 0, "dividend", 0.5),
            Event(1, 0, "split", 1.5),
            Event(1, 0, "rights", 0.1 / 1.5, 5.0),
        )
        assert factors(column(10, 6.25), *events) == [1, 1.6]

    def test_an_action_of_a_suspended_name_refers_to_the_adjusted_close(self):
        """10, split two for one while nobody trades, then 1 of the 5 that are left."""
        nan = float("nan")
        events = (Event(1, 0, "split", 2.0), Event(3, 0, "dividend", 1.0))
        assert factors(column(10, nan, nan, 4), *events) == [1, 2, 2, 2.5]

    def test_without_an_earlier_close_a_dividend_changes_nothing(self):
        assert factors(column(float("nan"), 10), Event(1, 0, "dividend", 1.0)) == [1, 1]

    def test_shares_know_splits_only(self):
        events = (Event(1, 0, "dividend", 1.0), Event(2, 0, "split", 2.0))
        shares = adjustment(column(10, 9, 4.5), events).shares
        assert shares.ravel().tolist() == [1, 1, 2]

    def test_a_rename_hands_the_history_on(self):
        nan = float("nan")
        close = np.array([[10, nan], [5, nan], [nan, 6], [nan, 3]])
        events = (
            Event(1, 0, "split", 2.0),
            Event(2, 0, "rename", nan, successor=1),
            Event(3, 1, "split", 2.0),
        )
        found = adjustment(close, events).price
        assert found[:, 1].tolist() == [1, 2, 2, 4]
        assert linked(close * found, events)[:, 1].tolist() == [10, 10, 12, 12]

    def test_panels_and_views_of_a_snapshot(self, tmp_path):
        prices = price_rows([("A", n, close) for n, close in enumerate((10.0, 9.0, 9.0, 4.5))])
        actions = [action("A", 1, "dividend", amount=1.0), action("A", 3, "split", ratio=2.0)]
        snapshot = published(prices, actions, tmp_path)
        for field in ("open", "high", "low", "close"):
            found = adjusted_panel(snapshot, field).ravel().round(9).tolist()
            assert found == [10, 10, 10, 10]
        assert adjusted_panel(snapshot, "volume").ravel().tolist() == [100, 101, 102, 51.5]
        assert snapshot.panel("close").ravel().tolist() == [10, 9, 9, 4.5]
        view = adjusted_view(snapshot, "close", day(2))
        assert view.ravel().round(9).tolist() == [9, 9, 9]
        assert adjusted_view(snapshot, "close", day(30)).ravel().round(9).tolist() == [4.5] * 4
        assert adjusted_view(snapshot, "volume", day(3)).ravel().tolist() == [200, 202, 204, 103]

    def test_other_bases_stay_as_they_are(self, tmp_path):
        prices = price_rows([("A", 0, 10.0), ("A", 1, 5.0)])
        tables = dataclasses.replace(
            tables_of(prices),
            actions=pl.DataFrame([action("A", 1, "split", ratio=2.0)], ACTION_SCHEMA),
        )
        facts = dataclasses.replace(FACTS, price_basis="split_adjusted")
        snapshot = Warehouse(tmp_path).publish(facts, tables)
        assert adjusted_panel(snapshot, "close").ravel().tolist() == [10, 5]


class TestReference:
    @needs_shared
    def test_real_names_against_pandas(self, tmp_path):
        """Total returns: (close + amount) * ratio over the close before, name by name."""
        raw = FileSource([US / "ohlcv_raw.parquet"]).read()
        prices = raw.prices.filter(
            pl.col("symbol").is_in(REAL_NAMES), pl.col("date") != date(2015, 7, 3)
        )
        facts = DatasetFacts("us", "XNYS", "raw", "USD", synthetic=False)
        merged = merge_actions(tables_of(prices), read_actions([US / "actions.parquet"]), facts)
        tables = dataclasses.replace(tables_of(prices), actions=merged.actions)
        snapshot = Warehouse(tmp_path).publish(facts, tables)
        panel = adjusted_panel(snapshot, "close")
        for symbol in REAL_NAMES:
            place = snapshot.axes.symbols.index(symbol)
            mine = pd.Series(panel[:, place], snapshot.axes.sessions).dropna().pct_change().iloc[1:]
            rows = prices.filter(pl.col("symbol") == symbol)
            close = pd.Series(rows["close"].to_list(), rows["date"].to_list())
            acts = merged.actions.filter(pl.col("symbol") == symbol)
            assert set(acts["ex_date"]) <= set(close.index)
            ratio, cash = (
                pd.Series(acts[name].to_list(), acts["ex_date"].to_list()).dropna()
                for name in ("ratio", "amount")
            )
            ratio = ratio.reindex(close.index).astype(float).fillna(1.0)
            cash = cash.reindex(close.index).astype(float).fillna(0.0)
            previous = close.shift(1)
            theirs = (close * ratio / (previous - cash) - 1.0).iloc[1:]
            assert len(acts) > 0
            np.testing.assert_allclose(mine.to_numpy(), theirs.to_numpy(), rtol=1e-9, atol=1e-12)

    @needs_shared
    def test_real_steps_of_a_chinese_bank(self, tmp_path):
        prices = FileSource([CN / "ohlcv_raw.parquet"]).read().prices
        facts = DatasetFacts("cn", "XSHG", "raw", "CNY", synthetic=False)
        raw = read_actions([CN / "actions_all_ashares.parquet"])
        merged = merge_actions(tables_of(prices), raw, facts)
        assert merged.report.quarantined == {}
        tables = dataclasses.replace(tables_of(prices), actions=merged.actions)
        snapshot = Warehouse(tmp_path).publish(facts, tables)
        found = stored_adjustment(snapshot).price[:, snapshot.axes.symbols.index("600000.SH")]
        steps = {
            str(day): step
            for day, step in zip(snapshot.axes.sessions[1:], found[1:] / found[:-1], strict=True)
        }
        published_steps = {"2002-08-22": 1.516, "2008-04-24": 1.306, "2010-06-10": 1.310}
        for when, step in published_steps.items():
            assert steps[when] == pytest.approx(step, abs=1e-3)

    @given(st.integers(0, 2**31))
    @settings(max_examples=30, deadline=None)
    def test_against_the_naive_twin(self, seed):
        chance = np.random.default_rng(seed)
        close = chance.uniform(5.0, 50.0, (12, 3))
        close[chance.random(close.shape) < 0.2] = np.nan
        events = random_events(chance, 12, 3)
        found = adjustment(close, events)
        for symbol in range(3):
            mine = [event for event in events if event.column == symbol]
            np.testing.assert_allclose(
                found.price[:, symbol], naive(close[:, symbol], mine), rtol=1e-12
            )


def random_events(chance: np.random.Generator, rows: int, columns: int) -> list[Event]:
    """Some actions in the order in which they apply."""
    made: list[Event] = []
    for row in range(1, rows):
        for kind in ("dividend", "split", "rights"):
            for symbol in range(columns):
                if chance.random() < 0.1:
                    value = {"dividend": 0.2, "rights": 0.3, "split": 2.0}[kind]
                    made.append(Event(row, symbol, kind, value * chance.uniform(0.5, 1.5), 3.0))
    return made


def naive(close: np.ndarray, events: list[Event]) -> list[float]:
    """The factors of one name, session by session: what one share of the first day became."""
    factor, price, found = 1.0, float("nan"), []
    for row, seen in enumerate(close):
        for event in events:
            if event.row != row:
                continue
            if event.kind == "split":
                after = price / event.value
                factor *= event.value
            elif event.kind == "dividend":
                after = price - event.value
                factor *= 1.0 if np.isnan(price) else price / after
            else:
                after = (price + event.value * event.price) / (1.0 + event.value)
                factor *= 1.0 if np.isnan(price) else price / after
            price = after
        price = price if np.isnan(seen) else seen
        found.append(factor)
    return found


class TestProperties:
    @given(st.integers(0, 2**31), st.integers(2, 10))
    @settings(max_examples=40, deadline=None)
    def test_a_later_action_never_changes_an_earlier_value(self, seed, cut):
        chance = np.random.default_rng(seed)
        close = chance.uniform(5.0, 50.0, (12, 3))
        events = random_events(chance, 12, 3)
        known = [event for event in events if event.row < cut]
        later = close.copy()
        later[cut:] = chance.uniform(5.0, 50.0, later[cut:].shape)
        whole, past = adjustment(later, events), adjustment(close, known)
        assert np.array_equal(whole.price[:cut], past.price[:cut])
        assert np.array_equal(whole.shares[:cut], past.shares[:cut])

    @given(st.integers(0, 2**31), st.integers(2, 11))
    @settings(max_examples=15, deadline=None)
    def test_extending_equals_computing_anew(self, seed, cut):
        """A version with fewer sessions has the first rows of the longer one, to the bit."""
        prices = market(12, 3, seed=seed)
        chance = np.random.default_rng(seed)
        names = sorted(set(prices["symbol"]))
        actions = [
            action(names[event.column], event.row, event.kind, **fields(event))
            for event in random_events(chance, 12, 3)
        ]
        with tempfile.TemporaryDirectory() as folder:
            short = prices.filter(pl.col("date") < day(cut))
            older = published(short, [a for a in actions if a["ex_date"] < day(cut)], Path(folder))
            newer = published(prices, actions, Path(folder))
            for field in ("close", "volume"):
                before, after = adjusted_panel(older, field), adjusted_panel(newer, field)
                assert np.array_equal(before, after[: len(before)], equal_nan=True)
            assert newer.continues(older)


def fields(event: Event) -> dict[str, float]:
    if event.kind == "dividend":
        return {"amount": event.value}
    return {"ratio": event.value} | ({"price": event.price} if event.kind == "rights" else {})


class TestRefusals:
    def test_a_view_before_the_data(self, tmp_path):
        snapshot = published(price_rows([("A", 0, 1.0)]), [], tmp_path)
        with pytest.raises(UsageError, match="before the first session") as caught:
            adjusted_view(snapshot, "close", day(-1))
        assert caught.value.expected == f"{FIRST} or later"

    def test_an_unknown_field(self, tmp_path):
        actions = [action("A", 1, "split", ratio=2.0)]
        snapshot = published(price_rows([("A", 0, 1.0), ("A", 1, 1.0)]), actions, tmp_path)
        with pytest.raises(UsageError, match="has no field 'vwap'"):
            adjusted_panel(snapshot, "vwap")
