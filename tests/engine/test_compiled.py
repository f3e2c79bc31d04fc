"""The compiled loop equals the readable one to the micro, in every field of the history."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from quant_core import backtest_engine, compiled_backtest
from quant_core.backtest_engine import RunWindow, run_backtest, run_compiled, run_readable
from quant_core.compiled_backtest import compile_ahead, known_answers, session_loop
from quant_core.foundation.errors import InvariantBroken, StrategyError
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.market import Market, MarketFacts
from quant_core.numerics import execution
from quant_core.numerics.execution_arrays import empty_log
from quant_core.risk.breakers import RiskRules
from quant_core.risk.margin import LONG_ONLY, MarginRules
from quant_core.trading.actions import Dividend, Split
from quant_core.trading.costs import PUBLISHED
from quant_core.trading.fees import rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.target import Flat, Hold, Weights
from quant_core.trading_day import Brain
from tests.engine.compiled_worlds import IMPACTS, runs
from tests.engine.histories import differences
from tests.engine.market_strategies import ScriptedStrategy, small_panel
from tests.engine.whole_worlds import Foretold
from tests.shared_data import SHARED, needs_shared


def outcome(run, *arguments):
    """A history, or the text of the refusal."""
    try:
        return run(*arguments)
    except (InvariantBroken, StrategyError) as refused:
        return str(refused)


class TestReference:
    @settings(max_examples=300, deadline=None)
    @given(runs())
    def test_every_field_of_the_history_is_the_same(self, given_run):
        self.compare(given_run)

    @settings(max_examples=300, deadline=None)
    @given(runs(short=True))
    def test_and_of_a_book_that_may_be_short(self, given_run):
        self.compare(given_run)

    def compare(self, given_run):
        readable = outcome(run_readable, *given_run)
        compiled = run_compiled(*given_run)
        if isinstance(readable, str):
            assert compiled is None  # the readable loop says what is wrong
            assert outcome(run_backtest, *given_run) == readable
        elif compiled is not None:
            assert differences(readable, compiled) == []
        else:
            assert given_run[-1] == 10**17  # numbers wider than the kernel's


class ReadsAfterAll(Foretold):
    """Says that it does not read the book, and does."""

    def decide(self, view, book):
        return Hold("poor") if book.cash_micros < 0 else super().decide(view, book)


def calm_market(rows=6, columns=3):
    """Every name at 10, plenty of volume."""
    shape = (rows, columns)
    return small_panel(np.full(shape, 10.0), np.full(shape, 10.0), np.full(shape, 1e6))


def plain_run(strategy, panel, **facts):
    """A run without costs over all sessions but the first, decided at every close."""
    rules = ExecutionRules(0.0, 0.0, 1, None, 0.0, rate_fees(0.0, 0))
    market = Market(panel, {}, MarketFacts(**facts))
    last = len(panel.close) - 1
    scheduled = np.ones(last, dtype=bool)
    return Brain(strategy, rules, RiskRules()), market, RunWindow(1, last), scheduled, 10**9


class TestExamples:
    def test_a_split_before_the_open_is_followed_by_the_waiting_order(self):
        panel = calm_market()
        panel.open[3:, 0] = panel.close[3:, 0] = 5.0
        table = [Weights({"S0": 0.5})] * 3 + [Hold("")] * 3
        run = plain_run(Foretold(table.__getitem__, panel), panel, actions={3: (Split("S0", 2.0),)})
        history = run_compiled(*run)
        assert history.positions.shares.tolist() == [50, 50, 100, 100, 100]
        assert history.equity_micros.tolist() == [10**9] * 5
        assert [incident.kind for incident in history.incidents][:1] == ["split"]

    def test_a_log_that_is_too_short_grows(self, monkeypatch):
        monkeypatch.setattr(compiled_backtest, "_first_log", lambda *_, **__: empty_log(5, 1, 1, 1))
        panel = calm_market()
        chance = np.random.default_rng(3).dirichlet(np.ones(3), len(panel.close))
        table = [Weights({f"S{i}": w for i, w in enumerate(row)}) for row in chance.tolist()]
        run = plain_run(Foretold(table.__getitem__, panel), panel)
        assert differences(run_readable(*run), run_compiled(*run)) == []


class TestChoice:
    """Which loop a backtest takes: never a different result, only a different time."""

    @pytest.fixture
    def taken(self, monkeypatch):
        """Names of the loops that ran."""
        taken = []
        for name in ("run_compiled", "run_readable"):
            run = getattr(backtest_engine, name)

            def noted(*arguments, name=name, run=run):
                taken.append(name)
                return run(*arguments)

            monkeypatch.setattr(backtest_engine, name, noted)
        return taken

    @pytest.mark.parametrize(
        ("loaded", "on_disk", "worth", "expected"),
        [
            (True, True, 10**9, "run_compiled"),
            (False, True, 1, "run_compiled"),
            (False, True, 10**9, "run_readable"),
            (False, False, 1, "run_readable"),
        ],
    )
    def test_machine_code_is_loaded_where_it_pays(
        self, taken, monkeypatch, loaded, on_disk, worth, expected
    ):
        code = SimpleNamespace(is_loaded=loaded, is_on_disk=on_disk)
        monkeypatch.setattr(compiled_backtest, "execution", SimpleNamespace(trade=code))
        monkeypatch.setattr(compiled_backtest, "WORTH_LOADING", worth)
        monkeypatch.setattr(backtest_engine, "trade_compiled", lambda *_: "run")
        monkeypatch.setattr(backtest_engine, "history_of", lambda *_: "history")
        panel = calm_market()
        run_backtest(*plain_run(Foretold(lambda _: Weights({"S0": 1.0}), panel), panel))
        assert taken == [expected]

    @pytest.mark.parametrize("margin", [LONG_ONLY, MarginRules(allowed=True)])
    def test_compiling_ahead_leaves_the_loop_loaded(self, margin):
        compile_ahead(margin)
        assert session_loop(margin).is_loaded
        assert session_loop(margin).is_on_disk

    def test_a_book_that_may_be_short_has_machine_code_of_its_own(self):
        assert session_loop(MarginRules(allowed=True)) is execution.trade_short
        assert session_loop(LONG_ONLY) is execution.trade


class TestRefusals:
    def test_a_strategy_that_reads_the_book_after_all(self):
        panel = calm_market()
        strategy = ReadsAfterAll(lambda _: Hold(""), panel)
        market = Market(panel, {})
        with pytest.raises(StrategyError, match="says that it does not"):
            known_answers(strategy, market, range(1, 3), np.array([True, True]))
        assert run_compiled(*plain_run(strategy, panel)) is None

    def test_what_the_readable_loop_keeps(self):
        panel = calm_market()
        brain, *rest = plain_run(Foretold(lambda _: Hold(""), panel), panel)
        reading = dataclasses.replace(brain, strategy=ScriptedStrategy(lambda _: Hold(""), panel))
        unknown = Foretold(lambda _: Weights({"ELSE": 1.0}), panel)
        for other in (reading, dataclasses.replace(brain, strategy=unknown)):
            assert run_compiled(other, *rest) is None
        assert run_compiled(brain, *rest) is not None

    def test_a_target_beyond_the_limits_is_refused_where_it_is_asked_for(self):
        panel = calm_market()
        table = [Flat("")] * 2 + [Weights({"S0": -1.0, "S1": 1.5}, short=True)] * 4
        brain, *rest = plain_run(Foretold(table.__getitem__, panel), panel)
        brain = dataclasses.replace(brain, margin=MarginRules(allowed=True))
        assert run_compiled(brain, *rest) is None
        assert "gross exposure" in outcome(run_backtest, brain, *rest)
        within = RunWindow(1, 2)
        again = brain, rest[0], within, rest[2][:2], 10**9
        assert differences(run_readable(*again), run_compiled(*again)) == []

    def test_a_number_wider_than_the_kernel_runs_readably(self):
        panel = calm_market()
        panel.open[1] = 1e12
        run = plain_run(Foretold(lambda _: Weights({"S0": 1.0}), panel), panel)
        assert run_compiled(*run) is None
        assert isinstance(outcome(run_readable, *run), str)
        assert outcome(run_backtest, *run) == outcome(run_readable, *run)


REAL = {
    "us": "us_sp500_daily_2013_2018/ohlcv.parquet",
    "cn": "cn_ashare_daily_2014_2023/ohlcv_qfq.parquet",
}


class Strongest(Foretold):
    """The names that rose most in twenty sessions, and as many of the others sold short."""

    short = False

    def decide(self, view, book):
        row = self._rows[view.session]
        close = view._panel.close
        if row < 20:
            return Hold("no history yet")
        rise = np.where(view.eligible, close[row] / close[row - 20], np.nan)
        best = np.argsort(-rise, kind="stable")[:20]
        known = [i for i in best.tolist() if np.isfinite(rise[i])]
        if not known:
            return Flat("none")
        held = {view.symbols[i]: 1 / len(known) for i in known}
        worst = np.argsort(rise, kind="stable")[:20].tolist() if self.short else []
        return Weights(dict.fromkeys([view.symbols[i] for i in worst], -0.03) | held, self.short)


@needs_shared
@pytest.mark.parametrize("name", list(REAL))
@pytest.mark.parametrize(
    ("fees", "short"), [("ibkr_tiered", False), ("cn_ashare", False), ("ibkr_tiered", True)]
)
def test_real_prices(name, fees, short):
    panel = real_panel(SHARED / REAL[name])
    chance = np.random.default_rng(1)
    shape = panel.close.shape
    actions = {
        int(row): (Dividend(symbol, 100_000, int(row) + 5), Split(symbol, float(ratio)))
        for row, symbol, ratio in zip(
            chance.integers(30, shape[0], 60),
            chance.choice(panel.axes.symbols, 60),
            chance.choice([2.0, 0.5, 1.1], 60),
            strict=True,
        )
    }
    facts = MarketFacts(
        delistings={
            s: int(r) for s, r in zip(panel.axes.symbols[::40], range(200, 900, 9), strict=False)
        },
        actions=actions,
        locked=chance.choice([0] * 30 + [1, 2], shape).astype(np.int8),
        volatility=chance.uniform(0.01, 0.05, shape),
        average_volume=chance.uniform(1e4, 1e6, shape),
        borrow=np.where(chance.random(shape) < 0.99, chance.uniform(0.0, 0.3, shape), np.nan),
    )
    rules = ExecutionRules(
        0.02, 0.0005, 100, 0.1, -0.3, PUBLISHED[fees], IMPACTS[3], sells_next_session=True
    )
    strategy = Strongest(None, panel)
    strategy.short = short
    margin = MarginRules(allowed=short, debit_rate=0.05)
    brain = Brain(strategy, rules, RiskRules(0.04, 0.1, 0.15, 20), margin)
    window = RunWindow(25, min(len(panel.close), 525) - 1)
    scheduled = np.arange(window.last - window.first + 1) % 5 == 0
    run = brain, Market(panel, {}, facts), window, scheduled, 10**13
    assert differences(run_readable(*run), run_compiled(*run)) == []


def real_panel(path):
    """The prices of a file as a panel."""
    raw = pl.read_parquet(path)
    sessions = np.sort(raw["date"].unique().to_numpy()).astype("datetime64[D]")
    symbols = tuple(sorted(raw["symbol"].unique().to_list()))
    axes = Axes(sessions, symbols)
    rows = np.searchsorted(sessions, raw["date"].to_numpy().astype("datetime64[D]"))
    columns = np.searchsorted(np.array(symbols), raw["symbol"].to_numpy())
    volume = "volume" if "volume" in raw.columns else "volume_lots"
    opens, close, volumes = (
        axes.scatter(rows, columns, raw[name].cast(pl.Float64).to_numpy())
        for name in ("open", "close", volume)
    )
    return MarketPanel(axes, opens, close, volumes, np.isfinite(close))
