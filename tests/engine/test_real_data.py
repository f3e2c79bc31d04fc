"""The S&P 500 run, decided and traded again from the raw file by pandas and the reference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from config import load_settings
from quant_core.jobs import backtest_command, sync_command
from quant_core.jobs.command_line import run_command
from tests.engine.reference import Rules, simulate
from tests.shared_data import SHARED, needs_shared

SP500 = SHARED / "us_sp500_daily_2013_2018" / "ohlcv.parquet"
WEIGHTS = {"momentum_20": 0.6, "volatility_20": -0.4}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    root = tmp_path_factory.mktemp("warehouse")
    arguments = ["--source", "file", "--path", str(SP500), "--dataset", "sp500", "--json"]
    assert (
        run_command(sync_command.COMMAND, [*arguments, "--set", f"data.root={root}"], load_settings)
        == 0
    )
    return root


@pytest.fixture(scope="module")
def prices():
    """Dense pandas tables, from the file alone; the row the gate refuses is left out."""
    raw = pd.DataFrame(pl.read_parquet(SP500).to_dict(as_series=False))
    raw = raw[~(raw["high"] < raw["low"])]
    tables = {
        name: raw.pivot(index="date", columns="symbol", values=name)
        for name in ("open", "close", "volume")
    }
    return {name: table.sort_index(axis=1) for name, table in tables.items()}


def decisions(prices, top_k: int):
    """Weights by row, from the definition of the factors and of the strategy."""
    close = prices["close"]
    momentum = close / close.shift(20) - 1
    returns = close.pct_change(fill_method=None).to_numpy()
    volatility = np.full(returns.shape, np.nan)
    volatility[19:] = np.lib.stride_tricks.sliding_window_view(returns, 20, axis=0).std(
        axis=-1, ddof=1
    )
    tables = {"momentum_20": momentum.to_numpy(), "volatility_20": volatility}

    def weights_at(row: int) -> dict[int, float] | None:
        known = np.isfinite(close.to_numpy()[row]) & np.any(
            [np.isfinite(t[row]) for t in tables.values()], axis=0
        )
        if not known.any():
            return None
        score = pd.Series(0.0, index=np.flatnonzero(known))
        for name, weight in WEIGHTS.items():
            sample = pd.Series(tables[name][row][known], index=score.index)
            z = (sample - sample.mean()) / sample.std(ddof=1)
            score += z.fillna(0.0) * weight / sum(abs(w) for w in WEIGHTS.values())
        ranked = sorted(score.index, key=lambda symbol: (-score[symbol], symbol))[:top_k]
        return {symbol: 1 / len(ranked) for symbol in ranked}

    return weights_at


CASES = {
    "every 5, top 50": (["strategy.top_k=50", "rebalance.every=5"], Rules(), 50, 5),
    "every 7, top 10, stop, cap, no buffer": (
        [
            "strategy.top_k=10",
            "rebalance.every=7",
            "strategy.risk.stop_loss_pct=0.08",
            "strategy.risk.max_pos_weight=0.09",
            "execution.cash_buffer=0",
        ],
        Rules(cash_buffer=0.0, stop_loss_pct=0.08, max_pos_weight=0.09),
        10,
        7,
    ),
    "every 5, top 20, breaker": (
        [
            "strategy.top_k=20",
            "rebalance.every=5",
            "strategy.risk.max_drawdown_pct=0.07",
            "strategy.risk.breaker_cooldown=10",
        ],
        Rules(max_drawdown_pct=0.07, breaker_cooldown=10),
        20,
        5,
    ),
}


@needs_shared
@pytest.mark.parametrize("case", CASES)
def test_fills_and_equity_to_the_micro(case, warehouse, prices, tmp_path, capsys):
    overrides, rules, top_k, step = CASES[case]
    arguments = [
        "--dataset",
        "sp500",
        "--start",
        "2014-03-01",
        "--end",
        "2018-01-31",
        "--no-report",
    ]
    settings = [f"data.root={warehouse}", f"report.output={tmp_path}", *overrides]
    settings += ["strategy.linear.weights={momentum_20: 0.6, volatility_20: -0.4}"]
    for setting in settings:
        arguments += ["--set", setting]
    assert run_command(backtest_command.COMMAND, arguments, load_settings) == 0
    folder = next(tmp_path.iterdir())
    dates = [str(day) for day in prices["close"].index]
    first, last = dates.index("2014-03-03"), dates.index("2018-01-31")
    tables = {name: table.to_numpy().tolist() for name, table in prices.items()}
    everyone = np.ones(prices["close"].shape, dtype=bool).tolist()
    scheduled = [i % step == 0 for i in range(last - first + 1)]
    expected = simulate(
        tables["open"],
        tables["close"],
        tables["volume"],
        everyone,
        decisions(prices, top_k),
        scheduled,
        first,
        1_000_000.0,
        rules,
    )
    equity = pl.read_parquet(folder / "equity.parquet")
    fills = pl.read_parquet(folder / "fills.parquet")
    assert [micros(value) for value in equity["equity"]] == expected.equity
    assert [micros(value) for value in equity["cash"]] == expected.cash
    symbols = list(prices["close"].columns)
    found = [
        (str(day), symbol, side, shares, micros(price), micros(fee))
        for day, symbol, side, shares, price, fee in fills.select(
            "date", "symbol", "side", "shares", "fill_price", "commission"
        ).iter_rows()
    ]
    assert found == [
        (dates[t], symbols[s], side, shares, price, fee)
        for t, s, side, shares, price, fee in expected.fills
    ]
    assert len(found) > 1_000


def micros(amount) -> int:
    return int(amount * 1_000_000)
