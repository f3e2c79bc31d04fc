"""Causality: an honest run passes, and every planted leak is caught and located."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quant_core.certificates.altered_data import Alteration, Cut
from quant_core.certificates.causality import choose_cuts, prove_causality
from quant_core.market import MarketFacts
from quant_core.trading.actions import Dividend, Split
from tests.certificates.small_market import (
    SAY,
    UNIT,
    LastOfAll,
    Peeking,
    PeekingFar,
    World,
    momentum,
)


def certificate_of(world: World, subject=None, cuts: int = 20):
    subject = subject or world.subject()
    return prove_causality(subject, world.derive, choose_cuts(subject, cuts, 1), 1, SAY)


def future_factor(data):
    """Tomorrow's move, known today."""
    values = np.full_like(data["close"], np.nan)
    values[:-1] = data["close"][1:] / data["close"][:-1]
    return values


def standardised_over_the_sample(data):
    """Momentum, neutralised by mean and deviation of all sessions instead of today's."""
    values = momentum(data)
    return (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)


def standardised_across(data):
    """Momentum, neutralised over the names of each session."""
    values = momentum(data)
    mean = values.mean(axis=1, keepdims=True)
    return (values - mean) / values.std(axis=1, keepdims=True)


def survivors(data):
    """The names that still have a close in the newest session."""
    alive = np.isfinite(data["close"][-1])
    return np.tile(alive, (len(data["close"]), 1))


def universe_of_next_session(data):
    """Names above their neighbours' median tomorrow."""
    close = np.nan_to_num(data["close"])
    above = close > np.median(close, axis=1, keepdims=True)
    above[:-1] = above[1:]
    return above


class TestExamples:
    def test_an_honest_run(self):
        found = certificate_of(World())
        assert found.passed
        assert found.figures["cuts"] == 20
        assert found.figures["comparisons"] == 40
        assert found.figures["comparisons_changed"] == 0
        assert found.figures["leak_stage"] is None
        assert found.figures["orders_compared"] > 500
        assert "nothing up to it changed" in found.summary

    def test_an_honest_neutralisation(self):
        assert certificate_of(World(factor=standardised_across)).passed

    def test_corporate_actions_of_the_next_morning_change_no_decision(self):
        actions = {
            row: (Split(f"S{row % 8}", 2.0), Dividend(f"S{row % 5}", UNIT, row + 3))
            for row in range(6, 50, 2)
        }
        world = World(facts=MarketFacts(actions=actions, delistings={"S7": 40}))

        class Known(World):
            def derive(self, cut: Cut):
                market = super().derive(cut)
                kept = {row: done for row, done in actions.items() if row <= cut.row}
                gone = {"S7": 40} if cut.row >= 40 else {}
                facts = MarketFacts(actions=kept, delistings=gone)
                return type(market)(market.panel, market.factors, facts)

        known = Known()
        found = prove_causality(
            world.subject(), known.derive, choose_cuts(world.subject(), 56, 1), 1, SAY
        )
        assert found.passed, found.tables[0].rows

    def test_nothing_to_cut_proves_nothing(self):
        world = World()
        found = prove_causality(world.subject(), world.derive, [], 1, SAY)
        assert not found.passed


class TestPlantedLeaks:
    @pytest.mark.parametrize("strategy", [Peeking, PeekingFar, LastOfAll])
    def test_a_strategy_that_looks_ahead(self, strategy):
        world = World()
        # PeekingFar would run off the end of the data on its last decisions.
        subject = world.subject(strategy)
        window = replace(subject.window, last=world.last - 6)
        subject = replace(subject, window=window, scheduled=subject.scheduled[:-6])
        found = certificate_of(world, subject)
        assert not found.passed
        assert found.figures["leak_stage"] == "target"
        assert "target" in found.summary
        assert found.tables[0].title == "Where it leaks"

    def test_where_the_strategy_looks_ahead(self):
        """One session ahead shows at the decision of the cut itself."""
        world = World()
        subject = world.subject(Peeking)
        row = subject.decision_rows()[3]
        found = prove_causality(subject, world.derive, [row], 1, SAY)
        assert found.figures["leak_first_session"] == str(date(2024, 1, 1 + row))
        assert prove_causality(subject, world.derive, [row + 1], 1, SAY).passed

    @pytest.mark.parametrize("factor", [future_factor, standardised_over_the_sample])
    def test_a_factor_that_reads_later_rows(self, factor):
        found = certificate_of(World(factor=factor))
        assert not found.passed
        assert found.figures["leak_stage"] == "factor"
        assert found.figures["leak_name"] == "f"

    def test_where_a_full_sample_neutralisation_leaks(self):
        """Every session changes, from the first that has a value on."""
        found = certificate_of(World(factor=standardised_over_the_sample))
        assert found.figures["leak_first_session"] == "2024-01-04"
        assert found.figures["leak_symbol"] == "S0"

    def test_where_a_future_factor_leaks(self):
        world = World(factor=future_factor)
        found = prove_causality(world.subject(), world.derive, [20, 30], 1, SAY)
        assert {row[4] for row in found.tables[0].rows} == {"2024-01-21", "2024-01-31"}

    @pytest.mark.parametrize("universe", [survivors, universe_of_next_session])
    def test_a_universe_of_the_future(self, universe):
        found = certificate_of(World(universe=universe))
        assert not found.passed
        assert found.figures["leak_stage"] == "universe"
        assert "universe" in found.summary

    def test_values_that_their_data_do_not_give(self):
        """A stored factor of other data is told apart from a leak."""
        world = World()
        subject = world.subject()
        stale = {"f": subject.market.factors["f"] * 1.01}
        market = type(subject.market)(subject.market.panel, stale, subject.market.facts)
        found = certificate_of(world, replace(subject, market=market))
        assert not found.passed
        assert "is not what its data give" in found.summary

    def test_a_market_fact_of_the_future(self):
        """A volatility over the whole sample, which the impact model would read."""

        class WithVolatility(World):
            def derive(self, cut: Cut):
                market = super().derive(cut)
                close = market.panel.close
                whole = np.tile(np.nanstd(close, axis=0), (len(close), 1))
                return type(market)(market.panel, market.factors, MarketFacts(volatility=whole))

        found = certificate_of(WithVolatility())
        assert found.figures["leak_stage"] == "market fact"
        assert found.figures["leak_name"] == "volatility"


class TestCuts:
    def test_half_of_them_where_something_is_decided(self):
        subject = World().subject(every=10)
        cuts = choose_cuts(subject, 8, 1)
        assert len(set(cuts)) == 8
        assert len(set(cuts) & set(subject.decision_rows())) >= 4
        assert min(cuts) >= subject.window.first - 1
        assert max(cuts) < subject.window.last

    def test_no_more_than_there_are(self):
        subject = World().subject()
        assert choose_cuts(subject, 1000, 1) == list(range(3, 59))

    def test_by_seed(self):
        subject = World().subject()
        assert choose_cuts(subject, 9, 1) == choose_cuts(subject, 9, 1)
        assert choose_cuts(subject, 9, 1) != choose_cuts(subject, 9, 2)


class TestAlterations:
    VALUES = np.arange(12.0).reshape(6, 2) + 1

    @pytest.mark.parametrize("alteration", list(Alteration))
    def test_the_past_stays(self, alteration):
        altered = Cut(2, alteration, 1).numbers(self.VALUES, "close")
        assert np.array_equal(altered[:3], self.VALUES[:3])

    def test_noise_replaces_everything(self):
        altered = Cut(2, Alteration.NOISE, 1).numbers(self.VALUES, "close")
        assert altered.shape == self.VALUES.shape
        assert not (altered[3:] == self.VALUES[3:]).any()

    def test_removal_leaves_one_empty_session(self):
        altered = Cut(2, Alteration.REMOVAL, 1).numbers(self.VALUES, "close")
        assert altered.shape == (4, 2)
        assert np.isnan(altered[3]).all()

    def test_flags_and_codes(self):
        member = np.ones((400, 2), dtype=bool)
        noise = Cut(2, Alteration.NOISE, 1).flags(member, "member")
        assert noise[:3].all()
        assert 0.4 < noise[3:].mean() < 0.6
        assert not Cut(2, Alteration.REMOVAL, 1).flags(member, "member")[3:].any()
        codes = np.zeros((5, 2), dtype=np.int64)
        assert Cut(2, Alteration.REMOVAL, 1).codes(codes, "c").tolist()[3] == [-1, -1]

    def test_the_data_themselves_are_untouched(self):
        before = self.VALUES.copy()
        Cut(0, Alteration.NOISE, 1).numbers(self.VALUES, "close")
        assert np.array_equal(before, self.VALUES)
