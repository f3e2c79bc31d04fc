"""Publishing, opening and reading versions of a dataset."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.data import warehouse_panels
from quant_core.data.schema import SYMBOL_SCHEMA
from quant_core.data.warehouse import Warehouse
from quant_core.data.warehouse_content import content_hash
from quant_core.data.warehouse_files import writer_lock
from tests.data.warehouse_market import (
    FACTS,
    FIRST,
    files_of,
    market,
    price_rows,
    tables_of,
)
from tests.shared_data import SHARED, needs_shared


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    return Warehouse(tmp_path)


def publish(warehouse: Warehouse, prices: pl.DataFrame, **facts: object):
    return warehouse.publish(dataclasses.replace(FACTS, **facts), tables_of(prices))


class TestExamples:
    def test_panel_of_two_symbols_with_a_gap(self, warehouse):
        rows = [("B", 0, 2.0), ("A", 2, 3.0), ("A", 0, 1.0), ("B", 2, None)]
        snapshot = publish(warehouse, price_rows(rows))
        assert snapshot.axes.symbols == ("A", "B")
        assert snapshot.axes.sessions.astype(str).tolist() == [
            "2023-12-28",
            "2023-12-29",
            "2023-12-30",
        ]
        expected = [[1.0, 2.0], [np.nan, np.nan], [3.0, np.nan]]
        np.testing.assert_array_equal(snapshot.panel("close"), expected)
        np.testing.assert_array_equal(
            snapshot.panel("volume"), [[100.0, 100.0], [np.nan, np.nan], [102.0, 102.0]]
        )

    def test_sessions_come_from_the_calendar(self, warehouse):
        prices = price_rows([("A", 0, 1.0), ("A", 6, 2.0)])
        snapshot = publish(warehouse, prices, calendar="XNYS")
        assert snapshot.axes.sessions.astype(str).tolist() == [
            "2023-12-28",
            "2023-12-29",
            "2024-01-02",
            "2024-01-03",
        ]

    def test_what_was_published_is_what_is_opened(self, warehouse):
        published = publish(warehouse, market(20, 4))
        opened = warehouse.open("toy")
        assert opened.version == published.version
        assert opened.facts == FACTS
        assert opened.fields == ("open", "high", "low", "close", "volume")
        assert opened.dataset == "toy"
        expected = market(20, 4).sort("date", "symbol")
        assert opened.tables().prices.equals(expected)

    def test_all_tables_come_back(self, warehouse):
        symbols = pl.DataFrame(
            {"symbol": ["A"], "name": ["Alpha"], "category": ["x"], "delisted": [None]},
            SYMBOL_SCHEMA,
        )
        tables = tables_of(price_rows([("A", 0, 1.0)]), symbols)
        snapshot = warehouse.publish(FACTS, tables)
        assert snapshot.symbol_table().equals(symbols)
        assert snapshot.tables().quarantine.equals(tables.quarantine)
        assert snapshot.tables().findings.equals(tables.findings)

    def test_optional_fields_become_panels(self, warehouse):
        prices = market(5, 2).with_columns(cap=pl.col("close") * 1e6)
        snapshot = publish(warehouse, prices)
        assert snapshot.fields[-1] == "cap"
        np.testing.assert_array_equal(snapshot.panel("cap"), snapshot.panel("close") * 1e6)

    def test_same_rows_change_nothing_on_the_disk(self, warehouse, tmp_path):
        first = publish(warehouse, market(20, 4))
        before = files_of(tmp_path)
        again = publish(warehouse, market(20, 4).sample(fraction=1.0, shuffle=True, seed=1))
        assert again.version == first.version
        assert files_of(tmp_path) == before

    def test_new_sessions_write_only_the_last_year(self, warehouse, tmp_path):
        publish(warehouse, market(20, 4))
        before = files_of(tmp_path)
        publish(warehouse, market(21, 4))
        new = files_of(tmp_path).keys() - before.keys()
        assert sorted(name.split("/")[-1][:11] for name in new if "parts" in name) == [
            "prices-2024"
        ]

    def test_origin_does_not_make_a_version_but_facts_do(self, warehouse):
        version = publish(warehouse, market(5, 2)).version
        assert publish(warehouse, market(5, 2), origin=("elsewhere",)).version == version
        others = [
            publish(warehouse, market(5, 2), **{name: value}).version
            for name, value in [
                ("price_basis", "split_adjusted"),
                ("currency", "EUR"),
                ("synthetic", False),
            ]
        ]
        assert len({version, *others}) == 4

    def test_version_of_known_rows_never_changes(self, warehouse):
        snapshot = publish(warehouse, price_rows([("A", 0, 1.0), ("B", 1, None)]))
        assert snapshot.version == KNOWN_VERSION

    def test_earlier_versions_stay(self, warehouse):
        old = publish(warehouse, market(20, 4))
        new = publish(warehouse, market(21, 4))
        assert warehouse.open("toy").version == new.version
        assert warehouse.open("toy", old.version).axes.shape == (20, 4)
        assert [other.version for other in new.earlier()] == [old.version]
        assert old.tables().prices.height < new.tables().prices.height

    def test_going_back_to_earlier_rows_makes_them_newest(self, warehouse):
        old = publish(warehouse, market(20, 4))
        publish(warehouse, market(21, 4))
        assert publish(warehouse, market(20, 4)).version == old.version
        assert warehouse.open("toy").version == old.version

    def test_datasets_are_listed(self, warehouse):
        assert warehouse.datasets() == ()
        assert warehouse.newest("toy") is None
        publish(warehouse, market(5, 2))
        publish(warehouse, market(5, 2), dataset="another.one-2")
        assert warehouse.datasets() == ("another.one-2", "toy")

    def test_opening_imports_neither_database_nor_calendars(self, warehouse, tmp_path):
        publish(warehouse, market(5, 2))
        script = (
            "import sys; from pathlib import Path\n"
            "from quant_core.data.warehouse import Warehouse\n"
            f"Warehouse(Path({str(tmp_path)!r})).open('toy').panel('close')\n"
            "heavy = {'duckdb', 'exchange_calendars', 'pandas', 'pydantic', 'numba'}\n"
            "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")

    def test_readers_need_no_lock(self, warehouse, tmp_path):
        publish(warehouse, market(5, 2))
        with writer_lock(tmp_path / "warehouse" / "toy" / "publish.lock", wait=False):
            assert warehouse.open("toy").panel("close").shape == (5, 2)


KNOWN_VERSION = "3eab3fb212847ac5"
"""Of the rows above; another value would orphan every stored dataset."""


class TestCache:
    def test_panels_are_read_only_and_mapped_from_one_file(self, warehouse):
        snapshot = publish(warehouse, market(5, 2))
        built, mapped = snapshot.panel("close"), snapshot.panel("close")
        assert not built.flags.writeable
        assert not mapped.flags.writeable
        assert [path.name for path in snapshot.cache.iterdir()] == ["price-close.npy"]

    def test_cache_may_be_deleted(self, warehouse):
        snapshot = publish(warehouse, market(5, 2))
        before = snapshot.panel("close").copy()
        (snapshot.cache / "price-close.npy").unlink()
        np.testing.assert_array_equal(snapshot.panel("close"), before)

    @pytest.mark.parametrize("content", [b"", b"nonsense", None], ids=["empty", "junk", "short"])
    def test_damaged_cache_is_built_anew(self, warehouse, content):
        snapshot = publish(warehouse, market(5, 2))
        before = snapshot.panel("close").copy()
        path = snapshot.cache / "price-close.npy"
        path.write_bytes(path.read_bytes()[:-8] if content is None else content)
        np.testing.assert_array_equal(snapshot.panel("close"), before)

    def test_cache_of_another_shape_is_built_anew(self, warehouse):
        snapshot = publish(warehouse, market(5, 2))
        before = snapshot.panel("close").copy()
        np.save(snapshot.cache / "price-close.npy", before.T.copy())
        np.testing.assert_array_equal(snapshot.panel("close"), before)

    def test_without_room_for_the_cache_the_panel_stays_in_memory(self, warehouse, monkeypatch):
        snapshot = publish(warehouse, market(5, 2))

        def full(path: Path, write: object) -> None:
            raise OSError(28, "No space left on device", str(path))

        monkeypatch.setattr(warehouse_panels, "write_atomically", full)
        panel = snapshot.panel("close")
        assert panel.shape == (5, 2)
        assert not panel.flags.writeable
        assert not snapshot.cache.exists()

    def test_caches_of_old_versions_are_swept(self, warehouse, tmp_path):
        versions = []
        for days in (20, 21, 22, 23):
            snapshot = publish(warehouse, market(days, 4))
            snapshot.panel("close")
            versions.append(snapshot.version)
        kept = {path.name for path in (tmp_path / "warehouse" / "toy" / "cache").iterdir()}
        assert kept == set(versions[1:])  # two at the last publication, and its own since


class TestContinues:
    def test_later_sessions_continue(self, warehouse):
        old = publish(warehouse, market(20, 4))
        new = publish(warehouse, market(23, 4))
        assert new.continues(old)
        assert not old.continues(new)

    def test_the_same_prices_with_another_finding_continue(self, warehouse):
        old = publish(warehouse, market(20, 4))
        tables = tables_of(market(20, 4))
        finding = pl.DataFrame([["gap", "S001", FIRST, "", 1.0]], orient="row")
        finding = finding.rename(dict(zip(finding.columns, tables.findings.columns, strict=True)))
        new = warehouse.publish(FACTS, dataclasses.replace(tables, findings=finding))
        assert new.version != old.version
        assert new.continues(old)

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param(lambda new: new.filter(pl.col("symbol") != "S003"), id="symbol gone"),
            pytest.param(
                lambda new: new.with_columns(
                    pl.when(pl.col("date") == FIRST).then(1.0).otherwise("open").alias("open")
                ),
                id="revised price in an earlier year",
            ),
            pytest.param(
                lambda new: new.with_columns(
                    pl.when(pl.col("date") == date(2024, 1, 3))
                    .then(1.0)
                    .otherwise("volume")
                    .alias("volume")
                ),
                id="revised volume in the last year",
            ),
            pytest.param(lambda new: new.filter(pl.col("date") != FIRST), id="first session gone"),
            pytest.param(lambda new: new.with_columns(cap=pl.lit(1.0)), id="new field"),
        ],
    )
    def test_anything_else_does_not(self, warehouse, change):
        old = publish(warehouse, market(20, 4))
        new = publish(warehouse, change(market(23, 4)))
        assert not new.continues(old)

    def test_a_year_filled_in_later_does_not_continue(self, warehouse):
        far = [("A", 0, 1.0), ("A", 800, 2.0)]
        old = publish(warehouse, price_rows(far))
        new = publish(warehouse, price_rows([*far, ("A", 400, 1.5)]))
        assert not new.continues(old)

    def test_another_symbol_table_does_not_continue_but_a_delisting_does(self, warehouse):
        def table(category: str, delisted: date | None) -> pl.DataFrame:
            return pl.DataFrame([["S000", "", category, delisted]], SYMBOL_SCHEMA, orient="row")

        old = warehouse.publish(FACTS, tables_of(market(20, 4), table("x", None)))
        delisted = warehouse.publish(FACTS, tables_of(market(21, 4), table("x", FIRST)))
        moved = warehouse.publish(FACTS, tables_of(market(22, 4), table("y", None)))
        assert delisted.continues(old)
        assert not moved.continues(old)


class TestPrune:
    def test_the_newest_versions_and_their_files_are_kept(self, warehouse, tmp_path):
        snapshots = [publish(warehouse, market(days, 4)) for days in (20, 21, 22)]
        assert warehouse.prune("toy", keep=2) == (snapshots[0].version,)
        folder = tmp_path / "warehouse" / "toy"
        kept = {path.stem for path in (folder / "manifests").iterdir()}
        assert kept == {snapshot.version for snapshot in snapshots[1:]}
        files = {part.file for snapshot in snapshots[1:] for part in snapshot.manifest.parts}
        assert {path.name for path in (folder / "parts").iterdir()} == files
        assert warehouse.open("toy", snapshots[1].version).tables().prices.height > 0

    def test_only_files_of_the_warehouse_are_swept(self, warehouse, tmp_path):
        publish(warehouse, market(20, 4))
        folder = tmp_path / "warehouse" / "toy"
        note = folder / "notes.txt"
        note.write_text("mine")
        left_over = [folder / name / ".x.part" for name in ("", "parts", "manifests")]
        for path in (*left_over, folder / "parts" / "prices-2020-0.parquet"):
            path.write_bytes(b"half")
        publish(warehouse, market(21, 4))
        assert note.read_text() == "mine"
        assert not any(path.exists() for path in left_over)
        assert not (folder / "parts" / "prices-2020-0.parquet").exists()

    def test_nothing_to_prune(self, warehouse):
        publish(warehouse, market(20, 4))
        assert warehouse.prune("toy", keep=5) == ()


class TestProperties:
    rows = st.dictionaries(
        st.tuples(st.sampled_from(["A", "B", "ÄÖ", "000001"]), st.integers(0, 9)),
        st.none() | st.floats(1e-4, 1e6),
        min_size=1,
    )

    @given(rows=rows, seed=st.integers(0, 99))
    @settings(max_examples=25)
    def test_panel_holds_every_row_and_nothing_else(self, rows, seed, tmp_path_factory):
        warehouse = Warehouse(tmp_path_factory.mktemp("warehouse"))
        frame = price_rows([(symbol, day, close) for (symbol, day), close in rows.items()])
        shuffled = frame.sample(fraction=1.0, shuffle=True, seed=seed)
        snapshot = publish(warehouse, frame)
        days = (snapshot.axes.sessions - np.datetime64(FIRST, "D")).astype(int)
        expected = [
            [rows.get((symbol, day), None) for symbol in snapshot.axes.symbols] for day in days
        ]
        np.testing.assert_array_equal(snapshot.panel("close"), np.array(expected, dtype=float))
        assert publish(warehouse, shuffled).version == snapshot.version

    @given(
        values=st.lists(st.none() | st.floats(allow_nan=False), min_size=1, max_size=5),
        position=st.integers(0, 4),
    )
    def test_any_changed_cell_changes_the_hash(self, values, position):
        frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)})
        changed = list(values)
        position %= len(values)
        changed[position] = 7.0 if values[position] is None else None
        other = pl.DataFrame({"x": pl.Series(changed, dtype=pl.Float64)})
        assert content_hash(frame) != content_hash(other)

    @given(texts=st.lists(st.none() | st.text(), min_size=2, max_size=4))
    def test_texts_cannot_run_together(self, texts):
        frame = pl.DataFrame({"x": pl.Series(texts, dtype=pl.String)})
        joined = pl.DataFrame(
            {"x": pl.Series([(texts[0] or "") + (texts[1] or ""), "", *texts[2:]], dtype=pl.String)}
        )
        if frame["x"].to_list() != joined["x"].to_list():
            assert content_hash(frame) != content_hash(joined)


class TestReference:
    @needs_shared
    def test_real_prices_equal_a_plain_pivot(self, warehouse):
        path = SHARED / "us_sp500_daily_2013_2018" / "ohlcv.parquet"
        prices = pl.read_parquet(path).cast({"volume": pl.Float64})
        prices = prices.filter(pl.col("symbol").is_in(["AAPL", "DXC", "WRK", "ZTS"]))
        snapshot = publish(warehouse, prices.drop_nulls("close"), calendar="XNYS")
        for field in snapshot.fields:
            pivot = prices.pivot("symbol", index="date", values=field).sort("date")
            expected = pivot.select(snapshot.axes.symbols).to_numpy()
            np.testing.assert_array_equal(snapshot.panel(field), expected)
