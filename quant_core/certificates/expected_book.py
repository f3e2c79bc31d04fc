"""What a book of randomly chosen names is worth on average: all of them, at equal weight.

An account of its own, in fractions of shares and floats, that shares no code with the
engine. Chosen at random, each eligible name has the same chance and the same weight, so
that the average book is this one, whatever its number of names:

1. At the close before a rebalance every eligible name is wanted at ``E / (n * close)``.
2. At the open, names sell down to that, and buys take the cash there is, in proportion.
3. In between, splits multiply shares, dividends are owed and then paid, and a delisted
   name is paid at its last close.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quant_core.certificates.subject import Subject
from quant_core.foundation.types import FloatArray
from quant_core.market import Market
from quant_core.trading.actions import Action, Dividend, Rename, Rights, Split


@dataclass(slots=True)
class _Account:
    """Fractions of shares, cash, and dividends owed by the row of their payment."""

    shares: FloatArray
    wanted: FloatArray
    price: FloatArray
    cash: float
    owed: dict[int, float]

    def value(self) -> float:
        """Cash, dividends owed, and the shares at their last close."""
        return self.cash + sum(self.owed.values()) + float(self.shares @ self.price)


def expected_values(subject: Subject, delisting_return: float) -> FloatArray:
    """Value of the average random book at each close of the run, per unit of capital.

    Trading is free. ``delisting_return`` is booked on the last close of a delisted name.
    """
    market, window, scheduled = subject.market, subject.window, subject.scheduled
    columns = {symbol: i for i, symbol in enumerate(market.panel.axes.symbols)}
    account = _opening(market, window.first)
    values = np.empty(window.last - window.first + 1)
    for number, row in enumerate(range(window.first, window.last + 1)):
        if scheduled[number]:
            _want(account, market, row - 1)
        for action in market.actions(row):
            _adjust(account, action, row, columns)
        account.cash += account.owed.pop(row, 0.0)
        if scheduled[number]:
            _meet(account, market, row)
        close = market.panel.close[row]
        account.price = np.where(close > 0.0, close, account.price)
        for symbol in market.delisted_after(row):
            _close(account, columns[symbol], delisting_return)
        values[number] = account.value()
    return values


def _opening(market: Market, first: int) -> _Account:
    """All cash; every name at its last close before the run, 0 where it has had none."""
    close = market.panel.close[:first]
    known = np.where(close > 0.0, np.arange(first)[:, np.newaxis], -1).max(axis=0, initial=-1)
    price = np.where(known >= 0, close[np.maximum(known, 0), np.arange(close.shape[1])], 0.0)
    nothing = np.zeros(close.shape[1])
    return _Account(nothing, nothing.copy(), price, 1.0, {})


def _want(account: _Account, market: Market, row: int) -> None:
    """Equal shares of the value at this close for every eligible name."""
    close = market.panel.close[row]
    eligible = market.panel.member[row] & (close > 0.0)
    account.wanted = np.zeros(len(close))
    if eligible.any():
        account.wanted[eligible] = account.value() / eligible.sum() / close[eligible]


def _meet(account: _Account, market: Market, row: int) -> None:
    """Sells first; then every buy is scaled to the cash there is."""
    price = market.price[row]
    trades = (price > 0.0) & np.isfinite(price) & (market.panel.volume[row] != 0.0)
    change = np.where(trades, account.wanted - account.shares, 0.0)
    price = np.where(trades, price, 0.0)
    sold, bought = np.minimum(change, 0.0), np.maximum(change, 0.0)
    cash = account.cash - float(sold @ price)
    cost = float(bought @ price)
    scale = min(1.0, cash / cost) if cost > 0.0 else 0.0
    account.cash = cash - scale * cost
    account.shares = account.shares + sold + scale * bought


def _adjust(account: _Account, action: Action, row: int, columns: dict[str, int]) -> None:
    """What a corporate action does to shares, cash and what is wanted at the open."""
    column = columns.get(action.symbol)
    if column is None:
        return
    shares = account.shares[column]
    match action:
        case Dividend(amount_micros=amount, pay_row=pay_row):
            due = max(pay_row, row)
            account.owed[due] = account.owed.get(due, 0.0) + shares * amount / 1e6
        case Split(ratio=ratio):
            account.shares[column] *= ratio
            account.wanted[column] *= ratio
            account.price[column] /= ratio
        case Rights(ratio=ratio, price_micros=price):
            paid = price / 1e6
            taken = min(shares * ratio, account.cash / paid) if paid > 0.0 else shares * ratio
            account.shares[column] += taken
            account.cash -= taken * paid
        case Rename(successor=successor) if successor in columns:
            for values in (account.shares, account.wanted):
                values[columns[successor]] += values[column]
                values[column] = 0.0
            account.price[columns[successor]] = account.price[column]
        case _:
            return


def _close(account: _Account, column: int, delisting_return: float) -> None:
    account.cash += account.shares[column] * account.price[column] * (1 + delisting_return)
    account.shares[column] = 0.0
