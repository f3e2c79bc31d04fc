"""Where two runs over the same past part, and which of their stages parted first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from quant_core.certificates.subject import Traded
from quant_core.foundation.types import BoolArray, FloatMatrix, Session
from quant_core.market import Market
from quant_core.trading.orders import OrderRecord
from quant_core.trading.target import Target, Weights

TOLERANCE = 1e-9
"""Relative difference of a factor that is rounding: shorter panels may be added up in
another order."""


class Stage(StrEnum):
    """From data to fills, in the order in which one follows from the other."""

    UNIVERSE = "universe"
    FACTOR = "factor"
    MARKET_FACT = "market fact"
    TARGET = "target"
    ORDER = "order"
    FILL = "fill"


@dataclass(frozen=True, slots=True)
class Difference:
    """The first session at which a stage is not what it was; ``what`` names a factor."""

    stage: Stage
    what: str
    session: Session
    symbol: str


def market_differences(one: Market, other: Market, last_row: int) -> list[Difference]:
    """What differs between two markets up to ``last_row``: universe, factors, facts.

    A factor is compared where the name has a close: elsewhere nobody can trade on it.
    """
    rows = slice(0, last_row + 1)
    member = one.panel.member[rows] != other.panel.member[rows]
    found = [_first(one, Stage.UNIVERSE, "", member)]
    priced = one.panel.close[rows] > 0.0
    for name, values in one.factors.items():
        changed = _unequal(values[rows], other.factors[name][rows]) & priced
        found.append(_first(one, Stage.FACTOR, name, changed))
    for name, mine, its in _facts(one, other):
        changed = _unequal(mine[rows], its[rows])
        found.append(_first(one, Stage.MARKET_FACT, name, changed))
    return [difference for difference in found if difference is not None]


def trade_differences(
    one: Traded, other: Traded, last: Session, adjusted: frozenset[str]
) -> list[Difference]:
    """What differs between two runs: targets decided, orders and fills up to ``last``.

    The orders that the close of ``last`` decided are compared as they were decided,
    apart from names ``adjusted`` by a corporate action before they could meet a market.
    """
    found = [
        _first_target(one, other, last),
        _first_record(_orders(one, last, adjusted), _orders(other, last, adjusted), Stage.ORDER),
        _first_record(_fills(one, last), _fills(other, last), Stage.FILL),
    ]
    return [difference for difference in found if difference is not None]


def _unequal(mine: FloatMatrix, its: FloatMatrix) -> BoolArray:
    return ~np.isclose(mine, its, rtol=TOLERANCE, atol=0.0, equal_nan=True)


def _first(market: Market, stage: Stage, what: str, changed: BoolArray) -> Difference | None:
    """The first changed cell, by session and then by symbol."""
    if not changed.any():
        return None
    row, column = (int(place) for place in np.unravel_index(int(changed.argmax()), changed.shape))
    return Difference(stage, what, market.session(row), market.panel.axes.symbols[column])


def _facts(one: Market, other: Market) -> Iterable[tuple[str, FloatMatrix, FloatMatrix]]:
    """The matrices beside the panel that both markets have."""
    mine, its = one.facts, other.facts
    named = (
        ("price", mine.price, its.price),
        ("locked", mine.locked, its.locked),
        ("volatility", mine.volatility, its.volatility),
        ("average_volume", mine.average_volume, its.average_volume),
        ("borrow", mine.borrow, its.borrow),
    )
    for name, left, right in named:
        if left is not None and right is not None:
            yield name, np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)


def _first_target(one: Traded, other: Traded, last: Session) -> Difference | None:
    for session in sorted({*one.answers, *other.answers}):
        if session > last:
            return None
        mine, its = one.answers.get(session), other.answers.get(session)
        if mine != its:
            return Difference(Stage.TARGET, "", session, _first_symbol(mine, its))
    return None


def _first_symbol(mine: Target | None, its: Target | None) -> str:
    """The first symbol with another weight; empty where no weights are compared."""
    if not (isinstance(mine, Weights) and isinstance(its, Weights)):
        return ""
    symbols = sorted({*mine.weights, *its.weights})
    return next((s for s in symbols if mine.weights.get(s) != its.weights.get(s)), "")


Record = tuple[Session, str, object]
"""Session, symbol and everything that is compared."""


def _orders(traded: Traded, last: Session, adjusted: frozenset[str]) -> list[Record]:
    orders = traded.history.orders
    decided = [o for o in orders if o.session > last and o.symbol not in adjusted]
    done: list[Record] = [(o.session, o.symbol, o) for o in orders if o.session <= last]
    # Not in the order of execution: a name that is locked or renamed may wait elsewhere.
    return [*done, *sorted((o.session, o.symbol, _as_decided(o)) for o in decided)]


def _as_decided(order: OrderRecord) -> tuple[str, int, int]:
    return order.side.value, order.requested, order.signal_price_micros


def _fills(traded: Traded, last: Session) -> list[Record]:
    return [(f.session, f.symbol, f) for f in traded.history.fills if f.session <= last]


def _first_record(mine: Sequence[Record], its: Sequence[Record], stage: Stage) -> Difference | None:
    for left, right in zip(mine, its, strict=False):
        if left != right:
            session, symbol, _ = min(left, right, key=lambda record: record[:2])
            return Difference(stage, "", session, symbol)
    if len(mine) == len(its):
        return None
    session, symbol, _ = (mine if len(mine) > len(its) else its)[min(len(mine), len(its))]
    return Difference(stage, "", session, symbol)
