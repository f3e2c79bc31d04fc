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
from quant_core.factors.parser import parse
from quant_core.factors.printer import to_text
from quant_core.foundation.errors import ExpressionError

LIBRARIES: tuple[str, ...] = ("classic", "alpha101", "alpha158", "alpha191")
BARE_EXPRESSION = "expression"
"""Library of a factor that was given as a text and has no name."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
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
