"""Fault drills: what the broker tells is late, missing, twice, out of order or wrong."""

from __future__ import annotations

import pytest

from tests.live.fault_desk import EVERYWHERE, Drill, on, play

FILL, STATUS = "event executed", "event order_seen"

DRILLS = {
    "every_event_three_times": Drill(
        "events told several times", "same", [on(FILL, "repeat", times=2), on(STATUS, "repeat")]
    ),
    "a_fill_never_told": Drill("a fill is never told", "same", [on(FILL, "drop", nth=2)]),
    "no_fill_ever_told": Drill("no fill is ever told", "same", [on(FILL, "drop")]),
    "fills_out_of_order": Drill(
        "fills told out of order", "equal", [on(FILL, "late", nth=n, events=2) for n in (1, 4)]
    ),
    "a_fill_a_phase_late": Drill(
        "a fill is told late", "equal", [on(FILL, "late", nth=2, phases=1)]
    ),
    "every_fill_after_the_close": Drill(
        "fills told after the close", "equal", [on(FILL, "late", phases=2)]
    ),
    "fills_sessions_late": Drill("fills told sessions late", "same", [on(FILL, "late", phases=9)]),
    "status_before_its_fill": Drill(
        "an order is told as filled before its fill", "equal", [on(FILL, "late", events=1)]
    ),
    "no_status_ever": Drill("the status of orders is never told", "same", [on(STATUS, "drop")]),
    "status_late": Drill("statuses told late", "same", [on(STATUS, "late", phases=2)]),
    "status_wrongly_cancelled": Drill(
        "a live order is told as cancelled", "equal", [on(STATUS, "says_cancelled", nth=1)]
    ),
    "every_status_wrongly_cancelled": Drill(
        "every order is told as cancelled, and fills", "equal", [on(STATUS, "says_cancelled")]
    ),
    "commission_before_its_fill": Drill(
        "a commission before its fill", "same", [on(FILL, "commission_first")]
    ),
    "commission_after_its_fill": Drill(
        "a commission after its fill", "same", [on(FILL, "commission_after")]
    ),
    "commission_a_phase_late": Drill(
        "a commission told late", "same", [on(FILL, "commission_after", phases=1)]
    ),
    "commission_never": Drill("a commission is never told", "same", [on(FILL, "commission_lost")]),
    "execution_corrected": Drill("an execution is corrected", "equal", [on(FILL, "correct")]),
    "execution_corrected_late": Drill(
        "an execution is corrected after the close", "halted", [on(FILL, "correct", phases=3)]
    ),
    "execution_corrected_sessions_late": Drill(
        "an execution is corrected in a later session",
        "halted",
        [on(FILL, "correct", nth=2, phases=6)],
    ),
    "execution_busted": Drill("an execution is busted", "equal", [on(FILL, "bust")]),
    "execution_busted_late": Drill(
        "an execution is busted after the close", "halted", [on(FILL, "bust", phases=3, nth=3)]
    ),
    "execution_busted_sessions_late": Drill(
        "an execution is busted in a later session", "halted", [on(FILL, "bust", phases=6, nth=3)]
    ),
    "notices": Drill(
        "the broker says things that change nothing",
        "same",
        [on("phase open", "notice", code="2104"), on("phase close", "notice", code="399")],
    ),
}


class TestExamples:
    @pytest.mark.parametrize("name", DRILLS)
    def test_it_ends_as_it_must(self, tmp_path, name):
        play(tmp_path / "once", DRILLS[name])

    @pytest.mark.parametrize("name", DRILLS)
    def test_with_a_restart_in_every_phase(self, tmp_path, name):
        play(tmp_path / "restarts", DRILLS[name], EVERYWHERE)
