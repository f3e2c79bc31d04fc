"""The entries of a journal that move the ledger, and how they do."""

from __future__ import annotations

from typing import TypeAlias

from quant_core.live.journal_account import AccountMoved, DuesPaid, FractionSettled
from quant_core.live.journal_orders import FillReceived
from quant_core.portfolio import Portfolio

LedgerBody: TypeAlias = FillReceived | AccountMoved | DuesPaid | FractionSettled
"""The entries that move the ledger."""


def move_ledger(portfolio: Portfolio, body: LedgerBody) -> None:
    """Let the ledger make a move."""
    match body:
        case FillReceived():
            portfolio.apply(body.fill())
        case AccountMoved():
            portfolio.apply(body.event())
        case DuesPaid(row=row):
            portfolio.pay_due(row)
        case FractionSettled(session=session, symbol=symbol, price=price):
            portfolio.pay_fraction(session, symbol, price)


def move_again(portfolio: Portfolio, body: LedgerBody) -> None:
    """Let the ledger repeat a move; a fill of no shares is one that was busted."""
    if not (isinstance(body, FillReceived) and body.shares == 0):
        move_ledger(portfolio, body)
