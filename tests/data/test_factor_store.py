"""Storing, loading and extending factor values."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from quant_core.data import warehouse_files
from quant_core.data.factor_publish import MOST_SEGMENTS
from quant_core.data.factor_store import FactorStore
from quant_core.data.warehouse import Snapshot, Warehouse
from quant_core.foundation.errors import DataRefused, InvariantBroken, UsageError
from tests.data.warehouse_market import FACTS, FIRST, key, market, tables_of

DAYS, SYMBOLS = 20, 4


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    return Warehouse(tmp_path)


@pytest.fixture
def store(warehouse) -> FactorStore:
    return FactorStore(published(warehouse, DAYS))


def published(warehouse: Warehouse, days: int) -> Snapshot:
    return warehouse.publish(FACTS, tables_of(market(days, SYMBOLS)))


def values(seed: int, days: int = DAYS) -> np.ndarray:
    """Random values, of which fewer days with the same seed are the beginning."""
    matrix = np.random.default_rng(seed).standard_normal((days, SYMBOLS))
    matrix[:3] = np.nan
    return matrix


def parts_of(store: FactorStore) -> set[Path]:
    return set((store.snapshot.root / "factors" / "parts").iterdir())


def same_bits(left: np.ndarray | None, right: np.ndarray) -> bool:
    return left is not None and np.array_equal(
        np.ascontiguousarray(left).view(np.uint64), np.ascontiguousarray(right).view(np.uint64)
    )


class TestExamples:
    def test_what_was_put_is_what_is_read(self, store):
        store.put({key("a"): values(1), key("b"): values(2)})
        assert same_bits(store.get(key("a")), values(1))
        loaded = store.load([key("b"), key("a")])  # b from Parquet, a from its mapped copy
        assert loaded.shape == (2, DAYS, SYMBOLS)
        assert same_bits(loaded, np.stack([values(2), values(1)]))
        assert same_bits(store.load([key("a")], cached=False), values(1)[None])

    def test_read_arrays_cannot_be_written(self, store):
        store.put({key("a"): values(1)})
        for _ in range(2):
            matrix = store.get(key("a"))
            assert matrix is not None
            assert not matrix.flags.writeable

    def test_another_process_reads_the_same(self, store, warehouse):
        store.put({key("a"): values(1)})
        other = FactorStore(warehouse.open("toy"))
        assert other.has(key("a"))
        assert same_bits(other.get(key("a")), values(1))

    def test_a_store_sees_what_another_puts_later(self, store, warehouse):
        assert store.get(key("a")) is None
        other = FactorStore(warehouse.open("toy"))
        other.put({key("a"): values(1)})
        assert same_bits(store.get(key("a")), values(1))
        other.put({key("a"): values(2)})
        assert same_bits(store.get(key("a")), values(2))
        assert same_bits(store.load([key("a")]), values(2)[None])

    @pytest.mark.parametrize("other", [key("b"), key("a", "open"), key("a", operator_version="2")])
    def test_any_other_key_is_not_stored(self, store, other):
        store.put({key("a"): values(1)})
        assert store.get(other) is None
        assert not store.has(other)

    def test_a_name_has_one_definition(self, store):
        store.put({key("a"): values(1), key("b"): values(2)})
        store.put({key("a", "open"): values(3)})
        assert store.get(key("a")) is None
        assert same_bits(store.get(key("a", "open")), values(3))
        assert same_bits(store.get(key("b")), values(2))

    def test_what_is_stored_is_described(self, store):
        store.put({key("b"): values(1), key("a"): values(2)})
        first, second = store.stored()
        assert [first.key, second.key] == [key("a"), key("b")]
        assert first.coverage == 1 - 3 / DAYS
        assert first.computed_rows == DAYS
        assert first.bytes > 0

    def test_files_of_replaced_values_are_deleted(self, store):
        store.put({key("a"): values(1)})
        old = parts_of(store)
        assert store.get(key("a")) is not None
        store.put({key("a"): values(2)})
        assert len(parts_of(store)) == 1
        assert not parts_of(store) & old
        assert list(store.snapshot.cache.glob("factor-*")) == []

    def test_values_of_one_version_are_not_those_of_another(self, store, warehouse):
        store.put({key("a"): values(1)})
        later = FactorStore(published(warehouse, DAYS + 1))
        assert later.get(key("a")) is None
        assert later.stored() == ()

    def test_pruned_versions_take_their_values_with_them(self, store, warehouse):
        store.put({key("a"): values(1)})
        for days in (DAYS + 1, DAYS + 2):
            published(warehouse, days)
        warehouse.prune("toy", keep=2)
        assert parts_of(store) == set()

    def test_a_transposed_array_is_stored_by_its_values(self, store):
        store.put({key("a"): np.asfortranarray(values(1))})
        assert same_bits(store.get(key("a")), values(1))

    def test_many_factors_make_few_files(self, store):
        store.put({key(f"f{i}"): values(i) for i in range(40)})
        assert len(parts_of(store)) == 1
        loaded = store.load([key(f"f{i}") for i in range(40)])
        assert same_bits(loaded, np.stack([values(i) for i in range(40)]))

    def test_large_panels_have_files_of_their_own(self, store, monkeypatch):
        monkeypatch.setattr("quant_core.data.factor_files.BYTES_PER_FILE", 8 * DAYS * SYMBOLS)
        store.put({key(f"f{i}"): values(i) for i in range(3)})
        assert len(parts_of(store)) == 3
        store.verify()

    def test_files_can_be_read_without_the_store(self, store):
        store.put({key("a"): values(1), key("b"): values(2)})
        (path,) = parts_of(store)
        frame = pl.read_parquet(path)
        assert frame.columns == ["date", "symbol", "v0", "v1"]
        assert frame["date"][SYMBOLS] == FIRST.replace(day=29)
        assert frame["symbol"].cast(pl.String).to_list()[:5] == [
            *("S000", "S001", "S002", "S003", "S000")
        ]
        assert pl.read_parquet_metadata(path)["quant_core.factors"] == '["a", "b"]'


class TestExtension:
    def test_only_the_tail_is_written(self, store, warehouse):
        store.put({key("a"): values(1), key("b"): values(2)})
        before = parts_of(store)
        later = FactorStore(published(warehouse, DAYS + 2))
        assert later.extendable_rows(key("a")) == DAYS
        full = values(1, DAYS + 2)
        later.extend({key("a"): full[DAYS:]})
        assert same_bits(later.get(key("a")), full)
        assert same_bits(later.load([key("a")], cached=False), full[None])
        (new,) = parts_of(later) - before
        assert pl.read_parquet(new).height == 2 * SYMBOLS
        (stored,) = later.stored()
        assert stored.computed_rows == 2
        assert stored.coverage == 1 - 3 / (DAYS + 2)
        assert same_bits(store.get(key("a")), values(1))

    def test_previous_values_come_with_their_axes(self, store, warehouse):
        store.put({key("a"): values(1)})
        later = FactorStore(published(warehouse, DAYS + 2))
        found = later.previous(key("a"))
        assert found is not None
        matrix, axes = found
        assert same_bits(matrix, values(1))
        assert axes.shape == (DAYS, SYMBOLS)
        assert not store.snapshot.cache.exists()

    def test_the_newest_version_that_has_the_key_is_taken(self, warehouse):
        for days in (18, 19, 20):
            FactorStore(published(warehouse, days)).put({key("a"): values(1, days)})
        FactorStore(published(warehouse, 21)).put({key("b"): values(2, 21)})
        latest = FactorStore(published(warehouse, 22))
        assert latest.extendable_rows(key("a")) == 20
        assert latest.extendable_rows(key("b")) == 21
        assert latest.extendable_rows(key("c")) == 0
        assert latest.previous(key("c")) is None

    def test_factors_of_different_age_are_extended_together(self, warehouse):
        FactorStore(published(warehouse, 18)).put({key("a"): values(1, 18)})
        FactorStore(published(warehouse, 20)).put({key("b"): values(2, 20)})
        latest = FactorStore(published(warehouse, 22))
        latest.extend({key("a"): values(1, 22)[18:], key("b"): values(2, 22)[20:]})
        assert same_bits(latest.get(key("a")), values(1, 22))
        assert same_bits(latest.get(key("b")), values(2, 22))

    def test_no_new_session_writes_no_file(self, store, warehouse):
        store.put({key("a"): values(1)})
        before = parts_of(store)
        tables = tables_of(market(DAYS, SYMBOLS))
        note = pl.DataFrame([["gap", "S001", FIRST, "", 1.0]], tables.findings.schema, orient="row")
        noted = type(tables)(tables.prices, tables.symbols, tables.quarantine, note)
        later = FactorStore(warehouse.publish(FACTS, noted))
        assert later.snapshot.version != store.snapshot.version
        later.extend({key("a"): np.empty((0, SYMBOLS))})
        assert parts_of(later) == before
        assert same_bits(later.get(key("a")), values(1))

    @pytest.mark.parametrize(
        "change",
        [
            lambda prices: prices.with_columns(close=pl.col("close") * 1.01),
            lambda prices: prices.filter(pl.col("symbol") != "S000"),
        ],
        ids=["revised", "symbol gone"],
    )
    def test_another_history_is_not_extended(self, store, warehouse, change):
        store.put({key("a"): values(1)})
        changed = warehouse.publish(FACTS, tables_of(change(market(DAYS + 1, SYMBOLS))))
        later = FactorStore(changed)
        assert later.previous(key("a")) is None
        with pytest.raises(InvariantBroken, match="nothing to extend for the factor 'a'"):
            later.extend({key("a"): np.empty((1, len(changed.axes.symbols)))})

    @pytest.mark.parametrize("first", [3, 60], ids=["short history", "long history"])
    def test_many_extensions_stay_few_files(self, warehouse, first):
        last = first + 2 * MOST_SEGMENTS
        FactorStore(published(warehouse, first)).put({key("a"): values(1, first)})
        for days in range(first + 1, last + 1):
            latest = FactorStore(published(warehouse, days))
            latest.extend({key("a"): values(1, days)[days - 1 :]})
            warehouse.prune("toy", keep=2)
            assert same_bits(latest.get(key("a")), values(1, days))
            assert len(parts_of(latest)) <= MOST_SEGMENTS + 1


class TestProperties:
    bits = arrays.arrays(np.uint64, (2, DAYS, SYMBOLS), elements=st.integers(0, 2**64 - 1))

    @given(bits=bits)
    @settings(max_examples=20)
    def test_every_bit_survives(self, bits, tmp_path_factory):
        """Any 64 bits: NaN of any payload, infinities, -0.0, subnormal numbers."""
        store = FactorStore(published(Warehouse(tmp_path_factory.mktemp("store")), DAYS))
        matrices = bits.view(np.float64)
        keys = [key("a"), key("b")]
        store.put(dict(zip(keys, matrices, strict=True)))
        assert same_bits(store.load(keys, cached=False), matrices)
        for name, matrix in zip(keys, matrices, strict=True):
            assert same_bits(store.get(name), matrix)
        assert same_bits(store.load(keys), matrices)

    def test_special_values_survive(self, store):
        special = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0, 5e-324, 1.7e308])
        matrix = np.resize(special, (DAYS, SYMBOLS))
        store.put({key("a"): matrix})
        assert same_bits(store.get(key("a")), matrix)
        (stored,) = store.stored()
        assert stored.coverage == 0.75


class TestRefusals:
    def test_loading_what_is_not_stored_names_what_to_compute(self, store):
        store.put({key("a"): values(1)})
        with pytest.raises(UsageError, match="2 factors are not stored") as caught:
            store.load([key("x"), key("a"), key("y y")])
        assert caught.value.found == "none for x, y y"
        assert caught.value.fix == (
            "run_factor_computation.py --dataset toy --factor 'x' --factor 'y y'"
        )

    @pytest.mark.parametrize(
        "matrix", [values(1)[:-1], values(1).astype(np.float32), values(1)[0], values(1).T]
    )
    def test_arrays_that_do_not_fit(self, store, matrix):
        with pytest.raises(InvariantBroken, match="do not fit the dataset") as caught:
            store.put({key("a"): matrix})
        assert caught.value.expected == "float64 (20, 4)"
        assert store.stored() == ()

    def test_two_definitions_of_one_name(self, store):
        with pytest.raises(InvariantBroken, match="share a name"):
            store.put({key("a"): values(1), key("a", "open"): values(2)})

    def test_a_tail_of_the_wrong_length(self, store, warehouse):
        store.put({key("a"): values(1)})
        later = FactorStore(published(warehouse, DAYS + 2))
        with pytest.raises(InvariantBroken, match="do not fit"):
            later.extend({key("a"): values(1)[:1]})

    def test_a_full_disk_when_the_list_is_written(self, store, monkeypatch):
        store.put({key("a"): values(1)})
        before = parts_of(store)

        def full(path: Path, content: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

        monkeypatch.setattr(warehouse_files, "_fill", full)
        with pytest.raises(DataRefused, match="the disk is full"):
            store.put({key("a"): values(3)})
        assert parts_of(store) == before
        assert same_bits(store.get(key("a")), values(1))

    @pytest.mark.parametrize("room", [0, 1])
    def test_a_full_disk_leaves_the_old_values(self, store, monkeypatch, room):
        monkeypatch.setattr("quant_core.data.factor_files.BYTES_PER_FILE", 8 * DAYS * SYMBOLS)
        old = {key("a"): values(1), key("b"): values(2)}
        store.put(old)
        before = parts_of(store)
        written: list[Path] = []
        write = pl.DataFrame.write_parquet

        def filling(frame: pl.DataFrame, path: Path, **options: object) -> None:
            written.append(path)
            if len(written) > room:
                path.write_bytes(b"half")
                raise pl.exceptions.ComputeError("No space left on device (os error 28)")
            write(frame, path, **options)

        monkeypatch.setattr(pl.DataFrame, "write_parquet", filling)
        with pytest.raises(DataRefused, match="the disk is full") as caught:
            store.put({key("a"): values(3), key("b"): values(4)})
        assert str(store.snapshot.root) in caught.value.where
        assert parts_of(store) == before
        assert same_bits(store.load(list(old)), np.stack(list(old.values())))


class TestDamage:
    """Values are derived: what is damaged counts as not stored and is computed again."""

    @pytest.mark.parametrize("damage", ["missing", "cut", "junk"])
    def test_a_damaged_file(self, store, damage):
        store.put({key("a"): values(1)})
        store.put({key("b"): values(2)})
        (path,) = [part for part in parts_of(store) if b'["a"]' in part.read_bytes()]
        whole = path.read_bytes()
        changed = {"missing": b"", "cut": whole[:-1], "junk": b"x" * len(whole)}[damage]
        path.write_bytes(changed)
        if damage == "missing":
            path.unlink()
        assert store.get(key("a")) is None
        assert same_bits(store.get(key("b")), values(2))
        with pytest.raises((UsageError, DataRefused)):
            store.load([key("a")])
        with pytest.raises(DataRefused, match="damaged") as caught:
            store.verify()
        assert caught.value.where == str(path)
        assert "run_factor_computation.py --dataset toy" in caught.value.fix
        store.put({key("a"): values(1)})
        assert same_bits(store.get(key("a")), values(1))
        store.verify()

    @pytest.mark.parametrize("content", [b"", b"junk", None], ids=["empty", "junk", "short"])
    def test_a_damaged_copy_is_not_read(self, store, content):
        store.put({key("a"): values(1)})
        assert store.get(key("a")) is not None
        (path,) = store.snapshot.cache.glob("factor-*")
        path.write_bytes(path.read_bytes()[:-8] if content is None else content)
        assert same_bits(store.load([key("a")]), values(1)[None])
        np.save(path, values(1).T.copy())
        assert same_bits(store.load([key("a")]), values(1)[None])
        assert same_bits(store.get(key("a")), values(1))

    def test_a_damaged_list(self, store):
        store.put({key("a"): values(1)})
        (store.snapshot.root / "factors" / f"{store.snapshot.version}.json").write_text("{")
        assert store.get(key("a")) is None
        store.put({key("a"): values(1)})
        assert same_bits(store.get(key("a")), values(1))
