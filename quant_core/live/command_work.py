"""Commands carried out: STOP, FLAT, CANCEL and the file KILL.

A command that was received is carried out, crash or not. FLAT and CANCEL need the broker
and are pending while it does not answer. FLAT is a target: every step looks at what is
still held and open, so that repeating any part of it is safe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quant_core.foundation.errors import QuantError
from quant_core.foundation.types import Session
from quant_core.live.chronicle import Chronicle
from quant_core.live.command_door import (
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
    CommandDone,
    CommandExecuting,
    CommandReceived,
    CommandRepeated,
    KillLatchSet,
)
from quant_core.live.journal_orders import OrderIntent
from quant_core.live.order_desk import OrderDesk, Post, Purpose, reference_of
from quant_core.notify.port import Alert, Severity
from quant_core.trading.orders import Side


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

    def recover(self) -> None:
        """Files that a worker before us had claimed, and what it had received."""
        for arrival in self._parts.door.recover():
            self._receive(arrival)

    def poll(self) -> None:
        """Take what waits; a STOP ends the worker at once."""
        self._watch_kill_file()
        try:
            arrivals = self._parts.door.poll(self._parts.now())
        except OSError as error:
            text = f"the folder of the commands cannot be used: {error}"
            self._latch("folder", text)
            return
        for arrival in arrivals:
            self._receive(arrival)
        for command in self._state.commands.unfinished():
            if command.action is Action.STOP:
                self._begin(command)
                self._done(command, succeeded=True, detail="the worker ends")
                self.stopping = command.id

    @property
    def waiting(self) -> list[Command]:
        """Commands that are not carried out yet, the most urgent first."""
        return self._state.commands.unfinished()

    async def carry_out(self, flat: Callable[[], FlatOrder | None]) -> None:
        """One step of everything that waits for the broker.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer; the commands stay pending.
        """
        for command in self.waiting:
            self._begin(command)
            if command.action is Action.FLAT:
                self._latch("FLAT", f"command {command.id}")
            if not await self._all_cancelled(command):
                return
            if command.action is Action.CANCEL:
                self._done(command, succeeded=True, detail="no order is open")
            elif not self._state.portfolio.held and not self._state.open_orders:
                self._done(command, succeeded=True, detail="no position, no open order")
            else:
                await self._sell_all(flat())

    async def _all_cancelled(self, command: Command) -> bool:
        """Whether nothing is open that the command wants gone; asks for it otherwise."""
        self._parts.orders.drop_planned(f"{command.action.value} {command.id}")
        unwanted = [
            order
            for order in self._state.open_orders
            if command.action is Action.CANCEL or not is_flat(order.intent.purpose)
        ]
        if not unwanted and command.action is Action.FLAT:
            return True
        report = await self._parts.orders.cancel_all(f"{command.action.value} {command.id}")
        await self._parts.intake.collect()
        open_still = [
            order for order in self._state.open_orders if not is_flat(order.intent.purpose)
        ]
        return report.confirmed and not report.survivors and not open_still

    async def _sell_all(self, flat: FlatOrder | None) -> None:
        """Orders for what is held and not already on its way out."""
        if flat is None or kill_requested(self._parts.folder):
            return
        closing = {order.symbol for order in self._state.open_orders}
        planned = [
            self._exit(symbol, flat)
            for symbol in self._state.portfolio.held
            if symbol not in closing
        ]
        if planned:
            await self._parts.orders.send(planned, flat.gate)

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

    def _receive(self, arrival: Arrival) -> None:
        parts, answer = self._parts, arrival.answer
        match answer:
            case Command():
                parts.chronicle.record([CommandReceived.of(answer)])
                self._show(answer, CommandState.RECEIVED, "")
            case Repeated(command=command, state=state):
                parts.chronicle.record([CommandRepeated(command.id)])
                self._show(command, state, "came again, not carried out again")
            case Refused():
                parts.chronicle.record([refusal_entry(answer)])
                self._refused(answer)
        parts.door.finish(arrival)

    def _refused(self, refused: Refused) -> None:
        at = self._parts.now()
        text = f"{refused.reason.value}: {refused.detail}"
        key = f"command:{refused.reason.value}"
        self._parts.post(Alert(key, Severity.WARNING, "Command refused", text, at))
        if refused.id:
            outcome = Outcome(refused.id, "", CommandState.REFUSED, at, text)
            self._record(outcome)

    def _begin(self, command: Command) -> None:
        if self._state.commands.state(command.id) is CommandState.RECEIVED:
            self._parts.chronicle.record([CommandExecuting(command.id)])
            self._show(command, CommandState.EXECUTING, "")

    def _done(self, command: Command, *, succeeded: bool, detail: str) -> None:
        self._parts.chronicle.record([CommandDone(command.id, succeeded, detail)])
        self._show(command, CommandState.DONE if succeeded else CommandState.FAILED, detail)

    def _show(self, command: Command, state: CommandState, detail: str) -> None:
        at = self._parts.now()
        self._record(Outcome(command.id, command.action.value, state, at, detail))

    def _record(self, outcome: Outcome) -> None:
        """For display: a disk that refuses it does not keep the command from being done."""
        try:
            self._parts.outcomes.record(outcome)
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
