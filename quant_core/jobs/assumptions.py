"""What a run assumes and what its data cannot show, as sentences for the report."""

from __future__ import annotations

import numpy as np

from quant_core.data.schema import DatasetFacts
from quant_core.data.universe import Universe
from quant_core.data.warehouse import Snapshot
from quant_core.foundation.language import Say
from quant_core.foundation.panel import Axes
from quant_core.foundation.settings import CommissionSettings, Settings
from quant_core.foundation.types import FloatMatrix
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


def assumptions(settings: Settings, facts: DatasetFacts, say: Say) -> list[str]:
    """How signals, fills and costs were assumed."""
    execution = settings.execution
    cap = execution.participation_cap
    costs = say(
        "Slippage {slippage} bps of the open against the trader; commission {fee}; lots of {lot}."
    )
    buffer = say(
        "Cash buffer {buffer} at sizing; cash never below zero, buys are truncated to what "
        "cash pays for."
    )
    volume = say("No limit on volume: every order is assumed to fill at the open.")
    if cap is not None:
        volume = say("A fill takes at most {cap} of the session's volume; the rest expires.")
        volume = volume.format(cap=f"{cap:.1%}")
    return [
        say("Signal price: close of T-1. Execution price: open of T. Day orders only."),
        costs.format(
            slippage=f"{execution.slippage * 1e4:g}",
            fee=_fee(execution.commission, say),
            lot=execution.lot,
        ),
        buffer.format(buffer=f"{execution.cash_buffer:.1%}"),
        volume,
        say("No taxes, no interest on cash, no market impact beyond the slippage."),
        say("Money in {currency}, exact to 0.000001.").format(currency=facts.currency),
    ]


def _fee(commission: CommissionSettings, say: Say) -> str:
    if commission.model != "bps":
        return say(commission.model)
    least = f", {say('at least')} {commission.minimum:g}" if commission.minimum else ""
    return f"{commission.rate * 1e4:g} bps{least}"


def known_biases(
    snapshot: Snapshot, universe: Universe | None, history: RunHistory, say: Say
) -> list[str]:
    """What a reader must hold against the numbers."""
    facts = snapshot.facts
    told: list[str] = []
    if facts.synthetic:
        told.append(say("SYNTHETIC DATA: this market was made by a generator. No number is real."))
    told.append(say(PRICE_BASIS_NOTES[facts.price_basis]))
    if universe is None and not facts.synthetic:
        told.append(
            say(
                "The universe is the whole dataset. If it holds today's members of an index, "
                "the result is biased by survival; give a point-in-time universe to remove that."
            )
        )
    stale = int(np.count_nonzero(history.positions.stale))
    if stale:
        sentence = say("{count} position-days were valued at an earlier close (stale).")
        told.append(sentence.format(count=f"{stale:,}"))
    silent = positions_without_later_price(snapshot.axes, snapshot.panel("close"), history)
    if silent:
        sentence = say(
            "At the end of the run {count} positions are carried at their last close in names "
            "without any later price in the dataset: they may be worth less, or nothing."
        )
        told.append(sentence.format(count=f"{silent:,}"))
    return told


def positions_without_later_price(axes: Axes, close: FloatMatrix, history: RunHistory) -> int:
    """Stale positions of the last session whose name has no close after it in the dataset."""
    positions = history.positions
    carried = np.flatnonzero(positions.stale & (positions.row == len(history.sessions) - 1))
    names = [positions.symbols[int(positions.symbol[i])] for i in carried.tolist()]
    after = int(np.count_nonzero(axes.sessions <= history.sessions[-1]))
    trades_again = np.isfinite(close[after:, axes.columns_of(names)]).any(axis=0)
    return int(np.count_nonzero(~trades_again))
