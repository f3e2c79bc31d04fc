"""Hypothesis strategies and builders for small markets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.foundation.settings import RiskSettings, StrategySettings
from quant_core.foundation.settings_section import Section
from quant_core.risk.breakers import RiskRules
from quant_core.strategies.base import BaseStrategy, MarketView
from quant_core.trading.account import Book
from quant_core.trading.fees import rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.target import Hold, Target, Weights
from quant_core.trading_day import Brain
from tests.engine.reference import Rules, m


class ScriptedStrategy(BaseStrategy):
    """Answers from a table of rows: what the decision at each close is."""

    def __init__(self, answer: Callable[[int], Target], panel: MarketPanel) -> None:
        super().__init__(
            StrategySettings.model_construct(
                name="scripted",
                type="scripted",
                top_k=1,
                risk=RiskSettings.model_construct(),
                options=Section(),
            )
        )
        self._answer = answer
        self._rows = {day: row for row, day in enumerate(panel.axes.sessions.tolist())}
        self.seen: list[Book] = []

    def decide(self, view: MarketView, book: Book) -> Target:
        self.seen.append(book)
        return self._answer(self._rows[view.session])


def small_panel(opens, close, volume, member=None, start="2024-01-01") -> MarketPanel:
    """A panel on consecutive days with symbols S0, S1, ..."""
    close = np.array(close, dtype=float)
    rows, columns = close.shape
    axes = Axes(
        np.arange(np.datetime64(start), np.datetime64(start) + rows),
        tuple(f"S{i}" for i in range(columns)),
    )
    everyone = np.ones(close.shape, dtype=bool)
    return MarketPanel(
        axes,
        np.array(opens, dtype=float),
        close,
        np.array(volume, dtype=float),
        everyone if member is None else np.array(member, dtype=bool),
    )


def brain_of(strategy: BaseStrategy, rules: Rules) -> Brain:
    return Brain(
        strategy,
        ExecutionRules(
            rules.cash_buffer,
            rules.slippage,
            rules.lot,
            rules.participation_cap,
            0.0,
            rate_fees(rules.rate, m(rules.minimum)),
        ),
        RiskRules(
            rules.max_pos_weight,
            rules.stop_loss_pct,
            rules.max_drawdown_pct,
            rules.breaker_cooldown,
        ),
    )


def answer_from(table: dict[int, dict[int, float] | None]) -> Callable[[int], Target]:
    """The scripted answers of a table of symbol numbers."""

    def answer(row: int) -> Target:
        weights = table[row]
        if weights is None:
            return Hold("scripted")
        return Weights({f"S{s}": w for s, w in weights.items()})

    return answer


PRICES = st.one_of(
    st.floats(0.5, 200.0).map(lambda x: round(x, 2)),
    st.just(float("nan")),
    st.floats(10.0, 11.0),
)
VOLUMES = st.one_of(st.integers(0, 5000).map(float), st.just(float("nan")))


@st.composite
def markets(draw):
    """Opens, closes, volumes, membership: lists of rows."""
    rows, columns = draw(st.integers(3, 12)), draw(st.integers(1, 5))

    def table(cells):
        row = st.lists(cells, min_size=columns, max_size=columns)
        return draw(st.lists(row, min_size=rows, max_size=rows))

    return (
        table(PRICES),
        table(PRICES),
        table(VOLUMES),
        table(st.sampled_from([True] * 5 + [False])),
    )


@st.composite
def rule_sets(draw):
    return Rules(
        cash_buffer=draw(st.sampled_from([0.0, 0.02, 0.5])),
        slippage=draw(st.sampled_from([0.0, 0.0005, 0.05])),
        lot=draw(st.sampled_from([1, 1, 10, 100])),
        participation_cap=draw(st.sampled_from([None, None, 0.1])),
        rate=draw(st.sampled_from([0.0, 0.001])),
        minimum=draw(st.sampled_from([0.0, 1.0])),
        max_pos_weight=draw(st.sampled_from([None, 0.3])),
        stop_loss_pct=draw(st.sampled_from([None, 0.05])),
        max_drawdown_pct=draw(st.sampled_from([None, 0.1])),
        breaker_cooldown=draw(st.sampled_from([None, 0, 1, 3])),
    )


@st.composite
def weight_tables(draw, rows: int, columns: int):
    """For each row: weights that sum to at most 1, or None for hold."""
    table = {}
    for row in range(rows):
        if draw(st.integers(0, 5)) == 0:
            table[row] = None
            continue
        parts = draw(st.lists(st.integers(0, 10), min_size=columns, max_size=columns))
        total = max(sum(parts), draw(st.integers(1, 20)))
        table[row] = {s: p / total for s, p in enumerate(parts) if p}
    return table
