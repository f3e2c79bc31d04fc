"""The book: what an account holds at one close, as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

from quant_core.foundation.types import Session


class Position(NamedTuple):
    """Shares of one name with their average cost and last valid close.

    A named tuple and not a dataclass: one is made for every position and close, and a
    tuple is made several times faster.

    ``shares`` is negative for a short position. ``average_cost_micros`` includes
    commission and slippage of the buys (of a short position: the proceeds after them)
    and is not changed by a trade that reduces the position; ``stale`` says that the mark
    is an earlier session's close.
    """

    shares: int
    average_cost_micros: float
    mark_micros: int
    stale: bool

    @property
    def value_micros(self) -> int:
        """Shares times mark."""
        return self.shares * self.mark_micros


@dataclass(frozen=True, slots=True)
class Book:
    """Cash and positions at the close of ``session``.

    ``session`` is None before the first session. ``equity_micros`` is exactly cash plus
    the value of the positions plus ``receivable_micros``: dividends whose ex-date has
    come and whose pay date has not, and fractions of shares not yet paid out.
    """

    session: Session | None
    cash_micros: int
    positions: Mapping[str, Position]
    equity_micros: int
    receivable_micros: int = 0

    @classmethod
    def opening(cls, capital_micros: int) -> Self:
        """A book of cash alone.

        Examples
        --------
        >>> Book.opening(5_000_000).equity_micros
        5000000
        """
        return cls(None, capital_micros, {}, capital_micros)

    @property
    def investable_micros(self) -> int:
        """What weights are fractions of: equity without what has not been received yet."""
        return self.equity_micros - self.receivable_micros

    @property
    def gross_micros(self) -> int:
        """Value of the long positions plus value of the short ones, both positive."""
        return sum(abs(position.value_micros) for position in self.positions.values())
