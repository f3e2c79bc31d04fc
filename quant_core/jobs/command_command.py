"""The command ``python -m quant_core command``: STOP, FLAT or CANCEL from a terminal."""

from __future__ import annotations

import argparse
from datetime import timedelta
from threading import Event
from typing import cast

from quant_core.foundation.language import Say
from quant_core.foundation.settings_live import LiveSettings
from quant_core.foundation.timing import monotonic_seconds, utc_now
from quant_core.jobs.command_line import Command, Outcome, Request

ACTIONS = ("STOP", "FLAT", "CANCEL")
LONGEST_WAIT = 10.0
LOOK_SECONDS = 0.02
"""How long, and how often, a command waits for the place that another one has."""


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """Which command."""
    parser.add_argument(
        "action",
        choices=ACTIONS,
        help=say(
            "STOP ends the worker and touches nothing; FLAT cancels all orders and sells "
            "everything; CANCEL cancels all open orders"
        ),
    )


def run(request: Request) -> Outcome:
    """Put the command where the worker takes it from."""
    from quant_core.jobs.live_parts import live_folder
    from quant_core.live.command_files import Patience, read_key, send_command
    from quant_core.live.commands import ANY_INSTANCE, Action, Addressee, new_command
    from quant_core.strategies import strategy_sections

    settings = cast("LiveSettings", request.load(strategy_sections()).settings)
    folder = live_folder(settings)
    lifetime = timedelta(seconds=settings.live.command_lifetime)
    addressee = Addressee(settings.broker.account, ANY_INSTANCE)
    command = new_command(Action(request.arguments.action), addressee, utc_now(), lifetime)
    # Never longer than half of its life: it has to be taken before it expires.
    wait = min(LONGEST_WAIT, lifetime.total_seconds() / 2)
    patience = Patience(wait, LOOK_SECONDS, monotonic_seconds, Event().wait)
    send_command(folder, command, read_key(folder), patience)
    document = {"id": command.id, "action": command.action.value, "folder": str(folder)}
    text = request.say("{action} was sent under the id {id}").format(**document)
    return Outcome(document, text)


COMMAND = Command(
    program="python -m quant_core command",
    summary=(
        "Send the live worker a command. STOP neither cancels orders nor sells positions; "
        "after FLAT nothing new is ordered until `python -m quant_core resume`."
    ),
    examples=(
        "python -m quant_core command CANCEL",
        "python -m quant_core command FLAT --set live.folder=data/live",
    ),
    add_arguments=add_arguments,
    run=run,
    mode="live",
)
