"""Factor text to tree: a precedence-climbing parser over our own grammar, no ``eval``.

1. :func:`tokens.tokenize` cuts the text; a ``$`` anywhere makes it Qlib's dialect.
2. :class:`_Parser` climbs the precedences of :mod:`grammar`.
3. :mod:`calls` turns a name and its arguments into a call: dialect names become
   canonical ones, windows and numbers are checked against the operator's row.

The inverse is :func:`printer.to_text`; ``parse(to_text(tree)) == tree`` for every tree.
"""

from __future__ import annotations

import re
from functools import lru_cache

from quant_core.factors.calls import Argument, build_call
from quant_core.factors.expression import Call, Expression, Field, Number, depth, walk
from quant_core.factors.fields import GROUP_FIELDS
from quant_core.factors.grammar import (
    COMPARISON,
    INFIX,
    NOT,
    POWER,
    PREFIX,
    TERNARY,
    UNARY,
    Infix,
)
from quant_core.factors.tokens import Source, Token, TokenKind, symbol_of, tokenize
from quant_core.foundation.errors import ExpressionError

DEEPEST_NESTING = 100
DEEPEST_TREE = 200

_AVERAGE_AMOUNT = re.compile(r"adv([1-9][0-9]*)")


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """The tree of a factor text.

    Parameters
    ----------
    text : str
        The factor language; names of WorldQuant's and Qlib's dialects are accepted.

    Raises
    ------
    ExpressionError
        With the text, a caret under the place, the operator's signature and the nearest
        known name.

    Examples
    --------
    >>> parse("Mean($close, 5) / $close") == parse("ts_mean(close, 5) / close")
    True
    >>> parse("delay(close, 5")
    Traceback (most recent call last):
    quant_core.foundation.errors.ExpressionError: the factor text ends too early
      expected: ',' or ')'
      found:    the end of the text
      where:    delay(close, 5
                              ^
    """
    source = Source(text)
    if not text.strip():
        raise ExpressionError(
            "the factor text is empty", expected="such as close / delay(close, 5)"
        )
    return _Parser(source).whole_text()


class _Parser:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.place = 0
        self.nesting = 0
        self.qlib = any(token.text.startswith("$") for token in self.tokens)

    @property
    def token(self) -> Token:
        return self.tokens[self.place]

    def advance(self) -> Token:
        self.place += 1
        return self.tokens[self.place - 1]

    def whole_text(self) -> Expression:
        tree = self.expression(TERNARY)
        if self.token.kind is not TokenKind.END:
            raise self.unexpected("an operator or the end of the text")
        if depth(tree) > DEEPEST_TREE:
            raise ExpressionError(
                "the factor text is nested too deeply",
                expected=f"at most {DEEPEST_TREE} levels",
                found=f"{depth(tree)} levels",
            )
        self.refuse_groups_as_numbers(tree)
        return tree

    def refuse_groups_as_numbers(self, tree: Expression) -> None:
        misused = {node.name for node in walk(tree) if isinstance(node, Field)} & GROUP_FIELDS
        for token in self.tokens:
            if _field_name(token.text) in misused:
                raise self.source.error(
                    f"{_field_name(token.text)!r} is a group, not a number",
                    token,
                    expected="a group stands only where an operator takes one",
                    fix="such as group_neutralize(x, industry)",
                )

    def expression(self, minimum: int) -> Expression:
        """An expression of symbols that bind at least as tightly as ``minimum``."""
        self.nesting += 1
        if self.nesting > DEEPEST_NESTING:
            raise self.source.error(
                "the factor text is nested too deeply",
                self.token,
                expected=f"at most {DEEPEST_NESTING} levels",
            )
        tree = self.operand(minimum)
        compared = False
        while (infix := INFIX.get(symbol_of(self.token))) and infix.precedence >= minimum:
            if compared and infix.precedence == COMPARISON:
                raise self.chained()
            compared = infix.precedence == COMPARISON
            tree = self.infix(infix, tree)
        if self.token.text == "?" and minimum == TERNARY:
            tree = self.ternary(tree)
        self.nesting -= 1
        return tree

    def infix(self, infix: Infix, left: Expression) -> Expression:
        self.advance()
        right_associative = infix.precedence == POWER
        right = self.expression(infix.precedence + (0 if right_associative else 1))
        return Call(infix.operator, (left, right))

    def ternary(self, condition: Expression) -> Expression:
        self.advance()
        chosen = self.expression(TERNARY)
        if self.token.text != ":":
            raise self.unexpected("':' and the value for a false condition")
        self.advance()
        return Call("where", (condition, chosen, self.expression(TERNARY)))

    def operand(self, minimum: int) -> Expression:
        """What may stand before the first infix symbol."""
        token = self.advance()
        match token.kind:
            case TokenKind.NUMBER:
                return self.number(token)
            case TokenKind.NAME:
                return self.name(token, minimum)
            case TokenKind.SYMBOL if token.text == "(":
                return self.parenthesis()
            case TokenKind.SYMBOL if token.text in ("-", "+", "!"):
                return self.prefix(token)
            case _:
                self.place -= 1
                raise self.unexpected("a number, a field, an operator or '('")

    def number(self, token: Token) -> Number:
        value = float(token.text)
        if value == float("inf"):
            raise self.source.error("a number too large for a float64", token, found=token.text)
        return Number(value)

    def prefix(self, token: Token) -> Expression:
        literal = self.token.kind is TokenKind.NUMBER
        operand = self.expression(UNARY)
        if token.text == "+":
            return operand
        if token.text == "-" and literal and isinstance(operand, Number):
            return Number(-operand.value)
        return Call(PREFIX[token.text], (operand,))

    def parenthesis(self) -> Expression:
        tree = self.expression(TERNARY)
        self.close()
        return tree

    def close(self) -> None:
        if self.token.text != ")":
            raise self.unexpected("')'")
        self.advance()

    def name(self, token: Token, minimum: int) -> Expression:
        if self.token.text == "(":
            return self.call(token)
        if token.text == "not":
            return self.negation(token, minimum)
        if symbol_of(token):
            self.place -= 1
            raise self.unexpected("a number, a field, an operator or '('")
        return self.field(token)

    def negation(self, token: Token, minimum: int) -> Expression:
        if minimum > NOT:
            raise self.source.error(
                "'not' binds looser than the symbol before it", token, fix="write (not x), or !x"
            )
        return Call("not", (self.expression(NOT),))

    def field(self, token: Token) -> Expression:
        name = _field_name(token.text)
        if "." in name:
            raise self.source.error(
                "unknown field", token, found=name, expected="a name without a dot"
            )
        average = _AVERAGE_AMOUNT.fullmatch(name)
        if average is None:
            return Field(name)
        window = Token(TokenKind.NUMBER, average.group(1), token.position + 3, token.length - 3)
        arguments = [Argument(Field("amount"), token), Argument(self.number(window), window)]
        return build_call(self.source, Token(token.kind, "ts_mean", 0, 1), arguments, qlib=False)

    def call(self, token: Token) -> Expression:
        self.advance()
        arguments: list[Argument] = []
        while self.token.text != ")":
            first = self.token
            arguments.append(Argument(self.expression(TERNARY), first))
            if self.token.text not in (",", ")"):
                raise self.unexpected("',' or ')'")
            if self.token.text == "," and self.tokens[self.place + 1].text == ")":
                self.advance()
                raise self.unexpected("another argument")
            if self.token.text == ",":
                self.advance()
        self.close()
        return build_call(self.source, token, arguments, qlib=self.qlib)

    def unexpected(self, expected: str) -> ExpressionError:
        token = self.token
        ended = token.kind is TokenKind.END
        return self.source.error(
            "the factor text ends too early" if ended else "the factor text cannot be read here",
            token,
            expected=expected,
            found="the end of the text" if ended else repr(token.text),
        )

    def chained(self) -> ExpressionError:
        return self.source.error(
            "comparisons do not chain", self.token, fix="write (a < b) & (b < c)"
        )


def _field_name(text: str) -> str:
    return text.removeprefix("$").removeprefix("indclass.")
