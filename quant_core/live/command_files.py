"""The files a command is made of: the key, the one place where a command waits.

A command is created whole under a temporary name and linked to ``command.json``, which
the file system refuses while another one waits there. So nobody sees half a command and
no command replaces another.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from quant_core.foundation.errors import ConfigurationError, QuantError, UsageError
from quant_core.foundation.files import sync
from quant_core.live.commands import (
    LARGEST_COMMAND,
    Command,
    Refusal,
    Refused,
    sign_command,
)
from quant_core.live.ipc import check_folder

COMMAND_FILE = "command.json"
KEY_FILE = "command.key"
KEY_BYTES = 32


class CommandWaiting(UsageError):
    """The worker has not taken the command before this one; nothing was sent."""


class CommandNotSent(QuantError):
    """The folder did not take the command."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a sender waits for the place to become free.

    ``clock`` gives seconds that never go back, ``pause`` lets so many of them pass.
    """

    seconds: float
    interval: float
    clock: Callable[[], float]
    pause: Callable[[float], object]


def create_key(folder: Path) -> bytes:
    """The key of the folder; the worker makes one at its first start.

    Raises
    ------
    ConfigurationError
        If a key is there that others could have read or put there.
    """
    with suppress(FileExistsError):
        _place(folder, KEY_FILE, secrets.token_hex(KEY_BYTES).encode("ascii"))
    return read_key(folder)


def read_key(folder: Path) -> bytes:
    """The key with which commands of this folder are signed.

    Raises
    ------
    ConfigurationError
        If there is none, or it is not a file of its owner alone.
    """
    content = read_private(folder / KEY_FILE, limit=2 * KEY_BYTES)
    if isinstance(content, Refused):
        raise ConfigurationError(
            "the key that signs commands cannot be used",
            expected="a regular file of this user with mode 0600",
            found=f"{content.reason.value}: {content.detail}",
            where=str(folder / KEY_FILE),
            fix="start the worker once; remove a key that others may have read",
        )
    if len(content) != 2 * KEY_BYTES:
        raise ConfigurationError(
            "the key that signs commands is damaged",
            expected=f"{2 * KEY_BYTES} hexadecimal digits",
            found=f"{len(content)} bytes",
            where=str(folder / KEY_FILE),
            fix="remove it and start the worker again",
        )
    return content


def read_private(path: Path, limit: int = LARGEST_COMMAND) -> bytes | Refused:
    """The content of a regular file that its owner alone can read and write.

    Links are not followed and pipes not waited for; at most ``limit`` bytes are read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return Refused(Refusal.UNREADABLE, "there is no such file")
    except OSError as error:  # a link among them
        reason = Refusal.NOT_A_FILE if path.is_symlink() else Refusal.UNREADABLE
        return Refused(reason, os.strerror(error.errno or 0))
    try:
        return _unsafe(os.fstat(descriptor), limit) or _content(descriptor, limit)
    except OSError as error:
        return Refused(Refusal.UNREADABLE, os.strerror(error.errno or 0))
    finally:
        os.close(descriptor)


def send_command(
    folder: Path, command: Command, key: bytes, patience: Patience | None = None
) -> None:
    """Put a command where the worker takes it from.

    The same command may be sent again when it is not known whether it arrived: the
    worker acknowledges a repeated id and does not act twice.

    Parameters
    ----------
    folder : Path
        The folder between worker and console.
    command : Command
        What is asked for; see :func:`~quant_core.live.commands.new_command`.
    key : bytes
        From :func:`read_key`.
    patience : Patience, optional
        Without it a place that is taken is refused at once.

    Raises
    ------
    CommandWaiting
        If another command waits, and goes on waiting.
    CommandNotSent
        If the folder cannot be written.
    """
    check_folder(folder)
    content = sign_command(command, key)
    begun = patience.clock() if patience else 0.0
    while not _sent(folder, content):
        if patience is None or not (patience.clock() - begun < patience.seconds):
            raise CommandWaiting(
                f"{command.action.value} was not sent: another command is waiting",
                found=str(folder / COMMAND_FILE),
                fix="see whether the worker runs; `python -m quant_core command --withdraw` takes "
                "back what waits; a file named KILL stops new orders at once",
            )
        patience.pause(patience.interval)


def withdraw_command(folder: Path) -> bytes | Refused | None:
    """Take back the command that waits: what its file held, None where none waits.

    It is taken as the worker takes it, by renaming: of the two exactly one gets it. What a
    crash leaves after that is litter of a name that nobody claims.
    """
    check_folder(folder)
    aside = folder / f".{COMMAND_FILE}.{secrets.token_hex(16)}.part"
    try:
        (folder / COMMAND_FILE).rename(aside)
    except FileNotFoundError:
        return None
    content = read_private(aside)
    try:
        aside.unlink(missing_ok=True)
    except OSError:  # a folder of that name
        aside.rename(folder / f"command.refused.{secrets.token_hex(16)}")
    sync(folder)
    return content


def _sent(folder: Path, content: bytes) -> bool:
    """Whether the command found the place free."""
    if os.path.lexists(folder / COMMAND_FILE):  # the link would fail: save the writing
        return False
    try:
        _place(folder, COMMAND_FILE, content)
    except FileExistsError:
        return False
    except OSError as error:
        raise CommandNotSent(
            "the command cannot be put into the folder",
            found=str(error),
            where=str(folder),
            fix="free space, make the folder writable, on a file system that knows hard links",
        ) from error
    return True


def _place(folder: Path, name: str, content: bytes) -> None:
    """Create a file whole; FileExistsError if the name is taken."""
    part = folder / f".{name}.{secrets.token_hex(16)}.part"
    try:
        _write_private(part, content)
        os.link(part, folder / name, follow_symlinks=False)
    finally:
        part.unlink(missing_ok=True)
    sync(folder)


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        written = 0
        while written < len(content):
            written += os.write(descriptor, content[written:])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unsafe(facts: os.stat_result, limit: int) -> Refused | None:
    if not stat.S_ISREG(facts.st_mode):
        return Refused(Refusal.NOT_A_FILE, "a regular file was expected")
    if facts.st_uid != os.geteuid():
        return Refused(Refusal.FOREIGN_OWNER, f"owner {facts.st_uid}, expected {os.geteuid()}")
    mode = stat.S_IMODE(facts.st_mode)
    if mode & 0o077:
        return Refused(Refusal.OPEN_TO_OTHERS, f"mode {mode:04o}, expected 0600")
    if facts.st_size > limit:
        return Refused(Refusal.TOO_LARGE, f"{facts.st_size} bytes, at most {limit}")
    return None


def _content(descriptor: int, limit: int) -> bytes | Refused:
    """What the file holds now: it may have grown since it was looked at."""
    pieces: list[bytes] = []
    left = limit + 1
    while left > 0 and (piece := os.read(descriptor, left)):
        pieces.append(piece)
        left -= len(piece)
    if left == 0:
        return Refused(Refusal.TOO_LARGE, f"over {limit} bytes")
    return b"".join(pieces)
