"""The broker's books held against the journal.

On every start, every new connection, before every decision and after every close. A
difference that nobody can explain halts trading; a snapshot that is not complete proves
nothing, and nothing trades on it.

Where the broker answers from books in this process, a difference counts when a second look, at
once, finds one too. Books behind a network lag: a position follows its execution by seconds,
a commission too. There nothing new is ordered from the first difference on, it is looked at
again in every step, and it halts when the same difference still stands after the settling time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from quant_core.brokers.port import BrokerPort, Snapshot
from quant_core.live.chronicle import Chronicle
from quant_core.live.event_intake import EventIntake
from quant_core.live.journal_entries import Body, Reconciled, RiskStateChanged
from quant_core.live.journal_kinds import TradingState
from quant_core.live.order_desk import Post
from quant_core.live.worker_state import WorkerState
from quant_core.notify.port import Alert, Severity

INCOMPLETE = "the snapshot is not complete: "
"""How a difference begins that another snapshot may remove."""

LONG_SECONDS = 120.0
"""Without books that agree, after which a person is told, whatever the differences are."""


def differences(
    state: WorkerState, snapshot: Snapshot, waiting: tuple[str, ...], cash_step_micros: int = 1
) -> list[str]:
    """Everything in which the broker's books are not ours, one line each.

    Cash is equal where it differs by less than ``cash_step_micros``, the smallest amount in
    which the broker states it.

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
    if not abs(state.portfolio.cash_micros - snapshot.cash_micros) < cash_step_micros:
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


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a difference may stand: ``settle`` in seconds of ``clock``, which runs on evenly."""

    settle: float
    clock: Callable[[], float]


class Reconciler:
    """Holds the broker's books against the journal, as often as it is asked.

    Parameters
    ----------
    broker : BrokerPort
    chronicle : Chronicle
    intake : EventIntake
    post : callable
        Takes alerts.
    patience : Patience
        For a broker that is not conclusive.
    """

    def __init__(
        self,
        broker: BrokerPort,
        chronicle: Chronicle,
        intake: EventIntake,
        post: Post,
        patience: Patience,
    ) -> None:
        self._broker = broker
        self._chronicle = chronicle
        self._intake = intake
        self._post = post
        self._patience = patience
        self._conclusive = broker.capabilities.conclusive
        self._first_seen: dict[str, float] = {}
        self._since: float | None = None
        self._told = False
        self.in_doubt = False
        """Whether a difference was found that may still clear, and has to be looked at again."""

    async def look(self, at: datetime, *, quiet: bool = False) -> Finding:
        """Take what the broker told, ask for its books, and hold them against ours.

        The finding is journalled, with ``quiet`` only when it changed; a difference that
        counts halts trading. One that somebody has to know of is told, dated ``at``.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer.
        """
        asked = self._patience.clock()
        finding = await self._compare()
        if self._conclusive and not finding.agrees:
            # A fill between the snapshot and its events makes a difference that a second look
            # clears.
            finding = await self._compare()
        standing = finding.differences if self._conclusive else self._standing(finding, asked)
        changed = self._record(finding, standing, quiet=quiet)
        if self._has_news(finding, standing, changed=changed or not quiet):
            title = "The broker's books are not those of the journal"
            text = "\n".join(finding.differences)
            self._post(Alert("reconcile", Severity.CRITICAL, title, text, at))
        return finding

    def _record(self, finding: Finding, standing: tuple[str, ...], *, quiet: bool) -> bool:
        """Journal the finding, and the halt that follows from it; whether it is another one."""
        state, bodies = self._chronicle.state, list[Body]()
        body = Reconciled(finding.agrees, finding.differences)
        changed = state.reconciled != body
        if changed or not quiet:
            bodies.append(body)
        if standing and finding.proven and state.trading_state is not TradingState.HALTED:
            reason = f"reconciliation: {standing[0]}"[:300]
            bodies.append(RiskStateChanged(TradingState.HALTED, reason))
        self._chronicle.record(bodies)
        return changed

    def _standing(self, finding: Finding, asked: float) -> tuple[str, ...]:
        """The differences that have stood for the settling time, the same at every look."""
        if finding.agrees:
            self._first_seen, self._since, self.in_doubt = {}, None, False
            return ()
        now = self._patience.clock()
        seen = {line: self._first_seen.get(line, now) for line in finding.differences}
        # Books that are not whole neither prove a difference nor clear one.
        self._first_seen = seen if finding.proven else {**self._first_seen, **seen}
        self._since = now if self._since is None else self._since
        settle = self._patience.settle
        lines = finding.differences
        standing = tuple(line for line in lines if asked - seen[line] >= settle)
        self.in_doubt = not (standing and finding.proven)
        return standing

    def _has_news(self, finding: Finding, standing: tuple[str, ...], *, changed: bool) -> bool:
        """Whether somebody has to be told: once for as long as the books do not agree."""
        if finding.agrees:
            self._told = False
            return False
        if self._conclusive:
            return changed
        since, now = self._since, self._patience.clock()
        due = bool(standing) or (since is not None and now - since >= LONG_SECONDS)
        news = due and not self._told
        self._told = self._told or due
        return news

    async def _compare(self) -> Finding:
        """One comparison with everything the broker told until now."""
        broker, intake, state = self._broker, self._intake, self._chronicle.state
        await intake.collect()
        read = intake.read
        snapshot = await broker.snapshot()
        await intake.collect()
        intake.take_executions(snapshot.executions)
        step = broker.capabilities.cash_step_micros
        found = _older(snapshot, read)
        found += differences(state, snapshot, intake.waiting, step)
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
