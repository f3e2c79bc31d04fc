"""The worker: start-up is recovery, then one step again and again.

A step never waits for anything but the broker, and for that no longer than its limit:

1. KILL file and commands, which work while everything else is broken;
2. the connection, with growing distances between attempts;
3. the broker's events, orders of unknown fate, commands that wait for the broker;
4. what the session asks for at this instant: decide before the open, close after the close;
5. the state, for the console.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from quant_core.brokers.port import BrokerPort, BrokerSession, PriceQuote
from quant_core.foundation.errors import ConfigurationError, SourceUnreachable
from quant_core.foundation.types import Session
from quant_core.live.chronicle import Chronicle
from quant_core.live.command_door import CommandDoor, OutcomeFile
from quant_core.live.command_files import create_key
from quant_core.live.command_work import CommandParts, CommandWork, FlatOrder
from quant_core.live.commands import Addressee
from quant_core.live.dashboard_state import Shown, engine_status, state_document
from quant_core.live.data_bridge import DataBridge
from quant_core.live.event_intake import EventIntake
from quant_core.live.gate_view import gate_inputs
from quant_core.live.ipc import (
    STATE_FILE,
    StateUnwritable,
    StateWriter,
    prepare_folder,
    sweep_litter,
)
from quant_core.live.journal import Journal, JournalLimits
from quant_core.live.journal_entries import RiskStateChanged, WorkerStarted, WorkerStopped
from quant_core.live.journal_kinds import Mode, TradingState
from quant_core.live.order_desk import OrderDesk, Post
from quant_core.live.present import Present
from quant_core.live.reconcile import reconcile
from quant_core.live.session_steps import SessionSteps
from quant_core.live.session_work import Desk, SessionWork
from quant_core.live.timetable import Timetable
from quant_core.live.worker_state import WorkerState
from quant_core.notify.port import Alert, Severity
from quant_core.risk.limit_values import Limits
from quant_core.trading_day import Brain

MONITOR_MODE = "Entering Live Monitor Mode"
"""Said, exactly so, when the worker is up."""

JOURNAL_FOLDER = "journal"

SESSIONS_KEPT = 20
"""Closed sessions whose orders the worker keeps in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraderRules:
    """Durations and sizes of the worker."""

    state_interval: timedelta = timedelta(seconds=1)
    state_validity: timedelta = timedelta(seconds=5)
    settle: timedelta = timedelta(seconds=5)
    reconnect_first: timedelta = timedelta(seconds=1)
    reconnect_most: timedelta = timedelta(seconds=60)
    journal: JournalLimits = field(default_factory=JournalLimits)
    write_ahead: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TraderParts:
    """Everything a worker is made of.

    ``now`` is the exchange's present (history's, in a replay), ``wall`` the machine's.
    """

    folder: Path
    account: str
    capital_micros: int
    mode: Mode
    instance: str
    strategy: str
    code_hash: str
    settings_hash: str
    brain: Brain
    broker: BrokerPort
    bridge: DataBridge
    timetable: Timetable
    limits: Limits
    post: Post
    log: Callable[[str], object]
    now: Callable[[], datetime]
    wall: Callable[[], datetime]
    rules: TraderRules = field(default_factory=TraderRules)


class Trader:
    """The worker of one account.

    Parameters
    ----------
    parts : TraderParts

    Raises
    ------
    JournalLocked, JournalDamaged, ReconciliationError, ConfigurationError
        What keeps a worker from starting.
    """

    def __init__(self, parts: TraderParts) -> None:
        self._parts = parts
        rules = parts.rules
        prepare_folder(parts.folder)
        sweep_litter(parts.folder, parts.wall())
        self.state = WorkerState(parts.capital_micros, SESSIONS_KEPT)
        self._journal = Journal.open(
            parts.folder / JOURNAL_FOLDER, parts.account, parts.wall, rules.journal, self.state.take
        )
        try:
            self._assemble()
        except BaseException:
            self._journal.close()
            raise

    def _assemble(self) -> None:
        parts, rules = self._parts, self._parts.rules
        self._chronicle = Chronicle(self._journal, self.state)
        self._intake = EventIntake(parts.broker, self._chronicle)
        self._orders = OrderDesk(
            parts.broker,
            self._chronicle,
            parts.limits,
            parts.post,
            rules.settle,
            write_ahead=rules.write_ahead,
        )
        desk = Desk(
            parts.strategy,
            parts.brain,
            parts.broker,
            self._chronicle,
            self._orders,
            self._intake,
            parts.post,
        )
        self._present = Present(parts.account, parts.folder, parts.now, parts.timetable)
        self._steps = SessionSteps(SessionWork(desk), desk, parts.bridge, self._present)
        self._assemble_commands()
        state_path = parts.folder / STATE_FILE
        self._writer = StateWriter(state_path, parts.instance, rules.state_validity, parts.wall)
        self._session: BrokerSession | None = None
        self._attempt_at: datetime | None = None
        self._rest = rules.reconnect_first
        self._written_at: datetime | None = None
        self._quotes: dict[str, PriceQuote] = {}
        self._problem = ""
        self._ended = False

    def _assemble_commands(self) -> None:
        parts = self._parts
        key = create_key(parts.folder)
        door = CommandDoor(
            parts.folder, key, Addressee(parts.account, parts.instance), self.state.commands
        )
        self._outcomes = OutcomeFile(parts.folder)
        self._commands = CommandWork(
            CommandParts(
                parts.folder,
                door,
                self._outcomes,
                self._chronicle,
                self._orders,
                self._intake,
                parts.post,
                parts.wall,
            )
        )

    @property
    def stopping(self) -> bool:
        """Whether a STOP was carried out: no further step is wanted."""
        return bool(self._commands.stopping)

    async def start(self) -> None:
        """Recover, connect, reconcile; the worker is up when this returns."""
        parts = self._parts
        self._orders.doubt_all_planned("the worker ended before the outcome was recorded")
        self._chronicle.record(
            [
                WorkerStarted(
                    parts.instance,
                    parts.mode,
                    parts.broker.name,
                    parts.code_hash,
                    parts.settings_hash,
                    os.getpid(),
                )
            ]
        )
        self._commands.recover()
        await self._guarded(self._connect)
        parts.log(MONITOR_MODE)
        await self._write_state(always=True)

    async def step(self) -> None:
        """Everything that is due at this instant."""
        self._commands.poll()
        if not self.stopping:
            await self._guarded(self._trade)
        await self._write_state(always=False)

    async def run(self, pause: Callable[[float], Awaitable[object]]) -> None:
        """Step until STOP; ``pause`` waits for seconds between two steps."""
        await self.start()
        while not self.stopping:
            await self.step()
            if not self.stopping:
                await pause(min(self._parts.rules.state_interval.total_seconds(), 1.0))
        await self.end("STOP")

    async def end(self, reason: str) -> None:
        """End in order: orders and positions stay as they are."""
        self._chronicle.record([WorkerStopped(self._parts.instance, reason)])
        self._problem, self._ended = reason, True
        await self._write_state(always=True)
        self.release()

    def release(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    # --- Inside -----------------------------------------------------------------------------

    async def _trade(self) -> None:
        """What needs the broker."""
        await self._connect()
        if self._session is None:
            return
        await self._intake.collect()
        if self._intake.link.lost:
            self._intake.link.lost = False
            self._lost("the link was lost")
            await self._connect(at_once=True)
        await self._resolve()
        if self._commands.waiting:
            await self._commands.carry_out(self._flat_order)
        await self._steps.do_due()
        if self._commands.waiting:
            await self._commands.carry_out(self._flat_order)

    async def _resolve(self) -> None:
        """Ask about orders of unknown fate; at once twice, where no distance is asked for."""
        for _ in range(2):
            if self._orders.unknown and self._session is not None:
                await self._orders.resolve(self._parts.now(), self._session.epoch)

    async def _guarded(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do what needs the broker; one that does not answer is one that is not connected."""
        try:
            await work()
            self._problem = self._steps.problem
        except SourceUnreachable as error:
            self._lost(error.problem)

    async def _connect(self, *, at_once: bool = False) -> None:
        """A connection and agreement of the books, with growing rests between attempts."""
        parts, now = self._parts, self._parts.wall()
        if self._session is not None:
            return
        if not at_once and self._attempt_at is not None and now < self._attempt_at:
            return
        self._attempt_at = now + self._rest
        self._rest = min(2 * self._rest, parts.rules.reconnect_most)
        session = await parts.broker.open()
        self._check_account(session)
        self._session = session
        self._present.account = session.account
        finding = await reconcile(parts.broker, self._chronicle, self._intake)
        self._intake.link.lost = False
        self._present.reconciled_at = parts.now() if finding.agrees else None
        self._rest, self._attempt_at = parts.rules.reconnect_first, None
        if not finding.agrees:
            text = "\n".join(finding.differences)
            title = "The broker's books are not those of the journal"
            self._post("reconcile", Severity.CRITICAL, title, text)

    def _check_account(self, session: BrokerSession) -> None:
        parts = self._parts
        if session.account != parts.account or session.is_live != (parts.mode is Mode.LIVE):
            raise ConfigurationError(
                "the broker is connected to another account",
                expected=f"{parts.account} ({parts.mode.value})",
                found=f"{session.account}, {'live' if session.is_live else 'paper'}",
                fix="correct broker.account, or sign in to the right one",
            )

    def _lost(self, reason: str) -> None:
        if self._session is not None:
            self._post("broker", Severity.WARNING, "The broker is not connected", reason)
        self._session = None
        self._present.account, self._present.reconciled_at = None, None
        self._problem = reason

    def _flat_order(self) -> FlatOrder | None:
        """For which session FLAT sells now; None between a close and its books."""
        session = self._selling_session()
        if session is None:
            return None
        gate = self._present.for_flat(session)
        longest = self._parts.broker.capabilities.longest_reference
        return FlatOrder(self._parts.strategy, session, gate, longest)

    def _selling_session(self) -> Session | None:
        day = self.state.day
        if day is None:
            return self._steps.next_session()
        closes = self._parts.timetable.of(day.session).closes
        return day.session if self._parts.now() < closes else None

    async def _write_state(self, *, always: bool) -> None:
        """The state for the console; a disk that refuses it halts trading."""
        now, before = self._parts.wall(), self._written_at
        interval = self._parts.rules.state_interval
        if not always and before is not None and now - before < interval:
            return
        self._written_at = now
        await self._ask_quotes()
        try:
            self._writer.write(state_document(self.state, self._shown()))
        except StateUnwritable as error:
            self._halt(f"the state cannot be written: {error.found}")

    async def _ask_quotes(self) -> None:
        if self._session is None or not self.state.portfolio.held:
            return
        try:
            self._quotes = dict(await self._parts.broker.quotes(self.state.portfolio.held))
        except SourceUnreachable:
            self._quotes = {}

    def _shown(self) -> Shown:
        parts = self._parts
        connected = self._session is not None
        return Shown(
            now=parts.now(),
            mode=parts.mode,
            account=parts.account,
            broker=parts.broker.name,
            status="stopped" if self._ended else engine_status(self.state, connected=connected),
            health=parts.broker.health(),
            quotes=self._quotes,
            next_run=self._steps.next_run(),
            outcomes=self._outcomes.section(),
            gate=gate_inputs(self.state, (), self._present.moment(None, cut_off=None)),
            limits=parts.limits,
            problem=self._problem,
        )

    def _halt(self, reason: str) -> None:
        if self.state.trading_state is not TradingState.HALTED:
            self._chronicle.record([RiskStateChanged(TradingState.HALTED, reason[:300])])
            self._post("halted", Severity.CRITICAL, "Trading is halted", reason)

    def _post(self, key: str, severity: Severity, title: str, text: str) -> None:
        self._parts.post(Alert(key, severity, title, text, self._parts.wall()))
