"""What a dataset is: stated once, kept by every later sync, repaired by --replace."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import pytest

from config import load_settings
from quant_core.data.warehouse import Warehouse
from quant_core.jobs.command_line import run_command
from quant_core.jobs.sync_command import COMMAND
from tests.jobs.console import SYNC, Console, Ran
from tests.jobs.market import rows, write_csv


def sync(console: Console, *words: str) -> Ran:
    """A sync for which only the settings, and no flag, name the calendar XNYS."""
    argv = ["--config-dir", str(console.settings), "--set", f"data.root={console.data}"]
    argv += ["--source", "file", "--path", str(console.home / "prices.csv"), *words]
    console.capture.readouterr()
    code = run_command(COMMAND, argv, partial(load_settings, environment={}))
    out, err = console.capture.readouterr()
    assert "Traceback" not in out + err
    return Ran(code, out, err)


def facts(console: Console, dataset: str) -> tuple[str, str, str]:
    stored = Warehouse(console.data).open(dataset).facts
    return stored.calendar, stored.price_basis, stored.currency


class TestFacts:
    def test_a_later_sync_keeps_them(self, console: Console):
        ran = sync(console, "--dataset", "toy")
        assert (ran.code, ran.err) == (0, "")
        assert "taken as: calendar 24/7, prices raw, currency USD\n" in ran.out
        assert "nothing changed; still toy" in ran.out

    def test_stated_facts_are_compared_with_the_stored_ones(self, console: Console):
        ran = sync(console, "--dataset", "toy", "--currency", "CNY")
        console.refused(ran, 2, "currency USD", "currency CNY", "--replace")
        ran = sync(console, "--dataset", "toy", "--set", "data.calendar=XNYS", "--check")
        assert "XNYS" in ran.out

    @pytest.mark.parametrize(
        ("words", "currency"),
        [
            (["--calendar", "24/7"], "USD"),
            (["--calendar", "24/7", "--currency", " EUR "], "EUR"),
        ],
    )
    def test_currency_of_a_new_dataset(self, console: Console, words, currency):
        assert sync(console, "--dataset", "new", *words).code == 0
        assert facts(console, "new") == ("24/7", "split_adjusted", currency)

    @pytest.mark.filterwarnings("ignore")  # of the calendars' own library
    @pytest.mark.parametrize(
        ("calendar", "currency"),
        [("XNYS", "USD"), ("XSHG", "CNY"), ("XHKG", "HKD"), ("XBOM", "INR")],
    )
    def test_currency_of_a_calendar(self, console: Console, calendar, currency):
        path = console.home / "short.csv"
        path.write_text("symbol,date,open,high,low,close,volume\nA,2020-03-04,1,1,1,1,9\n")
        words = ["--path", str(path), "--dataset", "new", "--set", f"data.calendar={calendar}"]
        assert console.run(SYNC, "--source", "file", *words).code == 0
        assert facts(console, "new")[::2] == (calendar, currency)

    def test_a_blank_currency(self, console: Console):
        console.refused(sync(console, "--dataset", "toy", "--currency", " "), 2, "--currency is")

    def test_replacing_states_them_anew(self, console: Console):
        ran = sync(console, "--dataset", "toy", "--replace", "--calendar", "24/7")
        assert "warning: price basis not stated: split_adjusted assumed" in ran.err
        assert facts(console, "toy") == ("24/7", "split_adjusted", "USD")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


class TestRepair:
    @pytest.mark.parametrize("damage", [Path.unlink, cut, flip])
    def test_a_part(self, console: Console, damage):
        old = Warehouse(console.data).open("toy")
        damage(old.path_of(old.manifest.parts_of("prices")[0]))
        self.repaired(console, ["--path", str(self.revised(console))], old.version)

    def test_the_pointer(self, console: Console):
        old = Warehouse(console.data).open("toy")
        cut(old.root / "current.json")
        self.repaired(console, [], old.version)

    def revised(self, console: Console) -> Path:
        """Rows one of which has another close, so that merging reads what is stored."""
        lines = rows()
        lines[7]["close"] = lines[7]["open"]
        return write_csv(console.home / "revised.csv", lines)

    def repaired(self, console: Console, words: list[str], version: str) -> None:
        ran = console.sync("--path", str(console.home / "prices.csv"), *words)
        console.refused(ran, 4, "'toy' is damaged", "run_data_sync.py --replace --dataset toy")
        ran = console.sync("--path", str(console.home / "prices.csv"), "--replace")
        assert ran.code == 0, ran.err
        again = Warehouse(console.data).open("toy")
        again.verify()
        assert again.version == version


class TestFieldsNobodyHas:
    @pytest.fixture
    def closes(self, console: Console) -> Console:
        path = console.home / "closes.csv"
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["symbol", "date", "close"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows())
        words = ["--path", str(path), "--dataset", "closes"]
        words += [f"--column={name}=" for name in ("open", "high", "low", "volume")]
        assert console.sync(*words).code == 0
        return console

    def test_are_no_fields(self, closes: Console):
        snapshot = Warehouse(closes.data).open("closes")
        assert snapshot.fields == ("close",)
        assert str(snapshot.panel("volume").min()) == "nan"

    def test_a_backtest_is_refused(self, closes: Console):
        ran = closes.backtest("--dataset", "closes")
        closes.refused(ran, 2, "the dataset has no opens to execute at", "closes")

    def test_factors_that_need_them_are_not_available(self, closes: Console):
        ran = closes.compute("--dataset", "closes", "--factor", "volume")
        assert "the dataset has no field 'volume': unavailable are volume" in ran.err


def test_progress_is_silent_where_there_is_no_terminal(console: Console):
    assert sync(console, "--dataset", "toy").err == ""
