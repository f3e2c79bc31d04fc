"""A worker in a present that jumps: the live job on a small market, without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np

from config import load_settings
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.foundation.settings_live import LiveSettings
from quant_core.foundation.timing import calendar_sessions
from quant_core.jobs.live_parts import ReplayPlan
from quant_core.jobs.live_present import PresentTime, trade_present
from quant_core.jobs.prepared_run import Prepared
from quant_core.live.command_files import read_key, send_command
from quant_core.live.commands import ANY_INSTANCE, Action, Addressee, new_command
from quant_core.live.data_feed import Background, DataSource, FreshData
from quant_core.live.ipc import STATE_FILE, document_at
from quant_core.live.journal import read
from quant_core.live.journal_lines import Entry
from quant_core.live.trader import JOURNAL_FOLDER
from quant_core.market import Market
from quant_core.notify.port import Alert
from quant_core.risk.breakers import RiskRules
from quant_core.strategies import strategy_sections
from quant_core.trading.fees import rate_fees
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.target import Target, Weights
from quant_core.trading_day import Brain
from tests.engine.market_strategies import ScriptedStrategy

NEW_YORK = ZoneInfo("America/New_York")
FIRST, LAST = date(2024, 10, 28), date(2024, 12, 6)
CAPITAL = 100_000


def local(text: str) -> datetime:
    """An instant from New York's time."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


@dataclass
class PresentBench:
    """Prices of autumn 2024, known from the evening of their session on."""

    folder: Path
    overrides: tuple[str, ...] = ()
    decide: Callable[[int], Target] | None = None
    known_from: Callable[[date], datetime] = lambda day: local(f"{day}T18:00")
    leave_out: frozenset[date] = frozenset()
    revise: Callable[[datetime], float] = lambda _: 1.0
    revise_up_to: date = LAST
    alerts: list[Alert] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    seen: list[tuple[datetime, dict[str, object]]] = field(default_factory=list)
    loads: int = 0
    background: Background | None = None

    def __post_init__(self) -> None:
        self.at = local("2024-11-01T20:00")
        days = calendar_sessions("XNYS", FIRST, LAST)
        days = np.array([day for day in days if day.item() not in self.leave_out])
        rows, columns = len(days), 3
        chance = np.random.default_rng(7)
        closes = np.round(50 * np.exp(chance.normal(0, 0.02, (rows, columns)).cumsum(axis=0)), 2)
        opens = np.round(closes * np.exp(chance.normal(0, 0.01, (rows, columns))), 2)
        self.days, self._opens, self._closes = days, opens, closes
        self.whole = self.market(LAST)

    def market(self, last: date) -> Market:
        """The market up to a session."""
        rows = int(np.searchsorted(self.days, np.datetime64(last, "D"), side="right"))
        old = self.days[:rows] <= np.datetime64(self.revise_up_to, "D")
        factor = np.where(old, self.revise(self.at), 1.0)[:, None] ** [1.0, 1.0, 0.5]
        shape = (rows, self._opens.shape[1])
        panel = MarketPanel(
            Axes(self.days[:rows], ("S0", "S1", "S2")),
            self._opens[:rows] * factor,
            self._closes[:rows] * factor,
            np.full(shape, 1e6),
            np.ones(shape, dtype=bool),
        )
        return Market(panel, {})

    def brain(self) -> Brain:
        def alternate(row: int) -> Target:
            return Weights({"S0": 0.5, "S1": 0.3} if row % 2 else {"S1": 0.4, "S2": 0.4})

        return Brain(
            ScriptedStrategy(self.decide or alternate, self.whole.panel),
            ExecutionRules(0.02, 0.0005, 1, None, 0.0, rate_fees(0.001, 0)),
            RiskRules(),
        )

    def newest(self) -> str:
        """The version is the last session whose prices are known, and what was revised."""
        known = [day.item() for day in self.days if self.known_from(day.item()) <= self.at]
        return f"{known[-1]}/{self.revise(self.at)}"

    def fresh(self) -> FreshData:
        self.loads += 1
        version = self.newest()
        return FreshData(self.market(date.fromisoformat(version[:10])), version)

    def settings(self) -> LiveSettings:
        changes = (
            f"data.root={self.folder}",
            f"backtest.capital={CAPITAL}",
            "rebalance={every: 1}",
            *self.overrides,
        )
        return cast(
            "LiveSettings", load_settings("live", strategy_sections(), overrides=changes).settings
        )

    def plan(self) -> ReplayPlan:
        fresh = self.fresh()
        prepared = SimpleNamespace(
            market=fresh.market, brain=self.brain(), snapshot=SimpleNamespace(version=fresh.version)
        )
        return ReplayPlan(
            prepared=cast("Prepared", prepared),
            settings=self.settings(),
            folder=self.folder / "live",
            effective_settings="",
            post=self.alerts.append,
            log=self.lines.append,
            on_duty=nullcontext(),
        )

    def command(self, action: Action) -> str:
        """Put a command into the worker's folder; its id."""
        folder = self.folder / "live"
        made = new_command(action, Addressee("PAPER", ANY_INSTANCE), self.at)
        send_command(folder, made, read_key(folder))
        return made.id

    def run(
        self, start: str, end: str, events: dict[str, Callable[[], object]] | None = None
    ) -> None:
        """Trade from one New York time to another; then comes a STOP."""
        self.at = local(start)
        todo = {local(at): act for at, act in (events or {}).items()}
        todo[local(end)] = lambda: self.command(Action.STOP)

        async def sleep(seconds: float) -> None:
            assert seconds > 0
            self.seen.append((self.at, self.state()))
            self.at = self.next_look()
            # What happens in between, happens at its own time.
            first = min((at for at in todo if at <= self.at), default=None)
            if first is not None:
                self.at = first
                todo.pop(first)()

        async def at_once(work: Callable[[], FreshData]) -> FreshData:
            return work()

        background = cast("Background", at_once)
        source = DataSource(self.newest, self.fresh, self.background or background)
        asyncio.run(trade_present(self.plan(), source, PresentTime(lambda: self.at, sleep)))

    def next_look(self) -> datetime:
        """Every five minutes around the open, hours apart otherwise."""
        clock = self.at.astimezone(NEW_YORK)
        if (9, 10) <= (clock.hour, clock.minute) < (9, 35):
            return self.at + timedelta(minutes=5)
        step = timedelta(hours=2)
        morning = datetime.combine(clock.date(), time(9, 10), NEW_YORK)
        if clock < morning:
            step = min(step, morning - clock)
        return self.at + step

    def state(self) -> dict[str, object]:
        """What the console would show."""
        return document_at(self.folder / "live" / STATE_FILE) or {}

    def at_time(self, text: str) -> dict[str, object]:
        """The state as it was shown at a New York time."""
        return [state for at, state in self.seen if at <= local(text)][-1]

    def entries(self) -> list[Entry]:
        return list(read(self.folder / "live" / JOURNAL_FOLDER))

    def bodies(self, kind: type) -> list:
        """Entries of one kind, in order."""
        return [entry.body for entry in self.entries() if isinstance(entry.body, kind)]

    def alert_keys(self) -> set[str]:
        """Keys of the alerts so far."""
        return {alert.key for alert in self.alerts}
