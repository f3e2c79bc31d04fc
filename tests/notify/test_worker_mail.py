"""The worker and its mail, end to end: what fails with the mail never touches trading."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from quant_core.foundation.timing import monotonic_seconds
from quant_core.jobs.live_notify import LOGGED_ONLY, NOBODY, TAKEN, AlertDesk
from quant_core.live.commands import Action
from quant_core.live.ipc import STATE_FILE, document_at
from quant_core.live.journal_errors import JournalUnwritable
from quant_core.notify.folder_lock import FolderLock
from quant_core.notify.port import Severity
from tests.live.test_parity import difference
from tests.live.test_trader import command
from tests.notify.alerts import alert
from tests.notify.certificates import needs_openssl, server_context
from tests.notify.mail_servers import HANG, PASSWORD, Inbox, mail_server, scripted_server
from tests.notify.worker import (
    DESK,
    FAILED,
    READER,
    MailBench,
    free_port,
    mail_settings,
    plain,
    plain_world,
)

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


def waiting(folder: Path) -> list[Path]:
    """Alerts on disk that are not delivered."""
    return sorted((folder / "live" / "outbox").glob("[0-9]*.json"))


def sent(folder: Path) -> list[Path]:
    """Alerts on disk that are."""
    return sorted((folder / "live" / "outbox" / "sent").glob("[0-9]*.json"))


def state(folder: Path) -> dict[str, object]:
    return document_at(folder / "live" / STATE_FILE) or {}


@needs_openssl
class TestMailServer:
    """A real one, with encryption, sign-in and a certificate of its own."""

    @pytest.fixture
    def inbox(self) -> Inbox:
        return Inbox()

    @pytest.fixture
    def port(self, inbox, certificate):
        with mail_server(inbox, starttls=server_context(certificate), sign_in=True) as port:
            yield port

    def test_what_happens_arrives_once(self, tmp_path, inbox, port, certificate):
        """The strategy fails in five sessions: one mail, and nothing but the mail."""
        settings = mail_settings(
            port,
            f"notify.email.ca_file={certificate}",
            f"notify.email.recipients=[{READER},{DESK}]",
        )
        bench = MailBench(tmp_path, settings)
        assert bench.act()
        assert bench.state.sessions_closed == 7
        assert inbox.subjects() == [FAILED, FAILED]
        assert {mail["To"] for mail in inbox.mails} == {READER, DESK}
        body = inbox.mails[0].get_content()
        assert "the decision failed: ZeroDivisionError('no')" in body
        assert "Replay of 2024-01-0" in body
        assert sum(FAILED[11:] in line for line in bench.said) > 3
        assert (waiting(tmp_path), len(sent(tmp_path))) == ([], 1)
        told = bench.desk.status()
        assert (told["pending"], told["last_error"]) == (0, "")
        assert str(told["last_sent"]).startswith("20")

    def test_an_authority_of_its_own_has_to_be_named(self, tmp_path, inbox, port, short_end):
        bench = MailBench(tmp_path, mail_settings(port))
        assert bench.act()
        assert inbox.mails == []
        assert "the certificate of the mail server was refused" in str(
            bench.desk.status()["last_error"]
        )
        assert len(waiting(tmp_path)) == 1

    def test_421_is_tried_again(self, tmp_path, inbox, port, certificate):
        inbox.refuse("MAIL", "421 closing", "421 closing")
        bench = MailBench(tmp_path, mail_settings(port, f"notify.email.ca_file={certificate}"))
        assert bench.act(at=20, what=lambda: inbox.wait_for(mails=1))
        assert (inbox.subjects(), inbox.refused) == ([FAILED], 2)

    def test_535_is_told_in_the_state(self, tmp_path, inbox, port, certificate, short_end):
        wrong = f"notify.email.password={PASSWORD[:-1]}x"
        settings = mail_settings(port, f"notify.email.ca_file={certificate}", wrong)
        bench = MailBench(tmp_path, settings, plain_world())
        bench.desk.__enter__()
        bench.desk.post(alert("before"))
        while not bench.desk.status()["last_error"]:
            bench.desk._courier._thread.join(0.01)
        assert bench.run()
        bench.close()
        bench.desk.__exit__(None, None, None)
        shown = state(tmp_path)["alerts"]
        assert (
            shown["last_error"] == f"email:{READER}: the mail server refused the sign-in, code 535"
        )
        assert (shown["sending"], shown["pending"], shown["last_sent"]) == (True, 1, None)
        assert shown["channels"][0]["failures"] >= 1
        assert inbox.mails == []
        assert difference(bench.world, tmp_path) is None


class TestTrading:
    """Goes on, whatever the mail does."""

    def test_a_server_that_hangs(self, tmp_path, short_end):
        """Orders, fills and books are those of the backtest, and no step waits."""
        with scripted_server({"CONNECT": HANG}) as (port, _):
            bench = MailBench(tmp_path, plain(port), plain_world())
            with bench.desk:
                bench.desk.post(alert("before"))
                began = monotonic_seconds()
                assert bench.run()
                took = monotonic_seconds() - began
            bench.close()
        assert difference(bench.world, tmp_path) is None
        assert took < 5.0
        assert len(waiting(tmp_path)) == 1

    def test_stop_while_the_server_hangs(self, tmp_path, short_end):
        with scripted_server({"CONNECT": HANG}) as (port, _):
            bench = MailBench(tmp_path, plain(port, "notify.email.timeout_seconds=600"))
            began = monotonic_seconds()
            assert not bench.act(at=20, what=lambda: command(bench, Action.STOP))
            took = monotonic_seconds() - began
        assert state(tmp_path)["engine_status"] == "stopped"
        assert took < 5.0
        assert bench.said[-1] == "alerts that wait for the next start: 1"
        assert len(waiting(tmp_path)) == 1

    def test_flat_while_the_server_hangs(self, tmp_path, short_end):
        with scripted_server({"DATA": HANG}) as (port, _):
            bench = MailBench(tmp_path, plain(port))
            bench.act(at=9, what=lambda: command(bench, Action.FLAT))
        assert bench.state.portfolio.held == ()
        assert [json.loads(each.read_text())["key"] for each in waiting(tmp_path)] != []

    def test_a_disk_that_takes_no_alert(self, tmp_path):
        """They are held in memory and delivered from there."""
        inbox = Inbox()
        (tmp_path / "live").mkdir(mode=0o700)
        (tmp_path / "live" / "outbox").write_text("no folder")
        with mail_server(inbox) as port:
            bench = MailBench(tmp_path, plain(port))
            assert bench.act()
        assert inbox.subjects() == [FAILED]
        assert "the disk did not take the alert: it is held in memory" in bench.said

    def test_a_log_that_cannot_be_written(self, tmp_path):
        def full(_: str) -> None:
            raise OSError(28, "No space left on device")

        inbox = Inbox()
        with mail_server(inbox) as port:
            desk = AlertDesk(plain(port), tmp_path, full)
            with desk:
                desk.post(alert())
        assert len(inbox.mails) == 1

    def test_an_alert_that_cannot_be_handed_in(self, tmp_path, monkeypatch, short_end):
        """Whatever fails in the courier, the worker does not see it."""

        def broken(_: object) -> None:
            raise RuntimeError("a bug")

        said: list[str] = []
        with AlertDesk(plain(free_port()), tmp_path, said.append) as desk:
            monkeypatch.setattr(desk._courier, "post", broken)
            desk.post(alert())
        assert said[-1] == "the alert could not be handed in: RuntimeError"

    def test_a_full_outbox_is_said(self, tmp_path, short_end):
        settings = plain(free_port(), "notify.outbox.pending=10")
        said: list[str] = []
        with AlertDesk(settings, tmp_path, said.append) as desk:
            for number in range(10):
                desk.post(alert(f"key {number}"))
        assert "the outbox is full: the alert is not sent" in said


class TestServersThatComeAndGo:
    def test_down_then_up(self, tmp_path):
        inbox, port = Inbox(), free_port()
        bench = MailBench(tmp_path, plain(port))
        with ExitStack() as servers:

            def up() -> None:
                assert len(waiting(tmp_path)) == 1
                servers.enter_context(mail_server(inbox, port=port))
                inbox.wait_for(mails=1)

            assert bench.act(at=20, what=up)
        assert inbox.subjects() == [FAILED]
        assert (waiting(tmp_path), len(sent(tmp_path))) == ([], 1)

    def test_what_one_process_leaves_the_next_delivers_once(self, tmp_path, short_end):
        bench = MailBench(tmp_path, plain(free_port()))
        assert not bench.act(at=20, what=lambda: command(bench, Action.STOP))
        assert len(waiting(tmp_path)) == 1
        inbox = Inbox()
        with mail_server(inbox) as port:
            for _ in range(2):
                again = MailBench(tmp_path, plain(port))
                assert again.act(at=1, what=inbox.wait_for)
                assert again.desk.status()["pending"] == 0
        assert inbox.subjects() == [FAILED], "repeats within the window are held back"
        assert [json.loads(each.read_text())["key"] for each in sent(tmp_path)] == ["decision"]


class TestTheEnd:
    def test_an_error_that_ends_the_worker_is_told(self, tmp_path):
        inbox = Inbox()
        with mail_server(inbox) as port:
            bench = MailBench(tmp_path, plain(port), plain_world())

            def disk_is_full() -> None:
                raise JournalUnwritable("the journal cannot be written", found="disk full")

            with pytest.raises(JournalUnwritable):
                bench.act(at=5, what=disk_is_full)
        assert inbox.subjects() == ["[CRITICAL] The worker has ended"]
        assert "JournalUnwritable: the journal cannot be written" in inbox.mails[0].get_content()

    def test_ctrl_c_is_not_told(self, tmp_path):
        inbox = Inbox()
        with (
            mail_server(inbox) as port,
            pytest.raises(KeyboardInterrupt),
            AlertDesk(plain(port), tmp_path, print),
        ):
            raise KeyboardInterrupt
        assert inbox.mails == []


class TestNotSent:
    def test_nobody_to_tell(self, tmp_path):
        settings = plain(1, "notify.email.enabled=false")
        bench = MailBench(tmp_path, settings)
        assert bench.act()
        assert state(tmp_path)["alerts"]["note"] == NOBODY
        assert not (tmp_path / "live" / "outbox").exists()

    def test_logged_only(self, tmp_path):
        said: list[str] = []
        with AlertDesk(plain(1), tmp_path, said.append, replayed=True, send=False) as desk:
            desk.post(alert(severity=Severity.CRITICAL))
            assert desk.status()["note"] == LOGGED_ONLY
        assert said[1:] == ["CRITICAL Connection lost: Trying again."]
        assert list(tmp_path.iterdir()) == []

    def test_another_process_has_the_outbox(self, tmp_path, monkeypatch):
        """The worker trades without sending, and says so."""
        monkeypatch.setattr("quant_core.jobs.live_notify.WAIT_SECONDS", 0.0)
        other = FolderLock(tmp_path / "live" / "outbox")
        assert other.take(0.0)
        bench = MailBench(tmp_path, plain(1))
        assert bench.act()
        other.release()
        assert state(tmp_path)["alerts"]["note"] == TAKEN
        assert waiting(tmp_path) == []

    def test_the_outbox_is_free_after_the_end(self, tmp_path):
        for _ in range(2):
            with AlertDesk(plain(free_port()), tmp_path, lambda _: None) as desk:
                assert desk.status()["sending"]
