"""Random scenarios of every fault there is, with restarts and commands in between."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from quant_core.brokers.paper.scenario import ACTIONS, SNAPSHOT_PARTS, parse_scenario
from quant_core.live.commands import Action
from tests.live.fault_check import problems
from tests.live.fault_desk import PHASES, Drill, Place, Run
from tests.live.small_desk import plain_world
from tests.live.test_trader import command

SESSIONS = 4
VALUES = {
    "done": st.booleans(),
    "times": st.integers(1, 3),
    "events": st.integers(0, 4),
    "phases": st.integers(0, 6),
    "parts": st.integers(2, 4),
    "percent": st.integers(0, 99),
    "refuse": st.integers(0, 3),
    "roll_back": st.integers(0, 6),
    "seconds": st.just(0.001),
    "code": st.just("201"),
    "missing": st.lists(st.sampled_from(SNAPSHOT_PARTS), min_size=1, max_size=2, unique=True),
}
PLACES = st.tuples(st.integers(1, SESSIONS), st.sampled_from(PHASES))


@st.composite
def faults(draw) -> dict[str, object]:
    """Any fault that a scenario can have, with any parameters."""
    kind, do = draw(st.sampled_from(sorted(ACTIONS)))
    names, parameters = ACTIONS[kind, do]
    when = draw(
        st.one_of(
            st.fixed_dictionaries({"nth": st.integers(1, 12)}),
            st.fixed_dictionaries({"nth": st.integers(1, 4), "session": st.just("every")}),
            st.fixed_dictionaries({"chance": st.sampled_from([0.1, 0.5, 1.0])}),
        )
    )
    given_ = {name: draw(VALUES[name]) for name in parameters}
    return {"on": kind, "name": draw(st.sampled_from(names)), "do": do, **given_, **when}


def acts() -> st.SearchStrategy[dict[Place, object]]:
    send = st.sampled_from([Action.FLAT, Action.CANCEL]).map(
        lambda action: lambda bench: command(bench, action) and None
    )
    return st.dictionaries(PLACES, send, max_size=1)


class TestProperties:
    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a shrink takes minutes
    )
    @given(st.lists(faults(), max_size=5), st.lists(PLACES, max_size=3, unique=True), acts())
    def test_equal_or_halted_and_nothing_twice(self, chosen, restarts, commands):
        drill = Drill("any", "any", chosen, commands, timeout=0.01)
        parse_scenario(drill.scenario)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            left = Run(folder, drill, restarts, plain_world(SESSIONS + 1)).whole()
            found = problems(folder, left.bench.world.capital_micros)
            assert not found, (found, left.told)
