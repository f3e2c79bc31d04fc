"""Mail servers on this machine: a real one that can be told to refuse, and one of bad manners."""

from __future__ import annotations

import asyncio
import socketserver
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as mail_policy
from queue import SimpleQueue
from threading import Condition, Thread
from typing import ClassVar

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HOST = "127.0.0.1"
USER, PASSWORD = "alerts@example.com", "canary-Passw0rd/+ü"
PATIENCE = 20.0
"""Seconds a test waits for what has to happen; nothing waits for it to pass."""


@dataclass
class Inbox:
    """What a server took over, and what it answers before it takes anything."""

    refusals: dict[str, list[str]] = field(default_factory=dict)
    """Replies still to give by command (MAIL, RCPT, DATA), the next one first."""
    mails: list[EmailMessage] = field(default_factory=list)
    refused: int = 0
    changed: Condition = field(default_factory=Condition)

    def refuse(self, command: str, *replies: str) -> None:
        self.refusals[command] = list(replies)

    def ids(self) -> list[str]:
        """Identities of the alerts, from the Message-IDs, in the order they came."""
        return [mail["Message-ID"].strip("<>").partition("@")[0] for mail in self.mails]

    def subjects(self) -> list[str]:
        return [mail["Subject"] for mail in self.mails]

    def wait_for(self, mails: int = 0, refused: int = 0) -> None:
        with self.changed:
            assert self.changed.wait_for(
                lambda: len(self.mails) >= mails and self.refused >= refused, PATIENCE
            ), (self.subjects(), self.refused)

    def answer(self, command: str) -> str | None:
        """The next refusal of a command, if there is one left."""
        with self.changed:
            waiting = self.refusals.get(command)
            if not waiting:
                return None
            self.refused += 1
            self.changed.notify_all()
            return waiting.pop(0)

    async def mail(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self.answer("MAIL")
        if refusal is None:
            envelope.mail_from = address
        return refusal or "250 OK"

    async def recipient(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self.answer("RCPT")
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def data(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        refusal = self.answer("DATA")
        if refusal is not None:
            return refusal
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=mail_policy)
        assert isinstance(mail, EmailMessage)
        with self.changed:
            self.mails.append(mail)
            self.changed.notify_all()
        return "250 taken over"


# The server looks for the hooks under names of its own.
for command, hook in (("MAIL", Inbox.mail), ("RCPT", Inbox.recipient), ("DATA", Inbox.data)):
    setattr(Inbox, f"handle_{command}", hook)


def check_password(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
) -> AuthResult:
    """535 for a wrong password; the library would drop the connection if it handled that."""
    right = given.login == USER.encode() and given.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


@contextmanager
def mail_server(
    inbox: Inbox,
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    sign_in: bool = False,
    port: int = 0,
) -> Iterator[int]:
    """A server of aiosmtpd; answers its port, a free one unless one is named."""

    def protocol() -> SMTP:
        return SMTP(
            inbox,
            hostname="mail.example.com",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=check_password if sign_in else None,
            auth_required=sign_in,
            auth_require_tls=starttls is not None,
            enable_SMTPUTF8=True,
        )

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        server = await loop.create_server(protocol, HOST, port, ssl=tls)
        running.put((server.sockets[0].getsockname()[1], loop, stop))
        await stop.wait()
        server.close()

    running: SimpleQueue[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = SimpleQueue()
    thread = Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    bound, loop, stop = running.get(timeout=PATIENCE)
    try:
        yield bound
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)


HANG, DROP, CUT = "hang", "drop", "cut"
POLITE = {
    "CONNECT": "220 ready",
    "EHLO": "250 fine",
    "AUTH": "235 fine",
    "MAIL": "250 fine",
    "RCPT": "250 fine",
    "DATA": "354 go on",
    "CONTENT": "250 taken over",
    "RSET": "250 fine",
    "QUIT": "221 bye",
}


class Conversation(socketserver.StreamRequestHandler):
    """Says what the script of its class holds for each command."""

    script: ClassVar[Mapping[str, str]] = POLITE
    seen: ClassVar[list[str]] = []

    def handle(self) -> None:
        step = "CONNECT"
        while self.says(self.script[step]):
            line = self.rfile.readline()
            if not line:
                return
            step = line.decode("utf-8", "replace").split()[0].upper()
            self.seen.append(step)
            if step == "DATA" and self.says(self.script["DATA"]):
                step = "CONTENT"
                self.take_content()

    def take_content(self) -> None:
        for line in self.rfile:
            if line == b".\r\n" or self.script["CONTENT"] == CUT:
                return

    def says(self, reply: str) -> bool:
        if reply == HANG:
            self.rfile.read()
        if reply in (HANG, DROP, CUT):
            return False
        self.wfile.write(reply.encode() + b"\r\n")
        return True


class ScriptedServer(socketserver.ThreadingTCPServer):
    """Many clients at once, each in a thread that nobody waits for."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is what these tests are about."""


@contextmanager
def scripted_server(replies: Mapping[str, str]) -> Iterator[tuple[int, list[str]]]:
    """A server that says what it is told to; answers its port and the commands it saw.

    A reply may be ``HANG`` (says nothing until the client goes), ``DROP`` (closes) or, for
    CONTENT, ``CUT`` (closes after the first line).
    """
    seen: list[str] = []
    attributes = {"script": {**POLITE, **replies}, "seen": seen}
    with ScriptedServer((HOST, 0), type("Scripted", (Conversation,), attributes)) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1], seen
        finally:
            server.shutdown()
