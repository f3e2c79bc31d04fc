"""Market impact: the worked examples of its sources, what is unknown, order of sizes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.foundation.errors import ConfigurationError
from quant_core.trading.impact import (
    ALMGREN_GAMMA,
    IMPACT_MODELS,
    ImpactColumns,
    ImpactModel,
    almgren_impact,
    impact_model,
)

IBM = {"volume": 6.561e6, "outstanding": 1_728e6, "volatility": 0.0157}
DRI = {"volume": 1.929e6, "outstanding": 168e6, "volatility": 0.0226}


def basis_points_of_a_tenth_of_the_volume(stock: dict[str, float], duration: float) -> float:
    model = almgren_impact(
        duration=duration, sessions_to_trade_all_shares=stock["outstanding"] / stock["volume"]
    )
    return 1e4 * model.fraction(0.1 * stock["volume"], stock["volatility"], stock["volume"])


class TestExamples:
    @pytest.mark.parametrize(
        ("stock", "duration", "published"),
        [
            (IBM, 0.1, 32),
            (IBM, 0.2, 25),
            (IBM, 0.5, 18),
            (DRI, 0.1, 43),
            (DRI, 0.2, 32),
            (DRI, 0.5, 23),
        ],
    )
    def test_the_example_table_of_almgren_and_others(self, stock, duration, published):
        """Realised impact of a tenth of a day's volume of a large and a medium stock."""
        assert round(basis_points_of_a_tenth_of_the_volume(stock, duration)) == published

    @pytest.mark.parametrize(("stock", "published"), [(IBM, 20), (DRI, 22)])
    def test_their_permanent_impact(self, stock, published):
        ratio = stock["outstanding"] / stock["volume"]
        permanent = 2.0 * almgren_impact(sessions_to_trade_all_shares=ratio).permanent
        assert permanent == pytest.approx(ALMGREN_GAMMA * ratio**0.25)
        assert round(1e4 * permanent * stock["volatility"] * 0.1) == published

    def test_the_square_root_by_hand(self):
        # 1 % of the volume at 2 % volatility: 0.02 x 0.1 = 20 bp; and half of 10 bp.
        model = impact_model("square_root", 0.001, 1.0)
        assert model.fraction(10_000, 0.02, 1e6) == pytest.approx(0.0025, rel=1e-15)

    def test_a_whole_session_of_volume_costs_one_volatility(self):
        assert impact_model("square_root", 0.0, 1.0).fraction(5_000, 0.03, 5_000) == 0.03

    def test_half_of_the_spread(self):
        assert impact_model("half_spread", 0.001, 7.0).fraction(10, math.nan, math.nan) == 0.0005

    def test_none_ignores_every_setting(self):
        assert impact_model("none", 0.5, 7.0).fraction(10, math.nan, 0.0) == 0.0

    def test_the_array(self):
        at = ImpactColumns()
        array = impact_model("square_root", 0.001, 0.8).as_array()
        assert (array[at.spread], array[at.coefficient], array[at.exponent]) == (0.001, 0.8, 0.5)
        assert (array[at.duration], array[at.permanent]) == (1.0, 0.0)


class TestReference:
    @given(st.sampled_from(IMPACT_MODELS), st.floats(0, 1e9), st.floats(0, 1), st.floats(1, 1e10))
    def test_the_array_says_the_same(self, name, shares, volatility, volume):
        model = impact_model(name, 0.001, 0.9)
        spread, coefficient, exponent, duration, permanent = model.as_array().tolist()
        share = shares / volume
        power = math.sqrt(share / duration) if exponent == 0.5 else (share / duration) ** exponent
        expected = 0.5 * spread + coefficient * volatility * power + permanent * volatility * share
        assert model.fraction(shares, volatility, volume) == expected


class TestProperties:
    @given(
        st.sampled_from(IMPACT_MODELS),
        st.floats(0, 1e9),
        st.floats(0, 1e6),
        st.floats(0, 1),
        st.floats(1, 1e10),
    )
    def test_never_falls_as_the_shares_rise(self, name, shares, more, volatility, volume):
        model = impact_model(name, 0.001, 0.9)
        less = model.fraction(shares, volatility, volume)
        assert 0.0 <= less <= model.fraction(shares + more, volatility, volume)


class TestRefusals:
    @pytest.mark.parametrize("name", ["square_root", "almgren"])
    @pytest.mark.parametrize(
        ("volatility", "volume"),
        [
            (math.nan, 1e6),
            (0.02, math.nan),
            (0.02, 0.0),
            (-0.02, 1e6),
            (0.02, -1.0),
            (math.inf, 1e6),
        ],
    )
    def test_what_is_not_known_is_unknown(self, name, volatility, volume):
        model = impact_model(name, 0.001, 1.0)
        assert model.needs_market_facts
        assert math.isnan(model.fraction(100, volatility, volume))

    def test_an_unknown_model(self):
        with pytest.raises(ConfigurationError, match="impact model") as refusal:
            impact_model("linear", 0.0, 0.0)
        assert "square_root" in refusal.value.expected

    @pytest.mark.parametrize(
        "wrong",
        [{"spread": -0.1}, {"coefficient": math.nan}, {"permanent": math.inf}, {"duration": 0.0}],
    )
    def test_parameters_that_are_none(self, wrong):
        with pytest.raises(ConfigurationError, match="negative or not finite"):
            ImpactModel("almgren", **wrong)
