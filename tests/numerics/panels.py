"""Panels that tests draw: ties, constants, gaps, infinities, spikes, empty shapes."""

import numpy as np
from hypothesis import strategies as st

TIES = st.sampled_from([0.0, 1.0, 2.0, -1.0])
GAPS = st.sampled_from([np.nan, np.inf, -np.inf])
SCALES = st.sampled_from([1e-4, 1.00001e-4, 100.0, 100.01, 1e10, 1.0000001e10, -1e10])
PLAIN = st.floats(-1e6, 1e6, allow_subnormal=False)
CELLS = st.one_of(TIES, TIES, PLAIN, SCALES, GAPS)
KNOWN_CELLS = st.one_of(TIES, TIES, PLAIN, SCALES)


@st.composite
def panels(draw, count=1, most_sessions=14, most_symbols=4):
    """Matrices of one shape; a column is now and then constant, or without gaps."""
    sessions, symbols = draw(st.integers(0, most_sessions)), draw(st.integers(0, most_symbols))
    return tuple(_panel(draw, sessions, symbols) for _ in range(count))


@st.composite
def grouped_panels(draw, exposures=0):
    """A matrix, group codes of its shape, and exposures."""
    matrices = draw(panels(count=1 + exposures, most_sessions=3, most_symbols=12))
    shape = matrices[0].shape
    codes = draw(st.lists(st.integers(-1, 2), max_size=12))
    cells = np.resize(np.array(codes or [0], dtype=np.int64), shape)
    return matrices[0], cells, list(matrices[1:])


WINDOWS = st.integers(1, 9)


def _panel(draw, sessions, symbols):
    columns = []
    for _ in range(symbols):
        cells = draw(st.sampled_from([CELLS, KNOWN_CELLS, st.just(draw(KNOWN_CELLS))]))
        columns.append(draw(st.lists(cells, min_size=sessions, max_size=sessions)))
    return np.array(columns, dtype=np.float64).reshape(symbols, sessions).T


def market(seed, sessions, symbols):
    """Close and volume of a made-up market: random walks with gaps, ties, halts and spikes."""
    draw = np.random.default_rng(seed)
    scale = 10.0 ** draw.uniform(-4, 4, symbols)
    close = scale * np.exp(np.cumsum(draw.normal(0, 0.02, (sessions, symbols)), axis=0))
    volume = np.rint(10.0 ** draw.uniform(3, 8, symbols) * draw.lognormal(0, 1, close.shape))
    for start in range(5, sessions, 37):  # a halt: price stands still, nothing is traded
        halted = draw.integers(0, max(1, symbols), max(1, symbols // 5))
        close[start : start + 12, halted] = close[start, halted]
        volume[start : start + 12, halted] = 0.0
    volume[draw.random(close.shape) < 0.002] = 1e10
    gaps = draw.random(close.shape) < 0.01
    close[gaps] = np.nan
    volume[gaps] = np.nan
    return close, volume
