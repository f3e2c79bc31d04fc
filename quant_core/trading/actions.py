"""Corporate actions: what a company does to its shares, applied before the open of the ex-date.

Values only; :mod:`quant_core.settlement` applies them to the book. Of one session a dividend
is per share held at the close before, and rights are per share held after the session's
split, so that rights that lapse do not touch what a split gives. Impossible numbers are
refused where a value is made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from quant_core.foundation.errors import DataRefused

_ROUNDING = 1e-9
"""How far, relatively, a product of shares and a ratio may be from a whole number by rounding."""


@dataclass(frozen=True, slots=True)
class Dividend:
    """Cash of ``amount_micros`` a share, paid in the session of row ``pay_row``.

    The row counts the sessions of the dataset; a dividend paid after its end has a row
    beyond the last.
    """

    symbol: str
    amount_micros: int
    pay_row: int

    def __post_init__(self) -> None:
        if not self.amount_micros >= 0:
            raise _refused("a dividend is negative", "an amount of 0 or more", self)


@dataclass(frozen=True, slots=True)
class Rights:
    """``ratio`` new shares a share held, offered at ``price_micros`` each."""

    symbol: str
    ratio: float
    price_micros: int

    def __post_init__(self) -> None:
        if not (0.0 <= self.ratio < math.inf and self.price_micros >= 0):
            raise _refused("a right is impossible", "a ratio and a price of 0 or more", self)


@dataclass(frozen=True, slots=True)
class Split:
    """``ratio`` new shares for one old: 2.0 doubles them, 0.1 makes one of ten."""

    symbol: str
    ratio: float

    def __post_init__(self) -> None:
        if not 0.0 < self.ratio < math.inf:
            raise _refused("a split is impossible", "a ratio above 0", self)


@dataclass(frozen=True, slots=True)
class Rename:
    """The name goes on under ``successor``; shares and cost do not change."""

    symbol: str
    successor: str

    def __post_init__(self) -> None:
        if not self.successor or self.successor == self.symbol:
            raise _refused("a rename is impossible", "another name", self)


Action: TypeAlias = Dividend | Rights | Split | Rename
"""Within one session they apply in this order: dividends, splits, rights, renames."""

_TURN = {Dividend: 0, Split: 1, Rights: 2, Rename: 3}


def in_turn(action: Action) -> tuple[int, str]:
    """Sort key of the actions of one session.

    Examples
    --------
    >>> [type(a).__name__ for a in sorted([Split("A", 2.0), Dividend("B", 1, 0)], key=in_turn)]
    ['Dividend', 'Split']
    """
    return _TURN[type(action)], action.symbol


def whole_shares(shares: int, ratio: float) -> tuple[int, float]:
    """Whole shares of ``shares * ratio`` and the fraction beyond them.

    A product that misses a whole number by no more than rounding is that number: ten of
    100 shares are 10, although ``100 * 0.1`` may not be.

    Parameters
    ----------
    shares : int
        0 or more.
    ratio : float
        0 or more.

    Examples
    --------
    >>> whole_shares(101, 0.5), whole_shares(100, 1.15), whole_shares(30, 0.1)
    ((50, 0.5), (115, 0.0), (3, 0.0))
    """
    exact = shares * ratio
    nearest = round(exact)
    if abs(exact - nearest) <= _ROUNDING * max(1.0, exact):
        return nearest, 0.0
    whole = math.floor(exact)
    return whole, exact - whole


def _refused(problem: str, expected: str, found: Action) -> DataRefused:
    return DataRefused(
        problem,
        expected=expected,
        found=str(found),
        where=f"corporate actions of {found.symbol}",
        fix="correct the table of actions, or take the action out",
    )
