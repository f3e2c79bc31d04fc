"""A factor: a name for a text, with its source and where it departs from it."""

from __future__ import annotations

from dataclasses import dataclass

from quant_core.factors.expression import Expression
from quant_core.factors.parser import parse


@dataclass(frozen=True, slots=True)
class Factor:
    """One entry of a factor library.

    Parameters
    ----------
    name : str
        Unique in its library and across the catalogue.
    library : str
        ``classic``, ``alpha101``, ``user``, ... ; ``expression`` for a bare text.
    text : str
        The formula in the factor language.
    citation : str
        Paper, book or page, with its equation or number; empty for a user's own.
    deviations : str
        Where the text departs from the source, and why; empty if it does not.

    Examples
    --------
    >>> Factor("reversal_5", "classic", "-delta(close, 5) / close", "").expression.operator
    'divide'
    """

    name: str
    library: str
    text: str
    citation: str
    deviations: str = ""

    @property
    def expression(self) -> Expression:
        """The tree of the text; raises :class:`ExpressionError` if it does not parse."""
        return parse(self.text)
