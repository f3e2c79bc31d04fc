"""Which part of the session's work is due at this instant."""

from __future__ import annotations

from datetime import datetime, timedelta

from quant_core.foundation.types import Session
from quant_core.live.data_bridge import DataBridge, DataDay, DataOnItsWay
from quant_core.live.gate_view import is_flat
from quant_core.live.journal_kinds import TradingState
from quant_core.live.order_life import OrderStage
from quant_core.live.present import Present
from quant_core.live.reconcile import Reconciler
from quant_core.live.session_work import FAILURES, OURS, BrokerNotReady, Desk, SessionWork
from quant_core.live.timetable import DayTimes
from quant_core.notify.port import Alert, Severity

RETRY = timedelta(minutes=1)
"""Rest after a strategy or a source of data has failed."""


class SessionSteps:
    """Decides before the open and closes after the close, each when its instant has come.

    Parameters
    ----------
    work : SessionWork
    desk : Desk
    bridge : DataBridge
    present : Present
    books : Reconciler
    """

    def __init__(
        self,
        work: SessionWork,
        desk: Desk,
        bridge: DataBridge,
        present: Present,
        books: Reconciler,
    ) -> None:
        self._work = work
        self._books = books
        self._desk = desk
        self._bridge = bridge
        self._present = present
        self._state = desk.chronicle.state
        self._not_before: datetime | None = None
        self._told_late: Session | None = None
        self._told_open: Session | None = None
        self._differences = ""
        self.problem = ""
        """Why the session's work does not go on; empty when it does."""

    def next_session(self) -> Session | None:
        """The session at work, or the one that follows the last close."""
        if self._state.day is not None:
            return self._state.day.session
        return self._bridge.next_session(self._state.book.session)

    def selling_session(self) -> Session | None:
        """The session a FLAT sells into: the one at work until its close, then the next.

        It does not wait for the books of the close: the data for them may never come.
        """
        day = self._state.day
        try:
            if day is None or self._present.now() < self._present.timetable.of(day.session).closes:
                return self.next_session()
            return self._bridge.next_session(day.session)
        except FAILURES:
            return None

    def next_run(self) -> datetime | None:
        """When the next decision is due."""
        try:
            day = self._state.day
            after = self._state.book.session if day is None else day.session
            session = self._bridge.next_session(after)
        except FAILURES:
            return None
        return None if session is None else self._present.timetable.of(session).decide

    async def do_due(self) -> None:
        """Open or close the session, if that is due.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer.
        """
        now = self._present.now()
        if self._not_before is not None and now < self._not_before:
            return
        try:
            session = self.next_session()
        except FAILURES as error:
            self._failed("data", f"the next session is not known: {error}", now)
            return
        if session is None:  # a replay is over
            return
        times = self._present.timetable.of(session)
        if now < times.decide:
            return
        if now < times.cut_off:
            await self._open(session, now)
            return
        if self._state.day is None:
            self._missed(session, now)
        self._drop_late(session, now)
        if now >= times.settled:
            await self._close(session, times)

    async def _open(self, session: Session, now: datetime) -> None:
        state = self._state
        if self._work.finished_opening(session):
            return
        if self._blocked():
            self._desk.orders.drop_planned("trading is stopped")
            if state.day is None:
                self._work.open_without_decision(session, "", self._blocked())
            return
        day = self._decision_day(session, now)
        if day is None or not await self.agree():
            return
        try:
            await self._work.open_session(day, lambda: self._present.for_session(day))
            self.problem = ""
        except BrokerNotReady as waiting:
            self.problem = waiting.problem
        except OURS:
            raise
        except FAILURES as error:
            self._failed("decision", f"the decision failed: {error!r}", now)

    def _missed(self, session: Session, now: datetime) -> None:
        """Go through a session that nobody decided."""
        reason = "no decision was taken before the cut-off"
        self._work.open_without_decision(session, "", reason)
        if not self._blocked():
            self._tell("decision", f"{session}: {reason}; positions stay as they are", now)

    def _decision_day(self, session: Session, now: datetime) -> DataDay | None:
        """The data to decide on; None while there are none, which is tried again."""
        try:
            return self._bridge.decision_day(session)
        except DataOnItsWay as waiting:
            self.problem = waiting.problem
        except FAILURES as error:
            self._failed("data", f"no data to decide on: {error}", now)
        return None

    def _blocked(self) -> str:
        """Why nothing new is ordered at all; empty when something may be."""
        state = self._state
        if state.kill_latched:
            return f"kill latch: {state.kill_reason}"
        if state.trading_state is TradingState.HALTED:
            return f"halted: {state.trading_reason}"
        return ""

    def _drop_late(self, session: Session, now: datetime) -> None:
        """Orders for an open that has passed are not sent any more."""
        waiting = [
            order
            for order in self._state.orders_of(session)
            if order.stage is OrderStage.PLANNED and not is_flat(order.intent.purpose)
        ]
        if waiting:
            self._desk.orders.drop_planned("the open of its session has passed")
            text = f"{session}: {len(waiting)} orders were not sent before the open"
            self._tell("decision", text, now)

    async def _close(self, session: Session, times: DayTimes) -> None:
        now = self._present.now()
        try:
            close = self._bridge.close_day(session)
        except DataOnItsWay as waiting:
            self.problem = waiting.problem
            return
        except FAILURES as error:
            self._failed("data", f"no data to close on: {error}", now)
            return
        if close is None:
            self._await_data(session, times.closes, now)
            return
        await self._work.finish_orders(session)
        if not await self.agree():
            return
        open_still = [o for o in self._state.orders_of(session) if o.is_open]
        if open_still:
            name = open_still[0].intent.reference
            self.problem = f"{len(open_still)} orders of {session} have no end yet, first {name}"
            if self._told_open != session:
                self._told_open = session
                self._tell("orders", f"{self.problem}: the session cannot be closed", now)
            return
        self._work.close_session(close, now)
        self._present.sent.forget()
        self.problem = ""

    def _await_data(self, session: Session, closed: datetime, now: datetime) -> None:
        """No prices of a session that is over: late once the next one is to be decided."""
        text = f"the data do not have {session} yet (closed {closed:%Y-%m-%d %H:%M} UTC)"
        self.problem = text
        try:
            following = self._bridge.next_session(session)
        except FAILURES as error:
            self._failed("data", f"the next session is not known: {error}", now)
            return
        if following is None or self._told_late == session:
            return
        if now >= self._present.timetable.of(following).decide:
            self._told_late = session
            self._tell("data", f"{text}: {following} cannot be decided", now)

    async def agree(self) -> bool:
        """Whether the books agree at this moment; what does not is told once.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer.
        """
        finding = await self._books.look(self._present.now(), quiet=True)
        self._present.reconciled_at = self._present.now() if finding.agrees else None
        if finding.agrees:
            self.problem = "" if self.problem == self._differences else self.problem
            return True
        self.problem = self._differences = "; ".join(finding.differences[:3])
        return False

    def _failed(self, key: str, text: str, now: datetime) -> None:
        self.problem, self._not_before = text, now + RETRY
        self._tell(key, text, now)

    def _tell(self, key: str, text: str, now: datetime) -> None:
        self._desk.post(Alert(key, Severity.CRITICAL, "The session's work failed", text, now))
