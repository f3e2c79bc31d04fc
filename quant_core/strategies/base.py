"""What a strategy is: a name, the factors it needs, and one decision.

A strategy decides at the close of T-1 from a :class:`MarketView` that shows nothing
later, and from the book it holds. It answers with :class:`Weights`, :class:`Hold` or
:class:`Flat`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import date
from typing import ClassVar, TypeVar

import numpy as np

from quant_core.foundation.errors import StrategyError
from quant_core.foundation.panel import MarketPanel
from quant_core.foundation.registry import Registry
from quant_core.foundation.settings import StrategySettings
from quant_core.foundation.settings_section import Section
from quant_core.foundation.types import BoolArray, FloatArray, FloatMatrix, Session
from quant_core.trading.account import Book
from quant_core.trading.target import Target


class MarketView:
    """The market as it was known at one close.

    Every array ends with the session of the view; there is no way to ask for a later
    one. Arrays are read-only.

    Parameters
    ----------
    panel : MarketPanel
        Prices, volume and membership of the whole run.
    factors : mapping of name to float64 [sessions, symbols]
        Values known at the close of their row.
    row : int
        Row of the session whose close is the present.
    """

    __slots__ = ("_factors", "_panel", "_row")

    def __init__(self, panel: MarketPanel, factors: Mapping[str, FloatMatrix], row: int) -> None:
        self._panel = panel
        self._factors = factors
        self._row = row

    @property
    def session(self) -> Session:
        """The session whose close is the present."""
        day: date = self._panel.axes.sessions[self._row].item()
        return day

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, ascending; the columns of every array."""
        return self._panel.axes.symbols

    @property
    def close(self) -> FloatArray:
        """Close of the session, one number a symbol, NaN where there is none."""
        return _locked(self._panel.close[self._row])

    @property
    def eligible(self) -> BoolArray:
        """Names in the universe with a valid close at this session."""
        return self._panel.member[self._row] & (self._panel.close[self._row] > 0.0)

    def factor(self, name: str) -> FloatArray:
        """Values of a factor at this session, NaN where unknown."""
        if name not in self._factors:
            raise StrategyError(
                "a strategy asked for a factor it did not declare",
                expected="one of: " + ", ".join(sorted(self._factors)),
                found=name,
                fix="name it in the strategy's `factors`",
            )
        return _locked(self._factors[name][self._row])

    def close_history(self, symbol: str) -> FloatArray:
        """All valid closes of one symbol up to this session, oldest first.

        Free of the jumps of splits and dividends, as far as those are known.

        Sessions without a close are left out, so that a count of observations is a
        count of the symbol's own traded sessions.
        """
        columns = self._panel.axes.columns_of([symbol])
        if columns[0] < 0:
            raise StrategyError(
                "a strategy names a symbol the dataset does not have",
                found=symbol,
                fix="check the strategy's list of symbols against the dataset",
            )
        closes = self._panel.close_for_returns[: self._row + 1, columns[0]]
        return closes[np.isfinite(closes)]


class BaseStrategy(ABC):
    """Base of every strategy.

    A subclass names its own settings in ``Settings``; they stand in the YAML under
    ``strategy.<registered name>``. One that decides from the view alone says so with
    ``reads_book = False``: its targets are then known before anything is traded, and a
    backtest of it is compiled. It is given a book that refuses to be read.
    """

    Settings: ClassVar[type[Section]] = Section
    reads_book: ClassVar[bool] = True

    def __init__(self, settings: StrategySettings) -> None:
        self.settings = settings

    @property
    def factors(self) -> tuple[str, ...]:
        """Names or expressions of the factors that ``decide`` reads."""
        return ()

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols the strategy names itself; the dataset must have them."""
        return ()

    @abstractmethod
    def decide(self, view: MarketView, book: Book) -> Target:
        """The target for the next open, from what is known at this close."""


STRATEGIES: Registry[type[BaseStrategy]] = Registry("strategy type", StrategyError)

Strategy = TypeVar("Strategy", bound=type[BaseStrategy])


def register_strategy(name: str) -> Callable[[Strategy], Strategy]:
    """Class decorator: make a strategy available to the YAML as ``strategy.type: name``."""

    def register(strategy: Strategy) -> Strategy:
        STRATEGIES.add(name, strategy)
        return strategy

    return register


def _locked(values: FloatArray) -> FloatArray:
    """A read-only view, so that no strategy can write into the market."""
    view = values.view()
    view.flags.writeable = False
    return view
