"""SQL over a version: the views there are, and everything else refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from quant_core.data.factor_store import FactorStore
from quant_core.data.warehouse import Warehouse
from quant_core.foundation.errors import DataRefused, UsageError
from tests.data.warehouse_market import FACTS, FIRST, key, market, price_rows, tables_of


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    warehouse = Warehouse(tmp_path)
    rows = [("A", 0, 1.0), ("B", 0, 2.0), ("A", 2, None), ("B", 2, 4.0)]
    warehouse.publish(FACTS, tables_of(price_rows(rows)))
    return warehouse


class TestExamples:
    def test_unknown_is_null_and_no_part_of_a_mean(self, warehouse):
        found = warehouse.query(
            "toy",
            "select symbol, avg(close) as mean, count(*) as n from prices group by 1 order by 1",
        )
        assert found.rows() == [("A", 1.0, 2), ("B", 3.0, 2)]

    def test_sessions_without_prices_are_there(self, warehouse):
        found = warehouse.query(
            "toy", "select date from sessions anti join prices using (date) order by date"
        )
        assert found["date"].to_list() == [FIRST.replace(day=29)]

    def test_every_table_can_be_read(self, warehouse):
        for view in ("symbols", "quarantine", "findings", "factors"):
            assert warehouse.query("toy", f"select * from {view}").height == 0

    def test_factors_are_long_and_unknown_is_null(self, warehouse):
        store = FactorStore(warehouse.open("toy"))
        store.put({key("it's"): np.array([[1.0, np.nan], [2.0, np.inf], [3.0, 4.0]])})
        store.put({key("plain"): np.zeros((3, 2))})
        found = warehouse.query(
            "toy", "select date, symbol, value from factors where factor = 'it''s' order by all"
        )
        values = dict.fromkeys((day, s) for day in range(3) for s in "AB")
        values |= {(0, "A"): 1.0, (1, "A"): 2.0, (1, "B"): np.inf, (2, "A"): 3.0, (2, "B"): 4.0}
        rows = [((day - FIRST).days, symbol, value) for day, symbol, value in found.rows()]
        assert rows == [(*place, value) for place, value in values.items()]
        assert found.schema == {"date": pl.Date, "symbol": pl.String, "value": pl.Float64}

    def test_factors_join_prices(self, warehouse):
        snapshot = warehouse.open("toy")
        FactorStore(snapshot).put({key("twice"): snapshot.panel("close") * 2})
        found = warehouse.query(
            "toy",
            "select count(*) as n, max(abs(value - 2 * close)) as off "
            "from factors join prices using (date, symbol) where value is not null",
        )
        assert found.rows() == [(3, 0.0)]

    def test_a_factor_in_segments_is_one_column(self, warehouse):
        old = warehouse.publish(FACTS, tables_of(market(20, 4)))
        FactorStore(old).put({key("f"): np.ones(old.axes.shape)})
        new = warehouse.publish(FACTS, tables_of(market(22, 4)))
        FactorStore(new).extend({key("f"): np.full((2, 4), 5.0)})
        found = warehouse.query("toy", "select count(*) as n, sum(value) as s from factors")
        assert found.rows() == [(88, 20 * 4 + 2 * 4 * 5.0)]

    @pytest.mark.parametrize(
        "sql",
        [
            "with a as (select 1 as x) select * from a",
            "describe prices",
            "summarize prices",
            "show tables",
            "from prices",
            "explain select * from prices",
            "EXPLAIN ANALYZE select * from prices",
        ],
    )
    def test_questions_in_other_words(self, warehouse, sql):
        assert warehouse.query("toy", sql).height > 0

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("interval 1 day", "1 day"),
            ("[interval 1 day]", "[1 day]"),
            ("union_value(a := 1)", "1"),
            ("'101'::bit", "101"),
            ("12::bignum", "12"),
            ("'12:00:00+01'::timetz", "12:00:00+01"),
        ],
    )
    def test_a_type_polars_does_not_have_comes_as_text(self, warehouse, value, text, capfd):
        found = warehouse.query("toy", f'select {value} as "it""s", 2 as other')
        assert found.rows(named=True) == [{'it"s': text, "other": 2}]
        assert capfd.readouterr().err == ""

    def test_the_first_and_last_date_there_is(self, warehouse):
        sql = "select '0001-01-01'::date as a, '9999-12-31 23:59:59'::timestamp as b, null::date"
        assert [str(v) for v in warehouse.query("toy", sql).row(0)] == [
            "0001-01-01",
            "9999-12-31 23:59:59",
            "None",
        ]

    def test_nothing_is_written_to_stderr(self, warehouse, tmp_path):
        script = (
            "from pathlib import Path\n"
            "from quant_core.data.warehouse import Warehouse\n"
            f"Warehouse(Path({str(tmp_path)!r})).query('toy', 'select * from prices')"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


class TestRefusals:
    @pytest.mark.parametrize(
        "sql",
        [
            "copy prices to 'out.csv'",
            "create table t as select 1",
            "select 1; select 2",
            "",
            "attach 'other.db'",
            "install httpfs",
            "set threads = 1",
            "explain analyze copy prices to 'out.csv'",
            "pragma version",
        ],
    )
    def test_anything_but_one_select(self, warehouse, sql, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UsageError, match="a query is one SELECT") as caught:
            warehouse.query("toy", sql)
        assert caught.value.expected == "SELECT, WITH, DESCRIBE, SUMMARIZE or EXPLAIN"
        assert {path.name for path in tmp_path.iterdir()} == {"warehouse"}

    @pytest.mark.parametrize(
        "sql",
        [
            "select * from read_text('/etc/hostname')",
            "select * from read_csv('/etc/hostname')",
            "select * from '/etc/hostname'",
            "select * from glob('/*')",
        ],
    )
    def test_no_other_file(self, warehouse, sql):
        with pytest.raises(UsageError, match="the SQL query failed"):
            warehouse.query("toy", sql)

    def test_no_variable_of_the_program(self, warehouse):
        secret = pl.DataFrame({"x": [1]})
        with pytest.raises(UsageError, match="the SQL query failed"):
            warehouse.query("toy", "select * from secret")
        assert secret.height == 1

    def test_two_columns_of_one_name(self, warehouse):
        with pytest.raises(UsageError, match="the same name") as caught:
            warehouse.query("toy", "select 1 as a, 2 as a, 3 as b")
        assert (caught.value.found, caught.value.fix[-6:]) == ("a", "AS a_2")

    @pytest.mark.parametrize("value", ["'infinity'::date", "'-infinity'::timestamp"])
    def test_a_date_that_never_comes(self, warehouse, value):
        with pytest.raises(UsageError, match="outside the years 1 to 9999") as caught:
            warehouse.query("toy", f"select {value} as day")
        assert "CAST(day AS VARCHAR)" in caught.value.fix

    @pytest.mark.parametrize("damage", ["missing", "cut", "noise"])
    def test_a_damaged_factor_file_is_named(self, warehouse, damage):
        snapshot = warehouse.open("toy")
        FactorStore(snapshot).put({key("f"): snapshot.panel("close")})
        (path,) = (snapshot.root / "factors" / "parts").iterdir()
        content = path.read_bytes()
        path.unlink()
        if damage != "missing":
            path.write_bytes(content[:100] if damage == "cut" else b"\0" * len(content))
        with pytest.raises(DataRefused, match="'toy' is damaged") as caught:
            warehouse.query("toy", "select * from factors")
        assert caught.value.where == str(path)
        assert "run_factor_computation.py --dataset toy" in caught.value.fix

    def test_a_wrong_name_is_explained(self, warehouse):
        with pytest.raises(UsageError, match="the SQL query failed") as caught:
            warehouse.query("toy", "select clse from prices")
        assert "clse" in caught.value.found
        assert "prices, symbols, quarantine, findings, sessions, factors" in caught.value.expected
        assert caught.value.exit_code == 2
