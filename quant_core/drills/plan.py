"""What every drill is given and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Figure: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPlan:
    """How a drill is run.

    ``folder`` is empty and the drill's own; ``count`` says how often (kills, commands, files,
    reads, sessions); ``progress`` is told (done, total). ``write_ahead`` False takes the
    protection under test away, so that the drill must find what it guards against.
    """

    folder: Path
    count: int
    seed: int
    progress: Callable[[int, int], object]
    write_ahead: bool = True


@dataclass(frozen=True, slots=True)
class DrillResult:
    """What was counted, and whether it is what it must be."""

    passed: bool
    figures: Mapping[str, Figure]


Drill: TypeAlias = Callable[[DrillPlan], DrillResult]
