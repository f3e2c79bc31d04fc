"""The catalogue: every factor of the libraries by name, and names or texts to factors."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from quant_core.factors.factor import Factor
from quant_core.factors.fields import GROUP_FIELDS, NUMBER_FIELDS
from quant_core.factors.library import alpha101, alpha158, alpha191, classic
from quant_core.factors.operator_table import OPERATORS
from quant_core.factors.parser import parse
from quant_core.factors.printer import to_text
from quant_core.foundation.errors import ExpressionError

LIBRARIES: tuple[str, ...] = ("classic", "alpha101", "alpha158", "alpha191")
BARE_EXPRESSION = "expression"
"""Library of a factor that was given as a text and has no name."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COLUMN = re.compile(r"date|symbol|f[0-9]+")
"""Columns of the stored and exported tables."""
_NO_FACTORS: Mapping[str, Factor] = MappingProxyType({})
_LIKENESS = 0.75


@cache
def catalogue() -> Mapping[str, Factor]:
    """Every factor of the libraries by name, in the libraries' order.

    Examples
    --------
    >>> catalogue()["momentum_20"].text
    'close / delay(close, 20) - 1'
    """
    tables = (classic.FACTORS, alpha101.FACTORS, alpha158.FACTORS, alpha191.FACTORS)
    return by_name(factor for table in tables for factor in table)


def by_name(factors: Iterable[Factor]) -> Mapping[str, Factor]:
    """Factors by name; a name given twice is refused."""
    named: dict[str, Factor] = {}
    for factor in factors:
        if factor.name in named:
            raise ExpressionError(
                f"factor {factor.name!r} is defined twice",
                found=f"in {named[factor.name].library} and in {factor.library}",
                fix="give one of them another name",
            )
        named[factor.name] = factor
    return MappingProxyType(named)


def check_own_name(name: str) -> None:
    """Refuse a name that a user's own factor cannot have.

    It must be a word of the language that nothing else means: no column of the factor
    tables (``date``, ``symbol``, ``f1``), no field, no operator; case plays no part.

    Raises
    ------
    ExpressionError
        If the name is no word, or is taken.

    Examples
    --------
    >>> check_own_name("quiet_strength")
    >>> check_own_name("delay")
    Traceback (most recent call last):
        ...
    quant_core.foundation.errors.ExpressionError: an own factor cannot be named 'delay'
      expected: a name that nothing else has
      found:    the name of an operator
      fix:      give the factor another name
    """
    if not _NAME.fullmatch(name):
        raise ExpressionError(
            f"an own factor cannot be named {name!r}",
            expected="letters, digits and _, no digit first",
            found=name,
            fix="give the factor such a name, for example quiet_strength",
        )
    owner = _owner_of(name.lower())
    if owner:
        raise ExpressionError(
            f"an own factor cannot be named {name!r}",
            expected="a name that nothing else has",
            found=f"the name of {owner}",
            fix="give the factor another name",
        )


def _owner_of(word: str) -> str:
    """What else has a name in small letters; empty if nothing has."""
    if _COLUMN.fullmatch(word):
        return "a column of the factor tables"
    if word in NUMBER_FIELDS | GROUP_FIELDS:
        return "a field"
    return "an operator" if word in {operator.lower() for operator in OPERATORS.names} else ""


def resolve(name_or_text: str, user: Mapping[str, Factor] = _NO_FACTORS) -> Factor:
    """The factor of a name, or a nameless factor of a text.

    Parameters
    ----------
    name_or_text : str
        A name of the catalogue or of ``user``, else a text of the factor language. Names
        win; ``$name`` is always a field of the dataset.
    user : mapping, optional
        A user's own factors by name; they may not take a name of the catalogue.

    Raises
    ------
    ExpressionError
        If the text cannot be read, or is a single name that is most likely a slip.

    Examples
    --------
    >>> resolve("momentum_20").library, resolve("rank( close )").name
    ('classic', 'rank(close)')
    """
    known = by_name([*catalogue().values(), *user.values()]) if user else catalogue()
    asked = name_or_text.strip()
    if asked in known:
        return known[asked]
    if _NAME.fullmatch(asked) and asked.lower() not in NUMBER_FIELDS | GROUP_FIELDS:
        _refuse_slip(asked, known)
    return Factor(to_text(parse(asked)), BARE_EXPRESSION, asked, citation="")


def _refuse_slip(name: str, known: Mapping[str, Factor]) -> None:
    folded = {factor.lower(): factor for factor in known}
    near = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=_LIKENESS)
    if near:
        raise ExpressionError(
            "unknown factor",
            found=name,
            fix=f"did you mean {' or '.join(folded[match] for match in near)}? "
            f"A field of the dataset is written ${name}",
        )
