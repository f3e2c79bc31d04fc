"""Factor text into tokens, and errors that point at a place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from quant_core.foundation.errors import ExpressionError

LONGEST_TEXT = 20_000
"""Characters of a factor text; the longest of the published libraries has about 600."""

_SHOWN = 100
_TOKEN = re.compile(
    r"""
    (?P<blank>\s+)
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>\$?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
  | (?P<symbol>\*\*|<=|>=|==|!=|&&|\|\||[-+*/^<>&|!?:(),])
    """,
    re.VERBOSE,
)

_SPELLINGS = {"**": "^", "&&": "&", "||": "|", "and": "&", "or": "|"}


class TokenKind(StrEnum):
    """What a piece of text is."""

    NUMBER = "number"
    NAME = "name"
    SYMBOL = "symbol"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text: its kind, its meaning and where it stands.

    ``text`` is lower case.
    """

    kind: TokenKind
    text: str
    position: int
    length: int


@dataclass(frozen=True, slots=True)
class Source:
    """A factor text that can say where in it something is wrong."""

    text: str

    def error(
        self, problem: str, token: Token, *, expected: str = "", found: str = "", fix: str = ""
    ) -> ExpressionError:
        """An :class:`ExpressionError` with the text and a caret under the token."""
        return ExpressionError(
            problem,
            expected=expected,
            found=found,
            where=self.pointing_at(token.position, token.length),
            fix=fix,
        )

    def pointing_at(self, position: int, length: int = 1) -> str:
        """The text on one line, and carets on the next; long texts are cut around the place."""
        line = re.sub(r"\s", " ", self.text)
        start = max(0, position - _SHOWN // 2) if len(line) > _SHOWN else 0
        shown = line[start : start + _SHOWN]
        before = "..." if start else ""
        after = "..." if start + _SHOWN < len(line) else ""
        carets = "^" * max(1, min(length, len(shown) - (position - start)))
        margin = " " * 12  # where the parts of an error message begin
        return f"{before}{shown}{after}\n{margin}{' ' * (len(before) + position - start)}{carets}"


def tokenize(source: Source) -> list[Token]:
    """Tokens of a text, ending with one of kind END.

    Examples
    --------
    >>> [token.text for token in tokenize(Source("Mean($close, 5) && 1e-3"))]
    ['mean', '(', '$close', ',', '5', ')', '&&', '1e-3', '']
    """
    text = source.text
    if len(text) > LONGEST_TEXT:
        raise ExpressionError(
            "a factor text is too long",
            expected=f"at most {LONGEST_TEXT:,} characters",
            found=f"{len(text):,} characters",
        )
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            strange = Token(TokenKind.SYMBOL, text[position], position, 1)
            raise source.error(
                "a character that means nothing in a factor text", strange, found=text[position]
            )
        if match.lastgroup != "blank":
            tokens.append(_token(match))
        position = match.end()
    return [*tokens, Token(TokenKind.END, "", len(text), 1)]


def _token(match: re.Match[str]) -> Token:
    text = match.group().lower()
    kind = TokenKind(str(match.lastgroup))
    return Token(kind, text, match.start(), match.end() - match.start())


def symbol_of(token: Token) -> str:
    """The symbol a token stands for in infix position; empty for anything else.

    Examples
    --------
    >>> symbol_of(Token(TokenKind.NAME, "and", 0, 3)), symbol_of(Token(TokenKind.NAME, "x", 0, 1))
    ('&', '')
    """
    if token.kind is TokenKind.SYMBOL:
        return _SPELLINGS.get(token.text, token.text)
    return _SPELLINGS.get(token.text, "") if token.kind is TokenKind.NAME else ""
