"""The broker's books held against the journal.

On every start, every new connection, before every decision and after every close. A
difference that nobody can explain halts trading; a snapshot that is not complete proves
nothing, and nothing trades on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from quant_core.brokers.port import BrokerPort, Snapshot
from quant_core.live.chronicle import Chronicle
from quant_core.live.event_intake import EventIntake
from quant_core.live.journal_entries import Body, Reconciled, RiskStateChanged
from quant_core.live.journal_kinds import TradingState
from quant_core.live.worker_state import WorkerState

INCOMPLETE = "the snapshot is not complete: "
"""How a difference begins that another snapshot may remove."""


def differences(state: WorkerState, snapshot: Snapshot, waiting: tuple[str, ...]) -> list[str]:
    """Everything in which the broker's books are not ours, one line each.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> books = Snapshot("DU1", at, True, 7_000_000, {"AAA": 3}, (), (), (), 0)
    >>> differences(WorkerState(7_000_000), books, ())
    ['AAA: 0 shares here, 3 at the broker']
    """
    if not snapshot.complete:
        return [INCOMPLETE + ", ".join(snapshot.missing)]
    found = [f"cannot be taken: {each}" for each in waiting]
    ours = {symbol: state.portfolio.shares_of(symbol) for symbol in state.portfolio.held}
    for symbol in sorted({*ours, *snapshot.positions}):
        here, there = ours.get(symbol, 0), snapshot.positions.get(symbol, 0)
        if here != there:
            found.append(f"{symbol}: {here} shares here, {there} at the broker")
    if state.portfolio.cash_micros != snapshot.cash_micros:
        here, there = state.portfolio.cash_micros / 1e6, snapshot.cash_micros / 1e6
        found.append(f"cash: {here:.6f} here, {there:.6f} at the broker")
    return found + _orders(state, snapshot) + _executions(state, snapshot)


def _orders(state: WorkerState, snapshot: Snapshot) -> list[str]:
    """Open orders that only one side has."""
    theirs = {order.reference for order in snapshot.open_orders}
    found = [
        f"order {name}: open at the broker, not of this worker"
        for name in sorted(theirs - state.orders.keys())
    ]
    found += [
        f"order {name}: open at the broker, over here"
        for name in sorted(theirs & state.orders.keys())
        if state.orders[name].stage.is_over
    ]
    counts: dict[str, int] = {}
    for order in (*snapshot.open_orders, *snapshot.completed_orders):
        counts[order.reference] = counts.get(order.reference, 0) + 1
    found += [f"order {name}: {n} times at the broker" for name, n in counts.items() if n > 1]
    return found


def _executions(state: WorkerState, snapshot: Snapshot) -> list[str]:
    return [
        f"execution {executed.execution_id} of {executed.reference} is not in the journal"
        for executed in snapshot.executions
        if executed.execution_id not in state.seen
    ]


def _older(snapshot: Snapshot, read: int) -> list[str]:
    """Books that were put back to an earlier state: what is in them was told before."""
    if not snapshot.complete or snapshot.last_event >= read:
        return []
    return [f"the broker's events end at {snapshot.last_event}, and {read} were read"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a reconciliation found; ``proven`` is False where the snapshot was incomplete."""

    differences: tuple[str, ...]
    proven: bool

    @property
    def agrees(self) -> bool:
        """Whether there is nothing to explain."""
        return not self.differences


async def reconcile(
    broker: BrokerPort, chronicle: Chronicle, intake: EventIntake, *, quiet: bool = False
) -> Finding:
    """Take what the broker told, ask for its books, and hold them against ours.

    A difference counts when a second look, at once, finds one too. The finding is journalled,
    with ``quiet`` only when it changed; an unexplained difference halts trading.

    Raises
    ------
    SourceUnreachable
        If the broker does not answer.
    """
    state = chronicle.state
    finding = await _look(broker, state, intake)
    if not finding.agrees:
        # A fill between the snapshot and its events makes a difference that a second look clears.
        finding = await _look(broker, state, intake)
    found = finding.differences
    bodies: list[Body] = []
    before = state.reconciled
    body = Reconciled(finding.agrees, found)
    if not quiet or before != body:
        bodies.append(body)
    if found and finding.proven and state.trading_state is not TradingState.HALTED:
        bodies.append(RiskStateChanged(TradingState.HALTED, f"reconciliation: {found[0]}"[:300]))
    chronicle.record(bodies)
    return finding


async def _look(broker: BrokerPort, state: WorkerState, intake: EventIntake) -> Finding:
    """One comparison with everything the broker told until now."""
    await intake.collect()
    read = intake.read
    snapshot = await broker.snapshot()
    await intake.collect()
    intake.take_executions(snapshot.executions)
    found = [*_older(snapshot, read), *differences(state, snapshot, intake.waiting)]
    if snapshot.complete:
        found += await _lost_orders(broker, state, snapshot)
    return Finding(tuple(found), snapshot.complete)


async def _lost_orders(broker: BrokerPort, state: WorkerState, snapshot: Snapshot) -> list[str]:
    """Orders the broker had and, asked for each, knows no more."""
    theirs = {order.reference for order in (*snapshot.open_orders, *snapshot.completed_orders)}
    return [
        f"order {order.intent.reference}: open here, the broker does not know it"
        for order in state.open_orders
        if order.broker_order
        and order.intent.reference not in theirs
        and not await broker.find(order.intent.reference)
    ]
