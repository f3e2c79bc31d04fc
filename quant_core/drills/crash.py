"""The crash drill: a worker that is killed again and again, and what it costs.

A worker trades a small market on the paper broker. It is ended by SIGKILL at random moments
(:mod:`quant_core.drills.crash_moments`) and started again on the same folder, many times,
in one folder after the other. In the end the broker's books are read by themselves and held
against the journal and against an undisturbed run (:mod:`quant_core.drills.crash_count`).

Most folders stand still while no worker is there, so that nothing may differ from the
undisturbed run. In every fourth the market goes on meanwhile: orders fill unseen, opens are
missed.

``write_ahead`` False is the same drill on a worker whose intents reach the journal only
after the broker has answered. Such a worker cannot tell an order of its own that it finds
at the broker from anybody else's: it is shown only those its journal names
(:class:`~quant_core.drills.crash_worker.NamelessBroker`), as on an account on which a person
trades as well. Were it shown the others too, it would halt at the first crash: not one order
twice, but every later one lost. Nothing else is taken away: references follow from what an
order is for, the broker is asked about orders of unknown fate, reconciliation still counts
orders of one reference and halts, too late, when it finds two. The flag is one of
:class:`~quant_core.live.trader.TraderRules`; no setting reaches it.
"""

from __future__ import annotations

import gc
import multiprocessing
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess

from quant_core.drills.crash_count import (
    BrokerSide,
    JournalSide,
    Tally,
    departures,
    differences,
    read_broker,
    read_journal,
    tally,
)
from quant_core.drills.crash_market import SmallWorld, small_world
from quant_core.drills.crash_moments import Death, Doing, Marks, deaths
from quant_core.drills.crash_worker import Desk, live, market_goes_on
from quant_core.drills.plan import DrillPlan, DrillResult, Figure
from quant_core.drills.worker_setup import BOOKS_FILE, LIVE_FOLDER
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.timing import monotonic_seconds
from quant_core.live.trader import JOURNAL_FOLDER

MOST_SESSIONS, LEAST_SESSIONS = 10, 5
MOVING_EVERY = 4
"""In every fourth folder the market goes on while no worker is there,"""
MOVING_CHANCE = 0.3
"""after so many of the kills."""

PROCESSES = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Chance:
    """What is left to chance: whether the market moves on, and when a worker dies."""

    moves: random.Random
    deaths: Iterator[Death]


@dataclass(slots=True)
class Found:
    """What the folders so far have shown."""

    total: Tally = field(default_factory=Tally)
    doing: Counter[Doing] = field(default_factory=Counter[Doing])
    kills: int = 0
    exactly: int = 0
    moved: int = 0
    folders: int = 0
    unequal: list[str] = field(default_factory=list[str])
    departed: list[str] = field(default_factory=list[str])


def drill(plan: DrillPlan) -> DrillResult:
    """Kill a worker ``plan.count`` times and count what it cost.

    Raises
    ------
    InvariantBroken
        If a worker ends by itself with an error.
    """
    begun, found = monotonic_seconds(), Found()
    chance = Chance(random.Random(plan.seed), deaths(random.Random(plan.seed)))
    world = small_world(min(max(plan.count // 4, LEAST_SESSIONS), MOST_SESSIONS), plan.seed)
    gc.freeze()  # so that the many children copy few pages
    try:
        undisturbed = _undisturbed(plan, world)
        while found.kills < plan.count:
            _one_folder(plan, world, undisturbed, chance, found)
    finally:
        gc.unfreeze()
    return _result(plan, found, monotonic_seconds() - begun)


def _undisturbed(plan: DrillPlan, world: SmallWorld) -> BrokerSide:
    """The broker's books after a run that nobody disturbs."""
    desk = Desk(plan.folder / "undisturbed", world)
    _live_until(desk, None)
    return _read_away(desk)[1]


def _one_folder(
    plan: DrillPlan,
    world: SmallWorld,
    undisturbed: BrokerSide,
    chance: Chance,
    found: Found,
) -> None:
    """Kill and start again on one folder until its market has ended; then count it."""
    desk = Desk(plan.folder / f"folder{found.folders}", world, plan.write_ahead)
    moving = found.folders % MOVING_EVERY == MOVING_EVERY - 1
    found.folders += 1
    while found.kills < plan.count:
        death = next(chance.deaths)
        killed = _live_until(desk, death)
        if killed is None:
            break
        found.kills += 1
        found.doing[killed] += 1
        found.exactly += death.later is None
        plan.progress(found.kills, plan.count)
        if moving and chance.moves.random() < MOVING_CHANCE:
            found.moved += 1
            _must_have_ended(_begun(lambda: market_goes_on(desk)))
    else:
        _live_until(desk, None)
    _count(desk, None if moving else undisturbed, found)


def _count(desk: Desk, undisturbed: BrokerSide | None, found: Found) -> None:
    journal, broker = _read_away(desk)
    found.total += tally(journal, broker, undisturbed)
    found.unequal += differences(journal, broker)
    found.departed += [] if undisturbed is None else departures(broker, undisturbed)


def _live_until(desk: Desk, death: Death | None) -> Doing | None:
    """One life; what the worker was about when it was killed, None if it ended by itself."""
    marks = Marks(death)
    process = _begun(lambda: live(desk, marks))
    if marks.wait():
        until = monotonic_seconds() + marks.later
        while monotonic_seconds() < until:
            pass  # shorter than any sleep
        process.kill()
    process.join()
    last = marks.last()
    if process.exitcode == -signal.SIGKILL:
        return last
    _must_have_ended(process)
    return None


def _begun(work: Callable[[], object]) -> BaseProcess:
    """A process that does ``work``: forked, so that it has everything loaded already."""
    process = PROCESSES.Process(target=work)
    process.start()
    return process


def _must_have_ended(process: BaseProcess) -> None:
    process.join()
    if process.exitcode != 0:
        raise InvariantBroken("the worker failed", found=f"exit code {process.exitcode}")


def _read_away(desk: Desk) -> tuple[JournalSide, BrokerSide]:
    """Both sides of a folder, which is then removed."""
    journal = read_journal(desk.folder / LIVE_FOLDER / JOURNAL_FOLDER)
    broker = read_broker(desk.folder / BOOKS_FILE)
    shutil.rmtree(desk.folder)
    return journal, broker


def _result(plan: DrillPlan, found: Found, seconds: float) -> DrillResult:
    total = found.total
    equal, same = not found.unequal, not found.departed
    clean = (total.duplicates, total.lost, total.strays, total.halts) == (0, 0, 0, 0)
    figures: dict[str, Figure] = {
        "kills": found.kills,
        "intents": total.intents,
        "orders": total.orders,
        "duplicates": total.duplicates,
        "lost": total.lost,
        "journal_equals_broker": equal,
        "equals_undisturbed": same,
        "not_sent": total.not_sent,
        "strays": total.strays,
        "halts": total.halts,
        "write_ahead": plan.write_ahead,
        "folders": found.folders,
        "restarts": total.restarts,
        "restarts_in_doubt": total.restarts_in_doubt,
        "in_doubt": total.in_doubt,
        "in_doubt_taken": total.in_doubt_taken,
        "in_doubt_absent": total.in_doubt_absent,
        "torn_lines": total.torn_lines,
        "market_moved_on": found.moved,
        "killed_at_a_mark": found.exactly,
        **{f"killed_{doing}": found.doing[doing] for doing in Doing},
        "seconds": round(seconds, 1),
        "first_problem": next(iter((*found.unequal, *found.departed)), None),
    }
    return DrillResult(clean and equal and same, figures)
