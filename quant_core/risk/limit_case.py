"""An order seen against the book before and after it: what every check is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from quant_core.risk.gate_inputs import (
    GateInputs,
    OpenOrder,
    OrderIntent,
    OrderPurpose,
    SentOrder,
    known_whole,
    total,
)
from quant_core.risk.limit_exposure import Exposure, reduces_risk
from quant_core.risk.limit_values import Limits

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Standing:
    """What the gate knows, with the exposure computed once."""

    inputs: GateInputs
    exposure: Exposure

    @classmethod
    def of(cls, inputs: GateInputs) -> Standing:
        """The standing before any order."""
        return cls(inputs, Exposure.of(inputs))

    def after(self, intent: OrderIntent) -> Standing:
        """The standing once ``intent`` has been sent: it counts everywhere at once."""
        quantity = known_whole(intent.quantity, least=1)
        price, inputs = intent.worst_price_micros, self.inputs
        opened = OpenOrder(intent.symbol, intent.side, quantity, price)
        sent = SentOrder(intent.symbol, intent.side, quantity, intent.rebalance_id, 0.0)
        parents = dict(inputs.parents)
        parent = parents.get(intent.symbol)
        if parent is not None:
            children = total(known_whole(parent.children, least=0), quantity)
            parents[intent.symbol] = replace(parent, children=children)
        return Standing(
            replace(
                inputs,
                open_orders=_with(inputs.open_orders, opened),
                recent_orders=_with(inputs.recent_orders, sent),
                orders_last_minute=total(known_whole(inputs.orders_last_minute, least=0), 1),
                orders_today=total(known_whole(inputs.orders_today, least=0), 1),
                parents=parents,
            ),
            self.exposure.after(intent.symbol, intent.side, quantity, price),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """One order to be judged."""

    intent: OrderIntent
    limits: Limits
    before: Standing
    after: Standing
    reduces: bool

    @classmethod
    def of(cls, intent: OrderIntent, before: Standing, limits: Limits) -> Case:
        """The case of ``intent`` against what has been sent before it."""
        reduces = reduces_risk(intent, before.exposure)
        return cls(intent, limits, before, before.after(intent), reduces)

    @property
    def is_flat(self) -> bool:
        """Whether it belongs to the operator's FLAT and really only reduces."""
        return self.reduces and self.intent.purpose is OrderPurpose.FLAT


def _with(items: tuple[Item, ...] | None, item: Item) -> tuple[Item, ...] | None:
    return None if items is None else (*items, item)
