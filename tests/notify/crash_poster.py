"""Processes that post alerts and die by SIGKILL.

``python -m tests.notify.crash_poster FOLDER PORT endless`` posts until it is killed from
outside; ``... steps N`` forks N children, of which the n-th posts three alerts to a folder
of its own and dies at its n-th touch of the disk. Each alert that was accepted is one line
on stdout, written after the acceptance: folder and identity.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Lock

from quant_core.notify.email import EmailNotifier
from quant_core.notify.outbox import Posted
from tests.notify.alerts import READER, SENDER, alert, courier_of, local_server


def die_at(step: int) -> None:
    """Make the ``step``-th call that reaches the disk the last of this process."""
    left, lock = [step], Lock()

    def dying(act: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            with lock:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return act(*arguments, **named)

        return call

    os.fsync = dying(os.fsync)
    os.replace = dying(os.replace)
    os.unlink = dying(os.unlink)
    os.mkdir = dying(os.mkdir)


def post(folder: Path, port: int, keys: list[str]) -> None:
    """Post an alert for each key with a courier at work, and end in order."""
    with courier_of(folder, EmailNotifier(local_server(port), SENDER, READER)) as courier:
        for key in keys:
            message = alert(key)
            if courier.post(message) is Posted.STORED:
                os.write(1, f"{folder.name} {message.identity}\n".encode())
        courier.stop(20.0)


def main() -> None:
    """Post until killed, or fork children that kill themselves."""
    folder, port, way = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if way == "endless":
        for turn in count():
            post(folder, port, [f"{os.getpid()} {turn} {number}" for number in range(40)])
    for step in range(1, int(sys.argv[4]) + 1):
        child = os.fork()
        if child == 0:
            die_at(step)
            post(folder / str(step), port, [f"{step} {number}" for number in range(3)])
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os.write(1, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main()
