"""What a check answers: nothing, or what it found and what would have passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from quant_core.risk.gate_inputs import known_real

Shown: TypeAlias = int | float | str | None
"""What a verdict shows of a value; None = not known."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a check says no: what was found, and what would have passed."""

    found: Shown
    limit: Shown
    relation: str = "at most"


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit is used; ``floor`` says that the limit is a least amount.

    None = not known, which is beyond every limit.

    Examples
    --------
    >>> Usage(7, 10).left, Usage(7, 10, floor=True).left, Usage(None, 10).left
    (3, -3, None)
    """

    used: float | None
    limit: float | None
    floor: bool = False

    @property
    def left(self) -> float | None:
        """Room to the limit, negative beyond it."""
        if self.used is None or self.limit is None:
            return None
        return self.used - self.limit if self.floor else self.limit - self.used

    def finding(self) -> Finding | None:
        """Nothing where there is room; what a check answers otherwise."""
        left = self.left
        if left is not None and left >= 0:
            return None
        return Finding(self.used, self.limit, "at least" if self.floor else "at most")


def at_most(found: object, limit: float | None) -> Finding | None:
    """A finding unless ``found`` is a known number, not negative, and at most ``limit``.

    ``limit`` None = the limit itself cannot be computed, which refuses.

    Examples
    --------
    >>> at_most(5, 5), at_most(float("nan"), 5)
    (None, Finding(found='nan', limit=5, relation='at most'))
    """
    number = known_real(found, least=0.0)
    if number is not None and limit is not None and number <= limit:
        return None
    return Finding(shown(found), limit)


def shown(value: object) -> Shown:
    """``value`` as a verdict shows it: numbers as they are, what is no number as text.

    Examples
    --------
    >>> shown(3), shown(float("inf")), shown(None)
    (3, 'inf', None)
    """
    if value is None:
        return None
    number = known_real(value)
    return repr(value) if number is None else number
