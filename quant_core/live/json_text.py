"""JSON that has one meaning: strict reading, one way of writing, instants as text.

Files that steer money are read without the leniencies of the format: no NaN, no number
beyond float64, no key twice, no other encoding than UTF-8.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NoReturn, cast

from quant_core.foundation.errors import InvariantBroken

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)

_ordered = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_sorted = json.JSONEncoder(separators=(",", ":"), allow_nan=False, sort_keys=True)


class NotStrictJson(ValueError):
    """Bytes that are not one JSON document in the strict sense."""


def compact_text(document: Mapping[str, object]) -> str:
    r"""JSON on one line in pure ASCII, keys in the order of the mapping.

    Examples
    --------
    >>> compact_text({"b": 1, "a": ["é"]})
    '{"b":1,"a":["\\u00e9"]}'
    """
    return _ordered.encode(document)


def canonical_text(document: Mapping[str, object]) -> str:
    """:func:`compact_text` with the keys sorted: equal documents give equal text.

    Examples
    --------
    >>> canonical_text({"b": 1, "a": None})
    '{"a":null,"b":1}'
    """
    return _sorted.encode(document)


def parse_strictly(content: bytes) -> object:
    """The document in ``content``.

    Raises
    ------
    NotStrictJson
        If it is not UTF-8, not JSON, nested too deeply, names a key twice, or holds NaN,
        an infinity or a number float64 cannot hold.

    Examples
    --------
    >>> parse_strictly(b'{"a": 1.5}')
    {'a': 1.5}
    >>> parse_strictly(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    quant_core.live.json_text.NotStrictJson: the key 'a' stands twice
    """
    try:
        return _DECODER.decode(content.decode("utf-8"))
    except NotStrictJson:
        raise
    except RecursionError:
        raise NotStrictJson("nested too deeply") from None
    except ValueError as error:  # of the text encoding, of the grammar, or an endless integer
        raise NotStrictJson(str(error)[:200]) from None


def as_object(document: object) -> dict[str, object] | None:
    """``document`` if it is a JSON object, else None."""
    return cast("dict[str, object]", document) if isinstance(document, dict) else None


def instant_text(at: datetime) -> str:
    """An instant as text, UTC to the microsecond; it sorts as time does.

    Examples
    --------
    >>> instant_text(datetime(2024, 1, 2, 14, 15, tzinfo=UTC))
    '2024-01-02T14:15:00.000000Z'
    """
    if at.tzinfo is None:
        raise InvariantBroken(
            "an instant has no time zone", expected="an aware datetime", found=str(at)
        )
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_instant(text: object) -> datetime | None:
    """The instant written by :func:`instant_text`; None for anything else.

    Examples
    --------
    >>> parse_instant("2024-01-02T14:15:00.000000Z").hour
    14
    >>> parse_instant("2024-01-02") is None
    True
    """
    if not isinstance(text, str) or _INSTANT.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # a month 13
        return None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) == len(pairs):
        return document
    seen: set[str] = set()
    twice = next(name for name, _ in pairs if name in seen or seen.add(name))
    raise NotStrictJson(f"the key {twice[:40]!r} stands twice")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotStrictJson(f"the number {text[:40]} is beyond float64")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise NotStrictJson(f"{name} is not a number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_distinct, parse_float=_finite, parse_constant=_refuse_constant
)
