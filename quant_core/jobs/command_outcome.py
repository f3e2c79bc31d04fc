"""What became of a command, and whether a worker is there to take it.

The console and the worker share a folder: what is told here is read from its files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from quant_core.foundation.language import Say
from quant_core.foundation.timing import utc_now
from quant_core.live.command_door import CommandState, find_outcome
from quant_core.live.command_files import COMMAND_FILE, Patience, read_private
from quant_core.live.commands import (
    ANY_INSTANCE,
    LARGEST_COMMAND,
    Action,
    Addressee,
    Command,
    Refused,
    parse_command,
)
from quant_core.live.ipc import STATE_FILE, Freshness, read_state
from quant_core.live.json_text import NotStrictJson, as_object, parse_strictly

WAITING, TAKEN, EXPIRED = "waiting", "taken", "expired"
"""States beside those of the worker: not taken, taken and not told of, not taken in time."""

FINAL = frozenset({"done", "failed", "refused", EXPIRED})
CLAIM_TIME = timedelta(seconds=0.5)

BAD = frozenset({CommandState.REFUSED.value, CommandState.FAILED.value, EXPIRED})


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """The worker as its last state shows it; ``doubt`` is empty where it seems to run."""

    instance: str
    doubt: str
    can_trade: bool


def seen_worker(folder: Path, say: Say) -> WorkerSeen:
    """Whether a worker seems to run in a folder."""
    reading = read_state(folder / STATE_FILE, utc_now())
    connection = as_object(reading.document.get("connection")) or {}
    can_trade = connection.get("can_trade") is True
    instance = reading.instance or ANY_INSTANCE
    if reading.document.get("engine_status") == "stopped":
        return WorkerSeen(instance, say("no worker is running: the last one has ended"), can_trade)
    if reading.freshness is Freshness.FRESH:
        return WorkerSeen(instance, "", can_trade)
    if reading.freshness is Freshness.STALE:
        at = str(reading.document.get("written_at"))
        text = say("no worker seems to be running: its last state is of {at}").format(at=at)
        return WorkerSeen(instance, text, can_trade)
    text = say("no worker seems to be running: there is no state that can be read")
    return WorkerSeen(instance, text, can_trade)


def awaited(folder: Path, command: Command, patience: Patience) -> tuple[str, str]:
    """State and detail of a command once it has come to its end, or patience has."""
    begun = patience.clock()
    while True:
        state, detail = _state_of(folder, command)
        if state in FINAL or not patience.clock() - begun < patience.seconds:
            return state, detail
        patience.pause(patience.interval)


def outcome_text(command: Command, found: tuple[str, str], worker: WorkerSeen, say: Say) -> str:
    """One line for people."""
    state, detail = found
    away = state == CommandState.EXECUTING and not worker.can_trade
    pending = say("pending: the broker is not connected; it is carried out when it is again")
    told = pending if away else detail
    line = f"{command.action.value} {command.id}: {say(state)}"
    return f"{line}: {told}" if told else line


def outcome_warnings(command: Command, state: str, worker: WorkerSeen, say: Say) -> tuple[str, ...]:
    """What is not as somebody who sends a command expects it."""
    if state == EXPIRED:
        text = say("no worker took it before it expired; nothing was carried out")
        return (text, worker.doubt) if worker.doubt else (text,)
    if state != WAITING:
        return ()
    if command.expires_at is not None:
        until = command.expires_at.isoformat(timespec="seconds")
        text = say("no worker has taken it yet; it waits until {until} and is refused after that")
        text = text.format(until=until)
    else:
        text = say(
            "no worker has taken it yet; STOP does not expire: it would end the next worker at "
            "its start; `python -m quant_core command --withdraw` takes it back"
        )
    return (worker.doubt, text) if worker.doubt else (text,)


def told_content(content: bytes | Refused, key: bytes, addressee: Addressee, say: Say) -> str:
    """What a command file holds, and why the worker would refuse it if it would."""
    if isinstance(content, Refused):
        return f"{content.reason.value}: {content.detail}"
    verdict = parse_command(content, key, addressee, utc_now())
    if isinstance(verdict, Command):
        return _named(verdict.action.value, verdict.id, say("valid"))
    action, name = _claimed(content)
    refusal = f"{say('the worker will refuse it')}: {verdict.reason.value}: {verdict.detail}"
    return _named(action, name, refusal)


def waiting_text(folder: Path, key: bytes, addressee: Addressee, say: Say) -> str:
    """What waits in the place for commands."""
    content = read_private(folder / COMMAND_FILE, LARGEST_COMMAND)
    return told_content(content, key, addressee, say)


def _named(action: str, name: str, judgement: str) -> str:
    return f"{action} {name} ({judgement})"


def _claimed(content: bytes) -> tuple[str, str]:
    """Action and id as a file has them, believed by nobody."""
    try:
        fields = as_object(parse_strictly(content)) or {}
    except NotStrictJson:
        fields = {}
    action, name = fields.get("action"), fields.get("id")
    known = action if action in list(Action) else "a file that is no command"
    return str(known), name[:64] if isinstance(name, str) and name.isascii() else ""


def _state_of(folder: Path, command: Command) -> tuple[str, str]:
    """How far a command has come, as far as the folder shows it."""
    # The place first: a command that is taken between the two looks has left it.
    waits = _is_waiting(folder, command)
    outcome = find_outcome(folder, command.id)
    if outcome is not None:
        return str(outcome.get("state")), str(outcome.get("detail") or "")
    if not waits:
        return TAKEN, "the worker has not told yet what became of it"
    # A worker that claimed it just in time has to have had the time to move it.
    if command.expires_at is not None and utc_now() > command.expires_at + CLAIM_TIME:
        return EXPIRED, ""
    return WAITING, ""


def _is_waiting(folder: Path, command: Command) -> bool:
    content = read_private(folder / COMMAND_FILE)
    return isinstance(content, bytes) and _claimed(content)[1] == command.id
