"""Runs on real prices, decided and traded again from the raw file by pandas and the reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from config import load_settings
from quant_core.jobs import backtest_command, sync_command
from quant_core.jobs.command_line import run_command
from tests.engine.reference import Rules, simulate
from tests.shared_data import SHARED, needs_shared

WEIGHTS = {"momentum_20": 0.6, "volatility_20": -0.4}


@dataclass
class Market:
    """A file of prices, and how it is synced."""

    path: Path
    calendar: str
    root: Path | None = None
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


MARKETS = {
    "us": Market(SHARED / "us_sp500_daily_2013_2018" / "ohlcv.parquet", "XNYS"),
    "cn": Market(SHARED / "cn_ashare_daily_2014_2023" / "ohlcv_qfq.parquet", "XSHG"),
}


@pytest.fixture(scope="module")
def market_of(tmp_path_factory):
    """Sync a market once, and pivot its file by pandas alone."""

    def prepared(name: str) -> Market:
        market = MARKETS[name]
        if market.root is None:
            market.root = tmp_path_factory.mktemp(name)
            arguments = ["--source", "file", "--path", str(market.path), "--dataset", name]
            arguments += ["--calendar", market.calendar, "--json"]
            arguments += ["--set", f"data.root={market.root}"]
            assert run_command(sync_command.COMMAND, arguments, load_settings) == 0
            market.tables = pivoted(market.path)
        return market

    yield prepared
    for market in MARKETS.values():
        market.root, market.tables = None, {}


def pivoted(path: Path) -> dict[str, pd.DataFrame]:
    """Dense tables; the one kind of row the gate refuses in these files is left out."""
    raw = pd.DataFrame(pl.read_parquet(path).to_dict(as_series=False))
    raw = raw.rename(columns={"volume_lots": "volume"})
    raw = raw[~(raw["high"] < raw["low"])]
    return {
        name: raw.pivot(index="date", columns="symbol", values=name).sort_index(axis=1)
        for name in ("open", "close", "volume")
    }


def decisions(close: pd.DataFrame, top_k: int):
    """Weights by row, from the definition of the factors and of the strategy."""
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


def every(step: int):
    return lambda dates: [i % step == 0 for i in range(len(dates))]


def monthly(dates: list[str]) -> list[bool]:
    return [i == 0 or day[:7] != dates[i - 1][:7] for i, day in enumerate(dates)]


def weekly(dates: list[str]) -> list[bool]:
    weeks = [pd.Timestamp(day).isocalendar()[:2] for day in dates]
    return [i == 0 or week != weeks[i - 1] for i, week in enumerate(weeks)]


@dataclass
class Case:
    """A run: where, when, the settings beyond the defaults, and what they mean."""

    market: str
    span: tuple[str, str]
    top_k: int
    overrides: dict[str, object]
    rules: Rules
    schedule: object
    first_session: str


CASES = {
    "every 5, top 50": Case(
        "us",
        ("2014-03-01", "2018-01-31"),
        50,
        {"rebalance.every": 5},
        Rules(),
        every(5),
        "2014-03-03",
    ),
    "every 7, top 10, stop, cap, no buffer": Case(
        "us",
        ("2014-03-01", "2018-01-31"),
        10,
        {
            "rebalance.every": 7,
            "strategy.risk.stop_loss_pct": 0.08,
            "strategy.risk.max_pos_weight": 0.09,
            "execution.cash_buffer": 0,
        },
        Rules(cash_buffer=0.0, stop_loss_pct=0.08, max_pos_weight=0.09),
        every(7),
        "2014-03-03",
    ),
    "weekly, top 20, breaker": Case(
        "us",
        ("2014-03-01", "2018-01-31"),
        20,
        {
            "rebalance": "weekly",
            "strategy.risk.max_drawdown_pct": 0.07,
            "strategy.risk.breaker_cooldown": 10,
        },
        Rules(max_drawdown_pct=0.07, breaker_cooldown=10),
        weekly,
        "2014-03-03",
    ),
    "monthly from a holiday, minimum fee, participation": Case(
        "us",
        ("2016-01-01", "2018-01-31"),
        30,
        {
            "rebalance": "monthly",
            "execution.commission.minimum": 2.5,
            "execution.participation_cap": 0.00002,
        },
        Rules(minimum=2.5, participation_cap=0.00002),
        monthly,
        "2016-01-04",
    ),
    "A-shares in lots of 100": Case(
        "cn",
        ("2015-01-01", "2022-12-31"),
        15,
        {"rebalance": "monthly", "execution.lot": 100, "execution.slippage": 0.001},
        Rules(lot=100, slippage=0.001),
        monthly,
        "2015-01-05",
    ),
}


@needs_shared
@pytest.mark.parametrize("name", CASES)
def test_fills_and_equity_to_the_micro(name, market_of, tmp_path):
    case = CASES[name]
    market = market_of(case.market)
    folder = run_case(case, market, tmp_path)
    dates = [str(day) for day in market.tables["close"].index]
    first = dates.index(case.first_session)
    last = max(i for i, day in enumerate(dates) if day <= case.span[1])
    lists = {field: table.to_numpy().tolist() for field, table in market.tables.items()}
    expected = simulate(
        lists["open"],
        lists["close"],
        lists["volume"],
        np.ones(market.tables["close"].shape, dtype=bool).tolist(),
        decisions(market.tables["close"], case.top_k),
        case.schedule(dates[first : last + 1]),
        first,
        1_000_000.0,
        case.rules,
    )
    equity = pl.read_parquet(folder / "equity.parquet")
    assert [str(day) for day in equity["date"]] == dates[first : last + 1]
    assert [micros(value) for value in equity["equity"]] == expected.equity
    assert [micros(value) for value in equity["cash"]] == expected.cash
    symbols = list(market.tables["close"].columns)
    found = fills_of(folder)
    assert found == [
        (dates[t], symbols[s], side, shares, price, fee)
        for t, s, side, shares, price, fee in expected.fills
    ]
    assert len(found) > 300


def run_case(case: Case, market: Market, output: Path) -> Path:
    """Run the command of the case; returns its folder of results."""
    settings = {
        "execution.participation_cap": "null",
        "data.root": market.root,
        "report.output": output,
        "strategy.top_k": case.top_k,
        "strategy.linear.weights": "{momentum_20: 0.6, volatility_20: -0.4}",
        **case.overrides,
    }
    arguments = ["--dataset", case.market, "--start", case.span[0], "--end", case.span[1]]
    arguments.append("--no-report")
    for key, value in settings.items():
        arguments += ["--set", f"{key}={value}"]
    assert run_command(backtest_command.COMMAND, arguments, load_settings) == 0
    return next(output.iterdir())


def fills_of(folder: Path) -> list[tuple[str, str, str, int, int, int]]:
    columns = ("date", "symbol", "side", "shares", "fill_price", "commission")
    fills = pl.read_parquet(folder / "fills.parquet").select(columns)
    return [
        (str(day), symbol, side, shares, micros(price), micros(fee))
        for day, symbol, side, shares, price, fee in fills.iter_rows()
    ]


def micros(amount) -> int:
    return int(amount * 1_000_000)
