"""Trials on the processes of this machine.

Workers are processes, because a good part of a trial (scores, metrics) holds the interpreter,
which threads would share. They are forked: they share the market, the stored factors and the
loaded machine code with the process that prepared them, without a copy. They compute with numpy
and kernels alone, so that no thread of the parent is needed in them. Where a system cannot fork,
one process does all.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from quant_core.foundation.settings import Settings
from quant_core.sweeps.rankings import scores_of
from quant_core.sweeps.trials import Row, World, run_trial

CHUNKS_A_WORKER = 4
LONGEST_CHUNK = 100

Rows = list[tuple[int, Row]]
"""Rows by the number of their combination."""

_shared: list[tuple[World, Sequence[tuple[int, Settings]]]] = []


def run_local(world: World, wanted: Sequence[tuple[int, Settings]], workers: int) -> Iterator[Rows]:
    """Rows of the combinations as they come, on ``workers`` processes.

    Neighbours in ``wanted`` go to the same process: those that share scores should be.
    """
    if not wanted:
        return
    first, *rest = wanted
    # The kernels are loaded by the first trial, before there are workers, and then by no other.
    yield [(first[0], run_trial(world, first[1]))]
    chunks = chunks_of(rest, workers)
    if workers == 1 or len(chunks) < 2 or "fork" not in multiprocessing.get_all_start_methods():
        for chunk in chunks:
            yield [(number, run_trial(world, settings)) for number, settings in rest[chunk]]
        return
    _shared[:] = [(world, rest)]
    try:
        with warnings.catch_warnings():
            # Threads of the parent, which Python warns of, are not used in the workers.
            warnings.simplefilter("ignore", DeprecationWarning)
            pool = multiprocessing.get_context("fork").Pool(workers, _follow_the_parent)
        with pool:
            yield from pool.imap_unordered(_run_chunk, [(c.start, c.stop) for c in chunks])
    finally:
        _shared.clear()


def chunks_of(wanted: Sequence[tuple[int, Settings]], workers: int) -> list[slice]:
    """The work of each call of a worker, scores shared within it."""
    return chunked([scores_of(settings.strategy) for _, settings in wanted], workers)


def chunked(scores: Sequence[str], workers: int) -> list[slice]:
    """Stretches of the work: long enough to share scores, short enough to share the work.

    A stretch ends where the scores change, if they do: a process that took only the first
    combinations of other scores would compute them for these few, and another once more.

    Examples
    --------
    >>> chunked(["a", "a", "a", "b", "b", "b", "b", "b"], 1)
    [slice(0, 2, None), slice(2, 3, None), slice(3, 5, None), slice(5, 7, None), slice(7, 8, None)]
    """
    length = max(1, min(LONGEST_CHUNK, -(-len(scores) // (CHUNKS_A_WORKER * workers))))
    changes = [at for at in range(1, len(scores)) if scores[at - 1] != scores[at]]
    bounds = [0, *changes, len(scores)]
    chunks: list[slice] = []
    begun = 0
    while begun < len(scores):
        last = bounds[bisect_right(bounds, begun + length) - 1]
        end = last if last > begun else begun + length
        chunks.append(slice(begun, end))
        begun = end
    return chunks


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_chunk(bounds: tuple[int, int]) -> Rows:
    world, wanted = _shared[0]
    return [(number, run_trial(world, settings)) for number, settings in wanted[slice(*bounds)]]


def _follow_the_parent() -> None:
    """Ctrl-C is the parent's, which ends the workers itself; when it is killed, they go too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_the_parent, daemon=True).start()


def _leave_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
