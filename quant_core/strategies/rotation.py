"""ETF rotation: the strongest of a list, above their trend, else a safe asset."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import ClassVar

from quant_core.foundation.errors import StrategyError
from quant_core.foundation.settings import StrategySettings
from quant_core.foundation.settings_section import Conflict, Section, knob
from quant_core.strategies.base import BaseStrategy, MarketView, register_strategy
from quant_core.trading.account import Book
from quant_core.trading.target import Target, Weights


class EtfRotationSettings(Section):
    """Settings of the rotation, under ``strategy.etf_rotation``."""

    assets: Sequence[str] = knob("symbols to choose from", whole=True)
    safe_asset: str = knob("symbol that takes the place of an asset below its trend")
    momentum_sessions: int = knob("look-back of the ranking", unit="sessions", ge=1)
    trend_sessions: int = knob("length of the average that is the trend", unit="sessions", ge=1)

    def conflicts(self) -> Iterator[Conflict]:
        """Each asset stands once in the list; the safe asset may be one of them."""
        repeated = [asset for asset, times in Counter(self.assets).items() if times > 1]
        if repeated:
            yield Conflict(
                "the rotation names an asset more than once",
                keys=("assets",),
                expected="each symbol once",
                found=", ".join(repeated),
                fix="remove the repetition",
            )


@register_strategy("etf_rotation")
class EtfRotationStrategy(BaseStrategy):
    """Rank ETFs by momentum, hold the ``top_k`` above their trend, else the safe asset.

    Momentum is close / close ``momentum_sessions`` earlier - 1, the trend the mean of
    the last ``trend_sessions`` closes, both counted in the ETF's own traded sessions.
    Each of the ``top_k`` places is worth 1/k; a place whose ETF is not above its trend,
    or that no ETF can fill for lack of history, goes to the safe asset.
    """

    Settings: ClassVar[type[Section]] = EtfRotationSettings
    reads_book: ClassVar[bool] = False

    def __init__(self, settings: StrategySettings) -> None:
        super().__init__(settings)
        options = settings.options
        if not isinstance(options, EtfRotationSettings) or not options.assets:
            raise StrategyError(
                "strategy.etf_rotation needs a list of assets",
                expected="at least one symbol in strategy.etf_rotation.assets",
                fix="name the ETFs to choose from",
            )
        self._options = options

    @property
    def symbols(self) -> tuple[str, ...]:
        """The assets and the safe asset."""
        return (*self._options.assets, self._options.safe_asset)

    def decide(self, view: MarketView, book: Book) -> Target:
        """Equal places for the strongest assets, with the safe asset as substitute."""
        places = min(self.settings.top_k, len(self._options.assets))
        strength = {asset: self._momentum(view, asset) for asset in self._options.assets}
        ranked = sorted(
            (asset for asset, momentum in strength.items() if math.isfinite(momentum)),
            key=lambda asset: (-strength[asset], asset),
        )
        held = [asset for asset in ranked[:places] if self._above_trend(view, asset)]
        weights = dict.fromkeys(held, 1 / places)
        spare = places - len(held)
        if spare:
            safe = self._options.safe_asset
            weights[safe] = weights.get(safe, 0.0) + spare / places
        return Weights(weights)

    def _momentum(self, view: MarketView, asset: str) -> float:
        closes = view.close_history(asset)
        if len(closes) <= self._options.momentum_sessions:
            return math.nan
        return float(closes[-1] / closes[-1 - self._options.momentum_sessions] - 1)

    def _above_trend(self, view: MarketView, asset: str) -> bool:
        closes = view.close_history(asset)[-self._options.trend_sessions :]
        if len(closes) < self._options.trend_sessions:
            return False
        return bool(closes[-1] > closes.mean())
