"""The journal: what it keeps, what it finds, what it refuses."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from quant_core.foundation.errors import InvariantBroken, QuantError, UsageError
from quant_core.live.commands import Action
from quant_core.live.journal import Journal, JournalLimits, read, verify
from quant_core.live.journal_entries import (
    CommandReceived,
    DecisionTaken,
    Noted,
)
from quant_core.live.journal_errors import JournalDamaged, JournalLocked, JournalUnwritable
from quant_core.live.journal_files import (
    Anchor,
    parse_anchor,
    read_anchor,
    segment_numbers,
    segment_path,
)
from quant_core.live.journal_kinds import TargetKind
from quant_core.live.journal_orders import OrderSent
from tests.live.journals import (
    AT,
    DAY,
    FILL,
    INTENT,
    SMALL,
    failing,
    lines_of,
    now,
    opened,
    put,
    written,
)


class TestExamples:
    def test_a_line_by_hand(self, tmp_path):
        with opened(tmp_path) as journal:
            entry = journal.append(OrderSent("p-AAA-buy"))
        header, line = lines_of(tmp_path)
        before = json.loads(header)["hash"]
        hashed = (
            '{"seq":2,"at":"2024-01-02T14:15:00.000000Z","kind":"order_sent",'
            f'"body":{{"reference":"p-AAA-buy"}},"prev":"{before}"}}'
        )
        digest = hashlib.sha256(hashed.encode()).hexdigest()
        assert line.decode() == f'{hashed[:-1]},"hash":"{digest}"}}\n'
        assert (entry.seq, entry.prev, entry.hash) == (2, before, digest)
        assert json.loads(header)["prev"] == "0" * 64

    def test_what_was_appended_is_read_back(self, tmp_path):
        bodies = [INTENT, OrderSent("p-AAA-buy"), FILL, Noted("n", "é 中")]
        with opened(tmp_path) as journal:
            journal.append_all(bodies[:2])
            journal.append(bodies[2])
        with opened(tmp_path) as journal:
            journal.append(bodies[3])
        entries = list(read(tmp_path))
        assert [entry.body for entry in entries[1:]] == bodies
        assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
        assert entries[1].at == AT

    def test_one_fsync_for_many_entries(self, tmp_path, monkeypatch):
        calls = []
        real = os.fsync
        monkeypatch.setattr(os, "fsync", lambda file: (calls.append(file), real(file)))
        with opened(tmp_path) as journal:
            calls.clear()
            journal.append_all([INTENT] * 20)
            assert len(calls) == 1
            journal.append(INTENT)
            assert len(calls) == 2

    def test_durable_before_it_returns(self, tmp_path, monkeypatch):
        sizes = []
        real = os.fsync
        monkeypatch.setattr(
            os, "fsync", lambda file: (sizes.append(os.fstat(file).st_size), real(file))
        )
        with opened(tmp_path) as journal:
            journal.append(INTENT)
            assert sizes[-1] == segment_path(tmp_path, 1).stat().st_size

    def test_rotation(self, tmp_path):
        with opened(tmp_path, SMALL) as journal:
            for number in range(40):
                journal.append(Noted("n", str(number)))
        files = segment_numbers(tmp_path)
        assert files == list(range(1, len(files) + 1))
        entries = list(read(tmp_path))
        assert [e.body.text for e in entries if isinstance(e.body, Noted)] == [
            str(number) for number in range(40)
        ]
        assert [e.seq for e in entries] == list(range(1, 40 + len(files) + 1))
        assert verify(tmp_path).ok
        sizes = [segment_path(tmp_path, number).stat().st_size for number in files]
        assert all(2_000 <= size < 2_400 for size in sizes[:-1])
        assert len(sizes) == 5

    def test_recovery_gives_every_entry_once_in_order(self, tmp_path):
        written(tmp_path, 30, SMALL)
        seen = []
        with Journal.open(tmp_path, "DU1", now, on_entry=seen.append) as journal:
            assert journal.count == 31
        assert seen == list(read(tmp_path))

    def test_anchor_beside_the_journal(self, tmp_path):
        with opened(tmp_path, SMALL) as journal:
            journal.append_all([Noted("n", "")] * 4)
            assert read_anchor(tmp_path).count == 5
            journal.append_all([Noted("n", "")] * 2)
            assert read_anchor(tmp_path).count == 5
        assert read_anchor(tmp_path) == Anchor("DU1", 7, list(read(tmp_path))[-1].hash, AT)

    def test_files_are_for_their_owner_alone(self, tmp_path):
        for _ in range(2):
            written(tmp_path / "DU1", 1)
            assert (tmp_path / "DU1").stat().st_mode & 0o777 == 0o700
            assert segment_path(tmp_path / "DU1", 1).stat().st_mode & 0o777 == 0o600


class TestReference:
    """A reader that knows only the page: JSON, SHA-256, and nothing of this package."""

    def test_naive_reader_agrees(self, tmp_path):
        with opened(tmp_path, SMALL) as journal:
            journal.append_all([INTENT, FILL] * 20)
            journal.append_all([INTENT, FILL] * 20)
        before, count = "0" * 64, 0
        for number in segment_numbers(tmp_path):
            for line in segment_path(tmp_path, number).read_text("ascii").splitlines():
                entry = json.loads(line)
                hashed = re.sub(r',"hash":"[0-9a-f]{64}"\}$', "}", line)
                assert hashlib.sha256(hashed.encode()).hexdigest() == entry["hash"]
                assert (entry["prev"], entry["seq"]) == (before, count + 1)
                before, count = entry["hash"], count + 1
        assert (count, before) == (verify(tmp_path).entries, verify(tmp_path).last_hash)


class TestRefusals:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
    @pytest.mark.parametrize("call", ["write", "fsync"])
    def test_a_disk_that_refuses(self, tmp_path, monkeypatch, call, number):
        journal = opened(tmp_path)
        journal.append(INTENT)
        with monkeypatch.context() as broken:
            broken.setattr(os, call, failing(number))
            with pytest.raises(JournalUnwritable, match="nothing may be sent"):
                journal.append(FILL)
        for _ in range(2):  # the disk works again: what it holds is unknown all the same
            with pytest.raises(JournalUnwritable, match="until it is reopened"):
                journal.append(FILL)
        journal.close()
        with opened(tmp_path) as again:
            again.append(OrderSent("x"))
        assert verify(tmp_path).ok
        assert list(read(tmp_path))[1].body == INTENT

    def test_a_disk_that_fills_in_the_middle_of_a_line(self, tmp_path, monkeypatch):
        journal, real = opened(tmp_path), os.write
        left = [100]

        def short(file: int, content: bytes) -> int:
            if left[0] == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            taken = real(file, content[: left[0]])
            left[0] -= taken
            return taken

        with monkeypatch.context() as broken:
            broken.setattr(os, "write", short)
            with pytest.raises(JournalUnwritable, match="No space left"):
                journal.append_all([INTENT, FILL])
        journal.close()
        with opened(tmp_path) as again:
            assert len(again.torn.read_bytes()) == 100
            assert again.count == 2
        assert verify(tmp_path).ok

    def test_short_writes_are_continued(self, tmp_path, monkeypatch):
        real = os.write
        monkeypatch.setattr(os, "write", lambda file, content: real(file, content[:7]))
        written(tmp_path, 5)
        assert verify(tmp_path).entries == 6

    def test_an_anchor_that_cannot_be_written(self, tmp_path, monkeypatch):
        journal = opened(tmp_path, JournalLimits(anchor_every=1))
        monkeypatch.setattr(Path, "replace", failing(errno.ENOSPC))
        with pytest.raises(JournalUnwritable):
            journal.append(INTENT)
        monkeypatch.undo()
        journal.close()

    def test_a_file_that_somebody_else_touched(self, tmp_path):
        for number, touch in enumerate(
            [
                lambda path: path.unlink(),
                lambda path: path.rename(path.with_suffix(".old")),
                lambda path: path.write_bytes(path.read_bytes() + b"x"),
                lambda path: (path.rename(path.with_suffix(".old")), path.write_bytes(b"")),
            ]
        ):
            journal = opened(tmp_path / str(number))
            touch(segment_path(tmp_path / str(number), 1))
            with pytest.raises(JournalUnwritable):
                journal.append(INTENT)
            journal.close()

    def test_a_second_worker(self, tmp_path):
        with opened(tmp_path):
            with pytest.raises(JournalLocked) as caught:
                opened(tmp_path)
            assert str(os.getpid()) in caught.value.found
            assert "boot_id" in caught.value.found
            assert caught.value.exit_code == 2
        opened(tmp_path).close()

    def test_after_closing(self, tmp_path):
        journal = opened(tmp_path)
        journal.close()
        journal.close()
        with pytest.raises(JournalUnwritable, match="closed"):
            journal.append(INTENT)

    def test_another_account(self, tmp_path):
        written(tmp_path, 1)
        with pytest.raises(UsageError, match="another account"):
            opened(tmp_path, account="DU2")
        opened(tmp_path).close()  # the refused one let go of the lock

    def test_a_damaged_journal_is_not_opened_and_not_changed(self, tmp_path):
        written(tmp_path, 9)
        lines = lines_of(tmp_path)
        put(tmp_path, lines[:4] + lines[5:])
        before = segment_path(tmp_path, 1).read_bytes()
        with pytest.raises(JournalDamaged, match="missing, repeated or out of order") as caught:
            opened(tmp_path)
        assert caught.value.where.endswith("journal-000001.jsonl:5")
        assert caught.value.exit_code == 6
        assert segment_path(tmp_path, 1).read_bytes() == before

    def test_a_journal_shorter_than_its_anchor_is_not_opened(self, tmp_path):
        written(tmp_path, 9)
        put(tmp_path, lines_of(tmp_path)[:-1])
        with pytest.raises(JournalDamaged, match="cut off"):
            opened(tmp_path)
        segment_path(tmp_path, 1).unlink()
        with pytest.raises(JournalDamaged, match="cut off"):
            opened(tmp_path)

    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema":1}', "\ud800"])
    def test_no_anchor(self, text, tmp_path):
        with pytest.raises(UsageError):
            parse_anchor(text)
        written(tmp_path, 1)
        (tmp_path / "journal.anchor.json").write_text("{}")
        assert "anchor was altered" in verify(tmp_path).first_problem

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"kind": "fillet"}, "unknown kind"),
            ({"kind": ["note"]}, "unknown kind"),
            ({"body": {"topic": "n"}}, "is none"),
            ({"body": {"topic": "n", "text": 1}}, "is none"),
            ({"body": []}, "is none"),
            ({"at": "2024-13-02T14:15:00.000000Z"}, "no instant"),
            ({"seq": 2.0}, "out of order"),
            ({"seq": True}, "out of order"),
            ({"extra": 1}, "other members"),
            ({"kind": "segment", "body": {"schema": 2}}, "another version"),
        ],
    )
    def test_a_line_of_another_version_under_a_right_hash(self, tmp_path, changed, problem):
        written(tmp_path, 1)
        header, line = lines_of(tmp_path)
        members = {**json.loads(line), **changed}
        members.pop("hash")
        hashed = json.dumps(members, separators=(",", ":")).encode()
        digest = hashlib.sha256(hashed).hexdigest()
        put(tmp_path, [header, hashed[:-1] + f',"hash":"{digest}"}}\n'.encode()])
        with pytest.raises(JournalDamaged, match=problem):
            list(read(tmp_path))

    @pytest.mark.parametrize(
        "body",
        [
            replace(FILL, shares=10.0),
            replace(FILL, shares=np.int64(10)),
            replace(FILL, shares=True),
            replace(FILL, side="buy"),
            replace(FILL, session=AT),
            replace(FILL, corrects=7),
            replace(INTENT, target_weight=float("nan")),
            replace(INTENT, target_weight=float("inf")),
            replace(INTENT, target_weight=1),
            DecisionTaken(DAY, "v1", TargetKind.WEIGHTS, "", {"AAA": float("nan")}, 1),
            DecisionTaken(DAY, "v1", TargetKind.WEIGHTS, "", {7: 0.5}, 1),
            CommandReceived("c", Action.STOP, "DU1", "w1", datetime(2024, 1, 2), None),  # noqa: DTZ001 naive on purpose
        ],
    )
    def test_what_a_field_cannot_hold_is_not_written(self, tmp_path, body):
        with opened(tmp_path) as journal:
            size = segment_path(tmp_path, 1).stat().st_size
            with pytest.raises(InvariantBroken, match="cannot be written"):
                journal.append_all([INTENT, body])
            assert segment_path(tmp_path, 1).stat().st_size == size
            journal.append(INTENT)
        assert verify(tmp_path).ok

    def test_every_error_is_one_of_the_house(self):
        for error in (JournalUnwritable, JournalDamaged, JournalLocked):
            assert issubclass(error, QuantError)
