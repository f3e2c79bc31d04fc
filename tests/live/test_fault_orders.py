"""Fault drills: what the broker does with orders, and what it does not answer."""

from __future__ import annotations

import pytest

from quant_core.live.commands import Action
from tests.live.fault_desk import EVERYWHERE, Drill, on, play
from tests.live.small_desk import Bench
from tests.live.test_trader import command

FILL, MEETS, SEND = "event executed", "order meets_market", "call submit"


def flat(bench: Bench) -> None:
    command(bench, Action.FLAT)


def cancel(bench: Bench) -> None:
    command(bench, Action.CANCEL)


LOST = {
    "answer_lost_after_it_arrived": Drill(
        "an error or no answer to an order that arrived",
        "same",
        [on(SEND, "unknown", nth=2, done=True)],
    ),
    "answer_lost_before_it_arrived": Drill(
        "an error or no answer to an order that did not arrive",
        "same",
        [on(SEND, "unknown", nth=2, done=False)],
    ),
    "every_answer_lost": Drill(
        "no order is ever acknowledged", "same", [on(SEND, "unknown", done=True)]
    ),
    "submit_hangs_after_it_arrived": Drill(
        "the call hangs after the order arrived",
        "same",
        [on(SEND, "hang", nth=3, done=True)],
        timeout=0.01,
    ),
    "submit_hangs_before_it_arrived": Drill(
        "the call hangs before the order arrived",
        "same",
        [on(SEND, "hang", nth=3, done=False)],
        timeout=0.01,
    ),
    "link_lost_after_it_arrived": Drill(
        "the link is lost while sending, the order arrived",
        "same",
        [on(SEND, "disconnect", nth=3, done=True)],
    ),
    "link_lost_before_it_arrived": Drill(
        "the link is lost while sending, the order did not arrive",
        "same",
        [on(SEND, "disconnect", nth=3, done=False)],
    ),
    "order_not_visible_at_first": Drill(
        "an order that arrived cannot be seen at first",
        "same",
        [on(SEND, "unknown", nth=2, done=True), on("call find", "nothing", nth=1)],
    ),
    "asked_in_vain": Drill(
        "nobody answers what became of an order",
        "equal",
        [on(SEND, "unknown", nth=2, done=True), on("call find", "disconnect", nth=1)],
    ),
    "order_never_arrives": Drill(
        "no order ever arrives", "equal", [on(SEND, "unknown", done=False)]
    ),
}
TREATED = {
    "partial_fill": Drill("a partial fill", "equal", [on(MEETS, "part", percent=40)]),
    "fill_in_pieces": Drill("one fill in several executions", "equal", [on(MEETS, "split")]),
    "pieces_late_and_twice": Drill(
        "pieces of a fill late, twice and out of order",
        "equal",
        [on(MEETS, "split", parts=4), on(FILL, "repeat", nth=2), on(FILL, "late", nth=3, phases=1)],
    ),
    "halt_of_a_name": Drill("a name is halted", "equal", [on(MEETS, "halt", nth=2)]),
    "halt_of_every_name": Drill("every name is halted", "equal", [on(MEETS, "halt")]),
    "reject": Drill("an order is rejected", "equal", [on(SEND, "reject", nth=2, code="201")]),
    "every_order_rejected": Drill("every order is rejected", "equal", [on(SEND, "reject")]),
    "rejected_and_the_answer_lost": Drill(
        "an order is rejected and the answer is lost",
        "equal",
        [on(SEND, "reject", nth=2), on(SEND, "unknown", nth=2, done=True)],
    ),
}
CANCELLED = {
    "cancel_refused": Drill(
        "a cancellation is refused",
        "equal",
        [on("call cancel_all", "unconfirmed", nth=1)],
        {(2, "before_open"): cancel},
    ),
    "cancel_always_refused": Drill(
        "every cancellation is refused",
        "equal",
        [on("call cancel_all", "unconfirmed")],
        {(2, "before_open"): cancel},
    ),
    "cancel_answer_lost": Drill(
        "the answer to a cancellation is lost",
        "equal",
        [on("call cancel_all", "disconnect", nth=1, done=True)],
        {(2, "before_open"): cancel},
    ),
    "cancel_hangs": Drill(
        "a cancellation hangs",
        "equal",
        [on("call cancel_all", "hang", nth=1, done=False)],
        {(2, "before_open"): cancel},
        timeout=0.01,
    ),
    "cancel_too_late": Drill(
        "a cancellation comes when the order has filled and nobody said so",
        "equal",
        [on(FILL, "late", phases=1), on("event order_seen", "late", phases=1)],
        {(2, "open"): cancel},
    ),
    "fill_after_cancel": Drill(
        "an order fills after it was told as cancelled",
        "equal",
        [on("event order_seen", "says_cancelled")],
        {(2, "before_open"): cancel},
    ),
    "flat_while_fills_are_late": Drill(
        "FLAT while fills are late",
        "halted",
        [on(FILL, "late", phases=1)],
        {(2, "open"): flat},
    ),
    "flat_while_answers_are_lost": Drill(
        "FLAT while answers are lost",
        "halted",
        [on(SEND, "unknown", done=True), on("call cancel_all", "unconfirmed", nth=1)],
        {(2, "open"): flat},
    ),
}
DRILLS = {**LOST, **TREATED, **CANCELLED}


class TestExamples:
    @pytest.mark.parametrize("name", DRILLS)
    def test_it_ends_as_it_must(self, tmp_path, name):
        play(tmp_path / "once", DRILLS[name])

    @pytest.mark.parametrize("name", DRILLS)
    def test_with_a_restart_in_every_phase(self, tmp_path, name):
        play(tmp_path / "restarts", DRILLS[name], EVERYWHERE)
