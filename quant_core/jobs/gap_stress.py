"""The gap stress: the same run again under other execution prices.

1. :func:`read_plan` - what the command line asks for.
2. :func:`run_gap_stress` - the run under the fixed shocks and under the drawn gaps.
3. :func:`gap_document` and :func:`gap_lines` - the result for programs and for a terminal.

Only the prices that orders meet change. Closes, marks, factors and volumes stay, so that the
decisions differ only as far as the book does.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from quant_core.foundation.errors import UsageError
from quant_core.foundation.language import Say
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatArray, FloatMatrix
from quant_core.jobs.prepared_run import Prepared
from quant_core.jobs.progress import ProgressLine
from quant_core.market import Market
from quant_core.performance.gap_stress import (
    LARGEST_GAP,
    GapOutcome,
    GapPool,
    GapStress,
    draw_sessions,
    drawn_gaps,
    gap_outcome,
    level_facts,
    market_volatility,
    overnight_gaps,
    stressed_prices,
    volatility_levels,
)
from quant_core.reports.stress_sections import gap_columns
from quant_core.reports.words import display_width, padded
from quant_core.trading.actions import Action, Dividend, Rename, Rights, Split
from quant_core.trading.history import RunHistory

MOST_SCENARIOS = 100_000


@dataclass(frozen=True, slots=True)
class StressPlan:
    """Size of the fixed shocks (fraction), number of drawn scenarios, seed of the draws."""

    shock: float
    scenarios: int
    seed: int


def read_plan(arguments: argparse.Namespace, seed: int, slippage: float) -> StressPlan | None:
    """The stress that the command line asks for; None when it asks for none.

    Raises
    ------
    UsageError
        If the number of scenarios or the shock makes no sense.
    """
    if not arguments.gap_stress:
        return None
    shock, scenarios = float(arguments.gap_shock), int(arguments.gap_scenarios)
    if not 1 <= scenarios <= MOST_SCENARIOS:
        raise UsageError(
            "the number of gap scenarios is out of range",
            expected=f"1 to {MOST_SCENARIOS:,}",
            found=str(scenarios),
            where="--gap-scenarios",
        )
    if not 0.0 < shock < 1.0 - slippage:
        raise UsageError(
            "the gap shock is not a fraction of a price",
            expected="above 0 and, with execution.slippage, below 1, such as 0.05",
            found=str(shock),
            where="--gap-shock",
        )
    return StressPlan(shock, scenarios, seed)


def run_gap_stress(prepared: Prepared, history: RunHistory, plan: StressPlan) -> GapStress:
    """The outcomes of all scenarios beside ``history``, the run as traded."""
    line = ProgressLine(prepared.say("Gap stress"))
    total = plan.scenarios + 3
    market, last = prepared.market, prepared.window.last + 1
    price = market.price[:last]
    reference = reference_prices(market.panel.axes, market.panel.close, market.facts.actions)
    reference = reference[:last]
    gaps = overnight_gaps(price, reference)
    member = market.panel.member[:last]
    levels, _ = volatility_levels(market_volatility(market.panel.close[:last], reference, member))
    pool = GapPool.of(gaps, member, levels)
    shocks = _fixed_shocks(prepared, plan.shock, lambda done: line(done, total))
    drawn: list[GapOutcome] = []
    rows = np.arange(prepared.window.first, last)
    for number in range(1, plan.scenarios + 1):
        generator = np.random.default_rng([plan.seed, number])
        source = draw_sessions(pool, rows, generator)
        made = drawn_gaps(pool, source, generator)
        stressed = market.price.copy()
        stressed[rows] = stressed_prices(price[rows], reference[rows], made)
        run = prepared.trade(market=market_with_prices(market, stressed))
        drawn.append(gap_outcome("bootstrap", number, run))
        line(3 + number, total)
    return GapStress(
        shock=plan.shock,
        seed=plan.seed,
        as_traded=gap_outcome("as_traded", 0, history),
        shocks=shocks,
        bootstrap=tuple(drawn),
        levels=level_facts(pool),
        cut_gaps=int(np.count_nonzero(np.abs(gaps[pool.donors]) >= LARGEST_GAP)),
    )


def market_with_prices(market: Market, price: FloatMatrix) -> Market:
    """The market in which orders meet ``price``; the strategy sees what it saw."""
    return Market(market.panel, market.factors, replace(market.facts, price=price))


def reference_prices(
    axes: Axes, close: FloatMatrix, actions: Mapping[int, Sequence[Action]]
) -> FloatMatrix:
    """What a price of each session is compared with: the close before, after its actions.

    Row t holds the close of t-1, less the dividends of t, after its rights
    ``(p + r * offer) / (1 + r)`` and splits ``p / ratio``; NaN without a close at t-1 or
    where nothing above 0 is left. Row 0 is NaN.
    """
    reference = np.full(close.shape, np.nan)
    reference[1:] = np.where(close[:-1] > 0.0, close[:-1], np.nan)
    columns = {symbol: i for i, symbol in enumerate(axes.symbols)}
    for row, told in actions.items():
        for action in sorted(told, key=_turn):
            column = columns.get(action.symbol)
            if column is not None and 0 < row < len(reference):
                _act(reference[row], column, action, columns)
    return np.where(reference > 0.0, reference, np.nan)


def _turn(action: Action) -> int:
    return (Dividend, Rights, Split, Rename).index(type(action))


def _act(prices: FloatArray, column: int, action: Action, columns: Mapping[str, int]) -> None:
    """Carry one session's reference prices over an action."""
    match action:
        case Dividend(amount_micros=amount):
            prices[column] -= amount / 1e6
        case Rights(ratio=ratio, price_micros=offer):
            prices[column] = (prices[column] + ratio * offer / 1e6) / (1 + ratio)
        case Split(ratio=ratio):
            prices[column] /= ratio
        case Rename(successor=successor):
            heir = columns.get(successor)
            if heir is not None and not np.isfinite(prices[heir]):
                prices[heir] = prices[column]


def _fixed_shocks(
    prepared: Prepared, shock: float, done: Callable[[int], None]
) -> tuple[GapOutcome, ...]:
    """All prices up, all prices down, and every fill worse by the shock."""
    outcomes: list[GapOutcome] = []
    for number, (name, sign) in enumerate((("up", 1.0), ("down", -1.0)), start=1):
        market = market_with_prices(prepared.market, prepared.market.price * (1 + sign * shock))
        outcomes.append(gap_outcome(name, 0, prepared.trade(market=market)))
        done(number)
    execution = prepared.brain.execution
    worse = replace(execution, slippage=execution.slippage + shock)
    run = prepared.trade(brain=replace(prepared.brain, execution=worse))
    done(3)
    return (*outcomes, gap_outcome("against", 0, run))


def gap_document(stress: GapStress) -> dict[str, object]:
    """The stress as plain values; a number that does not exist is null."""
    spread = stress.distributions()
    return {
        "shock": stress.shock,
        "seed": stress.seed,
        "scenarios": len(stress.bootstrap),
        "as_traded": _outcome(stress.as_traded),
        "shocks": {run.scenario: _outcome(run) for run in stress.shocks},
        "bootstrap": {
            name: {
                "min": _finite(found.minimum),
                "p05": _finite(found.low),
                "median": _finite(found.median),
                "p95": _finite(found.high),
                "max": _finite(found.maximum),
            }
            for name, found in spread.items()
        },
        "levels": [
            {key: _finite(value) for key, value in asdict(level).items()} for level in stress.levels
        ],
        "cut_gaps": stress.cut_gaps,
    }


def _outcome(run: GapOutcome) -> dict[str, object]:
    return {
        "truncated_notional": run.truncated_micros / 1e6,
        "truncated_orders": run.truncated_orders,
        "lowest_cash": run.lowest_cash_micros / 1e6,
        "lowest_cash_fraction": _finite(run.lowest_cash_fraction),
        "final_equity": run.final_equity_micros / 1e6,
    }


def _finite(value: float | str) -> float | str | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def gap_lines(stress: GapStress, say: Say) -> list[str]:
    """The stress as an aligned table for a terminal."""
    head, rows = gap_columns(stress, say)
    table = [head, *rows]
    widths = [max(display_width(row[i]) for row in table) for i in range(len(head))]
    lines = [say("Gap stress")]
    for row in table:
        cells = [" " * (w - display_width(t)) + t for t, w in zip(row, widths, strict=True)]
        lines.append("  " + padded(row[0], widths[0] + 1) + "   ".join(["", *cells[1:]]))
    return lines
