"""What is derived from a tree: look-back, fields, sharing, units, the explanation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.factors.explain import explain
from quant_core.factors.expression import Call, Number, walk
from quant_core.factors.fusion import fuse, peak_matrices, readers
from quant_core.factors.parser import parse
from quant_core.factors.plan import (
    build_plan,
    cost,
    look_back,
    required_fields,
    required_groups,
)
from quant_core.factors.units import unit_of, unit_warnings
from tests.factors.trees import trees


class TestExamples:
    @pytest.mark.parametrize(
        ("text", "sessions"),
        [
            ("close", 0),
            ("5", 0),
            ("returns", 1),
            ("delay(close, 0)", 0),
            ("delay(close, 20)", 20),
            ("ts_mean(close, 5)", 4),
            ("ts_std(returns, 20)", 20),
            ("delay(close, 21) / delay(close, 252) - 1", 252),
            ("ts_corr(ts_rank(volume, 5), rank(ts_mean(high, 3)), 5)", 8),
            ("ts_mean(delta(close, 2), 3) + delay(close, 3)", 4),
            ("ts_quantile(close, 5, 0.8)", 4),
            ("group_neutralize(ts_sum(close, 3), industry)", 2),
            ("adv20", 19),
        ],
    )
    def test_look_back(self, text, sessions):
        assert look_back(parse(text)) == sessions

    def test_fields_and_groups(self):
        tree = parse("neutralize(returns * adv5, industry, log(cap))")
        assert required_fields(tree) == ("amount", "cap", "close")
        assert required_groups(tree) == ("industry",)

    def test_equal_parts_are_one_node(self):
        plan = build_plan([parse("rank(close) + rank(close)"), parse("2 * rank(close)")])
        assert len(plan.nodes) == 5

    def test_returns_share_with_the_same_formula_written_out(self):
        plan = build_plan([parse("returns"), parse("close / delay(close, 1) - 1")])
        assert plan.outputs[0] == plan.outputs[1]

    def test_a_chain_of_element_operators_is_one_step(self):
        steps = fuse(build_plan([parse("(close - open) / (high - low + 0.001) * 2")]))
        assert [len(step.members) for step in steps] == [1, 1, 1, 1, 5]
        assert steps[-1].inputs == (0, 1, 3, 4)

    def test_a_part_with_two_readers_is_its_own_step(self):
        steps = fuse(build_plan([parse("(close - open) * (close - open)")]))
        assert [len(step.members) for step in steps] == [1, 1, 1, 1]

    def test_cost_counts_shared_parts_once(self):
        one = cost(build_plan([parse("rank(close)")]))
        two = cost(build_plan([parse("rank(close)"), parse("-rank(close)")]))
        assert one < two < 2 * one

    @pytest.mark.parametrize(
        ("text", "unit"),
        [
            ("close", "price"),
            ("vwap - open", "price"),
            ("close / open", "ratio"),
            ("close * volume", "money"),
            ("amount / volume", "price"),
            ("amount / close", "volume"),
            ("close * 2", "price"),
            ("close * rank(close)", "price"),
            ("close / rank(close)", "price"),
            ("rank(close) * rank(open)", "ratio"),
            ("rank(close) / rank(open)", "ratio"),
            ("rank(close) + returns", "ratio"),
            ("1 / close", "any"),
            ("close * open", "any"),
            ("turnover + close", "any"),
            ("5", "number"),
            ("close > 5", "boolean"),
            ("where(close > 5, close, 0)", "price"),
            ("ts_argmax(close, 5)", "sessions"),
            ("ts_beta(amount, volume, 5)", "price"),
            ("group_mean(volume, industry)", "volume"),
        ],
    )
    def test_units(self, text, unit):
        assert unit_of(parse(text)).value == unit
        assert unit_warnings(parse(text)) == ()

    @pytest.mark.parametrize(
        ("text", "warning"),
        [
            ("rank(close + volume)", "close + volume: mixes price and volume"),
            ("close > volume", "close > volume: mixes price and volume"),
            ("where(close > open, amount, volume)", "mixes money and volume"),
            ("maximum(close, returns)", "maximum(close, returns): mixes price and ratio"),
        ],
    )
    def test_suspicious_units(self, text, warning):
        assert [found for found in unit_warnings(parse(text)) if warning in found]

    def test_explanation(self):
        text = "group_neutralize(ts_corr(close, volume, 10), industry) * (close + volume)"
        assert explain(parse(text)).splitlines() == [
            "group_neutralize(ts_corr(close, volume, 10), industry) * (close + volume)",
            "",
            "look-back  9 earlier sessions",
            "fields     close, volume",
            "groups     industry",
            "unit       any",
            "cost       about 6 passes over the panel",
            "warning    close + volume: mixes price and volume",
            "",
            "multiply                    any       look-back 9",
            "├ group_neutralize(_, industry) ratio     look-back 9",
            "│ └ ts_corr(_, _, 10)       ratio     look-back 9",
            "│   ├ close                 price",
            "│   └ volume                volume",
            "└ add                       any",
            "  ├ close                   price",
            "  └ volume                  volume",
        ]

    def test_explanation_of_a_number(self):
        assert "fields     none" in explain(parse("5"))
        assert "look-back  the present session only" in explain(parse("5"))


class TestProperties:
    @given(st.lists(trees(), min_size=1, max_size=3))
    @settings(max_examples=50)
    def test_every_step_reads_what_is_known_and_every_reader_is_counted(self, expressions):
        plan = build_plan(expressions)
        steps = fuse(plan)
        remaining = readers(plan, steps)
        known: set[int] = set()
        for step in steps:
            assert known.issuperset(step.inputs)
            known.add(step.root)
            for place in step.inputs:
                remaining[place] -= 1
        for output in plan.outputs:
            assert output in known or plan.nodes[output].constant
            remaining[output] = remaining.get(output, 1) - 1
        assert set(remaining.values()) <= {0}
        assert peak_matrices(plan) <= len(steps)

    @given(trees())
    @settings(max_examples=50)
    def test_a_part_looks_back_no_farther_than_the_whole(self, tree):
        assert all(look_back(part) <= look_back(tree) for part in walk(tree))

    @given(trees())
    @settings(max_examples=50)
    def test_delay_adds_its_sessions(self, tree):
        assert look_back(Call("delay", (tree, Number(7.0)))) == look_back(tree) + 7

    @given(trees())
    @settings(max_examples=50)
    def test_every_tree_has_a_unit_and_an_explanation(self, tree):
        assert unit_of(tree).value in explain(tree)
