"""The compiled loop equals the readable one to the micro, in every field of the history."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.backtest_engine import RunWindow, run_backtest, run_compiled, run_readable
from quant_core.foundation.errors import InvariantBroken, StrategyError
from quant_core.market import Market, MarketFacts
from quant_core.risk.breakers import RiskRules
from quant_core.trading.actions import Dividend, Rename, Rights, Split
from quant_core.trading.costs import PUBLISHED
from quant_core.trading.fees import DatedFees, rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.impact import ImpactModel, almgren_impact
from quant_core.trading.target import Flat, Hold, Weights
from quant_core.trading_day import Brain
from tests.engine.market_strategies import ScriptedStrategy, markets, small_panel


class Foretold(ScriptedStrategy):
    """Answers from a table without a look at the book."""

    reads_book = False

    def decide(self, view, book):
        return self._answer(self._rows[view.session])


def differences(one, other):
    """Names of the fields of two histories that differ, with what they hold."""
    found = []
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if dataclasses.is_dataclass(a):
            found += [f"{field.name}.{text}" for text in differences(a, b)]
        elif isinstance(a, np.ndarray):
            if a.dtype != b.dtype or not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
                found.append(f"{field.name}: {a.tolist()} != {b.tolist()}")
        elif a != b:
            pairs = itertools.zip_longest(a, b)
            found.append(f"{field.name}: {next(p for p in pairs if p[0] != p[1])}")
    return found


def outcome(run, *arguments):
    """A history, or the text of the refusal."""
    try:
        return run(*arguments)
    except (InvariantBroken, StrategyError) as refused:
        return str(refused)


FEES = (
    rate_fees(0.0, 0),
    rate_fees(0.001, 1_000_000),
    PUBLISHED["ibkr_fixed"],
    PUBLISHED["ibkr_tiered"],
    PUBLISHED["cn_ashare"],
    DatedFees(((date(2024, 1, 1), rate_fees(0.02, 0)), (date(2024, 1, 5), rate_fees(0.0, 7)))),
)
IMPACTS = (
    None,
    None,
    ImpactModel("half_spread", spread=0.01),
    ImpactModel("square_root", spread=0.001, coefficient=1.0),
    almgren_impact(0.001),
)


@st.composite
def brains(draw, strategy):
    pick = st.sampled_from
    return Brain(
        strategy,
        ExecutionRules(
            draw(pick([0.0, 0.02, 0.5])),
            draw(pick([0.0, 0.0005, 0.05])),
            draw(pick([1, 1, 10, 100])),
            draw(pick([None, None, 0.1])),
            draw(pick([0.0, -0.3, -1.0, 0.5])),
            draw(pick(FEES)),
            draw(pick(IMPACTS)),
            draw(st.booleans()),
        ),
        RiskRules(
            draw(pick([None, 0.3])),
            draw(pick([None, 0.05])),
            draw(pick([None, 0.1])),
            draw(pick([None, 0, 1, 3])),
        ),
    )


@st.composite
def answers(draw, rows, columns):
    """For each row: weights that sum to at most 1, hold, or flat."""
    table = []
    for _ in range(rows):
        kind = draw(st.integers(0, 9))
        if kind < 2:
            table.append(Hold("nothing to say") if kind else Flat("away"))
            continue
        parts = draw(st.lists(st.integers(0, 10), min_size=columns, max_size=columns))
        total = max(sum(parts), draw(st.integers(1, 20)))
        table.append(Weights({f"S{s}": p / total for s, p in enumerate(parts) if p or kind == 3}))
    return table


@st.composite
def corporate(draw, rows, columns):
    """Some actions by row, in the order in which a day applies them."""
    symbols = st.integers(0, columns - 1).map(lambda i: f"S{i}")
    money = st.sampled_from([0, 1, 250_000, 1_500_000])
    kinds = [
        st.builds(Dividend, symbols, money, st.integers(0, rows + 3)),
        st.builds(Rights, symbols, st.sampled_from([0.3, 1.0, 2.5]), money),
        st.builds(Split, symbols, st.sampled_from([2.0, 0.5, 1.5, 1 / 3, 0.01, 1.0])),
    ]
    days = draw(st.lists(st.integers(0, rows - 1), max_size=6))
    acts = {row: draw(st.lists(st.one_of(kinds), max_size=3)) for row in days}
    for row, chosen in acts.items():
        names = draw(st.permutations(range(columns)))[: draw(st.integers(0, 3))]
        chosen += [Rename(f"S{a}", f"S{b}") for a, b in itertools.pairwise(names) if row % 2]
    return {row: tuple(chosen) for row, chosen in acts.items()}


@st.composite
def facts(draw, panel):
    shape = rows, columns = panel.close.shape
    chance = np.random.default_rng(draw(st.integers(0, 1_000)))
    some = st.booleans()
    holes = np.where(chance.random(shape) < 0.1, np.nan, 1.0)
    return MarketFacts(
        delistings={
            f"S{s}": draw(st.integers(0, rows - 1))
            for s in range(columns)
            if draw(st.integers(0, 4)) == 0
        },
        actions=draw(corporate(rows, columns)) if draw(some) else {},
        price=panel.close * chance.uniform(0.9, 1.1, shape) if draw(some) else None,
        locked=chance.choice([0, 0, 0, 1, 2], shape).astype(np.int8) if draw(some) else None,
        volatility=chance.uniform(0.0, 0.1, shape) * holes if draw(some) else None,
        average_volume=chance.uniform(100, 1e5, shape) * holes if draw(some) else None,
    )


@st.composite
def walks(draw):
    """Opens, closes, volumes and membership of names that mostly trade."""
    chance = np.random.default_rng(draw(st.integers(0, 10_000)))
    shape = draw(st.integers(4, 25)), draw(st.integers(1, 6))
    gap = draw(st.sampled_from([0.01, 0.05, 0.3]))
    close = 20.0 * np.exp(np.cumsum(chance.normal(0.0, gap, shape), axis=0))
    close = np.where(chance.random(shape) < 0.05, np.nan, np.round(close, 2))
    opens = np.round(close * chance.uniform(1 - gap, 1 + gap, shape), 2)
    volume = np.where(chance.random(shape) < 0.05, 0.0, chance.integers(100, 1_000_000, shape))
    return opens, close, volume, chance.random(shape) < 0.95


@st.composite
def runs(draw):
    """Everything a run is called with."""
    panel = small_panel(*draw(st.one_of(walks(), walks(), markets())))
    rows, columns = panel.close.shape
    table = draw(answers(rows, columns))
    brain = draw(brains(Foretold(table.__getitem__, panel)))
    first = draw(st.integers(1, min(3, rows - 1)))
    every = draw(st.integers(1, 4))
    scheduled = np.arange(rows - first) % every == 0
    capital = draw(st.sampled_from([1, 1_000_000_000, 100_000_000_000, 10**17]))
    market = Market(panel, {}, draw(facts(panel)))
    return brain, market, RunWindow(first, rows - 1), scheduled, capital


class TestReference:
    @settings(max_examples=300, deadline=None)
    @given(runs())
    def test_every_field_of_the_history_is_the_same(self, given_run):
        readable = outcome(run_readable, *given_run)
        compiled = run_compiled(*given_run)
        if isinstance(readable, str):
            assert compiled is None  # the readable loop says what is wrong
            assert outcome(run_backtest, *given_run) == readable
        elif compiled is not None:
            assert differences(readable, compiled) == []
        else:
            assert given_run[-1] == 10**17  # numbers wider than the kernel's
