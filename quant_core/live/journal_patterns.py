"""Bodies of entries read by patterns, which is several times faster than JSON.

The pattern of a kind takes nothing but what
:func:`~quant_core.live.journal_codec.body_document` writes: the members in their order, each
in the one form its type has, no name twice. What it does not take (a text with an escape,
another order of the members) says nothing yet: it goes to the strict reader of
:mod:`~quant_core.live.json_text` and to the codec, which read it or say what is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import cast, get_args, get_origin, get_type_hints

from quant_core.live.journal_entries import Body
from quant_core.live.json_text import parse_instant

Read = Callable[[str], object]


class NotPlain(ValueError):
    """A text of the right form that has no such value: 30 February, 1e999, a name twice."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the values of a type are written, and what they mean.

    ``bare`` is a pattern without groups, ``captured`` the same with one group, whose text
    ``read`` is given; None = the text is the value. ``record`` is that of a dataclass.
    """

    bare: str
    captured: str
    read: Read | None
    record: RecordPattern | None = None


class RecordPattern:
    """The pattern of a dataclass, one group a field.

    Examples
    --------
    >>> from quant_core.live.journal_orders import OrderSent
    >>> pattern = body_pattern(OrderSent)
    >>> pattern.body('{"reference":"r1"}', 0)
    (OrderSent(reference='r1'), 18)
    >>> pattern.body('{"reference": "r1"}', 0) is None
    True
    """

    def __init__(self, kind: type, forms: Mapping[str, Form]) -> None:
        self._make = cast("Callable[..., object]", kind)
        self._readers = [form.read for form in forms.values()]
        self.bare = _object(forms, "bare")
        self.captured = _object(forms, "captured")
        self._pattern = re.compile(self.captured, re.ASCII)
        # The book of a close is that of the next opening: the same text is not read twice.
        self.read = lru_cache(maxsize=1)(self._read)

    def body(self, text: str, begin: int) -> tuple[Body, int] | None:
        """The body that begins in ``text`` there, and where it ends; None if this cannot say."""
        found = self._pattern.match(text, begin)
        if found is None:
            return None
        try:
            return cast("Body", self.value(found.groups())), found.end()
        except NotPlain:
            return None

    def _read(self, text: str) -> object:
        """The value of a text that :attr:`bare` takes whole."""
        found = self._pattern.fullmatch(text)
        if found is None:
            raise NotPlain(text)
        return self.value(found.groups())

    def value(self, groups: Sequence[str | None]) -> object:
        """The value of what the groups took."""
        return self._make(
            *[
                group if read is None or group is None else read(group)
                for read, group in zip(self._readers, groups, strict=True)
            ]
        )


@cache
def body_pattern(kind: type) -> RecordPattern | None:
    """The pattern of a kind of entry; None where a field has a type that has none."""
    hints = get_type_hints(kind)
    forms: dict[str, Form] = {}
    for each in fields(kind):
        form = _form(hints[each.name])
        if form is None:
            return None
        forms[each.name] = form
    return RecordPattern(kind, forms)


def _object(forms: Mapping[str, Form], which: str) -> str:
    members = [f'"{name}":{getattr(form, which)}' for name, form in forms.items()]
    return r"\{" + ",".join(members) + r"\}"


def _form(annotation: object) -> Form | None:
    """How a type is written; None for one that is not known here."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is UnionType and len(inner) == 2 and inner[1] is NoneType:
        return _optional(_form(inner[0]))
    if origin is tuple and inner[1:] == (...,):
        return _sequence(_form(inner[0]))
    if origin is Mapping and inner[0] is str:
        return _mapping(_form(inner[1]))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return _enumeration(annotation)
    if isinstance(annotation, type) and is_dataclass(annotation):
        pattern = body_pattern(annotation)
        if pattern is None:
            return None
        return Form(pattern.bare, f"({pattern.bare})", pattern.read, pattern)
    return _PLAIN.get(cast("type", annotation))


def _whole(bare: str, read: Read | None) -> Form:
    return Form(bare, f"({bare})", read)


def _quoted(bare: str, read: Read | None) -> Form:
    return Form(f'"{bare}"', f'"({bare})"', read)


def _optional(form: Form | None) -> Form | None:
    """A group that took nothing is null."""
    if form is None:
        return None
    return Form(f"(?:null|{form.bare})", f"(?:null|{form.captured})", form.read)


def _sequence(form: Form | None) -> Form | None:
    if form is None:
        return None
    item, read = re.compile(form.captured, re.ASCII), form.read or str

    def values(text: str) -> object:
        return tuple(
            None if found[1] is None else read(found[1]) for found in item.finditer(text, 1)
        )

    return _whole(rf"\[(?:{form.bare}(?:,{form.bare})*)?\]", values)


def _mapping(form: Form | None) -> Form | None:
    """A mapping of names; records in it are read by the pattern that finds their names."""
    if form is None:
        return None
    inner = form.captured if form.record is None else form.record.captured
    item, record, read = re.compile(f'"({_TEXT})":{inner}', re.ASCII), form.record, form.read

    def value(groups: Sequence[str | None]) -> object:
        if record is not None:
            return record.value(groups)
        return groups[0] if read is None or groups[0] is None else read(groups[0])

    def values(text: str) -> object:
        found = [each.groups() for each in item.finditer(text, 1)]
        document = {groups[0]: value(groups[1:]) for groups in found}
        if len(document) != len(found):
            raise NotPlain(text)
        return document

    member = f'"{_TEXT}":{form.bare}'
    return _whole(rf"\{{(?:{member}(?:,{member})*)?\}}", values)


def _enumeration(kind: type[StrEnum]) -> Form:
    members: dict[str, object] = {member.value: member for member in kind}
    return _quoted("(?:" + "|".join(map(re.escape, members)) + ")", members.__getitem__)


@lru_cache(maxsize=64)
def _date(text: str) -> object:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotPlain(text) from None


@lru_cache(maxsize=64)
def plain_instant(text: str) -> datetime:
    """The instant of a text; entries that were written together have the same one."""
    at = parse_instant(text)
    if at is None:
        raise NotPlain(text)
    return at


def _float(text: str) -> object:
    value = float(text)
    if not math.isfinite(value):
        raise NotPlain(text)
    return value


_TEXT = r"[ !#-\[\]-~]*"
"""Neither escapes nor control characters nor what is not ASCII: the strict reader judges those."""

_INTEGER = "-?(?:0|[1-9][0-9]{0,17})"
_EXPONENT = "[eE][+-]?[0-9]{1,3}"
_PLAIN: dict[type, Form] = {
    str: _quoted(_TEXT, None),
    int: _whole(_INTEGER, int),
    float: _whole(rf"{_INTEGER}(?:\.[0-9]{{1,30}}(?:{_EXPONENT})?|{_EXPONENT})", _float),
    bool: _whole("(?:true|false)", "true".__eq__),
    date: _quoted("[0-9]{4}-[0-9]{2}-[0-9]{2}", _date),
    datetime: _quoted("[0-9:TZ.-]{27}", plain_instant),
}
