"""The connection to the broker: made with growing rests, worth something once the books agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from quant_core.brokers.port import BrokerSession
from quant_core.foundation.errors import ConfigurationError
from quant_core.live.journal_kinds import Mode
from quant_core.live.present import Present
from quant_core.live.reconcile import Reconciler
from quant_core.live.session_work import Desk
from quant_core.notify.port import Alert, Severity

LONG = timedelta(minutes=5)
"""Without a connection, after which it is more than a disturbance."""


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """Which account it must be, and how long to rest between two attempts."""

    account: str
    mode: Mode
    first: timedelta
    most: timedelta


class Connection:
    """Connects, agrees the books, and notes what was lost.

    Parameters
    ----------
    desk : Desk
    present : Present
        Is told the account and when the books last agreed.
    books : Reconciler
    terms : LinkTerms
    wall : callable
        The machine's present.
    """

    def __init__(
        self,
        desk: Desk,
        present: Present,
        books: Reconciler,
        terms: LinkTerms,
        wall: Callable[[], datetime],
    ) -> None:
        self._desk = desk
        self._present = present
        self._books = books
        self._terms = terms
        self._wall = wall
        self._attempt_at: datetime | None = None
        self._rest = terms.first
        self._away_since: datetime | None = None
        self._told_long = False
        self._renewed: int | None = None
        self.session: BrokerSession | None = None
        """None without a connection."""

    async def connect(self, *, at_once: bool = False) -> None:
        """Connect unless connected, or unless the last attempt was a moment ago.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer.
        ConfigurationError
            If it is another account.
        """
        desk, now = self._desk, self._wall()
        if self.session is not None:
            return
        if not at_once and self._rests(now):
            return
        self._attempt_at = now + self._rest
        self._rest = min(2 * self._rest, self._terms.most)
        session = await desk.broker.open()
        self._check_account(session)
        self.session = session
        desk.orders.epoch = session.epoch
        self._away_since, self._told_long = None, False
        self._present.account = session.account
        finding = await self._books.look(now)
        desk.intake.link.lost = False
        self._present.reconciled_at = self._present.now() if finding.agrees else None
        self._rest, self._attempt_at = self._terms.first, None

    async def renew(self) -> None:
        """Close the connection and make another one, once for each: what left on it is over.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer; it is tried again once it does.
        """
        session = self.session
        if session is None or session.epoch == self._renewed:
            return
        title = "The connection to the broker is made anew on purpose"
        text = "an order of unknown fate may still be on its way on the one there is"
        self._desk.log(f"{title}: {text}")
        self._desk.post(Alert("unknown_order", Severity.INFO, title, text, self._wall()))
        self._leave()
        await self._desk.broker.close()
        await self.connect(at_once=True)
        self._renewed = session.epoch

    def lost(self, reason: str) -> None:
        """There is no connection any more."""
        now = self._wall()
        if self._away_since is None:
            self._away_since = now
            title = "The broker is not connected"
            self._desk.post(Alert("broker", Severity.WARNING, title, reason, now))
        elif not self._told_long and now - self._away_since >= LONG:
            self._told_long = True
            title = f"The broker is not connected for {LONG.seconds // 60} minutes"
            self._desk.post(Alert("broker", Severity.CRITICAL, title, reason, now))
        self._leave()

    def _leave(self) -> None:
        """Nothing is sent any more: nobody knows the account and its books."""
        self.session = None
        self._present.account, self._present.reconciled_at = None, None

    def _rests(self, now: datetime) -> bool:
        """Whether the last attempt was a moment ago; a clock set back does not lengthen it."""
        at = self._attempt_at
        return at is not None and timedelta(0) < at - now <= self._terms.most

    def _check_account(self, session: BrokerSession) -> None:
        terms = self._terms
        if session.account != terms.account or session.is_live != (terms.mode is Mode.LIVE):
            raise ConfigurationError(
                "the broker is connected to another account",
                expected=f"{terms.account} ({terms.mode.value})",
                found=f"{session.account}, {'live' if session.is_live else 'paper'}",
                fix="correct broker.account, or sign in to the right one",
            )
