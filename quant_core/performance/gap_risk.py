"""What the overnight gap did to the orders of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quant_core.foundation.types import FloatArray, Session
from quant_core.trading.history import RunHistory
from quant_core.trading.orders import OrderRecord, Reason


@dataclass(frozen=True, slots=True)
class GapRisk:
    """Gaps met by orders, and what the hard cash constraint cut off.

    ``buy_gaps`` (covers of a short included) and ``sell_gaps`` (short sales included) are
    execution price / close of T-1 - 1, one a sent order with both prices.
    ``truncated_micros`` is the notional at that price of the shares that cash could not pay
    for, ``requested_micros`` that of all buys; ``lowest_cash_micros`` the lowest cash at any
    close (buys come last in a session, so no moment of it was lower).
    """

    buy_gaps: FloatArray
    sell_gaps: FloatArray
    truncated_orders: int
    truncated_micros: int
    requested_micros: int
    lowest_cash_micros: int
    lowest_cash_session: Session


def gap_risk(history: RunHistory) -> GapRisk:
    """Gap statistics of a finished run."""
    cut = [o for o in history.orders if o.reason is Reason.TRUNCATED_CASH]
    lowest, session = _lowest_cash(history)
    return GapRisk(
        buy_gaps=_gaps(history.orders, buys=True),
        sell_gaps=_gaps(history.orders, buys=False),
        truncated_orders=len(cut),
        truncated_micros=sum((o.requested - o.filled) * o.open_price_micros for o in cut),
        requested_micros=sum(
            o.requested * o.open_price_micros for o in history.orders if o.side.is_buy
        ),
        lowest_cash_micros=lowest,
        lowest_cash_session=session,
    )


def _gaps(orders: Sequence[OrderRecord], *, buys: bool) -> FloatArray:
    met = [
        o for o in orders if o.side.is_buy is buys and o.open_price_micros and o.signal_price_micros
    ]
    opens = np.array([o.open_price_micros for o in met], dtype=np.float64)
    closes = np.array([o.signal_price_micros for o in met], dtype=np.float64)
    return opens / closes - 1


def _lowest_cash(history: RunHistory) -> tuple[int, Session]:
    """Cash is lowest after a buy; the close of the session is when that is certain."""
    row = int(np.argmin(history.cash_micros))
    session: Session = history.sessions[row].item()
    return int(history.cash_micros[row]), session
