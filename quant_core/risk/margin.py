"""What a long-short book may do: exposure limits, margin, and what borrowing costs.

Pure functions. A long-only book has :data:`LONG_ONLY` and none of this applies to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from quant_core.foundation.errors import ConfigurationError, StrategyError
from quant_core.foundation.money import rate_on
from quant_core.trading.account import Book
from quant_core.trading.target import Weights

DAYS_PER_YEAR = 360
"""Calendar days a year of borrow fees and debit interest, as brokers of US stocks count."""


@dataclass(frozen=True, slots=True)
class MarginRules:
    """The account of a long-short book.

    Attributes
    ----------
    allowed : bool
        Whether anything may be sold short at all.
    initial : float
        Equity needed to open positions, as a fraction of gross exposure (0.5 as in
        Regulation T, 12 CFR 220.12).
    maintenance : float
        Equity needed to keep them; below it the book is closed at the next open.
    max_gross, max_net : float
        Largest sum of absolute target weights, and absolute sum of them.
    debit_rate : float
        Annual interest on what the proceeds of short sales have paid for: the part of
        the short value that is not covered by cash.
    """

    allowed: bool = False
    initial: float = 0.5
    maintenance: float = 0.3
    max_gross: float = 2.0
    max_net: float = 1.0
    debit_rate: float = 0.0

    def __post_init__(self) -> None:
        margins = 0.0 < self.initial <= 1.0 and 0.0 <= self.maintenance <= 1.0
        bounds = (self.max_gross, self.max_net, self.debit_rate)
        if not (margins and all(0.0 <= bound < math.inf for bound in bounds)):
            raise ConfigurationError(
                "the rules of the margin account are impossible",
                expected="0 < initial <= 1, 0 <= maintenance <= 1, finite limits >= 0",
                found=str(self),
                where="short",
            )


LONG_ONLY = MarginRules()
"""Nothing may be sold short."""


def check_exposure(target: Weights, rules: MarginRules) -> None:
    """Refuse a target that the account does not allow.

    Raises
    ------
    StrategyError
        If weights are negative and short selling is not allowed, or the gross or net
        exposure is beyond its limit.

    Examples
    --------
    >>> check_exposure(Weights({"A": 1.0, "B": -1.0}, short=True), MarginRules(allowed=True))
    """
    if not target.short:
        return
    gross = math.fsum(abs(weight) for weight in target.weights.values())
    net = math.fsum(target.weights.values())
    if not rules.allowed:
        raise StrategyError(
            "the strategy wants to sell short and the settings do not allow it",
            expected="weights >= 0",
            found=f"gross exposure {gross:.6g}, net {net:.6g}",
            where="short.allowed",
            fix="set short.allowed: true, with margin and borrow rates that are yours",
        )
    _refuse_above("gross", gross, rules.max_gross)
    _refuse_above("net", abs(net), rules.max_net)


def margin_room(equity_micros: int, gross_micros: int, cost_micros: int, rules: MarginRules) -> int:
    """Notional of new positions that the initial margin still allows, never negative.

    ``cost_micros`` is what opening them costs in fees and slippage, which lowers the
    equity first.

    Examples
    --------
    >>> margin_room(100, 150, 0, MarginRules(allowed=True))
    50
    """
    return max(math.floor((equity_micros - cost_micros) / rules.initial) - gross_micros, 0)


def below_maintenance(book: Book, rules: MarginRules) -> bool:
    """Whether the broker would close the book: too little equity for its positions.

    Examples
    --------
    >>> below_maintenance(Book.opening(100), MarginRules(allowed=True))
    False
    """
    if not rules.allowed or not book.positions:
        return False
    return not (book.equity_micros >= rules.maintenance * book.gross_micros)


def borrow_fee(value_micros: int, annual_rate: float, days: int) -> int:
    """Fee for borrowing shares worth ``value_micros`` over calendar days.

    Examples
    --------
    >>> borrow_fee(10_000_000_000, 0.036, 3)
    3000000
    """
    return rate_on(annual_rate * days / DAYS_PER_YEAR, value_micros)


def debit_micros(cash_micros: int, short_micros: int) -> int:
    """What the account has borrowed in cash.

    The proceeds of short sales are collateral of their lender; where they have paid for
    something else, the broker has lent the difference.

    Examples
    --------
    >>> debit_micros(50, 80), debit_micros(100, 80)
    (30, 0)
    """
    return max(short_micros - cash_micros, 0)


def _refuse_above(kind: str, found: float, limit: float) -> None:
    if not found <= limit + 1e-9:
        raise StrategyError(
            f"the {kind} exposure of the target is beyond its limit",
            expected=f"at most {limit:g} times the equity",
            found=f"{found:.6g} times",
            where=f"short.max_{kind}",
            fix="scale the weights, or raise the limit if your broker lends that much",
        )
