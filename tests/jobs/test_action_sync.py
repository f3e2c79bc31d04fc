"""Corporate actions by the command line: with prices, alone, refused, and in factors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from quant_core.data.factor_store import FactorStore
from quant_core.data.warehouse import Warehouse
from quant_core.factors.library import resolve
from quant_core.jobs.factor_source import SnapshotSource
from tests.jobs.console import Console, Ran
from tests.jobs.market import DAYS, rows, write_csv
from tests.shared_data import SHARED, needs_shared

FACTORS = ("close", "momentum_20", "ts_mean(volume, 5)")
HEADER = "symbol,ex_date,kind,ratio,amount,pay_date\n"


def actions_file(console: Console, *lines: str) -> Path:
    path = console.home / "actions.csv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    return path


def split(number: int, symbol: str = "AAA", ratio: str = "2") -> str:
    return f"{symbol},{DAYS[number]},split,{ratio},,"


def sync_actions(console: Console, *lines: str, dataset: str = "toy") -> Ran:
    path = actions_file(console, *lines)
    return console.sync("--dataset", dataset, "--actions", str(path))


def prices_until(console: Console, last: int) -> Path:
    """Prices up to a day, without a column of delistings."""
    lines = [row for row in rows() if row["date"] <= DAYS[last].isoformat()]
    path = write_csv(console.home / "until.csv", lines)
    frame = pl.read_csv(path, infer_schema=False).drop("delisted")
    frame.write_csv(path)
    return path


def values(console: Console, dataset: str) -> list[np.ndarray]:
    source = SnapshotSource(Warehouse(console.data).open(dataset))
    store = FactorStore(source.snapshot)
    found = [store.get(source.key_of(resolve(factor))) for factor in FACTORS]
    return [np.array(matrix) for matrix in found if matrix is not None]


def compute(console: Console, dataset: str) -> dict[str, object]:
    words = [word for factor in FACTORS for word in ("--factor", factor)]
    return console.compute("--dataset", dataset, "--json", *words).document


class TestExamples:
    def test_alone_onto_a_stored_dataset(self, console: Console):
        before = Warehouse(console.data).open("toy")
        ran = sync_actions(console, split(10), f"BBB,{DAYS[12]},dividend,,0.5,{DAYS[20]}")
        assert ran.code == 0, ran.err
        assert "corporate actions: 2 rows; 2 added, 0 revised, 0 unchanged" in ran.out
        assert "stored now: dividend 1, split 1" in ran.out
        after = Warehouse(console.data).open("toy")
        assert after.version != before.version
        assert after.actions()["kind"].to_list() == ["split", "dividend"]
        assert sync_actions(console, split(10)).out.endswith(f"version {after.version[:16]}\n")

    def test_with_prices(self, console: Console):
        path = actions_file(console, split(10), split(11, "CCC", "0"), split(12, "ZZZ"))
        ran = console.sync(
            "--dataset",
            "new",
            "--path",
            str(prices_until(console, 69)),
            "--actions",
            str(path),
            "--json",
        )
        assert ran.code == 0, ran.err
        actions = ran.document["actions"]
        assert isinstance(actions, dict)
        assert (actions["added"], actions["unknown_symbol"]) == (1, 1)
        assert actions["quarantined"] == {
            "ratio_not_positive": {"rows": 1, "examples": [f"CCC {DAYS[11]}"]}
        }

    def test_checking_stores_nothing(self, console: Console):
        path = actions_file(console, split(10))
        before = console.contents()
        prices = str(console.home / "prices.csv")
        ran = console.sync("--dataset", "toy", "--path", prices, "--actions", str(path), "--check")
        assert ran.code == 0
        assert "1 added" in ran.out
        assert console.contents() == before

    def test_delistings_are_inferred_and_corrected(self, console: Console):
        ran = console.sync("--dataset", "new", "--path", str(prices_until(console, 60)))
        assert "delisting inferred from the last price: 1 symbols" in ran.out
        table = Warehouse(console.data).open("new").symbol_table()
        assert table.select("symbol", "delisted").rows() == [("GONE", DAYS[50])]
        path = prices_until(console, 69)
        path.write_text(path.read_text() + f"GONE,{DAYS[69]},5,5,5,5,100\n")
        assert "inferred" not in console.sync("--dataset", "new", "--path", str(path)).out
        assert Warehouse(console.data).open("new").symbol_table().is_empty()

    def test_a_waiting_action_meets_its_session(self, console: Console):
        """Announced before there are prices of its ex-date."""
        console.sync("--dataset", "new", "--path", str(prices_until(console, 30)))
        ran = sync_actions(console, split(60), dataset="new")
        assert "1 outside the sessions of the dataset: they wait for theirs" in ran.out
        console.sync("--dataset", "new", "--path", str(prices_until(console, 69)))
        snapshot = Warehouse(console.data).open("new")
        assert snapshot.actions().height == 1
        field = SnapshotSource(snapshot).field("close")
        assert field[60, 0] == snapshot.panel("close")[60, 0] * 2
        assert field[59, 0] == snapshot.panel("close")[59, 0]


class TestFactors:
    def test_unadjusted_values_are_never_used_again(self, console: Console):
        compute(console, "toy")
        plain = values(console, "toy")
        sync_actions(console, split(10))
        assert compute(console, "toy")["computed"] == len(FACTORS)
        adjusted = values(console, "toy")
        assert np.array_equal(plain[0][:10], adjusted[0][:10], equal_nan=True)
        assert np.array_equal(plain[0][10:, 0] * 2, adjusted[0][10:, 0])

    def test_extended_in_place_equals_computed_anew(self, console: Console):
        path = actions_file(console, split(10), split(55, "BBB"))
        early = prices_until(console, 50)
        console.sync("--dataset", "grown", "--path", str(early), "--actions", str(path))
        assert compute(console, "grown")["computed"] == len(FACTORS)
        late = actions_file(console, split(60, "CCC", "3"))
        whole = str(prices_until(console, 69))
        console.sync("--dataset", "grown", "--path", whole, "--actions", str(late))
        assert compute(console, "grown")["extended"] == len(FACTORS)
        every = actions_file(console, split(10), split(55, "BBB"), split(60, "CCC", "3"))
        console.sync("--dataset", "anew", "--path", whole, "--actions", str(every))
        assert compute(console, "anew")["computed"] == len(FACTORS)
        for extended, anew in zip(values(console, "grown"), values(console, "anew"), strict=True):
            np.testing.assert_allclose(extended, anew, rtol=1e-12, equal_nan=True)

    def test_an_action_in_the_past_recomputes(self, console: Console):
        sync_actions(console, split(10))
        compute(console, "toy")
        sync_actions(console, split(20, "BBB"))
        assert compute(console, "toy")["computed"] == len(FACTORS)


class TestReference:
    @needs_shared
    def test_real_actions_of_china(self, console: Console):
        folder = SHARED / "cn_hikyuu_raw_1990_2011"
        ran = console.sync(
            "--dataset", "china", "--set", "data.calendar=XSHG",
            "--path", str(folder / "ohlcv_raw.parquet"),
            "--actions", str(folder / "actions_all_ashares.parquet"),
        )  # fmt: skip
        assert ran.code == 0, ran.err
        assert "stored now: dividend 63, split 40, rights 8" in ran.out


class TestRefusals:
    def test_adjusted_prices(self, console: Console):
        path = actions_file(console, split(10))
        words = ["--path", str(console.home / "prices.csv"), "--actions", str(path)]
        ran = console.sync("--dataset", "new", "--price-basis", "total_return", *words)
        console.refused(
            ran, 2, "belong to raw prices only", "price basis total_return", "--actions"
        )

    def test_no_prices_at_all(self, console: Console):
        ran = sync_actions(console, split(10), dataset="new")
        console.refused(ran, 2, "need prices, and there is no dataset 'new'", "--path FILE")

    @pytest.mark.parametrize("flag", ["--replace", "--check", "--symbol=AAA", "--scale=close=2"])
    def test_flags_of_prices(self, console: Console, flag: str):
        path = actions_file(console, split(10))
        ran = console.sync("--dataset", "toy", "--actions", str(path), flag)
        console.refused(ran, 2, f"{flag.split('=')[0]} concerns prices", "add --path")

    def test_another_kind_of_dataset(self, console: Console):
        path = actions_file(console, split(10))
        ran = console.sync("--dataset", "toy", "--actions", str(path), "--currency", "CNY")
        console.refused(ran, 2, "currency USD", "currency CNY")

    def test_the_demo_market_has_no_use_for_them(self, console: Console):
        path = actions_file(console, split(10))
        ran = console.run("run_data_sync.py", "--source", "demo", "--actions", str(path))
        console.refused(ran, 2, "the source demo has no use for --actions")

    def test_rows_nobody_can_read(self, console: Console):
        before = Warehouse(console.data).open("toy").version
        ran = sync_actions(console, split(10), "AAA,soon,split,2,,", "AAA,later,split,2,,")
        console.refused(ran, 4, "2 of 3 rows of corporate actions cannot be read", "AAA soon")
        assert Warehouse(console.data).open("toy").version == before

    def test_a_file_of_something_else(self, console: Console):
        ran = console.sync("--dataset", "toy", "--actions", str(console.home / "prices.csv"))
        console.refused(ran, 4, "the file is no table of corporate actions", "canonical:")

    def test_json_is_one_document(self, console: Console):
        path = actions_file(console, split(10))
        ran = console.sync("--dataset", "toy", "--actions", str(path), "--json")
        assert json.loads(ran.out)["actions"]["added"] == 1
