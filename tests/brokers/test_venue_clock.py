"""The venue's clock, and what a price is worth at each of its places."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, date, datetime, timedelta

import pytest

from quant_core.brokers.paper.books import Books
from quant_core.brokers.paper.quotes import price_quote
from quant_core.brokers.paper.venue import PaperAccount, Venue
from quant_core.brokers.paper.venue_clock import (
    DayPlan,
    Hours,
    Phase,
    ReplayClock,
    VenueTime,
    WallClock,
    new_york_hours,
)
from quant_core.brokers.port import QuoteKind
from quant_core.foundation.errors import ConfigurationError, UsageError
from quant_core.market import MarketFacts
from quant_core.trading.actions import Split
from tests.brokers.paper_bench import CAPITAL, Bench, make_market, make_rules, now

NAN = float("nan")


class TestQuotes:
    def quote(self, bench: Bench, symbol: str = "AAA"):
        return now(bench.broker.quotes([symbol]))[symbol]

    def test_price_age_and_kind_through_a_session(self):
        bench = Bench().connect()
        seen = []
        for phase in Phase:
            bench.to(phase)
            quote = self.quote(bench)
            seen.append((quote.price_micros, quote.at.isoformat()[5:16], quote.kind))
        assert seen == [
            (10_010_000, "01-02T21:00", QuoteKind.FROZEN),
            (10_020_000, "01-03T14:30", QuoteKind.LIVE),
            (10_030_000, "01-03T21:00", QuoteKind.FROZEN),
            (10_030_000, "01-03T21:00", QuoteKind.FROZEN),
        ]

    def test_halted_name_shows_its_last_close_with_its_age(self):
        market = make_market([[10.0], [NAN], [NAN]], [[10.5], [NAN], [NAN]])
        bench = Bench(market).connect().to("open", sessions=1)
        quote = self.quote(bench)
        assert (quote.price_micros, quote.kind) == (10_500_000, QuoteKind.FROZEN)
        assert quote.at.date() == date(2024, 1, 2)

    def test_a_split_of_the_morning_is_taken_out(self):
        market = make_market(facts=MarketFacts(actions={1: (Split("AAA", 2.0),)}))
        bench = Bench(market).connect()
        assert self.quote(bench).price_micros == 10_010_000
        assert self.quote(bench.to("before_open")).price_micros == 5_005_000

    def test_name_without_a_price_has_none(self):
        market = make_market([[NAN], [10.0]], [[NAN], [10.0]])
        bench = Bench(market).connect()
        assert self.quote(bench).kind is QuoteKind.NONE
        assert self.quote(bench).price_micros == 0

    def test_the_future_is_not_seen(self):
        """Whatever comes after the phase, the quote is the same."""
        known = make_market(sessions=4)
        for row, phase in itertools.product((1, 2), Phase):
            place = VenueTime(row, phase)
            opens, close = known.panel.open.copy(), known.panel.close.copy()
            opens[row + 1 :], close[row + 1 :] = 999.0, 999.0
            if phase in (Phase.BEFORE_OPEN, Phase.OPEN):
                close[row] = 999.0
            if phase is Phase.BEFORE_OPEN:
                opens[row] = 999.0
            clock = ReplayClock(known.panel.axes.sessions, 1, 3)
            altered = make_market(opens, close)
            for symbol in ("AAA", "BBB", "CCC"):
                assert price_quote(known, clock, place, symbol) == price_quote(
                    altered, clock, place, symbol
                )

    def test_impossible_price_is_no_quote(self):
        market = make_market([[10.0], [math.inf]], [[10.0], [10.0]])
        bench = Bench(market).connect().to("open")
        assert now(bench.broker.quotes(["AAA"]))["AAA"].kind is QuoteKind.FROZEN


class TestWallClock:
    """Sessions of an exchange that never closes; hours from eight to four."""

    PLAN = DayPlan(
        lambda day: Hours(
            datetime(day.year, day.month, day.day, 8, tzinfo=UTC),
            datetime(day.year, day.month, day.day, 16, tzinfo=UTC),
        )
    )

    def make(self, sessions: int, at: list[datetime]):
        market = make_market(sessions=sessions)
        return market, WallClock(market.panel.axes.sessions, "24/7", self.PLAN, lambda: at[0])

    def test_phases_come_with_the_data_and_the_hour(self, tmp_path):
        at = [datetime(2024, 1, 4, 7, 0, tzinfo=UTC)]
        market, clock = self.make(3, at)  # sessions of 2, 3 and 4 January
        account = PaperAccount("PAPER1", CAPITAL)
        venue = Venue(market, clock, make_rules(), account, Books(tmp_path / "wall.db"))
        assert (venue.place.row, venue.trading_session) == (2, date(2024, 1, 5))
        at[0] = datetime(2024, 1, 5, 12, 0, tzinfo=UTC)
        assert venue.advance() is None  # the session has begun, its prices are not there
        venue.renew(*self.make(4, at))
        assert [venue.advance(), venue.advance()] == [
            VenueTime(3, Phase.BEFORE_OPEN),
            VenueTime(3, Phase.OPEN),
        ]
        assert venue.advance() is None  # it is noon
        assert venue.now == at[0]
        at[0] = datetime(2024, 1, 5, 20, 0, tzinfo=UTC)
        assert [venue.advance(), venue.advance(), venue.advance()] == [
            VenueTime(3, Phase.CLOSE),
            VenueTime(3, Phase.AFTER_CLOSE),
            None,
        ]
        venue.close()

    def test_prices_that_are_behind_are_delayed(self, tmp_path):
        at = [datetime(2024, 1, 4, 17, 0, tzinfo=UTC)]
        market, clock = self.make(3, at)
        place = clock.start
        assert price_quote(market, clock, place, "AAA").kind is QuoteKind.FROZEN
        at[0] = datetime(2024, 1, 5, 9, 0, tzinfo=UTC)
        assert price_quote(market, clock, place, "AAA").kind is QuoteKind.DELAYED

    def test_calendar_gives_the_sessions_behind_the_data(self):
        _, clock = self.make(3, [datetime(2024, 1, 4, tzinfo=UTC)])
        assert clock.session(40) == date(2024, 1, 2) + timedelta(days=40)
        assert clock.session(-1) is None


class TestReplayClock:
    def test_phases_in_their_order_and_at_their_time(self):
        clock = ReplayClock(make_market().panel.axes.sessions, 1, 1)
        place, seen = clock.start, []
        while clock.may_enter(place.following):
            place = place.following
            seen.append((place.phase.value, clock.now(place).isoformat()[:16]))
        assert seen == [
            ("before_open", "2024-01-03T14:25"),
            ("open", "2024-01-03T14:30"),
            ("close", "2024-01-03T21:00"),
            ("after_close", "2024-01-03T21:15"),
        ]
        assert clock.session(place.trading_row) is None

    def test_new_york_keeps_its_hours_in_summer(self):
        opens = [new_york_hours(date(2024, month, 8)).opens.hour for month in (3, 4)]
        assert opens == [14, 13]

    @pytest.mark.parametrize("rows", [(0, 3), (2, 1), (1, 6)])
    def test_outside_the_data(self, rows):
        with pytest.raises(UsageError, match="a replay needs sessions"):
            ReplayClock(make_market().panel.axes.sessions, *rows)

    def test_wall_clock_without_data(self):
        with pytest.raises(ConfigurationError, match="needs data to start from"):
            WallClock(make_market().panel.axes.sessions[:0], "24/7")
