"""Frozen values to JSON text and back, for the books.

A dataclass becomes an object that names its class, so that a column may hold any value of a
union; dates, instants and enumerations come back by the annotation of their field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import TypeVar, Union, cast, get_args, get_origin, get_type_hints

from quant_core.brokers import port
from quant_core.foundation.errors import InvariantBroken
from quant_core.trading import actions, events

CLASS = "is"
"""Key under which an object names its class."""

_writer = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_classes: dict[str, type] = {}
Value = TypeVar("Value")


def storable(kind: type[Value]) -> type[Value]:
    """Make a frozen dataclass known to the books under its name; a decorator."""
    if _classes.setdefault(kind.__name__, kind) is not kind:
        raise InvariantBroken("two classes of one name in the books", found=kind.__name__)
    return kind


def text_of(value: object) -> str:
    """JSON text of a value made of storable dataclasses and plain values.

    Examples
    --------
    >>> text_of(port.LinkUp(2))
    '{"is":"LinkUp","epoch":2}'
    """
    return _writer.encode(_plain(value))


def value_of(text: str, kind: type[Value]) -> Value:
    """The value that :func:`text_of` wrote, which must be a ``kind``.

    Examples
    --------
    >>> value_of('{"is":"LinkUp","epoch":2}', port.LinkUp)
    LinkUp(epoch=2)
    """
    value = _lively(json.loads(text), object)
    if not isinstance(value, kind):
        raise InvariantBroken(
            "the books hold another kind of value than expected",
            expected=kind.__name__,
            found=text[:100],
        )
    return value


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        named = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        return {CLASS: type(value).__name__, **named}
    if isinstance(value, date):  # an instant is a date too
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value)
        return {name: _plain(item) for name, item in items.items()}
    return value


def _lively(document: object, hint: object) -> object:
    """The value of a document whose field is annotated with ``hint``."""
    if isinstance(document, dict):
        return _object(cast("dict[str, object]", document), hint)
    if isinstance(document, list):
        inner = get_args(hint)[0] if get_args(hint) else object
        return tuple(_lively(item, inner) for item in cast("list[object]", document))
    if isinstance(document, str) and isinstance(hint, type):
        return _from_text(document, hint)
    return document


def _object(document: dict[str, object], hint: object) -> object:
    name = document.pop(CLASS, None)
    if name is None:
        inner = get_args(hint)[1] if len(get_args(hint)) == 2 else object
        return {key: _lively(item, inner) for key, item in document.items()}
    kind = _classes.get(str(name))
    if kind is None:
        raise InvariantBroken("the books name an unknown class", found=str(name))
    hints = _hints(kind)
    return kind(**{key: _lively(item, hints[key]) for key, item in document.items()})


def _from_text(text: str, kind: type) -> object:
    if issubclass(kind, datetime):
        return datetime.fromisoformat(text)
    if issubclass(kind, date):
        return date.fromisoformat(text)
    return kind(text) if issubclass(kind, StrEnum) else text


@cache
def _hints(kind: type) -> dict[str, object]:
    """Annotations of the fields, an optional one without its None."""
    return {name: _without_none(hint) for name, hint in get_type_hints(kind).items()}


def _without_none(hint: object) -> object:
    if get_origin(hint) in (Union, UnionType):
        inner = [each for each in get_args(hint) if each is not NoneType]
        return inner[0] if len(inner) == 1 else object
    return hint


for _kind in (
    *(port.LinkUp, port.LinkDown, port.Notice, port.OrderSeen, port.OrderView, port.Intent),
    *(port.Executed, port.CommissionCharged, port.ExecutionCorrected),
    *(port.AccountChanged, port.DuePaid, port.FractionPaid),
    *(events.Fill, events.Delisting, events.CashFlow, events.Entitlement),
    *(events.Subscription, events.Renaming, actions.Split),
):
    storable(_kind)
