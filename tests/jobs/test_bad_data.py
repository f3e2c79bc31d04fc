"""Prices that cannot be used: one clear message, the right exit code, nothing lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from quant_core.data.warehouse import Warehouse
from tests.jobs.console import Console
from tests.jobs.market import FIELDS, altered, rows, write_csv

ROWS = len(rows())


def as_parquet(source: Path, target: Path, *, texts: bool = False) -> Path:
    """A CSV file as Parquet; ``texts`` keeps every column as text."""
    pl.read_csv(source, try_parse_dates=True, infer_schema=not texts).write_parquet(target)
    return target


def empty(folder: Path) -> Path:
    (folder / "bad.csv").touch()
    return folder / "bad.csv"


def empty_parquet(folder: Path) -> Path:
    (folder / "bad.parquet").touch()
    return folder / "bad.parquet"


def heading_only(folder: Path) -> Path:
    return write_csv(folder / "bad.csv", [])


def renamed_column(folder: Path) -> Path:
    fields = ["LastPrice" if field == "close" else field for field in FIELDS]
    return write_csv(folder / "bad.csv", rows(), fields)


def cut_parquet(folder: Path) -> Path:
    whole = as_parquet(write_csv(folder / "whole.csv", rows()), folder / "bad.parquet")
    whole.write_bytes(whole.read_bytes()[:2000])
    return whole


def overwritten_parquet(folder: Path) -> Path:
    whole = as_parquet(write_csv(folder / "whole.csv", rows()), folder / "bad.parquet")
    content = bytearray(whole.read_bytes())
    content[100:600] = bytes(500)
    whole.write_bytes(content)
    return whole


def noise(folder: Path) -> Path:
    (folder / "bad.parquet").write_bytes(random.Random(4).randbytes(3000))
    return folder / "bad.parquet"


def text_in_every_price(folder: Path) -> Path:
    return write_csv(folder / "bad.csv", [{**row, "close": "abc"} for row in rows()])


def many_bad_prices(folder: Path) -> Path:
    bad = {number: {"close": "-1"} for number in range(0, ROWS, 20)}
    return write_csv(folder / "bad.csv", altered(bad))


def identical_series(folder: Path) -> Path:
    copies = [{**row, "symbol": "COPY"} for row in rows() if row["symbol"] == "BBB"]
    return write_csv(folder / "bad.csv", [*rows(), *copies])


REFUSED = [
    (empty, ("the file is empty", "bad.csv")),
    (empty_parquet, ("the file is empty", "bad.parquet")),
    (heading_only, ("no rows", "bad.csv")),
    (renamed_column, ("no column for close", "LastPrice", "--column close=LastPrice")),
    (cut_parquet, ("damaged", "bad.parquet", "again")),
    (overwritten_parquet, ("damaged", "bad.parquet")),
    (noise, ("not a Parquet file", "bad.parquet", "CSV")),
    (text_in_every_price, ("quality gate", f"{ROWS} of {ROWS}", "not_a_number:close", "close=abc")),
    (many_bad_prices, ("quality gate", "17 of", "at most 2%", "close_not_positive", "AAA")),
    (identical_series, ("quality gate", "BBB = COPY", "last good version stays")),
]


class TestRefused:
    @pytest.mark.parametrize(("make", "words"), REFUSED, ids=[make.__name__ for make, _ in REFUSED])
    def test_the_last_good_version_stays(
        self, console: Console, make: Callable[[Path], Path], words: tuple[str, ...]
    ):
        before = console.contents()
        bad = make(console.home)
        console.refused(console.sync("--path", str(bad)), 4, *words)
        console.refused(console.sync("--path", str(bad), "--replace"), 4, *words)
        assert console.contents() == before
        assert Warehouse(console.data).open("toy").axes.shape == (70, 5)

    def test_check_reports_what_it_would_refuse_and_says_so_by_its_exit_code(
        self, console: Console
    ):
        bad = identical_series(console.home)
        ran = console.sync("--path", str(bad), "--check", "--json")
        assert ran.code == 4
        assert "BBB = COPY" in str(ran.document["refusals"])

    def test_a_first_delivery_that_is_refused_leaves_no_dataset(self, console: Console):
        bad = identical_series(console.home)
        ran = console.sync("--dataset", "fresh", "--path", str(bad))
        console.refused(ran, 4, "'fresh'")
        console.refused(console.backtest("--dataset", "fresh"), 2, "unknown dataset 'fresh'", "toy")


class TestQuarantined:
    """A few bad rows are set aside with their reason; all others are kept."""

    @pytest.fixture(params=["csv", "parquet"])
    def deliver(self, request: pytest.FixtureRequest, console: Console):
        def delivered(lines) -> dict[str, object]:
            path = write_csv(console.home / "some.csv", lines)
            if request.param == "parquet":
                path = as_parquet(path, console.home / "some.parquet", texts=True)
            ran = console.sync("--path", str(path), "--dataset", "other", "--json")
            assert ran.code == 0
            quality = ran.document["quality"]
            assert isinstance(quality, dict)
            return quality

        return delivered

    def test_text_in_a_price(self, deliver, console: Console):
        quality = deliver(altered({5: {"close": "n/a?"}, 77: {"open": "?"}}))
        assert quality["rows_kept"] == ROWS - 2
        reasons = quality["quarantined"]
        assert reasons["not_a_number:close"]["examples"] == ["AAA 2020-01-06 close=n/a?"]
        assert reasons["not_a_number:open"]["kept"] == 1
        quarantine = Warehouse(console.data).open("other").tables().quarantine
        assert quarantine["close"].to_list()[0] == "n/a?"

    def test_equal_rows_twice_are_laid_together(self, deliver):
        quality = deliver([*rows(), *rows()[:3]])
        assert (quality["rows_kept"], quality["duplicates_collapsed"]) == (ROWS, 3)
        assert quality["rows_quarantined"] == 0

    def test_rows_of_one_key_that_contradict_each_other_are_all_set_aside(self, deliver):
        quality = deliver([*rows(), {**rows()[0], "close": "1.5", "low": "1"}])
        assert quality["rows_kept"] == ROWS - 1
        assert quality["quarantined"]["conflicting_duplicate"]["kept"] == 2


class TestSource:
    def test_no_path(self, console: Console):
        console.refused(console.sync(), 2, "at least one path", "--path FILE_OR_FOLDER")

    def test_no_source(self, console: Console):
        console.refused(console.run("run_data_sync.py"), 2, "--source", "--help")

    def test_a_path_that_is_not_there(self, console: Console):
        before = console.contents()
        console.refused(console.sync("--path", "gone.csv"), 3, "no such file", "gone.csv")
        assert console.contents() == before

    def test_a_folder_without_data(self, console: Console):
        (console.home / "nothing").mkdir()
        ran = console.sync("--path", str(console.home / "nothing"))
        console.refused(ran, 4, "no data file", "nothing", ".parquet")

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--column", "close"], ("--column FIELD=VALUE", "close")),
            (["--column", "close=Last"], ("column given for close", "Last")),
            (["--column", "clse=close"], ("unknown field", "did you mean close")),
            (["--scale", "volume=many"], ("--scale volume=100", "volume=many")),
            (["--scale", "volume=nan"], ("positive finite number", "nan")),
            (["--stocks", "5"], ("the source file has no use for --stocks",)),
            (["--calendar", "XXXX"], ("calendar 'XXXX'", "data.calendar")),
            (["--price-basis", "split_adjusted"], ("price_basis raw", "--replace")),
        ],
    )
    def test_flags_that_cannot_be_meant(self, console: Console, words, told):
        before = console.contents()
        path = str(console.home / "prices.csv")
        console.refused(console.sync("--path", path, *words), 2, *told)
        assert console.contents() == before

    def test_flags_of_files_mean_nothing_to_the_demo_market(self, console: Console):
        ran = console.run("run_data_sync.py", "--source", "demo", "--path", "prices.csv")
        console.refused(ran, 2, "the source demo has no use for --path")

    def test_a_data_root_that_is_a_file(self, console: Console):
        path = str(console.home / "prices.csv")
        ran = console.sync("--path", path, "--set", f"data.root={path}")
        console.refused(ran, 2, path, "Not a directory")


class TestAccepted:
    def test_the_same_rows_again_change_nothing(self, console: Console):
        before = console.contents()
        ran = console.sync("--path", str(console.home / "prices.csv"))
        assert ran.code == 0
        assert f"0 rows added, 0 revised, {ROWS} unchanged\nnothing changed; still toy" in ran.out
        assert console.contents() == before

    def test_if_empty_reads_nothing_when_there_is_a_dataset(self, console: Console):
        ran = console.sync("--if-empty", "--path", "gone.csv", "--json")
        assert (ran.code, ran.document["published"]) == (0, False)

    def test_a_renamed_column_by_its_name(self, console: Console):
        path = renamed_column(console.home)
        ran = console.sync("--path", str(path), "--column", "close=LastPrice", "--check", "--json")
        assert (ran.code, ran.document["rows_kept"]) == (0, ROWS)

    def test_the_demo_market_calls_itself_synthetic(self, console: Console):
        size = ["--stocks", "3", "--etfs", "1", "--sessions", "20"]
        market = ["--source", "demo", "--dataset", "demo", "--calendar", "XNYS", *size]
        ran = console.run("run_data_sync.py", *market)
        assert ran.code == 0
        assert "synthetic" in ran.err
        assert "not market data" in ran.out

    def test_price_basis_that_was_not_stated_is_told(self, console: Console):
        path = str(console.home / "prices.csv")
        words = ["--source", "file", "--path", path, "--dataset", "other", "--check"]
        ran = console.run("run_data_sync.py", *words)
        assert "warning: price basis not stated: split_adjusted assumed" in ran.err
