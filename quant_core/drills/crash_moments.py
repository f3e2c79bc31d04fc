"""When the worker is killed: at an instant of its work that was drawn beforehand.

The worker passes marks: before it calls the broker, after the exchange has written an order
to its books, between a write and its fsync, and so on. A kill is planned as "the n-th mark
of this kind, then so much later". At the mark itself the process sends the signal to
itself; a little later it comes from outside, wherever the process then is. Both are SIGKILL:
nothing is flushed, closed or told.
"""

from __future__ import annotations

import math
import mmap
import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Doing(StrEnum):
    """What a worker was about when it was killed."""

    STARTING = "starting"
    """Reading journal and books, before it has asked the broker anything."""
    CONNECTING = "connecting"
    """Asking the broker: connection, snapshot, orders of unknown fate."""
    SENDING = "sending"
    """The intent is on its way; the exchange may not have it."""
    TAKEN = "taken"
    """The exchange has the order on its books; the worker has not noted the answer."""
    WRITING = "writing"
    """Lines of the journal are written and not yet on the disk."""
    WRITTEN = "written"
    """Lines of the journal are on the disk and not yet acted on."""
    FILLING = "filling"
    """The exchange trades; the worker has not noted it."""
    STATE = "state"
    """The state for the console, and the files beside it."""


FURTHEST: dict[Doing, int] = {
    Doing.STARTING: 1,
    Doing.CONNECTING: 5,
    Doing.SENDING: 9,
    Doing.TAKEN: 9,
    Doing.WRITING: 7,
    Doing.WRITTEN: 7,
    Doing.FILLING: 9,
    Doing.STATE: 9,
}
"""Up to which mark of a kind a life may last, so that no kind is met at one place only."""

LATEST_SECONDS = 0.005
LATEST_START_SECONDS = 0.05
SHORTEST_SECONDS = 1e-6

_KINDS = tuple(Doing)


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a worker's life: the ``nth`` mark of a kind, and how much later.

    ``later`` is None for the instant of the mark itself, else seconds.
    """

    at: Doing
    nth: int
    later: float | None


def deaths(chance: random.Random) -> Iterator[Death]:
    """Ends at random, for ever: every kind as often as another, half at the mark itself.

    Delays are spread evenly over their orders of magnitude, from a microsecond.

    Examples
    --------
    >>> from itertools import islice
    >>> drawn = list(islice(deaths(random.Random(1)), 16))
    >>> len({death.at for death in drawn[:8]}), any(death.later is None for death in drawn)
    (8, True)
    """
    while True:
        for at in chance.sample(_KINDS, len(_KINDS)):
            latest = LATEST_START_SECONDS if at is Doing.STARTING else LATEST_SECONDS
            later = math.exp(chance.uniform(math.log(SHORTEST_SECONDS), math.log(latest)))
            exactly = chance.random() < 0.5
            yield Death(at, chance.randint(1, FURTHEST[at]), None if exactly else later)


class Marks:
    """The marks of one life, seen from both processes.

    Parameters
    ----------
    death : Death or None
        When it ends; None for a life that is left alone.

    Notes
    -----
    What the worker was about last stands in memory that both processes share, so that it
    is known however the worker ended.
    """

    def __init__(self, death: Death | None) -> None:
        self._death = death
        self._left = 0 if death is None else death.nth
        self._shared = mmap.mmap(-1, mmap.PAGESIZE)
        self._reading, self._writing = os.pipe()
        self.doing = Doing.STARTING
        """What the worker is about at this moment; only in its own process."""

    # --- In the worker ----------------------------------------------------------------------

    def begin(self) -> None:
        """The worker's process has begun."""
        os.close(self._reading)
        self.mark(Doing.STARTING)

    def mark(self, at: Doing) -> None:
        """Pass a mark; this may be the end."""
        self._shared[0] = _KINDS.index(at)
        death = self._death
        if death is None or at is not death.at or self._left <= 0:
            return
        self._left -= 1
        if self._left:
            return
        if death.later is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            os.write(self._writing, b".")

    # --- In the drill -----------------------------------------------------------------------

    def wait(self) -> bool:
        """Until the worker asks to be killed (True) or has ended (False)."""
        os.close(self._writing)
        try:
            return os.read(self._reading, 1) != b""
        finally:
            os.close(self._reading)

    @property
    def later(self) -> float:
        """Seconds from the mark to the kill from outside."""
        return 0.0 if self._death is None or self._death.later is None else self._death.later

    def last(self) -> Doing:
        """The last mark passed; the memory is given back."""
        found = _KINDS[self._shared[0]]
        self._shared.close()
        return found
