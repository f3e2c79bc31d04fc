"""The small market of the crash drill: orders in every session, and an account that moves too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.foundation.settings import RiskSettings, StrategySettings
from quant_core.foundation.settings_section import Section
from quant_core.market import Market, MarketFacts
from quant_core.risk.breakers import RiskRules
from quant_core.strategies.base import BaseStrategy, MarketView
from quant_core.trading.account import Book
from quant_core.trading.actions import Action, Dividend, Split
from quant_core.trading.fees import rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.target import Target, Weights
from quant_core.trading_day import Brain

NAMES = 8
HELD = 5
CAPITAL_MICROS = 1_000_000_000_000
BEGIN = np.datetime64("2024-01-01")
DIVIDEND_EVERY = 4
SPLIT_ROW = 5
"""The row at which one name is split two for one, wherever there are so many."""

VOLUME, PARTICIPATION = 60_000.0, 0.02
"""Small enough that some orders fill in part."""


class Carousel(BaseStrategy):
    """Holds some of the names and moves on by one name at every close: orders every day."""

    def decide(self, view: MarketView, book: Book) -> Target:
        """Equal weights of the names whose turn it is."""
        del book
        turn = int((np.datetime64(view.session, "D") - BEGIN) / np.timedelta64(1, "D"))
        names = [view.symbols[(turn + each) % NAMES] for each in range(HELD)]
        return Weights(dict.fromkeys(names, 0.9 / HELD))


@dataclass(frozen=True, slots=True)
class SmallWorld:
    """A market, who decides in it, and the rows of its first and last session."""

    market: Market
    brain: Brain
    first: int
    last: int

    @property
    def sessions(self) -> int:
        """Sessions that are traded."""
        return self.last - self.first + 1


def small_world(sessions: int, seed: int) -> SmallWorld:
    """A market of ``sessions`` sessions, the same for the same seed.

    Examples
    --------
    >>> world = small_world(6, seed=1)
    >>> world.sessions, len(world.market.panel.axes.symbols)
    (6, 8)
    """
    chance, rows = np.random.default_rng(seed), sessions + 1
    walk = chance.normal(0.0, 0.02, (rows, NAMES)).cumsum(axis=0)
    opens = np.round(50.0 * np.exp(walk) * np.exp(chance.normal(0.0, 0.005, (rows, NAMES))), 2)
    closes = np.round(50.0 * np.exp(walk), 2)
    axes = Axes(np.arange(BEGIN, BEGIN + rows), tuple(f"N{i}" for i in range(NAMES)))
    if rows > SPLIT_ROW:
        opens[SPLIT_ROW:, 0], closes[SPLIT_ROW:, 0] = (
            np.round(opens[SPLIT_ROW:, 0] / 2, 2),
            np.round(closes[SPLIT_ROW:, 0] / 2, 2),
        )
    volume = np.full((rows, NAMES), VOLUME)
    panel = MarketPanel(axes, opens, closes, volume, np.ones((rows, NAMES), dtype=bool))
    market = Market(panel, {}, MarketFacts(actions=_actions(rows)))
    rules = ExecutionRules(0.02, 0.0005, 1, PARTICIPATION, 0.0, rate_fees(0.001, 1_000_000))
    return SmallWorld(market, Brain(_strategy(), rules, RiskRules()), 1, rows - 1)


def _actions(rows: int) -> dict[int, tuple[Action, ...]]:
    """Dividends all the time and one split: the account moves without an order as well."""
    actions: dict[int, tuple[Action, ...]] = {
        row: tuple(Dividend(f"N{i}", 250_000, row + 2) for i in range(NAMES))
        for row in range(2, rows, DIVIDEND_EVERY)
    }
    if rows > SPLIT_ROW:
        actions[SPLIT_ROW] = (*actions.get(SPLIT_ROW, ()), Split("N0", 2.0))
    return actions


def _strategy() -> BaseStrategy:
    return Carousel(
        StrategySettings.model_construct(
            name="carousel",
            type="carousel",
            top_k=HELD,
            risk=RiskSettings.model_construct(),
            options=Section(),
        )
    )
