"""Every library factor sees the past only, and no farther back than it says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pytest

from quant_core.factors.factor import Factor
from quant_core.factors.plan import look_back
from quant_core.foundation.types import FloatMatrix
from tests.factors.library_market import (
    ALL_FACTORS,
    NUMBER_FIELDS,
    as_source,
    draw_fields,
    evaluate,
)

SYMBOLS = 20
TODAY = max(look_back(factor.expression) for factor in ALL_FACTORS) + 20
SESSIONS = TODAY + 30
NOISY_SESSIONS = 80
SELDOM_KNOWN = {"alpha101_096"}
"""A correlation of short ranks is often constant, and this alpha needs 36 known ones in a row."""


@cache
def true_fields() -> Mapping[str, FloatMatrix]:
    return draw_fields(11, SESSIONS, SYMBOLS)


@cache
def noise_fields() -> Mapping[str, FloatMatrix]:
    return draw_fields(99, SESSIONS, SYMBOLS)


def spliced(change: slice, sessions: slice = slice(None)) -> dict[str, FloatMatrix]:
    """The true bars with noise in the rows of ``change``."""
    fields = {name: true_fields()[name].copy() for name in NUMBER_FIELDS}
    for name, matrix in fields.items():
        matrix[change] = noise_fields()[name][change]
    return {name: matrix[sessions] for name, matrix in fields.items()}


def values_of(factors: Sequence[Factor], fields: Mapping[str, FloatMatrix]) -> list[FloatMatrix]:
    return evaluate([factor.text for factor in factors], as_source(fields))


@cache
def true_values() -> Mapping[str, FloatMatrix]:
    values = values_of(ALL_FACTORS, true_fields())
    return {factor.name: matrix for factor, matrix in zip(ALL_FACTORS, values, strict=True)}


def by_look_back() -> Mapping[int, list[Factor]]:
    groups: dict[int, list[Factor]] = defaultdict(list)
    for factor in ALL_FACTORS:
        groups[look_back(factor.expression)].append(factor)
    return groups


class TestProperties:
    def test_every_factor_has_values(self) -> None:
        for name, matrix in true_values().items():
            if name not in SELDOM_KNOWN:
                assert np.isfinite(matrix[TODAY]).mean() >= 0.1, name

    def test_noise_in_the_future_changes_nothing(self) -> None:
        disturbed = values_of(ALL_FACTORS, spliced(slice(TODAY + 1, None)))
        for factor, matrix in zip(ALL_FACTORS, disturbed, strict=True):
            expected = true_values()[factor.name][: TODAY + 1]
            np.testing.assert_array_equal(matrix[: TODAY + 1], expected, factor.name)

    @pytest.mark.parametrize("memory", sorted(by_look_back()))
    def test_noise_before_the_look_back_changes_nothing(self, memory: int) -> None:
        factors = by_look_back()[memory]
        first = TODAY - memory
        start = max(0, first - NOISY_SESSIONS)
        disturbed = values_of(factors, spliced(slice(0, first), slice(start, TODAY + 1)))
        for factor, matrix in zip(factors, disturbed, strict=True):
            expected = true_values()[factor.name][TODAY]
            np.testing.assert_allclose(
                matrix[-1], expected, rtol=1e-10, atol=1e-12, err_msg=factor.name
            )

    @pytest.mark.parametrize("memory", sorted(by_look_back()))
    def test_the_look_back_is_read_to_its_end(self, memory: int) -> None:
        """The other half of honesty: without the oldest session counted there is no value."""
        factors = [factor for factor in by_look_back()[memory] if not _fades(factor)]
        seen = slice(TODAY - memory, TODAY + 1)
        fields = {name: matrix[seen].copy() for name, matrix in true_fields().items()}
        for matrix in fields.values():
            matrix[0] = np.nan
        for factor, matrix in zip(factors, values_of(factors, fields), strict=True):
            assert np.isnan(matrix[-1]).all(), factor.name

    def test_a_tail_with_its_look_back_equals_the_whole(self) -> None:
        deepest = max(by_look_back())
        start = SESSIONS - 5 - deepest
        tail = {name: matrix[start:] for name, matrix in true_fields().items()}
        for factor, matrix in zip(ALL_FACTORS, values_of(ALL_FACTORS, tail), strict=True):
            expected = true_values()[factor.name][-5:]
            np.testing.assert_allclose(
                matrix[-5:], expected, rtol=1e-10, atol=1e-12, err_msg=factor.name
            )


def _fades(factor: Factor) -> bool:
    """Whether the far end only loses weight (exponential averages) or may not be chosen."""
    return any(word in factor.text for word in ("ts_ema", "ts_wilder", "where"))
