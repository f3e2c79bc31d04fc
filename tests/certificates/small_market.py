"""A small market by seed, the run of a strategy on it, and how it is derived from data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from quant_core.backtest_engine import RunWindow
from quant_core.certificates.altered_data import Alteration, Cut
from quant_core.certificates.subject import Subject
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.foundation.settings import RiskSettings, StrategySettings
from quant_core.foundation.settings_section import Section
from quant_core.market import Market, MarketFacts
from quant_core.risk.breakers import RiskRules
from quant_core.strategies.base import BaseStrategy, MarketView
from quant_core.strategies.rules import highest
from quant_core.trading.account import Book
from quant_core.trading.costs import commission_model
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.target import Hold, Target, Weights
from quant_core.trading_day import Brain

UNIT = 1_000_000
SAY = str
NAMES = "0123456789ABCDEF"


def settings(top_k: int = 2) -> StrategySettings:
    return StrategySettings.model_construct(
        name="small",
        type="small",
        top_k=top_k,
        risk=RiskSettings.model_construct(),
        options=Section(),
    )


class HighestFactor(BaseStrategy):
    """The names with the highest value of the factor ``f``, at equal weight."""

    @property
    def factors(self):
        return ("f",)

    def scores(self, view: MarketView):
        return view.factor("f")

    def decide(self, view: MarketView, book: Book) -> Target:
        values = self.scores(view)
        eligible = view.eligible & np.isfinite(values)
        if not eligible.any():
            return Hold("nothing known")
        chosen = highest(values, eligible, self.settings.top_k)
        return Weights({view.symbols[i]: 1 / len(chosen) for i in chosen.tolist()})


class Peeking(HighestFactor):
    """Looks at the close of a later session through the view's own panel."""

    ahead = 1

    def scores(self, view: MarketView):
        panel, row = view._panel, view._row
        return panel.close[row + self.ahead] / panel.close[row]


class PeekingFar(Peeking):
    ahead = 5


class LastOfAll(HighestFactor):
    """Looks at the newest row of the panel, whenever it is asked."""

    def scores(self, view: MarketView):
        return np.nan_to_num(view._panel.close[-1])


def brain(strategy: BaseStrategy, **execution) -> Brain:
    rules = ExecutionRules(
        cash_buffer=0.02,
        slippage=0.0005,
        lot=1,
        participation_cap=None,
        delisting_return=0.0,
        commission=commission_model("bps", 0.001, 0.0),
    )
    risk = RiskRules(
        max_pos_weight=None, stop_loss_pct=None, max_drawdown_pct=None, breaker_cooldown=None
    )
    return Brain(strategy, replace(rules, **execution), risk)


def prices(sessions: int = 60, symbols: int = 8, seed: int = 3, drift=0.0, wobble=0.02):
    """Opens and closes of a random walk with overnight gaps."""
    chance = np.random.default_rng(seed)
    gaps = np.exp(chance.normal(0, wobble / 2, (sessions, symbols)))
    days = np.exp(chance.normal(0, wobble, (sessions, symbols)) + drift)
    close = 50 * np.cumprod(gaps * days, axis=0)
    return close / days, close


def axes(sessions: int, symbols: int) -> Axes:
    first = np.datetime64("2024-01-01")
    return Axes(np.arange(first, first + sessions), tuple(f"S{c}" for c in NAMES[:symbols]))


def momentum(data: Mapping[str, np.ndarray]) -> np.ndarray:
    """Close over the close three sessions before: nothing later."""
    values = np.full_like(data["close"], np.nan)
    values[3:] = data["close"][3:] / data["close"][:-3]
    return values


def everyone(data: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.ones(data["close"].shape, dtype=bool)


@dataclass(frozen=True)
class World:
    """Data, and how factors and universe are made from them."""

    data: Mapping[str, np.ndarray] = field(
        default_factory=lambda: dict(zip(("open", "close"), prices(), strict=True))
    )
    factor: Callable[[Mapping[str, np.ndarray]], np.ndarray] = momentum
    universe: Callable[[Mapping[str, np.ndarray]], np.ndarray] = everyone
    facts: MarketFacts = field(default_factory=MarketFacts)

    @property
    def last(self) -> int:
        return len(self.data["close"]) - 1

    def derive(self, cut: Cut) -> Market:
        """The market of the data altered after the cut."""
        data = {name: cut.numbers(values, name) for name, values in self.data.items()}
        member = self.universe(data)
        panel = MarketPanel(
            axes(*data["close"].shape),
            data["open"],
            data["close"],
            np.full(data["close"].shape, 1e9),
            member,
        )
        return Market(panel, {"f": self.factor(data)}, self.facts)

    def subject(self, strategy=HighestFactor, *, top_k=2, every=3, first=4, **execution) -> Subject:
        market = self.derive(Cut(self.last, Alteration.NOISE, 0))
        sessions = self.last - first + 1
        return Subject(
            new_brain=lambda: brain(strategy(settings(top_k)), **execution),
            market=market,
            window=RunWindow(first, self.last),
            scheduled=np.arange(sessions) % every == 0,
            capital_micros=1_000_000 * UNIT,
        )
