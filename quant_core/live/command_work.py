"""Commands carried out: STOP, FLAT, CANCEL and the file KILL.

A command that was received is carried out, crash or not. FLAT and CANCEL need the broker
and are pending while it does not answer. FLAT is a target: every step looks at what is
still held and open, so that repeating any part of it is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from quant_core.foundation.errors import QuantError
from quant_core.foundation.types import Session
from quant_core.live.chronicle import Chronicle
from quant_core.live.command_door import (
    OUTCOMES_KEPT,
    Answer,
    Arrival,
    CommandDoor,
    CommandState,
    Outcome,
    OutcomeFile,
    Repeated,
    refusal_entry,
)
from quant_core.live.commands import Action, Command, Refused
from quant_core.live.event_intake import EventIntake
from quant_core.live.gate_view import Moment, is_flat
from quant_core.live.ipc import kill_requested
from quant_core.live.journal_entries import (
    Body,
    CommandDone,
    CommandExecuting,
    CommandReceived,
    CommandRepeated,
    KillLatchSet,
)
from quant_core.live.journal_orders import OrderIntent
from quant_core.live.order_desk import OrderDesk, Post, Purpose, reference_of
from quant_core.live.order_life import OrderStage
from quant_core.notify.port import Alert, Severity
from quant_core.trading.orders import Side

FIRST_REST, LONGEST_REST = timedelta(seconds=1), timedelta(minutes=1)
"""Between two attempts to sell a name whose order the broker or the limits refuse."""

OVERDUE = timedelta(minutes=2)
"""A command that waits for longer is told."""


@dataclass(frozen=True, slots=True)
class CommandParts:
    """What carrying out commands needs."""

    folder: Path
    door: CommandDoor
    outcomes: OutcomeFile
    chronicle: Chronicle
    orders: OrderDesk
    intake: EventIntake
    post: Post
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class FlatOrder:
    """For which session, under which name and against which limits FLAT sells."""

    strategy: str
    session: Session
    gate: Moment
    longest_reference: int


class CommandWork:
    """Takes commands in and carries them out.

    Parameters
    ----------
    parts : CommandParts
    """

    def __init__(self, parts: CommandParts) -> None:
        self._parts = parts
        self._state = parts.chronicle.state
        self.stopping = ""
        """Id of the STOP that ends the worker."""
        self._unshown: list[Outcome] = []
        self._refusals: dict[str, tuple[int, datetime]] = {}
        """By name: how often in a row its exit was refused, and when last."""
        self._begun: dict[str, datetime] = {}
        """By id of a command that waits: since when, as far as this worker knows."""
        self._overdue: set[str] = set()
        self._swept: set[str] = set()
        """Ids of FLAT for which the whole account was asked to cancel its orders."""

    def recover(self) -> None:
        """Files that a worker before us had claimed, and what it had received."""
        self._receive(self._parts.door.recover())
        for command, state in self._state.commands.newest(OUTCOMES_KEPT):
            if self._parts.outcomes.state_of(command.id) != state.value:
                self._note(command, state, "told by the worker that was started after it")
        self._show()

    def poll(self) -> None:
        """Take what waits; a STOP ends the worker at once."""
        self._watch_kill_file()
        try:
            arrivals = self._parts.door.poll(self._parts.now())
        except OSError as error:
            text = f"the folder of the commands cannot be used: {error}"
            self._latch("folder", text)
            return
        self._receive(arrivals)
        for command in self._state.commands.unfinished():
            if command.action is Action.STOP:
                self._begin(command)
                self._done(command, succeeded=True, detail="the worker ends")
                self.stopping = command.id
        self._show()

    def holds_back(self, intent: OrderIntent) -> bool:
        """Whether an order that is about to leave must stay here; asked before each of them.

        However many orders a decision has, a command does not wait for the last of them:
        STOP and the file KILL hold back every order, FLAT and CANCEL all but exits of FLAT.
        """
        self.poll()
        if self.stopping or kill_requested(self._parts.folder):
            return True
        return not is_flat(intent.purpose) and bool(self._state.kill_latched or self.waiting)

    @property
    def waiting(self) -> list[Command]:
        """Commands that are not carried out yet, the most urgent first."""
        return self._state.commands.unfinished()

    async def carry_out(self, flat: Callable[[], FlatOrder | None]) -> None:
        """One step of everything that waits for the broker, the most urgent first.

        After a STOP nothing is begun any more. A CANCEL that comes while a FLAT is at work
        finds only the exits of the FLAT, which outranks it, and leaves them alone.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer; the commands stay pending.
        """
        try:
            await self._carry_out(flat)
        finally:
            self._show()

    def _tell_overdue(self, command: Command) -> None:
        """A command that does not come to its end is told once: a person has to look."""
        now = self._parts.now()
        begun = self._begun.setdefault(command.id, now)
        if command.id in self._overdue or now - begun < OVERDUE:
            return
        self._overdue.add(command.id)
        names = [order.intent.reference for order in self._state.open_orders][:5]
        held, open_orders = len(self._state.portfolio.held), len(self._state.open_orders)
        agree = self._state.reconciled is not None and self._state.reconciled.agrees
        books = "agree" if agree else "disagree"
        text = f"{held} positions, {open_orders} open orders {names}; the books {books}"
        title = f"{command.action.value} is not done after {OVERDUE.seconds // 60} minutes"
        self._parts.post(Alert("pending", Severity.CRITICAL, title, text, now))

    async def _carry_out(self, flat: Callable[[], FlatOrder | None]) -> None:
        for command in self.waiting:
            if self.stopping:
                return
            self._begin(command)
            self._tell_overdue(command)
            if command.action is Action.FLAT:
                self._latch("FLAT", f"command {command.id}")
            if self._is_outranked(command):
                self._done(command, succeeded=True, detail="only exits of FLAT are open")
                continue
            if not await self._all_cancelled(command):
                return
            if command.action is Action.CANCEL:
                self._done(command, succeeded=True, detail="no order is open")
            elif self._is_flat():
                self._done(command, succeeded=True, detail="no position, no open order")
            else:
                await self._sell_all(flat())

    def _is_flat(self) -> bool:
        """Whether nothing is held or open, and the broker's books say so too."""
        found = self._state.reconciled
        empty = not self._state.portfolio.held and not self._state.open_orders
        return empty and found is not None and found.agrees

    def _is_outranked(self, command: Command) -> bool:
        """Whether a FLAT is at work, which has cancelled all but its own exits."""
        flats = (each for each in self.waiting if each.action is Action.FLAT)
        return command.action is Action.CANCEL and any(flats)

    async def _all_cancelled(self, command: Command) -> bool:
        """Whether nothing is open that the command wants gone; asks for it otherwise.

        The broker is asked even where no order is known here: there may be others, of a
        person or of another program.
        """
        self._parts.orders.drop_planned(f"{command.action.value} {command.id}")
        exits = [order for order in self._state.open_orders if is_flat(order.intent.purpose)]
        unwanted = len(self._state.open_orders) - len(exits)
        if command.action is Action.FLAT and not unwanted and (exits or command.id in self._swept):
            return True
        report = await self._parts.orders.cancel_all(f"{command.action.value} {command.id}")
        await self._parts.intake.collect()
        open_still = [
            order for order in self._state.open_orders if not is_flat(order.intent.purpose)
        ]
        gone = report.confirmed and not report.survivors and not open_still
        if gone:
            self._swept.add(command.id)
        return gone

    async def _sell_all(self, flat: FlatOrder | None) -> None:
        """Orders for what is held and not already on its way out."""
        if flat is None or kill_requested(self._parts.folder):
            return
        closing = {order.symbol for order in self._state.open_orders}
        planned = [
            self._exit(symbol, flat)
            for symbol in self._state.portfolio.held
            if symbol not in closing and not self._rests(symbol, flat.gate.now)
        ]
        if planned:
            await self._parts.orders.send(planned, flat.gate)
        for intent in planned:
            order = self._state.orders.get(intent.reference)
            if order is not None and order.stage is OrderStage.REJECTED:
                times, _ = self._refusals.get(intent.symbol, (0, flat.gate.now))
                self._refusals[intent.symbol] = times + 1, flat.gate.now
            else:
                self._refusals.pop(intent.symbol, None)

    def _rests(self, symbol: str, now: datetime) -> bool:
        """Whether the exit of a name was refused a moment ago; each refusal doubles the rest."""
        if symbol not in self._refusals:
            return False
        times, at = self._refusals[symbol]
        return now - at < min(FIRST_REST * 2 ** min(times - 1, 30), LONGEST_REST)

    def _exit(self, symbol: str, flat: FlatOrder) -> OrderIntent:
        shares = self._state.portfolio.shares_of(symbol)
        side = Side.SELL if shares > 0 else Side.COVER
        rounds = sum(
            is_flat(order.intent.purpose) and order.intent.symbol == symbol
            for order in self._state.orders_of(flat.session)
        )
        purpose = Purpose(flat.strategy, flat.session, f"flat{rounds + 1}")
        position = self._state.book.positions.get(symbol)
        mark = self._state.portfolio.mark_of(symbol) if position is None else position.mark_micros
        return OrderIntent(
            reference=reference_of(purpose, symbol, side.value, flat.longest_reference),
            session=flat.session,
            symbol=symbol,
            side=side,
            purpose=purpose.name,
            shares=abs(shares),
            target_weight=0.0,
            signal_price_micros=mark,
            limit_micros=None,
        )

    def _receive(self, arrivals: Sequence[Arrival]) -> None:
        """Journal what each file is with one fsync; only then remove the files."""
        self._parts.chronicle.record([_entry(arrival.answer) for arrival in arrivals])
        for arrival in arrivals:
            self._parts.door.finish(arrival)
            match arrival.answer:
                case Command() as command:
                    self._note(command, CommandState.RECEIVED, "")
                case Repeated(command=command, state=state):
                    self._note(command, state, "came again, not carried out again")
                case Refused() as refused:
                    self._refused(refused)

    def _refused(self, refused: Refused) -> None:
        at = self._parts.now()
        text = f"{refused.reason.value}: {refused.detail}"
        key = f"command:{refused.reason.value}"
        self._parts.post(Alert(key, Severity.WARNING, "Command refused", text, at))
        if refused.id:
            self._unshown.append(Outcome(refused.id, "", CommandState.REFUSED, at, text))

    def _begin(self, command: Command) -> None:
        if self._state.commands.state(command.id) is CommandState.RECEIVED:
            self._parts.chronicle.record([CommandExecuting(command.id)])
            self._note(command, CommandState.EXECUTING, "")

    def _done(self, command: Command, *, succeeded: bool, detail: str) -> None:
        self._parts.chronicle.record([CommandDone(command.id, succeeded, detail)])
        self._note(command, CommandState.DONE if succeeded else CommandState.FAILED, detail)

    def _note(self, command: Command, state: CommandState, detail: str) -> None:
        at = self._parts.now()
        self._unshown.append(Outcome(command.id, command.action.value, state, at, detail))

    def _show(self) -> None:
        """For display: a disk that refuses it does not keep a command from being done."""
        outcomes, self._unshown = self._unshown, []
        if not outcomes:
            return
        try:
            self._parts.outcomes.record(*outcomes)
        except QuantError as error:
            at = self._parts.now()
            title = "Outcomes of commands cannot be written"
            self._parts.post(Alert("outcomes", Severity.CRITICAL, title, str(error), at))

    def _watch_kill_file(self) -> None:
        if kill_requested(self._parts.folder):
            self._latch("KILL", "the file KILL is in the folder, or the folder is gone")

    def _latch(self, source: str, reason: str) -> None:
        if self._state.kill_latched:
            return
        self._parts.chronicle.record([KillLatchSet(source, reason)])
        title = f"No new orders: {source}"
        self._parts.post(Alert("kill", Severity.CRITICAL, title, reason, self._parts.now()))


def _entry(answer: Answer) -> Body:
    """What the journal says of a file that was taken."""
    match answer:
        case Command():
            return CommandReceived.of(answer)
        case Repeated(command=command):
            return CommandRepeated(command.id)
        case Refused():
            return refusal_entry(answer)
