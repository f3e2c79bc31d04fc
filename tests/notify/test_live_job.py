"""``run_live_strategy.py`` and its mail: the command as it is called."""

from __future__ import annotations

import json
import signal

import pytest

from quant_core.jobs.live_notify import LOGGED_ONLY
from quant_core.live.ipc import STATE_FILE, document_at
from tests.notify.certificates import needs_openssl, server_context
from tests.notify.live_job import REFUSING, REPLAY, LiveJob, mail_words
from tests.notify.mail_servers import (
    HANG,
    PASSWORD,
    USER,
    Inbox,
    mail_server,
    scripted_server,
)
from tests.notify.test_other_channels import web_server
from tests.notify.worker import free_port

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

ACCOUNT = {
    "QUANT__NOTIFY__EMAIL__USER": USER,
    "QUANT__NOTIFY__EMAIL__PASSWORD": f'"{PASSWORD}"',
}
TITLE = "[WARNING] Order refused by the limits: buy "


class TestReplay:
    def test_alerts_of_history_are_logged_only(self, job: LiveJob):
        inbox = Inbox()
        with mail_server(inbox) as port:
            code, out, _ = job.run(*REPLAY, *REFUSING, *mail_words(port))
        assert code == 0
        assert inbox.mails == []
        assert not (job.folder / "outbox").exists()
        log = (job.folder / "live.log").read_text("utf-8")
        assert "WARNING Order refused by the limits: buy AAA" in log
        assert LOGGED_ONLY in log and LOGGED_ONLY in out
        told = document_at(job.folder / STATE_FILE)
        assert told is not None and told["alerts"]["note"] == LOGGED_ONLY

    @needs_openssl
    def test_they_are_sent_where_that_is_asked_for(self, job: LiveJob, certificate):
        """The script in a process of its own; STARTTLS, sign-in, password of the environment."""
        inbox = Inbox()
        words = ["notify.email.security=starttls", f"notify.email.ca_file={certificate}"]
        with mail_server(inbox, starttls=server_context(certificate), sign_in=True) as port:
            flags = [*REPLAY, *REFUSING, "--send-alerts", "--json", *mail_words(port, *words)]
            process = job.script(*flags, environment=ACCOUNT)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert json.loads(out)["engine_status"] == "stopped"
        assert [subject[: len(TITLE)] for subject in inbox.subjects()] == [TITLE]
        assert not list((job.folder / "outbox").glob("[0-9]*.json"))

    def test_killed_with_mail_waiting(self, job: LiveJob):
        """kill -9 while the server hangs; the next start delivers, once."""
        with scripted_server({"CONNECT": HANG}) as (port, _):
            flags = [*REPLAY, *REFUSING, "--send-alerts", "--speed", "2", *mail_words(port)]
            process = job.script(*flags, environment={})
            assert process.stdout is not None
            while "Order refused" not in process.stdout.readline():
                assert process.poll() is None
            process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
        assert len(list((job.folder / "outbox").glob("[0-9]*.json"))) == 1
        inbox = Inbox()
        with mail_server(inbox) as port:
            flags = [*REPLAY, *REFUSING, "--send-alerts", *mail_words(port)]
            assert job.run(*flags)[0] == 0
            assert job.run(*flags)[0] == 0
        assert len(inbox.mails) == len(set(inbox.ids())) == 1

    def test_a_channel_that_cannot_be_used_keeps_the_worker_from_starting(self, job: LiveJob):
        words = mail_words(25, "notify.email.recipients=[nobody]")
        code, _, err = job.run(*REPLAY, *words)
        assert code == 2
        assert "an address of the alerts cannot be used" in err
        assert not (job.folder / STATE_FILE).exists()


class TestTrial:
    """``--test-alert``"""

    def test_nothing_is_configured(self, job: LiveJob):
        code, out, err = job.run("--test-alert")
        assert (code, out) == (2, "")
        assert "no channel for alerts is configured" in err

    def test_everything_arrives(self, job: LiveJob):
        inbox = Inbox()
        with mail_server(inbox) as port, web_server() as (web, taken):
            channels = {"QUANT__NOTIFY__CHANNELS": f'["json://127.0.0.1:{web}/token-123456"]'}
            code, out, err = job.run("--test-alert", *mail_words(port), environment=channels)
        assert (code, err) == (0, "")
        assert out.splitlines() == [
            "email:trader@example.com  delivered",
            "json-1  delivered",
            "look whether it arrived, in the spam folder too",
        ]
        assert (inbox.subjects(), len(taken)) == (["[INFO] Test alert"], 1)
        assert not job.folder.exists(), "a worker that runs is not in the way"

    @pytest.mark.parametrize(
        ("script", "reason"),
        [
            ({"CONNECT": "421 busy"}, "the mail server answered 421 busy"),
            ({"MAIL": "550 not you"}, "the mail server answered 550 not you"),
            ({"CONTENT": "554 spam"}, "the mail server refused the mail: 554 spam"),
            ({"CONNECT": HANG}, "the mail server did not answer within 0.3 seconds"),
        ],
    )
    def test_what_went_wrong_is_said(self, job: LiveJob, script, reason):
        with scripted_server(script) as (port, _):
            words = mail_words(port, "notify.email.timeout_seconds=0.3")
            code, out, _ = job.run("--test-alert", "--json", *words)
        told = json.loads(out)
        assert code == 3
        assert (told["delivered"], told["failed"]) == (0, 1)
        (row,) = told["channels"]
        assert row == {"name": "email:trader@example.com", "delivered": False, "reason": reason}

    def test_one_of_two(self, job: LiveJob):
        inbox = Inbox()
        with mail_server(inbox) as port:
            channels = {"QUANT__NOTIFY__CHANNELS": f'["json://127.0.0.1:{free_port()}/token"]'}
            code, out, _ = job.run("--test-alert", *mail_words(port), environment=channels)
        assert code == 3
        assert out.splitlines()[0] == "email:trader@example.com  delivered"
        assert out.splitlines()[1].startswith("json-1  not delivered: the channel did not take")

    def test_a_wrong_password(self, job: LiveJob):
        signs_in = {"EHLO": "250-fine\r\n250 AUTH PLAIN", "AUTH": f"535 {PASSWORD} is wrong"}
        with scripted_server(signs_in) as (port, _):
            code, out, err = job.run("--test-alert", *mail_words(port), environment=ACCOUNT)
        assert code == 3
        assert "not delivered: the mail server refused the sign-in, code 535" in out
        assert PASSWORD not in out + err
