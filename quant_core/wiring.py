"""The composition root: settings become concrete parts. Nothing else knows both."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from quant_core.data.universe import Universe, load_universe
from quant_core.data.warehouse import Snapshot, Warehouse
from quant_core.foundation.errors import UsageError
from quant_core.foundation.panel import MarketPanel
from quant_core.foundation.settings import Settings
from quant_core.risk.breakers import RiskRules
from quant_core.strategies import BaseStrategy, create_strategy
from quant_core.trading.costs import commission_model
from quant_core.trading.fills import ExecutionRules
from quant_core.trading_day import Brain

RAW = "raw"
"""The price basis whose names the ledger may close at their delisting."""


def open_snapshot(settings: Settings) -> Snapshot:
    """The newest complete version of the dataset that the settings name."""
    return Warehouse(Path(settings.data.root)).open(settings.data.dataset)


def build_brain(settings: Settings) -> Brain:
    """Strategy, execution rules and risk rules."""
    execution, risk = settings.execution, settings.strategy.risk
    commission = execution.commission
    return Brain(
        strategy=create_strategy(settings.strategy),
        execution=ExecutionRules(
            cash_buffer=execution.cash_buffer,
            slippage=execution.slippage,
            lot=execution.lot,
            participation_cap=execution.participation_cap,
            delisting_return=execution.delisting_return,
            commission=commission_model(commission.model, commission.rate, commission.minimum),
        ),
        risk=RiskRules(
            max_pos_weight=risk.max_pos_weight,
            stop_loss_pct=risk.stop_loss_pct,
            max_drawdown_pct=risk.max_drawdown_pct,
            breaker_cooldown=risk.breaker_cooldown,
        ),
    )


def build_universe(settings: Settings, snapshot: Snapshot) -> Universe | None:
    """The point-in-time universe of the settings; None means the whole dataset."""
    if settings.data.universe is None:
        return None
    return load_universe(Path(settings.data.universe), snapshot.axes)


def build_panel(snapshot: Snapshot, universe: Universe | None) -> MarketPanel:
    """Prices, volume and membership of the snapshot; a volume it lacks is NaN throughout.

    Raises
    ------
    UsageError
        If the dataset has no opens: nothing could be executed.
    """
    if "open" not in snapshot.fields:
        raise UsageError(
            "the dataset has no opens to execute at",
            expected="the field open in at least one row",
            found="only " + ", ".join(snapshot.fields),
            where=f"dataset {snapshot.dataset}",
            fix="sync prices with opens; --column open=NAME names a column of the file",
        )
    member = np.ones(snapshot.axes.shape, dtype=np.bool_) if universe is None else universe.member
    return MarketPanel(
        axes=snapshot.axes,
        open=snapshot.panel("open"),
        close=snapshot.panel("close"),
        volume=snapshot.panel("volume"),
        member=member,
    )


def delisting_rows(snapshot: Snapshot) -> dict[str, int]:
    """Row of the last session of every delisted name; empty unless prices are raw."""
    if snapshot.facts.price_basis != RAW:
        return {}
    table = snapshot.symbol_table().drop_nulls("delisted")
    days = table["delisted"].to_numpy().astype("datetime64[D]")
    rows = np.searchsorted(snapshot.axes.sessions, days)
    return dict(zip(table["symbol"].to_list(), rows.tolist(), strict=True))


def check_symbols(strategy: BaseStrategy, snapshot: Snapshot) -> None:
    """Refuse a strategy that names symbols the dataset does not have."""
    missing = [s for s in strategy.symbols if s not in set(snapshot.axes.symbols)]
    if missing:
        raise UsageError(
            "the strategy names symbols that the dataset does not have",
            expected=f"symbols of dataset {snapshot.dataset}",
            found=", ".join(missing),
            where=f"strategy.{strategy.settings.type}",
            fix="correct the list, or sync the missing symbols",
        )
