"""The table of corporate actions as the ledger's values, by session."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import polars as pl

from quant_core.data.schema import ACTION_KINDS
from quant_core.foundation.money import micros
from quant_core.foundation.panel import Axes
from quant_core.trading.actions import Action, Dividend, Rename, Rights, Split


def action_rows(actions: pl.DataFrame, axes: Axes) -> dict[int, tuple[Action, ...]]:
    """Corporate actions by the row of their ex-date.

    Within a session: dividends, splits, rights, renames; of each kind ascending by symbol.
    Actions outside the sessions, and of symbols that the axes lack, are left out. A dividend
    is paid at the first session on or after its pay date, in the session of the ex-date when
    it is unknown; paid after the last session its row is the number of sessions.

    Parameters
    ----------
    actions : polars.DataFrame
        :data:`~quant_core.data.schema.ACTION_SCHEMA`, judged by the gate.
    axes : Axes
        Sessions and symbols of the dataset.

    Examples
    --------
    >>> from datetime import date
    >>> from quant_core.data.schema import ACTION_SCHEMA
    >>> axes = Axes(np.array(["2018-01-02", "2018-01-03"], dtype="datetime64[D]"), ("A",))
    >>> split = {"symbol": "A", "ex_date": date(2018, 1, 3), "kind": "split", "ratio": 2.0}
    >>> action_rows(pl.DataFrame([split], ACTION_SCHEMA), axes)
    {1: (Split(symbol='A', ratio=2.0),)}
    """
    order = pl.col("kind").replace_strict(list(ACTION_KINDS), range(len(ACTION_KINDS)))
    names = list(axes.symbols)
    goes_on = (pl.col("kind") != "rename") | pl.col("successor").is_in(names)
    within = pl.col("symbol").is_in(names) & goes_on
    table = actions.filter(within).sort("ex_date", order, "symbol")
    days = table["ex_date"].to_numpy().astype("datetime64[D]")
    places = np.searchsorted(axes.sessions, days)
    inside = places < len(axes.sessions)
    inside[inside] &= axes.sessions[places[inside]] == days[inside]
    paid = table.select(pl.coalesce("pay_date", "ex_date")).to_series().to_numpy()
    pay_rows = np.searchsorted(axes.sessions, paid.astype("datetime64[D]"))
    table = table.with_columns(place=pl.Series(places), pay_row=pl.Series(pay_rows))
    found: dict[int, list[Action]] = {}
    for row in table.filter(pl.Series(inside)).select(_COLUMNS).iter_rows():
        found.setdefault(row[0], []).append(_action(row))
    return {place: tuple(events) for place, events in found.items()}


_COLUMNS = ("place", "pay_row", "kind", "symbol", "ratio", "amount", "price", "successor")

_Row: TypeAlias = tuple[int, int, str, str, float, float, float, str]


def _action(row: _Row) -> Action:
    _, pay_row, kind, symbol, ratio, amount, price, successor = row
    if kind == "dividend":
        return Dividend(symbol, micros(amount), pay_row)
    if kind == "rights":
        return Rights(symbol, ratio, micros(price))
    if kind == "split":
        return Split(symbol, ratio)
    return Rename(symbol, successor)
