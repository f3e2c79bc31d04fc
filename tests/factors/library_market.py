"""A small invented market for the tests of the factor libraries, and one way to evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
import pandas as pd

from quant_core.factors.evaluator import evaluate_each
from quant_core.factors.factor import Factor
from quant_core.factors.library import alpha101, alpha158, alpha191, classic
from quant_core.factors.parser import parse
from quant_core.factors.source import PanelSource
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatMatrix

Frames: TypeAlias = Mapping[str, pd.DataFrame]
Vector: TypeAlias = np.ndarray

ALL_FACTORS: tuple[Factor, ...] = (
    *classic.FACTORS,
    *alpha101.FACTORS,
    *alpha158.FACTORS,
    *alpha191.FACTORS,
)
BY_NAME: Mapping[str, Factor] = {factor.name: factor for factor in ALL_FACTORS}
NUMBER_FIELDS = ("open", "high", "low", "close", "volume", "vwap", "amount", "cap")


def draw_fields(seed: int, sessions: int, symbols: int) -> dict[str, FloatMatrix]:
    """Bars of correlated, slowly mean-reverting prices in cents, volumes in whole shares.

    Prices stay close to each other, so that ranks across the names keep changing.
    """
    random = np.random.default_rng(seed)
    shape = (sessions, symbols)
    market = random.standard_t(5, (sessions, 1)) * 0.006
    moves = market * random.uniform(0.5, 1.5, symbols) + random.standard_t(5, shape) * 0.012
    gaps = random.normal(0, 0.004, shape)
    start = random.uniform(45, 55, symbols)
    level = np.zeros(shape)
    for session in range(sessions):
        level[session] = 0.98 * level[session - 1] + moves[session]
    close = np.round(start * np.exp(level), 2)
    previous = np.vstack([start, close[:-1]])
    opening = np.round(previous * np.exp(gaps), 2)
    spread = np.abs(random.normal(0, 0.006, (2, *shape)))
    high = np.round(np.maximum(opening, close) * np.exp(spread[0]), 2)
    low = np.round(np.minimum(opening, close) * np.exp(-spread[1]), 2)
    volume = np.round(np.exp(random.normal(11, 0.5, shape) + np.abs(moves) * 20))
    vwap = (low + high + close + opening) / 4 * np.exp(random.normal(0, 0.001, shape))
    shares = np.round(np.exp(random.normal(17, 0.1, symbols)))
    fields = (opening, high, low, close, volume, vwap, vwap * volume, close * shares)
    return dict(zip(NUMBER_FIELDS, fields, strict=True))


def as_source(
    fields: Mapping[str, FloatMatrix], industries: int = 4, without: Sequence[str] = ()
) -> PanelSource:
    """The fields as the evaluator's source, with a few industries."""
    sessions, symbols = fields["close"].shape
    dates = np.busday_offset("2019-01-02", np.arange(sessions), roll="forward")
    axes = Axes(dates, tuple(f"S{i:04d}" for i in range(symbols)))
    codes = np.broadcast_to(np.arange(symbols) % industries, (sessions, symbols)).astype(np.int64)
    kept = {name: matrix for name, matrix in fields.items() if name not in without}
    groups = {} if "industry" in without else {"industry": np.ascontiguousarray(codes)}
    return PanelSource(axes, kept, groups)


def evaluate(texts: Sequence[str], source: PanelSource) -> list[FloatMatrix]:
    """Values of several factor texts in one plan, in the order asked."""
    by_place = {
        finished.place: finished.values.copy()
        for finished in evaluate_each([parse(text) for text in texts], source)
    }
    return [by_place[place] for place in range(len(texts))]


def evaluate_named(names: Sequence[str], source: PanelSource) -> dict[str, FloatMatrix]:
    """Values of library factors by name."""
    values = evaluate([BY_NAME[name].text for name in names], source)
    return dict(zip(names, values, strict=True))


def with_gaps(fields: Mapping[str, FloatMatrix]) -> dict[str, FloatMatrix]:
    """The same bars with a late listing, a halt, a dead name and one missing open."""
    holes = {name: matrix.copy() for name, matrix in fields.items()}
    last = fields["close"].shape[0]
    for matrix in holes.values():
        matrix[: last // 5, 1] = np.nan
        matrix[last // 2 : last // 2 + 7, 2] = np.nan
        matrix[last - 30 :, 3] = np.nan
    holes["open"][last // 3, 4] = np.nan
    return holes


@cache
def reference_source() -> PanelSource:
    """320 sessions of 8 names with gaps: what the independent calculations run on."""
    return as_source(with_gaps(draw_fields(7, 320, 8)), industries=2)


@cache
def reference_frames() -> Frames:
    """The same panel as pandas frames; ``returns`` and ``industry`` are added."""
    source = reference_source()
    frames = {name: pd.DataFrame(source.field(name).copy()) for name in NUMBER_FIELDS}
    frames["returns"] = frames["close"].pct_change(fill_method=None)
    frames["industry"] = pd.DataFrame(source.groups("industry"))
    return frames


def over_windows(
    columns: Sequence[pd.DataFrame], n: int, function: Callable[..., float]
) -> pd.DataFrame:
    """``function`` of the last ``n`` rows of every column; NaN if any of them is unknown."""
    rows, names = columns[0].shape
    result = np.full((rows, names), np.nan)
    for name in range(names):
        series = [column[name].to_numpy(dtype=float) for column in columns]
        for row in range(n - 1, rows):
            windows = [values[row - n + 1 : row + 1] for values in series]
            if not any(np.isnan(window).any() for window in windows):
                result[row, name] = function(*windows)
    return pd.DataFrame(result)
