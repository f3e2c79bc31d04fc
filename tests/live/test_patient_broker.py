"""Whatever a broker's library raises: a lost connection, and never more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import date

import pytest

from quant_core.brokers.port import (
    Accepted,
    CancelReport,
    CancelScope,
    Intent,
    OrderKind,
    Rejected,
    Unknown,
)
from quant_core.foundation.errors import ConfigurationError, InvariantBroken, SourceUnreachable
from quant_core.live.patient_broker import PatientBroker
from quant_core.trading.orders import Side
from tests.brokers.conformance import BrokerConformance
from tests.brokers.paper_bench import Bench, now

DAY = date(2024, 1, 3)
ORDER = Intent("r1", DAY, "AAA", Side.BUY, 10, OrderKind.ON_OPEN, 0)

Ask = Callable[[PatientBroker], Coroutine[object, object, object]]

RAISING: dict[str, Ask] = {
    "open": lambda broker: broker.open(),
    "events": lambda broker: broker.events(0),
    "snapshot": lambda broker: broker.snapshot(),
    "quotes": lambda broker: broker.quotes(["AAA"]),
    "instruments": lambda broker: broker.instruments(["AAA"]),
    "bars": lambda broker: broker.bars("AAA", DAY, DAY),
    "find": lambda broker: broker.find("r1"),
    "close": lambda broker: broker.close(),
}
ANSWERING: dict[str, tuple[Ask, object]] = {
    "submit": (lambda broker: broker.submit(ORDER), Unknown),
    "cancel": (lambda broker: broker.cancel("r1"), Unknown),
    "cancel_all": (lambda broker: broker.cancel_all(CancelScope(("r1",))), CancelReport),
}
ERRORS = [
    ConnectionError("reset"),
    OSError(9, "bad descriptor"),
    TimeoutError("326"),
    RuntimeError("no loop"),
    ValueError("not a number"),
    AssertionError("done already"),
    KeyError("reqId"),
    EOFError("cut"),
    asyncio.IncompleteReadError(b"", 4),
    asyncio.InvalidStateError("set twice"),
    ExceptionGroup("both", [ValueError("one"), KeyError("two")]),
    asyncio.CancelledError("the library's own"),
]
each_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


@pytest.fixture
def bench() -> Bench:
    return Bench().connect()


def broken(bench: Bench, call: str, error: BaseException, *, at_once: bool = False):
    """The bench's broker, of which one call raises: when it is asked, or while it works."""

    async def later(*_: object) -> object:
        await asyncio.sleep(0)
        raise error

    def now_already(*_: object) -> object:
        raise error

    setattr(bench.broker, call, now_already if at_once else later)
    return PatientBroker(bench.broker, 5.0)


class TestConformance(BrokerConformance):
    """Over a broker that answers, it is that broker."""

    @pytest.fixture
    def bench(self, tmp_path) -> Bench:
        class PatientBench(Bench):
            def _open(self) -> None:
                super()._open()
                self.paper = self.broker
                self.broker = PatientBroker(self.paper, 5.0)

            def to(self, phase: str, sessions: int = 0) -> Bench:
                while self.paper.advance() is not None and self.paper.place.phase != phase:
                    pass
                return self

        return PatientBench(path=tmp_path / "paper.db").connect()


class TestExamples:
    @each_error
    @pytest.mark.parametrize("call", RAISING)
    def test_an_error_of_the_library_is_a_lost_connection(self, bench, call, error):
        broker = broken(bench, call, error)
        with pytest.raises(SourceUnreachable) as caught:
            now(RAISING[call](broker))
        assert call in caught.value.expected
        assert type(error).__name__ in caught.value.found
        health = broker.health()
        assert (health.can_trade, health.reason) == (False, f"{call} failed")

    @each_error
    @pytest.mark.parametrize("call", ANSWERING)
    def test_what_answers_says_that_nothing_is_certain(self, bench, call, error):
        ask, kind = ANSWERING[call]
        answer = now(ask(broken(bench, call, error)))
        assert type(answer) is kind
        if isinstance(answer, Unknown):
            assert answer.reference == "r1"
            assert type(error).__name__ in answer.text
        else:
            assert answer == CancelReport((), ("r1",), confirmed=False)

    @pytest.mark.parametrize("call", RAISING)
    def test_a_call_that_fails_before_it_waits(self, bench, call):
        with pytest.raises(SourceUnreachable):
            now(RAISING[call](broken(bench, call, ConnectionError("reset"), at_once=True)))

    @pytest.mark.parametrize("call", [*RAISING, *ANSWERING])
    def test_a_call_that_hangs_ends(self, bench, call):
        async def hang(*_: object) -> None:
            await asyncio.Event().wait()

        setattr(bench.broker, call, hang)
        broker = PatientBroker(bench.broker, 0.001)
        if call in RAISING:
            with pytest.raises(SourceUnreachable, match="does not answer"):
                now(RAISING[call](broker))
        else:
            ask, kind = ANSWERING[call]
            assert type(now(ask(broker))) is kind
        assert broker.health().reason == f"no answer to {call}"

    @pytest.mark.parametrize("error", [e for e in ERRORS if isinstance(e, Exception)])
    def test_an_order_it_cannot_normalise_is_refused(self, bench, error):
        answer = broken(bench, "normalise", error, at_once=True).normalise(ORDER)
        assert isinstance(answer, Rejected)
        assert (answer.reference, answer.code) == ("r1", "normalise")
        assert type(error).__name__ in answer.text

    @pytest.mark.parametrize("error", [e for e in ERRORS if isinstance(e, Exception)])
    def test_a_health_that_cannot_be_told_is_none(self, bench, error):
        health = broken(bench, "health", error, at_once=True).health()
        assert (health.link, health.synced, health.can_trade) == (False, False, False)
        assert type(error).__name__ in health.reason

    def test_the_next_answer_makes_it_well_again(self, bench):
        broker = broken(bench, "quotes", ConnectionError("reset"))
        with pytest.raises(SourceUnreachable):
            now(broker.quotes(["AAA"]))
        assert not broker.health().can_trade
        now(broker.open())
        assert broker.health().can_trade
        assert isinstance(now(broker.submit(bench.intent())), Accepted)


class TestRefusals:
    @pytest.mark.parametrize("kind", [ConfigurationError, InvariantBroken])
    @pytest.mark.parametrize("call", RAISING)
    def test_errors_raised_on_purpose_stay_what_they_are(self, bench, call, kind):
        with pytest.raises(kind, match="another account"):
            now(RAISING[call](broken(bench, call, kind("another account"))))

    def test_an_answer_of_which_a_part_is_missing_is_not_an_empty_one(self, bench):
        missing = SourceUnreachable("completed orders could not be had")
        with pytest.raises(SourceUnreachable, match="completed orders could not be had"):
            now(broken(bench, "find", missing).find("r1"))

    @pytest.mark.parametrize("call", [*RAISING, *ANSWERING])
    def test_a_worker_that_is_cancelled_is_cancelled(self, bench, call):
        """Only a cancellation that nobody asked this task for is the library's."""

        async def hang(*_: object) -> None:
            await asyncio.Event().wait()

        setattr(bench.broker, call, hang)
        broker = PatientBroker(bench.broker, 60.0)
        ask = RAISING[call] if call in RAISING else ANSWERING[call][0]

        async def cancelled() -> bool:
            task = asyncio.ensure_future(ask(broker))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            return task.cancelled()

        assert now(cancelled())
