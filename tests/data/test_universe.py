"""Universe files: intervals and snapshots, point in time, and what is refused in them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.data.universe import NO_CATEGORY, load_universe
from quant_core.foundation.errors import DataRefused, QuantError, SourceUnreachable, UsageError
from quant_core.foundation.panel import Axes
from tests.data.prices import SESSIONS
from tests.shared_data import SHARED, needs_shared

AXES = Axes(np.array(SESSIONS[:5], dtype="datetime64[D]"), ("A", "B"))  # 2, 3, 4, 5, 8 January
MEMBERSHIP = SHARED / "us_sp500_membership"


def universe_file(folder: Path, *lines: str) -> Path:
    path = folder / "universe.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def days_in(member, symbol: str = "A") -> list[int]:
    return np.flatnonzero(member[:, AXES.symbols.index(symbol)]).tolist()


class TestExamples:
    """Rows by hand."""

    def test_the_start_is_in_and_the_end_is_out(self, tmp_path):
        path = universe_file(
            tmp_path, "symbol,start,end", "A,2018-01-03,2018-01-05", "B,2018-01-05,"
        )
        universe = load_universe(path, AXES)
        assert days_in(universe.member, "A") == [1, 2]
        assert days_in(universe.member, "B") == [3, 4]
        assert universe.category is None
        assert universe.categories == universe.unknown == ()

    def test_days_that_are_no_sessions(self, tmp_path):
        path = universe_file(
            tmp_path, "symbol,start,end", "A,2018-01-01,2018-01-06", "B,2018-01-06,2099-01-01"
        )
        universe = load_universe(path, AXES)
        assert days_in(universe.member, "A") == [0, 1, 2, 3]
        assert days_in(universe.member, "B") == [4]

    def test_intervals_of_one_symbol_are_laid_together(self, tmp_path):
        path = universe_file(
            tmp_path,
            "Ticker,start_date,end_date",
            "A,2018-01-02,2018-01-04",
            "A,2018-01-03,2018-01-05",
            "A,2018-01-08,",
            "A,2018-01-04,2018-01-05",
        )
        assert days_in(load_universe(path, AXES).member) == [0, 1, 2, 4]

    def test_the_category_of_the_membership_begun_last_holds(self, tmp_path):
        path = universe_file(
            tmp_path,
            "symbol,start,end,sector",
            "A,2018-01-04,,Tech",
            "A,2010-01-01,2018-01-08,Energy",
            "B,2018-01-03,2018-01-05,",
        )
        universe = load_universe(path, AXES)
        assert universe.categories == ("Energy", "Tech")
        assert universe.category is not None
        assert universe.category[:, 0].tolist() == [0, 0, 1, 1, 1]
        assert universe.category[:, 1].tolist() == [NO_CATEGORY] * 5

    def test_a_snapshot_holds_until_the_next_and_the_last_holds_on(self, tmp_path):
        path = universe_file(
            tmp_path,
            "snapshot_date,symbol,sector",
            "2018-01-03,A,Energy",
            "2018-01-03,B,Tech",
            "2018-01-06,B,Utilities",
        )
        universe = load_universe(path, AXES)
        assert days_in(universe.member, "A") == [1, 2, 3]
        assert days_in(universe.member, "B") == [1, 2, 3, 4]
        assert universe.category is not None
        assert universe.category[:, 1].tolist() == [-1, 1, 1, 1, 2]

    def test_parquet_snapshots(self, tmp_path):
        path = tmp_path / "universe.parquet"
        days = [date(2017, 1, 1), date(2018, 1, 4)]
        pl.DataFrame({"date": days, "symbol": ["A", "B"]}).write_parquet(path)
        member = load_universe(path, AXES).member
        assert (days_in(member, "A"), days_in(member, "B")) == ([0, 1], [2, 3, 4])

    def test_symbols_without_prices_are_reported_when_they_matter(self, tmp_path):
        path = universe_file(
            tmp_path,
            "symbol,start,end",
            "A,2000-01-01,",
            "ZZ,2017-01-01,2018-01-03",
            "YY,2018-01-08,",
            "OLD,2000-01-01,2010-01-01",
            "NEW,2020-01-01,",
        )
        assert load_universe(path, AXES).unknown == ("YY", "ZZ")

    def test_nothing_of_the_future_is_in_the_past(self, tmp_path):
        early = ["symbol,start,end", "A,2018-01-02,2018-01-04"]
        past = load_universe(universe_file(tmp_path, *early), AXES).member
        later = load_universe(universe_file(tmp_path, *early, "A,2018-01-05,"), AXES).member
        assert np.array_equal(past[:3], later[:3])


class TestReference:
    """Against files as they are published, and against counting."""

    @needs_shared
    def test_index_members_in_intervals(self):
        path = MEMBERSHIP / "sp500_ticker_start_end.csv"
        rows = pl.read_csv(path, try_parse_dates=True)
        sessions = np.array(["2013-02-08", "2015-06-01", "2018-02-07"], dtype="datetime64[D]")
        symbols = tuple(rows["ticker"].unique().sort())
        universe = load_universe(path, Axes(sessions, symbols))
        assert universe.unknown == ()
        for i, session in enumerate(sessions.tolist()):
            open_end = pl.col("end_date").is_null() | (pl.col("end_date") > session)
            expected = set(rows.filter(open_end, pl.col("start_date") <= session)["ticker"])
            found = {symbols[j] for j in np.flatnonzero(universe.member[i])}
            assert found == expected
            assert 495 <= len(found) <= 510

    @needs_shared
    def test_index_members_in_snapshots_with_sectors(self):
        path = MEMBERSHIP / "gics_snapshots_2012_2026.parquet"
        rows = pl.read_parquet(path)
        sessions = np.array(["2013-02-08", "2013-02-11", "2016-07-01"], dtype="datetime64[D]")
        symbols = tuple(rows["symbol"].unique().sort())
        universe = load_universe(path, Axes(sessions, symbols))
        assert universe.member[0].sum() == 0  # the first snapshot is of the 10th
        assert universe.category is not None
        for i in (1, 2):
            session = sessions[i].item()
            held = rows.filter(pl.col("snapshot_date") <= session)
            held = held.filter(pl.col("snapshot_date") == held["snapshot_date"].max())
            expected = dict(held.select("symbol", "sector").iter_rows())
            found = {
                symbols[j]: universe.categories[universe.category[i, j]]
                for j in np.flatnonzero(universe.member[i])
            }
            assert found == expected


INTERVALS = st.lists(
    st.tuples(st.sampled_from("AB"), st.integers(-9, 14), st.one_of(st.none(), st.integers(1, 12))),
    min_size=1,
    max_size=6,
)


class TestProperties:
    """Membership is what a look at every interval says."""

    @settings(max_examples=50, deadline=None)
    @given(INTERVALS)
    def test_equals_asking_every_interval(self, tmp_path_factory, intervals):
        begin = date(2018, 1, 1)
        rows, expected = [], np.zeros(AXES.shape, dtype=bool)
        for symbol, start, length in intervals:
            first = begin + timedelta(days=start)
            end = first + timedelta(days=length) if length is not None else None
            rows.append(f"{symbol},{first},{end or ''}")
            for t, session in enumerate(SESSIONS[:5]):
                if first <= session and (end is None or session < end):
                    expected[t, AXES.symbols.index(symbol)] = True
        path = universe_file(tmp_path_factory.mktemp("u"), "symbol,start,end", *rows)
        if not expected.any():
            with pytest.raises(UsageError):
                load_universe(path, AXES)
        else:
            assert np.array_equal(load_universe(path, AXES).member, expected)


def refusal(path: Path, kind: type[QuantError]) -> str:
    with pytest.raises(kind) as caught:
        load_universe(path, AXES)
    return str(caught.value)


class TestRefusals:
    """What a universe file must not be."""

    @pytest.mark.parametrize(
        ("lines", "says"),
        [
            (["symbol,start,end", "A,2018-01-05,2018-01-05"], "ends before it has begun"),
            (["symbol,start,end", "A,2018-01-05,2018-01-04"], "row 1 below the header"),
            (["symbol,start,end", "A,2018-01-05,", "A,soon,"], "row 2 below the header"),
            (["symbol,start,end", "A,,2018-01-05"], "'start' holds no date"),
            (["symbol,start,end", "A,2018-01-05,later"], "'end' holds no date"),
            (["symbol,start,end", ",2018-01-05,"], "has no symbol"),
            (["symbol,start", "A,2018-01-05"], "lacks a column"),
            (["symbol,sector", "A,Tech"], "a list without dates is not point in time"),
            (["start,end", "2018-01-05,"], "lacks a column"),
            (["symbol,start,end"], "the file has no rows"),
            ([""], "the file is empty"),
        ],
    )
    def test_bad_content(self, tmp_path, lines, says):
        assert says in refusal(universe_file(tmp_path, *lines), DataRefused)

    def test_no_known_symbol(self, tmp_path):
        message = refusal(universe_file(tmp_path, "symbol,start,end", "X,2018-01-02,"), UsageError)
        assert "no symbol of the universe is in the dataset" in message
        assert "symbols such as A, B" in message

    def test_no_member_at_any_session(self, tmp_path):
        rows = "A,2000-01-01,2010-01-01", "B,2000-01-01,2011-01-01"
        message = refusal(universe_file(tmp_path, "symbol,start,end", *rows), UsageError)
        assert "members from 2000-01-01 to 2011-01-01" in message
        assert "between 2018-01-02 and 2018-01-08" in message

    def test_no_file(self, tmp_path):
        assert "no such file" in refusal(tmp_path / "gone.csv", SourceUnreachable)
