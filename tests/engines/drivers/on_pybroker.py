"""pybroker: one function call a bar and name; decimal money."""

from __future__ import annotations

import numpy as np

from tests.engines.exchange import Case, Outcome, fills_of


def run(case: Case) -> Outcome:
    """The case on pybroker; fill prices and results are not rounded to the cent."""
    import pybroker
    from pybroker import FeeMode, PriceType, Strategy, StrategyConfig

    pybroker.disable_logging()
    pybroker.disable_progress_bar()
    names = case.symbols.tolist()
    row_of = {day: row for row, day in enumerate(case.sessions.astype("datetime64[ns]"))}

    def decide(contexts) -> None:
        anyone = next(iter(contexts.values()))
        row = row_of[np.datetime64(anyone.dt, "ns")]
        number = case.number_of(row + 1)
        if number is None:
            return
        held = np.zeros(len(names), dtype=np.int64)
        for position in anyone.long_positions():
            held[names.index(position.symbol)] = int(position.shares)
        trades = case.trades(number, float(anyone.total_equity), held)
        for rank, (column, shares) in enumerate(trades):
            context = contexts[names[column]]
            context.score = -rank
            if shares > 0:
                context.buy_shares, context.buy_fill_price = shares, PriceType.OPEN
            else:
                context.sell_shares, context.sell_fill_price = -shares, PriceType.OPEN

    config = StrategyConfig(
        initial_cash=case.capital,
        fee_mode=FeeMode.ORDER_PERCENT if case.rate else None,
        fee_amount=case.rate * 100,
        round_fill_price=False,
        round_test_result=False,
        bootstrap_samples=1,
    )
    strategy = Strategy(_table(case), *_span(case), config)
    strategy.set_before_exec(decide)
    strategy.add_execution(None, names)
    result = strategy.backtest(calc_bootstrap=False)
    return _outcome(case, result, row_of)


def _span(case: Case) -> tuple[str, str]:
    return str(case.sessions[0]), str(case.sessions[-1])


def _table(case: Case):
    """The long table of bars that pybroker reads."""
    import pandas as pd

    rows, columns = case.closes.shape
    return pd.DataFrame(
        {
            "symbol": np.repeat(case.symbols, rows),
            "date": np.tile(case.sessions.astype("datetime64[ns]"), columns),
            "open": case.opens.T.ravel(),
            "high": np.maximum(case.opens, case.closes).T.ravel(),
            "low": np.minimum(case.opens, case.closes).T.ravel(),
            "close": case.closes.T.ravel(),
            "volume": case.volume.T.ravel(),
        }
    )


def _outcome(case: Case, result, row_of) -> Outcome:
    equity = result.portfolio["equity"].astype(float)
    days = equity.index.to_numpy().astype("datetime64[ns]")
    values = np.full(len(case.sessions), np.nan)
    values[[row_of[day] for day in days]] = equity.to_numpy()
    column = {name: i for i, name in enumerate(case.symbols.tolist())}
    fills = [
        (
            row_of[np.datetime64(order.date, "ns")],
            column[order.symbol],
            int(order.shares) * (1 if order.type == "buy" else -1),
            float(order.fill_price),
        )
        for order in result.orders.itertuples()
    ]
    return Outcome("pybroker", "", values[1:], **fills_of(fills))
