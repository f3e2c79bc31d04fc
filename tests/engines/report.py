"""The lines of the comparison and the tables of ``docs/reference/other-engines.md``."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from tests.engines.comparison import Difference, allowance, difference, lowest_cash
from tests.engines.exchange import Outcome
from tests.engines.levels import Task
from tests.engines.peers import run_peer


@dataclass(frozen=True)
class Line:
    """A task that was run: how far the engine is from the project, and from its twin if any.

    ``allowed`` bounds the difference from the project, or from the twin where there is one.
    """

    task: Task
    outcome: Outcome | None = None
    own: Difference | None = None
    twin: Difference | None = None
    allowed: float = 0.0
    failure: str = ""

    @property
    def passed(self) -> bool:
        """Whether the engine differs by named roundings only, or by the rule of its twin only."""
        bound = self.own if self.task.twin is None else self.twin
        return bound is not None and bound.largest <= self.allowed and bound.fills == 0


def compared(task: Task) -> Line:
    """Run the engine of a task and compare."""
    outcome = run_peer(task.peer, task.case)
    own = difference(task.case, task.own.outcome, outcome)
    allowed = allowance(task.case, len(task.own.outcome.fill_row))
    twin = None
    if task.twin is not None:
        twin = difference(task.case, task.twin(), outcome)
    return Line(task, outcome, own, twin, allowed)


def tables(lines: list[Line]) -> str:
    """Markdown: one table a market and level."""
    parts: list[str] = []
    for (market, level), group in groupby(lines, key=lambda one: (one.task.market, one.task.level)):
        parts += [_heading(market, level, members := list(group)), "", *_table(members), ""]
    return "\n".join(parts).rstrip()


def _heading(market: str, level: str, lines: list[Line]) -> str:
    own = lines[0].task.own
    case, fills = own.case, len(own.outcome.fill_row)
    rows, columns = case.closes.shape
    cut = f", {own.unfilled} orders cut by cash" if own.unfilled else ""
    return (
        f"### {market}, {level}\n\n{rows - 1:,} sessions, {columns} names, {len(case.rows)} "
        f"rebalances, {fills:,} fills{cut}; final equity {own.outcome.equity[-1]:,.6f}, lowest "
        f"cash {lowest_cash(case, own.outcome):,.2f}"
    )


def _table(lines: list[Line]) -> list[str]:
    twins = lines[0].task.twin is not None
    head = [
        "engine",
        "version",
        "largest difference",
        "sessions off by a cent",
        "fills that differ",
    ]
    head += ["from its twin", "final equity", "lowest cash"] if twins else ["allowed"]
    rows = [head, ["---"] * len(head), *(_cells(line, twins) for line in lines)]
    return [f"| {' | '.join(row)} |" for row in rows]


def _cells(line: Line, twins: bool) -> list[str]:
    if line.outcome is None or line.own is None:
        return [line.task.label, "failed: " + line.failure.replace("\n", " ")[-200:]]
    own, mark = line.own, "" if line.passed else " NOT AS EXPECTED"
    cells = [line.task.label, line.outcome.version, amount(own.largest) + ("" if twins else mark)]
    cells += [f"{own.cents:,}", f"{own.fills:,}"]
    if not twins:
        return [*cells, amount(line.allowed)]
    far = line.twin.largest if line.twin else float("nan")
    return [
        *cells,
        amount(far) + mark,
        f"{line.outcome.equity[-1]:,.2f}",
        f"{lowest_cash(line.task.case, line.outcome):,.2f}",
    ]


def amount(value: float) -> str:
    """Money to the place that matters: tiny ones by their power of ten.

    >>> amount(7.45e-09), amount(0.047), amount(10293.41)
    ('7e-09', '0.047', '10,293.41')
    """
    if value < 0.001:
        return f"{value:.0e}"
    return f"{value:.3f}" if value < 1 else f"{value:,.2f}"
