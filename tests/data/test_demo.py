"""The synthetic market: what it promises, measured on what it prints."""

import hashlib
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.data.quality import inspect
from quant_core.data.schema import OPTIONAL_FIELDS, SYMBOL_SCHEMA, RawTable, price_schema
from quant_core.data.sources import demo
from quant_core.data.sources.demo import DemoOptions, DemoSource
from quant_core.data.sources.demo_bars import Paths, print_bars, printed
from quant_core.data.sources.demo_market import (
    SECTORS,
    Component,
    fat_tailed,
    market_paths,
    stream,
    wandering,
)
from quant_core.foundation.errors import ConfigurationError, UsageError
from quant_core.foundation.timing import calendar_sessions

DIGEST = "7a576233f53995f74a40d5ee7aa55e3ede6afed29c9532c76d9aa1e0d2866e35"


@cache
def default_market() -> RawTable:
    return DemoSource(DemoOptions()).read()


def small(**changes) -> RawTable:
    chosen = {"stocks": 30, "etfs": 3, "sessions": 120, "calendar": "24/7"} | changes
    return DemoSource(DemoOptions(**chosen)).read()


def matrix(field: str, kind: str = "SYN") -> np.ndarray:
    """[sessions, symbols] of the default market, NaN where there is no row."""
    prices = default_market().prices
    rows = prices["date"].unique().sort().search_sorted(prices["date"]).to_numpy()
    symbols = prices["symbol"].unique().sort()
    columns = symbols.search_sorted(prices["symbol"]).to_numpy()
    dense = np.full((rows.max() + 1, len(symbols)), np.nan)
    dense[rows, columns] = prices[field].to_numpy()
    return dense[:, symbols.str.starts_with(kind).to_numpy()]


def digest(table: RawTable) -> str:
    """Hash of keys, prices in hundredths of a cent and round lots."""
    fields = [pl.col("symbol"), pl.col("date").cast(pl.String)]
    fields += [(pl.col(name) * 10_000).round().cast(pl.Int64) for name in ("open", "high")]
    fields += [(pl.col(name) * 10_000).round().cast(pl.Int64) for name in ("low", "close")]
    fields += [pl.col("volume").cast(pl.Int64)]
    return hashlib.sha256(table.prices.select(fields).write_csv().encode()).hexdigest()


class TestExamples:
    def test_ticks(self):
        assert printed(np.array([10.004, 1.0, 0.99994, 0.04])).tolist() == [10.0, 1.0, 0.9999, 0.05]

    def test_size_of_the_default_market(self):
        table = default_market()
        assert table.symbols.height == 412
        assert table.prices["date"].n_unique() == 2520
        assert table.prices["date"].min() == date(2015, 1, 2)
        assert table.prices["date"].max() == date(2025, 1, 7)

    def test_sessions_are_those_of_the_calendar(self):
        found = default_market().prices["date"].unique().sort().to_numpy()
        known = calendar_sessions("XNYS", date(2015, 1, 2), date(2025, 1, 7))
        assert (found == known).all()

    def test_labelled_as_synthetic_everywhere(self):
        table = default_market()
        assert table.symbols["name"].str.contains("Synthetic").all()
        assert table.symbols["symbol"].str.contains(r"^(SYN\d{4}|ETF_[A-Z]+)$").all()
        assert "synthetic" in table.origin[0]
        assert "seed 6" in table.origin[1]
        assert table.origin[2] == "400 stocks, 12 ETFs, 2520 sessions from 2015-01-02 (XNYS)"

    def test_categories(self):
        categories = dict(default_market().symbols.select("symbol", "category").iter_rows())
        assert {kind for symbol, kind in categories.items() if symbol > "SYN"} == set(SECTORS)
        funds = [symbol for symbol, kind in categories.items() if kind == "etf"]
        assert len(funds) == 12
        assert {"ETF_MARKET", "ETF_BOND", "ETF_GOLD"} < set(funds)

    def test_nothing_is_rejected(self):
        assert default_market().rejected.is_empty()

    @pytest.mark.parametrize(
        ("stocks", "etfs", "sessions"),
        [(1, 0, 30), (0, 1, 1), (1, 1, 1), (0, 14, 40), (3, 14, 2), (251, 0, 5)],
    )
    def test_small_markets(self, stocks, etfs, sessions):
        table = small(stocks=stocks, etfs=etfs, sessions=sessions)
        assert table.symbols.height == stocks + etfs
        assert table.prices["symbol"].n_unique() == stocks + etfs
        assert table.prices["date"].n_unique() <= sessions


class TestReference:
    def test_the_recipe_has_not_changed(self):
        # Prices are rounded, so that a last bit that differs between machines does not show.
        assert digest(default_market()) == DIGEST

    def test_fat_tails_have_the_stated_moments(self):
        draws = fat_tailed(stream(1, Component.MARKET), (1000, 2000))
        assert abs(draws.mean()) < 0.003
        assert draws.var() == pytest.approx(1.0, abs=0.01)
        assert (draws**4).mean() == pytest.approx(6.0, abs=0.3)

    def test_slow_drifts_forget_half_in_a_half_life(self):
        drift = wandering(stream(1, Component.DRIFT), (20_000, 253), half_life=126)
        assert drift.var() == pytest.approx(1.0, abs=0.03)
        assert (drift[:, 0] * drift[:, 126]).mean() == pytest.approx(0.5, abs=0.03)
        assert (drift[:, 0] * drift[:, 252]).mean() == pytest.approx(0.25, abs=0.03)

    def test_extremes_follow_the_law_of_a_finely_stepped_bridge(self):
        rng = np.random.default_rng(7)
        steps, count, volatility, move = 2_000, 4_000, 0.02, 0.01
        walk = np.cumsum(rng.standard_normal((count, steps)), axis=1) * volatility / steps**0.5
        time = np.arange(1, steps + 1) / steps
        bridge = walk - time * walk[:, -1:] + time * move
        opened = np.full((1, count), np.log(500.0))
        paths = Paths(opened, opened + move, np.full((1, count), volatility))
        bars = print_bars(rng, paths, np.ones((1, count)))
        high, low = np.log(bars.high / bars.open), np.log(bars.low / bars.open)
        assert high.mean() == pytest.approx(np.maximum(bridge.max(axis=1), 0).mean(), rel=0.04)
        assert low.mean() == pytest.approx(np.minimum(bridge.min(axis=1), 0).mean(), rel=0.04)


class TestProperties:
    def test_two_runs_are_equal(self):
        first, second = small(), small()
        assert first.prices.equals(second.prices)
        assert first.symbols.equals(second.symbols)
        assert first.origin == second.origin

    def test_another_seed_is_another_market(self):
        assert digest(small(seed=1)) != digest(small(seed=2))

    @settings(max_examples=25)
    @given(
        seed=st.integers(0, 2**63 - 1),
        stocks=st.integers(0, 20),
        etfs=st.integers(0, 14),
        sessions=st.integers(1, 90),
    )
    def test_every_table_is_a_table_of_prices(self, seed, stocks, etfs, sessions):
        size = {"stocks": max(stocks, 1 - etfs), "etfs": etfs, "sessions": sessions}
        table = small(seed=seed, **size)
        prices, symbols = table.prices, table.symbols
        assert dict(prices.schema) == price_schema(OPTIONAL_FIELDS)
        assert dict(symbols.schema) == SYMBOL_SCHEMA
        assert prices.null_count().sum_horizontal().item() == 0
        assert prices.select("symbol", "date").equals(
            prices.select("symbol", "date").unique().sort("symbol", "date")
        )
        assert symbols["symbol"].to_list() == prices["symbol"].unique().sort().to_list()

    def test_bars_are_consistent(self):
        wrong = default_market().prices.filter(
            (pl.col("high") < pl.max_horizontal("open", "close"))
            | (pl.col("low") > pl.min_horizontal("open", "close"))
            | (pl.col("low") < 0.05)
            | ~pl.col("vwap").is_between("low", "high")
            | ~pl.all_horizontal(pl.selectors.numeric().is_finite())
        )
        assert wrong.is_empty()

    def test_prices_stand_on_the_tick(self):
        close = default_market().prices["close"].to_numpy()
        dear = close[close >= 1.0]
        assert (np.rint(dear * 100) / 100 == dear).all()
        assert (np.rint(close * 10_000) / 10_000 == close).all()

    def test_volumes(self):
        prices = default_market().prices
        volume = prices["volume"].to_numpy()
        assert (volume >= 100).all()
        assert (volume % 100 == 0).all()
        assert (prices["amount"] == prices["vwap"] * prices["volume"]).all()
        moves = np.abs(np.diff(np.log(matrix("close")), axis=0)).ravel()
        level = np.log(matrix("volume"))
        level = (level - np.nanmean(level, axis=0))[1:].ravel()
        known = np.isfinite(moves) & np.isfinite(level)
        assert 0.2 < np.corrcoef(moves[known], level[known])[0, 1] < 0.7

    def test_capitalisation_is_a_constant_number_of_shares(self):
        shares = matrix("cap") / matrix("close")
        assert np.nanmax(np.nanmax(shares, axis=0) / np.nanmin(shares, axis=0) - 1) < 1e-12

    def test_halts_are_absent_rows(self):
        close = matrix("close")
        alive = np.isfinite(close)
        first, last = alive.argmax(axis=0), len(alive) - alive[::-1].argmax(axis=0)
        span = (last - first).sum()
        assert 0.0003 < 1 - alive.sum() / span < 0.0008
        assert np.isfinite(matrix("close", "ETF")).all()

    def test_listings_and_delistings(self):
        symbols = default_market().symbols
        late = np.isnan(matrix("close")[0]).mean()
        assert 0.15 < late < 0.25
        last = default_market().prices.group_by("symbol").agg(pl.col("date").max())
        ends = symbols.join(last, on="symbol")
        gone = ends.filter(pl.col("delisted").is_not_null())
        assert 0.05 < gone.height / 400 < 0.12
        assert (gone["delisted"] == gone["date"]).all()
        left = ends.filter(pl.col("delisted").is_null())
        assert (left["date"] == date(2025, 1, 7)).all()

    def test_some_of_the_delisted_end_badly(self):
        close = matrix("close")
        gone = np.flatnonzero(np.isnan(close[-1]))
        ends = [close[np.isfinite(close[:, column]), column] for column in gone]
        change = np.array([path[-1] / path[max(len(path) - 121, 0)] - 1 for path in ends])
        assert 0.25 < (change < -0.5).mean() < 0.75

    def test_gaps(self):
        overnight = np.log(matrix("open")[1:] / matrix("close")[:-1])
        total = np.diff(np.log(matrix("close")), axis=0)
        share = np.nanvar(overnight, axis=0) / np.nanvar(total, axis=0)
        assert 0.25 < np.nanmedian(share) < 0.35
        news = np.nansum((np.abs(overnight) > 0.05) & (np.abs(overnight) < 0.15))
        years = np.isfinite(overnight).sum() / 252
        assert 0.5 < news / years < 2.0

    def test_no_flood_of_findings(self):
        close = matrix("close")
        moves = close[1:] / close[:-1] - 1
        assert np.nansum(np.abs(moves) > 0.4) < 5
        equal = np.lib.stride_tricks.sliding_window_view(moves == 0, 4, axis=0).all(axis=-1)
        assert equal.sum() < 5
        assert (matrix("close", "ETF")[1:] != 0).all()

    def test_passes_the_quality_gate_whole(self):
        seen = inspect(default_market(), "XNYS")
        assert seen.report.rows_kept == default_market().prices.height
        assert seen.report.rows_quarantined == 0
        assert seen.report.refusals == ()
        assert set(seen.report.findings) == {"early_end", "late_start", "gap"}

    def test_market_has_clustered_volatility_and_fat_tails(self):
        paths = market_paths(6, 2520)
        market = paths.styles.overnight[0] + paths.styles.intraday[0]
        size = np.abs(market)
        assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.1
        assert (market**4).mean() / market.var() ** 2 > 4.0
        assert 0.10 < market.std() * 252**0.5 < 0.22

    def test_market_fund_follows_the_stocks(self):
        worth = np.nansum(matrix("cap"), axis=1)
        stable = np.isfinite(matrix("cap")[1:]) == np.isfinite(matrix("cap")[:-1])
        calm = stable.all(axis=1)
        fund = matrix("close", "ETF_MARKET")[:, 0]
        stocks, held = (np.diff(np.log(series))[calm] for series in (worth, fund))
        assert np.corrcoef(stocks, held)[0, 1] > 0.99

    def test_havens_are_independent_of_the_market(self):
        market = np.diff(np.log(matrix("close", "ETF_MARKET")[:, 0]))
        for name, limit in (("ETF_BOND", 0.07), ("ETF_GOLD", 0.20)):
            haven = np.diff(np.log(matrix("close", name)[:, 0]))
            assert abs(np.corrcoef(market, haven)[0, 1]) < 0.1
            assert haven.std() * 252**0.5 < limit


class TestPlantedPremium:
    """What a factor can find: something, and not too much."""

    @staticmethod
    def coefficients(signal: np.ndarray, close: np.ndarray) -> np.ndarray:
        """Rank correlation with the next 20 sessions, every 20 sessions."""
        found = []
        for session in range(252, len(close) - 20, 20):
            ahead = close[session + 20] / close[session] - 1
            known = np.isfinite(signal[session]) & np.isfinite(ahead)
            ranks = [np.argsort(np.argsort(values[known])) for values in (signal[session], ahead)]
            found.append(np.corrcoef(*ranks)[0, 1])
        return np.array(found)

    def test_momentum_is_rewarded_modestly(self):
        close = matrix("close")
        momentum = np.full(close.shape, np.nan)
        momentum[252:] = close[231:-21] / close[:-252] - 1
        found = self.coefficients(momentum, close)
        assert 0.01 < found.mean() < 0.06
        assert found.mean() / found.std(ddof=1) * len(found) ** 0.5 > 2.5

    def test_yesterday_alone_is_not(self):
        close = matrix("close")
        yesterday = np.full(close.shape, np.nan)
        yesterday[1:] = close[1:] / close[:-1] - 1
        assert abs(self.coefficients(yesterday, close).mean()) < 0.03


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "problem", "expected", "found"),
        [
            ({"stocks": 8001}, "number of stocks", "0 to 8,000", "8,001"),
            ({"stocks": 0, "etfs": 0}, "number of symbols", "1 to 8,014", "0"),
            ({"sessions": 0}, "number of sessions", "1 to 2,520", "0"),
            ({"sessions": 2521}, "number of sessions", "1 to 2,520", "2,521"),
            ({"etfs": 15}, "number of ETFs", "0 to 14", "15"),
            ({"stocks": -1}, "number of stocks", "0 to 8,000", "-1"),
            ({"seed": -1}, "seed", "0 to 9,223,372,036,854,775,807", "-1"),
        ],
    )
    def test_size_out_of_bounds(self, options, problem, expected, found):
        with pytest.raises(UsageError) as refused:
            DemoOptions(**options)
        error = refused.value
        assert str(error).startswith(f"the synthetic market cannot have this {problem}")
        assert (error.expected, error.found) == (expected, found)
        assert error.fix

    def test_the_largest_market_is_not_refused_for_its_funds(self):
        assert DemoOptions(stocks=8000).symbols == 8012

    def test_calendar_with_too_few_sessions(self, monkeypatch):
        def five(calendar, first, last):
            return calendar_sessions("24/7", first, last)[:5]

        monkeypatch.setattr(demo, "calendar_sessions", five)
        with pytest.raises(UsageError, match="XNYS has too few sessions") as refused:
            DemoSource(DemoOptions(stocks=1, etfs=0, sessions=30)).read()
        assert refused.value.expected == "30 sessions from 2015-01-02"
        assert refused.value.found == "5 until 2015-04-17"

    def test_unknown_calendar(self):
        with pytest.raises(ConfigurationError, match="XNOWHERE"):
            small(calendar="XNOWHERE")
