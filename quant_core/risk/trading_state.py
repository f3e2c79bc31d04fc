"""Losses that take the right to trade away: NORMAL, then REDUCING, then HALTED.

The state goes in and the next one comes out, so that a restart and a replay of the journal
reach the same one. Within a session it only gets worse. A new session leaves REDUCING
(:func:`at_session_start`), unless the loss is still there; HALTED is left by the operator
alone (:func:`resume`).
"""

from __future__ import annotations

from quant_core.foundation.money import rate_on
from quant_core.risk.gate_inputs import TradingState, known_whole
from quant_core.risk.limit_values import Limits

_SEVERITY = {TradingState.NORMAL: 0, TradingState.REDUCING: 1, TradingState.HALTED: 2}


def loss_micros(base_micros: int | None, equity_micros: int | None) -> int | None:
    """What has been lost since ``base_micros``, 0 for a gain; None where not known.

    Examples
    --------
    >>> loss_micros(100, 97), loss_micros(100, 103), loss_micros(100, None)
    (3, 0, None)
    """
    base, equity = known_whole(base_micros, least=1), known_whole(equity_micros)
    return None if base is None or equity is None else max(base - equity, 0)


def loss_limit_micros(fraction: float, base_micros: int | None) -> int | None:
    """The loss a limit allows, in micros; None where the base is not known.

    Examples
    --------
    >>> loss_limit_micros(0.03, 1_000)
    30
    """
    base = known_whole(base_micros, least=1)
    return None if base is None else rate_on(fraction, base)


def next_trading_state(
    state: TradingState,
    equity_micros: int | None,
    day_start_micros: int | None,
    peak_micros: int | None,
    limits: Limits,
) -> TradingState:
    """The state after the account has been valued.

    A loss of the day or from the peak beyond ``reduce_at_...`` gives REDUCING, beyond
    ``halt_at_...`` HALTED; exactly at the limit is still within it. Where a limit is set
    and its numbers are not known the state is at least REDUCING: value the account first
    and ask then.

    Examples
    --------
    >>> limits = Limits(max_quote_age_seconds=60, price_collar=0.05, cut_off_margin_seconds=30,
    ...                 max_data_age_sessions=0, max_reconciliation_age_seconds=300,
    ...                 reduce_at_daily_loss=0.02, halt_at_daily_loss=0.04)
    >>> [next_trading_state(TradingState.NORMAL, equity, 1_000, 1_000, limits).value
    ...  for equity in (980, 979, 959)]
    ['normal', 'reducing', 'halted']
    """
    reducing, halted = TradingState.REDUCING, TradingState.HALTED
    verdicts = [
        _after_loss(limits.reduce_at_daily_loss, day_start_micros, equity_micros, reducing),
        _after_loss(limits.halt_at_daily_loss, day_start_micros, equity_micros, halted),
        _after_loss(limits.reduce_at_drawdown, peak_micros, equity_micros, reducing),
        _after_loss(limits.halt_at_drawdown, peak_micros, equity_micros, halted),
    ]
    return max([state, *verdicts], key=_SEVERITY.__getitem__)


def at_session_start(state: TradingState) -> TradingState:
    """The state a new session begins with, before its losses are looked at.

    Examples
    --------
    >>> at_session_start(TradingState.REDUCING).value, at_session_start(TradingState.HALTED).value
    ('normal', 'halted')
    """
    return TradingState.HALTED if state is TradingState.HALTED else TradingState.NORMAL


def resume() -> TradingState:
    """The state after the operator has resumed trading: the only way out of HALTED.

    The caller restarts the day's equity and the peak from the equity of that moment, as
    the breaker of a strategy does, or the next valuation halts again.
    """
    return TradingState.NORMAL


def _after_loss(
    fraction: float | None, base: int | None, equity: int | None, consequence: TradingState
) -> TradingState:
    if fraction is None:
        return TradingState.NORMAL
    loss, allowed = loss_micros(base, equity), loss_limit_micros(fraction, base)
    if loss is None or allowed is None:
        return TradingState.REDUCING
    return TradingState.NORMAL if loss <= allowed else consequence
