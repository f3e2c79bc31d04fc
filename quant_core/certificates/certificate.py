"""The verdict on one property of a run, with the figures it rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Figure: TypeAlias = float | int | str | bool | None
"""A number, a text or a date's text; None = there is none."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


@dataclass(frozen=True, slots=True)
class Table:
    """Detail rows under a heading; ``numbers`` are the columns that hold numbers."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: range = range(1, 99)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One property, proved or refuted.

    Attributes
    ----------
    name : str
        ``causality``, ``null``, ``conservation``, ``implementation_band`` or
        ``reproducibility``.
    passed : bool
        The verdict.
    summary : str
        The verdict in one sentence, in the reader's language.
    figures : mapping of name to number or text
        What the verdict rests on.
    tables : sequence of Table
        The details.
    highlights : sequence of (name, value)
        The figures a reader looks for first.
    limits : sequence of str
        What the certificate does not prove.
    picture : str
        An inline SVG, or nothing.
    """

    name: str
    passed: bool
    summary: str
    figures: Mapping[str, Figure]
    highlights: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    limits: Sequence[str] = ()
    picture: str = ""

    def document(self) -> dict[str, object]:
        """The certificate for programs; numbers that are not finite become null.

        Examples
        --------
        >>> Certificate("null", True, "no alpha", {"mean": float("nan")}).document()
        {'name': 'null', 'passed': True, 'summary': 'no alpha', 'figures': {'mean': None}}
        """
        figures = {name: _finite(value) for name, value in self.figures.items()}
        return {
            "name": self.name,
            "passed": self.passed,
            "summary": self.summary,
            "figures": figures,
        }


def _finite(value: Figure) -> Figure:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def silent(_done: int, _total: int) -> None:
    """No progress to show."""
