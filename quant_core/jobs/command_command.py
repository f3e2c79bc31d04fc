"""The command ``python -m quant_core command``: STOP, FLAT or CANCEL from a terminal."""

from __future__ import annotations

import argparse

from quant_core.foundation.errors import UsageError
from quant_core.foundation.language import Say
from quant_core.jobs.command_line import Command, Outcome, Request

ACTIONS = ("STOP", "FLAT", "CANCEL")


def add_arguments(parser: argparse.ArgumentParser, say: Say) -> None:
    """Which command, and how long its outcome is waited for."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=ACTIONS,
        help=say(
            "STOP ends the worker and touches nothing; FLAT cancels all orders and sells "
            "everything; CANCEL cancels all open orders"
        ),
    )
    parser.add_argument(
        "--wait",
        type=float,
        metavar="SECONDS",
        help=say("how long to wait for the outcome; 10 unless stated, 2 where no worker runs"),
    )
    parser.add_argument(
        "--withdraw",
        action="store_true",
        help=say("take back the command that no worker has taken, instead of sending one"),
    )


def run(request: Request) -> Outcome:
    """Load the job only now, so that --help stays quick."""
    _check(request.arguments)
    from quant_core.jobs import command_sending

    return command_sending.run(request)


def _check(arguments: argparse.Namespace) -> None:
    """One of the two, and a time that is one."""
    if (arguments.action is None) != bool(arguments.withdraw):
        raise UsageError(
            "one thing to do was expected",
            expected="STOP, FLAT or CANCEL, or --withdraw",
            found="neither" if arguments.action is None else f"{arguments.action} and --withdraw",
        )
    wait: float | None = arguments.wait
    if wait is not None and not 0.0 <= wait < float("inf"):
        raise UsageError("--wait is no time", expected="seconds, 0 = do not wait", found=str(wait))


COMMAND = Command(
    program="python -m quant_core command",
    summary=(
        "Send the live worker a command. STOP neither cancels orders nor sells positions; "
        "after FLAT nothing new is ordered until `python -m quant_core resume`."
    ),
    examples=(
        "python -m quant_core command CANCEL",
        "python -m quant_core command FLAT --set live.folder=data/live --wait 30",
        "python -m quant_core command --withdraw",
    ),
    add_arguments=add_arguments,
    run=run,
    mode="live",
)
