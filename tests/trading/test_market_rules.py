"""Price limits by board and date, against real prices with the reference of the exchange."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.panel import Axes
from quant_core.trading.market_rules import (
    FREE,
    NO_BUYS,
    NO_SELLS,
    TOLERANCE,
    ReferencePrices,
    limit_states,
    market_rules,
)
from tests.shared_data import SHARED, needs_shared

RULES = market_rules("cn_ashare")
QFQ = SHARED / "cn_ashare_daily_2014_2023" / "ohlcv_qfq.parquet"
MAIN, STAR, CHINEXT, BEIJING = "600000.SH", "688981.SH", "300750.SZ", "830799.BJ"


def states_of(
    symbol: str, start: str, closes: list[float], prices: list[float], **options
) -> list[int]:
    """States of one symbol on consecutive days, raw prices unless said otherwise."""
    days = np.datetime64(start) + np.arange(len(closes))
    special = options.pop("special", None)
    reference = ReferencePrices(
        np.array(closes)[:, None], options.pop("exact", True), options.pop("previous", None)
    )
    axes = Axes(days, (symbol,))
    return limit_states(RULES, axes, np.array(prices)[:, None], reference, special)[:, 0].tolist()


def second_day(symbol: str, start: str, close: float, *prices: float, **options) -> list[int]:
    """States of prices on the day after ``close``."""
    return [states_of(symbol, start, [close, close], [close, p], **options)[1] for p in prices]


class TestExamples:
    def test_the_main_board_rounds_half_up_to_the_tick(self):
        # 10.05 x 1.1 = 11.055 -> 11.06, x 0.9 = 9.045 -> 9.05.
        assert second_day(MAIN, "2023-02-01", 10.05, 11.05, 11.06, 11.07) == [
            FREE,
            NO_BUYS,
            NO_BUYS,
        ]
        assert second_day(MAIN, "2023-02-01", 10.05, 9.06, 9.05, 9.04) == [FREE, NO_SELLS, NO_SELLS]

    @pytest.mark.parametrize(
        ("symbol", "start", "upper", "lower"),
        [
            (MAIN, "2023-02-01", 11.0, 9.0),
            (STAR, "2023-02-01", 12.0, 8.0),
            (CHINEXT, "2020-08-20", 11.0, 9.0),
            (CHINEXT, "2020-08-24", 12.0, 8.0),
            (BEIJING, "2023-02-01", 13.0, 7.0),
            ("600000", "1997-01-02", 11.0, 9.0),
        ],
    )
    def test_limits_by_board_and_date(self, symbol, start, upper, lower):
        prices = (upper, upper - 0.01, lower, lower + 0.01)
        assert second_day(symbol, start, 10.0, *prices) == [NO_BUYS, FREE, NO_SELLS, FREE]

    def test_no_limit_before_the_end_of_1996(self):
        assert second_day(MAIN, "1996-12-14", 10.0, 20.0) == [FREE]
        assert second_day(MAIN, "1996-12-15", 10.0, 20.0) == [NO_BUYS]

    def test_special_treatment(self):
        special = np.array([[True], [True]])
        assert second_day(MAIN, "2023-02-01", 10.0, 10.5, 10.49, special=special) == [NO_BUYS, FREE]
        assert second_day(STAR, "2023-02-01", 10.0, 10.5, 12.0, special=special) == [FREE, NO_BUYS]

    @pytest.mark.parametrize(
        ("start", "upper"),
        [("1998-04-20", 11.0), ("1998-04-21", 10.5), ("2026-07-04", 10.5), ("2026-07-05", 11.0)],
    )
    def test_special_treatment_by_date(self, start, upper):
        """The session judged is the day after ``start``."""
        special = np.array([[True], [True]])
        found = second_day(MAIN, start, 10.0, upper, upper - 0.01, special=special)
        assert found == [NO_BUYS, FREE]

    def test_a_limit_is_at_least_a_tick_away(self):
        # 0.04 x 1.1 = 0.044 -> 0.04, which is no limit at all: one tick, 0.05 and 0.03.
        assert second_day(MAIN, "2005-02-01", 0.04, 0.04, 0.05, 0.03) == [FREE, NO_BUYS, NO_SELLS]

    @pytest.mark.parametrize(
        ("symbol", "start", "free"),
        [
            (STAR, "2021-02-01", 5),
            (CHINEXT, "2020-08-24", 5),
            (MAIN, "2023-04-10", 5),
            (BEIJING, "2022-02-01", 1),
            (MAIN, "2005-02-01", 1),
        ],
    )
    def test_new_listings_begin_without_a_limit(self, symbol, start, free):
        closes = [np.nan] + [10.0 * 2.0**i for i in range(8)]
        found = states_of(symbol, start, closes, closes)
        assert found[1:] == [FREE] * free + [NO_BUYS] * (8 - free)

    def test_the_first_session_of_2014_to_2023_from_the_issue_price(self):
        issue = np.array([[np.nan], [10.0], [np.nan]])
        closes = [np.nan, 14.40, 15.84]
        assert states_of(MAIN, "2018-02-01", closes, closes, previous=issue) == [0, 1, 1]
        lower = [np.nan, 6.40, 6.39]
        assert states_of(MAIN, "2018-02-01", lower, lower, previous=issue) == [0, 2, 0]
        assert states_of(MAIN, "2018-02-01", closes, closes) == [0, 0, 1]

    def test_a_name_of_the_first_session_is_not_new(self):
        closes = [10.0, 12.0, 14.4]
        assert states_of(STAR, "2021-02-01", closes, closes) == [0, 1, 1]

    def test_a_suspension_keeps_the_last_close_and_an_ex_date_its_reference(self):
        closes = [10.0, np.nan, 11.0]
        assert states_of(MAIN, "2023-02-01", closes, closes) == [0, 0, 1]
        reference = np.array([[np.nan], [np.nan], [8.0]])
        assert states_of(MAIN, "2023-02-01", closes, [10.0, 9.0, 7.2], previous=reference) == [
            0,
            2,
            2,
        ]

    def test_adjusted_prices_have_a_tolerance(self):
        near = 10.0 * (1.1 - 0.9 * TOLERANCE)
        far = 10.0 * (1.1 - 1.1 * TOLERANCE)
        assert second_day(MAIN, "2023-02-01", 10.0, near, far, exact=False) == [NO_BUYS, FREE]
        low = (10.0 * (0.9 + 0.9 * TOLERANCE), 10.0 * (0.9 + 1.1 * TOLERANCE))
        assert second_day(MAIN, "2023-02-01", 10.0, *low, exact=False) == [NO_SELLS, FREE]

    @pytest.mark.parametrize(
        "symbol", ["AAPL", "000300.SH", "399001.SZ", "510300.SH", "900901.SH", "60000"]
    )
    def test_symbols_of_no_board_are_free(self, symbol):
        assert second_day(symbol, "2023-02-01", 10.0, 20.0, 1.0) == [FREE, FREE]

    def test_what_a_market_demands(self):
        assert (RULES.settlement_sessions, RULES.board_lot) == (1, 100)
        none = market_rules("none")
        assert (none.settlement_sessions, none.board_lot, none.boards) == (0, 1, ())


class TestReference:
    @given(st.integers(100, 100_000), st.integers(1, 200_000))
    def test_against_whole_numbers(self, before, ticks):
        upper, lower = (before * 11 + 5) // 10, (before * 9 + 5) // 10
        expected = NO_BUYS if ticks >= upper else NO_SELLS if ticks <= lower else FREE
        assert second_day(MAIN, "2023-02-01", before / 100, ticks / 100) == [expected]


@pytest.fixture(scope="module")
def market():
    rows = pl.read_parquet(QFQ)
    sessions = rows["date"].unique().sort().to_numpy().astype("datetime64[D]")
    axes = Axes(sessions, tuple(rows["symbol"].unique().sort().to_list()))
    at = np.searchsorted(sessions, rows["date"].to_numpy().astype("datetime64[D]"))
    columns = axes.columns_of(rows["symbol"].to_list())
    names = ("open", "high", "low", "close", "pre_close")
    return axes, {name: axes.scatter(at, columns, rows[name].to_numpy()) for name in names}


@pytest.fixture(scope="module")
def raw(market):
    """Rows behind the last adjustment of their symbol: prices as they were quoted."""
    _, prices = market
    traded = np.isfinite(prices["close"])
    off = traded & np.any(
        [np.abs(p * 100 - np.rint(p * 100)) > 1e-6 for p in prices.values()], axis=0
    )
    later = np.flip(np.cumsum(np.flip(off, axis=0), axis=0), axis=0)
    return traded & (later == 0)


@needs_shared
class TestRealPrices:
    """394 A-shares, forward-adjusted, with the reference price of every session."""

    def test_raw_prices_never_pass_a_limit(self, market, raw):
        """A price still at the limit one tick nearer would have been beyond it."""
        axes, prices = market
        assert raw.sum() == 163_650
        reference = ReferencePrices(prices["close"], True, prices["pre_close"])
        beyond = limit_states(RULES, axes, prices["high"] - 0.01, reference) == NO_BUYS
        below = limit_states(RULES, axes, prices["low"] + 0.01, reference) == NO_SELLS
        names = [axes.symbols[i] for i in np.nonzero((beyond | below) & raw)[1]]
        assert names == ["000751.SZ"]  # 2014-08-06: trading resumed after two years, no limit

    def test_the_tolerance_misses_none_and_adds_few(self, market, raw):
        axes, prices = market
        found = {}
        for exact in (True, False):
            reference = ReferencePrices(prices["close"], exact, prices["pre_close"])
            found[exact] = limit_states(RULES, axes, prices["close"], reference)[raw]
        assert (found[True] != FREE).sum() == 3_199
        missed = (found[True] != FREE) & (found[False] == FREE)
        added = (found[True] == FREE) & (found[False] != FREE)
        assert (missed.sum(), added.sum()) == (0, 146)

    def test_the_last_close_stands_in_for_the_reference(self, market):
        axes, prices = market
        stated = ReferencePrices(prices["close"], False, prices["pre_close"])
        inferred = ReferencePrices(prices["close"], False)
        first = limit_states(RULES, axes, prices["close"], stated)
        second = limit_states(RULES, axes, prices["close"], inferred)
        assert [(first == kind).sum() for kind in (NO_BUYS, NO_SELLS)] == [10_400, 5_602]
        assert (first != second).sum() == 127  # first sessions, whose issue price is not known
        listed = np.isfinite(prices["close"]).argmax(axis=0)
        rows, columns = np.nonzero(first != second)
        assert (rows == listed[columns]).mean() > 0.98


class TestRefusals:
    def test_unknown_rules(self):
        with pytest.raises(ConfigurationError, match="market rules") as refusal:
            market_rules("us")
        assert refusal.value.expected == "one of: none, cn_ashare"

    def test_every_board_covers_the_first_session_of_its_exchange(self):
        first = date(1990, 12, 19)
        starts = [
            table[0].since for board in RULES.boards for table in (board.limits, board.listings)
        ]
        assert max(starts) <= first
