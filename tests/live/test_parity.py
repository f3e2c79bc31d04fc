"""The worker on the paper broker is the backtest, to the micro; killed or not."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import load_settings
from quant_core.backtest_engine import RunWindow, run_readable
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.jobs import sync_command
from quant_core.jobs.command_line import run_command
from quant_core.jobs.parity import first_difference, traded_of
from quant_core.live.trader import JOURNAL_FOLDER
from quant_core.market import Market
from quant_core.risk.breakers import RiskRules
from quant_core.risk.margin import MarginRules
from quant_core.trading.target import Weights
from quant_core.trading_day import Brain
from tests.engine.market_strategies import ScriptedStrategy
from tests.engine.reference_account import m
from tests.engine.whole_worlds import answer, decisions, execution_rules, facts_of, terms, worlds
from tests.live.small_desk import Bench, World, plain_world, whole_run
from tests.shared_data import SHARED, needs_shared

ROOT = Path(__file__).resolve().parents[2]


def backtest(world: World):
    window = RunWindow(world.first, world.last)
    return run_readable(world.brain, world.market, window, world.scheduled, world.capital_micros)


def difference(world: World, folder: Path) -> str | None:
    """What distinguishes the journal in a folder from the backtest."""
    traded = traded_of(folder / "live" / JOURNAL_FOLDER, world.capital_micros)
    return first_difference(backtest(world), traded, world.market)


class Crash(BaseException):
    """What a kill looks like from inside."""


class TestExamples:
    def test_a_replay_is_the_backtest(self, tmp_path):
        bench = whole_run(Bench(tmp_path, plain_world()))
        assert difference(bench.world, tmp_path) is None
        assert len(bench.state.orders) > 10
        assert bench.alerts == []

    def test_a_difference_is_found(self, tmp_path):
        whole_run(Bench(tmp_path, plain_world()))
        other = plain_world(decide=lambda row: Weights({"S0": 0.1 * (row % 3)}))
        assert "order 1" in str(difference(other, tmp_path))

    @pytest.mark.parametrize("calls", (2, 9, 23))
    def test_a_crash_at_any_write_of_the_journal_costs_nothing(self, tmp_path, calls, monkeypatch):
        """The worker dies before, and in the next life after, the n-th write."""
        world = plain_world(rows=5)
        for after in (False, True):
            bench = Bench(tmp_path, world)
            crash_at(bench, calls, after, monkeypatch)
            try:
                bench.run()
            except Crash:
                pass
            finally:
                monkeypatch.undo()
                bench.close()
        whole_run(Bench(tmp_path, world))
        assert difference(world, tmp_path) is None

    @pytest.mark.parametrize("calls", (1, 4))
    def test_a_crash_around_any_order_costs_nothing(self, tmp_path, calls, monkeypatch):
        world = plain_world(rows=5)
        for after in (False, True):
            bench = Bench(tmp_path, world)
            crash_at_submit(bench, calls, after, monkeypatch)
            try:
                bench.run()
            except Crash:
                pass
            finally:
                monkeypatch.undo()
                bench.close()
        whole_run(Bench(tmp_path, world))
        assert difference(world, tmp_path) is None


def crash_at(bench: Bench, calls: int, after: bool, monkeypatch) -> None:
    """Let the n-th write of the journal be the last thing that happens, or not happen."""
    from quant_core.live.journal import Journal

    append, left = Journal.append_all, [calls]

    def dying(journal, bodies):
        left[0] -= 1
        if left[0] == 0 and not after:
            raise Crash
        entries = append(journal, bodies)
        if left[0] == 0:
            raise Crash
        return entries

    monkeypatch.setattr(Journal, "append_all", dying)


def crash_at_submit(bench: Bench, calls: int, after: bool, monkeypatch) -> None:
    """Die before the n-th order reaches the venue, or before its answer is read."""
    submit, left = bench.venue.submit, [calls]

    async def dying(intent):
        left[0] -= 1
        if left[0] == 0 and not after:
            raise Crash
        answer_ = await submit(intent)
        if left[0] == 0:
            raise Crash
        return answer_

    monkeypatch.setattr(bench.venue, "submit", dying)


class TestProperties:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def test_any_world_with_everything_in_it(self, data):
        drawn = data.draw(worlds())
        rows, columns = len(drawn.close), len(drawn.close[0])
        may_short = data.draw(st.booleans())
        table, rules = data.draw(decisions(rows, columns, may_short)), data.draw(terms(may_short))
        scheduled = data.draw(st.lists(st.booleans(), min_size=rows - 1, max_size=rows - 1))
        panel = MarketPanel(
            Axes(
                np.array(drawn.days, dtype="datetime64[D]"),
                tuple(f"S{s}" for s in range(columns)),
            ),
            np.array(drawn.price) if drawn.at_open else np.full_like(drawn.price, 1.0),
            np.array(drawn.close),
            np.array(drawn.volume),
            np.array(drawn.member, dtype=bool),
        )
        breaks = (rules.max_pos_weight, rules.stop_loss_pct, rules.max_drawdown_pct)
        brain = Brain(
            ScriptedStrategy(lambda row: answer(table[row], may_short), panel),
            execution_rules(rules),
            RiskRules(*breaks, rules.breaker_cooldown),
            MarginRules(may_short, rules.initial, rules.maintenance, debit_rate=rules.debit_rate),
        )
        world = World(
            Market(panel, {}, facts_of(drawn)),
            brain,
            1,
            rows - 1,
            np.array(scheduled),
            m(data.draw(st.sampled_from([3_000.0, 100_000.0]))),
        )
        with tempfile.TemporaryDirectory() as place:
            bench = whole_run(Bench(Path(place), world))
            found = difference(world, Path(place))
        refused = {alert.key for alert in bench.alerts if alert.key.startswith("limit:")}
        assert found is None or refused, found


@needs_shared
class TestRealData:
    def test_a_year_of_the_500_with_kills(self, tmp_path, capfd):
        """The command itself: a year, the worker ended by SIGKILL at random moments."""
        data = ["--set", f"data.root={tmp_path}"]
        prices = SHARED / "us_sp500_daily_2013_2018" / "ohlcv.parquet"
        words = ["--source", "file", "--path", str(prices), "--dataset", "us", *data, "--json"]
        assert run_command(sync_command.COMMAND, words, load_settings) == 0
        words = ["--dataset", "us", "--start", "2017-01-03", "--end", "2017-12-29", *data]
        capfd.readouterr()
        words = ["parity", *words, "--kills", "3", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "quant_core", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["identical"] and told["kills"] == 3 and told["sessions"] == 251
        assert told["fills"] > 300
