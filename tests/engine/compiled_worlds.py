"""Hypothesis strategies of everything a run may be called with, for the compiled loop."""

from __future__ import annotations

import itertools
from datetime import date

import numpy as np
from hypothesis import strategies as st

from quant_core.backtest_engine import RunWindow
from quant_core.market import Market, MarketFacts
from quant_core.risk.breakers import RiskRules
from quant_core.risk.margin import LONG_ONLY, MarginRules
from quant_core.trading.actions import Dividend, Rename, Rights, Split
from quant_core.trading.costs import PUBLISHED
from quant_core.trading.fees import DatedFees, rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.impact import ImpactModel, almgren_impact
from quant_core.trading.target import Flat, Hold, Weights
from quant_core.trading_day import Brain
from tests.engine.market_strategies import markets, small_panel
from tests.engine.whole_worlds import Foretold

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
def margins(draw):
    """The account of a book that may be short."""
    pick = st.sampled_from
    return MarginRules(
        allowed=True,
        initial=draw(pick([0.5, 0.5, 0.25, 0.05, 1.0])),
        maintenance=draw(pick([0.3, 0.3, 0.25, 0.0, 0.9])),
        max_gross=draw(pick([2.0] * 8 + [4.0, 0.5])),
        max_net=draw(pick([1.0] * 8 + [4.0, 0.2])),
        debit_rate=draw(pick([0.0, 0.06, 3.0])),
    )


@st.composite
def brains(draw, strategy, short):
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
        draw(margins()) if short else LONG_ONLY,
    )


@st.composite
def answers(draw, rows, columns, short):
    """For each row: weights that may be held, hold, or flat; for a short book often negative."""
    table = []
    for _ in range(rows):
        kind = draw(st.integers(0, 9))
        if kind < 2:
            table.append(Hold("nothing to say") if kind else Flat("away"))
            continue
        sold = short and kind > 2
        parts = draw(
            st.lists(st.integers(-10 if sold else 0, 10), min_size=columns, max_size=columns)
        )
        gross, net = sum(map(abs, parts)), abs(sum(parts))
        most = max(gross / 2 if sold else gross, net)
        total = max(most, draw(st.integers(1, 20)))
        named = {f"S{s}": p / total for s, p in enumerate(parts) if p or kind == 3}
        table.append(Weights(named, short=sold))
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
        borrow=borrow_rates(chance, shape, draw(st.sampled_from(LENT))) if draw(some) else None,
        borrow_rate=draw(st.sampled_from([0.0, 0.05, 3.0])),
    )


LENT = (1.0, 0.97, 0.8, 0.4)
"""How many of the rates of a borrow table are known."""


def borrow_rates(chance, shape, known):
    rates = chance.choice([0.0, 0.003, 0.25, 3.0, 40.0], shape)
    return np.where(chance.random(shape) < known, rates, np.nan)


@st.composite
def walks(draw):
    """Opens, closes, volumes and membership of names that mostly trade."""
    chance = np.random.default_rng(draw(st.integers(0, 10_000)))
    shape = draw(st.integers(4, 25)), draw(st.integers(1, 6))
    gap = draw(st.sampled_from([0.01, 0.05, 0.3, 0.7]))
    close = 20.0 * np.exp(np.cumsum(chance.normal(0.0, gap, shape), axis=0))
    close = np.where(chance.random(shape) < 0.05, np.nan, np.round(close, 2))
    opens = np.round(close * chance.uniform(1 - gap, 1 + gap, shape), 2)
    volume = np.where(chance.random(shape) < 0.05, 0.0, chance.integers(100, 1_000_000, shape))
    return opens, close, volume, chance.random(shape) < 0.95


@st.composite
def runs(draw, short=False):
    """Everything a run is called with; of a book that is long only, or that may be short."""
    panel = small_panel(*draw(st.one_of(walks(), walks(), markets())))
    rows, columns = panel.close.shape
    table = draw(answers(rows, columns, short))
    brain = draw(brains(Foretold(table.__getitem__, panel), short))
    first = draw(st.integers(1, min(3, rows - 1)))
    every = draw(st.integers(1, 4))
    scheduled = np.arange(rows - first) % every == 0
    capital = draw(st.sampled_from([1, 1_000_000_000, 100_000_000_000, 10**17]))
    market = Market(panel, {}, draw(facts(panel)))
    return brain, market, RunWindow(first, rows - 1), scheduled, capital
