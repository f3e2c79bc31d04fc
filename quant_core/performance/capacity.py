"""How much capital a strategy carries: its net Sharpe ratio at growing capital.

The same run is repeated with more and less capital under a limit on volume and a price for
taking it. The curve falls where orders become large against the volume of their names; at
very small capital it falls because whole shares cannot follow small weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quant_core.foundation.types import FloatArray
from quant_core.performance.implementation_costs import annual_cost_drag, equity_before
from quant_core.performance.ratios import sharpe_ratio
from quant_core.performance.returns import (
    calendar_growth_rate,
    per_period_rate,
    returns_since_start,
)
from quant_core.trading.history import RunHistory
from quant_core.trading.orders import OrderRecord, OrderStatus

MULTIPLES = (0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0)
"""Of the capital of the run."""

SMALLEST_CAPITAL = 1e4
"""Below it whole shares say more about a run than the strategy does."""

FOLLOWED = 0.9
"""Filled share of the requested notional from which a run follows its strategy."""

LARGEST_EQUITY = 5e11
"""Half of what the ledger's money columns hold: a run that grows past it is not tried."""


@dataclass(frozen=True, slots=True)
class CapacityPoint:
    """One run of the capacity curve.

    ``capital`` in currency units; ``sharpe`` and ``cagr`` net of costs, per year;
    ``cost_fraction`` costs per year over equity; ``filled_fraction`` the filled share of the
    requested notional (of orders that were sent, at the open or, without one, at the close
    before); ``truncated_orders`` those that volume or cash cut. NaN where a number does not
    exist.
    """

    capital: float
    sharpe: float
    cagr: float
    cost_fraction: float
    filled_fraction: float
    truncated_orders: int


def capacity_capitals(capital: float, growth: float, largest: float) -> list[float]:
    """The capitals to try around ``capital``, ascending, ``capital`` itself always.

    Parameters
    ----------
    capital : float
        Of the run, in currency units.
    growth : float
        Highest equity of the run over its capital: what a trial may grow by.
    largest : float
        Largest capital the settings allow.

    Examples
    --------
    >>> capacity_capitals(1e6, 2.0, 1e11)
    [100000.0, 1000000.0, 10000000.0, 100000000.0, 1000000000.0, 10000000000.0]
    >>> capacity_capitals(2e4, 100.0, 1e7)
    [20000.0, 200000.0, 2000000.0]
    """
    top = min(largest, LARGEST_EQUITY / max(growth, 1.0))
    tried = [capital * multiple for multiple in MULTIPLES]
    return [c for c in tried if c == capital or SMALLEST_CAPITAL <= c <= top]


def capacity_point(
    history: RunHistory, risk_free_rate: float, periods_per_year: int
) -> CapacityPoint:
    """The point of a finished run."""
    capital = history.starting_capital_micros / 1e6
    equity = history.equity_micros / 1e6
    returns = returns_since_start(equity, capital)
    rate = per_period_rate(risk_free_rate, periods_per_year=periods_per_year)
    growth = float(equity[-1]) / capital
    return CapacityPoint(
        capital=capital,
        sharpe=sharpe_ratio(returns, risk_free=rate, periods_per_year=periods_per_year),
        cagr=calendar_growth_rate(growth, history.sessions[0], history.sessions[-1]),
        cost_fraction=annual_cost_drag(
            _costs(history), equity_before(equity, capital), periods_per_year=periods_per_year
        ),
        filled_fraction=_filled_fraction(history.orders),
        truncated_orders=sum(o.status is OrderStatus.TRUNCATED for o in history.orders),
    )


@dataclass(frozen=True, slots=True)
class CapacityLimit:
    """Where a strategy stops being itself.

    Attributes
    ----------
    capital : float
        In currency units; that of the smallest trial where ``reason`` is ``unfollowed``, NaN
        for ``unrewarded`` and ``beyond``.
    reason : str
        ``sharpe``: there the ratio is half of its best; ``filled``: there half of the notional
        is filled; ``beyond``: neither happens within the curve; ``unfollowed``: no trial
        filled :data:`FOLLOWED` of its orders; ``unrewarded``: the best ratio of those that did
        is not positive.
    """

    capital: float
    reason: Literal["sharpe", "filled", "beyond", "unfollowed", "unrewarded"]


def capacity_limit(points: Sequence[CapacityPoint]) -> CapacityLimit:
    """The smallest capital at which the strategy is only half of what it was.

    Either the Sharpe ratio has fallen to half of the best one among the points that filled at
    least :data:`FOLLOWED` of their orders, or less than half of the notional is filled: what
    then remains is another strategy, whatever its Sharpe ratio. Interpolated along the
    logarithm of capital, beyond that best point.

    Parameters
    ----------
    points : sequence of CapacityPoint
        At least one, ascending by capital.

    Examples
    --------
    >>> def point(capital, sharpe, filled):
    ...     return CapacityPoint(capital, sharpe, 0.1, 0.0, filled, 0)
    >>> low, middle, high = point(1e6, 1.0, 1.0), point(1e7, 0.75, 0.9), point(1e8, 0.25, 0.7)
    >>> limit = capacity_limit([low, middle, high])
    >>> round(limit.capital), limit.reason
    (31622777, 'sharpe')
    >>> capacity_limit([low, point(1e8, 2.0, 0.0)]).reason
    'filled'
    """
    known = [p for p in points if math.isfinite(p.sharpe)]
    followed = [i for i, p in enumerate(known) if p.filled_fraction >= FOLLOWED]
    if not followed:
        return CapacityLimit(points[0].capital, "unfollowed")
    best = max(followed, key=lambda i: known[i].sharpe)
    half = known[best].sharpe / 2
    if not half > 0.0:
        return CapacityLimit(math.nan, "unrewarded")
    later = known[best:]
    capitals = [math.log(p.capital) for p in later]
    ratio = _first_below([p.sharpe for p in later], half, capitals)
    filled = _first_below([p.filled_fraction for p in later], 0.5, capitals)
    if not math.isfinite(min(ratio, filled)):
        return CapacityLimit(math.nan, "beyond")
    if ratio <= filled:
        return CapacityLimit(math.exp(ratio), "sharpe")
    return CapacityLimit(math.exp(filled), "filled")


def _first_below(values: Sequence[float], limit: float, places: Sequence[float]) -> float:
    """Where the line through ``values`` first falls to ``limit``; infinity if never."""
    for i in range(1, len(values)):
        before, after = values[i - 1], values[i]
        if after <= limit:
            part = (before - limit) / (before - after) if before > limit else 0.0
            return places[i - 1] + part * (places[i] - places[i - 1])
    return math.inf


def _costs(history: RunHistory) -> FloatArray:
    rows = {day: i for i, day in enumerate(history.sessions.tolist())}
    costs = np.zeros(len(rows), dtype=np.float64)
    for fill in history.fills:
        costs[rows[fill.session]] += (fill.commission_micros + fill.slippage_micros) / 1e6
    return costs


def _filled_fraction(orders: Sequence[OrderRecord]) -> float:
    sent = [o for o in orders if o.status is not OrderStatus.REFUSED]
    prices = [o.open_price_micros or o.signal_price_micros for o in sent]
    requested = sum(o.requested * price for o, price in zip(sent, prices, strict=True))
    filled = sum(o.filled * price for o, price in zip(sent, prices, strict=True))
    return filled / requested if requested else math.nan
