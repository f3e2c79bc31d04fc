"""Wrong command files put in the place of a command: contents, and what is no plain file.

Each kind is one function that leaves something under the name ``command.json``. Nothing of
it may be carried out, end the worker, or make it wait.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeAlias

from quant_core.drills.fuzz_attacks import ATTACKS, Attack, signed_wrongly
from quant_core.live.command_files import COMMAND_FILE, KEY_FILE
from quant_core.live.commands import (
    ANY_INSTANCE,
    LARGEST_COMMAND,
    Action,
    Addressee,
    new_command,
    sign_command,
)

PRIVATE = 0o600
OPEN_MODES = (0o644, 0o640, 0o604, 0o660, 0o606, 0o666, 0o777, 0o601, 0o620)
HUGE = 1 << 40
"""Bytes of a file that is all hole."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files go, whose commands they pretend to be, and when.

    ``aside`` is a folder on the same file system in which files are made ready.
    """

    folder: Path
    aside: Path
    account: str
    key: bytes
    random: Random
    now: Callable[[], datetime]

    @property
    def target(self) -> Path:
        """The one place where a command waits."""
        return self.folder / COMMAND_FILE

    def valid(self) -> bytes:
        """The content of a command that would be carried out."""
        action = self.random.choice(list(Action))
        addressee = Addressee(self.account, ANY_INSTANCE)
        return sign_command(new_command(action, addressee, self.now()), self.key)

    def put(self, content: bytes, mode: int = PRIVATE, size: int | None = None) -> None:
        """Put a file in place whole; the place is free."""
        self.make("part", content, mode, size).rename(self.target)

    def make(self, name: str, content: bytes, mode: int = PRIVATE, size: int | None = None) -> Path:
        """A file out of the worker's sight."""
        part = self.aside / name
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        try:
            os.write(descriptor, content)
            if size is not None:
                os.ftruncate(descriptor, size)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
        return part


Kind: TypeAlias = Callable[[Place], None]


def spoiled(place: Place, attack: Attack) -> None:
    """A valid command under an attack, and now and then under a second one."""
    content, random = place.valid(), place.random
    wrong = attack(content, random)
    while wrong == content or random.random() < 0.2:
        wrong = random.choice(ATTACKS)(wrong, random)
    place.put(wrong)


def wrongly_signed(place: Place) -> None:
    """The right key under what may not be asked for."""
    addressee = Addressee(place.account, ANY_INSTANCE)
    place.put(signed_wrongly(addressee, place.key, place.now(), place.random))


def signed_by_another(place: Place) -> None:
    """A whole command under another key."""
    addressee = Addressee(place.account, ANY_INSTANCE)
    command = new_command(place.random.choice(list(Action)), addressee, place.now())
    place.put(sign_command(command, place.random.randbytes(len(place.key))))


def open_to_others(place: Place) -> None:
    """A whole command that others may read, write or run."""
    place.put(place.valid(), place.random.choice(OPEN_MODES))


def unreadable(place: Place) -> None:
    """A file that not even its owner may read; a powerful user can, so it holds nothing good."""
    place.put(place.random.randbytes(40), 0)


def huge(place: Place) -> None:
    """A valid command before a hole, far too long."""
    place.put(place.valid(), size=place.random.choice([LARGEST_COMMAND + 1, HUGE]))


def folder(place: Place) -> None:
    """A folder."""
    place.target.mkdir(PRIVATE)


def full_folder(place: Place) -> None:
    """A folder with something in it."""
    made = place.aside / "full"
    made.mkdir(0o700)
    (made / COMMAND_FILE).touch(PRIVATE)
    made.rename(place.target)


def pipe(place: Place) -> None:
    """A pipe without a writer: whoever opened it to read would wait for ever."""
    os.mkfifo(place.target, PRIVATE)


def link_to_valid(place: Place) -> None:
    """A link to a command that would be carried out."""
    place.target.symlink_to(place.make("real", place.valid()))


def other_link(place: Place) -> None:
    """A link to nothing, to itself, to the key, to the folder, to endless zeros."""
    target = place.random.choice(
        [COMMAND_FILE, "nothing", KEY_FILE, ".", "..", "/dev/zero", "/dev/null", "x" * 255]
    )
    place.target.symlink_to(target)


def device(place: Place) -> None:
    """Endless zeros under the name itself, where this user may make them; else a folder."""
    try:
        os.mknod(place.target, PRIVATE | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        place.target.mkdir(PRIVATE)


def raw(place: Place) -> None:
    """Random bytes, or none."""
    place.put(place.random.randbytes(place.random.choice([0, 1, 17, 300, 5000])))


KINDS: dict[str, Kind] = {
    **{attack.__name__.lstrip("_"): partial(spoiled, attack=attack) for attack in ATTACKS},
    **{
        kind.__name__: kind
        for kind in (
            *(wrongly_signed, signed_by_another, open_to_others, unreadable, huge, raw),
            *(folder, full_folder, pipe, link_to_valid, other_link, device),
        )
    },
}
"""Every kind of wrong file."""


def kinds_by_turns(count: int, random: Random) -> Iterator[str]:
    """Names of ``count`` kinds, each as often as any other, in changing order.

    Examples
    --------
    >>> names = list(kinds_by_turns(2 * len(KINDS), Random(1)))
    >>> {names.count(name) for name in KINDS}
    {2}
    """
    names = list(KINDS)
    for number in range(count):
        if number % len(names) == 0:
            random.shuffle(names)
        yield names[number % len(names)]
