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

    Long only, unless ``short`` is set: a strategy says so itself, and the settings must
    allow it (``short.allowed``) before a negative weight becomes an order. How far the
    weights of a long-short book may reach is then a matter of its margin and limits.

    Raises
    ------
    StrategyError
        If a weight is NaN or infinite; for a long-only target also if one is negative or
        the weights sum to more than 1 + 1e-9.

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
    >>> Weights({"AAA": 0.5, "BBB": -0.5}, short=True).weights["BBB"]
    -0.5
    """

    weights: Mapping[str, float]
    short: bool = False

    def __post_init__(self) -> None:
        least = -math.inf if self.short else 0.0
        for symbol, weight in self.weights.items():
            if not (math.isfinite(weight) and weight >= least):
                kind = "long-short" if self.short else "long-only"
                raise StrategyError(
                    f"a target weight is not a number a {kind} book can hold",
                    expected="a finite weight" if self.short else "a finite weight >= 0",
                    found=f"{symbol}: {weight}",
                    fix="return only names whose weight is known",
                )
        if self.short:
            return
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
