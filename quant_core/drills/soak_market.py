"""The market of the soak: of real size, with some fifty orders in every session."""

from __future__ import annotations

import numpy as np

from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.foundation.settings import RiskSettings, StrategySettings
from quant_core.market import Market
from quant_core.risk.breakers import RiskRules
from quant_core.strategies.rules import LinearSettings, LinearStrategy
from quant_core.trading.fees import rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading_day import Brain

SIGNAL = "signal"
"""The factor: noise that is new at every close, so that the book turns over at every open."""

FIRST_DAY = np.datetime64("2015-01-05")


def noisy_market(rows: int, names: int, seed: int) -> Market:
    """Prices that walk on ``rows`` weekdays, and a factor of noise.

    Examples
    --------
    >>> market = noisy_market(3, 4, seed=1)
    >>> market.panel.axes.shape, sorted(market.factors)
    ((3, 4), ['signal'])
    """
    chance, shape = np.random.default_rng(seed), (rows, names)
    walk = 0.01 * chance.standard_normal(shape).cumsum(axis=0)
    opens = np.round(50.0 * np.exp(walk), 2)
    closes = np.round(opens * np.exp(0.005 * chance.standard_normal(shape)), 2)
    volume = np.floor(chance.uniform(1e6, 5e6, shape))
    days = np.busday_offset(FIRST_DAY, np.arange(rows)).astype("datetime64[D]")
    axes = Axes(days, tuple(f"S{number:04}" for number in range(names)))
    panel = MarketPanel(axes, opens, closes, volume, np.ones(shape, dtype=bool))
    return Market(panel, {SIGNAL: chance.standard_normal(shape)})


def noisy_brain(held: int) -> Brain:
    """The names with the highest signal in equal parts; costs as they are shipped."""
    options = LinearSettings.model_construct(
        weights={SIGNAL: 1.0}, weighting="equal", short_names=0, short_exposure=0.0
    )
    settings = StrategySettings.model_construct(
        name="soak",
        type="linear",
        top_k=held,
        risk=RiskSettings.model_construct(),
        options=options,
    )
    rules = ExecutionRules(0.02, 0.0005, 1, 0.1, 0.0, rate_fees(0.001, 0))
    return Brain(LinearStrategy(settings), rules, RiskRules())
