"""Parity: the worker on the paper broker against the backtest, to the micro.

The replay runs in a process of its own. With kills it is ended by SIGKILL at random moments
and begun again, until it reaches its end; what its journal says is then held against the
backtest of the same window.
"""

from __future__ import annotations

import multiprocessing
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

from quant_core.backtest_engine import run_readable
from quant_core.foundation.errors import InvariantBroken, UsageError
from quant_core.foundation.money import micros
from quant_core.foundation.settings_live import LiveSettings
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.live_parts import ReplayPlan, run_replay
from quant_core.jobs.prepared_run import prepare
from quant_core.live.journal import read
from quant_core.live.journal_kinds import OrderEnd
from quant_core.live.journal_orders import FillReceived
from quant_core.live.order_life import LiveOrder, OrderStage
from quant_core.live.trader import JOURNAL_FOLDER
from quant_core.live.worker_state import WorkerState
from quant_core.market import Market
from quant_core.strategies import strategy_sections
from quant_core.trading.actions import Rename
from quant_core.trading.history import RunHistory
from quant_core.trading.orders import OrderRecord, OrderStatus

LAST_KILL = 0.9
"""Share of the journal of a whole replay after which nobody is killed any more."""

LOOK_SECONDS = 0.002
LATER_SECONDS = 0.02
"""How often the size is looked at, and how much later than its moment a kill falls at most."""


NEVER_SENT = "never sent"
"""In place of the shares of a refused order: no venue lets it follow a split."""


@dataclass(frozen=True, slots=True)
class Traded:
    """What a journal says was traded: the state at its end, and every fill in order."""

    state: WorkerState
    fills: tuple[FillReceived, ...]


def run(request: Request) -> Outcome:
    """Backtest and replay of one window, compared; exit code 1 where they differ."""
    if request.arguments.kills < 0:
        raise UsageError(
            "--kills is not a number of kills",
            expected="0 or more",
            found=str(request.arguments.kills),
        )
    loaded = request.load(strategy_sections())
    settings = cast("LiveSettings", loaded.settings)
    prepared = prepare(settings, request)
    capital = micros(settings.backtest.capital)
    history = run_readable(
        prepared.brain, prepared.market, prepared.window, prepared.scheduled, capital
    )
    with tempfile.TemporaryDirectory(prefix="parity-") as place:
        plan = ReplayPlan(prepared, settings, Path(place), loaded.effective_yaml, _ignore, _ignore)
        done = run_killed(plan, request.arguments.kills, request.arguments.seed)
        traded = traded_of(plan.folder / JOURNAL_FOLDER, capital)
    difference = first_difference(history, traded, prepared.market)
    document: dict[str, object] = {
        "identical": difference is None,
        "sessions": len(history.sessions),
        "orders": len(history.orders),
        "fills": len(history.fills),
        "first_difference": difference,
        "kills": done,
    }
    text = request.say("identical to the micro") if difference is None else difference
    return Outcome(document, text, (), 0 if difference is None else 1)


def _ignore(_: object) -> None:
    """Nobody is told: the journal says it all."""


def run_killed(plan: ReplayPlan, kills: int, seed: int) -> int:
    """Run the replay to its end, with ``kills`` ends by SIGKILL before; returns the kills done.

    A kill falls a little after the journal has grown past a random size, so that the moments
    lie over the whole replay however fast the machine is.

    Raises
    ------
    InvariantBroken
        If the worker fails by itself.
    """
    chance = random.Random(seed)
    journal, whole = plan.folder / JOURNAL_FOLDER, 0
    if kills:
        whole = _journal_of_a_run(plan)
    moments = sorted(chance.randrange(int(whole * LAST_KILL)) for _ in range(kills))
    for done, moment in enumerate(moments):
        process = _begin(plan)
        while process.is_alive() and _size(journal) < moment:
            process.join(LOOK_SECONDS)
        process.join(chance.uniform(0.0, LATER_SECONDS))
        if not process.is_alive():
            _must_have_succeeded(process)
            return done
        process.kill()
        process.join()
    process = _begin(plan)
    process.join()
    _must_have_succeeded(process)
    return kills


def _begin(plan: ReplayPlan) -> BaseProcess:
    process = multiprocessing.get_context("fork").Process(target=_child, args=(plan,))
    process.start()
    return process


def _must_have_succeeded(process: BaseProcess) -> None:
    if process.exitcode != 0:
        raise InvariantBroken("the worker failed", found=f"exit code {process.exitcode}")


def _journal_of_a_run(plan: ReplayPlan) -> int:
    """How large the journal of an undisturbed replay is, tried in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="parity-") as place:
        trial = replace(plan, folder=Path(place))
        process = _begin(trial)
        process.join()
        _must_have_succeeded(process)
        return _size(trial.folder / JOURNAL_FOLDER)


def _size(journal: Path) -> int:
    """Bytes of all files of a journal; 0 before there is one."""
    try:
        return sum(path.stat().st_size for path in journal.iterdir())
    except FileNotFoundError:
        return 0


def _child(plan: ReplayPlan) -> None:
    run_replay(plan)


def traded_of(folder: Path, capital_micros: int) -> Traded:
    """What the journal in a folder says."""
    state, fills = WorkerState(capital_micros), list[FillReceived]()
    for entry in read(folder):
        state.take(entry)
        if isinstance(entry.body, FillReceived):
            fills.append(entry.body)
    return Traded(state, tuple(fills))


def first_difference(history: RunHistory, traded: Traded, market: Market) -> str | None:
    """The first thing in which a worker and a backtest differ; None = they do not."""
    closes = [
        (str(session), equity, cash)
        for session, equity, cash in zip(
            history.sessions,
            history.equity_micros.tolist(),
            history.cash_micros.tolist(),
            strict=True,
        )
    ]
    days = [(str(d.session), d.equity_micros, d.cash_micros) for d in traded.state.days]
    fills = [fill.fill() for fill in traded.fills]
    backtest = sorted(map(_of_record, history.orders))
    renamed = _renamings(market)
    worker = sorted(_of_order(order, renamed) for order in traded.state.orders.values())
    return (
        _first("order", backtest, worker)
        or _first("fill", [str(f) for f in history.fills], [str(f) for f in fills])
        or _first("close (session, equity, cash)", closes, days)
    )


def _first(what: str, backtest: Sequence[object], worker: Sequence[object]) -> str | None:
    for number, (ours, theirs) in enumerate(zip(backtest, worker, strict=False), start=1):
        if ours != theirs:
            return f"{what} {number}: backtest {ours}, worker {theirs}"
    if len(backtest) != len(worker):
        return f"{what}: {len(backtest)} in the backtest, {len(worker)} of the worker"
    return None


def _of_record(record: OrderRecord) -> tuple[str, ...]:
    """Session, name, side, shares wanted and filled, and how it ended."""
    requested = NEVER_SENT if record.status is OrderStatus.REFUSED else f"{record.requested}"
    numbers = (requested, f"{record.filled}")
    place = (str(record.session), record.symbol, record.side.value)
    return (*place, *numbers, record.status.value, record.reason.value)


def _renamings(market: Market) -> dict[tuple[str, str], str]:
    """Session and old name of every renaming, and the new name."""
    return {
        (str(market.session(row)), action.symbol): action.successor
        for row in range(len(market.panel.axes.sessions))
        for action in market.actions(row)
        if isinstance(action, Rename)
    }


def _of_order(order: LiveOrder, renamed: Mapping[tuple[str, str], str]) -> tuple[str, ...]:
    """The same of an order of the worker; one that was never sent follows no renaming there."""
    intent, symbol = order.intent, order.symbol
    if order.stage is OrderStage.REJECTED:
        symbol = renamed.get((str(intent.session), symbol), symbol)
    place = (str(intent.session), symbol, intent.side.value)
    status = _STATUS.get(order.end, order.stage.value)
    if order.stage is OrderStage.REJECTED:
        status = OrderStatus.REFUSED.value
    requested = NEVER_SENT if status == OrderStatus.REFUSED.value else f"{order.shares}"
    numbers = (requested, f"{order.filled}")
    if order.end is OrderEnd.EXPIRED and order.reason.startswith("truncated"):
        status = OrderStatus.TRUNCATED.value
    return (*place, *numbers, status, order.reason)


_STATUS: dict[OrderEnd | None, str] = {
    OrderEnd.FILLED: OrderStatus.FILLED.value,
    OrderEnd.TRUNCATED: OrderStatus.TRUNCATED.value,
    OrderEnd.EXPIRED: OrderStatus.EXPIRED.value,
}
