"""The backtest job: settings -> parts -> run -> statistics -> folder of results.

1. :func:`_prepare` opens the data, builds strategy, universe, factors and market.
2. :func:`~quant_core.backtest_engine.run_backtest` trades the window.
3. :mod:`quant_core.jobs.run_papers` states metrics, manifest, assumptions and report.
4. :func:`~quant_core.reports.results.write_run` publishes the folder whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from quant_core.backtest_engine import RunWindow, find_window, run_backtest
from quant_core.data.universe import Universe
from quant_core.data.warehouse import Snapshot
from quant_core.foundation.language import Say
from quant_core.foundation.money import micros
from quant_core.foundation.settings import Settings
from quant_core.foundation.timing import monotonic_seconds
from quant_core.foundation.types import BoolArray
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.factor_source import SnapshotSource
from quant_core.jobs.factors import factor_panels, own_factors
from quant_core.jobs.progress import ProgressLine
from quant_core.jobs.run_papers import Stage, run_id, statistics_of, summary_text, write_papers
from quant_core.performance.benchmark import EQUAL_WEIGHT, benchmark_returns, benchmark_values
from quant_core.reports.results import refuse_unwritable
from quant_core.strategies import strategy_sections
from quant_core.trading.history import RunHistory
from quant_core.trading.schedule import scheduled_executions
from quant_core.trading_day import Brain, Market
from quant_core.wiring import (
    build_brain,
    build_panel,
    build_universe,
    check_symbols,
    delisting_rows,
    open_snapshot,
)

NO_BENCHMARK = "none"
BUFFERS = (0.0, 0.01, 0.02, 0.05)
"""Cash buffers under which the report repeats the run."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything a run needs, built from the settings."""

    settings: Settings
    snapshot: Snapshot
    universe: Universe | None
    brain: Brain
    market: Market
    window: RunWindow
    scheduled: BoolArray
    notes: tuple[str, ...]
    computed: tuple[str, ...]
    say: Say

    def run(self, brain: Brain, label: str) -> RunHistory:
        """Trade the window with ``brain``."""
        capital = micros(self.settings.backtest.capital)
        line = ProgressLine(label)
        return run_backtest(brain, self.market, self.window, self.scheduled, capital, line)

    def run_with_buffer(self, cash_buffer: float) -> RunHistory:
        """The same run under another cash buffer."""
        execution = replace(self.brain.execution, cash_buffer=cash_buffer)
        label = f"{self.say('Cash buffer')} {cash_buffer:.0%}"
        return self.run(replace(self.brain, execution=execution), label)


def run(request: Request) -> Outcome:
    """Run the backtest that the settings describe and write its folder."""
    started = monotonic_seconds()
    loaded = request.load(strategy_sections())
    output = Path(loaded.settings.report.output)
    refuse_unwritable(output)
    prepared = _prepare(loaded.settings, request)
    ready = monotonic_seconds()
    history = _with_benchmark(prepared, prepared.run(prepared.brain, request.say("Backtest")))
    traded = monotonic_seconds()
    notes = (*prepared.notes, *_benchmark_notes(prepared.settings, history, request.say))
    wants_report = loaded.settings.report.html and not request.arguments.no_report
    others = _other_buffers(prepared, history) if wants_report else []
    stage = Stage(
        loaded=loaded,
        snapshot=prepared.snapshot,
        universe=prepared.universe,
        history=history,
        notes=notes,
        buffers=tuple(others),
        language=request.language,
        seconds={"prepare": ready - started, "trade": traded - ready},
    )
    folder = output / run_id(stage)
    statistics = statistics_of(stage)
    document = write_papers(folder, stage, statistics, wants_report=wants_report)
    text = summary_text(document, stage, statistics, request.say)
    idle = () if history.fills else (request.say("nothing was traded in the whole run"),)
    computed = prepared.computed
    return Outcome(document, text, (*notes, *computed, *idle))


def _prepare(settings: Settings, request: Request) -> Prepared:
    snapshot = open_snapshot(settings)
    window = find_window(snapshot.axes.sessions, settings.backtest.start, settings.backtest.end)
    brain = build_brain(settings)
    check_symbols(brain.strategy, snapshot)
    universe = build_universe(settings, snapshot)
    notes = _notes(window, universe, request.say)
    line = ProgressLine(request.say("Factors"))
    own = own_factors(settings.factors)
    source = SnapshotSource(snapshot, universe)
    factors, done = factor_panels(source, brain.strategy.factors, own, line)
    computed = request.say("factors computed now and stored: {names}")
    panel = build_panel(snapshot, universe)
    sessions = snapshot.axes.sessions[window.first : window.last + 1]
    return Prepared(
        settings=settings,
        snapshot=snapshot,
        universe=universe,
        brain=brain,
        market=Market(panel, factors, delisting_rows(snapshot)),
        window=window,
        scheduled=scheduled_executions(sessions, settings.rebalance),
        notes=notes,
        computed=(computed.format(names=", ".join(done.computed)),) if done.computed else (),
        say=request.say,
    )


def _notes(window: RunWindow, universe: Universe | None, say: Say) -> tuple[str, ...]:
    """What had to be said about the window and the universe."""
    notes = [say(note) for note in window.notes]
    if universe is not None and universe.unknown:
        text = say(
            "{count} symbols of the universe are not in the dataset and cannot be traded: {names}"
        )
        shown = ", ".join(universe.unknown[:10])
        more = ", ..." if len(universe.unknown) > 10 else ""
        notes.append(text.format(count=len(universe.unknown), names=shown + more))
    return tuple(notes)


def _benchmark_notes(settings: Settings, history: RunHistory, say: Say) -> tuple[str, ...]:
    """What had to be said about a benchmark that begins after the run."""
    known = np.flatnonzero(np.isfinite(history.benchmark))
    if len(known) == 0 or known[0] == 0:
        return ()
    text = say("the benchmark {name} has no return before {day}; until then it counts as cash")
    name = settings.data.benchmark or say("equal weight of the universe")
    return (text.format(name=name, day=history.sessions[known[0]]),)


def _other_buffers(prepared: Prepared, history: RunHistory) -> list[tuple[float, RunHistory]]:
    """The run under each of :data:`BUFFERS`; the one it was made with is not repeated."""
    own = prepared.settings.execution.cash_buffer
    return [(b, history if b == own else prepared.run_with_buffer(b)) for b in BUFFERS]


def _with_benchmark(prepared: Prepared, history: RunHistory) -> RunHistory:
    name = prepared.settings.data.benchmark or EQUAL_WEIGHT
    if name == NO_BENCHMARK:
        return history
    window = prepared.window
    returns = benchmark_returns(prepared.market.panel, name, window.first, window.last)
    values = benchmark_values(returns, prepared.settings.backtest.capital)
    return replace(history, benchmark=values)
