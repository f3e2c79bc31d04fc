"""The operator table: every row complete, every name unique, the reference page its image."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.factors.dialects import OVERLOADED, QLIB_REWRITTEN, REFUSED, REWRITTEN
from quant_core.factors.elementwise import ELEMENT_FUNCTIONS
from quant_core.factors.kernels import kernel_of
from quant_core.factors.operator_table import OPERATORS
from quant_core.factors.operators import (
    Family,
    Kind,
    LookBack,
    Operator,
    OperatorTable,
    Parameter,
    UnitRule,
)
from quant_core.factors.reference import render_operator_reference
from quant_core.foundation.errors import ExpressionError, InvariantBroken
from quant_core.numerics import (
    reference_cross_section,
    reference_regression,
    reference_rolling,
)
from tests.factors import naive

ROWS = list(OPERATORS.values())
ELEMENT_ROWS = [row for row in ROWS if row.family is Family.ELEMENT]
KERNEL_ROWS = [row for row in ROWS if row.family is not Family.ELEMENT]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "operators.md"

EXPECTED_NAMES = """
    delay delta ts_sum ts_mean ts_std ts_var ts_min ts_max ts_argmin ts_argmax ts_rank
    ts_quantile ts_median ts_skew ts_kurt ts_cov ts_corr ts_beta ts_slope ts_rsquare ts_resid
    ts_product ts_decay_linear ts_ema ts_wilder ts_count ts_max_drawdown ts_zscore
    rank zscore demean scale winsorize quantile neutralize group_rank group_mean
    group_neutralize regress_resid log sqrt sign abs power signed_power min max clip where
"""


def row(name: str, *aliases: str) -> Operator:
    return Operator(
        name=name,
        family=Family.ELEMENT,
        parameters=(Parameter("x", Kind.EXPRESSION),),
        units=UnitRule.ANY,
        missing="",
        kernel="",
        twin="",
        cost=1.0,
        documentation="",
        aliases=aliases,
    )


def numbers() -> st.SearchStrategy[float]:
    plain = st.floats(-1e6, 1e6, allow_subnormal=False)
    return plain | st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, math.nan, math.inf, -math.inf])


class TestExamples:
    @pytest.mark.parametrize("name", EXPECTED_NAMES.split())
    def test_the_fields_usual_names_exist(self, name):
        assert OPERATORS.canonical(name) or name in OVERLOADED

    @pytest.mark.parametrize("entry", ROWS, ids=lambda entry: entry.name)
    def test_rows_are_complete(self, entry):
        assert entry.documentation
        assert entry.missing
        assert entry.kernel
        assert entry.twin
        assert entry.cost > 0
        assert entry.name == entry.name.lower()
        windows = [p for p in entry.parameters if p.kind is Kind.WINDOW]
        assert len(windows) == (entry.family is Family.TIME_SERIES)
        assert (entry.look_back is LookBack.NONE) == (not windows)
        assert all(p.kind is not Kind.EXPRESSIONS for p in entry.parameters[:-1])

    def test_element_rows_and_element_functions_match(self):
        assert {entry.kernel for entry in ELEMENT_ROWS} == set(ELEMENT_FUNCTIONS)

    @pytest.mark.parametrize("entry", KERNEL_ROWS, ids=lambda entry: entry.name)
    def test_kernels_and_their_readable_twins_exist(self, entry):
        twins = (reference_rolling, reference_regression, reference_cross_section)
        assert callable(kernel_of(entry.kernel))
        assert any(callable(getattr(module, entry.twin, None)) for module in twins)

    def test_signatures(self):
        shown = {entry.name: entry.signature for entry in ROWS}
        assert shown["ts_quantile"] == "ts_quantile(x, n, q)"
        assert shown["scale"] == "scale(x, a = 1)"
        assert shown["neutralize"] == "neutralize(x, group, exposure...)"
        assert shown["regress_resid"] == "regress_resid(y, x, ...)"

    @pytest.mark.parametrize(
        ("name", "window", "sessions"),
        [
            ("delay", 0, 0),
            ("delay", 5, 5),
            ("delta", 5, 5),
            ("ts_mean", 5, 4),
            ("ts_ema", 1, 0),
            ("ts_ema", 5, 63),
            ("ts_wilder", 1, 0),
            ("ts_wilder", 14, 511),
            ("rank", 1, 0),
        ],
    )
    def test_earlier_sessions(self, name, window, sessions):
        assert OPERATORS[name].earlier_sessions(window) == sessions

    @pytest.mark.parametrize(("name", "alpha"), [("ts_ema", 2 / 15), ("ts_wilder", 1 / 14)])
    def test_the_look_back_of_an_average_is_where_it_forgets(self, name, alpha):
        sessions = OPERATORS[name].earlier_sessions(14)
        assert (1 - alpha) ** (sessions + 1) <= 1e-9

    def test_dialect_tables_lead_to_operators(self):
        for counts in OVERLOADED.values():
            assert all(name in OPERATORS for name in counts.values())
        for table in (REWRITTEN, QLIB_REWRITTEN):
            assert all(entry.operator in OPERATORS for entry in table.values())
        taken = set(OPERATORS.names)
        assert not taken & set(REWRITTEN)
        assert not taken & set(REFUSED)
        assert all(
            counts.get(1, name) == name for name, counts in OVERLOADED.items() if name in taken
        )

    def test_the_reference_page_is_the_table(self):
        assert PAGE.read_text(encoding="utf-8") == render_operator_reference()

    def test_the_reference_page_names_every_operator_and_alias(self):
        page = render_operator_reference()
        for entry in ROWS:
            assert f"`{entry.signature}`" in page
            assert all(f"`{alias}`" in page for alias in entry.aliases)


class TestReference:
    @pytest.mark.parametrize("entry", ELEMENT_ROWS, ids=lambda entry: entry.name)
    @given(data=st.data())
    def test_element_operators_equal_plain_arithmetic(self, entry, data):
        arguments = [data.draw(numbers()) for _ in entry.parameters]
        if entry.name == "clip":
            arguments[1:] = [-1.5, 2.0]
        arrays = [np.full((1, 2), argument) for argument in arguments]
        with np.errstate(all="ignore"):
            on_arrays = ELEMENT_FUNCTIONS[entry.name](*arrays)
            beside_numbers = ELEMENT_FUNCTIONS[entry.name](arrays[0], *arguments[1:])
            expected = naive.ELEMENT[entry.name](*arguments)
        np.testing.assert_allclose(on_arrays, np.full((1, 2), expected), rtol=1e-14)
        np.testing.assert_allclose(beside_numbers, on_arrays, rtol=1e-14)


class TestRefusals:
    def test_a_kernel_that_does_not_exist(self):
        with pytest.raises(InvariantBroken, match="kernel does not exist"):
            kernel_of("ts_nothing")

    def test_a_name_given_twice(self):
        with pytest.raises(InvariantBroken, match="'ln' is given twice"):
            OperatorTable([row("log", "ln"), row("ln")])

    def test_an_unknown_operator(self):
        with pytest.raises(ExpressionError, match="did you mean 'rank'"):
            OPERATORS["rnak"]

    def test_a_name_like_no_other(self):
        assert OPERATORS.hint("qqqqqq") == ""
