"""Overnight gaps as a stress: what is drawn, and what a set of stressed runs says.

The gap of a name is its execution price over the reference before it, less 1; the reference
is the close of the session before, after the corporate actions of the day.

1. :func:`overnight_gaps` - the gaps that happened.
2. :func:`market_volatility` and :func:`volatility_levels` - how nervous the market was known
   to be before each session.
3. :func:`draw_sessions` and :func:`drawn_gaps` - whole sessions of gaps from sessions of the
   same level, so that the dependence between names and on volatility is kept.
4. :func:`stressed_prices` - the execution prices these gaps give.
5. :class:`GapStress` - the outcomes of the runs, and their distributions.

The resampling is a bootstrap of whole cross-sections within classes of a conditioning
variable. Sessions are drawn independently: the order of gaps in time is kept only as far as
volatility tells it, and no gap is drawn that never happened. Source of the resampling of whole
rows: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quant_core.foundation.types import BoolArray, FloatArray, FloatMatrix, IntArray
from quant_core.performance.gap_risk import gap_risk
from quant_core.trading.history import RunHistory

VOLATILITY_SESSIONS = 20
"""Returns that the volatility known before a session is made of."""

LEVELS = ("calm", "normal", "turbulent")
"""Terciles of that volatility."""

LARGEST_GAP = 0.5
"""A gap beyond it is cut to it: past that size most are errors of the data."""


def overnight_gaps(price: FloatMatrix, reference: FloatMatrix) -> FloatMatrix:
    """``price / reference - 1``, cut to +- :data:`LARGEST_GAP`; NaN where either is unknown.

    Examples
    --------
    >>> overnight_gaps(np.array([[np.nan, 11.0, 90.0]]), np.array([[9.0, 10.0, 10.0]])).tolist()
    [[nan, 0.10000000000000009, 0.5]]
    """
    known = (price > 0.0) & (reference > 0.0) & np.isfinite(price) & np.isfinite(reference)
    ratio = np.divide(price, reference, out=np.full(price.shape, np.nan), where=known)
    return np.clip(ratio - 1.0, -LARGEST_GAP, LARGEST_GAP)


def market_volatility(
    close: FloatMatrix, reference: FloatMatrix, member: BoolArray, window: int = VOLATILITY_SESSIONS
) -> FloatArray:
    """Volatility of the market known before each session, per session, NaN without history.

    Standard deviation (ddof 1) of the ``window`` market returns before the session. The
    market return is the median over the universe of close / reference - 1, so that one wrong
    price does not make a storm.

    Parameters
    ----------
    close, reference : float64 [sessions, symbols]
        Closes, and the closes before them after corporate actions.
    member : bool [sessions, symbols]
        The universe.
    window : int
        Number of returns, at least 2.
    """
    known = member & (close > 0.0) & (reference > 0.0)
    returns = np.divide(close, reference, out=np.full(close.shape, np.nan), where=known) - 1.0
    market = np.full(len(close), np.nan)
    some = np.isfinite(returns).any(axis=1)
    market[some] = np.nanmedian(returns[some], axis=1)
    before = np.full(len(close), np.nan)
    if len(close) > window:
        spread = np.lib.stride_tricks.sliding_window_view(market, window).std(axis=1, ddof=1)
        before[window:] = spread[:-1]
    return before


def volatility_levels(volatility: FloatArray) -> tuple[IntArray, tuple[float, float]]:
    """Tercile (0, 1, 2) of each session, -1 where the volatility is unknown, and the edges.

    Examples
    --------
    >>> levels, edges = volatility_levels(np.array([np.nan, 0.01, 0.02, 0.03]))
    >>> levels.tolist(), [round(edge, 4) for edge in edges]
    ([-1, 0, 1, 2], [0.0167, 0.0233])
    """
    known = np.isfinite(volatility)
    if not known.any():
        return np.full(len(volatility), -1, dtype=np.int64), (np.nan, np.nan)
    low, high = np.quantile(volatility[known], (1 / 3, 2 / 3))
    level = (volatility > low).astype(np.int64) + (volatility > high)
    return np.where(known, level, -1), (float(low), float(high))


@dataclass(frozen=True, slots=True)
class GapPool:
    """Gaps that happened, float64 [sessions, symbols], with the level of each session.

    ``donors[t, i]`` says that name i was in the universe at t and has a known gap: a name
    without a gap at t borrows that of a donor.
    """

    gaps: FloatMatrix
    donors: BoolArray
    levels: IntArray

    @classmethod
    def of(cls, gaps: FloatMatrix, member: BoolArray, levels: IntArray) -> GapPool:
        """The pool of a market."""
        return cls(gaps, np.isfinite(gaps) & member, levels)


def draw_sessions(pool: GapPool, rows: IntArray, generator: np.random.Generator) -> IntArray:
    """For each of ``rows`` the row of a session of the same level, with replacement.

    Only sessions with a donor are drawn. A session whose level is unknown, or whose level has
    no such session, draws from all. -1 where there is none at all.
    """
    usable = np.flatnonzero(pool.donors.any(axis=1))
    drawn = np.full(len(rows), -1, dtype=np.int64)
    if len(usable) == 0:
        return drawn
    wanted = pool.levels[rows]
    for level in sorted(set(wanted.tolist())):
        places = np.flatnonzero(wanted == level)
        same = usable[pool.levels[usable] == level] if level >= 0 else usable
        source = same if len(same) else usable
        drawn[places] = source[generator.integers(0, len(source), len(places))]
    return drawn


def drawn_gaps(pool: GapPool, source: IntArray, generator: np.random.Generator) -> FloatMatrix:
    """The gaps of the drawn sessions, one row a draw.

    A name without a gap in the drawn session (not listed then, not traded) takes the gap of a
    donor of that session, drawn with replacement. NaN where the draw is -1.
    """
    made = np.full((len(source), pool.gaps.shape[1]), np.nan)
    for place, row in enumerate(source.tolist()):
        if row < 0:
            continue
        gaps = pool.gaps[row].copy()
        missing = np.flatnonzero(~np.isfinite(gaps))
        donors = np.flatnonzero(pool.donors[row])
        gaps[missing] = gaps[donors[generator.integers(0, len(donors), len(missing))]]
        made[place] = gaps
    return made


def stressed_prices(price: FloatMatrix, reference: FloatMatrix, gaps: FloatMatrix) -> FloatMatrix:
    """``reference * (1 + gap)`` wherever price, reference and gap are known.

    A price without a reference or a gap stays as it was; an unknown price stays unknown.

    Examples
    --------
    >>> price = np.array([[11.0, np.nan, 7.0]])
    >>> reference = np.array([[10.0, 10.0, np.nan]])
    >>> stressed_prices(price, reference, np.array([[-0.5, 0.1, 0.1]])).tolist()
    [[5.0, nan, 7.0]]
    """
    known = (price > 0.0) & (reference > 0.0) & np.isfinite(gaps)
    return np.where(known, reference * (1.0 + gaps), price)


@dataclass(frozen=True, slots=True)
class GapOutcome:
    """What gaps did to one run.

    ``scenario`` is ``as_traded``, ``up``, ``down``, ``against`` or ``bootstrap``; ``number``
    counts the bootstrap scenarios from 1 and is 0 otherwise. Money in micros.
    ``lowest_cash_fraction`` is the lowest cash / equity of any close, ``requested_micros`` the
    notional of all buys at the stressed price.
    """

    scenario: str
    number: int
    truncated_orders: int
    truncated_micros: int
    requested_micros: int
    lowest_cash_micros: int
    lowest_cash_fraction: float
    final_equity_micros: int


def gap_outcome(scenario: str, number: int, history: RunHistory) -> GapOutcome:
    """The outcome of a finished run."""
    risk = gap_risk(history)
    solvent = history.equity_micros > 0
    share = history.cash_micros[solvent] / history.equity_micros[solvent]
    return GapOutcome(
        scenario=scenario,
        number=number,
        truncated_orders=risk.truncated_orders,
        truncated_micros=risk.truncated_micros,
        requested_micros=risk.requested_micros,
        lowest_cash_micros=risk.lowest_cash_micros,
        lowest_cash_fraction=float(share.min()) if len(share) else float("nan"),
        final_equity_micros=int(history.equity_micros[-1]),
    )


@dataclass(frozen=True, slots=True)
class Distribution:
    """Minimum, 5 % quantile, median, 95 % quantile and maximum (linear interpolation)."""

    minimum: float
    low: float
    median: float
    high: float
    maximum: float

    @classmethod
    def of(cls, values: FloatArray) -> Distribution:
        """The distribution of at least one value.

        Examples
        --------
        >>> Distribution.of(np.arange(101.0))
        Distribution(minimum=0.0, low=5.0, median=50.0, high=95.0, maximum=100.0)
        """
        found = np.quantile(values, (0.0, 0.05, 0.5, 0.95, 1.0))
        return cls(*(float(value) for value in found))


@dataclass(frozen=True, slots=True)
class LevelFacts:
    """One level of volatility: sessions to draw from, typical and largest absolute gap."""

    level: str
    sessions: int
    mean_gap: float
    largest_gap: float


def level_facts(pool: GapPool) -> tuple[LevelFacts, ...]:
    """Each level of the pool in ascending order; NaN where a level has no gap."""
    usable = pool.donors.any(axis=1)
    facts: list[LevelFacts] = []
    for number, name in enumerate(LEVELS):
        rows = usable & (pool.levels == number)
        sizes = np.abs(pool.gaps[rows][pool.donors[rows]])
        mean, largest = (float(sizes.mean()), float(sizes.max())) if len(sizes) else (np.nan,) * 2
        facts.append(LevelFacts(name, int(rows.sum()), mean, largest))
    return tuple(facts)


@dataclass(frozen=True, slots=True)
class GapStress:
    """All outcomes of a stress: the run as traded, the fixed shocks, the bootstrap.

    ``shock`` is the size of the fixed shocks, ``seed`` that of the bootstrap, ``cut_gaps``
    how many gaps of the pool were beyond :data:`LARGEST_GAP`.
    """

    shock: float
    seed: int
    as_traded: GapOutcome
    shocks: tuple[GapOutcome, ...]
    bootstrap: tuple[GapOutcome, ...]
    levels: tuple[LevelFacts, ...]
    cut_gaps: int

    @property
    def outcomes(self) -> tuple[GapOutcome, ...]:
        """Every run in the order in which it was made."""
        return (self.as_traded, *self.shocks, *self.bootstrap)

    def distributions(self) -> Mapping[str, Distribution]:
        """Distribution over the bootstrap of every quantity; money in currency units."""
        drawn = self.bootstrap
        values = {
            "truncated_notional": [run.truncated_micros / 1e6 for run in drawn],
            "truncated_orders": [float(run.truncated_orders) for run in drawn],
            "lowest_cash": [run.lowest_cash_micros / 1e6 for run in drawn],
            "lowest_cash_fraction": [run.lowest_cash_fraction for run in drawn],
            "final_equity": [run.final_equity_micros / 1e6 for run in drawn],
        }
        return {name: Distribution.of(np.array(column)) for name, column in values.items()}
