"""zipline-reloaded: a daily event loop over assets of a database.

Prices come from its reader of tables in memory. Its bundle format keeps thousandths of a dollar
and nothing finer, which is a matter of storage and not of the engine.
"""

from __future__ import annotations

import numpy as np

from tests.engines.exchange import Case, Outcome, fills_of


def run(case: Case) -> Outcome:
    """The case on zipline, with fills at the open by a slippage model of five lines."""
    import pandas as pd
    from zipline.algorithm import TradingAlgorithm
    from zipline.finance import commission
    from zipline.finance.slippage import SlippageModel
    from zipline.finance.trading import SimulationParameters
    from zipline.utils.calendar_utils import get_calendar

    class AtOpen(SlippageModel):
        """The whole order at the open of the bar."""

        def process_order(self, data, order):
            return data.current(order.asset, "open"), order.amount

    calendar = get_calendar("XNYS")
    days = pd.DatetimeIndex(case.sessions.astype("datetime64[ns]"))
    finder, portal = _market(case, days, calendar)
    assets = finder.retrieve_all(range(len(case.symbols)))
    row_of = {day: row for row, day in enumerate(days)}
    equity: list[float] = []

    def initialize(context):
        context.set_slippage(AtOpen())
        context.set_commission(commission.PerDollar(cost=case.rate))

    def handle_data(context, data):
        row = row_of[context.get_datetime().tz_localize(None).normalize()]
        number = case.number_of(row + 1)
        if number is None:
            return
        positions = context.portfolio.positions
        held = [positions[asset].amount if asset in positions else 0 for asset in assets]
        total = context.portfolio.portfolio_value
        for column, shares in case.trades(number, total, np.array(held)):
            context.order(assets[column], shares)

    result = TradingAlgorithm(
        SimulationParameters(
            days[0], days[-1], calendar, capital_base=case.capital, data_frequency="daily"
        ),
        data_portal=portal,
        initialize=initialize,
        handle_data=handle_data,
        benchmark_returns=pd.Series(0.0, index=days),
        trading_calendar=calendar,
    ).run()
    equity = result["portfolio_value"].to_numpy()
    fills = [
        (
            row_of[one["dt"].tz_localize(None).normalize()],
            one["sid"].sid,
            int(one["amount"]),
            float(one["price"]),
        )
        for day in result["transactions"]
        for one in day
    ]
    return Outcome("zipline", "", equity[1:], **fills_of(fills))


def _market(case: Case, days, calendar):
    """A database of assets in memory and a portal to the prices."""
    import pandas as pd
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool
    from zipline.assets import AssetDBWriter, AssetFinder
    from zipline.data.data_portal import DataPortal
    from zipline.data.in_memory_daily_bars import InMemoryDailyBarReader

    sids = pd.Index(range(len(case.symbols)))
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    AssetDBWriter(engine).write(
        equities=pd.DataFrame(
            {
                "symbol": case.symbols,
                "asset_name": case.symbols,
                "start_date": days[0],
                "end_date": days[-1] + pd.Timedelta(days=400),
                "exchange": "NYSE",
            },
            index=sids,
        ),
        exchanges=pd.DataFrame(
            {"exchange": ["NYSE"], "canonical_name": ["NYSE"], "country_code": ["US"]}
        ),
    )
    high, low = np.maximum(case.opens, case.closes), np.minimum(case.opens, case.closes)
    values = {"open": case.opens, "high": high, "low": low, "close": case.closes}
    tables = {name: pd.DataFrame(table, days, sids) for name, table in values.items()}
    tables["volume"] = pd.DataFrame(case.volume, days, sids)

    row_of = {day: row for row, day in enumerate(days)}

    class Reader(InMemoryDailyBarReader):
        """Single values; those of 3.2.1 are asked for under a name it does not keep them by."""

        def get_value(self, sid, dt, field):
            return self._values[field][row_of[dt], int(sid)]

    reader = Reader(tables, calendar, pd.Series("USD", index=sids), verify_indices=False)
    finder = AssetFinder(engine)
    portal = DataPortal(
        finder,
        calendar,
        first_trading_day=days[0],
        equity_daily_reader=reader,
        last_available_session=days[-1],
    )
    return finder, portal
