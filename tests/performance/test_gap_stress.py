"""What a gap stress draws, and what it says of many runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.performance.gap_stress import (
    LARGEST_GAP,
    Distribution,
    GapOutcome,
    GapPool,
    GapStress,
    draw_sessions,
    drawn_gaps,
    gap_outcome,
    level_facts,
    market_volatility,
    overnight_gaps,
    stressed_prices,
    volatility_levels,
)
from tests.reports.runs import CAPITAL, UNIT, busy_run

NAN = float("nan")


def pool_of(gaps, levels, member=None) -> GapPool:
    table = np.array(gaps, dtype=np.float64)
    inside = np.ones(table.shape, dtype=np.bool_) if member is None else np.array(member)
    return GapPool.of(table, inside, np.array(levels, dtype=np.int64))


class TestExamples:
    def test_a_gap_needs_two_known_prices(self):
        price = np.array([[11.0, NAN, 0.0, 5.0]])
        reference = np.array([[10.0, 10.0, 10.0, NAN]])
        assert overnight_gaps(price, reference)[0, 0] == pytest.approx(0.1)
        assert np.isnan(overnight_gaps(price, reference)[0, 1:]).all()

    def test_an_absurd_gap_is_cut(self):
        found = overnight_gaps(np.array([[1000.0, 0.01]]), np.array([[1.0, 1.0]]))
        assert found.tolist() == [[LARGEST_GAP, -LARGEST_GAP]]

    def test_the_volatility_of_a_session_ends_the_day_before(self):
        close = np.array([[100.0], [110.0], [99.0], [500.0]])
        reference = np.array([[NAN], [100.0], [110.0], [99.0]])
        member = np.ones(close.shape, dtype=np.bool_)
        found = market_volatility(close, reference, member, window=2)
        # The returns of the days 1 and 2 are +10 % and -10 %: known before day 3 alone.
        assert np.isnan(found[:3]).all()
        assert found[3] == pytest.approx(np.std([0.1, -0.1], ddof=1))

    def test_one_wrong_price_makes_no_storm(self):
        generator = np.random.default_rng(1)
        close = 100 * np.cumprod(1 + generator.normal(0, 0.01, (60, 9)), axis=0)
        reference = np.vstack([np.full((1, 9), NAN), close[:-1]])
        wrong = close.copy()
        wrong[30, 4] *= 1000
        member = np.ones(close.shape, dtype=np.bool_)
        calm, odd = (market_volatility(c, reference, member)[40] for c in (close, wrong))
        assert odd == pytest.approx(calm, rel=0.2)

    def test_a_name_outside_the_universe_does_not_count(self):
        close = np.array([[100.0, 1.0], [101.0, 9.0], [99.0, 1.0], [100.0, 9.0]])
        reference = np.vstack([np.full((1, 2), NAN), close[:-1]])
        alone = market_volatility(close[:, :1], reference[:, :1], np.full((4, 1), True), 2)
        member = np.tile([True, False], (4, 1))
        np.testing.assert_array_equal(market_volatility(close, reference, member, 2), alone)

    def test_sessions_are_drawn_from_their_own_level(self):
        pool = pool_of([[0.1], [0.2], [0.3], [0.4]], [0, 1, 0, 1])
        drawn = draw_sessions(pool, np.array([0, 1] * 50), np.random.default_rng(3))
        assert set(drawn[::2].tolist()) == {0, 2}
        assert set(drawn[1::2].tolist()) == {1, 3}

    def test_an_unknown_level_draws_from_all(self):
        pool = pool_of([[0.1], [0.2], [NAN]], [-1, 0, 0])
        drawn = draw_sessions(pool, np.zeros(60, dtype=np.int64), np.random.default_rng(3))
        assert set(drawn.tolist()) == {0, 1}

    def test_without_any_gap_nothing_is_drawn(self):
        pool = pool_of([[NAN], [NAN]], [0, 0])
        generator = np.random.default_rng(3)
        drawn = draw_sessions(pool, np.array([0, 1]), generator)
        assert drawn.tolist() == [-1, -1]
        price = np.array([[7.0], [8.0]])
        assert stressed_prices(price, price, drawn_gaps(pool, drawn, generator)).tolist() == [
            [7.0],
            [8.0],
        ]

    def test_names_without_a_gap_borrow_one_of_the_universe(self):
        pool = pool_of([[0.1, NAN, 0.3]], [0], member=[[True, True, False]])
        made = drawn_gaps(pool, np.zeros(30, dtype=np.int64), np.random.default_rng(1))
        assert set(made[:, 1].tolist()) == {0.1}
        assert set(made[:, 2].tolist()) == {0.3}

    def test_levels_say_what_they_hold(self):
        pool = pool_of([[0.1], [-0.3], [0.2], [NAN]], [0, 0, 2, 1])
        calm, normal, turbulent = level_facts(pool)
        assert (calm.sessions, calm.largest_gap) == (2, pytest.approx(0.3))
        assert calm.mean_gap == pytest.approx(0.2)
        assert (normal.sessions, turbulent.sessions) == (0, 1)
        assert np.isnan(normal.mean_gap)

    def test_outcome_of_a_run(self):
        found = gap_outcome("bootstrap", 4, busy_run(10))
        assert (found.scenario, found.number, found.truncated_orders) == ("bootstrap", 4, 0)
        assert found.lowest_cash_micros == CAPITAL - 201 * UNIT
        assert found.lowest_cash_fraction == pytest.approx(799 / (799 + 2 * 106))

    def test_the_distribution_is_that_of_the_drawn_runs_alone(self):
        run = GapOutcome("as_traded", 0, 99, 99, 99, 99, 0.99, 99)
        drawn = [
            replace(run, scenario="bootstrap", number=n, final_equity_micros=n * UNIT)
            for n in range(1, 102)
        ]
        stress = GapStress(0.05, 7, run, (run,), tuple(drawn), (), 0)
        assert stress.distributions()["final_equity"] == Distribution(1.0, 6.0, 51.0, 96.0, 101.0)
        assert len(stress.outcomes) == 103


class TestProperties:
    @given(seed=st.integers(0, 2**32), columns=st.integers(1, 5))
    @settings(max_examples=40)
    def test_whole_cross_sections_are_kept(self, seed: int, columns: int):
        generator = np.random.default_rng(seed)
        gaps = generator.normal(0, 0.05, (12, columns))
        pool = pool_of(gaps, generator.integers(-1, 3, 12))
        source = draw_sessions(pool, np.arange(12), generator)
        np.testing.assert_array_equal(drawn_gaps(pool, source, generator), gaps[source])

    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=40)
    def test_a_market_without_changes_gives_its_own_prices_back(self, seed: int):
        generator = np.random.default_rng(seed)
        reference = generator.uniform(5, 50, (6, 4))
        price = np.where(generator.random((6, 4)) < 0.2, NAN, reference * 1.25)
        made = stressed_prices(price, reference, overnight_gaps(price, reference))
        np.testing.assert_allclose(made, price)

    @given(seed=st.integers(0, 2**32), count=st.integers(3, 60))
    @settings(max_examples=40)
    def test_terciles_hold_a_third_each(self, seed: int, count: int):
        volatility = np.random.default_rng(seed).uniform(0.01, 0.05, count)
        levels, (low, high) = volatility_levels(volatility)
        assert low <= high
        sizes = np.bincount(levels, minlength=3)
        assert sizes.sum() == count
        assert sizes.max() - sizes.min() <= 2
        assert volatility[levels == 0].max() <= volatility[levels == 2].min()
