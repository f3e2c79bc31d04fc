"""What the gate notices about rows it keeps, on small tables and on the real data sets."""

from __future__ import annotations

import json
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.data.quality import inspect
from quant_core.data.quality_findings import observe
from quant_core.data.sources.files import FileSource
from tests.data.prices import SESSIONS, altered, bars, raw
from tests.shared_data import SHARED, needs_shared


def counted(frame: pl.DataFrame, kind: str) -> tuple[int, int]:
    tally = inspect(raw(frame), "XNYS").report.findings[kind]
    return tally.source, tally.kept


class TestExamples:
    """One observation each, by hand."""

    def test_open_and_close_outside_the_range_are_noted_once_per_row(self):
        frame = altered(bars("A", [10.0, 10.0, 10.0]), 0, open=20.0, high=15.0, low=11.0)
        assert counted(frame, "outside_range") == (1, 1)

    def test_an_unknown_side_of_the_range_bounds_nothing(self):
        frame = altered(bars("A", [10.0, 10.0]), 0, high=None, open=99.0)
        assert "outside_range" not in inspect(raw(frame), "XNYS").report.findings

    def test_moves_are_noted_beyond_forty_per_cent_both_ways(self):
        frame = bars("A", [100.0, 140.0, 84.0, 118.0, 70.0])  # +40 %, -40 %, +40.5 %, -40.7 %
        findings = inspect(raw(frame), "XNYS").findings.filter(pl.col("kind") == "large_move")
        assert findings["date"].to_list() == [SESSIONS[3], SESSIONS[4]]
        assert findings["value"].to_list() == pytest.approx([118 / 84 - 1, 70 / 118 - 1])

    def test_a_move_spans_a_gap_and_never_two_symbols(self):
        days = [SESSIONS[0], SESSIONS[4]]
        frame = pl.concat([bars("A", [10.0, 20.0], days=days), bars("B", [90.0, 91.0])])
        findings = inspect(raw(frame), "XNYS").findings.filter(pl.col("kind") == "large_move")
        assert findings["symbol"].to_list() == ["A"]

    def test_one_finding_per_longest_run_of_equal_closes(self):
        closes = [5.0] * 4 + [6.0] * 7 + [5.0]
        findings = inspect(raw(bars("A", closes), bars("B", [5.0] * 5)), "XNYS").findings
        runs = findings.filter(pl.col("kind") == "equal_closes")
        assert runs.select("symbol", "date", "value").rows() == [
            ("A", SESSIONS[4], 7.0),
            ("B", SESSIONS[0], 5.0),
        ]

    def test_gaps_count_sessions_between_first_and_last_row(self):
        frame = pl.concat(
            [
                bars("A", [1.0, 1.1, 1.2], days=[SESSIONS[0], SESSIONS[3], SESSIONS[9]]),
                bars("B", [1.0, 1.1], days=[SESSIONS[8], SESSIONS[9]]),  # over a holiday
            ]
        )
        report = inspect(raw(frame), "XNYS").report
        assert report.coverage.missing_symbol_days == 7
        assert report.coverage.gaps == (("A", 7),)
        assert report.findings["late_start"].examples[0].startswith("B 2018-01-12")

    def test_sessions_nobody_has_are_thin_and_empty(self):
        days = [SESSIONS[0], SESSIONS[2]]
        frame = pl.concat([bars(name, [1.0, 1.1], days=days) for name in ("A", "B")])
        coverage = inspect(raw(altered(frame, 3, close=1.2)), "XNYS").report.coverage
        assert coverage.thin == ((SESSIONS[1], 0, 2),)
        assert coverage.empty == (SESSIONS[1],)

    def test_a_session_with_one_symbol_of_thirty_is_thin(self):
        frames = [
            bars(f"S{i:02d}", [10.0 + i, 11.0 + i], days=[SESSIONS[0], SESSIONS[2]])
            for i in range(29)
        ]
        coverage = inspect(raw(*frames, bars("Z", [1.0, 1.1, 1.2])), "XNYS").report.coverage
        assert coverage.thin == ((SESSIONS[1], 1, 30),)
        assert coverage.empty == ()

    def test_counts_in_the_source_include_quarantined_rows(self):
        frame = bars("A", [10.0, 10.0, 11.0, 12.0])
        frame = altered(frame, 1, high=9.0, low=9.5, volume=0.0)  # refused
        frame = altered(frame, 2, volume=0.0)
        report = inspect(raw(frame), "XNYS").report
        assert (report.findings["zero_volume"].source, report.findings["zero_volume"].kept) == (
            2,
            1,
        )
        assert (report.missing_in_source, report.coverage.missing_symbol_days) == (0, 1)

    def test_a_field_nobody_has_is_noted_once(self):
        frame = bars("A", [10.0, 11.0]).with_columns(pl.lit(None, pl.Float64).alias("volume"))
        report = inspect(raw(frame), "XNYS").report
        assert report.findings["field_absent"].examples == ("no row has volume",)
        assert "null_volume" not in report.findings


class TestProperties:
    """The vectorised look against counting by hand."""

    @settings(max_examples=40, deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from("ABC"),
            st.dictionaries(st.integers(0, 11), st.sampled_from([1.0, 1.2, 2.0, 9.0]), min_size=1),
            min_size=1,
        )
    )
    def test_observations_equal_counting_by_hand(self, closes):
        frames = [
            bars(
                name,
                [c for _, c in sorted(series.items())],
                days=[SESSIONS[i] for i in sorted(series)],
            )
            for name, series in sorted(closes.items())
        ]
        sessions = np.array(SESSIONS, dtype="datetime64[D]")
        seen = observe(pl.concat(frames), sessions)
        missing = {n: max(s) - min(s) + 1 - len(s) for n, s in closes.items()}
        moves = runs = 0
        for series in closes.values():
            values = [series[i] for i in sorted(series)]
            moves += sum(abs(b / a - 1) > 0.4 for a, b in pairwise(values))
            text = "".join(f"{v:.1f}," for v in values)
            runs += sum(length >= 5 for length in run_lengths(text.split(",")[:-1]))
        kinds = dict(seen.findings["kind"].value_counts().iter_rows())
        assert seen.coverage.missing_symbol_days == sum(missing.values())
        assert dict(seen.coverage.gaps) == {n: m for n, m in missing.items() if m}
        assert (kinds.get("large_move", 0), kinds.get("equal_closes", 0)) == (moves, runs)
        first, last = (f(f(s) for s in closes.values()) for f in (min, max))
        empty = [i for i in range(first, last + 1) if not any(i in s for s in closes.values())]
        assert seen.coverage.empty == tuple(SESSIONS[i] for i in empty)


def run_lengths(values: list[str]) -> list[int]:
    lengths = []
    for i, value in enumerate(values):
        if i and value == values[i - 1]:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


def shared_report(path: str, calendar: str):
    return inspect(FileSource([SHARED / path]).read(), calendar).report


@needs_shared
class TestReference:
    """The real data sets, whose defects are listed beside them."""

    def test_us_stocks(self):
        report = shared_report("us_sp500_daily_2013_2018/ohlcv.parquet", "XNYS")
        profile = json.loads((SHARED / "profiles.json").read_text())["us_sp500_daily_2013_2018"]
        findings = report.findings
        assert report.rows_in == profile["rows"]
        assert report.symbols == profile["symbols"]
        assert (str(report.first), str(report.last)) == (profile["date_min"], profile["date_max"])
        assert findings["null_open"].source == profile["null_open"] == 11
        assert findings["null_high"].source == profile["null_high"] == 8
        assert findings["null_low"].source == profile["null_low"] == 8
        assert report.quarantined["high_below_low"].kept == profile["high_lt_low"] == 1
        assert report.rows_quarantined == 1
        assert findings["outside_range"].source == profile["ohlc_outside_hl"] == 12
        assert findings["outside_range"].kept == 11  # the twelfth is the refused row
        assert findings["zero_volume"].source == profile["zero_volume"] == 4
        assert findings["large_move"].source == profile["abs_return_gt_40pct"] == 11
        assert (
            findings["late_start"].kept == profile["symbols"] - profile["symbols_full_span"] == 29
        )
        assert report.coverage.sessions == profile["sessions_expected"] == 1259
        assert report.coverage.empty == ()
        assert report.missing_in_source == profile["total_gap_days"] == 51
        assert findings["gap"].source == profile["symbols_with_gaps"] == 6
        assert report.coverage.missing_symbol_days == 52
        worst = [f"{name}:{days}" for name, days in report.coverage.gaps[:6]]
        assert worst == profile["worst_gaps"]
        assert report.coverage.gaps[6] == ("AOS", 1)  # its row was refused
        assert report.refusals == ()

    def test_us_funds(self):
        report = shared_report("us_etf_daily_1999_2017/ohlcv.parquet", "XNYS")
        profile = json.loads((SHARED / "profiles.json").read_text())["us_etf_daily_1999_2017"]
        assert report.rows_quarantined == 0
        assert report.coverage.sessions == profile["sessions_expected"] == 4702
        assert report.coverage.empty == (date(1999, 11, 16),)
        assert report.coverage.thin[1] == (date(2011, 2, 17), 2, 138)
        assert report.coverage.missing_symbol_days == profile["total_gap_days"] == 183
        assert len(report.coverage.gaps) == profile["symbols_with_gaps"] == 139
        assert report.findings["large_move"].kept == profile["abs_return_gt_40pct"] == 4
        assert report.findings["zero_volume"].kept == profile["zero_volume"] == 2
        assert report.nulls == {"open": 2, "high": 0, "low": 2, "close": 0, "volume": 0}
        assert [text[:14] for text in report.findings["null_low"].examples] == [
            "RWX 2006-12-15",
            "RWX 2006-12-18",
        ]

    def test_chinese_stocks(self):
        report = shared_report("cn_ashare_daily_2014_2023/ohlcv_qfq.parquet", "XSHG")
        assert report.rows_kept == report.rows_in == 578_669
        assert report.coverage.sessions == 2241
        assert report.coverage.empty == ()
        assert report.coverage.missing_symbol_days == 23_785
        assert len(report.coverage.gaps) == 222
        assert report.coverage.gaps[:2] == (("000711.SZ", 490), ("000950.SZ", 470))
        assert report.findings["large_move"].examples[0].startswith("300946.SZ 2021-02-09 (-40.4 %")
        assert report.nulls["amount"] == 0

    def test_chinese_stocks_of_the_first_years(self):
        report = shared_report("cn_hikyuu_raw_1990_2011/ohlcv_raw.parquet", "XSHG")
        assert report.rows_kept == report.rows_in == 32_479
        assert report.coverage.empty == ()
        moves = report.findings["large_move"].examples
        assert moves[0].startswith("000001.SH 1992-05-21 (105.3 %")

    def test_indian_closes(self):
        report = shared_report("in_nse_close_2018_2020/close.parquet", "XBOM")
        assert report.rows_in == 562_653
        assert {r: t.kept for r, t in report.quarantined.items()} == {"not_a_session": 3037}
        assert report.findings["large_move"].source == 1200
        assert report.findings["large_move"].kept == 1188
        assert report.coverage.empty == (date(2018, 1, 22), date(2018, 2, 2))
        assert report.findings["field_absent"].kept == 4
        assert report.refusals == ()

    def test_all_american_listings(self):
        report = shared_report("us_raw_daily_2015_2017/ohlcv_raw.parquet", "XNYS")
        assert report.rows_in == 2_314_031
        assert report.symbols == 6817
        assert {r: t.kept for r, t in report.quarantined.items()} == {
            "not_a_session": 22,
            "close_not_positive": 11,
        }
        assert report.quarantined["not_a_session"].examples[0].startswith("AIRI 2015-07-03")
        assert all(
            text.startswith("CUI") for text in report.quarantined["close_not_positive"].examples
        )
        assert report.findings["zero_volume"].source == 61_344
        assert report.missing_in_source == 33_088
        assert report.coverage.empty == (date(2015, 6, 10),)
        assert report.refusals == ()
