"""Null: random scores earn nothing with a correct engine, and a planted bias shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from quant_core.certificates.expected_book import expected_values
from quant_core.certificates.intervals import mean_interval, student_quantile
from quant_core.certificates.null import (
    CAPITAL,
    RandomScores,
    null_alphas,
    null_certificate,
    null_market,
    prove_null,
    random_brain,
    thinned,
)
from quant_core.market import MarketFacts
from quant_core.trading.actions import Dividend, Rename, Split
from quant_core.trading.target import Weights
from tests.certificates.small_market import SAY, UNIT, World, prices

SEEDS = 200


def trending(symbols: int = 12):
    """Half of the names fall slowly; the others, dear ones, rise by as much."""
    opened, close = prices(60, symbols, seed=5)
    rising = np.arange(symbols) % 2 == 0
    path = np.where(rising, 1.02, 0.99) ** np.arange(60)[:, np.newaxis]
    level = np.where(rising, 40.0, 1.0)
    return {"open": opened * path * level, "close": close * path * level}


class AffordableOnly(RandomScores):
    """Drops the names of which the slot of a small account cannot buy one share."""

    def decide(self, view, book):
        answer = super().decide(view, book)
        if not isinstance(answer, Weights):
            return answer
        price = dict(zip(view.symbols, view.close.tolist(), strict=True))
        slot = {s: w * 1_000 for s, w in answer.weights.items()}
        return Weights({s: w for s, w in answer.weights.items() if price[s] <= slot[s]})


def skipping_brain(brain, seed: int):
    made = random_brain(brain, seed)
    return replace(made, strategy=AffordableOnly(made.strategy, seed))


class TestExamples:
    def test_a_correct_engine(self):
        found = prove_null(World().subject(), SEEDS, 1, SAY)
        assert found.passed
        assert found.figures["seeds"] == SEEDS
        assert found.figures["low"] < 0.0 < found.figures["high"]
        assert found.figures["bootstrap_low"] < 0.0 < found.figures["bootstrap_high"]

    @pytest.mark.parametrize("first_seed", [1000])
    def test_whatever_the_seed(self, first_seed: int):
        assert prove_null(World().subject(), SEEDS, first_seed, SAY).passed

    def test_names_that_part_company(self):
        """A trend in half of the names is no alpha for one who draws among all."""
        found = prove_null(World(data=trending()).subject(top_k=3), SEEDS, 1, SAY)
        assert found.passed, found.summary

    def test_a_delisting_and_corporate_actions(self):
        data = trending()
        closed = data["close"].copy()
        opened = data["open"].copy()
        for prices_ in (closed, opened):
            prices_[30:, 1] = np.nan
            prices_[20:, 3] /= 2
            prices_[25:, 4] *= 0.9
        actions = {
            20: (Split("S3", 2.0),),
            25: (Dividend("S4", round(data["close"][24, 4] * 0.1 * UNIT), 27),),
        }
        facts = MarketFacts(actions=actions, delistings={"S1": 29})
        world = World(data={"open": opened, "close": closed}, facts=facts)
        found = prove_null(world.subject(top_k=3, delisting_return=-0.5), SEEDS, 1, SAY)
        assert found.passed, found.summary


class TestPlantedBiases:
    def test_unaffordable_names_are_skipped(self):
        """The dear names rise, and a small account never holds them."""
        subject = World(data=trending()).subject(top_k=3)
        found = prove_null(subject, SEEDS, 1, SAY, make_brain=skipping_brain)
        assert not found.passed
        assert found.figures["high"] < 0.0
        assert "must earn nothing" in found.summary

    def test_a_benchmark_of_the_wrong_day(self):
        """The market rises by half a per cent a day; the benchmark starts a day late."""
        opened, close = prices(60, 8, drift=0.005, wobble=0.002)
        subject = World(data={"open": opened, "close": close}).subject(top_k=4)
        null = null_market(subject)
        alphas = null_alphas(null, SEEDS, 1)
        assert null_certificate(alphas, null, 1, SAY).passed
        wrong = np.concatenate([[1.0], null.benchmark[:-1]])
        alphas = (alphas * null.years + 1) * null.benchmark[-1] / wrong[-1] - 1
        found = null_certificate(alphas / null.years, replace(null, benchmark=wrong), 1, SAY)
        assert not found.passed

    def test_a_slipped_open(self):
        """An engine that buys at yesterday's close knows the gap before it happens."""
        opened, close = prices(60, 8, wobble=0.002)
        opened, close = (
            values * 1.01 ** np.arange(60)[:, np.newaxis] for values in (opened, close)
        )
        subject = World(data={"open": opened, "close": close}).subject(every=20, top_k=4)
        early = replace(subject.market.panel, open=np.vstack([opened[:1], close[:-1]]))
        null = null_market(subject)
        cheating = replace(null.subject, market=type(subject.market)(early, {}))
        alphas = null_alphas(replace(null, subject=cheating), SEEDS, 1)
        assert null_certificate(alphas, null, 1, SAY).figures["low"] > 0.0


class TestExpectedBook:
    def test_by_hand(self):
        """Bought at 10 and 20 with half each, worth 20 and 20 at the end: 1.5."""
        close = np.array([[10.0, 20.0], [10.0, 20.0], [20.0, 20.0]])
        world = World(data={"open": close, "close": close})
        subject = world.subject(every=10, first=1)
        assert expected_values(subject, 0.0).tolist() == [1.0, 1.5]

    def test_a_gap_is_paid_with_the_cash_there_is(self):
        """Opens 10 % above the close: 10/11 of what was wanted, and no cash left."""
        close = np.array([[10.0], [11.0], [22.0]])
        opened = np.array([[10.0], [11.0], [22.0]])
        subject = World(data={"open": opened, "close": close}).subject(every=10, first=1)
        assert expected_values(subject, 0.0).tolist() == pytest.approx([1.0, 2.0])

    def test_split_dividend_rename_delisting(self):
        close = np.array([[10.0, np.nan, 30.0]] * 2 + [[5.0, np.nan, 27.0]] + [[np.nan, 6, 27.0]])
        world = World(
            data={"open": close, "close": close},
            facts=MarketFacts(
                actions={
                    2: (Dividend("S2", 3 * UNIT, 3), Split("S0", 2.0)),
                    3: (Rename("S0", "S1"),),
                },
                delistings={"S2": 3},
            ),
        )
        values = expected_values(world.subject(every=10, first=1), -0.5)
        # Half in each; S0 becomes twice as many, worth 5, then as S1 6 each; S2 pays 3 of 30.
        assert values.tolist() == pytest.approx([1.0, 1.0, 0.5 * 1.2 + 0.05 + 0.5 * 0.9 * 0.5])

    def test_a_halted_name_keeps_its_price_and_cannot_be_sold(self):
        close = np.array([[10.0, 10.0], [10.0, 10.0], [np.nan, 20.0], [30.0, 20.0]])
        subject = World(data={"open": close, "close": close}).subject(every=1, first=1)
        assert expected_values(subject, 0.0).tolist() == pytest.approx([1.0, 1.5, 2.5])


class TestReference:
    def test_all_names_at_once_are_the_average(self):
        """The engine holding every name is the book the average is: no gaps, no lots."""
        opened, close = prices(60, 8)
        opened[1:] = close[:-1]
        subject = World(data={"open": opened, "close": close}).subject(top_k=8)
        null = null_market(subject)
        history = null.subject.trade(random_brain(subject.new_brain(), 1))
        wealth = history.equity_micros / null.subject.capital_micros
        assert wealth == pytest.approx(null.benchmark, rel=1e-6)

    @pytest.mark.parametrize("degrees", [1, 5, 8, 9, 30, 199, 5000])
    def test_student(self, degrees: int):
        assert student_quantile(degrees) == pytest.approx(stats.t.ppf(0.995, degrees), rel=1e-3)

    def test_interval(self):
        sample = np.random.default_rng(2).normal(0.1, 1, 300)
        found = mean_interval(sample, 1)
        own = stats.t.interval(0.99, 299, sample.mean(), stats.sem(sample))
        assert (found.low, found.high) == pytest.approx(own, rel=1e-3)
        assert found.bootstrap_low == pytest.approx(found.low, abs=0.03)
        assert found.bootstrap_high == pytest.approx(found.high, abs=0.03)


class TestProperties:
    def test_scores_depend_on_seed_and_session_alone(self):
        subject = World().subject()
        strategy = RandomScores(subject.new_brain().strategy, 5)
        book = None
        once = strategy.decide(subject.market.view(9), book)
        strategy.decide(subject.market.view(10), book)
        assert strategy.decide(subject.market.view(9), book) == once
        other = RandomScores(subject.new_brain().strategy, 6)
        answers = [other.decide(subject.market.view(row), book) for row in range(5, 20)]
        assert answers != [strategy.decide(subject.market.view(row), book) for row in range(5, 20)]

    def test_nothing_costs(self):
        subject = World().subject()
        rules = random_brain(subject.new_brain(), 1).execution
        assert (rules.slippage, rules.cash_buffer, rules.participation_cap) == (0.0, 0.0, None)

    def test_a_dense_schedule_is_thinned(self):
        assert thinned(np.ones(1000, dtype=bool)).sum() == 59
        few = np.array([True, False, True])
        assert np.array_equal(thinned(few), few)

    def test_lots_hardly_matter(self):
        assert CAPITAL >= 1e9
