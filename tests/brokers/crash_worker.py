"""Trades a paper broker in processes that are killed, and tells what was left on disk.

Run as a program: ``python -m tests.brokers.crash_worker FOLDER KILLS SEED [torn]``. A child is
forked, opens the books, sends what its session has to send and advances; the parent kills it
(SIGKILL) after a random time, or the child kills itself at a chosen SQL statement. One line
of JSON at the end compares the books with those of a run that nobody disturbed. ``torn``
takes the transactions away, to show that the drill sees it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

from quant_core.brokers.paper import books as books_module
from quant_core.brokers.port import (
    Accepted,
    BrokerEvent,
    Executed,
    Intent,
    LinkUp,
    OrderKind,
    Rejected,
)
from quant_core.foundation.errors import QuantError
from quant_core.market import MarketFacts
from quant_core.trading.actions import Dividend, Split
from quant_core.trading.orders import Side
from tests.brokers.paper_bench import CAPITAL, Bench, make_market
from tests.brokers.second_ledger import SecondLedger, contents

SESSIONS = 8
ACTIONS = {
    3: (Split("AAA", 1.15), Dividend("BBB", 120_000, 4)),
    5: (Split("AAA", 0.5),),
}


def make_bench(path: Path) -> Bench:
    return Bench(make_market(facts=MarketFacts(actions=ACTIONS), sessions=SESSIONS), path=path)


def intents(bench: Bench) -> list[Intent]:
    """What a session has to send: deterministic, with a deterministic reference."""
    row = bench.broker.place.trading_row
    wanted = [("AAA", Side.BUY, 101), ("BBB", Side.BUY, 57 + row), ("AAA", Side.SELL, 40)]
    wanted = [(s, side, n) for s, side, n in wanted if side is Side.BUY or row > 2]
    return [
        Intent(
            f"{bench.session}/{symbol}/{side}",
            bench.session,
            symbol,
            side,
            n,
            OrderKind.ON_OPEN,
            rank,
        )
        for rank, (symbol, side, n) in enumerate(wanted)
    ]


async def trade(bench: Bench) -> None:
    """From wherever the books stand to the end of the market."""
    broker = bench.broker
    await broker.open()
    while bench.session is not None:
        if broker.place.phase == "after_close":
            for intent in intents(bench):
                assert isinstance(await broker.submit(intent), Accepted | Rejected)
        if broker.advance() is None:
            return
    while broker.advance() is not None:
        pass


class Suicidal(sqlite3.Connection):
    """A connection that is killed just before its n-th statement."""

    left = 0
    torn = False

    def _count(self) -> None:
        Suicidal.left -= 1
        if Suicidal.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(self, *arguments):
        self._count()
        if Suicidal.torn and arguments[0] in ("begin immediate", "commit"):
            return super().execute("select 1")
        return super().execute(*arguments)

    def executemany(self, *arguments):
        self._count()
        return super().executemany(*arguments)


def child(path: Path, statement: int) -> None:
    if statement or Suicidal.torn:
        Suicidal.left = statement
        connect = sqlite3.connect
        books_module.sqlite3.connect = lambda *a, **k: connect(*a, factory=Suicidal, **k)
    asyncio.run(trade(make_bench(path)))
    os._exit(0)


def killed_once(path: Path, statement: int, seconds: float) -> bool:
    """Whether a child was killed before it had finished."""
    pid = os.fork()
    if pid == 0:
        child(path, statement)
    if seconds:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0 and not Suicidal.torn:
        raise RuntimeError("a child failed by itself")
    return os.WIFSIGNALED(status)


def facts(bench: Bench) -> dict[str, object]:
    """All that the books hold, without the connections."""
    told: list[BrokerEvent] = [e for e in bench.events() if not isinstance(e.body, LinkUp)]
    ledger = SecondLedger(CAPITAL)
    ledger.follow(told)
    theirs = bench.venue.exchange.content.portfolio
    executed = [e.body.execution_id for e in told if isinstance(e.body, Executed)]
    return {
        "orders": [repr(order) for order in bench.books.all_orders()],
        "executions": [repr(done) for done in bench.books.all_executions()],
        "ledger": [repr(entry) for entry in bench.books.entries()],
        "told": [repr((e.at, e.body)) for e in told],
        "place": repr(bench.broker.place),
        "account": repr((theirs.cash_micros, contents(theirs)[1])),
        "client": repr(
            (
                ledger.portfolio.cash_micros,
                [(s, ledger.portfolio.shares_of(s)) for s in theirs.held],
            )
        ),
        "doubled": len(executed) - len(set(executed)),
    }


def undisturbed() -> dict[str, object]:
    bench = make_bench(books_module.IN_MEMORY)
    asyncio.run(trade(bench))
    return facts(bench)


def left_behind(path: Path, expected: dict[str, object]) -> list[str]:
    """What differs in the books of a run that was killed and has ended."""
    try:
        bench = make_bench(path)
        asyncio.run(trade(bench))
        found = facts(bench)
        bench.books.close()
    except (QuantError, KeyError, AssertionError) as error:
        return [type(error).__name__]
    return [name for name in expected if found[name] != expected[name]]


def drill(folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Kill until ``kills`` have struck; half at a statement, half at a random time."""
    rng = random.Random(seed)
    expected = undisturbed()
    struck, runs, differences = 0, 0, []
    while struck < kills:
        path = folder / f"books{runs}.db"
        runs += 1
        while True:
            by_time = rng.random() < 0.5
            statement = 0 if by_time else rng.randint(1, 120)
            if not killed_once(path, statement, rng.uniform(0.001, 0.03) if by_time else 0.0):
                break
            struck += 1
        differences += left_behind(path, expected)
    return {
        "kills": struck,
        "runs": runs,
        "orders": len(expected["orders"]),
        "executions": len(expected["executions"]),
        "differences": differences,
    }


if __name__ == "__main__":
    Suicidal.torn = "torn" in sys.argv
    outcome = drill(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(json.dumps(outcome) + "\n")
