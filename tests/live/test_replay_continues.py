"""A replay goes on where the books stand, or does not begin."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quant_core.foundation.errors import UsageError
from quant_core.jobs.live_parts import check_continues
from quant_core.live.worker_state import WorkerState
from tests.live.small_desk import Bench, plain_world, whole_run
from tests.live.test_parity import difference

SESSIONS = np.arange("2024-01-01", "2024-01-21", dtype="datetime64[D]")


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> WorkerState:
    """The books after the close of 2024-01-08, the eighth session."""
    state = whole_run(Bench(tmp_path_factory.mktemp("books"), plain_world())).state
    assert state.book.session == date(2024, 1, 8)
    return state


class TestExamples:
    def test_new_books_begin_anywhere(self):
        check_continues(WorkerState(1), SESSIONS, 5, 9)

    @pytest.mark.parametrize("first", [1, 5, 8])
    def test_a_stretch_with_the_session_that_follows(self, closed, first):
        check_continues(closed, SESSIONS, first, 12)

    def test_the_same_stretch_again_trades_nothing(self, closed):
        check_continues(closed, SESSIONS, 1, 7)

    def test_two_stretches_are_one(self, tmp_path):
        world = plain_world(9)
        for first, last in ((1, 4), (5, 8)):
            scheduled = world.scheduled[first - 1 : last]
            whole_run(Bench(tmp_path, replace(world, first=first, last=last, scheduled=scheduled)))
        assert difference(world, tmp_path) is None


class TestRefusals:
    @pytest.mark.parametrize(
        ("first", "last", "text"),
        [
            (1, 6, "does not go on where the books stand"),
            (9, 12, "does not go on where the books stand"),
            (1, 4, "does not go on where the books stand"),
        ],
    )
    def test_sessions_left_out_or_traded_already(self, closed, first, last, text):
        with pytest.raises(UsageError, match=text) as caught:
            check_continues(closed, SESSIONS, first, last)
        assert "2024-01-0" in caught.value.expected
