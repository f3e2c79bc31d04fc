"""Broker and journal disagree: the worker stays up and says so, and audit ends with 6."""

from __future__ import annotations

import asyncio
import dataclasses

from config import load_settings
from quant_core.jobs import audit_command
from quant_core.jobs.command_line import run_command
from quant_core.live.ipc import STATE_FILE, document_at
from quant_core.live.journal_kinds import TradingState
from tests.live.small_desk import Bench, plain_world, whole_run


def audit(bench: Bench) -> int:
    """Exit code of the command over the journal of a bench."""
    words = ["--set", f"live.folder={bench.folder / 'live'}"]
    return run_command(audit_command.COMMAND, words, load_settings)


def with_foreign_shares(bench: Bench) -> None:
    """Somebody else bought seven shares in the account."""
    snapshot = bench.venue.snapshot

    async def other():
        real = await snapshot()
        return dataclasses.replace(real, positions={**real.positions, "S9": 7})

    bench.venue.snapshot = other


class TestExamples:
    def test_books_that_agree(self, tmp_path, capfd):
        assert audit(whole_run(Bench(tmp_path, plain_world(rows=3)))) == 0
        assert "unaltered" in capfd.readouterr().out

    def test_the_worker_stays_up_and_says_so(self, tmp_path, capfd):
        bench = Bench(tmp_path, plain_world(rows=3))
        with_foreign_shares(bench)
        try:
            bench.run()
            asyncio.run(bench.trader.end("over"))
        finally:
            bench.close()
        assert bench.state.trading_state is TradingState.HALTED
        assert bench.state.orders == {}
        assert "reconcile" in {alert.key for alert in bench.alerts}
        document = document_at(tmp_path / "live" / STATE_FILE) or {}
        assert document["reconciliation"] == {
            "agrees": False,
            "differences": ["S9: 0 shares here, 7 at the broker"],
        }
        assert audit(bench) == 6
        assert "S9: 0 shares here, 7 at the broker" in capfd.readouterr().out

    def test_a_restart_halts_again_and_decides_nothing(self, tmp_path):
        bench = whole_run(Bench(tmp_path, plain_world(rows=3)))
        again = Bench(tmp_path, bench.world)
        with_foreign_shares(again)
        try:
            asyncio.run(again.trader.start())
            assert again.state.trading_state is TradingState.HALTED
        finally:
            again.close()
