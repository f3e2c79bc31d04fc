"""vectorbt: arrays of orders, simulated by a compiled loop over sessions and columns."""

from __future__ import annotations

import numpy as np

from tests.engines.exchange import Case, Outcome, fills_of


def run(case: Case) -> Outcome:
    """The case on vectorbt; every column shares one account."""
    import pandas as pd
    import vectorbt as vbt

    index, names = pd.DatetimeIndex(case.sessions.astype("datetime64[ns]")), case.symbols.tolist()
    size, sequence = _orders(case)
    kind = "targetpercent" if case.sizing == "native" else "amount"
    portfolio = vbt.Portfolio.from_orders(
        pd.DataFrame(case.closes, index=index, columns=names),
        size=size,
        size_type=kind,
        price=case.opens,
        val_price=-np.inf,
        fees=case.rate,
        size_granularity=1.0,
        direction="longonly",
        init_cash=case.capital,
        group_by=True,
        cash_sharing=True,
        call_seq=sequence,
        freq="1D",
    )
    records = portfolio.orders.values
    fills = [
        (int(row), int(column), int(size) if side == 0 else -int(size), float(price))
        for row, column, size, price, side in zip(
            records["idx"],
            records["col"],
            records["size"],
            records["price"],
            records["side"],
            strict=True,
        )
    ]
    return Outcome("vectorbt", "", portfolio.value().to_numpy()[1:], **fills_of(fills))


def _orders(case: Case) -> tuple[np.ndarray, object]:
    """Sizes [T, N], NaN where nothing is to be done, and the order of the columns in each row."""
    size = np.full(case.closes.shape, np.nan)
    if case.sizing == "native":
        size[case.rows] = case.weights * (1 - case.buffer)
        return size, "auto"
    sequence = np.tile(np.arange(size.shape[1]), (len(size), 1))
    for number, row in enumerate(case.rows):
        # What is held is not known before the run: "longonly" cuts sales to it.
        trades = case.trades(number, 0.0, np.full(size.shape[1], 2**40))
        first = [column for column, _ in trades]
        size[row, first] = [shares for _, shares in trades]
        others = np.setdiff1d(sequence[row], first)
        sequence[row] = np.concatenate([np.array(first, dtype=np.int64), others])
    return size, sequence
