"""Tables: money stays exact, types stay what they are when there is nothing to say."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_core.foundation.money import LARGEST_MICROS
from quant_core.reports.tables import (
    MONEY,
    equity_table,
    fills_table,
    incidents_table,
    known_money,
    money,
    orders_table,
    positions_table,
)
from tests.reports.runs import FIRST, busy_run, idle_run

TABLES = (equity_table, orders_table, fills_table, positions_table, incidents_table)

amounts = st.integers(-LARGEST_MICROS, LARGEST_MICROS)


class TestProperties:
    @given(st.lists(amounts, min_size=1, max_size=20))
    def test_money_is_exact(self, micros: list[int]):
        column = money("cash", micros)
        assert column.dtype == MONEY
        assert [int(value.scaleb(6)) for value in column] == micros
        assert column.name == "cash"

    @given(st.lists(st.one_of(st.just(0), amounts), min_size=1, max_size=20))
    def test_no_price_is_null(self, micros: list[int]):
        column = known_money("open_price", micros)
        assert column.is_null().to_list() == [amount == 0 for amount in micros]
        assert [int(value.scaleb(6)) for value in column.drop_nulls()] == [m for m in micros if m]


class TestExamples:
    def test_equity(self):
        row = equity_table(busy_run(2)).row(1, named=True)
        assert row == {
            "date": date(2024, 1, 3),
            "equity": Decimal("1001.000000"),
            "cash": Decimal("799.000000"),
            "invested": Decimal("202.000000"),
            "receivable": Decimal("0.000000"),
            "drawdown": 0.0,
            "benchmark": Decimal("1000.841471"),
        }

    def test_order_without_a_reason_or_a_price(self):
        filled, refused = orders_table(busy_run(2)).rows(named=True)
        assert (filled["reason"], filled["open_price"]) == (None, Decimal("99.999995"))
        assert (refused["reason"], refused["open_price"]) == ("refused_no_price", None)
        assert refused["signal_price"] is None

    def test_fill(self):
        (fill,) = fills_table(busy_run(2)).rows(named=True)
        assert fill == {
            "date": FIRST,
            "symbol": "ABC",
            "side": "buy",
            "shares": 2,
            "fill_price": Decimal("100.000000"),
            "notional": Decimal("200.000000"),
            "commission": Decimal("1.000000"),
            "slippage_cost": Decimal("0.000010"),
        }

    def test_position(self):
        position = positions_table(busy_run(5)).row(4, named=True)
        assert (position["value"], position["stale"]) == (Decimal("208.000000"), True)
        assert position["weight"] == pytest.approx(208 / 1007)
        assert position["average_cost"] == Decimal("100.500000")

    def test_incident(self):
        hold, stop = incidents_table(busy_run(2)).rows(named=True)
        assert (hold["symbol"], hold["cash_flow"]) == (None, Decimal("0.000000"))
        assert stop["cash_flow"] == Decimal("0.000007")

    @pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
    def test_types_of_an_empty_table(self, table):
        assert table(idle_run()).schema == table(busy_run(9)).schema

    def test_no_benchmark_is_null(self):
        assert equity_table(idle_run())["benchmark"].null_count() == 3
        assert equity_table(idle_run()).schema["benchmark"] == pl.Decimal(18, 6)
