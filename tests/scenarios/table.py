"""A scenario a trader can read: rows of prices with a comment each, and the fills expected.

One symbol a column group. A row is (open, close, volume); the comment stands beside it in
the scenario itself. Money is in dollars, compared exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from quant_core.backtest_engine import RunWindow, run_backtest
from quant_core.trading.history import RunHistory
from quant_core.trading_day import Market
from tests.engine.market_strategies import ScriptedStrategy, answer_from, brain_of, small_panel
from tests.engine.reference import Rules, m

NAN = float("nan")


@dataclass
class Scenario:
    """Prices by symbol number, decisions by row, and the rules.

    ``rows[t][s]`` is (open, close, volume) of symbol s on day t; day 0 is before the run.
    ``weights[t]`` is what the strategy wants at the close of day t (default: hold).
    """

    rows: list[list[tuple[float, float, float]]]
    weights: dict[int, dict[int, float]]
    capital: float = 10_000.0
    scheduled: list[bool] = field(default_factory=list)
    rules: Rules = field(default_factory=lambda: Rules(cash_buffer=0.0, slippage=0.0, rate=0.0))

    def run(self) -> RunHistory:
        opens, close, volume = ([[cell[i] for cell in row] for row in self.rows] for i in range(3))
        panel = small_panel(opens, close, volume)
        table = {t: self.weights.get(t) for t in range(len(self.rows))}
        days = len(self.rows) - 1
        scheduled = self.scheduled or [True] * days
        brain = brain_of(ScriptedStrategy(answer_from(table), panel), self.rules)
        window = RunWindow(1, days)
        return run_backtest(brain, Market(panel, {}), window, np.array(scheduled), m(self.capital))


def fills(history: RunHistory) -> list[str]:
    """Fills as lines: day, side, shares, symbol @ price (fee)."""
    first = history.sessions[0].item()
    lines = []
    for f in history.fills:
        day = (f.session - first).days + 1
        fee = f" fee {dollars(f.commission_micros)}" if f.commission_micros else ""
        lines.append(f"{day} {f.side} {f.shares} {f.symbol} @ {dollars(f.price_micros)}{fee}")
    return lines


def orders(history: RunHistory) -> list[str]:
    """Orders that were not filled in full: day, side, symbol, filled/requested, reason."""
    first = history.sessions[0].item()
    return [
        f"{(o.session - first).days + 1} {o.side} {o.symbol} {o.filled}/{o.requested} {o.reason}"
        for o in history.orders
        if o.reason
    ]


def dollars(micros: int) -> str:
    """Exact dollars without trailing zeros."""
    return format((Decimal(micros) / 1_000_000).normalize(), "f")


def equity(history: RunHistory) -> list[str]:
    return [dollars(amount) for amount in history.equity_micros.tolist()]


def cash(history: RunHistory) -> list[str]:
    return [dollars(amount) for amount in history.cash_micros.tolist()]
