"""What a run needs, from its settings: data, universe, factors, market, brain, window.

Every command that trades a window (backtest, certificates, sweeps) starts here, so that
all of them trade the same thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from quant_core.backtest_engine import RunWindow, find_window, run_backtest
from quant_core.data.borrow_table import load_borrow_table
from quant_core.data.universe import Universe
from quant_core.data.warehouse import Snapshot
from quant_core.foundation.language import Say
from quant_core.foundation.money import micros
from quant_core.foundation.settings import Settings, ShortSettings
from quant_core.foundation.types import BoolArray
from quant_core.jobs.command_line import Request
from quant_core.jobs.factor_source import SnapshotSource
from quant_core.jobs.factors import factor_panels, own_factors
from quant_core.jobs.progress import ProgressLine
from quant_core.market import Market
from quant_core.trading.history import RunHistory
from quant_core.trading.schedule import scheduled_executions
from quant_core.trading_day import Brain
from quant_core.wiring import (
    build_brain,
    build_market,
    build_panel,
    build_universe,
    check_symbols,
    open_snapshot,
)


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
        """Trade the window with ``brain``, with a progress line."""
        return self.trade(brain=brain, progress=ProgressLine(label))

    def trade(
        self,
        *,
        brain: Brain | None = None,
        market: Market | None = None,
        capital: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> RunHistory:
        """Trade the window; what is not given is that of the settings.

        ``capital`` in currency units; ``progress`` is told (sessions done, in all).
        """
        return run_backtest(
            self.brain if brain is None else brain,
            self.market if market is None else market,
            self.window,
            self.scheduled,
            micros(self.settings.backtest.capital if capital is None else capital),
            progress,
        )

    def run_with_buffer(self, cash_buffer: float) -> RunHistory:
        """The same run under another cash buffer."""
        execution = replace(self.brain.execution, cash_buffer=cash_buffer)
        label = f"{self.say('Cash buffer')} {cash_buffer:.0%}"
        return self.run(replace(self.brain, execution=execution), label)


def prepare(settings: Settings, request: Request) -> Prepared:
    """Open the data and build everything that the run of ``settings`` needs.

    ``request`` gives the language of what is told; factors that are not yet stored are
    computed and stored.

    Raises
    ------
    DataError, UsageError, StrategyError
        If the dataset, the window, the universe or the strategy cannot be had.
    """
    snapshot = open_snapshot(settings)
    window = find_window(snapshot.axes.sessions, settings.backtest.start, settings.backtest.end)
    brain = build_brain(settings, snapshot)
    check_symbols(brain.strategy, snapshot)
    universe = build_universe(settings, snapshot)
    notes = _notes(window, universe, request.say)
    notes += _borrow_notes(settings.short, snapshot, request.say)
    line = ProgressLine(request.say("Factors"))
    own = own_factors(settings.factors)
    source = SnapshotSource(snapshot, universe)
    factors, done = factor_panels(source, brain.strategy.factors, own, line)
    computed = request.say("factors computed now and stored: {names}")
    panel = build_panel(settings.data, snapshot, universe)
    sessions = snapshot.axes.sessions[window.first : window.last + 1]
    return Prepared(
        settings=settings,
        snapshot=snapshot,
        universe=universe,
        brain=brain,
        market=build_market(settings, snapshot, panel, factors),
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


def _borrow_notes(short: ShortSettings, snapshot: Snapshot, say: Say) -> tuple[str, ...]:
    """What a borrow table leaves open: sessions in which nobody lends, names nobody knows."""
    if not short.allowed or short.borrow_table is None:
        return ()
    table = load_borrow_table(Path(short.borrow_table), snapshot.axes)
    notes: list[str] = []
    if table.holes:
        text = say(
            "the borrow table has {count} holes in which nobody lends; a short position is "
            "bought back when one begins: {names}"
        )
        names = ", ".join(f"{hole.symbol} {hole.start}" for hole in table.holes[:5])
        notes.append(text.format(count=len(table.holes), names=names))
    if table.unknown:
        text = say("{count} symbols of the borrow table are not in the dataset: {names}")
        names = ", ".join(table.unknown[:10])
        notes.append(text.format(count=len(table.unknown), names=names))
    return tuple(notes)
