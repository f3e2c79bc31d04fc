"""Strategies by name.

A new strategy is a file beside the others: decorate the class with
``@register_strategy("name")`` and import the module here; ``strategy.type: name`` in the
YAML then selects it, with its own settings under ``strategy.name``.
"""

from __future__ import annotations

from quant_core.foundation.settings import StrategySettings
from quant_core.foundation.settings_section import Section
from quant_core.strategies import rotation, rules
from quant_core.strategies.base import STRATEGIES, BaseStrategy, MarketView, register_strategy

__all__ = [
    "STRATEGIES",
    "BaseStrategy",
    "MarketView",
    "create_strategy",
    "register_strategy",
    "rotation",
    "rules",
    "strategy_sections",
]


def create_strategy(settings: StrategySettings) -> BaseStrategy:
    """The strategy that ``settings.type`` names, built with its settings.

    Raises
    ------
    StrategyError
        For an unknown type; the message lists the known ones.
    """
    return STRATEGIES.get(settings.type)(settings)


def strategy_sections() -> dict[str, type[Section]]:
    """The settings class of every registered strategy, for the configuration loader."""
    return {name: STRATEGIES.get(name).Settings for name in STRATEGIES}
