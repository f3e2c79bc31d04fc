"""The alerts of the worker from its settings: who is told, and a desk that trading never waits for.

1. :func:`notifiers_for` makes the channels; what is wrong with them is refused before trading.
2. :class:`AlertDesk` logs every alert and hands it to the courier, which it starts once the
   worker's folder is its own and ends, with a last short attempt, before the worker ends.
3. :func:`courier_for` puts notifiers, outbox and pace together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from quant_core.foundation.errors import QuantError
from quant_core.foundation.settings_live import EmailSettings, NotifySettings
from quant_core.foundation.timing import utc_now
from quant_core.notify.courier import Courier, CourierStatus, Pace
from quant_core.notify.email import MailServer, SignIn, email_notifiers
from quant_core.notify.folder_lock import FolderLock
from quant_core.notify.other_channels import other_channels
from quant_core.notify.outbox import Outbox, OutboxLimits, Posted
from quant_core.notify.port import Alert, Notifier, Severity
from quant_core.notify.secret import Mask, Secret, SecretText

OUTBOX = "outbox"

TEND_SECONDS = 1.0
"""How often repeats are told and what the disk did not take is written again."""

LAST_SECONDS = 5.0
"""The last attempt, when the worker ends: what is not delivered then waits on disk."""

WAIT_SECONDS = 10.0
"""How long the outbox is waited for; the worker before may be at its last attempt."""

MARGIN_SECONDS = 5.0
"""What an attempt may take above the limit of the channel itself."""

NOBODY = "no channel is configured"
LOGGED_ONLY = "the alerts of a replay are logged only; --send-alerts sends them"
TAKEN = "another process sends from this outbox"
TROUBLE = (OSError, RuntimeError, ValueError, QuantError)
"""What may go wrong with an alert without reaching the worker."""


def mail_server_of(email: EmailSettings) -> MailServer:
    """The mail server of the settings, which hold a host where alerts by e-mail are on."""
    account = None
    if email.user is not None and email.password is not None:
        account = SignIn(email.user, email.password)
    ca_file = None if email.ca_file is None else Path(email.ca_file)
    host = email.host or ""
    return MailServer(host, email.port, email.security, email.timeout_seconds, account, ca_file)


def notifiers_for(settings: NotifySettings) -> tuple[Notifier, ...]:
    """Every channel that is configured.

    Raises
    ------
    ConfigurationError
        For an address, a file of certificates or a channel that cannot be used, and for a
        password that would travel in clear.
    """
    email, mails = settings.email, tuple[Notifier, ...]()
    if email.enabled:
        mails = email_notifiers(mail_server_of(email), email.sender or "", email.recipients)
    return (*mails, *other_channels(settings.channels))


def mask_for(settings: NotifySettings) -> Mask:
    """Blots out the secrets of the settings, used or not."""
    return Mask(_secrets(settings))


def pace_of(settings: NotifySettings) -> Pace:
    """How often is tried."""
    outbox = settings.outbox
    return Pace(
        outbox.first_retry_seconds,
        outbox.longest_retry_seconds,
        attempt_seconds(settings),
        TEND_SECONDS,
    )


def attempt_seconds(settings: NotifySettings) -> float:
    """The most that one attempt on any channel may take."""
    return settings.email.timeout_seconds + MARGIN_SECONDS


def courier_for(settings: NotifySettings, folder: Path, notifiers: Sequence[Notifier]) -> Courier:
    """A courier for ``notifiers`` on the outbox in the worker's folder; not started yet."""
    limits = settings.outbox
    outbox = Outbox(
        folder / OUTBOX,
        OutboxLimits(limits.pending, limits.held, limits.sent, limits.repeat_seconds),
    )
    return Courier(outbox, notifiers, pace_of(settings), random=Random(), mask=mask_for(settings))


class AlertDesk:
    """Takes the worker's alerts; nothing that goes wrong with them reaches the worker.

    It is a context: entered once the worker has its folder, left before it lets go of it.
    An error that ends the worker becomes an alert on the way out.

    Parameters
    ----------
    settings : NotifySettings
    folder : Path
        The worker's.
    log : callable
        Takes lines; every alert is one, sent or not.
    replayed : bool
        Whether the worker trades history: its alerts are then sent under the wall clock.
    send : bool
        False to log only.
    """

    def __init__(
        self,
        settings: NotifySettings,
        folder: Path,
        log: Callable[[str], object],
        *,
        replayed: bool = False,
        send: bool = True,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._log = log
        self._replayed = replayed
        self._notifiers = notifiers_for(settings)
        self._why_not = "" if send else LOGGED_ONLY
        if not self._notifiers:
            self._why_not = NOBODY
        self._mask = mask_for(settings)
        self._lock = FolderLock(folder / OUTBOX)
        self._courier: Courier | None = None

    def mask(self, text: str) -> str:
        """A text without the secrets of the settings."""
        return self._mask.over(text)

    def log(self, line: str) -> None:
        """A line for the log, without secrets; a log that cannot be written stops nothing."""
        with suppress(OSError, ValueError):
            self._log(self.mask(line))

    def post(self, alert: Alert) -> None:
        """Log an alert and hand it to the courier; returns after one write to disk."""
        self.log(f"{alert.severity.name} {alert.title}: {alert.body}".replace("\n", " | "))
        if self._courier is None:
            return
        try:
            posted = self._courier.post(self._dated(alert))
        except TROUBLE as error:
            self.log(f"the alert could not be handed in: {type(error).__name__}")
            return
        if posted is Posted.HELD:
            self.log("the disk did not take the alert: it is held in memory")
        if posted is Posted.REFUSED:
            self.log("the outbox is full: the alert is not sent")

    def status(self) -> dict[str, object]:
        """How the alerts do, for the state; nothing in it is a secret."""
        if self._courier is None:
            return {"sending": False, "note": self._why_not, **_NOTHING_SENT}
        status = self._courier.status()
        note = "" if status.running else "the courier does not run"
        return {"sending": status.running, "note": note, **_health(status)}

    def __enter__(self) -> Self:
        if not self._why_not and self._is_ours():
            self._courier = courier_for(self._settings, self._folder, self._notifiers)
            self._courier.start()
        if self._why_not:
            self.log(f"alerts are not sent: {self._why_not}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, trace
        if isinstance(error, Exception):
            title, text = "The worker has ended", f"{type(error).__name__}: {error}"
            self.post(Alert("worker", Severity.CRITICAL, title, text, utc_now()))
        if self._courier is not None and not self._courier.stop(LAST_SECONDS):
            waiting = self._courier.status().outbox.pending
            self.log(f"alerts that wait for the next start: {waiting}")
        self._lock.release()

    def _is_ours(self) -> bool:
        """Whether this process may use the outbox; on a disk that says nothing, it may."""
        try:
            free = self._lock.take(WAIT_SECONDS)
        except OSError:
            return True
        self._why_not = "" if free else TAKEN
        return free

    def _dated(self, alert: Alert) -> Alert:
        """The alert under the time at which it is sent: repeats are counted by that."""
        if not self._replayed:
            return alert
        body = f"{alert.body}\n\nReplay of {alert.at.isoformat(timespec='seconds')}"
        return replace(alert, body=body.strip(), at=utc_now())


_NOTHING_SENT: Mapping[str, object] = {
    **{"pending": 0, "held": 0, "refused": 0},
    **{"last_sent": None, "last_error": "", "channels": []},
}


def _health(status: CourierStatus) -> dict[str, object]:
    errors = [f"{lane.name}: {lane.problem}" for lane in status.lanes if lane.problem]
    if status.outbox.disk_problem:
        errors.append(f"the disk: {status.outbox.disk_problem}")
    sent = [lane.delivered_at for lane in status.lanes if lane.delivered_at is not None]
    return {
        "pending": status.outbox.pending,
        "held": status.outbox.held,
        "refused": status.outbox.refused,
        "last_sent": _text(max(sent, default=None)),
        "last_error": "; ".join(errors),
        "channels": [
            {
                "name": lane.name,
                "delivered": lane.delivered,
                "failures": lane.failures,
                "problem": lane.problem,
                "last_sent": _text(lane.delivered_at),
            }
            for lane in status.lanes
        ],
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _secrets(settings: NotifySettings) -> Iterator[Secret]:
    email = settings.email
    if email.password is not None:
        yield email.password
        password = email.password.get_secret_value()
        yield SecretText(f"\0{email.user or ''}\0{password}")  # as AUTH PLAIN sends it
    yield from settings.channels
