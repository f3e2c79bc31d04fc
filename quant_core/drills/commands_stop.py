"""How quickly STOP ends the sending of orders, and whether FLAT brings everything to zero.

The latency of a STOP runs from the instant before its file is written and linked into place
to the arrival of the last order at the broker, by one clock for both processes. It is taken
while the worker sends the orders of one decision, and the STOP comes at a random one of them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import TypeAlias, cast

from quant_core.brokers.paper.books import Books
from quant_core.brokers.paper.venue_clock import Phase
from quant_core.brokers.port import Intent
from quant_core.drills.commands_bench import CAPITAL_MICROS, Bench, Ground, steps
from quant_core.drills.commands_processes import CONTEXT, pipe
from quant_core.drills.worker_setup import ACCOUNT
from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.timing import monotonic_seconds, utc_now
from quant_core.live.command_door import CommandState
from quant_core.live.command_files import create_key, read_key, send_command
from quant_core.live.commands import ANY_INSTANCE, Action, Addressee, new_command
from quant_core.live.ipc import prepare_folder

ORDERS = 500
"""Orders of the decision that a STOP interrupts."""

EARLIEST, LATEST = 10, 250
LONGEST_TRIAL = 60.0
PHASE_SECONDS = 0.02


Work: TypeAlias = Callable[[Ground, int, Connection], None]


@dataclass(frozen=True, slots=True)
class StopTrial:
    """One STOP: seconds to the last order and to the end of the worker; orders kept back."""

    latency: float
    ending: float
    kept_back: int


@dataclass(frozen=True, slots=True)
class Flattened:
    """What FLAT left: names before and after, and micros of cash that are not explained."""

    before: int
    after: int
    done: bool
    cash_difference: int
    seconds: float


def send_orders(ground: Ground, at: int, report: Connection) -> None:
    """A worker that tells when its order number ``at`` arrives, and at its end when each did."""
    arrivals: list[float] = []

    def told(_: Intent) -> None:
        arrivals.append(monotonic_seconds())
        if len(arrivals) == at:
            report.send("now")

    bench = Bench(ground)
    bench.broker.told = told

    async def pause() -> None:
        await steps(bench.trader, PHASE_SECONDS, monotonic_seconds)

    asyncio.run(bench.trade(pause))
    report.send(arrivals)


def stop_trial(folder: Path, chance: Random, work: Work = send_orders) -> StopTrial:
    """Send a STOP into the middle of a decision that ``work`` is sending.

    Raises
    ------
    InvariantBroken
        If the worker does not end.
    """
    ground = Ground(folder=folder, names=ORDERS, sessions=3, seed=chance.randrange(1 << 30))
    prepare_folder(ground.live)
    key = create_key(ground.live)
    reading, writing = pipe()
    at = chance.randint(EARLIEST, LATEST)
    worker = CONTEXT.Process(target=work, args=(ground, at, writing))
    worker.start()
    writing.close()
    try:
        _hear(reading)
        begun = monotonic_seconds()
        command = new_command(Action.STOP, Addressee(ACCOUNT, ANY_INSTANCE), utc_now())
        send_command(ground.live, command, key)
        arrivals = cast("list[float]", _hear(reading))
        worker.join(LONGEST_TRIAL)
        ended = monotonic_seconds()
    finally:
        worker.kill()
        worker.join()
        reading.close()
    return StopTrial(max(arrivals[-1] - begun, 0.0), ended - begun, ORDERS - len(arrivals))


def _hear(reading: Connection) -> object:
    """What the worker says next.

    Raises
    ------
    InvariantBroken
        If it ends, or says nothing for a minute.
    """
    try:
        if reading.poll(LONGEST_TRIAL):
            return reading.recv()
    except EOFError:
        pass
    raise InvariantBroken("the worker of a trial failed", expected="orders, then their times")


def flat_trial(ground: Ground) -> Flattened:
    """Buy every name, send FLAT, and wait until it is carried out or history ends."""
    prepare_folder(ground.live)
    begun, before, phases = [0.0], [0], [0]
    command = new_command(Action.FLAT, Addressee(ACCOUNT, ANY_INSTANCE), utc_now())
    bench = Bench(ground)
    state = bench.trader.state

    async def pause() -> None:
        await bench.trader.step()
        phases[0] += 1
        if not before[0] and len(state.portfolio.held) == ground.names:
            before[0], begun[0] = len(state.portfolio.held), monotonic_seconds()
            send_command(ground.live, command, read_key(ground.live))
        is_done = state.commands.state(command.id) is CommandState.DONE
        if is_done or phases[0] > 2 * len(Phase) * ground.sessions:  # history is over
            stop = new_command(Action.STOP, Addressee(ACCOUNT, ANY_INSTANCE), utc_now())
            send_command(ground.live, stop, read_key(ground.live))

    asyncio.run(bench.trade(pause))
    return Flattened(
        before=before[0],
        after=len(state.portfolio.held) + _held_at_broker(ground),
        done=state.commands.state(command.id) is CommandState.DONE,
        cash_difference=state.portfolio.cash_micros - cash_of(ground.books),
        seconds=monotonic_seconds() - begun[0],
    )


def cash_of(books: Path) -> int:
    """Micros of cash: the capital and every execution, added up by hand."""
    opened = Books(books)
    try:
        return CAPITAL_MICROS + sum(
            (-1 if done.side.is_buy else 1) * done.shares * done.price_micros
            - (done.commission_micros or 0)
            for done in opened.all_executions()
        )
    finally:
        opened.close()


def _held_at_broker(ground: Ground) -> int:
    """Names in which the executions on the books do not add up to zero shares."""
    opened, shares = Books(ground.books), dict[str, int]()
    try:
        for done in opened.all_executions():
            change = done.shares if done.side.is_buy else -done.shares
            shares[done.symbol] = shares.get(done.symbol, 0) + change
    finally:
        opened.close()
    return sum(count != 0 for count in shares.values())


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all do not exceed.

    Examples
    --------
    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5), quantile([4.0, 1.0, 3.0, 2.0], 0.99)
    (2.0, 4.0)
    """
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]
