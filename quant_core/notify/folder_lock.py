"""A folder for one process alone, until it lets go or ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from threading import Event

from quant_core.foundation.timing import monotonic_seconds

LOCK_FILE = ".lock"
LOOK_SECONDS = 0.05


class FolderLock:
    """The right to the files of a folder.

    The system takes it back when the process ends, however that happens.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> first, second = FolderLock(folder), FolderLock(folder)
    >>> first.take(1.0), second.take(0.0)
    (True, False)
    >>> first.release()
    >>> second.take(0.0)
    True
    >>> second.release()
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1

    def take(self, seconds: float) -> bool:
        """Take it, waiting so long for another process; False if that one keeps it.

        Raises
        ------
        OSError
            If the disk does not give the folder or its lock.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        file = os.open(self._folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        until = monotonic_seconds() + seconds
        while not _locked(file):
            if monotonic_seconds() >= until:
                os.close(file)
                return False
            Event().wait(LOOK_SECONDS)
        self._file = file
        return True

    def release(self) -> None:
        """Let go, if it is held."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
