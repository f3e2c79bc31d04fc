"""bt: a tree of weights that trades at the price of its bar.

bt knows one price a bar. Each session becomes two bars, its open and its close, so that orders
trade at one and the book is marked at the other.
"""

from __future__ import annotations

import numpy as np

from tests.engines.exchange import Case, Outcome, fills_of

OPEN = np.timedelta64(570, "m")
CLOSE = np.timedelta64(960, "m")


def run(case: Case) -> Outcome:
    """The case on bt."""
    import bt
    import pandas as pd

    rows, names = len(case.sessions), case.symbols.tolist()
    days = case.sessions.astype("datetime64[m]")
    stamps = np.stack([days + OPEN, days + CLOSE], axis=1).ravel()
    prices = np.stack([case.opens, case.closes], axis=1).reshape(2 * rows, len(names))
    frame = pd.DataFrame(prices, index=pd.DatetimeIndex(stamps), columns=names)
    algos = _native(case, frame, bt) if case.sizing == "native" else [_Orders(case, frame.index)]
    strategy = bt.Strategy("case", algos, children=names)
    test = bt.Backtest(
        strategy,
        frame,
        initial_capital=case.capital,
        commissions=lambda shares, price: abs(shares) * price * case.rate,
        integer_positions=True,
        progress_bar=False,
    )
    test.run()
    values = test.strategy.values.reindex(frame.index)
    place = {stamp: i for i, stamp in enumerate(frame.index)}
    column = {name: i for i, name in enumerate(names)}
    traded = test.strategy.get_transactions().reset_index()
    traded = traded.itertuples(index=False, name=None)
    fills = [
        (place[day] // 2, column[name], round(shares), float(price))
        for day, name, price, shares in traded
    ]
    return Outcome("bt", "", values.to_numpy()[1::2][1:], **fills_of(fills))


def _native(case, frame, bt):
    """bt's own rebalancing: sized at the price and the equity of the bar it trades on."""
    import pandas as pd

    dates = frame.index[case.rows * 2]
    weights = pd.DataFrame(case.weights * (1 - case.buffer), index=dates, columns=frame.columns)
    algos = bt.algos
    return [
        algos.RunOnDate(*dates),
        algos.SelectAll(),
        algos.WeighTarget(weights),
        algos.Rebalance(),
    ]


class _Orders:
    """Trades whole orders at the open; decides them at the close before it."""

    name = "orders"
    run_always = True

    def __init__(self, case: Case, stamps) -> None:
        self._case = case
        self._place = {stamp: i for i, stamp in enumerate(stamps)}
        self._trades: list[tuple[int, int]] = []

    def __call__(self, target) -> bool:
        place = self._place.get(target.now)
        if place is None:
            return True
        row, at_close = divmod(place, 2)
        number = self._case.number_of(row + at_close)
        if number is None:
            return True
        names = self._case.symbols.tolist()
        if at_close:
            held = [_position(target, name) for name in names]
            self._trades = self._case.trades(number, target.value, np.array(held))
        else:
            for column, shares in self._trades:
                target.transact(shares, child=names[column], update=False)
            target.root.stale = True
        return True


def _position(target, name: str) -> float:
    """Shares held; bt makes a child when it first trades."""
    return target.children[name].position if name in target.children else 0.0
