"""Conservation: every micro-unit accounted for, every session, from the history alone.

Nothing of the ledger is used: cash, positions and equity are added up again from orders,
fills, incidents and marks, in exact integers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quant_core.certificates.certificate import Certificate, Table
from quant_core.foundation.language import Say
from quant_core.foundation.money import format_micros
from quant_core.foundation.types import IntArray, Session
from quant_core.trading.history import RunHistory
from quant_core.trading.orders import Side

NAME = "conservation"

MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Breach:
    """An identity that does not hold: which, when, for which name, and by how much."""

    identity: str
    session: Session
    symbol: str
    difference: int


@dataclass(frozen=True, slots=True)
class Flows:
    """Cash by session row: of trades before commission, of commission, of incidents."""

    trades: IntArray
    commissions: IntArray
    incidents: IntArray

    @property
    def total(self) -> IntArray:
        """The change of cash in each session."""
        return self.trades + self.commissions + self.incidents


def breaches(history: RunHistory) -> list[Breach]:
    """Everything that does not add up, by session; empty for an honest record.

    1. cash at a close = cash at the close before + fills + commissions + incidents;
    2. equity = cash + receivable + shares times mark;
    3. shares = shares before + fills, unless an incident of the name changed them;
    4. receivables change only with an incident, and a payment takes what it pays;
    5. no fill without its order, for the same number of shares;
    6. cash of a long-only run is never negative.
    """
    found = [
        *_cash(history),
        *_equity(history),
        *_positions(history),
        *_receivable(history),
        *_orders(history),
        *_negative_cash(history),
    ]
    return sorted(found, key=lambda breach: (breach.session, breach.identity, breach.symbol))


def cash_flows(history: RunHistory) -> Flows:
    """Cash flows of the run by session, in micros."""
    rows = _rows(history)
    flows = Flows(*(np.zeros(len(rows), dtype=np.int64) for _ in range(3)))
    for fill in history.fills:
        signed = -fill.shares if fill.side.is_buy else fill.shares
        flows.trades[rows[fill.session]] += signed * fill.price_micros
        flows.commissions[rows[fill.session]] -= fill.commission_micros
    for incident in history.incidents:
        if incident.session in rows:  # the decision before the first session moves no cash
            flows.incidents[rows[incident.session]] += incident.cash_flow_micros
    return flows


def prove_conservation(history: RunHistory, say: Say) -> Certificate:
    """Add the whole run up again and state the cash account of it."""
    found = breaches(history)
    flows = cash_flows(history)
    start, end = history.starting_capital_micros, int(history.cash_micros[-1])
    left = end - start - int(flows.total.sum())
    passed = not found and left == 0
    sessions = len(history.sessions)
    return Certificate(
        name=NAME,
        passed=passed,
        summary=_summary(found, sessions, say),
        figures={
            "sessions": sessions,
            "fills": len(history.fills),
            "positions_checked": len(history.positions.shares),
            "breaches": len(found),
            "first_breach": str(found[0].session) if found else None,
            "first_identity": found[0].identity if found else None,
            "cash_start_micros": start,
            "cash_end_micros": end,
            "unexplained_micros": left,
            "lowest_cash_micros": int(history.cash_micros.min()),
        },
        highlights=[
            (say("Closes checked"), f"{sessions:,}"),
            (say("Fills"), f"{len(history.fills):,}"),
            (say("Positions checked"), f"{len(history.positions.shares):,}"),
            (say("Unexplained"), format_micros(left, 6)),
            (say("Lowest cash"), format_micros(int(history.cash_micros.min()))),
        ],
        tables=[*_breach_tables(found, say), _account(history, flows, left, say)],
        limits=[
            say("whether prices and actions of the dataset are right"),
            say("whether the commission is what a broker would have charged"),
        ],
    )


def _summary(found: Sequence[Breach], sessions: int, say: Say) -> str:
    if not found:
        text = say("cash, positions and equity add up to the micro-unit at all {count} closes")
        return text.format(count=f"{sessions:,}")
    text = say("{count} amounts do not add up, first on {day}: {identity} {symbol}")
    first = found[0]
    shown = text.format(
        count=len(found), day=first.session, identity=say(first.identity), symbol=first.symbol
    )
    return shown.strip()


def _rows(history: RunHistory) -> Mapping[Session, int]:
    return {day: row for row, day in enumerate(history.sessions.tolist())}


def _day(history: RunHistory, row: int) -> Session:
    day: Session = history.sessions[row].item()
    return day


def _cash(history: RunHistory) -> Iterator[Breach]:
    before = np.concatenate([[history.starting_capital_micros], history.cash_micros[:-1]])
    left = history.cash_micros - before - cash_flows(history).total
    for row in np.flatnonzero(left).tolist():
        yield Breach("cash", _day(history, row), "", int(left[row]))


def _equity(history: RunHistory) -> Iterator[Breach]:
    held = history.positions
    value = np.zeros(len(history.sessions), dtype=np.int64)
    np.add.at(value, held.row, held.shares * held.mark_micros)
    left = history.equity_micros - history.cash_micros - history.receivable_micros - value
    for row in np.flatnonzero(left).tolist():
        yield Breach("equity", _day(history, row), "", int(left[row]))


def _positions(history: RunHistory) -> Iterator[Breach]:
    """Shares by session against fills; a name with an incident is believed to have changed."""
    rows, names = _rows(history), history.positions.symbols
    held: dict[int, dict[str, int]] = defaultdict(dict)
    for row, symbol, shares in zip(
        history.positions.row.tolist(),
        history.positions.symbol.tolist(),
        history.positions.shares.tolist(),
        strict=True,
    ):
        held[row][names[symbol]] = shares
    traded: dict[int, Counter[str]] = defaultdict(Counter)
    for fill in history.fills:
        traded[rows[fill.session]][fill.symbol] += fill.shares * (1 if fill.side.is_buy else -1)
    changed = _changed(history, rows)
    before: dict[str, int] = {}
    for row in range(len(history.sessions)):
        now = held[row]
        for symbol in sorted({*before, *now, *traded[row]} - changed[row]):
            left = now.get(symbol, 0) - before.get(symbol, 0) - traded[row][symbol]
            if left:
                yield Breach("share count", _day(history, row), symbol, left)
        before = now
    for incident in history.incidents:
        if incident.kind == "delisting" and incident.symbol in held[rows[incident.session]]:
            still = held[rows[incident.session]][incident.symbol]
            yield Breach("share count", incident.session, incident.symbol, still)


MOVING = frozenset({"delisting", "split", "rename", "rights"})
"""Incidents that change a number of shares without a fill."""


def _changed(history: RunHistory, rows: Mapping[Session, int]) -> dict[int, set[str]]:
    """Names by row whose shares an incident changed, the successor of a rename included."""
    changed: dict[int, set[str]] = defaultdict(set)
    for incident in history.incidents:
        if incident.kind in MOVING and incident.session in rows:
            row = rows[incident.session]
            changed[row].add(incident.symbol)
            if incident.kind == "rename":
                changed[row].add(incident.detail.rpartition(" ")[2])
    return changed


def _receivable(history: RunHistory) -> Iterator[Breach]:
    rows = _rows(history)
    paid: Counter[int] = Counter()
    owed: set[int] = set()
    for incident in history.incidents:
        if incident.session not in rows:
            continue
        if incident.kind == "dividend_paid":
            paid[rows[incident.session]] += incident.cash_flow_micros
        elif incident.kind in ("dividend", "split", "cash_in_lieu"):
            owed.add(rows[incident.session])
    receivable = history.receivable_micros
    change = receivable - np.concatenate([[0], receivable[:-1]])
    for row in range(len(rows)):
        left = int(change[row]) + paid[row]
        if left and row not in owed:
            yield Breach("receivable", _day(history, row), "", left)


def _orders(history: RunHistory) -> Iterator[Breach]:
    filled: Counter[tuple[Session, str, Side]] = Counter()
    for fill in history.fills:
        filled[fill.session, fill.symbol, fill.side] += fill.shares
    for order in history.orders:
        filled[order.session, order.symbol, order.side] -= order.filled
    for (session, symbol, _), left in filled.items():
        if left:
            yield Breach("orders", session, symbol, left)


def _negative_cash(history: RunHistory) -> Iterator[Breach]:
    if any(order.side in (Side.SHORT, Side.COVER) for order in history.orders):
        return
    for row in np.flatnonzero(history.cash_micros < 0).tolist():
        yield Breach("negative cash", _day(history, row), "", int(history.cash_micros[row]))


def _breach_tables(found: Sequence[Breach], say: Say) -> list[Table]:
    if not found:
        return []
    words = ("Identity", "Session", "Symbol", "Difference")
    rows = [
        [say(b.identity), str(b.session), b.symbol, f"{b.difference:,}"] for b in found[:MOST_SHOWN]
    ]
    head = [say(word) for word in words]
    return [Table(say("What does not add up, in micro-units or shares"), head, rows, range(3, 4))]


def _account(history: RunHistory, flows: Flows, left: int, say: Say) -> Table:
    """Cash from the start to the end of the run, line by line."""
    bought = sum(f.notional_micros for f in history.fills if f.side.is_buy)
    sold = sum(f.notional_micros for f in history.fills if not f.side.is_buy)
    by_kind: Counter[str] = Counter()
    for incident in history.incidents:
        by_kind[incident.kind] += incident.cash_flow_micros
    lines = [
        (say("Cash at the start"), history.starting_capital_micros),
        (say("Bought"), -bought),
        (say("Sold"), sold),
        (say("Commission"), int(flows.commissions.sum())),
        *((say(kind), flow) for kind, flow in sorted(by_kind.items()) if flow),
        (say("Cash at the end"), int(history.cash_micros[-1])),
        (say("Unexplained"), left),
    ]
    rows = [[name, format_micros(amount, 6)] for name, amount in lines]
    return Table(say("Cash account"), [say("Line"), say("Amount")], rows)
