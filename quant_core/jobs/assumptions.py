"""What a run assumes and what its data cannot show, as sentences for the report."""

from __future__ import annotations

import numpy as np

from quant_core.data.delistings import INFERRED
from quant_core.data.universe import Universe
from quant_core.data.warehouse import Snapshot
from quant_core.foundation.language import Say
from quant_core.foundation.panel import Axes
from quant_core.foundation.settings import (
    CommissionSettings,
    ImpactSettings,
    Settings,
    ShortSettings,
)
from quant_core.foundation.types import FloatMatrix
from quant_core.trading.history import RunHistory

RAW_WITH_ACTIONS = (
    "Prices are raw; splits, dividends, rights and renames of the dataset are applied by the "
    "ledger on their ex-dates, and dividends become cash on their pay dates. Factors and the "
    "benchmark see adjusted prices."
)
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

EXECUTION_NOTES = {
    "open": (
        "Signal price: close of T-1. Execution price: open of T, as if every order met the "
        "opening auction. Day orders only."
    ),
    "close": (
        "Signal price: close of T-1. Execution price: close of T, as if every order met the "
        "closing auction. Day orders only."
    ),
    "vwap": (
        "Signal price: close of T-1. Execution price: a proxy of the volume-weighted price of T "
        "(that of the dataset, else (high + low + close) / 3), as if every order were worked "
        "over the whole session. Day orders only."
    ),
}

COMMISSION_NOTES = {
    "none": "none",
    "ibkr_fixed": "IBKR fixed plan, schedule read in 2025-01, without regulatory fees",
    "ibkr_fixed_regulatory": (
        "IBKR fixed plan, schedule read in 2025-01, with the regulatory fees of each date"
    ),
    "ibkr_tiered": (
        "IBKR tiered plan, schedule read in 2025-01, with exchange, clearing and the regulatory "
        "fees of each date"
    ),
    "cn_ashare": "A-share commission, stamp duty and transfer fee of each date",
}
"""What stands behind a schedule; bps and per_share are told by their numbers."""


def assumptions(settings: Settings, snapshot: Snapshot, say: Say) -> list[str]:
    """How signals, fills and costs were assumed."""
    execution = settings.execution
    costs = say(
        "Slippage {slippage} bps of the execution price against the trader; commission: {fee}; "
        "lots of {lot}."
    )
    buffer = say(
        "Cash buffer {buffer} at sizing; cash never below zero, buys are truncated to what "
        "cash pays for."
    )
    told = [
        say(EXECUTION_NOTES[execution.price]),
        costs.format(
            slippage=f"{execution.slippage * 1e4:g}",
            fee=_fee(execution.commission, say),
            lot=execution.lot,
        ),
        _impact(execution.impact, say),
        buffer.format(buffer=f"{execution.cash_buffer:.1%}"),
        _volume(execution.participation_cap, snapshot, say),
    ]
    if execution.market_rules == "cn_ashare":
        told.append(
            say(
                "Rules of the mainland Chinese exchanges: no buys at the upper price limit, no "
                "sells at the lower one, shares bought can be sold from the next session on."
            )
        )
        told.append(_special_treatment(execution.special_treatment, say))
    if settings.short.allowed:
        told += _short_selling(settings.short, say)
    told += _delistings(execution.delisting_return, snapshot, say)
    told.append(say("No taxes on gains or dividends, no interest on cash."))
    money = say("Money in {currency}, exact to 0.000001.")
    return [*told, money.format(currency=snapshot.facts.currency)]


def _volume(cap: float | None, snapshot: Snapshot, say: Say) -> str:
    if "volume" not in snapshot.fields:
        return say("No volume in this dataset: no limit on volume, every order is assumed to fill.")
    if cap is None:
        return say("No limit on volume: every order is assumed to fill.")
    text = say(
        "A fill takes at most {cap} of the session's volume (participation cap); the rest expires."
    )
    return text.format(cap=f"{cap:.1%}")


def _special_treatment(file: str | None, say: Say) -> str:
    if file is None:
        return say(
            "No name is taken to be under special treatment (ST): the usual limits of its board "
            "hold for every name."
        )
    text = say(
        "Names that {file} lists for a session are under special treatment (ST): their price "
        "limits are those of special treatment on that date."
    )
    return text.format(file=file)


def _impact(impact: ImpactSettings, say: Say) -> str:
    spread = f"{impact.spread * 1e4:g}"
    match impact.model:
        case "none":
            return say("No market impact beyond the slippage.")
        case "half_spread":
            return say("Impact: half of a quoted spread of {spread} bps.").format(spread=spread)
        case "square_root":
            text = say(
                "Impact: half of a spread of {spread} bps, plus {coefficient} x daily volatility "
                "x sqrt(shares / average volume), both over {sessions} sessions known before "
                "(Grinold and Kahn 2000, Tóth et al. 2011)."
            )
        case "almgren":
            text = say(
                "Impact: half of a spread of {spread} bps, plus the temporary and half of the "
                "permanent impact of Almgren et al. (2005), their coefficients; volatility and "
                "average volume over {sessions} sessions known before."
            )
    return text.format(
        spread=spread, coefficient=f"{impact.coefficient:g}", sessions=impact.sessions
    )


def _short_selling(short: ShortSettings, say: Say) -> list[str]:
    margin = say(
        "Short selling: equity of at least {initial} of gross exposure to open and {maintenance} "
        "to keep positions; weights of at most {gross} gross and {net} net."
    )
    if short.borrow_table is None:
        fee = say(
            "Every name can be borrowed, at {rate} a year; borrowed cash costs {debit} a year."
        )
    else:
        fee = say(
            "Shares are borrowed as the borrow table says; a name that leaves it is bought "
            "back; borrowed cash costs {debit} a year."
        )
    return [
        margin.format(
            initial=f"{short.initial_margin:.1%}",
            maintenance=f"{short.maintenance_margin:.1%}",
            gross=f"{short.max_gross:g}",
            net=f"{short.max_net:g}",
        ),
        fee.format(rate=f"{short.borrow_rate:.2%}", debit=f"{short.debit_rate:.2%}"),
    ]


def _delistings(loss: float, snapshot: Snapshot, say: Say) -> list[str]:
    """How dead names are closed; adjusted datasets do not say who died."""
    if snapshot.facts.price_basis != "raw":
        return []
    text = say("A delisted name is closed after its last session at its last close times {kept}.")
    told = [text.format(kept=f"{1 + loss:g}")]
    inferred = snapshot.findings()["kind"].to_list().count(INFERRED)
    if inferred:
        sentence = say(
            "The dataset states no delisting dates: {count} were inferred from the last price of "
            "each name."
        )
        told.append(sentence.format(count=f"{inferred:,}"))
    return told


def price_basis_note(snapshot: Snapshot) -> str:
    """What the prices of the dataset contain, in English."""
    basis = snapshot.facts.price_basis
    return RAW_WITH_ACTIONS if basis == "raw" and snapshot.has_actions else PRICE_BASIS_NOTES[basis]


def _fee(commission: CommissionSettings, say: Say) -> str:
    least = f", {say('at least')} {commission.minimum:g}" if commission.minimum else ""
    match commission.model:
        case "bps":
            return f"{commission.rate * 1e4:g} bps{least}"
        case "per_share":
            most = f", {say('at most')} {commission.cap:.1%}" if commission.cap else ""
            return f"{commission.per_share:g} {say('a share')}{least}{most}"
        case _:
            return say(COMMISSION_NOTES[commission.model])


def known_biases(
    snapshot: Snapshot, universe: Universe | None, history: RunHistory, say: Say
) -> list[str]:
    """What a reader must hold against the numbers."""
    facts = snapshot.facts
    told: list[str] = []
    if facts.synthetic:
        told.append(say("SYNTHETIC DATA: this market was made by a generator. No number is real."))
    told.append(say(price_basis_note(snapshot)))
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
