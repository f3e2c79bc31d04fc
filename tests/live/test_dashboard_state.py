"""What the worker shows, by numbers worked out by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from quant_core.brokers.port import Health, PriceQuote, QuoteKind
from quant_core.live.coming_session import DataShown
from quant_core.live.dashboard_state import Shown, _limit, state_document
from quant_core.live.journal_entries import (
    BookRecord,
    BreakerMoved,
    DecisionTaken,
    SessionClosed,
    SessionOpened,
    WorkerStarted,
)
from quant_core.live.journal_kinds import Mode, TargetKind
from quant_core.live.journal_lines import Entry
from quant_core.live.journal_orders import FillReceived
from quant_core.live.worker_state import WorkerState
from quant_core.risk.limits import Headroom
from quant_core.trading.orders import Side
from tests.live.test_order_life import INTENT
from tests.risk.gate_examples import INPUTS, LIMITS

CAPITAL = 1_000_000_000
FIRST, SECOND = date(2024, 1, 2), date(2024, 1, 3)
NOW = datetime(2024, 1, 2, 22, tzinfo=UTC)
BOUGHT = FillReceived("e1", "r8", FIRST, "AAA", Side.BUY, 10, 5_010_000, 5_000_000, 20_000)
SHORTED = FillReceived("e3", "r7", FIRST, "BBB", Side.SHORT, 10, 5_000_000, 5_000_000, 30_000)
SOLD = FillReceived("e2", "r9", SECOND, "AAA", Side.SELL, 10, 5_000_000, 5_010_000, 30_000)
PAGE = Path(__file__).resolve().parents[2] / "docs/reference/live-files.md"


def document(state: WorkerState, data: DataShown | None = None, **prices: int) -> dict[str, object]:
    """The document with these quotes."""
    quotes = {name: PriceQuote(name, price, NOW, QuoteKind.LIVE) for name, price in prices.items()}
    return state_document(
        state,
        Shown(
            now=NOW,
            mode=Mode.PAPER,
            account="DU1",
            broker="paper",
            strategy="p1",
            status="monitoring",
            health=Health(True, True, True, True, 0.0, 0.0, True, ""),
            quotes=quotes,
            next_run=None,
            outcomes=[],
            gate=INPUTS,
            limits=LIMITS,
            data=data or DataShown(),
        ),
    )


def opened(state: WorkerState, session: date) -> WorkerState:
    state.apply(SessionOpened(session, "v1", BookRecord.of(state.book)))
    return state


def closed(state: WorkerState, session: date, **closes: int) -> WorkerState:
    state.apply(SessionClosed(session, BookRecord.of(state.preview(session, closes)), closes))
    return state


def first_day() -> WorkerState:
    """1,000.00 less 50.10 and 0.02; at the close the shares are worth 52.00: 1,001.88."""
    state = opened(WorkerState(CAPITAL), FIRST)
    state.apply(BOUGHT)
    return closed(state, FIRST, AAA=5_200_000)


def told(shown: dict[str, object]) -> tuple[object, list[str], object]:
    """Session of the fills, their executions, profit of the day."""
    fills = shown["fills"]
    assert isinstance(fills, list)
    return shown["fills_session"], [fill["execution"] for fill in fills], shown["day_pnl"]


class TestExamples:
    def test_before_the_first_session(self):
        assert told(document(WorkerState(CAPITAL))) == (None, [], 0.0)

    def test_in_a_session(self):
        state = opened(WorkerState(CAPITAL), FIRST)
        state.apply(BOUGHT)
        # Valued at 5.10: 949.88 and 51.00.
        assert told(document(state, AAA=5_100_000)) == ("2024-01-02", ["e1"], 0.88)

    def test_between_sessions_those_of_the_last_one_stay(self):
        state = first_day()
        assert told(document(state)) == ("2024-01-02", ["e1"], 1.88)
        shown = document(state, AAA=6_000_000)
        assert shown["equity"] == 1009.88
        assert shown["session"] is None
        assert told(shown) == ("2024-01-02", ["e1"], 1.88)

    def test_the_next_session_replaces_them(self):
        state = opened(first_day(), SECOND)
        assert told(document(state)) == ("2024-01-03", [], 0.0)
        state.apply(SOLD)
        # 949.88 and 49.97 are 999.85, against 1,001.88.
        assert told(document(state)) == ("2024-01-03", ["e2"], -2.03)
        assert told(document(closed(state, SECOND))) == ("2024-01-03", ["e2"], -2.03)

    def test_a_session_that_was_never_opened(self):
        state = closed(first_day(), SECOND, AAA=5_000_000)
        assert told(document(state)) == ("2024-01-03", [], -2.0)

    def test_the_breaker(self):
        state = first_day()
        assert document(state)["breaker"] == {
            "tripped": False,
            "peak": 1000.0,
            "flat_from": None,
        }
        state.apply(BreakerMoved(FIRST, 1_200_000_000, 2, ()))
        assert document(state)["breaker"] == {"tripped": True, "peak": 1200.0, "flat_from": 2}


def money_of(shown: dict[str, object]) -> tuple[object, object, object]:
    """Profit in total, of the positions held, and of what is over."""
    return shown["total_pnl"], shown["unrealised_pnl"], shown["realised_pnl"]


def only_position(shown: dict[str, object]) -> dict[str, object]:
    (row,) = shown["positions"]
    return row


class TestProfit:
    def test_of_a_long_position(self):
        """Ten at 5.01 and 0.02 of commission cost 50.12, 5.012 each."""
        state = opened(WorkerState(CAPITAL), FIRST)
        state.apply(BOUGHT)
        row = only_position(document(state, AAA=5_100_000))
        assert (row["average_cost"], row["unrealised_pnl"]) == (5.012, 0.88)
        assert money_of(document(state, AAA=5_100_000)) == (0.88, 0.88, 0.0)
        state.apply(SOLD)
        assert money_of(document(state)) == (-0.15, 0.0, -0.15)

    @pytest.mark.parametrize(("price", "profit"), [(4_800_000, 1.97), (5_200_000, -2.03)])
    def test_of_a_short_position(self, price, profit):
        """Ten at 5.00 less 0.03 of commission bring 49.97, 4.997 each."""
        state = opened(WorkerState(CAPITAL), FIRST)
        state.apply(SHORTED)
        row = only_position(document(state, BBB=price))
        assert (row["average_cost"], row["unrealised_pnl"]) == (4.997, profit)
        assert row["value"] == -price / 1e5

    def test_prices_move_only_what_is_held(self):
        state = first_day()
        state.apply(SHORTED)
        state.apply(replace(SOLD, shares=4))
        realised = {money_of(document(state, AAA=p, BBB=p))[2] for p in (1_000_000, 9_876_543)}
        # Four of ten cost 20.048 and brought 20.00 less 0.03.
        assert realised == {-0.078}
        shown = document(state, AAA=9_876_543, BBB=1_234_567)
        parts = [row["unrealised_pnl"] for row in shown["positions"]]
        assert sum(parts) == pytest.approx(shown["unrealised_pnl"], abs=1e-9)


class TestDecision:
    def test_the_last_one_stays_over_the_close(self):
        state = opened(WorkerState(CAPITAL), FIRST)
        assert set(document(state)["last_decision"].values()) == {None}
        taken = DecisionTaken(FIRST, "v1", TargetKind.WEIGHTS, "rebalance", {"AAA": 0.5}, 3)
        state.take(Entry(7, NOW, taken, "", ""))
        told = {
            "session": "2024-01-02",
            "at": "2024-01-02T22:00:00.000000Z",
            "target": "weights",
            "reason": "rebalance",
            "orders": 3,
            "data_version": "v1",
        }
        assert document(state)["last_decision"] == told
        assert document(opened(closed(state, FIRST), SECOND))["last_decision"] == told
        state.apply(DecisionTaken(SECOND, "", TargetKind.HOLD, "too late", {}, 0))
        shown = document(state)["last_decision"]
        assert (shown["reason"], shown["data_version"]) == ("too late", None)


class TestWhatIsTraded:
    def test_strategy_data_and_start(self):
        state = WorkerState(CAPITAL)
        shown = document(state)
        assert shown["started_at"] is None
        assert [shown[name] for name in ("dataset", "data_version", "data_last_session")] == [
            None
        ] * 3
        state.take(Entry(1, NOW, WorkerStarted("w", Mode.PAPER, "paper", "c", "s", 1), "", ""))
        shown = document(state, DataShown("sp500", "v7", FIRST, 0, "hangs"))
        assert shown["started_at"] == "2024-01-02T22:00:00.000000Z"
        assert shown["strategy"] == {"name": "p1", "type": None}
        assert (shown["dataset"], shown["data_version"]) == ("sp500", "v7")
        assert (shown["data_last_session"], shown["data_problem"]) == ("2024-01-02", "hangs")


ROW = re.compile(r"^\| `(\w+)` \|(.*)\|$", re.MULTILINE)
ENVELOPE = {"schema", "engine_instance", "sequence", "written_at", "valid_until"}
OPEN_ENDED = {"alerts", "shortfall"}
"""Members whose own are those of another module."""


def rows_of_page() -> dict[str, str]:
    """Member of the document and what the page says of it."""
    section = PAGE.read_text("utf-8").partition("\n## dashboard_state.json\n")[2]
    return dict(ROW.findall(section.partition("\n## ")[0]))


class TestReference:
    def test_the_page_names_every_member(self):
        state = first_day()
        state.apply(INTENT)
        shown = document(state, AAA=5_200_000)
        rows = rows_of_page()
        assert rows.keys() == shown.keys() | ENVELOPE
        for name, value in shown.items():
            inner = value[0] if isinstance(value, list) and value else value
            if isinstance(inner, dict) and name not in OPEN_ENDED:
                missing = {key for key in inner if f"`{key}`" not in rows[name]}
                assert not missing, (name, missing)

    @pytest.mark.parametrize("name", ["positions", "open_orders", "fills", "limits"])
    def test_the_lists_it_compares_are_not_empty(self, name):
        state = first_day()
        state.apply(INTENT)
        assert document(state)[name]


class TestLimits:
    def test_money_is_in_currency_units_like_everywhere(self):
        shown = _limit(Headroom("cash_floor", "micros", 1_000_000.0, 2_500_000.0, -1_500_000.0))
        assert (shown["unit"], shown["used"], shown["left"]) == ("currency units", 2.5, -1.5)
        assert _limit(Headroom("orders_per_day", "orders", None, 3.0, None))["used"] == 3.0
