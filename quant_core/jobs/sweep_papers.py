"""What a finished sweep is told by: the table, the manifest, the summary on a terminal."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from quant_core.foundation.language import Say
from quant_core.foundation.timing import utc_now
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.run_papers import LIBRARIES, code_hash
from quant_core.jobs.sweep_plan import Plan
from quant_core.reports.sweep_tables import sweep_table, write_sweep
from quant_core.sweeps.summary import Summary, summarise_sweep
from quant_core.sweeps.trials import DONE, Row

SHOWN = 5
"""Combinations in the summary on the terminal."""

SURE = 0.95
"""Deflated Sharpe ratio from which the best combination is more than the luck of the search."""


@dataclass(frozen=True, slots=True)
class SweepRun:
    """A sweep that has ended: its rows in the order of the grid, and how they came to be.

    ``resumed`` rows were there before; ``seconds`` is wall time.
    """

    plan: Plan
    rows: list[Row]
    resumed: int
    engine: str
    workers: int
    seconds: float


def write_papers(done: SweepRun, request: Request) -> Outcome:
    """Write the folder of the sweep; returns what is told."""
    plan, say = done.plan, request.say
    summary = summarise_sweep(done.rows)
    document = _document(done, summary)
    values = [combination.values for combination in plan.grid]
    with_ids = [
        {
            "status": row["status"],
            "error": row["error"],
            "run_id": identity if row["status"] == DONE else None,
            **row,
        }
        for row, identity in zip(done.rows, plan.run_ids, strict=True)
    ]
    table = sweep_table(values, with_ids)
    write_sweep(plan.folder, table, _manifest(done, document), plan.loaded.effective_yaml)
    return Outcome(document, _text(done, summary, say), tuple(_warnings(summary, say)))


def _document(done: SweepRun, summary: Summary) -> dict[str, object]:
    plan = done.plan
    best = None
    if summary.best is not None:
        values = dict(plan.grid[summary.best].values)
        identity = plan.run_ids[summary.best]
        row = {name: value for name, value in done.rows[summary.best].items() if name != "error"}
        best = {"number": summary.best, "values": values, "run_id": identity, **row}
    return {
        "sweep_id": plan.folder.name,
        "path": str(plan.folder),
        "dataset": plan.snapshot.dataset,
        "data_version": plan.snapshot.version,
        "synthetic": plan.snapshot.facts.synthetic,
        "axes": {axis.name: list(axis.values) for axis in plan.axes},
        "combinations": summary.combinations,
        "done": summary.done,
        "refused": summary.refused,
        "failed": summary.failed,
        "resumed": done.resumed,
        "best": best,
        "trials": summary.trials,
        "deflated_sharpe": _number(summary.deflated_sharpe),
        "sharpe": dict(summary.sharpe),
        "share_above_zero": _number(summary.positive),
    }


def _manifest(done: SweepRun, document: dict[str, object]) -> dict[str, object]:
    return {
        **document,
        "engine": done.engine,
        "workers": done.workers,
        "code_hash": code_hash(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
        "finished_at": utc_now().isoformat(timespec="seconds"),
        "seconds": round(done.seconds, 3),
    }


def _warnings(summary: Summary, say: Say) -> Iterator[str]:
    if summary.failed:
        told = say(
            "{count} combinations failed: the column error says why; a second call tries again"
        )
        yield told.format(count=f"{summary.failed:,}")
    if summary.trials > 1:
        yield _selection(summary, say)


def _selection(summary: Summary, say: Say) -> str:
    """How much the best of many proves."""
    told = say(
        "the best of {count} combinations is partly luck: its Sharpe ratio is the highest of many "
        "tries on the same data"
    ).format(count=f"{summary.trials:,}")
    if summary.deflated_sharpe >= SURE:
        return told
    more = say("after deflation nothing is shown at the 95 % level; confirm it on other data")
    return f"{told}; {more}"


def _text(done: SweepRun, summary: Summary, say: Say) -> str:
    """The best combinations and what to think of them."""
    plan = done.plan
    lines = [f"{say('Sweep')}  {plan.folder.name}"]
    counts = say("{count} combinations: {done} done, {refused} refused, {failed} failed")
    numbers = {"count": summary.combinations, "done": summary.done}
    numbers |= {"refused": summary.refused, "failed": summary.failed}
    lines.append("  " + counts.format(**{name: f"{n:,}" for name, n in numbers.items()}))
    if done.resumed:
        earlier = say("{count} of them were finished before")
        lines.append("  " + earlier.format(count=f"{done.resumed:,}"))
    lines += [_line(done, number, say) for number in _leaders(done.rows)]
    if summary.sharpe:
        spread = say("Sharpe over the grid: {least} to {most}, median {median}; {share} above 0")
        shown = {name: f"{summary.sharpe[name]:.3f}" for name in ("least", "most", "median")}
        lines.append("  " + spread.format(**shown, share=f"{summary.positive:.0%}"))
    if math.isfinite(summary.deflated_sharpe):
        deflated = say("deflated Sharpe ratio of the best, {count} tries: {probability}")
        numbers_shown = {"count": f"{summary.trials:,}"}
        numbers_shown["probability"] = f"{summary.deflated_sharpe:.1%}"
        lines.append("  " + deflated.format(**numbers_shown))
    lines.append(f"{say('Results')}: {plan.folder}")
    return "\n".join(lines)


def _leaders(rows: Sequence[Row]) -> list[int]:
    """The combinations with the highest Sharpe ratios, the first of equal ones first."""
    known = [number for number, row in enumerate(rows) if isinstance(row["sharpe"], float)]
    return sorted(known, key=lambda number: -_metric(rows[number], "sharpe"))[:SHOWN]


def _line(done: SweepRun, number: int, say: Say) -> str:
    row = done.rows[number]
    values = ", ".join(f"{key}={value}" for key, value in done.plan.grid[number].values.items())
    fall = f"{say('Max drawdown')} {_metric(row, 'max_drawdown'):.1%}"
    told = f"Sharpe {_metric(row, 'sharpe'):6.3f}  CAGR {_metric(row, 'cagr'):7.2%}  {fall}"
    return f"  {told}  {values}"


def _metric(row: Row, name: str) -> float:
    value = row[name]
    return value if isinstance(value, float) else math.nan


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
