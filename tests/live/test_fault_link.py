"""Fault drills: the connection, and who is at its other end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from quant_core.brokers.port import BrokerSession
from quant_core.foundation.errors import SourceUnreachable
from tests.live.fault_desk import EVERYWHERE, PHASES, Drill, on, play
from tests.live.small_desk import Bench

Change = Callable[[BrokerSession], BrokerSession]


def reconnected(change: Change, after: int = 1) -> Callable[[Bench], None]:
    """From the connection after so many, the session is another one."""
    left = [after]

    def prepare(bench: Bench) -> None:
        connect = bench.venue.open

        async def other() -> BrokerSession:
            session = await connect()
            left[0] -= 1
            return session if left[0] >= 0 else change(session)

        bench.venue.open = other

    return prepare


def locked_out(times: int) -> Callable[[Bench], None]:
    """The first connections are refused: the client's number is still in use."""
    left = [times]

    def prepare(bench: Bench) -> None:
        connect = bench.venue.open

        async def refused() -> BrokerSession:
            left[0] -= 1
            if left[0] >= 0:
                raise SourceUnreachable("326: the client id is already in use")
            return await connect()

        bench.venue.open = refused

    return prepare


LOST_LINK = [on("phase open", "disconnect", nth=2)]
DRILLS = {
    **{
        f"link_lost_{phase}": Drill(
            f"the link is lost ({phase.replace('_', ' ')})",
            "same",
            [on(f"phase {phase}", "disconnect")],
        )
        for phase in PHASES
    },
    "reconnection_refused": Drill(
        "the link is lost and reconnection is refused",
        "equal",
        [on("phase open", "disconnect", nth=2, refuse=3)],
    ),
    "link_gone_over_the_decision": Drill(
        "the link is gone when a session is decided",
        "equal",
        [on("phase close", "disconnect", nth=2, phases=4)],
    ),
    "link_gone_for_sessions": Drill(
        "the link is gone for sessions", "equal", [on("phase open", "disconnect", nth=1, phases=6)]
    ),
    "link_flaps": Drill(
        "the link comes and goes",
        "equal",
        [on(f"phase {phase}", "disconnect", refuse=1) for phase in PHASES],
    ),
    "nightly_restart": Drill(
        "the broker restarts every night",
        "same",
        [on("phase after_close", "restart", session="every", nth=1)],
    ),
    "nightly_restart_takes_long": Drill(
        "the nightly restart lasts beyond the next decision",
        "equal",
        [on("phase after_close", "restart", session="every", nth=1, refuse=1)],
    ),
    "restart_rolls_ids_back": Drill(
        "the broker restarts and gives order ids out again",
        "same",
        [on("phase close", "restart", session="every", nth=1, roll_back=5)],
    ),
    "ids_rolled_back": Drill(
        "order ids are given out again", "same", [on("phase close", "roll_back_ids", roll_back=3)]
    ),
    "never_answers": Drill("the broker never answers", "idle", [on("call open", "refuse")]),
    "handshake_hangs": Drill(
        "the broker takes the connection and stays mute",
        "idle",
        [on("call snapshot", "hang")],
        timeout=0.005,
    ),
    "mute_for_a_while": Drill(
        "calls hang now and then",
        "equal",
        [on("call snapshot", "hang", nth=n) for n in (3, 5, 6)],
        timeout=0.005,
    ),
    "slow_answers": Drill("answers are slow", "same", [on("call snapshot", "slow", seconds=0.001)]),
    "client_locked_out": Drill(
        "the client's number is still in use", "same", prepare=locked_out(1)
    ),
    "other_account_after_reconnection": Drill(
        "another account after the reconnection",
        "idle",
        LOST_LINK,
        prepare=reconnected(lambda session: replace(session, account="DU2")),
    ),
    "live_account_after_reconnection": Drill(
        "a live account after the reconnection",
        "idle",
        LOST_LINK,
        prepare=reconnected(lambda session: replace(session, is_live=True)),
    ),
    "clock_skew": Drill(
        "the broker's clock is not ours",
        "same",
        prepare=reconnected(
            lambda s: replace(s, server_time=s.server_time + timedelta(minutes=17)), after=0
        ),
    ),
}


class TestExamples:
    @pytest.mark.parametrize("name", DRILLS)
    def test_it_ends_as_it_must(self, tmp_path, name):
        play(tmp_path / "once", DRILLS[name])

    @pytest.mark.parametrize("name", [n for n in DRILLS if DRILLS[n].faults])
    def test_with_a_restart_in_every_phase(self, tmp_path, name):
        play(tmp_path / "restarts", DRILLS[name], EVERYWHERE)
