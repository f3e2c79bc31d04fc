"""The command ``python -m quant_core drill``: its words and flags."""

from __future__ import annotations

import argparse
from typing import NamedTuple

from quant_core.foundation.language import Say
from quant_core.jobs.command_line import Command, Outcome, Request


class KnownDrill(NamedTuple):
    """What a drill does, what it counts, and how often unless told."""

    summary: str
    unit: str
    times: int


DRILLS: dict[str, KnownDrill] = {
    "crash": KnownDrill("kill -9 the worker at random moments", "kills", 1_000),
    "commands": KnownDrill("several writers, one worker", "commands", 10_000),
    "fuzz": KnownDrill("command files of every wrong kind", "files", 100_000),
    "states": KnownDrill("read the state while it is written", "reads", 1_000_000),
    "soak": KnownDrill("one worker through many sessions", "sessions", 250),
}
"""Every drill; each is the function ``drill`` of the module of its name."""


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """Which drill, and how often."""
    parser.add_argument("name", choices=tuple(DRILLS), help=say("which drill"))
    for known in DRILLS.values():
        parser.add_argument(
            f"--{known.unit}",
            dest="count",
            type=int,
            metavar="N",
            help=f"{say(known.summary)} ({known.times:,})",
        )
    parser.add_argument("--seed", type=int, default=1, help=say("seed of the moments (1)"))
    parser.add_argument(
        "--without-write-ahead",
        action="store_true",
        help=say("crash: take the protection away, to see that the drill can fail"),
    )


def run(request: Request) -> Outcome:
    """Load the job only now, so that --help stays quick."""
    from quant_core.jobs import drill

    return drill.run(request)


COMMAND = Command(
    program="python -m quant_core drill",
    summary=(
        "Do on purpose to the live worker what real life does to it, on the paper broker in a "
        "folder of its own, and count what was lost, doubled or torn. Exit code 1 when anything "
        "was."
    ),
    examples=(
        "python -m quant_core drill crash --kills 1000 --json",
        "python -m quant_core drill commands --json",
        "python -m quant_core drill fuzz --files 100000",
    ),
    add_arguments=add_arguments,
    run=run,
    mode="live",
)
