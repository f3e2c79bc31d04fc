"""Common factors of the synthetic market: what moves many of its prices at once.

Every path is split into an overnight part (close to open) and an intraday part (open to
close), and every component draws from a random stream of its own, so that changing one
leaves the others alone.

Models: GJR-GARCH for the market (Glosten, Jagannathan and Runkle, 1993), the power
method for fat tails (Fleishman, 1978), first-order autoregressive drifts for the phases
in which trends live.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import sqrt

import numpy as np

from quant_core.foundation.types import FloatArray, FloatMatrix

SESSIONS_PER_YEAR = 252
"""Scale between the annual figures below and one session, whatever the calendar."""

SECTORS = (
    "Technology",
    "Energy",
    "Financials",
    "Health",
    "Industrials",
    "Staples",
    "Discretionary",
    "Utilities",
    "Materials",
    "Property",
    "Communication",
)
"""Sector names, generic on purpose."""

STYLES = ("market", "size", "value", "low_volatility")
"""Rows of :attr:`MarketPaths.styles`."""

STYLE_PREMIUM = (0.080, 0.010, 0.015, 0.015)
"""Planted mean return a year per unit of loading, in the order of :data:`STYLES`."""

STYLE_VOLATILITY = (0.165, 0.045, 0.045, 0.045)
SECTOR_VOLATILITY = 0.075
SECTOR_PHASE = 0.06
"""Deviation of a sector's slowly changing drift, a year."""

MARKET_PHASE = 0.06
OVERNIGHT_SHARE = 0.24
"""Share of a factor's variance that falls between close and open."""

HAVENS = ("bond", "gold")
"""Rows of :attr:`MarketPaths.havens`."""

HAVEN_PREMIUM = (0.025, 0.035)
HAVEN_VOLATILITY = (0.045, 0.145)
HAVEN_PHASE = (0.02, 0.09)

PHASE_STEP = 21
"""Sessions between two changes of a slow drift."""

GARCH_SHOCK, GARCH_LEVERAGE, GARCH_MEMORY = 0.05, 0.15, 0.86
LINEAR_WEIGHT, CUBIC_WEIGHT = 0.78235622, 0.06790456
"""Coefficients of the power method for variance 1, no skew and kurtosis 6."""

RELATIVE_VARIANCE_LIMITS = (0.2, 12.0)


class Component(IntEnum):
    """The random streams; a number once given is never given to another component."""

    MARKET = 1
    PHASES = 2
    STYLES = 3
    SECTORS = 4
    HAVENS = 5
    TRAITS = 6
    DRIFT = 7
    OVERNIGHT = 8
    INTRADAY = 9
    EARNINGS = 10
    RANGE = 11
    VOLUME = 12
    HALTS = 13
    FUNDS = 14


@dataclass(frozen=True, slots=True)
class Moves:
    """Log returns [rows, sessions]: close to open, then open to close."""

    overnight: FloatMatrix
    intraday: FloatMatrix


@dataclass(frozen=True, slots=True)
class MarketPaths:
    """Everything the prices have in common.

    Attributes
    ----------
    styles, sectors, havens : Moves
        One row per name of :data:`STYLES`, :data:`SECTORS`, :data:`HAVENS`.
    activity : FloatArray
        [sessions], volatility of the market relative to its long-run level.
    """

    styles: Moves
    sectors: Moves
    havens: Moves
    activity: FloatArray


def stream(seed: int, component: Component, block: int = 0) -> np.random.Generator:
    """The random stream of one component, for one block of symbols.

    Examples
    --------
    >>> first, again = (stream(1, Component.MARKET) for _ in range(2))
    >>> bool(first.standard_normal() == again.standard_normal())
    True
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, component, block))))


def fat_tailed(rng: np.random.Generator, shape: tuple[int, int]) -> FloatMatrix:
    """Symmetric noise of mean 0, variance 1 and kurtosis 6 (Fleishman 1978).

    A cubic of a normal draw needs no second draw and no transcendental function.
    """
    draw = rng.standard_normal(shape)
    cubic = draw * draw
    cubic *= CUBIC_WEIGHT
    cubic += LINEAR_WEIGHT
    cubic *= draw
    return cubic


def wandering(rng: np.random.Generator, shape: tuple[int, int], half_life: float) -> FloatMatrix:
    """Slow drifts of deviation 1: autoregressive from month to month, constant within.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of one draw per row and month.
    shape : tuple of int
        (rows, sessions).
    half_life : float
        Sessions after which half of a drift is forgotten.
    """
    rows, sessions = shape
    knots = rng.standard_normal((rows, -(-sessions // PHASE_STEP)))
    memory = 0.5 ** (PHASE_STEP / half_life)
    for month in range(1, knots.shape[1]):
        knots[:, month] *= sqrt(1.0 - memory * memory)
        knots[:, month] += memory * knots[:, month - 1]
    return np.repeat(knots, PHASE_STEP, axis=1)[:, :sessions]


def market_paths(seed: int, sessions: int) -> MarketPaths:
    """The common factors of a market: 1. clustering volatility, 2. styles, sectors, havens."""
    market, activity = _market(seed, sessions)
    styles = _steady(stream(seed, Component.STYLES), STYLE_VOLATILITY[1:], activity)
    _add_drift(styles, np.array(STYLE_PREMIUM[1:])[:, np.newaxis])

    phases = stream(seed, Component.PHASES)
    sectors = _steady(
        stream(seed, Component.SECTORS), (SECTOR_VOLATILITY,) * len(SECTORS), activity
    )
    _add_drift(sectors, SECTOR_PHASE * wandering(phases, (len(SECTORS), sessions), 120))
    havens = _steady(stream(seed, Component.HAVENS), HAVEN_VOLATILITY, np.ones(sessions))
    slow = wandering(phases, (len(HAVENS), sessions), 120)
    premium, size = (np.array(row)[:, np.newaxis] for row in (HAVEN_PREMIUM, HAVEN_PHASE))
    _add_drift(havens, premium + size * slow)
    return MarketPaths(
        styles=Moves(
            np.concatenate([market.overnight, styles.overnight]),
            np.concatenate([market.intraday, styles.intraday]),
        ),
        sectors=sectors,
        havens=havens,
        activity=activity,
    )


def _market(seed: int, sessions: int) -> tuple[Moves, FloatArray]:
    draws = fat_tailed(stream(seed, Component.MARKET), (2, sessions))
    draws[0] *= sqrt(OVERNIGHT_SHARE)
    draws[1] *= sqrt(1.0 - OVERNIGHT_SHARE)
    activity = _clustering(draws[0] + draws[1])
    daily = STYLE_VOLATILITY[0] / sqrt(SESSIONS_PER_YEAR)
    moves = Moves(draws[:1] * activity * daily, draws[1:] * activity * daily)
    slow = wandering(stream(seed, Component.PHASES, 1), (1, sessions), 120)
    _add_drift(moves, STYLE_PREMIUM[0] - STYLE_VOLATILITY[0] ** 2 / 2 + MARKET_PHASE * slow)
    return moves, activity


def _clustering(draws: FloatArray) -> FloatArray:
    """Relative volatility of each session under GJR-GARCH with unit long-run variance."""
    constant = 1.0 - GARCH_SHOCK - GARCH_LEVERAGE / 2 - GARCH_MEMORY
    low, high = RELATIVE_VARIANCE_LIMITS
    variance = 1.0
    path = np.empty(len(draws))
    for session, draw in enumerate(draws.tolist()):
        path[session] = sqrt(variance)
        reaction = GARCH_SHOCK + (GARCH_LEVERAGE if draw < 0.0 else 0.0)
        variance *= GARCH_MEMORY + reaction * draw * draw
        variance = min(max(variance + constant, low), high)
    return path


def _steady(rng: np.random.Generator, volatility: tuple[float, ...], activity: FloatArray) -> Moves:
    """Factors of the given annual volatilities whose noise follows the market's halfway."""
    shape = (len(volatility), len(activity))
    scale = np.array(volatility)[:, np.newaxis] / sqrt(SESSIONS_PER_YEAR)
    scale = scale * (0.5 + 0.5 * activity)
    return Moves(
        fat_tailed(rng, shape) * scale * sqrt(OVERNIGHT_SHARE),
        fat_tailed(rng, shape) * scale * sqrt(1.0 - OVERNIGHT_SHARE),
    )


def _add_drift(moves: Moves, annual: FloatMatrix) -> None:
    """Add a drift a year to the intraday part, in place (the arrays are this module's own)."""
    np.add(moves.intraday, annual / SESSIONS_PER_YEAR, out=moves.intraday)
