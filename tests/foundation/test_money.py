from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.money import (
    LARGEST_MICROS,
    checked_micros,
    format_micros,
    micros,
    micros_array,
    rate_on,
)


class TestExamples:
    def test_halves_go_to_even(self):
        # 0.5, 1.5 and 2.5 micros are exact in the product, so only the rule decides.
        assert [micros(x * 1e-6) for x in (0.5, 1.5, 2.5)] == [0, 2, 2]

    def test_rate_on_notional(self):
        assert rate_on(0.001, 500) == 0  # 0.5 of a micro goes to the even 0
        assert rate_on(0.001, 1_500) == 2
        assert rate_on(0.001, -1_500) == -2

    def test_text(self):
        assert format_micros(-1_234_567_895_000) == "-1,234,567.90"
        assert format_micros(999_999, 0) == "1"


class TestReference:
    @given(st.floats(-1e9, 1e9))
    def test_scalar_equals_numpy_rint(self, amount):
        assert micros(amount) == int(np.rint(amount * 1e6))
        assert micros(amount) == int(micros_array(np.array([amount]))[0])

    @given(st.integers(0, 10**12), st.sampled_from([0.001, 0.0005, 0.25, 0.5]))
    def test_rate_equals_decimal_of_the_float_product(self, notional, rate):
        product = Decimal(rate * notional)
        assert rate_on(rate, notional) == int(product.quantize(Decimal(1), ROUND_HALF_EVEN))


class TestRefusals:
    @pytest.mark.parametrize("amount", [float("nan"), float("inf"), float("-inf")])
    def test_no_money_of_unknown_size(self, amount):
        with pytest.raises(InvariantBroken, match="not a finite number"):
            micros(amount)

    def test_too_large_for_the_output_columns(self):
        assert checked_micros(LARGEST_MICROS) == LARGEST_MICROS
        with pytest.raises(InvariantBroken, match="too large"):
            checked_micros(LARGEST_MICROS + 1)
