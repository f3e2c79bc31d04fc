"""What is left of an account after faults, read from the files alone.

Nothing of the project reads here: the broker's books are SQLite, the journal is text, and
both are added up in plain integers. What is compared is what a person would compare.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

BUYS = ("buy", "cover")


@dataclass
class Account:
    """One side's account in plain numbers."""

    cash_micros: int
    shares: Counter[str] = field(default_factory=Counter)

    def trade(self, fill: dict, sign: int = 1) -> None:
        """Book a fill, or with ``sign`` -1 take it back."""
        way = sign if fill["side"] in BUYS else -sign
        self.shares[fill["symbol"]] += way * fill["shares"]
        self.cash_micros -= way * fill["shares"] * fill["price_micros"]
        self.cash_micros -= sign * fill["commission_micros"]

    @property
    def held(self) -> dict[str, int]:
        return {symbol: n for symbol, n in sorted(self.shares.items()) if n}


def entries_of(folder: Path) -> Iterator[tuple[str, dict]]:
    """Kind and body of every entry of the journal in a folder."""
    for path in sorted((folder / "live" / "journal").glob("journal-*.jsonl")):
        for line in path.read_text("ascii").splitlines():
            entry = json.loads(line)
            yield entry["kind"], entry["body"]


def rows_of(folder: Path, table: str) -> list[dict]:
    """A table of the broker's books."""
    connection = sqlite3.connect(folder / "books.sqlite")
    try:
        found = connection.execute(f"select content from {table} order by number").fetchall()
    finally:
        connection.close()
    return [json.loads(content) for (content,) in found]


def broker_account(folder: Path, capital_micros: int) -> Account:
    """The account by the broker's ledger."""
    account = Account(capital_micros)
    for entry in rows_of(folder, "ledger"):
        match entry["is"]:
            case "Fill":
                account.trade(entry)
            case "CashFlow":
                account.cash_micros += entry["amount_micros"]
            case "MarkEntry":
                pass
            case other:
                raise AssertionError(f"these worlds have no {other}")
    return account


def journal_account(folder: Path, capital_micros: int) -> Account:
    """The account by the journal: every fill once, less those that were corrected."""
    account, fills = Account(capital_micros), dict[str, dict]()
    for kind, body in entries_of(folder):
        if kind == "account_moved" and body["cash_flow"] is not None:
            account.cash_micros += body["cash_flow"]["amount_micros"]
        if kind == "fill":
            if body["corrects"] is not None:
                account.trade(fills.pop(body["corrects"]), sign=-1)
            fills[body["execution"]] = body
            account.trade(body)
    return account


def halted(folder: Path) -> bool:
    """Whether the journal's last word on trading is that it is halted, or latched."""
    states, latched = ["active"], False
    for kind, body in entries_of(folder):
        if kind == "risk_state":
            states.append(body["state"])
        latched = kind == "kill_set" or (latched and kind != "kill_cleared")
    return states[-1] == "halted" or latched


def problems(folder: Path, capital_micros: int) -> list[str]:
    """Everything that must not be, however much went wrong."""
    found = [*twice(folder), *sent_too_much(folder), *sent_when_not_allowed(folder)]
    if not halted(folder):
        found += [*unequal(folder, capital_micros), *unknown(folder)]
    return found


def unequal(folder: Path, capital_micros: int) -> Iterator[str]:
    """Positions that are not the broker's, and cash where the positions are."""
    ours, theirs = (side(folder, capital_micros) for side in (journal_account, broker_account))
    if ours.held != theirs.held:
        yield f"positions: {ours.held} here, {theirs.held} at the broker"
    elif ours.cash_micros != theirs.cash_micros:
        yield f"cash: {ours.cash_micros} here, {theirs.cash_micros} at the broker"


def twice(folder: Path) -> Iterator[str]:
    """References with two orders at the broker, executions with two entries here."""
    orders = Counter(order["intent"]["reference"] for order in rows_of(folder, "orders"))
    fills = Counter(body["execution"] for kind, body in entries_of(folder) if kind == "fill")
    yield from (f"order {name}: {n} times at the broker" for name, n in orders.items() if n > 1)
    yield from (f"execution {name}: {n} times here" for name, n in fills.items() if n > 1)


def unknown(folder: Path) -> Iterator[str]:
    """Orders at the broker that the journal never planned."""
    planned = {body["reference"] for kind, body in entries_of(folder) if kind == "order_intent"}
    for order in rows_of(folder, "orders"):
        if order["intent"]["reference"] not in planned:
            yield f"order {order['intent']['reference']}: at the broker, not planned here"


def sent_too_much(folder: Path) -> Iterator[str]:
    """Orders of which more was executed than was wanted."""
    done: Counter[str] = Counter()
    for executed in rows_of(folder, "executions"):
        done[executed["reference"]] += executed["shares"]
    for kind, body in entries_of(folder):
        if kind == "order_intent" and done[body["reference"]] > body["shares"]:
            yield f"order {body['reference']}: {done[body['reference']]} of {body['shares']}"


@dataclass
class Permission:
    """Whether anything may be sent, and how far each order has come, entry by entry."""

    halted: bool = False
    latched: bool = False
    reconciled: bool = False
    stage: dict[str, str] = field(default_factory=dict)

    @property
    def given(self) -> bool:
        return self.reconciled and not self.halted and not self.latched

    def follow(self, kind: str, body: dict) -> None:
        """What an entry says of trading as a whole."""
        match kind:
            case "risk_state":
                self.halted = body["state"] == "halted"
            case "kill_set" | "kill_cleared":
                self.latched = kind == "kill_set"
            case "reconciliation":
                self.reconciled = body["agrees"]
            case "worker_started":
                self.reconciled = False
            case _:
                pass

    def follow_order(self, kind: str, body: dict) -> str:
        """What an entry says of its order; the stage before it."""
        before = self.stage.get(body["reference"], "")
        if kind == "order_intent":
            self.stage[body["reference"]] = "flat" if "flat" in body["purpose"] else "planned"
        elif before != "flat":
            after = {"order_unknown": "unknown", "order_absent": "planned"}
            self.stage[body["reference"]] = after.get(kind, "sent")
        return before


def sent_when_not_allowed(folder: Path) -> Iterator[str]:
    """Orders planned or sent while trading was halted, latched or not reconciled."""
    permission = Permission()
    for kind, body in entries_of(folder):
        permission.follow(kind, body)
        if not kind.startswith("order_"):
            continue
        before = permission.follow_order(kind, body)
        planned = kind == "order_intent" and permission.stage[body["reference"]] == "planned"
        sent = kind == "order_acknowledged" and before == "planned"
        if (planned or sent) and not permission.given:
            yield f"{kind} {body['reference']}: not allowed here"
