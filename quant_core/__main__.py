"""``python -m quant_core <verb>``: the jobs that have no script of their own.

The only module of the package that imports ``config``, because it is a script.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from quant_core.jobs.environment import ensure_environment, interruptible

if TYPE_CHECKING:
    from quant_core.jobs.command_line import Command


class Verb(NamedTuple):
    """Where a verb's ``COMMAND`` stands, and what it does in a few words."""

    module: str
    summary: str


VERBS: dict[str, Verb] = {
    "audit": Verb("quant_core.jobs.audit_command", "whether the live journal is unaltered"),
    "command": Verb("quant_core.jobs.command_command", "STOP, FLAT or CANCEL for the live worker"),
    "drill": Verb("quant_core.jobs.drill_command", "crash, command and state drills of the worker"),
    "parity": Verb("quant_core.jobs.parity_command", "the live worker against the backtest"),
    "prove": Verb("quant_core.jobs.prove_command", "certificates that a run's numbers are honest"),
    "resume": Verb("quant_core.jobs.resume_command", "let a killed or halted worker trade again"),
    "sql": Verb("quant_core.jobs.sql_command", "ask the warehouse in SQL, read only"),
    "sweep": Verb("quant_core.jobs.sweep_command", "backtest every combination of a grid"),
}
"""All verbs; a command is imported only when its verb is asked for."""


def usage() -> str:
    """The verbs with what each does."""
    width = max(map(len, VERBS)) + 2
    lines = [f"  {name:<{width}}{verb.summary}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "usage: python -m quant_core VERB ...",
            "",
            "verbs:",
            *lines,
            "",
            "`python -m quant_core VERB --help` shows the flags and examples of a verb.",
            "",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The verb's command with the rest of the arguments."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = arguments[0] if arguments else "--help"
    if verb in ("-h", "--help"):
        sys.stdout.write(usage())
        return 0 if arguments else 2
    if verb not in VERBS:
        sys.stderr.write(f"error: unknown verb {verb!r}\n\n{usage()}")
        return 2
    ensure_environment(module="quant_core")
    from config import load_settings
    from quant_core.jobs.command_line import run_command

    command: Command = import_module(VERBS[verb].module).COMMAND
    return run_command(command, arguments[1:], load_settings)


if __name__ == "__main__":
    sys.exit(interruptible(main))
