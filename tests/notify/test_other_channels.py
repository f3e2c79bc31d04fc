"""Channels of apprise: the library itself against a server of this machine, and its absence."""

import asyncio
import json
import logging
import subprocess
import sys
import types
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from quant_core.foundation.errors import ConfigurationError
from quant_core.notify.other_channels import OtherChannel, other_channels
from quant_core.notify.port import Delivered, Severity, Unavailable
from quant_core.notify.secret import SecretText
from tests.notify.alerts import alert, send
from tests.notify.mail_servers import HOST, PATIENCE, scripted_server

# The library imports every service it knows, and some of them import what is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TOKEN = "canary-token-0123456789"


@contextmanager
def web_server(status: int = 200):
    """Takes messages and answers them with ``status``."""
    taken: list[dict[str, object]] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self):
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing of it belongs into the output of a test."""

    with ThreadingHTTPServer((HOST, 0), Taker) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server.server_address[1], taken
        finally:
            server.shutdown()


class TestExamples:
    def test_a_message_arrives(self):
        with web_server() as (port, taken):
            (channel,) = other_channels([SecretText(f"json://{HOST}:{port}/{TOKEN}")])
            answer = send(channel, alert(severity=Severity.CRITICAL, body="a\n<b> & *c*"))
        assert answer == Delivered()
        assert channel.name == "json-1"
        (message,) = taken
        assert (message["title"], message["type"]) == ("Connection lost", "failure")
        assert message["message"] == "a\n<b> & *c*"

    def test_names_are_kind_and_place(self):
        addresses = ["tgram://123456789:abcdefghijklmnopqrstuvwxyz12345/99", f"JSON://{HOST}/x"]
        channels = other_channels([SecretText(address) for address in addresses])
        assert [channel.name for channel in channels] == ["tgram-1", "json-2"]

    def test_none(self):
        assert other_channels([]) == ()

    def test_the_library_is_not_needed_without_channels(self):
        """Neither it nor what it needs is imported by the package."""
        program = "import sys, quant_core.notify.courier, quant_core.notify.other_channels as o;"
        program += "o.other_channels([]); assert not {'apprise', 'requests'} & set(sys.modules)"
        subprocess.run([sys.executable, "-c", program], check=True)


class TestRefusals:
    def test_the_server_says_no(self):
        with web_server(status=401) as (port, taken):
            (channel,) = other_channels([SecretText(f"json://{HOST}:{port}/{TOKEN}")])
            answer = send(channel)
        assert len(taken) == 1
        assert answer == Unavailable("the channel did not take the message; check its address")

    def test_an_exception_ends_in_the_channel(self, caplog, capsys):
        def fail(title: str, body: str, kind: str) -> bool:
            raise RuntimeError(TOKEN)

        answer = send(OtherChannel("x-1", fail))
        assert answer == Unavailable("the channel did not take the message; check its address")
        assert TOKEN not in caplog.text + "".join(capsys.readouterr())

    def test_one_message_at_a_time(self):
        going_on, began = Event(), Event()

        def wait(title: str, body: str, kind: str) -> bool:
            began.set()
            return going_on.wait(PATIENCE)

        async def scenario() -> list[object]:
            channel = OtherChannel("x-1", wait)
            first = asyncio.create_task(channel.send(alert()))
            await asyncio.to_thread(began.wait, PATIENCE)
            second = await channel.send(alert())
            going_on.set()
            return [second, await first, await channel.send(alert())]

        assert asyncio.run(scenario()) == [
            Unavailable("the channel still works on the message before"),
            Delivered(),
            Delivered(),
        ]

    @pytest.mark.parametrize(
        "address", [TOKEN, f"nosuchthing://{TOKEN}", f"tgram://{TOKEN}", "", "://x"]
    )
    def test_unusable_addresses_are_not_shown(self, address, caplog):
        caplog.set_level(1)
        good = SecretText(f"json://{HOST}/x")
        with pytest.raises(ConfigurationError) as told:
            other_channels([good, SecretText(address)])
        assert "entry 2 of notify.channels" in told.value.where
        assert TOKEN not in str(told.value) + caplog.text

    def test_without_the_library(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "apprise", None)
        with pytest.raises(ConfigurationError, match="need the library apprise") as told:
            other_channels([SecretText("tgram://token/chat")])
        assert "group notify" in told.value.fix

    @pytest.mark.parametrize("status", [200, 401])
    def test_no_log_shows_the_address(self, status, caplog):
        """At the lowest level of every logger that exists, and of the root."""
        caplog.set_level(1)
        with web_server(status) as (port, _):
            (channel,) = other_channels([SecretText(f"json://me:{TOKEN}@{HOST}:{port}/{TOKEN}")])
            send(channel)
        with scripted_server({}) as (port, _):
            (channel,) = other_channels([SecretText(f"json://me:{TOKEN}@{HOST}:{port}/{TOKEN}")])
            send(channel)
        assert TOKEN not in caplog.text

    def test_it_would_show_it_otherwise(self, caplog, monkeypatch):
        """The test above can fail."""
        monkeypatch.setattr("quant_core.notify.other_channels.TALKATIVE", ())
        for name in ("apprise", "urllib3", "urllib3.connectionpool"):
            logger = logging.getLogger(name)
            monkeypatch.setattr(logger, "level", logging.NOTSET)
            logger.manager._clear_cache()
        caplog.set_level(1)
        with web_server() as (port, _):
            (channel,) = other_channels([SecretText(f"json://{HOST}:{port}/{TOKEN}")])
            send(channel)
        assert TOKEN in caplog.text


class TestStandIn:
    def test_what_is_asked_of_the_library(self, monkeypatch):
        asked: list[object] = []

        class Apprise:
            def add(self, address: str) -> bool:
                asked.append(address)
                return True

            def notify(self, **named: str) -> bool:
                asked.append(named)
                return True

        monkeypatch.setitem(sys.modules, "apprise", types.SimpleNamespace(Apprise=Apprise))
        (channel,) = other_channels([SecretText("tgram://token/chat")])
        assert send(channel) == Delivered()
        assert asked == [
            "tgram://token/chat",
            {
                "title": "Connection lost",
                "body": "Trying again.",
                "notify_type": "warning",
                "body_format": "text",
            },
        ]
