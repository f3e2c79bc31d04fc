"""Alerts by e-mail: one plain mail for one address, over SMTP."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from email.utils import format_datetime, parseaddr
from ipaddress import ip_address
from pathlib import Path
from re import ASCII, fullmatch
from socket import gaierror
from typing import Literal, TypeAlias

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from quant_core.foundation.errors import ConfigurationError
from quant_core.notify.port import Alert, Delivered, Delivery, Refused, Unavailable
from quant_core.notify.secret import Mask, Secret, SecretText

Security: TypeAlias = Literal["starttls", "tls", "none"]
"""``starttls``: encrypt after the greeting, or send nothing; ``tls``: from the first byte;
``none``: in clear, for a server on this machine."""

OWN_NAME = "[127.0.0.1]"
"""How we greet: the address literal names no machine and needs no name server."""

FAREWELL_SECONDS = 2.0
LONGEST_REPLY = 300
FAILURE = 500
"""SMTP replies from here on are final for what was asked."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """An account on the mail server."""

    user: str
    password: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over.

    ``timeout_seconds`` bounds one mail as a whole, from connecting to the receipt.
    ``ca_file`` holds certificates (PEM) to trust besides those of the system, for a
    server with a certificate of its own; without it such a server is refused.
    """

    host: str
    port: int
    security: Security
    timeout_seconds: float
    sign_in: SignIn | None = None
    ca_file: Path | None = None


class EmailNotifier:
    """A :class:`~quant_core.notify.port.Notifier` to one address.

    The ``Message-ID`` of the mail is the identity of the alert, so that a mail sent
    again after a crash is recognised as the same one by server, mail program and reader.

    Raises
    ------
    ConfigurationError
        For an unusable address or file of certificates, and for a password that would
        travel in clear to another machine.
    """

    def __init__(self, server: MailServer, sender: str, recipient: str) -> None:
        for address in (sender, recipient):
            _require_address(address)
        _require_encryption(server)
        self._server = server
        self._sender = sender
        self._recipient = recipient
        self._tls = None if server.security == "none" else _tls_context(server.ca_file)
        self._mask = Mask(_secrets(server.sign_in))

    @property
    def name(self) -> str:
        """``email:`` and the address."""
        return f"email:{parseaddr(self._recipient)[1]}"

    async def send(self, alert: Alert) -> Delivery:
        """Hand one mail over; see :func:`message_of` for what it holds."""
        server = self._server
        mail = message_of(alert, self._sender, self._recipient).as_bytes()
        client = self._client()
        try:
            async with asyncio.timeout(server.timeout_seconds):
                await client.connect()
                await client.sendmail(parseaddr(self._sender)[1], [self.name[6:]], mail)
        except (SMTPException, OSError, ValueError) as error:
            return self._outcome(error)
        else:
            # Taken over: whatever the farewell brings, the mail must not be sent again.
            await _take_leave(client)
            return Delivered()
        finally:
            _hang_up(client, client.transport)

    def _client(self) -> SMTP:
        server, sign_in = self._server, self._server.sign_in
        return SMTP(
            hostname=server.host,
            port=server.port,
            username=sign_in.user if sign_in else None,
            password=sign_in.password.get_secret_value() if sign_in else None,
            local_hostname=OWN_NAME,
            timeout=server.timeout_seconds,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=self._tls,
        )

    def _outcome(self, error: Exception) -> Delivery:
        """What an exception of the library means; its own text is not passed on."""
        match error:
            case SMTPAuthenticationError():
                # Whatever the server says to a password may repeat it in any form.
                return Unavailable(f"the mail server refused the sign-in, code {error.code}")
            case SMTPDataError() if error.code >= FAILURE:
                return Refused(f"the mail server refused the mail: {self._reply(error)}")
            case SMTPRecipientsRefused():
                said = "; ".join(self._reply(each) for each in error.recipients)
                return Unavailable(f"the mail server refused the recipient: {said}")
            case SMTPResponseException():
                return Unavailable(f"the mail server answered {self._reply(error)}")
            case TimeoutError():
                seconds = f"{self._server.timeout_seconds:g} seconds"
                return Unavailable(f"the mail server did not answer within {seconds}")
            case _:
                return Unavailable(_broken_connection(error))

    def _reply(self, error: SMTPResponseException) -> str:
        words = " ".join(error.message.split())
        return self._mask.over(f"{error.code} {words}")[:LONGEST_REPLY]


def email_notifiers(
    server: MailServer, sender: str, recipients: Sequence[str]
) -> tuple[EmailNotifier, ...]:
    """One notifier for each address, repeated addresses once."""
    return tuple(
        EmailNotifier(server, sender, recipient) for recipient in dict.fromkeys(recipients)
    )


def message_of(alert: Alert, sender: str, recipient: str) -> EmailMessage:
    """The mail of an alert: plain text in UTF-8, safe for servers of 7 bits.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from quant_core.notify.port import Severity
    >>> at = datetime(2024, 3, 1, 14, 15, tzinfo=UTC)
    >>> alert = Alert("broker", Severity.CRITICAL, "Connection lost", "Trying again.", at)
    >>> mail = message_of(alert, "worker@example.com", "trader@example.com")
    >>> mail["Subject"], mail["Message-ID"]
    ('[CRITICAL] Connection lost', '<15a75d66d43eb665eb8f7f50fbb25ab8@example.com>')
    """
    mail = EmailMessage(MAIL_POLICY.clone(cte_type="7bit"))
    domain = parseaddr(sender)[1].rpartition("@")[2]
    if not fullmatch(r"[\w.-]+", domain, ASCII):
        domain = "alerts.invalid"  # a name that no machine can have (RFC 2606)
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = f"[{alert.severity.name}] {alert.title}"
    mail["Date"] = format_datetime(alert.at)
    mail["Message-ID"] = f"<{alert.identity}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    footer = f"-- \n{alert.severity.name} {alert.key}\n{alert.at.isoformat(timespec='seconds')}\n"
    mail.set_content(f"{alert.body}\n\n{footer}", charset="utf-8")
    return mail


async def _take_leave(client: SMTP) -> None:
    connection = client.transport  # the client forgets it as soon as the server closes
    try:
        with suppress(SMTPException, OSError):
            await client.quit(timeout=FAREWELL_SECONDS)
    finally:
        _hang_up(client, connection)


def _hang_up(client: SMTP, connection: asyncio.BaseTransport | None) -> None:
    """Close at once: an orderly end of TLS would wait for a server that may be silent."""
    if isinstance(connection, asyncio.WriteTransport):
        connection.abort()
    client.close()


def _secrets(sign_in: SignIn | None) -> Iterator[Secret]:
    if sign_in is not None:
        password = sign_in.password.get_secret_value()
        yield sign_in.password
        yield SecretText(f"\0{sign_in.user}\0{password}")  # as AUTH PLAIN sends it


def _require_address(address: str) -> None:
    mailbox = parseaddr(address)[1]
    if fullmatch(r"[^\s<>\"@]+@[^\s<>\"@]+", mailbox) and address.isprintable():
        return
    raise ConfigurationError(
        "an address of the alerts cannot be used",
        expected="an address such as trader@example.com, or Name <trader@example.com>",
        found=repr(address),
        fix="correct notify.email.sender and notify.email.recipients",
    )


def _require_encryption(server: MailServer) -> None:
    if server.security != "none" or server.sign_in is None or _is_this_machine(server.host):
        return
    raise ConfigurationError(
        "the password of the mail account would be sent in clear",
        expected="notify.email.security: starttls or tls",
        found="none",
        where=f"mail server {server.host}",
        fix="use what the provider offers: tls (mostly port 465) or starttls (port 587)",
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is None:
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            "the certificates for the mail server cannot be read",
            expected="a file of certificates in PEM form",
            found=error.strerror or type(error).__name__,
            where=str(ca_file),
            fix="correct notify.email.ca_file, or set it to null",
        ) from None
    return context


def _broken_connection(error: Exception) -> str:
    """Why there is no connection: the class of the first cause, and no text of others."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    match cause:
        case ssl.SSLCertVerificationError():
            return f"the certificate of the mail server was refused: {cause.verify_message}"
        case gaierror():
            return f"the name of the mail server was not found: {cause.strerror}"
        case OSError() if cause.errno is not None:
            return f"no connection to the mail server: {os.strerror(cause.errno)}"
        case _:
            return f"no connection to the mail server: {type(cause).__name__}"
