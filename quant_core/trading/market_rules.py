"""Rules of a market that decide whether an order can trade: price limits, settlement, lots.

``cn_ashare`` knows the daily price limits of the mainland Chinese exchanges. The limit
price is the previous close (on an ex-date the reference price of the exchange) times
(1 +- limit), rounded half up to CNY 0.01 and at least one tick away. A price at the upper
limit has buyers waiting and no seller: a backtest that buys there buys what nobody could.

Boards are told by the digits of the symbol: 688 and 689 STAR; 300, 301 and 302 ChiNext;
43, 82, 83, 87, 88 and 92 Beijing; 600, 601, 603, 605, 000 to 003 the main boards. Any
other symbol (index, fund, B-share) has no limit here.

Sources: trading rules of the Shanghai and Shenzhen exchanges (2001, revised to 2023), of
the STAR market (2019), of ChiNext (2020) and of the Beijing exchange (2021); notices of
December 2013 on the first session of new listings; proposal of the two exchanges of June
2025 to raise the 5 % of main-board names under special treatment to 10 %, in force since
2026-07-06 (that day by secondary sources, which agree on it: the documentation of
rustdx-complete 1.15, module ``limit``, which also found bars beyond 5 % after it).

Not modelled: resumptions after a restructuring and delisting periods (sessions without or
with another limit).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant_core.foundation.errors import ConfigurationError
from quant_core.foundation.panel import Axes, carried_forward
from quant_core.foundation.types import BoolArray, FloatMatrix, IntArray, SessionArray

FREE = 0
NO_BUYS = 1
"""The price stands at the upper limit or above."""
NO_SELLS = 2
"""The price stands at the lower limit or below."""

NO_LIMIT = -1
TICKS_PER_UNIT = 100
TOLERANCE = 0.003
"""On adjusted prices: how near the limit counts as reaching it, as a fraction of the
previous close. Half a tick of a raw price of CNY 2 is 0.0025 of it."""

_COLUMNS_AT_ONCE = 256


class DailyLimit(NamedTuple):
    """From ``since`` on, whole per cent of the previous close; -1 = none."""

    since: date
    percent: int
    special_percent: int
    """For names under special treatment (ST, *ST)."""


class Listing(NamedTuple):
    """For names first traded on ``since`` or later."""

    since: date
    free_sessions: int
    """Sessions without a limit, the first one included."""
    first_up: int = NO_LIMIT
    """Limit of the first session above the issue price, in per cent."""
    first_down: int = NO_LIMIT


@dataclass(frozen=True, slots=True)
class Board:
    """A segment of the market: the beginnings of its symbols, and its limits by date."""

    name: str
    prefixes: tuple[str, ...]
    limits: tuple[DailyLimit, ...]
    listings: tuple[Listing, ...]


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What a market forbids.

    Attributes
    ----------
    name : str
        Name of the rules.
    settlement_sessions : int
        Shares bought in a session can be sold this many sessions later.
    board_lot : int
        Buys are multiples of it.
    boards : tuple of Board
        Segments with price limits; a symbol of none of them has no limit.
    """

    name: str
    settlement_sessions: int
    board_lot: int
    boards: tuple[Board, ...]

    def board_of(self, symbol: str) -> Board | None:
        """The board of a symbol written with or without the suffix of its exchange.

        Examples
        --------
        >>> rules = market_rules("cn_ashare")
        >>> [board.name for s in ("600000.SH", "300750", "830799.BJ", "688981.SH")
        ...  if (board := rules.board_of(s))]
        ['main', 'chinext', 'beijing', 'star']
        >>> rules.board_of("000300.SH") is None  # an index of Shanghai, no share of Shenzhen
        True
        """
        code, _, exchange = symbol.partition(".")
        if not (len(code) == 6 and code.isdigit()):
            return None
        if code.startswith("000") and exchange in ("SH", "SS", "XSHG"):
            return None
        return next((board for board in self.boards if code.startswith(board.prefixes)), None)


@dataclass(frozen=True, slots=True)
class ReferencePrices:
    """What the limits of a session are measured from.

    Attributes
    ----------
    close : float64 [sessions, symbols]
        Closes in the basis of the price that is judged; NaN = did not trade. They show
        when a name was listed, and give the previous close where nothing better is known.
    exact_ticks : bool
        Whether prices are raw, so that limits fall on the tick; adjusted prices are
        compared with :data:`TOLERANCE`.
    previous_close : float64 [sessions, symbols], optional
        Reference price of each session (adjusted for what goes ex in it, the issue price
        in the first session); NaN = the last valid close.
    """

    close: FloatMatrix
    exact_ticks: bool
    previous_close: FloatMatrix | None = None


_ALWAYS = date(1990, 1, 1)
_FIRST_SESSION_CAPPED = date(2014, 1, 1)
_CHINEXT_REFORM = date(2020, 8, 24)
_MAIN_REGISTRATION = date(2023, 4, 10)

CN_BOARDS = (
    Board("star", ("688", "689"), (DailyLimit(_ALWAYS, 20, 20),), (Listing(_ALWAYS, 5),)),
    Board(
        "chinext",
        ("300", "301", "302"),
        (DailyLimit(_ALWAYS, 10, 10), DailyLimit(_CHINEXT_REFORM, 20, 20)),
        (
            Listing(_ALWAYS, 1),
            Listing(_FIRST_SESSION_CAPPED, 0, 44, 36),
            Listing(_CHINEXT_REFORM, 5),
        ),
    ),
    Board(
        "beijing",
        ("43", "82", "83", "87", "88", "92"),
        (DailyLimit(_ALWAYS, 30, 30),),
        (Listing(_ALWAYS, 1),),
    ),
    Board(
        "main",
        ("600", "601", "603", "605", "000", "001", "002", "003"),
        (
            DailyLimit(_ALWAYS, NO_LIMIT, NO_LIMIT),
            DailyLimit(date(1996, 12, 16), 10, 10),
            DailyLimit(date(1998, 4, 22), 10, 5),
            DailyLimit(date(2026, 7, 6), 10, 10),
        ),
        (
            Listing(_ALWAYS, 1),
            Listing(_FIRST_SESSION_CAPPED, 0, 44, 36),
            Listing(_MAIN_REGISTRATION, 5),
        ),
    ),
)

_RULES = {
    "none": MarketRules("none", settlement_sessions=0, board_lot=1, boards=()),
    "cn_ashare": MarketRules("cn_ashare", settlement_sessions=1, board_lot=100, boards=CN_BOARDS),
}
MARKET_RULES = tuple(_RULES)


def market_rules(name: str) -> MarketRules:
    """The rules called ``name``: ``none`` or ``cn_ashare``.

    Examples
    --------
    >>> rules = market_rules("cn_ashare")
    >>> rules.settlement_sessions, rules.board_lot
    (1, 100)
    """
    if name not in _RULES:
        raise ConfigurationError(
            "unknown market rules",
            expected="one of: " + ", ".join(MARKET_RULES),
            found=name,
            where="execution.market_rules",
        )
    return _RULES[name]


def limit_states(
    rules: MarketRules,
    axes: Axes,
    price: FloatMatrix,
    reference: ReferencePrices,
    special_treatment: BoolArray | None = None,
) -> NDArray[np.int8]:
    """Where the price stands at a limit of its session.

    Parameters
    ----------
    rules : MarketRules
        Rules of the market.
    axes : Axes
        Sessions and symbols of the matrices.
    price : float64 [sessions, symbols]
        Price at which orders would fill, such as the open; NaN = none, always free.
    reference : ReferencePrices
        What the limits are measured from.
    special_treatment : bool [sessions, symbols], optional
        Names under special treatment (ST) in a session; none by default.

    Returns
    -------
    int8 [sessions, symbols]
        :data:`FREE`, :data:`NO_BUYS` or :data:`NO_SELLS`. A name listed within the
        dataset (its first close is not in the first session) has the sessions without a
        limit of its board; without a reference price its first session is free.

    Examples
    --------
    >>> days = np.array(["2023-02-01", "2023-02-02", "2023-02-03"], dtype="datetime64[D]")
    >>> close = np.array([[10.05], [11.06], [10.00]])
    >>> price = np.array([[10.00], [11.06], [9.95]])
    >>> axes = Axes(days, ("600000.SH",))
    >>> limit_states(market_rules("cn_ashare"), axes, price, ReferencePrices(close, True)).T
    array([[0, 1, 2]], dtype=int8)
    """
    states = np.zeros(axes.shape, dtype=np.int8)
    for board in rules.boards:
        columns = np.array(
            [i for i, symbol in enumerate(axes.symbols) if rules.board_of(symbol) is board],
            dtype=np.int64,
        )
        for first in range(0, len(columns), _COLUMNS_AT_ONCE):
            some = columns[first : first + _COLUMNS_AT_ONCE]
            special = None if special_treatment is None else special_treatment[:, some]
            up, down = _percents(board, axes.sessions, reference.close[:, some], special)
            before = _previous(reference, some)
            states[:, some] = _judged(price[:, some], before, (up, down), reference.exact_ticks)
    return states


def _percents(
    board: Board, sessions: SessionArray, close: FloatMatrix, special: BoolArray | None
) -> tuple[IntArray, IntArray]:
    """Upper and lower limit of every session in whole per cent, -1 = none."""
    starts = np.array([limit.since for limit in board.limits], dtype="datetime64[D]")
    rule = np.searchsorted(starts, sessions.astype("datetime64[D]"), side="right") - 1
    usual = np.array([limit.percent for limit in board.limits], dtype=np.int64)[rule]
    up = np.repeat(usual[:, None], close.shape[1], axis=1)
    if special is not None:
        treated = np.array([limit.special_percent for limit in board.limits])[rule]
        up = np.where(special, treated[:, None], up)
    down = up.copy()
    traded = np.isfinite(close)
    listed = traded.argmax(axis=0)
    for column in np.flatnonzero(traded.any(axis=0) & (listed > 0)).tolist():
        first = int(listed[column])
        listing = _listing(board, sessions[first])
        up[first : first + listing.free_sessions, column] = NO_LIMIT
        down[first : first + listing.free_sessions, column] = NO_LIMIT
        if listing.first_up != NO_LIMIT:
            up[first, column], down[first, column] = listing.first_up, listing.first_down
    return up, down


def _listing(board: Board, session: np.datetime64) -> Listing:
    day = session.astype("datetime64[D]").item()
    return next(rule for rule in reversed(board.listings) if rule.since <= day)


def _previous(reference: ReferencePrices, columns: IntArray) -> FloatMatrix:
    """The price the limits are measured from; NaN = unknown."""
    close = reference.close[:, columns]
    before = np.full(close.shape, np.nan)
    before[1:] = carried_forward(np.where(close > 0.0, close, np.nan))[:-1]
    if reference.previous_close is not None:
        stated = reference.previous_close[:, columns]
        before = np.where(np.isfinite(stated), stated, before)
    return before


def _judged(
    price: FloatMatrix, before: FloatMatrix, percents: tuple[IntArray, IntArray], exact: bool
) -> NDArray[np.int8]:
    up, down = percents
    known = np.isfinite(price) & (price > 0.0) & np.isfinite(before) & (before > 0.0)
    compare = _by_ticks if exact else _by_tolerance
    above, below = compare(np.where(known, price, 1.0), np.where(known, before, 1.0), percents)
    states = np.zeros(price.shape, dtype=np.int8)
    states[known & (up != NO_LIMIT) & above] = NO_BUYS
    states[known & (down != NO_LIMIT) & below] = NO_SELLS
    return states


def _by_ticks(
    price: FloatMatrix, before: FloatMatrix, percents: tuple[IntArray, IntArray]
) -> tuple[BoolArray, BoolArray]:
    """Exact comparison in ticks, the limit rounded half up and at least one tick away."""
    up, down = percents
    ticks = np.rint(price * TICKS_PER_UNIT).astype(np.int64)
    base = np.rint(before * TICKS_PER_UNIT).astype(np.int64)
    highest = np.maximum((base * (100 + up) + 50) // 100, base + 1)
    lowest = np.maximum(np.minimum((base * (100 - down) + 50) // 100, base - 1), 1)
    return ticks >= highest, ticks <= lowest


def _by_tolerance(
    price: FloatMatrix, before: FloatMatrix, percents: tuple[IntArray, IntArray]
) -> tuple[BoolArray, BoolArray]:
    up, down = percents
    move = price / before - 1.0
    return move >= up / 100.0 - TOLERANCE, move <= TOLERANCE - down / 100.0
