"""What the warehouse refuses, what it says then, and what it repairs."""

from __future__ import annotations

import errno
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from quant_core.data import warehouse_files, warehouse_manifest
from quant_core.data.warehouse import Warehouse
from quant_core.data.warehouse_files import writer_lock
from quant_core.foundation.errors import DataRefused, InvariantBroken, QuantError, UsageError
from tests.data.warehouse_market import FACTS, FIRST, files_of, market, price_rows, tables_of


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    return Warehouse(tmp_path)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "warehouse" / "toy"


class TestUnknown:
    def test_no_dataset_at_all(self, warehouse):
        with pytest.raises(UsageError) as caught:
            warehouse.open("demo")
        assert caught.value.expected == "a dataset; there is none yet"
        assert "run_data_sync.py --source demo --dataset demo" in caught.value.fix

    def test_unknown_dataset_lists_the_known_and_the_nearest(self, warehouse):
        warehouse.publish(FACTS, tables_of(market(5, 2)))
        for use in (warehouse.open, lambda name: warehouse.query(name, "select 1")):
            with pytest.raises(UsageError) as caught:
                use("toi")
            assert caught.value.expected == "one of: toy"
            assert "did you mean 'toy'?" in caught.value.fix
            assert "run_data_sync.py --source file --path FILE --dataset toi" in caught.value.fix

    def test_unknown_version_lists_the_known(self, warehouse):
        snapshot = warehouse.publish(FACTS, tables_of(market(5, 2)))
        for version in ("0" * 16, "../../current"):
            with pytest.raises(UsageError) as caught:
                warehouse.open("toy", version)
            assert caught.value.expected == f"one of: {snapshot.version}"

    def test_unknown_field_lists_the_known(self, warehouse):
        snapshot = warehouse.publish(FACTS, tables_of(market(5, 2)))
        with pytest.raises(UsageError, match="no field 'vwap'") as caught:
            snapshot.panel("vwap")
        assert caught.value.expected == "one of: open, high, low, close, volume"

    @pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 65])
    def test_names_that_are_no_folder(self, warehouse, name):
        with pytest.raises(UsageError, match="cannot have this name"):
            warehouse.open(name)

    def test_too_few_versions_to_keep(self, warehouse):
        warehouse.publish(FACTS, tables_of(market(5, 2)))
        with pytest.raises(UsageError) as caught:
            warehouse.prune("toy", keep=1)
        assert (caught.value.expected, caught.value.found) == ("at least 2", "1")
        with pytest.raises(UsageError, match="unknown dataset"):
            warehouse.prune("other", keep=2)


class TestUnusableTables:
    @pytest.mark.parametrize(
        ("prices", "message"),
        [
            (price_rows([]), "no price row at all"),
            (price_rows([("A", 0, 1.0), ("A", 0, 2.0)]), r"repeats a \(symbol, date\)"),
            (price_rows([("B", 1, 1.0), ("A", 0, 1.0), ("B", 1, 1.0)]), "repeats"),
            (
                price_rows([("A", 0, 1.0)]).with_columns(symbol=pl.lit(None, pl.String)),
                "1 rows without symbol or date",
            ),
        ],
        ids=["empty", "repeated", "repeated unsorted", "no symbol"],
    )
    def test_keys(self, warehouse, prices, message):
        with pytest.raises(DataRefused, match=message):
            warehouse.publish(FACTS, tables_of(prices))
        assert warehouse.newest("toy") is None

    @pytest.mark.parametrize("days", [(0, 2, 6), (2, 6), (0, 2)], ids=["inside", "first", "last"])
    def test_a_date_that_is_no_session(self, warehouse, days):
        """2023-12-28 plus two days is a Saturday."""
        facts = type(FACTS)("toy", "XNYS", "raw", "USD", synthetic=True)
        prices = price_rows([("A", day, 1.0) for day in days])
        with pytest.raises(DataRefused, match="2023-12-30") as caught:
            warehouse.publish(facts, tables_of(prices))
        assert caught.value.expected == "sessions of XNYS only"

    def test_columns_the_gate_would_not_let_through(self, warehouse):
        for prices in (market(5, 2).drop("open"), market(5, 2).with_columns(extra=1.0)):
            with pytest.raises(InvariantBroken, match="wrong columns"):
                warehouse.publish(FACTS, tables_of(prices))


class TestTwoWriters:
    def test_the_second_is_told_who_holds_the_lock(self, warehouse, folder):
        first = warehouse.publish(FACTS, tables_of(market(5, 2)))
        with (
            writer_lock(folder / "publish.lock", wait=False),
            pytest.raises(UsageError, match="another process is writing") as caught,
        ):
            warehouse.publish(FACTS, tables_of(market(6, 2)))
        assert "process" in caught.value.found
        assert caught.value.where == str(folder / "publish.lock")
        assert warehouse.open("toy").version == first.version

    def test_a_killed_writer_leaves_no_lock(self, warehouse, folder):
        script = (
            "import sys; from pathlib import Path\n"
            "from quant_core.data.warehouse_files import writer_lock\n"
            f"with writer_lock(Path({str(folder / 'publish.lock')!r}), wait=False):\n"
            "    print('held', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(UsageError, match="another process") as caught:
                warehouse.publish(FACTS, tables_of(market(5, 2)))
            assert str(holder.pid) in caught.value.found
            holder.kill()
            holder.wait()
            warehouse.publish(FACTS, tables_of(market(5, 2)))
        assert warehouse.datasets() == ("toy",)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def _junk(path: Path) -> None:
    path.write_text("[1, 2]")


class TestDamage:
    @pytest.mark.parametrize("damage", [Path.unlink, _cut], ids=["missing", "cut"])
    def test_opening_notices_a_part(self, warehouse, folder, damage):
        snapshot = warehouse.publish(FACTS, tables_of(market(5, 2)))
        part = snapshot.path_of(snapshot.manifest.parts[0])
        damage(part)
        with pytest.raises(DataRefused, match="'toy' is damaged") as caught:
            warehouse.open("toy")
        assert caught.value.where == str(part)
        assert "run_data_sync.py --replace --dataset toy" in caught.value.fix

    @pytest.mark.parametrize("damage", [Path.unlink, _cut, _flip])
    def test_verify_notices_every_byte(self, warehouse, damage):
        snapshot = warehouse.publish(FACTS, tables_of(market(5, 2)))
        snapshot.panel("close")
        snapshot.verify()
        assert not snapshot.cache.exists()
        for part in snapshot.manifest.parts:
            path = snapshot.path_of(part)
            whole = path.read_bytes()
            damage(path)
            with pytest.raises(DataRefused, match="damaged") as caught:
                snapshot.verify()
            assert caught.value.where == str(path)
            path.write_bytes(whole)
        snapshot.verify()

    @pytest.mark.parametrize("damage", [Path.unlink, _cut, _flip, _junk])
    @pytest.mark.parametrize("which", ["current.json", "manifests", "parts"])
    def test_publishing_again_repairs(self, warehouse, folder, damage, which):
        first = warehouse.publish(FACTS, tables_of(market(5, 2)))
        target = folder / which
        damage(target if target.is_file() else sorted(target.iterdir())[-1])
        again = warehouse.publish(FACTS, tables_of(market(5, 2)))
        assert again.version == first.version
        warehouse.open("toy").verify()

    @pytest.mark.parametrize("damage", [_cut, _flip, _junk])
    @pytest.mark.parametrize("which", ["current.json", "manifests"])
    def test_a_damaged_record_is_named(self, warehouse, folder, damage, which):
        warehouse.publish(FACTS, tables_of(market(5, 2)))
        target = folder / which
        path = target if target.is_file() else next(target.iterdir())
        if damage is _cut and which == "current.json":
            path.write_bytes(path.read_bytes()[:-9])
        else:
            damage(path)
        with pytest.raises(DataRefused, match="damaged") as caught:
            warehouse.open("toy")
        assert str(folder) in caught.value.where

    def test_a_missing_manifest_is_named(self, warehouse, folder):
        warehouse.publish(FACTS, tables_of(market(5, 2)))
        path = next((folder / "manifests").iterdir())
        path.unlink()
        with pytest.raises(DataRefused, match="damaged") as caught:
            warehouse.open("toy")
        assert caught.value.where == str(path)

    @pytest.mark.parametrize("key", ["schema", "facts", "sessions", "parts", "sequence"])
    def test_a_manifest_without_a_key_is_refused(self, warehouse, folder, key):
        snapshot = warehouse.publish(FACTS, tables_of(market(5, 2)))
        values = warehouse_manifest._manifest_values(snapshot.manifest)
        del values[key]
        content = warehouse_manifest.record_bytes(values)
        warehouse_manifest.manifest_path(folder, snapshot.version).write_bytes(content)
        with pytest.raises(DataRefused, match="damaged") as caught:
            warehouse_manifest.read_manifest(folder, snapshot.version)
        assert key in caught.value.found

    @pytest.mark.parametrize("position", [0, 100, -1])
    def test_one_wrong_byte_is_noticed_before_it_is_used(self, warehouse, position):
        snapshot = warehouse.publish(FACTS, tables_of(market(5, 2)))
        path = snapshot.path_of(snapshot.manifest.parts[0])
        content = bytearray(path.read_bytes())
        content[position] ^= 1
        path.write_bytes(content)
        for read in (lambda: snapshot.panel("close"), snapshot.tables):
            with pytest.raises(DataRefused, match="damaged") as caught:
                read()
            assert caught.value.where == str(path)
            assert caught.value.expected.startswith("SHA-256")

    def test_while_a_manifest_is_unreadable_no_part_is_swept(self, warehouse, folder):
        old = warehouse.publish(FACTS, tables_of(market(5, 2)))
        new = warehouse.publish(FACTS, tables_of(market(6, 2)))
        _junk(warehouse_manifest.manifest_path(folder, old.version))
        warehouse.publish(FACTS, tables_of(market(7, 2)))
        assert all(old.path_of(part).is_file() for part in old.manifest.parts)
        warehouse.prune("toy", keep=2)
        kept = {part.file for part in new.manifest.parts}
        lost = [part for part in old.manifest.parts if part.file not in kept]
        assert lost
        assert not any(old.path_of(part).exists() for part in lost)


class TestFullDisk:
    @pytest.mark.parametrize("room", range(8))
    def test_the_old_version_is_intact(self, warehouse, folder, monkeypatch, room):
        """The disk fills up while file number ``room`` is written: parts, manifest, pointer."""
        old = warehouse.publish(FACTS, tables_of(market(5, 2)))
        before = files_of(folder)
        written: list[Path] = []
        fill = warehouse_files._fill

        def filling(path: Path, content: bytes) -> None:
            written.append(path)
            if len(written) > room:
                path.write_bytes(content[: len(content) // 2])
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            fill(path, content)

        monkeypatch.setattr(warehouse_files, "_fill", filling)
        tables = tables_of(market(9, 3, seed=8))
        if room < 4:  # two years of prices, the manifest, the pointer
            with pytest.raises(DataRefused, match="the disk is full") as caught:
                warehouse.publish(FACTS, tables)
            assert "the last good version is intact" in caught.value.fix
            assert warehouse.open("toy").version == old.version
            old.verify()
        monkeypatch.setattr(warehouse_files, "_fill", fill)
        if room < 2:
            assert files_of(folder).keys() == before.keys()
        warehouse.publish(FACTS, tables)
        warehouse.open("toy").verify()

    def test_other_errors_of_the_disk_are_named(self, warehouse, monkeypatch):
        def refuse(path: Path, content: bytes) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(warehouse_files, "_fill", refuse)
        with pytest.raises(QuantError) as caught:
            warehouse.publish(FACTS, tables_of(market(5, 2)))
        assert caught.value.exit_code == 4
        assert caught.value.found == "Permission denied"


def test_the_day_used_above_is_a_saturday():
    assert (FIRST + timedelta(days=2)).isoweekday() == 6
