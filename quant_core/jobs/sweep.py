"""The sweep job: grid -> settings -> worlds -> trials on processes or Ray -> one table.

1. :func:`~quant_core.jobs.sweep_settings.settings_of` reads every combination.
2. :mod:`quant_core.jobs.sweep_world` opens each market that combinations share.
3. :mod:`quant_core.sweeps` trades what is not yet finished; each result is kept at once.
4. :func:`~quant_core.reports.sweep_tables.write_sweep` writes the table and the summary.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from quant_core.data.warehouse import Warehouse
from quant_core.foundation.errors import QuantError, UsageError
from quant_core.foundation.files import text_hash
from quant_core.foundation.language import Say
from quant_core.foundation.settings import Settings, result_key
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.progress import ProgressLine
from quant_core.jobs.run_papers import code_hash
from quant_core.jobs.sweep_settings import settings_of
from quant_core.jobs.sweep_world import factors_of, open_world, plan_world, world_key
from quant_core.reports.results import refuse_unwritable
from quant_core.reports.sweep_tables import write_sweep
from quant_core.strategies import strategy_sections
from quant_core.sweeps.finished import Finished
from quant_core.sweeps.grid import (
    Axis,
    Combination,
    combinations,
    open_lines,
    read_axis,
    read_grid_file,
)
from quant_core.sweeps.local_engine import Rows, run_local, usable_cores
from quant_core.sweeps.summary import Summary, summarise_sweep
from quant_core.sweeps.trials import Row, refused

SHOWN = 5
"""Combinations in the summary on the terminal."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep before it is traded."""

    axes: tuple[Axis, ...]
    grid: list[Combination]
    settings: list[Settings | QuantError]
    keys: list[str]
    folder: Path


def run(request: Request) -> Outcome:
    """Trade every combination of the grid and write the table."""
    workers = request.arguments.workers or usable_cores()
    if workers < 1:
        raise UsageError("at least one worker is needed", found=str(workers), where="--workers")
    plan = _plan(request)
    finished = Finished(plan.folder / "finished.jsonl")
    known = {key: row for key in plan.keys if (row := finished.get(key)) is not None}
    _trade(plan, finished, workers, request)
    rows = [
        refused(settings) if isinstance(settings, QuantError) else finished.get(key) or {}
        for settings, key in zip(plan.settings, plan.keys, strict=True)
    ]
    summary = summarise_sweep(rows)
    document = _document(plan, rows, summary, resumed=sum(key in known for key in plan.keys))
    write_sweep(plan.folder, [dict(c.values) for c in plan.grid], rows, document)
    return Outcome(document, _text(plan, rows, summary, request.say))


def _plan(request: Request) -> Plan:
    """Read the grid and every combination of it."""
    sections = strategy_sections()
    axes = _axes(request.arguments)
    given = request.arguments.set
    grid = combinations(axes, given)
    unfilled = open_lines(axes, given)
    request.arguments.set = [line for line in given if line not in unfilled]
    base = request.load(sections).settings

    def read(lines: Sequence[str]) -> Settings:
        return request.load(sections, lines).settings

    settings = settings_of(grid, base, read)
    output = Path(base.report.output)
    refuse_unwritable(output)
    version = Warehouse(Path(base.data.root)).open(base.data.dataset).version
    keys = [_key(one, version) for one in settings]
    digest = text_hash([*(axis.name for axis in axes), *keys])[:12]
    return Plan(axes, grid, settings, keys, output / f"sweep-{base.data.dataset}-{digest}")


def _axes(arguments: argparse.Namespace) -> tuple[Axis, ...]:
    axes = tuple(read_axis(text) for text in arguments.grid)
    if arguments.grid_file is not None:
        axes = (*read_grid_file(Path(arguments.grid_file).read_text("utf-8")), *axes)
    return axes


def _key(settings: Settings | QuantError, version: str) -> str:
    """Equal keys, equal results: settings, data and code."""
    if isinstance(settings, QuantError):
        return text_hash(["refused", str(settings)])
    return text_hash([result_key(settings), version, code_hash()])


def _trade(plan: Plan, finished: Finished, workers: int, request: Request) -> None:
    """Trade what is not finished, world by world, and keep each row as it comes."""
    waiting: dict[str, list[tuple[int, Settings]]] = {}
    for number, (settings, key) in enumerate(zip(plan.settings, plan.keys, strict=True)):
        if not isinstance(settings, QuantError) and finished.get(key) is None:
            waiting.setdefault(world_key(settings), []).append((number, settings))
    total = sum(map(len, waiting.values()))
    line, done = ProgressLine(request.say("Sweep")), 0
    for members in waiting.values():
        for rows in _rows_of_world(members, workers, request.arguments):
            finished.add({plan.keys[number]: row for number, row in rows})
            done += len(rows)
            line(done, total)


def _rows_of_world(
    members: list[tuple[int, Settings]], workers: int, arguments: argparse.Namespace
) -> Iterator[Rows]:
    """Rows of the combinations that share a market."""
    try:
        world, failed = plan_world([settings for _, settings in members])
    except QuantError as error:
        yield [(number, refused(error)) for number, _ in members]
        return
    lacking = [(n, failed[f]) for n, settings in members if (f := factors_of(settings)) in failed]
    if lacking:
        yield [(number, refused(error)) for number, error in lacking]
    without = {number for number, _ in lacking}
    wanted = [member for member in members if member[0] not in without]
    wanted.sort(key=lambda member: (str(member[1].strategy.options), member[0]))
    if not wanted:
        return
    if arguments.engine == "ray":
        from quant_core.sweeps.ray_engine import run_on_ray

        yield from run_on_ray(partial(open_world, world), wanted, workers, arguments.ray_address)
        return
    yield from run_local(open_world(world), wanted, workers)


def _document(
    plan: Plan, rows: Sequence[Row], summary: Summary, *, resumed: int
) -> dict[str, object]:
    best = None
    if summary.best is not None:
        values = dict(plan.grid[summary.best].values)
        best = {"number": summary.best, "values": values, **rows[summary.best]}
    return {
        "sweep_id": plan.folder.name,
        "path": str(plan.folder),
        "axes": {axis.name: list(axis.values) for axis in plan.axes},
        "combinations": summary.combinations,
        "refused": summary.refused,
        "resumed": resumed,
        "best": best,
        "deflated_sharpe": _number(summary.deflated_sharpe),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _text(plan: Plan, rows: Sequence[Row], summary: Summary, say: Say) -> str:
    """The best combinations and what to think of them."""
    counts = say("{count:,} combinations, {refused:,} refused")
    lines = [f"{say('Sweep')}  {plan.folder.name}"]
    lines.append("  " + counts.format(count=summary.combinations, refused=summary.refused))
    known = [n for n, row in enumerate(rows) if isinstance(row["sharpe"], float)]
    for number in sorted(known, key=lambda n: -_metric(rows[n], "sharpe"))[:SHOWN]:
        values = ", ".join(f"{key}={value}" for key, value in plan.grid[number].values.items())
        sharpe, growth = _metric(rows[number], "sharpe"), _metric(rows[number], "cagr")
        lines.append(f"  {say('Sharpe ratio')} {sharpe:6.3f}  CAGR {growth:8.2%}  {values}")
    if math.isfinite(summary.deflated_sharpe):
        text = say("the best of {count:,} has a true Sharpe ratio above 0 with probability {p:.1%}")
        told = text.format(count=len(known), p=summary.deflated_sharpe)
        lines.append(f"  {told} ({say('deflated for the number of trials')})")
    lines.append(f"{say('Results')}: {plan.folder}")
    return "\n".join(lines)


def _metric(row: Mapping[str, object], name: str) -> float:
    value = row[name]
    return value if isinstance(value, float) else math.nan
