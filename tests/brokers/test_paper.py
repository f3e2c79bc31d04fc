"""The paper broker: what every broker does, and what is its own."""

from __future__ import annotations

import numpy as np
import pytest

from quant_core.brokers.paper.books import Books, BooksInUse, BooksUnusable
from quant_core.brokers.paper.venue import PaperAccount, Venue
from quant_core.brokers.paper.venue_clock import (
    ReplayClock,
)
from quant_core.brokers.port import (
    Accepted,
    AccountChanged,
    AlreadyDone,
    Executed,
    OrderKind,
    OrderSeen,
    OrderState,
    Rejected,
    Unknown,
)
from quant_core.foundation.errors import ConfigurationError, DataRefused, UsageError
from quant_core.market import MarketFacts
from quant_core.risk.margin import MarginRules
from quant_core.trading.actions import Split
from quant_core.trading.orders import Side
from tests.brokers.conformance import BrokerConformance
from tests.brokers.paper_bench import CAPITAL, Bench, make_market, make_rules, now

NAN = float("nan")


class TestConformance(BrokerConformance):
    @pytest.fixture
    def bench(self, tmp_path) -> Bench:
        return Bench(path=tmp_path / "paper.db").connect()


class TestExamples:
    def test_order_on_the_open_by_hand(self):
        bench = Bench().connect()
        assert bench.send("AAA", shares=100) == Accepted("2024-01-03/AAA/buy/on_open", "1")
        bench.to("open")
        (done,) = bench.told(Executed)
        # open 10.02, slippage 10 bps, commission 10 bps of the notional
        assert (done.price_micros, done.open_micros) == (10_030_020, 10_020_000)
        assert done.commission_micros == 1_003_002
        assert bench.snapshot().cash_micros == CAPITAL - 100 * 10_030_020 - 1_003_002

    def test_order_on_the_close_meets_the_close(self):
        bench = Bench().connect()
        bench.send("BBB", kind=OrderKind.ON_CLOSE)
        assert not bench.to("open").told(Executed)
        (done,) = bench.to("close").told(Executed)
        assert done.open_micros == 20_030_000

    def test_market_order_trades_at_once_while_the_market_is_open(self):
        bench = Bench().connect().to("open")
        assert isinstance(bench.send("AAA", kind=OrderKind.MARKET), Accepted)
        (done,) = bench.told(Executed)
        assert done.open_micros == 10_020_000
        (order,) = bench.snapshot().completed_orders
        assert order.state is OrderState.FILLED

    @pytest.mark.parametrize("phase", ["before_open", "close", "after_close"])
    def test_market_order_waits_for_the_open(self, phase: str):
        bench = Bench().connect().to(phase)
        bench.send("AAA", kind=OrderKind.MARKET)
        assert not bench.told(Executed)
        assert len(bench.to("open").told(Executed)) == 1

    def test_limit_order_waits_for_its_price_until_the_close(self):
        prices = [[10.0], [10.0]], [[10.0], [9.5]]
        bench = Bench(make_market(*prices), make_rules(slippage=0.0)).connect()
        bench.send("AAA", kind=OrderKind.LIMIT, limit=9_600_000)
        assert not bench.to("open").told(Executed)
        (done,) = bench.to("close").told(Executed)
        assert done.price_micros == 9_500_000

    def test_limit_order_never_pays_more_than_its_limit(self):
        """The open is at the limit, and slippage would carry the fill beyond it."""
        prices = [[10.0], [10.0]], [[10.0], [11.0]]
        bench = Bench(make_market(*prices)).connect()
        bench.send("AAA", kind=OrderKind.LIMIT, limit=10_000_000)
        bench.to("after_close")
        assert not bench.told(Executed)
        assert bench.told(OrderSeen)[-1].order.state is OrderState.EXPIRED

    def test_limit_sale_never_gets_less_than_its_limit(self):
        prices = [[10.0]] * 3, [[10.0], [10.0], [12.0]]
        bench = Bench(make_market(*prices), make_rules(slippage=0.0)).connect()
        bench.send("AAA")
        bench.to("after_close")
        bench.send("AAA", Side.SELL, kind=OrderKind.LIMIT, limit=11_000_000)
        bench.to("after_close")
        assert [(d.side, d.price_micros) for d in bench.told(Executed)] == [
            (Side.BUY, 10_000_000),
            (Side.SELL, 12_000_000),
        ]

    def test_limit_order_fills_in_part_and_goes_on(self):
        volume = [[1e6], [1000.0], [1e6]]
        prices = [[10.0]] * 3, [[10.0]] * 3
        bench = Bench(make_market(*prices, volume), make_rules(slippage=0.0, cap=0.05)).connect()
        bench.send("AAA", shares=80, kind=OrderKind.LIMIT, limit=10_000_000)
        bench.to("open")
        (order,) = bench.snapshot().open_orders
        assert (order.state, order.filled) == (OrderState.PARTIAL, 50)
        bench.to("after_close")  # the day's volume is used up, so that the rest expires
        states = [(s.order.state, s.order.filled) for s in bench.told(OrderSeen)]
        assert states[-1] == (OrderState.EXPIRED, 50)

    def test_auction_truncated_by_volume_expires_with_its_reason(self):
        volume = [[1e6], [1000.0]]
        market = make_market([[10.0]] * 2, [[10.0]] * 2, volume)
        bench = Bench(market, make_rules(cap=0.05)).connect()
        bench.send("AAA", shares=80)
        bench.to("open")
        (order,) = bench.snapshot().completed_orders
        assert (order.state, order.filled, order.reason) == (
            OrderState.EXPIRED,
            50,
            "truncated_volume",
        )

    def test_halted_name_expires(self):
        market = make_market([[10.0], [NAN]], [[10.0], [10.0]])
        bench = Bench(market).connect()
        bench.send("AAA")
        bench.to("open")
        (order,) = bench.snapshot().completed_orders
        assert (order.state, order.reason) == (OrderState.EXPIRED, "expired_halted")

    def test_ranks_decide_who_gets_the_cash(self):
        market = make_market([[10.0, 10.0]] * 2, [[10.0, 10.0]] * 2)
        bench = Bench(market, make_rules(slippage=0.0, rate=0.0)).connect()
        bench.send("AAA", shares=90_000, rank=2)
        bench.send("BBB", shares=90_000, rank=1)
        bench.to("open")
        assert bench.snapshot().positions == {"AAA": 10_000, "BBB": 90_000}

    def test_waiting_orders_follow_a_split(self):
        market = make_market(facts=MarketFacts(actions={1: (Split("AAA", 2.0),)}))
        bench = Bench(market).connect()
        bench.send("AAA", shares=100)
        bench.send("AAA", shares=100, kind=OrderKind.LIMIT, limit=30_000_000)
        bench.to("before_open")
        assert [o.shares for o in bench.snapshot().open_orders] == [200, 200]
        assert [o.limit_micros for o in bench.venue.exchange.open_orders()] == [None, 15_000_000]
        (changed,) = bench.told(AccountChanged)
        assert (changed.event, changed.kind, changed.detail) == (Split("AAA", 2.0), "split", "")

    def test_short_sale_where_it_is_allowed(self):
        bench = Bench(rules=make_rules(margin=MarginRules(allowed=True))).connect()
        bench.send("AAA", Side.SHORT)
        bench.to("open")
        assert bench.snapshot().positions == {"AAA": -100}

    def test_one_reference_may_stand_for_two_orders_where_the_rules_say_so(self):
        bench = Bench(rules=make_rules(once=False)).connect()
        order = bench.intent("AAA")
        assert [now(bench.broker.submit(order)).broker_id for _ in "ab"] == ["1", "2"]
        bench.to("open")
        assert bench.snapshot().positions == {"AAA": 200}

    def test_an_order_of_odd_shares_stays_and_is_filled_in_lots(self):
        """After a split the change to whole lots is not one; the backtest records it as it is."""
        bench = Bench(rules=make_rules(lot=100)).connect()
        order = bench.broker.normalise(bench.intent("AAA", shares=250))
        assert order.shares == 250
        now(bench.broker.submit(order))
        bench.to("open")
        assert [done.shares for done in bench.told(Executed)] == [200]

    def test_a_day_of_references_survives_a_month(self):
        """An order of an earlier session is still found and still not doubled."""
        bench = Bench().connect()
        order = bench.intent("AAA")
        first = now(bench.broker.submit(order))
        bench.to("after_close", sessions=2)
        assert now(bench.broker.submit(order)) == first
        assert now(bench.broker.find(order.reference))[0].filled == 100
        assert now(bench.broker.cancel(order.reference)) == AlreadyDone(
            order.reference, OrderState.FILLED
        )


class TestBooks:
    def test_reopened_venue_is_the_same(self, tmp_path):
        facts = MarketFacts(actions={2: (Split("AAA", 1.15),)})
        bench = Bench(make_market(facts=facts), path=tmp_path / "paper.db").connect()
        for _ in range(17):
            session = bench.session
            if session is not None and bench.broker.place.phase != "open":
                bench.send("AAA", shares=101)
                bench.send("BBB", kind=OrderKind.LIMIT, limit=20_000_000)
            before = bench.venue
            exchange = before.exchange.content
            now(bench.reopen().open())
            content = bench.venue.exchange.content
            assert content.orders == exchange.orders
            assert content.executions == exchange.executions
            assert content.taken == exchange.taken
            assert content.counters == exchange.counters
            assert content.portfolio.cash_micros == exchange.portfolio.cash_micros
            assert content.portfolio.held == exchange.portfolio.held
            assert content.portfolio.values_micros() == exchange.portfolio.values_micros()
            assert content.portfolio.fractions == exchange.portfolio.fractions
            assert bench.venue.place == before.place
            bench.broker.advance()

    def test_full_disk_stops_the_broker_and_keeps_the_books(self, tmp_path):
        bench = Bench(path=tmp_path / "paper.db").connect()
        bench.send("AAA")
        before = bench.events()
        bench.books._connection.execute("pragma max_page_count = 1")
        answers = [bench.send("BBB", reference=f"{i:0120d}") for i in range(40)]
        assert isinstance(answers[-1], Unknown)
        assert not bench.broker.health().can_trade
        assert isinstance(now(bench.broker.cancel("x")), Unknown)
        with pytest.raises(BooksUnusable, match="has stopped"):
            bench.broker.advance()
        with pytest.raises(BooksUnusable, match="has stopped"):
            bench.snapshot()
        now(bench.reopen().open())
        assert bench.events()[: len(before)] == before
        placed = {o.reference for o in bench.snapshot().open_orders}
        assert {a.reference for a in answers if isinstance(a, Accepted)} <= placed


class TestRefusals:
    def refused(self, bench: Bench, *arguments, **named) -> str:
        answer = bench.send(*arguments, **named)
        assert isinstance(answer, Rejected)
        return answer.code

    def test_codes(self):
        bench = Bench().connect()
        assert self.refused(bench, "NONE") == "unknown_symbol"
        assert self.refused(bench, shares=0) == "quantity"
        assert self.refused(bench, "AAA", Side.SHORT) == "short_not_allowed"
        assert self.refused(bench, kind=OrderKind.LIMIT) == "limit_price"
        assert self.refused(bench, kind=OrderKind.LIMIT, limit=0, reference="z") == "limit_price"
        assert self.refused(bench, reference="x" * 129) == "reference"

    def test_refused_order_is_kept_and_refused_again(self):
        bench = Bench().connect()
        assert self.refused(bench, "NONE") == self.refused(bench, "NONE") == "unknown_symbol"
        assert [o.state for o in bench.snapshot().completed_orders] == [OrderState.REJECTED]

    def test_other_sessions_and_auctions_that_are_over(self):
        bench = Bench().connect()
        early = bench.intent("BBB")
        bench.to("open")
        assert self.refused(bench, "AAA") == "auction_over"
        bench.to("close")
        answer = now(bench.broker.submit(early))
        assert isinstance(answer, Rejected)
        assert answer.code == "wrong_session"

    def test_after_the_last_session_nothing_is_taken(self):
        bench = Bench(make_market(sessions=2)).connect()
        order = bench.intent("AAA")
        bench.to("after_close")
        assert bench.broker.advance() is None
        answer = now(bench.broker.submit(order))
        assert isinstance(answer, Rejected)
        assert answer.code == "no_session"
        assert not bench.broker.health().can_trade

    def test_books_of_another_account(self, tmp_path):
        path = tmp_path / "paper.db"
        Bench(path=path).books.close()
        market = make_market()
        clock = ReplayClock(market.panel.axes.sessions, 1, 5)
        for name, capital, problem in (
            ("PAPER2", CAPITAL, "are of another account"),
            ("PAPER1", 1, "were begun with another capital"),
        ):
            books = Books(path)
            with pytest.raises(ConfigurationError, match=problem):
                Venue(market, clock, make_rules(), PaperAccount(name, capital), books)
            books.close()

    def test_data_that_moved_under_the_books(self, tmp_path):
        bench = Bench(path=tmp_path / "paper.db").connect().to("open", sessions=1)
        bench.books.close()
        bench.market.panel.axes.sessions[:] += np.timedelta64(1, "D")
        with pytest.raises(DataRefused, match="not that of the paper broker's books"):
            bench._open()

    def test_two_processes_do_not_share_books(self, tmp_path):
        bench = Bench(path=tmp_path / "paper.db")
        with pytest.raises(BooksInUse, match="another process"):
            Books(bench.path)

    def test_books_of_another_version(self, tmp_path):
        bench = Bench(path=tmp_path / "paper.db")
        bench.books._connection.execute("pragma user_version = 99")
        bench.books.close()
        with pytest.raises(UsageError, match="another version"):
            Books(bench.path)

    def test_closed_books_do_not_answer_as_if_empty(self):
        bench = Bench().connect()
        bench.send("AAA")
        bench.books.close()
        assert isinstance(bench.send("BBB"), Unknown)
        with pytest.raises(BooksUnusable):
            now(bench.broker.events(0))
