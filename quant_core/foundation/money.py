"""Exact money: int64 micro-units of a currency, one rounding rule.

``micros(x) = rint(x * 1e6)`` in float64, halves to even; a rate on a notional is
``rint(rate * notional_micros)`` likewise. Prices enter the ledger through these
functions and nowhere else.
"""

from __future__ import annotations

import math

import numpy as np

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import FloatArray, IntArray

MICROS_PER_UNIT = 1_000_000
LARGEST_MICROS = 10**18 - 1
"""Largest amount a decimal(18,6) column holds: just under one million million units."""


def micros(amount: float) -> int:
    """Micro-units of ``amount``, rounded to the nearest, halves to even.

    Parameters
    ----------
    amount : float
        Currency units; NaN and infinities are refused.

    Raises
    ------
    InvariantBroken
        If ``amount`` is not finite or does not fit a decimal(18,6).

    Examples
    --------
    >>> micros(1.2345675)
    1234568
    >>> micros(0.0000005), micros(0.0000015)
    (0, 2)
    """
    scaled = amount * 1e6
    if -LARGEST_MICROS <= scaled <= LARGEST_MICROS:  # false for NaN: the ledger's hot path
        return round(scaled)
    if not math.isfinite(amount):
        raise InvariantBroken("money is not a finite number", found=str(amount))
    return checked_micros(round(scaled))


def checked_micros(amount_micros: int) -> int:
    """``amount_micros`` itself, refused if a decimal(18,6) could not hold it."""
    if abs(amount_micros) > LARGEST_MICROS:
        raise InvariantBroken(
            "an amount of money is too large for the ledger",
            expected=f"at most {LARGEST_MICROS} micros",
            found=str(amount_micros),
        )
    return amount_micros


def micros_array(amounts: FloatArray) -> IntArray:
    """Element-wise :func:`micros`; NaN and infinities become 0.

    A zero stands for "no valid price": every caller masks on the float array first.

    Examples
    --------
    >>> micros_array(np.array([1.5, np.nan])).tolist()
    [1500000, 0]
    """
    finite = np.isfinite(amounts)
    return np.rint(np.where(finite, amounts, 0.0) * 1e6).astype(np.int64)


def rate_on(rate: float, notional_micros: int) -> int:
    """A rate on a notional in micros, rounded to the nearest, halves to even.

    Examples
    --------
    >>> rate_on(0.001, 1_234_500)
    1234
    """
    return round(rate * notional_micros)


def format_micros(amount_micros: int, decimals: int = 2) -> str:
    """Currency text with thousands separators, exact to six decimals.

    Examples
    --------
    >>> format_micros(1_234_567_890_000), format_micros(-1_500_000, 6)
    ('1,234,567.89', '-1.500000')
    """
    sign = "-" if amount_micros < 0 else ""
    step = 10 ** (6 - decimals)
    magnitude = (abs(amount_micros) + step // 2) // step
    whole, fraction = divmod(magnitude, 10**decimals)
    return f"{sign}{whole:,}" + (f".{fraction:0{decimals}d}" if decimals else "")
