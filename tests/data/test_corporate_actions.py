"""Corporate actions: what is read, what passes, what a version keeps of them."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.data.action_events import action_rows
from quant_core.data.corporate_actions import merge_actions
from quant_core.data.delistings import with_inferred, without_inferred
from quant_core.data.schema import ACTION_SCHEMA, DatasetTables
from quant_core.data.sources.action_files import RawActions, read_actions, simple_ratio
from quant_core.data.warehouse import Warehouse
from quant_core.foundation.errors import DataRefused, SourceUnreachable, UsageError
from quant_core.foundation.panel import Axes
from quant_core.trading.actions import Dividend, Rename, Rights, Split
from tests.data.warehouse_market import FACTS, FIRST, price_rows, tables_of
from tests.shared_data import SHARED, needs_shared

US = SHARED / "us_raw_daily_2015_2017/actions.parquet"
CN = SHARED / "cn_hikyuu_raw_1990_2011/actions_all_ashares.parquet"
HEADER = "symbol,ex_date,kind,ratio,amount,price,pay_date,successor\n"


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def prices_of(days: int = 6) -> pl.DataFrame:
    """A at 10, 11, ...; B at 50 and C at 20 throughout."""
    rows = [("A", n, 10.0 + n) for n in range(days)]
    rows += [("B", n, 50.0) for n in range(days)] + [("C", n, 20.0) for n in range(days)]
    return price_rows(rows)


def written(folder: Path, text: str, header: str = HEADER) -> RawActions:
    path = folder / "actions.csv"
    path.write_text(header + text)
    return read_actions([path])


def action(symbol: str, number: int, kind: str, **more: object) -> dict[str, object]:
    return {"symbol": symbol, "ex_date": day(number), "kind": kind, **more}


def table(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), ACTION_SCHEMA)


def delivery(*rows: dict[str, object]) -> RawActions:
    return RawActions(actions=table(*rows), rows=len(rows))


def reasons(*rows: dict[str, object]) -> list[str]:
    """Why rows are refused among a hundred good ones."""
    done = merge_actions(tables_of(prices_of()), delivery(*rows), FACTS)
    return done.quarantine["reason"].sort().to_list()


class TestExamples:
    def test_canonical_csv(self, tmp_path):
        raw = written(
            tmp_path,
            "A,2023-12-29,Split,2,9.9,,,\nA,2023-12-30,dividend,,0.5,,2024-01-05,\n"
            "B,2023-12-30,rights,0.3,,8.5,,\nC,2023-12-31,rename,,,,,D\n",
        )
        assert raw.actions.drop("ex_date").rows() == [
            ("A", "split", 2.0, None, None, None, None),
            ("A", "dividend", None, 0.5, None, date(2024, 1, 5), None),
            ("B", "rights", 0.3, None, 8.5, None, None),
            ("C", "rename", None, None, None, None, "D"),
        ]

    def test_factors(self, tmp_path):
        raw = written(
            tmp_path,
            "A,2023-12-29,0.142857,707.610001,split_or_large,606.5,true\n"
            "B,2023-12-29,0.142857,707.610001,split_or_large,606.5,false\n"
            "C,2023-12-29,0.99,50.0,dividend_or_small,0.5,false\n"
            "D,2023-12-29,0.420875,66.289998,split_or_large,38.39,true\n",
            "symbol,ex_date,factor,prev_close,kind_guess,implied_cash,price_confirms\n",
        )
        kept = raw.actions.select("symbol", "kind", "ratio", "amount").rows()
        assert kept == [
            ("A", "split", 7.0, None),
            ("C", "dividend", None, 0.5),
            ("D", "split", 1 / 0.420875, None),
        ]
        assert raw.refused.select("symbol", "reason").rows() == [("B", "price_does_not_confirm")]
        assert (raw.snapped, raw.odd, raw.rows) == (1, 1, 4)

    def test_factors_alone(self, tmp_path):
        raw = written(
            tmp_path,
            "A,2023-12-29,0.5,\nB,2023-12-29,15.0,\nC,2023-12-29,0.98,50\n",
            "symbol,ex_date,factor,prev_close\n",
        )
        rows = raw.actions.select("symbol", "ratio", pl.col("amount").round(9)).rows()
        assert rows == [("A", 2.0, None), ("B", 1 / 15, None), ("C", None, 1.0)]

    def test_share_weights(self, tmp_path):
        raw = written(
            tmp_path,
            "SH,600000,2023-12-29,0,0,0,2000,50000\n"
            "SZ,000001,2023-12-30,30000,10000,5000,5000,20000\n"
            "SZ,000001,2023-12-31,0,0,8450,0,0\n",
            "market,code,date,gift,rights,rights_price,cash,transfer\n",
        )
        rows = raw.actions.sort("symbol", "kind").select(
            "symbol", "kind", pl.col("ratio").round(9), "amount", "price"
        )
        assert rows.rows() == [
            ("000001.SZ", "dividend", None, 0.5, None),
            ("000001.SZ", "rights", round(0.1 / 1.5, 9), None, 5.0),
            ("000001.SZ", "split", 1.5, None, None),
            ("600000.SH", "dividend", None, 0.2, None),
            ("600000.SH", "split", 1.5, None, None),
        ]
        assert raw.without_action == 1

    @pytest.mark.parametrize(
        ("ratio", "price", "simple"),
        [
            (95.23 / 47.62, 95.23, 2.0),
            (1 / 0.666667, 54.45, 1.5),
            (1 / 255.999992, 0.26, 1 / 256),
            (0.94 / 0.49, 0.94, None),
            (67.480003 / 33.830001, 67.48, None),
            (1.25, None, 1.25),
            (1.2345, None, None),
            (1e308, 10.0, None),
            (1e-300, None, None),
            (float("inf"), None, None),
            (-1.0, None, None),
        ],
    )
    def test_simple_ratio(self, ratio, price, simple):
        assert simple_ratio(ratio, price) == simple

    def test_what_a_delivery_did(self):
        tables = tables_of(prices_of())
        good = action("A", 1, "split", ratio=2.0)
        done = merge_actions(
            tables,
            delivery(
                good, good, action("X", 1, "split", ratio=2.0), action("A", 99, "split", ratio=3.0)
            ),
            FACTS,
        )
        account = done.report
        assert done.actions["ratio"].to_list() == [2.0, 3.0]
        assert (account.added, account.collapsed, account.unknown, account.beyond) == (2, 1, 1, 1)
        stored = dataclasses.replace(tables, actions=done.actions)
        again = merge_actions(stored, delivery(action("A", 1, "split", ratio=4.0)), FACTS)
        assert (again.report.added, again.report.revised) == (0, 1)
        assert again.actions["ratio"].to_list() == [4.0, 3.0]

    def test_rows_of_the_ledger(self):
        sessions = np.array([day(n) for n in (0, 1, 2, 4)], dtype="datetime64[D]")
        axes = Axes(sessions, ("A", "B", "C", "D"))
        rows = action_rows(
            table(
                action("B", 1, "split", ratio=2.0),
                action("A", 1, "split", ratio=3.0),
                action("C", 1, "rename", successor="D"),
                action("B", 2, "rename", successor="Z"),  # not in the dataset: the name ends
                action("C", 1, "rights", ratio=0.1, price=5.0),
                action("B", 1, "dividend", amount=0.25, pay_date=day(3)),
                action("A", 2, "dividend", amount=0.5),
                action("A", 4, "dividend", amount=0.5, pay_date=day(9)),
                action("A", 9, "split", ratio=2.0),
                action("Z", 1, "split", ratio=2.0),
            ),
            axes,
        )
        assert rows == {
            1: (
                Dividend("B", 250_000, 3),
                Split("A", 3.0),
                Split("B", 2.0),
                Rights("C", 0.1, 5_000_000),
                Rename("C", "D"),
            ),
            2: (Dividend("A", 500_000, 2),),
            3: (Dividend("A", 500_000, 4),),
        }

    def test_delistings_are_inferred_and_corrected(self):
        early = price_rows([("A", 0, 1.0), ("A", 1, 1.0), ("B", 0, 2.0)])
        tables, number = with_inferred(tables_of(early), FACTS)
        assert number == 1
        assert tables.symbols.select("symbol", "delisted").rows() == [("B", day(0))]
        assert without_inferred(tables).is_empty()

    def test_a_renamed_name_has_not_ended(self):
        early = price_rows([("A", 0, 1.0), ("A", 1, 1.0), ("B", 0, 2.0)])
        tables = tables_of(early)
        renamed = DatasetTables(
            tables.prices,
            tables.symbols,
            tables.quarantine,
            tables.findings,
            table(action("B", 1, "rename", successor="A")),
        )
        assert with_inferred(renamed, FACTS)[1] == 0

    def test_stated_delistings_are_not_added_to(self):
        early = price_rows([("A", 0, 1.0), ("A", 1, 1.0), ("B", 0, 2.0)])
        stated = pl.DataFrame(
            {"symbol": ["A"], "name": [None], "category": [None], "delisted": [day(1)]},
            {"symbol": pl.String, "name": pl.String, "category": pl.String, "delisted": pl.Date},
        )
        assert with_inferred(tables_of(early, stated), FACTS)[1] == 0


class TestWarehouse:
    @pytest.fixture
    def warehouse(self, tmp_path) -> Warehouse:
        return Warehouse(tmp_path)

    def with_actions(self, days: int, *rows: dict[str, object]) -> DatasetTables:
        plain = tables_of(prices_of(days))
        return DatasetTables(
            plain.prices, plain.symbols, plain.quarantine, plain.findings, table(*rows)
        )

    def test_a_version_without_actions_keeps_its_hash(self, warehouse):
        """The version that these rows had before there were any actions."""
        published = warehouse.publish(FACTS, tables_of(prices_of()))
        assert published.version == "af1be9eac7f6ff7f"
        assert {part.table for part in published.manifest.parts} == {
            "prices",
            "symbols",
            "quarantine",
            "findings",
        }
        assert published.actions().is_empty()
        assert published.actions().schema == ACTION_SCHEMA
        assert not published.has_actions

    def test_actions_are_part_of_the_version(self, warehouse):
        split = action("A", 2, "split", ratio=2.0)
        plain = warehouse.publish(FACTS, tables_of(prices_of()))
        acted = warehouse.publish(FACTS, self.with_actions(6, split))
        other = warehouse.publish(FACTS, self.with_actions(6, {**split, "ratio": 3.0}))
        assert len({plain.version, acted.version, other.version}) == 3
        assert acted.actions().equals(table(split))
        assert warehouse.query("toy", "select kind, ratio from actions").rows() == [("split", 3.0)]
        warehouse.prune("toy", 2)
        acted.verify()
        assert warehouse.open("toy", acted.version).actions().equals(table(split))

    def test_sql_without_actions(self, warehouse):
        warehouse.publish(FACTS, tables_of(prices_of()))
        assert warehouse.query("toy", "select * from actions").schema == ACTION_SCHEMA
        assert warehouse.query("toy", "select reason from actions_quarantine").is_empty()

    def test_continuing(self, warehouse):
        split = action("A", 2, "split", ratio=2.0)
        older = warehouse.publish(FACTS, self.with_actions(6, split))
        later = action("B", 7, "dividend", amount=1.0)
        newer = warehouse.publish(FACTS, self.with_actions(9, split, later))
        assert newer.continues(older)
        cases = {
            "revised": [{**split, "ratio": 3.0}, later],
            "gone": [later],
            "added before": [split, action("B", 5, "dividend", amount=1.0)],
            "renamed since": [split, action("B", 7, "rename", successor="C")],
        }
        for name, rows in cases.items():
            assert not warehouse.publish(FACTS, self.with_actions(9, *rows)).continues(older), name


class TestReference:
    @needs_shared
    def test_real_factors(self):
        raw = read_actions([US])
        assert (raw.rows, raw.actions.height, raw.refused.height) == (22_872, 22_855, 17)
        found = raw.actions.filter(pl.col("symbol") == "NFLX")
        assert found.select("ex_date", "kind", "ratio").rows() == [
            (date(2015, 7, 15), "split", 7.0)
        ]
        nike = raw.actions.filter(pl.col("symbol") == "NKE", pl.col("kind") == "split")
        assert nike["ratio"].to_list() == [2.0]

    @needs_shared
    def test_real_share_weights(self):
        raw = read_actions([CN])
        bank = raw.actions.filter(pl.col("symbol") == "600000.SH", pl.col("kind") == "split")
        assert bank.sort("ex_date")["ratio"].round(9).to_list()[:3] == [1.5, 1.3, 1.3]
        assert raw.without_action == 13_975


class TestProperties:
    @given(st.integers(1, 10), st.integers(1, 10), st.floats(5.0, 500.0))
    @settings(max_examples=50, deadline=None)
    def test_quoted_prices_give_the_fraction_back(self, upper, lower, price):
        """A close adjusted by a simple ratio and quoted to a hundredth of a cent."""
        adjusted = round(price * lower / upper, 4)
        assert simple_ratio(price / adjusted, price) == pytest.approx(upper / lower, abs=0)

    @given(st.permutations(range(4)))
    @settings(max_examples=20, deadline=None)
    def test_the_order_of_rows_does_not_matter(self, order):
        rows = [
            action(name, number, "split", ratio=2.0 + number)
            for name, number in (("A", 1), ("A", 2), ("B", 1), ("C", 4))
        ]
        done = merge_actions(tables_of(prices_of()), delivery(*(rows[i] for i in order)), FACTS)
        assert done.actions.equals(table(*rows))


class TestRefusals:
    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            (action("A", 1, "split", ratio=0.0), "ratio_not_positive"),
            (action("A", 1, "split", ratio=-2.0), "ratio_not_positive"),
            (action("A", 1, "split", ratio=float("nan")), "ratio_missing"),
            (action("A", 1, "split", ratio=float("inf")), "ratio_missing"),
            (action("A", 1, "split", ratio=1.0), "ratio_is_one"),
            (action("A", 1, "split", ratio=1e308), "ratio_out_of_range"),
            (action("A", 1, "split", ratio=1e-300), "ratio_out_of_range"),
            (action("A", 1, "dividend", amount=1e-300), "amount_not_positive"),
            (action("A", 0, "dividend", amount=1e300), "amount_too_large"),
            (action("A", 1, "rights", ratio=0.1, price=1e300), "price_too_large"),
            (action("A", 1, "dividend"), "amount_missing"),
            (action("A", 1, "dividend", amount=float("nan")), "amount_missing"),
            (action("A", 1, "dividend", amount=-0.1), "amount_not_positive"),
            (action("A", 1, "dividend", amount=10.0), "dividend_exceeds_price"),
            (action("A", 99, "dividend", amount=15.1), "dividend_exceeds_price"),
            (
                action("A", 2, "dividend", amount=0.1, pay_date=day(1)),
                "pay_date_before_ex_date",
            ),
            (action("A", 1, "rights", ratio=0.1), "price_missing"),
            (action("A", 1, "rights", ratio=0.1, price=-1.0), "price_not_positive"),
            (action("A", 1, "rename"), "successor_missing"),
            (action("A", 1, "rename", successor="A"), "successor_missing"),
            (action("A", 1, "rename", successor="Q"), "successor_unknown"),
            (action("A", 1, "merger"), "unknown_kind"),
        ],
    )
    def test_a_row(self, row, reason):
        assert reasons(row) == [reason]

    def test_a_dividend_without_an_earlier_close_passes(self):
        assert reasons(action("A", 0, "dividend", amount=99.0)) == []

    def test_a_day_that_is_no_session(self):
        done = merge_actions(
            tables_of(prices_of(12)),
            delivery(action("A", 2, "split", ratio=2.0)),  # a Saturday
            dataclasses.replace(FACTS, calendar="XNYS"),
        )
        assert done.report.quarantined == {"not_a_session": 1}
        assert done.report.examples == {"not_a_session": (f"A {day(2)}",)}

    def test_contradictions_go_together(self):
        rows = [action("A", 1, "split", ratio=2.0), action("A", 1, "split", ratio=3.0)]
        assert reasons(*rows) == ["conflicting_duplicate"] * 2

    def test_unreadable_rows(self, tmp_path):
        raw = written(tmp_path, "A,soon,split,2,,,,\nA,2023-12-29,split,two,,,,\n")
        assert raw.unreadable["reason"].to_list() == ["not_a_date:ex_date", "not_a_number:ratio"]
        assert raw.unreadable["ex_date"].to_list() == ["soon", "2023-12-29"]
        with pytest.raises(DataRefused, match="2 of 2 rows of corporate actions cannot") as caught:
            merge_actions(tables_of(prices_of()), raw, FACTS)
        assert "not_a_date:ex_date 1 (first: A soon)" in caught.value.found

    def test_unknown_columns(self, tmp_path):
        with pytest.raises(DataRefused, match="no table of corporate actions") as caught:
            written(tmp_path, "1,2\n", "a,b\n")
        assert "canonical: symbol, ex_date, kind" in caught.value.expected
        assert caught.value.found == "columns a, b"

    def test_no_such_file(self, tmp_path):
        with pytest.raises(SourceUnreachable, match="no such file"):
            read_actions([tmp_path / "none.csv"])

    def test_adjusted_prices(self):
        facts = dataclasses.replace(FACTS, price_basis="total_return")
        with pytest.raises(UsageError, match="belong to raw prices only") as caught:
            merge_actions(tables_of(prices_of()), delivery(), facts)
        assert caught.value.found == "price basis total_return"
