"""Incidents in the report: how many of each kind, what they moved, and the notable ones.

A run on raw prices meets thousands of dividends; the page counts them, and lists a kind row by
row only where that stays readable.
"""

from __future__ import annotations

from collections.abc import Sequence

from quant_core.foundation.language import Say
from quant_core.foundation.money import format_micros
from quant_core.reports.page import folded, paragraph, table
from quant_core.trading.history import Incident

MOST_IN_FULL = 100
"""A kind with more incidents is shown by its largest."""

LARGEST = 10
"""So many of them."""


def incident_blocks(incidents: Sequence[Incident], say: Say) -> list[str]:
    """A table of the kinds, and the incidents themselves behind a click; [] without any."""
    if not incidents:
        return []
    kinds = _by_kind(incidents)
    words = ("Kind", "Incidents", "First", "Last", "Cash received", "Cash paid")
    rows = [[say(kind), *_totals(told)] for kind, told in kinds.items()]
    shown = [i for told in kinds.values() for i in _notable(told)]
    shown.sort(key=lambda i: i.session)
    detail = [
        [str(i.session), say(i.kind), i.symbol, say(i.detail), _cash(i.cash_flow_micros)]
        for i in shown
    ]
    head = [say(word) for word in ("Date", "Kind", "Symbol", "Detail", "Cash")]
    made = table(head, detail, numbers=range(4, 5))
    if len(shown) < len(incidents):
        text = say(
            "Of a kind with more than {most} incidents the {largest} that moved most cash; "
            "incidents.parquet holds all."
        )
        made = paragraph(text.format(most=MOST_IN_FULL, largest=LARGEST), "small") + made
    return [
        f"<h3>{say('Incidents')}</h3>",
        table([say(word) for word in words], rows),
        folded(f"{say('Incidents')} ({len(shown):,} / {len(incidents):,})", made),
    ]


def _by_kind(incidents: Sequence[Incident]) -> dict[str, list[Incident]]:
    """Incidents by kind, the most frequent kind first, ties by name."""
    found: dict[str, list[Incident]] = {}
    for incident in incidents:
        found.setdefault(incident.kind, []).append(incident)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def _totals(told: Sequence[Incident]) -> list[str]:
    flows = [incident.cash_flow_micros for incident in told]
    return [
        f"{len(told):,}",
        str(min(incident.session for incident in told)),
        str(max(incident.session for incident in told)),
        _cash(sum(flow for flow in flows if flow > 0)),
        _cash(sum(flow for flow in flows if flow < 0)),
    ]


def _notable(told: Sequence[Incident]) -> list[Incident]:
    if len(told) <= MOST_IN_FULL:
        return list(told)
    return sorted(told, key=lambda i: (-abs(i.cash_flow_micros), i.session, i.symbol))[:LARGEST]


def _cash(amount_micros: int) -> str:
    return format_micros(amount_micros) if amount_micros else ""
