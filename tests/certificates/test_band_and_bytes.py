"""Implementation band and reproducibility, on values made here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quant_core.certificates.implementation_band import (
    CONVENTIONS,
    TiesReversed,
    prove_implementation_band,
)
from quant_core.certificates.reproducibility import COMPARED, prove_reproducibility
from quant_core.trading.orders import Reason, Side
from tests.certificates.small_market import SAY, UNIT, HighestFactor, World

SUBJECT = World().subject()
QUOTED = SUBJECT.trade()


def scaled(factor: float):
    """The run with its final equity multiplied."""
    equity = QUOTED.equity_micros.copy()
    equity[-1] = round(equity[-1] * factor)
    return replace(QUOTED, equity_micros=equity)


class TestBand:
    def test_of_known_results(self):
        factors = {c.label: 1 + i / 100 for i, c in enumerate(CONVENTIONS, start=-3)}
        told: list[tuple[int, int]] = []
        found = prove_implementation_band(
            QUOTED,
            lambda convention: scaled(factors[convention.label]),
            0.0,
            SAY,
            lambda done, total: told.append((done, total)),
        )
        assert found.passed
        final = QUOTED.equity_micros[-1] / UNIT
        assert found.figures["lowest"] == pytest.approx(final * 0.97)
        assert found.figures["highest"] == pytest.approx(final * (0.96 + len(CONVENTIONS) / 100))
        assert found.figures["final_equity"] == final
        assert told[-1] == (len(CONVENTIONS), len(CONVENTIONS))
        assert len(found.tables[0].rows) == len(CONVENTIONS) + 1
        assert found.tables[0].rows[0][3] == "+0.000 %"

    def test_a_result_outside_its_band(self):
        found = prove_implementation_band(QUOTED, lambda _: scaled(0.9), 0.0, SAY)
        assert not found.passed
        assert "outside the band" in found.summary

    def test_every_kind_of_convention_is_there(self):
        groups = {convention.group for convention in CONVENTIONS}
        assert groups >= {"Price", "Rounding", "Order priority", "Commission", "Volume"}
        prices = {c.execution.get("price") for c in CONVENTIONS if c.group == "Price"}
        assert prices == {"open", "close"}

    def test_equal_buys_from_the_last_symbol(self):
        """With no buffer the last buy of a session finds too little cash."""

        def truncated(strategy) -> set[str]:
            subject = World().subject(strategy, top_k=8, every=100, cash_buffer=0.0, slippage=0.02)
            return {o.symbol for o in subject.trade().orders if o.reason is Reason.TRUNCATED_CASH}

        assert truncated(HighestFactor) == {"S7"}
        assert truncated(lambda settings: TiesReversed(HighestFactor(settings))) == {"S0"}

    def test_reversed_ties_ask_for_the_same_shares(self):
        def bought(strategy):
            history = World().subject(strategy, every=100).trade()
            return {(o.symbol, o.requested) for o in history.orders if o.side is Side.BUY}

        assert bought(HighestFactor) == bought(lambda given: TiesReversed(HighestFactor(given)))


class TestReproducibility:
    @pytest.fixture
    def folders(self, tmp_path):
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            for file in COMPARED:
                (tmp_path / name / file).write_bytes(file.encode() * 3)
        return tmp_path / "one", tmp_path / "two"

    def test_equal(self, folders):
        found = prove_reproducibility(*folders, SAY)
        assert found.passed
        assert found.figures["different"] == ""
        assert "6 identical files" in found.summary

    @pytest.mark.parametrize("name", COMPARED)
    def test_one_byte(self, folders, name: str):
        (folders[1] / name).write_bytes(name.encode() * 2 + name.encode()[:-1] + b"!")
        found = prove_reproducibility(*folders, SAY)
        assert not found.passed
        assert found.figures["different"] == name
        assert name in found.summary

    def test_a_missing_file(self, folders):
        for folder in folders:
            (folder / "fills.parquet").unlink()
        assert not prove_reproducibility(*folders, SAY).passed

    def test_other_files_may_differ(self, folders):
        (folders[0] / "manifest.json").write_text("1")
        assert prove_reproducibility(*folders, SAY).passed


def test_the_quoted_run_traded_something():
    assert QUOTED.fills
    assert np.isfinite(QUOTED.equity_micros).all()
