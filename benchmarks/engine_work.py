"""What ``engines.py`` measures of other engines, in processes of their own environments.

    engine_work.py export ROOT DATASET FOLDER    prices, factors and a case out of a dataset
    engine_work.py bt FOLDER TOLD                the strategy on bt
    engine_work.py vectorbt FOLDER TOLD          the strategy on vectorbt

The other engines are given the prices and the stored factors as dense arrays, which is the
quickest form to load, and are used in the quickest way they have for the strategy. What a run ends
with is written to TOLD. ``export`` runs in the project's own environment, the others in theirs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

FACTORS = {"momentum_12_1": 0.6, "volatility_20": -0.4}
TOP, EVERY = 50, 5
BUFFER, RATE, SLIPPAGE, CAPITAL = 0.02, 0.001, 0.0005, 1_000_000.0


def export(root: str, dataset: str, folder: str) -> None:
    """Dense arrays of a dataset and of its stored factors, and the case of the slower engines."""
    from quant_core.data.factor_store import FactorStore
    from quant_core.data.warehouse import Warehouse
    from tests.engines.exchange import Case

    snapshot, target = Warehouse(Path(root)).open(dataset), Path(folder)
    store = FactorStore(snapshot)
    tables: dict[str, np.ndarray] = {}
    for entry in store.stored():
        values = store.get(entry.key)
        if values is not None and entry.key.name in FACTORS:
            tables[entry.key.name] = np.asarray(values)
    close, opened = snapshot.panel("close"), snapshot.panel("open")
    tables["known"] = close > 0
    tables["close"] = carried(close)
    tables["open"] = np.where(opened > 0, opened, tables["close"])
    for name, values in tables.items():
        np.save(target / f"{name}.npy", values)
    np.save(target / "sessions.npy", snapshot.axes.sessions)
    np.save(target / "symbols.npy", np.array(snapshot.axes.symbols))
    rows, chosen = selected(target)
    weights = np.zeros((len(rows), len(snapshot.axes.symbols)))
    for number, columns in enumerate(chosen):
        weights[number, columns] = 1 / len(columns)
    Case(
        snapshot.axes.sessions,
        np.array(snapshot.axes.symbols),
        tables["open"],
        tables["close"],
        np.full(close.shape, 1e6),
        rows,
        np.zeros(weights.shape, dtype=np.int64),
        weights,
        CAPITAL,
        RATE + SLIPPAGE,
        BUFFER,
        "weights",
    ).save(target / "case.npz")


def carried(values: np.ndarray) -> np.ndarray:
    """Gaps take the last value before them, leading ones the first after them."""
    rows = np.arange(len(values))[:, None]
    known = values > 0
    last = np.maximum.accumulate(np.where(known, rows, -1), axis=0)
    return np.take_along_axis(values, np.where(last < 0, known.argmax(axis=0), last), axis=0)


def selected(folder: Path) -> tuple[np.ndarray, list[np.ndarray]]:
    """Rows that rebalance and the columns chosen for each: the 50 highest scores.

    Score = weighted z-scores of the factors at the close before, missing ones 0, over the names
    with a close and at least one factor.
    """
    tables = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in FACTORS}
    known = np.load(folder / "known.npy", mmap_mode="r")
    rows: list[int] = []
    chosen: list[np.ndarray] = []
    total = sum(abs(weight) for weight in FACTORS.values())
    for row in range(1, len(known), EVERY):
        values = {name: np.asarray(table[row - 1]) for name, table in tables.items()}
        finite = {name: np.isfinite(one) for name, one in values.items()}
        eligible = np.flatnonzero(known[row - 1] & np.any(list(finite.values()), axis=0))
        if not len(eligible):
            continue
        score = np.zeros(len(eligible))
        for name, weight in FACTORS.items():
            sample = values[name][eligible]
            z = (sample - np.nanmean(sample)) / np.nanstd(sample, ddof=1) if len(sample) else sample
            score += np.nan_to_num(z) * weight / total
        rows.append(row)
        chosen.append(eligible[np.argsort(-score, kind="stable")[:TOP]])
    return np.array(rows), chosen


def on_bt(folder: Path) -> float:
    """bt on the opens alone: it knows one price a bar, so it marks the book at the open too."""
    import bt
    import pandas as pd

    symbols = np.load(folder / "symbols.npy").tolist()
    index = pd.DatetimeIndex(np.load(folder / "sessions.npy").astype("datetime64[ns]"))
    prices = pd.DataFrame(np.load(folder / "open.npy"), index=index, columns=symbols)
    rows, chosen = selected(folder)
    targets = {
        index[row]: {symbols[i]: (1 - BUFFER) / len(columns) for i in columns.tolist()}
        for row, columns in zip(rows.tolist(), chosen, strict=True)
    }

    class Chosen(bt.Algo):
        """The weights of the session, if it has any."""

        def __call__(self, target: bt.Strategy) -> bool:
            target.temp["weights"] = targets.get(target.now, {})
            return target.now in targets

    test = bt.Backtest(
        bt.Strategy("top", [Chosen(), bt.algos.Rebalance()]),
        prices,
        initial_capital=CAPITAL,
        commissions=lambda shares, price: abs(shares) * price * (RATE + SLIPPAGE),
        integer_positions=True,
        progress_bar=False,
    )
    test.run()
    return float(test.strategy.values.iloc[-1])


def on_vectorbt(folder: Path) -> float:
    """vectorbt with target percentages; the sequence is given, since it sorts all names a bar."""
    import pandas as pd
    import vectorbt as vbt

    close, opened = np.load(folder / "close.npy"), np.load(folder / "open.npy")
    index = pd.DatetimeIndex(np.load(folder / "sessions.npy").astype("datetime64[ns]"))
    size = np.full(close.shape, np.nan)
    sequence = np.tile(np.arange(close.shape[1]), (len(close), 1))
    before = np.zeros(0, dtype=np.int64)
    rows, chosen = selected(folder)
    for row, columns in zip(rows.tolist(), chosen, strict=True):
        leaving = np.setdiff1d(before, columns)
        size[row, leaving] = 0.0
        size[row, columns] = (1 - BUFFER) / len(columns)
        ordered = np.concatenate([leaving, np.intersect1d(before, columns)])
        ordered = np.concatenate([ordered, np.setdiff1d(columns, before)])
        rest = np.ones(close.shape[1], dtype=bool)
        rest[ordered] = False
        sequence[row] = np.concatenate([ordered, np.flatnonzero(rest)])
        before = columns
    portfolio = vbt.Portfolio.from_orders(
        pd.DataFrame(close, index=index),
        size=size,
        size_type="targetpercent",
        price=opened,
        val_price=-np.inf,
        fees=RATE,
        slippage=SLIPPAGE,
        size_granularity=1.0,
        init_cash=CAPITAL,
        group_by=True,
        cash_sharing=True,
        call_seq=sequence,
        freq="1D",
    )
    return float(portfolio.value().iloc[-1])


ENGINES: dict[str, Callable[[Path], float]] = {"bt": on_bt, "vectorbt": on_vectorbt}


def main(arguments: list[str]) -> None:
    """Do one of the works."""
    work, *rest = arguments
    if work == "export":
        export(*rest)
        return
    folder, told = rest
    equity = ENGINES[work](Path(folder))
    Path(told).write_text(json.dumps({"final_equity": equity}), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
