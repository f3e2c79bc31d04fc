#!/usr/bin/env python3
"""Trade day by day: ``python run_live_strategy.py --help`` shows flags and examples."""

from __future__ import annotations

import sys

from quant_core.jobs.environment import ensure_environment, interruptible


def main() -> int:
    """Arguments -> settings -> one job -> exit code."""
    ensure_environment()
    from config import load_settings
    from quant_core.jobs.command_line import run_command
    from quant_core.jobs.live_command import COMMAND

    return run_command(COMMAND, sys.argv[1:], load_settings)


if __name__ == "__main__":
    sys.exit(interruptible(main))
