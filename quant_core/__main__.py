"""``python -m quant_core <verb>``: the jobs that have no script of their own.

The only module of the package that imports ``config``, because it is a script.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from quant_core.jobs.environment import ensure_environment, interruptible

USAGE = """usage: python -m quant_core VERB ...

verbs:
  sql    ask the warehouse in SQL, read only

`python -m quant_core VERB --help` shows the flags and examples of a verb.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """The verb's command with the rest of the arguments."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = arguments[0] if arguments else "--help"
    if verb in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0 if arguments else 2
    if verb != "sql":
        sys.stderr.write(f"error: unknown verb {verb!r}\n\n{USAGE}")
        return 2
    ensure_environment(module="quant_core")
    from config import load_settings
    from quant_core.jobs.command_line import run_command
    from quant_core.jobs.sql_command import COMMAND

    return run_command(COMMAND, arguments[1:], load_settings)


if __name__ == "__main__":
    sys.exit(interruptible(main))
