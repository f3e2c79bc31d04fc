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
from dataclasses import replace
from datetime import datetime, timedelta

from quant_core.brokers.port import PriceQuote
from quant_core.foundation.errors import SourceUnreachable
from quant_core.live.chronicle import Chronicle
from quant_core.live.coming_session import coming_cut_off
from quant_core.live.command_door import CommandDoor, OutcomeFile
from quant_core.live.command_files import create_key
from quant_core.live.command_work import CommandParts, CommandWork, FlatOrder
from quant_core.live.commands import Addressee
from quant_core.live.connection import Connection, LinkTerms
from quant_core.live.dashboard_state import Shown, engine_status, state_document
from quant_core.live.event_intake import EventIntake
from quant_core.live.gate_view import gate_inputs, is_flat
from quant_core.live.ipc import (
    STATE_FILE,
    StateUnwritable,
    StateWriter,
    prepare_folder,
    sweep_litter,
)
from quant_core.live.journal import Journal
from quant_core.live.journal_entries import RiskStateChanged, WorkerStarted, WorkerStopped
from quant_core.live.journal_errors import JournalUnwritable
from quant_core.live.journal_kinds import TradingState
from quant_core.live.journal_orders import OrderIntent
from quant_core.live.loss_watch import LossWatch, latest_equity
from quant_core.live.order_desk import OrderDesk
from quant_core.live.order_doubts import DoubtTerms, OrderDoubts
from quant_core.live.present import Present
from quant_core.live.reconcile import Patience, Reconciler
from quant_core.live.session_steps import SessionSteps
from quant_core.live.session_work import Desk, SessionWork, unfailing
from quant_core.live.trader_parts import TraderParts as TraderParts
from quant_core.live.trader_parts import TraderRules as TraderRules
from quant_core.live.worker_state import WorkerState
from quant_core.notify.port import Alert, Severity

MONITOR_MODE = "Entering Live Monitor Mode"
"""Said, exactly so, when the worker is up."""

JOURNAL_FOLDER = "journal"

RECONCILE_EVERY = timedelta(minutes=1)
"""How often the broker's books are held against the journal while nothing else asks for it."""

SESSIONS_KEPT = 20
"""Closed sessions whose orders the worker keeps in memory."""


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
        self._parts = parts = replace(parts, post=unfailing(parts.post, parts.log))
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
        self._assemble_orders()
        desk = Desk(
            parts.strategy,
            parts.brain,
            parts.broker,
            self._chronicle,
            self._orders,
            self._intake,
            parts.post,
            parts.log,
        )
        self._losses = LossWatch(self._chronicle, parts.limits, parts.post)
        present = Present(parts.account, parts.folder, parts.now, parts.timetable, self._losses)
        self._present = present
        terms = LinkTerms(parts.account, parts.mode, rules.reconnect_first, rules.reconnect_most)
        self._link = Connection(desk, present, self._books, terms, parts.wall)
        work = SessionWork(desk, self._losses)
        self._steps = SessionSteps(work, desk, parts.bridge, present, self._books)
        self._assemble_commands()
        state_path = parts.folder / STATE_FILE
        self._writer = StateWriter(state_path, parts.instance, rules.state_validity, parts.wall)
        self._written_at: datetime | None = None
        self._quotes: dict[str, PriceQuote] = {}
        self._reconciled_at = parts.wall()
        self._problem = ""
        self._ended = False

    def _assemble_orders(self) -> None:
        """What holds the broker's word against the journal: its events, its books, orders."""
        parts, rules = self._parts, self._parts.rules
        settle = rules.settle.total_seconds()
        broker, post = parts.broker, parts.post
        self._chronicle = Chronicle(self._journal, self.state)
        self._intake = EventIntake(broker, self._chronicle, post)
        patience = Patience(settle, parts.steady)
        self._books = Reconciler(broker, self._chronicle, self._intake, post, patience)
        terms = DoubtTerms(settle, parts.steady, parts.wall, self._is_late)
        self._doubts = OrderDoubts(broker, self._chronicle, post, terms)
        lost = self._doubts.answer_lost
        self._orders = OrderDesk(
            broker, self._chronicle, parts.limits, post, lost, write_ahead=rules.write_ahead
        )

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
        self._orders.holds_back = self._holds_back

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
        await self._guarded(self._link.connect)
        parts.log(MONITOR_MODE)
        await self._write_state(always=True)

    async def step(self) -> None:
        """Everything that is due at this instant."""
        try:
            self._commands.poll()
            if not self.stopping:
                await self._guarded(self._trade)
                self._doubts.tell_overdue()
            await self._write_state(always=False)
        except JournalUnwritable as error:
            self._cannot_go_on(error)
            raise

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
        await self._link.connect()
        if self._link.session is None:
            return
        await self._intake.collect()
        if self._intake.link.lost:
            self._intake.link.lost = False
            self._lost("the link was lost")
            await self._link.connect(at_once=True)
        await self._resolve()
        await self._keep_reconciled()
        await self._watch_losses()
        if self._commands.waiting:
            await self._commands.carry_out(self._flat_order)
        await self._steps.do_due()
        if self._commands.waiting:
            await self._commands.carry_out(self._flat_order)

    async def _resolve(self) -> None:
        """Ask about orders of unknown fate, on another connection where this one proves nothing."""
        session = self._link.session
        if self._doubts.orders and session is not None:
            await self._doubts.resolve(session.epoch)
            if self._doubts.needs_newer(session.epoch):
                await self._link.renew()

    async def _keep_reconciled(self) -> None:
        """Hold the books together every minute, before a FLAT sells, and while they may lag."""
        wall, at = self._parts.wall(), self._present.reconciled_at
        stale = at is None or self._parts.now() - at >= RECONCILE_EVERY
        # That nothing is left is not believed of books that were held together before.
        nothing_left = not self.state.portfolio.held and not self.state.open_orders
        asked_for = bool(self._commands.waiting) and (stale or nothing_left)
        due = not timedelta(0) <= wall - self._reconciled_at < RECONCILE_EVERY
        if asked_for or due or self._books.in_doubt:
            self._reconciled_at = wall
            await self._steps.agree()

    async def _watch_losses(self) -> None:
        """Value the account by the latest prices, where a limit asks for it."""
        if self._losses.needed:
            quotes = await self._parts.broker.quotes(self.state.portfolio.held)
            self._losses.valued(latest_equity(self.state, quotes), self._parts.now())

    def _holds_back(self, intent: OrderIntent) -> bool:
        """Whether an order stays here: for a command, or because its open is too near."""
        if self._commands.holds_back(intent):
            return True
        return not is_flat(intent.purpose) and self._is_late(intent)

    def _is_late(self, intent: OrderIntent) -> bool:
        """Whether the market the order was made for takes it no more."""
        times = self._parts.timetable.of(intent.session)
        last = times.closes if is_flat(intent.purpose) else times.cut_off
        return self._parts.now() >= last

    def _lost(self, reason: str) -> None:
        self._link.lost(reason)
        self._problem = reason

    async def _guarded(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do what needs the broker; one that does not answer is one that is not connected."""
        try:
            await work()
            self._problem = self._steps.problem
        except SourceUnreachable as error:
            self._lost(error.problem)

    def _flat_order(self) -> FlatOrder | None:
        """For which session FLAT sells now; None where that, or what is held, is not certain."""
        session = self._steps.selling_session()
        if session is None or self._books.in_doubt:
            return None
        gate = self._present.for_flat(session)
        longest = self._parts.broker.capabilities.longest_reference
        return FlatOrder(self._parts.strategy, session, gate, longest)

    async def _write_state(self, *, always: bool) -> None:
        """The state for the console; a disk that refuses it halts trading."""
        now, before = self._parts.wall(), self._written_at
        interval = self._parts.rules.state_interval
        # A clock that was set back is no reason to wait until it is where it was.
        if not always and before is not None and timedelta(0) <= now - before < interval:
            return
        self._written_at = now
        await self._ask_quotes()
        try:
            self._writer.write(state_document(self.state, self._shown()))
        except StateUnwritable as error:
            self._halt(f"the state cannot be written: {error.found}")

    async def _ask_quotes(self) -> None:
        if self._link.session is None or not self.state.portfolio.held:
            return
        try:
            self._quotes = dict(await self._parts.broker.quotes(self.state.portfolio.held))
        except SourceUnreachable:
            self._quotes = {}

    def _shown(self) -> Shown:
        parts = self._parts
        connected, data = self._link.session is not None, parts.data_shown()
        cut_off = coming_cut_off(self.state, parts.bridge, parts.timetable, parts.now())
        moment = self._present.moment(None, cut_off=cut_off)
        return Shown(
            now=parts.now(),
            mode=parts.mode,
            account=parts.account,
            broker=parts.broker.name,
            strategy=parts.strategy,
            strategy_type=parts.strategy_type,
            data=data,
            status="stopped" if self._ended else engine_status(self.state, connected=connected),
            health=parts.broker.health(),
            quotes=self._quotes,
            next_run=self._steps.next_run(),
            outcomes=self._outcomes.section(),
            gate=gate_inputs(self.state, (), replace(moment, data_age_sessions=data.age_sessions)),
            limits=parts.limits,
            problem=self._parts.mask(self._problem),
            alerts=parts.alert_status(),
        )

    def _halt(self, reason: str) -> None:
        if self.state.trading_state is not TradingState.HALTED:
            self._chronicle.record([RiskStateChanged(TradingState.HALTED, reason[:300])])
            self._post("halted", Severity.CRITICAL, "Trading is halted", reason)

    def _cannot_go_on(self, error: JournalUnwritable) -> None:
        """Nothing may be sent without a journal: say so wherever it can still be said."""
        text = f"{error.problem}: {error.found}"
        self._problem, self._ended = text, True
        self._post("halted", Severity.CRITICAL, "The worker ends", text)
        try:
            self._writer.write(state_document(self.state, self._shown()))
        except StateUnwritable:
            return  # the alert has said it, and the state before stands and grows old

    def _post(self, key: str, severity: Severity, title: str, text: str) -> None:
        self._parts.post(Alert(key, severity, title, text, self._parts.wall()))
