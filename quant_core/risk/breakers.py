"""Rules that look at the book at every close and act at the next open.

Pure functions: the state comes in and the new state goes out, so that a run, a restart
and a replay reach the same verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from quant_core.trading.account import Book


@dataclass(frozen=True, slots=True)
class RiskRules:
    """Limits of a strategy; None switches a rule off.

    ``max_pos_weight`` cuts a target weight, ``stop_loss_pct`` closes a position below
    its average cost, ``max_drawdown_pct`` flattens the book below its peak for
    ``breaker_cooldown`` sessions (None = for the rest of the run).
    """

    max_pos_weight: float | None = None
    stop_loss_pct: float | None = None
    max_drawdown_pct: float | None = None
    breaker_cooldown: int | None = None


@dataclass(frozen=True, slots=True)
class BreakerState:
    """The drawdown breaker: highest equity seen, and when the book went flat.

    ``flat_from`` is the number of the session at whose open the book goes flat, counted
    along the run; None while the breaker has not tripped.
    """

    peak_micros: int
    flat_from: int | None = None


def observe_equity(
    state: BreakerState, equity_micros: int, next_session: int, max_drawdown_pct: float | None
) -> BreakerState:
    """The breaker after one close.

    Trips when the equity is below ``peak * (1 - max_drawdown_pct)``; the book is then
    flat from ``next_session`` on. While tripped the equity is not looked at.

    Examples
    --------
    >>> state = observe_equity(BreakerState(100), 89, 5, 0.1)
    >>> state.flat_from
    5
    >>> observe_equity(BreakerState(100), 90, 5, 0.1).flat_from is None
    True
    """
    if max_drawdown_pct is None or state.flat_from is not None:
        return state
    peak = max(state.peak_micros, equity_micros)
    tripped = not (equity_micros >= peak * (1 - max_drawdown_pct))
    return BreakerState(peak, next_session if tripped else None)


def may_re_enter(state: BreakerState, session: int, cooldown: int | None) -> bool:
    """Whether a scheduled rebalance at ``session`` may end the flat period.

    The book is flat at the opens of ``cooldown`` sessions, the first of them
    ``flat_from``; never again when the cooldown is None.

    Examples
    --------
    >>> [may_re_enter(BreakerState(100, 5), session, 2) for session in (5, 6, 7)]
    [False, False, True]
    """
    if state.flat_from is None:
        return True
    if cooldown is None:
        return False
    return session >= state.flat_from + max(cooldown, 1)


def re_enter(state: BreakerState, equity_micros: int) -> BreakerState:
    """The breaker at re-entry: the peak restarts from the equity of that moment."""
    return replace(state, peak_micros=equity_micros, flat_from=None)


def stopped_out(book: Book, stop_loss_pct: float | None) -> list[str]:
    """Held names whose last close is below ``average cost * (1 - stop_loss_pct)``.

    A short position is stopped above ``average proceeds * (1 + stop_loss_pct)``.
    """
    if stop_loss_pct is None:
        return []
    floor, ceiling = 1 - stop_loss_pct, 1 + stop_loss_pct
    return [
        symbol
        for symbol, held in book.positions.items()
        if (held.shares > 0 and not (held.mark_micros >= held.average_cost_micros * floor))
        or (held.shares < 0 and not (held.mark_micros <= held.average_cost_micros * ceiling))
    ]


def cap_weights(weights: dict[str, float], max_pos_weight: float | None) -> dict[str, float]:
    """Weights cut to the cap, short ones likewise; the excess stays in cash.

    Examples
    --------
    >>> cap_weights({"A": 0.5, "B": 0.1}, 0.2)
    {'A': 0.2, 'B': 0.1}
    """
    if max_pos_weight is None:
        return weights
    cap = max_pos_weight
    return {symbol: max(min(weight, cap), -cap) for symbol, weight in weights.items()}
