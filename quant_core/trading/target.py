"""What a strategy may want: weights, to hold, or to be flat. Never an empty dictionary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from quant_core.foundation.errors import StrategyError

WEIGHT_TOLERANCE = 1e-9
"""How far the sum of long-only weights may exceed 1 through rounding."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Fractions of equity by symbol; a held name that is absent has target 0.

    Raises
    ------
    StrategyError
        If a weight is NaN, infinite or negative, or the weights sum to more than
        1 + 1e-9.

    Examples
    --------
    >>> Weights({"AAA": 0.5, "BBB": 0.5}).weights["AAA"]
    0.5
    >>> Weights({"AAA": 1.5})
    Traceback (most recent call last):
    quant_core.foundation.errors.StrategyError: target weights sum to more than 1
      expected: a long-only book: weights >= 0 with a sum of at most 1
      found:    1.5
      fix:      scale the weights; borrowing is not available to a long-only strategy
    """

    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        for symbol, weight in self.weights.items():
            if not (math.isfinite(weight) and weight >= 0.0):
                raise StrategyError(
                    "a target weight is not a number a long-only book can hold",
                    expected="a finite weight >= 0",
                    found=f"{symbol}: {weight}",
                    fix="return only names whose weight is known",
                )
        total = math.fsum(self.weights.values())
        if not (total <= 1.0 + WEIGHT_TOLERANCE):
            raise StrategyError(
                "target weights sum to more than 1",
                expected="a long-only book: weights >= 0 with a sum of at most 1",
                found=f"{total:.12g}",
                fix="scale the weights; borrowing is not available to a long-only strategy",
            )


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep every position as it is; the reason is recorded."""

    reason: str


@dataclass(frozen=True, slots=True)
class Flat:
    """Sell every position; the reason is recorded."""

    reason: str


Target: TypeAlias = Weights | Hold | Flat
"""The three answers a strategy may give."""
