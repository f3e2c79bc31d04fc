"""Factor text to tree and back: precedence, dialects, round trips, and errors that point."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.factors.expression import Call, Field, Group, Number, depth, size
from quant_core.factors.parser import DEEPEST_NESTING, DEEPEST_TREE, parse
from quant_core.factors.printer import expression_key, to_text
from quant_core.foundation.errors import ExpressionError
from tests.factors.trees import trees

CANONICAL = [
    ("close", "close"),
    ("  CLOSE\n", "close"),
    ("1.50", "1.5"),
    ("-0", "0"),
    ("1E3", "1000"),
    ("+close", "close"),
    # precedence
    ("1 + 2 * 3", "1 + 2 * 3"),
    ("(1 + 2) * 3", "(1 + 2) * 3"),
    ("1 - (2 - 3)", "1 - (2 - 3)"),
    ("(1 - 2) - 3", "1 - 2 - 3"),
    ("1 / 2 / 3", "1 / 2 / 3"),
    ("2 ^ 3 ^ 2", "2 ^ 3 ^ 2"),
    ("(2 ** 3) ** 2", "(2 ^ 3) ^ 2"),
    ("-2 ^ 2", "-2 ^ 2"),
    ("(-2) ^ 2", "(-2) ^ 2"),
    ("2 ^ -1", "2 ^ (-1)"),
    ("-(2)", "-(2)"),
    ("--close", "-(-close)"),
    ("-close * open", "-close * open"),
    ("-(close * open)", "-(close * open)"),
    ("close - -1", "close - -1"),
    ("close > open & volume > 0", "close > open & volume > 0"),
    ("a & b | c & d", "a & b | c & d"),
    ("a & (b | c)", "a & (b | c)"),
    ("a and not b or c", "a & !b | c"),
    ("not close > open", "!(close > open)"),
    ("not not a", "!(!a)"),
    ("!close > open", "!close > open"),
    ("a && b || c", "a & b | c"),
    ("(a < b) < c", "(a < b) < c"),
    ("a > b ? c : d > e ? f : g", "where(a > b, c, where(d > e, f, g))"),
    ("(a ? b : c) + 1", "where(a, b, c) + 1"),
    # names and defaults
    ("TS_MEAN(close, 5)", "ts_mean(close, 5)"),
    ("scale(close)", "scale(close, 1)"),
    ("scale(close, 2)", "scale(close, 2)"),
    ("ts_mean(close, 5.0)", "ts_mean(close, 5)"),
    ("delay(close, 0)", "delay(close, 0)"),
    ("neutralize(close, industry)", "neutralize(close, industry)"),
    ("neutralize(close, sector, log(cap), volume)", "neutralize(close, sector, log(cap), volume)"),
    ("cs_regress_resid(close, open, volume)", "regress_resid(close, open, volume)"),
]

DIALECTS = [
    # WorldQuant, 101 Formulaic Alphas and BRAIN
    ("correlation(rank(open), rank(volume), 10)", "ts_corr(rank(open), rank(volume), 10)"),
    ("covariance(close, volume, 5)", "ts_cov(close, volume, 5)"),
    ("stddev(returns, 20)", "ts_std(returns, 20)"),
    ("ts_std_dev(returns, 20)", "ts_std(returns, 20)"),
    ("sum(close, 5)", "ts_sum(close, 5)"),
    ("product(close, 5)", "ts_product(close, 5)"),
    ("ts_delay(close, 5)", "delay(close, 5)"),
    ("ts_delta(close, 5)", "delta(close, 5)"),
    ("decay_linear(close, 5)", "ts_decay_linear(close, 5)"),
    ("Ts_Rank(close, 5)", "ts_rank(close, 5)"),
    ("Ts_ArgMax(close, 5)", "ts_argmax(close, 5)"),
    ("ts_arg_max(close, 5)", "4 - ts_argmax(close, 5)"),
    ("ts_arg_min(close, 5)", "4 - ts_argmin(close, 5)"),
    ("SignedPower(close, 2)", "signed_power(close, 2)"),
    ("IndNeutralize(vwap, IndClass.subindustry)", "group_neutralize(vwap, subindustry)"),
    ("adv20", "ts_mean(amount, 20)"),
    ("min(close, vwap)", "minimum(close, vwap)"),
    ("max(close - open, 0)", "maximum(close - open, 0)"),
    ("max(5, close)", "maximum(5, close)"),
    ("max(close, 0.5)", "maximum(close, 0.5)"),
    ("if_else(close > open, 1, 0)", "where(close > open, 1, 0)"),
    ("cs_rank(close)", "rank(close)"),
    ("cs_mean(close)", "mean(close)"),
    ("group_demean(close, industry)", "group_neutralize(close, industry)"),
    ("count(close > open, 5)", "ts_count(close > open, 5)"),
    # Qlib
    ("Ref($close, 5) / $close", "delay(close, 5) / close"),
    ("Mean($close, 5)", "ts_mean(close, 5)"),
    ("Std($close, 5)", "ts_std(close, 5)"),
    ("Var($close, 5)", "ts_var(close, 5)"),
    ("Max($high, 5)", "ts_max(high, 5)"),
    ("Min($low, 5)", "ts_min(low, 5)"),
    ("Greater($open, $close)", "maximum(open, close)"),
    ("Less($open, $close)", "minimum(open, close)"),
    ("Sum($close, 5)", "ts_sum(close, 5)"),
    ("Rank($close, 5)", "ts_rank(close, 5)"),
    ("Quantile($close, 5, 0.8)", "ts_quantile(close, 5, 0.8)"),
    ("Corr($close, Log($volume + 1), 5)", "ts_corr(close, log(volume + 1), 5)"),
    ("Cov($close, $volume, 5)", "ts_cov(close, volume, 5)"),
    ("Delta($close, 5)", "delta(close, 5)"),
    ("Slope($close, 5)", "ts_slope(close, 5)"),
    ("Rsquare($close, 5)", "ts_rsquare(close, 5)"),
    ("Resi($close, 5)", "ts_resid(close, 5)"),
    ("Med($close, 5)", "ts_median(close, 5)"),
    ("Mad($close, 5)", "ts_mad(close, 5)"),
    ("Skew($close, 5)", "ts_skew(close, 5)"),
    ("Kurt($close, 5)", "ts_kurt(close, 5)"),
    ("EMA($close, 5)", "ts_ema(close, 5)"),
    ("WMA($close, 5)", "ts_decay_linear(close, 5)"),
    ("IdxMax($high, 5) / 5", "(ts_argmax(high, 5) + 1) / 5"),
    ("IdxMin($low, 5)", "ts_argmin(low, 5) + 1"),
    ("Count($close, 5)", "ts_sum(!is_nan(close), 5)"),
    ("If(Gt($close, $open), 1, -1)", "where(close > open, 1, -1)"),
    ("And(Ge($close, $open), Not(Eq($low, 0)))", "close >= open & !(low == 0)"),
    ("Or(Lt($close, 1), Le($open, 1))", "close < 1 | open <= 1"),
    ("Ne($close, Power($open, 2))", "close != open ^ 2"),
    ("Add(Sub($close, 1), Mul($open, Div($low, 2)))", "close - 1 + open * (low / 2)"),
    ("Abs(Sign($close))", "abs(sign(close))"),
]


class TestExamples:
    @pytest.mark.parametrize(("text", "canonical"), CANONICAL)
    def test_canonical_text(self, text, canonical):
        assert to_text(parse(text)) == canonical
        assert parse(canonical) == parse(text)

    @pytest.mark.parametrize(("text", "canonical"), DIALECTS)
    def test_dialects(self, text, canonical):
        assert parse(text) == parse(canonical)
        assert to_text(parse(text)) == canonical

    def test_tree_of_a_text(self):
        expected = Call(
            "multiply",
            (
                Number(-1.0),
                Call("ts_corr", (Call("rank", (Field("open"),)), Field("volume"), Number(10.0))),
            ),
        )
        assert parse("-1 * ts_corr(rank(open), volume, 10)") == expected

    def test_a_group_is_a_group_only_in_its_place(self):
        assert parse("group_rank(close, country)") == Call(
            "group_rank", (Field("close"), Group("country"))
        )
        assert parse("country") == Field("country")

    def test_size_and_depth(self):
        tree = parse("ts_mean(close, 5) / close")
        assert (size(tree), depth(tree)) == (5, 3)

    def test_equal_trees_have_equal_keys(self):
        assert expression_key(parse("mean($close,5)")) == expression_key(
            parse("ts_mean( close , 5 )")
        )
        assert expression_key(parse("close + open")) != expression_key(parse("open + close"))

    def test_the_key_of_a_formula_never_changes(self):
        key = expression_key(parse("close / delay(close, 20) - 1"))
        assert key == "ce4849f3e58055b80860b0a1d95c81630d11d4f569a859bbe4905a1657ecc5d7"


class TestProperties:
    @given(trees())
    @settings(max_examples=300)
    def test_text_and_tree_round_trip(self, tree):
        assert parse(to_text(tree)) == tree

    @given(trees(), trees())
    @settings(max_examples=50)
    def test_one_text_per_tree(self, one, other):
        assert (to_text(one) == to_text(other)) == (one == other)
        assert (one != other) or hash(one) == hash(other)

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_every_number_round_trips(self, value):
        assert parse(to_text(Number(value))) == Number(value)

    @given(st.text(alphabet="closeand$(),.+-*/^<>=!&|?:0159 \n", max_size=40))
    @settings(max_examples=300)
    def test_any_text_parses_or_is_refused(self, text):
        try:
            tree = parse(text)
        except ExpressionError:
            return
        assert parse(to_text(tree)) == tree


def refusal(text: str) -> str:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    return str(caught.value)


class TestRefusals:
    def test_unknown_operator_shows_caret_nearest_name_and_signature(self):
        assert refusal("1 + ts_men(close, 5)") == (
            "unknown operator\n"
            "  found:    ts_men\n"
            "  where:    1 + ts_men(close, 5)\n"
            "                ^^^^^^\n"
            "  fix:      did you mean 'ts_mean'? ts_mean(x, n)"
        )

    @pytest.mark.parametrize("text", ["delay(close, -1)", "delta(close, -1)", "Ref($close, -2)"])
    def test_negative_delays(self, text):
        assert "negative delays do not exist: they would read the future" in refusal(text)

    def test_fractional_window(self):
        assert refusal("ts_rank(close, 8.22237)") == (
            "a window must be a positive integer literal\n"
            "  expected: ts_rank(x, n) with n an integer from 1 to 100000\n"
            "  found:    8.22237\n"
            "  where:    ts_rank(close, 8.22237)\n"
            "                           ^^^^^^^\n"
            "  fix:      fractional windows of published formulas round down: write 8"
        )

    def test_ambiguous_extreme(self):
        assert refusal("max(close, 5)") == (
            "max(x, 5) has two meanings in the field's dialects\n"
            "  expected: ts_max(x, 5) over 5 sessions, or maximum(x, 5) of two values\n"
            "  where:    max(close, 5)\n"
            "            ^^^\n"
            "  fix:      write ts_max or maximum"
        )

    def test_group_as_a_number(self):
        assert refusal("rank(industry)") == (
            "'industry' is a group, not a number\n"
            "  expected: a group stands only where an operator takes one\n"
            "  where:    rank(industry)\n"
            "                 ^^^^^^^^\n"
            "  fix:      such as group_neutralize(x, industry)"
        )

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "the factor text is empty"),
            ("close +", "the factor text ends too early"),
            ("(close", "expected: ')'"),
            ("rank(close", "expected: ',' or ')'"),
            ("rank(close,)", "expected: another argument"),
            ("close open", "an operator or the end of the text"),
            ("and close", "a number, a field, an operator or '('"),
            ("a ? b", "':' and the value for a false condition"),
            ("a < b < c", "write (a < b) & (b < c)"),
            ("a * not b", "write (not x), or !x"),
            ("close # 1", "a character that means nothing in a factor text"),
            ("1e999", "a number too large for a float64"),
            ("x.y", "unknown field"),
            ("rank(close, open)", "a window must be a positive integer literal"),
            ("ts_mean(close)", "mean(x, n)"),
            ("ts_mean(close, 5, 6)", "found:    3 arguments"),
            ("ts_mean(close, 0)", "a window must be a positive integer literal"),
            ("ts_mean(close, -5)", "a window must be a positive integer literal"),
            ("ts_mean(close, n)", "found:    an expression"),
            ("ts_mean(close, 2 + 3)", "found:    an expression"),
            ("ts_std(close, 1)", "the window of ts_std must be from 2 to 100,000 sessions"),
            ("delay(close, 1000000)", "found:    1000000"),
            ("ts_corr(close, 10, open)", "found:    an expression"),
            ("ts_quantile(close, 5, 2)", "q a number from 0 to 1"),
            ("quantile(close, 2.5)", "bins an integer from 2 to 1000"),
            ("winsorize(close, low, 0.9)", "lower must be a number written out"),
            ("winsorize(close, 0.9, 0.1)", "the lower bound is above the upper one"),
            ("clip(close, 2, -1)", "found:    2 and -1"),
            ("group_rank(close, open)", "found:    'open', a number"),
            ("group_rank(close, open > 1)", "found:    an expression"),
            ("neutralize(close)", "neutralize takes 2 or more arguments"),
            ("sma(close, 5)", "dialects disagree about sma"),
            ("Max($close, $open)", "ts_max(x, n)"),
            ("adv999999999", "the window of ts_mean"),
            ("rank()", "found:    0 arguments"),
        ],
    )
    def test_message(self, text, problem):
        assert problem in refusal(text)

    def test_depth_is_bounded(self):
        assert "nested too deeply" in refusal("(" * 2_000 + "close" + ")" * 2_000)
        assert "nested too deeply" in refusal("-" * 2_000 + "close")
        assert "nested too deeply" in refusal(" + ".join(["close"] * (DEEPEST_TREE + 1)))
        assert depth(parse(" + ".join(["close"] * DEEPEST_TREE))) == DEEPEST_TREE
        assert parse("(" * (DEEPEST_NESTING - 1) + "close" + ")" * (DEEPEST_NESTING - 1))

    def test_length_is_bounded(self):
        assert "a factor text is too long" in refusal("close + " * 10_000 + "close")

    def test_a_long_text_is_cut_around_the_place(self):
        message = refusal("close + " * 40 + "oops(close)" + " + close" * 40)
        shown, caret = message.splitlines()[2:4]
        assert shown.count("...") == 2
        assert shown[caret.index("^") :].startswith("oops")

    def test_newlines_do_not_move_the_caret(self):
        shown, caret = refusal("close +\n  oops(close)").splitlines()[2:4]
        assert shown[caret.index("^") :].startswith("oops(close)")

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_number_must_be_finite(self, value):
        with pytest.raises(ExpressionError, match="must be finite"):
            Number(value)
