"""The market of a run as the ledger asks for it: by session row and symbol."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from quant_core.foundation.errors import DataRefused, InvariantBroken
from quant_core.foundation.money import micros_array
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.foundation.types import FloatMatrix, IntArray, Session
from quant_core.strategies.base import MarketView
from quant_core.trading.actions import Action, Rename, Split, in_turn
from quant_core.trading.fills import FREE, Quote
from quant_core.trading.sizing import CloseQuote


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """What is known of a market beside its panel; everything is optional.

    Attributes
    ----------
    delistings : mapping of symbol to row
        The last session with a price of each name that is delisted.
    actions : mapping of row to actions
        Corporate actions by the row of their ex-date.
    price : float64 [sessions, symbols] or None
        The price orders meet in each session; None = the open.
    locked : int8 [sessions, symbols] or None
        States against the price limits, see :mod:`quant_core.trading.fills`.
    volatility, average_volume : float64 [sessions, symbols] or None
        Daily volatility (fraction) and average volume (shares) known at the close of
        their row, for the impact model.
    borrow : float64 [sessions, symbols] or None
        Annual borrow rate known at the close of its row, NaN = no shares to borrow;
        None = every name at ``borrow_rate``.
    borrow_rate : float
        Annual rate of every name where there is no table.
    """

    delistings: Mapping[str, int] = field(default_factory=dict[str, int])
    actions: Mapping[int, tuple[Action, ...]] = field(default_factory=dict[int, tuple[Action, ...]])
    price: FloatMatrix | None = None
    locked: NDArray[np.int8] | None = None
    volatility: FloatMatrix | None = None
    average_volume: FloatMatrix | None = None
    borrow: FloatMatrix | None = None
    borrow_rate: float = 0.0


NO_FACTS = MarketFacts()
"""Prices alone."""


class Market:
    """Prices by session row and symbol.

    Parameters
    ----------
    panel : MarketPanel
        Open, close, volume and membership.
    factors : mapping of name to float64 [sessions, symbols]
        What the strategy reads.
    facts : MarketFacts
        What else is known of the market.
    """

    def __init__(
        self,
        panel: MarketPanel,
        factors: Mapping[str, FloatMatrix],
        facts: MarketFacts = NO_FACTS,
    ) -> None:
        _check_facts(facts, panel.axes)
        self._columns = {symbol: i for i, symbol in enumerate(panel.axes.symbols)}
        self.panel = panel
        self.factors = factors
        self.facts = facts
        self.price = panel.open if facts.price is None else facts.price
        self._actions = {
            row: self._of_session(row, actions) for row, actions in sorted(facts.actions.items())
        }
        self._splits: dict[str, list[tuple[int, float]]] = {}
        for row, actions in self._actions.items():
            for action in actions:
                if isinstance(action, Split):
                    self._splits.setdefault(action.symbol, []).append((row, action.ratio))
        self.delisted_rows: dict[int, tuple[str, ...]] = {
            row: tuple(symbol for _, symbol in names)
            for row, names in groupby(sorted(self._ends()), key=itemgetter(0))
        }
        """Names to be closed at the end of a session, by its row."""

    @cached_property
    def close_in_micros(self) -> IntArray:
        """Closes in micros, 0 where there is no valid one; made when first asked for."""
        return micros_array(np.where(self.panel.close > 0.0, self.panel.close, 0.0))

    def session(self, row: int) -> Session:
        """The date of a row."""
        day: Session = self.panel.axes.sessions[row].item()
        return day

    def view(self, row: int) -> MarketView:
        """What a strategy may see at the close of ``row``."""
        return MarketView(self.panel, self.factors, row)

    def close_micros(self, row: int, symbol: str) -> int:
        """Close in micros, 0 when there is no valid one."""
        column = self._columns.get(symbol)
        return 0 if column is None else self.close_in_micros.item(row, column)

    def close_quote(self, row: int, symbol: str) -> CloseQuote:
        """The last valid close up to ``row`` and whether the name may be bought or shorted.

        An earlier close is stated in shares of ``row``: splits since are taken out of it.
        """
        column = self._columns.get(symbol)
        if column is None:
            return CloseQuote(0, valid=False, in_universe=False, locatable=False)
        member = self.panel.member.item(row, column)
        locatable = self.locatable(row, symbol)
        close = self.close_in_micros.item(row, column)
        if close > 0:
            return CloseQuote(close, valid=True, in_universe=member, locatable=locatable)
        known = np.flatnonzero(self.close_in_micros[:row, column])
        last = int(self.close_in_micros[known[-1], column]) if len(known) else 0
        for split_row, ratio in self._splits.get(symbol, ()):
            if last and known[-1] < split_row <= row:
                last = round(last / ratio)
        return CloseQuote(last, valid=False, in_universe=member, locatable=locatable)

    def quote(self, row: int, symbol: str) -> Quote:
        """What orders of a session meet; the impact inputs are those of the close before."""
        column = self._columns.get(symbol)
        if column is None:
            return Quote(math.nan, math.nan)
        facts = self.facts
        locked, volatility, volume = FREE, math.nan, math.nan
        if facts.locked is not None:
            locked = facts.locked.item(row, column)
        if facts.volatility is not None and row > 0:
            volatility = facts.volatility.item(row - 1, column)
        if facts.average_volume is not None and row > 0:
            volume = facts.average_volume.item(row - 1, column)
        price = self.price.item(row, column)
        return Quote(price, self.panel.volume.item(row, column), locked, volatility, volume)

    def delisted_after(self, row: int) -> tuple[str, ...]:
        """Names whose last session with a price is ``row``."""
        return self.delisted_rows.get(row, ())

    def actions(self, row: int) -> tuple[Action, ...]:
        """Corporate actions whose ex-date is the session of ``row``, in their turn."""
        return self._actions.get(row, ())

    def locatable(self, row: int, symbol: str) -> bool:
        """Whether shares of the name can be borrowed, as known at the close of ``row``."""
        if self.facts.borrow is None:
            return symbol in self._columns
        if symbol not in self._columns:
            return False
        return math.isfinite(self.facts.borrow.item(row, self._columns[symbol]))

    def borrow_rate(self, row: int, symbol: str) -> float:
        """Annual rate of borrowing a name: the last one known up to ``row``.

        A name that left the list while sold short goes on paying its last rate.
        """
        if self.facts.borrow is None or symbol not in self._columns:
            return self.facts.borrow_rate
        rates = self.facts.borrow[: row + 1, self._columns[symbol]]
        known = np.flatnonzero(np.isfinite(rates))
        return float(rates[known[-1]]) if len(known) else self.facts.borrow_rate

    def _of_session(self, row: int, actions: Sequence[Action]) -> tuple[Action, ...]:
        """The actions of a session in their turn, each under the name that is held.

        On the day of a rename a split or dividend may be told under the new name: where
        that name had no price before, it is the old one's.
        """
        renames = [a for a in actions if isinstance(a, Rename)]
        predecessors = {a.successor: a.symbol for a in renames}
        if len({a.symbol for a in renames}) < len(renames):
            raise DataRefused(
                "a name is renamed twice in one session",
                expected="one successor for a name",
                found=", ".join(f"{a.symbol} to {a.successor}" for a in renames),
                where=str(self.session(row)),
                fix="correct the table of actions",
            )
        told: list[Action] = []
        for action in actions:
            names = {action.symbol, action.successor if isinstance(action, Rename) else ""}
            unknown = [name for name in names if name and name not in self._columns]
            if unknown:
                raise DataRefused(
                    "a corporate action names a symbol that the market does not have",
                    expected="symbols of the dataset",
                    found=", ".join(unknown),
                    where=f"{action} on {self.session(row)}",
                    fix="take the action out, or add the prices of that symbol",
                )
            old = predecessors.get(action.symbol)
            if old is None or isinstance(action, Rename) or self._had_a_close(row, action.symbol):
                told.append(action)
            else:
                told.append(replace(action, symbol=old))
        return tuple(sorted(told, key=in_turn))

    def _ends(self) -> set[tuple[int, str]]:
        """Rows at whose end a name is closed.

        The last session of a delisted name; and, should a source state an end before its
        last price or rename into a name that has ended, every later session in which
        something could come into the dead name: it leaves again at once.
        """
        ends: set[tuple[int, str]] = set()
        for symbol, row in self.facts.delistings.items():
            ends.add((row, symbol))
            column = self._columns.get(symbol)
            if column is not None:
                closes, prices = self.panel.close[row + 1 :, column], self.price[row + 1 :, column]
                later = np.flatnonzero((closes > 0.0) | (prices > 0.0))
                ends |= {(row + 1 + int(offset), symbol) for offset in later}
        for row, actions in self._actions.items():
            for action in actions:
                if isinstance(action, Rename):
                    end = self.facts.delistings.get(action.successor, row)
                    ends |= {(row, action.successor)} if end < row else set()
        return ends

    def _had_a_close(self, row: int, symbol: str) -> bool:
        return bool((self.panel.close[:row, self._columns[symbol]] > 0.0).any())


def _check_facts(facts: MarketFacts, axes: Axes) -> None:
    """Refuse facts of another market, before a run finds out in its middle."""
    tables = {
        "price": facts.price,
        "locked": facts.locked,
        "volatility": facts.volatility,
        "average_volume": facts.average_volume,
        "borrow": facts.borrow,
    }
    for name, table in tables.items():
        if table is not None and table.shape != axes.shape:
            raise InvariantBroken(
                f"the market's table {name} has another shape than its prices",
                expected=str(axes.shape),
                found=str(table.shape),
            )
    if not math.isfinite(facts.borrow_rate):
        raise InvariantBroken("the borrow rate is not a number", found=str(facts.borrow_rate))
