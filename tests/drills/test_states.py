"""The drill of the state: small, and with faults it must find."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from quant_core.drills.plan import DrillPlan, DrillResult
from quant_core.drills.states import ReadCount, document_of, drill, is_whole
from quant_core.live.ipc import Freshness, Reading


def run(folder: Path, count: int, **keys: bool) -> tuple[DrillResult, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    plan = DrillPlan(
        folder=folder,
        count=count,
        seed=1,
        progress=lambda done, total: told.append((done, total)),
        **keys,
    )
    return drill(plan), told


class TestExamples:
    def test_a_small_run_finds_nothing(self, tmp_path):
        result, told = run(tmp_path, 3_000)
        assert result.passed
        figures = result.figures
        assert (figures["reads"], figures["partial"], figures["went_back"]) == (3_000, 0, 0)
        assert figures["kills"] == 3
        assert figures["states_seen"] > 3
        assert told[-1] == (3_000, 3_000)
        assert all(0 <= done <= 3_000 for done, _ in told)

    def test_a_torn_writer_is_found(self, tmp_path):
        result, _ = run(tmp_path, 3_000, write_ahead=False)
        assert not result.passed
        assert result.figures["partial"] > 0

    @pytest.mark.parametrize("number", range(1, 40))
    def test_every_part_of_a_document_is_looked_at(self, number):
        document = {**document_of(number, Random(number)), "sequence": number}
        assert is_whole(document)
        for name in ("sizes", "end", "sequence", "rows", "padding"):
            cut = {key: value for key, value in document.items() if key != name}
            assert not is_whole(cut)
        other = {**document_of(number + 1, Random(number)), "sequence": number + 1}
        for name in ("end", "sequence"):
            assert not is_whole({**document, name: other[name]})
        assert not is_whole({**document, "rows": [number + 1]})
        assert not is_whole({**document, "padding": document["padding"] + "-"})

    def test_readings_are_counted(self):
        count = ReadCount()
        for number in (3, 4, 4, 2, 5):
            whole = {**document_of(number, Random(1)), "sequence": number}
            count.take(Reading(Freshness.FRESH, whole, "w", number))
        count.take(Reading(Freshness.FRESH, {"sequence": 6}, "w", 6))
        count.take(Reading(Freshness.UNREADABLE))
        count.take(Reading(Freshness.ABSENT))
        assert count == ReadCount(reads=8, partial=2, went_back=1, absent=1, states=3, highest=5)
