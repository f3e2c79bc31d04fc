"""Two languages for everything a person reads: English texts are the keys.

``translator("zh")("Report")`` gives the Chinese; a text without a translation stays as
it is, and a test of the house lists those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from quant_core.foundation.chinese import CHINESE

Language: TypeAlias = Literal["en", "zh"]
Say: TypeAlias = Callable[[str], str]

LANGUAGES: tuple[Language, ...] = ("en", "zh")


def translator(language: Language) -> Say:
    """A function from an English text to the text in ``language``.

    Examples
    --------
    >>> translator("zh")("Report"), translator("en")("Report")
    ('报告', 'Report')
    """
    if language == "zh":
        return lambda text: CHINESE.get(text, text)
    return lambda text: text
