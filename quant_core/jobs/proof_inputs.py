"""What the certificates are made from: the run, and its market derived from other data.

:class:`ProofRun` holds a prepared run as the certificates see it. Its market under altered
data goes through the same factor engine, universe loader and wiring as the run's own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from quant_core.certificates.altered_data import (
    AlteredSnapshot,
    Cut,
    altered_universe,
    last_known_day,
)
from quant_core.certificates.implementation_band import Convention, TiesReversed
from quant_core.certificates.known_universe import universe_known_at
from quant_core.certificates.subject import Subject
from quant_core.data.universe import Universe
from quant_core.factors.evaluator import evaluate
from quant_core.factors.library import resolve
from quant_core.foundation.money import micros
from quant_core.foundation.settings import Settings
from quant_core.foundation.types import FloatMatrix
from quant_core.jobs.factor_source import SnapshotSource
from quant_core.jobs.factors import own_factors
from quant_core.jobs.prepared_run import Prepared
from quant_core.market import Market
from quant_core.trading.history import RunHistory
from quant_core.wiring import build_brain, build_facts, build_market, build_panel


@dataclass(frozen=True, slots=True)
class ProofRun:
    """A prepared run, ready to be traded under other data and other conventions."""

    prepared: Prepared

    @property
    def subject(self) -> Subject:
        """The run as the certificates see it; every run gets a strategy of its own."""
        prepared = self.prepared
        settings = prepared.settings
        return Subject(
            new_brain=lambda: build_brain(settings, prepared.snapshot),
            market=prepared.market,
            window=prepared.window,
            scheduled=prepared.scheduled,
            capital_micros=micros(settings.backtest.capital),
        )

    def derive(self, cut: Cut) -> Market:
        """The market of the data altered after ``cut``."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
            altered = AlteredSnapshot.of(self.prepared.snapshot, cut, Path(cache))
            universe = self._universe(cut)
            panel = build_panel(self.prepared.settings.data, altered, universe)
            panel = replace(panel, member=cut.flags(panel.member, "member"))
            factors = self._factors(SnapshotSource(altered, universe))
            facts = build_facts(self.prepared.settings, altered, panel)
        if facts.borrow is not None:
            facts = replace(facts, borrow=cut.numbers(facts.borrow, "borrow"))
        return Market(panel, factors, facts)

    def trade(self, convention: Convention) -> RunHistory:
        """The run under another convention of execution."""
        settings = with_convention(self.prepared.settings, convention)
        brain = build_brain(settings, self.prepared.snapshot)
        if convention.ties_reversed:
            brain = replace(brain, strategy=TiesReversed(brain.strategy))
        own = self.prepared.market
        market = build_market(settings, self.prepared.snapshot, own.panel, own.factors)
        return self.subject.trade(brain, market)

    def _universe(self, cut: Cut) -> Universe | None:
        """The universe as its file stood at the cut, and noise or nothing after it."""
        name, axes = self.prepared.settings.data.universe, self.prepared.snapshot.axes
        if name is None:
            return None
        known = universe_known_at(Path(name), axes, last_known_day(axes, cut))
        return altered_universe(known, cut)

    def _factors(self, source: SnapshotSource) -> Mapping[str, FloatMatrix]:
        """The strategy's factors, computed anew and not stored."""
        names = self.prepared.brain.strategy.factors
        own = own_factors(self.prepared.settings.factors)
        trees = [resolve(name, own).expression for name in names]
        return dict(zip(names, evaluate(trees, source), strict=True))


def with_convention(settings: Settings, convention: Convention) -> Settings:
    """The settings with the execution of a convention."""
    execution = settings.execution
    commission = execution.commission.model_copy(update=dict(convention.commission))
    changed = {**convention.execution, "commission": commission}
    return settings.model_copy(update={"execution": execution.model_copy(update=changed)})
