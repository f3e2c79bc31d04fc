"""A synthetic market: invented, seeded, and labelled as such wherever it appears.

For first steps, tests and speed measurements without a licence or a network. It has the
traits that break naive backtests: gaps between close and open, clustered volatility, fat
tails, halts, late listings and delistings; and modest planted premia (momentum of a
slowly changing drift, low volatility, value, size) so that a factor has something to
find. Nothing measured on it says anything about a real market.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from quant_core.data.schema import OPTIONAL_FIELDS, SYMBOL_SCHEMA, RawTable, empty_text
from quant_core.data.sources.demo_bars import long_table
from quant_core.data.sources.demo_funds import FUNDS, BasketWorth, fund_bars, fund_units
from quant_core.data.sources.demo_market import SECTORS, MarketPaths, market_paths
from quant_core.data.sources.demo_stocks import BLOCK, StockBlock, stock_block
from quant_core.foundation.errors import UsageError
from quant_core.foundation.timing import calendar_sessions
from quant_core.foundation.types import SessionArray

GENERATOR = "demo-1"
"""Version of the recipe: the same options give other prices only under another version."""

MAXIMUM_STOCKS = 8_000
MAXIMUM_SESSIONS = 2_520
DEFAULT_SEED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """Size and seed of a synthetic market.

    Attributes
    ----------
    stocks, etfs : int
        Numbers of symbols: 0 to 8,000 stocks and 0 to 14 ETFs, at least one in all.
    sessions : int
        Length, 1 to 2,520 sessions.
    seed : int
        Not negative; the same options give the same rows on every machine.
    first_session : datetime.date
        The first session on or after this date begins the market.
    calendar : str
        Exchange calendar the sessions come from.

    Raises
    ------
    UsageError
        For a size outside these bounds.

    Examples
    --------
    >>> DemoOptions(stocks=5, etfs=0, sessions=30).symbols
    5
    """

    stocks: int = 400
    etfs: int = 12
    sessions: int = MAXIMUM_SESSIONS
    seed: int = DEFAULT_SEED
    first_session: date = date(2015, 1, 2)
    calendar: str = "XNYS"

    def __post_init__(self) -> None:
        _require("number of sessions", self.sessions, 1, MAXIMUM_SESSIONS)
        _require("number of stocks", self.stocks, 0, MAXIMUM_STOCKS)
        _require("number of ETFs", self.etfs, 0, len(FUNDS))
        _require("number of symbols", self.symbols, 1, MAXIMUM_STOCKS + len(FUNDS))
        _require("seed", self.seed, 0, 2**63 - 1)

    @property
    def symbols(self) -> int:
        """Stocks and ETFs together."""
        return self.stocks + self.etfs


@dataclass(frozen=True, slots=True)
class DemoSource:
    """The synthetic market as a price source.

    Examples
    --------
    >>> options = DemoOptions(stocks=2, etfs=1, sessions=30, calendar="24/7")
    >>> table = DemoSource(options).read()
    >>> table.symbols["symbol"].to_list()
    ['ETF_MARKET', 'SYN0001', 'SYN0002']
    >>> table.origin[0]
    'synthetic market: invented prices, not market data'
    """

    options: DemoOptions

    def read(self) -> RawTable:
        """Generate the market.

        1. ``market_paths``: the common factors; 2. ``stock_block``: the stocks, block by
        block, which bounds the memory; 3. ``fund_bars``: the funds that hold them.
        """
        options = self.options
        sessions = _sessions(options)
        market = market_paths(options.seed, len(sessions))
        baskets = BasketWorth(len(sessions))
        prices: list[pl.DataFrame] = []
        symbols: list[pl.DataFrame] = []
        for labels, block in _blocks(options, market):
            baskets.add(block)
            bars = block.bars
            prices.append(long_table(labels, sessions, bars, block.present, block.shares))
            symbols.append(_stock_symbols(labels, sessions, block))
        prices.insert(0, _fund_prices(options, sessions, baskets, market))
        symbols.insert(0, _fund_symbols(options.etfs))
        return RawTable(
            prices=pl.concat(prices),
            rejected=empty_text(OPTIONAL_FIELDS),
            symbols=pl.concat(symbols),
            origin=_origin(options),
        )


def _blocks(options: DemoOptions, market: MarketPaths) -> Iterator[tuple[list[str], StockBlock]]:
    """Blocks of stocks with their labels, ascending."""
    for block, start in enumerate(range(0, options.stocks, BLOCK)):
        count = min(BLOCK, options.stocks - start)
        labels = [f"SYN{number:04d}" for number in range(start + 1, start + count + 1)]
        yield labels, stock_block(options.seed, block, count, market)


def _sessions(options: DemoOptions) -> SessionArray:
    """As many sessions as asked for, from the first one on."""
    span = timedelta(days=60 + options.sessions * 3 // 2)
    last = options.first_session + span
    sessions = calendar_sessions(options.calendar, options.first_session, last)
    if len(sessions) < options.sessions:
        raise UsageError(
            f"the calendar {options.calendar} has too few sessions for the synthetic market",
            expected=f"{options.sessions} sessions from {options.first_session}",
            found=f"{len(sessions)} until {last}",
            fix="ask for fewer sessions",
        )
    return sessions[: options.sessions]


def _fund_prices(
    options: DemoOptions, sessions: SessionArray, baskets: BasketWorth, market: MarketPaths
) -> pl.DataFrame:
    bars = fund_bars(options.seed, options.etfs, baskets.moves(market), market)
    labels = [fund.symbol for fund in FUNDS[: options.etfs]]
    present = np.ones(bars.close.shape, dtype=np.bool_)
    table = long_table(labels, sessions, bars, present, fund_units(options.etfs))
    return table.sort("symbol", "date")


def _fund_symbols(count: int) -> pl.DataFrame:
    funds = sorted(FUNDS[:count], key=lambda fund: fund.symbol)
    rows = [(fund.symbol, fund.name, "etf", None) for fund in funds]
    return pl.DataFrame(rows, schema=SYMBOL_SCHEMA, orient="row")


def _stock_symbols(labels: list[str], sessions: SessionArray, block: StockBlock) -> pl.DataFrame:
    """Name, sector and, where the stock is gone, its last session."""
    last = len(sessions) - 1 - np.argmax(block.listed[:, ::-1], axis=1)
    sectors = [SECTORS[int(sector)] for sector in block.sector.tolist()]
    ends = [None if end == len(sessions) - 1 else sessions[end].item() for end in last]
    names = [
        f"Synthetic {sector} {label.removeprefix('SYN')}"
        for label, sector in zip(labels, sectors, strict=True)
    ]
    return pl.DataFrame([labels, names, sectors, ends], schema=SYMBOL_SCHEMA)


def _origin(options: DemoOptions) -> tuple[str, ...]:
    return (
        "synthetic market: invented prices, not market data",
        f"generator {GENERATOR}, seed {options.seed}",
        f"{options.stocks} stocks, {options.etfs} ETFs, {options.sessions} sessions "
        f"from {options.first_session} ({options.calendar})",
    )


def _require(what: str, value: int, low: int, high: int) -> None:
    if not (low <= value <= high):
        raise UsageError(
            f"the synthetic market cannot have this {what}",
            expected=f"{low:,} to {high:,}",
            found=f"{value:,}",
            fix=f"choose a {what} within the bounds",
        )
