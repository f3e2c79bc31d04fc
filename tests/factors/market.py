"""Small panels for the tests of the evaluator."""

from __future__ import annotations

import numpy as np

from quant_core.factors.source import PanelSource
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatMatrix

FIELDS = ("open", "high", "low", "close", "volume")


def axes_of(sessions: int, symbols: int) -> Axes:
    days = np.datetime64("2020-01-01") + np.arange(sessions)
    return Axes(days, tuple(f"S{place:03d}" for place in range(symbols)))


def panel(
    sessions: int = 40, symbols: int = 5, *, seed: int = 0, gaps: float = 0.03
) -> PanelSource:
    """Random walks with ties, zero volumes and holes; two industries and names without one."""
    rng = np.random.default_rng(seed)
    shape = (sessions, symbols)
    close = np.round(20 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=0)), 1)
    fields: dict[str, FloatMatrix] = {
        "close": close,
        "open": np.round(close * np.exp(rng.normal(0, 0.01, shape)), 1),
        "high": np.round(close * 1.02, 1),
        "low": np.round(close * 0.98, 1),
        "volume": rng.integers(0, 5, shape).astype(float),
    }
    for matrix in fields.values():
        matrix[rng.random(shape) < gaps] = np.nan
    codes = rng.integers(-1, 2, symbols) * np.ones((sessions, 1), dtype=np.int64)
    return PanelSource(axes_of(*shape), fields, {"industry": codes.astype(np.int64)})


def with_rows(source: PanelSource, other: PanelSource, rows: slice) -> PanelSource:
    """The source with the rows of another in place of its own."""
    fields = {name: matrix.copy() for name, matrix in source.fields.items()}
    for name, matrix in fields.items():
        matrix[rows] = other.fields[name][rows]
    return PanelSource(source.axes, fields, source.classifications)


def first_rows(source: PanelSource, count: int) -> PanelSource:
    """The first sessions of a source."""
    fields = {name: matrix[:count] for name, matrix in source.fields.items()}
    groups = {name: codes[:count] for name, codes in source.classifications.items()}
    return PanelSource(axes_of(count, source.axes.shape[1]), fields, groups)
