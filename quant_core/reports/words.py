"""Numbers and names as text."""

from __future__ import annotations

import math
import unicodedata

from quant_core.foundation.language import Say
from quant_core.performance.metric import Metric

PROPER_NAMES = {"cagr": "CAGR", "sharpe": "Sharpe", "sortino": "Sortino", "calmar": "Calmar"}

MISSING = "\u2013"
"""An en dash, the usual mark of a missing number."""


def percent(value: float, decimals: int = 2) -> str:
    """A fraction as per cent.

    Examples
    --------
    >>> percent(0.12345), percent(float("nan"))
    ('12.35 %', '\u2013')
    """
    return f"{100 * value:.{decimals}f} %" if math.isfinite(value) else MISSING


def amount(value: float, decimals: int = 0) -> str:
    """Currency units with thousands separators."""
    return f"{value:,.{decimals}f}" if math.isfinite(value) else MISSING


def display_width(text: str) -> int:
    """Columns a text takes on a terminal: a Chinese character takes two.

    Examples
    --------
    >>> display_width("Sharpe"), display_width("夏普")
    (6, 4)
    """
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, width: int) -> str:
    """The text with blanks behind it, ``width`` columns wide."""
    return text + " " * (width - display_width(text))


def metric_label(name: str, say: Say) -> str:
    """A metric's name for people.

    Examples
    --------
    >>> metric_label("excess_cagr", lambda text: text)
    'Excess CAGR'
    """
    words = " ".join(PROPER_NAMES.get(word, word) for word in name.split("_"))
    return say(words[:1].upper() + words[1:])


def metric_text(metric: Metric) -> str:
    """A metric's value in its unit."""
    value = metric.value
    if value is None or isinstance(value, str):
        return value or MISSING
    match metric.unit:
        case "fraction" | "probability":
            return percent(value)
        case "currency":
            return amount(value, 2)
        case "sessions":
            return f"{value:,.0f}"
        case "basis_points":
            return f"{value:,.1f} bps"
        case "ratio" | "date":
            return f"{value:,.3f}"
