"""Random worlds, and faults that change no fill: the backtest all the same, to the micro."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.market import Market
from quant_core.risk.breakers import RiskRules
from quant_core.risk.margin import MarginRules
from quant_core.trading_day import Brain
from tests.engine.market_strategies import ScriptedStrategy
from tests.engine.reference_account import m
from tests.engine.whole_worlds import answer, decisions, execution_rules, facts_of, terms, worlds
from tests.live.fault_desk import Drill, Place, Run, on
from tests.live.small_desk import World
from tests.live.test_parity import difference

ACCOUNT = ("account_changed", "due_paid", "fraction_paid")
HARMLESS = (
    *(on(f"event {name}", "repeat", chance=0.4, times=2) for name in ("executed", *ACCOUNT)),
    *(on("event order_seen", do, chance=0.4) for do in ("repeat", "drop", "late")),
    on("event executed", "commission_first", chance=0.5),
    on("event executed", "commission_after", chance=0.5),
    on("event notice", "drop"),
    *(
        on(f"phase {phase}", "disconnect", chance=0.5, roll_back=3)
        for phase in ("open", "close", "after_close")
    ),
    on("call submit", "unknown", nth=2, done=True),
)


@st.composite
def everything(draw) -> World:
    """A world with every kind of action, cost and constraint in it."""
    drawn = draw(worlds())
    rows, columns = len(drawn.close), len(drawn.close[0])
    may_short = draw(st.booleans())
    table, rules = draw(decisions(rows, columns, may_short)), draw(terms(may_short))
    panel = MarketPanel(
        Axes(np.array(drawn.days, dtype="datetime64[D]"), tuple(f"S{s}" for s in range(columns))),
        np.array(drawn.price) if drawn.at_open else np.full_like(drawn.price, 1.0),
        np.array(drawn.close),
        np.array(drawn.volume),
        np.array(drawn.member, dtype=bool),
    )
    brain = Brain(
        ScriptedStrategy(lambda row: answer(table[row], may_short), panel),
        execution_rules(rules),
        RiskRules(rules.max_pos_weight, rules.stop_loss_pct, rules.max_drawdown_pct, None),
        MarginRules(may_short, rules.initial, rules.maintenance, debit_rate=rules.debit_rate),
    )
    scheduled = np.array(draw(st.lists(st.booleans(), min_size=rows - 1, max_size=rows - 1)))
    return World(Market(panel, {}, facts_of(drawn)), brain, 1, rows - 1, scheduled, m(100_000.0))


PLACES = st.tuples(st.integers(1, 6), st.sampled_from(("open", "close", "after_close")))


class TestProperties:
    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a shrink takes minutes
    )
    @given(
        everything(),
        st.lists(st.sampled_from(HARMLESS), max_size=5),
        st.lists(PLACES, max_size=2, unique=True),
    )
    def test_any_world_with_harmless_faults(self, world, chosen, restarts):
        found, refused = played(world, chosen, restarts)
        assert found is None or refused, found


def played(world: World, faults: Sequence[dict], restarts: Sequence[Place]) -> tuple:
    """What distinguishes a run from the backtest, and the limits that refused orders."""
    with tempfile.TemporaryDirectory() as place:
        left = Run(Path(place), Drill("any", "same", faults), restarts, world).whole()
        found = difference(world, Path(place))
    return found, {a.key for a in left.bench.alerts if a.key.startswith("limit:")}
