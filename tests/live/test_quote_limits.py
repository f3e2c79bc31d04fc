"""Orders are judged by the broker's prices: both sides of each boundary, through the worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from quant_core.brokers.port import Health, PriceQuote, QuoteKind
from quant_core.foundation.errors import SourceUnreachable
from quant_core.foundation.money import rate_on
from quant_core.live.commands import Action
from quant_core.live.gate_view import gate_inputs
from quant_core.live.journal_entries import DecisionTaken, LimitBreached
from quant_core.live.journal_orders import OrderIntent
from quant_core.live.order_desk import OrderDesk
from quant_core.live.order_life import OrderStage
from quant_core.market import Market, MarketFacts
from quant_core.risk.limits import RULES
from quant_core.trading.actions import Split
from quant_core.trading.target import Weights
from tests.live.small_desk import OPEN_LIMITS, Bench, World, plain_world, small_panel
from tests.live.test_fails_closed import Other, keys, played, with_broker
from tests.live.test_gate_feeding import bodies, breaches
from tests.live.test_parent_orders import Tired
from tests.live.test_parity import difference
from tests.live.test_trader import command

Change = Callable[[PriceQuote, datetime], PriceQuote | None]
LIVE, DELAYED, FROZEN, NONE = QuoteKind
MOVE = 0.05


class Quoting(Other):
    """The paper broker with other quotes of S1; None = it leaves the name out."""

    def __init__(self, inner: object, change: Change, now: Callable[[], datetime]) -> None:
        super().__init__(inner)
        self.change, self.now, self.asked = change, now, list[tuple[str, ...]]()

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, PriceQuote]:
        self.asked.append(tuple(symbols))
        quotes = dict(await self.inner.quotes(symbols))
        if "S1" in quotes:
            changed = self.change(quotes.pop("S1"), self.now())
            quotes |= {} if changed is None else {"S1": changed}
        return quotes


def quoted(folder: Path, change: Change, world: World | None = None, **limits: object) -> Bench:
    """A replay, of one session if not told otherwise, with other quotes of S1."""
    changed = replace(OPEN_LIMITS, **limits)
    bench = Bench(folder, world or plain_world(rows=2), limits=changed)
    return played(with_broker(bench, lambda inner: Quoting(inner, change, bench.clock.now)))


def held_back(bench: Bench) -> set[str]:
    """Names with an order that the gate refused."""
    orders = bench.state.orders.values()
    return {order.symbol for order in orders if order.stage is OrderStage.REJECTED}


def at_age(seconds: float, kind: QuoteKind = LIVE) -> Change:
    return lambda quote, now: replace(quote, kind=kind, at=now - timedelta(seconds=seconds))


def moved(fraction: float, micros: int = 0, kind: QuoteKind = FROZEN) -> Change:
    """The close, away by a fraction of it and then by so many micros."""

    def change(quote: PriceQuote, now: datetime) -> PriceQuote:
        close = quote.price_micros
        away = rate_on(abs(fraction), close) * (1 if fraction > 0 else -1)
        return replace(quote, price_micros=close + away + micros, kind=kind, at=now)

    return change


def nothing(quote: PriceQuote, _: datetime) -> PriceQuote:
    return replace(quote, kind=NONE, price_micros=0)


CASES = {
    # A price of the market is as old as it is.
    "just young enough": (at_age(60), {}, None),
    "61 s old": (at_age(61), {}, "quote_stale"),
    "one step too old": (at_age(60.001), {}, "quote_stale"),
    "two clocks ahead": (at_age(-5), {}, None),
    "of the future": (at_age(-5.001), {}, "quote_stale"),
    # A last close is as old as the data, whenever it was.
    "frozen for days": (at_age(9e5, FROZEN), {}, None),
    "delayed for days": (at_age(9e5, DELAYED), {}, None),
    "frozen, of the future": (at_age(-9e5, FROZEN), {}, None),
    # The broker's price against the close the order was sized by.
    "up to the limit": (moved(MOVE), {"max_reference_move": MOVE}, None),
    "a micro above": (moved(MOVE, 1), {"max_reference_move": MOVE}, "reference_moved"),
    "down to the limit": (moved(-MOVE), {"max_reference_move": MOVE}, None),
    "a micro below": (moved(-MOVE, -1), {"max_reference_move": MOVE}, "reference_moved"),
    "moved 6 %": (moved(0.06), {"max_reference_move": MOVE}, "reference_moved"),
    "moved 6 % live": (moved(0.06, kind=LIVE), {"max_reference_move": MOVE}, "reference_moved"),
    "moved 6 % delayed": (moved(0.06, kind=DELAYED), {"max_reference_move": MOVE},
                          "reference_moved"),
    "a split the data do not have": (moved(-0.5), {"max_reference_move": MOVE}, "reference_moved"),
    "moved, and no limit": (moved(0.06), {}, None),
    # No price.
    "one micro": (lambda q, now: replace(q, price_micros=1, kind=LIVE, at=now), {}, None),
    "0 live": (lambda q, now: replace(q, price_micros=0, kind=LIVE, at=now), {}, "price_missing"),
    "0 frozen": (lambda q, _: replace(q, price_micros=0, kind=FROZEN), {}, "price_missing"),
    "below 0": (lambda q, _: replace(q, price_micros=-1, kind=FROZEN), {}, "price_missing"),
    "none": (nothing, {}, None),
    "none, and a limit": (nothing, {"max_reference_move": MOVE}, "reference_moved"),
    "left out": (lambda _, __: None, {}, None),
    "left out, and a limit": (lambda _, __: None, {"max_reference_move": MOVE}, "reference_moved"),
    "a price that is none": (lambda q, _: replace(q, kind=NONE), {"max_reference_move": MOVE},
                             "reference_moved"),
}  # fmt: skip


class TestBoundaries:
    @pytest.mark.parametrize("name", CASES)
    def test_of_a_rebalance(self, tmp_path, name):
        change, limits, code = CASES[name]
        bench = quoted(tmp_path, change, **limits)
        assert breaches(tmp_path) == ({code} if code else set())
        assert held_back(bench) == ({"S1"} if code else set())
        sent = {order.symbol for order in bench.state.orders.values() if order.filled}
        assert sent == ({"S2"} if code else {"S1", "S2"})
        assert (f"limit:{code}" in keys(bench)) is (code is not None)

    @pytest.mark.parametrize(("fraction", "code"), [(-0.05, None), (-0.06, "reference_moved")])
    def test_of_an_exit(self, tmp_path, fraction, code):
        """S1 is held and sold whole: what only reduces risk passes no check of prices either."""
        world = plain_world(3, lambda row: Weights({} if row else {"S1": 0.5}))

        def change(quote: PriceQuote, now: datetime) -> PriceQuote:
            return quote if now.date().day < 3 else moved(fraction)(quote, now)

        bench = quoted(tmp_path, change, world, max_reference_move=MOVE)
        assert breaches(tmp_path) == ({code} if code else set())
        assert bench.state.portfolio.held == (("S1",) if code else ())

    def test_what_is_refused_says_what_was_compared(self, tmp_path):
        quoted(tmp_path, nothing, max_reference_move=MOVE)
        (breach,) = bodies(tmp_path, LimitBreached)
        (rule,) = [rule for rule in RULES if rule.code == "reference_moved"]
        assert breach.hard
        assert breach.detail.endswith(
            f"{rule.meaning}: at most 0.05 of that close, found not known"
        )

    @pytest.mark.parametrize(("fraction", "dearer"), [(0.1, 1.1), (-0.1, 1.0)])
    def test_an_order_counts_at_the_higher_of_quote_and_close(self, tmp_path, fraction, dearer):
        quoted(tmp_path / "x", moved(fraction))
        (intent,) = [i for i in bodies(tmp_path / "x", OrderIntent) if i.symbol == "S1"]
        close = intent.signal_price_micros
        value = intent.shares * (close + (rate_on(fraction, close) if dearer > 1 else 0))
        for name, most, code in (("a", value, None), ("b", value - 1, "order_notional")):
            quoted(tmp_path / name, moved(fraction), max_order_notional_micros=most)
            found = [b.code for b in bodies(tmp_path / name, LimitBreached) if "S1" in b.reference]
            assert found == ([code] if code else [])


class TestAsking:
    def test_one_call_for_all_names_and_none_for_none(self, tmp_path):
        world = plain_world(3, lambda row: Weights({} if row else {"S0": 0.4, "S1": 0.4}))
        bench, brokers = Bench(tmp_path, replace(world, scheduled=np.array([True, False]))), []

        def kind(inner: object) -> Other:
            brokers.append(Quoting(inner, lambda quote, _: quote, bench.clock.now))
            return brokers[0]

        played(with_broker(bench, kind))
        assert [set(asked) for asked in brokers[0].asked] == [{"S0", "S1"}]
        assert len(bodies(tmp_path, DecisionTaken)) == 2

    def test_names_with_open_orders_are_asked_for_again(self, tmp_path):
        asked: list[tuple[str, ...]] = []

        class Noted(Tired):
            async def quotes(self, symbols: Sequence[str]) -> object:
                asked.append(tuple(symbols))
                return await self.inner.quotes(symbols)

        played(with_broker(Bench(tmp_path, plain_world(rows=2)), Noted))
        assert asked == [("S1", "S2"), ("S2", "S1")]

    def test_a_link_lost_in_the_call_costs_nothing(self, tmp_path):
        class Cut(Other):
            calls = 0

            async def quotes(self, symbols: Sequence[str]) -> object:
                self.calls += 1
                if self.calls == 1:
                    raise SourceUnreachable("cut")
                return await self.inner.quotes(symbols)

        bench = played(with_broker(Bench(tmp_path, plain_world(4)), Cut))
        assert "broker" in keys(bench)
        assert difference(bench.world, tmp_path) is None

    def test_nothing_is_judged_or_sent_without_an_answer(self, tmp_path, monkeypatch):
        class Mute(Other):
            async def quotes(self, symbols: Sequence[str]) -> object:
                raise SourceUnreachable("no answer")

        calls = []
        monkeypatch.setattr(OrderDesk, "send", lambda *_: calls.append(1))
        bench = played(with_broker(Bench(tmp_path, plain_world(4)), Mute))
        assert calls == []
        assert bodies(tmp_path, OrderIntent) == []
        assert bench.state.sessions_closed == 3
        assert {"broker", "decision"} <= keys(bench)

    def test_what_a_broker_quotes_that_cannot_trade_refuses_nothing_for_good(self, tmp_path):
        class Waking(Other):
            ready = True
            calls = 0

            def health(self) -> Health:
                return self.inner.health() if self.ready else replace(
                    self.inner.health(), can_trade=False, reason="upstream is gone"
                )  # fmt: skip

            async def quotes(self, symbols: Sequence[str]) -> Mapping[str, PriceQuote]:
                quotes = await self.inner.quotes(symbols)
                self.calls += 1
                self.ready = self.calls > 1
                if self.ready:
                    return quotes
                return {name: replace(quote, kind=NONE) for name, quote in quotes.items()}

        limits = replace(OPEN_LIMITS, max_reference_move=0.0)
        bench = played(with_broker(Bench(tmp_path, plain_world(4), limits=limits), Waking))
        assert breaches(tmp_path) == set()
        assert difference(bench.world, tmp_path) is None

    def test_the_age_counts_from_when_the_answer_is_there(self, tmp_path):
        """The broker takes 30 s; its quotes are of the last of them."""
        bench = Bench(tmp_path, plain_world(rows=2))

        class Slow(Other):
            async def quotes(self, symbols: Sequence[str]) -> Mapping[str, PriceQuote]:
                quotes = await self.inner.quotes(symbols)
                bench.clock.go_to(bench.clock.now() + timedelta(seconds=30))
                at = bench.clock.now()
                return {name: replace(q, kind=LIVE, at=at) for name, q in quotes.items()}

        played(with_broker(bench, Slow))
        assert breaches(tmp_path) == set()
        assert difference(bench.world, tmp_path) is None

    def test_orders_that_are_open_count_at_the_quote_too(self, tmp_path):
        bench = Bench(tmp_path, plain_world(rows=2))
        found = []

        def look() -> None:
            if not found and bench.state.open_orders:
                order = bench.state.open_orders[0]
                price = order.intent.signal_price_micros
                quote = PriceQuote(order.symbol, price + 7, bench.clock.now(), LIVE)
                moment = bench.trader._present.moment(None, cut_off=None)
                for higher in (quote, replace(quote, price_micros=1), replace(quote, kind=NONE)):
                    now = replace(moment, quotes={order.symbol: higher})
                    found.append(gate_inputs(bench.state, (), now).open_orders[0].price_micros)
                found.append(price)

        played(bench, look)
        assert found[:3] == [found[3] + 7, found[3], found[3]]


class TestFlat:
    @pytest.mark.parametrize("how", ["moved and old", "nothing", "no answer"])
    def test_flat_asks_for_no_quote(self, tmp_path, how):
        """In the session of 4 January nobody quotes anything that could be used."""
        limits = replace(OPEN_LIMITS, max_reference_move=0.01)
        bench = Bench(tmp_path, plain_world(5), limits=limits)
        broken: list[str] = []

        class Broken(Other):
            async def quotes(self, symbols: Sequence[str]) -> Mapping[str, PriceQuote]:
                quotes = await self.inner.quotes(symbols)
                if not broken:
                    return quotes
                if how == "no answer":
                    raise SourceUnreachable("no answer")
                change = nothing if how == "nothing" else at_age(9e5)
                twice = {n: replace(q, price_micros=2 * q.price_micros) for n, q in quotes.items()}
                return {name: change(quote, bench.clock.now()) for name, quote in twice.items()}

        def pause() -> None:
            if bench.state.sessions_closed == 2 and not broken:
                assert bench.state.portfolio.held
                broken.append(command(bench, Action.FLAT))

        played(with_broker(bench, Broken), pause)
        assert bench.state.portfolio.held == ()
        assert breaches(tmp_path) == set()


def suspended_world() -> World:
    """S1 is bought, does not trade for four sessions, and its orders go on all the same."""
    world = plain_world(9, lambda row: Weights({"S1": 0.5 if row < 3 else 0.2, "S0": 0.1 * row}))
    panel = world.market.panel
    for values in (panel.open, panel.close, panel.volume):
        values.setflags(write=True)
        values[2:6, 1] = np.nan
    world.market = Market(panel, {})
    return world


def split_world() -> World:
    """S1 is split two for one on the ex-date of row 2; half of it is sold there."""
    opens = np.full((4, 3), 50.0)
    opens[2:, 1] = 25.0
    panel = small_panel(opens, opens, np.full((4, 3), 1e6), start="2024-01-01")
    world = plain_world(4, lambda row: Weights({"S1": 0.6 if row == 0 else 0.3}))
    world.market = Market(panel, {}, MarketFacts(actions={2: (Split("S1", 2.0),)}))
    return world


class TestParity:
    @pytest.mark.parametrize("make", [plain_world, suspended_world])
    def test_the_paper_brokers_closes_are_those_of_the_data(self, tmp_path, make):
        """The narrowest limits there are refuse nothing, however long a name is suspended."""
        limits = replace(OPEN_LIMITS, max_reference_move=0.0, max_quote_age_seconds=0)
        bench = played(Bench(tmp_path, make(), limits=limits))
        assert breaches(tmp_path) == set()
        assert difference(bench.world, tmp_path) is None
        assert len(bench.state.orders) > 8

    def test_a_split_of_this_morning_is_told_as_what_it_is(self, tmp_path):
        """Not ready at the decision, the broker has split the shares when it is asked again."""

        class Late(Other):
            def health(self) -> Health:
                early = str(self.inner.place.phase) == "after_close" and self.inner.place.row == 1
                return replace(self.inner.health(), can_trade=not early)

        limits = replace(OPEN_LIMITS, max_reference_move=0.0)
        bench = played(with_broker(Bench(tmp_path, split_world(), limits=limits), Late))
        split = [i.reference for i in bodies(tmp_path, OrderIntent) if i.session.day == 3]
        assert [bench.state.orders[name].reason for name in split] == ["restated"]
        assert breaches(tmp_path) == set()
        assert "restated" in keys(bench)
        assert "limit:reference_moved" not in keys(bench)
