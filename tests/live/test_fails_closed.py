"""What goes wrong at the worst moment: nothing is sent twice, no stop is lost, somebody is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from quant_core.brokers.port import Intent, OrderKind, Rejected
from quant_core.foundation.errors import InvariantBroken, SourceUnreachable
from quant_core.live import journal as journal_module
from quant_core.live.commands import Action
from quant_core.live.journal_errors import JournalUnwritable
from quant_core.live.journal_kinds import TradingState
from quant_core.live.order_life import OrderStage
from quant_core.live.patient_broker import PatientBroker
from quant_core.live.replay import replay
from quant_core.live.trader import Trader
from quant_core.market import Market
from quant_core.risk.breakers import RiskRules
from quant_core.trading.orders import Side
from quant_core.trading.target import Weights
from quant_core.trading_day import Brain
from tests.engine.market_strategies import ScriptedStrategy
from tests.live.fault_check import rows_of, twice
from tests.live.small_desk import Bench, World, plain_world, small_panel, whole_run
from tests.live.test_parity import difference
from tests.live.test_trader import command


class Other:
    """The paper broker, of which a test changes a call."""

    def __init__(self, inner: object) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


class Hurried:
    """A clock that goes on by so many seconds whenever it is looked at."""

    def __init__(self, seconds: float) -> None:
        self.now, self.step = datetime(2024, 1, 1, tzinfo=UTC), timedelta(seconds=seconds)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


def with_broker(bench: Bench, kind: Callable[[object], Other]) -> Bench:
    """The bench, its worker on another broker."""
    bench.trader.release()
    patient = PatientBroker(kind(bench.venue), bench.timeout)
    bench.trader = Trader(replace(bench.parts(), broker=patient))
    return bench


def played(bench: Bench, pause: Callable[[], object] = lambda: None) -> Bench:
    """The bench after its replay, closed; ``pause`` is called between two phases."""

    async def between() -> None:
        pause()

    days = (bench.days, bench.timetable)
    try:
        asyncio.run(replay(bench.trader, bench.venue, bench.clock, days, between))
    finally:
        bench.close()
    return bench


def keys(bench: Bench) -> set[str]:
    return {alert.key for alert in bench.alerts}


class TestSending:
    def test_an_error_between_two_orders_sends_none_of_them_again(self, tmp_path):
        class Odd(Other):
            calls = 0

            def normalise(self, intent: Intent) -> object:
                self.calls += 1
                if self.calls == 2:
                    raise KeyError("no contract details")
                return self.inner.normalise(intent)

        bench = with_broker(Bench(tmp_path, plain_world(), once_per_reference=False), Odd)

        async def decide_twice() -> None:
            await bench.trader.start()
            at = bench.timetable.of(bench.days.next_session(None)).decide
            for later in (timedelta(0), timedelta(minutes=2)):
                bench.clock.go_to(at + later)
                await bench.trader.step()

        asyncio.run(decide_twice())
        bench.close()
        assert len(rows_of(tmp_path, "orders")) >= 1
        assert list(twice(tmp_path)) == []

    def test_nothing_is_sent_while_the_broker_says_that_it_cannot_trade(self, tmp_path):
        class Upstream(Other):
            def health(self) -> object:
                return replace(self.inner.health(), can_trade=False, upstream=False)

        bench = played(with_broker(Bench(tmp_path, plain_world()), Upstream))
        assert rows_of(tmp_path, "orders") == []
        assert "decision" in keys(bench)

    def test_a_decision_begun_with_other_settings_is_not_finished(self, tmp_path):
        """STOP after the first order; the next worker holds other names."""
        first = Bench(tmp_path, plain_world())
        submit, sent = first.venue.submit, []

        async def stop_after_one(intent: Intent) -> object:
            answer = await submit(intent)
            sent.append(intent)
            command(first, Action.STOP)
            return answer

        first.venue.submit = stop_after_one
        played(first)
        assert len(sent) == 1
        other = plain_world(decide=lambda _: Weights({"S0": 0.5}))
        again = whole_run(Bench(tmp_path, other))
        day = again.state.days[0].session
        assert {o.intent.symbol for o in again.state.orders_of(day)} == {"S1", "S2"}
        assert [o.symbol for o in again.state.orders_of(day) if o.filled] == [sent[0].symbol]
        assert "decision" in keys(again)

    def test_a_refusal_of_the_broker_is_told(self, tmp_path):
        class Refusing(Other):
            async def submit(self, intent: Intent) -> Rejected:
                return Rejected(intent.reference, "201", "margin")

        assert "rejected:201" in keys(played(with_broker(Bench(tmp_path, plain_world()), Refusing)))

    @pytest.mark.parametrize("kind", [SourceUnreachable, InvariantBroken])
    def test_an_error_of_the_strategy_is_not_one_of_the_worker(self, tmp_path, kind):
        def fail(_: int) -> Weights:
            raise kind("a source of the strategy is down")

        bench = whole_run(Bench(tmp_path, plain_world(decide=fail)))
        assert bench.state.sessions_closed == 7
        assert keys(bench) == {"decision"}


def falling_world() -> World:
    """A fall of a fifth at the third close trips the breaker."""
    closes = np.full((8, 3), 50.0)
    closes[3] = 40.0
    panel = small_panel(np.full((8, 3), 50.0), closes, np.full((8, 3), 1e6), start="2024-01-01")
    strategy = ScriptedStrategy(lambda _: Weights({"S0": 0.9}), panel)
    brain = Brain(strategy, plain_world().brain.execution, RiskRules(max_drawdown_pct=0.1))
    return World(Market(panel, {}), brain, 1, 7, np.ones(7, dtype=bool))


def full_disk(monkeypatch: pytest.MonkeyPatch, mark: bytes, line: bytes) -> list[int]:
    """The disk takes a batch that holds ``mark`` only up to the first line with ``line``."""
    write, torn = journal_module.write_all, list[int]()

    def short(handle: int, content: bytes) -> None:
        if mark not in content or torn:
            write(handle, content)
            return
        at = content.rindex(b"\n", 0, content.index(line)) + 1 if b"\n" in content else 0
        torn.append(at)
        write(handle, content[:at])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal_module, "write_all", short)
    return torn


class TestHalfABatch:
    @pytest.mark.parametrize("kept_before", [b'"kind":"session_closed"', b'"kind":"breaker"'])
    def test_a_breaker_that_trips_is_not_lost(self, tmp_path, monkeypatch, kept_before):
        torn = full_disk(monkeypatch, b'"flat_from":3', kept_before)
        bench = Bench(tmp_path, falling_world())
        with pytest.raises(JournalUnwritable):
            whole_run(bench)
        assert torn
        again = whole_run(Bench(tmp_path, falling_world()))
        assert again.state.breaker.flat_from == 3
        assert difference(falling_world(), tmp_path) is None

    def test_a_halt_stands_before_the_fill_that_causes_it(self, tmp_path, monkeypatch):
        bench = Bench(tmp_path, plain_world())

        async def trade_by_hand() -> None:
            await bench.trader.start()
            session = bench.days.next_session(None)
            await bench.venue.submit(
                Intent("manual", session, "S0", Side.BUY, 10, OrderKind.MARKET, 0)
            )
            while bench.venue.place.phase != "open":
                bench.venue.advance()
            full_disk(monkeypatch, b"not an order of this worker", b'"kind":"fill"')
            with pytest.raises(JournalUnwritable):
                await bench.trader.step()

        asyncio.run(trade_by_hand())
        bench.close()
        again = Bench(tmp_path, plain_world())
        assert again.state.trading_state is TradingState.HALTED
        again.close()


class TestBooks:
    def test_an_order_that_only_the_worker_has_is_a_difference(self, tmp_path):
        class Forgetful(Other):
            async def snapshot(self) -> object:
                return replace(await self.inner.snapshot(), open_orders=(), completed_orders=())

            async def find(self, reference: str) -> list[object]:
                return []

        bench = played(with_broker(Bench(tmp_path, plain_world(), wall=Hurried(61)), Forgetful))
        assert bench.state.trading_state is TradingState.HALTED
        assert "the broker does not know it" in bench.state.trading_reason

    def test_flat_is_not_done_while_the_broker_holds_what_the_journal_does_not(self, tmp_path):
        class Strange(Other):
            async def snapshot(self) -> object:
                books = await self.inner.snapshot()
                return replace(books, positions={**books.positions, "S2": 100})

        bench = with_broker(Bench(tmp_path, plain_world(), wall=Hurried(30)), Strange)
        sent: list[object] = []

        def pause() -> None:
            if not sent:
                sent.append(command(bench, Action.FLAT))

        played(bench, pause)
        assert [each.action for each in bench.state.commands.unfinished()] == [Action.FLAT]
        assert "pending" in keys(bench)

    def test_an_order_without_an_end_is_told(self, tmp_path):
        class Endless(Other):
            async def find(self, reference: str) -> list[object]:
                return []

            async def events(self, after: int) -> list[object]:
                return [e for e in await self.inner.events(after) if "Seen" not in f"{e.body}"]

        bench = played(with_broker(Bench(tmp_path, plain_world()), Endless))
        assert bench.state.sessions_closed == 0
        waiting = {order.stage for order in bench.state.open_orders}
        assert waiting <= {OrderStage.UNKNOWN, OrderStage.ACKNOWLEDGED}
        assert keys(bench) & {"orders", "reconcile"}


class TestConnection:
    def test_a_broker_that_never_answers_is_told_and_told_again(self, tmp_path):
        class Away(Other):
            async def open(self) -> object:
                raise SourceUnreachable("nobody listens")

        bench = with_broker(Bench(tmp_path, plain_world(), wall=Hurried(120)), Away)

        async def try_often() -> None:
            await bench.trader.start()
            for _ in range(9):
                await bench.trader.step()

        asyncio.run(try_often())
        bench.close()
        told = [alert.severity.name for alert in bench.alerts if alert.key == "broker"]
        assert told == ["WARNING", "CRITICAL"]
