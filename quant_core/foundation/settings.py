"""The settings of a run: frozen models with a unit and bounds on every knob.

The names are the contract of the YAML files, of ``--set`` and of the environment. No
model holds a default for anything that changes a result: the values stand in
``config/base.yaml``. This module and :mod:`quant_core.foundation.settings_live` know
what settings mean; where they come from is the business of ``config``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal, TypeAlias, TypedDict, TypeVar, Unpack, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    SecretStr,
    SerializeAsAny,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

Value = TypeVar("Value")
SectionKind = TypeVar("SectionKind", bound="Section")

MASK = "***"
"""What stands in every text in the place of a secret."""

LARGEST_CAPITAL = 1e11
"""A tenth of what a decimal(18,6) column holds (``foundation.money``): room to grow."""


class Bounds(TypedDict, total=False):
    """Limits of a number: ``gt`` above, ``ge`` at least, ``lt`` below, ``le`` at most."""

    gt: float
    ge: float
    lt: float
    le: float


def knob(
    description: str, *, unit: str = "", whole: bool = False, **bounds: Unpack[Bounds]
) -> Value:  # pyright: ignore[reportInvalidTypeVarUse]  the annotation of the field decides it
    """Declare a field of a :class:`Section`; the field stays required.

    Parameters
    ----------
    description : str
        Meaning in a few words; it appears in error messages and forms.
    unit : str
        Unit of the number, empty where there is none.
    whole : bool
        True for a value that a later file replaces as a whole instead of merging key by
        key, such as a mapping of factor weights.
    **bounds
        ``gt``, ``ge``, ``lt``, ``le``.

    Examples
    --------
    >>> class Momentum(Section):
    ...     look_back: int = knob("window of the return", unit="sessions", ge=1)
    >>> Momentum(look_back=20).look_back
    20
    """
    extra = {"unit": unit, "whole": whole}
    return cast("Value", Field(description=description, json_schema_extra={**extra}, **bounds))


@dataclass(frozen=True, slots=True)
class Conflict:
    """Values that are right one by one and contradict each other."""

    problem: str
    keys: tuple[str, ...]
    expected: str
    found: str
    fix: str = ""


class Section(BaseModel):
    """Base of every group of settings, those of a strategy included.

    Frozen; unknown keys, NaN and infinities are refused; a whole number may stand where a
    number is expected, a text may not. Sequences reach a section as tuples and the
    entries of a mapping in ascending order of their keys, so that the order of writing
    cannot change a sum: declare ``Sequence[X]`` or ``tuple[X, ...]``, and ``Mapping``.

    Examples
    --------
    >>> class Trend(Section):
    ...     sessions: int = knob("length of the average", unit="sessions", ge=1)
    >>> read_section(Trend, {"sessions": 0, "speed": 2.0})[1]
    Refusal(kind='unknown', path=('speed',), conflicts=())
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,  # the whole is built once, not each part and then the whole
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Contradictions between the fields; a section with any is refused."""
        return iter(())

    @model_validator(mode="after")
    def _without_conflicts(self) -> Section:
        found = tuple(self.conflicts())
        if found:
            raise PydanticCustomError("conflict", "{problem}", _conflict_context(found))
        return self


def _conflict_context(found: tuple[Conflict, ...]) -> dict[str, object]:
    return {"problem": "; ".join(c.problem for c in found), "conflicts": found}


def _date_of(value: object) -> object:
    """A date from its ISO text; anything else is left for the strict check to refuse."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    # A datetime is a date to Python; a session is never an instant.
    return str(value) if isinstance(value, datetime) else value


def _ascending(days: tuple[date, ...]) -> tuple[date, ...]:
    if not days:
        raise PydanticCustomError("too_short", "no date")
    return tuple(sorted(set(days)))


def _mask(_: SecretStr) -> str:
    return MASK


SessionDate: TypeAlias = Annotated[date, BeforeValidator(_date_of)]
"""An exchange-local date, written ``2018-01-31``."""

Text: TypeAlias = Annotated[str, Field(min_length=1)]
"""A text that is not empty."""

Name: TypeAlias = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
"""A text that can be the name of a folder: letters, digits, ``_``, ``-`` and ``.``."""

Secret: TypeAlias = Annotated[SecretStr, PlainSerializer(_mask, return_type=str)]
"""A text that appears in no message, file or representation."""


class DataSettings(Section):
    """Which market data a run reads."""

    dataset: Name = knob("dataset of the warehouse")
    root: Text = knob("folder of the warehouse and of the live state")
    calendar: Text = knob("exchange calendar of a sync, such as XNYS or 24/7; stored with the data")
    universe: Text | None = knob("file of symbol, start, end, category; null = whole dataset")
    benchmark: Text | None = knob("symbol the run is compared with; null = equal weight")


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

    model: Literal["none", "bps", "ibkr_fixed", "ibkr_tiered"] = knob("schedule of the commission")
    rate: float = knob("commission of the bps model", unit="fraction of the notional", ge=0, lt=1)
    minimum: float = knob("least commission of an order", unit="currency units", ge=0)


class ExecutionSettings(Section):
    """How targets become orders and fills."""

    cash_buffer: float = knob("share never invested", unit="fraction of equity", ge=0, lt=1)
    slippage: float = knob("distance from the open", unit="fraction of the price", ge=0, lt=1)
    lot: int = knob("orders are multiples of it", unit="shares", ge=1)
    participation_cap: float | None = knob(
        "largest share of the volume of a session that a fill takes; null = off",
        unit="fraction of the volume",
        gt=0,
        le=1,
    )
    delisting_return: float = knob(
        "return booked on the last close of a delisted name", unit="fraction", ge=-1
    )
    commission: CommissionSettings


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """One value that a section refused; it names the place and never shows the value."""

    kind: Literal["unknown", "missing", "text", "type", "bounds", "not_finite", "conflict"]
    path: tuple[str | int, ...]
    conflicts: tuple[Conflict, ...] = ()


_KINDS: Mapping[str, Literal["unknown", "missing", "text", "bounds", "not_finite", "conflict"]] = {
    "extra_forbidden": "unknown",
    "missing": "missing",
    "string_type": "text",
    "finite_number": "not_finite",
    "conflict": "conflict",
    "greater_than": "bounds",
    "greater_than_equal": "bounds",
    "less_than": "bounds",
    "less_than_equal": "bounds",
    "too_short": "bounds",
    "string_too_short": "bounds",
    "string_pattern_mismatch": "bounds",
}


def read_section(model: type[SectionKind], tree: object) -> SectionKind | tuple[Refusal, ...]:
    """The section that ``tree`` describes, or everything that is wrong with it.

    Examples
    --------
    >>> read_section(Every, {"every": 5})
    Every(every=5)
    >>> read_section(Every, {"every": "5"})
    (Refusal(kind='type', path=('every',), conflicts=()),)
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        return tuple(
            Refusal(
                _KINDS.get(line["type"], "type"),
                line["loc"],
                line.get("ctx", {}).get("conflicts", ()),
            )
            for line in error.errors(include_url=False, include_input=False)
        )


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
