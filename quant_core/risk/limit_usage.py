"""The checks of the whole book: how much of a limit is used.

Each answers with a usage, or None where the limit is off. The gate asks for the
book as it would be with the order; the state file asks for the book as it is
(:func:`quant_core.risk.limits.headroom`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quant_core.foundation.money import rate_on
from quant_core.risk.gate_inputs import GateInputs, known_real, known_whole, total
from quant_core.risk.limit_case import Standing
from quant_core.risk.limit_exposure import Exposure
from quant_core.risk.limit_findings import Usage
from quant_core.risk.limit_values import Limits
from quant_core.risk.trading_state import loss_limit_micros, loss_micros


@dataclass(frozen=True, slots=True)
class View:
    """A standing to be measured; the symbol is the order's, None = the book as a whole."""

    standing: Standing
    limits: Limits
    symbol: str | None = None

    @property
    def inputs(self) -> GateInputs:
        """What the gate knows."""
        return self.standing.inputs

    @property
    def exposure(self) -> Exposure:
        """What the book may become."""
        return self.standing.exposure


UsageOf = Callable[[View], Usage | None]


def gross(view: View) -> Usage | None:
    """Sum of the positions, each at its worse end."""
    limit = view.limits.max_gross_micros
    return None if limit is None else Usage(view.exposure.gross_micros, limit)


def net(view: View) -> Usage | None:
    """Long less short, at the worse end, as a positive amount."""
    limit = view.limits.max_net_micros
    return None if limit is None else Usage(view.exposure.worst_net_micros, limit)


def leverage(view: View) -> Usage | None:
    """Gross exposure against a multiple of the equity."""
    limit = view.limits.max_leverage
    if limit is None:
        return None
    return Usage(view.exposure.gross_micros, _of_equity(view, limit))


def position_notional(view: View) -> Usage | None:
    """The name at its worse end."""
    limit = view.limits.max_position_notional_micros
    return None if limit is None else Usage(_worst(view), limit)


def position_weight(view: View) -> Usage | None:
    """The name at its worse end, against a fraction of the equity."""
    limit = view.limits.max_position_weight
    return None if limit is None else Usage(_worst(view), _of_equity(view, limit))


def cash(view: View) -> Usage | None:
    """Cash when every buy fills and no sell does."""
    limit = view.limits.min_cash_micros
    if limit is None:
        return None
    spent = view.exposure.buys_micros
    left = total(known_whole(view.inputs.cash_micros), None if spent is None else -spent)
    return Usage(left, limit, floor=True)


def orders_per_minute(view: View) -> Usage | None:
    """Orders sent within the last minute."""
    limit = view.limits.max_orders_per_minute
    sent = known_whole(view.inputs.orders_last_minute, least=0)
    return None if limit is None else Usage(sent, limit)


def orders_per_day(view: View) -> Usage | None:
    """Orders sent in the session."""
    limit = view.limits.max_orders_per_day
    sent = known_whole(view.inputs.orders_today, least=0)
    return None if limit is None else Usage(sent, limit)


def turnover_per_day(view: View) -> Usage | None:
    """Fills of the session and every open order, against the equity it began with."""
    limit = view.limits.max_turnover_per_day
    if limit is None:
        return None
    start = known_whole(view.inputs.day_start_equity_micros, least=1)
    traded = known_whole(view.inputs.turnover_today_micros, least=0)
    open_orders = total(view.exposure.buys_micros, view.exposure.sells_micros)
    return Usage(total(traded, open_orders), None if start is None else rate_on(limit, start))


def daily_loss_reducing(view: View) -> Usage | None:
    """Loss since the start of the session, against the first of its two limits."""
    return _loss(view, view.limits.reduce_at_daily_loss, view.inputs.day_start_equity_micros)


def daily_loss_halting(view: View) -> Usage | None:
    """Loss since the start of the session, against the second of its two limits."""
    return _loss(view, view.limits.halt_at_daily_loss, view.inputs.day_start_equity_micros)


def drawdown_reducing(view: View) -> Usage | None:
    """Loss from the highest equity, against the first of its two limits."""
    return _loss(view, view.limits.reduce_at_drawdown, view.inputs.peak_equity_micros)


def drawdown_halting(view: View) -> Usage | None:
    """Loss from the highest equity, against the second of its two limits."""
    return _loss(view, view.limits.halt_at_drawdown, view.inputs.peak_equity_micros)


def reconciliation_age(view: View) -> Usage:
    """Time since the books agreed with the broker's."""
    age = known_real(view.inputs.reconciliation_age_seconds, least=0.0)
    return Usage(age, view.limits.max_reconciliation_age_seconds)


def data_age(view: View) -> Usage:
    """Sessions closed since the last one of the data."""
    age = known_whole(view.inputs.data_age_sessions, least=0)
    return Usage(age, view.limits.max_data_age_sessions)


def cut_off(view: View) -> Usage:
    """Time left to the cut-off."""
    left = known_real(view.inputs.seconds_to_cut_off)
    return Usage(left, view.limits.cut_off_margin_seconds, floor=True)


def _loss(view: View, fraction: float | None, base: int | None) -> Usage | None:
    if fraction is None:
        return None
    loss = loss_micros(base, view.inputs.equity_micros)
    return Usage(loss, loss_limit_micros(fraction, base))


def _of_equity(view: View, multiple: float) -> int | None:
    equity = known_whole(view.inputs.equity_micros, least=1)
    return None if equity is None else rate_on(multiple, equity)


def _worst(view: View) -> int | None:
    """The name, or the largest of all names."""
    if view.symbol is not None or not view.exposure.known:
        return view.exposure.name(view.symbol or "").worst_micros
    return view.exposure.largest_micros
