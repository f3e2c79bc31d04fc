"""The crash drill: run small, shown to fail without the write-ahead, and its counting."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from quant_core.drills.crash_count import (
    Tally,
    departures,
    differences,
    key_of,
    read_broker,
    read_journal,
    tally,
)
from quant_core.drills.crash_market import small_world
from quant_core.drills.crash_moments import FURTHEST, Death, Doing, Marks, deaths
from quant_core.drills.crash_worker import Desk, trade
from quant_core.drills.worker_setup import BOOKS_FILE, LIVE_FOLDER
from quant_core.foundation.settings_live import LiveSettings
from quant_core.live.journal_entries import RiskStateChanged, WorkerStarted
from quant_core.live.journal_kinds import Mode, TradingState
from quant_core.live.journal_orders import (
    FillReceived,
    OrderAbsent,
    OrderAcknowledged,
    OrderIntent,
    OrderUnknown,
)
from quant_core.live.trader import JOURNAL_FOLDER

ROOT = Path(__file__).resolve().parents[2]
DIES_AFTER_AN_ORDER = 39
"""A seed whose first worker is killed when the exchange has an order, and no answer is noted."""


def run_drill(*words: str) -> tuple[int, dict[str, object]]:
    """The command in a process of its own: one of few threads may fork."""
    done = subprocess.run(
        [sys.executable, "-m", "quant_core", "drill", "crash", *words, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def no_marks() -> Marks:
    """Marks of a life that is left alone, without its pipe."""
    marks = Marks(None)
    os.close(marks._reading)
    os.close(marks._writing)
    return marks


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What one undisturbed worker left behind."""
    place = tmp_path_factory.mktemp("crash")
    trade(Desk(place, small_world(6, seed=1)), no_marks())
    return place


@pytest.fixture
def broker(folder):
    return read_broker(folder / BOOKS_FILE)


@pytest.fixture
def journal(folder):
    return read_journal(folder / LIVE_FOLDER / JOURNAL_FOLDER)


class TestExamples:
    def test_a_worker_that_is_killed_loses_and_doubles_nothing(self):
        code, told = run_drill("--kills", "16")
        assert code == 0 and told["passed"] is True
        assert (told["kills"], told["duplicates"], told["lost"]) == (16, 0, 0)
        assert told["journal_equals_broker"] is told["equals_undisturbed"] is True
        assert told["orders"] == told["intents"] - told["not_sent"] > 20
        assert sum(told[f"killed_{doing}"] for doing in Doing) == 16
        assert told["restarts"] > 8

    def test_without_the_write_ahead_the_same_drill_finds_duplicates(self):
        seed = ("--seed", f"{DIES_AFTER_AN_ORDER}")
        code, told = run_drill("--kills", "4", "--without-write-ahead", *seed)
        assert code == 1 and told["passed"] is False
        assert told["duplicates"] > 0
        assert told["write_ahead"] is False
        code, told = run_drill("--kills", "4", *seed)
        assert code == 0 and told["in_doubt_taken"] > 0

    def test_an_undisturbed_run_trades_every_day_and_counts_as_clean(self, journal, broker):
        found = tally(journal, broker, broker)
        assert found == Tally(intents=found.orders, orders=found.orders)
        assert len({key[0] for key in map(key_of, broker.orders)}) == 6
        assert {order.state.value for order in broker.orders} == {"filled", "expired"}
        assert differences(journal, broker) == departures(broker, broker) == []

    def test_tallies_add_up(self):
        assert Tally(1, 2, torn_lines=3) + Tally(4, 5, halts=6) == Tally(
            5, 7, torn_lines=3, halts=6
        )


class TestPlanted:
    """Each wrong thing, put into clean books, is counted."""

    def test_the_same_order_twice(self, journal, broker):
        twice = replace(broker.orders[3], number=901, broker_id="901")
        planted = replace(broker, orders=(*broker.orders, twice))
        assert tally(journal, planted, broker).duplicates == 1
        assert differences(journal, planted) and departures(planted, broker)

    def test_the_same_order_three_times_under_other_references(self, journal, broker):
        first = broker.orders[3]
        sent = replace(first.intent, reference=f"again-{first.intent.reference}")
        again = [replace(first, number=n, broker_id=f"{n}", intent=sent) for n in (901, 902)]
        planted = replace(broker, orders=(*broker.orders, *again))
        assert tally(journal, planted, broker).duplicates == 2
        assert tally(journal, planted, None).duplicates == 2

    @pytest.mark.parametrize("compared", [True, False])
    def test_an_order_the_exchange_never_saw(self, journal, broker, compared):
        planted = replace(broker, orders=broker.orders[1:])
        assert tally(journal, planted, broker if compared else None).lost == 1
        assert differences(journal, planted)

    def test_an_order_neither_side_has(self, journal, broker):
        gone = broker.orders[0]
        bodies = tuple(
            body
            for body in journal.bodies
            if getattr(body, "reference", None) != gone.intent.reference
        )
        silent = replace(journal, bodies=bodies)
        assert tally(silent, replace(broker, orders=broker.orders[1:]), broker).lost == 1

    def test_an_intent_that_was_given_up_is_not_lost(self, journal, broker):
        intent = next(body for body in journal.bodies if isinstance(body, OrderIntent))
        late = replace(intent, reference="late", purpose="exit")
        given_up = replace(journal, bodies=(*journal.bodies, late))
        found = tally(given_up, broker, None)
        assert (found.not_sent, found.lost) == (1, 0)
        assert found.intents == found.orders + 1

    def test_an_order_the_journal_does_not_know(self, journal, broker):
        stray = replace(broker.orders[0].intent, symbol="N9", reference="x-N9-buy-rebalance")
        order = replace(broker.orders[0], number=901, intent=stray)
        planted = replace(broker, orders=(*broker.orders, order))
        assert tally(journal, planted, broker).strays == 1

    @pytest.mark.parametrize(
        "plant",
        [
            lambda side: replace(side, cash_micros=side.cash_micros + 1),
            lambda side: replace(side, positions={**side.positions, "N1": 1}),
            lambda side: replace(side, executions=side.executions[:-1]),
            lambda side: replace(side, executions=(*side.executions, side.executions[0])),
            lambda side: replace(
                side,
                executions=(
                    replace(side.executions[0], price_micros=side.executions[0].price_micros + 1),
                    *side.executions[1:],
                ),
            ),
            lambda side: replace(
                side,
                orders=(
                    replace(side.orders[0], filled=side.orders[0].filled + 1),
                    *side.orders[1:],
                ),
            ),
        ],
    )
    def test_books_that_differ_by_the_least(self, journal, broker, plant):
        planted = plant(broker)
        assert differences(journal, planted)
        assert departures(planted, broker)

    def test_a_journal_that_was_altered(self, journal, broker):
        assert differences(replace(journal, problem="entry 3"), broker) == ["journal: entry 3"]

    def test_a_halt(self, journal, broker):
        halted = RiskStateChanged(TradingState.HALTED, "planted")
        assert tally(replace(journal, bodies=(*journal.bodies, halted)), broker, None).halts == 1

    def test_intents_in_doubt_and_what_the_broker_said(self, journal, broker):
        start = WorkerStarted("w", Mode.PAPER, "paper", "c", "s", 1)
        bodies = (
            *(OrderUnknown("a", ""), OrderUnknown("b", ""), start),
            *(OrderAcknowledged("a", "1"), OrderAbsent("b")),
            *(start, OrderAcknowledged("b", "2"), OrderUnknown("c", ""), start),
        )
        found = tally(replace(journal, bodies=bodies), broker, None)
        assert (found.restarts_in_doubt, found.in_doubt) == (2, 3)
        assert (found.in_doubt_taken, found.in_doubt_absent) == (1, 1)


class TestMoments:
    def test_the_mark_that_was_drawn_is_the_end(self, monkeypatch):
        killed: list[tuple[int, int]] = []
        monkeypatch.setattr(os, "kill", lambda *of: killed.append(of))
        marks = Marks(Death(Doing.TAKEN, 2, None))
        marks.begin()
        for at in (Doing.TAKEN, Doing.SENDING, Doing.TAKEN):
            assert killed == []
            marks.mark(at)
        assert killed == [(os.getpid(), signal.SIGKILL)]
        assert marks.last() is Doing.TAKEN
        os.close(marks._writing)

    def test_a_little_later_the_drill_is_asked_once(self):
        marks = Marks(Death(Doing.WRITING, 1, 0.002))
        for at in (Doing.STATE, Doing.WRITING, Doing.WRITING, Doing.FILLING):
            marks.mark(at)
        assert os.read(marks._reading, 9) == b"."
        os.write(marks._writing, b".")
        assert marks.wait() and marks.later == 0.002
        assert marks.last() is Doing.FILLING

    def test_every_kind_is_drawn_as_often_and_in_bounds(self):
        drawn = list(islice(deaths(random.Random(5)), 800))
        assert {at: sum(d.at is at for d in drawn) for at in Doing} == dict.fromkeys(Doing, 100)
        assert all(1 <= death.nth <= FURTHEST[death.at] for death in drawn)
        delays = sorted(death.later for death in drawn if death.later is not None)
        assert 300 < len(delays) < 500
        assert delays[0] < 1e-5 and delays[-1] > 1e-3

    def test_the_seed_of_the_example_dies_after_an_order(self):
        first = next(deaths(random.Random(DIES_AFTER_AN_ORDER)))
        assert first.at is Doing.TAKEN and first.later is None


class TestRefusals:
    def test_no_setting_reaches_the_write_ahead(self):
        """Only the desk, the worker's rules and the drills know the word."""
        named = {
            path.relative_to(ROOT).as_posix()
            for path in (*(ROOT / "quant_core").rglob("*"), *(ROOT / "config").rglob("*"))
            if path.suffix in (".py", ".yaml") and "write_ahead" in path.read_text("utf-8")
        }
        outside = {name for name in named if not name.startswith("quant_core/drills/")}
        assert outside == {
            "quant_core/jobs/drill.py",
            "quant_core/live/order_desk.py",
            "quant_core/live/trader.py",
            "quant_core/live/trader_parts.py",
        }
        assert "ahead" not in json.dumps(LiveSettings.model_json_schema()).replace("-", "_")


def test_a_fill_is_told_by_both_sides(journal, broker):
    fills = sum(isinstance(body, FillReceived) for body in journal.bodies)
    assert fills == len(broker.executions) > 20
