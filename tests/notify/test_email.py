"""Mail against real servers: taken over, refused, silent, gone, and badly certified."""

import ssl
from email.utils import parsedate_to_datetime

import pytest

from quant_core.foundation.errors import ConfigurationError
from quant_core.notify.email import EmailNotifier, SignIn, email_notifiers, message_of
from quant_core.notify.port import Delivered, Delivery, Refused, Severity, Unavailable
from quant_core.notify.secret import SecretText
from tests.notify.alerts import NOON, READER, SENDER, alert, local_server, send
from tests.notify.certificates import make_certificate, needs_openssl, server_context
from tests.notify.mail_servers import (
    CUT,
    DROP,
    HANG,
    HOST,
    PASSWORD,
    USER,
    Inbox,
    mail_server,
    scripted_server,
)

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

SIGNS_IN = "250-fine\r\n250 AUTH PLAIN"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"), f"IP:{HOST}")


@pytest.fixture(scope="module")
def certificate_of_another(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("another"), "DNS:mail.example.com")


def attempt(port: int, **fields: object) -> Delivery:
    return send(EmailNotifier(local_server(port, **fields), SENDER, READER))


class TestExamples:
    def test_a_mail_arrives_whole(self):
        inbox = Inbox()
        body = "价格 5,12 €\n.\n.a line of its own\n" + "x" * 3000
        sent = alert(severity=Severity.CRITICAL, title="Verbindung verloren: 连接断开", body=body)
        with mail_server(inbox) as port:
            notifier = EmailNotifier(local_server(port), SENDER, READER)
            assert send(notifier, sent) == Delivered()
        (mail,) = inbox.mails
        assert mail["Subject"] == "[CRITICAL] Verbindung verloren: 连接断开"
        assert (mail["From"], mail["To"]) == (SENDER, READER)
        assert mail["Message-ID"] == f"<{sent.identity}@example.com>"
        assert parsedate_to_datetime(mail["Date"]) == NOON
        assert mail.get_content_type() == "text/plain"
        assert (
            mail.get_content().replace("\r\n", "\n").startswith(f"{body}\n\n-- \nCRITICAL broker")
        )

    def test_sign_in(self):
        inbox = Inbox()
        with mail_server(inbox, sign_in=True) as port:
            assert attempt(port, sign_in=True) == Delivered()
        assert len(inbox.mails) == 1

    def test_one_notifier_for_each_address(self):
        addresses = [READER, "b@example.com", READER]
        names = [each.name for each in email_notifiers(local_server(25), SENDER, addresses)]
        assert names == ["email:trader@example.com", "email:b@example.com"]

    def test_seven_bits_suffice(self):
        raw = message_of(alert(title="连接", body="断开"), SENDER, READER).as_bytes()
        assert raw.isascii()

    def test_sender_without_a_usable_domain(self):
        mail = message_of(alert(), "worker@höhle", READER)
        assert mail["Message-ID"].endswith("@alerts.invalid>")

    def test_a_farewell_that_never_comes_does_not_undo_the_mail(self, monkeypatch):
        monkeypatch.setattr("quant_core.notify.email.FAREWELL_SECONDS", 0.05)
        with scripted_server({"QUIT": HANG}) as (port, seen):
            assert attempt(port) == Delivered()
        assert seen[-1] == "QUIT"


@needs_openssl
class TestEncryption:
    def test_starttls_and_sign_in(self, certificate):
        inbox = Inbox()
        with mail_server(inbox, starttls=server_context(certificate), sign_in=True) as port:
            answer = attempt(port, security="starttls", ca_file=certificate, sign_in=True)
            assert answer == Delivered()
        assert len(inbox.mails) == 1

    def test_tls_from_the_first_byte(self, certificate):
        inbox = Inbox()
        with mail_server(inbox, tls=server_context(certificate)) as port:
            assert attempt(port, security="tls", ca_file=certificate) == Delivered()
        assert len(inbox.mails) == 1

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    def test_a_certificate_signed_by_nobody_is_refused(self, certificate, security):
        inbox = Inbox()
        with mail_server(inbox, **{security: server_context(certificate)}) as port:
            answer = attempt(port, security=security, sign_in=True)
        assert answer == Unavailable(
            "the certificate of the mail server was refused: self-signed certificate"
        )
        assert not inbox.mails

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    def test_a_certificate_of_another_name_is_refused(self, certificate_of_another, security):
        inbox = Inbox()
        with mail_server(inbox, **{security: server_context(certificate_of_another)}) as port:
            answer = attempt(port, security=security, ca_file=certificate_of_another)
        assert isinstance(answer, Unavailable)
        assert "certificate of the mail server was refused: IP address mismatch" in answer.reason
        assert not inbox.mails

    def test_tls_where_the_server_speaks_none(self):
        with mail_server(Inbox()) as port:
            answer = attempt(port, security="tls", timeout_seconds=5.0)
        assert isinstance(answer, Unavailable)

    def test_the_file_of_certificates_is_checked_at_once(self, tmp_path):
        (tmp_path / "empty.pem").write_text("nothing")
        for name in ("empty.pem", "absent.pem"):
            with pytest.raises(ConfigurationError, match="cannot be read") as told:
                attempt(25, security="tls", ca_file=tmp_path / name)
            assert told.value.where.endswith(name)


class TestRefusals:
    def test_without_starttls_nothing_is_sent(self):
        """A server, or somebody between, that hides STARTTLS gets neither mail nor password."""
        with scripted_server({"EHLO": SIGNS_IN}) as (port, seen):
            answer = attempt(port, security="starttls", sign_in=True)
        assert isinstance(answer, Unavailable)
        assert seen == ["EHLO"]

    @pytest.mark.parametrize(
        ("command", "reply", "expected"),
        [
            ("MAIL", "421 closing", Unavailable("the mail server answered 421 closing")),
            ("MAIL", "452 no space", Unavailable("the mail server answered 452 no space")),
            ("RCPT", "452 full", Unavailable("the mail server refused the recipient: 452 full")),
            ("RCPT", "550 who?", Unavailable("the mail server refused the recipient: 550 who?")),
            ("DATA", "421 closing", Unavailable("the mail server answered 421 closing")),
            ("DATA", "452 no space", Unavailable("the mail server answered 452 no space")),
            ("DATA", "554 spam", Refused("the mail server refused the mail: 554 spam")),
        ],
    )
    def test_what_the_server_says(self, command, reply, expected):
        inbox = Inbox()
        inbox.refuse(command, reply)
        with mail_server(inbox) as port:
            assert attempt(port) == expected
        assert not inbox.mails

    def test_busy_at_the_greeting(self):
        with scripted_server({"CONNECT": "421 too busy"}) as (port, _):
            assert attempt(port) == Unavailable("the mail server answered 421 too busy")

    def test_wrong_password(self):
        inbox = Inbox()
        account = SignIn(USER, SecretText("wrong"))
        with mail_server(inbox, sign_in=True) as port:
            answer = send(EmailNotifier(local_server(port, sign_in=account), SENDER, READER))
        assert answer == Unavailable("the mail server refused the sign-in, code 535")

    @pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "DATA", "CONTENT"])
    def test_silence(self, step):
        with scripted_server({step: HANG}) as (port, _):
            answer = attempt(port, timeout_seconds=0.2)
        assert answer == Unavailable("the mail server did not answer within 0.2 seconds")

    @pytest.mark.parametrize("step", ["CONNECT", "EHLO", "RCPT", "CONTENT"])
    def test_gone(self, step):
        with scripted_server({step: DROP}) as (port, _):
            answer = attempt(port)
        assert isinstance(answer, Unavailable)
        assert answer.reason.startswith("no connection to the mail server")

    def test_nobody_there(self):
        with mail_server(Inbox()) as port:
            pass
        assert attempt(port) == Unavailable("no connection to the mail server: Connection refused")

    def test_gone_in_the_middle_of_the_mail(self):
        with scripted_server({"CONTENT": CUT}) as (port, seen):
            answer = attempt(port)
        assert isinstance(answer, Unavailable)
        assert answer.reason.startswith("no connection to the mail server")
        assert seen[-1] == "DATA"

    def test_not_a_mail_server(self):
        with scripted_server({"CONNECT": "HTTP/1.1 400 Bad Request"}) as (port, _):
            answer = attempt(port)
        assert isinstance(answer, Unavailable)
        assert answer.reason.startswith("the mail server answered -1")

    def test_a_server_that_repeats_the_password(self):
        with scripted_server({"EHLO": SIGNS_IN, "MAIL": f"550 {PASSWORD} no"}) as (port, _):
            answer = attempt(port, sign_in=True)
        assert answer == Unavailable("the mail server answered 550 *** no")

    @pytest.mark.parametrize(
        "address", ["", "trader", "a@b@c", "trader@example.com\nBcc: x@example.com", "<@>"]
    )
    def test_unusable_addresses(self, address):
        for pair in ((SENDER, address), (address, READER)):
            with pytest.raises(ConfigurationError, match="address of the alerts") as told:
                EmailNotifier(local_server(25), *pair)
            assert "notify.email" in told.value.fix

    def test_no_password_in_clear_to_another_machine(self):
        account = SignIn(USER, SecretText(PASSWORD))
        for host in ("mail.example.com", "192.0.2.1"):
            server = local_server(25, host=host, sign_in=account)
            with pytest.raises(ConfigurationError, match="would be sent in clear"):
                EmailNotifier(server, SENDER, READER)
        for host in ("localhost", "127.0.0.1", "::1"):
            EmailNotifier(local_server(25, host=host, sign_in=account), SENDER, READER)

    def test_encryption_keeps_its_floor(self):
        context = EmailNotifier(local_server(25, security="tls"), SENDER, READER)._tls
        assert context is not None
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
