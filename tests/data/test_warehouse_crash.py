"""A writer killed at every point while readers read: nobody ever sees half a version."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quant_core.data.factor_store import FactorStore
from quant_core.data.warehouse import Warehouse
from tests.data.warehouse_market import FACTS, constant_market, key, tables_of

ROOT = Path(__file__).resolve().parents[2]
KILLS = 40
KILLED = "-9"


def killed_writer(root: Path, action: str, kills: int = KILLS) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.data.crash_writer", str(root), action, str(kills)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def one_value(matrix: np.ndarray) -> float:
    """The value every cell of a matrix has; a mix has no such value."""
    assert np.unique(matrix).size == 1
    return float(matrix.flat[0])


class TestKilledWhilePublishing:
    def test_a_reader_sees_whole_versions_only(self, tmp_path):
        warehouse = Warehouse(tmp_path)
        warehouse.publish(FACTS, tables_of(constant_market(0.0)))
        seen: list[float] = []
        with killed_writer(tmp_path, "publish") as writer:
            while writer.poll() is None:
                snapshot = warehouse.open("toy")
                panels = [one_value(snapshot.panel(field)) for field in ("open", "volume")]
                prices = snapshot.tables().prices
                assert {*panels, prices["close"].min(), prices["close"].max()} == {panels[0]}
                seen.append(panels[0])
            assert writer.stdout is not None
            ends = writer.stdout.read().split()
        assert seen == sorted(seen)
        assert len(ends) == KILLS
        assert ends.count(KILLED) >= 15
        assert ends.count("0") >= 1, "the last writers finish before their point of death"
        assert one_value(warehouse.open("toy").panel("close")) == KILLS
        warehouse.open("toy").verify()
        self.nothing_is_left_over(warehouse, tmp_path)

    @staticmethod
    def nothing_is_left_over(warehouse: Warehouse, root: Path) -> None:
        warehouse.publish(FACTS, tables_of(constant_market(-1.0)))
        warehouse.prune("toy", keep=2)
        folder = root / "warehouse" / "toy"
        snapshots = [warehouse.open("toy"), *warehouse.open("toy").earlier()]
        files = {part.file for snapshot in snapshots for part in snapshot.manifest.parts}
        assert {path.name for path in (folder / "parts").iterdir()} == files
        assert len(list((folder / "manifests").iterdir())) == 2
        assert {path.name for path in folder.iterdir()} <= {
            *("parts", "manifests", "cache", "current.json", "publish.lock"),
        }


class TestKilledWhileStoringFactors:
    def test_a_reader_sees_whole_batches_only(self, tmp_path):
        warehouse = Warehouse(tmp_path)
        snapshot = warehouse.publish(FACTS, tables_of(constant_market(0.0)))
        store = FactorStore(snapshot)
        empty = np.zeros(snapshot.axes.shape)
        store.put({key("one"): empty, key("two"): empty})
        seen: list[float] = []
        with killed_writer(tmp_path, "put", 30) as writer:
            while writer.poll() is None:
                both = store.load([key("one"), key("two")], cached=False)
                seen.append(one_value(both))
                mapped = store.get(key("one"))
                assert mapped is not None
                assert one_value(mapped) >= seen[-1]
            assert writer.stdout is not None
            ends = writer.stdout.read().split()
        assert seen == sorted(seen)
        assert ends.count(KILLED) >= 6
        assert ends.count("0") >= 1
        assert one_value(store.load([key("one"), key("two")])) == 30
        assert len(store.stored()) == 2
        store.verify()
        store.put({key("two"): empty})
        parts = tmp_path / "warehouse" / "toy" / "factors" / "parts"
        assert len(list(parts.iterdir())) == 2


@pytest.mark.parametrize("action", ["publish", "put"])
def test_the_first_points_of_death_come_before_anything_is_visible(tmp_path, action):
    warehouse = Warehouse(tmp_path)
    old = warehouse.publish(FACTS, tables_of(constant_market(0.0)))
    with killed_writer(tmp_path, action, 2) as writer:
        assert writer.stdout is not None
        assert writer.stdout.read().split() == [KILLED, KILLED]
    assert warehouse.open("toy").version == old.version
    assert FactorStore(old).stored() == ()
