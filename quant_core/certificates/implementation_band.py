"""Implementation band: how far a result moves across conventions that are all defensible.

Nobody knows which share of the opening auction, which commission and which rounding an
account would have met. A result is quoted with the range it has under all of them; what
lies inside the range is not evidence of skill.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from quant_core.certificates.certificate import Certificate, Progress, Table, silent
from quant_core.certificates.pictures import BandDot, band_picture
from quant_core.foundation.language import Say
from quant_core.performance.ratios import sharpe_ratio
from quant_core.performance.returns import per_period_rate, returns_since_start
from quant_core.strategies.base import BaseStrategy, MarketView
from quant_core.trading.account import Book
from quant_core.trading.history import RunHistory
from quant_core.trading.target import Target, Weights

NAME = "implementation_band"
PERIODS_PER_YEAR = 252

TIE_STEP = 1e-12
"""Relative step of the weights that reverses ties: less than a micro-unit of any budget."""

Setting = str | float | None


@dataclass(frozen=True, slots=True)
class Convention:
    """One way to execute: which settings of ``execution`` it changes.

    ``commission`` are the changed settings of the commission; ``ties_reversed`` lets
    equal buys execute from the last symbol to the first.
    """

    group: str
    label: str
    execution: Mapping[str, Setting] = field(default_factory=dict[str, Setting])
    commission: Mapping[str, Setting] = field(default_factory=dict[str, Setting])
    ties_reversed: bool = False


FREE = {"model": "none"}
BASIS_POINTS = {"model": "bps", "rate": 0.001, "minimum": 0.0}
FIXED = {"model": "ibkr_fixed"}

CONVENTIONS: tuple[Convention, ...] = (
    Convention("Price", "open", {"price": "open"}),
    Convention("Price", "close", {"price": "close"}),
    Convention("Rounding", "lot of 1", {"lot": 1}),
    Convention("Rounding", "lot of 100", {"lot": 100}),
    Convention("Cash buffer", "0 %", {"cash_buffer": 0.0}),
    Convention("Cash buffer", "2 %", {"cash_buffer": 0.02}),
    Convention("Order priority", "equal buys from the last symbol", ties_reversed=True),
    Convention("Commission", "none", commission=FREE),
    Convention("Commission", "10 bps", commission=BASIS_POINTS),
    Convention("Commission", "ibkr_fixed", commission=FIXED),
    Convention("Volume", "no cap", {"participation_cap": None}),
    Convention("Volume", "10 % of a session", {"participation_cap": 0.1}),
    Convention("Slippage", "0 bps", {"slippage": 0.0}),
    Convention("Slippage", "5 bps", {"slippage": 0.0005}),
    Convention("Slippage", "10 bps", {"slippage": 0.001}),
    Convention(
        "Together",
        "nothing costs, no buffer",
        {"slippage": 0.0, "cash_buffer": 0.0, "participation_cap": None},
        FREE,
    ),
    Convention(
        "Together",
        "everything costs, lots of 100",
        {"slippage": 0.001, "cash_buffer": 0.02, "participation_cap": 0.1, "lot": 100},
        BASIS_POINTS,
    ),
)
"""Each alone on top of the run's own settings, and two corners."""


class TiesReversed(BaseStrategy):
    """A strategy whose equal weights execute from the last symbol to the first."""

    def __init__(self, inner: BaseStrategy) -> None:
        super().__init__(inner.settings)
        self._inner = inner

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors of the strategy itself."""
        return self._inner.factors

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols the strategy itself names."""
        return self._inner.symbols

    def decide(self, view: MarketView, book: Book) -> Target:
        """The strategy's own answer, its equal weights parted by next to nothing."""
        answer = self._inner.decide(view, book)
        if not isinstance(answer, Weights):
            return answer
        last = len(answer.weights)
        ranked = enumerate(sorted(answer.weights), start=1)
        parted = {s: answer.weights[s] * (1 - TIE_STEP * (last - i)) for i, s in ranked}
        return replace(answer, weights=parted)


@dataclass(frozen=True, slots=True)
class _Row:
    convention: Convention
    equity_micros: int
    sharpe: float
    orders: int
    truncated: int


def prove_implementation_band(
    quoted: RunHistory,
    trade: Callable[[Convention], RunHistory],
    risk_free_rate: float,
    say: Say,
    progress: Progress = silent,
) -> Certificate:
    """Trade under every convention and quote the band of the results.

    Parameters
    ----------
    quoted : RunHistory
        The run as its settings have it.
    trade : callable
        The run under a convention.
    risk_free_rate : float
        Per year, as the Sharpe ratio has it.
    say : callable
        The reader's language.
    progress : callable
        Told after every run.
    """
    own = _row(Convention("Settings", "as configured"), quoted, risk_free_rate)
    rows = [own]
    for number, convention in enumerate(CONVENTIONS, start=1):
        rows.append(_row(convention, trade(convention), risk_free_rate))
        progress(number, len(CONVENTIONS))
    return _certificate(rows, quoted.starting_capital_micros, say)


def _row(convention: Convention, history: RunHistory, risk_free_rate: float) -> _Row:
    returns = returns_since_start(
        history.equity_micros / 1e6, history.starting_capital_micros / 1e6
    )
    free = per_period_rate(risk_free_rate, periods_per_year=PERIODS_PER_YEAR)
    return _Row(
        convention,
        int(history.equity_micros[-1]),
        sharpe_ratio(returns, risk_free=free, periods_per_year=PERIODS_PER_YEAR),
        len(history.orders),
        sum(order.status.value == "truncated" for order in history.orders),
    )


def _certificate(rows: Sequence[_Row], capital_micros: int, say: Say) -> Certificate:
    own, others = rows[0], rows[1:]
    equity = np.array([row.equity_micros for row in others], dtype=np.int64)
    low, high = int(equity.min()), int(equity.max())
    sharpes = [row.sharpe for row in others if math.isfinite(row.sharpe)]
    inside = low <= own.equity_micros <= high
    passed = inside and len(others) == len(CONVENTIONS)
    ends = {"equity": own.equity_micros / 1e6, "low": low / 1e6, "high": high / 1e6}
    ratios = (min(sharpes, default=math.nan), max(sharpes, default=math.nan))
    dots = [_dot(row, say) for row in others]
    return Certificate(
        name=NAME,
        passed=passed,
        summary=_summary(own, ends, ratios, inside=inside, say=say),
        figures={
            "conventions": len(others),
            "final_equity": ends["equity"],
            "lowest": ends["low"],
            "highest": ends["high"],
            "band_of_capital": (high - low) / capital_micros,
            "sharpe": own.sharpe,
            "sharpe_lowest": ratios[0],
            "sharpe_highest": ratios[1],
        },
        highlights=[
            (say("Final equity"), f"{ends['equity']:,.0f}"),
            (say("Lowest"), f"{ends['low']:,.0f}"),
            (say("Highest"), f"{ends['high']:,.0f}"),
            (say("Sharpe ratio"), f"{own.sharpe:.3f}"),
            (say("Sharpe, from to"), f"{ratios[0]:.3f} … {ratios[1]:.3f}"),
        ],
        tables=[_table(rows, say)],
        limits=[
            say("conventions that are not listed, such as another day of the month to rebalance"),
            say("that the result is due to skill: the band says how exactly it is known"),
        ],
        picture=band_picture(dots, ends["equity"]),
    )


def _dot(row: _Row, say: Say) -> BandDot:
    label = f"{say(row.convention.group)}: {say(row.convention.label)}"
    return BandDot(label, row.equity_micros / 1e6)


def _summary(
    own: _Row, ends: Mapping[str, float], ratios: tuple[float, float], *, inside: bool, say: Say
) -> str:
    text = (
        say(
            "final equity {equity} in a band from {low} to {high}; Sharpe {sharpe}, "
            "{sharpe_low} to {sharpe_high}"
        )
        if inside
        else say(
            "final equity {equity} is outside the band from {low} to {high}; Sharpe {sharpe}, "
            "{sharpe_low} to {sharpe_high}"
        )
    )
    money = {name: f"{value:,.0f}" for name, value in ends.items()}
    low, high = (f"{ratio:.3f}" for ratio in ratios)
    return text.format(sharpe=f"{own.sharpe:.3f}", sharpe_low=low, sharpe_high=high, **money)


def _table(rows: Sequence[_Row], say: Say) -> Table:
    words = (
        "Convention",
        "Variant",
        "Final equity",
        "Against settings",
        "Sharpe ratio",
        "Truncated",
    )
    shown = [list(_cells(row, rows[0], say)) for row in rows]
    return Table(
        say("Result under each convention"),
        [say(word) for word in words],
        shown,
        range(2, 6),
    )


def _cells(row: _Row, own: _Row, say: Say) -> Iterator[str]:
    yield say(row.convention.group)
    yield say(row.convention.label)
    yield f"{row.equity_micros / 1e6:,.2f}"
    yield f"{row.equity_micros / own.equity_micros - 1:+.3%}".replace("%", " %")
    yield f"{row.sharpe:.3f}"
    yield f"{row.truncated:,}"
