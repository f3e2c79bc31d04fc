"""The HTML report of a run: what was done, what came out, what it cost, what went wrong.

1. :func:`render_report` gathers the derived series once (:class:`_Curves`).
2. Each ``_..._section`` answers one question and returns a :class:`Section`.
3. :func:`~quant_core.reports.page.render_page` joins them with one copy of Plotly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quant_core.foundation.language import Language, Say, translator
from quant_core.foundation.types import FloatArray
from quant_core.performance.calendar_returns import monthly_returns
from quant_core.performance.capacity import CapacityPoint
from quant_core.performance.drawdowns import drawdown_path, worst_drawdowns
from quant_core.performance.gap_stress import GapStress
from quant_core.performance.implementation_costs import equity_before, gross_returns
from quant_core.performance.metric import RunStatistics
from quant_core.performance.returns import returns_since_start, wealth_path
from quant_core.performance.rolling import rolling_sharpe, rolling_volatility
from quant_core.reports import figures
from quant_core.reports.page import (
    FigureSheet,
    Section,
    bullets,
    cards,
    paragraph,
    render_page,
    table,
)
from quant_core.reports.stress_sections import capacity_section, gap_stress_section
from quant_core.reports.trading_sections import (
    BufferRun,
    cost_section,
    gap_section,
    holdings_section,
    orders_section,
)
from quant_core.reports.words import MISSING, metric_label, metric_text, percent
from quant_core.trading.history import RunHistory

ROLLING_SESSIONS = 126
"""Window of the rolling figures: half a year."""

KEY_METRICS = (
    "total_return",
    "cagr",
    "annual_volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "alpha",
    "beta",
    "information_ratio",
    "annual_turnover",
    "total_costs",
    "mean_exposure",
)
"""What the cards show, in this order, where the run has it."""


@dataclass(frozen=True, slots=True)
class ReportInput:
    """Everything the report draws.

    ``facts`` are name-value lines of the header (dataset, hashes, spans); ``assumptions``
    and ``biases`` are sentences; the benchmark's own figures stand in ``statistics`` under
    ``benchmark_...``; ``costs`` is commission plus slippage of each session in currency
    units; ``buffers`` the same run under other cash buffers, ``capacity`` with other capital,
    ``gap_stress`` under other execution prices (their sections appear where they are given).
    """

    title: str
    history: RunHistory
    statistics: RunStatistics
    costs: FloatArray
    facts: Sequence[tuple[str, str]]
    assumptions: Sequence[str]
    biases: Sequence[str]
    buffers: Sequence[BufferRun]
    language: Language
    capacity: Sequence[CapacityPoint] = ()
    gap_stress: GapStress | None = None


@dataclass(frozen=True, slots=True)
class _Curves:
    """Series that several sections share; money in currency units."""

    equity: FloatArray
    gross: FloatArray
    returns: FloatArray
    drawdown: FloatArray
    benchmark_drawdown: FloatArray


def render_report(given: ReportInput) -> str:
    """The report as one HTML document."""
    say = translator(given.language)
    sheet = FigureSheet()
    curves = _curves(given)
    stress = given.gap_stress
    sections = [
        _summary_section(given, say),
        _curve_section(given, curves, sheet, say),
        _returns_section(given, curves, sheet, say),
        _drawdown_section(given.history, say),
        holdings_section(given.history, sheet, say),
        cost_section(given.history, given.statistics, sheet, say),
        gap_section(given.history, given.buffers, sheet, say),
        *([gap_stress_section(stress, sheet, say)] if stress is not None else []),
        *([capacity_section(given.capacity, sheet, say)] if given.capacity else []),
        orders_section(given.history, say),
        _metrics_section(given, say),
    ]
    return render_page(given.title, given.language, sections, sheet)


def _curves(given: ReportInput) -> _Curves:
    history = given.history
    equity = history.equity_micros / 1e6
    capital = history.starting_capital_micros / 1e6
    returns = returns_since_start(equity, capital)
    gross = gross_returns(returns, given.costs, equity_before(equity, capital))
    fallen = np.full(len(equity), np.nan)
    known = np.isfinite(history.benchmark)
    if known.any():
        fallen[known] = drawdown_path(history.benchmark[known], starting_value=capital)
    return _Curves(
        equity=equity,
        gross=wealth_path(gross, capital),
        returns=returns,
        drawdown=drawdown_path(equity, starting_value=capital),
        benchmark_drawdown=fallen,
    )


def _summary_section(given: ReportInput, say: Say) -> Section:
    statistics = given.statistics
    items: list[tuple[str, str, str]] = []
    for name in KEY_METRICS:
        if name not in statistics:
            continue
        notes: list[str] = []
        if name == "sharpe":
            low, high = statistics.get("sharpe_low"), statistics.get("sharpe_high")
            notes.append(f"95 %: {metric_text(low)} … {metric_text(high)}")
        if f"benchmark_{name}" in statistics:
            other = metric_text(statistics.get(f"benchmark_{name}"))
            notes.append(f"{say('benchmark')} {other}")
        items.append(
            (metric_label(name, say), metric_text(statistics.get(name)), " · ".join(notes))
        )
    warnings = "".join(paragraph(bias, "warning") for bias in given.biases)
    facts = table([say("Fact"), say("Content")], list(given.facts), numbers=range(0))
    assumptions = f"<h3>{say('Assumptions')}</h3>" + bullets(given.assumptions)
    return Section("summary", say("Summary"), [warnings, cards(items), assumptions, facts])


def _curve_section(given: ReportInput, curves: _Curves, sheet: FigureSheet, say: Say) -> Section:
    sessions, benchmark = given.history.sessions, given.history.benchmark
    lines = figures.equity_figure(sessions, curves.equity, benchmark, curves.gross, say)
    water = figures.underwater_figure(sessions, curves.drawdown, curves.benchmark_drawdown, say)
    blocks = [
        f"<h3>{say('Equity, logarithmic')}</h3>",
        sheet.place(lines),
        f"<h3>{say('Underwater')}</h3>",
        sheet.place(water),
    ]
    return Section("equity", say("Equity"), blocks)


def _returns_section(given: ReportInput, curves: _Curves, sheet: FigureSheet, say: Say) -> Section:
    sessions, returns = given.history.sessions, curves.returns
    months = monthly_returns(sessions, returns)
    blocks = [
        f"<h3>{say('Monthly returns')}</h3>",
        sheet.place(figures.monthly_figure(months.years.tolist(), months.months, say)),
        table(
            [say("Year"), *[str(year) for year in months.years.tolist()]],
            [[say("Return"), *[percent(v, 1) for v in months.totals.tolist()]]],
        ),
    ]
    if len(returns) > ROLLING_SESSIONS:
        sharpe = rolling_sharpe(returns, ROLLING_SESSIONS, risk_free=0.0, periods_per_year=252)
        volatility = rolling_volatility(returns, ROLLING_SESSIONS, periods_per_year=252)
        ratio = figures.line(say("Sharpe ratio"), sessions, sharpe, figures.BLUE)
        spread = figures.line(say("Volatility"), sessions, volatility, figures.AMBER)
        blocks += [
            '<div class="pair"><div>',
            f"<h3>{say('Rolling Sharpe ratio, 126 sessions')}</h3>",
            sheet.place(figures.lines_figure([ratio], ".1f")),
            "</div><div>",
            f"<h3>{say('Rolling annual volatility, 126 sessions')}</h3>",
            sheet.place(figures.lines_figure([spread], ".0%")),
            "</div></div>",
        ]
    blocks += [
        f"<h3>{say('Distribution of daily returns')}</h3>",
        sheet.place(figures.histogram_figure(say("Sessions"), returns, figures.BLUE)),
    ]
    return Section("returns", say("Returns"), blocks)


def _drawdown_section(history: RunHistory, say: Say) -> Section:
    worst = worst_drawdowns(
        history.sessions,
        history.equity_micros,
        starting_value=float(history.starting_capital_micros),
        count=10,
    )
    words = ("Peak", "Trough", "Recovered", "Depth", "Sessions down", "Sessions up", "In all")
    head = [say(word) for word in words]
    rows = [
        [
            str(d.peak) if d.peak else say("start"),
            str(d.trough),
            str(d.recovery) if d.recovery else say("not yet"),
            percent(d.depth, 2),
            str(d.fall_sessions),
            str(d.recovery_sessions) if d.recovery_sessions is not None else MISSING,
            str(d.length_sessions),
        ]
        for d in worst
    ]
    note = paragraph(say("The starting capital counts as a peak."), "small")
    told = table(head, rows, numbers=range(3, 7))
    return Section("drawdowns", say("The ten worst drawdowns"), [told, note])


def _metrics_section(given: ReportInput, say: Say) -> Section:
    statistics = given.statistics
    rows = [
        [
            metric_label(metric.name, say),
            metric_text(metric),
            metric_text(statistics.get(f"benchmark_{metric.name}"))
            if f"benchmark_{metric.name}" in statistics
            else "",
            say(metric.convention),
        ]
        for metric in statistics
        if not metric.name.startswith("benchmark_")
    ]
    head = [say(w) for w in ("Metric", "Strategy", "Benchmark", "Convention")]
    note = paragraph(say("Every number with the convention it was computed by."), "small")
    return Section("metrics", say("All metrics"), [note, table(head, rows, numbers=range(1, 3))])
