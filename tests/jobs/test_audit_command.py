"""``python -m quant_core audit``: half a last line is what a crash leaves, and no damage."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from config import load_settings
from quant_core.foundation.timing import utc_now
from quant_core.jobs.audit_command import COMMAND
from quant_core.jobs.command_line import run_command
from quant_core.live.journal import Journal
from quant_core.live.journal_entries import Noted
from quant_core.live.trader import JOURNAL_FOLDER


@pytest.fixture
def journal(tmp_path) -> Path:
    """A journal of four lines, with its anchor."""
    folder = tmp_path / JOURNAL_FOLDER
    with Journal.open(folder, "DU1", utc_now) as written:
        for number in range(3):
            written.append(Noted("n", str(number)))
    return folder


def segment(folder: Path) -> Path:
    return folder / "journal-000001.jsonl"


def audit(folder: Path, capture: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    own = ["--set", f"live.folder={folder.parent}", *words]
    capture.readouterr()
    code = run_command(COMMAND, own, partial(load_settings, environment={}))
    return code, capture.readouterr().out


class TestExamples:
    def test_whole(self, journal, capfd):
        code, out = audit(journal, capfd, "--json")
        told = json.loads(out)
        assert (code, told["ok"], told["entries"], told["torn_bytes"]) == (0, True, 4, 0)
        assert "torn" not in audit(journal, capfd)[1]

    def test_half_a_last_line(self, journal, capfd):
        with segment(journal).open("ab") as stream:
            stream.write(b'{"seq":5,"at"')
        code, out = audit(journal, capfd)
        assert code == 0
        assert out.startswith("4 entries, unaltered")
        assert "the next start of the worker sets 13 bytes of a torn line aside" in out
        code, out = audit(journal, capfd, "--json")
        told = json.loads(out)
        assert (code, told["ok"], told["torn_bytes"], told["first_problem"]) == (0, True, 13, "")
        # What it says of the next start is what happens.
        with Journal.open(journal, "DU1", utc_now) as again:
            assert again.torn is not None and len(again.torn.read_bytes()) == 13


class TestRefusals:
    """Half a line hides nothing else."""

    def test_an_altered_line_before_it(self, journal, capfd):
        content = segment(journal).read_bytes().replace(b'"text":"1"', b'"text":"7"')
        segment(journal).write_bytes(content + b"{")
        code, out = audit(journal, capfd)
        assert (code, "a line was altered" in out) == (1, True)
        assert "noted elsewhere" in out and "mail" not in out

    def test_an_end_cut_off_within_a_line(self, journal, capfd):
        segment(journal).write_bytes(segment(journal).read_bytes()[:-5])
        code, out = audit(journal, capfd)
        assert (code, "the end of the journal was cut off" in out) == (1, True)

    def test_no_journal(self, tmp_path, capfd):
        (tmp_path / JOURNAL_FOLDER).mkdir()
        code, out = audit(tmp_path / JOURNAL_FOLDER, capfd)
        assert (code, "there is no journal here" in out) == (1, True)
        code, out = audit(tmp_path / JOURNAL_FOLDER, capfd, "--lang", "zh")
        assert (code, out.splitlines()[:2]) == (1, ["此处没有日志", "  应为:     至少一个文件"])
