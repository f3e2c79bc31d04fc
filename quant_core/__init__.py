"""Quant Core: multi-factor research, exact backtests and trading with one decision code."""

__version__ = "0.1.0"
