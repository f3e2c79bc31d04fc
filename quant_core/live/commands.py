"""What the console may ask of the worker: three actions, signed, for one account.

A command is a JSON object in canonical form (keys sorted, no spaces, ASCII) with a
signature: HMAC-SHA256 with the key of the folder over the same object without its
signature. Nothing in a file is believed before its signature is.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias
from uuid import uuid4

from quant_core.foundation.errors import InvariantBroken, UsageError
from quant_core.live.json_text import (
    NotStrictJson,
    as_object,
    canonical_text,
    instant_text,
    parse_instant,
    parse_strictly,
)

COMMAND_SCHEMA = 1
LARGEST_COMMAND = 64 * 1024
"""Bytes; a larger file is refused before it is read."""

LONGEST_LIFETIME = timedelta(minutes=5)
"""A FLAT or CANCEL that may still act later than this after it was issued is refused."""

CLOCK_TOLERANCE = timedelta(seconds=5)
"""How far the clock may have been set back between issuing a command and reading it."""

ANY_INSTANCE = "any"
"""In place of an engine instance: whichever worker serves the account."""

_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)


class Action(StrEnum):
    """What a command does, the most urgent first."""

    STOP = "STOP"
    """End the worker; orders and positions stay as they are."""
    FLAT = "FLAT"
    """Cancel all open orders, then bring every position to zero: a target, safe to repeat."""
    CANCEL = "CANCEL"
    """Cancel all open orders."""


class Refusal(StrEnum):
    """Why a command is not carried out."""

    TOO_LARGE = "too_large"
    NOT_A_FILE = "not_a_file"
    """A link, a folder, a pipe: anything but a regular file."""
    FOREIGN_OWNER = "foreign_owner"
    OPEN_TO_OTHERS = "open_to_others"
    UNREADABLE = "unreadable"
    MALFORMED = "malformed"
    """Not canonical strict JSON, or not exactly the fields of a command."""
    UNKNOWN_SCHEMA = "unknown_schema"
    UNSIGNED = "unsigned"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_ACTION = "unknown_action"
    OTHER_ACCOUNT = "other_account"
    OTHER_INSTANCE = "other_instance"
    BAD_LIFETIME = "bad_lifetime"
    """A STOP with an expiry, another action without one, or one that lasts too long."""
    NOT_YET_ISSUED = "not_yet_issued"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a command is for: an account, and the worker that serves it."""

    account: str
    instance: str

    def __post_init__(self) -> None:
        if not self.account or not _NAME.fullmatch(self.instance):
            raise InvariantBroken(
                "nobody can be addressed like this",
                expected="an account, and an instance of letters, digits, _ and -",
                found=f"{self.account!r}, {self.instance!r}",
            )


@dataclass(frozen=True, slots=True)
class Command:
    """One request. ``expires_at`` is None for STOP, which does not expire."""

    id: str
    action: Action
    account: str
    instance: str
    issued_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that is not carried out, for the journal and the console.

    ``id`` is what the file says, "" where it says nothing usable; unless the signature
    was right, anybody may have written it.
    """

    reason: Refusal
    detail: str
    id: str = ""


Verdict: TypeAlias = Command | Refused


def new_command(
    action: Action, addressee: Addressee, at: datetime, lifetime: timedelta = timedelta(seconds=30)
) -> Command:
    """A command with an id of its own, issued at ``at``; STOP gets no expiry.

    Raises
    ------
    UsageError
        If ``lifetime`` is not above zero and at most :data:`LONGEST_LIFETIME`.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2024, 1, 2, tzinfo=UTC)
    >>> command = new_command(Action.FLAT, Addressee("DU1", ANY_INSTANCE), at)
    >>> command.expires_at.isoformat()
    '2024-01-02T00:00:30+00:00'
    """
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        raise UsageError(
            "a command cannot live that long",
            expected=f"more than 0 s and at most {LONGEST_LIFETIME.total_seconds():.0f} s",
            found=f"{lifetime.total_seconds():.0f} s",
        )
    expires = None if action is Action.STOP else at + lifetime
    return Command(uuid4().hex, action, addressee.account, addressee.instance, at, expires)


def sign_command(command: Command, key: bytes) -> bytes:
    """The content of the command file."""
    fields: dict[str, object] = {
        "account": command.account,
        "action": command.action.value,
        "engine_instance": command.instance,
        "expires_at": None if command.expires_at is None else instant_text(command.expires_at),
        "id": command.id,
        "issued_at": instant_text(command.issued_at),
        "schema": COMMAND_SCHEMA,
    }
    return canonical_text({**fields, "signature": signature_of(fields, key)}).encode("ascii")


def signature_of(fields: dict[str, object], key: bytes) -> str:
    """HMAC-SHA256 over the canonical JSON of the fields, hexadecimal."""
    return hmac.new(key, canonical_text(fields).encode("ascii"), hashlib.sha256).hexdigest()


def parse_command(content: bytes, key: bytes, addressee: Addressee, at: datetime) -> Verdict:
    """What a command file says, or why it is refused. Never raises, whatever it holds.

    Parameters
    ----------
    content : bytes
        The whole file.
    key : bytes
        The key of the folder.
    addressee : Addressee
        The worker that reads.
    at : datetime
        The instant at which the command was claimed: expiry is judged by it.

    Examples
    --------
    >>> from datetime import UTC
    >>> now, worker = datetime(2024, 1, 2, tzinfo=UTC), Addressee("DU1", "w1")
    >>> content = sign_command(new_command(Action.STOP, worker, now), b"k" * 32)
    >>> parse_command(content, b"k" * 32, worker, now).action.value
    'STOP'
    >>> parse_command(content, b"x" * 32, worker, now).reason.value
    'bad_signature'
    """
    if len(content) > LARGEST_COMMAND:
        return Refused(Refusal.TOO_LARGE, f"over {LARGEST_COMMAND} bytes")
    try:
        fields = as_object(parse_strictly(content))
    except NotStrictJson as error:
        return Refused(Refusal.MALFORMED, str(error))
    if fields is None:
        return Refused(Refusal.MALFORMED, "not a JSON object")
    parsed = _checked_fields(fields, content, key)
    return parsed if isinstance(parsed, Refused) else _checked_command(parsed, addressee, at)


def in_urgency(commands: Iterable[Command]) -> list[Command]:
    """STOP before FLAT before CANCEL; of equal ones the earlier issued first."""
    return sorted(commands, key=urgency)


def urgency(command: Command) -> tuple[int, datetime, str]:
    """Sort key: smaller is more urgent."""
    return list(Action).index(command.action), command.issued_at, command.id


_FIELDS = frozenset(
    {
        *("account", "action", "engine_instance", "expires_at"),
        *("id", "issued_at", "schema", "signature"),
    }
)


def _checked_fields(
    fields: dict[str, object], content: bytes, key: bytes
) -> dict[str, object] | Refused:
    """Exactly the fields of a command under a right signature, in the one way to write them."""
    said = fields.get("id")
    name = said if isinstance(said, str) and _NAME.fullmatch(said) else ""
    if "signature" not in fields:
        return Refused(Refusal.UNSIGNED, "there is no signature", name)
    if fields.keys() != _FIELDS:
        odd = ", ".join(sorted(fields.keys() ^ _FIELDS))[:200]
        return Refused(Refusal.MALFORMED, f"missing or unknown fields: {odd!a}", name)
    if not all(value is None or type(value) in (str, int) for value in fields.values()):
        return Refused(Refusal.MALFORMED, "a field is neither text, whole number nor null", name)
    if canonical_text(fields).encode("ascii") != content:
        return Refused(Refusal.MALFORMED, "not written in the canonical form", name)
    given = str(fields.pop("signature")).encode("utf-8", "replace")
    if not hmac.compare_digest(signature_of(fields, key).encode("ascii"), given):
        return Refused(Refusal.BAD_SIGNATURE, "signed with another key, or altered", name)
    if fields["schema"] != COMMAND_SCHEMA:
        detail = f"schema {fields['schema']!a:.40}, this worker knows {COMMAND_SCHEMA}"
        return Refused(Refusal.UNKNOWN_SCHEMA, detail, name)
    return fields


def _checked_command(fields: dict[str, object], addressee: Addressee, at: datetime) -> Verdict:
    """A signed command that this worker can carry out now."""
    name, account, instance = fields["id"], fields["account"], fields["engine_instance"]
    if not (isinstance(name, str) and isinstance(account, str) and isinstance(instance, str)):
        return Refused(Refusal.MALFORMED, "id, account and engine_instance are texts")
    if not (_NAME.fullmatch(name) and _NAME.fullmatch(instance)):
        return Refused(Refusal.MALFORMED, "an id or engine_instance of other signs or length")
    if fields["action"] not in list(Action):
        return Refused(Refusal.UNKNOWN_ACTION, f"{fields['action']!a:.40}", name)
    issued, expires = parse_instant(fields["issued_at"]), parse_instant(fields["expires_at"])
    if issued is None or (expires is None and fields["expires_at"] is not None):
        return Refused(Refusal.MALFORMED, "an instant that is none", name)
    command = Command(name, Action(fields["action"]), account, instance, issued, expires)
    return _misaddressed(command, addressee) or _untimely(command, at) or command


def _misaddressed(command: Command, addressee: Addressee) -> Refused | None:
    if command.account != addressee.account:
        detail = f"for {command.account[:64]!a}, this is {addressee.account}"
        return Refused(Refusal.OTHER_ACCOUNT, detail, command.id)
    if command.instance not in (addressee.instance, ANY_INSTANCE):
        detail = f"for {command.instance}, this is {addressee.instance}"
        return Refused(Refusal.OTHER_INSTANCE, detail, command.id)
    return None


def _untimely(command: Command, at: datetime) -> Refused | None:
    """STOP is for any time; the others must be issued, short-lived and not expired."""
    if command.action is Action.STOP:
        if command.expires_at is not None:
            return Refused(Refusal.BAD_LIFETIME, "STOP does not expire", command.id)
        return None
    if command.expires_at is None:
        return Refused(Refusal.BAD_LIFETIME, "only STOP has no expiry", command.id)
    lifetime = command.expires_at - command.issued_at
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        return Refused(Refusal.BAD_LIFETIME, f"{lifetime.total_seconds()} s", command.id)
    if command.issued_at > at + CLOCK_TOLERANCE:
        return Refused(Refusal.NOT_YET_ISSUED, instant_text(command.issued_at), command.id)
    if not at <= command.expires_at:
        return Refused(Refusal.EXPIRED, instant_text(command.expires_at), command.id)
    return None
