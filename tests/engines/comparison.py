"""Differences between two outcomes of one case, and the bound that each must stay within.

A bound is a sum of roundings that are named, never a figure found by trial:

- float64 sums of an equity of ten million are good to about 1e-8;
- the project rounds each commission to a millionth of the currency, at most 0.5e-6 a fill;
- an engine that counts whole cents rounds the notional and the commission of each fill, at most
  half a cent each, wherever they are not whole cents by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.engines.exchange import Case, Outcome

FLOAT = 1e-6
"""Float64 error of an equity of ten million over a run, with room."""
MICRO = 0.5e-6
CENT = 0.005


@dataclass(frozen=True)
class Difference:
    """How far an outcome is from another.

    ``largest`` is the largest difference of equity in currency units and ``session`` where it
    is; ``cents`` the number of sessions that differ by half a cent or more; ``fills`` how many
    fills differ in row, column or shares; ``price`` the largest difference of a fill price.
    """

    largest: float
    session: str
    cents: int
    fills: int
    price: float


def difference(case: Case, one: Outcome, other: Outcome) -> Difference:
    """Compare session by session and fill by fill; an unknown equity is an infinite difference."""
    gap = np.abs(one.equity - other.equity)
    gap = np.where(np.isfinite(gap), gap, np.inf)
    first, second = _priced(one), _priced(other)
    shared = first.keys() & second.keys()
    return Difference(
        float(gap.max()),
        str(case.sessions[1 + int(gap.argmax())]),
        int(np.count_nonzero(gap >= CENT)),
        len(first.keys() ^ second.keys()),
        max((abs(first[key] - second[key]) for key in shared), default=0.0),
    )


def allowance(case: Case, fills: int) -> float:
    """What named roundings may add up to over so many fills of a case."""
    allowed = FLOAT + (MICRO * fills if case.rate else 0.0)
    if case.money_decimals == 2:
        notional_in_cents = bool(np.all(np.abs(np.round(case.opens, 2) - case.opens) < 1e-9))
        allowed += CENT * fills * ((not notional_in_cents) + (case.rate != 0.0))
    return allowed


def lowest_cash(case: Case, outcome: Outcome) -> float:
    """The least cash between two fills, sells of a session before its buys."""
    shares, price = outcome.fill_shares, outcome.fill_price
    order = np.lexsort((shares > 0, outcome.fill_row))
    flows = -(shares * price + np.abs(shares) * price * case.rate)[order]
    return float((case.capital + flows.cumsum()).min(initial=case.capital))


def _priced(outcome: Outcome) -> dict[tuple[int, int, int], float]:
    keys = zip(
        outcome.fill_row.tolist(),
        outcome.fill_column.tolist(),
        outcome.fill_shares.tolist(),
        strict=True,
    )
    return dict(zip(keys, outcome.fill_price.tolist(), strict=True))
