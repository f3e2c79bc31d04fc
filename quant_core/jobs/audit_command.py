"""The command ``python -m quant_core audit``: whether the journal is what was written."""

from __future__ import annotations

import argparse
from typing import cast

from quant_core.foundation.language import Say
from quant_core.foundation.settings_live import LiveSettings
from quant_core.jobs.command_line import Command, Outcome, Request


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """No flag of its own: the folder is that of the settings."""
    del parser, say


def run(request: Request) -> Outcome:
    """Check every line; exit code 1 at the first that was edited, removed or moved."""
    from quant_core.jobs.live_parts import live_folder
    from quant_core.live.journal import verify
    from quant_core.live.trader import JOURNAL_FOLDER
    from quant_core.strategies import strategy_sections

    settings = cast("LiveSettings", request.load(strategy_sections()).settings)
    found = verify(live_folder(settings) / JOURNAL_FOLDER)
    document = {
        "ok": found.ok,
        "entries": found.entries,
        "last_hash": found.last_hash,
        "first_problem": found.first_problem,
    }
    whole = request.say("{entries} entries, unaltered; last hash {last_hash}")
    text = whole.format(**document) if found.ok else found.first_problem
    return Outcome(document, text, (), 0 if found.ok else 1)


COMMAND = Command(
    program="python -m quant_core audit",
    summary=(
        "Verify the journal of the live worker: every line, its hash and its place in the "
        "chain. Exit code 1 when anything was edited, removed or moved."
    ),
    examples=(
        "python -m quant_core audit",
        "python -m quant_core audit --set live.folder=data/live --json",
    ),
    add_arguments=add_arguments,
    run=run,
    mode="live",
)
