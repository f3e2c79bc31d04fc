"""Faults written short, and a session of three orders for them to strike."""

from __future__ import annotations

from quant_core.brokers.port import Executed
from tests.brokers.paper_bench import Bench


def bench_of(*faults: dict, **named) -> Bench:
    return Bench(faults=list(faults), **named).connect()


def on_event(do: str, name: str = "executed", **named) -> dict:
    return {"on": "event", "name": name, "do": do, **({"nth": 1} | named)}


def on_call(name: str, do: str, **named) -> dict:
    return {"on": "call", "name": name, "do": do, **({"nth": 1} | named)}


def on_phase(name: str, do: str, **named) -> dict:
    return {"on": "phase", "name": name, "do": do, **({"nth": 1} | named)}


def trade(bench: Bench) -> Bench:
    """Three orders at one open, told under the numbers X1, X2, X3."""
    for rank, symbol in enumerate(("AAA", "BBB", "CCC")):
        bench.send(symbol, rank=rank)
    return bench.to("open")


def executed(bench: Bench) -> list[str]:
    """Last digit of the executions a client was told, in order."""
    return [done.execution_id[-1] for done in bench.told(Executed)]
