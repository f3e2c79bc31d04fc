"""A broker behind a network: orders of unknown fate are proven absent, books may lag."""

from __future__ import annotations

import asyncio

import pytest

from quant_core.live.commands import Action
from quant_core.live.journal_kinds import OrderEnd, TradingState
from quant_core.live.order_life import OrderStage
from quant_core.live.replay import replay
from tests.live.fault_check import problems
from tests.live.lagging_broker import CENT, Lag, LaggingDesk
from tests.live.small_desk import CAPITAL
from tests.live.test_parity import difference
from tests.live.test_trader import command

NEVER = None


@pytest.fixture
def desk_of(tmp_path):
    """Makes a desk, and ends it."""
    made: list[LaggingDesk] = []

    def make(lag: Lag | None = None, **keys) -> LaggingDesk:
        made.append(LaggingDesk(tmp_path, lag, **keys))
        return made[-1]

    yield make
    for desk in made:
        desk.end()
        assert not problems(tmp_path, CAPITAL)


def stage(desk: LaggingDesk) -> OrderStage:
    """How far the first order that was sent has come."""
    return desk.state.orders[desk.broker.sent[0][1]].stage


def sent_once_and_known(desk: LaggingDesk) -> None:
    name = desk.broker.sent[0][1]
    assert stage(desk) is OrderStage.ACKNOWLEDGED
    assert desk.calls(name) == [0.0]
    assert set(desk.at_exchange().values()) == {1}


def sent_again_once(desk: LaggingDesk, least: float) -> None:
    name = desk.broker.sent[0][1]
    first, again = desk.calls(name)
    assert first == 0.0
    assert again >= least
    assert stage(desk) is OrderStage.ACKNOWLEDGED
    assert set(desk.at_exchange().values()) == {1}


class TestUnknownFate:
    def test_a_frozen_gateway_executes_the_order_later(self, desk_of):
        desk = desk_of(Lag({1: 3.0})).begin()
        assert stage(desk) is OrderStage.UNKNOWN
        desk.go(20)
        sent_once_and_known(desk)
        assert desk.broker.closes == []

    def test_a_frozen_gateway_executes_the_order_after_the_connection_was_closed(self, desk_of):
        """Two looks on the connection on which it left would have found nothing."""
        desk = desk_of(Lag({1: 8.0})).begin()
        desk.go(20)
        sent_once_and_known(desk)
        assert len(desk.broker.closes) == 1

    def test_a_frozen_gateway_that_answers_nothing_meanwhile(self, desk_of):
        desk = desk_of(Lag({1: 30.0}, mute=lambda now: 0 < now < 29)).begin()
        desk.go(45)
        sent_once_and_known(desk)

    def test_an_order_that_never_arrives_is_sent_again_once(self, desk_of):
        desk = desk_of(Lag({1: NEVER})).begin()
        desk.until(lambda: bool(desk.broker.closes))
        (closed,) = desk.broker.closes
        desk.go(20)
        sent_again_once(desk, closed + 5)
        (_, _, before), *_, (_, _, after) = desk.broker.sent
        assert after > before
        assert len(desk.broker.closes) == 1
        assert desk.told("unknown_order", "INFO") == 1
        assert desk.told("unknown_order") == desk.told("broker") == 0

    def test_a_restart_while_the_order_is_on_its_way(self, desk_of):
        desk = desk_of(Lag({1: 6.0})).begin()
        desk.go(2)
        desk.restart()
        desk.go(20)
        sent_once_and_known(desk)

    def test_a_restart_after_an_order_that_never_arrives(self, desk_of):
        """Every connection of the new process is newer than that of the old one."""
        desk = desk_of(Lag({1: NEVER})).begin()
        desk.go(2)
        desk.restart()
        desk.go(4)
        assert stage(desk) is OrderStage.UNKNOWN
        desk.go(20)
        sent_again_once(desk, 2 + 5)
        assert desk.broker.closes == []

    @pytest.mark.parametrize(("begins", "ends"), [(0, 4), (4, 8)], ids=["first", "second"])
    def test_a_look_at_books_that_are_not_whole_does_not_count(self, desk_of, begins, ends):
        """``begins`` and ``ends`` are seconds after the connection was made anew."""
        lag = Lag({1: NEVER})
        desk = desk_of(lag).begin()
        closed = desk.until(lambda: bool(desk.broker.closes))
        lag.incomplete = lambda now: begins <= now - closed <= ends
        least = ends + 1 + (5 if begins == 0 else 0)
        desk.go(least - 1)
        assert stage(desk) is OrderStage.UNKNOWN
        desk.go(10)
        sent_again_once(desk, closed + least)

    def test_books_that_show_the_order_count_where_its_search_is_blind(self, desk_of):
        desk = desk_of(Lag({1: 3.0}, blind=True)).begin()
        desk.go(20)
        sent_once_and_known(desk)

    def test_a_search_that_is_not_answered_proves_nothing(self, desk_of):
        desk = desk_of(Lag({1: NEVER}, mute=lambda now: 0 < now < 40)).begin()
        desk.go(40)
        assert stage(desk) is OrderStage.UNKNOWN
        desk.go(20)
        sent_again_once(desk, 40 + 5)

    def test_a_broker_without_newer_connections_proves_nothing(self, desk_of):
        desk = desk_of(Lag({1: NEVER}, same_epoch=True)).begin()
        desk.go(150)
        assert stage(desk) is OrderStage.UNKNOWN
        assert desk.calls(desk.broker.sent[0][1]) == [0.0]
        assert len(desk.broker.closes) == 1
        assert desk.told("unknown_order") == 1

    def test_an_order_that_was_told_as_unknown_is_never_sent_again(self, desk_of):
        lag = Lag({1: NEVER}, mute=lambda now: 0 < now < 130)
        desk = desk_of(lag).begin()
        desk.go(119)
        assert desk.told("unknown_order") == 0
        desk.go(41)
        assert desk.told("unknown_order") == 1
        order = desk.state.orders[desk.broker.sent[0][1]]
        assert order.end is OrderEnd.NEVER_ARRIVED
        assert desk.calls(order.intent.reference) == [0.0]

    def test_an_order_of_unknown_fate_is_told_at_its_cut_off(self, desk_of):
        desk = desk_of(Lag({1: NEVER}, mute=lambda now: 0 < now < 9)).begin()
        desk.go(1)
        assert desk.told("unknown_order") == 0
        desk.enter("open")
        desk.go(1)
        assert desk.told("unknown_order") == 1
        desk.go(20)
        assert desk.told("unknown_order") == 1
        assert len(desk.calls(desk.broker.sent[0][1])) == 1


class TestBooksThatLag:
    @pytest.mark.parametrize("lag", [Lag(positions=2.0), Lag(cash=2.0), Lag(commission=3.0)])
    def test_books_behind_their_executions_are_waited_for(self, desk_of, lag):
        """FLAT wants to sell what has just been bought, and waits until the books agree."""
        desk = desk_of(lag).begin()
        desk.go(3)
        desk.enter("open")
        begun, before = desk.time.now, len(desk.broker.sent)
        command(desk.bench, Action.FLAT)
        late = max(lag.positions, lag.cash, lag.commission)
        desk.go(int(late) - 1)
        assert desk.state.reconciled.agrees is False
        assert len(desk.broker.sent) == before
        done = desk.until(lambda: not desk.state.commands.unfinished())
        assert done >= begun + 2 * late
        assert len(desk.broker.sent) > before
        assert min(at for at, _, _ in desk.broker.sent[before:]) >= begun + late
        assert desk.state.portfolio.held == ()
        assert desk.state.trading_state is TradingState.ACTIVE
        assert {alert.key for alert in desk.alerts} == {"kill"}

    def test_a_difference_that_stays_halts_and_is_told_once(self, desk_of):
        desk = desk_of(Lag(strange={"S9": 7})).begin()
        desk.go(4)
        assert desk.state.trading_state is TradingState.ACTIVE
        assert desk.broker.sent == []
        desk.go(2)
        assert desk.state.trading_state is TradingState.HALTED
        desk.go(200)
        assert desk.told("reconcile") == 1
        assert desk.broker.sent == []

    def test_a_difference_that_stays_halts_at_the_settling_time(self, desk_of):
        """Another difference that has cleared meanwhile lends it none of its time."""
        lag = Lag(strange={"S9": 7})
        desk = desk_of(lag).begin()
        desk.go(3)
        lag.strange = {"S8": 7}
        desk.go(5)
        assert desk.state.trading_state is TradingState.ACTIVE
        desk.go(1)
        assert desk.state.trading_state is TradingState.HALTED
        assert "S8" in desk.state.trading_reason

    def test_a_difference_of_the_day_is_looked_at_in_every_step(self, desk_of):
        """Nothing but the doubt asks for it: no order waits, and no command."""
        lag = Lag()
        desk = desk_of(lag).begin()
        desk.go(3)
        desk.enter("open")
        desk.go(1)
        lag.strange = {"S9": 7}
        found = desk.until(lambda: desk.state.reconciled.agrees is False, most=70)
        ended = desk.until(lambda: desk.state.trading_state is TradingState.HALTED)
        assert ended - found == 5

    def test_books_that_never_agree_are_told(self, desk_of):
        lag = Lag(strange={"S9": 200})
        desk = desk_of(lag).begin()
        for shares in range(119):
            lag.strange = {"S9": 1 + shares}
            desk.go(1)
        assert desk.told("reconcile") == 0
        for shares in range(20):
            lag.strange = {"S9": 300 + shares}
            desk.go(1)
        assert desk.told("reconcile") == 1
        assert desk.state.trading_state is TradingState.ACTIVE

    def test_books_that_are_not_whole_halt_nothing(self, desk_of):
        desk = desk_of(Lag(incomplete=lambda now: now < 60)).begin()
        desk.go(50)
        assert desk.told("reconcile") == 1
        assert desk.broker.sent == []
        desk.go(20)
        assert desk.state.trading_state is TradingState.ACTIVE
        assert len(desk.broker.sent) > 0

    @pytest.mark.parametrize("step", [1, CENT], ids=["micros", "cents"])
    def test_cash_stated_in_cents_is_no_difference(self, desk_of, step, tmp_path):
        """Halted where the broker claims to state every micro: the cents do make a difference."""
        desk = desk_of(Lag(cents=True), step=step)
        bench = desk.bench

        async def pause() -> None:
            desk.time.now += 6
            desk.broker.pass_time()
            await desk.trader.step()

        days = (bench.days, bench.timetable)
        asyncio.run(replay(desk.trader, bench.venue, bench.clock, days, pause))
        halted = desk.state.trading_state is TradingState.HALTED
        assert halted is (step == 1)
        if not halted:
            assert difference(bench.world, tmp_path) is None
