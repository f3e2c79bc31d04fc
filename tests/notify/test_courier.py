"""The courier: delivery goes on behind trading, and never in its way."""

import asyncio
import gc
import threading
import tracemalloc
from datetime import timedelta
from random import Random

import pytest

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.timing import monotonic_seconds
from quant_core.notify.courier import Courier, Pace
from quant_core.notify.email import EmailNotifier
from quant_core.notify.outbox import Outbox, OutboxLimits, Posted
from quant_core.notify.port import Alert, Delivered, Delivery, Refused, Severity, Unavailable
from quant_core.notify.secret import Mask, SecretText
from tests.notify.alerts import (
    LIMITS,
    NOON,
    QUICK,
    READER,
    SENDER,
    Recorder,
    alert,
    courier_of,
    local_server,
)
from tests.notify.mail_servers import HANG, Inbox, mail_server, scripted_server

PATIENT = Pace(
    first_retry_seconds=60.0, longest_retry_seconds=600.0, send_seconds=60.0, tend_seconds=60.0
)


def mailer(port: int, **fields: object) -> EmailNotifier:
    return EmailNotifier(local_server(port, **fields), SENDER, READER)


class TestExamples:
    def test_what_is_posted_arrives(self, tmp_path):
        inbox = Inbox()
        with mail_server(inbox) as port, courier_of(tmp_path, mailer(port)) as courier:
            posted = [courier.post(alert(key)) for key in "abc"]
            assert courier.stop(10.0)
        assert posted == [Posted.STORED] * 3
        assert sorted(inbox.ids()) == sorted(alert(key).identity for key in "abc")

    def test_what_is_urgent_comes_first(self, tmp_path):
        recorder = Recorder()
        outbox = Outbox(tmp_path, LIMITS)
        courier = Courier(outbox, [recorder], QUICK, random=Random(1), mask=Mask())
        for key, severity in (("a", Severity.INFO), ("b", Severity.CRITICAL)):
            assert courier.post(alert(key, severity)) is Posted.STORED
        courier.start()
        assert courier.stop(10.0)
        assert [each.key for each in recorder.seen] == ["b", "a"]

    def test_a_failure_is_tried_again_until_it_succeeds(self, tmp_path):
        inbox = Inbox()
        inbox.refuse("RCPT", "421 closing", "452 full", "450 later")
        with mail_server(inbox) as port, courier_of(tmp_path, mailer(port)) as courier:
            courier.post(alert())
            inbox.wait_for(mails=1)
            assert courier.stop(10.0)
            (lane,) = courier.status().lanes
        assert inbox.refused == 3
        assert (lane.delivered, lane.failures, lane.problem) == (1, 0, "")

    def test_repeats_are_counted_and_told(self, tmp_path):
        inbox, now = Inbox(), [NOON]
        with (
            mail_server(inbox) as port,
            courier_of(tmp_path, mailer(port), clock=lambda: now[0]) as courier,
        ):
            posted = [courier.post(alert(seconds=second)) for second in range(100)]
            now[0] = NOON + timedelta(seconds=LIMITS.repeat_seconds)
            inbox.wait_for(mails=2)
            assert courier.stop(10.0)
        assert posted == [Posted.STORED] + [Posted.REPEATED] * 99
        assert inbox.mails[1].get_content().startswith("99 repeats since 2024-03-01T12:00:00")
        assert len(inbox.mails) == 2

    def test_a_refused_mail_lets_the_others_pass(self, tmp_path):
        inbox = Inbox()
        inbox.refuse("DATA", "554 no")
        with mail_server(inbox) as port, courier_of(tmp_path, mailer(port)) as courier:
            courier.post(alert("first", Severity.CRITICAL))
            inbox.wait_for(refused=1)
            courier.post(alert("second"))
            inbox.wait_for(mails=2)
            assert courier.stop(10.0)
        assert len(set(inbox.ids())) == 2

    def test_each_addressee_has_it_once(self, tmp_path):
        """One address is refused for a while; the other does not get the mail again."""

        async def refuse_twice(message: Alert) -> Delivery:
            return Delivered() if len(slow.seen) > 2 else Unavailable("not yet")

        quick, slow = Recorder("quick"), Recorder("slow", refuse_twice)
        with courier_of(tmp_path, quick, slow) as courier:
            courier.post(alert())
            slow.wait_for(3)
            assert courier.stop(10.0)
        assert (len(quick.seen), len(slow.seen)) == (1, 3)

    def test_the_next_process_delivers_what_is_left(self, tmp_path):
        async def fail(message: Alert) -> Delivery:
            return Unavailable("down")

        with courier_of(tmp_path, Recorder(answer=fail)) as courier:
            courier.post(alert())
            assert not courier.stop(10.0)
        recorder = Recorder()
        with courier_of(tmp_path, recorder) as courier:
            recorder.wait_for(1)
            assert courier.stop(10.0)
        assert recorder.seen == [alert()]

    def test_secrets_in_an_alert_are_masked(self, tmp_path):
        recorder = Recorder()
        with courier_of(tmp_path, recorder, mask=Mask([SecretText("pa55word")])) as courier:
            courier.post(alert("key pa55word", title="title pa55word", body="body pa55word"))
            assert courier.stop(10.0)
        (seen,) = recorder.seen
        assert (seen.key, seen.title, seen.body) == ("key ***", "title ***", "body ***")
        assert not [path for path in tmp_path.rglob("*.json") if "pa55" in path.read_text()]

    def test_nobody_to_tell(self, tmp_path):
        with courier_of(tmp_path) as courier:
            assert courier.post(alert()) is Posted.UNADDRESSED
            assert courier.stop(1.0)
        assert not list(tmp_path.iterdir())

    def test_posts_after_the_end_wait_on_disk(self, tmp_path):
        recorder = Recorder()
        with courier_of(tmp_path, recorder) as courier:
            assert courier.stop(1.0)
            assert courier.post(alert()) is Posted.STORED
        assert not recorder.seen
        assert courier.status().outbox.pending == 1


class TestNothingHoldsUpTrading:
    def test_a_thousand_posts_while_the_server_hangs(self, tmp_path):
        limits = OutboxLimits(pending=100, held=10, sent=10, repeat_seconds=600.0)
        with (
            scripted_server({"CONNECT": HANG}) as (port, _),
            courier_of(tmp_path, mailer(port, timeout_seconds=60.0), limits=limits) as courier,
        ):
            tracemalloc.start()
            took = []
            answers = []
            for number in range(1000):
                message = alert(f"key {number}", body="b" * 10_000)
                began = monotonic_seconds()
                answers.append(courier.post(message))
                took.append(monotonic_seconds() - began)
            used, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            status = courier.status()
            began = monotonic_seconds()
            assert not courier.stop(0.2)
            ended = monotonic_seconds() - began
        assert answers == [Posted.STORED] * 90 + [Posted.REFUSED] * 910
        assert sorted(took)[990] < 0.25
        assert max(took) < 2.0
        assert used < 100 * 3 * 10_000 + 1_000_000
        assert (status.running, status.outbox.pending, status.outbox.refused) == (True, 90, 910)
        assert ended < 5.0
        assert len(list(tmp_path.glob("2024*.json"))) == 90

    def test_many_threads_post_at_once(self, tmp_path):
        recorder = Recorder()
        with courier_of(tmp_path, recorder) as courier:
            start = threading.Barrier(8)

            def post_ten(first: int) -> None:
                start.wait()
                for number in range(first, first + 10):
                    courier.post(alert(str(number)))
                    courier.post(alert("same"))

            threads = [threading.Thread(target=post_ten, args=(n * 10,)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert courier.stop(20.0)
        keys = [each.key for each in recorder.seen]
        assert sorted(keys) == sorted([*map(str, range(80)), "same"])

    def test_one_channel_hangs_and_another_goes_on(self, tmp_path):
        async def hang(message: Alert) -> Delivery:
            await asyncio.Event().wait()
            return Delivered()

        quick, stuck = Recorder("quick"), Recorder("stuck", hang)
        with courier_of(tmp_path, stuck, quick, pace=PATIENT) as courier:
            for key in "abc":
                courier.post(alert(key))
            quick.wait_for(3)
            stuck.wait_for(1)
            assert not courier.stop(0.0)
        assert len(stuck.seen) == 1

    def test_a_channel_that_does_not_end_is_given_up(self, tmp_path):
        async def hang_once(message: Alert) -> Delivery:
            if len(recorder.seen) == 1:
                await asyncio.Event().wait()
            return Delivered()

        recorder = Recorder(answer=hang_once)
        pace = Pace(0.01, 0.05, send_seconds=0.05, tend_seconds=0.02)
        with courier_of(tmp_path, recorder, pace=pace) as courier:
            courier.post(alert())
            recorder.wait_for(2)
            assert courier.stop(10.0)

    def test_a_channel_that_will_not_be_cancelled_cannot_hold_up_the_end(
        self, tmp_path, monkeypatch
    ):
        for module in ("courier", "attempt"):
            monkeypatch.setattr(f"quant_core.notify.{module}.END_SECONDS", 0.05)
        done = threading.Event()

        async def clings(message: Alert) -> Delivery:
            while not done.is_set():
                try:
                    await asyncio.sleep(0.01)
                except asyncio.CancelledError:
                    continue
            return Delivered()

        recorder = Recorder(answer=clings)
        with courier_of(tmp_path, recorder, pace=PATIENT) as courier:
            courier.post(alert())
            recorder.wait_for(1)
            began = monotonic_seconds()
            assert not courier.stop(0.1)
            assert monotonic_seconds() - began < 2.0
            done.set()
            courier._thread.join(10.0)

    def test_a_name_server_that_hangs_cannot_hold_up_the_end(self, tmp_path, monkeypatch):
        asked, answer = threading.Event(), threading.Event()

        def look_up(*_: object, **__: object) -> list[object]:
            asked.set()
            answer.wait(20.0)
            return []

        monkeypatch.setattr("socket.getaddrinfo", look_up)
        with courier_of(tmp_path, mailer(25, host="localhost"), pace=PATIENT) as courier:
            courier.post(alert())
            assert asked.wait(10.0)
            assert not courier.stop(0.1)
            assert not courier.status().running
        answer.set()

    def test_the_rest_of_a_channel_does_not_hold_up_the_end(self, tmp_path):
        async def fail(message: Alert) -> Delivery:
            return Unavailable("down")

        recorder = Recorder(answer=fail)
        with courier_of(tmp_path, recorder, pace=PATIENT) as courier:
            courier.post(alert())
            recorder.wait_for(1)
            began = monotonic_seconds()
            assert not courier.stop(30.0)
            assert monotonic_seconds() - began < 5.0

    def test_nothing_is_left_open(self, tmp_path):
        inbox = Inbox()
        before = threading.active_count()
        with mail_server(inbox) as port, courier_of(tmp_path, mailer(port)) as courier:
            courier.post(alert())
            assert courier.stop(10.0)
        gc.collect()
        assert threading.active_count() == before


class TestRefusals:
    def test_an_exception_of_a_channel_is_told_without_its_text(self, tmp_path, caplog, capsys):
        async def fail_once(message: Alert) -> Delivery:
            if len(recorder.seen) == 1:
                raise RuntimeError("canary")
            return await asyncio.sleep(0, Delivered()) if told.wait(10.0) else Delivered()

        told = threading.Event()
        recorder = Recorder(answer=fail_once)
        with courier_of(tmp_path, recorder) as courier:
            courier.post(alert())
            recorder.wait_for(2)
            problem = courier.status().lanes[0].problem
            told.set()
            assert courier.stop(10.0)
        assert problem == "the channel failed: RuntimeError"
        assert "canary" not in caplog.text + "".join(capsys.readouterr())

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_a_bug_of_ours_ends_the_thread_and_is_seen(self, tmp_path):
        def broken_clock():
            raise ZeroDivisionError

        with courier_of(tmp_path, Recorder(), clock=broken_clock) as courier:
            courier._thread.join(10.0)
            assert not courier.status().running
            assert courier.post(alert()) is Posted.STORED

    def test_names_must_differ(self, tmp_path):
        with (
            pytest.raises(InvariantBroken, match="same name"),
            courier_of(tmp_path, Recorder(), Recorder()),
        ):
            pass

    def test_it_is_started_once(self, tmp_path):
        with courier_of(tmp_path, Recorder()) as courier, pytest.raises(InvariantBroken):
            courier.start()

    def test_a_refusal_rests_longer_each_time(self, tmp_path):
        async def refuse(message: Alert) -> Delivery:
            return Refused("no")

        recorder = Recorder(answer=refuse)
        with courier_of(tmp_path, recorder) as courier:
            courier.post(alert())
            recorder.wait_for(3)
            assert courier.status().lanes[0].problem == "no"
            assert not courier.stop(10.0)
