"""What the factor job and the SQL job answer: lists, explanations, libraries, output, groups."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from config import load_settings
from quant_core.data.sources.demo import DemoOptions, DemoSource
from quant_core.data.warehouse import Warehouse
from quant_core.jobs import compute_command, sql_command, sync_command
from quant_core.jobs.command_line import Command, run_command


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A warehouse with a small demo market whose symbols have categories."""
    folder = tmp_path_factory.mktemp("requests")
    arguments = ["--source", "demo", "--stocks", "8", "--etfs", "0", "--sessions", "60"]
    arguments += ["--dataset", "d", "--set", f"data.root={folder}"]
    assert run_command(sync_command.COMMAND, arguments, load_settings) == 0
    return folder


def ask(command: Command, root: Path, capsys, *arguments: str, code: int = 0):
    """The JSON answer of a command on the dataset of the module."""
    capsys.readouterr()
    settings = ["--dataset", "d", "--json", "--set", f"data.root={root}"]
    assert run_command(command, [*arguments, *settings], load_settings) == code
    return json.loads(capsys.readouterr().out)


class TestFactors:
    def test_every_request_has_its_column(self, root, tmp_path, capsys):
        path = tmp_path / "long.csv"
        asked = ["ts_mean(close, 5)", "momentum_20", "Mean($close, 5)", "momentum_20", "mine"]
        flags = [word for name in asked for word in ("--factor", name)]
        own = "factors={mine: rank(close)}"
        ask(compute_command.COMMAND, root, capsys, *flags, "--output", str(path), "--set", own)
        table = pl.read_csv(path)
        assert table.columns == ["date", "symbol", "f1", "momentum_20", "f2", "mine"]
        assert table["f1"].equals(table["f2"])
        assert table["mine"].is_between(0, 1).all()

    def test_a_damaged_file_is_computed_again(self, root, tmp_path, capsys):
        text = "ts_std(close, 7)"
        root = Path(shutil.copytree(root, tmp_path / "copy"))
        ask(compute_command.COMMAND, root, capsys, "--factor", text)
        dataset = Warehouse(root).open("d").root
        for path in dataset.glob("factors/parts/*.parquet"):
            path.write_bytes(bytes(byte ^ 0xFF for byte in path.read_bytes()))
        output = tmp_path / "again.parquet"
        flags = ["--factor", text, "--output", str(output)]
        ask(compute_command.COMMAND, root, capsys, *flags)
        assert pl.read_parquet(output)["f1"].is_not_null().any()

    def test_groups_come_from_the_symbols_or_from_the_universe(self, root, tmp_path, capsys):
        text = "group_mean(close, industry)"
        ask(compute_command.COMMAND, root, capsys, "--factor", text)
        prices = DemoSource(DemoOptions(stocks=8, etfs=0, sessions=60)).read().prices
        symbols = sorted(prices["symbol"].unique())
        rows = [f"{symbol},2000-01-01,,{'ab'[i % 2]}" for i, symbol in enumerate(symbols)]
        universe = tmp_path / "universe.csv"
        universe.write_text("symbol,start,end,category\n" + "\n".join(rows))
        path = tmp_path / "groups.parquet"
        flags = ["--factor", text, "--output", str(path), "--set", f"data.universe={universe}"]
        assert ask(compute_command.COMMAND, root, capsys, *flags)["computed"] == 1
        last = pl.read_parquet(path).filter(pl.col("date") == pl.col("date").max())
        closes = prices.filter(pl.col("date") == pl.col("date").max())
        members = closes.filter(pl.col("symbol").is_in(symbols[::2]))
        first = last.filter(pl.col("symbol") == members["symbol"][0])["f1"].item()
        assert first == pytest.approx(members["close"].mean())

    def test_lists_and_explanations(self, root, capsys):
        listed = ask(compute_command.COMMAND, root, capsys, "--list", "--library", "alpha191")
        assert [row["name"] for row in listed] == ["alpha191_014", "alpha191_018", "alpha191_020"]
        told = ask(compute_command.COMMAND, root, capsys, "--explain", "momentum_20")
        assert told["look_back"] == 20
        assert told["tree"] == "close / delay(close, 20) - 1"

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["--library", "alpha360"], "unknown factor library"),
            (["--factor", "close", "--output", "x.txt"], "the ending of the output file"),
            (
                ["--factor", "mine", "--set", "factors={mine: rank(clse)}"],
                "unknown factor or field",
            ),
            (["--set", "factors={close: open}"], "close"),
        ],
    )
    def test_refusals(self, root, capsys, arguments, problem):
        answer = ask(compute_command.COMMAND, root, capsys, *arguments, code=2)
        assert problem in answer["error"]["problem"]


class TestSql:
    def test_rows_and_limit(self, root, capsys):
        statement = "select symbol, count(*) as n, true as yes, 1.5::decimal(4,2) as d, "
        statement += "'nan'::double as x, max(date) as last from prices group by 1 order by 1"
        answer = ask(sql_command.COMMAND, root, capsys, statement, "--limit", "2")
        assert answer["columns"] == ["symbol", "n", "yes", "d", "x", "last"]
        assert answer["total_rows"] == 8
        assert answer["rows"][0][2:5] == [True, "1.50", None]

    def test_as_a_table(self, root, capsys):
        arguments = ["select 1 as one", "--dataset", "d", "--set", f"data.root={root}"]
        assert run_command(sql_command.COMMAND, arguments, load_settings) == 0
        assert capsys.readouterr().out == "one\n1\n1 row\n"

    def test_read_only(self, root, capsys):
        answer = ask(sql_command.COMMAND, root, capsys, "delete from prices", code=2)
        assert "read only" in answer["error"]["problem"]

    def test_a_negative_limit(self, root, capsys):
        flags = ["select 1", "--limit", "-1"]
        assert (
            "--limit" in ask(sql_command.COMMAND, root, capsys, *flags, code=2)["error"]["problem"]
        )
