"""What a run leaves behind: the curve, the orders, the fills, the positions, the incidents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant_core.foundation.types import BoolArray, FloatArray, IntArray, Session, SessionArray
from quant_core.trading.events import Fill
from quant_core.trading.orders import OrderRecord

INCIDENT_KINDS = (
    *("stop_loss", "drawdown_breaker", "re_entry", "hold", "flat"),
    *("margin_call", "deficit", "buy_in"),
    *("split", "dividend", "dividend_paid", "cash_in_lieu", "rights", "rename", "delisting"),
    *("borrow_fee", "debit_interest"),
)
"""What may happen: decisions, margin, corporate actions (``dividend`` is the ex-date), costs."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something a reader of the run must know, or cash that moved without a trade.

    ``kind`` is one of :data:`INCIDENT_KINDS`; ``symbol`` is empty where the whole book is
    meant; ``cash_flow_micros`` is the cash the incident itself moved.
    """

    session: Session
    kind: str
    symbol: str
    detail: str
    cash_flow_micros: int = 0


@dataclass(frozen=True, slots=True)
class PositionHistory:
    """Positions at every close, one entry a position, in columns of equal length.

    ``row`` is the index of the session in the run; ``symbol`` the index into
    ``symbols``; money in micros.
    """

    symbols: tuple[str, ...]
    row: IntArray
    symbol: IntArray
    shares: IntArray
    mark_micros: IntArray
    average_cost_micros: FloatArray
    stale: BoolArray


@dataclass(frozen=True, slots=True)
class RunHistory:
    """The full record of a run over ``sessions``; every array has their length.

    ``benchmark`` is the value in currency units of the starting capital held in the
    benchmark, NaN where there is none.
    """

    sessions: SessionArray
    starting_capital_micros: int
    equity_micros: IntArray
    cash_micros: IntArray
    receivable_micros: IntArray
    benchmark: FloatArray
    orders: tuple[OrderRecord, ...]
    fills: tuple[Fill, ...]
    positions: PositionHistory
    incidents: tuple[Incident, ...]

    def traded_and_costs_micros(self) -> tuple[IntArray, IntArray]:
        """Value traded, and commission plus slippage, of each session in micros."""
        rows = {day: i for i, day in enumerate(self.sessions.tolist())}
        traded = np.zeros(len(rows), dtype=np.int64)
        costs = np.zeros(len(rows), dtype=np.int64)
        for fill in self.fills:
            row = rows[fill.session]
            traded[row] += fill.notional_micros
            costs[row] += fill.commission_micros + fill.slippage_micros
        return traded, costs
