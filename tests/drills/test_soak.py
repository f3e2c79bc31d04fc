"""The soak finds what grows, and a worker that does not grow passes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from quant_core.drills import soak as drill_module
from quant_core.drills.plan import DrillPlan, DrillResult
from quant_core.drills.soak import soak
from quant_core.drills.soak_figures import MEBIBYTE, Bounds, Found, Sample
from quant_core.drills.soak_worker import CAPITAL_MICROS
from quant_core.drills.worker_setup import LIVE_FOLDER
from quant_core.live.journal import read
from quant_core.live.journal_entries import Body, Noted
from quant_core.live.journal_orders import FillReceived
from quant_core.live.trader import JOURNAL_FOLDER, Trader
from quant_core.live.worker_state import WorkerState

SESSIONS = 12
SMALL = Bounds(segment=64 * 1024, slower=1e9)
"""No time decides a test; the bound on times is tested on numbers that are given."""


def small_soak(folder: Path, bounds: Bounds = SMALL) -> DrillResult:
    """A dozen sessions of a few names."""
    plan = DrillPlan(folder=folder, count=SESSIONS, seed=3, progress=lambda *_: None)
    return soak(plan, bounds, names=40, held=6)


@pytest.fixture(autouse=True)
def _no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is about power cuts: fsync is skipped, to have more sessions in the time."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def kept() -> Iterator[list[object]]:
    """Where a leak puts what it never lets go; let go after the test."""
    things: list[object] = []
    yield things
    for thing in things:
        if isinstance(thing, int):
            os.close(thing)
        if isinstance(thing, Event):
            thing.set()


def at_every_step(monkeypatch: pytest.MonkeyPatch, leak: Callable[[Trader], object]) -> None:
    """Let something happen at every step of the worker."""
    step = Trader.step

    async def leaking(trader: Trader) -> None:
        leak(trader)
        await step(trader)

    monkeypatch.setattr(Trader, "step", leaking)


def waiting_thread(kept: list[object]) -> None:
    """A thread that ends with the test."""
    end = Event()
    kept.append(end)
    Thread(target=end.wait, daemon=True).start()


class TestExamples:
    def test_a_worker_does_not_grow(self, tmp_path):
        result = small_soak(tmp_path)
        assert result.passed, result.figures["missed"]
        assert result.figures["sessions"] == SESSIONS
        assert result.figures["fills"] > 5 * SESSIONS
        assert result.figures["commands"] == 1
        assert result.figures["journal_files"] > 2

    def test_old_orders_are_put_away_and_nothing_else(self, tmp_path):
        small_soak(tmp_path)
        whole, short = WorkerState(CAPITAL_MICROS), WorkerState(CAPITAL_MICROS, 3)
        told: list[Body] = []
        for entry in read(tmp_path / LIVE_FOLDER / JOURNAL_FOLDER):
            whole.take(entry)
            short.take(entry)
            told.append(entry.body)
        kept = {day.session for day in whole.days[-3:]}
        assert short.orders == {n: o for n, o in whole.orders.items() if o.intent.session in kept}
        assert 0 < len(short.orders) < len(whole.orders)
        assert (short.days, short.book) == (whole.days[-3:], whole.book)
        assert short.sessions_closed == whole.sessions_closed == SESSIONS
        moves = [body for body in told if isinstance(body, FillReceived)]
        assert {m.execution for m in moves if m.execution in whole.seen} == {
            m.execution for m in moves
        }
        assert {m.execution for m in moves if m.execution in short.seen} == {
            m.execution for m in moves if m.session in kept
        }
        (session, *_) = kept
        assert short.orders_of(session) == whole.orders_of(session) != []

    def test_the_drill_is_the_soak_with_files_of_a_mebibyte(self, tmp_path, monkeypatch):
        asked: list[Bounds] = []
        monkeypatch.setattr(drill_module, "soak", lambda _, bounds: asked.append(bounds))
        drill_module.drill(DrillPlan(folder=tmp_path, count=1, seed=1, progress=print))
        assert asked == [Bounds(segment=MEBIBYTE)]


class TestRefusals:
    """What is planted is found, and nothing else with it."""

    @pytest.mark.parametrize(
        ("leak", "told"),
        [
            (lambda kept: kept.append(b"x" * MEBIBYTE), "memory grew"),
            (lambda kept: kept.append(os.open(__file__, os.O_RDONLY)), "open files"),
            (waiting_thread, "threads"),
        ],
    )
    def test_what_the_process_keeps(self, tmp_path, monkeypatch, kept, leak, told):
        at_every_step(monkeypatch, lambda _: leak(kept))
        result = small_soak(tmp_path)
        assert not result.passed
        missed = str(result.figures["missed"]).split("; ")
        assert any(each.startswith(told) for each in missed)

    def test_what_the_journal_is_told_more_and_more(self, tmp_path, monkeypatch):
        texts: list[str] = []

        def tell(trader: Trader) -> None:
            texts.append("and more" * 20)
            trader._chronicle.record([Noted("leak", " ".join(texts))])

        at_every_step(monkeypatch, tell)
        missed = str(small_soak(tmp_path).figures["missed"])
        assert missed.startswith("journal of a session")

    def test_a_state_that_tells_all_of_history(self, tmp_path):
        missed = str(small_soak(tmp_path, replace(SMALL, state=2_000)).figures["missed"])
        assert missed.startswith("a state of ")


def samples(count: int = 50, **grown: Callable[[int], float]) -> list[Sample]:
    """Samples of a worker that does not grow but in what is named."""
    flat = Sample(
        memory_bytes=100 * MEBIBYTE,
        handles=12,
        threads=1,
        journal_bytes=0,
        largest_segment=1000,
        state_bytes=5000,
        outcomes=0,
        books_bytes=0,
        step_ms=2.0,
        session_ms=100.0,
    )
    made = [replace(flat, journal_bytes=90_000 * n, books_bytes=90_000 * n) for n in range(count)]
    return [
        replace(sample, **{name: value(n) for name, value in grown.items()})
        for n, sample in enumerate(made)
    ]


class TestBounds:
    def test_nothing_grows(self):
        assert Found(samples()).missed(Bounds()) == []

    @pytest.mark.parametrize(
        ("name", "within", "beyond", "told"),
        [
            ("memory_bytes", 0.05, 0.06, "memory grew by 2.3 MiB, at most 2.0 MiB"),
            ("handles", 0, 0.03, "open files: 12, then 13"),
            ("threads", 0, 0.03, "threads: 1, then 2"),
            ("state_bytes", 40, 60, "a state of 5,870 bytes, then 7,670"),
            ("outcomes", 1, 1.05, "51 outcomes of commands, at most 50"),
            ("step_ms", 0.03, 0.05, "a step took 2.725 ms, then 4.225 ms"),
            ("session_ms", 1, 3, "a session took 143.500 ms, then 233.500 ms"),
        ],
    )
    def test_what_grows_with_every_session(self, name, within, beyond, told):
        unit = MEBIBYTE if name == "memory_bytes" else 1
        start = getattr(samples()[0], name)
        whole = name not in ("step_ms", "session_ms")

        def grown(slope: float) -> list[Sample]:
            def at(n: int) -> float:
                return start + (int(slope * n * unit) if whole else slope * n)

            return samples(**{name: at})

        assert Found(grown(within)).missed(Bounds()) == []
        assert Found(grown(beyond)).missed(Bounds()) == [told]

    @pytest.mark.parametrize("name", ["journal_bytes", "books_bytes"])
    def test_files_that_grow_faster_and_faster(self, name):
        begin, (told,) = (
            90_000,
            Found(samples(**{name: lambda n: 90_000 * n + n**3 * 10})).missed(Bounds()),
        )
        assert name.removesuffix("_bytes") in told and f"{begin:,}" not in told
        (told,) = Found(samples(**{name: lambda n: 300_000 * n})).missed(Bounds())
        assert "at most 262,144" in told

    def test_a_number_that_is_not_known_is_not_within(self):
        missed = Found(samples(step_ms=lambda _: float("nan"))).missed(Bounds())
        assert missed == ["a step took nan ms, then nan ms"]
