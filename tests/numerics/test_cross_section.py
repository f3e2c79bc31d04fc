"""Statistics across the symbols of a session."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quant_core.foundation.errors import ExpressionError, InvariantBroken
from quant_core.numerics import cross_section
from quant_core.numerics import reference_cross_section as twins
from tests.numerics.panels import grouped_panels, market, panels

PLAIN = ("cs_rank", "cs_mean", "cs_demean", "cs_zscore", "cs_scale")
GROUPED = ("group_rank", "group_mean", "group_demean", "group_neutralize", "group_zscore")


def of(module, name, suffix=""):
    return getattr(module, f"{name}{suffix}")


def row(*values):
    return np.array([values], dtype=np.float64)


class TestExamples:
    def test_a_constant_row(self):
        x = row(0.1, 0.1, np.nan, 0.1)
        assert cross_section.cs_mean(x)[0, 0] == 0.1
        assert cross_section.cs_zscore(x)[0, [0, 1, 3]].tolist() == [0.0, 0.0, 0.0]
        assert cross_section.cs_demean(x)[0, [0, 1, 3]].tolist() == [0.0, 0.0, 0.0]
        assert cross_section.cs_rank(x)[0, 0] == 2 / 3
        assert cross_section.cs_quantile(x, 5)[0, 0] == 0.0

    def test_one_name(self):
        x = row(np.nan, 7.0)
        assert cross_section.cs_rank(x)[0, 1] == 1.0
        assert cross_section.cs_zscore(x)[0, 1] == 0.0
        assert cross_section.cs_quantile(x, 5)[0, 1] == 0.0
        assert cross_section.cs_winsorize(x, 0.1, 0.9)[0, 1] == 7.0

    def test_infinities_take_no_part(self):
        x = row(np.inf, 1.0, 3.0, -np.inf)
        assert cross_section.cs_rank(x)[0, 1:3].tolist() == [0.5, 1.0]
        assert cross_section.cs_demean(x)[0, 1:3].tolist() == [-1.0, 1.0]
        assert np.isnan(cross_section.cs_rank(x)[0, [0, 3]]).all()

    def test_a_row_of_zeros_cannot_be_scaled(self):
        assert np.isnan(cross_section.cs_scale(row(0.0, 0.0))).all()

    def test_large_group_numbers(self):
        x, gics = row(1.0, 3.0, 5.0, 9.0), np.array([[45102010, 45102010, -1, 10101010]])
        assert cross_section.group_mean(x, gics)[0, [0, 1, 3]].tolist() == [2.0, 2.0, 9.0]
        assert np.isnan(cross_section.group_mean(x, gics)[0, 2])

    def test_collinear_exposures_do_no_harm(self):
        x, size = np.random.default_rng(0).normal(size=(2, 4, 30))
        groups = np.tile(np.arange(30) % 3, (4, 1))
        member = (groups == 1).astype(np.float64)
        alone = cross_section.cs_neutralize(x, groups, [size])
        crowded = cross_section.cs_neutralize(
            x, groups, [size, member, 2 * size + 3, size - member]
        )
        np.testing.assert_allclose(crowded, alone, rtol=0, atol=1e-12)

    def test_a_perfect_fit_leaves_exactly_nothing(self):
        x, size = np.random.default_rng(1).normal(size=(2, 1, 9))
        groups = np.zeros((1, 9), dtype=np.int64)
        assert (cross_section.cs_neutralize(3 * size + 0.7, groups, [size]) == 0.0).all()
        assert (cross_section.cs_neutralize(np.full((1, 9), 0.1), groups, [x]) == 0.0).all()

    def test_a_name_without_an_exposure_takes_no_part(self):
        y, x = row(1.0, 2.0, 9.0, 4.0), row(1.0, 2.0, np.nan, 4.0)
        left = cross_section.cs_regress_resid(y, [x])
        assert np.isnan(left[0, 2])
        np.testing.assert_allclose(left[0, [0, 1, 3]], 0.0, atol=1e-15)


class TestReference:
    @pytest.mark.parametrize("name", PLAIN)
    @settings(max_examples=50)
    @given(drawn=panels(most_sessions=3, most_symbols=12))
    def test_equals_its_twin_to_the_bit(self, name, drawn):
        (x,) = drawn
        np.testing.assert_array_equal(of(cross_section, name)(x), of(twins, name, "_py")(x))

    @pytest.mark.parametrize("name", GROUPED)
    @settings(max_examples=50)
    @given(drawn=grouped_panels())
    def test_groups_equal_their_twin_to_the_bit(self, name, drawn):
        x, groups, _ = drawn
        expected = of(twins, name, "_py")(x, groups)
        np.testing.assert_array_equal(of(cross_section, name)(x, groups), expected)

    @settings(max_examples=50)
    @given(drawn=panels(most_sessions=3, most_symbols=12), bins=st.integers(1, 6))
    def test_quantiles_equal_their_twin_to_the_bit(self, drawn, bins):
        (x,) = drawn
        computed = cross_section.cs_quantile(x, bins)
        np.testing.assert_array_equal(computed, twins.cs_quantile_py(x, bins))
        levels = (0.1 * bins, 0.1 * bins + 0.3)
        computed = cross_section.cs_winsorize(x, *levels)
        np.testing.assert_array_equal(computed, twins.cs_winsorize_py(x, *levels))

    @settings(max_examples=50)
    @given(drawn=grouped_panels(exposures=2))
    def test_residuals_equal_their_twin_to_the_bit(self, drawn):
        x, groups, exposures = drawn
        computed = cross_section.cs_neutralize(x, groups, exposures)
        np.testing.assert_array_equal(computed, twins.cs_neutralize_py(x, groups, exposures))
        computed = cross_section.cs_regress_resid(x, exposures)
        np.testing.assert_array_equal(computed, twins.cs_regress_resid_py(x, exposures))

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_residuals_equal_a_singular_value_decomposition(self, count):
        draw = np.random.default_rng(8)
        x, *exposures = draw.normal(1.0, 1.0, size=(1 + count, 6, 80))
        x[2, 5:9] = np.nan
        groups = draw.integers(-1, 7, x.shape)
        computed = cross_section.cs_neutralize(x, groups, exposures)
        for t in range(len(x)):
            members = (groups[t] >= 0) & ~np.isnan(x[t])
            dummies = [groups[t, members] == code for code in range(7)]
            design = np.column_stack([*dummies, *(e[t, members] for e in exposures)]) * 1.0
            fit = design @ np.linalg.lstsq(design, x[t, members])[0]
            np.testing.assert_allclose(computed[t, members], x[t, members] - fit, atol=1e-12)
            assert np.isnan(computed[t, ~members]).all()

    def test_twins_on_a_market(self):
        close, volume = market(2, 40, 60)
        groups = np.random.default_rng(3).integers(-1, 6, close.shape)
        for name in PLAIN:
            expected = of(twins, name, "_py")(volume)
            np.testing.assert_array_equal(of(cross_section, name)(volume), expected)
        for name in GROUPED:
            expected = of(twins, name, "_py")(volume, groups)
            np.testing.assert_array_equal(of(cross_section, name)(volume, groups), expected)
        x, size = np.log(close), np.log1p(volume)
        computed = cross_section.cs_neutralize(x, groups, [size, size**2])
        expected = twins.cs_neutralize_py(x, groups, [size, size**2])
        np.testing.assert_array_equal(computed, expected)

    def test_equals_pandas_and_scipy(self):
        draw = np.random.default_rng(4)
        x = np.round(draw.normal(size=(20, 31)), 1)
        x[3, 5:9] = np.nan
        frame = pd.DataFrame(x)
        ranks = frame.rank(axis=1, pct=True).to_numpy()
        np.testing.assert_allclose(cross_section.cs_rank(x), ranks, rtol=1e-15)
        scores = stats.zscore(x, axis=1, ddof=1, nan_policy="omit")
        np.testing.assert_allclose(cross_section.cs_zscore(x), scores, rtol=1e-10, atol=1e-13)
        distinct = draw.normal(size=(20, 32))
        bins = np.array([pd.qcut(values, 5, labels=False) for values in distinct])
        np.testing.assert_array_equal(cross_section.cs_quantile(distinct, 5), bins)
        groups = draw.integers(0, 4, x.shape)
        for t in range(20):
            within = frame.loc[t].groupby(groups[t])
            expected = within.rank(pct=True).to_numpy()
            np.testing.assert_allclose(cross_section.group_rank(x, groups)[t], expected, rtol=1e-15)

    def test_levels_of_a_winsorisation(self):
        x = np.random.default_rng(5).standard_t(2, size=(5, 200))
        floor, ceiling = np.quantile(x, [0.025, 0.975], axis=1)
        expected = np.clip(x, floor[:, None], ceiling[:, None])
        np.testing.assert_allclose(
            cross_section.cs_winsorize(x, 0.025, 0.975), expected, rtol=1e-12
        )


class TestProperties:
    @pytest.mark.parametrize("name", [*PLAIN, *GROUPED, "cs_neutralize"])
    def test_rows_do_not_meet_and_the_input_is_left_alone(self, name):
        _, x = market(6, 300, 400)
        groups = np.random.default_rng(7).integers(-1, 9, x.shape)
        more = () if name in PLAIN else (groups,)
        before = x.copy(), groups.copy()
        full = of(cross_section, name)(x, *more)
        np.testing.assert_array_equal((x, groups), before)
        part = of(cross_section, name)(x[170:180], *(codes[170:180] for codes in more))
        np.testing.assert_array_equal(part, full[170:180])

    @settings(max_examples=40)
    @given(drawn=panels(most_sessions=3, most_symbols=12))
    def test_equal_values_rank_alike_and_ranks_average_to_the_middle(self, drawn):
        (x,) = drawn
        ranks = cross_section.cs_rank(x)
        for values, placed in zip(x, ranks, strict=True):
            known = np.isfinite(values)
            assert np.isnan(placed[~known]).all()
            if known.any():
                middle = (known.sum() + 1) / (2 * known.sum())
                assert placed[known].mean() == pytest.approx(middle)
            for value in set(values[known]):
                assert len(set(placed[values == value])) == 1


class TestRefusals:
    def test_levels(self):
        with pytest.raises(ExpressionError, match="levels of a winsorisation"):
            cross_section.cs_winsorize(np.ones((2, 3)), 0.9, 0.1)

    def test_bins(self):
        with pytest.raises(ExpressionError, match="number of quantile bins"):
            cross_section.cs_quantile(np.ones((2, 3)), 0)

    def test_shapes(self):
        x = np.ones((2, 3))
        with pytest.raises(InvariantBroken, match="differ in shape"):
            cross_section.group_mean(x, np.zeros(3, dtype=np.int64))
        with pytest.raises(InvariantBroken, match="differ in shape"):
            cross_section.cs_regress_resid(x, [np.ones((2, 2))])
