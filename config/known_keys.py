"""Every key the settings know: what may stand there, in words, and how it merges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Literal, TypeAlias, Union, cast, get_args, get_origin

from quant_core.foundation.settings_live import LiveSettings
from quant_core.foundation.settings_section import Secret, Section

KeyPath: TypeAlias = tuple[str, ...]
Annotation: TypeAlias = object
"""A type as it stands at a field."""

TYPE = ("strategy", "type")
OPTIONS = ("strategy", "options")
"""Where the models keep what the YAML writes under ``strategy.<type>``."""


def bare(annotation: Annotation) -> Annotation:
    """The type itself, without what ``Annotated`` adds."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


_WORDS: Mapping[object, str] = {
    NoneType: "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    bare(Secret): "a text",
    date: "a date such as 2018-01-31",
    time: "a time such as 9:15",
}
_BOUND_WORDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


@dataclass(frozen=True, slots=True)
class KnownKey:
    """One key: its type, its meaning, and whether it is replaced as a whole."""

    annotation: Annotation
    description: str = ""
    unit: str = ""
    bounds: tuple[str, ...] = ()
    whole: bool = False
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """Words for every value that may stand here, with bounds and unit."""
        if self.is_section:
            return "a mapping of keys to values"
        if self.choices and self.annotation is str:
            return "one of: " + ", ".join(self.choices)
        bounds = " " + " and ".join(self.bounds) if self.bounds else ""
        unit = f" ({self.unit})" if self.unit else ""
        words = words_of(self.annotation)
        number, optional, _ = words.partition(" or null")
        return f"{number}{bounds}{unit}{optional}"

    @property
    def is_section(self) -> bool:
        """Whether the key holds a section with keys of its own."""
        return section_of(self.annotation) is not None

    @property
    def has_entries(self) -> bool:
        """Whether the key holds a mapping whose keys are free."""
        return any(get_origin(choice) in _MAPPINGS for choice in choices_of(self.annotation))

    @property
    def is_secret(self) -> bool:
        """Whether the value, or an entry of it, may appear nowhere."""
        return _holds_secret(self.annotation)


_MAPPINGS = (dict, get_origin(Mapping[str, float]))
_SEQUENCES = (tuple, list, get_origin(Sequence[str]))


def known_keys(sections: Mapping[str, type[Section]]) -> dict[KeyPath, KnownKey]:
    """All keys of both modes, with the sections of the strategies in their place.

    Examples
    --------
    >>> known_keys({})["execution", "slippage"].expected
    'a number at least 0 and below 1 (fraction of the price)'
    """
    return dict(_known_keys(tuple(sections.items())))


@cache
def _known_keys(sections: tuple[tuple[str, type[Section]], ...]) -> Mapping[KeyPath, KnownKey]:
    """The same for sections that can be remembered: a sweep reads settings many times."""
    known = dict(_keys_of(LiveSettings, ()))
    known.pop(OPTIONS)
    known[TYPE] = replace(known[TYPE], choices=tuple(sorted(dict(sections))))
    for name, section in sections:
        path = (*OPTIONS[:-1], name)
        known[path] = KnownKey(section, _summary(section))
        known.update(_keys_of(section, path))
    return known


def choices_of(annotation: Annotation) -> tuple[Annotation, ...]:
    """The members of a union, or the only type.

    Examples
    --------
    >>> choices_of(int | None)
    (<class 'int'>, <class 'NoneType'>)
    """
    annotation = bare(annotation)
    if get_origin(annotation) in (Union, UnionType):
        return tuple(choice for member in get_args(annotation) for choice in choices_of(member))
    return (annotation,)


def section_of(annotation: Annotation) -> type[Section] | None:
    """The section class at a key, or None where something else stands."""
    is_section = isinstance(annotation, type) and issubclass(annotation, Section)
    return cast("type[Section]", annotation) if is_section else None


def words_of(annotation: Annotation) -> str:
    """Words for the values of a type.

    Examples
    --------
    >>> words_of(Mapping[str, float]), words_of(Literal["weekly"] | None)
    ('a mapping of texts to numbers', 'weekly or null')
    """
    words = [_words_of_one(choice) for choice in choices_of(annotation)]
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def element_of(annotation: Annotation) -> Annotation:
    """The type of one entry of a mapping or sequence; of anything else the type itself."""
    for choice in choices_of(annotation):
        if get_origin(choice) in (*_MAPPINGS, *_SEQUENCES):
            arguments = [member for member in get_args(choice) if member is not Ellipsis]
            return arguments[-1]
    return annotation


def _holds_secret(annotation: Annotation) -> bool:
    if bare(Secret) in choices_of(annotation):
        return True
    entry = element_of(annotation)
    return entry is not annotation and _holds_secret(entry)


def _literals(annotation: Annotation) -> tuple[str, ...]:
    literals = [c for c in choices_of(annotation) if get_origin(c) is Literal]
    return tuple(str(word) for choice in literals for word in get_args(choice))


def _words_of_one(choice: Annotation) -> str:
    if get_origin(choice) is Literal:
        return _alternatives([str(word) for word in get_args(choice)])
    if get_origin(choice) in _MAPPINGS:
        return "a mapping of texts to " + _plural(element_of(choice))
    if get_origin(choice) in _SEQUENCES:
        return "a list of " + _plural(element_of(choice))
    section = section_of(choice)
    if section is not None:
        return "{" + ", ".join(f"{key}: ..." for key in section.model_fields) + "}"
    return _WORDS.get(choice, str(choice))


def _alternatives(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _plural(annotation: Annotation) -> str:
    words = words_of(annotation).removeprefix("a ")
    single, _, rest = words.partition(" such as ")
    return f"{single}s such as {rest}" if rest else f"{single}s"


def _keys_of(model: type[Section], path: KeyPath) -> Iterator[tuple[KeyPath, KnownKey]]:
    for name, field in model.model_fields.items():
        place = (*path, name)
        facts = _facts(field.json_schema_extra)
        annotation = cast("Annotation", field.annotation)
        metadata = cast("list[object]", field.metadata)
        yield (
            place,
            KnownKey(
                annotation,
                field.description or _summary(annotation),
                str(facts.get("unit", "")),
                tuple(_bounds_of(metadata)),
                facts.get("whole") is True,
                _literals(annotation),
            ),
        )
        for choice in choices_of(annotation):
            section = section_of(choice)
            if section is not None and place != OPTIONS:
                yield from _keys_of(section, place)


def _facts(extra: object) -> Mapping[str, object]:
    """What :func:`~quant_core.foundation.settings.knob` wrote beside the type."""
    return cast("Mapping[str, object]", extra) if isinstance(extra, dict) else {}


def _bounds_of(metadata: Sequence[object]) -> Iterator[str]:
    for item in metadata:
        for name, word in _BOUND_WORDS.items():
            limit = getattr(item, name, None)
            if isinstance(limit, int | float):
                yield f"{word} {int(limit) if limit == int(limit) else limit:,}"
        if hasattr(item, "pattern"):
            yield "of letters, digits, _ - and ."


def _summary(annotation: Annotation) -> str:
    text = annotation.__doc__ or "" if isinstance(annotation, type) else ""
    return text.partition("\n")[0].rstrip(".")
