"""What a journal can say: one frozen value for every kind of entry.

Money is int micros, quantities are int shares, sessions are dates, instants aware
datetimes. The only floats are weights and average costs, which are float64 everywhere in
the house and come back from their text to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self, TypeAlias, get_args

from quant_core.foundation.types import Session
from quant_core.live.commands import Action, Command
from quant_core.live.journal_account import AccountBody
from quant_core.live.journal_kinds import Kind, Mode, TargetKind, TradingState
from quant_core.live.journal_orders import OrderBody
from quant_core.trading.account import Book, Position

JOURNAL_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class SegmentOpened:
    """First entry of every file of a journal: which file it is, of which account."""

    kind: ClassVar[Kind] = Kind.SEGMENT
    schema: int
    account: str
    segment: int


@dataclass(frozen=True, slots=True)
class TornLineKept:
    """The crash before left half a line: it was moved to the file ``kept_as``."""

    kind: ClassVar[Kind] = Kind.TORN_LINE
    segment: int
    offset: int
    size: int
    digest: str
    kept_as: str


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """A worker came up, and what it runs: hashes of its code and of its settings."""

    kind: ClassVar[Kind] = Kind.WORKER_STARTED
    instance: str
    mode: Mode
    broker: str
    code_hash: str
    settings_hash: str
    pid: int


@dataclass(frozen=True, slots=True)
class WorkerStopped:
    """A worker ended in order."""

    kind: ClassVar[Kind] = Kind.WORKER_STOPPED
    instance: str
    reason: str


@dataclass(frozen=True, slots=True)
class PositionRecord:
    """A position of a book; see :class:`~quant_core.trading.account.Position`."""

    shares: int
    average_cost_micros: float
    mark_micros: int
    stale: bool


@dataclass(frozen=True, slots=True)
class BookRecord:
    """A book as the journal keeps it; :meth:`book` gives it back, equal to the bit."""

    session: Session | None
    cash_micros: int
    equity_micros: int
    receivable_micros: int
    positions: Mapping[str, PositionRecord]

    @classmethod
    def of(cls, book: Book) -> Self:
        """The record of a book.

        Examples
        --------
        >>> BookRecord.of(Book.opening(5)).book() == Book.opening(5)
        True
        """
        positions = {symbol: PositionRecord(*held) for symbol, held in book.positions.items()}
        return cls(
            book.session, book.cash_micros, book.equity_micros, book.receivable_micros, positions
        )

    def book(self) -> Book:
        """The book that was recorded."""
        positions = {
            symbol: Position(held.shares, held.average_cost_micros, held.mark_micros, held.stale)
            for symbol, held in self.positions.items()
        }
        return Book(
            self.session, self.cash_micros, positions, self.equity_micros, self.receivable_micros
        )


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The day begins; the book is the one it begins with."""

    kind: ClassVar[Kind] = Kind.SESSION_OPENED
    session: Session
    data_version: str
    book: BookRecord


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The day is over; the book is marked at its close.

    ``closes`` are the prices it was marked with, 0 where a name had none: whoever replays
    the journal must reach the same book.
    """

    kind: ClassVar[Kind] = Kind.SESSION_CLOSED
    session: Session
    book: BookRecord
    closes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DecisionTaken:
    """What the strategy wants at the open of ``session``; ``orders`` counts what follows."""

    kind: ClassVar[Kind] = Kind.DECISION
    session: Session
    data_version: str
    target: TargetKind
    reason: str
    weights: Mapping[str, float]
    orders: int


@dataclass(frozen=True, slots=True)
class CommandReceived:
    """A command that passed every check; from here on it is carried out, crash or not."""

    kind: ClassVar[Kind] = Kind.COMMAND_RECEIVED
    id: str
    action: Action
    account: str
    instance: str
    issued_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, command: Command) -> Self:
        """The entry for a command."""
        return cls(
            command.id,
            command.action,
            command.account,
            command.instance,
            command.issued_at,
            command.expires_at,
        )

    def command(self) -> Command:
        """The command that was received."""
        return Command(
            self.id, self.action, self.account, self.instance, self.issued_at, self.expires_at
        )


@dataclass(frozen=True, slots=True)
class CommandExecuting:
    """The worker has begun to carry out a command."""

    kind: ClassVar[Kind] = Kind.COMMAND_EXECUTING
    id: str


@dataclass(frozen=True, slots=True)
class CommandDone:
    """A command came to its end; ``detail`` says what it did, or why it could not."""

    kind: ClassVar[Kind] = Kind.COMMAND_DONE
    id: str
    succeeded: bool
    detail: str


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """A command file that was not carried out; the id is what the file claims."""

    kind: ClassVar[Kind] = Kind.COMMAND_REFUSED
    id: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class CommandRepeated:
    """A command came again and was not carried out again."""

    kind: ClassVar[Kind] = Kind.COMMAND_REPEATED
    id: str


@dataclass(frozen=True, slots=True)
class BreakerMoved:
    """The drawdown breaker after a close or a reset, and the names that are stopped out."""

    kind: ClassVar[Kind] = Kind.BREAKER
    session: Session | None
    peak_micros: int
    flat_from: int | None
    stopped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RiskStateChanged:
    """What trading is allowed from here on, and why."""

    kind: ClassVar[Kind] = Kind.RISK_STATE
    state: TradingState
    reason: str


@dataclass(frozen=True, slots=True)
class LossesBegun:
    """Losses are measured from this equity: the first valuation after a person resumed."""

    kind: ClassVar[Kind] = Kind.LOSSES_BEGUN
    equity_micros: int


@dataclass(frozen=True, slots=True)
class LimitBreached:
    """A limit said no to an order; ``hard`` limits cannot be waived."""

    kind: ClassVar[Kind] = Kind.LIMIT_BREACH
    reference: str
    code: str
    hard: bool
    detail: str


@dataclass(frozen=True, slots=True)
class KillLatchSet:
    """No new orders until a person clears it; survives every restart."""

    kind: ClassVar[Kind] = Kind.KILL_SET
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class KillLatchCleared:
    """A person let orders go out again, and said why."""

    kind: ClassVar[Kind] = Kind.KILL_CLEARED
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The broker's books held against the journal; nothing may trade on a difference."""

    kind: ClassVar[Kind] = Kind.RECONCILIATION
    agrees: bool
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShortfallExplained:
    """What was planned for a session against what was filled, in micros by cause."""

    kind: ClassVar[Kind] = Kind.SHORTFALL
    session: Session
    by_cause_micros: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Noted:
    """Anything a person should find here later."""

    kind: ClassVar[Kind] = Kind.NOTE
    topic: str
    text: str


WorkerBody: TypeAlias = SegmentOpened | TornLineKept | WorkerStarted | WorkerStopped | Noted
SessionBody: TypeAlias = SessionOpened | SessionClosed | DecisionTaken | ShortfallExplained
CommandBody: TypeAlias = (
    CommandReceived | CommandExecuting | CommandDone | CommandRefused | CommandRepeated
)
RiskBody: TypeAlias = (
    BreakerMoved
    | RiskStateChanged
    | LossesBegun
    | LimitBreached
    | KillLatchSet
    | KillLatchCleared
    | Reconciled
)
Body: TypeAlias = WorkerBody | SessionBody | OrderBody | AccountBody | CommandBody | RiskBody

BODIES: dict[Kind, type[Body]] = {body.kind: body for body in get_args(Body)}
"""The value behind every kind."""
