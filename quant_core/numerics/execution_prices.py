"""Kernels of a price: fees, impact, what a fill costs, and whether cash pays for it.

A compiled copy of :mod:`quant_core.trading.fees`, :mod:`quant_core.trading.impact` and of the
prices of :mod:`quant_core.trading.fills`.
"""

from __future__ import annotations

import numpy as np

from quant_core.foundation.types import FloatArray
from quant_core.numerics.execution_arrays import Impact, Quoted, Rules
from quant_core.numerics.jit import lean_kernel

WIDEST = 4e18
"""Products beyond it are not computed in 64 bits."""
TOO_WIDE = -(1 << 62)
"""Stands for a number that is not computed: the twin must."""


@lean_kernel
def charge(fees: FloatArray, buys: bool, shares: int, price: int) -> int:
    """Fees of one order, or ``TOO_WIDE``."""
    if shares == 0:
        return 0
    notional = float(shares * price)
    total = commission = 0
    for line in range(len(fees)):
        charged = 0
        if fees[line, 5 if buys else 6] > 0.0:
            rated = np.rint(fees[line, 0] * notional)
            passed = np.rint(fees[line, 7] * commission)
            if not rated + shares * fees[line, 1] + passed < WIDEST:
                return TOO_WIDE
            charged = int(rated) + shares * int(fees[line, 1]) + int(passed)
            charged = max(charged, int(fees[line, 2]))
            charged = _at_most(charged, np.rint(fees[line, 3] * notional))
            charged = _at_most(charged, fees[line, 4])
        total += charged
        if line == 0:
            commission = charged
    return total


@lean_kernel
def _at_most(charged: int, limit: float) -> int:
    return min(charged, int(limit)) if limit < WIDEST else charged


@lean_kernel
def impact_of(impact: Impact, shares: int, quote: Quoted) -> float:
    """Fraction of the price, NaN = unknown."""
    half_spread = 0.5 * impact.spread
    if impact.coefficient == 0.0 and impact.permanent == 0.0:
        return half_spread
    known = 0.0 <= quote.volatility < np.inf and 0.0 < quote.average_volume < np.inf
    if not known:
        return np.nan
    participation = shares / quote.average_volume
    rate = participation / impact.duration
    powered = np.sqrt(rate) if impact.exponent == 0.5 else rate**impact.exponent
    temporary = impact.coefficient * quote.volatility * powered
    return half_spread + temporary + impact.permanent * quote.volatility * participation


@lean_kernel
def fill_price(rules: Rules, quote: Quoted, buys: bool, shares: int) -> int:
    """Price with slippage and impact, in micros, or ``TOO_WIDE``."""
    against = rules.slippage
    if rules.has_impact:
        against += impact_of(rules.impact, shares, quote)
    scaled = quote.price * (1.0 + against if buys else 1.0 - against) * 1e6
    return int(np.rint(scaled)) if abs(scaled) < 1e18 else TOO_WIDE


@lean_kernel
def _left(rules: Rules, quote: Quoted, buys: bool, shares: int, fees: FloatArray, cash: int) -> int:
    """Cash after a fill of ``shares`` and their fees: negative where it cannot be paid."""
    price = fill_price(rules, quote, buys, shares)
    if price == TOO_WIDE:
        return TOO_WIDE
    wide = float(shares) * float(price) > WIDEST
    charged = TOO_WIDE if wide else charge(fees, buys, shares, price)
    if charged == TOO_WIDE:
        return -1 if buys else TOO_WIDE
    return cash - charged - (shares * price if buys else -shares * price)


@lean_kernel
def paid_for(
    rules: Rules, quote: Quoted, buys: bool, shares: int, fees: FloatArray, cash: int
) -> int:
    """Shares that the cash allows, found by halving as the twin finds them, or ``TOO_WIDE``."""
    if not buys or shares % rules.lot == 0:
        left = _left(rules, quote, buys, shares, fees, cash)
        least = 0 if buys else min(cash, 0)
        if left == TOO_WIDE:
            return TOO_WIDE
        if left >= least or not buys:
            return shares if left >= least else 0
    low, high = 0, shares // rules.lot
    while low < high:
        middle = (low + high + 1) // 2
        left = _left(rules, quote, buys, middle * rules.lot, fees, cash)
        if left == TOO_WIDE:
            return TOO_WIDE
        if left >= 0:
            low = middle
        else:
            high = middle - 1
    return low * rules.lot


@lean_kernel
def raw_micros(quote: Quoted) -> int:
    """The raw price, 0 when the name does not trade, or ``TOO_WIDE``."""
    if not 0.0 < quote.price < np.inf or quote.volume == 0.0:
        return 0
    return int(np.rint(quote.price * 1e6)) if quote.price * 1e6 < 1e18 else TOO_WIDE
