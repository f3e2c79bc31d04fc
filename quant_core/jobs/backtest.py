"""The backtest job: settings -> parts -> run -> statistics -> folder of results.

1. :mod:`quant_core.jobs.prepared_run` opens the data and builds strategy and market.
2. :func:`~quant_core.backtest_engine.run_backtest` trades the window.
3. :mod:`quant_core.jobs.capacity` and, when asked for, :mod:`quant_core.jobs.gap_stress`
   trade it again with other capital and other prices.
4. :mod:`quant_core.jobs.run_papers` states metrics, manifest, assumptions and report.
5. :func:`~quant_core.reports.results.write_run` publishes the folder whole.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from quant_core.backtest_engine import expect_many_runs
from quant_core.foundation.language import Say
from quant_core.foundation.settings import Settings
from quant_core.foundation.timing import monotonic_seconds
from quant_core.jobs.capacity import run_capacity
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.gap_stress import StressPlan, read_plan, run_gap_stress
from quant_core.jobs.prepared_run import Prepared, prepare
from quant_core.jobs.run_papers import (
    PERIODS_PER_YEAR,
    MoreRuns,
    Stage,
    run_id,
    statistics_of,
    summary_text,
    write_papers,
)
from quant_core.performance.benchmark import EQUAL_WEIGHT, benchmark_returns, benchmark_values
from quant_core.reports.results import refuse_unwritable
from quant_core.strategies import strategy_sections
from quant_core.trading.history import RunHistory

NO_BENCHMARK = "none"
BUFFERS = (0.0, 0.01, 0.02, 0.05)
"""Cash buffers under which the report repeats the run."""


def run(request: Request) -> Outcome:
    """Run the backtest that the settings describe and write its folder."""
    started = monotonic_seconds()
    loaded = request.load(strategy_sections())
    settings = loaded.settings
    plan = read_plan(request.arguments, settings.random_seed, settings.execution.slippage)
    output = Path(settings.report.output)
    refuse_unwritable(output)
    prepared = prepare(settings, request)
    wants_report = settings.report.html and not request.arguments.no_report
    if wants_report or plan is not None:
        expect_many_runs(prepared.brain, prepared.market, compiling=plan is not None)
    ready = monotonic_seconds()
    history = _with_benchmark(prepared, prepared.run(prepared.brain, request.say("Backtest")))
    traded = monotonic_seconds()
    stage = Stage(
        loaded=loaded,
        snapshot=prepared.snapshot,
        universe=prepared.universe,
        history=history,
        notes=(*prepared.notes, *_benchmark_notes(settings, history, request.say)),
        language=request.language,
        seconds={"prepare": ready - started, "trade": traded - ready},
    )
    statistics = statistics_of(stage)
    folder = output / run_id(stage)
    if plan is not None:
        # The run itself is safe in its folder before the long stress begins.
        write_papers(folder, stage, statistics, wants_report=False)
    stage = replace(stage, more=_more_runs(prepared, history, plan, wants_report=wants_report))
    document = write_papers(folder, stage, statistics, wants_report=wants_report)
    text = summary_text(document, stage, statistics, request.say)
    idle = () if history.fills else (request.say("nothing was traded in the whole run"),)
    return Outcome(document, text, (*stage.notes, *prepared.computed, *idle))


def _more_runs(
    prepared: Prepared, history: RunHistory, plan: StressPlan | None, *, wants_report: bool
) -> MoreRuns:
    """What the report and the stress compare the run with."""
    stress = None if plan is None else run_gap_stress(prepared, history, plan)
    if not wants_report:
        return MoreRuns(gap_stress=stress)
    buffers = _other_buffers(prepared, history)
    return MoreRuns(tuple(buffers), run_capacity(prepared, history, PERIODS_PER_YEAR), stress)


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
