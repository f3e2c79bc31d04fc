"""Canaries through the whole worker: no secret is left behind anywhere but in its own file."""

from __future__ import annotations

import base64
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from quant_core.foundation.timing import utc_now
from quant_core.live.command_files import COMMAND_FILE, KEY_FILE, send_command
from quant_core.live.commands import ANY_INSTANCE, Action, Addressee, new_command
from quant_core.live.ipc import STATE_FILE, document_at, prepare_folder
from quant_core.live.trader import Trader
from quant_core.strategies import STRATEGIES, BaseStrategy, register_strategy
from tests.notify.live_job import REPLAY, LiveJob, mail_words
from tests.notify.mail_servers import HOST, PASSWORD, USER, scripted_server
from tests.notify.test_canary import CANARIES, ECHOES, TOKEN
from tests.notify.test_other_channels import web_server

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

KEY = b"canary-key".ljust(64, b"0")
SECRETS = (*CANARIES, KEY.decode(), base64.b64encode(KEY).decode(), KEY.hex(), "canary-key")
OWN_FILES = (KEY_FILE, "secrets.yaml")
SAYS_IT = f"refused with {PASSWORD} at json://me:{quote(PASSWORD, safe='')}@{HOST}/{TOKEN}"


def leaks(content: bytes) -> list[str]:
    """Canaries in a text, also as JSON writes them."""
    escaped = [canary.encode("ascii", "backslashreplace") for canary in SECRETS]
    found = [canary.encode() for canary in SECRETS] + escaped
    return sorted({canary.decode() for canary in found if canary in content})


def left_behind(folder: Path) -> dict[str, list[str]]:
    """Files below a folder that hold a canary, by name."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in OWN_FILES]
    assert files
    names = {path.name: leaks(path.name.encode()) + leaks(path.read_bytes()) for path in files}
    return {name: found for name, found in names.items() if found}


@pytest.fixture
def talkative() -> Iterator[str]:
    """A strategy whose failures repeat every secret."""
    name = "talkative"

    @register_strategy(name)
    class Talkative(BaseStrategy):
        def decide(self, view, book):
            raise RuntimeError(SAYS_IT)

    yield name
    STRATEGIES.discard(name)


@pytest.fixture
def planted(job: LiveJob, tmp_path: Path, monkeypatch, caplog) -> LiveJob:
    """Secrets in their files, every logger at work, reports of errors beside them."""
    secrets = job.home / "settings" / "secrets.yaml"
    secrets.touch(mode=0o600)
    prepare_folder(job.folder)
    key = os.open(job.folder / KEY_FILE, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(key, KEY)
    os.close(key)
    (tmp_path / "reports").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "reports"))
    monkeypatch.setattr("quant_core.jobs.live_notify.LAST_SECONDS", 2.0)
    caplog.set_level(1)
    logging.getLogger("asyncio").setLevel(1)
    return job


def write_secrets(job: LiveJob, web: int) -> None:
    address = f"json://me:{quote(PASSWORD, safe='')}@{HOST}:{web}/{TOKEN}"
    lines = [
        "notify:",
        "  email:",
        f"    user: {USER}",
        f'    password: "{PASSWORD}"',
        f'  channels: ["{address}"]',
    ]
    (job.home / "settings" / "secrets.yaml").write_text("\n".join(lines), encoding="utf-8")


def order(job: LiveJob, action: Action, key: bytes) -> None:
    """Put a command into the worker's folder."""
    send_command(job.folder, new_command(action, Addressee("PAPER", ANY_INSTANCE), utc_now()), key)


def failing_servers() -> tuple[dict[str, str], int]:
    """A mail server that repeats what it was told, and the answer of a web address."""
    signs_in = "250-fine\r\n250 AUTH PLAIN LOGIN CRAM-MD5"
    return {"EHLO": signs_in, "AUTH": f"535 {ECHOES}"}, 401


def test_a_replay_in_which_everything_fails(planted: LiveJob, talkative: str, caplog):
    script, status = failing_servers()
    with scripted_server(script) as (port, seen), web_server(status) as (web, taken):
        write_secrets(planted, web)
        order(planted, Action.CANCEL, b"another key".ljust(64, b"0"))
        words = [*REPLAY, "--send-alerts", *mail_words(port)]
        code, out, err = planted.run(*words, strategy=talkative)
    told = document_at(planted.folder / STATE_FILE) or {}
    waiting = [path.read_text() for path in (planted.folder / "outbox").glob("[0-9]*.json")]
    assert code == 0, err
    assert "AUTH" in seen and taken, "both channels were tried"
    assert "refused with ***" in out, "the failure was told"
    assert any("refused with ***" in text for text in waiting)
    assert any("bad_signature" in text for text in waiting)
    assert told["alerts"]["pending"] == len(waiting) == 2
    assert left_behind(planted.home) == {}
    assert leaks((out + err + caplog.text).encode()) == []


def test_a_problem_in_the_state_is_masked(planted: LiveJob, talkative: str, monkeypatch):
    """The state while the failure lasts: the last one says that the replay has ended."""
    seen: list[object] = []
    step = Trader.step

    async def looked_at(trader: Trader) -> None:
        await step(trader)
        seen.append(document_at(planted.folder / STATE_FILE))

    monkeypatch.setattr(Trader, "step", looked_at)
    with scripted_server({}) as (port, _), web_server() as (web, _taken):
        write_secrets(planted, web)
        words = [*REPLAY, "--set", "live.state_interval=1e-9", *mail_words(port)]
        planted.run(*words, strategy=talkative)
    assert any("refused with ***" in str(each) for each in seen)
    assert leaks(str(seen).encode()) == []


def test_a_worker_that_ends_with_an_error(planted: LiveJob, tmp_path, monkeypatch, caplog):
    """The traceback that is kept, the message, and the alert about it."""
    steps = iter(range(20))
    step = Trader.step

    async def limited(trader: Trader) -> None:
        if next(steps) == 19:
            raise RuntimeError("a bug of ours")
        await step(trader)

    monkeypatch.setattr(Trader, "step", limited)
    script, status = failing_servers()
    with scripted_server(script) as (port, _), web_server(status) as (web, _taken):
        write_secrets(planted, web)
        words = [*REPLAY, "--send-alerts", "--json", *mail_words(port)]
        code, out, err = planted.run(*words)
    (report,) = (tmp_path / "reports").glob("quant_core_error_*.txt")
    assert (code, "a bug of ours" in report.read_text("utf-8")) == (1, True)
    (alert,) = (planted.folder / "outbox").glob("[0-9]*.json")
    assert "RuntimeError: a bug of ours" in alert.read_text()
    assert left_behind(tmp_path) == {}
    assert leaks((out + err + caplog.text).encode()) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CHANNELS", f"[nosuch://{TOKEN}]"),
        ("CHANNELS", f"json://{HOST}/{TOKEN}"),
        ("CHANNELS", f"{{'json://{HOST}/{TOKEN}': 1}}"),
        ("EMAIL__PASSWORD", f"[{PASSWORD}]"),
        ("EMAIL__PASWORD", f"'{PASSWORD}'"),
    ],
)
def test_settings_that_are_refused(planted: LiveJob, variable, value, caplog):
    code, out, err = planted.run(
        *REPLAY, "--json", *mail_words(25), environment={f"QUANT__NOTIFY__{variable}": value}
    )
    assert code == 2
    assert leaks((out + err + caplog.text).encode()) == []


def test_a_command_in_flight_shows_its_signature_alone(planted: LiveJob):
    order(planted, Action.STOP, KEY)
    assert (planted.folder / COMMAND_FILE).exists()
    assert left_behind(planted.folder) == {}


def test_the_search_finds_what_is_there(tmp_path):
    """The tests above can fail."""
    (tmp_path / "plain.txt").write_text(f"it is {PASSWORD}", encoding="utf-8")
    (tmp_path / "escaped.json").write_text(ascii(f"it is {PASSWORD}"), encoding="utf-8")
    (tmp_path / "key.log").write_bytes(KEY)
    (tmp_path / KEY_FILE).write_bytes(KEY)
    (tmp_path / "clean.txt").write_text("nothing")
    assert sorted(left_behind(tmp_path)) == ["escaped.json", "key.log", "plain.txt"]
