"""A client's ledger: it knows what the broker tells, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from quant_core.brokers.port import (
    AccountChanged,
    BrokerEvent,
    CommissionCharged,
    DuePaid,
    EventBody,
    Executed,
    ExecutionCorrected,
    FractionPaid,
)
from quant_core.portfolio import Portfolio
from quant_core.trading.events import Fill


class SecondLedger:
    """Applies each event of the account once, whatever comes twice or in pieces."""

    def __init__(self, capital_micros: int, *, may_short: bool = False) -> None:
        self.portfolio = Portfolio(capital_micros, may_short=may_short)
        self.fills: list[Fill] = []
        self._seen: set[str] = set()
        self._unpaid: dict[str, Executed] = {}
        self._commissions: dict[str, int] = {}

    def follow(self, events: Iterable[BrokerEvent]) -> None:
        for event in events:
            self._trade(event.body)
            self._account(event.body)

    def _trade(self, body: EventBody) -> None:
        match body:
            case Executed():
                self._executed(body)
            case CommissionCharged():
                self._commissions[body.execution_id] = body.commission_micros
                waiting = self._unpaid.pop(body.execution_id, None)
                if waiting is not None:
                    self._book(waiting, body.commission_micros)
            case ExecutionCorrected():
                raise AssertionError("a correction needs its own test")
            case _:
                pass

    def _account(self, body: EventBody) -> None:
        match body:
            case AccountChanged() if self._new(body.event_id):
                self.portfolio.apply(body.event)
            case DuePaid() if self._new(body.event_id):
                self.portfolio.pay_due(body.row)
            case FractionPaid() if self._new(body.event_id):
                self.portfolio.pay_fraction(body.session, body.symbol, body.price)
            case _:
                pass

    def _executed(self, done: Executed) -> None:
        if not self._new(done.execution_id):
            return
        commission = done.commission_micros
        if commission is None:
            commission = self._commissions.get(done.execution_id)
        if commission is None:
            self._unpaid[done.execution_id] = done
        else:
            self._book(done, commission)

    def _book(self, done: Executed, commission: int) -> None:
        fill = Fill(
            done.session,
            done.symbol,
            done.side,
            done.shares,
            done.price_micros,
            done.open_micros,
            commission,
        )
        self.portfolio.apply(fill)
        self.fills.append(fill)

    def _new(self, name: str) -> bool:
        if name in self._seen:
            return False
        self._seen.add(name)
        return True


def contents(portfolio: Portfolio) -> tuple:
    """Everything a ledger holds, for comparison."""
    names = sorted({*portfolio.held, *portfolio.fractions})
    return (
        portfolio.cash_micros,
        [(name, portfolio.shares_of(name), portfolio.mark_of(name)) for name in names],
        portfolio.fractions,
        portfolio.values_micros(),
        [portfolio.bought_in_session(name) for name in names],
    )
