"""The engine equals the naive reading of the specification to the micro."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.backtest_engine import RunWindow, run_backtest
from quant_core.trading.history import RunHistory
from quant_core.trading_day import Market
from tests.engine.market_strategies import (
    ScriptedStrategy,
    answer_from,
    brain_of,
    markets,
    rule_sets,
    small_panel,
    weight_tables,
)
from tests.engine.reference import m, simulate


def both(market, rules, table, scheduled, capital):
    """Run the engine and the reference on the same inputs."""
    opens, close, volume, member = market
    panel = small_panel(opens, close, volume, member)
    brain = brain_of(ScriptedStrategy(answer_from(table), panel), rules)
    window = RunWindow(1, len(close) - 1)
    history = run_backtest(brain, Market(panel, {}), window, np.array(scheduled), m(capital))
    expected = simulate(
        opens, close, volume, member, lambda t: table[t], scheduled, 1, capital, rules
    )
    return history, expected


def fills_of(history: RunHistory):
    start = history.sessions[0].item().toordinal() - 1
    return [
        (
            fill.session.toordinal() - start,
            int(fill.symbol[1:]),
            fill.side.value,
            fill.shares,
            fill.price_micros,
            fill.commission_micros,
        )
        for fill in history.fills
    ]


def orders_of(history: RunHistory):
    start = history.sessions[0].item().toordinal() - 1
    return [
        (
            order.session.toordinal() - start,
            int(order.symbol[1:]),
            order.side.value,
            order.requested,
            order.filled,
            order.reason.value,
            order.cash_before_micros,
        )
        for order in history.orders
    ]


class TestReference:
    @settings(max_examples=300, deadline=None)
    @given(st.data())
    def test_orders_fills_cash_and_equity_are_identical(self, data):
        market = data.draw(markets())
        rows, columns = len(market[1]), len(market[1][0])
        table = data.draw(weight_tables(rows, columns))
        later = st.lists(st.booleans(), min_size=rows - 2, max_size=rows - 2)
        scheduled = [True, *data.draw(later)]
        capital = data.draw(st.sampled_from([1_000.0, 100_000.0]))
        history, expected = both(market, data.draw(rule_sets()), table, scheduled, capital)
        assert orders_of(history) == expected.orders
        assert fills_of(history) == expected.fills
        assert history.cash_micros.tolist() == expected.cash
        assert history.equity_micros.tolist() == expected.equity


class TestProperties:
    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_money_is_conserved_and_cash_never_negative(self, data):
        market = data.draw(markets())
        rows, columns = len(market[1]), len(market[1][0])
        table = data.draw(weight_tables(rows, columns))
        rules = data.draw(rule_sets())
        history, _ = both(market, rules, table, [True] * (rows - 1), 10_000.0)
        assert (history.cash_micros >= 0).all()
        cash = history.starting_capital_micros
        held = history.positions
        for i, session in enumerate(history.sessions.tolist()):
            cash += sum(f.cash_flow_micros for f in history.fills if f.session == session)
            now = held.row == i
            value = int((held.shares[now] * held.mark_micros[now]).sum())
            assert history.cash_micros[i] == cash
            assert history.equity_micros[i] == cash + value

    @settings(max_examples=50, deadline=None)
    @given(st.data())
    def test_the_future_does_not_change_the_past(self, data):
        opens, close, volume, member = data.draw(markets())
        rows, columns = len(close), len(close[0])
        table = data.draw(weight_tables(rows, columns))
        rules = data.draw(rule_sets())
        cut = data.draw(st.integers(1, rows - 1))
        whole, _ = both((opens, close, volume, member), rules, table, [True] * (rows - 1), 1e4)
        noise = np.random.default_rng(7).uniform(1, 300, (rows, columns))
        changed = [
            [row if t <= cut else noise[t].tolist() for t, row in enumerate(prices)]
            for prices in (opens, close)
        ]
        other, _ = both((*changed, volume, member), rules, table, [True] * (rows - 1), 1e4)
        assert whole.equity_micros[:cut].tolist() == other.equity_micros[:cut].tolist()
        last = whole.sessions[cut - 1].item()
        early = [f for f in whole.fills if f.session <= last]
        assert early == [f for f in other.fills if f.session <= last]
