"""A scenario a trader can read: rows of prices with a comment each, and the fills expected.

One symbol a column group. A row is (open, close, volume); the comment stands beside it in
the scenario itself. Money is in dollars, compared exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np

from quant_core.backtest_engine import RunWindow, run_compiled, run_readable
from quant_core.market import Market, MarketFacts
from quant_core.risk.margin import LONG_ONLY, MarginRules
from quant_core.trading.actions import Action
from quant_core.trading.history import RunHistory
from quant_core.trading.impact import ImpactModel
from quant_core.trading.target import Hold, Target, Weights
from tests.engine.histories import differences
from tests.engine.market_strategies import brain_of, small_panel
from tests.engine.reference import Rules, m
from tests.engine.whole_worlds import Foretold

NAN = float("nan")
FREE, NO_BUYS, NO_SELLS = 0, 1, 2
MARGIN = MarginRules(allowed=True)
"""Short selling with 50 % initial and 30 % maintenance margin."""


@dataclass
class Scenario:
    """Prices by symbol number, decisions by row, and the rules.

    ``rows[t][s]`` is (open, close, volume) of symbol s on day t; day 0 is before the run.
    ``weights[t]`` is what the strategy wants at the close of day t (default: hold).
    ``actions[t]`` go ex before the open of day t; ``delisted[s]`` is the last day of s.
    ``locked``, ``borrow``, ``volatility`` and ``average_volume`` are rows like ``rows``.
    """

    rows: list[list[tuple[float, float, float]]]
    weights: dict[int, dict[int, float]]
    capital: float = 10_000.0
    scheduled: list[bool] = field(default_factory=list)
    rules: Rules = field(default_factory=lambda: Rules(cash_buffer=0.0, slippage=0.0, rate=0.0))
    actions: dict[int, tuple[Action, ...]] = field(default_factory=dict)
    delisted: dict[int, int] = field(default_factory=dict)
    delisting_return: float = 0.0
    locked: list[list[int]] | None = None
    margin: MarginRules = LONG_ONLY
    borrow: list[list[float]] | None = None
    borrow_rate: float = 0.0
    impact: ImpactModel | None = None
    volatility: list[list[float]] | None = None
    average_volume: list[list[float]] | None = None

    def run(self) -> RunHistory:
        """The record of the readable loop; the compiled one leaves the same."""
        opens, close, volume = ([[cell[i] for cell in row] for row in self.rows] for i in range(3))
        panel = small_panel(opens, close, volume)
        days = len(self.rows) - 1
        scheduled = self.scheduled or [True] * days
        brain = brain_of(Foretold(self.answer, panel), self.rules)
        execution = replace(
            brain.execution, delisting_return=self.delisting_return, impact=self.impact
        )
        brain = replace(brain, execution=execution, margin=self.margin)
        window, market = RunWindow(1, days), Market(panel, {}, self.facts())
        run = brain, market, window, np.array(scheduled), m(self.capital)
        history, compiled = run_readable(*run), run_compiled(*run)
        assert compiled is not None
        assert differences(history, compiled) == []
        return history

    def answer(self, row: int) -> Target:
        weights = self.weights.get(row)
        if weights is None:
            return Hold("scripted")
        named = {f"S{s}": w for s, w in weights.items()}
        return Weights(named, short=any(w < 0 for w in weights.values()))

    def facts(self) -> MarketFacts:
        def matrix(table: list[list[float]] | None) -> np.ndarray | None:
            return None if table is None else np.array(table, dtype=float)

        return MarketFacts(
            delistings={f"S{s}": row for s, row in self.delisted.items()},
            actions=self.actions,
            locked=None if self.locked is None else np.array(self.locked, dtype=np.int8),
            volatility=matrix(self.volatility),
            average_volume=matrix(self.average_volume),
            borrow=matrix(self.borrow),
            borrow_rate=self.borrow_rate,
        )


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


def told(history: RunHistory, *kinds: str) -> list[str]:
    """Incidents but for holds (or those of ``kinds``): day, kind, symbol, cash that moved."""
    first = history.sessions[0].item()
    lines = []
    for i in history.incidents:
        if i.kind in (kinds or {i.kind} - {"hold"}):
            moved = [dollars(i.cash_flow_micros)] if i.cash_flow_micros else []
            day = str((i.session - first).days + 1)
            lines.append(" ".join([day, i.kind, *filter(None, [i.symbol]), *moved]))
    return lines


def shares(history: RunHistory) -> list[dict[str, int]]:
    """Shares held at every close."""
    books: list[dict[str, int]] = [{} for _ in history.sessions]
    held = history.positions
    for row, symbol, number in zip(
        held.row.tolist(), held.symbol.tolist(), held.shares.tolist(), strict=True
    ):
        books[row][held.symbols[symbol]] = number
    return books


def dollars(micros: int) -> str:
    """Exact dollars without trailing zeros."""
    return format((Decimal(micros) / 1_000_000).normalize(), "f")


def equity(history: RunHistory) -> list[str]:
    return [dollars(amount) for amount in history.equity_micros.tolist()]


def cash(history: RunHistory) -> list[str]:
    return [dollars(amount) for amount in history.cash_micros.tolist()]


def receivable(history: RunHistory) -> list[str]:
    return [dollars(amount) for amount in history.receivable_micros.tolist()]
