"""The command ``python -m quant_core audit``: whether the journal is what was written."""

from __future__ import annotations

import argparse
from typing import cast

from quant_core.foundation.errors import ReconciliationError
from quant_core.foundation.language import Say
from quant_core.foundation.settings_live import LiveSettings
from quant_core.jobs.command_line import Command, Outcome, Request, error_text


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """No flag of its own: the folder is that of the settings."""
    del parser, say


def run(request: Request) -> Outcome:
    """Check every line, and what the last comparison with the broker found.

    Exit code 1 at the first line that was edited, removed or moved; 6 where the lines are
    sound and broker and journal disagree. Half a line at the very end is what a crash leaves
    and a start sets aside: it is told, and nothing is wrong.
    """
    from quant_core.jobs.live_parts import live_folder
    from quant_core.live.journal import read, verify
    from quant_core.live.journal_entries import Reconciled
    from quant_core.live.trader import JOURNAL_FOLDER
    from quant_core.strategies import strategy_sections

    settings = cast("LiveSettings", request.load(strategy_sections()).settings)
    folder = live_folder(settings) / JOURNAL_FOLDER
    found = verify(folder)
    sound = found.ok or found.torn_bytes > 0
    last: Reconciled | None = None
    for entry in read(folder) if sound else ():
        last = entry.body if isinstance(entry.body, Reconciled) else last
    differences = () if last is None else last.differences
    problem = "" if sound or found.error is None else error_text(found.error, request.language)
    document = {
        "ok": sound,
        "entries": found.entries,
        "last_hash": found.last_hash,
        "first_problem": problem,
        "torn_bytes": found.torn_bytes,
        "differences": list(differences),
    }
    whole = request.say("{entries} entries, unaltered; last hash {last_hash}")
    text = whole.format(**document) if sound else problem
    if found.torn_bytes:
        torn = request.say(
            "the next start of the worker sets {torn_bytes} bytes of a torn line aside"
        )
        text = f"{text}\n{torn.format(**document)}"
    if differences:
        differ = request.say("the broker's books were not those of the journal when last compared")
        text = "\n".join([text, f"{differ}:", *differences])
    code = ReconciliationError.exit_code if differences else 0
    return Outcome(document, text, (), code if sound else 1)


COMMAND = Command(
    program="python -m quant_core audit",
    summary=(
        "Verify the journal of the live worker: every line, its hash and its place in the "
        "chain. Exit code 1 when anything was edited, removed or moved, 6 when the broker's "
        "books were not those of the journal when they were last compared."
    ),
    examples=(
        "python -m quant_core audit",
        "python -m quant_core audit --set live.folder=data/live --json",
    ),
    add_arguments=add_arguments,
    run=run,
    mode="live",
)
