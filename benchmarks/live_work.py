"""What benchmarks/live.py measures in process: ``python -m benchmarks.live_work WORK TOLD``.

The times go as JSON into the file TOLD: ``{"runs": [{"wall", "cpu"}, ...], "peak"}``.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from quant_core.brokers.port import BrokerPort, Health, Intent, PriceQuote, QuoteKind, Submitted
from quant_core.drills.soak_worker import SOAK_LIMITS, WorkerPlan, build_worker
from quant_core.foundation.money import micros
from quant_core.foundation.timing import utc_now
from quant_core.foundation.types import Session
from quant_core.live.dashboard_state import Shown, state_document
from quant_core.live.data_bridge import DataBridge, DataDay
from quant_core.live.gate_view import Moment, gate_inputs
from quant_core.live.ipc import STATE_FILE, StateWriter
from quant_core.live.journal_kinds import Mode
from quant_core.live.replay import replay
from quant_core.live.worker_state import WorkerState
from quant_core.trading.events import Fill
from quant_core.trading.orders import Side

NAMES, HELD, LEAST_ORDERS = 500, 27, 50
DECISIONS, WRITES, POSITIONS = 40, 200, 1_500
WARM_UP = 3

Run = dict[str, float]


class Stopwatch:
    """Stands between a worker and its broker and data, and reads the clock.

    From the return of the data to the answer to the last order, session by session.
    """

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.orders: list[int] = []
        self._began = (0.0, 0.0)

    def watch(self, broker: BrokerPort, bridge: DataBridge) -> tuple[BrokerPort, DataBridge]:
        """Put it there."""
        submit, decision_day = broker.submit, bridge.decision_day

        async def answered(intent: Intent) -> Submitted:
            answer = await submit(intent)
            wall, cpu = self._began
            spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
            self.runs[-1], self.orders[-1] = spent, self.orders[-1] + 1
            return answer

        def ready(session: Session) -> DataDay:
            day = decision_day(session)
            self.runs.append({})
            self.orders.append(0)
            self._began = (time.perf_counter(), time.process_time())
            return day

        broker.submit, bridge.decision_day = answered, ready
        return broker, bridge


def decision(folder: Path) -> list[Run]:
    """Decisions of a worker in its replay: 500 names, at least 50 orders each."""
    watch = Stopwatch()
    plan = WorkerPlan(
        folder=folder, sessions=DECISIONS + WARM_UP, seed=1, names=NAMES, held=HELD,
        state_interval=timedelta(seconds=1),
    )  # fmt: skip
    worker = build_worker(plan, [].append, watch.watch)

    async def whole() -> None:
        await replay(worker.trader, worker.venue, worker.clock, worker.days)
        worker.trader.release()
        await worker.venue.close()

    asyncio.run(whole())
    # The first session only buys, and a book that kept many names has fewer orders.
    counted = zip(watch.runs[WARM_UP:], watch.orders[WARM_UP:], strict=True)
    return [run for run, orders in counted if orders >= LEAST_ORDERS]


def state(folder: Path) -> list[Run]:
    """States of 1,500 positions with quotes: document, JSON, file, fsync, rename, fsync."""
    known, shown = _large_state()
    writer = StateWriter(folder / STATE_FILE, "benchmark", timedelta(seconds=5), utc_now)
    return _timed(lambda: writer.write(state_document(known, shown())), WRITES)


def disk(folder: Path) -> list[Run]:
    """The same bytes through write, fsync, rename, fsync alone: what the disk asks for."""
    known, shown = _large_state()
    writer = StateWriter(folder / STATE_FILE, "benchmark", timedelta(seconds=5), utc_now)
    writer.write(state_document(known, shown()))
    content = (folder / STATE_FILE).read_bytes()
    place = os.open(folder, os.O_RDONLY)

    def bare() -> None:
        file = os.open(folder / "part", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(file, content)
        os.fsync(file)
        os.close(file)
        (folder / "part").rename(folder / "whole")
        os.fsync(place)

    return _timed(bare, WRITES)


def _large_state() -> tuple[WorkerState, Callable[[], Shown]]:
    """A worker's knowledge of 1,500 positions, and what is shown beside it at each moment."""
    known, day = WorkerState(micros(1e9)), date(2024, 1, 2)
    price = micros(50.0)
    for number in range(POSITIONS):
        fill = Fill(day, f"S{number:04}", Side.BUY, 10 + number, price, price, 1_000_000)
        known.portfolio.apply(fill)
    known.book = known.portfolio.mark(day, lambda _: price + 10_000)
    now = utc_now()
    quotes = {
        symbol: PriceQuote(symbol, price + 12_345, now, QuoteKind.LIVE)
        for symbol in known.portfolio.held
    }
    health = Health(
        link=True, upstream=True, synced=True, data=True, silence_seconds=0.0,
        clock_skew_seconds=0.0, can_trade=True, reason="",
    )  # fmt: skip

    def shown() -> Shown:
        moment = Moment(
            now=now, account="PAPER", configured_account="PAPER", accepts_orders=False,
            cut_off=None, data_version=None, data_age_sessions=None, expected_version=None,
            reconciled_at=now, killed=False,
        )  # fmt: skip
        return Shown(
            now=now, mode=Mode.PAPER, account="PAPER", broker="paper", strategy="p1",
            status="monitoring", health=health, quotes=quotes, next_run=now, outcomes=(),
            gate=gate_inputs(known, (), moment), limits=SOAK_LIMITS,
        )  # fmt: skip

    return known, shown


def _timed(work: Callable[[], object], times: int) -> list[Run]:
    runs: list[Run] = []
    for number in range(times + WARM_UP):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        if number >= WARM_UP:
            runs.append(spent)
    return runs


WORKS: dict[str, Callable[[Path], list[Run]]] = {
    "decision": decision,
    "state": state,
    "disk": disk,
}


def main() -> None:
    """Do one of the works."""
    with tempfile.TemporaryDirectory(prefix="quant-core-benchmark-") as folder:
        runs = WORKS[sys.argv[1]](Path(folder))
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    Path(sys.argv[2]).write_text(json.dumps({"runs": runs, "peak": peak}), encoding="utf-8")


if __name__ == "__main__":
    main()
