"""Rule strategies over a cross-section: linear multi-factor and equal weight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import numpy as np

from quant_core.foundation.errors import StrategyError
from quant_core.foundation.settings import StrategySettings
from quant_core.foundation.settings_section import Conflict, Section, knob
from quant_core.foundation.types import BoolArray, FloatArray, IntArray
from quant_core.strategies.base import BaseStrategy, MarketView, register_strategy
from quant_core.trading.account import Book
from quant_core.trading.target import Hold, Target, Weights

VOLATILITY_FACTOR = "volatility_20"
"""The factor that ``weighting: inverse_volatility`` divides by."""

CAPITALISATION_FACTOR = "$cap"
"""The field of the dataset that ``weighting: cap`` is proportional to."""

_WEIGHING_FACTORS = {
    "inverse_volatility": VOLATILITY_FACTOR,
    "cap": CAPITALISATION_FACTOR,
}


class LinearSettings(Section):
    """Settings of the linear strategy, under ``strategy.linear``."""

    weights: Mapping[str, float] = knob("weight of each factor, by name or expression", whole=True)
    weighting: Literal["equal", "score", "inverse_volatility", "cap"] = knob(
        "how the selected names share the equity"
    )
    short_names: int = knob("names with the lowest scores to sell short; 0 = none", ge=0)
    short_exposure: float = knob(
        "what they are sold short for together, in equal parts", unit="times equity", ge=0
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Names to sell short need an exposure, and the other way round."""
        if (self.short_names == 0) != (self.short_exposure == 0.0):
            yield Conflict(
                "the linear strategy is short of nothing, or short for nothing",
                keys=("short_names", "short_exposure"),
                expected="both 0, or both above 0",
                found=f"short_names {self.short_names}, short_exposure {self.short_exposure:g}",
                fix="set both, or leave both at 0 for a long-only book",
            )


@register_strategy("linear")
class LinearStrategy(BaseStrategy):
    """Hold the names with the highest weighted sum of standardised factors.

    1. Eligible: in the universe, a valid close at T-1, at least one factor known.
    2. Each factor is standardised over the eligible names (:func:`standardise`).
    3. Score: sum of z times weight, weights divided by the sum of their absolute values.
    4. The ``top_k`` highest scores, ties ascending by symbol.
    5. Weights: equal; ``score`` (score less the lowest eligible score);
       ``inverse_volatility`` (1 / volatility_20); or ``cap`` (market capitalisation at
       T-1). A name whose volatility or capitalisation is not a positive number is not
       eligible where it sets the weights.
    6. With ``short_names``, as many of the other names, lowest scores first, ties ascending
       by symbol, share ``-short_exposure`` equally.
    """

    Settings: ClassVar[type[Section]] = LinearSettings
    reads_book: ClassVar[bool] = False

    def __init__(self, settings: StrategySettings) -> None:
        super().__init__(settings)
        options = settings.options
        if not isinstance(options, LinearSettings):
            raise StrategyError("strategy.linear needs its settings", fix="add strategy.linear")
        total = sum(abs(weight) for weight in options.weights.values())
        if not total > 0.0:
            raise StrategyError(
                "the factor weights of strategy.linear are all zero or missing",
                expected="at least one weight that is not 0",
                found=str(dict(options.weights)),
                where="strategy.linear.weights",
            )
        self._weighting = options.weighting
        self._short_names, self._short_exposure = options.short_names, options.short_exposure
        self._weighing_factor = _WEIGHING_FACTORS.get(options.weighting)
        self._weights = {name: weight / total for name, weight in options.weights.items()}

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors of the weights, and the one that shares the equity, if any."""
        names = dict.fromkeys(self._weights)
        if self._weighing_factor is not None:
            names[self._weighing_factor] = None
        return tuple(names)

    @property
    def holds_equal_shares(self) -> bool:
        """Whether a target is the first ``top_k`` of :meth:`ranked` with equal weights."""
        return self._weighting == "equal" and self._short_names == 0

    def decide(self, view: MarketView, book: Book) -> Target:
        """Weights of the best names, or Hold when no name is eligible."""
        score, eligible = self._scored(view)
        if not eligible.any():
            return Hold("no eligible name: no factor is known at this close")
        chosen = highest(score, eligible, self.settings.top_k)
        shares = self._shares_of_equity(view, score, eligible, chosen)
        columns: list[int] = chosen.tolist()
        weights = {view.symbols[i]: float(w) for i, w in zip(columns, shares, strict=True)}
        if self._short_names == 0:
            return Weights(weights)
        left = eligible.copy()
        left[chosen] = False
        lowest: list[int] = highest(-score, left, self._short_names).tolist()
        sold = {view.symbols[i]: -self._short_exposure / len(lowest) for i in lowest}
        return Weights(weights | sold, short=True)

    def ranked(self, view: MarketView, count: int) -> IntArray:
        """Columns of the ``count`` best names, best first; none when no name is eligible."""
        score, eligible = self._scored(view)
        return highest(score, eligible, count)

    def _scored(self, view: MarketView) -> tuple[FloatArray, BoolArray]:
        """Scores, and the names they rank."""
        values = [view.factor(name) for name in self._weights]
        known = np.logical_or.reduce([np.isfinite(v) for v in values])
        eligible = view.eligible & known
        if self._weighing_factor is not None:
            measure = view.factor(self._weighing_factor)
            eligible = eligible & (measure > 0.0) & np.isfinite(measure)
        score = np.zeros(len(view.symbols))
        for value, weight in zip(values, self._weights.values(), strict=True):
            score = score + standardise(value, eligible) * weight
        return score, eligible

    def _shares_of_equity(
        self, view: MarketView, score: FloatArray, eligible: BoolArray, chosen: IntArray
    ) -> FloatArray:
        equal = np.full(len(chosen), 1 / len(chosen))
        match self._weighting:
            case "equal":
                return equal
            case "score":
                strength = score[chosen] - score[eligible].min()
            case "cap":
                strength = view.factor(CAPITALISATION_FACTOR)[chosen]
            case _:
                strength = 1 / view.factor(VOLATILITY_FACTOR)[chosen]
        total = strength.sum()
        return strength / total if total > 0.0 else equal


@register_strategy("equal_weight")
class EqualWeightStrategy(BaseStrategy):
    """Hold every eligible name with the same weight; ``top_k`` plays no part."""

    reads_book: ClassVar[bool] = False

    def decide(self, view: MarketView, book: Book) -> Target:
        """The same weight for each name in the universe with a valid close."""
        names = [view.symbols[i] for i in np.flatnonzero(view.eligible)]
        if not names:
            return Hold("no eligible name: no close is known in the universe")
        return Weights(dict.fromkeys(names, 1 / len(names)))


def standardise(values: FloatArray, eligible: BoolArray) -> FloatArray:
    """z-scores over the eligible names, ddof 1; missing values count as 0 afterwards.

    A cross-section whose known values are all equal, or a single one, gives zeros; an
    infinite value counts as missing.

    Examples
    --------
    >>> standardise(np.array([1.0, 2.0, 3.0, np.nan]), np.array([True] * 4)).tolist()
    [-1.0, 0.0, 1.0, 0.0]
    """
    known = eligible & np.isfinite(values)
    z = np.zeros(len(values))
    sample = values[known]
    if len(sample) < 2 or sample.min() == sample.max():
        return z
    z[known] = (sample - sample.mean()) / sample.std(ddof=1)
    return z


def highest(score: FloatArray, eligible: BoolArray, count: int) -> IntArray:
    """Columns of the ``count`` highest eligible scores, ties ascending by column.

    Examples
    --------
    >>> highest(np.array([1.0, 3.0, 3.0, 9.0]), np.array([True, True, True, False]), 2).tolist()
    [1, 2]
    """
    columns = np.flatnonzero(eligible)
    low_first = -score[columns]
    if 0 < count < len(columns):  # only the names that reach the last place are sorted
        last = np.partition(low_first, count - 1)[count - 1]
        if np.isfinite(last):
            reach = low_first <= last
            columns, low_first = columns[reach], low_first[reach]
    return columns[np.argsort(low_first, kind="stable")[:count]]
