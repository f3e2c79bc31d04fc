"""The job of ``python -m quant_core command``: send, wait, tell; or take back what waits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import cast

from quant_core.foundation.errors import UsageError
from quant_core.foundation.language import Say
from quant_core.foundation.settings_live import LiveSettings
from quant_core.foundation.timing import monotonic_seconds, utc_now
from quant_core.jobs.command_line import Outcome, Request
from quant_core.jobs.command_outcome import (
    BAD,
    WorkerSeen,
    awaited,
    outcome_text,
    outcome_warnings,
    seen_worker,
    told_content,
    waiting_text,
)
from quant_core.jobs.live_parts import live_folder
from quant_core.live.command_files import (
    CommandWaiting,
    Patience,
    read_key,
    send_command,
    withdraw_command,
)
from quant_core.live.commands import ANY_INSTANCE, Action, Addressee, Command, new_command
from quant_core.live.ipc import check_folder
from quant_core.strategies import strategy_sections

LONGEST_WAIT = 10.0
WAIT_FOR_NOBODY = 2.0
LOOK_SECONDS = 0.02
"""How long, and how often, a command looks for its place and then for its outcome."""


def run(request: Request) -> Outcome:
    """Put the command where the worker takes it from, and tell what became of it."""
    settings = cast("LiveSettings", request.load(strategy_sections()).settings)
    folder = live_folder(settings)
    if request.arguments.withdraw:
        return _withdraw(folder, settings.broker.account, request.say)
    say, given = request.say, cast("float | None", request.arguments.wait)
    before = seen_worker(folder, say)
    wait = (WAIT_FOR_NOBODY if before.doubt else LONGEST_WAIT) if given is None else given
    lifetime = timedelta(seconds=settings.live.command_lifetime)
    addressee = Addressee(settings.broker.account, ANY_INSTANCE)
    command = new_command(Action(request.arguments.action), addressee, utc_now(), lifetime)
    # Never longer than half of its life: it has to be taken before it expires.
    for_place = min(wait, LONGEST_WAIT, lifetime.total_seconds() / 2)
    _put(folder, command, (before, for_place), say)
    found = awaited(folder, command, _patience(wait))
    return _told(folder, command, found, say)


def _told(folder: Path, command: Command, found: tuple[str, str], say: Say) -> Outcome:
    """What became of the command, and by how much that falls short."""
    state, detail = found
    worker, expires = seen_worker(folder, say), command.expires_at
    document = {
        "id": command.id,
        "action": command.action.value,
        "folder": str(folder),
        "state": state,
        "detail": detail,
        "expires_at": None if expires is None else expires.isoformat(),
    }
    warnings = outcome_warnings(command, state, worker, say)
    return Outcome(
        document, outcome_text(command, found, worker, say), warnings, 1 if state in BAD else 0
    )


def _put(folder: Path, command: Command, seen: tuple[WorkerSeen, float], say: Say) -> None:
    """Send it; where the place is taken, say by what."""
    worker, seconds = seen
    check_folder(folder)
    key = read_key(folder)
    try:
        send_command(folder, command, key, _patience(seconds))
    except CommandWaiting as error:
        addressee = Addressee(command.account, worker.instance)
        waits = waiting_text(folder, key, addressee, say)
        raise CommandWaiting(
            error.problem,
            found=f"{waits}; {worker.doubt}" if worker.doubt else waits,
            where=error.found,
            fix=error.fix,
        ) from error


def _withdraw(folder: Path, account: str, say: Say) -> Outcome:
    """Take back what waits, valid or not."""
    check_folder(folder)
    worker, key = seen_worker(folder, say), read_key(folder)
    content = withdraw_command(folder)
    if content is None:
        raise UsageError(
            "no command is waiting: nothing was withdrawn",
            found="a worker has taken it" if not worker.doubt else "the place is empty",
            where=str(folder),
        )
    told = told_content(content, key, Addressee(account, worker.instance), say)
    document = {"withdrawn": told, "folder": str(folder)}
    return Outcome(document, say("withdrawn: {command}").format(command=told))


def _patience(seconds: float) -> Patience:
    return Patience(seconds, LOOK_SECONDS, monotonic_seconds, Event().wait)
