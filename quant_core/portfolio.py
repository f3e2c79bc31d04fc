"""The ledger: events in, exact books out.

Cash, notionals and fees are int64 micros, shares are integers. The identity

    equity = cash + sum(shares * mark) + receivable
    cash_end = cash_start + sum(flows)

is checked at every close, exactly. The cash of a long-only book never falls below zero;
a book that may be short owes what it has overdrawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Self, cast

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.money import checked_micros, micros
from quant_core.foundation.types import Session
from quant_core.trading.account import Book, Position
from quant_core.trading.actions import Split, whole_shares
from quant_core.trading.events import (
    CashFlow,
    Delisting,
    Entitlement,
    Event,
    Fill,
    Renaming,
    Subscription,
)
from quant_core.trading.orders import Side


class Portfolio:
    """A ledger in whole shares.

    Parameters
    ----------
    capital_micros : int
        Cash at the start, in micros.
    may_short : bool
        Whether positions may be negative. Without it a sale of more than is held, or a
        payment of more cash than there is, is an :class:`InvariantBroken`.

    Examples
    --------
    >>> from datetime import date
    >>> portfolio = Portfolio(1_000_000_000)
    >>> portfolio.apply(Fill(date(2024, 1, 2), "AAA", Side.BUY, 10, 50_000_000, 50_000_000, 0))
    >>> book = portfolio.mark(date(2024, 1, 2), lambda symbol: 51_000_000)
    >>> book.cash_micros, book.equity_micros
    (500000000, 1010000000)
    >>> portfolio.apply(Split("AAA", 2.5))
    >>> portfolio.shares_of("AAA")
    25
    """

    def __init__(self, capital_micros: int, *, may_short: bool = False) -> None:
        self._cash = checked_micros(capital_micros)
        self._audited_cash = capital_micros
        self._may_short = may_short
        self._flows: list[int] = []
        self._shares: dict[str, int] = {}
        self._average_cost: dict[str, float] = {}
        self._marks: dict[str, int] = {}
        self._bought: dict[str, int] = {}
        self._fractions: dict[str, float] = {}
        self._entitlements: list[Entitlement] = []

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """A ledger of its own: what the collections hold never changes, and is shared."""
        copied = object.__new__(type(self))
        for name, value in vars(self).items():
            is_whole = not isinstance(value, (dict, list))
            setattr(copied, name, value if is_whole else cast("list[object]", value).copy())
        return copied

    @property
    def cash_micros(self) -> int:
        """Cash at this moment."""
        return self._cash

    @property
    def held(self) -> tuple[str, ...]:
        """Symbols of the positions, ascending."""
        return tuple(sorted(self._shares))

    @property
    def holdings(self) -> list[tuple[str, int, int]]:
        """Symbol, shares and mark in micros of every position, by ascending symbol."""
        return [(symbol, self._shares[symbol], self._marks[symbol]) for symbol in self.held]

    @property
    def average_costs(self) -> Mapping[str, float]:
        """Average cost of a share in micros, by symbol; of a short position its proceeds."""
        return MappingProxyType(self._average_cost)

    @property
    def fractions(self) -> tuple[str, ...]:
        """Symbols of which a fraction of a share waits to be paid out, ascending."""
        return tuple(sorted(self._fractions))

    def shares_of(self, symbol: str) -> int:
        """Shares held of ``symbol``, negative when sold short, 0 if none."""
        return self._shares.get(symbol, 0)

    def mark_of(self, symbol: str) -> int:
        """The price at which a held name was last valued, in micros."""
        return self._marks[symbol]

    def bought_in_session(self, symbol: str) -> int:
        """Shares bought since the last close."""
        return self._bought.get(symbol, 0)

    def values_micros(self) -> tuple[int, int]:
        """Value of the long and of the short positions, both positive, at their marks."""
        values = [shares * self._marks[symbol] for symbol, shares in self._shares.items()]
        return sum(v for v in values if v > 0), -sum(v for v in values if v < 0)

    def apply(self, event: Event) -> None:
        """Change the book by one event.

        Raises
        ------
        InvariantBroken
            If the event would overdraw a long-only book or make it short.
        """
        match event:
            case Fill():
                self._fill(event)
            case Delisting():
                held = self.shares_of(event.symbol)
                self._reduce(event.symbol, held, event.session)
                self._add_cash(held * event.price_micros, event.session)
            case CashFlow():
                self._add_cash(event.amount_micros, event.session)
            case Entitlement():
                self._entitlements.append(event)
            case Subscription():
                cost = event.shares * event.price_micros
                self._increase(event.symbol, event.shares, cost, event.price_micros)
                self._add_cash(-cost, event.session)
            case Split():
                self._split(event)
            case Renaming():
                self._rename(event)

    def pay_due(self, row: int) -> list[Entitlement]:
        """Turn the dividends due by session ``row`` into cash; returns them."""
        due = [e for e in self._entitlements if e.pay_row <= row]
        self._entitlements = [e for e in self._entitlements if e.pay_row > row]
        for entitlement in due:
            self._add_cash(entitlement.amount_micros, entitlement.session)
        return due

    def pay_fraction(self, session: Session, symbol: str, price: float) -> CashFlow:
        """Pay the waiting fraction of a share at ``price``; returns the payment."""
        paid = CashFlow(session, symbol, micros(self._fractions.pop(symbol) * price))
        self.apply(paid)
        if symbol not in self._shares:
            self._marks.pop(symbol, None)
        return paid

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
        for symbol in self._fractions:
            close = close_micros(symbol)
            if close > 0:
                self._marks[symbol] = close
        self._check_cash_flows(session)
        self._bought.clear()
        receivable = self.receivable_micros
        equity = checked_micros(self._cash + value + receivable)
        return Book(session, self._cash, positions, equity, receivable)

    @property
    def receivable_micros(self) -> int:
        """Dividends not yet paid, and fractions of shares at the mark of their name."""
        waiting = sum(entitlement.amount_micros for entitlement in self._entitlements)
        for symbol, fraction in self._fractions.items():
            waiting += round(fraction * self._marks.get(symbol, 0))
        return waiting

    def _fill(self, fill: Fill) -> None:
        gross = fill.notional_micros
        match fill.side:
            case Side.BUY:
                self._add_cash(fill.cash_flow_micros, fill.session)
                cost = gross + fill.commission_micros
                self._increase(fill.symbol, fill.shares, cost, fill.open_micros)
                self._bought[fill.symbol] = self.bought_in_session(fill.symbol) + fill.shares
            case Side.SHORT:
                if not self._may_short:
                    raise InvariantBroken(
                        "a long-only book would go short",
                        expected="short.allowed",
                        found=f"a short sale of {fill.shares} shares",
                        where=f"{fill.symbol} on {fill.session}",
                    )
                self._add_cash(fill.cash_flow_micros, fill.session)
                proceeds = gross - fill.commission_micros
                self._increase(fill.symbol, -fill.shares, proceeds, fill.open_micros)
            case Side.SELL:
                self._reduce(fill.symbol, fill.shares, fill.session)
                self._add_cash(fill.cash_flow_micros, fill.session)
            case Side.COVER:
                self._reduce(fill.symbol, -fill.shares, fill.session)
                self._add_cash(fill.cash_flow_micros, fill.session)

    def _increase(self, symbol: str, shares: int, cost_micros: int, price_micros: int) -> None:
        """Add to a position (negative shares: to a short one) at a total cost."""
        held = self.shares_of(symbol)
        before = self._average_cost.get(symbol, 0.0)
        total = held + shares
        if held * shares < 0:
            raise InvariantBroken(
                "a position would be opened against one that is still open",
                expected=f"no trade against the {held} shares held",
                found=str(shares),
                where=symbol,
            )
        self._average_cost[symbol] = (before * abs(held) + cost_micros) / abs(total)
        self._shares[symbol] = total
        # Until its first close arrives a new position is worth what its first price said.
        self._marks.setdefault(symbol, price_micros)

    def _reduce(self, symbol: str, shares: int, session: Session) -> None:
        """Take shares off a position; negative shares off a short one."""
        held = self.shares_of(symbol)
        if not 0 <= shares * (1 if held >= 0 else -1) <= abs(held):
            raise InvariantBroken(
                "a trade closes more than the position holds: a long-only book would go short",
                expected=f"at most {abs(held)} shares",
                found=str(abs(shares)),
                where=f"{symbol} on {session}",
            )
        if held != shares:
            self._shares[symbol] = held - shares
            return
        for table in (self._shares, self._average_cost):
            table.pop(symbol, None)
        if symbol not in self._fractions:
            self._marks.pop(symbol, None)

    def _split(self, split: Split) -> None:
        """Whole shares towards zero; the fraction waits for the first price."""
        symbol, ratio = split.symbol, split.ratio
        if symbol in self._fractions:
            self._fractions[symbol] *= ratio
        if symbol in self._marks:
            self._marks[symbol] = round(self._marks[symbol] / ratio)
        held = self.shares_of(symbol)
        if held == 0:
            return
        sign = 1 if held > 0 else -1
        whole, fraction = whole_shares(abs(held), ratio)
        if fraction > 0.0:
            self._fractions[symbol] = self._fractions.get(symbol, 0.0) + sign * fraction
        self._average_cost[symbol] /= ratio
        self._shares[symbol] = sign * whole
        if whole == 0:  # the mark stays: it values the fraction
            del self._shares[symbol], self._average_cost[symbol]

    def _rename(self, renaming: Renaming) -> None:
        """Move everything that stands under the old names to their successors, at once."""
        moved = [
            (
                new,
                self._shares.pop(old, 0),
                self._average_cost.pop(old, 0.0),
                self._marks.pop(old, 0),
                self._fractions.pop(old, 0.0),
            )
            for old, new in renaming.successors.items()
        ]
        for new, shares, cost, mark, fraction in moved:
            if fraction != 0.0:
                self._fractions[new] = self._fractions.get(new, 0.0) + fraction
            if mark:
                self._marks.setdefault(new, mark)
            if shares != 0:
                self._join(new, shares, cost, mark)

    def _join(self, symbol: str, shares: int, cost: float, mark: int) -> None:
        """Add a renamed position to what is held of its successor."""
        held = self.shares_of(symbol)
        if held == 0:
            self._shares[symbol], self._average_cost[symbol] = shares, cost
        elif (held > 0) == (shares > 0):
            self._increase(symbol, shares, round(cost * abs(shares)), mark)
        elif held + shares == 0:
            self._reduce(symbol, held, Session.max)
        else:  # one long and one short of the same shares: they meet
            self._shares[symbol] = held + shares
            if abs(shares) > abs(held):
                self._average_cost[symbol] = cost

    def _add_cash(self, flow_micros: int, session: Session) -> None:
        if self._cash + flow_micros < 0 and not self._may_short:
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
