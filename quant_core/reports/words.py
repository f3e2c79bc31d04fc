"""Numbers and names as text."""

from __future__ import annotations

import math
import unicodedata

from quant_core.foundation.language import Say
from quant_core.performance.metric import Metric

PROPER_NAMES = {"cagr": "CAGR", "sharpe": "Sharpe", "sortino": "Sortino", "calmar": "Calmar"}

LABELS = {
    "sharpe_low": "Sharpe, low end",
    "sharpe_high": "Sharpe, high end",
    "sharpe_above_zero": "Probability of a Sharpe above 0",
    "value_at_risk_95": "Value at risk, 95 %",
    "expected_shortfall_95": "Expected shortfall, 95 %",
    "break_even_cost": "Break-even cost",
    "break_even_cost_benchmark": "Break-even cost against the benchmark",
}
"""Labels that are not the words of the name."""

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
    """The text with blanks behind it, ``width`` columns wide, or one blank more than itself."""
    return text + " " * max(width - display_width(text), 1)


def metric_label(name: str, say: Say) -> str:
    """A metric's name for people.

    Examples
    --------
    >>> metric_label("excess_cagr", lambda text: text)
    'Excess CAGR'
    """
    words = " ".join(PROPER_NAMES.get(word, word) for word in name.split("_"))
    return say(LABELS.get(name, words[:1].upper() + words[1:]))


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
