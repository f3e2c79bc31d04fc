"""What the journal says became of the commands.

Counted from the record alone, and so by another way than the worker's own: it fails where
the worker forgets, doubles or ranks wrongly.

Priority, as far as one place for one waiting command allows it: **whenever the worker begins
a command, no more urgent one that it has received waits unbegun; once it has begun a STOP,
it begins nothing and plans no order until it is started again; and no CANCEL ends an exit of
a FLAT that is at work.** A command that still stands in ``command.json`` has not been received.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from quant_core.live.commands import Action
from quant_core.live.gate_view import is_flat
from quant_core.live.journal_entries import (
    Body,
    CommandDone,
    CommandExecuting,
    CommandReceived,
    CommandRefused,
    CommandRepeated,
    WorkerStarted,
)
from quant_core.live.journal_orders import CancelRequested, OrderIntent

RANK = {action: rank for rank, action in enumerate(Action)}


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the commands that were sent; all is well when all three are empty."""

    lost: tuple[str, ...]
    """Sent and never carried out."""
    twice: tuple[str, ...]
    """Carried out more than once."""
    uninvited: tuple[str, ...]
    """Carried out and never sent."""

    @property
    def ok(self) -> bool:
        """Each command exactly once."""
        return not (self.lost or self.twice or self.uninvited)


def tally(sent: Iterable[str], carried_out: Iterable[str]) -> Tally:
    """Hold the ids that were sent against those that were carried out.

    Examples
    --------
    >>> tally(["a", "b", "c"], ["b", "a", "b", "x"])
    Tally(lost=('c',), twice=('b',), uninvited=('x',))
    """
    wanted, done = set(sent), Counter(carried_out)
    return Tally(
        tuple(sorted(wanted - done.keys())),
        tuple(sorted(name for name, times in done.items() if times > 1)),
        tuple(sorted(done.keys() - wanted)),
    )


@dataclass(slots=True)
class Record:
    """What a journal says of commands, entry by entry.

    ``choices`` counts how often a command was begun while one of another rank waited;
    ``violations`` how often the order of priority was broken. What became of every id
    stands in the counters.

    Examples
    --------
    >>> record = Record()
    >>> record.take(CommandExecuting("c1"))
    >>> record.take(CommandDone("c1", True, ""))
    >>> record.done["c1"], record.violations
    (1, 0)
    """

    received: Counter[str] = field(default_factory=Counter[str])
    begun: Counter[str] = field(default_factory=Counter[str])
    done: Counter[str] = field(default_factory=Counter[str])
    refused: Counter[str] = field(default_factory=Counter[str])
    repeated: Counter[str] = field(default_factory=Counter[str])
    reasons: Counter[str] = field(default_factory=Counter[str])
    choices: int = 0
    violations: int = 0
    orders: int = 0
    _actions: dict[str, Action] = field(default_factory=dict[str, Action])
    _waiting: dict[str, Action] = field(default_factory=dict[str, Action])
    _flats: set[str] = field(default_factory=set[str])
    _exits: set[str] = field(default_factory=set[str])
    _stopped: bool = False

    def take(self, body: Body) -> None:
        """Take an entry into account."""
        match body:
            case CommandReceived(id=name, action=action):
                self.received[name] += 1
                self._actions[name] = self._waiting[name] = action
            case CommandExecuting(id=name):
                self._begin(name)
            case CommandDone(id=name):
                self.done[name] += 1
                self._flats.discard(name)
            case CommandRefused(id=name, reason=reason):
                self.refused[name] += 1
                self.reasons[reason] += 1
            case CommandRepeated(id=name):
                self.repeated[name] += 1
            case WorkerStarted():
                self._stopped = False
            case OrderIntent() | CancelRequested():
                self._order(body)
            case _:
                pass

    def twice(self) -> set[str]:
        """Ids that were accepted, begun or carried out more than once."""
        counters = (self.received, self.begun, self.done)
        return {name for counter in counters for name, times in counter.items() if times > 1}

    def _begin(self, name: str) -> None:
        self.begun[name] += 1
        action = self._waiting.pop(name, self._actions.get(name, Action.CANCEL))
        others = {RANK[other] for other in self._waiting.values()} - {RANK[action]}
        self.choices += bool(others)
        self.violations += self._stopped or any(other < RANK[action] for other in others)
        self._stopped = self._stopped or action is Action.STOP
        if action is Action.FLAT:
            self._flats.add(name)

    def _order(self, body: OrderIntent | CancelRequested) -> None:
        if isinstance(body, OrderIntent):
            self.orders += 1
            self.violations += self._stopped
            if is_flat(body.purpose):
                self._exits.add(body.reference)
            return
        cancel = body.cause.startswith(Action.CANCEL.value)
        self.violations += bool(self._flats) and cancel and body.reference in self._exits


def recorded(bodies: Iterable[Body]) -> Record:
    """What the entries of a journal say."""
    record = Record()
    for body in bodies:
        record.take(body)
    return record
