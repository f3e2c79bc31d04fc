"""The same decisions through the paper broker and through the backtest: the same to the micro.

A small client decides at every close with the code of the backtest, on a ledger that knows
only what the broker told it, and sends what it decided. Its orders, fills, cash, equity and
positions are those of the backtest, in worlds with splits, dividends, rights, renames,
delistings, short sales, limits and impact.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.backtest_engine import RunWindow, run_readable
from quant_core.brokers.paper.books import IN_MEMORY, Books
from quant_core.brokers.paper.broker import PaperBroker
from quant_core.brokers.paper.exchange import VenueRules
from quant_core.brokers.paper.venue import PaperAccount, Venue
from quant_core.brokers.paper.venue_clock import Phase, ReplayClock
from quant_core.brokers.port import (
    Accepted,
    Executed,
    Intent,
    LinkUp,
    OrderKind,
    OrderSeen,
    OrderView,
)
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.market import Market
from quant_core.risk.breakers import BreakerState, RiskRules
from quant_core.risk.margin import MarginRules
from quant_core.trading.account import Book
from quant_core.trading.history import RunHistory
from quant_core.trading.orders import Order, Reason, Side, execution_order
from quant_core.trading.target import Weights
from quant_core.trading_day import Brain, Moment, decide, guard, mark
from tests.brokers.paper_bench import now
from tests.brokers.second_ledger import SecondLedger, contents
from tests.engine.market_strategies import (
    ScriptedStrategy,
    answer_from,
    brain_of,
    markets,
    rule_sets,
    small_panel,
    weight_tables,
)
from tests.engine.reference import Rules
from tests.engine.reference_account import m
from tests.engine.whole_worlds import (
    answer,
    decisions,
    execution_rules,
    facts_of,
    terms,
    worlds,
)
from tests.shared_data import SHARED, needs_shared

TURN = {Side.SELL: 0, Side.COVER: 1, Side.SHORT: 2, Side.BUY: 3}


def ranks(orders: list[Order]) -> dict[int, int]:
    """Rank by place in the orders; equal turn and weight share one, and the symbol decides."""
    keys = [(TURN[o.side], o.target_weight if o.side is Side.BUY else 0.0) for o in orders]
    steps = np.cumsum([a != b for a, b in itertools.pairwise(keys)]).tolist()
    return dict(enumerate([0, *steps]))


class Client:
    """Decides at a close, sends, and follows what the broker tells."""

    def __init__(self, brain: Brain, market: Market, window: RunWindow, capital: int) -> None:
        self.brain, self.market, self.window = brain, market, window
        self.books = Books(IN_MEMORY)
        clock = ReplayClock(market.panel.axes.sessions, window.first, window.last)
        rules = VenueRules(brain.execution, brain.margin)
        self.venue = Venue(market, clock, rules, PaperAccount("P", capital), self.books)
        self.broker = PaperBroker(self.venue)
        self.ledger = SecondLedger(capital, may_short=brain.margin.allowed)
        self.last = 0
        self.capital = capital
        self.books_at_close: list[Book] = []
        self.outcomes: list[tuple] = []
        self.refused: list[tuple] = []

    def run(self, scheduled: list[bool], shuffle: random.Random) -> None:
        now(self.broker.open())
        book, first = Book.opening(self.capital), self.window.first
        breaker = BreakerState(peak_micros=self.capital)
        for number in range(len(scheduled)):
            row = first + number
            place = Moment(row - 1, number, scheduled[number])
            decision = decide(self.brain, self.market, book, breaker, place)
            self.send(decision.orders, number, shuffle)
            for _ in Phase:
                assert self.broker.advance() is not None
                self.follow()
            self.outcomes += self.seen_outcomes()
            book = mark(self.ledger.portfolio, self.market, row)
            self.books_at_close.append(book)
            breaker, _ = guard(decision.breaker, book, number + 1, self.brain)

    def send(self, orders: tuple[Order, ...], number: int, shuffle: random.Random) -> None:
        """Submit in any order: the ranks say which comes first."""
        sent = execution_order([o for o in orders if o.refusal is Reason.NONE])
        self.refused += [(number, o.symbol, o.refusal) for o in orders if o not in sent]
        rank = ranks(sent)
        intents = [
            Intent(
                f"{number}/{place}",
                self.venue.trading_session,
                order.symbol,
                order.side,
                order.requested,
                OrderKind.ON_OPEN,
                rank[place],
            )
            for place, order in enumerate(sent)
        ]
        shuffle.shuffle(intents)
        for intent in intents:
            assert isinstance(now(self.broker.submit(intent)), Accepted)

    def follow(self) -> None:
        events = now(self.broker.events(self.last))
        self.ledger.follow(events)
        self.last = events[-1].number if events else self.last
        theirs = self.venue.exchange.content.portfolio
        if self.broker.place.phase is not Phase.AFTER_CLOSE:  # there the venue has marked
            assert contents(self.ledger.portfolio) == contents(theirs)
        snapshot = now(self.broker.snapshot())
        portfolio = self.ledger.portfolio
        assert snapshot.cash_micros == portfolio.cash_micros
        assert snapshot.positions == {s: portfolio.shares_of(s) for s in portfolio.held}

    def seen_outcomes(self) -> list[tuple]:
        views: tuple[OrderView, ...] = now(self.broker.snapshot()).completed_orders
        return [(v.session, v.symbol, v.side, v.shares, v.filled, Reason(v.reason)) for v in views]


def check_equal(client: Client, history: RunHistory) -> None:
    assert client.ledger.fills == list(history.fills)
    assert [b.cash_micros for b in client.books_at_close] == history.cash_micros.tolist()
    assert [b.equity_micros for b in client.books_at_close] == history.equity_micros.tolist()
    receivable = [b.receivable_micros for b in client.books_at_close]
    assert receivable == history.receivable_micros.tolist()
    held = [(s, p) for b in client.books_at_close for s, p in b.positions.items()]
    positions = history.positions
    assert [positions.symbols[i] for i in positions.symbol] == [s for s, _ in held]
    assert positions.shares.tolist() == [p.shares for _, p in held]
    assert positions.mark_micros.tolist() == [p.mark_micros for _, p in held]
    assert positions.average_cost_micros.tolist() == [p.average_cost_micros for _, p in held]
    refused = {Reason.REFUSED_NO_PRICE, Reason.REFUSED_NOT_IN_UNIVERSE, Reason.REFUSED_NOT_LOCATED}
    wanted = [
        (r.session, r.symbol, r.side, r.requested, r.filled, r.reason)
        for r in history.orders
        if r.reason not in refused
    ]
    assert sorted(client.outcomes) == sorted(wanted)
    assert len(client.refused) == len(history.orders) - len(wanted)
    theirs = client.books.all_executions()
    assert [e.shares for e in theirs] == [f.shares for f in history.fills]
    assert [e.price_micros for e in theirs] == [f.price_micros for f in history.fills]


def run_both(make_brain, market: Market, scheduled: list[bool], capital: int, seed: int) -> Client:
    window = RunWindow(1, len(scheduled))
    client = Client(make_brain(), market, window, capital)
    client.run(scheduled, random.Random(seed))
    history = run_readable(make_brain(), market, window, np.array(scheduled), capital)
    check_equal(client, history)
    return client


class TestReference:
    @given(data=st.data(), table=markets(), rules=rule_sets(), seed=st.integers(0, 99))
    @settings(max_examples=40)
    def test_long_only_markets(self, data, table, rules, seed):
        opens, close, volume, member = table
        rows, columns = len(close), len(close[0])
        panel = small_panel(opens, close, volume, member)
        weights = data.draw(weight_tables(rows, columns))
        scheduled = [
            True,
            *data.draw(st.lists(st.booleans(), min_size=rows - 2, max_size=rows - 2)),
        ]

        def brain() -> Brain:
            return brain_of(ScriptedStrategy(answer_from(weights), panel), rules)

        run_both(brain, Market(panel, {}), scheduled, 1_000_000_000, seed)

    @given(data=st.data(), world=worlds(), seed=st.integers(0, 99))
    @settings(max_examples=50)
    @pytest.mark.parametrize("may_short", [False, True])
    def test_whole_worlds(self, may_short, data, world, seed):
        rules = data.draw(terms(may_short))
        rows, columns = len(world.close), len(world.close[0])
        table = data.draw(decisions(rows, columns, may_short))
        scheduled = [
            True,
            *data.draw(st.lists(st.booleans(), min_size=rows - 2, max_size=rows - 2)),
        ]
        panel = MarketPanel(
            Axes(
                np.array(world.days, dtype="datetime64[D]"), tuple(f"S{s}" for s in range(columns))
            ),
            np.array(world.price),
            np.array(world.close),
            np.array(world.volume),
            np.array(world.member, dtype=bool),
        )

        def brain() -> Brain:
            return Brain(
                ScriptedStrategy(lambda row: answer(table[row], rules.may_short), panel),
                execution_rules(rules),
                RiskRules(
                    rules.max_pos_weight,
                    rules.stop_loss_pct,
                    rules.max_drawdown_pct,
                    rules.breaker_cooldown,
                ),
                MarginRules(
                    rules.may_short, rules.initial, rules.maintenance, debit_rate=rules.debit_rate
                ),
            )

        run_both(brain, Market(panel, {}, facts_of(world)), scheduled, m(20_000.0), seed)


@needs_shared
class TestRealData:
    def test_a_year_of_the_s_and_p_500(self):
        """About 500 names, 40 of them drawn anew every second week, with a cap on the volume."""
        raw = pl.read_parquet(SHARED / "us_sp500_daily_2013_2018" / "ohlcv.parquet")
        raw = raw.filter(pl.col("date").is_between(date(2016, 12, 30), date(2017, 12, 29)))
        tables = {
            name: raw.pivot(on="symbol", index="date", values=name).sort("date")
            for name in ("open", "close", "volume")
        }
        names = sorted(set(tables["open"].columns) - {"date"})
        prices = {
            name: table.select(names).to_numpy().astype(float) for name, table in tables.items()
        }
        days = tables["open"]["date"].to_numpy().astype("datetime64[D]")
        member = np.isfinite(prices["close"])
        axes = Axes(days, tuple(names))
        market = Market(
            MarketPanel(axes, prices["open"], prices["close"], prices["volume"], member), {}
        )
        rng = np.random.default_rng(7)
        drawn = [rng.choice(len(names), 40, replace=False).tolist() for _ in days]
        scheduled = [number % 10 == 0 for number in range(len(days) - 1)]

        def brain() -> Brain:
            def script(row: int) -> Weights:
                return Weights({names[s]: 0.025 for s in drawn[row]})

            rules = Rules(participation_cap=0.01, stop_loss_pct=0.05)
            return brain_of(ScriptedStrategy(script, market.panel), rules)

        client = run_both(brain, market, scheduled, 100_000_000_000_000, 0)
        assert len(client.books_at_close) == 251
        assert len(client.ledger.fills) > 1500


class TestExamples:
    MARKET = Market(small_panel([[10.0]] * 3, [[10.0]] * 3, [[1e6]] * 3), {})

    def brain(self) -> Brain:
        script = ScriptedStrategy(answer_from({0: {0: 0.5}, 1: None}), self.MARKET.panel)
        return brain_of(script, Rules(cash_buffer=0.0, slippage=0.0, rate=0.0))

    def test_the_comparison_can_fail(self):
        """One micro of commission more at the venue is a difference."""
        client = run_both(self.brain, self.MARKET, [True, False], 10**9, 0)
        scheduled = np.array([True, False])
        history = run_readable(self.brain(), self.MARKET, RunWindow(1, 2), scheduled, 10**9)
        (fill,) = client.ledger.fills
        client.ledger.fills = [replace(fill, commission_micros=1)]
        with pytest.raises(AssertionError):
            check_equal(client, history)

    def test_executions_are_told_before_the_end_of_their_order(self):
        client = run_both(self.brain, self.MARKET, [True], 10**9, 0)
        kinds = [type(event.body) for event in now(client.broker.events(0))]
        assert kinds == [LinkUp, OrderSeen, Executed, OrderSeen]

    def test_equal_weights_share_a_rank(self):
        orders = [
            Order("A", Side.SELL, 1, 0.0, 1),
            Order("B", Side.SELL, 1, 0.0, 1),
            Order("C", Side.BUY, 1, 0.4, 1),
            Order("D", Side.BUY, 1, 0.2, 1),
            Order("E", Side.BUY, 1, 0.2, 1),
        ]
        assert ranks(orders) == {0: 0, 1: 0, 2: 1, 3: 2, 4: 2}
