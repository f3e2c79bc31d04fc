"""Tree to text: the canonical writing of a factor, the same for equal trees.

Canonical text uses canonical operator names and infix symbols, parentheses only where the
grammar needs them, and single blanks. It is what the store's key is made of.
"""

from __future__ import annotations

from quant_core.factors.expression import Call, Expression, Field, Group, Number
from quant_core.factors.grammar import ATOM, COMPARISON, INFIX, POWER, SYMBOL_OF, UNARY
from quant_core.foundation.files import text_hash

_LARGEST_INTEGER = 1e15
_PREFIX_OF = {"negative": "-", "not": "!"}


def to_text(tree: Expression) -> str:
    """Canonical text of a tree.

    Examples
    --------
    >>> from quant_core.factors.parser import parse
    >>> to_text(parse("-1*Correlation(rank(open),rank(volume),10)"))
    '-1 * ts_corr(rank(open), rank(volume), 10)'
    >>> to_text(parse("(close>open) ? high : -low^2"))
    'where(close > open, high, -low ^ 2)'
    """
    return _written(tree)[0]


def expression_key(tree: Expression) -> str:
    """SHA-256 of the canonical text: names a factor's formula in the store.

    Two texts with the same key are the same tree. The operator version and the data
    version are separate parts of a stored value's identity.
    """
    return text_hash([to_text(tree)])


def _written(tree: Expression) -> tuple[str, int]:
    """Text and how tightly it binds."""
    match tree:
        case Number(value):
            return number_text(value), UNARY if value < 0 else ATOM
        case Field(name) | Group(name):
            return name, ATOM
        case Call(operator, (operand,)) if operator in _PREFIX_OF:
            return _prefixed(_PREFIX_OF[operator], operand), UNARY
        case Call(operator, (left, right)) if operator in SYMBOL_OF:
            return _joined(SYMBOL_OF[operator], left, right)
        case Call(operator, arguments):
            inside = ", ".join(_written(argument)[0] for argument in arguments)
            return f"{operator}({inside})", ATOM


def _prefixed(symbol: str, operand: Expression) -> str:
    text, tightness = _written(operand)
    bare = tightness > UNARY and not (symbol == "-" and isinstance(operand, Number))
    return f"{symbol}{text}" if bare else f"{symbol}({text})"


def _joined(symbol: str, left: Expression, right: Expression) -> tuple[str, int]:
    precedence = INFIX[symbol].precedence
    left_least = precedence + (1 if precedence in (COMPARISON, POWER) else 0)
    right_least = precedence + (0 if precedence == POWER else 1)
    return f"{_at_least(left, left_least)} {symbol} {_at_least(right, right_least)}", precedence


def _at_least(tree: Expression, least: int) -> str:
    text, tightness = _written(tree)
    return text if tightness >= least else f"({text})"


def number_text(value: float) -> str:
    """Shortest text that reads back as the same number; integers without a point.

    Examples
    --------
    >>> number_text(5.0), number_text(0.1), number_text(1e-12), number_text(1e300)
    ('5', '0.1', '1e-12', '1e+300')
    """
    if float(value).is_integer() and abs(value) < _LARGEST_INTEGER:
        return str(int(value))
    return repr(value)
