"""The arrays of the compiled session loop: the market, the terms, the targets, the book, the log.

Rows are sessions of the dataset, ``number`` counts the sessions of the run. A column stands for
a symbol; symbols ascend, so that ascending columns are ascending symbols. Money is int64 micros.
A row of a record is one stretch of memory: a kernel finds all it needs of a name in one place.
The names of the fields are part of the type of the machine code: a field more compiles anew.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from quant_core.foundation.types import BoolArray, FloatArray, FloatMatrix, IntArray


class Record(Protocol):
    """A row of named numbers: passed without being counted, and written in place.

    Which names a row has stands in its type: :data:`STATE`, :data:`NAME` and so on.
    """

    action: int
    amount: int
    audited: int
    bought: int
    called: int
    cash: int
    column: int
    commission: int
    cost: float
    entitled_count: int
    equity: int
    events: int
    failed: int
    filled: int
    first: int
    flat_from: int
    floor: int
    flow: int
    flows: int
    fraction: float
    gross: int
    kind: int
    mark: int
    marked: int
    number: int
    order_count: int
    orders: int
    peak: int
    positions: int
    price: int
    quoted: float
    raw: int
    reason: int
    receivable: int
    refusal: int
    requested: int
    row: int
    second: int
    shares: int
    short: int
    side: int
    signal: int
    spare: int
    stale: int
    stopped: int
    taken: int
    turn: int
    volume: float
    weight: float


class Records(Protocol):
    """Rows of named numbers: a structured numpy array."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> Record: ...


class MarketArrays(NamedTuple):
    """Prices and facts, [sessions, symbols]; a panel that is not known has no rows.

    ``split_*`` are all splits in the order of their columns, ``delisted`` the columns whose
    last session is a row.
    """

    price: FloatMatrix
    close: FloatMatrix
    volume: FloatMatrix
    member: BoolArray
    locked: NDArray[np.int8]
    volatility: FloatMatrix
    average_volume: FloatMatrix
    split_start: IntArray
    split_row: IntArray
    split_ratio: FloatArray
    delisted_start: IntArray
    delisted: IntArray


class ActionArrays(NamedTuple):
    """Corporate actions by row; ``kind`` is one of the constants of the kernels.

    ``amount`` is a dividend or a subscription price in micros, ``other`` the row of a payment,
    the lot of orders that follow a split, or the column of a successor. Renames stand last in
    their row, and no name is renamed twice in one.
    """

    start: IntArray
    kind: IntArray
    column: IntArray
    ratio: FloatArray
    amount: IntArray
    other: IntArray


class Impact(NamedTuple):
    """Parameters of the impact, in the order of ``ImpactModel.as_array()``."""

    spread: float
    coefficient: float
    exponent: float
    duration: float
    permanent: float


class Rules(NamedTuple):
    """How orders execute and what stops them; NaN and -1 switch a rule off.

    ``first`` is the row of the first session, ``total`` the number of sessions; ``record``
    says whether orders, positions and events are kept.
    """

    impact: Impact
    has_impact: bool
    cash_buffer: float
    slippage: float
    lot: int
    participation_cap: float
    delisting_return: float
    sells_next_session: bool
    stop_loss: float
    max_drawdown: float
    cooldown: int
    first: int
    total: int
    record: bool


class Terms(NamedTuple):
    """The rules, and the fees: [schedules, fees, 8], with the schedule of each session."""

    rules: Rules
    fees: FloatArray
    fee_of: IntArray


class Lending(NamedTuple):
    """The margin account of a book that may be short, and what borrowing costs.

    ``borrow`` is the table of annual rates [sessions, symbols], NaN = nobody lends, without
    rows where every name is lent at ``borrow_rate``; ``days`` are the sessions as days.
    """

    initial: float
    maintenance: float
    debit_rate: float
    borrow_rate: float
    borrow: FloatMatrix
    days: IntArray


class Account(NamedTuple):
    """The terms of a book; a long-only one has no margin account.

    What is not there has its own type, so that machine code for long-only books is compiled
    without all that asks for it.
    """

    terms: Terms
    lending: Lending | None


class TargetArrays(NamedTuple):
    """Decisions by number: ``decision`` of each session (-1 = not scheduled), then by decision.

    Columns of a decision ascend; weights are already cut to their cap.
    """

    decision: IntArray
    kind: IntArray
    start: IntArray
    column: IntArray
    weight: FloatArray


def record(whole: str, real: str = "") -> np.dtype[np.void]:
    """A row of named int64 and float64 numbers."""
    fields: list[tuple[str, type]] = [(name, np.int64) for name in whole.split()]
    return np.dtype(fields + [(name, np.float64) for name in real.split()])


STATE = record(
    "cash floor audited flows equity receivable gross short called "
    "peak flat_from number failed entitled_count order_count"
)
"""The book as a whole. ``flat_from`` is -1 while the breaker has not tripped; ``floor`` is the
least cash; ``gross`` and ``short`` are values of positions; ``called`` says that the margin is
too small."""

NAME = record("shares mark marked bought taken stopped", "cost fraction")
"""One name. ``fraction`` is that of a share that waits to be paid out, NaN = none."""

ORDER = record("column side requested signal refusal turn spare", "weight quoted volume")
"""A waiting order and what it meets; ``turn`` and ``spare`` hold indices while it is sorted."""

SELL, COVER, SHORT, BUY = 0, 1, 2, 3
"""Sides in the order in which they execute; the odd ones take shares in."""

ENTITLEMENT = record("column amount row")
"""A dividend not yet paid, and the row of its payment."""

TRADED = record("number column side requested filled reason signal raw cash price commission")
"""An order with its outcome; fill price and commission are 0 without one."""

POSITION = record("number column shares mark stale", "cost")
"""A position at the close of a session of the run."""

EVENT = record("row kind column first second flow action", "cost")
"""An event: two numbers, the cash it moved, the index of the corporate action, a cost."""

COUNTS = record("orders positions events")
"""How much of a log is written."""

NONE, CASH, VOLUME, HALTED = 0, 1, 2, 3
LIMIT_UP, LIMIT_DOWN, NOT_SETTLED, UNKNOWN_IMPACT = 4, 5, 6, 7
NO_PRICE, NOT_IN_UNIVERSE, NOT_HELD, MARGIN, NOT_LOCATED = 8, 9, 10, 11, 12
"""Reasons why an order was not filled in full."""
REASONS = 13
"""How many there are."""


class BookArrays(NamedTuple):
    """The book and its waiting orders, in records.

    ``state`` is one row, ``names`` one a symbol; ``moved`` holds what is renamed while it
    has no name. ``held`` and ``fractional`` are lists of columns, ascending, whose length
    stands in ``held_count`` and ``fractional_count``.
    """

    state: Records
    names: Records
    moved: Records
    orders: Records
    dividends: Records
    held: IntArray
    held_count: IntArray
    fractional: IntArray
    fractional_count: IntArray


class LogArrays(NamedTuple):
    """What a run leaves behind.

    ``curve`` is [sessions, 5]: equity, cash, receivable, value traded, costs. ``reasons``
    counts the orders by the reason why they were not filled in full; the rest has no rows
    where nothing is recorded.
    """

    curve: IntArray
    reasons: IntArray
    orders: Records
    positions: Records
    events: Records
    counts: Records


class Dealing(NamedTuple):
    """What every order of a session is filled by; the fees are those of the session."""

    rules: Rules
    fees: FloatMatrix
    lending: Lending | None


class Told(NamedTuple):
    """What an event says: two numbers, and the index of the corporate action (-1 = none)."""

    first: int
    second: int
    action: int


class Move(NamedTuple):
    """A name whose shares are to change: ``last`` is its close, ``refusal`` that of an opening."""

    column: int
    held: int
    wanted: int
    last: int
    weight: float
    refusal: int


class Met(NamedTuple):
    """What became of an order; raw price, fill price and commission in micros."""

    filled: int
    reason: int
    raw: int
    price: int
    charged: int


class Quoted(NamedTuple):
    """What an order meets: the numbers of one name in one session."""

    price: float
    volume: float
    locked: int
    volatility: float
    average_volume: float


def rows_of(length: int, kind: np.dtype[np.void]) -> Records:
    """Rows of zeros."""
    return cast("Records", np.zeros(length, dtype=kind))


def table_of(rows: Records, count: int) -> NDArray[np.void]:
    """The first ``count`` rows as the array they are."""
    return cast("NDArray[np.void]", rows)[:count]


def column_of(rows: Records, name: str, count: int) -> IntArray:
    """The first ``count`` whole numbers under a name, in one stretch of memory."""
    return np.ascontiguousarray(table_of(rows, count)[name], dtype=np.int64)


def written_rows(log: LogArrays) -> tuple[int, int, int]:
    """How many orders, positions and events a log holds."""
    orders, positions, events = cast("tuple[int, int, int]", table_of(log.counts, 1).tolist()[0])
    return orders, positions, events


def opening_book(
    capital_micros: int, symbols: int, dividends: int, *, least_cash: int = 0
) -> BookArrays:
    """A book of cash alone with room for ``symbols`` and for ``dividends`` not yet paid.

    A position that changes its sign takes two orders.
    """
    state = np.zeros(1, dtype=STATE)
    for name in ("cash", "audited", "equity", "peak"):
        state[name] = capital_micros
    state["flat_from"], state["floor"] = -1, least_cash
    names = np.zeros(symbols, dtype=NAME)
    names["fraction"] = np.nan
    return BookArrays(
        state=cast("Records", state),
        names=cast("Records", names),
        moved=rows_of(symbols, NAME),
        orders=rows_of(2 * symbols, ORDER),
        dividends=rows_of(dividends, ENTITLEMENT),
        held=np.zeros(symbols, dtype=np.int64),
        held_count=np.zeros(1, dtype=np.int64),
        fractional=np.zeros(symbols, dtype=np.int64),
        fractional_count=np.zeros(1, dtype=np.int64),
    )


def empty_log(sessions: int, orders: int, positions: int, events: int) -> LogArrays:
    """A log with room for so many rows."""
    return LogArrays(
        curve=np.zeros((sessions, 5), dtype=np.int64),
        reasons=np.zeros(REASONS, dtype=np.int64),
        orders=rows_of(orders, TRADED),
        positions=rows_of(positions, POSITION),
        events=rows_of(events, EVENT),
        counts=rows_of(1, COUNTS),
    )


def longer_log(log: LogArrays) -> LogArrays:
    """The same log with twice the room."""
    return log._replace(
        orders=_doubled(log.orders),
        positions=_doubled(log.positions),
        events=_doubled(log.events),
    )


def _doubled(rows: Records) -> Records:
    table = table_of(rows, len(rows))
    return cast("Records", np.concatenate([table, np.zeros_like(table)]))
