"""Borrow tables: intervals, holes between them, and everything wrong at once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.data.borrow_table import Hole, load_borrow_table
from quant_core.foundation.errors import DataRefused, SourceUnreachable, UsageError
from quant_core.foundation.panel import Axes
from tests.data.prices import SESSIONS

AXES = Axes(np.array(SESSIONS[:5], dtype="datetime64[D]"), ("A", "B"))  # 2, 3, 4, 5, 8 January
HEADER = "symbol,start,end,rate"


def table_file(folder: Path, *lines: str) -> Path:
    path = folder / "borrow.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def refusal(folder: Path, *lines: str) -> DataRefused:
    with pytest.raises(DataRefused) as refused:
        load_borrow_table(table_file(folder, *lines), AXES)
    return refused.value


def shown(column) -> list[float | None]:
    return [None if np.isnan(rate) else rate for rate in column.tolist()]


class TestExamples:
    def test_the_start_is_in_and_the_end_is_out(self, tmp_path):
        path = table_file(
            tmp_path, HEADER, "A,2018-01-03,2018-01-05,0.02", "B,2018-01-05,,0", "Z,2018-01-01,,1"
        )
        table = load_borrow_table(path, AXES)
        assert shown(table.rate[:, 0]) == [None, 0.02, 0.02, None, None]
        assert shown(table.rate[:, 1]) == [None, None, None, 0.0, 0.0]
        assert table.unknown == ("Z",)
        assert table.holes == ()

    def test_a_change_of_rate_is_no_hole(self, tmp_path):
        path = table_file(
            tmp_path, HEADER, "A,2018-01-04,2018-02-01,0.30", "A,2017-01-01,2018-01-04,0.02"
        )
        table = load_borrow_table(path, AXES)
        assert shown(table.rate[:, 0]) == [0.02, 0.02, 0.3, 0.3, 0.3]
        assert table.holes == ()

    def test_a_hole_is_told_and_a_weekend_is_none(self, tmp_path):
        path = table_file(
            tmp_path,
            HEADER,
            "A,2018-01-02,2018-01-03,0.02",
            "A,2018-01-05,2018-01-06,0.03",
            "A,2018-01-08,,0.04",
        )
        table = load_borrow_table(path, AXES)
        assert shown(table.rate[:, 0]) == [0.02, None, None, 0.03, 0.04]
        assert table.holes == (Hole("A", date(2018, 1, 3), date(2018, 1, 5), 2),)

    def test_parquet_with_its_own_types(self, tmp_path):
        path = tmp_path / "borrow.parquet"
        days = [date(2018, 1, 3)]
        pl.DataFrame({"Ticker": ["B"], "Start": days, "End": [None], "Rate": [0.5]}).write_parquet(
            path
        )
        assert shown(load_borrow_table(path, AXES).rate[:, 1]) == [None, 0.5, 0.5, 0.5, 0.5]


class TestReference:
    @settings(max_examples=30)
    @given(st.lists(st.integers(0, 14), unique=True, min_size=2, max_size=8).map(sorted))
    def test_against_a_walk_over_the_days(self, tmp_path_factory, edges):
        """Edges of intervals in days of January; every second gap is a hole."""
        spans = list(zip(edges[::2], edges[1::2], strict=False))
        rows = [f"A,2018-01-{a + 1:02},2018-01-{b + 1:02},0.0{i}" for i, (a, b) in enumerate(spans)]
        path = table_file(tmp_path_factory.mktemp("borrow"), HEADER, *rows)
        table = load_borrow_table(path, AXES)
        for row, session in enumerate(SESSIONS[:5]):
            day = session.day - 1
            rates = [float(f"0.0{i}") for i, (a, b) in enumerate(spans) if a <= day < b]
            assert shown(table.rate[row : row + 1, 0]) == (rates or [None])


class TestRefusals:
    def test_everything_wrong_at_once_with_its_line(self, tmp_path):
        error = refusal(
            tmp_path,
            HEADER,
            "A,2018-01-02,2018-01-03,nan",
            "A,2018-01-03,2018-01-04,-0.01",
            "A,2018-01-04,2018-01-05,inf",
            "A,2018-01-05,2018-01-06,25",
            ",2018-01-05,2018-01-06,0.1",
            "B,soon,,0.1",
            "B,2018-01-02,2018-01-02,0.1",
            "B,2018-01-02,later,0.1",
            "B,2018-01-02,2018-02-01,0.1",
            "B,2018-01-31,,0.1",
            "C,2018-01-31,,",
        )
        assert error.problem == "the borrow table has 10 problems"
        assert error.found.split("; ")[:3] == [
            "line 2: the rate nan is no number",
            "line 3: the rate -0.01 is negative",
            "line 4: the rate inf is no number",
        ]
        assert "line 5: the rate 25 is above 10: a percentage? write 0.25 for 25 %" in error.found
        assert "line 6: no symbol" in error.found
        assert "line 7: start is no date" in error.found
        assert "line 8: the end 2018-01-02 is not after the start 2018-01-02" in error.found
        assert "line 9: end is no date" in error.found
        assert "line 11: B from 2018-01-31 overlaps line 10" in error.found
        assert "line 12: no rate" in error.found
        assert len(error.found.split("; ")) == 10

    def test_an_interval_inside_another_and_one_behind_both(self, tmp_path):
        error = refusal(
            tmp_path,
            HEADER,
            "A,2018-01-01,2018-03-01,0.1",
            "A,2018-01-05,2018-01-10,0.1",
            "A,2018-02-01,2018-04-01,0.1",
            "B,2018-02-01,2018-04-01,0.1",
        )
        assert error.found == (
            "line 3: A from 2018-01-05 overlaps line 2; line 4: A from 2018-02-01 overlaps line 2"
        )

    def test_an_open_interval_ends_never(self, tmp_path):
        error = refusal(tmp_path, HEADER, "A,2018-01-01,,0.1", "A,2030-01-01,,0.1")
        assert error.problem == "the borrow table has a problem"

    def test_many_problems_are_cut(self, tmp_path):
        rows = [f"A,2018-01-01,,{-1 - i}" for i in range(30)]
        assert refusal(tmp_path, HEADER, *rows).found.endswith("; and 10 more")

    @pytest.mark.parametrize(
        ("header", "found"),
        [
            ("symbol,start,end,rate,fee", "unknown or repeated: fee"),
            ("symbol,start,end", "missing: rate"),
            ("symbol,ticker,end,rate", "missing: start; unknown or repeated: ticker"),
        ],
    )
    def test_columns(self, tmp_path, header, found):
        row = ",".join(["A"] * len(header.split(",")))
        assert refusal(tmp_path, header, row).found == found

    def test_nothing_of_the_dataset(self, tmp_path):
        path = table_file(tmp_path, HEADER, "Z,2018-01-01,,0.1")
        with pytest.raises(UsageError, match="no symbol of the borrow table"):
            load_borrow_table(path, AXES)

    def test_no_file(self, tmp_path):
        with pytest.raises(SourceUnreachable):
            load_borrow_table(tmp_path / "none.csv", AXES)
