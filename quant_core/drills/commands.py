"""Commands: none lost, none carried out twice, the most urgent first; STOP at once, FLAT whole.

1. Several writers and a terminal send to one worker that trades, loses its broker now and
   then, is killed and stopped, and goes on (:mod:`quant_core.drills.commands_load`).
2. What its journal says is held against what was sent
   (:mod:`quant_core.drills.commands_count`, which says what priority means).
3. STOP into the middle of many orders, again and again; FLAT from many positions
   (:mod:`quant_core.drills.commands_stop`).

Without the protection (``write_ahead`` False) the writers put their commands over whatever
waits, instead of linking them into a free place: commands are then lost.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

from quant_core.drills.commands_bench import Ground
from quant_core.drills.commands_count import Record, recorded, tally
from quant_core.drills.commands_load import KILL_SHARE, Lives, Load, Sent, run_load
from quant_core.drills.commands_stop import (
    Flattened,
    StopTrial,
    flat_trial,
    quantile,
    stop_trial,
)
from quant_core.drills.plan import DrillPlan, DrillResult, Figure
from quant_core.live.journal import read, verify
from quant_core.live.trader import JOURNAL_FOLDER

NAMES, SESSIONS = 3, 4_000
LEAST_KILLS = 3
STOP_SHARE, LEAST_TRIALS, MOST_TRIALS = 80, 3, 125
STOP_BOUND_SECONDS = 2.0
FLAT_NAMES, FLAT_SESSIONS = 50, 6

SCENARIO = json.dumps(
    {"faults": [{"on": "phase", "name": "open", "chance": 0.3, "do": "disconnect", "refuse": 3}]}
)
"""The broker is gone for a while after three opens of ten: what comes then has to wait."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was sent, what the journal says, how the workers ended."""

    sent: Sent
    lives: Lives
    record: Record
    journal_whole: bool


def drill(plan: DrillPlan) -> DrillResult:
    """Send ``plan.count`` commands, then measure STOP and FLAT."""
    trials = min(max(plan.count // STOP_SHARE, LEAST_TRIALS), MOST_TRIALS)
    total = plan.count + trials
    evidence = under_load(plan, total)
    chance, measured = Random(plan.seed), list[StopTrial]()
    for number in range(trials):
        measured.append(stop_trial(plan.folder / f"stop-{number}", chance))
        plan.progress(plan.count + number, total)
    flat = flat_trial(Ground(folder=plan.folder / "flat", names=FLAT_NAMES, sessions=FLAT_SESSIONS))
    plan.progress(total, total)
    figures = {**load_figures(evidence), **stop_figures(measured), **flat_figures(flat)}
    return DrillResult(is_well(figures), figures)


def under_load(plan: DrillPlan, total: int) -> Evidence:
    """Send ``plan.count`` commands to workers that are killed and stopped."""
    ground = Ground(
        folder=plan.folder / "load",
        names=NAMES,
        sessions=SESSIONS,
        seed=plan.seed,
        scenario=SCENARIO,
    )
    kills = max(plan.count // KILL_SHARE, LEAST_KILLS)
    load = Load(ground=ground, count=plan.count, kills=kills, overwrite=not plan.write_ahead)
    sent, lives = run_load(load, lambda done: plan.progress(done, total))
    return evidence_of(ground.live / JOURNAL_FOLDER, sent, lives)


def evidence_of(journal: Path, sent: Sent, lives: Lives) -> Evidence:
    """Read the journal of a run."""
    record = recorded(entry.body for entry in read(journal))
    return Evidence(sent, lives, record, verify(journal).ok)


def load_figures(evidence: Evidence) -> dict[str, Figure]:
    """Counts of the commands; see :func:`is_well` for what they must be."""
    sent, record, lives = evidence.sent, evidence.record, evidence.lives
    became = tally(sent.valid, record.done.elements())
    again = sum(name in record.repeated for name in sent.again)
    refused = sum(name in record.refused for name in sent.wrong)
    return {
        "sent": len(sent.valid),
        "sent_from_a_terminal": len(sent.typed),
        "executed": len(record.done),
        "lost": len(became.lost),
        "executed_twice": len(record.twice()),
        "executed_uninvited": len(became.uninvited),
        "sent_again": len(sent.again),
        "acknowledged_not_executed": again,
        "wrong": len(sent.wrong),
        "refused": refused,
        "priority_choices": record.choices,
        "priority_violations": record.violations,
        "orders": record.orders,
        "workers": lives.started,
        "kills": lives.kills,
        "stops": lives.stops,
        "worker_failures": lives.failures,
        "journal_whole": evidence.journal_whole,
    }


def stop_figures(trials: list[StopTrial]) -> dict[str, Figure]:
    """Seconds from a STOP to the last order, and to the end of the worker."""
    latencies = [trial.latency for trial in trials]
    endings = [trial.ending for trial in trials]
    return {
        "stop_trials": len(trials),
        "stop_interrupted": sum(trial.kept_back > 0 for trial in trials),
        "stop_to_last_order_p50_seconds": round(quantile(latencies, 0.5), 6),
        "stop_to_last_order_p99_seconds": round(quantile(latencies, 0.99), 6),
        "stop_to_end_p99_seconds": round(quantile(endings, 0.99), 6),
    }


def flat_figures(flat: Flattened) -> dict[str, Figure]:
    """What FLAT left."""
    return {
        "flat_positions": flat.before,
        "flat_left": flat.after,
        "flat_done": flat.done,
        "flat_cash_difference_micros": flat.cash_difference,
        "flat_seconds": round(flat.seconds, 6),
    }


NOTHING = (
    *("lost", "executed_twice", "executed_uninvited", "priority_violations", "worker_failures"),
    *("flat_left", "flat_cash_difference_micros"),
)
"""Figures that must be zero."""


def is_well(figures: dict[str, Figure]) -> bool:
    """Whether every figure is what it must be.

    Examples
    --------
    >>> is_well({"lost": 1})
    False
    """
    if any(figures.get(name) != 0 for name in NOTHING):
        return False
    latency = figures["stop_to_last_order_p99_seconds"]
    return (
        figures["acknowledged_not_executed"] == figures["sent_again"]
        and figures["refused"] == figures["wrong"]
        and figures["journal_whole"] is True
        and isinstance(latency, float)
        and latency < STOP_BOUND_SECONDS
        and figures["stop_interrupted"] != 0
        and figures["flat_positions"] == FLAT_NAMES
        and figures["flat_done"] is True
    )
