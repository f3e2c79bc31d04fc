"""What the language knows of field names: units, groups and derived fields.

Any other name a dataset has may be used as well; its unit class is then ``any``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from quant_core.factors.expression import Call, Expression, Field, Number

PRICE_FIELDS = frozenset({"open", "high", "low", "close", "vwap"})
VOLUME_FIELDS = frozenset({"volume"})
MONEY_FIELDS = frozenset({"amount", "cap"})
NUMBER_FIELDS = PRICE_FIELDS | VOLUME_FIELDS | MONEY_FIELDS | {"returns"}
GROUP_FIELDS = frozenset({"sector", "industry", "subindustry"})

_CLOSE = Field("close")
DERIVED_FIELDS: Mapping[str, Expression] = MappingProxyType(
    {
        "returns": Call(
            "subtract",
            (Call("divide", (_CLOSE, Call("delay", (_CLOSE, Number(1.0))))), Number(1.0)),
        ),
    }
)
"""Fields that are formulas: ``returns`` is ``close / delay(close, 1) - 1``. No other field is
ever computed from something else: without ``vwap`` or ``amount`` in the dataset, a factor that
needs them is unavailable."""
