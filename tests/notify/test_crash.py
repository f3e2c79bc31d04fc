"""kill -9 at any moment: what was accepted arrives, and is recognised when it comes twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

from quant_core.notify.email import EmailNotifier
from tests.notify.alerts import READER, SENDER, courier_of, local_server
from tests.notify.mail_servers import HANG, Inbox, mail_server, scripted_server

ROOT = Path(__file__).resolve().parents[2]
KILLS = 4
STEPS = 40
"""More touches of the disk than three alerts need, so that the last children end in order."""


def poster(folder: Path, port: int, *way: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.notify.crash_poster", str(folder), str(port), *way]
    # Killed, it would leave a half-written file of coverage data behind.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=kept)


def killed_after(lines: int, folder: Path, port: int) -> set[str]:
    """What a process said it accepted before it was killed."""
    process = poster(folder, port, "endless")
    assert process.stdout is not None
    accepted = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    accepted += process.stdout.readlines()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return {line.split()[1] for line in accepted}


def drain(folder: Path, port: int) -> bool:
    """Start once more and deliver what is left."""
    with courier_of(folder, EmailNotifier(local_server(port), SENDER, READER)) as courier:
        return courier.stop(30.0)


class TestKilledFromOutside:
    def test_while_alerts_go_out(self, tmp_path):
        random, inbox, accepted = Random(5), Inbox(), set()
        with mail_server(inbox) as port:
            for _ in range(KILLS):
                accepted |= killed_after(random.randint(1, 60), tmp_path, port)
            assert drain(tmp_path, port)
        assert len(accepted) > KILLS
        assert accepted <= set(inbox.ids())
        assert len({mail["Message-ID"]: mail.as_bytes() for mail in inbox.mails}) == len(
            {mail.as_bytes() for mail in inbox.mails}
        )
        assert not list(tmp_path.glob("2024*")), "nothing waits"
        assert not list(tmp_path.glob(".*")), "nothing half-written stays"

    def test_while_the_server_hangs(self, tmp_path):
        with scripted_server({"CONNECT": HANG}) as (port, _):
            accepted = killed_after(30, tmp_path, port)
        inbox = Inbox()
        with mail_server(inbox) as port:
            assert drain(tmp_path, port)
        assert accepted <= set(inbox.ids())
        assert len(inbox.mails) == len(set(inbox.ids()))


class TestKilledAtEveryStep:
    def test_each_touch_of_the_disk(self, tmp_path):
        inbox = Inbox()
        with mail_server(inbox) as port:
            process = poster(tmp_path, port, "steps", str(STEPS))
            told, _ = process.communicate(timeout=60)
            for folder in tmp_path.iterdir():
                assert drain(folder, port)
        lines = [line.split() for line in told.splitlines()]
        endings = [ending for word, ending in lines if word == "ended"]
        accepted = {identity for word, identity in lines if word != "ended"}
        assert endings[0] == str(-signal.SIGKILL)
        assert endings[-1] == "0"
        assert endings.count(str(-signal.SIGKILL)) > 12
        assert accepted <= set(inbox.ids())
