"""YAML 1.2 text to a tree of values that know where they were written.

PyYAML finds the structure; the plain scalars are resolved here, by the core rules of
YAML 1.2 (https://yaml.org/spec/1.2.2/, section 10.3) read strictly: ``null`` and ``~``,
``true`` and ``false``, whole numbers without leading zeros, decimal numbers, ``.inf`` and
``.nan``. Everything else is text, so that ``ON``, ``NO``, ``000001``, ``9:30`` and
``2018-01-02`` stay what they are. Keys are always text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, cast

import yaml

from config.tree import Entries, Items, Node, Scalar, ScalarValue, Source
from quant_core.foundation.errors import ConfigurationError

DEEPEST = 20
"""Levels of nesting; the settings need six."""

LONGEST_NUMBER = 300
"""Digits beyond which a whole number is read as text: no setting has so many."""

KEPT = 64
"""Texts whose trees are kept."""

_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_DECIMAL = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", re.ASCII)
_WORDS: Mapping[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null")),
    "true": True,
    "false": False,
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


@dataclass(frozen=True, slots=True)
class Document:
    """What a text holds (``None``: nothing), and what is wrong with it."""

    root: Node | None
    problems: tuple[ConfigurationError, ...] = ()


@lru_cache(maxsize=KEPT)
def read_document(text: str, source: Source) -> Document:
    """The tree of a YAML text; never raises for what a user wrote.

    Kept for the next time that the settings are read: a sweep reads them once for each value.

    Examples
    --------
    >>> from config.tree import plain
    >>> plain(read_document("symbols: [ON, 000001, 1e-4, 9:30]", Source("a.yaml")).root)
    {'symbols': ('ON', '000001', 0.0001, '9:30')}
    """
    reader = _Reader(text, source)
    try:
        root = reader.document()
    except ConfigurationError as problem:
        return Document(None, (*reader.problems, problem))
    except yaml.YAMLError as error:
        return Document(None, (*reader.problems, _not_yaml(error, source)))
    return Document(root, tuple(reader.problems))


def resolve(written: str) -> ScalarValue:
    """The value of a plain scalar.

    Examples
    --------
    >>> [resolve(t) for t in ("NO", "true", "007", "-7", "1e-4", "~", "1_000")]
    ['NO', True, '007', -7, 0.0001, None, '1_000']
    """
    if written in _WORDS:
        return _WORDS[written]
    if len(written) > LONGEST_NUMBER:
        return written
    if _WHOLE.fullmatch(written):
        return int(written)
    return float(written) if _DECIMAL.fullmatch(written) else written


class _Reader:
    """Builds nodes from PyYAML's events.

    Events instead of PyYAML's own nodes, because those know nothing of aliases and
    recurse without a limit.
    """

    def __init__(self, text: str, source: Source) -> None:
        self._events = _events(text)
        self._source = source
        self.problems: list[ConfigurationError] = []

    def document(self) -> Node | None:
        """The only document of the text, or None when it is empty."""
        root: Node | None = None
        for event in self._events:
            match event:
                case yaml.StreamStartEvent() | yaml.StreamEndEvent() | yaml.DocumentEndEvent():
                    continue
                case yaml.DocumentStartEvent() if root is None:
                    continue
                case yaml.DocumentStartEvent():
                    raise self._problem(event, "a second document", "one document", "remove ---")
                case _:
                    root = self._node(event, 1)
        empty = isinstance(root, Scalar) and root.value is None and not root.written
        return None if empty else root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > DEEPEST:
            raise self._problem(event, "values nested too deeply", f"at most {DEEPEST} levels")
        line = _line(event)
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event)
            case yaml.SequenceStartEvent():
                self._refuse_tag(event, event.tag)
                return Items(tuple(self._items(depth)), self._source, line)
            case yaml.MappingStartEvent():
                self._refuse_tag(event, event.tag)
                return Entries(self._entries(depth), self._source, line)
            case _:
                raise self._problem(
                    event, "a YAML alias", "values written out", "repeat the value in full"
                )

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        if event.tag not in _TEXT_TAGS:
            self._refuse_tag(event, event.tag)
        is_plain = event.tag is None and not event.style
        value = resolve(event.value) if is_plain else event.value
        return Scalar(value, event.value, self._source, _line(event))

    def _items(self, depth: int) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, depth + 1)
            value = replace(self._node(next(self._events), depth + 1), line=_line(event))
            if not isinstance(key, Scalar):
                self.problems.append(
                    self._problem(event, "a list or mapping stands as a key", "a key of plain text")
                )
                continue
            if key.written in lines:
                self.problems.append(self._written_twice(event, key.written, lines[key.written]))
            lines.setdefault(key.written, key.line)
            entries[key.written] = value
        return entries

    def _written_twice(self, event: yaml.Event, key: str, first_line: int) -> ConfigurationError:
        first = "in the same value" if self._source.key else f"first on line {first_line}"
        return self._problem(
            event, f"the key {key!r} is written twice ({first})", "each key once", "remove one"
        )

    def _refuse_tag(self, event: yaml.Event, tag: str | None) -> None:
        if tag is not None:
            self.problems.append(
                self._problem(
                    event, "a YAML tag", "plain values", "remove the word that begins with !"
                )
            )

    def _problem(
        self, event: yaml.Event, problem: str, expected: str, fix: str = ""
    ) -> ConfigurationError:
        return ConfigurationError(
            problem, expected=expected, where=self._source.where(_line(event)), fix=fix
        )


class _EventSource(Protocol):
    """The part of a PyYAML loader that is used; its own types do not say it."""

    def check_event(self) -> bool: ...
    def get_event(self) -> yaml.Event: ...
    def dispose(self) -> None: ...


def _events(text: str) -> Iterator[yaml.Event]:
    loader_class: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = cast("_EventSource", loader_class(text))
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1


def _not_yaml(error: yaml.YAMLError, source: Source) -> ConfigurationError:
    """PyYAML's finding; without its words where these could repeat a secret."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    said = error.problem if isinstance(error, yaml.MarkedYAMLError) else "a forbidden character"
    return ConfigurationError(
        "the text is not YAML",
        expected="a value such as 0.5 or {key: 0.5}"
        if source.key
        else "lines such as `key: value`",
        found="" if source.secret or source.key else said or "",
        where=source.where(mark.line + 1 if mark else 1),
        fix="put texts with special characters in quotes, and indent with spaces",
    )
