"""The sweep job: grid -> settings -> worlds -> trials on processes or Ray -> one table.

1. :func:`~quant_core.jobs.sweep_plan.make_plan` reads the grid and every combination.
2. :mod:`quant_core.jobs.sweep_world` opens each market that combinations share.
3. :mod:`quant_core.sweeps` trades what is not yet finished; each result is kept at once.
4. :mod:`quant_core.jobs.sweep_papers` writes the table and tells what to think of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial

from quant_core.foundation.errors import QuantError, UsageError
from quant_core.foundation.settings import Settings
from quant_core.foundation.timing import monotonic_seconds
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.progress import ProgressLine
from quant_core.jobs.sweep_papers import SweepRun, write_papers
from quant_core.jobs.sweep_plan import Plan, make_plan
from quant_core.jobs.sweep_world import WorldKeys, factors_of, open_world, plan_world
from quant_core.sweeps.finished import Finished
from quant_core.sweeps.local_engine import Rows, run_local, usable_cores
from quant_core.sweeps.rankings import scores_of
from quant_core.sweeps.trials import FAILED, REFUSED, Row, without_numbers

FINISHED = "finished.jsonl"


def run(request: Request) -> Outcome:
    """Trade every combination of the grid and write the table."""
    started = monotonic_seconds()
    workers = request.arguments.workers
    if workers is None:
        workers = usable_cores()
    if workers < 1:
        raise UsageError(
            "at least one worker is needed",
            expected="1 or more",
            found=str(workers),
            where="--workers",
        )
    plan = make_plan(request)
    finished = Finished(plan.folder / FINISHED)
    resumed = sum(finished.get(key) is not None for key in plan.keys)
    traded = _trade(plan, finished, workers, request)
    rows = [_row(plan, finished, traded, number) for number in range(len(plan.grid))]
    seconds = monotonic_seconds() - started
    engine = request.arguments.engine
    return write_papers(SweepRun(plan, rows, resumed, engine, workers, seconds), request)


def _row(plan: Plan, finished: Finished, traded: dict[int, Row], number: int) -> Row:
    """The row of a combination: refused by its settings, traded now, or finished before."""
    settings = plan.settings[number]
    if isinstance(settings, QuantError):
        return without_numbers(REFUSED, str(settings))
    row = traded.get(number)
    return finished.get(plan.keys[number]) or {} if row is None else row


def _trade(plan: Plan, finished: Finished, workers: int, request: Request) -> dict[int, Row]:
    """Trade what is not finished, world by world, and keep each row as it comes.

    What failed is not kept, so that the next call tries it again.
    """
    keys = WorldKeys()
    waiting: dict[str, list[tuple[int, Settings]]] = {}
    for number, (settings, key) in enumerate(zip(plan.settings, plan.keys, strict=True)):
        if not isinstance(settings, QuantError) and finished.get(key) is None:
            waiting.setdefault(keys.of(settings), []).append((number, settings))
    total = sum(map(len, waiting.values()))
    line = ProgressLine(request.say("Sweep"))
    traded: dict[int, Row] = {}
    for members in waiting.values():
        for rows in _rows_of_world(members, workers, request.arguments):
            kept = {plan.keys[n]: row for n, row in rows if row["status"] != FAILED}
            finished.add(kept)
            traded.update(rows)
            line(len(traded), total)
    return traded


def _rows_of_world(
    members: list[tuple[int, Settings]], workers: int, arguments: argparse.Namespace
) -> Iterator[Rows]:
    """Rows of the combinations that share a market."""
    try:
        world, failed = plan_world([settings for _, settings in members])
    except QuantError as error:
        yield [(number, without_numbers(REFUSED, str(error))) for number, _ in members]
        return
    lacking = [(n, failed[f]) for n, settings in members if (f := factors_of(settings)) in failed]
    if lacking:
        yield [(number, without_numbers(REFUSED, str(error))) for number, error in lacking]
    without = {number for number, _ in lacking}
    wanted = [member for member in members if member[0] not in without]
    # Neighbours share their scores.
    wanted.sort(key=lambda member: (scores_of(member[1].strategy), member[0]))
    if not wanted:
        return
    if arguments.engine == "ray":
        from quant_core.sweeps.ray_engine import run_on_ray

        yield from run_on_ray(partial(open_world, world), wanted, workers, arguments.ray_address)
        return
    yield from run_local(open_world(world), wanted, workers)
