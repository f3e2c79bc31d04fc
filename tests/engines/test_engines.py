"""The comparison with other engines: what it is given, what it finds, and the engines if present.

``make engines`` installs the other engines and compares at length; here each runs a few months of
a small market, and is left out where it is not installed.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from tests.engines.comparison import CENT, FLOAT, MICRO, allowance, difference, lowest_cash
from tests.engines.drive import DISTRIBUTIONS
from tests.engines.exchange import Case, Outcome
from tests.engines.levels import CASH_RULES, CENTS, NATIVE, tasks
from tests.engines.markets import ranked, synthetic
from tests.engines.ours import run_plan
from tests.engines.peers import PEERS, PeerFailed, missing, run_peer
from tests.engines.report import Line, compared, tables
from tests.engines.twins import bt_rebalance, replay, vectorbt_target_percent

ENGINES = {peer.name for peer in PEERS}


def small_case(**changes) -> Case:
    """Two names over four sessions; both bought, then A is sold and B grows."""
    case = Case(
        sessions=np.arange(np.datetime64("2024-01-02"), np.datetime64("2024-01-06")),
        symbols=np.array(["A", "B"]),
        opens=np.array([[10.0, 20.0], [11.0, 21.0], [12.0, 20.0], [12.0, 19.0]]),
        closes=np.array([[10.0, 20.0], [11.5, 20.5], [12.5, 19.5], [13.0, 20.0]]),
        volume=np.full((4, 2), 1e6),
        rows=np.array([1, 3]),
        orders=np.array([[10, 5], [-10, 3]]),
        weights=np.array([[0.5, 0.5], [0.0, 1.0]]),
        capital=1000.0,
        buffer=0.0,
    )
    return replace(case, **changes)


@pytest.fixture(scope="module")
def plan():
    return ranked(synthetic(320, 12), 4)


class TestExamples:
    def test_a_case_comes_back_from_its_file(self, tmp_path):
        case = small_case(rate=0.001)
        case.save(tmp_path / "case.npz")
        again = Case.load(tmp_path / "case.npz")
        assert (again.rate, again.sizing, again.money_decimals) == (0.001, "shares", 6)
        assert again.sessions.tolist() == case.sessions.tolist()
        assert again.orders.tolist() == case.orders.tolist()

    def test_sells_come_first_and_a_sale_is_cut_to_what_is_held(self):
        assert small_case().trades(1, 0.0, np.array([7, 5])) == [(0, -7), (1, 3)]

    def test_weights_become_whole_shares_at_the_close_before(self):
        case = small_case(sizing="weights")
        assert case.trades(0, 1000.0, np.array([0, 0])) == [(0, 50), (1, 25)]
        # 1,000 of equity at a close of 19.50 are 51 shares.
        assert case.trades(1, 1000.0, np.array([50, 25])) == [(0, -50), (1, 26)]

    def test_the_ledger_by_hand(self):
        outcome = replay(small_case())
        # 1000 - 110 - 105 = 785; + 115 + 102.5; + 125 + 97.5; 785 + 120 - 57 = 848, + 160.
        assert outcome.equity.tolist() == [1002.5, 1007.5, 1008.0]
        assert outcome.fill_shares.tolist() == [10, 5, -10, 3]

    def test_bt_sizes_at_the_open(self):
        # 1,000 at the open: 500 / 11 and 500 / 21.
        assert replay(small_case(), bt_rebalance).fill_shares.tolist()[:2] == [45, 23]

    def test_vectorbt_cuts_the_change_and_not_the_target(self):
        case = small_case(weights=np.array([[0.5, 0.0], [0.33, 0.0]]))
        # 50 shares of A; then 0.33 * 1,075 / 12.5 = 28.38 shares: 21 sold, not 22.
        assert replay(case, vectorbt_target_percent).fill_shares.tolist() == [50, -21]

    def test_rules_for_cash(self):
        case = small_case(orders=np.array([[60, 30], [0, 0]]), rate=0.01)
        bought = {
            rule: replay(case, cash_rule=rule).fill_shares.tolist()
            for rule in set(CASH_RULES.values())
        }
        # 60 * 11 * 1.01 = 666.60 leave 333.40: 15 of B with commission, 15 without.
        assert bought["borrow"] == [60, 30]
        assert bought["cut"] == bought["cut before fees"] == [60, 15]
        assert bought["reject"] == [60]
        assert lowest_cash(case, replay(case, cash_rule="borrow")) == pytest.approx(-302.9)


class TestComparison:
    def test_equal_outcomes_do_not_differ(self):
        found = difference(small_case(), replay(small_case()), replay(small_case()))
        assert (found.largest, found.cents, found.fills, found.price) == (0.0, 0, 0, 0.0)

    def test_a_difference_is_found_where_it_is(self):
        one = replay(small_case())
        other = replace(
            one,
            equity=one.equity + np.array([0.0, 0.02, 0.004]),
            fill_shares=np.array([10, 5, -10, 4]),
        )
        found = difference(small_case(), one, other)
        assert found.largest == pytest.approx(0.02)
        assert (found.session, found.cents, found.fills) == ("2024-01-04", 1, 2)

    def test_an_unknown_equity_is_a_difference(self):
        one = replay(small_case())
        assert difference(small_case(), one, replace(one, equity=one.equity * np.nan)).largest == (
            np.inf
        )

    def test_what_is_allowed_is_a_sum_of_roundings(self):
        fine = small_case(opens=small_case().opens + 0.0001)
        assert allowance(small_case(), 100) == FLOAT
        assert allowance(small_case(rate=0.001), 100) == FLOAT + 100 * MICRO
        assert allowance(small_case(money_decimals=2), 100) == FLOAT
        assert allowance(replace(fine, money_decimals=2), 100) == FLOAT + 100 * CENT
        both = replace(fine, money_decimals=2, rate=0.001)
        assert allowance(both, 100) == FLOAT + 100 * MICRO + 200 * CENT


class TestOwnEngine:
    @pytest.mark.parametrize("rate", [0.0, 0.001])
    @pytest.mark.parametrize("sizing", ["shares", "weights"])
    def test_equals_the_plain_ledger(self, plan, rate, sizing):
        own = run_plan(plan, rate)
        found = difference(own.case, own.outcome, replay(replace(own.case, sizing=sizing)))
        assert found.largest <= allowance(own.case, len(own.outcome.fill_row))
        assert (found.fills, own.unfilled) == (0, 0)
        assert len(own.outcome.fill_row) > 50

    def test_cuts_to_the_same_cash(self, plan):
        own = run_plan(plan, 0.001, buffer=0.0)
        found = difference(own.case, own.outcome, replay(own.case))
        assert own.unfilled > 0
        assert (found.cents, found.fills) == (0, 0)
        assert lowest_cash(own.case, own.outcome) >= 0.0

    def test_the_market_is_the_same_every_time(self):
        one, again = synthetic(300, 3), synthetic(300, 3)
        assert one.closes.tolist() == again.closes.tolist()
        assert np.isfinite(one.opens).all()


class TestTasks:
    def test_every_level_names_its_engines(self, plan):
        made = tasks(plan, ENGINES)
        assert {task.level for task in made} == {
            "orders",
            "orders, 10 bps",
            "weights, 10 bps",
            "native",
            "native, 10 bps",
            "short of cash",
        }
        assert ENGINES == set(CASH_RULES) == set(DISTRIBUTIONS)
        assert [task.label for task in made].count(CENTS) == 2
        own_ways = {task.label for task in made if task.level.startswith("native")}
        assert own_ways == set(NATIVE)
        twins = {task.level for task in made if task.twin is not None}
        assert twins == {"native", "native, 10 bps", "short of cash"}

    def test_drivers_are_read_without_their_engines(self):
        for name in DISTRIBUTIONS:
            assert callable(import_module(f"tests.engines.drivers.on_{name}").run)
        assert not {"backtrader", "vectorbt", "zipline", "pybroker"} & set(sys.modules)

    def test_an_engine_that_is_not_there_says_so(self, plan, tmp_path):
        absent = replace(PEERS[0], environment="nowhere")
        with pytest.raises(PeerFailed, match="bt is not installed: make engines"):
            run_peer(absent, run_plan(plan, 0.0).case)

    def test_a_line_outside_its_bound_is_marked(self, plan):
        task = tasks(plan, {"bt"}, {"orders"})[0]
        off = replace(task.own.outcome, equity=task.own.outcome.equity + 0.01, version="9")
        found = difference(task.case, task.own.outcome, off)
        line = Line(task, off, found, None, 1e-6)
        assert not line.passed
        assert "| bt | 9 | 0.010 NOT AS EXPECTED |" in tables([line])
        assert Line(task, failure="it stopped").passed is False


@pytest.mark.parametrize("name", sorted(ENGINES))
class TestEngines:
    def test_orders_with_a_commission(self, name, plan):
        if name in missing():
            pytest.skip("not installed: make engines")
        task = tasks(plan, {name}, {"orders, 10 bps"})[0]
        line = compared(task)
        assert line.passed, line.own
        assert isinstance(line.outcome, Outcome)
        assert line.outcome.version
