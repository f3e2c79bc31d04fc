"""A person lets a worker trade again; the drawdown breaker only where that is asked for."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from config import load_settings
from quant_core.brokers.port import Intent, Submitted
from quant_core.jobs.command_line import run_command
from quant_core.jobs.resume_command import COMMAND
from quant_core.live.ipc import STATE_FILE, document_at, request_kill
from quant_core.live.journal import read
from quant_core.live.journal_entries import BreakerMoved, Noted
from quant_core.live.replay import replay
from quant_core.live.trader import JOURNAL_FOLDER
from quant_core.market import Market
from quant_core.risk.breakers import BreakerState, RiskRules
from quant_core.trading.fees import rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.target import Weights
from quant_core.trading_day import Brain
from tests.engine.market_strategies import ScriptedStrategy, small_panel
from tests.live.small_desk import ACCOUNT, CAPITAL, Bench, World, whole_run
from tests.live.test_trader import Died

PRICES = [100.0, 100.0, 100.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0, 80.0]
"""The name falls by a fifth on the fourth day, 2024-01-04."""
TRIPPED = date(2024, 1, 4)


def falling_world(cooldown: int | None = None) -> World:
    """Half of the capital in one name, and a breaker at a loss of 5% from the peak."""
    prices = np.array(PRICES)[:, None]
    panel = small_panel(prices, prices, np.full(prices.shape, 1e6))
    brain = Brain(
        ScriptedStrategy(lambda _row: Weights({"S0": 0.5}), panel),
        ExecutionRules(0.0, 0.0, 1, None, 0.0, rate_fees(0.0, 0)),
        RiskRules(max_drawdown_pct=0.05, breaker_cooldown=cooldown),
    )
    rows = len(PRICES)
    return World(Market(panel, {}), brain, 1, rows - 1, np.ones(rows - 1, dtype=bool))


class LastWords(list[str]):
    """A log whose writer dies once a session is closed."""

    def __init__(self, session: date) -> None:
        super().__init__()
        self.session = session

    def append(self, line: str) -> None:
        super().append(line)
        if line.startswith(f"{self.session} closed"):
            raise Died


def after(folder: Path, session: date) -> Bench:
    """A worker that died when a session was over and the next one had not begun."""
    bench = Bench(folder, falling_world(), lines=LastWords(session))
    try:
        with pytest.raises(Died):
            bench.run()
    finally:
        bench.close()
    assert (bench.state.day, bench.state.book.session) == (None, session)
    return bench


def within(folder: Path, session: date) -> Bench:
    """A worker that died in a session whose orders had all been filled."""
    bench = Bench(folder, falling_world())

    async def pause() -> None:
        day = bench.state.day
        if day is not None and day.session == session and not bench.state.open_orders:
            raise Died

    days = (bench.days, bench.timetable)
    try:
        with pytest.raises(Died):
            asyncio.run(replay(bench.trader, bench.venue, bench.clock, days, pause))
    finally:
        bench.close()
    assert bench.state.day is not None and bench.state.day.decision is not None
    return bench


def resume(bench: Bench, *flags: str) -> int:
    return run_command(
        COMMAND,
        [
            *("--reason", "looked into", *flags),
            *("--set", f"live.folder={bench.folder / 'live'}"),
            *("--set", f"broker.account={ACCOUNT}"),
            *("--set", f"backtest.capital={CAPITAL // 1_000_000}"),
        ],
        load_settings,
    )


def bodies(bench: Bench, kind: type) -> list:
    entries = read(bench.folder / "live" / JOURNAL_FOLDER)
    return [entry.body for entry in entries if isinstance(entry.body, kind)]


def bought(bench: Bench) -> list[date]:
    """Sessions in which something was bought."""
    orders = bench.state.orders.values()
    return [o.intent.session for o in orders if o.filled and o.intent.side.value == "buy"]


class TestExamples:
    """100 000 buy 500 shares at 100 on 2 January; at 80 the equity is 90 000, 10% below."""

    def test_nothing_resets_a_breaker_by_itself(self, tmp_path):
        bench = Bench(tmp_path, falling_world())
        try:
            assert bench.run()
            asyncio.run(bench.trader.end("over"))
        finally:
            bench.close()
        assert bought(bench) == [date(2024, 1, 2)]
        assert bench.state.portfolio.held == ()
        assert bench.state.breaker == BreakerState(CAPITAL, 3)
        document = document_at(tmp_path / "live" / STATE_FILE) or {}
        assert document["breaker"] == {"tripped": True, "peak": 100_000.0, "flat_from": 3}

    def test_without_the_flag_it_stays_tripped_and_is_told(self, tmp_path, capfd):
        bench = after(tmp_path, TRIPPED)
        assert resume(bench) == 0
        told = capfd.readouterr().out
        assert "nothing was latched or halted" in told
        assert "is tripped and was left alone" in told
        assert "python -m quant_core resume --breaker --reason ..." in told
        again = whole_run(Bench(tmp_path, bench.world))
        assert bought(again) == [date(2024, 1, 2)]
        assert bodies(again, Noted) == bodies(bench, Noted)

    @pytest.mark.parametrize(
        ("ended", "session", "first"),
        [
            # Before the exits went out: the next decision asks the strategy again.
            (after, TRIPPED, date(2024, 1, 5)),
            # In the session in which the book goes flat: bought again in the next one.
            (within, date(2024, 1, 5), date(2024, 1, 6)),
            (after, date(2024, 1, 6), date(2024, 1, 7)),
            (within, date(2024, 1, 7), date(2024, 1, 8)),
        ],
    )
    def test_with_the_flag_it_trades_from_the_next_decision(
        self, tmp_path, capfd, ended, session, first
    ):
        bench = ended(tmp_path, session)
        assert resume(bench, "--breaker") == 0
        told = capfd.readouterr().out
        assert "cleared; start the worker again" in told
        assert "the drawdown breaker is reset; its peak is now 90000.00" in told.replace(",", "")
        last = bodies(bench, BreakerMoved)[-1]
        assert (last.peak_micros, last.flat_from, last.stopped) == (90_000_000_000, None, ())
        assert bodies(bench, Noted)[-1].text.endswith(": looked into")
        again = whole_run(Bench(tmp_path, bench.world))
        # 45 000 of 90 000 at 80: 562 shares; those who held 500 buy 62.
        assert again.state.portfolio.shares_of("S0") == 562
        assert again.state.breaker == BreakerState(90_000_000_000)
        assert bought(again)[1] == first
        assert again.alerts == []

    def test_a_breaker_that_has_not_tripped(self, tmp_path, capfd):
        bench = after(tmp_path, date(2024, 1, 3))
        assert resume(bench, "--breaker") == 0
        assert "had not tripped" in capfd.readouterr().out
        assert [body.flat_from for body in bodies(bench, BreakerMoved)] == [None, None]


class TestRefusals:
    def test_a_reason_that_says_nothing(self, tmp_path, capfd):
        whole_run(Bench(tmp_path, falling_world()))
        words = ["--reason", " ", "--set", f"live.folder={tmp_path / 'live'}"]
        assert run_command(COMMAND, words, load_settings) == 2
        assert "--reason says nothing" in capfd.readouterr().err

    def test_no_worker_was_ever_there(self, tmp_path, capfd):
        words = ["--reason", "checked", "--set", f"live.folder={tmp_path / 'nowhere'}"]
        assert run_command(COMMAND, words, load_settings) == 2
        assert "there is no folder of a worker" in capfd.readouterr().err

    def test_the_file_kill_is_still_there(self, tmp_path, capfd):
        bench = after(tmp_path, TRIPPED)
        request_kill(tmp_path / "live")
        assert resume(bench, "--breaker") == 2
        assert "remove it first" in capfd.readouterr().err
        assert bodies(bench, BreakerMoved)[-1].flat_from == 3

    def test_an_exit_of_the_breaker_may_not_have_been_sent(self, tmp_path, capfd):
        bench = Bench(tmp_path, falling_world())
        submit = bench.venue.submit

        async def dies(intent: Intent) -> Submitted:
            if intent.session == date(2024, 1, 5):
                raise Died
            return await submit(intent)

        bench.venue.submit = dies
        with pytest.raises(Died):
            bench.run()
        bench.close()
        assert [order.symbol for order in bench.state.open_orders] == ["S0"]
        before = bodies(bench, BreakerMoved)
        assert resume(bench, "--breaker") == 2
        assert "bring the tripped breaker back" in capfd.readouterr().err
        assert bodies(bench, BreakerMoved) == before
        assert resume(bench) == 0
