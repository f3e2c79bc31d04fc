"""NautilusTrader: a stream of trade ticks, an exchange that matches orders against the last one.

Each session is two instants, the open and the close, with one tick of every name. A name of its
own, CLOCK, ticks right after each instant: at the open it makes the strategy send its orders,
which are then matched against the opens; at the close it makes it note its equity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from tests.engines.exchange import Case, Outcome, fills_of

VENUE = "XNYS"
MINUTE = 60_000_000_000
OPEN, CLOSE = 570 * MINUTE, 960 * MINUTE


def run(case: Case) -> Outcome:
    """The case on NautilusTrader, with its pre-trade risk checks off.

    They count the proceeds of a sale as cash only when it has filled, and refuse it by the cash
    there is. Without them a cash account stops at a negative balance unless it may borrow.
    """
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig, RiskEngineConfig
    from nautilus_trader.model.enums import AccountType, OmsType
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Money

    money = _currency(case)
    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            risk_engine=RiskEngineConfig(bypass=True),
        )
    )
    engine.add_venue(
        venue=Venue(VENUE),
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        starting_balances=[Money(case.capital, money)],
        base_currency=money,
        trade_execution=True,
        allow_cash_borrowing=True,
    )
    instruments = [_instrument(case, name, money) for name in (*case.symbols.tolist(), "CLOCK")]
    for instrument in instruments:
        engine.add_instrument(instrument)
    engine.add_data(_ticks(case, instruments), validate=False)
    strategy, book = _strategy(case, instruments, money)
    engine.add_strategy(strategy)
    engine.run()
    engine.dispose()
    return Outcome("nautilus", "", np.array(book.equity[1:]), **fills_of(book.fills))


def _currency(case: Case):
    """Dollars of two decimals, or of as many as the case wants."""
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.enums import CurrencyType
    from nautilus_trader.model.objects import Currency

    if case.money_decimals == USD.precision:
        return USD
    money = Currency("FINE", case.money_decimals, 0, "FINE", CurrencyType.FIAT)
    Currency.register(money)
    return money


def _instrument(case: Case, name: str, money):
    from nautilus_trader.model.identifiers import InstrumentId, Symbol
    from nautilus_trader.model.instruments import Equity
    from nautilus_trader.model.objects import Price, Quantity

    decimals, rate = case.price_decimals, Decimal(str(case.rate))
    return Equity(
        instrument_id=InstrumentId.from_str(f"{name}.{VENUE}"),
        raw_symbol=Symbol(name),
        currency=money,
        price_precision=decimals,
        price_increment=Price(10.0**-decimals, decimals),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
        maker_fee=rate,
        taker_fee=rate,
    )


def _ticks(case: Case, instruments):
    """All ticks in the order of time; within an instant by column, the clock last."""
    from nautilus_trader.model.data import TradeTick
    from nautilus_trader.model.enums import AggressorSide
    from nautilus_trader.model.identifiers import TradeId

    trade = TradeId("T")
    days = case.sessions.astype("datetime64[ns]").astype(np.int64).tolist()
    ticks = []

    def tick(instrument, price: float, stamp: int) -> None:
        ticks.append(
            TradeTick(
                instrument.id,
                instrument.make_price(price),
                instrument.make_qty(1_000_000_000),
                AggressorSide.NO_AGGRESSOR,
                trade,
                stamp,
                stamp,
            )
        )

    for row, day in enumerate(days):
        for offset, prices in ((OPEN, case.opens), (CLOSE, case.closes)):
            for column, price in enumerate(prices[row].tolist()):
                tick(instruments[column], price, day + offset)
            tick(instruments[-1], 1.0, day + offset + MINUTE)
    return ticks


@dataclass
class _Book:
    """What is noted during the run: equity, fills, and the orders of the next open."""

    case: Case
    columns: dict
    instants: int = 0
    trades: list[tuple[int, int]] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    fills: list[tuple[int, int, int, float]] = field(default_factory=list)

    def look(self, row: int, cash: float, positions) -> None:
        """Note the equity of a close and decide the orders of the next open."""
        case = self.case
        held = np.zeros(len(case.symbols), dtype=np.int64)
        for position in positions:
            held[self.columns[position.instrument_id]] = int(position.quantity)
        self.equity.append(cash + float(held @ case.closes[row]))
        number = case.number_of(row + 1)
        self.trades = [] if number is None else case.trades(number, self.equity[-1], held)

    def note(self, event, *, bought: bool) -> None:
        """Note a fill."""
        shares = int(event.last_qty) * (1 if bought else -1)
        column, price = self.columns[event.instrument_id], event.last_px.as_double()
        self.fills.append((self.instants // 2, column, shares, price))


def _send(strategy, trades: list[tuple[int, int]], instruments) -> None:
    """Market orders, in the order of the list."""
    from nautilus_trader.model.enums import OrderSide

    for column, shares in trades:
        instrument = instruments[column]
        side = OrderSide.BUY if shares > 0 else OrderSide.SELL
        quantity = instrument.make_qty(abs(shares))
        strategy.submit_order(strategy.order_factory.market(instrument.id, side, quantity))


def _strategy(case: Case, instruments, money):
    from nautilus_trader.model.enums import OrderSide
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.trading.strategy import Strategy

    book = _Book(case, {instrument.id: i for i, instrument in enumerate(instruments)})

    class Orders(Strategy):
        """Sends the orders decided at the last close when the clock says that it is open."""

        def on_start(self):
            for instrument in instruments:
                self.subscribe_trade_ticks(instrument.id)

        def on_trade_tick(self, tick):
            if tick.instrument_id != instruments[-1].id:
                return
            row, at_close = divmod(book.instants, 2)
            book.instants += 1
            if at_close:
                cash = self.portfolio.account(Venue(VENUE)).balance_total(money).as_double()
                book.look(row, cash, self.cache.positions_open())
            else:
                _send(self, book.trades, instruments)

        def on_order_filled(self, event):
            book.note(event, bought=event.order_side == OrderSide.BUY)

    return Orders(), book
