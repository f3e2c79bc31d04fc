"""The engine equals the naive twin to the micro where everything happens at once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.compiled_backtest import compile_ahead
from quant_core.risk.margin import MarginRules
from quant_core.trading.history import RunHistory
from tests.engine.market_strategies import ScriptedStrategy
from tests.engine.reference_account import Terms, Told, World
from tests.engine.reference_actions import simulate
from tests.engine.whole_worlds import Foretold, Table, decisions, engine_run, terms, worlds


@pytest.fixture(autouse=True, scope="module")
def _loaded():
    """The compiled loops: a run this small would not load them."""
    compile_ahead()
    compile_ahead(MarginRules(allowed=True))


def both(
    world: World,
    table: Table,
    scheduled: list[bool],
    capital: float,
    rules: Terms,
    strategy: type[ScriptedStrategy] = ScriptedStrategy,
) -> tuple[RunHistory, Told]:
    history = engine_run(world, table, scheduled, capital, rules, strategy)
    return history, simulate(world, lambda t: table[t], scheduled, 1, capital, rules)


def assert_identical(history: RunHistory, told: Told, world: World) -> None:
    row_of = {day: row for row, day in enumerate(world.days)}
    orders = [
        (
            row_of[order.session],
            int(order.symbol[1:]),
            order.side.value,
            order.requested,
            order.filled,
            order.reason.value,
            order.cash_before_micros,
        )
        for order in history.orders
    ]
    fills = [
        (
            row_of[fill.session],
            int(fill.symbol[1:]),
            fill.side.value,
            fill.shares,
            fill.price_micros,
            fill.commission_micros,
        )
        for fill in history.fills
    ]
    assert orders == told.orders
    assert fills == told.fills
    assert history.cash_micros.tolist() == told.cash
    assert history.receivable_micros.tolist() == told.receivable
    assert history.equity_micros.tolist() == told.equity
    assert shares_of(history) == told.shares


def shares_of(history: RunHistory) -> list[dict[int, int]]:
    books: list[dict[int, int]] = [{} for _ in history.sessions]
    held = history.positions
    for row, symbol, shares in zip(
        held.row.tolist(), held.symbol.tolist(), held.shares.tolist(), strict=True
    ):
        books[row][int(held.symbols[symbol][1:])] = shares
    return books


class TestReference:
    @settings(max_examples=220, deadline=None)
    @given(st.data())
    def test_long_only(self, data):
        self.compare(data, may_short=False)

    @settings(max_examples=220, deadline=None)
    @given(st.data())
    def test_long_short(self, data):
        self.compare(data, may_short=True)

    def compare(self, data, may_short: bool):
        world = data.draw(worlds())
        rows, columns = len(world.days), len(world.close[0])
        table = data.draw(decisions(rows, columns, may_short))
        later = st.lists(st.booleans(), min_size=rows - 2, max_size=rows - 2)
        scheduled = [True, *data.draw(later)]
        capital = data.draw(st.sampled_from([1_000.0, 100_000.0]))
        rules = data.draw(terms(may_short))
        # Session by session, or in the compiled loop where it takes such a run.
        strategy = data.draw(st.sampled_from([ScriptedStrategy, Foretold]))
        history, told = both(world, table, scheduled, capital, rules, strategy)
        assert_identical(history, told, world)


class TestProperties:
    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_every_micro_is_accounted_for(self, data):
        """Cash moves by fills and told incidents alone; equity is cash, positions, claims."""
        world = data.draw(worlds())
        rows, columns = len(world.days), len(world.close[0])
        table = data.draw(decisions(rows, columns, True))
        rules = data.draw(terms(True))
        history = engine_run(world, table, [True] * (rows - 1), 10_000.0, rules)
        cash, held = history.starting_capital_micros, history.positions
        for number, session in enumerate(history.sessions.tolist()):
            cash += sum(f.cash_flow_micros for f in history.fills if f.session == session)
            cash += sum(i.cash_flow_micros for i in history.incidents if i.session == session)
            now = held.row == number
            value = int((held.shares[now] * held.mark_micros[now]).sum())
            assert history.cash_micros[number] == cash
            owed = history.receivable_micros[number]
            assert history.equity_micros[number] == cash + value + owed

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_a_long_only_book_never_owes_and_is_never_short(self, data):
        world = data.draw(worlds())
        rows, columns = len(world.days), len(world.close[0])
        table = data.draw(decisions(rows, columns, False))
        rules = data.draw(terms(False))
        history = engine_run(world, table, [True] * (rows - 1), 10_000.0, rules)
        assert (history.cash_micros >= 0).all()
        assert (history.positions.shares > 0).all()
        assert {fill.side.value for fill in history.fills} <= {"buy", "sell"}
