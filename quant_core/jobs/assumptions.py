"""What a run assumes and what its data cannot show, as sentences for the report."""

from __future__ import annotations

import numpy as np

from quant_core.data.schema import DatasetFacts
from quant_core.data.universe import Universe
from quant_core.foundation.settings import Settings
from quant_core.trading.history import RunHistory

PRICE_BASIS_NOTES = {
    "raw": "Prices are raw. Splits and dividends are not in this dataset.",
    "split_adjusted": (
        "Prices are split-adjusted: dividends and spin-offs are missing from strategy and "
        "benchmark, and share counts in the past are not those of the time."
    ),
    "total_return": (
        "Prices are total-return adjusted: returns include dividends, but price levels, lots "
        "and per-share fees in the past are not those of the time."
    ),
}


def assumptions(settings: Settings, facts: DatasetFacts) -> list[str]:
    """How signals, fills and costs were assumed."""
    execution = settings.execution
    commission = execution.commission
    cap = execution.participation_cap
    fee = f"{commission.rate * 1e4:g} bps" if commission.model == "bps" else commission.model
    return [
        "Signal price: close of T-1. Execution price: open of T. Day orders only.",
        f"Slippage {execution.slippage * 1e4:g} bps of the open against the trader; "
        f"commission {fee}; lots of {execution.lot}.",
        f"Cash buffer {execution.cash_buffer:.1%} at sizing; cash never below zero, "
        "buys are truncated to what cash pays for.",
        "No limit on volume: every order is assumed to fill at the open."
        if cap is None
        else f"A fill takes at most {cap:.1%} of the session's volume; the rest expires.",
        "No taxes, no interest on cash, no market impact beyond the slippage.",
        f"Money in {facts.currency}, exact to 0.000001.",
    ]


def known_biases(
    facts: DatasetFacts, universe: Universe | None, history: RunHistory, notes: tuple[str, ...]
) -> list[str]:
    """What a reader must hold against the numbers."""
    told: list[str] = []
    if facts.synthetic:
        told.append("SYNTHETIC DATA: this market was made by a generator. No number is real.")
    told.append(PRICE_BASIS_NOTES[facts.price_basis])
    if universe is None and not facts.synthetic:
        told.append(
            "The universe is the whole dataset. If it holds today's members of an index, the "
            "result is biased by survival; give a point-in-time universe to remove that."
        )
    stale = int(np.count_nonzero(history.positions.stale))
    if stale:
        told.append(f"{stale:,} position-days were valued at an earlier close (stale).")
    return [*told, *notes]
