"""Trials on Ray: the only place that knows it.

Each worker is an actor that opens the world itself, from what the local process prepared and
stored. Ray is started on this machine, bound to its loopback address and without a dashboard,
unless an address is given.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import Protocol, cast

from quant_core.foundation.errors import UsageError
from quant_core.foundation.settings import Settings
from quant_core.sweeps.local_engine import Rows, chunks_of
from quant_core.sweeps.trials import World, run_trial

LOOPBACK = "127.0.0.1"

ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else 127.0.0.1 becomes an address others reach
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""What Ray can be told by its environment alone, and before it is imported."""


class Remote(Protocol):
    """A method of an actor."""

    def remote(self, *arguments: object) -> object:
        """The promise of its answer."""
        ...


class Actor(Protocol):
    """A :class:`Worker` as Ray shows it."""

    @property
    def run(self) -> Remote:
        """:meth:`Worker.run`."""
        ...


class Worker:
    """A process of the cluster with a world of its own."""

    def __init__(self, open_world: Callable[[], World]) -> None:
        self._world = open_world()

    def run(self, wanted: Sequence[tuple[int, Settings]]) -> Rows:
        """Rows of some combinations."""
        return [(number, run_trial(self._world, settings)) for number, settings in wanted]


def run_on_ray(
    open_world: Callable[[], World],
    wanted: Sequence[tuple[int, Settings]],
    workers: int,
    address: str | None = None,
) -> Iterator[Rows]:
    """Rows of the combinations as they come, on ``workers`` actors.

    Parameters
    ----------
    open_world : callable
        Pickled and called in every worker.
    wanted : sequence of (number, settings)
        Neighbours go to the same worker.
    workers : int
        Actors, one core each.
    address : str, optional
        Of a running cluster, as ``ray.init`` takes it; None starts one on this machine.

    Raises
    ------
    UsageError
        If Ray is not installed.
    """
    if address is None:
        os.environ.update(ENVIRONMENT)
    ray = _ray()
    if address is None:
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            _node_ip_address=LOOPBACK,
            log_to_driver=False,
            logging_level="error",
            configure_logging=False,
        )
    else:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    try:
        actor = ray.remote(num_cpus=1)(Worker)
        crew: list[Actor] = [actor.remote(open_world) for _ in range(workers)]
        yield from _dealt(ray, crew, [wanted[chunk] for chunk in chunks_of(wanted, workers)])
    finally:
        ray.shutdown()


def _dealt(
    ray: ModuleType, crew: Sequence[Actor], parts: Sequence[Sequence[tuple[int, Settings]]]
) -> Iterator[Rows]:
    """Give each worker the next part when it has done the one before."""
    waiting = list(reversed(parts))
    busy: dict[object, Actor] = {}
    for worker in crew:
        if waiting:
            busy[worker.run.remote(waiting.pop())] = worker
    while busy:
        ready, _ = ray.wait(list(busy), num_returns=1)
        worker = busy.pop(ready[0])
        if waiting:
            busy[worker.run.remote(waiting.pop())] = worker
        yield cast("Rows", ray.get(ready[0]))


def _ray() -> ModuleType:
    try:
        return import_module("ray")
    except ImportError as error:
        raise UsageError(
            "Ray is not installed",
            expected="the package ray",
            found="none in this environment",
            where="--engine ray",
            fix="uv sync --group ray, or leave --engine out to use the cores of this machine",
        ) from error
