"""The composition root: settings become concrete parts. Nothing else knows both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quant_core.data.action_events import action_rows
from quant_core.data.adjusted_views import adjusted_panel, is_adjusted, stored_adjustment
from quant_core.data.borrow_table import load_borrow_table
from quant_core.data.universe import Universe, load_members, load_universe
from quant_core.data.warehouse import Snapshot, Warehouse
from quant_core.foundation.errors import UsageError
from quant_core.foundation.panel import MarketPanel, carried_forward
from quant_core.foundation.settings import (
    DataSettings,
    ExecutionSettings,
    ImpactSettings,
    Settings,
)
from quant_core.foundation.types import FloatMatrix
from quant_core.market import Market, MarketFacts
from quant_core.numerics.rolling import delay, ts_mean, ts_std
from quant_core.risk.breakers import RiskRules
from quant_core.risk.margin import MarginRules
from quant_core.strategies import BaseStrategy, create_strategy
from quant_core.trading.actions import Action
from quant_core.trading.costs import commission_model
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.impact import ImpactModel, impact_model
from quant_core.trading.market_rules import ReferencePrices, limit_states, market_rules
from quant_core.trading_day import Brain

TURNOVER_SESSIONS = 20
"""Sessions over which the least turnover is a mean; one without a row counts as nothing traded."""

RAW = "raw"
"""The price basis whose names the ledger may close at their delisting."""


def open_snapshot(settings: Settings) -> Snapshot:
    """The newest complete version of the dataset that the settings name."""
    return Warehouse(Path(settings.data.root)).open(settings.data.dataset)


def build_brain(settings: Settings, snapshot: Snapshot) -> Brain:
    """Strategy, execution, risk and margin rules of a run on ``snapshot``.

    A dataset that has no volume at all has no limit on volume.
    """
    risk, short = settings.strategy.risk, settings.short
    return Brain(
        strategy=create_strategy(settings.strategy),
        execution=_execution_rules(settings.execution, has_volume="volume" in snapshot.fields),
        risk=RiskRules(
            max_pos_weight=risk.max_pos_weight,
            stop_loss_pct=risk.stop_loss_pct,
            max_drawdown_pct=risk.max_drawdown_pct,
            breaker_cooldown=risk.breaker_cooldown,
        ),
        margin=MarginRules(
            allowed=short.allowed,
            initial=short.initial_margin,
            maintenance=short.maintenance_margin,
            max_gross=short.max_gross,
            max_net=short.max_net,
            debit_rate=short.debit_rate,
        ),
    )


def _execution_rules(execution: ExecutionSettings, *, has_volume: bool) -> ExecutionRules:
    fees, impact = execution.commission, execution.impact
    return ExecutionRules(
        cash_buffer=execution.cash_buffer,
        slippage=execution.slippage,
        lot=execution.lot,
        participation_cap=execution.participation_cap if has_volume else None,
        delisting_return=execution.delisting_return,
        commission=commission_model(fees.model, fees.rate, fees.minimum, fees.per_share, fees.cap),
        impact=_impact_model(impact),
        sells_next_session=market_rules(execution.market_rules).settlement_sessions > 0,
    )


def _impact_model(impact: ImpactSettings) -> ImpactModel | None:
    if impact.model == "none":
        return None
    return impact_model(impact.model, impact.spread, impact.coefficient)


def build_universe(settings: Settings, snapshot: Snapshot) -> Universe | None:
    """The point-in-time universe of the settings; None means the whole dataset."""
    if settings.data.universe is None:
        return None
    return load_universe(Path(settings.data.universe), snapshot.axes)


def build_panel(
    settings: DataSettings, snapshot: Snapshot, universe: Universe | None
) -> MarketPanel:
    """Prices, volume and membership of the snapshot; a volume it lacks is NaN throughout.

    A name below the least price or turnover of the settings is no member: it may be held
    and sold, not bought.

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
    close, volume = snapshot.panel("close"), snapshot.panel("volume")
    if settings.minimum_price is not None:
        member = member & (close >= settings.minimum_price)
    if settings.minimum_turnover is not None:
        turnover = ts_mean(np.nan_to_num(close * volume), TURNOVER_SESSIONS)
        member = member & (turnover >= settings.minimum_turnover)
    return MarketPanel(
        axes=snapshot.axes,
        open=snapshot.panel("open"),
        close=close,
        volume=volume,
        member=member,
        adjusted_close=adjusted_panel(snapshot, "close") if is_adjusted(snapshot) else None,
    )


def build_market(
    settings: Settings,
    snapshot: Snapshot,
    panel: MarketPanel,
    factors: Mapping[str, FloatMatrix],
) -> Market:
    """The market of a run: prices, factors, and the facts that the settings ask for."""
    return Market(panel, factors, build_facts(settings, snapshot, panel))


def build_facts(settings: Settings, snapshot: Snapshot, panel: MarketPanel) -> MarketFacts:
    """What the ledger knows of the market beside its panel."""
    execution, short = settings.execution, settings.short
    price = _execution_price(execution.price, snapshot, panel)
    volatility, average_volume = None, None
    model = _impact_model(execution.impact)
    if model is not None and model.needs_market_facts:
        volatility, average_volume = _impact_inputs(snapshot, panel, execution.impact.sessions)
    borrow = None
    if short.allowed and short.borrow_table is not None:
        borrow = load_borrow_table(Path(short.borrow_table), panel.axes).rate
    return MarketFacts(
        delistings=delisting_rows(snapshot),
        actions=_actions(snapshot),
        price=price,
        locked=_limit_states(execution, snapshot, panel, price),
        volatility=volatility,
        average_volume=average_volume,
        borrow=borrow,
        borrow_rate=short.borrow_rate,
    )


def _execution_price(name: str, snapshot: Snapshot, panel: MarketPanel) -> FloatMatrix | None:
    """The price orders meet; None = the open."""
    match name:
        case "open":
            return None
        case "close":
            return panel.close
        case _ if "vwap" in snapshot.fields:
            return snapshot.panel("vwap")
        case _:
            return (snapshot.panel("high") + snapshot.panel("low") + panel.close) / 3


def _actions(snapshot: Snapshot) -> Mapping[int, tuple[Action, ...]]:
    """Corporate actions for the ledger, which trades raw prices only."""
    if snapshot.facts.price_basis != RAW:
        return {}
    return action_rows(snapshot.actions(), snapshot.axes)


def _impact_inputs(
    snapshot: Snapshot, panel: MarketPanel, sessions: int
) -> tuple[FloatMatrix, FloatMatrix]:
    """Daily volatility and average volume in shares of the session, both over ``sessions``.

    From adjusted closes and volumes, so that a split is no return and no change of volume.
    """
    closes = panel.close_for_returns
    volatility = ts_std(closes / delay(closes, 1) - 1, sessions)
    volume = ts_mean(adjusted_panel(snapshot, "volume"), sessions)
    if is_adjusted(snapshot):
        volume = volume * stored_adjustment(snapshot).shares
    return volatility, volume


def _limit_states(
    execution: ExecutionSettings, snapshot: Snapshot, panel: MarketPanel, price: FloatMatrix | None
) -> NDArray[np.int8] | None:
    """Where prices stand at the limits of their market; None where it has none."""
    rules = market_rules(execution.market_rules)
    if not rules.boards:
        return None
    special = None
    if execution.special_treatment is not None:
        file = Path(execution.special_treatment)
        special = load_members(file, panel.axes, "execution.special_treatment")
    raw = snapshot.facts.price_basis == RAW
    previous = None
    if panel.adjusted_close is not None:
        carried = carried_forward(panel.adjusted_close)
        previous = np.full(carried.shape, np.nan)
        previous[1:] = carried[:-1] / stored_adjustment(snapshot).price[1:]
    reference = ReferencePrices(panel.close, exact_ticks=raw, previous_close=previous)
    met = panel.open if price is None else price
    return limit_states(rules, panel.axes, met, reference, special)


def delisting_rows(snapshot: Snapshot) -> dict[str, int]:
    """Row of the last session of every delisted name; empty unless prices are raw."""
    if snapshot.facts.price_basis != RAW:
        return {}
    table = snapshot.symbol_table().drop_nulls("delisted")
    if snapshot.has_actions:  # a name that is renamed lives on
        actions = snapshot.actions()
        goes_on = actions["successor"].is_in(list(snapshot.axes.symbols))
        table = table.filter(~table["symbol"].is_in(actions.filter(goes_on)["symbol"].implode()))
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
