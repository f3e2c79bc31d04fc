"""Time of the compiled session loop alone, in process and warm.

    python -m benchmarks.loop                                     3,000 symbols x 2,520 sessions
    python -m benchmarks.loop --symbols 505 --sessions 1259       another size
    python -m benchmarks.loop --short                             every second name sold short

A random market (seeded), 50 of its names at random every 5 sessions, costs and the cap on the
volume as in config/base.yaml. Timed from targets in arrays to the full log of orders, fills and
positions; turning the log into values of Python is not part of it, and neither are the decisions.
The best of each call says what the loop costs, the median what the machine let it cost.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from quant_core.compiled_backtest import trade_compiled
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.foundation.settings import StrategySettings
from quant_core.market import Market
from quant_core.risk.breakers import RiskRules
from quant_core.risk.margin import MarginRules
from quant_core.strategies.rules import EqualWeightStrategy
from quant_core.trading.fees import rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.target import Target, Weights
from quant_core.trading_day import Brain

NAMES, EVERY, CAPITAL_MICROS = 50, 5, 10**12


def random_market(symbols: int, sessions: int) -> Market:
    """Prices that walk, volumes that never bind much, every name a member."""
    chance = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(0.02 * chance.standard_normal((sessions, symbols)), axis=0))
    opened = close * np.exp(0.005 * chance.standard_normal(close.shape))
    volume = np.floor(chance.uniform(1e5, 1e6, close.shape))
    days = np.datetime64("2015-01-01") + np.arange(sessions)
    axes = Axes(days, tuple(f"S{i:05}" for i in range(symbols)))
    return Market(MarketPanel(axes, opened, close, volume, np.ones(close.shape, bool)), {})


def targets(market: Market, *, short: bool = False) -> list[Target | None]:
    """Equal weights of random names at every fifth session, nothing between."""
    weights = [-1 / NAMES if short and i % 2 else 1 / NAMES for i in range(NAMES)]
    chance = np.random.default_rng(2)
    sessions, symbols = market.panel.axes.shape
    answers: list[Target | None] = [None] * (sessions - 1)
    for row in range(0, sessions - 1, EVERY):
        chosen = chance.choice(symbols, NAMES, replace=False)
        names = [market.panel.axes.symbols[i] for i in chosen]
        answers[row] = Weights(dict(zip(names, weights, strict=True)), short)
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--symbols", type=int, default=3_000)
    parser.add_argument("--sessions", type=int, default=2_520)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    market = random_market(options.symbols, options.sessions)
    answers = targets(market, short=options.short)
    rules = ExecutionRules(0.02, 0.0005, 1, 0.1, 0.0, rate_fees(0.001, 0))
    strategy = EqualWeightStrategy(StrategySettings.model_construct())
    brain = Brain(strategy, rules, RiskRules(), MarginRules(allowed=options.short))
    rows = range(1, options.sessions)
    wall: list[float] = []
    for run in range(options.repeat + 1):
        begun = time.perf_counter()
        traded = trade_compiled(brain, market, rows, answers, CAPITAL_MICROS)
        spent = 1e3 * (time.perf_counter() - begun)
        if traded is None:
            raise SystemExit("the compiled loop did not take this market")
        if run:
            wall.append(spent)
    fills = int(traded.log.counts[0]["orders"])
    print(
        f"{options.symbols} x {options.sessions}: {fills:,} orders, median "
        f"{statistics.median(wall):.0f} ms ({min(wall):.0f} - {max(wall):.0f}), to reach 60 ms"
    )


if __name__ == "__main__":
    main()
