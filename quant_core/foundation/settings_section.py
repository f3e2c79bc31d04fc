"""Groups of settings: frozen models in which every knob has a unit and bounds.

:class:`Section` is the base of the settings of :mod:`quant_core.foundation.settings` and
of every strategy's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal, TypeAlias, TypedDict, TypeVar, Unpack, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

Value = TypeVar("Value")
SectionKind = TypeVar("SectionKind", bound="Section")

MASK = "***"
"""What stands in every text in the place of a secret."""


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
    >>> class Trend(Section):
    ...     sessions: int = knob("length of the average", unit="sessions", ge=1)
    >>> read_section(Trend, {"sessions": 5})
    Trend(sessions=5)
    >>> read_section(Trend, {"sessions": "5"})
    (Refusal(kind='type', path=('sessions',), conflicts=()),)
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
