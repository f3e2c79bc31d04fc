"""The pre-trade gate: both sides of every boundary, and nothing unknown gets through."""

import math
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from quant_core.foundation.errors import ConfigurationError
from quant_core.risk.limits import (
    CODES,
    RULES,
    GateInputs,
    Limits,
    MarkedPosition,
    OpenOrder,
    OrderIntent,
    ParentOrder,
    ReferenceKind,
    SentOrder,
    TradingState,
)
from quant_core.trading.orders import Side
from tests.risk.gate_examples import (
    INPUTS,
    INTENT,
    LIMITS,
    SALE,
    UNIT,
    Change,
    codes,
    held,
    orders,
    parent,
    sent,
)
from tests.risk.limit_boundaries import BOUNDARIES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "limits.md"
RULE = {rule.code: rule for rule in RULES}


class TestBoundaries:
    @pytest.mark.parametrize(("code", "at", "beyond"), BOUNDARIES)
    def test_at_the_limit_passes_and_one_step_beyond_does_not(self, code, at, beyond):
        passing, refused = at.verdict(), beyond.verdict()
        assert passing.allowed
        assert passing.refusals == ()
        assert not refused.allowed
        assert codes(refused) == {code}
        assert refused.hard is RULE[code].hard
        assert refused.checked == CODES

    def test_halted_is_also_more_than_reducing(self):
        refused = Change(inputs={"state": TradingState.HALTED}).verdict()
        assert codes(refused) == {"state_halted", "state_reducing"}

    @pytest.mark.parametrize("quantity", [100, 101])
    @pytest.mark.parametrize(("side", "shares"), [(Side.SELL, 100), (Side.COVER, -100)])
    def test_closing_orders_end_at_zero(self, side, shares, quantity):
        inputs = held(shares) | orders() | parent(start=shares, target=-shares, children=0)
        intent = replace(INTENT, side=side, quantity=quantity)
        verdict = Change(inputs=inputs).verdict(intent)
        assert codes(verdict) == (set() if quantity == 100 else {"closes_more_than_held"})

    def test_an_open_sale_counts_for_the_next_one(self):
        inputs = held(100) | parent(target=-500, children=0)
        inputs |= orders(OpenOrder("AAA", Side.SELL, 61, 50 * UNIT))
        assert codes(Change(inputs=inputs).verdict(SALE)) == {"closes_more_than_held"}

    @pytest.mark.parametrize("price", [40 * UNIT, 60 * UNIT])
    def test_an_order_is_counted_at_the_highest_of_its_prices(self, price):
        """The reference and the limit are 50, the order is for 100 shares."""
        value = 100 * max(price, 50 * UNIT)
        for limit, refused in ((value, set()), (value - 1, {"order_notional"})):
            change = Change({"sized_price_micros": price}, {}, {"max_order_notional_micros": limit})
            assert codes(change.verdict()) == refused

    def test_no_reference_price_fails_everything_that_needs_it(self):
        refused = codes(Change(intent={"reference_price_micros": None}).verdict())
        assert {"price_missing", "price_collar", "reference_moved", "order_notional"} <= refused
        assert {"gross_exposure", "turnover_per_day", "cash_floor"} <= refused

    def test_every_rule_has_both_sides_here(self):
        shown = {code for code, _, _ in BOUNDARIES}
        elsewhere = {"state_halted", "closes_more_than_held", "price_missing"}
        assert shown | elsewhere == set(CODES)

    def test_every_limit_is_moved_here(self):
        moved = {name for _, at, beyond in BOUNDARIES for name in {*at.limits, *beyond.limits}}
        assert moved == {field.name for field in fields(Limits)}

    def test_a_close_is_as_old_as_the_data(self):
        """An order for the open is priced at the close of the last session of the data."""
        close = replace(INTENT, reference=ReferenceKind.CLOSE, reference_age_seconds=None)
        assert Change().verdict(close).allowed
        stale = Change(inputs={"data_age_sessions": 1}).verdict(close)
        assert codes(stale) == {"data_stale", "quote_stale"}

    def test_an_order_without_a_limit_is_counted_at_its_reference(self):
        change = Change(intent={"limit_price_micros": None},
                        limits={"max_order_notional_micros": 5_000 * UNIT})  # fmt: skip
        assert change.verdict().allowed

    def test_the_higher_of_limit_and_reference_counts(self):
        change = Change(limits={"max_order_notional_micros": 5_000 * UNIT})
        assert codes(change.verdict(replace(INTENT, limit_price_micros=50_000_001)))
        assert not codes(change.verdict(replace(INTENT, limit_price_micros=49_000_000)))

    def test_both_sides_of_open_orders_count(self):
        """A sale that may not fill makes no room for a purchase."""
        both = orders(OpenOrder("AAA", Side.BUY, 10, 50 * UNIT),
                      OpenOrder("BBB", Side.SELL, 200, 25 * UNIT))  # fmt: skip
        assert codes(Change({}, both, {"max_gross_micros": 19_500 * UNIT - 1}).verdict())
        assert not codes(Change({}, both, {"max_gross_micros": 19_500 * UNIT}).verdict())

    def test_one_share_at_one_micro(self):
        """The smallest order there is passes, and so do the smallest numbers around it."""
        smallest = {name: 1 for name in ("limit_price_micros", "reference_price_micros")}
        inputs = held(1, 1) | parent(1, 2, 0) | orders() | sent() | {"previous_closes": {"AAA": 1}}
        assert Change({"quantity": 1} | smallest, inputs).verdict().allowed
        again = sent(SentOrder("AAA", Side.BUY, 1, INTENT.rebalance_id, 0.0))
        assert codes(Change({"quantity": 1} | smallest, inputs | again).verdict()) == {
            "duplicate_order"
        }
        other = sent(SentOrder("AAA", Side.BUY, 1, INTENT.rebalance_id, 0.0))
        assert Change({"quantity": 2}, other).verdict().allowed

    def test_not_even_one_share_is_sold_that_is_not_held(self):
        inputs = held(0) | parent(0, -5, 0) | orders()
        refused = Change(inputs=inputs).verdict(replace(SALE, quantity=1))
        assert codes(refused) == {"closes_more_than_held"}

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("kill_latched", True, "must be clear, found set"),
            ("kill_latched", None, "must be clear, found not known"),
            ("accepts_orders", False, "must be open for orders, found closed"),
            ("accepts_orders", None, "must be open for orders, found not known"),
            ("account", "U100", "must be DU100, found U100"),
            ("state", TradingState.REDUCING, "must be normal, found reducing"),
            ("restricted", frozenset({"AAA"}), "must be off it, found on the restricted list"),
            ("parents", {}, "must have a change of this name, found not known"),
        ],
    )
    def test_states_are_told_in_words(self, name, value, words):
        (refusal,) = Change(inputs={name: value}).verdict().refusals
        assert refusal.text.endswith(words)

    def test_no_limit_is_set(self):
        """With every limit off, what cannot be off still stands."""
        off = {field.name: None for field in fields(Limits) if field.default is None}
        assert Change(limits=off).verdict().allowed
        refused = Change(inputs={"positions": None}, limits=off).verdict()
        assert codes(refused) == {"exceeds_parent"}


MONEY_AND_COUNTS = {
    *("equity_micros", "cash_micros", "day_start_equity_micros", "peak_equity_micros"),
    *("orders_last_minute", "orders_today", "turnover_today_micros", "data_age_sessions"),
}
AGES = {"seconds_to_cut_off", "reconciliation_age_seconds"}
NESTED = {
    "average_volumes": lambda bad: {"average_volumes": {"AAA": bad}},
    "previous_closes": lambda bad: {"previous_closes": {"AAA": bad}},
    "position mark": lambda bad: held(100, bad),
    "mark of another": lambda bad: {
        "positions": {**INPUTS.positions, "BBB": MarkedPosition(200, bad)}
    },
    "open order remaining": lambda bad: orders(OpenOrder("AAA", Side.BUY, bad, 50 * UNIT)),
    "open order price": lambda bad: orders(OpenOrder("BBB", Side.BUY, 10, bad)),
    "recent order age": lambda bad: sent(SentOrder("AAA", Side.BUY, 100, "2024-01-02", bad)),
    "recent order quantity": lambda bad: sent(SentOrder("AAA", Side.BUY, bad, "2024-01-02", 1.0)),
    "children": lambda bad: parent(children=bad),
}
SIGNED = {
    "position shares": lambda bad: held(bad),
    "start": lambda bad: parent(start=bad),
    "target": lambda bad: parent(target=bad),
}
NOT_NUMBERS = [None, math.nan, math.inf, -math.inf, True, "5"]
INPUT_CHANGES = [
    *((name, {name: bad}, bad)
      for name in sorted(MONEY_AND_COUNTS) for bad in [*NOT_NUMBERS, -1, 1.5]),
    *((name, {name: bad}, bad) for name in sorted(AGES) for bad in [*NOT_NUMBERS, -1, -0.5]),
    *((name, make(bad), bad) for name, make in NESTED.items() for bad in [*NOT_NUMBERS, -1]),
    *((name, make(bad), bad) for name, make in SIGNED.items() for bad in [*NOT_NUMBERS, 99.5]),
    *((name, {name: None}, None)
      for name in ("positions", "open_orders", "recent_orders", "restricted", "account",
                   "configured_account", "data_hash", "expected_data_hash", "kill_latched",
                   "accepts_orders", "state")),
    *((name, {name: {}}, {}) for name in ("average_volumes", "previous_closes", "parents")),
]  # fmt: skip
INTENT_CHANGES = [
    *(("quantity", bad) for bad in [*NOT_NUMBERS, -1, 0, 1.5, 10**19]),
    *(("limit_price_micros", bad) for bad in [*NOT_NUMBERS[1:], -1, 0, 50.0, 10**19]),
    *(("sized_price_micros", bad) for bad in [*NOT_NUMBERS[1:], -1, 0, 50.0, 10**19]),
    *(("reference_price_micros", bad) for bad in [*NOT_NUMBERS, -1, 0, 50.0, 10**19]),
    *(("reference_age_seconds", bad) for bad in [*NOT_NUMBERS, -1, -0.001, 1e300]),
    ("symbol", ""),
    ("rebalance_id", ""),
]


class TestRefusals:
    @pytest.mark.parametrize(("name", "inputs", "bad"), INPUT_CHANGES)
    def test_nothing_unknown_in_the_inputs_passes(self, name, inputs, bad):
        verdict = Change(inputs=inputs).verdict()
        assert not verdict.allowed
        assert all(str(refusal.found) != "True" for refusal in verdict.refusals)

    @pytest.mark.parametrize(("name", "bad"), INTENT_CHANGES)
    def test_nothing_unknown_in_the_order_passes(self, name, bad):
        assert not Change(intent={name: bad}).verdict().allowed

    def test_every_number_is_in_the_tables(self):
        told = {name for name, _, _ in INPUT_CHANGES}
        assert {field.name for field in fields(GateInputs)} - told == set()
        numeric = {field.name for field in fields(OrderIntent) if "None" in field.type}
        assert numeric <= {name for name, _ in INTENT_CHANGES}
        nested = {MarkedPosition: 2, OpenOrder: 2, SentOrder: 2, ParentOrder: 3}
        for kind, count in nested.items():
            assert sum("None" in str(kind_of) for kind_of in kind.__annotations__.values()) == count

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1, True, "5"])
    @pytest.mark.parametrize("name", [f.name for f in fields(Limits) if f.name != "restricted"])
    def test_a_limit_has_to_be_a_number(self, name, bad):
        with pytest.raises(ConfigurationError, match=r"limit is not usable") as raised:
            replace(LIMITS, **{name: bad})
        assert raised.value.where == f"limits.{RULE_OF_FIELD[name].key.partition('.')[2]}"

    def test_all_unusable_limits_are_named_at_once(self):
        with pytest.raises(ConfigurationError, match="3 problems") as raised:
            replace(LIMITS, price_collar=None, max_leverage=math.nan, max_orders_per_day=1.5)
        assert [problem.where for problem in raised.value.problems] == [
            "limits.price_collar",
            "limits.max_leverage",
            "limits.max_orders_per_day",
        ]
        assert "null" not in raised.value.problems[0].expected
        assert "null" in raised.value.problems[1].expected

    def test_the_text_says_all(self):
        (refusal,) = Change(limits={"max_order_notional_micros": 4_999 * UNIT}).verdict().refusals
        assert refusal.text == ("buy 100 AAA: value of one order: at most 4,999.00, found 5,000.00")
        assert (refusal.limit, refusal.found, refusal.hard) == (4_999 * UNIT, 5_000 * UNIT, False)
        (refusal,) = Change(intent={"reference_age_seconds": math.nan}).verdict().refusals
        assert refusal.text.endswith("at most 60 seconds, found nan")
        (refusal,) = Change(inputs={"reconciliation_age_seconds": None}).verdict().refusals
        assert refusal.text.endswith("at most 300 seconds, found not known")
        assert refusal.found is None
        (refusal,) = Change(inputs={"previous_closes": {"AAA": None}}).verdict().refusals
        assert refusal.text == (
            "buy 100 AAA: distance of the broker's price from the close the order was sized by: "
            "at most 0.1 of that close, found not known"
        )


RULE_OF_FIELD = {rule.field: rule for rule in RULES if rule.field is not None}


class TestTable:
    def test_codes_and_fields_are_used_once(self):
        assert len(set(CODES)) == len(CODES)
        named = [rule.field for rule in RULES if rule.field is not None]
        assert sorted(named) == sorted(field.name for field in fields(Limits))

    def test_the_page_is_the_table(self):
        rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
        listed = [(code, *(cell.strip() for cell in rest.split(" | "))) for code, rest in rows]
        assert listed == [
            (
                rule.code,
                f"`{rule.key}`" if rule.field else "always",
                rule.meaning,
                rule.unit or "none",
                "hard" if rule.hard else "soft",
                rule.bypass.value,
            )
            for rule in RULES
        ]
