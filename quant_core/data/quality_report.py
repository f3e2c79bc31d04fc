"""What the quality gate found, as a value, as JSON and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from quant_core.data.quality_findings import Coverage
from quant_core.foundation.errors import DataRefused

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
"""Anything ``json.dumps`` writes without help."""

QUARANTINE_LIMIT = 0.02
"""A dataset is refused when a larger share of its rows would be quarantined."""

EXAMPLES = 5
"""So many examples of each kind are kept."""

SHOWN = 3
"""So many of them are printed."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often one thing was found.

    Attributes
    ----------
    source : int
        Among the rows as they came (repeated keys and non-sessions set aside).
    kept : int
        Among the rows that passed the gate.
    examples : tuple of str
        The first few among the kept rows, in the order of symbol and date.
    """

    source: int
    kept: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The gate's account of one delivery of rows.

    ``rows_in = rows_kept + sum of quarantined + collapsed``, always.

    Attributes
    ----------
    rows_in, rows_kept, collapsed : int
        Rows delivered, rows that passed, exact repetitions laid together.
    quarantined : dict of str to Tally
        Rows refused by reason (``source`` = ``kept`` = their number), examples of each.
    nulls : dict of str to int
        Kept rows in which a field is unknown.
    findings : dict of str to Tally
        Observations by kind; see :mod:`quant_core.data.quality_findings`.
    coverage : Coverage
        Calendar coverage of the kept rows.
    missing_in_source : int
        Symbol-days without any row in the source; ``coverage.missing_symbol_days``
        also counts those whose row was quarantined.
    symbols : int
        Symbols among the kept rows.
    first, last : date or None
        Range of the kept rows.
    refusals : tuple of str
        Why the whole dataset is refused; empty when it is accepted.
    origin : tuple of str
        Where the rows came from.
    """

    rows_in: int
    rows_kept: int
    collapsed: int
    quarantined: dict[str, Tally]
    nulls: dict[str, int]
    findings: dict[str, Tally]
    coverage: Coverage
    missing_in_source: int
    symbols: int
    first: date | None
    last: date | None
    calendar: str
    refusals: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()

    @property
    def rows_quarantined(self) -> int:
        """Rows refused, over all reasons."""
        return sum(tally.kept for tally in self.quarantined.values())

    def raise_if_refused(self, dataset: str) -> None:
        """Raise :class:`DataRefused` when the gate refuses the dataset as a whole."""
        if not self.refusals:
            return
        raise DataRefused(
            f"the quality gate refuses the dataset {dataset!r}",
            expected=f"at most {QUARANTINE_LIMIT:.0%} of the rows quarantined, "
            "and no two symbols with the same series",
            found="; ".join(self.refusals),
            fix="see the whole account with --check; nothing was stored, "
            "and the last good version stays",
        )

    def as_dict(self) -> dict[str, JsonValue]:
        """The report with plain values only, dates as ISO text."""
        return {
            "rows_in": self.rows_in,
            "rows_kept": self.rows_kept,
            "rows_quarantined": self.rows_quarantined,
            "duplicates_collapsed": self.collapsed,
            "quarantined": _tallies(self.quarantined),
            "nulls": dict(self.nulls),
            "findings": _tallies(self.findings),
            "sessions": {
                "calendar": self.calendar,
                "expected": self.coverage.sessions,
                "empty": [day.isoformat() for day in self.coverage.empty],
                "thin": [
                    {"session": day.isoformat(), "rows": rows, "symbols_alive": alive}
                    for day, rows, alive in self.coverage.thin
                ],
            },
            "gaps": {
                "missing_symbol_days_in_source": self.missing_in_source,
                "missing_symbol_days": self.coverage.missing_symbol_days,
                "symbols": len(self.coverage.gaps),
                "worst": dict(self.coverage.gaps[: 2 * EXAMPLES]),
            },
            "symbols": self.symbols,
            "first": self.first.isoformat() if self.first else None,
            "last": self.last.isoformat() if self.last else None,
            "refusals": list(self.refusals),
            "origin": list(self.origin),
        }

    def as_text(self) -> str:
        """The report as a table for a terminal."""
        return "\n".join([*self._summary(), *self._coverage(), *self._tables(), *self._verdict()])

    def _summary(self) -> list[str]:
        share = self.rows_quarantined / self.rows_in if self.rows_in else 0.0
        nulls = ", ".join(f"{name} {number:,}" for name, number in self.nulls.items() if number)
        return [
            *_line("source", *self.origin),
            *_line("rows read", f"{self.rows_in:,}"),
            *_line("rows kept", f"{self.rows_kept:,}"),
            *_line("quarantined", f"{self.rows_quarantined:,} ({share:.4%})"),
            *_line("repeated rows", f"{self.collapsed:,} laid together"),
            *_line("symbols", f"{self.symbols:,}"),
            *_line("dates", f"{self.first or '-'} to {self.last or '-'}"),
            *_line("unknown values", nulls or "none"),
        ]

    def _coverage(self) -> list[str]:
        cover = self.coverage
        thin = [f"{day} ({rows} of {alive} symbols)" for day, rows, alive in cover.thin]
        worst = ", ".join(f"{symbol} {number}" for symbol, number in cover.gaps[: 2 * EXAMPLES])
        gaps = f"{cover.missing_symbol_days:,} in {len(cover.gaps):,} symbols"
        if self.missing_in_source != cover.missing_symbol_days:
            gaps += f" ({self.missing_in_source:,} in the source, the rest quarantined)"
        return [
            *_line("sessions", f"{cover.sessions:,} of {self.calendar}, {len(cover.empty)} empty"),
            *_line("thin sessions", *_shortened(thin)),
            *_line("missing days", gaps),
            *_line("worst gaps", worst),
        ]

    def _tables(self) -> list[str]:
        lines = ["", f"{'quarantined rows':<24}{'rows':>12}  first examples"]
        for reason, tally in self.quarantined.items():
            lines.append(f"{reason:<24}{tally.kept:>12,}  {'; '.join(tally.examples[:SHOWN])}")
        lines += ["", f"{'findings':<24}{'in source':>12}{'in kept':>12}  first examples"]
        for kind, tally in self.findings.items():
            numbers = f"{tally.source:>12,}{tally.kept:>12,}"
            lines.append(f"{kind:<24}{numbers}  {'; '.join(tally.examples[:SHOWN])}")
        return lines

    def _verdict(self) -> list[str]:
        if not self.refusals:
            return ["", "accepted"]
        return ["", *(f"refused: {refusal}" for refusal in self.refusals)]


def _tallies(tallies: Mapping[str, Tally]) -> dict[str, JsonValue]:
    return {
        name: {"source": tally.source, "kept": tally.kept, "examples": list(tally.examples)}
        for name, tally in tallies.items()
    }


def _line(label: str, *texts: str) -> list[str]:
    """A labelled line, further texts below one another; nothing when there is no text."""
    labels = [label, *[""] * (len(texts) - 1)]
    return [f"{name:<16}{text}" for name, text in zip(labels, texts, strict=False) if text]


def _shortened(texts: Sequence[str], most: int = 2 * EXAMPLES) -> list[str]:
    more = [f"... {len(texts) - most} more"] if len(texts) > most else []
    return [*texts[:most], *more]
