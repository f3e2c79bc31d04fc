"""Prices comparable over time, made of raw prices and corporate actions.

Adjustment is *forward*: the first session keeps its price, and every ex-date multiplies what
follows. An action announced later therefore never changes an earlier value, and new sessions
extend the panels without touching what is there. The cumulative factor of a symbol is

    ``F[t] = product over ex-dates <= t of step``

with, for ``P`` the last raw close before the ex-date (itself brought across any action between)

=========== =================================================
dividend    ``P / (P - amount)``
rights      ``P (1 + ratio) / (P + ratio * price)``
split       ``ratio``
=========== =================================================

applied one after the other in this order, each to the price the one before leaves: together
the theoretical ex-price of the exchange. Adjusted open, high, low, close and vwap are ``raw *
F``; adjusted volume is ``raw / S``, ``S`` being the product of the split ratios alone; traded
amount and market value stay as they are. A rename hands the history on: before its date the
successor's column holds the predecessor's adjusted values, and its factors go on from there.

Without a close before the ex-date a dividend or rights change nothing: there is nothing to
compare with. An action at the first session changes nothing either.

Source: CRSP, Data Descriptions Guide, chapter on adjustment factors (cumulative factors to
adjust prices and shares); the theoretical ex-rights price as exchanges define it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from quant_core.data.schema import ACTION_KINDS
from quant_core.data.warehouse_panels import cached_matrix
from quant_core.data.warehouse_snapshot import Snapshot
from quant_core.foundation.errors import UsageError
from quant_core.foundation.panel import Axes
from quant_core.foundation.types import FloatMatrix, IntArray

ADJUSTMENT_VERSION = "1"
"""Raised when the same prices and actions give other adjusted values."""

ADJUSTED_PRICES = ("open", "high", "low", "close", "vwap")
ADJUSTED_VOLUMES = ("volume",)


@dataclass(frozen=True, slots=True)
class Event:
    """An action at a place of a panel; ``value`` and ``price`` mean what their kind makes them.

    Attributes
    ----------
    row, column : int
        Session of the ex-date and symbol.
    kind : str
        One of :data:`~quant_core.data.schema.ACTION_KINDS`.
    value : float
        Ratio of a split or of rights, amount of a dividend.
    price : float
        Subscription price of rights, else NaN.
    successor : int
        Column of the new symbol of a rename, else -1.
    """

    row: int
    column: int
    kind: str
    value: float
    price: float = float("nan")
    successor: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """Cumulative factors [sessions, symbols], 1 at the first session; never NaN.

    Attributes
    ----------
    price : FloatMatrix
        ``F``: what raw prices are multiplied by.
    shares : FloatMatrix
        ``S``: what raw volumes are divided by.
    """

    price: FloatMatrix
    shares: FloatMatrix


def is_adjusted(snapshot: Snapshot) -> bool:
    """Whether the snapshot has raw prices and actions to adjust them by."""
    return snapshot.facts.price_basis == "raw" and snapshot.has_actions


def adjusted_panel(snapshot: Snapshot, field: str) -> FloatMatrix:
    """A field of the snapshot, forward adjusted: [sessions, symbols], NaN = unknown.

    Without actions, or of a dataset whose prices are not raw, the field as it stands.
    Read-only and memory-mapped, see :meth:`Snapshot.panel`.

    Raises
    ------
    UsageError
        If the dataset has no such field.
    """
    if not is_adjusted(snapshot):
        return snapshot.panel(field)
    raw = snapshot.panel(field)

    def build() -> FloatMatrix:
        values = _times(field, raw, stored_adjustment(snapshot))
        return linked(values, events_of(snapshot.actions(), snapshot.axes))

    name = f"adjusted-{ADJUSTMENT_VERSION}-{field}.npy"
    return cached_matrix(snapshot.cache / name, snapshot.axes.shape, build)


def adjusted_view(snapshot: Snapshot, field: str, as_of: date) -> FloatMatrix:
    """A field up to a session, scaled so that its last row is as traded.

    Parameters
    ----------
    snapshot : Snapshot
        A version of a dataset.
    field : str
        A price field; volumes are stated in shares as of the last row, ``amount`` and
        ``cap`` as they are.
    as_of : date
        The last session of the view, or a day after it.

    Returns
    -------
    FloatMatrix
        [sessions up to ``as_of``, symbols]; what happened later plays no part in it, but
        for the history that a later rename hands to a symbol not yet traded.

    Raises
    ------
    UsageError
        If the dataset has no such field, or no session up to ``as_of``.
    """
    rows = int(np.searchsorted(snapshot.axes.sessions, np.datetime64(as_of, "D"), side="right"))
    if rows == 0:
        raise UsageError(
            "a view before the first session of the dataset has no row",
            expected=f"{snapshot.axes.sessions[0]} or later",
            found=str(as_of),
            where=f"dataset {snapshot.dataset}",
        )
    panel = adjusted_panel(snapshot, field)[:rows]
    if not is_adjusted(snapshot) or field not in (*ADJUSTED_PRICES, *ADJUSTED_VOLUMES):
        return panel
    factors = stored_adjustment(snapshot)
    if field in ADJUSTED_VOLUMES:
        return panel * factors.shares[rows - 1]
    return panel / factors.price[rows - 1]


def stored_adjustment(snapshot: Snapshot) -> Adjustment:
    """The factors of a snapshot, kept with its panels."""
    made: list[Adjustment] = []

    def build(which: int) -> FloatMatrix:
        if not made:
            events = events_of(snapshot.actions(), snapshot.axes)
            made.append(adjustment(snapshot.panel("close"), events))
        return (made[0].price, made[0].shares)[which]

    shape, folder = snapshot.axes.shape, snapshot.cache
    names = [f"adjustment-{ADJUSTMENT_VERSION}-{name}.npy" for name in ("price", "shares")]
    price, shares = (
        cached_matrix(folder / name, shape, lambda which=which: build(which))
        for which, name in enumerate(names)
    )
    return Adjustment(price, shares)


def events_of(actions: pl.DataFrame, axes: Axes) -> tuple[Event, ...]:
    """Actions within the sessions as events, in the order in which they apply."""
    order = pl.col("kind").replace_strict(list(ACTION_KINDS), range(len(ACTION_KINDS)))
    table = actions.sort("ex_date", order, "symbol")
    columns = {symbol: column for column, symbol in enumerate(axes.symbols)}
    days = table["ex_date"].to_numpy().astype("datetime64[D]")
    rows = np.searchsorted(axes.sessions, days)
    inside = rows < len(axes.sessions)
    inside[inside] &= axes.sessions[rows[inside]] == days[inside]
    value = pl.when(pl.col("kind") == "dividend").then(pl.col("amount")).otherwise(pl.col("ratio"))
    fields = table.select(
        "symbol", "kind", value.fill_null(np.nan), pl.col("price").fill_null(np.nan), "successor"
    )
    return tuple(
        Event(int(row), columns[symbol], kind, number, price, columns.get(successor or "", -1))
        for row, is_inside, (symbol, kind, number, price, successor) in zip(
            rows, inside, fields.iter_rows(), strict=True
        )
        if is_inside and row > 0 and symbol in columns
    )


def adjustment(close: FloatMatrix, events: Iterable[Event]) -> Adjustment:
    """Cumulative factors of raw closes and the events upon them.

    Parameters
    ----------
    close : FloatMatrix
        Raw closes [sessions, symbols], NaN = unknown.
    events : iterable of Event
        In the order in which they apply.

    Examples
    --------
    >>> close = np.array([[10.0], [9.0], [4.5]])
    >>> events = [Event(1, 0, "dividend", 1.0), Event(2, 0, "split", 2.0)]
    >>> (close * adjustment(close, events).price).ravel().round(9).tolist()
    [10.0, 10.0, 10.0]
    """
    price, shares = np.ones(close.shape), np.ones(close.shape)
    last_row = _last_valid_rows(close)
    crossed: dict[tuple[int, int], float] = {}
    renames: list[Event] = []
    for event in events:
        if event.kind == "rename":
            renames.append(event)
            continue
        seen = int(last_row[event.row - 1, event.column])
        place = (event.column, seen)  # actions since that close, one upon the other
        before = crossed.get(place, 1.0)
        reference = float(close[seen, event.column]) / before if seen >= 0 else float("nan")
        step = _step(event, reference)
        crossed[place] = before * step
        price[event.row, event.column] *= step
        if event.kind == "split":
            shares[event.row, event.column] *= event.value
    np.cumprod(price, axis=0, out=price)
    np.cumprod(shares, axis=0, out=shares)
    for event in renames:
        _carry_on(price, event)
        _carry_on(shares, event)
    return Adjustment(price, shares)


def linked(values: FloatMatrix, events: Iterable[Event]) -> FloatMatrix:
    """Values in which a successor's column begins with its predecessor's history."""
    joined = values.copy()
    for event in events:
        if event.kind == "rename" and event.successor >= 0:
            joined[: event.row, event.successor] = joined[: event.row, event.column]
    return joined


def _carry_on(factors: FloatMatrix, event: Event) -> None:
    """Let the successor's factors go on from the predecessor's."""
    if event.successor < 0:
        return
    own = factors[:, event.successor]
    reached = factors[event.row - 1, event.column]
    since = own[event.row :] / own[event.row - 1]
    own[event.row :] = reached * since
    own[: event.row] = factors[: event.row, event.column]


def _step(event: Event, reference: float) -> float:
    """What an event multiplies the prices after it by."""
    if event.kind == "split":
        return event.value
    if not (reference > 0.0):
        return 1.0
    if event.kind == "dividend":
        left = reference - event.value
        return reference / left if left > 0.0 else 1.0
    return reference * (1.0 + event.value) / (reference + event.value * event.price)


def _last_valid_rows(close: FloatMatrix) -> IntArray:
    """Row of the last valid close up to each row, -1 before the first."""
    rows = np.arange(close.shape[0], dtype=np.int64)[:, None]
    return np.maximum.accumulate(np.where(np.isfinite(close), rows, -1), axis=0)


def _times(field: str, raw: FloatMatrix, factors: Adjustment) -> FloatMatrix:
    if field in ADJUSTED_PRICES:
        return raw * factors.price
    if field in ADJUSTED_VOLUMES:
        return raw / factors.shares
    return np.array(raw)
