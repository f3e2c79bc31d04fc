"""What the paper broker says of names and of their past."""

from __future__ import annotations

from datetime import date

import pytest

from quant_core.brokers.port import Bar, Instrument
from quant_core.foundation.errors import SourceUnreachable
from quant_core.market import MarketFacts
from quant_core.trading.actions import Rename
from tests.brokers.paper_bench import Bench, make_market, make_rules, now

NAN = float("nan")


def tradable(bench: Bench, *symbols: str) -> list[bool]:
    known = now(bench.broker.instruments(symbols))
    return [known[symbol].tradable for symbol in symbols]


class TestExamples:
    def test_an_instrument_has_the_terms_of_the_venue(self):
        bench = Bench(rules=make_rules(lot=100)).connect()
        known = now(bench.broker.instruments(["AAA"]))
        currency = bench.broker.capabilities.currency
        assert known == {"AAA": Instrument("AAA", currency, 100, 1, tradable=True)}

    def test_the_bars_of_two_days(self):
        bench = Bench().connect().to("open")
        bars = now(bench.broker.bars("AAA", date(2024, 1, 2), date(2024, 1, 31)))
        assert bars == (
            Bar(date(2024, 1, 2), 10_000_000, None, None, 10_010_000, 1e6),
            Bar(date(2024, 1, 3), 10_020_000, None, None, None, None),
        )

    def test_what_is_unknown_is_none_and_a_day_without_a_price_has_no_bar(self):
        market = make_market([[10.0], [NAN], [NAN]], [[10.5], [NAN], [11.0]], [[NAN]] * 3)
        bench = Bench(market).connect().to("after_close", sessions=1)
        bars = now(bench.broker.bars("AAA", date(2024, 1, 1), date(2024, 1, 31)))
        assert bars == (
            Bar(date(2024, 1, 2), 10_000_000, None, None, 10_500_000, None),
            Bar(date(2024, 1, 4), None, None, None, 11_000_000, None),
        )

    def test_a_delisted_name_is_known_and_not_traded(self):
        opens = [[10.0, 20.0], [10.0, 20.0], [10.0, NAN], [10.0, NAN]]
        market = make_market(opens, opens, facts=MarketFacts(delistings={"BBB": 1}))
        bench = Bench(market).connect().to("open")
        assert tradable(bench, "AAA", "BBB") == [True, True]
        bench.to("close")
        assert tradable(bench, "AAA", "BBB") == [True, False]

    def test_a_name_that_comes_later_is_traded_from_its_first_price_on(self):
        opens = [[10.0, NAN], [10.0, NAN], [10.0, 20.0], [10.0, 20.0]]
        bench = Bench(make_market(opens, opens)).connect().to("before_open", sessions=1)
        assert tradable(bench, "AAA", "BBB") == [True, False]
        bench.to("open")
        assert tradable(bench, "AAA", "BBB") == [True, True]

    def test_a_renamed_name_is_not_traded_under_the_old_name(self):
        opens = [[10.0, NAN], [10.0, NAN], [NAN, 10.0], [NAN, 10.0]]
        facts = MarketFacts(actions={2: (Rename("AAA", "BBB"),)})
        bench = Bench(make_market(opens, opens, facts=facts)).connect().to("after_close")
        assert tradable(bench, "AAA", "BBB") == [True, False]
        bench.to("open")
        assert tradable(bench, "AAA", "BBB") == [False, True]


class TestRefusals:
    @pytest.mark.parametrize("call", ["instruments", "bars"])
    def test_a_lost_link_is_an_error_and_not_an_empty_answer(self, call):
        bench = Bench(faults=[{"on": "call", "name": call, "nth": 2, "do": "disconnect"}])
        bench.connect()

        def ask() -> object:
            if call == "bars":
                return now(bench.broker.bars("AAA", date.min, date.max))
            return now(bench.broker.instruments(["AAA"]))

        assert ask()
        with pytest.raises(SourceUnreachable, match=call):
            ask()
        assert not bench.broker.health().link
        with pytest.raises(SourceUnreachable, match=call):
            ask()
