"""Report sections about what might have been: other gaps, other capital."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from quant_core.foundation.language import Say
from quant_core.foundation.money import format_micros
from quant_core.foundation.types import FloatArray
from quant_core.performance.capacity import FOLLOWED, CapacityPoint, capacity_limit
from quant_core.performance.gap_stress import LARGEST_GAP, GapOutcome, GapStress
from quant_core.reports import figures
from quant_core.reports.page import FigureSheet, Section, bullets, paragraph, table
from quant_core.reports.words import MISSING, amount, percent


def gap_columns(stress: GapStress, say: Say) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of a stress: each scenario, then the drawn distribution."""
    words = ("Scenario", "Truncated orders", "Truncated notional", "Lowest cash")
    more = ("Lowest cash / equity", "Final equity")
    head = [*[say(word) for word in words], *[say(word) for word in more]]
    shock = percent(stress.shock, 1)
    names = {
        "as_traded": say("as traded"),
        "up": say("all prices {shock} higher").format(shock=shock),
        "down": say("all prices {shock} lower").format(shock=shock),
        "against": say("every fill {shock} worse").format(shock=shock),
    }
    rows = [_fixed_row(names[run.scenario], run) for run in (stress.as_traded, *stress.shocks)]
    spread = stress.distributions()
    places = (
        ("minimum", say("drawn gaps: minimum")),
        ("low", say("drawn gaps: 5 %")),
        ("median", say("drawn gaps: median")),
        ("high", say("drawn gaps: 95 %")),
        ("maximum", say("drawn gaps: maximum")),
    )
    for place, name in places:
        found: list[float] = [getattr(spread[quantity], place) for quantity in QUANTITIES]
        orders, notional, cash, share, equity = found
        rows.append(
            [
                name,
                f"{orders:,.0f}",
                amount(notional, 2),
                amount(cash, 2),
                percent(share),
                amount(equity, 2),
            ]
        )
    return head, rows


QUANTITIES = (
    "truncated_orders",
    "truncated_notional",
    "lowest_cash",
    "lowest_cash_fraction",
    "final_equity",
)


def _fixed_row(name: str, run: GapOutcome) -> list[str]:
    return [
        name,
        f"{run.truncated_orders:,}",
        format_micros(run.truncated_micros),
        format_micros(run.lowest_cash_micros),
        percent(run.lowest_cash_fraction),
        format_micros(run.final_equity_micros),
    ]


def gap_stress_section(stress: GapStress, sheet: FigureSheet, say: Say) -> Section:
    """The run under fixed shocks and under gaps drawn from the market's own."""
    head, rows = gap_columns(stress, say)
    drawn = stress.bootstrap
    equity = np.array([run.final_equity_micros / 1e6 for run in drawn])
    cash = np.array([run.lowest_cash_fraction for run in drawn])
    traded = stress.as_traded
    blocks = [
        table(head, rows),
        '<div class="pair"><div>',
        f"<h3>{say('Final equity over the drawn scenarios')}</h3>",
        sheet.place(_spread(equity, traded.final_equity_micros / 1e6, "~s", say)),
        "</div><div>",
        f"<h3>{say('Lowest cash / equity over the drawn scenarios')}</h3>",
        sheet.place(_spread(cash, traded.lowest_cash_fraction, ".2~p", say)),
        "</div></div>",
        f"<h3>{say('What was drawn')}</h3>",
        _levels(stress, say),
        bullets(_method(stress, say)),
    ]
    return Section("gap-stress", say("Gap stress"), blocks)


def _spread(values: FloatArray, as_traded: float, tick: str, say: Say) -> figures.Figure:
    return figures.spread_figure(
        (say("Scenarios"), say("as traded")), values, as_traded, figures.BLUE, tick
    )


def _levels(stress: GapStress, say: Say) -> str:
    head = ("Volatility before", "Sessions to draw from", "Mean gap (absolute)", "Largest gap")
    rows = [
        [
            say(level.level),
            f"{level.sessions:,}",
            percent(level.mean_gap, 3),
            percent(level.largest_gap, 1),
        ]
        for level in stress.levels
    ]
    return table([say(word) for word in head], rows)


def _method(stress: GapStress, say: Say) -> list[str]:
    """How the scenarios were made, and what they cannot show."""
    drawn = say(
        "{count} scenarios, seed {seed}: for every session the gaps (execution price over the "
        "close before, after corporate actions) of all names are drawn together from a session "
        "with like volatility: terciles of the 20 sessions known before."
    )
    told = [
        say(
            "Only the prices that orders meet change; closes, marks and signals stay. The "
            "strategy is run again on each scenario, because the book differs."
        ),
        drawn.format(count=f"{len(stress.bootstrap):,}", seed=stress.seed),
        say(
            "A name without a gap in the drawn session takes that of another name of that "
            "session; a price without a close before stays as it was."
        ),
        say(
            "Limits: no gap is drawn that this dataset does not hold, sessions are drawn "
            "independently of each other, a gap does not move the close after it, and it knows "
            "nothing of why a name was chosen: only the run as traded met the gaps that follow "
            "its own signals."
        ),
    ]
    if stress.cut_gaps:
        sentence = say("{count} gaps beyond {limit} were cut to it: most are errors of the data.")
        cut = sentence.format(count=f"{stress.cut_gaps:,}", limit=percent(LARGEST_GAP, 0))
        told.append(cut)
    return told


def capacity_section(points: Sequence[CapacityPoint], sheet: FigureSheet, say: Say) -> Section:
    """Net Sharpe ratio against capital."""
    words = ("Capital", "Sharpe", "CAGR", "Costs a year", "Filled", "Truncated orders")
    rows = [
        [
            amount(point.capital),
            f"{point.sharpe:.3f}" if math.isfinite(point.sharpe) else MISSING,
            percent(point.cagr),
            percent(point.cost_fraction),
            percent(point.filled_fraction, 1),
            f"{point.truncated_orders:,}",
        ]
        for point in points
    ]
    drawn = figures.capital_figure(
        (say("Sharpe ratio, net"), say("Filled")),
        np.array([point.capital for point in points]),
        np.array([point.sharpe for point in points]),
        np.array([point.filled_fraction for point in points]),
    )
    note = say(
        "The run again with more and less capital, under the participation cap and a market "
        "impact that grows with the size of the order. Filled: share of the requested notional; "
        "where much of it is not filled, the run holds cash and old positions instead of its "
        "targets, and its Sharpe ratio says little of the strategy."
    )
    blocks = [
        paragraph(_limit(points, say)),
        f"<h3>{say('Net Sharpe ratio against capital')}</h3>",
        sheet.place(drawn),
        table([say(word) for word in words], rows, numbers=range(6)),
        paragraph(note, "small"),
    ]
    return Section("capacity", say("Capacity"), blocks)


def _limit(points: Sequence[CapacityPoint], say: Say) -> str:
    limit = capacity_limit(points)
    match limit.reason:
        case "beyond":
            return say("Within this curve the strategy does not reach its capacity.")
        case "unrewarded":
            return say("The net Sharpe ratio is not positive: there is no capacity to speak of.")
        case "unfollowed":
            text = say(
                "Already at a capital of {capital} less than {share} of the orders is filled: the "
                "capacity lies below this curve."
            )
        case "filled":
            text = say(
                "From a capital of about {capital} on, less than half of the orders is filled."
            )
        case "sharpe":
            text = say("At a capital of about {capital} the net Sharpe ratio is half of its best.")
    about = amount(float(f"{limit.capital:.2g}"))
    return text.format(capital=about, share=percent(FOLLOWED, 0))
