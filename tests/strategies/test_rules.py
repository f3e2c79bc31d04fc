from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from quant_core.foundation.errors import StrategyError
from quant_core.foundation.settings import RiskSettings, StrategySettings
from quant_core.foundation.settings_section import Section
from quant_core.strategies import STRATEGIES, create_strategy, register_strategy, strategy_sections
from quant_core.strategies.base import BaseStrategy, MarketView
from quant_core.strategies.rotation import EtfRotationSettings
from quant_core.strategies.rules import LinearSettings, highest, standardise
from quant_core.trading.account import Book
from quant_core.trading.target import Flat, Hold, Weights
from tests.engine.market_strategies import small_panel

NAN = math.nan
BOOK = Book.opening(1_000_000)


def settings_of(kind: str, options: Section, top_k: int = 2) -> StrategySettings:
    risk = RiskSettings(
        max_pos_weight=None, stop_loss_pct=None, max_drawdown_pct=None, breaker_cooldown=None
    )
    return StrategySettings(name="test", type=kind, top_k=top_k, risk=risk, options=options)


def linear(weights: dict[str, float], top_k: int = 2, weighting: str = "equal") -> BaseStrategy:
    options = LinearSettings(
        weights=weights, weighting=weighting, short_names=0, short_exposure=0.0
    )
    return create_strategy(settings_of("linear", options, top_k))


def view_of(close: Sequence[list[float]], factors: dict[str, list[list[float]]], row: int = -1):
    panel = small_panel(close, close, np.ones(np.shape(close)))
    named = {name: np.array(values, dtype=float) for name, values in factors.items()}
    return MarketView(panel, named, row % len(close))


class TestLinear:
    def test_by_hand(self):
        # f: 1, 2, 3 -> z -1, 0, 1; g: 6, 0, 3 -> z 1, -1, 0; weights 3 and -1 -> 0.75, -0.25
        # scores: -0.75 - 0.25 = -1; 0 + 0.25 = 0.25; 0.75 + 0 = 0.75
        view = view_of([[10, 10, 10]], {"f": [[1, 2, 3]], "g": [[6, 0, 3]]})
        target = linear({"f": 3.0, "g": -1.0}).decide(view, BOOK)
        assert target == Weights({"S2": 0.5, "S1": 0.5})

    def test_a_missing_factor_counts_as_zero_and_missing_all_is_not_eligible(self):
        view = view_of([[10, 10, 10, 10]], {"f": [[5, NAN, 1, NAN]], "g": [[0, 2, 1, NAN]]})
        target = linear({"f": 1.0, "g": 1.0}, top_k=9).decide(view, BOOK)
        assert isinstance(target, Weights)
        assert set(target.weights) == {"S0", "S1", "S2"}

    def test_a_name_without_a_close_is_not_eligible(self):
        view = view_of([[10, NAN]], {"f": [[1, 9]]})
        assert linear({"f": 1.0}).decide(view, BOOK) == Weights({"S0": 1.0})

    def test_ties_go_to_the_first_symbol(self):
        view = view_of([[1, 1, 1]], {"f": [[7, 7, 7]]})
        assert linear({"f": 1.0}, top_k=1).decide(view, BOOK) == Weights({"S0": 1.0})

    def test_nothing_known_is_hold(self):
        view = view_of([[1, 1]], {"f": [[NAN, NAN]]})
        assert isinstance(linear({"f": 1.0}).decide(view, BOOK), Hold)

    def test_score_and_inverse_volatility_weights(self):
        view = view_of([[1, 1, 1]], {"f": [[0, 1, 3]], "volatility_20": [[0.1, 0.2, 0.1]]})
        by_score = linear({"f": 1.0}, weighting="score").decide(view, BOOK)
        assert isinstance(by_score, Weights)
        assert by_score.weights == pytest.approx({"S2": 0.75, "S1": 0.25})
        by_risk = linear({"f": 1.0}, weighting="inverse_volatility").decide(view, BOOK)
        assert isinstance(by_risk, Weights)
        assert by_risk.weights == pytest.approx({"S2": 2 / 3, "S1": 1 / 3})

    def test_cap_weights_leave_out_names_without_a_positive_cap(self):
        view = view_of(
            [[1, 1, 1, 1, 1, 1]],
            {"f": [[0, 1, 2, 3, 4, 5]], "$cap": [[9e9, 3e9, 1e9, NAN, 0, math.inf]]},
        )
        # S3 to S5 score highest but have no cap; the best two of the others are S2 and S1
        target = linear({"f": 1.0}, weighting="cap").decide(view, BOOK)
        assert isinstance(target, Weights)
        assert target.weights == pytest.approx({"S2": 0.25, "S1": 0.75})

    def test_cap_weights_without_any_cap_are_hold(self):
        view = view_of([[1, 1]], {"f": [[1, 2]], "$cap": [[NAN, -1]]})
        assert isinstance(linear({"f": 1.0}, weighting="cap").decide(view, BOOK), Hold)

    @pytest.mark.parametrize(
        ("weighting", "added"),
        [("equal", []), ("inverse_volatility", ["volatility_20"]), ("cap", ["$cap"])],
    )
    def test_declares_what_it_reads(self, weighting, added):
        strategy = linear({"b": 1.0, "a": 1.0}, weighting=weighting)
        assert set(strategy.factors) == {"a", "b", *added}

    @pytest.mark.parametrize("weights", [{}, {"f": 0.0}])
    def test_weights_that_say_nothing_are_refused(self, weights):
        with pytest.raises(StrategyError, match="all zero or missing"):
            linear(weights)


class TestEqualWeight:
    def test_every_eligible_name(self):
        view = view_of([[1, NAN, 3]], {})
        target = create_strategy(settings_of("equal_weight", Section(), 1)).decide(view, BOOK)
        assert target == Weights({"S0": 0.5, "S2": 0.5})


class TestRotation:
    CLOSE = (
        [10, 10, 10],
        [11, 12, 10],
        [12, 9, NAN],  # S0 strongest and above its trend; S1 weak; S2 absent today
    )

    def rotation(self, top_k: int = 1, assets=("S0", "S1")) -> BaseStrategy:
        options = EtfRotationSettings(
            assets=assets, safe_asset="S2", momentum_sessions=2, trend_sessions=3
        )
        return create_strategy(settings_of("etf_rotation", options, top_k))

    def test_the_strongest_above_its_trend(self):
        target = self.rotation().decide(view_of(self.CLOSE, {}), BOOK)
        assert target == Weights({"S0": 1.0})

    def test_below_the_trend_goes_to_the_safe_asset(self):
        target = self.rotation(top_k=2).decide(view_of(self.CLOSE, {}), BOOK)
        assert target == Weights({"S0": 0.5, "S2": 0.5})

    def test_without_history_all_is_safe(self):
        target = self.rotation().decide(view_of(self.CLOSE, {}, row=0), BOOK)
        assert target == Weights({"S2": 1.0})

    def test_a_repeated_asset_is_refused(self):
        with pytest.raises(ValidationError, match="names an asset more than once"):
            self.rotation(assets=("S0", "S1", "S0"))

    def test_the_safe_asset_may_be_among_the_assets(self):
        target = self.rotation(top_k=2, assets=("S0", "S2")).decide(view_of(self.CLOSE, {}), BOOK)
        assert target == Weights({"S0": 0.5, "S2": 0.5})

    def test_no_assets_are_refused(self):
        with pytest.raises(StrategyError, match="list of assets"):
            self.rotation(assets=())


class TestFactory:
    def test_an_unknown_type_lists_the_known_ones(self):
        with pytest.raises(StrategyError) as caught:
            create_strategy(settings_of("linaer", Section()))
        assert "equal_weight" in caught.value.expected
        assert caught.value.fix == "did you mean 'linear'?"

    def test_a_new_strategy_is_known_by_decoration_alone(self):
        @register_strategy("always_flat")
        class AlwaysFlat(BaseStrategy):
            def decide(self, view, book):
                return Flat("by nature")

        try:
            made = create_strategy(settings_of("always_flat", Section()))
            assert made.decide(view_of([[1]], {}), BOOK) == Flat("by nature")
            assert strategy_sections()["always_flat"] is Section
        finally:
            STRATEGIES.discard("always_flat")


class TestView:
    def test_shows_nothing_later_and_cannot_be_written(self):
        view = view_of([[1.0], [2.0], [3.0]], {"f": [[1], [2], [3]]}, row=1)
        assert view.close.tolist() == [2.0]
        assert view.factor("f").tolist() == [2.0]
        assert view.close_history("S0").tolist() == [1.0, 2.0]
        with pytest.raises(ValueError, match="read-only"):
            view.close[0] = 9.0

    def test_an_undeclared_factor_is_refused(self):
        with pytest.raises(StrategyError, match="did not declare"):
            view_of([[1.0]], {"f": [[1]]}).factor("g")

    def test_an_unknown_symbol_is_refused(self):
        with pytest.raises(StrategyError, match="does not have"):
            view_of([[1.0]], {}).close_history("X")


class TestProperties:
    @given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(NAN)), min_size=1, max_size=30))
    def test_z_scores_have_mean_zero_and_unit_spread(self, values):
        array = np.array(values)
        z = standardise(array, np.ones(len(array), dtype=bool))
        known = np.isfinite(array)
        assert (z[~known] == 0).all()
        sample = array[known]
        if len(sample) > 1 and np.ptp(sample) > 1e-3 * np.abs(sample).max():
            assert abs(z[known].mean()) < 1e-9
            assert z[known].std(ddof=1) == pytest.approx(1.0)

    @given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.integers(1, 5))
    def test_highest_equals_a_sort_by_score_then_column(self, scores, count):
        array = np.array(scores, dtype=float)
        expected = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:count]
        assert highest(array, np.ones(len(array), dtype=bool), count).tolist() == expected
