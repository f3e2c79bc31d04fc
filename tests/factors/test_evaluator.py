"""The evaluator: sharing, fusing, tails and blocks never change a number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.factors import evaluator
from quant_core.factors.blocks import evaluate_in_blocks
from quant_core.factors.evaluator import evaluate, evaluate_each
from quant_core.factors.expression import Call, Expression, Field, Group, Number
from quant_core.factors.operator_table import OPERATORS
from quant_core.factors.operators import Family, Kind, Operator
from quant_core.factors.parser import parse
from quant_core.factors.plan import look_back
from quant_core.factors.printer import to_text
from quant_core.factors.source import FieldUnavailable, PanelSource
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import FloatMatrix, IntArray
from quant_core.numerics.tiles import set_threads
from tests.factors import naive
from tests.factors.market import axes_of, first_rows, panel, with_rows
from tests.factors.trees import trees

KERNEL_ROWS = [row for row in OPERATORS.values() if row.family is not Family.ELEMENT]
MARKET = panel(30, 5)
NOISE = panel(30, 5, seed=1)
ROUNDING = {"rtol": 1e-9, "atol": 1e-11, "equal_nan": True}


@pytest.fixture
def readable_kernels(monkeypatch):
    """Kernels written window by window: what is tested is the evaluator alone."""
    monkeypatch.setattr(evaluator, "kernel_of", naive.kernel)


@pytest.fixture
def small_strides(monkeypatch):
    """Strides of two rows and three threads, so that a small panel has many."""
    monkeypatch.setattr(evaluator, "CELLS_AT_A_TIME", 10)
    set_threads(3)
    yield
    set_threads(None)


def column(*values: float) -> PanelSource:
    matrix = np.array(values).reshape(-1, 1)
    return PanelSource(axes_of(len(values), 1), {"close": matrix, "open": matrix[::-1]})


def value(text: str, *closes: float) -> list[float]:
    return evaluate([parse(text)], column(*closes))[0][:, 0].tolist()


def example_call(row: Operator, window: int) -> Call:
    """The operator on prices and volumes, with plausible parameters."""
    numbers = {"q": 0.3, "lower": 0.1, "upper": 0.8, "a": 2.0, "bins": 3.0}
    fields = iter([Field("close"), Field("volume"), Field("open")])
    arguments: list[Expression] = []
    for parameter in row.parameters:
        match parameter.kind:
            case Kind.WINDOW:
                arguments.append(Number(float(window)))
            case Kind.NUMBER:
                arguments.append(Number(numbers[parameter.name]))
            case Kind.GROUP:
                arguments.append(Group("industry"))
            case _:
                arguments.append(next(fields))
    return Call(row.name, tuple(arguments))


class CountingSource:
    """A source that remembers what was asked of it."""

    def __init__(self, inner: PanelSource) -> None:
        self.inner = inner
        self.axes = inner.axes
        self.asked: list[str] = []

    def field(self, name: str) -> FloatMatrix:
        self.asked.append(name)
        return self.inner.field(name)

    def groups(self, name: str) -> IntArray:
        self.asked.append(name)
        return self.inner.groups(name)


class TestExamples:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("close / 0", np.nan),
            ("0 / (close - 4)", np.nan),
            ("log(close - 4)", np.nan),
            ("log(close - 5)", np.nan),
            ("sqrt(close - 5)", np.nan),
            ("(close - 5) ^ 0.5", np.nan),
            ("(close - 4) ^ -1", np.nan),
            ("(close - 4) ^ 0", 1.0),
            ("(close - 3) ^ (0 / 0)", np.nan),
            ("(close / 0) ^ 0", np.nan),
            ("signed_power(close / 0, 0)", np.nan),
            ("signed_power(close - 6, 2)", -4.0),
            ("signed_power(close - 4, -1)", np.nan),
            ("close > 3", 1.0),
            ("close > 3 & close > 5", 0.0),
            ("close > 3 | close > 5", 1.0),
            ("!close", 0.0),
            ("not close == 4", 0.0),
            ("where(close > 3, close, 0 / 0)", 4.0),
            ("where(0 / 0, close, close)", np.nan),
            ("close > 0 / 0", np.nan),
            ("close != 0 / 0", np.nan),
            ("1 | 0 / close / 0", np.nan),
            ("maximum(close, 0 / 0)", np.nan),
            ("coalesce(0 / 0, close)", 4.0),
            ("is_nan(close / 0)", 1.0),
            ("clip(close, 0, 3)", 3.0),
            ("exp(1000 * close)", np.nan),
            ("1 / exp(1000 * close)", 0.0),
            ("1e300 * 1e300", np.nan),
            ("2 ^ 0.5 * 2 ^ 0.5", 2.0000000000000004),
            ("-close", -4.0),
            ("sign(-close) + abs(-close)", 3.0),
            ("7", 7.0),
        ],
    )
    def test_one_cell(self, text, expected):
        np.testing.assert_equal(value(text, 4.0), [expected])

    def test_returns_are_relative_to_the_close_before(self):
        np.testing.assert_equal(value("returns", 4.0, 5.0, 0.0, 1.0), [np.nan, 0.25, -1.0, np.nan])

    @pytest.mark.parametrize("infinite", [np.inf, -np.inf])
    def test_infinite_prices_are_unknown(self, infinite):
        np.testing.assert_equal(value("close > 1", infinite, 2.0), [np.nan, 1.0])

    def test_the_same_factor_twice_and_a_field(self):
        texts = ["close * 2", "close", "close * 2", "close"]
        results = evaluate([parse(text) for text in texts], MARKET)
        close = MARKET.field("close")
        for result, expected in zip(results, (close * 2, close) * 2, strict=True):
            np.testing.assert_array_equal(result, expected)

    def test_results_are_not_the_sources_own_matrices(self):
        (result,) = evaluate([parse("close")], MARKET)
        assert not np.shares_memory(result, MARKET.field("close"))

    def test_nothing_asked(self):
        assert evaluate([], MARKET) == []

    def test_integer_and_fortran_fields(self):
        close = np.asfortranarray(np.arange(6).reshape(3, 2))
        source = PanelSource(axes_of(3, 2), {"close": close})
        (result,) = evaluate([parse("close / 2 + close")], source)
        np.testing.assert_array_equal(result, close * 1.5)

    @pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (1, 1)])
    def test_degenerate_panels(self, shape, readable_kernels):
        source = PanelSource(axes_of(*shape), {"close": np.ones(shape)})
        texts = ["close + 1", "rank(close)", "ts_mean(close, 3)", "returns", "5"]
        for result in evaluate([parse(text) for text in texts], source):
            assert result.shape == shape

    def test_each_field_is_read_once_and_in_time(self):
        source = CountingSource(MARKET)
        texts = ["close * open", "close + open + 1", "close * open + 2"]
        places = [done.place for done in evaluate_each([parse(text) for text in texts], source)]
        assert places == [0, 1, 2]
        assert source.asked == ["close", "open"]

    def test_a_shared_kernel_runs_once(self, monkeypatch):
        called: list[str] = []
        monkeypatch.setattr(
            evaluator, "kernel_of", lambda name: called.append(name) or naive.kernel(name)
        )
        texts = ["ts_mean(close, 3) / close", "rank(ts_mean(close, 3))", "ts_mean(close, 3)"]
        evaluate([parse(text) for text in texts], MARKET)
        assert called == ["ts_mean", "cs_rank"]

    def test_a_finished_factor_is_let_go(self):
        """Results handed out one by one do not stay alive inside the evaluator."""
        texts = [f"close * {scale}" for scale in range(1, 40)]
        alive = []
        for done in evaluate_each([parse(text) for text in texts], MARKET):
            alive.append(done.values)
            assert not any(np.shares_memory(done.values, other) for other in alive[:-1])

    def test_an_infinity_on_the_way_is_kept_for_others(self):
        texts = ["exp(1000 * close)", "1 / exp(1000 * close)"]
        overflow, inverse = evaluate([parse(text) for text in texts], column(1.0, 2.0))
        np.testing.assert_array_equal(overflow, np.full((2, 1), np.nan))
        np.testing.assert_array_equal(inverse, np.zeros((2, 1)))


class TestReference:
    @given(st.lists(trees(), min_size=1, max_size=3))
    @settings(max_examples=50)
    def test_equals_the_readable_evaluator(self, expressions):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evaluator, "kernel_of", naive.kernel)
            results = evaluate(expressions, MARKET)
        for tree, result in zip(expressions, results, strict=True):
            expected = naive.value_of(tree, MARKET)
            np.testing.assert_allclose(result, expected, err_msg=to_text(tree), **ROUNDING)

    @pytest.mark.parametrize("row", KERNEL_ROWS, ids=lambda row: row.name)
    @pytest.mark.parametrize("window", [4, 7])
    def test_every_kernel_stands_behind_its_row(self, row, window):
        tree = example_call(row, window)
        (result,) = evaluate([tree], MARKET)
        np.testing.assert_allclose(result, naive.value_of(tree, MARKET), **ROUNDING)

    def test_strides_and_threads_change_nothing(self, small_strides):
        texts = ["(close - open) / (high - low)", "where(close > open, close ^ 2, -volume)"]
        expressions = [parse(text) for text in texts]
        for tree, result in zip(expressions, evaluate(expressions, MARKET), strict=True):
            np.testing.assert_array_equal(result, naive.value_of(tree, MARKET))


class TestProperties:
    """With the compiled kernels, and exact: every value is computed from its own window."""

    @given(trees(), st.integers(0, 29))
    @settings(max_examples=50)
    def test_the_future_changes_nothing(self, tree, today):
        disturbed = with_rows(MARKET, NOISE, slice(today + 1, None))
        (before,) = evaluate([tree], MARKET)
        (after,) = evaluate([tree], disturbed)
        np.testing.assert_array_equal(before[: today + 1], after[: today + 1])

    @given(trees(), st.integers(0, 29))
    @settings(max_examples=50)
    def test_what_is_older_than_the_look_back_changes_nothing(self, tree, today):
        disturbed = with_rows(MARKET, NOISE, slice(0, max(0, today - look_back(tree))))
        (before,) = evaluate([tree], MARKET)
        (after,) = evaluate([tree], disturbed)
        np.testing.assert_array_equal(before[today], after[today])

    @given(st.lists(trees(), min_size=1, max_size=3), st.integers(0, 30), st.integers(0, 30))
    @settings(max_examples=50)
    def test_some_rows_equal_the_whole(self, expressions, one, other):
        rows = slice(min(one, other), max(one, other))
        whole = evaluate(expressions, MARKET)
        parts = evaluate(expressions, MARKET, rows=rows)
        for result, part in zip(whole, parts, strict=True):
            np.testing.assert_array_equal(part, result[rows])

    @given(
        st.lists(trees(), min_size=1, max_size=3),
        st.integers(0, 20_000),
        st.sampled_from([slice(None), slice(-3, None), slice(5, 17)]),
    )
    @settings(max_examples=50)
    def test_blocks_equal_the_whole(self, expressions, memory_bytes, rows):
        whole = evaluate(expressions, MARKET, rows=rows)
        into = [np.zeros(result.shape, dtype=np.float32) for result in whole]
        with np.errstate(over="ignore"):  # float32 holds less
            evaluate_in_blocks(expressions, MARKET, into, memory_bytes=memory_bytes, rows=rows)
        for result, blocks in zip(whole, into, strict=True):
            with np.errstate(over="ignore"):
                np.testing.assert_array_equal(blocks, result.astype(np.float32))

    def test_a_tail_reads_only_the_tail(self):
        expression = parse("ts_mean(close, 5) + rank(returns)")
        (whole,) = evaluate([expression], MARKET)
        holes = with_rows(MARKET, panel(30, 5, gaps=1.0), slice(0, 30 - 2 - 4))
        (tail,) = evaluate([expression], holes, rows=slice(-2, None))
        np.testing.assert_array_equal(tail, whole[-2:])

    def test_inputs_are_not_written_to(self):
        before = {name: matrix.copy() for name, matrix in MARKET.fields.items()}
        for name in MARKET.fields:
            MARKET.fields[name].setflags(write=False)
        evaluate([parse("rank(close) * 2"), parse("-open + ts_mean(open, 2)")], MARKET)
        for name, matrix in before.items():
            np.testing.assert_array_equal(MARKET.fields[name], matrix)

    def test_a_longer_panel_begins_with_the_shorter_one(self):
        expression = parse("ts_mean(rank(close), 3) - delay(open, 2)")
        (short,) = evaluate([expression], first_rows(MARKET, 20))
        (long,) = evaluate([expression], MARKET)
        np.testing.assert_array_equal(long[:20], short)


class TestRefusals:
    def test_a_missing_field_is_named(self):
        with pytest.raises(FieldUnavailable) as caught:
            evaluate([parse("close / vwap")], MARKET)
        assert caught.value.field == "vwap"
        assert str(caught.value) == (
            "the dataset has no field 'vwap'\n"
            "  expected: one of: close, high, low, open, volume\n"
            "  found:    vwap\n"
            "  fix:      use a dataset with this field, or a factor that does not need it"
        )

    def test_average_amount_is_not_made_of_price_and_volume(self):
        with pytest.raises(FieldUnavailable, match="no field 'amount'"):
            evaluate([parse("adv20")], MARKET)

    def test_a_missing_group_is_named(self):
        with pytest.raises(FieldUnavailable, match="no field 'sector'"):
            evaluate([parse("group_rank(close, sector)")], MARKET)

    def test_rows_must_be_consecutive(self):
        with pytest.raises(InvariantBroken, match="consecutive"):
            evaluate([parse("close")], MARKET, rows=slice(None, None, 2))
