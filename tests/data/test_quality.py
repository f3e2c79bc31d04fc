"""The quality gate: what is refused, what is blanked, what is noticed, and every count."""

from __future__ import annotations

import json
import math
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.data.quality import identical_series, inspect, sessions_over
from quant_core.data.schema import RawTable, price_schema, text_schema
from quant_core.foundation.errors import ConfigurationError, DataRefused
from tests.data.prices import SESSIONS, altered, bars, many, raw

OPEN_DAYS = "24/7"


def reasons(frame: pl.DataFrame, calendar: str = "XNYS") -> dict[str, int]:
    report = inspect(raw(frame), calendar).report
    return {reason: tally.kept for reason, tally in report.quarantined.items()}


class TestExamples:
    """One rule, one row, by hand."""

    @pytest.mark.parametrize(
        ("reason", "values"),
        [
            ("close_missing", {"close": None}),
            ("close_missing", {"close": math.nan}),
            ("close_not_finite", {"close": math.inf}),
            ("close_not_finite", {"close": -math.inf}),
            ("close_not_positive", {"close": 0.0}),
            ("close_not_positive", {"close": -1.0}),
            ("price_too_large", {"close": 1e12}),
            ("price_too_large", {"close": 1e308, "high": 1.0, "low": 2.0}),
            ("high_below_low", {"high": 9.0, "low": 9.1}),
            ("negative_volume", {"volume": -1.0}),
        ],
    )
    def test_a_row_is_refused_with_its_reason(self, reason, values):
        frame = altered(bars("A", [10.0, 11.0, 12.0]), 1, **values)
        assert reasons(frame) == {reason: 1}

    @pytest.mark.filterwarnings("error::RuntimeWarning")
    def test_the_largest_price_is_kept_and_extremes_are_no_warning(self):
        frame = bars("A", [5e-324, 1e12 - 1, 1.7e308, 2.0, 5e-324, 1.0])
        seen = inspect(raw(frame), "XNYS")
        assert seen.prices["close"].to_list() == [5e-324, 1e12 - 1, 2.0, 5e-324, 1.0]
        assert seen.quarantine["reason"].to_list() == ["price_too_large"]

    def test_an_infinite_volume_is_unknown_and_the_row_stays(self):
        seen = inspect(raw(altered(bars("A", [10.0, 11.0]), 1, volume=-math.inf)), "XNYS")
        assert seen.prices["volume"].to_list() == [100.0, None]

    def test_missing_keys_and_days_without_trading_are_refused(self):
        frame = pl.concat(
            [
                bars(None, [10.0]),
                bars("A", [10.0], days=[None]),
                bars("A", [10.0], days=[date(2018, 1, 1)]),  # New Year
                bars("A", [10.0], days=[date(2018, 1, 6)]),  # a Saturday
                bars("A", [10.0, 11.0]),
            ]
        )
        assert reasons(frame) == {"missing_symbol": 1, "missing_date": 1, "not_a_session": 2}

    def test_the_first_reason_in_the_order_counts(self):
        frame = altered(bars("A", [10.0, 11.0]), 0, close=None, volume=-5.0, high=1.0, low=2.0)
        assert reasons(frame) == {"close_missing": 1}

    @pytest.mark.parametrize("value", [None, math.nan, 0.0, -3.0, math.inf, 1e12])
    @pytest.mark.parametrize("field", ["open", "high", "low"])
    def test_an_invalid_price_beside_the_close_becomes_unknown(self, field, value):
        seen = inspect(raw(altered(bars("A", [10.0, 11.0]), 0, **{field: value})), "XNYS")
        assert seen.prices[field].to_list()[0] is None
        assert seen.report.nulls[field] == 1
        assert seen.report.findings[f"null_{field}"].kept == 1
        assert seen.report.rows_quarantined == 0

    def test_a_blanked_value_is_kept_in_the_finding(self):
        seen = inspect(raw(altered(bars("A", [10.0, 11.0]), 0, low=0.0)), "XNYS")
        row = seen.findings.filter(pl.col("kind") == "null_low").row(0, named=True)
        assert (row["symbol"], row["date"], row["value"]) == ("A", SESSIONS[0], 0.0)
        assert row["detail"] == "0.0 is no valid number"

    def test_a_zero_high_below_the_low_is_unknown_and_not_a_contradiction(self):
        assert reasons(altered(bars("A", [10.0, 11.0]), 0, high=0.0, low=9.0)) == {}

    def test_exact_repetitions_are_laid_together(self):
        frame = bars("A", [10.0, 11.0])
        seen = inspect(raw(frame, frame, frame.head(1)), "XNYS")
        assert seen.prices.rows() == frame.rows()
        assert (seen.report.rows_in, seen.report.collapsed, seen.report.rows_kept) == (5, 3, 2)

    def test_missing_and_nan_are_the_same_repetition(self):
        frame = altered(bars("A", [10.0]), 0, open=None)
        assert inspect(raw(frame, altered(frame, 0, open=math.nan)), "XNYS").report.collapsed == 1

    def test_all_copies_of_a_contradiction_are_refused(self):
        frame = bars("A", [10.0, 11.0, 12.0])
        other = altered(frame.head(1), 0, close=10.5)
        seen = inspect(raw(frame, other, frame.head(1)), "XNYS")
        assert seen.prices["close"].to_list() == [11.0, 12.0]
        assert seen.quarantine["reason"].to_list() == ["conflicting_duplicate"] * 3
        assert sorted(seen.quarantine["close"].to_list()) == ["10.0", "10.0", "10.5"]

    def test_a_contradiction_with_a_bad_copy_refuses_the_good_one_too(self):
        frame = bars("A", [10.0, 11.0])
        assert reasons(pl.concat([frame, altered(frame.head(1), 0, close=None)])) == {
            "close_missing": 1,
            "conflicting_duplicate": 1,
        }

    def test_the_quarantine_keeps_the_values_as_they_came(self):
        frame = altered(bars("A", [10.0, 11.0]), 0, close=-2.5, open=0.0)
        row = inspect(raw(frame), "XNYS").quarantine.row(0, named=True)
        assert (row["open"], row["close"], row["date"]) == ("0.0", "-2.5", "2018-01-02")

    def test_rows_the_source_could_not_read_are_quarantined_and_counted(self):
        rejected = pl.DataFrame(
            [{"symbol": "A", "date": "2018-01-03", "close": "abc", "reason": "not_a_number:close"}],
            text_schema(),
        )
        seen = inspect(RawTable(many(), rejected), OPEN_DAYS)
        tally = seen.report.quarantined["not_a_number:close"]
        assert tally.examples == ("A 2018-01-03 close=abc",)
        assert (seen.report.rows_in, seen.report.rows_quarantined) == (1001, 1)

    def test_optional_fields_are_checked_and_kept(self):
        frame = bars("A", [10.0, 11.0]).with_columns(
            pl.Series("vwap", [0.0, 10.5]), pl.Series("amount", [0.0, -1.0])
        )
        seen = inspect(raw(frame), "XNYS")
        assert seen.prices.select("vwap", "amount").rows() == [(None, 0.0), (10.5, None)]

    def test_a_stray_date_far_from_all_others_does_not_stretch_the_calendar(self):
        frame = pl.concat([many(), bars("BULK", [10.0], days=[date(2093, 1, 5)])])
        seen = inspect(raw(frame), OPEN_DAYS)
        assert seen.report.last == date(2013, 10, 31)
        assert reasons(frame, OPEN_DAYS) == {"not_a_session": 1}

    def test_sessions_over_a_single_day(self):
        assert sessions_over(pl.Series([date(2018, 1, 2)]), "XNYS").astype(str).tolist() == [
            "2018-01-02"
        ]
        assert len(sessions_over(pl.Series([date(2018, 1, 1)]), "XNYS")) == 0
        assert len(sessions_over(pl.Series([], dtype=pl.Date), "XNYS")) == 0

    def test_the_report_is_json_and_text(self):
        report = inspect(raw(bars("A", [10.0, 20.0])), "XNYS").report
        assert json.loads(json.dumps(report.as_dict()))["findings"]["large_move"]["kept"] == 1
        text = report.as_text()
        assert "large_move" in text
        assert text.endswith("accepted")


class TestRefusals:
    """The dataset as a whole."""

    def test_two_per_cent_pass_and_more_do_not(self):
        good = many(count=980)
        bad = bars("X", [-1.0] * 20, days=good["date"].to_list())
        at_limit = inspect(raw(good, bad), OPEN_DAYS).report
        assert (at_limit.rows_quarantined, at_limit.refusals) == (20, ())
        over = inspect(raw(good.head(979), bad), OPEN_DAYS).report
        with pytest.raises(DataRefused) as refused:
            over.raise_if_refused("toy")
        message = str(refused.value)
        assert refused.value.exit_code == 4
        assert "20 of 999 rows (2.002%) would be quarantined: close_not_positive 20" in message
        assert "first: X 2010-01-01 close=-1.0" in message
        assert "--check" in message

    def test_two_identical_symbols_of_ten_rows_are_refused(self):
        closes = [10.0 + i for i in range(10)]
        seen = inspect(raw(bars("A", closes), bars("B", closes), bars("C", closes[::-1])), "XNYS")
        assert seen.report.refusals == ("1 series stand under more than one symbol: A = B",)

    def test_flat_but_traded_copies_are_refused_too(self):
        frame = pl.concat([bars("A", [10.0] * 10), bars("B", [10.0] * 10)])
        assert identical_series(frame) == [("A", "B")]

    def test_what_resembles_by_nature_is_no_copy(self):
        never_traded = pl.concat([bars("A", [10.0] * 10), bars("B", [10.0] * 10)]).with_columns(
            pl.lit(0.0).alias("volume")
        )
        assert identical_series(never_traded) == []
        four = [10.0, 11.0, 12.0, 13.0]
        assert identical_series(pl.concat([bars("A", four), bars("B", four)])) == []

    def test_one_different_value_makes_another_series(self):
        closes = [10.0 + i for i in range(10)]
        other = altered(bars("B", closes), 4, volume=101.0)
        assert identical_series(pl.concat([bars("A", closes), other])) == []

    def test_no_rows_at_all_are_refused(self):
        report = inspect(RawTable(pl.DataFrame(schema=price_schema())), "XNYS").report
        assert report.refusals == ("there are no rows",)

    def test_rows_without_any_date_are_refused(self):
        report = inspect(raw(bars("A", [1.0, 2.0], days=[None, None])), "XNYS").report
        assert report.refusals[0].startswith("2 of 2 rows (100.000%)")

    def test_an_unknown_calendar_is_a_configuration_error(self):
        with pytest.raises(ConfigurationError):
            inspect(raw(bars("A", [1.0])), "NOWHERE")


PRICES = st.one_of(
    st.none(),
    st.sampled_from([0.0, -1.0, math.inf, math.nan, 1e12]),
    st.floats(1.0, 4.0).map(round),
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", None]),
        st.sampled_from([*SESSIONS[:6], date(2018, 1, 1), None]),
        *[PRICES] * 4,
        st.one_of(st.none(), st.sampled_from([-1.0, 0.0, 5.0])),
    ),
    max_size=25,
)


def naive(rows: list[tuple]) -> tuple[dict[str, int], int, int]:
    """The gate row by row: reasons, collapsed, kept."""

    def same(value):
        return None if value is None or value != value else value

    rows = [tuple(same(value) for value in row) for row in rows]
    groups: dict[tuple, list[tuple]] = {}
    loose = []
    for row in rows:
        loose.append(row) if None in row[:2] else groups.setdefault(row[:2], []).append(row)
    judged, collapsed = [(row, False) for row in loose], 0
    for copies in groups.values():
        if len(set(copies)) == 1:
            collapsed += len(copies) - 1
            judged.append((copies[0], False))
        else:
            judged += [(row, True) for row in copies]
    found: dict[str, int] = {}
    kept = 0
    for row, conflicting in judged:
        reason = naive_reason(row, conflicting)
        found[reason] = found.get(reason, 0) + 1
    kept = found.pop("", 0)
    return found, collapsed, kept


def naive_reason(row: tuple, conflicting: bool) -> str:
    symbol, day, _, high, low, close, volume = row
    valid = [p if p is not None and 0 < p < 10**12 else None for p in (high, low)]
    tests = [
        ("missing_symbol", symbol is None),
        ("missing_date", day is None),
        ("not_a_session", day not in SESSIONS),
        ("close_missing", close is None),
        ("close_not_finite", close is not None and math.isinf(close)),
        ("close_not_positive", close is not None and close <= 0),
        ("price_too_large", close is not None and close > 10**12 - 1),
        ("high_below_low", None not in valid and valid[0] < valid[1]),
        ("negative_volume", volume is not None and volume < 0),
        ("conflicting_duplicate", conflicting),
    ]
    return next((reason for reason, applies in tests if applies), "")


class TestProperties:
    """The vectorised gate against one that looks at one row at a time."""

    @settings(max_examples=50, deadline=None)
    @given(ROWS)
    def test_equals_the_gate_row_by_row(self, rows):
        frame = pl.DataFrame(rows, price_schema(), orient="row")
        seen = inspect(RawTable(frame), "XNYS")
        expected, collapsed, kept = naive(rows)
        assert {r: t.kept for r, t in seen.report.quarantined.items()} == expected
        assert (seen.report.collapsed, seen.report.rows_kept) == (collapsed, kept)
        assert seen.report.rows_in == kept + collapsed + seen.quarantine.height

    @settings(max_examples=30, deadline=None)
    @given(ROWS, st.randoms(use_true_random=False))
    def test_the_order_of_the_rows_does_not_matter(self, rows, random):
        frame = pl.DataFrame(rows, price_schema(), orient="row")
        shuffled = pl.DataFrame(random.sample(rows, len(rows)), price_schema(), orient="row")
        one, two = inspect(RawTable(frame), "XNYS"), inspect(RawTable(shuffled), "XNYS")
        assert one.prices.equals(two.prices)
        assert one.findings.equals(two.findings)
        assert one.quarantine.sort(pl.all()).equals(two.quarantine.sort(pl.all()))
