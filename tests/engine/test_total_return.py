"""Buy and hold of single names on real prices: the ledger against pandas, to the micro.

With the dividends kept as cash every amount is checked exactly. With the dividends put back
into the name the growth is compared with the return series of the name, which knows neither
whole shares nor cash; how far they may differ is derived where it is stated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from quant_core.backtest_engine import RunWindow, run_backtest
from quant_core.data.action_events import action_rows
from quant_core.data.sources.action_files import read_actions
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.market import Market, MarketFacts
from quant_core.trading.actions import Action, Dividend, Rights, Split
from quant_core.trading.history import RunHistory
from quant_core.trading.target import Hold, Weights
from tests.engine.market_strategies import ScriptedStrategy, brain_of
from tests.engine.reference import Rules, m
from tests.shared_data import SHARED, needs_shared

pytestmark = needs_shared

FREE = Rules(cash_buffer=0.0, slippage=0.0, rate=0.0)
LARGE = 100_000_000.0
"""Enough that a whole share is less than a hundred-thousandth of it."""


@dataclass
class Name:
    """``prices`` with open and close by date; ``events`` by date with the columns

    ``split`` (new shares for one old), ``dividend`` (of the old shares), ``rights`` and
    ``rights_price`` (of the shares after the split).
    """

    prices: pd.DataFrame
    events: pd.DataFrame

    def placed(self) -> pd.DataFrame:
        """The events by row: the first session on or after their date, none before the run."""
        rows = self.prices.index.searchsorted(self.events.index)
        placed = self.events.assign(row=rows)
        return placed[(placed["row"] > 1) & (placed["row"] < len(self.prices))]

    def actions(self) -> dict[int, tuple[Action, ...]]:
        found: dict[int, tuple[Action, ...]] = {}
        for event in self.placed().itertuples():
            actions: list[Action] = []
            if event.dividend:
                actions.append(Dividend("S0", m(event.dividend), event.row))
            if event.split != 1.0:
                actions.append(Split("S0", event.split))
            if event.rights:
                actions.append(Rights("S0", event.rights, m(event.rights_price)))
            found[event.row] = tuple(actions)
        return found


def events(table: pd.DataFrame) -> pd.DataFrame:
    defaults = {"split": 1.0, "dividend": 0.0, "rights": 0.0, "rights_price": 0.0}
    for column, value in defaults.items():
        if column not in table:
            table = table.assign(**{column: value})
    return table[list(defaults)]


def run(name: Name, weight: float, *, every_day: bool, capital: float) -> RunHistory:
    """Hold ``weight`` of the capital; once bought, or topped up every day."""
    prices = name.prices
    panel = MarketPanel(
        Axes(prices.index.to_numpy().astype("datetime64[D]"), ("S0",)),
        prices[["open"]].to_numpy(),
        prices[["close"]].to_numpy(),
        np.full((len(prices), 1), 1e9),
        np.ones((len(prices), 1), dtype=bool),
    )

    def answer(row: int) -> Weights | Hold:
        return Weights({"S0": weight}) if every_day or row == 0 else Hold("bought")

    market = Market(panel, {}, MarketFacts(actions=name.actions()))
    brain = brain_of(ScriptedStrategy(answer, panel), FREE)
    days = len(prices) - 1
    return run_backtest(brain, market, RunWindow(1, days), np.ones(days, dtype=bool), m(capital))


def held_by_hand(name: Name, weight: float, capital: float) -> pd.DataFrame:
    """Shares, cash and equity in micros at every close, from the events alone."""
    micros = (name.prices[["open", "close"]] * 1e6).round().astype("int64")
    budget = math.floor(weight * m(capital))
    shares = min(budget // micros["close"].iloc[0], m(capital) // micros["open"].iloc[1])
    cash = m(capital) - shares * micros["open"].iloc[1]
    book = pd.DataFrame(index=name.prices.index[1:], columns=["shares", "cash"], dtype="object")
    book.iloc[0] = [shares, cash]
    for event in name.placed().itertuples():
        dividend = shares * m(event.dividend)
        exact = round(shares * event.split, 9)
        shares = math.floor(exact)
        offered = math.floor(round(shares * event.rights, 9))
        price = m(event.rights_price)
        subscribed = min(offered, cash // price) if price else 0
        # The right is subscribed before the money of the day comes in.
        cash += dividend - subscribed * price
        cash += m((exact - shares) * name.prices["open"].iloc[event.row])
        shares += subscribed
        book.loc[name.prices.index[event.row]] = [shares, cash]
    book = book.ffill().astype("int64")
    return book.assign(equity=book["cash"] + book["shares"] * micros["close"].iloc[1:])


def assert_read_alike(path: Path, names: dict[str, Name]) -> None:
    """The reader of action files makes of a source what is made of it here.

    It also keeps small factors that no price confirms: days with those alone are its own.
    """
    read = read_actions([path]).actions
    for symbol, name in names.items():
        axes = Axes(name.prices.index.to_numpy().astype("datetime64[D]"), (symbol,))
        found = action_rows(read.filter(pl.col("symbol") == symbol), axes)
        expected = {
            row: tuple(replace(action, symbol=symbol) for action in actions)
            for row, actions in name.actions().items()
        }
        assert expected
        assert {row: found[row] for row in expected} == expected


def assert_held_to_the_micro(name: Name, weight: float = 1.0, capital: float = 1_000_000.0):
    history = run(name, weight, every_day=False, capital=capital)
    expected = held_by_hand(name, weight, capital)
    assert history.positions.shares.tolist() == expected["shares"].tolist()
    assert history.cash_micros.tolist() == expected["cash"].tolist()
    assert history.equity_micros.tolist() == expected["equity"].tolist()
    assert not history.receivable_micros.any()


def assert_reinvested(name: Name, growth: float, gross_step: pd.Series) -> float:
    """The ledger's growth agrees with ``growth``, up to when a dividend is put back.

    A return series puts it back at a price of its own convention: the price before the
    ex-date less the dividend, or the close of the ex-date (``gross_step`` by row of the
    ex-date is one plus the dividend over that price). The ledger has the money
    in the morning, decides in the evening and buys at the next open: that much is taken into
    account exactly. What is left: an order counts shares at the evening's close, so that an
    open below it leaves some cash for one more session; whole shares are less than 2e-5.
    Returns the difference from ``growth`` itself.
    """
    open_, close = name.prices["open"].to_numpy(), name.prices["close"].to_numpy()
    history = run(name, 1.0, every_day=True, capital=LARGE)
    found = history.equity_micros[-1] / m(LARGE)
    expected = growth * close[0] / open_[1]  # from the first open, at which the ledger bought
    later = expected
    placed = name.placed().set_index("row")
    allowed = 2e-5 + idle(open_, close, 0)
    for row, step in gross_step.items():
        event = placed.loc[row]
        without = event["dividend"] / event["split"] / (step - 1.0)
        bought = min(row + 1, len(open_) - 1)
        later *= (1.0 + (step - 1.0) * without / open_[bought]) / step
        allowed += (step - 1.0) * idle(open_, close, row)
    assert abs(found / later - 1.0) <= allowed
    return found / expected - 1.0


def idle(open_: np.ndarray, close: np.ndarray, row: int) -> float:
    """What is missed when an open below the close of ``row`` leaves money for a session."""
    if row + 2 >= len(open_):
        return 1.0 if row + 1 >= len(open_) else 0.0
    return abs(open_[row + 1] / close[row] - 1.0) * abs(open_[row + 2] / open_[row + 1] - 1.0)


# --- Apple, IBM, Coca-Cola and Microsoft, 2012 to 2014 ----------------------------------------


def published(symbol: str) -> pd.DataFrame:
    path = SHARED / "expected" / "zipline" / f"csvdir_{symbol}.csv.gz"
    return pd.read_csv(path, index_col="date", parse_dates=["date"])


def with_cash_only(symbol: str) -> Name:
    """As published: prices and dividends are adjusted for the splits already."""
    table = published(symbol)
    return Name(table, events(table.loc[table["dividend"] > 0, ["dividend"]]))


def as_traded(symbol: str) -> Name:
    """The splits taken out of prices and dividends again, and told as events."""
    table = published(symbol)
    later = table["split"][::-1].cumprod()[::-1].shift(-1, fill_value=1.0)
    prices = table[["open", "close"]].mul(later, axis=0)
    told = table.assign(dividend=table["dividend"] * later)
    return Name(prices, events(told.loc[(told["dividend"] > 0) | (told["split"] != 1)]))


def total_return(table: pd.DataFrame) -> tuple[float, pd.Series]:
    """Growth of a close-to-close return series with dividends, and the steps of dividends."""
    before = table["close"].shift(1)
    growth = ((table["close"] + table["dividend"]) / before).iloc[2:].prod()
    growth *= table["close"].iloc[1] / table["close"].iloc[0]
    rows = pd.Series((1.0 + table["dividend"] / table["close"]).to_numpy())
    return growth, rows[(rows > 1.0) & (rows.index > 1)]


class TestFourNames:
    SYMBOLS = ("AAPL", "IBM", "KO", "MSFT")

    def test_the_published_prices_are_split_adjusted(self):
        for symbol in ("AAPL", "KO"):
            table = published(symbol)
            day = table.index.get_loc(table.index[table["split"] != 1][0])
            assert table["split"].iloc[day] in (2.0, 7.0)
            assert abs(table["close"].iloc[day] / table["close"].iloc[day - 1] - 1) < 0.05
        # 2.65 of before the split of 7 for 1.
        assert published("AAPL").loc["2012-08-09", "dividend"] == pytest.approx(2.65 / 7, abs=1e-5)

    @pytest.mark.parametrize("symbol", SYMBOLS)
    def test_dividends_kept(self, symbol):
        assert_held_to_the_micro(with_cash_only(symbol))

    @pytest.mark.parametrize("symbol", SYMBOLS)
    def test_as_traded_with_the_splits(self, symbol):
        assert_held_to_the_micro(as_traded(symbol))
        assert_held_to_the_micro(as_traded(symbol), weight=0.37, capital=9_999.99)

    @pytest.mark.parametrize("symbol", SYMBOLS)
    def test_dividends_reinvested(self, symbol):
        growth, steps = total_return(published(symbol))
        off = assert_reinvested(with_cash_only(symbol), growth, steps)
        assert abs(off) < 0.001
        assert assert_reinvested(as_traded(symbol), growth, steps) == pytest.approx(off, abs=2e-5)

    def test_dividends_matter(self):
        growth, _ = total_return(published("KO"))
        table = published("KO")
        assert growth / (table["close"].iloc[-1] / table["close"].iloc[0]) > 1.05


# --- Twenty US names with splits and dividends, 2015 to 2016 ----------------------------------


@pytest.fixture(scope="module")
def american() -> dict[str, tuple[Name, float, pd.Series]]:
    """The first twenty names with a split of a simple ratio and a dividend, both confirmed.

    Events that no price confirms are left out on both sides. The growth comes from the
    factors of the source, not from the ratios and amounts made of them.
    """
    folder = SHARED / "us_raw_daily_2015_2017"
    told = pl.read_parquet(folder / "actions.parquet").filter("price_confirms")
    told = told.with_columns(large=pl.col("kind_guess") == "split_or_large")
    halves = pl.max_horizontal("factor", 1 / pl.col("factor")) * 2
    told = told.with_columns(simple=~pl.col("large") | ((halves.round() / halves - 1).abs() < 1e-5))
    usable = (
        told.group_by("symbol")
        .agg(pl.col("simple").all(), pl.col("large").sum(), n=pl.len())
        .filter(pl.col("simple") & (pl.col("large") > 0) & (pl.col("n") > pl.col("large")))
    )
    columns = ["symbol", "date", "open", "close"]
    prices = pl.read_parquet(folder / "ohlcv_raw.parquet", columns=columns)
    whole = (
        prices.join(usable, on="symbol", how="semi")
        .group_by("symbol")
        .agg(pl.len(), (pl.col("open", "close") > 1.0).all())
        .filter((pl.col("len") >= 375) & pl.col("open") & pl.col("close"))
    )
    names = sorted(whole["symbol"])[:20]
    return {symbol: american_name(symbol, prices, told) for symbol in names}


def american_name(symbol: str, prices: pl.DataFrame, told: pl.DataFrame):
    mine = prices.filter(pl.col("symbol") == symbol).sort("date")
    table = pd.DataFrame(
        {"open": mine["open"].to_numpy(), "close": mine["close"].to_numpy()},
        index=pd.DatetimeIndex(mine["date"].to_numpy()),
    )
    rows = told.filter(pl.col("symbol") == symbol).sort("ex_date")
    large = rows["large"].to_numpy()
    factor = rows["factor"].to_numpy()
    index = pd.DatetimeIndex(rows["ex_date"].to_numpy())
    ratio = np.where(factor < 1, np.round(2 / factor) / 2, 2 / np.round(2 * factor))
    name = Name(
        table,
        events(
            pd.DataFrame(
                {
                    "split": np.where(large, ratio, 1.0),
                    "dividend": np.where(large, 0.0, rows["implied_cash"].to_numpy()),
                },
                index=index,
            )
        ),
    )
    place = pd.Series(table.index.searchsorted(index))
    inside = (place > 1).to_numpy()
    growth = table["close"].iloc[-1] / table["close"].iloc[0] / factor[inside].prod()
    steps = pd.Series(1 / factor[inside & ~large], index=place[inside & ~large])
    return name, growth, steps


class TestTwentyAmericanNames:
    def test_there_are_twenty_with_splits_both_ways_and_dividends(self, american):
        splits = pd.concat([name.events["split"] for name, _, _ in american.values()])
        dividends = pd.concat([name.events["dividend"] for name, _, _ in american.values()])
        assert len(american) == 20
        assert (splits > 1).sum() >= 5
        assert (splits < 1).sum() >= 2
        assert (dividends > 0).sum() >= 40

    def test_the_reader_makes_the_same_actions(self, american):
        path = SHARED / "us_raw_daily_2015_2017" / "actions.parquet"
        assert_read_alike(path, {symbol: name for symbol, (name, _, _) in american.items()})

    def test_dividends_kept(self, american):
        for name, _, _ in american.values():
            assert_held_to_the_micro(name)

    def test_dividends_reinvested(self, american):
        off = [assert_reinvested(*case) for case in american.values()]
        assert np.median(np.abs(off)) < 0.001


# --- Shanghai Pudong Development Bank and Shenzhen Development Bank, 1991 to 2011 ---------------


def chinese(symbol: str) -> Name:
    folder = SHARED / "cn_hikyuu_raw_1990_2011"
    mine = pl.read_parquet(folder / "ohlcv_raw.parquet").filter(pl.col("symbol") == symbol)
    mine = mine.sort("date")
    prices = pd.DataFrame(
        {"open": mine["open"].to_numpy(), "close": mine["close"].to_numpy()},
        index=pd.DatetimeIndex(mine["date"].to_numpy()),
    )
    code, market = symbol.split(".")
    told = pl.read_parquet(folder / "actions_all_ashares.parquet").filter(
        (pl.col("code") == code)
        & (pl.col("market") == market)
        & (pl.sum_horizontal("gift", "transfer", "rights", "cash") > 0)
    )
    # Shares for ten in 1/10,000; cash for ten and the price of a right in 1/1,000.
    given = ((told["gift"] + told["transfer"]) / 100_000).to_numpy()
    offered = (told["rights"] / 100_000).to_numpy()
    table = pd.DataFrame(
        {
            "split": 1 + given,
            "dividend": (told["cash"] / 10_000).to_numpy(),
            "rights": offered / (1 + given),
            "rights_price": (told["rights_price"] / 1_000).to_numpy() * (offered > 0),
        },
        index=pd.DatetimeIndex(told["date"].to_numpy()),
    )
    return Name(prices, events(table.sort_index()))


class TestChineseNames:
    def test_the_reader_makes_the_same_actions(self):
        path = SHARED / "cn_hikyuu_raw_1990_2011" / "actions_all_ashares.parquet"
        symbols = ("600000.SH", "600005.SH", "000001.SZ", "000002.SZ")
        assert_read_alike(path, {symbol: chinese(symbol) for symbol in symbols})

    def test_bonus_transfer_and_cash(self):
        name = chinese("600000.SH")
        assert (name.placed()["split"] > 1).sum() == 6
        assert (name.placed()["dividend"] > 0).sum() >= 10
        assert_held_to_the_micro(name)
        assert_held_to_the_micro(name, capital=12_345.67)

    def test_rights_subscribed_and_lapsed(self):
        name = chinese("000001.SZ")
        assert (name.placed()["rights"] > 0).sum() == 3
        assert_held_to_the_micro(name, weight=0.5)  # cash for every right
        assert_held_to_the_micro(name, weight=1.0)  # and for hardly any

    def test_reinvested(self):
        name = chinese("600000.SH")
        close, placed = name.prices["close"].to_numpy(), name.placed()
        growth, steps = close[-1] / close[0], {}
        for event in placed.itertuples():
            before = close[event.row - 1]
            step = before / (before - event.dividend)
            growth *= step * event.split
            if event.dividend:
                steps[event.row] = step
        off = assert_reinvested(name, growth, pd.Series(steps))
        assert abs(off) < 0.005
