"""Secrets that show themselves nowhere, and a mask for texts that may repeat one."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import NoReturn, Protocol
from urllib.parse import quote, quote_plus, unquote, urlsplit

SHORTEST_MASKED = 4
"""Characters; a shorter secret would blot out half of every text."""

SHORTEST_PART = 8
"""Characters of a part of an address from which on it may be a token."""

SHOWN = "***"


class Secret(Protocol):
    """A text that has to be asked for by name; pydantic's ``SecretStr`` is one."""

    def get_secret_value(self) -> str:
        """The text itself."""
        ...


class SecretText:
    """A :class:`Secret` made from a plain text.

    Examples
    --------
    >>> SecretText("hunter2")
    SecretText('***')
    >>> f"{SecretText('hunter2')}"
    '***'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return f"SecretText({SHOWN!r})"

    def __str__(self) -> str:
        return SHOWN

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")


class Mask:
    """Blots secrets out of texts: as they are, quoted for an address, escaped, in base 64.

    Of a secret that is an address (``scheme://...``) its user, password and long parts
    are blotted out one by one as well: a refusal may repeat the token alone.

    Examples
    --------
    >>> mask = Mask([SecretText("hunter2"), SecretText("tgram://12:AAtokenAA/99")])
    >>> mask.over("535 hunter2 aHVudGVyMg==; POST /bot12:AAtokenAA/send")
    '535 *** ***; POST /bot12:***/send'
    """

    __slots__ = ("_forms",)

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret.get_secret_value())}
        # The longest first: a part must not spoil the whole it is a part of.
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))

    def over(self, text: str) -> str:
        """The text with every secret replaced by ``***``."""
        for form in self._forms:
            text = text.replace(form, SHOWN)
        return text


def _forms(secret: str) -> Iterator[str]:
    for text in (secret, *_parts(secret)):
        if len(text) >= SHORTEST_MASKED:
            encoded = text.encode("utf-8", "replace")
            yield from (text, quote(text, safe=""), quote_plus(text), *_escaped(text))
            yield base64.b64encode(encoded).decode("ascii")


def _escaped(text: str) -> Iterator[str]:
    """As JSON and Python write it; beside a double quote, Python escapes the single one."""
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    for written in (repr, ascii):
        yield from (written(text)[1:-1], written('"' + text)[2:-1])


def _parts(secret: str) -> Iterator[str]:
    scheme, separator, rest = secret.partition("://")
    if not separator:
        return
    parts = [part for part in re.split(r"[/:@?&=#\[\]]+", rest) if len(part) >= SHORTEST_PART]
    yield from parts
    yield from (unquote(part) for part in parts)
    try:
        split = urlsplit(secret)
        named = (split.username, split.password)
    except ValueError:
        named = ()
    yield from (unquote(part) for part in named if part and part != scheme)
