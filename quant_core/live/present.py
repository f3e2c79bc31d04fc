"""The present, as the gate asks for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from quant_core.foundation.types import Session
from quant_core.live.data_bridge import DataDay
from quant_core.live.gate_view import Moment, SendTimes
from quant_core.live.ipc import kill_requested
from quant_core.live.loss_watch import LossWatch
from quant_core.live.timetable import Timetable


class Present:
    """What the worker knows of this moment beside its journal.

    Parameters
    ----------
    configured_account : str
    folder : Path
        Where a KILL file would be.
    now : callable
        The exchange's present.
    timetable : Timetable
    losses : LossWatch
        Has the latest valuation.
    """

    def __init__(
        self,
        configured_account: str,
        folder: Path,
        now: Callable[[], datetime],
        timetable: Timetable,
        losses: LossWatch,
    ) -> None:
        self._configured = configured_account
        self._folder = folder
        self.now = now
        self.timetable = timetable
        self.losses = losses
        self.sent = SendTimes()
        self.account: str | None = None
        """The account the broker reports; None without a connection."""
        self.reconciled_at: datetime | None = None
        """When the books last agreed; None while they do not."""

    def for_session(self, day: DataDay) -> Moment:
        """For orders into the open of a session."""
        return self.moment(day, cut_off=self.timetable.of(day.session).opens)

    def for_flat(self, session: Session) -> Moment:
        """For the orders of FLAT, judged by the marks of the last close: no source is asked."""
        at, cut_off = self.now(), self.timetable.of(session).closes
        return Moment(
            now=at,
            account=self.account,
            configured_account=self._configured,
            accepts_orders=at < cut_off,
            cut_off=cut_off,
            data_version=None,
            data_age_sessions=0,
            expected_version=None,
            reconciled_at=self.reconciled_at,
            killed=kill_requested(self._folder),
            equity_micros=self.losses.equity_micros,
            sent=self.sent,
        )

    def moment(self, day: DataDay | None, *, cut_off: datetime | None) -> Moment:
        """The present with the data of a day, or without any."""
        at = self.now()
        return Moment(
            now=at,
            account=self.account,
            configured_account=self._configured,
            accepts_orders=cut_off is not None and at < cut_off,
            cut_off=cut_off,
            data_version=None if day is None else day.version,
            data_age_sessions=None if day is None else day.age_sessions,
            expected_version=None if day is None else day.published,
            reconciled_at=self.reconciled_at,
            killed=kill_requested(self._folder),
            equity_micros=self.losses.equity_micros,
            sent=self.sent,
            market=None if day is None else day.market,
            row=0 if day is None else day.row,
        )
