"""The ledger: events in, exact books out.

Cash, notionals and fees are int64 micros, shares are integers. The identity

    equity = cash + sum(shares * mark)      and      cash_end = cash_start + sum(flows)

is checked at every close, exactly; a book whose cash would fall below zero is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.money import checked_micros
from quant_core.foundation.types import Session
from quant_core.trading.account import Book, Position
from quant_core.trading.events import Delisting, Event, Fill
from quant_core.trading.orders import Side


class Portfolio:
    """A long-only ledger in whole shares.

    Parameters
    ----------
    capital_micros : int
        Cash at the start, in micros.

    Examples
    --------
    >>> from datetime import date
    >>> portfolio = Portfolio(1_000_000_000)
    >>> portfolio.apply(Fill(date(2024, 1, 2), "AAA", Side.BUY, 10, 50_000_000, 50_000_000, 0))
    >>> book = portfolio.mark(date(2024, 1, 2), lambda symbol: 51_000_000)
    >>> book.cash_micros, book.equity_micros
    (500000000, 1010000000)
    """

    def __init__(self, capital_micros: int) -> None:
        self._cash = checked_micros(capital_micros)
        self._audited_cash = capital_micros
        self._flows: list[int] = []
        self._shares: dict[str, int] = {}
        self._average_cost: dict[str, float] = {}
        self._marks: dict[str, int] = {}

    @property
    def cash_micros(self) -> int:
        """Cash at this moment."""
        return self._cash

    def shares_of(self, symbol: str) -> int:
        """Shares held of ``symbol``, 0 if none."""
        return self._shares.get(symbol, 0)

    def apply(self, event: Event) -> None:
        """Change the book by one event.

        Raises
        ------
        InvariantBroken
            If the event would make cash or a position negative.
        """
        match event:
            case Fill(side=Side.BUY):
                self._buy(event)
            case Fill():
                self._reduce(event.symbol, event.shares, event.session)
                self._add_cash(event.cash_flow_micros, event.session)
            case Delisting():
                held = self.shares_of(event.symbol)
                self._reduce(event.symbol, held, event.session)
                self._add_cash(held * event.price_micros, event.session)

    def mark(self, session: Session, close_micros: Callable[[str], int]) -> Book:
        """The book at the close of ``session``, with the identity checked.

        ``close_micros`` gives a name's close, 0 when it has none; the last valid close
        is then carried and the position is marked stale.
        """
        positions: dict[str, Position] = {}
        value = 0
        for symbol in sorted(self._shares):
            close = close_micros(symbol)
            if close > 0:
                self._marks[symbol] = close
            shares, mark = self._shares[symbol], self._marks[symbol]
            cost = self._average_cost[symbol]
            positions[symbol] = Position(shares, cost, mark, stale=close <= 0)
            value += shares * mark
        self._check_cash_flows(session)
        equity = checked_micros(self._cash + value)
        return Book(session, self._cash, positions, equity)

    def _buy(self, fill: Fill) -> None:
        held = self.shares_of(fill.symbol)
        cost = fill.notional_micros + fill.commission_micros
        total = held + fill.shares
        before = self._average_cost.get(fill.symbol, 0.0)
        self._add_cash(-cost, fill.session)
        self._average_cost[fill.symbol] = (before * held + cost) / total
        self._shares[fill.symbol] = total
        # Until its first close arrives a new position is worth what its open said.
        self._marks.setdefault(fill.symbol, fill.open_micros)

    def _reduce(self, symbol: str, shares: int, session: Session) -> None:
        left = self.shares_of(symbol) - shares
        if left < 0:
            raise InvariantBroken(
                "a long-only book would go short",
                expected=f"at most {self.shares_of(symbol)} shares to sell",
                found=str(shares),
                where=f"{symbol} on {session}",
            )
        if left > 0:
            self._shares[symbol] = left
            return
        for table in (self._shares, self._average_cost, self._marks):
            table.pop(symbol, None)

    def _add_cash(self, flow_micros: int, session: Session) -> None:
        if self._cash + flow_micros < 0:
            raise InvariantBroken(
                "cash would fall below zero",
                expected="cash >= 0",
                found=f"{self._cash + flow_micros} micros",
                where=str(session),
            )
        self._cash = checked_micros(self._cash + flow_micros)
        self._flows.append(flow_micros)

    def _check_cash_flows(self, session: Session) -> None:
        if self._audited_cash + sum(self._flows) != self._cash:
            raise InvariantBroken("cash does not equal the sum of its flows", where=str(session))
        self._audited_cash = self._cash
        self._flows.clear()
