"""Two languages for everything a person reads: English texts are the keys.

``translator("zh")("Report")`` gives the Chinese. A text with numbers is looked up with
``#`` in the place of each, and the Chinese takes them in their order; a text without a
translation stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, TypeAlias

from quant_core.foundation.chinese import CHINESE

Language: TypeAlias = Literal["en", "zh"]
Say: TypeAlias = Callable[[str], str]

LANGUAGES: tuple[Language, ...] = ("en", "zh")

_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def translator(language: Language) -> Say:
    """A function from an English text to the text in ``language``.

    Examples
    --------
    >>> translator("zh")("Report"), translator("en")("Report")
    ('报告', 'Report')
    >>> translator("zh")("5 % quantile of daily returns")
    '日收益率的 5 % 分位数'
    """
    return _chinese if language == "zh" else _english


def _english(text: str) -> str:
    return text


def _chinese(text: str) -> str:
    known = CHINESE.get(text)
    if known is not None:
        return known
    numbers = iter(_NUMBER.findall(text))
    pattern = CHINESE.get(_NUMBER.sub("#", text))
    return text if pattern is None else re.sub("#", lambda _: next(numbers), pattern)
