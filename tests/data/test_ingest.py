"""Reading, judging, merging, publishing: what changes a dataset and what does not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.data.ingest import check, ingest
from quant_core.data.schema import DatasetFacts, DatasetTables, RawTable, price_schema
from quant_core.data.warehouse import Warehouse
from quant_core.foundation.errors import DataRefused, UsageError
from tests.data.prices import FACTS, SESSIONS, altered, bars, many, raw

ALL_DAYS = replace(FACTS, calendar="24/7")


@dataclass(frozen=True)
class Version:
    version: str
    facts: DatasetFacts
    content: DatasetTables

    def tables(self) -> DatasetTables:
        return self.content


@dataclass
class Shelf:
    """A warehouse in memory."""

    versions: list[Version] = field(default_factory=list)
    damaged: bool = False

    def newest(self, dataset: str) -> Version | None:
        if self.damaged:
            raise DataRefused(f"a file of the dataset {dataset!r} is damaged")
        return self.versions[-1] if self.versions else None

    def publish(self, facts: DatasetFacts, tables: DatasetTables) -> Version:
        self.versions.append(Version(f"v{len(self.versions) + 1}", facts, tables))
        return self.versions[-1]


@dataclass(frozen=True)
class Given:
    """A source that has what it was given."""

    table: RawTable

    def read(self) -> RawTable:
        return self.table


def given_rows(*frames: pl.DataFrame, **fields: object) -> Given:
    return Given(replace(raw(*frames), **fields))


class TestExamples:
    """One delivery after another."""

    def test_the_first_delivery_is_stored_as_it_passed(self):
        shelf, frame = Shelf(), bars("A", [10.0, 11.0, 12.0])
        report = ingest(given_rows(frame.reverse(), frame), shelf, FACTS)
        stored = shelf.versions[0]
        assert stored.content.prices.equals(frame)
        assert stored.facts.origin == ("test",)
        assert (report.version, report.published, report.rows_added) == ("v1", True, 3)
        assert (report.rows_stored, report.symbols_stored) == (3, 1)

    def test_the_same_rows_again_change_nothing(self):
        shelf = Shelf()
        source = given_rows(many(), bars("B", [-5.0], days=[date(2011, 1, 3)]))
        ingest(source, shelf, ALL_DAYS)
        report = ingest(source, shelf, ALL_DAYS)
        assert len(shelf.versions) == 1
        assert (report.published, report.version) == (False, "v1")
        assert (report.rows_added, report.rows_revised, report.rows_unchanged) == (0, 0, 1000)
        assert "nothing changed; still toy version v1" in report.as_text()

    def test_new_sessions_are_added_and_others_stay(self):
        shelf, frame = Shelf(), bars("A", [10.0, 11.0, 12.0, 13.0])
        ingest(given_rows(frame.head(3)), shelf, FACTS)
        report = ingest(given_rows(frame.tail(2), origin=("later",)), shelf, FACTS)
        assert (report.rows_added, report.rows_revised, report.rows_unchanged) == (1, 0, 1)
        assert shelf.versions[1].content.prices.equals(frame)
        assert shelf.versions[1].facts.origin == ("test", "later")

    def test_other_values_for_a_stored_key_replace_the_row(self):
        shelf, frame = Shelf(), bars("A", [10.0, 11.0, 12.0])
        ingest(given_rows(frame), shelf, FACTS)
        revised = altered(frame, 1, open=10.5, volume=None)
        report = ingest(given_rows(revised), shelf, FACTS)
        assert (report.rows_added, report.rows_revised, report.rows_unchanged) == (0, 1, 2)
        assert shelf.versions[1].content.prices.equals(revised)

    def test_starting_anew_forgets_what_was_stored(self):
        shelf = Shelf()
        ingest(given_rows(bars("A", [10.0, 11.0])), shelf, FACTS)
        report = ingest(
            given_rows(bars("B", [1.0])), shelf, replace(FACTS, currency="EUR"), replace_all=True
        )
        assert shelf.versions[1].content.prices["symbol"].to_list() == ["B"]
        assert (report.rows_added, report.rows_stored) == (1, 1)

    def test_a_damaged_dataset_can_only_be_started_anew(self):
        shelf = Shelf(damaged=True)
        with pytest.raises(DataRefused):
            ingest(given_rows(bars("A", [10.0])), shelf, FACTS)
        assert ingest(given_rows(bars("A", [10.0])), shelf, FACTS, replace_all=True).published

    def test_a_refused_row_does_not_remove_the_stored_one(self):
        shelf, frame = Shelf(), many(count=100)
        ingest(given_rows(frame), shelf, ALL_DAYS)
        report = ingest(given_rows(altered(frame, 5, close=-1.0)), shelf, ALL_DAYS)
        assert report.published  # the refused row is new to the quarantine
        assert shelf.versions[1].content.prices.equals(frame)
        assert shelf.versions[1].content.quarantine["reason"].to_list() == ["close_not_positive"]

    def test_the_quarantine_collects_each_row_once(self):
        shelf, frame = Shelf(), many()
        first = bars("X", [-1.0, 0.0], days=frame["date"].to_list())
        second = bars("X", [0.0, -3.0], days=frame["date"].to_list()[1:])
        for bad in (first, first, second):
            ingest(given_rows(frame, bad), shelf, ALL_DAYS)
        assert len(shelf.versions) == 2
        assert shelf.versions[1].content.quarantine["close"].to_list() == ["-1.0", "0.0", "-3.0"]

    def test_findings_are_those_of_the_whole(self):
        shelf = Shelf()
        ingest(given_rows(bars("A", [10.0, 10.0], days=SESSIONS)), shelf, FACTS)
        later = bars("A", [10.0] * 3 + [20.0], days=[*SESSIONS[2:5], SESSIONS[7]])
        ingest(given_rows(later), shelf, FACTS)
        findings = shelf.versions[1].content.findings
        assert findings.filter(pl.col("kind") == "equal_closes")["value"].to_list() == [5.0]
        assert findings.filter(pl.col("kind") == "gap")["value"].to_list() == [2.0]
        assert findings.filter(pl.col("kind") == "large_move").height == 1

    def test_what_was_blanked_stays_known_until_the_row_is_replaced(self):
        shelf, frame = Shelf(), bars("A", [10.0, 11.0, 12.0])
        blanked = altered(altered(frame, 0, open=0.0), 1, open=-1.0)
        ingest(given_rows(blanked), shelf, FACTS)
        ingest(given_rows(frame.slice(1, 1)), shelf, FACTS)
        findings = shelf.versions[1].content.findings
        assert findings.filter(pl.col("kind") == "null_open")["value"].to_list() == [0.0]

    def test_optional_fields_come_and_stay(self):
        shelf, frame = Shelf(), bars("A", [10.0, 11.0])
        ingest(given_rows(frame), shelf, FACTS)
        ingest(given_rows(frame.head(1).with_columns(cap=pl.lit(5.0))), shelf, FACTS)
        assert shelf.versions[1].content.prices["cap"].to_list() == [5.0, None]
        report = ingest(given_rows(frame), shelf, FACTS)  # says nothing about cap
        assert not report.published

    def test_what_is_said_about_symbols_is_merged(self):
        def said(*rows: tuple[str, str | None, str | None]) -> pl.DataFrame:
            columns = [(*row, None) for row in rows]
            names = ["symbol", "name", "category", "delisted"]
            kinds = [pl.String, pl.String, pl.String, pl.Date]
            return pl.DataFrame(columns, dict(zip(names, kinds, strict=True)), orient="row")

        shelf, frame = Shelf(), bars("A", [10.0])
        first = said(("B", "Bee", None), ("A", "Ay", "Tech"))
        ingest(given_rows(frame, symbols=first), shelf, FACTS)
        ingest(given_rows(frame, symbols=said(("A", None, "Energy"))), shelf, FACTS)
        assert shelf.versions[1].content.symbols.select("symbol", "name", "category").rows() == [
            ("A", "Ay", "Energy"),
            ("B", "Bee", None),
        ]

    def test_checking_stores_nothing_and_reports_refusals(self):
        report = check(given_rows(bars("A", [-1.0, 2.0])), FACTS)
        assert report.refusals[0].startswith("1 of 2 rows")
        assert report.as_text().endswith("close=-1.0)")

    def test_the_report_is_json(self):
        report = ingest(given_rows(bars("A", [10.0])), Shelf(), FACTS)
        again = json.loads(json.dumps(report.as_dict()))
        assert (again["version"], again["quality"]["rows_kept"]) == ("v1", 1)


BATCHES = st.lists(
    st.dictionaries(
        st.tuples(st.sampled_from("AB"), st.integers(0, 4)), st.sampled_from([1.0, 1.1, 1.2])
    ).filter(bool),
    min_size=1,
    max_size=5,
)


class TestReference:
    """The same through the warehouse on disk."""

    def test_what_was_ingested_is_what_is_stored(self, tmp_path):
        warehouse = Warehouse(tmp_path)
        frame = altered(bars("A", [10.0, 11.0, 25.0]), 1, open=0.0)
        source = given_rows(many(), frame, bars("B", [-1.0]))
        first = ingest(source, warehouse, ALL_DAYS)
        stored = warehouse.newest("toy").tables()
        assert stored.prices.filter(pl.col("symbol") == "A").equals(altered(frame, 1, open=None))
        assert stored.quarantine["reason"].to_list() == ["close_not_positive"]
        again = ingest(source, warehouse, ALL_DAYS)
        assert (again.published, again.version) == (False, first.version)
        anew = ingest(source, warehouse, ALL_DAYS, replace_all=True)
        assert (anew.published, anew.version) == (False, first.version)
        more = ingest(given_rows(bars("C", [1.0, 2.0])), warehouse, ALL_DAYS)
        assert more.published
        assert warehouse.newest("toy").version == more.version != first.version
        assert (more.rows_stored, more.symbols_stored) == (1005, 3)


class TestProperties:
    """However rows arrive, the newest value of each key is stored."""

    @settings(max_examples=25, deadline=None)
    @given(BATCHES)
    def test_equals_a_dictionary_that_is_updated(self, batches):
        shelf, expected = Shelf(), {}
        for batch in batches:
            frames = [bars(s, [close], days=[SESSIONS[i]]) for (s, i), close in batch.items()]
            report = ingest(given_rows(*frames), shelf, ALL_DAYS)
            added = sum(key not in expected for key in batch)
            revised = sum(expected.get(key, close) != close for key, close in batch.items())
            assert (report.rows_added, report.rows_revised) == (added, revised)
            assert report.published == bool(added or revised)
            expected |= batch
        stored = shelf.versions[-1].content.prices
        assert dict(stored.schema) == dict(price_schema())
        assert stored.select("symbol", "date", "close").rows() == [
            (symbol, SESSIONS[i], close) for (symbol, i), close in sorted(expected.items())
        ]


class TestRefusals:
    """Nothing is stored, and the last good version stays."""

    def test_a_refused_delivery_leaves_the_last_version(self):
        shelf = Shelf()
        ingest(given_rows(bars("A", [10.0])), shelf, FACTS)
        with pytest.raises(DataRefused, match="refuses the dataset 'toy'"):
            ingest(given_rows(bars("A", [-1.0, -2.0])), shelf, FACTS)
        assert len(shelf.versions) == 1

    def test_merging_must_not_make_two_symbols_the_same(self):
        shelf, closes = Shelf(), [10.0 + i for i in range(8)]
        ingest(given_rows(bars("A", closes), bars("B", closes[:4])), shelf, FACTS)
        rest = bars("B", closes[4:], days=SESSIONS[4:8])
        with pytest.raises(DataRefused, match="one series under several symbols"):
            ingest(given_rows(rest), shelf, FACTS)
        assert len(shelf.versions) == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"calendar": "24/7"},
            {"price_basis": "total_return"},
            {"currency": "EUR"},
            {"synthetic": True},
        ],
    )
    def test_rows_of_another_kind_are_not_merged(self, other):
        shelf = Shelf()
        ingest(given_rows(bars("A", [10.0])), shelf, FACTS)
        with pytest.raises(UsageError) as refused:
            ingest(given_rows(bars("B", [10.0])), shelf, replace(FACTS, **other))
        assert next(iter(other)) in str(refused.value)
        assert "--replace" in str(refused.value)
        assert len(shelf.versions) == 1
