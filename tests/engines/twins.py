"""The ledger of any engine once more in forty lines, with the rules in which engines differ.

A difference is explained when a twin that differs from the plain ledger by the named rule alone
gives the engine's own equity back. Money is float64, as in the engines.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.engines.exchange import Case, Outcome, fills_of


@dataclass
class Account:
    """Cash and shares by column."""

    cash: float
    held: np.ndarray

    def worth(self, prices: np.ndarray) -> float:
        return self.cash + float(self.held @ prices)


Sizing = Callable[[Case, int, Account], list[tuple[int, int]]]
"""The trades of a rebalance from the account as the session opens."""


def as_written(case: Case, number: int, account: Account) -> list[tuple[int, int]]:
    """The orders of the case, or those that the specification makes of its weights."""
    before = case.closes[case.rows[number] - 1]
    return case.trades(number, account.worth(before), account.held)


def bt_rebalance(case: Case, number: int, account: Account) -> list[tuple[int, int]]:
    """bt: equity and prices of the open at which it trades.

    Money to move = (weight - present weight) * equity. A position that grows takes the most
    shares whose price and commission that money pays for; one that shrinks sells the fewest
    that raise it after commission; what has no weight is closed.
    """
    opens = case.opens[case.rows[number]]
    equity = account.worth(opens)
    weights = case.weights[number] * (1 - case.buffer)
    trades: list[tuple[int, int]] = []
    for column in np.flatnonzero((account.held != 0) | (weights != 0)).tolist():
        price, held = float(opens[column]), int(account.held[column])
        money = weights[column] * equity - held * price
        if weights[column] == 0.0:
            shares = -held
        elif money > 0:
            shares = math.floor(money / (price * (1 + case.rate)))
        else:
            shares = max(math.floor(money / (price * (1 - case.rate))), -held)
        if shares:
            trades.append((column, shares))
    return sorted(trades, key=lambda trade: trade[1] > 0)


def vectorbt_target_percent(case: Case, number: int, account: Account) -> list[tuple[int, int]]:
    """vectorbt: equity and prices of the close before; the change is cut to whole shares.

    The specification cuts the target: a sale that vectorbt rounds towards zero leaves the
    fraction of a share that the specification sells.
    """
    before = case.closes[case.rows[number] - 1]
    targets = case.weights[number] * (1 - case.buffer) * account.worth(before) / before
    change = np.trunc(targets - account.held).astype(np.int64)
    trades = [(column, int(change[column])) for column in np.flatnonzero(change).tolist()]
    return sorted(trades, key=lambda trade: trade[1] > 0)


CASH_RULES = ("cut", "cut before fees", "reject", "borrow")
"""A buy that cash does not pay for: the most whole shares it pays for with their commission; the
same without, while cash is not negative; nothing, judged by the closes when it is sent and again
by its price; or all of it."""


def replay(case: Case, sizing: Sizing = as_written, cash_rule: str = "cut") -> Outcome:
    """Trade a case with a sizing and a rule for cash."""
    account = Account(case.capital, np.zeros(len(case.symbols), dtype=np.int64))
    equity: list[float] = []
    fills: list[tuple[int, int, int, float]] = []
    for row in range(1, len(case.sessions)):
        number = case.number_of(row)
        trades = sizing(case, number, account) if number is not None else []
        if cash_rule == "reject":
            trades = _accepted(case, row, trades, account.cash)
        for column, wanted in trades:
            price = float(case.opens[row, column])
            shares = _filled(wanted, price, account.cash, case.rate, cash_rule)
            if shares:
                account.cash -= shares * price + abs(shares) * price * case.rate
                account.held[column] += shares
                fills.append((row, column, shares, price))
        equity.append(account.worth(case.closes[row]))
    return Outcome("twin", "", np.array(equity), **fills_of(fills))


def _accepted(
    case: Case, row: int, trades: list[tuple[int, int]], cash: float
) -> list[tuple[int, int]]:
    """The orders that cash would pay for at the closes before, one after another.

    What is not accepted is counted as if it had been: after it nothing is, until sales pay.
    """
    kept = []
    for column, shares in trades:
        price = float(case.closes[row - 1, column])
        cash -= shares * price + abs(shares) * price * case.rate
        if cash >= 0.0:
            kept.append((column, shares))
    return kept


def _filled(wanted: int, price: float, cash: float, rate: float, rule: str) -> int:
    if rule == "cut before fees" and wanted > 0:
        return min(wanted, math.floor(cash / price)) if cash >= 0 else 0
    each = price * (1 + rate)
    if rule == "borrow" or wanted < 0 or wanted * each <= cash + 1e-9:
        return wanted
    return 0 if rule == "reject" else max(math.floor((cash + 1e-9) / each), 0)
