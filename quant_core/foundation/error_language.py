"""Errors in the reader's language, translated where they are printed.

An error keeps its English texts on its way, in logs, tables and the journal. For a reader
of Chinese each part is looked up among the entries of
:mod:`quant_core.foundation.chinese_errors` that are meant for it: a text as it stands, or
the template with most letters that fits it. A text without an entry stays English, and
what stands in a place stays as it is unless it is a text itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from string import Formatter

from quant_core.foundation.errors import ConfigurationError, QuantError
from quant_core.foundation.language import Language

SEVERAL = "; "
"""Between several findings, or the places of values that contradict each other."""

LEAST_LETTERS = 12
"""Of a template that may fit within another one: with fewer it would fit data too."""


@dataclass(frozen=True, slots=True)
class ToldError:
    """The texts of an error as a reader sees them.

    ``parts`` are the filled ones of expected, found, where and fix in this order;
    ``problems`` is empty unless the error reports several.
    """

    problem: str
    parts: Mapping[str, str]
    problems: tuple[ToldError, ...] = ()


def told_in(language: Language, error: QuantError) -> ToldError:
    """The texts of ``error`` in ``language``.

    Examples
    --------
    >>> from quant_core.foundation.errors import UsageError
    >>> error = UsageError("unknown dataset 'sp50'", found="sp50", fix="did you mean sp500?")
    >>> told_in("zh", error).problem, told_in("zh", error).parts
    ("未知的数据集 'sp50'", {'found': 'sp50', 'fix': '是否想写 sp500？'})
    >>> told_in("en", error).problem
    "unknown dataset 'sp50'"
    """
    inner = error.problems if isinstance(error, ConfigurationError) else ()
    texts = {"problem": error.problem, **error.parts()}
    if language == "zh":
        texts = {part: _part(part, text) for part, text in texts.items()}
    problem = texts.pop("problem")
    return ToldError(problem, texts, tuple(told_in(language, one) for one in inner))


@dataclass(frozen=True, slots=True)
class _Template:
    """An English text with places, and what it becomes."""

    letters: int
    longest: str
    pattern: str
    chinese: str

    @classmethod
    def of(cls, pieces: Sequence[str], chinese: str) -> _Template:
        """Of the pieces of the English text between its places."""
        return cls(
            sum(len(piece) for piece in pieces),
            max(pieces, key=len),
            "(.*?)".join(re.escape(piece) for piece in pieces),
            chinese,
        )

    def fit(self, text: str) -> re.Match[str] | None:
        """The match of the whole text; most templates are ruled out by a look."""
        if self.longest not in text:
            return None
        return re.fullmatch(self.pattern, text, re.DOTALL)


def _part(part: str, text: str) -> str:
    """A part of an error; what was found, and where, may be several."""
    several = text.split(SEVERAL) if part in ("found", "where") else [text]
    return SEVERAL.join(_chinese(part, one) for one in several)


def _chinese(part: str, text: str, least_letters: int = 1) -> str:
    exact, templates = _entries(part)
    if text in exact:
        return exact[text]
    for template in templates:
        found = template.fit(text) if template.letters >= least_letters else None
        if found is not None:
            places = (_chinese(part, place, LEAST_LETTERS) for place in found.groups())
            return template.chinese.format(*places)
    return text


@cache
def _entries(part: str) -> tuple[Mapping[str, str], tuple[_Template, ...]]:
    """The entries for a part: texts without a place, and templates, most letters first."""
    from quant_core.foundation import chinese_errors as tables  # read only for an error in Chinese

    meant = {
        "problem": {**tables.ARGUMENTS, **tables.PROBLEMS},
        "expected": {**tables.SETTING_VALUES, **tables.EXPECTED},
        "fix": tables.FIXES,
    }.get(part, tables.SHOWN)
    exact = {**tables.WORDS}
    templates: list[_Template] = []
    for english, chinese in meant.items():
        pieces = _pieces(english)
        if len(pieces) > 1:
            templates.append(_Template.of(pieces, chinese))
        else:
            exact[pieces[0]] = chinese.format()
    templates.sort(key=lambda template: -template.letters)
    return exact, tuple(templates)


def _pieces(text: str) -> list[str]:
    """What stands before, between and behind the places of a text."""
    pieces = [""]
    for written, place, *_ in Formatter().parse(text):
        pieces[-1] += written
        if place is not None:
            pieces.append("")
    return pieces
