"""Entries to JSON and back, checked in both directions by the types of their fields.

A field takes exactly its type: an int is not a bool, not a float and not a numpy integer;
a float is finite. What does not fit is refused before it is written as well as when read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import cast, get_args, get_origin, get_type_hints

from quant_core.foundation.errors import InvariantBroken
from quant_core.live.journal_entries import Body
from quant_core.live.json_text import as_object, instant_text, parse_instant


class Misfit(ValueError):
    """A value that its field cannot hold."""


Change = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class Codec:
    """The two directions of one type."""

    encode: Change
    decode: Change


def body_document(body: Body) -> dict[str, object]:
    """The JSON object of an entry's body, its fields in the order they are declared.

    Raises
    ------
    InvariantBroken
        If a field holds something else than its type says.

    Examples
    --------
    >>> from quant_core.live.journal_orders import OrderAcknowledged
    >>> body_document(OrderAcknowledged("r1", "4711"))
    {'reference': 'r1', 'broker_order': '4711'}
    """
    try:
        return cast("dict[str, object]", _dataclass_codec(type(body)).encode(body))
    except Misfit as error:
        raise InvariantBroken(
            f"an entry of kind {body.kind.value!r} cannot be written", found=str(error)
        ) from error


def body_of(kind: type[Body], document: object) -> Body:
    """The body that :func:`body_document` described.

    Raises
    ------
    Misfit
        If ``document`` has not exactly the fields of ``kind``, each of its type.
    """
    return cast("Body", _dataclass_codec(kind).decode(document))


@cache
def _dataclass_codec(kind: type) -> Codec:
    """The codec of a dataclass: field by field."""
    hints = get_type_hints(kind)
    if not is_dataclass(kind):
        raise InvariantBroken("only dataclasses are written", found=f"{kind}")
    codecs = {each.name: _codec(hints[each.name]) for each in fields(kind)}
    encoders = [(name, codec.encode) for name, codec in codecs.items()]
    decoders = [(name, codec.decode) for name, codec in codecs.items()]

    def encode(value: object) -> object:
        if type(value) is not kind:
            raise Misfit(f"{value!r:.80} is no {kind.__name__}")
        try:
            return {name: change(getattr(value, name)) for name, change in encoders}
        except Misfit:
            return _changed(encoders, lambda name: getattr(value, name))

    def decode(document: object) -> object:
        found = as_object(document)
        if found is None or found.keys() != codecs.keys():
            odd = found.keys() ^ codecs.keys() if found is not None else "not an object"
            raise Misfit(f"{kind.__name__} with missing or unknown fields: {odd}")
        try:
            return kind(*[change(found[name]) for name, change in decoders])
        except Misfit:
            return kind(**_changed(decoders, found.__getitem__))

    return Codec(encode, decode)


def _changed(
    changes: list[tuple[str, Change]], field: Callable[[str], object]
) -> dict[str, object]:
    """Every field changed by its codec; a misfit says in which field it is.

    Slower than without that, so it is asked only when something does not fit.
    """
    values: dict[str, object] = {}
    name = ""
    try:
        for name, change in changes:
            values[name] = change(field(name))
    except Misfit as error:
        raise Misfit(f"{name}: {error}") from None
    return values


def _codec(annotation: object) -> Codec:
    """The codec of an annotated type; the few types that entries are made of."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is UnionType and len(inner) == 2 and inner[1] is NoneType:
        return _optional(_codec(inner[0]))
    if origin is tuple and inner[1:] == (...,):
        return _sequence(_codec(inner[0]))
    if origin is Mapping and inner[0] is str:
        return _mapping(_codec(inner[1]))
    if annotation in _PLAIN:
        return _PLAIN[cast("type", annotation)]
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return _enumeration(annotation)
    if isinstance(annotation, type) and is_dataclass(annotation):
        return _dataclass_codec(annotation)
    raise InvariantBroken("a journal entry has a field of an unknown type", found=f"{annotation}")


def _exactly(kind: type) -> Change:
    def check(value: object) -> object:
        if type(value) is not kind:
            raise Misfit(f"{value!r:.80} is no {kind.__name__}")
        return value

    return check


def _finite(value: object) -> object:
    if type(value) is not float or not math.isfinite(value):
        raise Misfit(f"{value!r:.80} is no finite float")
    return value


def _date_text(value: object) -> object:
    if type(value) is not date:
        raise Misfit(f"{value!r:.80} is no date")
    return value.isoformat()


def _date(text: object) -> object:
    try:
        day = date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise Misfit(f"{text!r:.80} is no ISO date")
    return day


def _instant_text(value: object) -> object:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Misfit(f"{value!r:.80} is no aware instant")
    return instant_text(value)


def _instant(text: object) -> object:
    at = parse_instant(text)
    if at is None:
        raise Misfit(f"{text!r:.80} is no instant")
    return at


_PLAIN: dict[object, Codec] = {
    **{kind: Codec(_exactly(kind), _exactly(kind)) for kind in (int, str, bool)},
    float: Codec(_finite, _finite),
    date: Codec(_date_text, _date),
    datetime: Codec(_instant_text, _instant),
}


def _optional(codec: Codec) -> Codec:
    return Codec(
        lambda value: None if value is None else codec.encode(value),
        lambda value: None if value is None else codec.decode(value),
    )


def _sequence(codec: Codec) -> Codec:
    def encode(value: object) -> object:
        if not isinstance(value, tuple):
            raise Misfit(f"{value!r:.80} is no tuple")
        return [codec.encode(item) for item in cast("tuple[object, ...]", value)]

    def decode(value: object) -> object:
        if not isinstance(value, list):
            raise Misfit(f"{value!r:.80} is no list")
        return tuple(codec.decode(item) for item in cast("list[object]", value))

    return Codec(encode, decode)


def _mapping(codec: Codec) -> Codec:
    def encode(value: object) -> object:
        if not isinstance(value, Mapping):
            raise Misfit(f"{value!r:.80} is no mapping")
        items = cast("Mapping[object, object]", value)
        odd = [name for name in items if type(name) is not str]
        if odd:
            raise Misfit(f"{odd[0]!r:.80} is no text")
        # Sorted, so that the same values give the same line.
        return {
            name: codec.encode(items[name]) for name in sorted(cast("Mapping[str, object]", items))
        }

    def decode(value: object) -> object:
        found = as_object(value)
        if found is None:
            raise Misfit(f"{value!r:.80} is no object")
        return {name: codec.decode(item) for name, item in found.items()}

    return Codec(encode, decode)


def _enumeration(kind: type[StrEnum]) -> Codec:
    def decode(value: object) -> object:
        try:
            return kind(str(value)) if isinstance(value, str) else _no_member(value, kind)
        except ValueError:
            return _no_member(value, kind)

    def encode(value: object) -> object:
        return value.value if isinstance(value, kind) else _no_member(value, kind)

    return Codec(encode, decode)


def _no_member(value: object, kind: type[StrEnum]) -> object:
    raise Misfit(f"{value!r:.80} is no {kind.__name__}")
