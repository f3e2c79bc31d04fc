"""Losses that take the right to trade away, looked at by the latest prices and at every close.

What is recorded is the state and why; the numbers behind it are the day's start and the
highest equity of the worker's state. After a resumption both are the equity of the first
valuation, which is recorded as well: a start from the journal reaches the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from quant_core.brokers.port import PriceQuote, QuoteKind
from quant_core.foundation.money import format_micros
from quant_core.live.chronicle import Chronicle
from quant_core.live.gate_view import STATES
from quant_core.live.journal_entries import Body, LossesBegun, RiskStateChanged
from quant_core.live.order_desk import Post
from quant_core.live.worker_state import WorkerState
from quant_core.notify.port import Alert, Severity
from quant_core.risk.gate_inputs import TradingState
from quant_core.risk.limit_values import Limits
from quant_core.risk.trading_state import at_session_start, next_trading_state

JOURNALLED = {state: word for word, state in STATES.items()}
"""The journal's word for each state of the gate."""


def latest_equity(state: WorkerState, quotes: Mapping[str, PriceQuote]) -> int | None:
    """The account at the latest prices, in micros; None when a held name has none."""
    session = state.book.session if state.day is None else state.day.session
    if session is None:
        return state.book.equity_micros
    prices: dict[str, int] = {}
    for symbol in state.valued():
        quote = quotes.get(symbol)
        if quote is None or quote.kind is QuoteKind.NONE or not quote.price_micros > 0:
            return None
        prices[symbol] = quote.price_micros
    return state.preview(session, prices).equity_micros


class LossWatch:
    """Moves the trading state when the account loses; never back within a session.

    Parameters
    ----------
    chronicle : Chronicle
    limits : Limits
    post : callable
        Takes alerts.
    """

    def __init__(self, chronicle: Chronicle, limits: Limits, post: Post) -> None:
        self._chronicle = chronicle
        self._limits = limits
        self._post = post
        self.equity_micros: int | None = None
        """The latest valuation; None before the first, or where nobody asks for one."""

    @property
    def needed(self) -> bool:
        """Whether any limit of a loss is set."""
        limits = self._limits
        fractions = (
            *(limits.reduce_at_daily_loss, limits.halt_at_daily_loss),
            *(limits.reduce_at_drawdown, limits.halt_at_drawdown),
        )
        return any(fraction is not None for fraction in fractions)

    def valued(self, equity_micros: int | None, now: datetime) -> None:
        """Look at the losses after a valuation within a session, or between two."""
        state = self._chronicle.state
        self.equity_micros = equity_micros
        if equity_micros is not None and state.losses_begin:
            # Journalled, or a restart would forget what was lost before it.
            self._chronicle.record([LossesBegun(equity_micros)])
        before = STATES[state.trading_state]
        reached = next_trading_state(
            before, equity_micros, state.day_start_micros, state.peak_micros, self._limits
        )
        if reached is not before:
            self._chronicle.record([self._change(reached, equity_micros)])
            self._tell(reached, equity_micros, now)

    def after_close(self, equity_micros: int, now: datetime) -> list[Body]:
        """What a close changes, to be recorded with it: first the day's losses, then a new day.

        A new session leaves REDUCING, unless the loss from the highest equity is still
        there.
        """
        state, limits = self._chronicle.state, self._limits
        self.equity_micros = None
        before = STATES[state.trading_state]
        start = equity_micros if state.day_start_micros is None else state.day_start_micros
        peak = max(equity_micros, state.peak_micros or 0)
        closing = next_trading_state(before, equity_micros, start, peak, limits)
        opening = at_session_start(closing)
        opening = next_trading_state(opening, equity_micros, equity_micros, peak, limits)
        bodies: list[Body] = []
        if closing is not before:
            bodies.append(self._change(closing, equity_micros))
            self._tell(closing, equity_micros, now)
        if opening is not closing:
            bodies.append(RiskStateChanged(JOURNALLED[opening], "a new session begins"))
        return bodies

    def _change(self, reached: TradingState, equity_micros: int | None) -> RiskStateChanged:
        state = self._chronicle.state
        equity, start, peak = (
            "not known" if amount is None else format_micros(amount, 2)
            for amount in (equity_micros, state.day_start_micros, state.peak_micros)
        )
        passed = ", ".join(self._passed(equity_micros)) or "the equity is not known"
        reason = f"{passed}: equity {equity}, start of the session {start}, highest {peak}"
        return RiskStateChanged(JOURNALLED[reached], reason)

    def _passed(self, equity_micros: int | None) -> list[str]:
        """The limits that the account has passed, with what it lost."""
        state, limits = self._chronicle.state, self._limits
        since_start = _loss(equity_micros, state.day_start_micros)
        since_peak = _loss(equity_micros, state.peak_micros)
        found = (
            ("reduce_at_daily_loss", limits.reduce_at_daily_loss, since_start),
            ("halt_at_daily_loss", limits.halt_at_daily_loss, since_start),
            ("reduce_at_drawdown", limits.reduce_at_drawdown, since_peak),
            ("halt_at_drawdown", limits.halt_at_drawdown, since_peak),
        )
        return [
            f"limits.{name} {limit:g} passed with {loss:.4%}"
            for name, limit, loss in found
            if limit is not None and loss > limit
        ]

    def _tell(self, reached: TradingState, equity_micros: int | None, now: datetime) -> None:
        halted = reached is TradingState.HALTED
        severity = Severity.CRITICAL if halted else Severity.WARNING
        title = "Trading is halted" if halted else "Only risk is reduced"
        text = self._change(reached, equity_micros).reason
        self._post(Alert("losses", severity, title, text, now))


def _loss(equity_micros: int | None, before_micros: int | None) -> float:
    """The fraction lost; 0 where one of both is not known."""
    if equity_micros is None or before_micros is None or before_micros <= 0:
        return 0.0
    return 1.0 - equity_micros / before_micros
