"""How commands get in: claimed by rename, checked, each carried out once.

The worker's side, in the order of events:

1. :meth:`CommandDoor.recover` at start: what a worker before us claimed and did not record.
2. :meth:`CommandDoor.poll`, again and again: claims what waits and says what each one is.
3. For a :class:`~quant_core.live.commands.Command` the worker journals ``CommandReceived``
   and then calls :meth:`CommandDoor.finish`: from there on the journal remembers it, and
   :meth:`CommandLog.unfinished` gives it back after a crash.
4. It acts, journals ``CommandDone`` and records the :class:`Outcome`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias, cast
from uuid import uuid4

from quant_core.live.command_files import COMMAND_FILE, read_private
from quant_core.live.commands import (
    Addressee,
    Command,
    Refused,
    in_urgency,
    parse_command,
    urgency,
)
from quant_core.live.ipc import document_at, write_document
from quant_core.live.journal_entries import (
    Body,
    CommandDone,
    CommandExecuting,
    CommandReceived,
    CommandRefused,
)
from quant_core.live.json_text import as_object, instant_text

OUTCOME_FILE = "command_outcomes.json"
OUTCOMES_KEPT = 50
AT_MOST = 64
"""Commands taken in one poll, so that a flood cannot keep the worker from its work."""

_CLAIMED = "command.claimed."
_REFUSED = "command.refused."
_STAMP = "%Y%m%dT%H%M%S%fZ"


class CommandState(StrEnum):
    """How far a command has come."""

    RECEIVED = "received"
    """Accepted and recorded; pending while, say, the broker is not connected."""
    EXECUTING = "executing"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Repeated:
    """A command whose id was accepted before: acknowledged, not carried out again."""

    command: Command
    state: CommandState


Answer: TypeAlias = Command | Repeated | Refused


@dataclass(frozen=True, slots=True)
class Arrival:
    """A claimed file and what it is."""

    path: Path
    answer: Answer


@dataclass(frozen=True, slots=True)
class Claim:
    """A command file that is ours: who took it, and when. Both stand in its name."""

    path: Path
    instance: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command, for the console."""

    id: str
    action: str
    state: CommandState
    at: datetime
    detail: str


class CommandLog:
    """Every command the journal has accepted, and how far it came.

    Only accepted commands are remembered: an unsigned file cannot use up an id. The id of
    every one of them is kept for ever, so that none is carried out twice; the commands
    themselves as long as they are shown or unfinished.

    Examples
    --------
    >>> from quant_core.live.commands import Action
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> received = CommandReceived("c1", Action.FLAT, "DU1", "w1", at, at)
    >>> log = CommandLog([received, CommandExecuting("c1")])
    >>> log.state("c1").value, [command.id for command in log.unfinished()]
    ('executing', ['c1'])
    >>> log.apply(CommandDone("c1", True, "no positions left"))
    >>> log.state("c1").value, log.unfinished()
    ('done', [])
    """

    def __init__(self, bodies: Iterable[Body] = ()) -> None:
        self._commands: dict[str, Command] = {}
        self._states: dict[str, CommandState] = {}
        self._unfinished: dict[str, Command] = {}
        for body in bodies:
            self.apply(body)

    def apply(self, body: Body) -> None:
        """Take an entry of the journal into account; most kinds say nothing here."""
        match body:
            case CommandReceived():
                self.accept(body.command())
            case CommandExecuting(id=name) if name in self._states:
                self._states[name] = CommandState.EXECUTING
            case CommandDone(id=name, succeeded=succeeded) if name in self._states:
                self._states[name] = CommandState.DONE if succeeded else CommandState.FAILED
                self._unfinished.pop(name, None)
            case _:
                pass

    def accept(self, command: Command) -> None:
        """Remember a command; one that is known keeps its state."""
        if command.id not in self._states:
            self._commands[command.id] = command
            self._states[command.id] = CommandState.RECEIVED
            self._unfinished[command.id] = command
            for name in list(self._commands)[:-OUTCOMES_KEPT]:
                del self._commands[name]

    @property
    def count(self) -> int:
        """Commands accepted so far."""
        return len(self._states)

    def state(self, name: str) -> CommandState | None:
        """How far the command of an id came, None if it was never accepted."""
        return self._states.get(name)

    def newest(self, count: int) -> list[tuple[Command, CommandState]]:
        """The commands accepted last, 50 at most, the newest at the end, and how far each came."""
        names = list(self._commands)[-count:]
        return [(self._commands[name], self._states[name]) for name in names]

    def unfinished(self) -> list[Command]:
        """What is still to be carried out, the most urgent first."""
        return in_urgency(self._unfinished.values())


class CommandDoor:
    """The worker's end of the folder.

    Parameters
    ----------
    folder : Path
        The folder between worker and console.
    key : bytes
        The key commands are signed with.
    addressee : Addressee
        This worker.
    log : CommandLog
        What the journal has accepted; the worker goes on applying its entries to it.
    """

    def __init__(self, folder: Path, key: bytes, addressee: Addressee, log: CommandLog) -> None:
        self._folder = folder
        self._key = key
        self._addressee = addressee
        self._log = log

    def recover(self) -> list[Arrival]:
        """Files that were claimed and not finished, judged as of their claim.

        A command claimed in time by a worker that then died is not lost by having expired
        or by having been for that worker.
        """
        return self._answered(claimed_files(self._folder))

    def poll(self, now: datetime, at_most: int = AT_MOST) -> list[Arrival]:
        """Take what waits, the most urgent first; an accepted id is accepted once.

        Raises
        ------
        OSError
            If the folder cannot be changed: the worker has to say so and stop trading.
        """
        claims: list[Claim] = []
        try:
            while len(claims) < at_most:
                claim = claim_command(self._folder, self._addressee.instance, now)
                if claim is None:
                    break
                claims.append(claim)
        except OSError:
            if not claims:
                raise
            # What was taken is answered; the next poll meets the same disk and says so.
        return self._answered(claims)

    def finish(self, arrival: Arrival) -> None:
        """Remove the file of an arrival, once the journal has it.

        What cannot be removed (a folder of that name) is set aside under another name.
        """
        try:
            arrival.path.unlink(missing_ok=True)
        except OSError:
            arrival.path.rename(self._folder / f"{_REFUSED}{uuid4().hex}")

    def _answered(self, claims: Iterable[Claim]) -> list[Arrival]:
        arrivals = [Arrival(claim.path, self._answer(claim)) for claim in claims]
        return sorted(arrivals, key=_rank)

    def _answer(self, claim: Claim) -> Answer:
        content = read_private(claim.path)
        if isinstance(content, Refused):
            return content
        addressee = Addressee(self._addressee.account, claim.instance)
        verdict = parse_command(content, self._key, addressee, claim.at)
        if isinstance(verdict, Refused):
            return verdict
        before = self._log.state(verdict.id)
        if before is not None:
            return Repeated(verdict, before)
        self._log.accept(verdict)
        return verdict


def claim_command(folder: Path, instance: str, now: datetime) -> Claim | None:
    """Take the command that waits, by renaming it; None if there is none.

    The new name tells who took it and when, and does not exist yet. A crash after this
    leaves the file for :func:`claimed_files`.
    """
    stamp = now.astimezone(UTC).strftime(_STAMP)
    path = folder / f"{_CLAIMED}{stamp}.{instance}.{uuid4().hex}.json"
    try:
        (folder / COMMAND_FILE).rename(path)
    except FileNotFoundError:
        return None
    return Claim(path, instance, now)


def claimed_files(folder: Path) -> list[Claim]:
    """Commands that were claimed and not finished, the earliest first."""
    return [claim for path in sorted(folder.glob(f"{_CLAIMED}*")) if (claim := _claim_of(path))]


def refusal_entry(refused: Refused) -> CommandRefused:
    """What the journal says about a refused file."""
    return CommandRefused(refused.id, refused.reason.value, refused.detail)


class OutcomeFile:
    """The last outcomes, newest last, in a file the console reads.

    The journal is the record; this is for display. So a file that cannot be read is begun
    anew.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / OUTCOME_FILE
        self._outcomes = _outcomes(self._path)

    def record(self, *outcomes: Outcome) -> None:
        """Put outcomes in place of earlier ones of the same id, with one write.

        Raises
        ------
        StateUnwritable
            If the disk refuses.
        """
        for outcome in outcomes:
            self._outcomes.pop(outcome.id, None)
            self._outcomes[outcome.id] = {
                "id": outcome.id,
                "action": outcome.action,
                "state": outcome.state.value,
                "at": instant_text(outcome.at),
                "detail": outcome.detail,
            }
        for name in list(self._outcomes)[:-OUTCOMES_KEPT]:
            del self._outcomes[name]
        write_document(self._path, {"schema": 1, "outcomes": self.section()})

    def state_of(self, name: str) -> str | None:
        """The state that is shown for an id; None for one that is not shown."""
        shown = self._outcomes.get(name)
        return None if shown is None else str(shown.get("state"))

    def section(self) -> list[dict[str, object]]:
        """The outcomes for the state document."""
        return list(self._outcomes.values())


def find_outcome(folder: Path, name: str) -> dict[str, object] | None:
    """What became of the command of an id, as far as the console can see."""
    return _outcomes(folder / OUTCOME_FILE).get(name)


def _outcomes(path: Path) -> dict[str, dict[str, object]]:
    listed = (document_at(path) or {}).get("outcomes")
    found: dict[str, dict[str, object]] = {}
    for item in cast("list[object]", listed) if isinstance(listed, list) else ():
        outcome = as_object(item)
        if outcome is not None:
            found[str(outcome.get("id"))] = outcome
    return found


def _claim_of(path: Path) -> Claim | None:
    """Who claimed a file and when, from its name; a file of another name is not ours."""
    parts = path.name.removeprefix(_CLAIMED).split(".")
    if len(parts) != 4:
        return None
    try:
        at = datetime.strptime(parts[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Claim(path, parts[1], at)


def _rank(arrival: Arrival) -> tuple[int, tuple[int, datetime, str]]:
    """Commands by urgency, before what only needs an answer."""
    answer = arrival.answer
    if isinstance(answer, Command):
        return 0, urgency(answer)
    return 1, (0, datetime.min.replace(tzinfo=UTC), arrival.path.name)
