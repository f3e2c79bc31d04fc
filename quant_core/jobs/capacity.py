"""The capacity curve: the same run with more and with less capital.

Every run takes at most the participation cap of a session's volume and pays for the share it
takes; see :func:`capacity_settings`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace

from quant_core.foundation.settings import LARGEST_CAPITAL, Settings
from quant_core.jobs.prepared_run import Prepared
from quant_core.jobs.progress import ProgressLine
from quant_core.performance.capacity import CapacityPoint, capacity_capitals, capacity_point
from quant_core.trading.history import RunHistory
from quant_core.wiring import build_brain, build_market

USUAL_CAP = 0.1
"""Share of a session's volume taken at most where the settings name none."""

USUAL_COEFFICIENT = 1.0
"""Of the square-root impact: of order one in the sources of :mod:`quant_core.trading.impact`."""


def run_capacity(
    prepared: Prepared, history: RunHistory, periods_per_year: int
) -> tuple[CapacityPoint, ...]:
    """The points of the curve, ascending; none for a dataset without volume.

    ``history`` is the run as traded; it is used again where it was made under the same rules.
    """
    if "volume" not in prepared.snapshot.fields:
        return ()
    settings = capacity_settings(prepared.settings)
    rules = build_brain(settings, prepared.snapshot)
    brain = replace(prepared.brain, execution=rules.execution)
    panel, factors = prepared.market.panel, prepared.market.factors
    market = build_market(settings, prepared.snapshot, panel, factors)
    own = prepared.settings.backtest.capital
    growth = int(history.equity_micros.max()) / history.starting_capital_micros
    capitals = capacity_capitals(own, growth, LARGEST_CAPITAL)
    line = ProgressLine(prepared.say("Capacity"))
    points: list[CapacityPoint] = []
    for number, capital in enumerate(capitals, start=1):
        same = capital == own and settings == prepared.settings
        run = history if same else prepared.trade(brain=brain, market=market, capital=capital)
        rate = prepared.settings.backtest.risk_free_rate
        points.append(capacity_point(run, rate, periods_per_year))
        line(number, len(capitals))
    return tuple(points)


def capacity_settings(settings: Settings) -> Settings:
    """The settings of a run that pays for its size.

    A participation cap, and an impact that grows with the size of the order, stay as they
    are; otherwise they are :data:`USUAL_CAP` and the square-root model with the coefficient of
    the settings (:data:`USUAL_COEFFICIENT` where that is 0) and the spread of a half-spread
    model.
    """
    execution, impact = settings.execution, settings.execution.impact
    cap = USUAL_CAP if execution.participation_cap is None else execution.participation_cap
    if impact.model in ("none", "half_spread"):
        changes = {
            "model": "square_root",
            "spread": 0.0 if impact.model == "none" else impact.spread,
            "coefficient": impact.coefficient or USUAL_COEFFICIENT,
        }
        impact = impact.model_copy(update=changes)
    changed = execution.model_copy(update={"participation_cap": cap, "impact": impact})
    return settings.model_copy(update={"execution": changed})


def capacity_document(points: Sequence[CapacityPoint]) -> list[dict[str, float | int | None]]:
    """The curve as plain values; a number that does not exist is null."""
    return [
        {name: value if math.isfinite(value) else None for name, value in asdict(point).items()}
        for point in points
    ]
