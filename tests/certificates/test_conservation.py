"""Conservation: an honest record adds up, and a single changed number is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_core.certificates.conservation import breaches, cash_flows, prove_conservation
from quant_core.market import MarketFacts
from quant_core.trading.actions import Dividend, Rights, Split
from quant_core.trading.history import RunHistory
from tests.certificates.small_market import SAY, UNIT, World, prices


def eventful() -> RunHistory:
    """A run with a split, a dividend paid later, rights and a delisting."""
    opened, close = prices()
    for values in (opened, close):
        values[41:, 5] = np.nan
    actions = {
        row: (
            Dividend(f"S{(row + 1) % 8}", UNIT // 2, row + 3),
            Rights(f"S{(row + 3) % 8}", 0.05, 20 * UNIT),
            Split(f"S{row % 8}", 1.5),
        )
        for row in range(8, 56, 5)
    }
    facts = MarketFacts(actions=actions, delistings={"S5": 40})
    return World(data={"open": opened, "close": close}, facts=facts).subject(top_k=5).trade()


EVENTFUL = eventful()


def changed(values: np.ndarray, row: int, by: int) -> np.ndarray:
    other = values.copy()
    other[row] += by
    return other


class TestExamples:
    def test_an_honest_run(self):
        found = prove_conservation(World().subject().trade(), SAY)
        assert found.passed
        assert found.figures["unexplained_micros"] == 0
        assert "all 56 closes" in found.summary

    def test_a_run_with_corporate_actions(self):
        kinds = {incident.kind for incident in EVENTFUL.incidents}
        assert {"split", "dividend", "dividend_paid", "delisting", "rights"} <= kinds
        found = prove_conservation(EVENTFUL, SAY)
        assert found.passed, found.tables[0].rows

    def test_the_cash_account(self):
        table = prove_conservation(EVENTFUL, SAY).tables[-1]
        lines = {name: round(float(text.replace(",", "")) * UNIT) for name, text in table.rows}
        end = lines.pop("Cash at the end")
        assert lines.pop("Unexplained") == 0
        assert sum(lines.values()) == end == EVENTFUL.cash_micros[-1]

    def test_flows_by_kind(self):
        flows = cash_flows(EVENTFUL)
        assert flows.commissions.sum() == -sum(f.commission_micros for f in EVENTFUL.fills)
        assert flows.incidents.sum() == sum(i.cash_flow_micros for i in EVENTFUL.incidents)


class TestPlantedErrors:
    def identity(self, history: RunHistory) -> set[str]:
        return {breach.identity for breach in breaches(history)}

    def test_a_micro_unit_of_cash(self):
        other = replace(EVENTFUL, cash_micros=changed(EVENTFUL.cash_micros, 9, 1))
        found = breaches(other)
        assert {breach.identity for breach in found} == {"cash", "equity"}
        assert found[0].session == EVENTFUL.sessions[9].item()
        assert found[0].difference == 1

    def test_a_fill_that_is_missing(self):
        last = EVENTFUL.fills[-1]
        assert self.identity(replace(EVENTFUL, fills=EVENTFUL.fills[:-1])) == {
            "cash",
            "orders",
            "share count",
        }
        found = breaches(replace(EVENTFUL, fills=EVENTFUL.fills[:-1]))
        assert {breach.symbol for breach in found if breach.symbol} == {last.symbol}

    def test_a_commission_not_taken(self):
        cheaper = replace(EVENTFUL.fills[3], commission_micros=0)
        fills = (*EVENTFUL.fills[:3], cheaper, *EVENTFUL.fills[4:])
        assert self.identity(replace(EVENTFUL, fills=fills)) == {"cash"}

    def test_a_share_too_many(self):
        held = EVENTFUL.positions
        more = replace(held, shares=changed(held.shares, 20, 1))
        assert self.identity(replace(EVENTFUL, positions=more)) == {"equity", "share count"}

    def test_a_wrong_mark(self):
        held = EVENTFUL.positions
        more = replace(held, mark_micros=changed(held.mark_micros, 20, 1))
        assert self.identity(replace(EVENTFUL, positions=more)) == {"equity"}

    @pytest.mark.parametrize(
        ("kind", "identities"),
        [
            ("dividend_paid", {"cash", "receivable"}),
            ("dividend", {"receivable"}),
            ("delisting", {"cash", "share count"}),
            ("split", {"share count"}),
        ],
    )
    def test_an_incident_that_is_missing(self, kind: str, identities: set[str]):
        kept = tuple(i for i in EVENTFUL.incidents if i.kind != kind)
        assert self.identity(replace(EVENTFUL, incidents=kept)) == identities

    def test_a_delisted_name_that_is_carried_on(self):
        """Marked as settled, and still there."""
        gone = next(i for i in EVENTFUL.incidents if i.kind == "delisting")
        held = EVENTFUL.positions
        row = EVENTFUL.sessions.tolist().index(gone.session)
        there = (held.row == row - 1) & (held.symbol == held.symbols.index(gone.symbol))
        again = replace(held, row=np.where(there, row, held.row))
        found = breaches(replace(EVENTFUL, positions=again))
        assert ("share count", gone.symbol) in {(b.identity, b.symbol) for b in found}

    def test_cash_below_zero(self):
        short = EVENTFUL.cash_micros - 10**13
        capital = EVENTFUL.starting_capital_micros - 10**13
        other = replace(
            EVENTFUL,
            cash_micros=short,
            starting_capital_micros=capital,
            equity_micros=EVENTFUL.equity_micros - 10**13,
        )
        assert self.identity(other) == {"negative cash"}

    def test_the_certificate_names_the_first(self):
        other = replace(EVENTFUL, cash_micros=changed(EVENTFUL.cash_micros, 9, 1))
        found = prove_conservation(other, SAY)
        assert not found.passed
        assert found.figures["first_breach"] == str(EVENTFUL.sessions[9])
        assert "cash" in found.summary


class TestProperties:
    @settings(max_examples=50)
    @given(
        field=st.sampled_from(["cash_micros", "equity_micros", "receivable_micros"]),
        row=st.integers(0, len(EVENTFUL.sessions) - 1),
        by=st.integers(-(10**9), 10**9).filter(bool),
    )
    def test_any_changed_amount_is_noticed(self, field: str, row: int, by: int):
        other = replace(EVENTFUL, **{field: changed(getattr(EVENTFUL, field), row, by)})
        assert breaches(other)
