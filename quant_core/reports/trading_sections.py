"""Report sections about the trading itself: holdings, costs, gaps, orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quant_core.foundation.language import Say
from quant_core.foundation.money import format_micros
from quant_core.foundation.types import FloatArray, IntArray
from quant_core.performance.gap_risk import gap_risk
from quant_core.performance.metric import RunStatistics
from quant_core.reports import figures
from quant_core.reports.incidents import incident_blocks
from quant_core.reports.page import FigureSheet, Section, cards, folded, paragraph, table
from quant_core.reports.words import MISSING, metric_label, metric_text, percent
from quant_core.trading.history import RunHistory
from quant_core.trading.orders import OrderRecord, OrderStatus, Reason

MOST_ROWS = 500
"""Rows of a table in the report; the Parquet files hold all."""

SHORT_TABLE = 25
"""A longer table of positions or orders is folded."""

COST_METRICS = (
    "total_costs",
    "cost_of_trading",
    "annual_cost_drag",
    "gross_total_return",
    "total_return",
    "break_even_cost",
    "break_even_cost_benchmark",
    "annual_turnover",
)


@dataclass(frozen=True, slots=True)
class BufferRun:
    """The same run under another cash buffer: what cash cut off, and what came out."""

    cash_buffer: float
    truncated_orders: int
    truncated_micros: int
    final_equity_micros: int


def holdings_section(history: RunHistory, sheet: FigureSheet, say: Say) -> Section:
    """Exposure, number of names, turnover, and the book at the last close."""
    sessions = history.sessions
    worth = history.equity_micros - history.cash_micros - history.receivable_micros
    invested = worth / history.equity_micros
    held = np.bincount(history.positions.row, minlength=len(sessions)).astype(np.float64)
    exposure = [figures.line(say("Invested share of equity"), sessions, invested, figures.BLUE)]
    if bool((history.positions.shares < 0).any()):
        gross = gross_exposure(history)
        name = say("Gross exposure, long plus short")
        exposure.append(figures.line(name, sessions, gross, figures.AMBER))
    count = figures.line(say("Names held"), sessions, held, figures.GREEN)
    turnover = turnover_by_session(history)
    blocks = [
        '<div class="pair"><div>',
        f"<h3>{say('Exposure')}</h3>",
        sheet.place(figures.lines_figure(exposure, ".0%")),
        "</div><div>",
        f"<h3>{say('Names held')}</h3>",
        sheet.place(figures.lines_figure([count], ",d")),
        "</div></div>",
        f"<h3>{say('Turnover per session, half of traded notional over equity')}</h3>",
        sheet.place(figures.bars_figure(say("Turnover"), sessions, turnover, ".0%")),
        f"<h3>{say('Positions at the last close')}</h3>",
        _last_positions(history, say),
    ]
    return Section("holdings", say("Exposure, turnover, holdings"), blocks)


def gross_exposure(history: RunHistory) -> FloatArray:
    """Value of long positions plus that of short ones, over equity, at each close."""
    held = history.positions
    values = np.abs(held.shares * held.mark_micros).astype(np.float64)
    totals = np.bincount(held.row, weights=values, minlength=len(history.sessions))
    return totals / history.equity_micros


def turnover_by_session(history: RunHistory) -> FloatArray:
    """Half of the traded notional over the equity, per session."""
    rows = {day: i for i, day in enumerate(history.sessions.tolist())}
    traded = np.zeros(len(rows), dtype=np.int64)
    for fill in history.fills:
        traded[rows[fill.session]] += fill.notional_micros
    return traded / 2 / history.equity_micros


def _last_positions(history: RunHistory, say: Say) -> str:
    held = history.positions
    last = np.flatnonzero(held.row == len(history.sessions) - 1)
    value: IntArray = held.shares * held.mark_micros
    order = last[np.argsort(-np.abs(value[last]), kind="stable")].tolist()
    rows = [
        [
            held.symbols[int(held.symbol[i])],
            f"{int(held.shares[i]):,}",
            format_micros(int(held.mark_micros[i]), 4),
            format_micros(int(value[i])),
            percent(int(value[i]) / int(history.equity_micros[-1])),
            format_micros(round(float(held.average_cost_micros[i])), 4),
            say("stale") if held.stale[i] else "",
        ]
        for i in order
    ]
    if not rows:
        return paragraph(say("None: the book is all cash."))
    words = ("Symbol", "Shares", "Mark", "Value", "Weight", "Average cost", "")
    made = table([say(word) for word in words], rows)
    return made if len(rows) <= SHORT_TABLE else folded(f"{len(rows)} {say('positions')}", made)


def cost_section(
    history: RunHistory, statistics: RunStatistics, sheet: FigureSheet, say: Say
) -> Section:
    """Gross against net, what trading cost, and the cost at which it would not pay."""
    shown = [statistics.get(name) for name in COST_METRICS if name in statistics]
    items = [(metric_label(m.name, say), metric_text(m), say(m.convention)) for m in shown]
    rows = {day: i for i, day in enumerate(history.sessions.tolist())}
    commission = np.zeros(len(rows))
    slippage = np.zeros(len(rows))
    for fill in history.fills:
        commission[rows[fill.session]] += fill.commission_micros / 1e6
        slippage[rows[fill.session]] += fill.slippage_micros / 1e6
    lines = [
        figures.line(say("Commission"), history.sessions, np.cumsum(commission), figures.BLUE),
        figures.line(say("Slippage"), history.sessions, np.cumsum(slippage), figures.AMBER),
    ]
    drawn = sheet.place(figures.lines_figure(lines, "~s"))
    title = f"<h3>{say('Costs paid so far')}</h3>"
    return Section("costs", say("Costs"), [cards(items), title, drawn])


def gap_section(
    history: RunHistory, buffers: Sequence[BufferRun], sheet: FigureSheet, say: Say
) -> Section:
    """Overnight gaps between decision and execution, and the hard cash constraint."""
    risk = gap_risk(history)
    mean_buy = float(risk.buy_gaps.mean()) if len(risk.buy_gaps) else float("nan")
    mean_sell = float(risk.sell_gaps.mean()) if len(risk.sell_gaps) else float("nan")
    requested = risk.requested_micros
    share = risk.truncated_micros / requested if requested else 0.0
    items = [
        (say("Mean gap of buys"), percent(mean_buy, 3), say("execution price over close of T-1")),
        (say("Mean gap of sells"), percent(mean_sell, 3), say("execution price over close of T-1")),
        (say("Truncated orders"), f"{risk.truncated_orders:,}", say("for lack of cash")),
        (say("Truncated notional"), format_micros(risk.truncated_micros), percent(share, 3)),
        (
            say("Lowest cash"),
            format_micros(risk.lowest_cash_micros),
            str(risk.lowest_cash_session),
        ),
    ]
    gaps = np.concatenate([risk.buy_gaps, risk.sell_gaps])
    shown = gaps[np.abs(gaps) < 0.15]
    rows = [
        [
            percent(run.cash_buffer, 0),
            f"{run.truncated_orders:,}",
            format_micros(run.truncated_micros),
            format_micros(run.final_equity_micros),
        ]
        for run in buffers
    ]
    head = ("Cash buffer", "Truncated orders", "Truncated notional", "Final equity")
    blocks = [
        cards(items),
        f"<h3>{say('Overnight gaps met by orders')}</h3>",
        sheet.place(figures.histogram_figure(say("Orders"), shown, figures.AMBER)),
        paragraph(f"{len(gaps) - len(shown)} {say('gaps beyond 15 % are not drawn.')}", "small")
        if len(gaps) > len(shown)
        else "",
        f"<h3>{say('The same run under other cash buffers')}</h3>",
        table([say(word) for word in head], rows),
    ]
    return Section("gaps", say("Gap risk"), blocks)


def orders_section(history: RunHistory, say: Say) -> Section:
    """Trades, and every order that was not filled in full."""
    counts = Counter(order.status for order in history.orders)
    items = [(say(status.value), f"{counts[status]:,}", "") for status in OrderStatus]
    incomplete = [order for order in history.orders if order.reason]
    blocks = [cards(items), f"<h3>{say('Refused, truncated and expired orders')}</h3>"]
    if incomplete:
        listed = _limited(len(incomplete), say) + _order_rows(incomplete[-MOST_ROWS:], say)
        few = len(incomplete) <= SHORT_TABLE
        name = f"{say('Orders not filled in full')} ({len(incomplete):,})"
        blocks += [_reason_rows(incomplete, say), listed if few else folded(name, listed)]
    else:
        blocks.append(paragraph(say("None: every order was filled in full.")))
    trades = _limited(len(history.fills), say) + _fill_rows(history, say)
    blocks.append(folded(f"{say('Trades')} ({len(history.fills):,})", trades))
    blocks += incident_blocks(history.incidents, say)
    return Section("orders", say("Orders and trades"), blocks)


def _limited(total: int, say: Say) -> str:
    if total <= MOST_ROWS:
        return ""
    text = say("The last {shown} of {total} rows; the Parquet files hold all.")
    return paragraph(text.format(shown=MOST_ROWS, total=f"{total:,}"), "small")


def _reason_rows(orders: Sequence[OrderRecord], say: Say) -> str:
    """How many orders each reason stopped, and the notional that was not traded for it."""
    counts = Counter(order.reason for order in orders)
    missed: Counter[Reason] = Counter()
    for order in orders:
        price = order.open_price_micros or order.signal_price_micros
        missed[order.reason] += (order.requested - order.filled) * price
    rows = [
        [say(reason.value), f"{count:,}", format_micros(missed[reason])]
        for reason, count in counts.most_common()
    ]
    return table([say(word) for word in ("Reason", "Orders", "Notional not traded")], rows)


def _order_rows(orders: Sequence[OrderRecord], say: Say) -> str:
    words = ("Date", "Symbol", "Side", "Reason", "Requested", "Filled", "Signal", "Price", "Cash")
    rows = [
        [
            str(o.session),
            o.symbol,
            say(o.side.value),
            say(o.reason.value),
            f"{o.requested:,}",
            f"{o.filled:,}",
            format_micros(o.signal_price_micros, 4) if o.signal_price_micros else MISSING,
            format_micros(o.open_price_micros, 4) if o.open_price_micros else MISSING,
            format_micros(o.cash_before_micros),
        ]
        for o in orders
    ]
    return table([say(word) for word in words], rows, numbers=range(4, 9))


def _fill_rows(history: RunHistory, say: Say) -> str:
    words = ("Date", "Symbol", "Side", "Shares", "Price", "Notional", "Commission", "Slippage")
    rows = [
        [
            str(f.session),
            f.symbol,
            say(f.side.value),
            f"{f.shares:,}",
            format_micros(f.price_micros, 4),
            format_micros(f.notional_micros),
            format_micros(f.commission_micros),
            format_micros(f.slippage_micros),
        ]
        for f in history.fills[-MOST_ROWS:]
    ]
    return table([say(word) for word in words], rows, numbers=range(3, 8))
