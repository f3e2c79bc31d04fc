"""The worlds of a sweep: markets that combinations share, opened once.

Combinations share a market when they differ only in what the strategy, the schedule and the
execution do with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from quant_core.backtest_engine import RunWindow, find_window
from quant_core.data.warehouse import Snapshot
from quant_core.foundation.errors import DataRefused, QuantError
from quant_core.foundation.money import micros
from quant_core.foundation.settings import Settings
from quant_core.foundation.types import FloatMatrix
from quant_core.jobs.factor_source import SnapshotSource
from quant_core.jobs.factors import factor_panels, own_factors
from quant_core.strategies import create_strategy
from quant_core.sweeps.rankings import Rankings
from quant_core.sweeps.trials import Trial, World
from quant_core.trading.schedule import scheduled_executions
from quant_core.wiring import (
    build_brain,
    build_market,
    build_panel,
    build_universe,
    check_symbols,
    open_snapshot,
)

OF_THE_TRADER = (
    "cash_buffer",
    "slippage",
    "lot",
    "participation_cap",
    "delisting_return",
    "commission",
)
"""Execution settings that do not change the market."""


@dataclass(frozen=True, slots=True)
class WorldPlan:
    """What a process needs to open a world: settings, factors, and how deep to rank."""

    settings: Settings
    factors: tuple[str, ...]
    depth: int
    version: str


class WorldKeys:
    """What the market of a run depends on, as text: equal texts, one market.

    Combinations share most of their sections, so a text is made once for the same sections.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], tuple[tuple[object, ...], str]] = {}

    def of(self, settings: Settings) -> str:
        """The text for ``settings``."""
        parts = (settings.data, settings.short, settings.factors)
        sections = (*parts, settings.execution, settings.backtest)
        same = tuple(map(id, sections))
        if same not in self._known:
            execution = settings.execution.model_dump(mode="json", exclude=set(OF_THE_TRADER))
            span = (settings.backtest.start, settings.backtest.end)
            # The sections are kept, so that no other object takes the place of one of them.
            self._known[same] = (sections, repr((parts, span, execution)))
        return self._known[same][1]


def plan_world(members: Sequence[Settings]) -> tuple[WorldPlan, dict[tuple[str, ...], QuantError]]:
    """The plan of a world for its combinations, with its factors computed and stored.

    Sets of factors that the dataset cannot give come back with their reason.
    """
    settings = members[0]
    snapshot = open_snapshot(settings)
    source = SnapshotSource(snapshot, build_universe(settings, snapshot))
    own = own_factors(settings.factors)
    wanted: list[str] = []
    failed: dict[tuple[str, ...], QuantError] = {}
    for names in dict.fromkeys(factors_of(member) for member in members):
        try:
            factor_panels(source, names, own, _silent)
            wanted += names
        except QuantError as error:
            failed[names] = error
    depth = max(member.strategy.top_k for member in members)
    return WorldPlan(settings, tuple(dict.fromkeys(wanted)), depth, snapshot.version), failed


def factors_of(settings: Settings) -> tuple[str, ...]:
    """The factors a combination reads; none where its strategy cannot even be made."""
    try:
        return create_strategy(settings.strategy).factors
    except QuantError:
        return ()


def open_world(plan: WorldPlan) -> World:
    """The market of a plan, with the stored values of its factors.

    Raises
    ------
    DataRefused
        If the dataset has changed since it was planned.
    """
    settings = plan.settings
    snapshot = open_snapshot(settings)
    if snapshot.version != plan.version:
        raise DataRefused(
            "the dataset changed while the sweep ran",
            expected=plan.version,
            found=snapshot.version,
            where=f"dataset {snapshot.dataset}",
            fix="start the sweep again",
        )
    universe = build_universe(settings, snapshot)
    source = SnapshotSource(snapshot, universe)
    factors: Mapping[str, FloatMatrix] = factor_panels(
        source, plan.factors, own_factors(settings.factors), _silent
    )[0]
    panel = build_panel(settings.data, snapshot, universe)
    window = find_window(snapshot.axes.sessions, settings.backtest.start, settings.backtest.end)
    market = build_market(settings, snapshot, panel, factors)
    return World(market, window, partial(_trial, snapshot, window), Rankings(plan.depth))


def _trial(snapshot: Snapshot, window: RunWindow, settings: Settings) -> Trial:
    """What a combination trades with in a world."""
    brain = build_brain(settings, snapshot)
    check_symbols(brain.strategy, snapshot)
    sessions = snapshot.axes.sessions[window.first : window.last + 1]
    return Trial(
        brain=brain,
        scheduled=scheduled_executions(sessions, settings.rebalance),
        capital_micros=micros(settings.backtest.capital),
        risk_free_rate=settings.backtest.risk_free_rate,
    )


def _silent(_: int, __: int) -> None:
    """Progress is told by combination, not by factor."""
