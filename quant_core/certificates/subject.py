"""What the certificates examine: a run that can be traded again, in other ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from quant_core.backtest_engine import RunWindow, run_backtest
from quant_core.foundation.types import BoolArray, Session
from quant_core.market import Market
from quant_core.strategies.base import BaseStrategy, MarketView
from quant_core.trading.account import Book
from quant_core.trading.history import RunHistory
from quant_core.trading.target import Target
from quant_core.trading_day import Brain


@dataclass(frozen=True, slots=True)
class Subject:
    """A run before it is traded.

    Attributes
    ----------
    new_brain : callable
        A fresh strategy with its rules, so that no run can learn from another.
    market : Market
        Prices, factors and facts of the whole dataset.
    window : RunWindow
        Rows of the run.
    scheduled : bool [sessions of the run]
        Sessions that execute a scheduled rebalance.
    capital_micros : int
        Cash at the start.
    """

    new_brain: Callable[[], Brain]
    market: Market
    window: RunWindow
    scheduled: BoolArray
    capital_micros: int

    def trade(self, brain: Brain | None = None, market: Market | None = None) -> RunHistory:
        """The run, by this brain in this market where they are given."""
        return run_backtest(
            self.new_brain() if brain is None else brain,
            self.market if market is None else market,
            self.window,
            self.scheduled,
            self.capital_micros,
        )

    def decision_rows(self) -> list[int]:
        """Rows at whose close a scheduled rebalance is decided, ascending."""
        executed = np.flatnonzero(self.scheduled) + self.window.first
        return (executed - 1).tolist()


class RecordingStrategy(BaseStrategy):
    """A strategy whose answers are kept, by the session of their close."""

    def __init__(self, inner: BaseStrategy) -> None:
        super().__init__(inner.settings)
        self.inner = inner
        self.answers: dict[Session, Target] = {}

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors of the strategy itself."""
        return self.inner.factors

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols the strategy itself names."""
        return self.inner.symbols

    def decide(self, view: MarketView, book: Book) -> Target:
        """The answer of the strategy itself, kept."""
        answer = self.inner.decide(view, book)
        self.answers[view.session] = answer
        return answer


class RecordingBookless(RecordingStrategy):
    """The same of a strategy that does not read the book, so that it is traded as it is."""

    reads_book: ClassVar[bool] = False


def recording(strategy: BaseStrategy) -> RecordingStrategy:
    """The strategy with its answers kept, read or not read by the engine as it says."""
    return (RecordingStrategy if strategy.reads_book else RecordingBookless)(strategy)


@dataclass(frozen=True, slots=True)
class Traded:
    """A run with the answers of its strategy."""

    history: RunHistory
    answers: dict[Session, Target]


def trade_until(subject: Subject, market: Market, last_row: int) -> Traded:
    """Trade ``market`` from the start of the run to ``last_row``, keeping every answer."""
    brain = subject.new_brain()
    strategy = recording(brain.strategy)
    first = subject.window.first
    history = run_backtest(
        replace(brain, strategy=strategy),
        market,
        RunWindow(first, last_row),
        subject.scheduled[: last_row - first + 1],
        subject.capital_micros,
    )
    return Traded(history, strategy.answers)
