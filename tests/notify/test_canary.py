"""Canaries: secrets that must appear nowhere, looked for in everything that was left behind."""

import asyncio
import base64
import logging
import traceback
from contextlib import ExitStack, suppress
from urllib.parse import quote

import pytest

from quant_core.foundation.errors import ConfigurationError
from quant_core.notify.email import EmailNotifier, MailServer, SignIn
from quant_core.notify.other_channels import other_channels
from quant_core.notify.port import Notifier
from quant_core.notify.secret import Mask, SecretText
from tests.notify.alerts import READER, SENDER, alert, courier_of, local_server
from tests.notify.mail_servers import (
    DROP,
    HANG,
    HOST,
    PASSWORD,
    USER,
    Inbox,
    mail_server,
    scripted_server,
)
from tests.notify.test_other_channels import web_server

pytestmark = [
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
]

TOKEN = "canary-token-0123456789"
CANARIES = [
    *(PASSWORD, quote(PASSWORD), TOKEN, "canary-Pass"),
    base64.b64encode(PASSWORD.encode()).decode(),
    base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode(),
    base64.b64encode(TOKEN.encode()).decode(),
]
ECHOES = " ".join(CANARIES[:1] + CANARIES[4:])


def leaks(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def signed_in(port: int, **fields: object) -> EmailNotifier:
    server = local_server(port, sign_in=True, timeout_seconds=0.3, **fields)
    return EmailNotifier(server, SENDER, READER)


def every_channel(servers: ExitStack) -> list[Notifier]:
    """Mail servers that repeat what they were told, hang and drop, and web addresses."""
    signs_in = "250-fine\r\n250 AUTH PLAIN LOGIN CRAM-MD5"
    scripts: list[dict[str, str]] = [
        {},
        {"AUTH": f"535 {ECHOES}"},
        {"AUTH": f"421 {ECHOES}"},
        {"AUTH": HANG},
        {"AUTH": DROP},
        {"AUTH": f"garbage {ECHOES}"},
        {"MAIL": f"550 {ECHOES}"},
        {"RCPT": f"452 {ECHOES}"},
        {"CONTENT": f"554 {ECHOES}"},
        {"CONNECT": f"554 {ECHOES}"},
    ]
    channels: list[Notifier] = []
    for place, script in enumerate(scripts):
        port, _ = servers.enter_context(scripted_server({"EHLO": signs_in, **script}))
        server = local_server(port, sign_in=True, timeout_seconds=0.3)
        channels.append(EmailNotifier(server, SENDER, f"reader{place}@example.com"))
    port, _ = servers.enter_context(web_server(401))
    silent, _ = servers.enter_context(scripted_server({}))
    addresses = [
        f"json://me:{quote(PASSWORD, safe='')}@{HOST}:{to}/{TOKEN}" for to in (port, silent)
    ]
    channels += other_channels([SecretText(address) for address in addresses])
    return channels


def test_nothing_written_logged_or_told_holds_a_secret(tmp_path, caplog, capfd):
    """Alerts that hold the secrets themselves go through channels that repeat them."""
    caplog.set_level(1)
    logging.getLogger("asyncio").setLevel(1)
    mask = Mask([SecretText(PASSWORD), SecretText(f"json://{HOST}/{TOKEN}"), SecretText(ECHOES)])
    left: list[str] = []
    with ExitStack() as servers:
        channels = every_channel(servers)
        left += [repr(channel) + repr(vars(channel)) for channel in channels]
        with courier_of(tmp_path, *channels, mask=mask) as courier:
            text = f"the broker said {PASSWORD} and {TOKEN}"
            courier.post(alert(key=text, title=text, body=text))
            inbox = Inbox()
            port = servers.enter_context(mail_server(inbox, sign_in=True))
            while not all(lane.problem or lane.delivered for lane in courier.status().lanes):
                courier._thread.join(0.02)
            left.append(repr(courier.status()) + repr(vars(courier)))
        with courier_of(tmp_path, signed_in(port)) as courier:
            assert courier.stop(10.0)
    assert len(inbox.mails) == 1
    left += [path.name + path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    left += [mail.as_string() + mail.get_content() for mail in inbox.mails]
    left += [caplog.text, *capfd.readouterr()]
    assert not [found for text in left if (found := leaks(text))]


def test_no_exception_holds_a_secret():
    raised: list[str] = []
    for make in (
        lambda: signed_in(25, host="mail.example.com"),
        lambda: signed_in(25, security="tls", ca_file="absent.pem"),
        lambda: EmailNotifier(local_server(25, sign_in=True), "no address", READER),
        lambda: other_channels([SecretText(f"nosuch://{TOKEN}")]),
        lambda: other_channels([SecretText(TOKEN)]),
    ):
        try:
            make()
        except ConfigurationError as error:
            lines = traceback.TracebackException.from_exception(error, capture_locals=True)
            raised.append("".join(lines.format()) + repr(error) + str(error))
    assert len(raised) == 5
    ours = [text.replace("SecretText(TOKEN)", "") for text in raised]
    assert not [found for text in ours if (found := leaks(text))]


def test_a_cancelled_attempt_holds_no_secret():
    """Not even with the local variables of this package in the traceback."""

    async def scenario() -> str:
        task = asyncio.create_task(notifier.send(alert()))
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return repr(task) + repr(task.get_stack())

    with scripted_server({"CONNECT": HANG}) as (port, _):
        notifier = signed_in(port)
        assert not leaks(asyncio.run(scenario()))


def test_the_search_finds_what_is_there():
    """The tests above can fail."""
    server = MailServer(HOST, 25, "none", 1.0, SignIn(USER, SecretText(PASSWORD)))
    assert not leaks(repr(server))
    assert leaks(f"AUTH {CANARIES[5]}") == [CANARIES[5]]
    assert leaks(server.sign_in.password.get_secret_value() if server.sign_in else "")
