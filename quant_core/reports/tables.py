"""The Parquet tables of a run: money as decimal(18,6), dates as dates."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import numpy as np
import polars as pl

from quant_core.foundation.types import IntArray
from quant_core.performance.drawdowns import drawdown_path
from quant_core.performance.gap_stress import GapStress
from quant_core.trading.history import RunHistory

MONEY = pl.Decimal(18, 6)


def money(name: str, micros: IntArray | list[int]) -> pl.Series:
    """Micros as an exact decimal(18,6) column.

    Examples
    --------
    >>> money("cash", [1_500_000, -1]).to_list()
    [Decimal('1.500000'), Decimal('-0.000001')]
    """
    whole = pl.Series(name, micros, dtype=pl.Int64)
    return (whole.cast(pl.Decimal(38, 6)) / 1_000_000).cast(MONEY).rename(name)


def known_money(name: str, micros: list[int]) -> pl.Series:
    """Like :func:`money`, with 0 (no price) as null."""
    column = money(name, micros)
    known = pl.Series([amount != 0 for amount in micros], dtype=pl.Boolean)
    return pl.select(pl.when(known).then(column)).to_series().alias(name)


def equity_table(history: RunHistory) -> pl.DataFrame:
    """date, equity, cash, invested, receivable, drawdown, benchmark."""
    invested = history.equity_micros - history.cash_micros - history.receivable_micros
    capital = float(history.starting_capital_micros)
    benchmark = pl.Series("benchmark", history.benchmark, nan_to_null=True)
    return pl.DataFrame(
        [
            pl.Series("date", history.sessions),
            money("equity", history.equity_micros),
            money("cash", history.cash_micros),
            money("invested", invested),
            money("receivable", history.receivable_micros),
            pl.Series("drawdown", drawdown_path(history.equity_micros, starting_value=capital)),
            benchmark.round(6).cast(MONEY),
        ]
    )


def orders_table(history: RunHistory) -> pl.DataFrame:
    """One row an order, in the order of execution."""
    orders = history.orders
    return pl.DataFrame(
        [
            pl.Series("date", [o.session for o in orders], dtype=pl.Date),
            _text("symbol", (o.symbol for o in orders)),
            _text("side", (o.side.value for o in orders)),
            _whole("requested", (o.requested for o in orders)),
            _whole("filled", (o.filled for o in orders)),
            _text("status", (o.status.value for o in orders)),
            _text("reason", (o.reason.value or None for o in orders)),
            known_money("signal_price", [o.signal_price_micros for o in orders]),
            known_money("open_price", [o.open_price_micros for o in orders]),
            money("cash_before", [o.cash_before_micros for o in orders]),
        ]
    )


def fills_table(history: RunHistory) -> pl.DataFrame:
    """One row a fill, in the order of execution."""
    fills = history.fills
    return pl.DataFrame(
        [
            pl.Series("date", [f.session for f in fills], dtype=pl.Date),
            _text("symbol", (f.symbol for f in fills)),
            _text("side", (f.side.value for f in fills)),
            _whole("shares", (f.shares for f in fills)),
            money("fill_price", [f.price_micros for f in fills]),
            money("notional", [f.notional_micros for f in fills]),
            money("commission", [f.commission_micros for f in fills]),
            money("slippage_cost", [f.slippage_micros for f in fills]),
        ]
    )


def positions_table(history: RunHistory) -> pl.DataFrame:
    """One row a position and close."""
    held = history.positions
    values = held.shares * held.mark_micros
    names = np.array(held.symbols, dtype=object)
    weight = values / history.equity_micros[held.row] if len(values) else np.array([])
    return pl.DataFrame(
        [
            pl.Series("date", history.sessions[held.row]),
            pl.Series("symbol", names[held.symbol], dtype=pl.String),
            pl.Series("shares", held.shares),
            money("mark", held.mark_micros),
            money("value", values),
            pl.Series("weight", weight, dtype=pl.Float64),
            money("average_cost", np.rint(held.average_cost_micros).astype(np.int64)),
            pl.Series("stale", held.stale),
        ]
    )


def incidents_table(history: RunHistory) -> pl.DataFrame:
    """Stops, breakers, delistings and holds, with the cash they moved themselves."""
    told = history.incidents
    return pl.DataFrame(
        [
            pl.Series("date", [i.session for i in told], dtype=pl.Date),
            _text("kind", (i.kind for i in told)),
            _text("symbol", (i.symbol or None for i in told)),
            _text("detail", (i.detail for i in told)),
            money("cash_flow", [i.cash_flow_micros for i in told]),
        ]
    )


def gap_stress_table(stress: GapStress) -> pl.DataFrame:
    """One row a run of a gap stress, the run as traded first."""
    runs = stress.outcomes
    # A sum over a whole run may be wider than a money column.
    cut = [Decimal(run.truncated_micros).scaleb(-6) for run in runs]
    requested = [Decimal(run.requested_micros).scaleb(-6) for run in runs]
    return pl.DataFrame(
        [
            _text("scenario", (run.scenario for run in runs)),
            _whole("number", (run.number for run in runs)),
            _whole("truncated_orders", (run.truncated_orders for run in runs)),
            pl.Series("truncated_notional", cut, dtype=pl.Decimal(38, 6)),
            pl.Series("requested_notional", requested, dtype=pl.Decimal(38, 6)),
            money("lowest_cash", [run.lowest_cash_micros for run in runs]),
            pl.Series("lowest_cash_fraction", [run.lowest_cash_fraction for run in runs]),
            money("final_equity", [run.final_equity_micros for run in runs]),
        ]
    )


def _text(name: str, values: Iterable[str | None]) -> pl.Series:
    return pl.Series(name, list(values), dtype=pl.String)


def _whole(name: str, values: Iterable[int]) -> pl.Series:
    return pl.Series(name, list(values), dtype=pl.Int64)
