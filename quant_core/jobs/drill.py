"""The drills of the live worker, each in a folder of its own that is gone afterwards."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path
from typing import cast

from quant_core.drills.plan import Drill, DrillPlan
from quant_core.foundation.errors import UsageError
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.drill_command import DRILLS
from quant_core.jobs.progress import ProgressLine


def run(request: Request) -> Outcome:
    """Run one drill; exit code 1 when it found what must not be."""
    arguments = request.arguments
    known = DRILLS[arguments.name]
    count = known.times if arguments.count is None else arguments.count
    if count < 1:
        raise UsageError("a drill needs a count", expected="at least 1", found=str(count))
    drill = cast("Drill", import_module(f"quant_core.drills.{arguments.name}").drill)
    with tempfile.TemporaryDirectory(prefix="drill-") as place:
        result = drill(
            DrillPlan(
                folder=Path(place),
                count=count,
                seed=arguments.seed,
                progress=ProgressLine(arguments.name),
                write_ahead=not arguments.without_write_ahead,
            )
        )
    document: dict[str, object] = {"passed": result.passed, **result.figures}
    text = "\n".join(f"{name}: {value}" for name, value in document.items())
    return Outcome(document, text, (), 0 if result.passed else 1)
