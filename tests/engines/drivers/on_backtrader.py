"""backtrader: one object a bar and name; market orders trade at the next open."""

from __future__ import annotations

import numpy as np

from tests.engines.exchange import Case, Outcome, fills_of


def run(case: Case) -> Outcome:
    """The case on backtrader, with its default broker and a commission by rate."""
    import backtrader as bt
    import pandas as pd

    column_of = {name: column for column, name in enumerate(case.symbols.tolist())}
    equity: list[float] = []
    fills: list[tuple[int, int, int, float]] = []

    class Orders(bt.Strategy):
        """Sends the orders of a rebalance at the close before it."""

        def next(self):
            row = len(self) - 1
            equity.append(self.broker.getvalue())
            number = case.number_of(row + 1)
            if number is None:
                return
            held = np.array([self.broker.getposition(data).size for data in self.datas])
            for column, shares in case.trades(number, equity[-1], held):
                trade = self.buy if shares > 0 else self.sell
                trade(data=self.datas[column], size=abs(shares))

        def notify_order(self, order):
            if order.status == order.Completed:
                done = order.executed
                column = column_of[order.data._name]
                fills.append((len(self) - 1, column, int(done.size), float(done.price)))

    cerebro = bt.Cerebro(stdstats=False)
    index = pd.DatetimeIndex(case.sessions.astype("datetime64[ns]"))
    for name, column in column_of.items():
        cerebro.adddata(bt.feeds.PandasData(dataname=_bars(case, column, index)), name=name)
    cerebro.addstrategy(Orders)
    cerebro.broker.setcash(case.capital)
    cerebro.broker.setcommission(commission=case.rate)
    cerebro.run()
    return Outcome("backtrader", "", np.array(equity[1:]), **fills_of(fills))


def _bars(case: Case, column: int, index):
    import pandas as pd

    opens, closes = case.opens[:, column], case.closes[:, column]
    return pd.DataFrame(
        {
            "open": opens,
            "high": np.maximum(opens, closes),
            "low": np.minimum(opens, closes),
            "close": closes,
            "volume": case.volume[:, column],
        },
        index=index,
    )
