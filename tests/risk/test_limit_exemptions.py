"""Who passes a limit all the same, orders sent together, children of a decision, headroom."""

import itertools
import math
from dataclasses import replace

import pytest

from quant_core.risk.limit_exposure import Exposure
from quant_core.risk.limits import (
    CODES,
    RULES,
    Bypass,
    GateInputs,
    MarkedPosition,
    OpenOrder,
    OrderPurpose,
    ParentOrder,
    SentOrder,
    TradingState,
    headroom,
    judge,
    judge_batch,
)
from quant_core.trading.orders import Side
from tests.risk.gate_examples import (
    INPUTS,
    INTENT,
    LIMITS,
    SALE,
    UNIT,
    Change,
    bypassed,
    codes,
    held,
    orders,
    parent,
    sent,
)
from tests.risk.limit_boundaries import BOUNDARIES

RULE = {rule.code: rule for rule in RULES}

BEYOND_FOR_A_SALE = {
    **{code: beyond for code, _, beyond in BOUNDARIES},
    "state_halted": Change(inputs={"state": TradingState.HALTED}),
    "order_volume": Change(limits={"max_order_volume": 0.0}),
    "order_quantity": Change(limits={"max_order_quantity": 39}),
    "order_notional": Change(limits={"max_order_notional_micros": 1}),
    "price_missing": Change(intent={"reference_price_micros": None}),
    "cash_floor": Change(inputs={"cash_micros": -1}),
    "position_weight": Change(inputs={"equity_micros": 1}),
    "position_notional": Change(limits={"max_position_notional_micros": 1}),
    "gross_exposure": Change(limits={"max_gross_micros": 1}),
    "net_exposure": Change(limits={"max_net_micros": 1}),
    "leverage": Change(limits={"max_leverage": 0.1}),
    "turnover_per_day": Change(limits={"max_turnover_per_day": 0.0}),
    "duplicate_order": Change(inputs=sent(SentOrder("AAA", Side.SELL, 40, "2024-01-02", 1.0))),
}
SALE_INPUTS = parent(target=0, children=0)


class TestBypass:
    @pytest.mark.parametrize("purpose", OrderPurpose)
    @pytest.mark.parametrize("code", [c for c in CODES if c not in
                                      {"closes_more_than_held", "exceeds_parent"}])  # fmt: skip
    def test_only_the_orders_of_the_table_pass(self, code, purpose):
        change = BEYOND_FOR_A_SALE[code]
        change = replace(change, inputs=SALE_INPUTS | dict(change.inputs))
        verdict = change.verdict(replace(SALE, purpose=purpose))
        rule = RULE[code]
        passes = rule.bypass is Bypass.REDUCING or (
            rule.bypass is Bypass.FLAT and purpose is OrderPurpose.FLAT
        )
        assert verdict.reduces_risk
        assert (code in bypassed(verdict)) is passes
        assert (code in codes(verdict)) is not passes

    def test_pacing_never_stops_an_exit_and_price_checks_always_do(self):
        """What the table must say, whatever else changes."""
        pace = {"orders_per_minute", "orders_per_day", "turnover_per_day", "duplicate_order"}
        never = {"price_missing", "quote_stale", "price_collar", "reference_moved", "restricted"}
        never |= {"account_mismatch", "kill_latched", "order_unusable", "exceeds_parent"}
        assert {RULE[code].bypass for code in pace} == {Bypass.REDUCING}
        assert {RULE[code].bypass for code in never} == {Bypass.NOBODY}

    def test_an_order_through_zero_passes_nothing(self):
        inputs = parent(target=-500, children=0) | {"orders_today": 50}
        short = replace(SALE, side=Side.SHORT, quantity=101)
        assert codes(Change(inputs=inputs).verdict(short)) == {"orders_per_day"}
        assert Change(inputs=inputs).verdict(replace(short, quantity=100)).allowed

    @pytest.mark.parametrize(
        "change",
        [
            Change(intent={"quantity": math.nan}),
            Change(intent={"quantity": 0}),
            Change(inputs=held(None)),
            Change(inputs={"positions": None}),
            Change(inputs={"open_orders": None}),
            Change(inputs=orders(OpenOrder("AAA", Side.SELL, None, 50 * UNIT))),
        ],
    )
    def test_what_is_not_known_is_no_reduction(self, change):
        verdict = change.verdict(replace(SALE, purpose=OrderPurpose.FLAT))
        assert not verdict.reduces_risk
        assert verdict.bypassed == ()
        assert not verdict.allowed

    def test_flat_goes_to_zero_whatever_was_decided(self):
        everything = {"data_age_sessions": 9, "data_hash": None, "parents": {}, "equity_micros": 1}
        everything |= {"state": TradingState.HALTED, "average_volumes": {}} | orders()
        flat = replace(SALE, purpose=OrderPurpose.FLAT)
        assert Change(inputs=everything).verdict(replace(flat, quantity=100)).allowed
        for wrong in (replace(flat, quantity=101), replace(flat, side=Side.BUY)):
            verdict = Change(inputs=everything).verdict(wrong)
            assert {"exceeds_parent", "state_halted"} <= codes(verdict)

    def test_flat_does_not_pass_the_kill_latch(self):
        flat = replace(SALE, purpose=OrderPurpose.FLAT)
        assert codes(Change(inputs={"kill_latched": True}).verdict(flat)) == {"kill_latched"}


class TestParent:
    @pytest.mark.parametrize(
        ("start", "target", "children", "quantity", "passes"),
        [
            (100, 0, 0, 100, True),
            (100, 0, 1, 100, False),  # one share was sent before
            (100, 40, 0, 60, True),
            (100, 40, 0, 61, False),
            (100, 120, 0, 1, False),  # the other direction
        ],
    )
    def test_sales(self, start, target, children, quantity, passes):
        inputs = parent(start, target, children) | orders()
        verdict = Change(inputs=inputs).verdict(replace(SALE, quantity=quantity))
        assert codes(verdict) == (set() if passes else {"exceeds_parent"})

    def test_a_forgotten_child_is_caught_by_the_position(self):
        """Nothing was counted as sent, but the shares are there already."""
        verdict = Change(inputs=parent(0, 250, 0) | held(180)).verdict()
        assert codes(verdict) == {"exceeds_parent"}

    def test_a_fill_that_is_not_seen_yet_is_caught_by_the_count(self):
        """The position has not moved and no order is open, but 450 were sent."""
        verdict = Change(inputs=parent(0, 500, 450) | held(0) | orders()).verdict()
        assert codes(verdict) == {"exceeds_parent"}


class TestBatch:
    def order(self, symbol: str, side: Side, quantity: int, purpose=OrderPurpose.REBALANCE):
        return replace(INTENT, symbol=symbol, side=side, quantity=quantity, purpose=purpose)

    def book(self, **changes: object) -> GateInputs:
        names = ("AAA", "BBB", "CCC", "DDD")
        plain = {
            "positions": {"AAA": MarkedPosition(100, 50 * UNIT)},
            "parents": {name: ParentOrder(0, 500, 0) for name in names}
            | {"AAA": ParentOrder(100, 0, 0)},
            "average_volumes": dict.fromkeys(names, 10_000.0),
            "previous_closes": dict.fromkeys(names, 50 * UNIT),
        }
        return replace(INPUTS, **(plain | orders() | sent() | changes))

    def test_one_order_is_a_batch_of_one(self):
        assert judge_batch([INTENT], INPUTS, LIMITS) == (judge(INTENT, INPUTS, LIMITS),)
        assert judge_batch([], INPUTS, LIMITS) == ()

    def test_all_orders_count_at_once(self):
        """Each of them passes alone; together they are too many, and the last one waits."""
        batch = [self.order(name, Side.BUY, 10) for name in ("BBB", "CCC", "DDD")]
        inputs = self.book(orders_today=48)
        assert all(judge(order, inputs, LIMITS).allowed for order in batch)
        verdicts = judge_batch(batch, inputs, LIMITS)
        assert [verdict.allowed for verdict in verdicts] == [True, True, False]
        assert codes(verdicts[2]) == {"orders_per_day"}

    def test_the_most_urgent_goes_first(self):
        sale = self.order("AAA", Side.SELL, 60, OrderPurpose.EXIT)
        flat = self.order("AAA", Side.SELL, 50, OrderPurpose.FLAT)
        batch = [self.order("BBB", Side.BUY, 10), sale, flat]
        verdicts = judge_batch(batch, self.book(orders_today=49), LIMITS)
        # FLAT takes 50 of the 100 and the last order of the day; 60 more are not there.
        assert [verdict.allowed for verdict in verdicts] == [False, False, True]
        assert "closes_more_than_held" in codes(verdicts[1])
        assert codes(verdicts[0]) == {"orders_per_day"}

    def test_an_exit_goes_before_a_rebalance_and_a_sale_before_a_purchase(self):
        kinds = (OrderPurpose.REBALANCE, OrderPurpose.EXIT)
        sales = [self.order("AAA", Side.SELL, 60, purpose) for purpose in kinds]
        verdicts = judge_batch(sales, self.book(), LIMITS)
        assert [verdict.allowed for verdict in verdicts] == [False, True]
        batch = [self.order("BBB", Side.BUY, 10), self.order("AAA", Side.SELL, 60)]
        verdicts = judge_batch(batch, self.book(orders_today=49), LIMITS)
        assert [verdict.allowed for verdict in verdicts] == [False, True]

    def test_a_refused_order_takes_no_room(self):
        batch = [self.order("BBB", Side.BUY, 10_000), self.order("CCC", Side.BUY, 100)]
        refused, allowed = judge_batch(batch, self.book(), LIMITS)
        assert (refused.allowed, allowed.allowed) == (False, True)

    def test_the_same_order_twice_is_sent_once(self):
        batch = [self.order("BBB", Side.BUY, 10)] * 2
        first, second = judge_batch(batch, self.book(), LIMITS)
        assert first.allowed
        assert codes(second) == {"duplicate_order"}

    def test_children_of_one_batch_add_up(self):
        batch = [self.order("BBB", Side.BUY, quantity) for quantity in (90, 80, 70)]
        inputs = self.book(parents={"BBB": ParentOrder(0, 180, 0)})
        verdicts = judge_batch(batch, inputs, LIMITS)
        assert [verdict.allowed for verdict in verdicts] == [True, True, False]
        assert codes(verdicts[2]) == {"exceeds_parent"}

    def test_five_hundred_names_and_fifty_orders_are_all_judged(self):
        names = [f"N{number:03d}" for number in range(500)]
        positions = {name: MarkedPosition(1, UNIT) for name in names}
        parents = {name: ParentOrder(1, 2, 0) for name in names}
        known = {"average_volumes": dict.fromkeys(names, 1e6)}
        known |= {"previous_closes": dict.fromkeys(names, 50 * UNIT)}
        inputs = self.book(positions=positions, parents=parents, **known)
        batch = [self.order(name, Side.BUY, 1) for name in names[:50]]
        limits = replace(LIMITS, max_orders_per_minute=100, max_orders_per_day=100)
        assert all(verdict.allowed for verdict in judge_batch(batch, inputs, limits))


class TestHeadroom:
    def test_by_hand(self):
        room = {row.name: (row.limit, row.used, row.left) for row in headroom(INPUTS, LIMITS)}
        assert room["gross_exposure"] == (40_000 * UNIT, 14_500 * UNIT, 25_500 * UNIT)
        assert room["net_exposure"] == (30_000 * UNIT, 6_500 * UNIT, 23_500 * UNIT)
        assert room["leverage"] == (40_000 * UNIT, 14_500 * UNIT, 25_500 * UNIT)
        assert room["position_notional"] == (15_000 * UNIT, 5_500 * UNIT, 9_500 * UNIT)
        assert room["cash_floor"] == (0, 13_500 * UNIT, 13_500 * UNIT)
        assert room["orders_per_day"] == (50, 20, 30)
        assert room["turnover_per_day"] == (20_200 * UNIT, 1_500 * UNIT, 18_700 * UNIT)
        assert room["daily_loss_reducing"] == (404 * UNIT, 200 * UNIT, 204 * UNIT)
        assert room["drawdown_halted"] == (4_080 * UNIT, 400 * UNIT, 3_680 * UNIT)
        assert room["cut_off_passed"] == (30.0, 120.0, 90.0)
        assert room["data_stale"] == (0, 0, 0)

    def test_an_untouched_account(self):
        """Nothing held, nothing sent, nothing lost: all is known, and all of it is zero."""
        zeros = ("orders_last_minute", "orders_today", "turnover_today_micros")
        zeros += ("reconciliation_age_seconds", "data_age_sessions")
        fresh = replace(INPUTS, positions={}, **dict.fromkeys(zeros, 0), **orders())
        used = {row.name: row.used for row in headroom(fresh, LIMITS)}
        assert {used[name] for name in ("orders_per_minute", "orders_per_day")} == {0}
        assert {used[name] for name in ("turnover_per_day", "position_weight", "leverage")} == {0}
        assert used["not_reconciled"] == 0
        limits = replace(LIMITS, max_orders_per_minute=1, max_orders_per_day=1)
        intent = replace(INTENT, reference_age_seconds=0)
        first = judge(intent, replace(fresh, **parent(0, 100, 0)), limits)
        assert first.allowed

    def test_a_limit_that_is_off_is_not_listed(self):
        listed = {row.name for row in headroom(INPUTS, replace(LIMITS, max_gross_micros=None))}
        assert "gross_exposure" not in listed
        assert "leverage" in listed

    def test_what_is_not_known_has_no_room(self):
        unknown = replace(INPUTS, positions=None, equity_micros=math.nan)
        room = {row.name: (row.used, row.left) for row in headroom(unknown, LIMITS)}
        for name in ("gross_exposure", "leverage", "position_weight", "daily_loss_halted"):
            assert room[name] == (None, None)

    def test_no_room_left_means_the_next_order_is_refused(self):
        limits = replace(LIMITS, max_orders_per_day=20, max_gross_micros=14_500 * UNIT)
        room = {row.name: row.left for row in headroom(INPUTS, limits)}
        assert (room["orders_per_day"], room["gross_exposure"]) == (0, 0)
        assert codes(judge(INTENT, INPUTS, limits)) == {"orders_per_day", "gross_exposure"}


class TestReference:
    def test_exposure_is_the_worst_of_all_outcomes(self):
        """Every set of open orders that may fill, tried one by one."""
        open_orders = (
            OpenOrder("AAA", Side.BUY, 10, 51 * UNIT),
            OpenOrder("AAA", Side.SELL, 150, 49 * UNIT),
            OpenOrder("BBB", Side.SHORT, 500, 24 * UNIT),
            OpenOrder("CCC", Side.COVER, 20, 99 * UNIT),
            OpenOrder("DDD", Side.BUY, 7, 3 * UNIT),
        )
        exposure = Exposure.of(replace(INPUTS, open_orders=open_orders))
        start = {"AAA": 5_000 * UNIT, "BBB": 5_000 * UNIT, "CCC": -4_000 * UNIT, "DDD": 0}
        gross, net, cash = [], [], []
        for fills in itertools.product([0, 1], repeat=len(open_orders)):
            values = dict(start)
            for filled, order in zip(fills, open_orders, strict=True):
                sign = 1 if order.side.is_buy else -1
                values[order.symbol] += filled * sign * order.remaining * order.price_micros
            gross.append(sum(abs(value) for value in values.values()))
            net.append(abs(sum(values.values())))
            bought = [
                filled * order.remaining * order.price_micros
                for filled, order in zip(fills, open_orders, strict=True)
                if order.side.is_buy
            ]
            cash.append(sum(bought))
        assert exposure.gross_micros == max(gross)
        assert exposure.worst_net_micros == max(net)
        assert exposure.buys_micros == max(cash)
