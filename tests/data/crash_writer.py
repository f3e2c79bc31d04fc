"""A writer that is killed with SIGKILL at chosen points, again and again.

``python -m tests.data.crash_writer ROOT publish|put KILLS`` forks one child per kill
point; the child publishes a version and dies at its n-th touch of the disk. One line per
child on stdout: the signal or exit code it ended with. The parent never touches polars'
threads, so that each child can start its own.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from quant_core.data.factor_store import FactorStore
from quant_core.data.warehouse import Warehouse
from tests.data.warehouse_market import FACTS, constant_market, key, tables_of


def die_at(step: int) -> None:
    """Make the ``step``-th call that reaches the disk kill this process half-way."""
    left = [step]

    def dying(name: str, act: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                if name == "write":
                    act(*arguments[:1], b"half", **named)
                os.kill(os.getpid(), signal.SIGKILL)
            return act(*arguments, **named)

        return call

    Path.write_bytes = dying("write", Path.write_bytes)  # type: ignore[method-assign]  the point of this file
    os.fsync = dying("fsync", os.fsync)
    os.replace = dying("replace", os.replace)
    os.rename = dying("rename", os.rename)
    os.unlink = dying("unlink", os.unlink)


def publish(root: Path, turn: int) -> None:
    """Publish a version in which every value is ``turn``."""
    Warehouse(root).publish(FACTS, tables_of(constant_market(float(turn))))


def put(root: Path, turn: int) -> None:
    """Store two factors whose every value is ``turn``."""
    store = FactorStore(Warehouse(root).open("toy"))
    matrix = store.snapshot.panel("close") * 0.0 + turn
    store.put({key("one"): matrix, key("two"): matrix})


def main() -> None:
    """Fork, kill, report."""
    root, kills = Path(sys.argv[1]), int(sys.argv[3])
    act = {"publish": publish, "put": put}[sys.argv[2]]
    for turn in range(1, kills + 1):
        child = os.fork()
        if child == 0:
            die_at(turn)
            act(root, turn)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
