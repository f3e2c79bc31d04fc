"""The settings of a run: frozen models with a unit and bounds on every knob.

The names are the contract of the YAML files, of ``--set`` and of the environment. No
model holds a default for anything that changes a result: the values stand in
``config/base.yaml``. This module and :mod:`quant_core.foundation.settings_live` know
what settings mean; where they come from is the business of ``config``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, TypeAlias, cast

from pydantic import AfterValidator, Discriminator, SerializeAsAny, Tag
from pydantic_core import PydanticCustomError

from quant_core.foundation.settings_section import (
    Conflict,
    Name,
    Section,
    SessionDate,
    Text,
    knob,
)

LARGEST_CAPITAL = 1e11
"""A tenth of what a decimal(18,6) column holds (``foundation.money``): room to grow."""


def _ascending(days: tuple[date, ...]) -> tuple[date, ...]:
    if not days:
        raise PydanticCustomError("too_short", "no date")
    return tuple(sorted(set(days)))


class DataSettings(Section):
    """Which market data a run reads."""

    dataset: Name = knob("dataset of the warehouse")
    root: Text = knob("folder of the warehouse and of the live state")
    calendar: Text = knob("exchange calendar of a sync, such as XNYS or 24/7; stored with the data")
    universe: Text | None = knob("file of symbol, start, end, category; null = whole dataset")
    benchmark: Text | None = knob("symbol the run is compared with; null = equal weight")
    minimum_price: float | None = knob(
        "least close at T-1 of a name that may be bought; null = any", unit="currency units", gt=0
    )
    minimum_turnover: float | None = knob(
        "least value traded a session, mean of the 20 up to T-1, of a name that may be bought; "
        "null = any",
        unit="currency units",
        gt=0,
    )


class RiskSettings(Section):
    """Risk rules, seen at every close and executed at the next open; null = off."""

    max_pos_weight: float | None = knob("cap on one weight", unit="fraction of equity", gt=0, le=1)
    stop_loss_pct: float | None = knob(
        "loss against the average cost that closes a position", unit="fraction", gt=0, le=1
    )
    max_drawdown_pct: float | None = knob(
        "loss from the peak of equity that empties the book", unit="fraction", gt=0, le=1
    )
    breaker_cooldown: int | None = knob(
        "sessions the book stays empty after that; null = to the end", unit="sessions", ge=0
    )


class StrategySettings(Section):
    """The strategy; ``options`` holds the section under ``strategy.<type>``."""

    name: Text = knob("label of this strategy in orders and results")
    type: Text = knob("registered name of the strategy")
    top_k: int = knob("names to hold", unit="names", ge=1)
    risk: RiskSettings
    options: SerializeAsAny[Section] = knob("settings of the strategy type")


class Every(Section):
    """Rebalance on the 1st, N+1-th, 2N+1-th ... session of the run."""

    every: int = knob("distance of two rebalances", unit="sessions", ge=1)


class Dates(Section):
    """Rebalance on the dates of a list; ascending, without repetition."""

    dates: Annotated[tuple[SessionDate, ...], AfterValidator(_ascending)] = knob(
        "dates of the rebalances"
    )


def _rebalance_kind(value: object) -> str | None:
    """Which kind of schedule ``value`` means to be; None = none of them, or two at once."""
    if isinstance(value, str):
        return "<word>"
    if isinstance(value, Mapping) and "every" in value and "dates" in value:
        return None
    if isinstance(value, Every) or (isinstance(value, Mapping) and "every" in value):
        return "<every>"
    if isinstance(value, Dates) or (isinstance(value, Mapping) and "dates" in value):
        return "<dates>"
    return None


Rebalance: TypeAlias = Annotated[
    Annotated[Literal["monthly", "weekly"], Tag("<word>")]
    | Annotated[Every, Tag("<every>")]
    | Annotated[Dates, Tag("<dates>")],
    Discriminator(_rebalance_kind),
]


class CommissionSettings(Section):
    """What the broker takes for an order."""

    model: Literal[
        "none",
        "bps",
        "per_share",
        "ibkr_fixed",
        "ibkr_fixed_regulatory",
        "ibkr_tiered",
        "cn_ashare",
    ] = knob("schedule of the commission")
    rate: float = knob("commission of the bps model", unit="fraction of the notional", ge=0, lt=1)
    per_share: float = knob("commission of per_share", unit="currency units a share", ge=0)
    minimum: float = knob("least commission of bps and per_share", unit="currency units", ge=0)
    cap: float | None = knob(
        "largest commission of per_share; null = none", unit="fraction of the notional", gt=0
    )


class ImpactSettings(Section):
    """How far an order moves its own price."""

    model: Literal["none", "half_spread", "square_root", "almgren"] = knob("model of the impact")
    spread: float = knob("quoted spread, half of it is paid", unit="fraction", ge=0, lt=1)
    coefficient: float = knob("factor of the square-root model", unit="volatilities", ge=0)
    sessions: int = knob("sessions that volatility and average volume are taken over", ge=2)


class ExecutionSettings(Section):
    """How targets become orders and fills."""

    cash_buffer: float = knob("share never invested", unit="fraction of equity", ge=0, lt=1)
    slippage: float = knob("distance from the open", unit="fraction of the price", ge=0, lt=1)
    price: Literal["open", "close", "vwap"] = knob("price of the session that orders meet")
    lot: int = knob("orders are multiples of it", unit="shares", ge=1)
    participation_cap: float | None = knob(
        "largest share of the volume of a session that a fill takes, where the dataset has "
        "volume; null = off",
        unit="fraction of the volume",
        gt=0,
        le=1,
    )
    delisting_return: float = knob(
        "return booked on the last close of a delisted name", unit="fraction", ge=-1
    )
    market_rules: Literal["none", "cn_ashare"] = knob("price limits and settlement of the market")
    special_treatment: Text | None = knob(
        "file of symbol, start, end: names under special treatment (ST), which have limits of "
        "their own; null = none"
    )
    impact: ImpactSettings
    commission: CommissionSettings

    def conflicts(self) -> Iterator[Conflict]:
        """Special treatment means something only where there are price limits."""
        if self.special_treatment is not None and self.market_rules == "none":
            yield Conflict(
                "names are under special treatment in a market without price limits",
                keys=("market_rules", "special_treatment"),
                expected="execution.market_rules: cn_ashare, or no execution.special_treatment",
                found=f"market_rules none, special_treatment {self.special_treatment}",
                fix="set execution.market_rules=cn_ashare, or execution.special_treatment=null",
            )


class ShortSettings(Section):
    """What a long-short book may do and what it pays; a long-only run ignores it."""

    allowed: bool = knob("whether anything may be sold short")
    initial_margin: float = knob(
        "equity needed to open positions", unit="fraction of gross exposure", gt=0, le=1
    )
    maintenance_margin: float = knob(
        "equity below which the book is closed", unit="fraction of gross exposure", ge=0, le=1
    )
    max_gross: float = knob("largest sum of absolute weights", unit="times equity", gt=0)
    max_net: float = knob("largest absolute sum of weights", unit="times equity", ge=0)
    borrow_rate: float = knob("fee where there is no table", unit="fraction per year", ge=0)
    borrow_table: Text | None = knob("file of symbol, start, end, rate: what can be borrowed")
    debit_rate: float = knob("interest on borrowed cash", unit="fraction per year", ge=0)

    def conflicts(self) -> Iterator[Conflict]:
        """Keeping a position cannot need more equity than opening it."""
        if self.maintenance_margin > self.initial_margin:
            yield Conflict(
                "the maintenance margin is above the initial margin",
                keys=("initial_margin", "maintenance_margin"),
                expected="short.maintenance_margin of at most short.initial_margin",
                found=f"initial {self.initial_margin:g}, maintenance {self.maintenance_margin:g}",
                fix="lower the one or raise the other",
            )


class BacktestSettings(Section):
    """The window and the starting cash of a backtest."""

    start: SessionDate | None = knob("first session; null = the first with data")
    end: SessionDate | None = knob("last session; null = the last with data")
    capital: float = knob("cash at the start", unit="currency units", ge=1, le=LARGEST_CAPITAL)
    risk_free_rate: float = knob(
        "rate that ratios are measured against", unit="fraction per year", gt=-1
    )

    def conflicts(self) -> Iterator[Conflict]:
        """The start must not come after the end."""
        if self.start is not None and self.end is not None and self.start > self.end:
            yield Conflict(
                "the backtest starts after its end",
                keys=("start", "end"),
                expected="backtest.start on or before backtest.end",
                found=f"start {self.start}, end {self.end}",
                fix="exchange the two dates or correct one of them",
            )


class ReportSettings(Section):
    """What a run writes besides its numbers."""

    html: bool = knob("write report.html")
    output: Text = knob("folder of the results")


class Settings(Section):
    """Everything a backtest needs to know."""

    data: DataSettings
    strategy: StrategySettings
    rebalance: Rebalance = knob("when the target may change", whole=True)
    execution: ExecutionSettings
    short: ShortSettings
    backtest: BacktestSettings
    report: ReportSettings
    factors: Mapping[str, Text] = knob("the user's own factors: a text of the factor language each")
    random_seed: int = knob("seed of bootstrap intervals", ge=0, le=2**32 - 1)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Validated settings, and the whole effective configuration as text.

    ``effective_yaml`` has the keys in the order of the models, every secret masked, and
    can be read again as a configuration.
    """

    settings: Settings
    effective_yaml: str


def settings_tree(settings: Settings) -> dict[str, object]:
    """The settings as plain values under the names of the YAML files, secrets masked.

    Examples
    --------
    >>> settings_tree(Settings.model_construct(strategy=StrategySettings.model_construct(
    ...     type="linear", options=Every(every=5))))
    {'strategy': {'type': 'linear', 'linear': {'every': 5}}}
    """
    tree: dict[str, object] = settings.model_dump(mode="json", warnings=False)
    strategy = cast("dict[str, object]", tree["strategy"])
    options = strategy.pop("options")
    strategy[settings.strategy.type] = options
    return tree


def result_key(settings: Settings) -> str:
    """Canonical JSON of all that changes a result: equal keys, equal results.

    Left out are ``report``, ``data.root`` and the sections of the live mode.
    """
    tree = {key: value for key, value in settings_tree(settings).items() if key in _RESULT_KEYS}
    data = cast("dict[str, object]", tree["data"])
    tree["data"] = {key: value for key, value in data.items() if key != "root"}
    return json.dumps(
        tree, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


_RESULT_KEYS = frozenset(Settings.model_fields) - {"report"}
