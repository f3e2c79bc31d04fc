"""The journal after somebody changed it, and after a crash."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from quant_core.live.journal import read, verify
from quant_core.live.journal_entries import (
    Noted,
    SegmentOpened,
    TornLineKept,
)
from quant_core.live.journal_errors import JournalDamaged, JournalUnwritable
from quant_core.live.journal_files import (
    Anchor,
    segment_numbers,
    segment_path,
)
from quant_core.live.journal_lines import Link, decode_line
from tests.live.checks import run_check
from tests.live.journals import (
    FILL,
    INTENT,
    SMALL,
    failing,
    lines_of,
    opened,
    put,
    written,
)


class TestTampering:
    """Every change of a closed journal is found."""

    def test_every_changed_byte(self, tmp_path):
        with opened(tmp_path) as journal:
            journal.append_all([INTENT if n % 3 else FILL for n in range(300)])
        lines, link, random, tried, missed = lines_of(tmp_path), Link(), Random(7), 0, []
        for line in lines:
            for place in range(len(line)):
                other = random.choice([byte for byte in range(256) if byte != line[place]])
                changed = line[:place] + bytes([other]) + line[place + 1 :]
                tried += 1
                # A new line feed ends the line there; without its own it runs into the next.
                if follows(changed.split(b"\n")[0], link):
                    missed.append((link.seq + 1, place))
            link = Link(link.seq + 1, json.loads(line)["hash"])
        assert missed == []
        assert len(lines) == 301
        assert tried == segment_path(tmp_path, 1).stat().st_size > 100_000

    @pytest.mark.parametrize("place", [0, 1, 200, 40_000, -300, -79, -78, -2, -1])
    def test_changed_bytes_through_the_front_door(self, tmp_path, place):
        with opened(tmp_path) as journal:
            journal.append_all([INTENT] * 150)
        path = segment_path(tmp_path, 1)
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)
        seen = verify(tmp_path)
        assert not seen.ok
        assert seen.first_problem
        assert seen.entries <= content[:place].count(b"\n")

    def test_every_line_removed(self, tmp_path):
        anchor = written(tmp_path, 40)
        lines = lines_of(tmp_path)
        for place in range(len(lines)):
            put(tmp_path, lines[:place] + lines[place + 1 :])
            assert not verify(tmp_path, anchor).ok, place

    def test_every_line_repeated_or_moved(self, tmp_path):
        written(tmp_path, 12)
        lines = lines_of(tmp_path)
        for place in range(len(lines)):
            for target in range(len(lines) + 1):
                put(tmp_path, [*lines[:target], lines[place], *lines[target:]])
                assert not verify(tmp_path).ok, (place, target)
        for place in range(len(lines) - 1):
            put(tmp_path, [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]])
            assert not verify(tmp_path).ok, place

    def test_a_line_of_another_journal(self, tmp_path):
        written(tmp_path / "a", 12)
        with opened(tmp_path / "b") as journal:
            journal.append_all([Noted("other", "")] * 12)
        lines, other = lines_of(tmp_path / "a"), lines_of(tmp_path / "b")
        for place in range(1, len(lines)):
            put(tmp_path / "a", [*lines[:place], other[place], *lines[place + 1 :]])
            assert not verify(tmp_path / "a").ok, place

    def test_a_cut_end_is_found_by_the_anchor_alone(self, tmp_path):
        anchor = written(tmp_path, 40)
        lines = lines_of(tmp_path)
        (tmp_path / "journal.anchor.json").unlink()
        for kept in range(1, len(lines)):
            put(tmp_path, lines[:kept])
            assert verify(tmp_path).ok
            seen = verify(tmp_path, anchor)
            assert not seen.ok
            assert "cut off" in seen.first_problem

    def test_a_journal_written_anew_is_found_by_the_anchor(self, tmp_path):
        anchor = written(tmp_path / "a", 10)
        with opened(tmp_path / "b") as journal:
            journal.append_all([Noted("forged", "")] * 20)
        assert verify(tmp_path / "b").ok
        assert "not the one of the anchor" in verify(tmp_path / "b", anchor).first_problem

    def test_the_anchor_of_another_account(self, tmp_path):
        anchor = replace(written(tmp_path, 3), account="DU2")
        assert "another account" in verify(tmp_path, anchor).first_problem

    def test_files_removed_swapped_or_renamed(self, tmp_path):
        for number in range(1, 5):
            folder = tmp_path / str(number)
            anchor = self.of_five_files(folder)
            segment_path(folder, number).unlink()
            assert not verify(folder, anchor).ok
        swapped = tmp_path / "swapped"
        self.of_five_files(swapped)
        first, second = (segment_path(swapped, n).read_bytes() for n in (2, 3))
        segment_path(swapped, 2).write_bytes(second)
        segment_path(swapped, 3).write_bytes(first)
        assert not verify(swapped).ok
        joined = tmp_path / "joined"
        self.of_five_files(joined)
        last = segment_path(joined, 5).read_bytes()
        segment_path(joined, 5).unlink()
        segment_path(joined, 4).write_bytes(segment_path(joined, 4).read_bytes() + last)
        assert "begins in the wrong place" in verify(joined).first_problem

    @staticmethod
    def of_five_files(folder: Path) -> Anchor:
        with opened(folder, SMALL) as journal:
            while len(segment_numbers(folder)) < 5:
                journal.append(Noted("n", "x"))
            return journal.anchor()

    def test_half_a_line_in_the_middle_is_no_crash(self, tmp_path):
        self.of_five_files(tmp_path)
        path = segment_path(tmp_path, 2)
        path.write_bytes(path.read_bytes()[:-5])
        with pytest.raises(JournalDamaged):
            opened(tmp_path)
        assert not verify(tmp_path).ok

    def test_nothing_at_all(self, tmp_path):
        assert not verify(tmp_path).ok
        assert list(read(tmp_path)) == []


def follows(line: bytes, before: Link) -> bool:
    """Whether a line is accepted after the one before it."""
    try:
        decode_line(line, before, "here")
    except JournalDamaged:
        return False
    return True


class TestCrashes:
    def test_half_a_last_line_is_kept_aside_and_told(self, tmp_path):
        written(tmp_path / "whole", 3)
        *whole, last = lines_of(tmp_path / "whole")
        for kept in [*range(1, len(last), 17), len(last) - 1]:
            folder = tmp_path / str(kept)
            folder.mkdir()
            put(folder, [*whole, last[:kept]])
            assert [e.seq for e in read(folder)] == [1, 2, 3]
            assert "torn" in verify(folder).first_problem
            with opened(folder) as journal:
                assert journal.torn.read_bytes() == last[:kept]
                journal.append(Noted("after", ""))
            told = list(read(folder))[3].body
            assert told == TornLineKept(
                1,
                len(b"".join(whole)),
                kept,
                hashlib.sha256(last[:kept]).hexdigest(),
                journal.torn.name,
            )
            assert verify(folder).ok

    def test_a_crash_between_creating_a_file_and_its_first_line(self, tmp_path):
        for content in (b"", b'{"seq":'):
            folder = tmp_path / str(len(content))
            written(folder, 5)
            segment_path(folder, 2).write_bytes(content)
            with opened(folder) as journal:
                assert (journal.torn is None) == (content == b"")
                journal.append(Noted("after", ""))
            assert isinstance(list(read(folder))[6].body, SegmentOpened)
            assert verify(folder).ok

    def test_a_complete_line_that_was_not_acknowledged_stays(self, tmp_path, monkeypatch):
        journal = opened(tmp_path)
        monkeypatch.setattr(os, "fsync", failing(errno.EIO))
        with pytest.raises(JournalUnwritable):
            journal.append(INTENT)
        monkeypatch.undo()
        journal.close()
        with opened(tmp_path) as again:
            assert again.count == 2
        assert list(read(tmp_path))[1].body == INTENT

    def test_killed_writers_lose_nothing(self, tmp_path):
        seen = run_check("journal", tmp_path)
        assert seen["kills"] >= 30
        assert seen["lost"] == 0
        assert seen["verified"] is True
