"""The folder of a run appears whole, replaces an earlier one whole, or not at all."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from quant_core.foundation.errors import UsageError
from quant_core.reports import results
from quant_core.reports.results import RunPapers, refuse_unwritable, write_run
from tests.reports.runs import busy_run, idle_run, statistics

FILES = {"config.yaml", "manifest.json", "metrics.json", "equity.parquet", "orders.parquet"}
FILES |= {"fills.parquet", "positions.parquet", "incidents.parquet"}


def papers(report: str | None = None) -> RunPapers:
    return RunPapers("a: 1\n", statistics(busy_run()), {"run_id": "策略"}, report)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class TestWriteRun:
    def test_files(self, tmp_path: Path):
        write_run(tmp_path / "results" / "one", busy_run(), papers())
        assert {path.name for path in (tmp_path / "results" / "one").iterdir()} == FILES
        write_run(tmp_path / "results" / "one", busy_run(), papers("<html>"))
        assert (tmp_path / "results" / "one" / "report.html").read_text("utf-8") == "<html>"
        assert [path.name for path in (tmp_path / "results").iterdir()] == ["one"]

    def test_a_report_stays_until_there_is_a_new_one(self, tmp_path: Path):
        write_run(tmp_path / "one", busy_run(), papers("<html>"))
        write_run(tmp_path / "one", busy_run(), papers())
        report = tmp_path / "one" / "report.html"
        assert report.read_text("utf-8") == "<html>"
        assert {path.name for path in report.parent.iterdir()} == FILES | {"report.html"}
        write_run(tmp_path / "one", busy_run(), papers("<p>"))
        assert report.read_text("utf-8") == "<p>"

    def test_others_may_read_the_folder(self, tmp_path: Path):
        write_run(tmp_path / "one", busy_run(), papers())
        assert (tmp_path / "one").stat().st_mode & 0o777 == 0o755

    def test_documents(self, tmp_path: Path):
        write_run(tmp_path / "one", busy_run(), papers())
        assert json.loads((tmp_path / "one/manifest.json").read_text("utf-8")) == {"run_id": "策略"}
        metrics = json.loads((tmp_path / "one/metrics.json").read_text("utf-8"))
        assert metrics["sessions"] == {
            "value": 200,
            "unit": "sessions",
            "convention": "sessions of the run",
        }

    @pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError, MemoryError])
    def test_an_earlier_run_survives(self, tmp_path: Path, monkeypatch, failure):
        write_run(tmp_path / "one", busy_run(), papers())
        before = contents(tmp_path)
        written: list[Path] = []

        def failing(table, path: Path) -> None:
            written.append(path)
            if len(written) == 3:
                raise failure

        monkeypatch.setattr(results, "_write_table", failing)
        with pytest.raises(failure):
            write_run(tmp_path / "one", idle_run(), papers())
        assert len(written) == 3
        assert contents(tmp_path) == before
        assert [path.name for path in tmp_path.iterdir()] == ["one"]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
    def test_a_full_disk_is_an_error_of_the_system(self, tmp_path: Path, monkeypatch):
        write_run(tmp_path / "one", busy_run(), papers())
        before = contents(tmp_path)
        write_table = results._write_table
        monkeypatch.setattr(results, "_write_table", lambda t, _: write_table(t, Path("/dev/full")))
        with pytest.raises(OSError, match="No space left") as caught:
            write_run(tmp_path / "one", idle_run(), papers())
        assert (caught.value.errno, caught.value.filename) == (
            errno.ENOSPC,
            str(tmp_path / "one"),
        )
        assert contents(tmp_path) == before

    def test_what_is_no_json_is_refused_before_the_run_appears(self, tmp_path: Path):
        broken = replace(papers(), manifest={"seconds": float("nan")})
        with pytest.raises(ValueError, match="JSON"):
            write_run(tmp_path / "one", busy_run(), broken)
        assert list(tmp_path.iterdir()) == []


class TestRefuseUnwritable:
    def test_a_folder_that_is_there_or_can_be_made(self, tmp_path: Path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for place in (tmp_path, tmp_path / "a" / "b", Path("c/d"), Path()):
            refuse_unwritable(place)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("place", ["file", "file/below"])
    def test_a_file(self, tmp_path: Path, place: str):
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match="folder of the results") as refused:
            refuse_unwritable(tmp_path / place)
        assert refused.value.found == f"a file: {tmp_path / 'file'}"

    def test_no_permission(self, tmp_path: Path, monkeypatch):
        monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
        with pytest.raises(UsageError) as refused:
            refuse_unwritable(tmp_path / "results")
        assert refused.value.found == f"no permission to write in {tmp_path}"
        assert refused.value.where == str(tmp_path / "results")
